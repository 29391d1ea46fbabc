from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import minimize_scalar
from scipy.stats import multivariate_normal
from sklearn.linear_model import Ridge
from sklearn.model_selection import KFold

from breedcast.genotypes.relationship import Relationship
from breedcast.models.base import Lines, model_class
from breedcast.models.gblup import GBLUP
from breedcast.models.registry import MODELS
from breedcast.models.reml import fit_reml
from breedcast.models.rkhs import RKHS


def simulate(lines=80, markers=300, ploidy=2, seed=0, covariates=None):
    rng = np.random.default_rng(seed)
    codes = rng.binomial(ploidy, rng.uniform(0.1, 0.9, markers), (lines, markers)).astype(np.uint8)
    effects = rng.normal(size=markers)
    genetic = codes @ effects
    value = 50 + genetic / genetic.std() + rng.normal(size=lines)
    frame = pd.DataFrame(index=range(lines)) if covariates is None else covariates
    return Lines(codes, ploidy, frame, value)


def restricted_likelihood(K, y, X, ratio):
    """-2 log REML at its best scale, from the density of error contrasts (an oracle)."""
    contrasts = np.linalg.svd(X)[0][:, X.shape[1] :]
    z, H = contrasts.T @ y, contrasts.T @ (K + ratio * np.eye(len(y))) @ contrasts
    scale = z @ np.linalg.solve(H, z) / len(z)
    return -2 * multivariate_normal(cov=scale * H).logpdf(z)


def test_variance_components_maximise_the_density_of_error_contrasts():
    lines = simulate()
    Z = Relationship.fit(lines.codes, 2).centred(lines.codes)
    K, X = Z @ Z.T, np.column_stack([np.ones(80), np.arange(80)])
    fitted = fit_reml(K, lines.observed, X)
    oracle = minimize_scalar(
        lambda log: restricted_likelihood(K, lines.observed, X, np.exp(log)),
        bounds=(-5, 5),
        method="bounded",
        options={"xatol": 1e-9},
    )
    assert fitted.sigma2_e / fitted.sigma2_g == pytest.approx(np.exp(oracle.x), rel=1e-4)


def test_predictions_are_ridge_regressions():
    lines, new = simulate(), simulate(lines=20, seed=9)
    fitted = GBLUP().fit(lines, 0, "cpu")
    mean = lines.codes.mean(axis=0)
    scale = fitted.genome.base.scale
    ridge = Ridge(alpha=fitted.mixed.sigma2_e / fitted.mixed.sigma2_g * scale)
    ridge.fit(lines.codes - mean, lines.observed)
    np.testing.assert_allclose(
        fitted.predict(new.blind()).mean, ridge.predict(new.codes - mean), rtol=1e-8
    )
    np.testing.assert_allclose(fitted.marker_effects, ridge.coef_, atol=1e-8)


def share_held(heritability, trained=40):
    """The share of true genetic values of new lines in their 90 % interval, of 40 populations."""
    held = []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        codes = rng.binomial(2, 0.4, (140, 30)).repeat(10, axis=1).astype(np.uint8)
        genetic = codes[:, ::10] @ rng.normal(size=30)
        genetic *= np.sqrt(heritability) / genetic.std()
        value = genetic + rng.normal(0, np.sqrt(1 - heritability), 140)
        lines = Lines(codes, 2, pd.DataFrame(index=range(140)), value)
        fitted = GBLUP().fit(lines.take(np.arange(trained)), 0, "cpu")
        predicted = fitted.predict(lines.take(np.arange(trained, 140)).blind())
        held.append(np.abs(genetic[trained:] - predicted.mean) < 1.645 * predicted.sd)
    return np.mean(held)


@pytest.mark.parametrize("heritability", [0.3, 0.6])
def test_nine_in_ten_genetic_values_are_held_where_lines_are_few(request, heritability):
    found = share_held(heritability)
    request.getfixturevalue("likeliest_variances")
    assert 0.82 < found < 0.95
    assert share_held(heritability) < found - 0.02


