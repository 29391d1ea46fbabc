"""Covariances of several traits against a direct search, an analysis of variance, and the truth."""

import numpy as np
import pytest
from scipy.optimize import minimize

from breedcast.models.covariance import alike, diagonal, factor_analytic, unstructured
from breedcast.models.multivariate import correlations, fit_multivariate
from breedcast.models.reml import fit_reml
from breedcast.models.restricted import LEAST_RESIDUAL, Observed, Rotated


@pytest.fixture(autouse=True, params=[Rotated, Observed])
def way(request, monkeypatch):
    """Both ways to the likelihood, whichever is quicker."""
    is_observed = request.param is Observed
    monkeypatch.setattr(Observed, "is_quicker", staticmethod(lambda Y: is_observed))
    return request.param


def simulate(G, R, lines=60, markers=80, missing=0.2, seed=0):
    """K, Y, X and weights of lines whose genetic and residual covariances are known."""
    rng = np.random.default_rng(seed)
    Z = rng.normal(size=(lines, markers)) / np.sqrt(markers)
    weights = rng.uniform(0.3, 3, lines)
    X = np.column_stack([np.ones(lines), rng.normal(size=lines)])
    genetic = Z @ rng.multivariate_normal(np.zeros(len(G)), G, markers)
    residual = rng.multivariate_normal(np.zeros(len(R)), R, lines) / np.sqrt(weights)[:, None]
    Y = 5 + X[:, 1:] * 0.5 + genetic + residual
    Y[rng.random(Y.shape) < missing] = np.nan
    return Z @ Z.T, Y, X, weights


def covariance(seed, traits, rank):
    loadings = np.random.default_rng(seed).normal(size=(traits, rank))
    return loadings @ loadings.T


def dense(G, R, K, Y, X, weights):
    """The covariance, fixed effects and values of the observed cells, trait after trait."""
    seen = np.isfinite(Y.T).ravel()
    V = np.kron(G, K) + np.kron(R, np.diag(1 / weights))
    return V[np.ix_(seen, seen)], np.kron(np.eye(len(G)), X)[seen], Y.T.ravel()[seen]


def log_likelihood(G, R, *data):
    """That of the error contrasts, found by singular values of the fixed effects."""
    V, F, y = dense(G, R, *data)
    contrasts = np.linalg.svd(F)[0][:, F.shape[1] :]
    V, y = contrasts.T @ V @ contrasts, contrasts.T @ y
    return -0.5 * (np.linalg.slogdet(V)[1] + y @ np.linalg.solve(V, y))


@pytest.mark.parametrize("correlated", [True, False])
@pytest.mark.parametrize(
    ("traits", "ranks", "seed"),
    [
        (2, (2, 2), 0),
        (2, (1, 2), 1),
        (2, (0, 2), 2),
        (3, (3, 3), 3),
        (3, (1, 3), 4),
        (3, (2, 1), 5),
    ],
)
def test_covariances_maximise_the_density_of_error_contrasts(traits, ranks, seed, correlated):
    """A quasi-Newton search with numerical slopes, which knows no blocks, from two starts."""
    G, R = (covariance(seed + 10 * it, traits, rank) for it, rank in enumerate(ranks))
    data = simulate(G, R, lines=30, seed=seed)
    found = fit_multivariate(*data, correlated_residuals=correlated)
    if not correlated:
        np.testing.assert_array_equal(found.residual, np.diag(np.diag(found.residual)))
    lower = np.tril_indices(traits)
    of_residual = lower if correlated else np.diag_indices(traits)
    least = LEAST_RESIDUAL * np.diag(np.nanvar(data[1], axis=0))

    def matrices(entries):
        factors = np.zeros((2, traits, traits))
        factors[0][lower], factors[1][of_residual] = np.split(entries, [len(lower[0])])
        genetic, residual = factors @ factors.transpose(0, 2, 1)
        return genetic, residual + least

    count = len(lower[0]) + len(of_residual[0])
    starts = np.random.default_rng(seed).normal(size=(2, count))
    best = min(
        minimize(lambda it: -log_likelihood(*matrices(it), *data), start).fun for start in starts
    )
    reached = log_likelihood(found.genetic, found.residual, *data)
    assert reached == pytest.approx(-best, abs=2e-3)


