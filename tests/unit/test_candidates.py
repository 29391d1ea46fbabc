"""The candidates' table: intervals from all phenotyped lines, ranks in the trait's direction."""

import numpy as np
import pandas as pd
import pytest

from breedcast.files import read_table, write_table
from breedcast.selection.candidates import COLUMNS, rank_candidates


@pytest.fixture
def phenotypes() -> pd.DataFrame:
    samples = [f"line{number}" for number in range(19)] + ["007", "new1", "new2", "new3"]
    value = [float(number) for number in range(19)] + [np.nan] * 4
    return pd.DataFrame({"sample": samples, "environment": np.nan, "value": value, "weight": 1.0})


def predictions_of(phenotypes, candidates: list[float], sd: float) -> pd.DataFrame:
    """Inner residuals 1..19 in the candidate unit, 100 in another; candidates as told."""
    lines = phenotypes.iloc[:19]
    inner = lines.assign(
        repeat=-1, fold=-1, role="inner", predicted=lines["value"] - np.arange(1.0, 20.0)
    )
    elsewhere = inner.assign(repeat=0, fold=0, predicted=lines["value"] + 100)
    new = phenotypes.iloc[19:].assign(repeat=-1, fold=-1, role="candidate", predicted=candidates)
    frame = pd.concat([elsewhere, inner, new], ignore_index=True)
    return frame.drop(columns=["value", "weight"]).assign(permutation=0, sd=sd, reliability=0.4)


def test_intervals_come_from_the_candidate_unit_alone(phenotypes):
    table = predictions_of(phenotypes, [5.0, 7.0, 6.0, 1.0], np.nan)
    ranked = rank_candidates({"dnngp": table}, phenotypes, 0.9, "high")
    assert np.allclose(ranked["predicted"] - ranked["lower"], 18)
    assert np.allclose(ranked["upper"] - ranked["predicted"], 18)
    assert ranked[["bv_lower", "bv_upper"]].isna().all(axis=None)
    assert ranked.columns.tolist() == COLUMNS


def test_the_genetic_value_uses_the_normal_quantile(phenotypes):
    table = predictions_of(phenotypes, [5.0, 7.0, 6.0, 1.0], 2.0)
    ranked = rank_candidates({"gblup": table}, phenotypes, 0.95, "high")
    assert np.allclose(ranked["bv_upper"] - ranked["predicted"], 1.959964 * 2)
    assert np.allclose(ranked["predicted"] - ranked["bv_lower"], 1.959964 * 2)


@pytest.mark.parametrize(
    ("direction", "best"),
    [("high", ["new1", "007", "new2", "new3"]), ("low", ["new3", "007", "new2", "new1"])],
)
def test_rank_follows_the_direction_and_ties_share_the_better_one(phenotypes, direction, best):
    table = predictions_of(phenotypes, [5.0, 7.0, 5.0, 1.0], np.nan)
    ranked = rank_candidates({"dnngp": table}, phenotypes, 0.9, direction)
    assert ranked["sample"].tolist() == best
    assert ranked["rank"].tolist() == [1, 2, 2, 4]


def test_every_model_ranks_every_candidate(phenotypes):
    tables = {
        "gblup": predictions_of(phenotypes, [1.0, 2.0, 3.0, 4.0], 1.0),
        "ensemble": predictions_of(phenotypes, [4.0, 3.0, 2.0, 1.0], np.nan),
    }
    ranked = rank_candidates(tables, phenotypes, 0.9, "high")
    assert ranked["model"].tolist() == ["gblup"] * 4 + ["ensemble"] * 4
    assert ranked.groupby("model")["sample"].nunique().tolist() == [4, 4]


def test_no_candidates_give_an_empty_table_with_its_columns(phenotypes, tmp_path):
    table = predictions_of(phenotypes, [5.0, 7.0, 6.0, 1.0], 1.0)
    table = table[table["role"] == "inner"]
    ranked = rank_candidates({"gblup": table, "dnngp": table}, phenotypes, 0.9, "high")
    assert ranked.columns.tolist() == COLUMNS
    assert ranked.empty
    write_table(ranked, tmp_path / "candidates.tsv")
    assert read_table(tmp_path / "candidates.tsv").empty


def test_the_table_survives_the_disk_infinite_intervals_included(phenotypes, tmp_path):
    table = predictions_of(phenotypes, [5.0, 7.0, 6.0, 1.0], np.nan)
    few = table[(table["role"] == "candidate") | (table["sample"] < "line12")]
    ranked = rank_candidates({"dnngp": few}, phenotypes, 0.99, "high")
    assert np.isinf(ranked[["lower", "upper"]]).all(axis=None)
    write_table(ranked, tmp_path / "candidates.tsv")
    again = read_table(tmp_path / "candidates.tsv")
    pd.testing.assert_frame_equal(again, ranked, check_dtype=False)