@pytest.mark.usefixtures("likeliest_variances")
def test_error_variances_are_those_of_the_mixed_model_equations():
    covariates = pd.DataFrame({"age": np.linspace(0, 1, 60)})
    lines = simulate(lines=60, covariates=covariates)
    new = Lines(simulate(lines=5, seed=3).codes, 2, pd.DataFrame({"age": [0.2, 0.9, 0.5, 0, 1]}))
    fitted = GBLUP().fit(lines, 0, "cpu")
    prediction = fitted.predict(new)
    # Henderson: joint covariance of the new lines' g and the data, brute force.
    Z, z = fitted.genome.base.centred(lines.codes), fitted.genome.base.centred(new.codes)
    s2g, s2e = fitted.mixed.sigma2_g, fitted.mixed.sigma2_e
    scaled = (covariates["age"] - covariates["age"].mean()) / covariates["age"].std(ddof=0)
    X = np.column_stack([np.ones(60), scaled])
    x = np.column_stack(
        [
            np.ones(5),
            (new.covariates["age"] - covariates["age"].mean()) / covariates["age"].std(ddof=0),
        ]
    )
    V_inverse = np.linalg.inv(Z @ Z.T * s2g + np.eye(60) * s2e)
    C = z @ Z.T * s2g
    P = V_inverse - V_inverse @ X @ np.linalg.inv(X.T @ V_inverse @ X) @ X.T @ V_inverse
    prior = (z**2).sum(axis=1) * s2g
    pev = prior - np.einsum("ij,jk,ik->i", C, P, C)
    np.testing.assert_allclose(prediction.reliability, 1 - pev / prior, rtol=1e-6)
    gap = x - C @ V_inverse @ X
    total = (
        prior
        - np.einsum("ij,jk,ik->i", C, V_inverse, C)
        + np.einsum("ij,jk,ik->i", gap, np.linalg.inv(X.T @ V_inverse @ X), gap)
    )
    np.testing.assert_allclose(prediction.sd, np.sqrt(total), rtol=1e-6)


@pytest.mark.parametrize("ploidy", [1, 2, 4, 6])
def test_relationships_have_a_mean_diagonal_of_one_and_missing_calls_are_average(ploidy):
    lines = simulate(ploidy=ploidy)
    codes = lines.codes.copy()
    codes[0] = ploidy + 1
    Z = Relationship.fit(codes, ploidy).centred(codes)
    assert np.trace(Z @ Z.T) / len(Z) == pytest.approx(1)
    assert (Z[0] == 0).all()
    assert abs(Z[1:].sum(axis=0)).max() < 1e-10


def test_a_simulated_heritability_is_found():
    found = [
        GBLUP().fit(simulate(lines=300, markers=100, seed=seed), 0, "cpu").mixed.heritability
        for seed in range(12)
    ]
    assert np.mean(found) == pytest.approx(0.5, abs=0.06)


@pytest.mark.parametrize("model", [GBLUP(), RKHS()])
def test_values_that_do_not_vary_are_predicted_alike_and_nothing_is_heritable(model):
    """Of a rare class a training set may hold no line."""
    lines = replace(simulate(lines=30), value=np.zeros(30))
    fitted = model.fit(lines, 0, "cpu")
    assert fitted.facts["heritability"] == 0
    assert (fitted.predict(lines.blind()).mean == 0).all()


def test_a_covariate_is_a_fixed_effect():
    rng = np.random.default_rng(4)
    family = rng.choice(list("AB"), 80)
    lines = simulate(covariates=pd.DataFrame({"family": family}))
    shifted = Lines(
        lines.codes, 2, lines.covariates, lines.observed + np.where(family == "A", 1000.0, 0)
    )
    first, second = (GBLUP().fit(each, 0, "cpu") for each in (lines, shifted))
    assert second.mixed.heritability == pytest.approx(first.mixed.heritability, rel=1e-4)
    moved = second.predict(shifted.blind()).mean - first.predict(lines.blind()).mean
    np.testing.assert_allclose(moved, np.where(family == "A", 1000.0, 0), atol=1e-3)


