"""Conformal intervals hold as many new values as they promise."""

import numpy as np
import pytest
from sklearn.linear_model import Ridge
from sklearn.model_selection import KFold, cross_val_predict

from breedcast.scoring.intervals import half_width


@pytest.mark.parametrize(
    ("lines", "level", "place"),
    [(9, 0.9, 9), (19, 0.9, 18), (99, 0.9, 90), (10, 0.5, 6), (24, 0.56, 14)],
)
def test_half_width_is_the_residual_at_the_corrected_quantile(lines, level, place):
    residuals = np.random.default_rng(0).permutation(np.arange(1.0, lines + 1))
    residuals[::2] *= -1
    assert half_width(residuals, level) == place


@pytest.mark.parametrize("lines", [0, 1, 8])
def test_too_few_lines_give_an_infinite_interval(lines):
    assert half_width(np.ones(lines), 0.9) == np.inf


@pytest.mark.parametrize("level", [0.8, 0.9])
def test_coverage_is_exact_for_exchangeable_residuals(level):
    """19 residuals and one more: ceil(20 level) / 20 of the new ones lie within, by symmetry."""
    rng = np.random.default_rng(1)
    residuals = rng.standard_t(3, size=(20_000, 20))
    covered = [abs(row[0]) <= half_width(row[1:], level) for row in residuals]
    assert np.mean(covered) == pytest.approx(level, abs=0.01)


def test_coverage_of_new_lines_by_inner_residuals():
    """Ridge on 300 markers, 80 lines, 5 inner folds, nominal 90 %."""
    rng = np.random.default_rng(2)
    covered = []
    for _ in range(100):
        effects = rng.normal(0, 0.15, 300)
        markers = rng.binomial(2, 0.3, (130, 300)).astype(float)
        value = markers @ effects + rng.standard_t(4, 130)
        train, new = slice(80), slice(80, None)
        ridge = Ridge(alpha=100)
        inner = cross_val_predict(
            ridge, markers[train], value[train], cv=KFold(5, shuffle=True, random_state=0)
        )
        half = half_width(value[train] - inner, 0.9)
        predicted = ridge.fit(markers[train], value[train]).predict(markers[new])
        covered.append(np.mean(np.abs(value[new] - predicted) <= half))
    assert 0.89 < np.mean(covered) < 0.94
