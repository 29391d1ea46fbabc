"""What the report doubts: few lines, structure, candidates unlike the lines, failed checks."""

from __future__ import annotations

import numpy as np

from breedcast.phenotypes.clean import FAR, are_far
from breedcast.report.accuracy import epoch_limit
from breedcast.report.advice import told_first
from breedcast.report.collect import BASELINE, GBLUP, TraitResult
from breedcast.report.hybrids import classes_told
from breedcast.report.several_traits import own_helper_doubts
from breedcast.report.tables import decimals_for, number, whole
from breedcast.report.uncertainty import band
from breedcast.scoring.metrics import BEST_SHARE, best_count
from breedcast.validation.names import OF_KNOWN_LINES

#: Below these, an accuracy says little: lines with a value, training values of a fold, lines
#: that the best 10 % of a test fold are, test folds.
FEW_LINES, FEW_TRAINING_VALUES, FEW_SELECTED, FEW_FOLDS = 100, 80, 5, 5
#: A control this far above zero is doubted if it is also twice its standard error.
SMALL_CONTROL = 0.1
#: Slopes of observed on predicted outside these tell of spread that is far off.
SLOPES = (0.7, 1.4)
#: Clusters with fewer tested lines tell no correlation; a fall by so much within them is told.
LEAST_CLUSTER, LARGE_FALL = 10, 0.1
#: More extrapolated candidates than this share are worth a word.
MANY_FAR = 0.05


def doubts(trait: TraitResult, level: float) -> list[str]:
    """What speaks against trusting a trait's figures; empty if nothing was found.

    level: that of the intervals.
    """
    return [
        *_not_predicted(trait),
        *_few(trait),
        *_far_values(trait),
        *_weak(trait),
        *_controls(trait),
        *_clusters(trait),
        *_known_lines(trait),
        *classes_told(trait),
        *_far_candidates(trait),
        *_coverage(trait, level),
        *_undefined(trait),
        *_slopes(trait),
        *_networks(trait),
        *own_helper_doubts(trait.models),
    ]


def _not_predicted(trait: TraitResult) -> list[str]:
    if trait.is_predicted:
        return []
    best, control = trait.best, trait.best.mean(trait.control)
    who = "any model" if best.kind == BASELINE else best.name
    beside = "" if np.isnan(control) else f" and that on dealt values ({number(control)})"
    return [
        f"These data do not show that {who} predicts {trait.name}: the predictive ability "
        f"{number(best.mean(trait.ability))} (standard error "
        f"{number(trait.standard_error(best, trait.ability))}) is not above 0{beside} by more than "
        "twice its standard error; do not select by it."
    ]


def ability_within_clusters(trait: TraitResult) -> float:
    """The best model's predictive ability within clusters of lines, and within environments.

    The mean over repeats and clusters of LEAST_CLUSTER tested values or more, weighted by their
    number; an undefined correlation counts as 0. NaN where fewer than two clusters are so large.
    """
    scores = trait.group_scores
    of_best = (scores["model"] == trait.best.name) & (scores["by"] == "cluster")
    large = scores[of_best & (scores["lines"] >= LEAST_CLUSTER)]
    if large["group"].nunique() < 2:
        return np.nan
    return float(np.average(large["pearson"].fillna(0.0), weights=large["lines"]))


def _clusters(trait: TraitResult) -> list[str]:
    """A predictive ability that rests on families, or on clusters where none are told."""
    overall = trait.best.mean("pearson")
    within, groups = trait.best.mean("pearson_within_family"), "families"
    if np.isnan(within):
        within, groups = ability_within_clusters(trait), "clusters"
    if trait.covariates or not overall - within > LARGE_FALL:
        return []
    expect = (
        "Expect the lower figure when selecting within a family."
        if groups == "families"
        else "Within a family expect no more, and maybe less: phenotypes: family measures it."
    )
    return [
        f"Within {groups} of related lines the predictive ability of {trait.best.name} is "
        f"{number(within)}, not {number(overall)}: part of it tells {groups} apart. {expect}"
    ]


def _known_lines(trait: TraitResult) -> list[str]:
    """Candidates are new lines, which a scheme of known ones does not tell of."""
    known = set(trait.intervals["scheme"]).intersection(OF_KNOWN_LINES)
    if trait.candidates.empty or not known:
        return []
    return [
        "The accuracy above, and what the intervals held, are of lines that other environments "
        f"tell of (scheme {known.pop()}). The {whole(trait.candidates['sample'].nunique())} "
        "candidates have no value in any: expect less for them; validation: scheme cv1 measures it."
    ]


def _far_candidates(trait: TraitResult) -> list[str]:
    far = set(trait.candidates.loc[trait.candidates["extrapolated"].eq(True), "sample"])
    candidates = trait.candidates["sample"].nunique()
    if len(far) <= MANY_FAR * candidates:
        return []
    first = [name for name in told_first(trait, 10)["sample"] if name in far]
    among = f" (of the first ten: {', '.join(first)})" if first else ""
    return [
        f"{whole(len(far))} of {whole(candidates)} candidates{among} are less like any measured "
        "line than 99 % of the measured lines are like another: their "
        "predictions extrapolate, and the accuracy above is not theirs."
    ]


