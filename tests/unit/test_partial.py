"""Predictive ability beyond covariates: families of known means, lines that differ within them."""

import numpy as np
import pandas as pd
import pytest

from breedcast.scoring.partial import partial_pearson
from breedcast.scoring.scores import score
from breedcast.validation.control import permuted

LINES = 6000
FAMILIES = np.repeat([0.0, 5.0, -4.0], LINES // 3)


@pytest.fixture
def phenotypes() -> pd.DataFrame:
    """Values: the family's mean, a genetic part that models know and a rest, of variance 1 each."""
    rng = np.random.default_rng(0)
    known = rng.normal(size=LINES)
    lines = pd.DataFrame({"sample": [f"L{n}" for n in range(LINES)], "environment": None})
    lines["value"] = 20 + FAMILIES + known + rng.normal(size=LINES)
    return lines.assign(
        weight=1.0, known=known, family=pd.Series(FAMILIES).map({0.0: "A", 5.0: "B", -4.0: "C"})
    )


def parts(phenotypes, predicted) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Test rows, inner rows (every other line) and phenotypes as the contract has them."""
    rows = phenotypes[["sample", "environment"]].assign(predicted=predicted)
    return rows.iloc[1::2], rows.iloc[::2], phenotypes.drop(columns="known")


def test_it_is_the_correlation_within_families(phenotypes):
    """Half the variance within families is known: r = sqrt(1/2), whether or not the model also
    knows the families, whose means alone make r = 0.94 of all lines."""
    knows_both = 20 + FAMILIES + phenotypes["known"]
    test, inner, lines = parts(phenotypes, knows_both)
    beyond = partial_pearson(test, inner, lines)
    assert beyond == pytest.approx(np.sqrt(0.5), abs=0.02)
    assert np.corrcoef(lines["value"], knows_both)[0, 1] > 0.9
    knows_lines = 3 * phenotypes["known"]
    assert partial_pearson(*parts(phenotypes, knows_lines)) == pytest.approx(beyond, abs=0.01)


def test_what_family_means_alone_predict_is_nothing(phenotypes):
    jitter = 1e-3 * np.random.default_rng(1).normal(size=LINES)
    assert abs(partial_pearson(*parts(phenotypes, FAMILIES + jitter))) < 0.05


def test_covariate_effects_in_the_predictions_move_nothing(phenotypes):
    """Of a number too: effects are linear, and taken out of both."""
    phenotypes["height"] = np.random.default_rng(2).normal(size=LINES)
    plain = partial_pearson(*parts(phenotypes, phenotypes["known"]))
    added = phenotypes["known"] + 7 * phenotypes["height"] - 3 * FAMILIES
    assert partial_pearson(*parts(phenotypes, added)) == pytest.approx(plain)


def test_effects_are_learnt_from_training_lines(phenotypes):
    """Test lines of a new family carry its mean: nobody could have known it."""
    test, inner, lines = parts(phenotypes, phenotypes["known"])
    before = partial_pearson(test, inner, lines)
    moved = lines["sample"].isin(test["sample"][::3])
    other = lines.assign(
        family=lines["family"].mask(moved, "new"), value=lines["value"] + 30 * moved
    )
    assert partial_pearson(test, inner, other) < 0.2 * before


def test_traits_with_covariates_are_scored_so_and_others_are_not(phenotypes):
    test, inner, lines = parts(phenotypes, phenotypes["known"])
    unit = {"repeat": 0, "fold": 0, "permutation": 0}
    predictions = pd.concat([test.assign(role="test"), inner.assign(role="inner")]).assign(**unit)
    plan = pd.concat([test.assign(role="test"), inner.assign(role="train")]).assign(**unit)
    scored = score(predictions, plan, lambda _: lines, "high").set_index("metric")["value"]
    assert scored["partial_pearson"] == partial_pearson(test, inner, lines)
    plain = score(predictions, plan, lambda _: lines.drop(columns="family"), "high")
    assert "partial_pearson" not in set(plain["metric"])


def test_a_control_that_knows_covariates_alone_is_nothing_beyond_them(phenotypes):
    """Values are dealt with their families, whose means a model still knows: no leak."""
    lines = phenotypes.drop(columns="known")
    dealt = permuted(lines, 0, "yield", 1)
    means = dealt["family"].map({"A": 20.0, "B": 25.0, "C": 16.0})
    test, inner, _ = parts(phenotypes, means + 0.1 * phenotypes["known"])
    roles = pd.concat([test.assign(role="control"), inner.assign(role="inner")])
    predictions = roles.assign(repeat=0, fold=0, permutation=1)
    real = pd.concat([test.assign(role="test"), inner.assign(role="inner")])
    predictions = pd.concat([predictions, real.assign(repeat=0, fold=0, permutation=0)])
    plan = pd.concat([test.assign(role="test"), inner.assign(role="train")])
    plan = plan.assign(repeat=0, fold=0)
    scored = score(predictions, plan, lambda number: dealt if number else lines, "high")
    found = scored.set_index("metric")["value"]
    assert found["control_pearson"] > 0.9
    assert abs(found["control_partial_pearson"]) < 0.05
