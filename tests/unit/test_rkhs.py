import numpy as np
import pandas as pd
import pytest
from scipy.optimize import minimize
from scipy.stats import multivariate_normal

from breedcast.errors import UserError
from breedcast.genotypes.relationship import Relationship
from breedcast.models.base import Lines
from breedcast.models.gblup import GBLUP
from breedcast.models.multikernel import kernel_shares
from breedcast.models.reml import fit_reml
from breedcast.models.rkhs import RKHS


def simulate(lines=90, markers=60, seed=0, ploidy=2):
    rng = np.random.default_rng(seed)
    codes = rng.binomial(ploidy, rng.uniform(0.2, 0.8, markers), (lines, markers)).astype(np.uint8)
    additive = codes @ rng.normal(size=markers)
    pairs = (codes[:, :20] - 1.0) * (codes[:, 20:40] - 1.0) @ rng.normal(size=20)
    genetic = additive / additive.std() + pairs / pairs.std()
    family = pd.DataFrame({"family": rng.choice(list("AB"), lines)})
    return Lines(codes, ploidy, family, 10 + genetic + rng.normal(size=lines))


def test_one_additive_kernel_is_gblup():
    lines = simulate()
    train, new = lines.take(np.arange(70)), lines.take(np.arange(70, 90)).blind()
    kernel = RKHS(kernels=("additive",)).fit(train, 0, "cpu")
    gblup = GBLUP().fit(train, 0, "cpu")
    assert kernel.facts["heritability"] == pytest.approx(gblup.facts["heritability"], abs=1e-6)
    for column in ("mean", "sd", "reliability"):
        first, second = (getattr(each.predict(new), column) for each in (kernel, gblup))
        np.testing.assert_allclose(first, second, atol=1e-6)


def log_likelihood(variances, kernels, y, X):
    """Of the error contrasts, at the variances of the kernels and of the residual."""
    contrasts = np.linalg.svd(X)[0][:, X.shape[1] :]
    V = sum(s2 * K for s2, K in zip(variances, [*kernels, np.eye(len(y))], strict=True))
    return multivariate_normal(cov=contrasts.T @ V @ contrasts).logpdf(contrasts.T @ y)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(
    "names", [("additive", "epistatic"), ("additive", "gaussian", "dominance")]
)
def test_several_variances_maximise_the_density_of_error_contrasts(names, seed):
    """Nelder and Mead's simplex from four starts knows nothing of average information."""
    lines = simulate(seed=seed)
    model = RKHS(kernels=names)
    genomes = model._genomes(lines)
    kernels = model._kernels({it: genomes[it].among_training() for it in genomes})[1]
    X = np.column_stack([np.ones(len(lines)), lines.covariates["family"] == "A"])
    y = lines.observed
    shares = kernel_shares(kernels, y, X)
    mixed = fit_reml(sum(s * K for s, K in zip(shares, kernels, strict=True)), y, X)
    found = log_likelihood([*(shares * mixed.sigma2_g), mixed.sigma2_e], kernels, y, X)

    def deviance(roots):
        return -log_likelihood(roots**2 + np.append(np.zeros(len(names)), 1e-6), kernels, y, X)

    starts = np.random.default_rng(seed).uniform(0.2, 1.5, (4, len(names) + 1))
    options = {"xatol": 1e-5, "fatol": 1e-8, "maxiter": 4000, "maxfev": 4000}
    best = min(
        (minimize(deviance, start, method="Nelder-Mead", options=options) for start in starts),
        key=lambda result: result.fun,
    )
    assert found == pytest.approx(-best.fun, abs=2e-4)
    genetic = best.x[:-1] ** 2
    np.testing.assert_allclose(shares, genetic / genetic.sum(), atol=0.02)


def test_a_kernel_that_explains_nothing_gets_no_share():
    lines = simulate(lines=300, markers=100)
    rng = np.random.default_rng(0)
    Z = Relationship.fit(lines.codes, 2).centred(lines.codes)
    other = Relationship.fit(simulate(300, 100, seed=8).codes, 2)
    W = other.centred(simulate(300, 100, seed=8).codes)
    y = Z @ rng.normal(size=100) + 0.5 * rng.normal(size=300)
    shares = kernel_shares([Z @ Z.T, W @ W.T], y, np.ones((300, 1)))
    assert shares[0] > 0.9
    noise = kernel_shares([Z @ Z.T, W @ W.T], np.ones(300), np.ones((300, 1)))
    np.testing.assert_array_equal(noise, [0.5, 0.5])


