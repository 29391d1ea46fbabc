"""What the report advises: which model to use, how good it is beside what, whom to select."""

from __future__ import annotations

import numpy as np
import pandas as pd

from breedcast.report.collect import BASELINE, GBLUP, SIGNIFICANT, ModelResult, TraitResult
from breedcast.report.hybrids import parents_told
from breedcast.report.tables import (
    NO_FIGURE,
    Cell,
    Table,
    decimals_for,
    number,
    p_text,
    table,
    whole,
)

#: A network that adds less than this share of the variance of a model's predictions is told.
SMALL_SHARE = 0.01
#: Candidates named first.
FIRST = 3


def advice_table(traits: list[TraitResult]) -> Table:
    """A row per trait: the model to use, its accuracy beside what it is judged by, the first."""
    beyond = ", covariate effects taken out of both" if any(it.covariates for it in traits) else ""
    return table(
        "In one line per trait: the model of the highest mean predictive ability (correlation of "
        f"its predictions with values that it had not seen{beyond}), the same of GBLUP and of the "
        "control (values dealt to other lines at random), the limit that heritability sets, and "
        "the candidates to take first.",
        ["Trait", "Model", "Predictive ability", "GBLUP", "Control", "Limit", "First candidates"],
        [
            [
                trait.name,
                trait.best.name,
                Cell(
                    number(trait.best.mean(trait.ability)),
                    f"± {number(trait.best.sd(trait.ability))}",
                ),
                _mean(trait.of_kind(GBLUP), trait.ability),
                number(trait.best.mean(trait.control)),
                number(limit(trait)),
                _first_named(trait),
            ]
            for trait in traits
        ],
        text=(0, 1, 6),
    )


def findings(trait: TraitResult) -> list[tuple[str, str]]:
    """The advice on a trait in sentences, each with what it is about."""
    best = trait.best
    gblup, baseline = trait.of_kind(GBLUP), trait.of_kind(BASELINE)
    said = [("Use", _use(trait)), ("Select", _selected(trait))]
    if trait.is_hybrids:
        said.append(("Parents", parents_told(trait)))
    said.append(("How good", _how_good(trait)))
    if gblup is not None and gblup is not best:
        said.append(("Beside GBLUP", _compared(trait, best, gblup)))
    if baseline is not None and baseline is not best:
        said.append(("Beside no genotypes", _error_beside(best, baseline)))
    said.append(("Beside chance", _control_told(trait)))
    if not np.isnan(limit(trait)):
        said.append(("Beside the limit", _limit_told(trait)))
    return said


def first_candidates(trait: TraitResult, count: int = FIRST) -> pd.DataFrame:
    """The rows of candidates.tsv of those the best model ranks first."""
    return trait.candidates[trait.candidates["model"] == trait.best.name].head(count)


def told_first(trait: TraitResult, count: int = FIRST) -> pd.DataFrame:
    """Those of `first_candidates` that the data tell from the others; none where nothing does."""
    first = first_candidates(trait, count)
    is_order = trait.is_predicted and _alike(trait) <= FIRST
    return first if is_order else first.head(0)


def _alike(trait: TraitResult) -> int:
    """How many candidates are predicted the same as the first."""
    predicted = first_candidates(trait, len(trait.candidates))["predicted"].to_numpy(np.float64)
    return int(np.isclose(predicted, predicted[:1], atol=1e-9 * trait.sd).sum())


def _first_named(trait: TraitResult) -> str:
    names = ", ".join(told_first(trait)["sample"])
    return names or ("none" if trait.candidates.empty else "none yet")


def limit(trait: TraitResult) -> float:
    """The highest correlation to be expected of additive genetic values with the trait's values.

    The square root of the genomic heritability by the first GBLUP (REML), the mean over folds; NaN
    where it was not estimated.
    """
    gblup = trait.of_kind(GBLUP)
    return np.nan if gblup is None else float(np.sqrt(gblup.heritability.mean()))


def _mean(model: ModelResult | None, metric: str) -> str:
    return NO_FIGURE if model is None else number(model.mean(metric))


def _use(trait: TraitResult) -> str:
    best, gblup = trait.best, trait.of_kind(GBLUP)
    if best.kind == BASELINE:
        return (
            f"none of the genomic models: none does better than {best.name}, which knows "
            "covariates and means alone. These data do not show that the genotypes help."
        )
    if not trait.is_predicted:
        return f"no model yet: {best.name} predicts best, and that no better than chance could."
    if len(trait.models) == 1:
        return f"{best.name}, the only model that was run."
    if best is gblup:
        return f"{best.name}: no model has a higher mean than this, the standard method."
    said = f"{best.name}, the best of {len(trait.models)} models by mean predictive ability"
    if best.network_share < SMALL_SHARE:
        said += (
            f" (its network adds {100 * best.network_share:.1f} % to a mixed model of kernels: the "
            "rest is what rkhs does)"
        )
    if gblup is None or trait.is_better(best, gblup):
        return f"{said}."
    return f"{said}; {gblup.name}, which is simpler, cannot be told from it."


