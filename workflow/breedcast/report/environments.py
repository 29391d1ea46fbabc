"""A trait in several environments: how well it is predicted in each, and the candidates there."""

from __future__ import annotations

import numpy as np
import pandas as pd

from breedcast.agreement import pearson
from breedcast.phenotypes.records import LEAST, has_environments
from breedcast.report.collect import ModelResult, TraitResult
from breedcast.report.tables import Table, decimals_for, number, table, whole

#: The candidates that are shown with their values in each environment.
SHOWN = 20


def ability_table(trait: TraitResult) -> Table | None:
    """Predictive ability within each environment, a row per model; None without environments."""
    if not has_environments(trait.phenotypes):
        return None
    measured = trait.phenotypes[trait.phenotypes["value"].notna()]
    counts = measured["environment"].value_counts(sort=False)
    return table(
        f"Predictive ability on {trait.name} within each environment: the correlation over its "
        "tested values of a repeat, in whichever fold they were, and the mean over repeats; below "
        "0 for a model that predicts the mean of those trained on. The figures above are means "
        "over environments within each fold.",
        ["Model", *(f"{name} ({whole(count)} lines)" for name, count in counts.items())],
        [
            [model.name, *(number(_ability(model, name)) for name in counts.index)]
            for model in trait.models
        ],
        file=f"{trait.id}_environments",
    )


def candidate_values(trait: TraitResult) -> Table | None:
    """The first candidates by the best model, with what it predicts in each environment."""
    each = trait.selection.get("candidates_by_environment")
    if each is None or each.empty:
        return None
    best, decimals = trait.best.name, decimals_for(trait.sd)
    own = each[each["model"] == best]
    names = own["environment"].unique()
    values = own.set_index(["sample", "environment"])["predicted"]
    ranked = trait.candidates[trait.candidates["model"] == best].head(SHOWN)
    return table(
        f"Candidates for {trait.name} in each environment, as {best} predicts them: the first "
        f"{whole(len(ranked))} by their mean over environments. All, with intervals, are in "
        f"{trait.id}/candidates_by_environment.tsv.",
        ["Line", "Rank", "Mean", *names],
        [
            [
                row["sample"],
                whole(row["rank"]),
                number(row["predicted"], decimals),
                *(number(values[row["sample"], name], decimals) for name in names),
            ]
            for row in ranked.to_dict("records")
        ],
    )


def _ability(model: ModelResult, environment: str) -> float:
    """The mean over repeats; an undefined correlation counts as 0, too few lines have none."""
    rows = model.test[model.test["environment"] == environment]
    found = [_pearson(it) for _, it in rows.groupby("repeat") if len(it) >= LEAST]
    return float(np.mean(np.nan_to_num(found))) if found else np.nan


def _pearson(rows: pd.DataFrame) -> float:
    return pearson(rows["observed"].to_numpy(), rows["predicted"].to_numpy(np.float64))
