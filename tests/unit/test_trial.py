"""Plots of one environment, against a published analysis, dense matrices and known truth."""

import numpy as np
import pytest

from breedcast.phenotypes.terms import SamePlace, terms_of
from breedcast.phenotypes.trial import (
    Trial,
    _Model,
    adjusted_means,
    heritability,
)

#: Yates F. (1935) Suppl J R Stat Soc 2:181-247: yields of oats, 6 blocks x 3 varieties (whole
#: plots) x 4 amounts of nitrogen, in that order (as in R's MASS::oats).
OATS = np.array(
    [
        *(111, 130, 157, 174, 117, 114, 161, 141, 105, 140, 118, 156),
        *(61, 91, 97, 100, 70, 108, 126, 149, 96, 124, 121, 144),
        *(68, 64, 112, 86, 60, 102, 89, 96, 89, 129, 132, 124),
        *(74, 89, 81, 122, 64, 103, 132, 133, 70, 89, 104, 117),
        *(62, 90, 100, 116, 80, 82, 94, 126, 63, 70, 109, 99),
        *(53, 74, 118, 113, 89, 82, 86, 104, 97, 99, 119, 121),
    ],
    float,
)


def trial(line, value, check=None, **columns) -> Trial:
    lines = int(np.max(line)) + 1
    check = np.zeros(lines, bool) if check is None else check
    return Trial(np.asarray(line), lines, check, np.asarray(value, float), terms_of(columns))


def oats() -> Trial:
    block = np.repeat(np.arange(6), 12)
    variety, nitrogen = np.tile(np.repeat(np.arange(3), 4), 6), np.tile(np.arange(4), 18)
    return trial(variety * 4 + nitrogen, OATS, replicate=block, block=variety)


