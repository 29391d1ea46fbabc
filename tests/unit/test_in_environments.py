"""Tables that tell environments apart, from the file to records, and what follows from records."""

import numpy as np
import pandas as pd
import pytest

from breedcast.errors import UserError
from breedcast.phenotypes.clean import clean_phenotypes
from breedcast.phenotypes.in_environments import read_trait_table
from breedcast.phenotypes.labels import families_of, labels_of
from breedcast.phenotypes.line_means import line_means
from breedcast.phenotypes.records import levels, within
from breedcast.selection.in_environments import (
    in_each_environment,
    on_one_level,
    several_values,
)
from tests.unit.trials import lines_in_trials


def written(tmp_path, text):
    path = tmp_path / "traits.csv"
    path.write_text(text)
    return path


LONG = "line,trial,family,yield\nA,N,x,1\nA,S,x,2\nB,N,y,3\nC,S,z,NA\nD,S,z,4\n"
WIDE = "line,family,N,S\nA,x,1,2\nB,y,3,NA\nC,z,NA,NA\nD,z,NA,4\n"
RECORDS = [("A", "N", 1.0), ("A", "S", 2.0), ("B", "N", 3.0), ("D", "S", 4.0)]


@pytest.mark.parametrize(
    ("text", "apart"),
    [(LONG, "trial"), (WIDE, {"yield": ["N", "S"]})],
    ids=["long", "wide"],
)
def test_long_and_wide_tables_become_the_same_records(tmp_path, text, apart):
    table = read_trait_table(written(tmp_path, text), None, apart)
    cleaned = clean_phenotypes(table, "yield", [], None, ["A", "B", "C", "D"], {}, None).lines
    measured = cleaned[cleaned["value"].notna()]
    records = measured[["sample", "environment", "value"]].itertuples(index=False, name=None)
    assert sorted(records) == RECORDS
    candidates = cleaned[cleaned["value"].isna()]
    assert candidates["sample"].tolist() == ["C", "C"]
    assert set(candidates["environment"]) == {"N", "S"}
    told = labels_of(table, {"family": "family"}, cleaned)
    assert told["sample"].tolist() == cleaned["sample"].tolist()
    assert families_of(told).to_dict() == {"A": "x", "B": "y", "C": "z", "D": "z"}


def test_covariates_are_of_the_record_or_else_of_the_line(tmp_path):
    text = "line,trial,rain,yield\nA,N,5,1\nA,S,7,2\nB,N,6,3\nC,S,8,NA\nD,N,4,1\nE,N,4,2\n"
    table = read_trait_table(written(tmp_path, text), None, "trial")
    genotyped = ["A", "B", "C", "D", "E"]
    lines = clean_phenotypes(table, "yield", ["rain"], None, genotyped, {}, None).lines
    assert lines["rain"].tolist() == [5, 7, 6, 4, 4, 8, 8]


@pytest.mark.parametrize(
    ("text", "apart", "message"),
    [
        (LONG, "place", "no column 'place'"),
        (LONG + "A,N,x,5\n", "trial", "line 7: 'A' stands in environment 'N' already .line 2."),
        (LONG + "E,,x,5\n", "trial", "line 7: no value in column 'trial'; every row needs one"),
        (WIDE, {"family": ["N", "S"]}, "has a column 'family'; give the trait another name"),
        (WIDE, {"yield": ["N", "W"]}, "no column 'W'"),
        (WIDE, {"yield": ["N", "family"]}, "line 2, column 'family' .*: 'x' is not a number"),
        (WIDE, True, "true is for plots"),
    ],
)
def test_a_mistake_is_one_line(tmp_path, text, apart, message):
    with pytest.raises(UserError, match=message):
        read_trait_table(written(tmp_path, text), None, apart)


def test_means_of_lines_know_that_environments_differ():
    table, _ = lines_in_trials()
    found = line_means(table).set_index("sample")
    simple = table.groupby("sample", sort=False)["value"].mean()
    np.testing.assert_allclose(found["value"], simple, atol=1e-9)
    assert found["environment"].isna().all()
    # E3 is 30 above E0: a line that was in E3 alone is not 15 better than the others
    sparse = table[(table["sample"] != "L0") | (table["environment"] == "E3")]
    alone = line_means(sparse).set_index("sample")["value"]
    assert abs(alone["L0"] - found["value"]["L0"]) < 6
    without = table.assign(environment=None)
    assert line_means(without) is without


def test_figures_are_means_over_environments_of_those_within():
    environment = np.array(["a", "b"] * 6, object)
    rng = np.random.default_rng(0)
    value, predicted = rng.normal(size=(2, 12))
    predicted[environment == "b"] = 1.0

    def correlation(rows):
        constant = np.ptp(predicted[rows]) == 0
        found = np.nan if constant else np.corrcoef(value[rows], predicted[rows])[0, 1]
        return {"pearson": found, "rows": float(len(rows))}

    expected = np.corrcoef(value[::2], predicted[::2])[0, 1] / 2
    assert within(environment, correlation) == {"pearson": pytest.approx(expected), "rows": 6.0}
    assert within(np.full(12, None), correlation)["rows"] == 12
    none = within(environment[environment == "b"], lambda rows: {"pearson": np.nan})
    assert np.isnan(none["pearson"])


def test_an_environment_without_values_is_at_the_mean_of_the_others():
    environment = np.array(["a", "b", "c", "b"], object)
    found = levels(environment, environment[[0, 1, 3]], np.array([1.0, 2.0, 4.0]))
    assert found.tolist() == [1.0, 3.0, 2.0, 3.0]
    assert levels(np.full(3, None), np.full(2, None), np.ones(2)).tolist() == [0.0, 0.0, 0.0]


def predictions_of(table):
    """A perfect model's rows of the candidates' unit, with two inner folds of lines."""
    fold = table["sample"].str[1:].astype(int) % 2
    known = table["value"].notna()
    common = {"repeat": -1, "fold": -1, "permutation": 0, "sd": np.nan, "reliability": np.nan}
    inner = table[known].assign(role="inner", inner_fold=fold[known], predicted=table["value"])
    rng = np.random.default_rng(1)
    place = table.loc[~known, "environment"].str[1:].astype(float) * 10
    new = table[~known].assign(predicted=place + rng.normal(size=len(place)))
    members = [new.assign(role="member", inner_fold=it) for it in (0, 1)]
    return pd.concat([inner, *members, new.assign(role="candidate", inner_fold=np.nan)]).assign(
        **common
    )


def test_candidates_are_ranked_by_their_mean_over_environments_and_in_each():
    table, _ = lines_in_trials()
    predictions = predictions_of(table)
    of_lines, lines = on_one_level({"m": predictions}, table)
    assert several_values(table)
    assert not several_values(lines)
    known = lines[lines["value"].notna()].set_index("sample")
    simple = table.groupby("sample")["value"].mean()
    np.testing.assert_allclose(known["value"], simple[known.index], atol=1e-9)
    found = of_lines["m"][of_lines["m"]["role"] == "candidate"].set_index("sample")["predicted"]
    candidates = predictions[predictions["role"] == "candidate"]
    expected = candidates.groupby("sample")["predicted"].mean()
    np.testing.assert_allclose(found, expected[found.index], atol=1e-9)
    each = in_each_environment({"m": predictions}, table, level=0.9, direction="high")
    assert len(each) == 20
    for _, rows in each.groupby("environment"):
        assert rows["rank"].tolist() == [1, 2, 3, 4, 5]
        assert rows["predicted"].is_monotonic_decreasing
