"""What models of several traits tell: how the traits go together, and what helper values add."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from breedcast.report.collect import ModelResult
from breedcast.report.tables import Table, number, table

GENETIC, RESIDUAL = "genetic_correlation with ", "residual_correlation with "


def correlation_table(model: ModelResult, trait: str) -> Table | None:
    """A trait's correlations with the model's helper traits; None where it has none."""
    if model.facts is None:
        return None
    told = model.facts["fact"].unique()
    helpers = [str(fact).removeprefix(GENETIC) for fact in told if str(fact).startswith(GENETIC)]
    if not helpers:
        return None
    return table(
        f"How {trait} goes with other traits, by {model.name} (REML): correlations of the genetic "
        "values, and of what genes do not explain (errors that both share, as those of one plot). "
        "Means over the folds' fits on all training lines, with the lowest and the highest.",
        ["Trait", "Genetic", "Residual"],
        [
            [name, *(_spread(model, kind + name) for kind in (GENETIC, RESIDUAL))]
            for name in helpers
        ],
    )


def _spread(model: ModelResult, fact: str) -> str:
    found = model.fact(fact)
    values = found.loc[found["inner_fold"].isna(), "value"].dropna()
    if values.empty:
        return number(np.nan)
    return f"{number(values.mean())} ({number(values.min())} to {number(values.max())})"


def own_helper_doubts(models: Sequence[ModelResult]) -> list[str]:
    """What the candidates' own helper values are worth, to the models that use them."""
    said = []
    for model in models:
        without, helped, star_without, star_helped = (
            model.fact(f"cv2{name}")["value"].to_numpy()
            for name in ("_without", "_helped", "_star_without", "_star_helped")
        )
        if len(helped) == 0:
            continue
        gain = star_helped - star_without
        stands_out = len(gain) > 1 and gain.mean() > 2 * gain.std(ddof=1) / np.sqrt(len(gain))
        said.append(
            f"{model.name} predicts candidates by their own values of helper traits too; the "
            "accuracy shown is without these, and the intervals are made for that. Against the "
            "tested lines' own values (CV2) the predictive ability would be "
            f"{number(helped.mean())} instead of {number(without.mean())}, which overstates the "
            "gain where traits share plots, and with them errors. Against the values of their "
            f"nearest relatives (CV2*) it is {number(star_helped.mean())} with and "
            f"{number(star_without.mean())} without: "
            + (
                "the helper values add to it."
                if stands_out
                else "no gain that stands out from chance, so do not rely on one."
            )
        )
    return said
