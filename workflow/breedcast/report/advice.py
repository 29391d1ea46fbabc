"""What the report says in words: how good each trait's best model is, and what to doubt."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from breedcast.report.collect import BASELINE, GBLUP, ModelResult, TraitResult
from breedcast.report.tables import decimals_for, epoch_limit, number, p_text, whole
from breedcast.validation.folds import test_to_train

#: Below these, an accuracy says little: lines with a value, training lines of a fold, lines
#: that the best 10 % of a test fold are, test folds.
FEW_LINES, FEW_TRAINING_LINES, FEW_SELECTED, FEW_FOLDS = 100, 80, 5, 5
#: A control this far from zero is doubted if it is also twice its standard error.
SMALL_CONTROL = 0.1
SIGNIFICANT = 0.05
#: Slopes of observed on predicted outside these tell of spread that is far off.
SLOPES = (0.7, 1.4)


def findings(trait: TraitResult) -> list[str]:
    """The best model of a trait: how good, against what, and whom it would select."""
    best = trait.best
    folds = len(trait.fold_sizes)
    said = [
        f"Best by mean predictive ability: {best.name}, {number(best.mean('pearson'))} "
        f"(standard deviation {number(best.sd('pearson'))} between {folds} test folds). "
        + _control_told(best)
    ]
    gblup, baseline = trait.of_kind(GBLUP), trait.of_kind(BASELINE)
    if gblup is not None and gblup is not best:
        said.append(_compared(trait, best, gblup))
    if baseline is not None and baseline is not best:
        said.append(_error_beside(best, baseline))
    if best.kind == GBLUP and len(trait.models) > 1:
        said.append(f"No model has a higher mean than {best.name}, the standard method.")
    if best.kind == BASELINE:
        said.append(
            f"No model does better than {best.name}, which knows covariates and means alone: these "
            "data do not show that the genotypes help."
        )
    said += _selected(trait, best)
    return said


def doubts(trait: TraitResult) -> list[str]:
    """What speaks against trusting a trait's figures; empty if nothing was found."""
    return [
        *_few(trait),
        *_weak(trait),
        *_controls(trait),
        *_undefined(trait),
        *_slopes(trait),
        *_networks(trait),
    ]


def genotype_notes(genotypes: Mapping[str, Any]) -> list[str]:
    """What the filters noticed that a breeder should know. genotypes: codes.json."""
    said = [
        f"{whole(number)} of the names in filter: {key} are not in the genotypes."
        for key, number in genotypes["absent_names"].items()
    ]
    pairs, limits = genotypes["duplicated_pairs"], genotypes["thresholds"]
    if pairs:
        kept = limits["duplicated_lines"] == "keep"
        said.append(
            f"{whole(pairs)} {'pair' if pairs == 1 else 'pairs'} of lines share "
            f"{100 * limits['identity']:g} % of their calls or more "
            "(genotypes/duplicated_lines.tsv): "
            + (
                "look for samples that were mixed up or named twice. A line whose twin trains is "
                "predicted too well; filter: duplicated_lines: drop keeps the first of each."
                if kept
                else "the first of each was kept."
            )
        )
    for split in genotypes["split_heterozygosity"]:
        few, usual = split["lines_few"], split["lines_usual"]
        said.append(
            f"Contig {split['contig']} looks like a sex chromosome: {whole(few)} lines have next "
            f"to no heterozygous calls there ({100 * split['here_few']:.2g} %, and "
            f"{100 * split['elsewhere_few']:.2g} % elsewhere), {whole(usual)} lines have "
            f"{100 * split['here_usual']:.2g} % (genotypes/split_heterozygosity_lines.tsv names "
            "them). Its single copies were read as two; to leave it out, set genotypes: contigs: "
            f"{{{split['contig']}: exclude}}."
        )
    return said


def _control_told(model: ModelResult) -> str:
    control = model.mean("control_pearson")
    if np.isnan(control):
        return "No control was run, so nothing guards this figure against a leak."
    return (
        "On values dealt to other lines at random (the control) it reaches "
        f"{number(control)} (standard deviation {number(model.sd('control_pearson'))})."
    )


def _error_beside(best: ModelResult, baseline: ModelResult) -> str:
    change = 100 * (best.mean("rmse") / baseline.mean("rmse") - 1)
    beside = "smaller" if change < 0 else "larger"
    return (
        f"Its error (RMSE) is {abs(change):.0f} % {beside} than that of {baseline.name}, "
        "which knows no genotypes."
    )


