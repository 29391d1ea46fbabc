"""Optimal contributions against a general solver, two lines by hand, and what the tables tell."""

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import minimize

from breedcast.genotypes.columns import CodeColumns
from breedcast.selection.contribution import (
    CONTRIBUTIONS,
    FRONTIER,
    choose_contributions,
    optimum,
    optimum_at,
)
from breedcast.selection.merit import Merit


def problem(seed, lines=12):
    rng = np.random.default_rng(seed)
    Z = rng.normal(0, 1, (lines, 3 * lines))
    return Z @ Z.T / (3 * lines), rng.normal(0, 1, lines)


def by_slsqp(K, g, weight):
    found = minimize(
        lambda c: c @ K @ c / 2 - weight * g @ c,
        np.full(len(g), 1 / len(g)),
        jac=lambda c: K @ c - weight * g,
        bounds=[(0, 1)] * len(g),
        constraints={"type": "eq", "fun": lambda c: c.sum() - 1, "jac": lambda c: np.ones(len(c))},
        method="SLSQP",
        options={"ftol": 1e-14, "maxiter": 500},
    )
    return found.x


@pytest.mark.parametrize("weight", [0.0, 0.05, 0.5, 5.0])
@pytest.mark.parametrize("seed", range(5))
def test_contributions_are_those_of_a_general_solver(seed, weight):
    K, g = problem(seed)
    c = optimum(K, g, weight)
    assert c.min() >= 0
    assert c.sum() == pytest.approx(1)
    assert np.allclose(c, by_slsqp(K, g, weight), atol=1e-5)


def test_two_lines_by_hand():
    """Unrelated lines, gain d apart: the better one's share is 1/2 + w d / 2 until it is 1."""
    K = np.eye(2)
    for weight, share in ((0.0, 0.5), (0.5, 0.75), (1.0, 1.0), (9.0, 1.0)):
        assert optimum(K, np.array([0.0, 1.0]), weight) == pytest.approx([1 - share, share])
    assert optimum_at(K, np.array([0.0, 1.0]), 0.68) == pytest.approx([0.2, 0.8])
    assert optimum_at(K, np.array([0.0, 1.0]), 0.1) == pytest.approx([0.5, 0.5])  # the least
    assert optimum_at(K, np.array([0.0, 1.0]), 2.0) == pytest.approx([0, 1])


def test_a_relationship_is_met_with_the_most_gain():
    K, g = problem(1, lines=30)
    for limit in (0.08, 0.2, 0.5):
        c = optimum_at(K, g, limit)
        assert c @ K @ c == pytest.approx(limit, rel=1e-6)
        rng = np.random.default_rng(0)
        for _ in range(300):  # no small move that keeps to the limit gains
            other = np.clip(c + rng.normal(0, 0.01, len(c)) * (rng.random(len(c)) < 0.2), 0, None)
            other /= other.sum()
            assert other @ K @ other > limit or other @ g <= c @ g + 1e-9


def test_lines_with_the_same_genotypes_and_many_lines_end():
    K, g = problem(2, lines=60)
    twice = np.block([[K, K], [K, K]]) + 1e-6 * np.eye(120)
    c = optimum(twice, np.tile(g, 2), 0.3)
    assert np.allclose(c[:60], c[60:], atol=1e-6)
    assert np.allclose(c[:60] * 2, optimum(K, g, 0.3), atol=1e-4)


@pytest.fixture
def merit():
    rng = np.random.default_rng(3)
    codes = rng.binomial(2, rng.uniform(0.2, 0.8, 200), (80, 200)).astype(np.uint8)
    value = codes[:, :30].sum(axis=1) + rng.normal(0, 2, 80)
    value[60:] = np.nan
    samples = [f"L{number}" for number in range(80)]
    lines = pd.DataFrame({"sample": samples, "environment": None, "value": value, "weight": 1.0})
    return Merit.fit(CodeColumns.of(codes, 2), lines)


def test_families_that_are_a_covariate_count_for_their_worth_and_other_covariates_do_not():
    """The families' difference is no marker's: only their effect can tell it."""
    rng = np.random.default_rng(4)
    codes = rng.binomial(2, 0.5, (90, 60)).astype(np.uint8)
    family, trial = np.repeat(["x", "y"], 45), np.tile(["N", "S", "S"], 30)
    value = 5.0 * (family == "y") - 20.0 * (trial == "S") + rng.normal(0, 1, 90)
    value[[*range(40, 45), *range(85, 90)]] = np.nan
    lines = pd.DataFrame({"sample": range(90), "environment": None, "value": value, "weight": 1.0})
    lines = lines.assign(family=family, trial=trial)
    order = np.argsort(np.isnan(value), kind="stable")
    lines, codes, of_y = lines.iloc[order], codes[order], (family == "y")[order]
    told = Merit.fit(CodeColumns.of(codes, 2), lines, "family")
    assert told.values[of_y].mean() - told.values[~of_y].mean() == pytest.approx(5, abs=0.8)
    alone = Merit.fit(CodeColumns.of(codes, 2), lines)
    assert abs(alone.values[of_y].mean() - alone.values[~of_y].mean()) < 0.8
    in_trial = (lines["trial"] == "S").to_numpy()
    assert abs(told.values[in_trial].mean() - told.values[~in_trial].mean()) < 0.8


@pytest.mark.parametrize("direction", ["high", "low"])
def test_the_frontier_gives_gain_for_relationship(merit, direction):
    contributions, frontier = choose_contributions(
        merit, lines=40, relationship=0.1, direction=direction
    )
    assert contributions.columns.tolist() == CONTRIBUTIONS
    assert frontier.columns.tolist() == FRONTIER
    assert contributions["contribution"].sum() == pytest.approx(1, abs=0.005)
    assert contributions["contribution"].is_monotonic_decreasing
    chosen = frontier[frontier["chosen"]].iloc[0]
    assert chosen["relationship"] == pytest.approx(0.1, abs=1e-4)
    assert chosen["lines"] == len(contributions)
    towards = 1 if direction == "high" else -1
    assert (np.diff(frontier["value"]) * towards >= -1e-9).all()
    assert frontier["lines"].iloc[-1] == 1
    best = merit.values.max() if direction == "high" else merit.values.min()
    assert frontier["value"].iloc[-1] == pytest.approx(best)
    drawn = frontier.loc[~frontier["chosen"], "relationship"]
    assert np.allclose(np.diff(drawn), np.diff(drawn).mean(), rtol=0.02)
