from pathlib import Path

from breedcast.script import job

with job(snakemake) as settings:
    from breedcast.report.collect import collect
    from breedcast.report.gallery import overall_figures
    from breedcast.report.paper import POINTS, write_figures

    folder = Path(snakemake.output.figures)
    report = collect(folder.parent, Path(snakemake.input.phenotypes), settings)
    write_figures(overall_figures(report, POINTS), folder)
