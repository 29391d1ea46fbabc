"""The selection index against its definitions: worth, proportions of gains, directions."""

import numpy as np
import pandas as pd
import pytest

from breedcast.errors import UserError
from breedcast.selection.index import index_of_candidates, rank_by_index
from breedcast.several_traits import genetic_correlations, index_columns

DIRECTIONS = {"yield": "high", "disease": "low", "height": "high"}


def predictions(lines=400, seed=0):
    """Predicted values whose traits are correlated, as the ones of a breeding program are."""
    covariance = [[4.0, 3.0, -1.0], [3.0, 9.0, 2.0], [-1.0, 2.0, 25.0]]
    values = np.random.default_rng(seed).multivariate_normal([10, 50, 120], covariance, lines)
    return pd.DataFrame(values, columns=list(DIRECTIONS), index=[f"L{n}" for n in range(lines)])


def ranked(predicted, weights=None, desired=None, fraction=0.1, slopes=None, genetic=None):
    return rank_by_index(
        predicted,
        DIRECTIONS,
        slopes or {},
        genetic or {},
        weights=weights,
        desired_gains=desired,
        fraction=fraction,
    )


def test_weights_rank_by_what_the_predicted_values_are_worth():
    predicted = predictions()
    index = ranked(predicted, weights={"yield": 3, "disease": 2, "height": 0})
    worth = 3 * predicted["yield"] - 2 * predicted["disease"]
    expected = worth.sort_values(ascending=False)
    lines = index.lines
    assert lines["sample"].tolist() == expected.index.tolist()
    assert lines["rank"].tolist() == list(range(1, 401))
    np.testing.assert_allclose(lines["index"], expected - worth.mean())
    assert lines["selected"].sum() == 40
    assert lines["selected"].head(40).all()
    chosen = predicted.loc[lines.loc[lines["selected"], "sample"]]
    change = chosen.mean() - predicted.mean()
    gains = index.gains.set_index("trait")["gain"]
    assert gains["yield"] == pytest.approx(change["yield"])
    assert gains["disease"] == pytest.approx(-change["disease"])  # less of it is for the better
    assert lines["predicted_disease"].tolist() == predicted.loc[lines["sample"], "disease"].tolist()


def test_no_other_weights_gain_more_worth():
    """The index of economic weights is the best linear one of its predictions."""
    predicted = predictions()
    weights = {"yield": 3.0, "disease": 2.0, "height": 1.0}

    def worth(other):
        gains = ranked(predicted, weights=other).gains
        return sum(gains["gain"] * [weights[trait] for trait in gains["trait"]])

    best = worth(weights)
    rng = np.random.default_rng(0)
    for _ in range(30):
        other = {trait: it * rng.uniform(0.3, 3) for trait, it in weights.items()}
        assert worth(other) <= best + 1e-9


def test_desired_gains_are_reached_in_proportion():
    """Of many lines: what selection moves is then what the normal distribution says."""
    predicted = predictions(lines=200_000)
    desired = {"yield": 1.0, "disease": 0.5, "height": 0.0}
    index = ranked(predicted, desired=desired, fraction=0.2)
    gains = index.gains.set_index("trait")
    assert gains.loc["yield", "gain"] > 0
    ratio = gains["gain"] / gains.loc["yield", "gain"]
    assert ratio["disease"] == pytest.approx(0.5, abs=0.02)
    assert ratio["height"] == pytest.approx(0, abs=0.02)
    # i / sqrt(d' C^-1 d), i = 1.4 for the best fifth (Falconer & Mackay's table)
    C = np.cov((predicted * [1, -1, 1]).T)
    d = np.array(list(desired.values()))
    expected = 1.3998 / np.sqrt(d @ np.linalg.solve(C, d))
    assert gains.loc["yield", "gain"] == pytest.approx(expected, rel=0.01)
    assert index.lines["index"].std() == pytest.approx(1, abs=1e-4)


