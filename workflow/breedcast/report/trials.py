"""What the field trials tell of a trait: variances and heritability by environment."""

from __future__ import annotations

import numpy as np

from breedcast.report.collect import TraitResult
from breedcast.report.tables import NO_FIGURE, Cell, Table, number, table, whole


def trial_table(trait: TraitResult) -> Table | None:
    """A row per environment, and one over all; None where the traits are not of plots."""
    if trait.trials is None:
        return None
    return table(
        f"Field trials of {trait.name}: how many plots, and which share of the differences between "
        "means of lines is genetic there (heritability). Of line means: genetic variance over "
        "that of the means, from variances by REML; Cullis: 1 - mean variance of a difference of "
        "two lines' predicted effects over twice the genetic variance (Cullis et al. 2006). "
        "Variances are in the trait's units squared; all of them are in heritability.tsv.",
        [
            *("Environment", "Plots", "Lines", "Plots a line"),
            *("Genetic variance", "Error variance", "Heritability of line means", "Cullis"),
        ],
        [
            [
                Cell(
                    row["environment"] if isinstance(row["environment"], str) else "over all",
                    row["note"] if isinstance(row["note"], str) else "",
                ),
                whole(row["plots"]),
                whole(row["lines"]),
                number(row["plots_per_line"], 1),
                _digits(row["line_variance"]),
                _digits(row["error_variance"]),
                number(row["line_mean"]),
                number(row["cullis"]),
            ]
            for row in trait.trials.to_dict("records")
        ],
        marked=np.flatnonzero(trait.trials["environment"].isna()).tolist(),
        file=f"{trait.id}_trials",
    )


def _digits(value: float) -> str:
    return NO_FIGURE if np.isnan(value) else f"{value:.3g}"
