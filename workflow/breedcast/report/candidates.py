"""The candidates as one table, of all models."""

from __future__ import annotations

import numpy as np
import pandas as pd

from breedcast.report.collect import TraitResult
from breedcast.report.tables import Cell, Table, decimals_for, number, table, whole

#: The columns of candidates.tsv that hold values in the trait's units, with their headings.
IN_TRAIT_UNITS = {
    "predicted": "Predicted",
    "lower": "Lower {level}",
    "upper": "Upper {level}",
    "bv_lower": "Genetic value, lower {level}",
    "bv_upper": "Genetic value, upper {level}",
}


def candidate_table(trait: TraitResult, level: float, limit: int) -> Table | None:
    """The candidates by model, those of the best model first; None where there are none.

    limit: rows; where there are more, half go to the best of the best model's order, and the
    other models share the rest.
    """
    if trait.candidates.empty:
        return None
    shown = _shown(trait, limit)
    decimals = decimals_for(trait.sd)
    values = {
        column: heading.format(level=f"{100 * level:g} %")
        for column, heading in IN_TRAIT_UNITS.items()
        if shown[column].notna().any()
    }
    parents = ["female", "male", "hybrid_class"] if "hybrid_class" in shown else []
    has_reliability = bool(shown["reliability"].notna().any())
    headings = [
        *("Line", "Model", "Rank", *(["Female", "Male", "Class"] if parents else [])),
        *(*values.values(), *["Reliability"] * has_reliability),
        *("Chance", "Far"),
    ]
    return table(
        f"Candidates for {trait.name}: {_part(trait, shown)}",
        headings,
        [
            [
                row["sample"],
                row["model"],
                Cell(whole(row["rank"]), _spread(row["rank_sd"])),
                *(row[column] for column in parents),
                *(number(row[column], decimals) for column in values),
                *[number(row["reliability"])] * has_reliability,
                number(row["top_probability"]),
                "yes" if row["extrapolated"] else "no",
            ]
            for row in shown.to_dict("records")
        ],
        text=(0, 1, *range(3, 3 + len(parents)), len(headings) - 1),
        file=f"{trait.id}_candidates",
        menu=1,
    )


def response_table(trait: TraitResult) -> Table | None:
    """What selecting the best candidates of the best model gains; None where there are none."""
    response = trait.selection["response"]
    response = response[response["model"] == trait.best.name]
    if response.empty:
        return None
    decimals = decimals_for(trait.sd)
    return table(
        f"What selecting by {trait.best.name} gains: how much better than all candidates the "
        f"selected are expected to be, in the units of {trait.name}. By its predictions, and as "
        "far as predictions of held-out lines bear these out (which errs to the low side with few "
        "lines).",
        ["Selected", "Lines", "Gain predicted", "Gain borne out"],
        [
            [
                f"best {100 * row['fraction']:g} %",
                whole(row["selected"]),
                number(row["predicted_gain"], decimals),
                number(row["validated_gain"], decimals),
            ]
            for row in response.to_dict("records")
        ],
    )


def _shown(trait: TraitResult, limit: int) -> pd.DataFrame:
    """The first rows of every model by rank, the best model's before the others'."""
    best, others = trait.best.name, len(trait.models) - 1
    if len(trait.candidates) <= limit:
        share = most = limit
    else:
        most = limit if others == 0 else limit // 2
        share = (limit - most) // max(others, 1)
    of = {model: rows for model, rows in trait.candidates.groupby("model", sort=False)}
    first = of.pop(best).head(most)
    return pd.concat([first, *(rows.head(share) for rows in of.values())])


def _spread(sd: float) -> str:
    return "" if np.isnan(sd) else f"± {number(sd, 1)}"


def _part(trait: TraitResult, shown: pd.DataFrame) -> str:
    """How many of them are in the table."""
    candidates = trait.candidates["model"].value_counts().max()
    if len(shown) == len(trait.candidates):
        return f"all {whole(candidates)}, by each model."
    rows = shown["model"].value_counts()
    best = trait.best.name
    others = rows.drop(best)
    told = f", and {whole(others.max())} by each other model" if len(others) else ""
    return f"the best {whole(rows[best])} of {whole(candidates)} by {best}{told}."