def test_factors_maximise_the_density_of_error_contrasts():
    """A search as above, from the truth, in which the second trait has no variance of its own.

    So few lines leave several tops of nearly one height.
    """
    traits, factors = 5, 2
    rng = np.random.default_rng(traits)
    loadings = rng.normal(size=(traits, factors))
    own = np.where(np.arange(traits) == 1, 0.0, rng.uniform(0.5, 1, traits))
    data = simulate(loadings @ loadings.T + np.diag(own**2), np.eye(traits), lines=40, seed=1)
    found = fit_multivariate(
        *data, correlated_residuals=False, genetic=[factor_analytic(data[1], factors)]
    )
    least = LEAST_RESIDUAL * np.diag(np.nanvar(data[1], axis=0))

    def matrices(entries):
        L, psi, residual = np.split(entries, [traits * factors, traits * (factors + 1)])
        shared = L.reshape(traits, factors)
        return shared @ shared.T + np.diag(psi**2), np.diag(residual**2) + least

    start = np.concatenate([loadings.ravel(), own, np.ones(traits)])
    best = minimize(lambda it: -log_likelihood(*matrices(it), *data), start, method="L-BFGS-B")
    reached = log_likelihood(found.genetic, found.residual, *data)
    assert reached > -best.fun - 0.05


def test_three_traits_and_a_factor_are_any_covariance():
    """Three loadings and three variances tell the six numbers, where none ends below 0."""
    G = np.array([[1.0, 0.5, 0.4], [0.5, 1.2, 0.6], [0.4, 0.6, 0.8]])
    data = simulate(G, np.eye(3) * 0.5, lines=200, seed=4)
    some = fit_multivariate(
        *data, correlated_residuals=False, genetic=[factor_analytic(data[1], 1)]
    )
    any_of = fit_multivariate(*data, correlated_residuals=False)
    reached, most = (log_likelihood(it.genetic, it.residual, *data) for it in (some, any_of))
    assert reached == pytest.approx(most, abs=1e-3)
    np.testing.assert_allclose(some.genetic, any_of.genetic, atol=0.02)


def test_one_correlation_of_all_pairs_is_the_most_likely():
    """Two numbers of G, searched for on a grid, in units of each trait's standard deviation."""
    G = 0.6 * np.ones((4, 4)) + 0.4 * np.eye(4)
    data = simulate(G, np.eye(4) * 0.5, lines=100, seed=2)
    found = fit_multivariate(*data, correlated_residuals=False, genetic=[alike(4)])
    between = correlations(found.genetic)[np.triu_indices(4, 1)]
    np.testing.assert_allclose(between, between[0])
    assert between[0] == pytest.approx(0.6, abs=0.15)
    units = np.sqrt(np.diag(found.genetic))
    best = log_likelihood(found.genetic, found.residual, *data)
    for variance in (0.9, 1.1):
        for correlation in (between[0] - 0.05, between[0] + 0.05):
            tried = (
                variance * np.outer(units, units) * ((1 - correlation) * np.eye(4) + correlation)
            )
            assert log_likelihood(tried, found.residual, *data) < best
    any_of = fit_multivariate(*data, correlated_residuals=False)
    # the eight numbers more are not worth it, so that the form is chosen
    assert 6 - best < 14 - log_likelihood(any_of.genetic, any_of.residual, *data)
    chosen = fit_multivariate(*data, correlated_residuals=False, genetic=[None, alike(4)])
    np.testing.assert_array_equal(chosen.genetic, found.genetic)


@pytest.mark.usefixtures("likeliest_variances")
def test_one_trait_is_the_mixed_model_of_one_trait():
    K, Y, X, weights = simulate(np.eye(1), np.eye(1), lines=80, missing=0, seed=3)
    root = np.sqrt(weights)
    expected = fit_reml(K * np.outer(root, root), Y[:, 0] * root, X * root[:, None])
    expected = expected.unweighted(root)
    found = fit_multivariate(K, Y, X, weights)
    assert found.genetic[0, 0] == pytest.approx(expected.sigma2_g, rel=1e-4)
    assert found.residual[0, 0] == pytest.approx(expected.sigma2_e, rel=1e-4)
    first = found.prediction(K[:9], np.diag(K)[:9], X[:9], 0)
    second = expected.prediction(K[:9], np.diag(K)[:9], X[:9])
    for column in ("mean", "sd", "reliability"):
        np.testing.assert_allclose(getattr(first, column), getattr(second, column), rtol=1e-4)


