"""Accuracy within groups of lines: what the pooled figure may hide.

Over lines of several families a correlation is high where only the families' means are predicted,
which tells nothing of the choice between sibs. So it is told within groups and between them too.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from breedcast.agreement import pearson
from breedcast.phenotypes.hybrids import parents_of
from breedcast.phenotypes.records import LEAST, keys, within
from breedcast.scoring.alignment import observed
from breedcast.scoring.metrics import rmse

#: What `by` holds for hybrids by how many of their parents were tested.
HYBRID_CLASS = "hybrid_class"
COLUMNS = ["model", "repeat", "by", "group", "lines", "pearson", "rmse"]


def within_and_between(
    value: np.ndarray, predicted: np.ndarray, family: np.ndarray
) -> dict[str, float]:
    """Correlations within families and between them, by their names in scores.tsv.

    value, predicted, family: (lines,); lines without a family are left out.
    `pearson_within_family`: of the deviations from the families' means, all families' together.
    `pearson_family_means`: of these means. Either is absent where fewer than LEAST lines beyond
    one a family, or families, could tell it, and NaN where the predictions are constant.
    """
    found = {}
    if (within_family := pearson_about_means(value, predicted, family)) is not None:
        found["pearson_within_family"] = within_family
    means = pd.DataFrame({"value": value, "predicted": predicted}).groupby(family).mean()
    if len(means) >= LEAST:
        found["pearson_family_means"] = pearson(*means.to_numpy().T)
    return found


def pearson_about_means(
    value: np.ndarray, predicted: np.ndarray, group: np.ndarray
) -> float | None:
    """Correlation of the deviations from the groups' means, of all groups together.

    All (lines,); lines without a group are left out. None where fewer than LEAST lines beyond one
    a group could tell it.
    """
    lines = pd.DataFrame({"value": value, "predicted": predicted})
    by_group = lines.groupby(group)
    sizes = by_group["value"].transform("size")
    if sizes.count() - by_group.ngroups < LEAST:
        return None
    left = (lines - by_group.transform("mean"))[sizes > 1]
    # what rounding leaves of equal predictions is no difference between lines
    left = left.mask(left.abs() <= 1e-12 * lines.abs().max(), 0.0)
    return pearson(*left.to_numpy().T)


def groups_of(
    phenotypes: pd.DataFrame, structure: pd.DataFrame, labels: pd.DataFrame
) -> dict[str, pd.Series]:
    """Kinds of groups that are known, and the group of each row of phenotypes.tsv, as text.

    structure, labels: structure.tsv and labels.tsv. Kinds are cluster, family, year, environment;
    hybrids are of no cluster, which are of genotyped lines.
    """
    cluster = structure.set_index("sample")["cluster"].reindex(phenotypes["sample"])
    rows = labels.assign(
        cluster=cluster.to_numpy(), environment=phenotypes["environment"].to_numpy()
    )
    known = {by: rows[by] for by in ("cluster", "family", "year", "environment") if by in rows}
    if parents_of(phenotypes) is not None:
        del known["cluster"]
    return {
        by: group.map(lambda it: f"{it:.10g}" if isinstance(it, float) else str(it), "ignore")
        for by, group in known.items()
        if group.notna().any()
    }


def group_scores(
    predictions: Mapping[str, pd.DataFrame],
    phenotypes: pd.DataFrame,
    groups: Mapping[str, pd.Series],
    classes: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """group_scores.tsv: every model's accuracy within every group, by repeat.

    groups: as `groups_of` gives them. classes: those of test hybrids, as `hybrid_classes` gives
    them: one more kind of groups. A group's test lines of a repeat are taken together, since single
    folds hold few of them, and correlated about their folds' means: a fold whose values happen to
    be high was predicted from a training set with a lower mean. Where there are environments
    figures are means of those within each, and `lines` counts values. Returns COLUMNS; pearson is
    NaN of fewer than LEAST lines beyond one a fold, and where the predictions are constant.
    """
    records = []
    for model, table in predictions.items():
        tests = table[(table["permutation"] == 0) & (table["role"] == "test")]
        position, value = keys(phenotypes).get_indexer(keys(tests)), observed(phenotypes, tests)
        told_of = ["repeat", "fold", "environment", "predicted"]
        pairs = tests[told_of].assign(value=value).reset_index(drop=True)
        told = {by: group.to_numpy()[position] for by, group in groups.items()}
        if classes is not None:
            told[HYBRID_CLASS] = class_of(tests, classes)
        for by, of in told.items():
            dealt = pairs.groupby(["repeat", of])
            records += [(model, repeat, by, name, *_figures(it)) for (repeat, name), it in dealt]
    return pd.DataFrame(records, columns=COLUMNS)


def class_of(tests: pd.DataFrame, classes: pd.DataFrame) -> np.ndarray:
    """(rows,) the class of test hybrids; both with repeat, fold and sample."""
    named = classes.set_index(["repeat", "fold", "sample"])["class"]
    wanted = pd.MultiIndex.from_frame(tests[["repeat", "fold", "sample"]])
    return np.asarray(named.reindex(wanted))


def _figures(lines: pd.DataFrame) -> tuple[int, float, float]:
    """How many lines there are, and their Pearson correlation and RMSE within environments."""
    value, predicted = lines["value"].to_numpy(), lines["predicted"].to_numpy(np.float64)
    fold = lines["fold"].to_numpy()

    def figures(rows: np.ndarray) -> dict[str, float]:
        ability = pearson_about_means(value[rows], predicted[rows], fold[rows])
        return {
            "pearson": np.nan if ability is None else ability,
            "rmse": rmse(value[rows], predicted[rows]),
        }

    found = within(lines["environment"].to_numpy(object), figures)
    return len(lines), found["pearson"], found["rmse"]