def _compared(trait: TraitResult, best: ModelResult, reference: ModelResult) -> str:
    row = trait.compared(best.name, reference.name)
    if row is None:
        return f"It was not compared with {reference.name}."
    beside = f"{reference.name} has {number(reference.mean('pearson'))}"
    if np.isnan(row["p_holm"]):
        return f"{beside}: a difference of {number(row['difference'])} that cannot be tested."
    verdict = (
        "more than chance" if row["p_holm"] < SIGNIFICANT else "no more than chance could make it"
    )
    return (
        f"{beside}: a difference of {number(row['difference'])}, {verdict} "
        f"(corrected resampled t-test, p = {p_text(row['p_holm'])} by Holm)."
    ).replace("p = <", "p < ")


def _selected(trait: TraitResult, best: ModelResult) -> list[str]:
    ranked = trait.candidates[trait.candidates["model"] == best.name]
    if ranked.empty:
        return ["There are no candidates: every genotyped line has a value."]
    decimals = decimals_for(trait.sd)
    first = [
        f"{row['sample']} ({number(row['predicted'], decimals)})"
        for row in ranked.head(3).to_dict("records")
    ]
    which = "highest" if trait.direction == "high" else "lowest"
    return [f"Of {whole(len(ranked))} candidates it puts first ({which}): {', '.join(first)}."]


def _few(trait: TraitResult) -> list[str]:
    said = []
    if trait.lines < FEW_LINES:
        said.append(
            f"Only {trait.lines} lines have genotype and value (fewer than {FEW_LINES}): "
            "accuracies from so few vary widely."
        )
    training, tested = int(trait.fold_sizes["train"].min()), int(trait.fold_sizes["test"].min())
    if training < FEW_TRAINING_LINES:
        said.append(f"Some folds train on only {training} lines (fewer than {FEW_TRAINING_LINES}).")
    folds = len(trait.fold_sizes)
    if folds < FEW_FOLDS:
        said.append(
            f"Only {folds} test folds: standard deviations and tests of differences rest on "
            f"{folds} figures each; have more (folds or repeats; clusters where these are left "
            "out) before deciding between models."
        )
    selected = max(1, round(tested / 10))
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
    said = []
    share = test_to_train(trait.plan)
    for model in trait.models:
        control, sd = model.mean("control_pearson"), model.sd("control_pearson")
        runs = (model.scores["metric"] == "control_pearson").sum()
        # folds share training lines: the widened error of the corrected resampled t-test
        error = sd * np.sqrt(1 / runs + share) if runs else np.nan
        if abs(control) > max(SMALL_CONTROL, 2 * error):
            said.append(
                f"The control of {model.name} is {number(control)}, further from zero than its "
                f"spread explains (twice the standard error is {number(2 * error)}): look for a "
                "leak, or run more permutations."
            )
    return said


def _undefined(trait: TraitResult) -> list[str]:
    said = []
    for model in trait.models:
        undefined, folds = model.undefined("pearson"), len(trait.fold_sizes)
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
    if low <= slope <= high or np.isnan(slope):
        return []
    spread = "too far" if slope < low else "too little"
    return [
        f"The predictions of {trait.best.name} spread {spread} (slope of observed on predicted "
        f"{number(slope)}): trust their order more than their values."
    ]


def _networks(trait: TraitResult) -> list[str]:
    networks = [model for model in trait.models if model.is_network]
    gblup, said = trait.of_kind(GBLUP), []
    below = [m for m in networks if gblup and m.mean("pearson") < gblup.mean("pearson")]
    if gblup and below:
        told = ", ".join(f"{model.name} {number(model.mean('pearson'))}" for model in below)
        said.append(
            f"Networks that predict less well than {gblup.name} "
            f"({number(gblup.mean('pearson'))}): {told}."
        )
    for model in networks:
        best = model.fact("best_epoch")["value"]
        at_limit = float((best == epoch_limit(model)).mean()) if len(best) else 0.0
        if at_limit > 0.5:
            said.append(
                f"{100 * at_limit:.0f} % of the networks of {model.name} were best in their last "
                f"allowed epoch ({epoch_limit(model)}): give it more epochs."
            )
    return said