def unbalanced(seed=0, lines=30, plots=110) -> Trial:
    """Lines of one to many plots, the first two checks, on a field with blocks, rows, columns."""
    rng = np.random.default_rng(seed)
    line = np.concatenate([np.arange(lines), rng.integers(0, lines // 2, plots - lines)])
    rng.shuffle(line)
    row, column = np.divmod(np.arange(plots), 10)
    value = (
        rng.normal(0, 1.5, lines)[line]
        + rng.normal(0, 1, 11)[row]
        + np.sin(row / 4) * np.cos(column / 3)
        + rng.normal(0, 1, plots)
    )
    return trial(
        line, 50 + value, np.arange(lines) < 2, block=row // 3 + 10 * (column // 5),
        row=row.astype(float), column=column.astype(float),
    )  # fmt: skip


class Dense:
    """The same mixed model with the covariance of all plots."""

    def __init__(self, model: _Model) -> None:
        its = model.trial
        incidence = np.eye(its.lines)[its.line]
        self.X = incidence[:, ~model.random]
        terms = [it for it in its.terms if it.name in model.names]
        self.Z = [(it.B @ it.T).toarray() for it in terms]
        if model.random.any():
            self.X = np.column_stack([np.ones(len(its.value)), self.X])
            self.Z.append(incidence[:, model.random])
        self.y = its.value

    def covariance(self, variances):
        random = sum(s2 * Z @ Z.T for s2, Z in zip(variances, self.Z, strict=False))
        return random + variances[-1] * np.eye(len(self.y))

    def deviance(self, variances):
        V = self.covariance(variances)
        XVX = self.X.T @ np.linalg.solve(V, self.X)
        b = np.linalg.solve(XVX, self.X.T @ np.linalg.solve(V, self.y))
        left = self.y - self.X @ b
        logdets = np.linalg.slogdet(V)[1] + np.linalg.slogdet(XVX)[1]
        return logdets + left @ np.linalg.solve(V, left)


def test_variances_of_oats_are_the_published_ones():
    """From the mean squares of the published analysis of variance: 3175.06, 601.33, 177.08."""
    found = _Model.of(oats(), np.zeros(12, bool)).fitted_variances()
    expected = [(3175.06 - 601.33) / 12, (601.33 - 177.08) / 4, 177.08]
    np.testing.assert_allclose(found, expected, rtol=1e-4)


def test_means_of_oats_are_the_plain_ones():
    plain = OATS.reshape(6, 12).mean(axis=0)
    means = adjusted_means(oats())
    np.testing.assert_allclose(means.value, plain)
    assert means.standard_error == pytest.approx(
        [np.sqrt((214.48 + 106.06 + 177.08) / 6)] * 12, rel=1e-5
    )


@pytest.mark.parametrize("random", [False, True])
def test_variances_maximise_the_restricted_likelihood(random):
    its = unbalanced()
    model = _Model.of(its, ~its.check if random else np.zeros(its.lines, bool))
    found, dense = model.fitted_variances(), Dense(model)
    at_bound = found < 1e-4
    assert at_bound.sum() < len(found) - 1
    for n, step in enumerate(0.01 * np.diag(found)):
        slope = dense.deviance(found + step) - dense.deviance(found - step)
        assert slope > 0 if at_bound[n] else abs(slope) < 1e-4


@pytest.mark.parametrize("random", [False, True])
def test_derivatives_are_those_of_the_likelihood(random):
    its = unbalanced(1)
    model = _Model.of(its, ~its.check if random else np.zeros(its.lines, bool))
    dense, y = Dense(model), its.value
    at = np.linspace(0.4, 1.1, len(model.names))
    point = model._likelihood(at, y)
    step = 1e-5 * np.eye(len(at))
    numeric = [(dense.deviance(at + h) - dense.deviance(at - h)) / 2e-5 for h in step]
    np.testing.assert_allclose(-2 * point.gradient, numeric, rtol=1e-4, atol=1e-4)
    V = dense.covariance(at)
    XV = np.linalg.solve(V, dense.X)
    P = np.linalg.inv(V) - XV @ np.linalg.solve(dense.X.T @ XV, XV.T)
    pushed = np.column_stack([*(Z @ Z.T @ P @ y for Z in dense.Z), P @ y])
    np.testing.assert_allclose(point.information, 0.5 * pushed.T @ P @ pushed, rtol=1e-8)


def test_means_errors_and_weights_are_those_of_generalised_least_squares():
    its = unbalanced()
    model = _Model.of(its, np.zeros(its.lines, bool))
    dense, variances = Dense(model), model.fitted_variances()
    covariance = np.linalg.inv(dense.X.T @ np.linalg.solve(dense.covariance(variances), dense.X))
    means = adjusted_means(its)
    blue = covariance @ dense.X.T @ np.linalg.solve(dense.covariance(variances), its.value)
    np.testing.assert_allclose(means.value, blue)
    np.testing.assert_allclose(means.standard_error, np.sqrt(np.diag(covariance)))
    np.testing.assert_allclose(means.weight, np.diag(np.linalg.inv(covariance)))


def test_heritability_is_that_of_dense_prediction_errors():
    its = unbalanced()
    found = heritability(its)
    model = _Model.of(its, ~its.check)
    dense, s2g = Dense(model), found.variances["line"]
    V, Z = dense.covariance(model.fitted_variances()), dense.Z[-1]
    XV = np.linalg.solve(V, dense.X)
    P = np.linalg.inv(V) - XV @ np.linalg.solve(dense.X.T @ XV, XV.T)
    pev = s2g * np.eye(Z.shape[1]) - s2g**2 * Z.T @ P @ Z
    pairs = np.triu_indices(len(pev), 1)
    d = np.diag(pev)
    difference = (d[:, None] + d - 2 * pev)[pairs].mean()
    assert found.cullis == pytest.approx(1 - difference / (2 * s2g))
    harmonic = 1 / np.mean(1 / its.plots[~its.check])
    assert found.line_mean == pytest.approx(s2g / (s2g + found.variances["error"] / harmonic))


def test_complete_blocks_have_the_heritability_of_the_textbook():
    """1 - error / lines' mean square, by either definition."""
    rng = np.random.default_rng(3)
    y = rng.normal(0, 2, (40, 1)) + rng.normal(0, 1, (1, 3)) + rng.normal(0, 1.5, (40, 3))
    line, replicate = (it.ravel() for it in np.indices(y.shape))
    found = heritability(trial(line, y.ravel(), replicate=replicate))
    left = y - y.mean(0) - y.mean(1, keepdims=True) + y.mean()
    error = (left**2).sum() / (39 * 2)
    expected = 1 - error / (3 * y.mean(1).var(ddof=1))
    assert found.variances["error"] == pytest.approx(error, rel=1e-4)
    assert found.line_mean == pytest.approx(expected, rel=1e-4)
    assert found.cullis == pytest.approx(expected, rel=1e-4)


def test_a_surface_over_the_field_is_taken_off_and_none_is_invented():
    rng = np.random.default_rng(0)
    row, column = (it.ravel().astype(float) for it in np.indices((20, 20)))
    line, truth = rng.permutation(np.repeat(np.arange(200), 2)), rng.normal(size=200)
    wave = 1.5 * (np.sin(row / 4) + np.cos(column / 5))
    wrong = {}
    for name, surface in (("wave", wave), ("flat", 0 * wave)):
        y = truth[line] + surface + rng.normal(size=400)
        for described in (True, False):
            columns = {"row": row, "column": column} if described else {}
            value = adjusted_means(trial(line, y, **columns)).value
            wrong[name, described] = np.mean((value - truth - (value - truth).mean()) ** 2)
    assert wrong["wave", True] < 0.45 * wrong["wave", False]
    assert wrong["wave", True] < 0.7  # the error's own variance, of two plots, is 0.5
    assert wrong["flat", True] < 1.1 * wrong["flat", False]


def test_checks_in_blocks_correct_lines_of_one_plot():
    """An augmented design: each line in one of 20 blocks, five checks in all."""
    rng = np.random.default_rng(1)
    block = np.repeat(np.arange(20), 15)
    line = np.concatenate([np.r_[:5, 5 + 10 * b : 15 + 10 * b] for b in range(20)])
    truth, shift = rng.normal(size=205), rng.normal(0, 2, 20)
    y = truth[line] + shift[block] + rng.normal(0, 0.7, len(line))
    check = np.arange(205) < 5
    adjusted = adjusted_means(trial(line, y, check, block=block)).value
    plain = adjusted_means(trial(line, y, check)).value
    assert (
        np.corrcoef(adjusted[5:], truth[5:])[0, 1] > np.corrcoef(plain[5:], truth[5:])[0, 1] + 0.2
    )


def test_without_repeated_plots_means_are_plain_and_errors_unknown():
    its = trial(np.r_[:30, :5], np.arange(35.0), block=np.arange(35) // 7)
    means = adjusted_means(its)
    np.testing.assert_allclose(means.value[:6], [15, 16, 17, 18, 19, 5])
    assert np.isnan(means.standard_error).all()
    assert np.isnan(means.weight).all()
    assert heritability(its) is None


def test_a_trait_that_does_not_vary_has_no_heritability():
    its = trial(np.repeat(np.arange(10), 3), np.full(30, 7.0))
    assert its.untold == "all plots have one value"
    assert heritability(its) is None
    np.testing.assert_array_equal(adjusted_means(its).value, 7.0)


def test_noise_has_no_heritability():
    y = np.tile([1.0, 2.0, 4.0], 12) + np.repeat([0.0, 0.01], 18)  # all lines are almost alike
    found = heritability(trial(np.arange(36) // 3, y))
    assert found.variances["line"] == found.line_mean == found.cullis == 0.0


def test_values_without_error_do_not_stop_the_fit():
    y = np.repeat(np.random.default_rng(0).normal(size=12), 3) + np.tile([1.0, 2.0, 4.0], 12)
    found = heritability(trial(np.arange(36) // 3, y, replicate=np.arange(36) % 3))
    assert found.line_mean > 0.999


def test_columns_that_tell_the_same_make_one_term():
    plots = np.arange(24)
    terms = terms_of({"replicate": plots // 12, "block": plots // 12, "row": plots})
    assert [it.name for it in terms] == ["replicate"]


def test_fields_side_by_side_have_rows_of_their_own():
    row, column = (np.tile(it.ravel(), 2).astype(float) for it in np.indices((6, 6)))
    terms = terms_of({"replicate": np.repeat(["a", "b"], 36), "row": row, "column": column})
    assert {it.name: it.T.shape[1] for it in terms} == {
        "replicate": 2, "row": 12, "column": 12, "trend": 2 * (5 * 5 - 1),
    }  # fmt: skip
    with pytest.raises(SamePlace) as error:
        terms_of({"row": row, "column": column})
    assert error.value.plot == 36