def _how_good(trait: TraitResult) -> str:
    ability, folds = trait.best.mean(trait.ability), len(trait.fold_sizes)
    beyond = f", effects of {', '.join(trait.covariates)} aside," if trait.covariates else ""
    spread = (
        f"standard deviation {number(trait.best.sd(trait.ability))} between {folds} test folds"
        if folds > 1
        else "on one test fold"
    )
    return (
        f"its predictions correlate with values that it had not seen{beyond} by {number(ability)} "
        f"on average ({spread}; 0 is guessing, 1 is perfect)."
    )


def _control_told(trait: TraitResult) -> str:
    control, dealt = trait.best.mean(trait.control), trait.best.scores["permutation"].max()
    if np.isnan(control):
        return "no control was run, so nothing guards this figure against a leak."
    return (
        "on values dealt to other lines at random (the control) it reaches "
        f"{number(control)}; it should be about 0, and chance alone makes it up to "
        f"{number(2 / np.sqrt(trait.lines * dealt))} either way."
    )


def _error_beside(best: ModelResult, baseline: ModelResult) -> str:
    change = round(100 * (best.mean("rmse") / baseline.mean("rmse") - 1))
    beside = (
        f"{abs(change)} % {'smaller' if change < 0 else 'larger'} than" if change else "as large as"
    )
    return f"its error (RMSE) is {beside} that of {baseline.name}, which knows no genotypes."


def _compared(trait: TraitResult, best: ModelResult, reference: ModelResult) -> str:
    row = trait.compared(best.name, reference.name)
    if row is None:
        return f"it was not compared with {reference.name}."
    beside = f"{reference.name} has {number(reference.mean(trait.ability))}"
    if np.isnan(row["p_holm"]):
        return f"{beside}: a difference of {number(row['difference'])} that cannot be tested."
    verdict = (
        "more than chance" if row["p_holm"] < SIGNIFICANT else "no more than chance could make it"
    )
    return (
        f"{beside}: a difference of {number(row['difference'], 3)}, {verdict} "
        f"(corrected resampled t-test, p = {p_text(row['p_holm'])} by Holm)."
    ).replace("p = <", "p < ")


def _limit_told(trait: TraitResult) -> str:
    most = limit(trait)
    reached = trait.best.mean(trait.ability) / most if most > 0 else np.nan
    told = (
        f"the genotypes explain {100 * most**2:.0f} % of the variance between values (REML), so "
        f"true additive genetic values would correlate with them by about {number(most)}"
    )
    if np.isnan(reached):
        return f"{told}: it finds nothing additive to predict."
    if reached > 1:
        return f"{told}. The prediction is beyond that: the estimate is rough."
    if not reached > 0:
        return f"{told}."
    return f"{told}; the prediction reaches {100 * reached:.0f} % of that."


def _selected(trait: TraitResult) -> str:
    first = first_candidates(trait)
    if first.empty and trait.is_hybrids:
        return "there are no candidates: candidates: all_crosses predicts every cross not made."
    if first.empty:
        return "there are no candidates: every genotyped line has a value, or none was named."
    candidates, alike = int((trait.candidates["model"] == trait.best.name).sum()), _alike(trait)
    if not trait.is_predicted:
        tied = f"all {whole(alike)} candidates are predicted alike; " if alike == candidates else ""
        return (
            f"{tied}there is nothing to select by yet. More lines with values, or more plots of "
            "each line, would help."
        )
    decimals = decimals_for(trait.sd)
    which = "highest" if trait.direction == "high" else "lowest"
    if candidates == 1:
        row = first.iloc[0]
        told = number(row["predicted"], decimals)
        return f"the only candidate, {row['sample']}, is predicted {told}."
    if alike > FIRST:
        return (
            f"{whole(alike)} of {whole(candidates)} candidates are predicted alike "
            f"({number(first['predicted'].iloc[0], decimals)}, the {which}): nothing tells which "
            "of them to take first."
        )
    named = [
        f"{row['sample']} ({number(row['predicted'], decimals)})"
        for row in first.to_dict("records")
    ]
    return (
        f"of {whole(candidates)} candidates {', '.join(named)} come first ({which} predicted "
        f"values; {trait.direction} is taken as better)."
    )