def _coverage(trait: TraitResult, level: float) -> list[str]:
    held = trait.coverage(trait.best)
    low, _ = band(trait.lines, level)
    if held >= low:
        return []
    return [
        f"The intervals of {trait.best.name} held {100 * held:.1f} % of the tested values, fewer "
        f"than the {100 * level:g} % meant and than chance explains (from {100 * low:.1f} %): take "
        "them for too narrow."
    ]


def _far_values(trait: TraitResult) -> list[str]:
    """Values that may be typing errors, or codes of missing ones."""
    lines = trait.phenotypes.dropna(subset="value")
    values = lines["value"].to_numpy(np.float64)
    far = lines[are_far(values, values)]
    if far.empty:
        return []
    decimals = decimals_for(trait.sd)
    named = zip(far["sample"].head(3), far["value"].head(3), strict=True)
    first = [f"{sample} {number(value, decimals)}" for sample, value in named]
    more = ", ..." if len(far) > len(first) else ""
    return [
        f"{whole(len(far))} of {whole(len(lines))} values lie more than {FAR} interquartile "
        f"ranges from the median ({', '.join(first)}{more}). They weigh on all that is below: look "
        "whether they are mistakes, or stand for missing values (write NA)."
    ]


def _few(trait: TraitResult) -> list[str]:
    said = []
    if trait.lines < FEW_LINES:
        said.append(
            f"Fewer than {FEW_LINES} lines have genotype and value ({trait.lines}): accuracies "
            "from so few vary widely."
        )
    training, tested = int(trait.fold_sizes["train"].min()), int(trait.fold_sizes["test"].min())
    if training < FEW_TRAINING_VALUES:
        said.append(
            f"Some folds train on only {training} values (fewer than {FEW_TRAINING_VALUES})."
        )
    folds = len(trait.fold_sizes)
    if folds < FEW_FOLDS:
        said.append(
            f"Fewer than {FEW_FOLDS} test folds ({folds}): standard deviations and tests of "
            "differences rest on as many figures each; have more (folds or repeats; clusters "
            "where these are left out) before deciding between models."
        )
    selected = best_count(tested, BEST_SHARE)
    if selected < FEW_SELECTED:
        said.append(
            f"The best 10 % of a test fold are as few as {selected}: "
            "response and NDCG rest on few lines."
        )
    return said


def _weak(trait: TraitResult) -> list[str]:
    best, baseline = trait.best, trait.of_kind(BASELINE)
    if baseline is None or best is baseline or best.mean("rmse") < baseline.mean("rmse"):
        return []
    return [f"{baseline.name}, which knows no genotypes, errs no more than {best.name} (RMSE)."]


def _controls(trait: TraitResult) -> list[str]:
    """Controls above zero.

    One below zero is no leak: without signal the mean of the lines trained on is predicted, which
    lies on the other side of the overall mean than that of the lines tested.
    """
    told = []
    for model in trait.models:
        control = model.mean(trait.control)
        error = trait.standard_error(model, trait.control)
        if control > max(SMALL_CONTROL, 2 * error):
            told.append(f"{model.name} {number(control)} (standard error {number(error)})")
    if not told:
        return []
    return [
        f"Some models still predict values dealt to other lines: {', '.join(told)}. That is more "
        "than twice what chance explains: look for a leak, or run more permutations."
    ]


def _undefined(trait: TraitResult) -> list[str]:
    said = []
    for model in trait.models:
        undefined, folds = model.undefined(trait.ability), len(trait.fold_sizes)
        if not undefined or (model.kind == BASELINE and not trait.covariates):
            continue  # without covariates the baseline is the mean: nothing to doubt
        said.append(
            f"{model.name} predicts one value for all lines in {undefined} of {folds} folds, where "
            "its correlation is undefined and counts as 0: check this model before using it."
        )
    return said


def _slopes(trait: TraitResult) -> list[str]:
    slope = trait.best.mean("slope")
    low, high = SLOPES
    if low <= slope <= high or np.isnan(slope) or not trait.is_predicted:
        return []
    spread = "too far" if slope < low else "too little"
    return [
        f"The predictions of {trait.best.name} spread {spread} (slope of observed on predicted "
        f"{number(slope)}): trust their order more than their values."
    ]


def _networks(trait: TraitResult) -> list[str]:
    networks = [model for model in trait.models if model.is_network]
    gblup, said = trait.of_kind(GBLUP), []
    below = [model for model in networks if gblup and trait.is_better(gblup, model)]
    if gblup and below:
        told = ", ".join(f"{model.name} {number(model.mean(trait.ability))}" for model in below)
        said.append(
            f"Networks that predict less well than {gblup.name} "
            f"({number(gblup.mean(trait.ability))}) by more than chance: {told}."
        )
    for model in networks:
        best = model.fact("best_epoch")["value"]
        at_limit = float((best == epoch_limit(model)).mean()) if len(best) else 0.0
        if at_limit > 0.5:
            said.append(
                f"{100 * at_limit:.0f} % of the fits of {model.name} were best in their last "
                f"allowed epoch ({epoch_limit(model)}): give it more epochs."
            )
    return said
