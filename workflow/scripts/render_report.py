from pathlib import Path

from breedcast.script import job

with job(snakemake) as settings:
    from breedcast.files import whole
    from breedcast.report.collect import collect
    from breedcast.report.page import render, write_summary

    results = Path(snakemake.output.report).parent
    report = collect(results, Path(snakemake.input.phenotypes), settings)
    with whole(snakemake.output.summary) as unfinished:
        write_summary(report, unfinished)
    with whole(snakemake.output.report) as unfinished:
        unfinished.write_text(render(report), encoding="utf-8")
