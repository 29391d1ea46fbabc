"""How good the models are, in tables: metrics, comparisons, and what the fits found."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from breedcast.report.collect import GBLUP, SIGNIFICANT, ModelResult, TraitResult
from breedcast.report.tables import Cell, Table, decimals_for, number, p_text, table, whole

#: Metric -> heading, meaning. Those in trait units are rounded by the trait's spread.
METRICS = {
    "pearson": (
        "Predictive ability",
        "Pearson correlation of predictions with observed values that were not trained on; 1 is "
        "perfect, 0 is guessing",
    ),
    "control_pearson": (
        "Control",
        "the same correlation after the trait's values were dealt to other lines at random; "
        "it should be about 0",
    ),
    "spearman": ("Rank correlation", "Spearman correlation: how well the order is predicted"),
    "rmse": ("RMSE", "root of the mean squared error, in the trait's units"),
    "mae": ("MAE", "mean absolute error, in the trait's units"),
    "slope": (
        "Slope",
        "regression of observed on predicted values; below 1 the predictions spread too far, "
        "above 1 too little",
    ),
    "intercept": ("Intercept", "of the same regression, in the trait's units"),
    "ndcg_10": (
        "NDCG 10 %",
        "normalised discounted cumulative gain of the predicted best 10 %; 1 is the perfect order",
    ),
    "mean_ndcg_10": ("Mean NDCG 10 %", "the mean NDCG of the best 1, 2, ... lines up to 10 %"),
    "response_10": (
        "Response",
        "by how much the predicted best 10 % of the tested lines are better than the tested "
        "lines' mean, in the trait's units",
    ),
    "response_10_sd": ("Response in SD", "the same in standard deviations of the tested lines"),
}
#: Those that not every trait has.
SOMETIMES = {
    "auc": (
        "AUC",
        "for a trait of two values: the chance that of a line of either value the right one is "
        "predicted higher; 0.5 is guessing",
    ),
    "brier": (
        "Brier score",
        "for a trait of two values: mean squared error of the predicted share of the higher value, "
        "0 is perfect",
    ),
    "accuracy": (
        "Accuracy",
        "predictive ability divided by the square root of the heritability that the plots tell",
    ),
    "partial_pearson": (
        "Predictive ability beyond covariates",
        "the correlation after covariate effects, learnt from training lines, are taken out of "
        "observed and predicted values",
    ),
    "control_partial_pearson": (
        "Control beyond covariates",
        "the same of the control; it should be about 0. Covariates are dealt with the values, so "
        "that the control itself is what they bring",
    ),
    "pearson_distinct": (
        "Predictive ability, distinct lines",
        "Pearson correlation over the test lines that no training line is nearly identical to",
    ),
    "pearson_pooled": (
        "Predictive ability, pooled",
        "Pearson correlation over all environments together, which their means are part of; the "
        "others are means of the figures within environments",
    ),
    "pearson_within_family": (
        "Predictive ability within families",
        "Pearson correlation of predicted and observed values as deviations from the means of the "
        "lines' families: what selection among sibs can use",
    ),
    "pearson_family_means": (
        "Predictive ability of family means",
        "Pearson correlation of the families' mean predicted and mean observed values",
    ),
    "family_control_pearson": (
        "Control within families",
        "the predictive ability after the trait's values were dealt to other lines of the same "
        "family at random: what family means alone bring",
    ),
}
IN_TRAIT_UNITS = {"rmse", "mae", "intercept", "response_10"}


def metrics_of(trait: TraitResult) -> Mapping[str, tuple[str, str]]:
    """The metrics of a trait: heading and meaning."""
    scored = set(trait.models[0].scores["metric"])
    return METRICS | {name: told for name, told in SOMETIMES.items() if name in scored}


def accuracy_table(trait: TraitResult) -> Table:
    """Mean and standard deviation over folds of every metric, a row per model."""
    unit = decimals_for(trait.sd)
    metrics = metrics_of(trait)
    rows = [
        [
            Cell(model.name),
            *(_mean_and_sd(model, metric, unit if metric in IN_TRAIT_UNITS else 3)
              for metric in metrics),
        ]
        for model in trait.models
    ]  # fmt: skip
    return table(
        f"Accuracy on {trait.name}: mean over {len(trait.fold_sizes)} test folds, and "
        "± the standard deviation between single folds. The control's is over the folds of repeat "
        "1 and its permutations. The best mean predictive ability is marked"
        f"{', beyond covariates' * bool(trait.covariates)}.",
        ["Model", *(heading for heading, _ in metrics.values())],
        rows,
        marked=[trait.models.index(trait.best)],
        file=f"{trait.id}_accuracy",
    )


def _mean_and_sd(model: ModelResult, metric: str, decimals: int) -> Cell:
    mean, sd = model.mean(metric), model.sd(metric)
    notes = [] if np.isnan(sd) else [f"± {number(sd, decimals)}"]
    if undefined := model.undefined(metric):
        notes.append(f"{undefined} undefined")
    return Cell(number(mean, decimals), ", ".join(notes))


def comparison_table(trait: TraitResult, metric: str, random_folds: bool) -> Table:
    """Every pair of models with the corrected test of their difference.

    random_folds: whether lines are dealt to the folds at random.
    """
    rows = trait.comparison[trait.comparison["metric"] == metric]
    decimals = decimals_for(trait.sd) if metric in IN_TRAIT_UNITS else 3
    heading = (METRICS | SOMETIMES)[metric][0]
    standard = trait.of_kind(GBLUP)
    family = "all pairs" if standard is None else f"the comparisons with {standard.name}"
    others = "" if standard is None else " Of other pairs nothing is claimed."
    groups = "" if random_folds else ", each counted once whatever its size,"
    return table(
        f"{heading} of models compared in pairs on {trait.name}: paired over the test "
        f"folds{groups} by the corrected resampled t-test (Nadeau and Bengio 2003), which allows "
        f"for folds sharing training lines; p corrected for {family} by Holm. Below "
        f"{SIGNIFICANT:g} is taken as more than chance.{others} An undefined correlation counts as "
        "0.",
        ["Model", "Against", "Mean", "Its mean", "Difference", "SE", "t", "p", "p, Holm"],
        [
            [
                row["model"],
                row["reference"],
                *(
                    number(row[column], decimals)
                    for column in ("mean", "reference_mean", "difference", "standard_error")
                ),
                number(row["t"], 2),
                p_text(row["p_value"]),
                _p_claimed(row),
            ]
            for row in rows.to_dict("records")
        ],
        text=(0, 1),
        marked=np.flatnonzero(rows["p_holm"] < SIGNIFICANT).tolist(),
        file=f"{trait.id}_comparison_{metric}",
    )


def _p_claimed(row: Mapping[Any, Any]) -> str:
    """The corrected p-value of a comparison; of one that was tested and not claimed none."""
    is_claimed = np.isnan(row["p_value"]) or not np.isnan(row["p_holm"])
    return p_text(row["p_holm"]) if is_claimed else "no claim"


def weights_table(trait: TraitResult) -> Table | None:
    """The ensemble's weights in the fit for the candidates and over folds; None without one."""
    ensemble = trait.of_kind("ensemble")
    if ensemble is None or ensemble.weights is None:
        return None
    weights = ensemble.weights[ensemble.weights["permutation"] == 0]
    folds = weights[weights["repeat"] >= 0].groupby("model", sort=False)["weight"]
    final = weights[weights["repeat"] < 0].set_index("model")["weight"]
    return table(
        "What the ensemble adds up: weights learnt from predictions of training lines by fits that "
        "had not seen them, for the candidates (all lines) and in the folds.",
        ["Model", "For the candidates", "Mean over folds", "Range over folds"],
        [
            [
                str(name),
                number(final.get(name, np.nan), 3),
                number(values.mean(), 3),
                f"{number(values.min(), 3)} to {number(values.max(), 3)}",
            ]
            for name, values in folds
        ],
    )


