"""Nearly identical lines (genotypes/duplicated_lines.tsv): in one fold, or told apart in scores."""

from __future__ import annotations

import numpy as np
import pandas as pd


def bundles(samples: pd.Series, pairs: pd.DataFrame) -> np.ndarray:
    """(rows,) the bundle of each row, numbered from 0 by its first row.

    Lines of a pair are in one bundle, and so are those that a chain of pairs connects. samples:
    (rows,) names of lines; pairs: line_1 and line_2, of any lines.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    line, names = pd.factorize(samples)
    position = pd.Index(names)
    first, second = (position.get_indexer(pairs[column]) for column in ("line_1", "line_2"))
    here = (first >= 0) & (second >= 0)
    edges = (np.ones(here.sum()), (first[here], second[here]))
    _, label = connected_components(coo_array(edges, (len(names), len(names))), directed=False)
    return pd.factorize(label[line])[0]


def alike_to_training(plan: pd.DataFrame, pairs: pd.DataFrame) -> pd.MultiIndex:
    """Repeat, fold and sample of the test lines that a training line is nearly identical to."""
    columns = ["sample", "partner"]
    both = np.concatenate([pairs[["line_1", "line_2"]], pairs[["line_2", "line_1"]]])
    partners = pd.DataFrame(both, columns=columns, dtype=str)
    unit = ["repeat", "fold"]
    tests, trains = (
        plan.loc[plan["role"] == role, [*unit, "sample"]].drop_duplicates()
        for role in ("test", "train")
    )
    alike = tests.merge(partners, on="sample").merge(
        trains.rename(columns={"sample": "partner"}), on=[*unit, "partner"]
    )
    return pd.MultiIndex.from_frame(alike[[*unit, "sample"]]).unique()
