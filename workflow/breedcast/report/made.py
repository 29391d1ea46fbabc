"""How a report was made: settings, jobs, versions, checksums."""

from __future__ import annotations

import json
import platform
import tomllib
from collections.abc import Iterable, Mapping
from importlib.metadata import version
from typing import Any

import numpy as np

from breedcast.code import PACKAGE
from breedcast.report.collect import Report
from breedcast.report.tables import Table, number, table

#: Packages whose versions the report was made with.
REPORT_PACKAGES = ("numpy", "pandas", "pyarrow", "altair", "vl-convert-python", "jinja2")


def inputs_table(report: Report) -> Table:
    """Checksums of the input files."""
    read = report.genotypes["imported"]
    rows = [
        *(["Genotypes", file["name"], file["sha256"]] for file in read["inputs"]),
        ["Traits", report.phenotype_table["input"], report.phenotype_table["sha256"]],
        ["Codes used by all models", "genotypes/codes.zarr", report.genotypes["checksum"]],
    ]
    return table(
        "Input files and their SHA-256 checksums.",
        ["What", "File", "SHA-256"],
        rows,
        text=(0, 1, 2),
    )


def jobs_table(report: Report) -> Table:
    """Device, seed and duration of every training job."""
    seconds = report.durations.set_index(["trait", "model"])["seconds"].to_dict()
    rows = []
    for trait in report.traits:
        for model in trait.models:
            if model.run is None:
                continue
            took = seconds.get((trait.id, model.name), np.nan)
            changed = ", ".join(f"{key} {value}" for key, value in model.run["changed"].items())
            rows.append(
                [
                    trait.name,
                    model.name,
                    model.device,
                    number(took, 0),
                    "; ".join([changed or "as documented", *model.run["remarks"]]),
                ]
            )
    return table(
        "Training jobs: each trains all folds, inner folds and controls of a model on a trait. "
        "Options are those that differ from the model's documented ones.",
        ["Trait", "Model", "Device", "Seconds", "Options and remarks"],
        rows,
        text=(0, 1, 2, 4),
    )


def config_table(config: Mapping[str, Any]) -> Table:
    """Every setting that results depend on, defaults included."""
    return table(
        "The settings of this run.",
        ["Setting", "Value"],
        [[key, _plain(value)] for key, value in sorted(_flat(config))],
        text=(0, 1),
    )


def _flat(value: Mapping[str, Any], prefix: str = "") -> Iterable[tuple[str, Any]]:
    for key, item in value.items():
        name = f"{prefix}{key}"
        if isinstance(item, Mapping) and item:
            yield from _flat(item, f"{name}: ")
        else:
            yield name, item


def _plain(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(_plain, value)) or "none"
    if value is None or isinstance(value, bool):
        return json.dumps(value)  # as YAML has it, too
    return "none" if value == {} else str(value)


def versions_table(versions: Mapping[str, str]) -> Table:
    """Packages and their versions."""
    return table(
        "Versions of the software, of training and of this report.",
        ["Package", "Version"],
        list(versions.items()),
        text=(0, 1),
    )


def versions(report: Report) -> dict[str, str]:
    """Versions of Breedcast, Python and the packages that trained and made the report."""
    trained: dict[str, str] = {}
    for trait in report.traits:
        for model in trait.models:
            trained |= (model.run or {}).get("versions", {})
    here = {name: version(name) for name in REPORT_PACKAGES}
    packages = dict(sorted((here | trained).items()))
    return {"breedcast": breedcast_version(), "python": platform.python_version(), **packages}


def breedcast_version() -> str:
    """The version in pyproject.toml, the one place where it stands."""
    with open(PACKAGE.parent.parent / "pyproject.toml", "rb") as text:
        return str(tomllib.load(text)["project"]["version"])
