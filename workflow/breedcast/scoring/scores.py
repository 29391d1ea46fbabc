"""scores.tsv: every metric of every test fold, and the control's correlations beside them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import pandas as pd

from breedcast.agreement import pearson
from breedcast.phenotypes.covariates import covariate_columns
from breedcast.phenotypes.records import has_environments, keys, within
from breedcast.scoring.alignment import observed
from breedcast.scoring.groups import within_and_between
from breedcast.scoring.metrics import Direction, evaluate, evaluate_binary, pearson_within
from breedcast.scoring.partial import partial_pearson
from breedcast.validation.alike import alike_to_training
from breedcast.validation.unit import UNIT

#: What has no value for a constant prediction and counts as 0 in means: it predicts nothing.
CORRELATIONS = (
    *("pearson", "pearson_distinct", "partial_pearson", "spearman", "accuracy"),
    "pearson_pooled",
    *("pearson_within_family", "pearson_family_means"),
    *("control_pearson", "control_partial_pearson", "family_control_pearson"),
)


def score(
    predictions: pd.DataFrame,
    plan: pd.DataFrame,
    phenotypes_of: Callable[[int], pd.DataFrame],
    direction: Direction,
    alike: pd.DataFrame | None = None,
    heritability: float = np.nan,
    families: pd.Series | None = None,
) -> pd.DataFrame:
    """Score a model's test and control predictions, fold by fold.

    phenotypes_of: the trait's phenotypes as a permutation deals them to the lines (0: the real
    trait); each permutation's predictions are scored against its own. alike: pairs of nearly
    identical lines (line_1, line_2). heritability: of the values of lines, where plots tell it:
    then `accuracy`, with the lines' genetic values, is the predictive ability divided by its square
    root (Dekkers 2007, J Anim Breed Genet 124:331-341). families: by sample, where they are told.

    Returns repeat, fold, permutation, metric, value: the metrics of `evaluate` for permutation 0,
    with those of `evaluate_binary` for a trait of two values, `partial_pearson` where there are
    covariates, where any test line is nearly identical to a training line `pearson_distinct`, which
    leaves such lines out, and with families `pearson_within_family` and `pearson_family_means` of
    the folds whose lines can tell them; for the others `control_pearson`, where there are
    covariates `control_partial_pearson` (they are dealt with the values, and `control_pearson` is
    what they bring), and `family_control_pearson` for those that were permuted within families. The
    candidates have no values and so no scores. Where there are environments the metrics of
    `evaluate`, and controls, are means over the environments of the figure within each (`within`),
    and `pearson_pooled` is over all together, which the environments' means are part of.
    Raises ValueError where a prediction is not finite, and unless each test line of the plan is
    predicted exactly once in its fold.
    """
    scored = predictions[predictions["role"].isin(["test", "control"])]
    _check_finite(scored)
    _check_complete(scored, plan)
    values = np.unique(phenotypes_of(0)["value"].dropna())
    seen = set() if alike is None else set(alike_to_training(plan[plan["repeat"] >= 0], alike))
    of_real = partial(
        _of_test,
        direction=direction,
        values=values,
        heritability=heritability,
        families=families,
        seen=seen,
    )
    unit = ["permutation", "repeat", "fold"]
    inner = predictions[predictions["role"] == "inner"]
    trained = dict(list(inner.groupby(unit)))
    dealt = {it: phenotypes_of(it) for it in scored["permutation"].unique()}
    records = []
    for key, tests in scored.groupby(unit):
        permutation, *fold = key
        figures: Callable[..., dict[str, float]] = _of_control if permutation else of_real
        scores = figures(tests, trained.get(key, inner.head(0)), dealt[permutation])
        records += [(*fold, permutation, *item) for item in scores.items()]
    return pd.DataFrame(records, columns=[*UNIT, "metric", "value"])


def summarise(scores: pd.DataFrame) -> pd.DataFrame:
    """Mean and spread of each metric over folds, for the report.

    Returns metric, mean, sd (of single folds), folds, undefined. An undefined correlation counts
    as 0 in mean and sd; what else is undefined is left out of them. `undefined` counts both.
    `control_pearson` is summarised over folds and permutations alike.
    """
    counted = scores.assign(value=defined(scores), undefined=scores["value"].isna())
    return (
        counted.groupby("metric", sort=False)
        .agg(
            mean=("value", "mean"),
            sd=("value", "std"),
            folds=("value", "size"),
            undefined=("undefined", "sum"),
        )
        .reset_index()
    )


def defined(scores: pd.DataFrame) -> pd.Series:
    """The values of a scores table, an undefined correlation taken as 0."""
    return scores["value"].mask(scores["value"].isna() & scores["metric"].isin(CORRELATIONS), 0.0)


def _of_control(
    tests: pd.DataFrame, trained: pd.DataFrame, phenotypes: pd.DataFrame
) -> dict[str, float]:
    """The figures of a permuted trait's unit.

    tests, trained: the predictions of its test lines, and of its training lines by fits that had
    not seen them; phenotypes: as the permutation deals them.
    """
    value, predicted = observed(phenotypes, tests), tests["predicted"].to_numpy(np.float64)
    ability = pearson_within(tests["environment"].to_numpy(object), value, predicted)
    if (tests["permutation"] < 0).all():
        return {"family_control_pearson": ability}
    found = {"control_pearson": ability}
    if covariate_columns(phenotypes):
        found["control_partial_pearson"] = partial_pearson(tests, trained, phenotypes)
    return found


def _of_test(
    tests: pd.DataFrame,
    trained: pd.DataFrame,
    phenotypes: pd.DataFrame,
    *,
    direction: Direction,
    values: np.ndarray,
    heritability: float,
    families: pd.Series | None,
    seen: set[tuple[int, int, str]],
) -> dict[str, float]:
    """The figures of a unit of the real trait; the first three as of `_of_control`.

    values: as of `_evaluate`; seen: repeat, fold and sample of test lines that are nearly identical
    to a training line.
    """
    value, predicted = observed(phenotypes, tests), tests["predicted"].to_numpy(np.float64)
    family = None if families is None else tests["sample"].map(families).to_numpy()
    found = _evaluate(tests, value, predicted, direction, family, values)
    if heritability > 0:
        found["accuracy"] = found["pearson"] / np.sqrt(heritability)
    if covariate_columns(phenotypes):
        found["partial_pearson"] = partial_pearson(tests, trained, phenotypes)
    names = zip(tests["repeat"], tests["fold"], tests["sample"], strict=True)
    new = np.array([it not in seen for it in names])
    if seen and new.sum() > 1:
        environment = tests["environment"].to_numpy(object)[new]
        found["pearson_distinct"] = pearson_within(environment, value[new], predicted[new])
    return found


def _evaluate(
    unit: pd.DataFrame,
    value: np.ndarray,
    predicted: np.ndarray,
    direction: Direction,
    family: np.ndarray | None,
    values: np.ndarray,
) -> dict[str, float]:
    """The metrics of `evaluate`, and of families, within environments; then that over all.

    values: all different ones of the trait: of two, those of `evaluate_binary` too.
    """

    def figures(rows: np.ndarray) -> dict[str, float]:
        found = evaluate(value[rows], predicted[rows], direction)
        if len(values) == 2:
            found |= evaluate_binary(value[rows], predicted[rows], *values)
        if family is not None:
            found |= within_and_between(value[rows], predicted[rows], family[rows])
        return found

    scores = within(unit["environment"].to_numpy(object), figures)
    if has_environments(unit):
        scores["pearson_pooled"] = pearson(value, predicted)
    return scores


def _check_finite(scored: pd.DataFrame) -> None:
    broken = ~np.isfinite(scored["predicted"].to_numpy(np.float64))
    _refuse("has no finite prediction", keys(scored[broken], *UNIT))


def _check_complete(scored: pd.DataFrame, plan: pd.DataFrame) -> None:
    """Each test line of the plan once per permutation; permutations are of repeat 0."""
    tests = plan[(plan["role"] == "test") & (plan["repeat"] >= 0)]
    permutations = scored.loc[scored["role"] == "control", "permutation"].unique()
    parts = [tests.assign(permutation=0)]
    parts += [tests[tests["repeat"] == 0].assign(permutation=number) for number in permutations]
    expected, found = keys(pd.concat(parts), *UNIT), keys(scored, *UNIT)
    _refuse("is predicted twice", found[found.duplicated()])
    _refuse("is not predicted", expected[~expected.isin(found)])
    _refuse("is predicted but not in the plan's test set", found[~found.isin(expected)])


def _refuse(fault: str, rows: pd.MultiIndex) -> None:
    """Raise ValueError for the first of the faulty rows, if any."""
    for repeat, fold, permutation, sample, _ in rows:
        unit = f"repeat {repeat}, fold {fold}, permutation {permutation}"
        raise ValueError(f"line {sample} {fault} in {unit} (rows at fault: {len(rows)})")