def heritability_table(model: ModelResult) -> Table | None:
    """The heritability of each fold's fit on all its training lines; None if never told."""
    values = model.heritability
    if values.empty:
        return None
    name, heading = "Genomic heritability", "Heritability"
    what = "genomic relationships explain"
    if model.kind == "rkhs":
        name, heading = "Genetic variance", "Share"
        what = "kernels explain, which can take error for it"
    return table(
        f"{name} by {model.name} (REML): share of the variance between training lines' values, "
        f"after the covariates, that the {what}. Mean "
        f"{number(values.mean())}, from {number(values.min())} to {number(values.max())}.",
        ["Repeat and fold", heading],
        [
            [f"{unit[0] + 1}.{unit[1] + 1}", number(value, 3)]
            for unit, value in zip(values.index, values, strict=True)
        ],
    )


def epochs_table(trait: TraitResult) -> Table | None:
    """How long the networks trained; None without networks."""
    networks = [model for model in trait.models if model.is_network]
    if not networks:
        return None
    rows = []
    for model in networks:
        best = model.fact("best_epoch")["value"]
        limit = epoch_limit(model)
        rows.append(
            [
                model.name,
                whole(len(best)),
                f"{best.median():g}",
                f"{best.min():g} to {best.max():g}",
                whole(limit),
                f"{100 * (best == limit).mean():.0f} %",
                "all" if np.isnan(model.network_share) else f"{100 * model.network_share:.1f} %",
            ]
        )
    return table(
        "Best epoch of each fit: the one in which its stop set was predicted best, whose weights "
        "are kept; the mean over its networks where they are several. Many at the limit means that "
        "more epochs may help. The network's share: of the variance of the predictions, where the "
        "rest is that of a mixed model (shortcut).",
        ["Model", "Fits", "Median", "Range", "Limit", "At the limit", "The network's share"],
        rows,
    )


def epoch_limit(model: ModelResult) -> int:
    """The most epochs a network was allowed."""
    return int((model.run or {})["options"]["epochs"])
