"""The report's figures for programs: summary.json, described by workflow/schemas/summary.yaml."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from typing import Any

import pandas as pd

from breedcast.markers.association import inflation
from breedcast.report import made
from breedcast.report.advice import findings, first_candidates, limit
from breedcast.report.collect import GBLUP, ModelResult, Report, TraitResult
from breedcast.report.doubts import doubts
from breedcast.report.hybrids import class_abilities
from breedcast.report.markers import thresholds
from breedcast.scoring.intervals import FOLD, pooled

#: The number of the schema: another one where a key goes or changes its meaning.
SCHEMA = 1
#: Candidates and regions that are named; their tables hold all.
FIRST = 10
CANDIDATE = [
    *("sample", "predicted", "lower", "upper", "bv_lower", "bv_upper", "reliability"),
    *("top_probability", "distance", "extrapolated", "rank", "rank_sd", "method"),
]


def summary(report: Report) -> dict[str, Any]:
    """All that summary.yaml describes; what is undefined is null."""
    config = report.settings["config"]
    told: dict[str, Any] = _without_nan(
        {
            "schema": SCHEMA,
            "breedcast": made.breedcast_version(),
            "genotypes": report.genotypes,
            "structure": report.structure_facts,
            "phenotypes": report.phenotype_table,
            "versions": made.versions(report),
            "validation": config["validation"],
            "permutations": config["control"]["permutations"],
            "interval": config["interval"],
            "index": _index(report),
            "traits": {trait.id: _trait(trait, report) for trait in report.traits},
        }
    )
    return told


def _trait(trait: TraitResult, report: Report) -> dict[str, Any]:
    return {
        "name": trait.name,
        "direction": trait.direction,
        "lines": trait.lines,
        "candidates": trait.new_lines,
        "dropped": Counter(trait.dropped["reason"]),
        "best_model": trait.best.name,
        "beside_gblup": _beside_gblup(trait),
        "heritability": _heritability(trait),
        "limit": limit(trait),
        "findings": dict(findings(trait)),
        "doubts": doubts(trait, report.settings["config"]["interval"]),
        "first_candidates": first_candidates(trait, FIRST)[CANDIDATE].to_dict("records"),
        "hybrids": _hybrids(trait),
        "association": _association(trait),
        "regions": {
            "number": len(trait.regions),
            "methods": trait.region_methods.to_dict("records"),
            "first": [_region(row) for row in trait.regions.head(FIRST).to_dict("records")],
        },
        "models": _models(trait),
    }


def _index(report: Report) -> dict[str, Any] | None:
    """The selection index; None where the config asked for none."""
    if not report.index:
        return None
    lines = report.index["index"]
    return {
        "candidates": len(lines),
        "selected": int(lines["selected"].sum()),
        "gains": report.index["index_gains"].to_dict("records"),
        "correlations": report.index["index_correlations"].to_dict("records"),
        "first": lines.loc[:, ["sample", "index", "rank"]].head(FIRST).to_dict("records"),
    }


def _beside_gblup(trait: TraitResult) -> dict[str, Any] | None:
    """By how much the best model is ahead of GBLUP; None where they were not compared."""
    gblup = trait.of_kind(GBLUP)
    row = None if gblup is None else trait.compared(trait.best.name, gblup.name)
    if row is None:
        return None
    return {"difference": float(row["difference"]), "p_holm": float(row["p_holm"])}


def _heritability(trait: TraitResult) -> dict[str, Any] | None:
    gblup = trait.of_kind(GBLUP)
    if gblup is None or gblup.heritability.empty:
        return None
    values = gblup.heritability
    return {
        "mean": float(values.mean()),
        "lowest": float(values.min()),
        "highest": float(values.max()),
    }


def _hybrids(trait: TraitResult) -> dict[str, Any] | None:
    """What is told of hybrids alone; None of other lines."""
    if not trait.is_hybrids:
        return None
    parents = trait.selection["parents"].groupby("pool", sort=False)
    variances = trait.selection["hybrid_variances"].set_index("component")["share"]
    return {
        "classes": class_abilities(trait).loc[trait.best.name].to_dict(),
        "variances": variances.to_dict(),
        "parents": {pool: rows["parent"].head(FIRST).tolist() for pool, rows in parents},
    }


def _association(trait: TraitResult) -> dict[str, Any]:
    p_values = trait.association["p_value"]
    lines = [line.p_value for line in thresholds(trait.association)]
    bonferroni, false_discovery_rate = [*lines, None, None][:2]
    return {
        "tested": int(p_values.notna().sum()),
        "inflation": inflation(p_values.to_numpy()),
        "bonferroni": bonferroni,
        "false_discovery_rate": false_discovery_rate,
    }


def _region(row: dict[Any, Any]) -> dict[Any, Any]:
    return row | {"methods": row["methods"].split(",")}


def _models(trait: TraitResult) -> dict[str, Any]:
    tried = trait.intervals[trait.intervals["by"] == FOLD]
    intervals = pooled(tried, ["model"]).set_index("model")

    def told(model: ModelResult) -> dict[str, Any]:
        return {
            "kind": model.kind,
            "device": model.device,
            "interval_coverage": trait.coverage(model),
            "interval_width": float(intervals["width"][model.name]),
            "metrics": model.summary.to_dict("index"),
        }

    return {model.name: told(model) for model in trait.models}


def _without_nan(value: Any) -> Any:
    """The value with None for every number that JSON has no word for, and for what is missing."""
    if isinstance(value, Mapping):
        return {key: _without_nan(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_without_nan(item) for item in value]
    if value is pd.NA or (isinstance(value, float) and not math.isfinite(value)):
        return None
    return value