def test_gains_are_borne_out_by_slopes_and_genetic_correlations_are_told():
    index = ranked(
        predictions(),
        weights={"yield": 1, "disease": 1, "height": 0},
        slopes={"yield": 0.5, "disease": 1.0},
        genetic={("disease", "yield"): 0.7},
    )
    gains = index.gains.set_index("trait")
    assert gains.loc["yield", "validated_gain"] == pytest.approx(gains.loc["yield", "gain"] / 2)
    assert np.isnan(gains.loc["height", "validated_gain"])
    between = index.correlations.set_index(["trait_1", "trait_2"])
    assert between.loc[("yield", "disease"), "genetic"] == 0.7
    assert np.isnan(between.loc[("yield", "height"), "genetic"])
    expected = predictions().corr().loc["yield", "disease"]
    assert between.loc[("yield", "disease"), "predicted"] == pytest.approx(expected)


def test_only_lines_that_are_candidates_for_every_trait_are_ranked_and_by_one_model():
    def tables(trait, samples, slope):
        rows = pd.DataFrame({"sample": samples, "predicted": np.arange(len(samples), dtype=float)})
        candidates = [rows.assign(model="gblup"), rows.assign(model="dnn", predicted=-1.0)]
        response = pd.DataFrame({"model": ["gblup", "gblup", "dnn"], "slope": [slope, slope, 9.0]})
        return trait, pd.concat(candidates), response

    given = [tables("yield", ["007", "B", "C"], 0.5), tables("height", ["C", "007", "D"], 0.7)]
    asked = {"weights": {"yield": 1, "height": 0}, "desired_gains": None, "fraction": 0.5}
    index = index_of_candidates(given, DIRECTIONS, {}, model="gblup", **asked)
    assert index.lines["sample"].tolist() == ["C", "007"]
    assert index.lines["predicted_yield"].tolist() == [2, 0]
    assert index.lines["predicted_height"].tolist() == [0, 1]
    assert index.gains["slope"].tolist() == [0.5, 0.7]


def test_traits_that_move_together_cannot_be_moved_apart():
    predicted = predictions().assign(disease=lambda it: 2 * it["yield"])
    with pytest.raises(UserError, match="desired_gains: the predicted values of 400 candidates"):
        ranked(predicted, desired={"yield": 1, "disease": 1, "height": 0})


def test_without_candidates_there_are_no_rows():
    for kind in ("weights", "desired"):
        asked = {kind: {"yield": 1, "disease": 1, "height": 0}}
        index = ranked(predictions().iloc[:0], **asked)
        assert index.lines.empty
        assert index.gains["gain"].isna().all()


def test_correlations_come_from_the_fit_on_all_lines():
    facts = pd.DataFrame(
        {
            "repeat": [0, -1, -1, -1],
            "inner_fold": pd.array([None, None, 0, None], dtype="Int64"),
            "fact": ["genetic_correlation with b"] * 3 + ["heritability"],
            "value": [0.1, 0.2, 0.3, 0.4],
        }
    )
    assert genetic_correlations({"a": facts}) == {("a", "b"): 0.2}


@pytest.mark.parametrize(
    ("index", "line"),
    [
        ({"weights": None, "desired_gains": None}, "give either weights or desired_gains"),
        ({"weights": {"a": 1}, "desired_gains": {"a": 1}}, "give either weights or desired_gains"),
        ({"weights": {"c": 1}, "desired_gains": None}, "weights: 'c' is not among the traits a, b"),
        ({"weights": None, "desired_gains": {"a": 0}}, "desired_gains: all are 0"),
    ],
)
def test_an_index_that_cannot_be_is_one_line(index, line):
    with pytest.raises(UserError, match=f"^config, selection: index: .*{line}"):
        index_columns(index, ["a", "b"])


def test_an_index_names_its_traits():
    assert index_columns(None, ["a"]) == []
    assert index_columns({"weights": {"b": 1, "a": 0}, "desired_gains": None}, ["a", "b"]) == [
        "b",
        "a",
    ]
