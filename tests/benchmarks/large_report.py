"""How heavy the report of a large project is: its size, and the time to make and to open it.

    snakemake --cores 2 && PYTHONPATH=workflow python tests/benchmarks/large_report.py report.html

Repeats the example's tables (traits, models, markers, candidates under new names) and writes the
page they make. Chromium opens it where there is one. A trait's figures for papers are drawn
beside it.
"""

import argparse
import dataclasses
import json
import shutil
import time
from pathlib import Path

import numpy as np
import pandas as pd
import yaml

from breedcast.job_settings import JobSettings
from breedcast.project import Project
from breedcast.report.collect import ModelResult, Report, TraitResult, collect
from breedcast.report.gallery import trait_figures
from breedcast.report.page import render
from breedcast.report.paper import POINTS, write_figures
from breedcast.scoring.comparison import compare_models


def repeated(frame: pd.DataFrame, rows: int) -> pd.DataFrame:
    """So many rows, over and over."""
    return frame.iloc[np.arange(rows) % len(frame)].reset_index(drop=True)


def renamed(frame: pd.DataFrame, column: str, names: dict[str, str]) -> pd.DataFrame:
    """The rows of each old name, under each new name."""
    parts = [frame[frame[column] == old].assign(**{column: new}) for new, old in names.items()]
    return pd.concat(parts, ignore_index=True)


def with_markers(model: ModelResult, name: str, markers: int) -> ModelResult:
    """A model under a new name, with a saliency for so many markers if it has any."""
    saliency = model.saliency
    if saliency is not None and len(saliency):
        saliency = repeated(saliency, markers).assign(marker=np.arange(markers))
    return dataclasses.replace(model, name=name, saliency=saliency)


def enlarged(trait: TraitResult, number: int, names: dict[str, str], size) -> TraitResult:
    """A trait with more models, markers and candidates. names: old by new."""
    known = {model.name: model for model in trait.models}
    models = [with_markers(known[old], new, size.markers) for new, old in names.items()]
    position = np.arange(size.markers)
    contigs = 1 + 10 * position // size.markers
    association = repeated(trait.association, size.markers).assign(
        marker=position, id=[f"marker_{at}" for at in position], contig=contigs.astype(str),
        position=1000 * (position % (size.markers // 10)),
    )  # fmt: skip
    first = trait.candidates.groupby("model", sort=False)
    candidates = pd.concat(
        [
            repeated(rows, size.candidates).assign(
                sample=[f"candidate_{at:05d}" for at in range(size.candidates)],
                rank=np.arange(1, size.candidates + 1),
            )
            for _, rows in first
        ]
    )
    methods = trait.region_methods
    unnamed = methods[~methods["method"].isin(known)]
    scored = {model.name: model.scores for model in models}
    return dataclasses.replace(
        trait,
        id=f"trait_{number}",
        name=f"trait {number}",
        models=models,
        association=association,
        candidates=renamed(candidates, "model", names),
        intervals=renamed(trait.intervals, "model", names),
        comparison=compare_models(scored, trait.plan, standard="gblup"),
        region_methods=pd.concat([unnamed, renamed(methods, "method", names)]),
    )


def large(report: Report, size) -> Report:
    """The report of a project of this size."""
    kinds = {model["name"]: model["kind"] for model in report.settings["models"]}
    old = list(kinds)
    names = {
        old[at % len(old)] + (f"_{1 + at // len(old)}" if at >= len(old) else ""): old[
            at % len(old)
        ]
        for at in range(size.models)
    }
    lines = len(report.structure) + size.candidates
    measured = report.structure["sample"].tolist()
    fresh = [f"candidate_{at:05d}" for at in range(size.candidates)]
    structure = repeated(report.structure, lines).assign(sample=measured + fresh)
    return dataclasses.replace(
        report,
        settings=report.settings
        | {"models": [{"name": new, "kind": kinds[it]} for new, it in names.items()]},
        structure=structure,
        traits=[
            enlarged(report.traits[at % len(report.traits)], at + 1, names, size)
            for at in range(size.traits)
        ],
    )


def opened(path: Path) -> None:
    """Seconds until Chromium has the page, and until it has drawn another trait's first chart."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        page = browser.new_page()
        start = time.perf_counter()
        page.goto(path.absolute().as_uri())
        print(f"opened in {time.perf_counter() - start:.1f} s")
        start = time.perf_counter()
        page.evaluate("location.hash = 'trait-2'")
        page.locator("#trait-2 .chart svg").first.wait_for()
        print(f"another trait in {time.perf_counter() - start:.1f} s")
        browser.close()


parser = argparse.ArgumentParser()
parser.add_argument("page", type=Path)
for what, number in (("traits", 10), ("models", 12), ("markers", 100_000), ("candidates", 5000)):
    parser.add_argument(f"--{what}", type=int, default=number)
size = parser.parse_args()
project = Project.load(yaml.safe_load(Path("config/config.yaml").read_text(encoding="utf-8")))
example = collect(
    Path(project.config["output"]),
    Path(project.config["phenotypes"]["path"]),
    json.loads(JobSettings(project).render_report(steps={})),
)
report = large(example, size)
start = time.perf_counter()
text = render(report)
print(f"made in {time.perf_counter() - start:.1f} s: {len(text.encode()) / 1e6:.2f} MB")
size.page.write_text(text, encoding="utf-8")
start = time.perf_counter()
figures = trait_figures(report.traits[0], report.settings["config"], POINTS)
write_figures(figures, size.page.with_name("figures"))
print(f"{len(figures)} figures of a trait drawn in {time.perf_counter() - start:.1f} s")
if shutil.which("chromium"):
    opened(size.page)
