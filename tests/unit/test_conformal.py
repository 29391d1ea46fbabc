"""CV+ intervals: their ends by hand, and as many new values held as they promise."""

import numpy as np
import pytest
from sklearn.linear_model import Ridge
from sklearn.model_selection import KFold
from sklearn.neighbors import KNeighborsRegressor

from breedcast.scoring import conformal
from breedcast.scoring.conformal import conformal_quantile, cv_plus, useful_scale


@pytest.mark.parametrize(
    ("lines", "level", "place"),
    [(9, 0.9, 9), (19, 0.9, 18), (99, 0.9, 90), (10, 0.5, 6), (24, 0.56, 14)],
)
def test_the_quantile_is_the_corrected_one_of_each_column(lines, level, place):
    scores = np.random.default_rng(0).permutation(np.arange(1.0, lines + 1))
    assert conformal_quantile(scores, level) == place
    both = np.column_stack([scores, 2 * scores])
    assert conformal_quantile(both, level).tolist() == [place, 2 * place]


@pytest.mark.parametrize("lines", [0, 1, 8])
def test_too_few_lines_give_an_infinite_interval(lines):
    fit = np.arange(lines) % 2
    lower, upper = cv_plus(np.ones(lines), fit, np.zeros((2, 3)), np.ones((2, 3)), 0.9)
    assert (lower == -np.inf).all()
    assert (upper == np.inf).all()
    assert useful_scale(np.ones(lines), np.arange(1.0, lines + 1), np.ones(lines), 0.9) is None


@pytest.mark.parametrize("level", [0.8, 0.9])
def test_coverage_is_exact_for_exchangeable_residuals(level):
    """19 residuals and one more: ceil(20 level) / 20 of the new ones lie within, by symmetry."""
    residuals = np.abs(np.random.default_rng(1).standard_t(3, size=(20, 20_000)))
    covered = residuals[0] <= conformal_quantile(residuals[1:], level)
    assert covered.mean() == pytest.approx(level, abs=0.01)


def test_ends_are_those_of_the_definition(monkeypatch):
    """Line by line: the lower end is the floor(alpha (n + 1))-th smallest of what each fit predicts
    less its errors, the upper end the ceil((1 - alpha) (n + 1))-th of the sums (Barber et al., eq.
    9); the same where new lines are taken a few at a time."""
    rng = np.random.default_rng(2)
    errors, fit = rng.exponential(size=57), rng.integers(0, 4, 57)
    centres, scales = rng.normal(size=(4, 30)), rng.uniform(0.5, 2, (4, 30))
    monkeypatch.setattr(conformal, "CELLS", 57 * 7)
    lower, upper = cv_plus(errors, fit, centres, scales, 0.85)
    for new in range(30):
        reach = errors * scales[fit, new]
        below, above = sorted(centres[fit, new] - reach), sorted(centres[fit, new] + reach)
        assert lower[new] == pytest.approx(below[8 - 1])  # 0.15 x 58 = 8.7
        assert upper[new] == pytest.approx(above[50 - 1])  # 0.85 x 58 = 49.3


def coverage(model, level: float, replicates: int) -> float:
    """What CV+ of 5 folds holds: 80 training lines, 300 markers, heavy tails."""
    rng = np.random.default_rng(3)
    held = []
    for _ in range(replicates):
        markers = rng.binomial(2, 0.3, (110, 300)).astype(float)
        value = markers @ rng.normal(0, 0.15, 300) + rng.standard_t(4, 110)
        train, new = slice(80), slice(80, None)
        errors, fit, centres = np.empty(80), np.empty(80, dtype=int), []
        split = KFold(5, shuffle=True, random_state=0).split(value[train])
        for number, (rows, out) in enumerate(split):
            fitted = model.fit(markers[rows], value[rows])
            errors[out] = np.abs(value[out] - fitted.predict(markers[out]))
            fit[out] = number
            centres.append(fitted.predict(markers[new]))
        centres = np.stack(centres)
        lower, upper = cv_plus(errors, fit, centres, np.ones_like(centres), level)
        held += list((lower <= value[new]) & (value[new] <= upper))
    return float(np.mean(held))


def test_new_lines_are_held_at_the_level_where_fits_agree():
    assert coverage(Ridge(alpha=100), 0.9, 60) == pytest.approx(0.91, abs=0.02)


def test_fits_that_disagree_widen_the_intervals():
    """One neighbour: every fit says something else. 1 - 2 alpha = 0.5 is sure; more is held."""
    assert coverage(KNeighborsRegressor(1), 0.75, 40) > 0.75


def test_scaled_intervals_cover_sure_and_unsure_lines_alike():
    """Errors of sd sqrt(1 + sd^2), sd 0.1 or 3: one width for all holds too many of the sure lines
    and too few of the others, and is wider."""
    rng = np.random.default_rng(4)
    sd = rng.choice([0.1, 3.0], 4000, p=[0.7, 0.3])
    error = rng.normal(0, np.sqrt(1 + sd**2))
    train, new = slice(2000), slice(2000, None)
    same = np.ones(2000)
    scale = useful_scale(error[train], sd[train], same, 0.9)
    assert scale.shared == pytest.approx(1, abs=0.3)
    expected = scale.of(sd[train], same)
    half = conformal_quantile(np.abs(error[train]) / expected, 0.9) * scale.of(sd[new], same)
    alike = conformal_quantile(np.abs(error[train]), 0.9)
    for is_sure in (True, False):
        rows = (sd[new] < 1) == is_sure
        assert np.mean(np.abs(error[new]) <= half, where=rows) == pytest.approx(0.9, abs=0.04)
        assert abs(np.mean(np.abs(error[new]) <= alike, where=rows) - 0.9) > 0.06
    assert half.mean() < 0.95 * alike


def test_what_weights_tell_of_the_errors_is_learnt():
    """Errors of variance 2 + 3 v: both parts are found."""
    rng = np.random.default_rng(5)
    v = rng.uniform(0.2, 5, 20_000)
    scale = useful_scale(rng.normal(0, np.sqrt(2 + 3 * v)), np.zeros(len(v)), v, 0.9)
    assert (scale.shared, scale.noise) == pytest.approx((2, 3), abs=0.4)


def test_an_sd_that_misleads_is_left_aside():
    """The more sure the line is said to be, the larger its error."""
    rng = np.random.default_rng(6)
    sd = rng.uniform(0.5, 3, 500)
    assert useful_scale(rng.normal(0, 1 / sd), sd, np.ones(500), 0.9) is None