@pytest.mark.usefixtures("likeliest_variances")
def test_predictions_and_errors_are_those_of_the_uncentred_kernel():
    """Conditional normal distribution by brute force, with the kernel as it was before centring."""
    lines = simulate()
    train, new = lines.take(np.arange(70)), lines.take(np.arange(70, 90))
    fitted = RKHS(kernels=("gaussian",), bandwidths=(1.0,)).fit(train, 0, "cpu")
    kernel = fitted.kernels["gaussian"]
    features = fitted.genomes["additive"].base.centred(lines.codes)
    D = ((features[:, None] - features) ** 2).sum(axis=2)
    K = np.exp(-D / D[:70, :70].mean()) * fitted.mixed.sigma2_g / kernel.scale
    V = K[:70, :70] + fitted.mixed.sigma2_e * np.eye(70)
    X = fitted.design.matrix(lines.covariates)
    X, x = X[:70], X[70:]
    inverse = np.linalg.inv(V)
    XVX = np.linalg.inv(X.T @ inverse @ X)
    b = XVX @ X.T @ inverse @ train.observed
    mean = x @ b + K[70:, :70] @ inverse @ (train.observed - X @ b)
    gap = x - K[70:, :70] @ inverse @ X
    covariance = K[70:, 70:] - K[70:, :70] @ inverse @ K[:70, 70:] + gap @ XVX @ gap.T
    prediction = fitted.predict(new.blind())
    np.testing.assert_allclose(prediction.mean, mean, atol=1e-8)
    np.testing.assert_allclose(prediction.sd, np.sqrt(np.diag(covariance)), rtol=1e-6)
    assert ((prediction.reliability >= 0) & (prediction.reliability <= 1)).all()


def test_interactions_are_found_by_kernels_and_not_by_gblup():
    gains = []
    for seed in range(5):
        lines = simulate(lines=500, markers=40, seed=seed)
        train, new = lines.take(np.arange(400)), lines.take(np.arange(400, 500))
        r = [
            np.corrcoef(model.fit(train, 0, "cpu").predict(new.blind()).mean, new.observed)[0, 1]
            for model in (RKHS(), GBLUP())
        ]
        gains.append(r[0] - r[1])
    assert np.mean(gains) > 2 * np.std(gains) / np.sqrt(5)


def test_heterosis_is_predicted_by_dominance():
    rng = np.random.default_rng(3)
    codes = rng.binomial(2, rng.uniform(0.2, 0.8, 80), (400, 80)).astype(np.uint8)
    genetic = (codes == 1) @ rng.normal(0.5, 0.5, size=80)
    value = genetic / genetic.std() + rng.normal(size=400)
    lines = Lines(codes, 2, pd.DataFrame(index=range(400)), value)
    train, new = lines.take(np.arange(300)), lines.take(np.arange(300, 400))
    hybrid = RKHS(kernels=("additive", "dominance")).fit(train, 0, "cpu")
    r = [
        np.corrcoef(fitted.predict(new.blind()).mean, new.observed)[0, 1]
        for fitted in (hybrid, GBLUP().fit(train, 0, "cpu"))
    ]
    assert r[0] > r[1] + 0.1
    assert hybrid.facts["share_dominance"] > hybrid.facts["share_additive"]


def test_dominance_among_inbreds_is_refused():
    lines = simulate(ploidy=1)
    with pytest.raises(UserError, match="no dominance kernel"):
        RKHS(kernels=("dominance",)).fit(lines, 0, "cpu")


def test_shares_of_many_lines_come_from_some_of_them(monkeypatch):
    lines = simulate(300, 100)
    whole = RKHS().fit(lines, 0, "cpu")
    monkeypatch.setattr("breedcast.models.multikernel.SHARES_FROM", 150)
    some, again = RKHS().fit(lines, 0, "cpu"), RKHS().fit(lines, 0, "cpu")
    assert some.shares.sum() == pytest.approx(1)
    np.testing.assert_array_equal(some.shares, again.shares)
    assert not np.array_equal(some.shares, whole.shares)
    new = simulate(300, 100, seed=1).blind()
    predicted = [fitted.predict(new).mean for fitted in (whole, some)]
    assert np.corrcoef(*predicted)[0, 1] > 0.9
