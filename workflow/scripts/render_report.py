from pathlib import Path

from breedcast.script import job

with job(snakemake) as settings:
    from breedcast.files import whole, write_json
    from breedcast.report.collect import collect
    from breedcast.report.gallery import overall_figures
    from breedcast.report.page import render
    from breedcast.report.paper import POINTS, write_figures
    from breedcast.report.summary import summary

    results = Path(snakemake.output.report).parent
    report = collect(results, Path(snakemake.input.phenotypes), settings)
    write_json(summary(report), snakemake.output.summary)
    with whole(snakemake.output.report) as unfinished:
        unfinished.write_text(render(report), encoding="utf-8")
    write_figures(overall_figures(report, POINTS), Path(snakemake.output.figures))
