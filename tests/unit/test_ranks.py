"""Ranks and critical differences against the published worked case (Demsar 2006)."""

import numpy as np
import pytest
from scipy import stats

from breedcast.scoring.ranks import critical_difference, friedman, ranks


@pytest.mark.parametrize(("models", "quantile"), [(2, 1.960), (3, 2.343), (5, 2.728), (10, 3.164)])
def test_the_critical_difference_has_the_published_quantiles(models, quantile):
    """Table 5 of the paper; 6 N = k (k + 1) leaves the quantile alone."""
    traits = models * (models + 1) / 6
    assert critical_difference(models, traits, 0.05) == pytest.approx(quantile, abs=0.001)


def test_the_worked_case_of_four_classifiers_on_fourteen_data_sets():
    assert critical_difference(4, 14, 0.05) == pytest.approx(1.25, abs=0.005)


def test_the_best_is_first_and_equals_share_their_rank():
    assert ranks(np.array([[0.5, 0.7, 0.5, 0.1]])).tolist() == [[2.5, 1, 2.5, 4]]


def test_friedman_follows_its_formula():
    scores = np.random.default_rng(0).normal([0, 0, 0.5, 1], size=(6, 4))
    mean = ranks(scores).mean(axis=0)
    chi2 = 12 * 6 / (4 * 5) * (np.sum(mean**2) - 4 * 5**2 / 4)
    assert friedman(scores) == pytest.approx(stats.chi2.sf(chi2, 3))
    assert np.isnan(friedman(scores[:, :2]))
    assert np.isnan(friedman(np.ones((5, 3))))
