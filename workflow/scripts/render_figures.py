from pathlib import Path

from breedcast.script import job

with job(snakemake) as settings:
    from breedcast.report.collect import collect_trait
    from breedcast.report.gallery import trait_figures
    from breedcast.report.paper import POINTS, write_figures

    folder = Path(snakemake.output.figures)
    trait = collect_trait(folder.parent, settings["trait"], settings)
    write_figures(trait_figures(trait, settings["config"], POINTS), folder)