@pytest.mark.parametrize("trait", ["env1", "env2", "env3", "env4"])
def test_wheat_predictions_are_rrblups(shared_data, trait):
    """rrBLUP 4.6.3 (R) on the same folds: every test line of repeat 0, and r of all 20 folds."""
    import cyvcf2

    folder = shared_data / "wheat599"
    vcf = cyvcf2.VCF(str(folder / "genotypes.vcf.gz"))
    codes = np.array([v.genotype.array()[:, :2].sum(axis=1) for v in vcf], dtype=np.uint8).T
    values = pd.read_csv(folder / "phenotypes.tsv", sep="\t", dtype={"sample": str})
    published = pd.read_csv(
        folder / "oracle_rrblup_predictions.tsv.gz", sep="\t", dtype={"sample": str}
    )
    published = published[published["trait"] == trait].set_index("sample")["predicted"]
    folds = pd.read_csv(folder / "oracle_folds.tsv", sep="\t")
    folds = folds[(folds["trait"] == trait) & (folds["program"] == "rrblup_4.6.3")]
    expected = folds.set_index(["repeat", "fold"])["pearson"]
    lines = Lines(codes, 2, pd.DataFrame(index=range(599)), values[trait].to_numpy())
    for repeat in range(4):
        split = KFold(5, shuffle=True, random_state=repeat).split(codes)
        for fold, (train, test) in enumerate(split):
            predicted = GBLUP().fit(lines.take(train), 0, "cpu").predict(lines.take(test).blind())
            r = np.corrcoef(predicted.mean, values[trait].iloc[test])[0, 1]
            assert r == pytest.approx(expected[repeat, fold], abs=1e-5)
            if repeat == 0:
                rrblup = published[values["sample"].iloc[test]]
                np.testing.assert_allclose(predicted.mean, rrblup, atol=1e-5)


@pytest.mark.usefixtures("likeliest_variances")
@pytest.mark.parametrize("name", ["gblup", "rrblup", "rkhs"])
def test_weights_are_inverse_residual_variances(name):
    """Predictions, error variances and likelihood, by the covariance matrix written out."""
    rng = np.random.default_rng(4)
    lines, new = simulate(lines=40, markers=30), simulate(lines=6, markers=30, seed=9)
    K = Relationship.fit(lines.codes, 2)
    Z, z = K.centred(lines.codes), K.centred(new.codes)
    weight = rng.uniform(0.5, 3, 40)
    model = RKHS(kernels=("additive",)) if name == "rkhs" else model_class(MODELS[name])()
    fitted = model.fit(replace(lines, weight=weight), 0, "cpu")
    if name == "rkhs":  # its kernels are centred
        Z, z = Z - Z.mean(axis=0), z - Z.mean(axis=0)
    s2g, s2e = fitted.mixed.sigma2_g, fitted.mixed.sigma2_e
    V = Z @ Z.T * s2g + np.diag(s2e / weight)
    X = np.ones((40, 1))
    P = np.linalg.inv(V)
    b = np.linalg.solve(X.T @ P @ X, X.T @ P @ lines.observed)
    expected = b + s2g * z @ Z.T @ P @ (lines.observed - X @ b)
    np.testing.assert_allclose(fitted.predict(new.blind()).mean, expected, rtol=1e-6)
    C = s2g * z @ Z.T
    gap = 1 - (C @ P @ X)[:, 0]
    pev = s2g * (z**2).sum(1) - np.einsum("ij,jk,ik->i", C, P, C) + gap**2 / (X.T @ P @ X)[0, 0]
    np.testing.assert_allclose(fitted.predict(new.blind()).sd ** 2, pev, rtol=1e-6)
    contrasts = np.linalg.svd(X)[0][:, 1:]

    def likelihood(g, e):
        H = contrasts.T @ (Z @ Z.T * g + np.diag(e / weight)) @ contrasts
        return multivariate_normal(cov=H).logpdf(contrasts.T @ lines.observed)

    best = likelihood(s2g, s2e)
    for g, e in ((1.1, 1), (1, 1.1), (0.9, 1), (1, 0.9), (1.1, 0.9)):
        assert likelihood(s2g * g, s2e * e) < best + 1e-9


def test_relationships_that_rounding_left_below_nothing_are_fitted():
    """As sums of float32 products leave them: the smallest ratios of the variances are no model."""
    rng = np.random.default_rng(0)
    Q = np.linalg.qr(rng.normal(size=(60, 60)))[0]
    sizes = np.linspace(0, 3, 60)
    whole = (Q * sizes) @ Q.T
    y = Q @ (np.sqrt(sizes) * rng.normal(size=60)) + 0.5 * rng.normal(size=60)
    X = np.ones((60, 1))
    rounded = (Q * np.where(sizes > 0, sizes, -5e-5)) @ Q.T
    fitted, expected = fit_reml(rounded, y, X), fit_reml(whole, y, X)
    assert fitted.sigma2_g == pytest.approx(expected.sigma2_g, rel=1e-3)
    assert fitted.sigma2_e == pytest.approx(expected.sigma2_e, rel=1e-3)
