"""What models of several traits tell: how the traits go together, and what helper values add."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from breedcast.report.collect import ModelResult, Report
from breedcast.report.tables import Table, decimals_for, number, table, whole
from breedcast.selection.index import PREDICTED
from breedcast.several_traits import BETWEEN_ENVIRONMENTS, GENETIC, RESIDUAL

#: Rows of the tables of the selection index, and of candidates over all traits.
INDEX_ROWS, OVER_TRAITS = 500, 50


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


def between_environments(model: ModelResult) -> Table | None:
    """The genetic correlations of a model's environments; None where it tells none."""
    told = [] if model.facts is None else [str(fact) for fact in model.facts["fact"].unique()]
    pairs = [fact for fact in told if fact.startswith(BETWEEN_ENVIRONMENTS)]
    if not pairs:
        return None
    return table(
        f"How environments go together, by {model.name} (REML): genetic correlations of the values "
        "in two of them. Means over the folds' fits on all training lines, with the lowest and the "
        "highest.",
        ["Environments", "Genetic"],
        [[pair.removeprefix(BETWEEN_ENVIRONMENTS), _spread(model, pair)] for pair in pairs],
    )


def candidates_over_traits(report: Report) -> Table | None:
    """Candidates by their mean rank over the traits; None where fewer than two are predicted."""
    traits = [it for it in report.traits if it.is_predicted and not it.candidates.empty]
    if len(traits) < 2:
        return None
    best = {it.id: it.candidates[it.candidates["model"] == it.best.name] for it in traits}
    ranks = pd.DataFrame({it: rows.set_index("sample")["rank"] for it, rows in best.items()})
    of_all, told = ranks.dropna(), ranks.to_dict("index")
    shares = of_all / np.array([len(rows) for rows in best.values()])
    order = shares.mean(axis=1).sort_values(kind="stable").head(OVER_TRAITS)
    if order.empty:
        return None
    return table(
        f"The first {whole(len(order))} of {whole(len(shares))} candidates by their ranks over "
        f"{', '.join(it.name for it in traits)}, in each by its best model: these count alike, so "
        "that a good rank in one makes up for a bad one in another. selection: index weighs traits "
        "by what they are worth.",
        ["Line", "Mean rank, in % of the candidates", *(f"Rank, {it.name}" for it in traits)],
        [
            [str(line), number(100 * share, 1), *map(whole, told[line].values())]
            for line, share in order.items()
        ],
        file="candidates_over_traits",
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


def index_tables(report: Report) -> list[Table]:
    """The candidates by the selection index, what it gains, and how the traits go together."""
    if not report.index:
        return []
    lines, gains, between = (
        report.index[name] for name in ("index", "index_gains", "index_correlations")
    )
    if lines.empty:
        said = "No line is a candidate for all traits of the index, so that none is ranked by it."
        return [table(said, ["Line"], [])]
    decimals = {
        trait: decimals_for(float(lines[PREDICTED + trait].std())) for trait in gains["trait"]
    }
    return [
        _gain_table(gains, lines, decimals),
        _trait_table(between),
        _line_table(lines, decimals),
    ]


def _gain_table(gains: pd.DataFrame, lines: pd.DataFrame, decimals: Mapping[str, int]) -> Table:
    """What selecting by the index gains in each trait. decimals: by trait."""
    selected = int(lines["selected"].sum())
    wanted = bool(gains["desired"].notna().any())
    made = (
        "weighted so that the gains are in the proportions that you want (Pesek & Baker 1969)"
        if wanted
        else "each trait's prediction times what a unit for the better is worth to you"
    )
    return table(
        f"What selecting the best {whole(selected)} of {whole(len(lines))} candidates by the "
        f"index gains over all of them: {made}. Gains are in each trait's units and for the "
        "better where above 0; borne out: as far as predictions of held-out lines bear them "
        "out (which errs to the low side with few lines).",
        ["Trait", "Better", "Weight", *["Gain wanted"] * wanted, "Gain", "Gain borne out"],
        [
            [
                row["trait"],
                row["direction"],
                f"{row['weight']:.3g}",
                *[f"{row['desired']:g}"] * wanted,
                *(number(row[it], decimals[row["trait"]]) for it in ("gain", "validated_gain")),
            ]
            for row in gains.to_dict("records")
        ],
        text=(0, 1),
    )


def _trait_table(between: pd.DataFrame) -> Table:
    """How the traits of the index go together."""
    return table(
        "How the traits go together: correlations of the candidates' predicted values and, "
        "where a model of several traits told them, of the genetic values of all measured "
        "lines. Where better in one goes with worse in the other, an index gives up some of "
        "each.",
        ["Traits", "Predicted values", "Genetic values"],
        [
            [
                f"{row['trait_1']} and {row['trait_2']}",
                number(row["predicted"]),
                number(row["genetic"]),
            ]
            for row in between.to_dict("records")
        ],
    )


def _line_table(lines: pd.DataFrame, decimals: Mapping[str, int]) -> Table:
    """The candidates by the index. decimals: by trait, in the order of the columns."""
    of_index = decimals_for(float(lines["index"].std()))
    return table(
        f"The best {whole(min(INDEX_ROWS, len(lines)))} candidates by the index (a "
        "difference to the mean of all of them), with their predicted values.",
        ["Line", "Rank", "Index", "Selected", *decimals],
        [
            [
                row["sample"],
                whole(row["rank"]),
                number(row["index"], of_index),
                "yes" if row["selected"] else "no",
                *(number(row[PREDICTED + it], decimals[it]) for it in decimals),
            ]
            for row in lines.head(INDEX_ROWS).to_dict("records")
        ],
        text=(0, 3),
        file="index",
    )
