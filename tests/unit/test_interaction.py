"""GBLUP and RKHS of lines in several environments, against truth that is known."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from breedcast.errors import UserError
from breedcast.models.base import Lines
from breedcast.models.gblup import GBLUP
from breedcast.models.in_environments import interaction_of
from breedcast.models.rkhs import RKHS
from breedcast.validation.plan import units
from breedcast.validation.schemes import SCHEMES
from tests.unit.norms import accuracy as accuracy_of
from tests.unit.norms import lines_with_norms

MARKERS, TRIALS = 150, 3
#: Genetic covariances: two environments alike, the third against the first.
TRUE = np.array([[1.0, 0.8, -0.5], [0.8, 1.0, -0.1], [-0.5, -0.1, 1.0]])


@pytest.fixture(scope="module")
def population():
    """Lines of all values, what their genetic values are, and rows of the codes."""
    rng = np.random.default_rng(2)
    codes = rng.integers(0, 3, (200, MARKERS)).astype(np.uint8)
    dosage = (codes - 1.0) / np.sqrt(MARKERS * 2 / 3)
    effects = rng.multivariate_normal(np.zeros(TRIALS), TRUE, MARKERS)
    genetic = (dosage @ effects).ravel()
    error = rng.normal(0, np.tile([0.5, 1.0, 0.7], 200))
    table = pd.DataFrame(
        {
            "sample": np.repeat([f"L{number}" for number in range(200)], TRIALS),
            "environment": np.tile(["north", "south", "west"], 200),
            "value": np.tile([5.0, 50.0, 500.0], 200) + genetic + error,
            "weight": 1.0,
        }
    )
    return Lines.of(np.repeat(codes, TRIALS, axis=0), 2, table), genetic


def accuracy(model, population, train, test):
    """Correlation with true genetic values within environments, the mean over these."""
    lines, genetic = population
    predicted = model.fit(lines.take(train), 0, "cpu").predict(lines.take(test).blind()).mean
    within = lines.environment[test]
    return np.mean(
        [
            np.corrcoef(predicted[within == it], genetic[test][within == it])[0, 1]
            for it in np.unique(within)
        ]
    )


@pytest.fixture(scope="module")
def sparse():
    """Of every line one of the three values is tested."""
    rng = np.random.default_rng(3)
    tested = np.arange(200) * TRIALS + rng.integers(0, TRIALS, 200)
    return np.setdiff1d(np.arange(600), tested), tested


def test_covariances_between_environments_are_found(population):
    lines, _ = population
    fitted = GBLUP().fit(lines, 0, "cpu")
    facts = fitted.facts
    found = [
        facts[f"environment_correlation {pair}"]
        for pair in ("north, south", "north, west", "south, west")
    ]
    np.testing.assert_allclose(found, TRUE[np.triu_indices(3, 1)], atol=0.2)
    arrays = fitted.weights()
    np.testing.assert_allclose(np.sqrt(arrays["residual_variances"]), [0.5, 1.0, 0.7], atol=0.15)


@pytest.mark.parametrize("kernels", [None, ("gaussian",)], ids=["gblup", "rkhs"])
def test_other_environments_help_as_far_as_they_are_alike(population, sparse, kernels):
    found = {
        interaction: accuracy(
            GBLUP(interaction) if kernels is None else RKHS(kernels, interaction=interaction),
            population,
            *sparse,
        )
        for interaction in ("none", "uniform", "unstructured")
    }
    assert found["unstructured"] > found["uniform"] + 0.02
    assert found["uniform"] > found["none"] + 0.05


@pytest.mark.parametrize("interaction", ["uniform", "unstructured"])
def test_a_new_environment_is_the_mean_of_those_known(population, interaction):
    lines, _ = population
    fitted = GBLUP(interaction).fit(lines, 0, "cpu")
    some = lines.take(np.arange(30))
    new = np.full(30, "east", object)
    covariates = some.covariates.assign(environment=new)
    east = fitted.predict(replace(some, environment=new, covariates=covariates).blind()).mean
    known = fitted.predict(some.blind()).mean.reshape(10, TRIALS)
    expected = known.mean(axis=1)
    found = east.reshape(10, TRIALS)
    np.testing.assert_allclose(found, np.repeat(found[:, :1], TRIALS, axis=1))
    if interaction == "unstructured":
        np.testing.assert_allclose(found[:, 0], expected)
    else:  # the interactions with known environments do not count
        assert np.corrcoef(found[:, 0], expected)[0, 1] > 0.9
    assert abs(found.mean() - 555 / 3) < 1


def test_uniform_is_the_mixed_model_of_both_kernels(population):
    """Against the equations with the variances that were found."""
    lines, _ = population
    rng = np.random.default_rng(5)
    lines = replace(lines, weight=rng.uniform(0.5, 2, 600)).take(
        np.sort(rng.permutation(600)[:300])
    )
    fitted = GBLUP("uniform").fit(lines, 0, "cpu")
    mixed, (main, own) = fitted.across.mixed, fitted.across.shares
    K = fitted.relationships(lines)[0][:, fitted.across.line]
    same = lines.environment[:, None] == lines.environment
    G = mixed.sigma2_g * K * (main + own * same)
    V = G + np.diag(mixed.sigma2_e / lines.weights)
    X = pd.get_dummies(lines.environment).to_numpy(float)
    b = np.linalg.solve(X.T @ np.linalg.solve(V, X), X.T @ np.linalg.solve(V, lines.observed))
    expected = X @ b + G @ np.linalg.solve(V, lines.observed - X @ b)
    np.testing.assert_allclose(fitted.predict(lines.blind()).mean, expected, rtol=1e-6)


def test_marker_effects_tell_of_main_effects(population):
    lines, _ = population
    for interaction in ("uniform", "unstructured"):
        fitted = GBLUP(interaction).fit(lines, 0, "cpu")
        effect = fitted.marker_effects
        new = np.full(len(lines), "east", object)
        covariates = lines.covariates.assign(environment=new)
        east = replace(lines, environment=new, covariates=covariates).blind()
        changed = east.codes.copy()
        changed[0, 7] = (changed[0, 7] + 1) % 3
        before, after = (
            fitted.predict(replace(east, codes=codes)).mean[0] for codes in (east.codes, changed)
        )
        copies = int(changed[0, 7]) - int(east.codes[0, 7])
        np.testing.assert_allclose(after - before, copies * effect[7], rtol=1e-6)
        assert list(fitted.saliency) == ["effect"]


def test_auto_takes_what_the_data_allow(population):
    lines, _ = population
    assert interaction_of(lines, "auto") == "auto"
    assert interaction_of(lines.take(np.arange(45)), "auto") == "uniform"
    assert interaction_of(lines, "none") == "none"
    north = lines.take(np.arange(0, 600, TRIALS))
    assert interaction_of(north, "unstructured") == "none"
    assert interaction_of(replace(lines, environment=None), "uniform") == "none"


def test_environments_share_few_factors():
    """Six environments that differ in two unseen conditions: the pairs are not alike."""
    gains = []
    for seed in range(4):
        records, table, genetic = lines_with_norms(
            seed, lines=150, markers=80, environments=6, grown=0.9, told=False
        )
        plan = SCHEMES["cv2"](4, 1, 2, 0).make_plan(table, "yield")
        unit = next(it for it in units(plan, table, 0) if not it.is_candidates)
        records = replace(records, conditions=None)
        of_forms = [
            accuracy_of(GBLUP(it), records, genetic, unit.train, unit.test)
            for it in ("uniform", "auto", "factor_analytic")
        ]
        gains.append(np.diff(of_forms[:2])[0])
        assert of_forms[2] > of_forms[0] - 0.03
    assert np.mean(gains) > 0.02


def test_where_all_pairs_are_alike_auto_says_so():
    """A main effect and interactions of one variance: two numbers tell all of it."""
    records, _, _ = lines_with_norms(5, lines=150, environments=6, grown=0.9, shares=(0.6, 0, 0.4))
    records = replace(records, conditions=None)
    fitted = GBLUP().fit(records, 0, "cpu")
    between = [value for fact, value in fitted.facts.items() if "correlation" in fact]
    assert len(between) == 15
    np.testing.assert_allclose(between, between[0])
    assert between[0] == pytest.approx(0.6, abs=0.2)


def test_few_environments_have_any_covariance(population):
    lines, _ = population
    some = GBLUP("factor_analytic").fit(lines, 0, "cpu").weights()
    any_of = GBLUP("unstructured").fit(lines, 0, "cpu").weights()
    np.testing.assert_array_equal(some["genetic_covariances"], any_of["genetic_covariances"])


def test_an_environment_whose_values_are_all_equal_has_no_covariances(population):
    lines, _ = population
    flat = replace(lines, value=np.where(lines.environment == "south", 0.0, lines.observed))
    assert interaction_of(flat, "auto") == "uniform"
    assert np.isfinite(GBLUP().fit(flat, 0, "cpu").predict(flat.blind()).mean).all()
    with pytest.raises(UserError, match="in one of the environments a trait does not vary"):
        GBLUP(interaction="unstructured").fit(flat, 0, "cpu")


def test_markers_that_do_not_vary_are_told(population):
    lines, _ = population
    alike = replace(lines, codes=np.ones_like(lines.codes))
    for model in (GBLUP(), GBLUP(interaction="none"), RKHS()):
        with pytest.raises(UserError, match="no marker varies among these lines; keep more"):
            model.fit(alike, 0, "cpu")
