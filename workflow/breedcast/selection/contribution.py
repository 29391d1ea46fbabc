"""contributions.tsv, frontier.tsv: how much to use each line, gain against relationship.

Contributions c, none negative, of sum 1, give progeny of mean genetic value c'g and mean
relationship c'Kc. Of all that reach a gain those of the least relationship are wanted (Meuwissen
1997, J Anim Sci 75:934): min c'Kc / 2 - w c'g, and each weight w of the gain makes a point of the
frontier. K is about the measured lines: 0 is the relationship of two of them on average, 1
that of an average one with itself, so that c'Kc tells how much narrower the next generation is.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from breedcast.scoring.metrics import Direction, directed
from breedcast.selection.merit import Merit

CONTRIBUTIONS = ["sample", "value", "contribution"]
FRONTIER = ["relationship", "value", "lines", "effective", "chosen"]
#: Points of the frontier that are told.
POINTS = 20
#: Contributions below this are none.
LEAST = 1e-4
#: Added to the diagonal of K, as a share of its mean: lines with the same genotypes share.
RIDGE = 1e-6
#: Halvings of the interval in which a weight of the gain is looked for.
HALVINGS = 40


def choose_contributions(
    merit: Merit, *, lines: int, relationship: float, direction: Direction
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Contributions of the highest mean genetic value at a mean relationship, and the frontier.

    lines: how many of the best by genetic value, measured or not, may contribute. relationship:
    the most that c'Kc may be; where no contributions make it so little, the least there is.

    Returns CONTRIBUTIONS (the largest first) and FRONTIER: POINTS evenly spaced relationships,
    from the least to that of the best line alone, and the chosen one; lines: how many contribute;
    effective: 1 / sum c^2, as many lines as would be used equally; value in the trait's units.
    """
    best = np.argsort(-directed(merit.genetic, direction), kind="stable")[:lines]
    g = directed(merit.genetic[best], direction)
    K = merit.K[np.ix_(best, best)]
    K = K + RIDGE * np.diag(K).mean() * np.eye(len(K))
    least, alone = optimum(K, g, 0.0), np.eye(len(g))[np.argmax(g)]
    ends = np.linspace(least @ K @ least, alone @ K @ alone, POINTS)
    points = [optimum_at(K, g, end) for end in ends[1:-1]]
    chosen = optimum_at(K, g, relationship)
    told = pd.DataFrame(
        {
            "sample": merit.lines["sample"].to_numpy()[best],
            "value": merit.values[best],
            "contribution": chosen.round(4),
        }
    )
    told = told[told["contribution"] >= LEAST].sort_values(
        "contribution", ascending=False, kind="stable", ignore_index=True
    )
    every = [(c, False) for c in (least, *points, alone)] + [(chosen, True)]
    frontier = pd.DataFrame(
        [
            (c @ K @ c, c @ merit.values[best], int((c >= LEAST).sum()), 1 / (c @ c), is_chosen)
            for c, is_chosen in every
        ],
        columns=FRONTIER,
    )
    return told[CONTRIBUTIONS], frontier.sort_values("relationship", ignore_index=True)


def optimum_at(K: np.ndarray, g: np.ndarray, relationship: float) -> np.ndarray:
    """The contributions (lines,) of the highest c'g with c'Kc at most `relationship`.

    Those of the least c'Kc where no other are so little; the best line alone where that is allowed.
    """

    def too_much(weight: float) -> bool:
        c = optimum(K, g, weight)
        return bool(c @ K @ c > relationship)

    low, high = 0.0, _largest_weight(K, g)
    if not too_much(high):
        return optimum(K, g, high)
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        low, high = (low, middle) if too_much(middle) else (middle, high)
    return optimum(K, g, low)


def optimum(K: np.ndarray, g: np.ndarray, weight: float) -> np.ndarray:
    """(lines,) c that minimises c'Kc / 2 - weight c'g, c >= 0 and of sum 1.

    K: (lines, lines) positive definite. A primal active set: on the lines that contribute, the
    minimum is a solution of linear equations; lines that it would make negative are let go on the
    way there, and then the line is added that lowers the function most, if there is one.
    """
    wanted = weight * g
    c, free = np.zeros(len(g)), [int(np.argmin(np.diag(K) / 2 - wanted))]
    c[free] = 1.0
    scale = np.abs(K).max() + np.abs(wanted).max()
    for _ in range(100 * len(g)):
        target, level = _minimum(K[np.ix_(free, free)], wanted[free])
        falling = target <= 0
        if falling.any():
            there = c[free]
            steps = np.divide(there, there - target, out=np.full(len(there), np.inf), where=falling)
            c[free] = there + steps.min() * (target - there)
            gone = free.pop(int(np.argmin(steps)))
            c[gone] = 0.0
            continue
        c[free] = target
        slack = K[:, free] @ target - wanted - level
        slack[free] = 0.0
        enters = int(np.argmin(slack))
        if slack[enters] > -1e-10 * scale:
            break
        free.append(enters)
    return c


def _minimum(K: np.ndarray, wanted: np.ndarray) -> tuple[np.ndarray, float]:
    """The minimum of c'Kc / 2 - c'wanted with sum 1 alone, and the gradient that all c share."""
    solved = np.linalg.solve(K, np.column_stack([wanted, np.ones(len(K))]))
    level = (1 - solved[:, 0].sum()) / solved[:, 1].sum()
    return solved[:, 0] + level * solved[:, 1], float(level)


def _largest_weight(K: np.ndarray, g: np.ndarray) -> float:
    """The weight of the gain from which the best line alone is used; infinite gains aside."""
    best = int(np.argmax(g))
    behind = g[best] - g
    others = behind > 1e-9 * max(float(np.ptp(g)), np.finfo(float).tiny)
    needed = (K[best, best] - K[:, best])[others] / behind[others]
    return float(max(needed.max(initial=0.0), 0.0))
