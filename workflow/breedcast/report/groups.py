"""How well lines are predicted within each group of them: what the pooled figure may hide."""

from __future__ import annotations

import pandas as pd

from breedcast.report.collect import GBLUP, TraitResult
from breedcast.report.tables import Table, decimals_for, number, table, whole

#: Groups with fewer tested lines tell nothing; no more groups than these are shown.
LEAST_LINES, MOST_GROUPS = 10, 20


def told_apart(groups: pd.DataFrame) -> pd.DataFrame | None:
    """The groups that are shown, in their order; None where they are fewer than two.

    groups: by, group, lines and whatever is told of each.
    """
    told = groups[groups["lines"] >= LEAST_LINES]
    if len(told) < 2:
        return None
    largest = told.nlargest(MOST_GROUPS, "lines", keep="first")
    by_length = largest.assign(length=largest["group"].str.len())  # cluster 2 before cluster 10
    return by_length.sort_values(["by", "length", "group"])


def accuracy_table(trait: TraitResult) -> Table | None:
    """Predictive ability and error within groups, of the best model and GBLUP; None without any."""
    scores = trait.group_scores.fillna({"pearson": 0.0}).astype({"group": str})
    means = scores.groupby(["model", "by", "group"])[["lines", "pearson", "rmse"]].mean()
    found = means.loc[trait.best.name].reset_index()
    shown = told_apart(found)
    if shown is None:
        return None
    gblup = trait.of_kind(GBLUP)
    names = list(dict.fromkeys([trait.best.name, *([gblup.name] if gblup else [])]))
    decimals, figures = decimals_for(trait.sd), means.to_dict("index")
    rows = []
    for row in shown.to_dict("records"):
        of = [figures[name, row["by"], row["group"]] for name in names]
        rows.append(
            [
                f"{row['by']} {row['group']}",
                whole(row["lines"]),
                *(number(it["pearson"], 3) for it in of),
                *(number(it["rmse"], decimals) for it in of),
            ]
        )
    return table(
        f"Accuracy on {trait.name} within groups of tested lines: {whole(len(shown))} of "
        f"{whole(len(found))} groups, the largest of those with {LEAST_LINES} values or more; "
        "means over repeats. Predictive ability is the correlation of predicted and observed "
        "values within the group about their folds' means (and within environments, where these "
        "are told apart): of 10 values chance alone moves it by about 0.4, of 100 by 0.1. RMSE is "
        "in the trait's units. All groups and models are in group_scores.tsv.",
        [
            *("Group", "Tested values"),
            *(f"Predictive ability, {name}" for name in names),
            *(f"RMSE, {name}" for name in names),
        ],
        rows,
        file=f"{trait.id}_groups",
    )
