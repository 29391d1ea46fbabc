"""The report as one HTML page that needs no network, and as a summary for machines."""

from __future__ import annotations

import math
import platform
import tomllib
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

import jinja2
import vl_convert
from markupsafe import Markup

from breedcast.code import PACKAGE
from breedcast.report import tables
from breedcast.report.advice import doubts, findings, genotype_notes
from breedcast.report.collect import Report, TraitResult
from breedcast.report.figures import (
    Figure,
    accuracy_figure,
    observed_figure,
    training_figure,
)
from breedcast.report.markers import (
    manhattan_figure,
    marker_table,
    method_table,
    quantile_figure,
    region_table,
    saliency_figure,
)
from breedcast.report.ranks import rank_figure, rank_table
from breedcast.report.structure import cluster_table, scheme_told, structure_figure
from breedcast.report.uncertainty import group_table, guarantee, interval_table

TEMPLATES = PACKAGE.parent / "report"
REPORT_PACKAGES = ("numpy", "pandas", "pyarrow", "altair", "vl-convert-python", "jinja2")
#: Points a figure may hold, and all figures of one kind together, so that the page stays light.
POINTS_PER_FIGURE, POINTS_PER_KIND = 2500, 12_000


def render(report: Report) -> str:
    """The page as HTML. Text from the user's files is escaped, in the charts' data as well."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.policies["json.dumps_kwargs"] = {"allow_nan": False, "separators": (",", ":")}
    limit = min(POINTS_PER_FIGURE, POINTS_PER_KIND // len(report.traits))
    return environment.get_template("page.html").render(
        report=report,
        traits=[_trait_parts(trait, report, limit) for trait in report.traits],
        models=[model["name"] for model in report.settings["models"]],
        validation=report.settings["config"]["validation"],
        scheme_told=scheme_told(report.settings["config"]["validation"]),
        rank_figure=rank_figure(report),
        rank_table=rank_table(report),
        guarantee=guarantee(report.settings["config"]["interval"]),
        structure_figure=structure_figure(report, POINTS_PER_FIGURE),
        cluster_table=cluster_table(report),
        permutations=report.settings["config"]["control"]["permutations"],
        data_tables=[
            tables.kept_table(report),
            tables.import_table(report),
            tables.dropped_table(report),
        ],
        genotype_notes=genotype_notes(report.genotypes),
        made_tables=[
            tables.inputs_table(report),
            tables.jobs_table(report),
            tables.config_table(report.settings["config"]),
            tables.versions_table(versions(report)),
        ],
        made=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        breedcast=breedcast_version(),
        style=_inlined("style.css"),
        charts=_inlined("charts.js"),
        vega=Markup(vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;")),  # noqa: S704
    )


def summary(report: Report) -> dict[str, Any]:
    """The report's figures for machines; what is undefined is null."""
    made: dict[str, Any] = _without_nan(
        {
            "breedcast": breedcast_version(),
            "genotypes": report.genotypes,
            "structure": report.structure_facts,
            "phenotypes": report.phenotype_table,
            "versions": versions(report),
            "validation": report.settings["config"]["validation"],
            "traits": {trait.id: _trait_summary(trait) for trait in report.traits},
        }
    )
    return made


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


def _trait_parts(trait: TraitResult, report: Report, limit: int) -> dict[str, Any]:
    """All that the page shows of a trait."""
    level = report.settings["config"]["interval"]
    random_folds = report.settings["random_folds"]
    leave_out = report.settings["config"]["association"]["leave_out_contig"]
    best = trait.best
    figures: dict[str, Figure | None] = {
        "accuracy": accuracy_figure(trait),
        "observed": observed_figure(trait, limit),
        "training": training_figure(trait, limit),
        "manhattan": manhattan_figure(trait, leave_out, limit),
        "quantiles": quantile_figure(trait, limit),
        "saliency": saliency_figure(trait, limit),
    }
    heritability = [tables.heritability_table(model) for model in trait.models]
    others = [model for model in trait.models if model is not best]
    return {
        "trait": trait,
        "best": best,
        "findings": findings(trait),
        "doubts": doubts(trait),
        "figures": figures,
        "accuracy": tables.accuracy_table(trait),
        "metrics": tables.metrics_of(trait).values(),
        "comparisons": [
            tables.comparison_table(trait, metric, random_folds)
            for metric in trait.comparison["metric"].unique()
        ],
        "epochs": tables.epochs_table(trait),
        "heritability": [table for table in heritability if table],
        "weights": tables.weights_table(trait),
        "has_candidates": len(trait.candidates) > 0,
        "candidates": tables.candidate_table(trait, best, level, tables.CANDIDATE_ROWS),
        "other_candidates": [
            tables.candidate_table(trait, model, level, tables.OTHER_CANDIDATE_ROWS)
            for model in others
        ],
        "markers": marker_table(trait),
        "regions": region_table(trait),
        "methods": method_table(trait),
        "level": f"{100 * level:g} %",
        "coverage": f"{100 * trait.coverage(best):.0f} %",
        "intervals": interval_table(trait, level),
        "interval_groups": group_table(trait, level),
    }


def _trait_summary(trait: TraitResult) -> dict[str, Any]:
    return {
        "name": trait.name,
        "direction": trait.direction,
        "lines": trait.lines,
        "candidates": len(trait.phenotypes) - trait.lines,
        "dropped": Counter(trait.dropped["reason"]),
        "best_model": trait.best.name,
        "doubts": doubts(trait),
        "models": {
            model.name: {
                "kind": model.kind,
                "device": model.device,
                "interval_coverage": trait.coverage(model),
                "metrics": model.summary.to_dict("index"),
            }
            for model in trait.models
        },
    }


def _inlined(name: str) -> Markup:
    """A file of ours as it is: it holds no user's text."""
    return Markup((TEMPLATES / name).read_text(encoding="utf-8"))  # noqa: S704


def _without_nan(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _without_nan(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_without_nan(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