def test_balanced_families_give_the_mean_squares_of_an_analysis_of_variance():
    """REML of a balanced one-way design: R = MS within, G = (MS between - MS within) / size."""
    families, size = 40, 5
    rng = np.random.default_rng(1)
    G, R = np.array([[2.0, 0.9], [0.9, 1.0]]), np.array([[1.0, -0.4], [-0.4, 2.0]])
    between = np.repeat(rng.multivariate_normal([0, 0], G, families), size, axis=0)
    Y = between + rng.multivariate_normal([0, 0], R, families * size)
    of = np.repeat(np.eye(families), size, axis=0)
    means = of.T @ Y / size
    within = (Y - of @ means).T @ (Y - of @ means) / (families * (size - 1))
    spread = size * np.cov(means.T)
    found = fit_multivariate(of @ of.T, Y, np.ones((len(Y), 1)))
    np.testing.assert_allclose(found.residual, within, rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(found.genetic, (spread - within) / size, rtol=1e-3, atol=1e-4)


def test_simulated_covariances_are_found_without_bias():
    G, R = np.array([[1.0, 0.6], [0.6, 0.8]]), np.array([[1.0, 0.3], [0.3, 0.5]])
    fits = [
        fit_multivariate(*simulate(G, R, lines=250, markers=100, seed=seed)) for seed in range(20)
    ]
    for truth, estimates in (
        (G, np.array([it.genetic for it in fits])),
        (R, np.array([it.residual for it in fits])),
    ):
        error = estimates.std(axis=0, ddof=1) / np.sqrt(len(fits))
        assert (np.abs(estimates.mean(axis=0) - truth) < 3 * error).all()
        assert (error < 0.08).all()


def test_predictions_and_errors_are_those_of_the_conditional_normal_distribution():
    G, R = covariance(1, 3, 3), covariance(2, 3, 3)
    rng = np.random.default_rng(0)
    K, Y, X, weights = simulate(G, R, lines=70, missing=0.3, seed=8)
    old, new = np.arange(50), np.arange(50, 70)
    found = fit_multivariate(K[np.ix_(old, old)], Y[old], X[old], weights[old])
    G, R = found.genetic, found.residual
    V, F, y = dense(G, R, K[np.ix_(old, old)], Y[old], X[old], weights[old])
    cross = np.kron(G, K[np.ix_(new, old)])[:, np.isfinite(Y[old].T).ravel()]
    x = np.kron(np.eye(3), X[new])
    inverse = np.linalg.inv(V)
    FVF = np.linalg.inv(F.T @ inverse @ F)
    b = FVF @ F.T @ inverse @ y
    mean = (x @ b + cross @ inverse @ (y - F @ b)).reshape(3, -1).T
    np.testing.assert_allclose(found.predict(K[np.ix_(new, old)], X[new]), mean, atol=1e-8)
    np.testing.assert_allclose(found.fixed_effects, b.reshape(3, -1).T, atol=1e-8)
    left = np.kron(G, K[np.ix_(new, new)]) - cross @ inverse @ cross.T
    shared = cross @ inverse @ F
    gap = x - shared
    total = (left + gap @ FVF @ gap.T).reshape(3, 20, 3, 20)
    genetic = (left + shared @ FVF @ shared.T).reshape(3, 20, 3, 20)
    known = np.where(rng.random((20, 3)) < 0.6, rng.normal(5, 1, (20, 3)), np.nan)
    known[:2] = np.nan
    for trait in range(3):
        errors = found.error_covariances(
            K[np.ix_(new, old)], np.diag(K)[new], X[new], trait, range(3)
        )
        each = np.einsum("sltl->lst", total)
        np.testing.assert_allclose(errors[:, 1:, 1:], each, rtol=1e-6, atol=1e-9)
        own = np.einsum("ll->l", genetic[trait, :, trait])
        np.testing.assert_allclose(errors[:, 0, 0], own, rtol=1e-6)
        known_others = known.copy()
        known_others[:, trait] = np.nan
        prediction = found.prediction(
            K[np.ix_(new, old)], np.diag(K)[new], X[new], trait, known_others
        )
        for line, values in enumerate(known_others):  # each as if it alone had these values
            told = np.isfinite(values)
            S = np.linalg.inv(each[line][np.ix_(told, told)] + R[np.ix_(told, told)])
            moved = each[line][trait, told] @ S @ (values - mean[line])[told]
            assert prediction.mean[line] == pytest.approx(mean[line, trait] + moved)
            kept = each[line][trait, trait] - each[line][trait, told] @ S @ each[line][told, trait]
            assert prediction.sd[line] == pytest.approx(np.sqrt(kept))
    assert found.dual[np.isnan(Y[old])] == pytest.approx(0, abs=1e-9)


def test_a_line_without_any_value_and_the_units_of_traits_change_nothing():
    K, Y, X, weights = simulate(covariance(1, 2, 2), covariance(2, 2, 2), seed=4)
    Y[7] = np.nan
    kept = np.delete(np.arange(len(Y)), 7)
    units = np.array([1000.0, 0.01])
    found = fit_multivariate(K, Y * units, X, weights)
    without = fit_multivariate(K[np.ix_(kept, kept)], Y[kept], X[kept], weights[kept])
    for name in ("genetic", "residual"):
        expected = getattr(without, name) * np.outer(units, units)
        np.testing.assert_allclose(
            getattr(found, name) / np.outer(units, units), getattr(without, name), rtol=2e-3
        )
        np.testing.assert_allclose(
            correlations(getattr(found, name)), correlations(expected), atol=1e-3
        )


def test_a_trait_that_tells_nothing_is_refused():
    K, Y, X, _ = simulate(np.eye(2), np.eye(2), missing=0)
    Y[2:, 1] = np.nan
    with pytest.raises(ValueError, match="2 lines cannot estimate 2 fixed effects"):
        fit_multivariate(K, Y, X)
    Y[:, 1] = 3
    with pytest.raises(ValueError, match="does not vary"):
        fit_multivariate(K, Y, X)


def test_lines_with_known_helper_traits_are_predicted_as_if_they_had_trained():
    """Conditioning on a line's own values is a fit, at the same covariances, that has them too."""
    K, Y, X, _ = simulate(covariance(1, 2, 2), covariance(2, 2, 2), lines=60, missing=0, seed=5)
    old, new = np.arange(59), np.array([59])
    found = fit_multivariate(K[np.ix_(old, old)], Y[old], X[old])
    known = np.array([[np.nan, Y[59, 1]]])
    prediction = found.prediction(K[np.ix_(new, old)], np.diag(K)[new], X[new], 0, known)
    G, R = found.genetic, found.residual
    Y[59, 0] = np.nan
    V, F, y = dense(G, R, K, Y, X, np.ones(60))
    cross = np.kron(G[:1], K[59:])[:, np.isfinite(Y.T).ravel()]
    inverse = np.linalg.inv(V)
    FVF = np.linalg.inv(F.T @ inverse @ F)
    b = FVF @ F.T @ inverse @ y
    assert prediction.mean[0] == pytest.approx((X[59] @ b[:2] + cross @ inverse @ (y - F @ b))[0])
    shared = (cross @ inverse @ F)[0]
    left = G[0, 0] * K[59, 59] - (cross @ inverse @ cross.T)[0, 0]
    gap = np.concatenate([X[59], np.zeros(2)]) - shared
    assert prediction.sd[0] == pytest.approx(np.sqrt(left + gap @ FVF @ gap))
    reliability = 1 - (left + shared @ FVF @ shared) / (G[0, 0] * K[59, 59])
    assert prediction.reliability[0] == pytest.approx(reliability)


@pytest.mark.parametrize("correlated", [True, False])
def test_both_ways_are_one_likelihood_with_the_same_derivatives(correlated):
    K, Y, X, _ = simulate(covariance(1, 3, 3), covariance(2, 3, 3), lines=25, missing=0.4)
    Y[3] = np.nan
    rng = np.random.default_rng(5)
    for genetic in (unstructured(3), factor_analytic(Y, 1), alike(3)):
        forms = genetic, unstructured(3) if correlated else diagonal(3)
        numbers = rng.normal(size=sum(form.numbers for form in forms))
        ways = [way.of(forms, K, Y, X) for way in (Rotated, Observed)]
        one, two = (way.at(numbers) for way in ways)
        assert one.likelihood == pytest.approx(two.likelihood, abs=1e-7)
        np.testing.assert_allclose(one.gradient, two.gradient, rtol=1e-6, atol=1e-7)
        np.testing.assert_allclose(one.information, two.information, rtol=1e-6, atol=1e-7)
        step = 1e-5 * np.eye(len(numbers))[0]
        rise = ways[1].at(numbers + step).likelihood - ways[1].at(numbers - step).likelihood
        assert rise / 2e-5 == pytest.approx(two.gradient[0], rel=1e-4, abs=1e-4)


def test_errors_are_computed_in_parts(monkeypatch):
    K, Y, X, _ = simulate(covariance(1, 2, 2), covariance(2, 2, 2), lines=40, seed=3)
    found = fit_multivariate(K[:30, :30], Y[:30], X[:30])
    new = K[30:, :30], np.diag(K)[30:], X[30:], 0
    whole = found.prediction(*new)
    monkeypatch.setattr("breedcast.models.prediction_errors.CELLS", 1)
    np.testing.assert_allclose(found.prediction(*new).sd, whole.sd, rtol=1e-9)
    assert len(found.prediction(new[0][:0], new[1][:0], new[2][:0], 0).sd) == 0


@pytest.mark.parametrize(("missing", "observed"), [(0.0, False), (0.2, False), (0.7, True)])
def test_the_quicker_way_is_taken(missing, observed, monkeypatch):
    monkeypatch.undo()
    Y = np.ones((100, 4))
    Y.flat[: round(missing * Y.size)] = np.nan
    assert Observed.is_quicker(Y) == observed
