"""What the report tells of intervals: how many values they held, how wide, what is sure."""

from __future__ import annotations

import numpy as np

from breedcast.report.collect import TraitResult
from breedcast.report.groups import LEAST_LINES, told_apart
from breedcast.report.tables import Cell, Table, decimals_for, number, table, whole
from breedcast.scoring.intervals import FOLD, pooled

SURE = 0.95


def interval_table(trait: TraitResult, level: float) -> Table:
    """Coverage, width and Winkler score of every model's intervals, pooled and over folds."""
    folds = trait.intervals[trait.intervals["by"] == FOLD]
    decimals = decimals_for(trait.sd)
    coverage = folds.groupby("model")["coverage"].agg(["min", "max"])
    rows = []
    for row in pooled(folds, ["model"]).to_dict("records"):
        least, most = coverage.loc[row["model"]]
        rows.append(
            [
                row["model"],
                Cell(_percent(row["coverage"]), f"{_percent(least)} to {_percent(most)}"),
                number(row["width"], decimals),
                number(row["trivial_width"], decimals),
                number(row["winkler"], decimals),
                number(row["trivial_winkler"], decimals),
            ]
        )
    low, high = band(trait.lines, level)
    return table(
        f"Intervals for a new adjusted mean of {trait.name}, tried on the tested lines: share of "
        f"values held (nominal {_percent(level)}; small: the range over folds) and mean width, in "
        "the trait's units. Trivial: the interval between the quantiles of the training values, "
        "the same for every line. Winkler score: the width, and a penalty for what lies outside; "
        f"less is better. With {whole(trait.lines)} lines, chance alone moves the share from "
        f"{_percent(low)} to {_percent(high)} (binomial, {_percent(SURE)}).",
        ["Model", "Held", "Width", "Trivial width", "Winkler score", "Trivial Winkler score"],
        rows,
    )


def group_table(trait: TraitResult, level: float) -> Table | None:
    """Coverage of the best model's intervals by group of lines; None where no groups are known."""
    found = trait.intervals
    found = found[(found["model"] == trait.best.name) & (found["by"] != FOLD)]
    groups = pooled(found, ["by", "group"])
    repeats = trait.intervals["repeat"].nunique()
    groups["lines"] //= repeats
    shown = told_apart(groups)
    if shown is None:
        return None
    decimals = decimals_for(trait.sd)
    rows = []
    for row in shown.to_dict("records"):
        low, high = band(row["lines"], level)
        rows.append(
            [
                f"{row['by']} {row['group']}",
                whole(row["lines"]),
                _percent(row["coverage"]),
                f"{_percent(low)} to {_percent(high)}",
                number(row["width"], decimals),
            ]
        )
    return table(
        f"The same by group of lines, for {trait.best.name}: "
        f"{whole(len(rows))} of {whole(len(groups))} groups, the largest of those with "
        f"{LEAST_LINES} tested values or more. By chance: the binomial {_percent(SURE)} band for "
        "so many. Of many groups some lie outside theirs by chance.",
        ["Group", "Tested values", "Held", "By chance", "Width"],
        rows,
        text=(0, 3),
    )


def guarantee(level: float) -> str:
    """What is sure of the intervals, in words."""
    return (
        "What is guaranteed: CV+ intervals (Barber et al. 2021) hold about "
        f"{_percent(max(2 * level - 1, 0.0))} of new values or more, whatever their distribution "
        f"(1 - 2 alpha, alpha = {1 - level:.3g}), if lines and candidates are exchangeable. That "
        "is lost, if by little, where widths follow how sure a model is of each line, where its "
        "options were tuned, and for the ensemble, whose weights are learnt from the same "
        "predictions; the shares below are what intervals held. They are for lines like those "
        "tested: for another family or generation they may be too narrow."
    )


def band(lines: int, level: float) -> tuple[float, float]:
    """Shares between which so many independent lines fall with 95 % if each is held by `level`."""
    from scipy.special import bdtrik  # as `scipy.stats.binom`, whose import takes a second

    tails = np.array([(1 - SURE) / 2, (1 + SURE) / 2])
    low, high = np.ceil(np.nan_to_num(bdtrik(tails, lines, level))) / lines
    return float(low), float(high)


def _percent(share: float) -> str:
    return f"{100 * share:.3g} %"
