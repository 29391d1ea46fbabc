"""A network beside a mixed model: what it learns, and what the two say as one."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from breedcast.checkpoint import part
from breedcast.errors import UserError
from breedcast.genotypes.relationship import Relationship
from breedcast.models.base import Fit, Lines
from breedcast.models.deepgs import DeepGS
from breedcast.models.dnn import DNN
from breedcast.models.kernels import ArcCosine, Epistatic, Linear, mean_gaussian
from breedcast.models.products import Products
from breedcast.models.reml import fit_reml
from breedcast.models.rkhs import RKHS
from breedcast.models.shortcut import Shortcut

KERNELS = ("additive", "gaussian")


def simulate(lines: int = 60, markers: int = 40, ploidy: int = 2, missing: float = 0.0) -> Lines:
    """An additive trait in two groups of other means, measured with other precisions."""
    rng = np.random.default_rng(4)
    dosage = rng.binomial(ploidy, rng.uniform(0.2, 0.8, markers), (lines, markers))
    codes = np.where(rng.random(dosage.shape) < missing, ploidy + 1, dosage).astype(np.uint8)
    group = pd.DataFrame({"group": np.where(np.arange(lines) % 3, "a", "b")})
    genetic = dosage @ rng.normal(size=markers)
    value = genetic + rng.normal(size=lines) * genetic.std() + 30.0 * (np.arange(lines) % 3 > 0)
    return Lines(codes, ploidy, group, value, rng.uniform(0.5, 2.0, lines))


def test_what_is_left_is_that_of_fits_without_each_line() -> None:
    """At the variances of all lines, by equations that are set up anew without the line."""
    lines = simulate()
    fitted = Shortcut.fit(KERNELS, lines, 0).fitted
    among = fitted.genomes["additive"].among_training()
    K = sum(
        share * kernel.of(among)[0]
        for share, kernel in zip(fitted.shares, fitted.kernels.values(), strict=True)
    )
    X = fitted.design.matrix(lines.covariates)
    V = K * fitted.mixed.sigma2_g + np.diag(fitted.mixed.sigma2_e / lines.weights)
    expected = []
    for at in range(len(lines)):
        rest = np.delete(np.arange(len(lines)), at)
        inverse = np.linalg.inv(V[np.ix_(rest, rest)])
        b = np.linalg.solve(X[rest].T @ inverse @ X[rest], X[rest].T @ inverse @ lines.value[rest])
        g = fitted.mixed.sigma2_g * K[at, rest] @ inverse @ (lines.value[rest] - X[rest] @ b)
        expected.append(lines.value[at] - X[at] @ b - g)
    left = Shortcut(fitted).left_of(lines).observed
    np.testing.assert_allclose(left, expected, rtol=1e-6)
    in_sample = lines.observed - fitted.values(lines)
    assert np.std(left) > 1.2 * np.std(in_sample)


def test_without_genetic_variance_each_line_is_left_the_mean_of_the_others() -> None:
    y = np.random.default_rng(0).normal(size=12)
    mixed = fit_reml(np.zeros((12, 12)), y, np.ones((12, 1)))
    np.testing.assert_allclose(mixed.left_out, y - (y.sum() - y) / 11)


@pytest.mark.parametrize(
    "choose",
    [
        lambda _: Linear(),
        lambda _: Epistatic(),
        lambda products: mean_gaussian(products, [0.3, 1.5]),
        lambda _: ArcCosine(3),
    ],
)
def test_slopes_are_differences_over_small_steps(choose) -> None:
    rng = np.random.default_rng(1)
    train, new = rng.normal(size=(20, 6)), rng.normal(size=(4, 6))
    similarity = choose(Products.of(train, train))
    by_cross, by_own = similarity.slopes(Products.of(new, train))
    for feature in range(6):
        step = np.zeros((4, 6))
        step[:, feature] = 1e-5
        high, low = (similarity.cross(Products.of(it, train)) for it in (new + step, new - step))
        found = by_cross * train[:, feature] + 2 * by_own * new[:, [feature]]
        np.testing.assert_allclose(found, (high - low) / 2e-5, rtol=1e-5, atol=1e-8)


@pytest.mark.parametrize("kernels", [("additive",), KERNELS, ("arc_cosine", "epistatic")])
def test_the_gradient_is_the_change_by_part_of_an_allele(kernels: tuple[str, ...]) -> None:
    lines = simulate()
    shortcut = Shortcut.fit(kernels, lines, 0)
    codes, step = lines.codes.astype(float), 1e-4  # the kernels are asked for parts of an allele
    found = shortcut.gradient(codes)
    for marker in (0, 7):
        high, low = codes.copy(), codes.copy()
        high[:, marker] += step
        low[:, marker] -= step
        low, high = np.minimum(low, 2), np.minimum(high, 2)  # beyond the ploidy is a missing call
        gaps = high[:, marker] - low[:, marker]
        change = shortcut.predict(replace(lines, codes=high)) - shortcut.predict(
            replace(lines, codes=low)
        )
        np.testing.assert_allclose(found[:, marker], change / gaps, rtol=1e-3, atol=1e-4)


def test_the_additive_gradient_is_ridge_regressions_effects() -> None:
    lines = simulate(missing=0.1)
    effects = RKHS(kernels=("additive",)).learn(lines, 0)
    Z = Relationship.fit(lines.codes, 2)
    expected = Z.centred(lines.codes).T @ effects.mixed.dual / np.sqrt(Z.scale)
    gradient = Shortcut(effects).gradient(lines.codes[:3])
    np.testing.assert_allclose(gradient, np.tile(expected, (3, 1)), atol=1e-10)


@pytest.mark.parametrize("kernels", [("additive",), KERNELS, ("arc_cosine", "epistatic")])
def test_contributions_sum_to_what_sets_a_line_apart(kernels: tuple[str, ...]) -> None:
    lines = simulate(missing=0.1)
    shortcut = Shortcut.fit(kernels, lines, 0)
    nothing = replace(lines, codes=np.full_like(lines.codes, 3))  # all missing: the mean line
    apart = shortcut.predict(lines) - shortcut.predict(nothing)
    added = shortcut.contributions(lines.codes).sum(axis=1)
    np.testing.assert_allclose(added, apart, atol=0.01 * np.std(apart))


def test_a_network_learns_what_is_left_and_adds_to_the_rest() -> None:
    lines, new = simulate(), simulate(9)
    fitted = DNN(shortcut=KERNELS, epochs=3, networks=2).fit(lines, 3, "cpu")
    shortcut = Shortcut.fit(KERNELS, lines, 3)
    for one in fitted.networks:
        np.testing.assert_array_equal(one.learnt.lines.observed, shortcut.left_of(lines).observed)
    own = np.mean([one.own(new).mean for one in fitted.networks], axis=0)
    np.testing.assert_allclose(fitted.predict(new.blind()).mean, shortcut.predict(new) + own)
    assert 0 < fitted.facts["network_share"] < 0.5  # three epochs


def test_the_spread_of_networks_stays_theirs() -> None:
    lines = simulate()
    fitted = DNN(shortcut=KERNELS, epochs=2, networks=2).fit(lines, 0, "cpu")
    expected = np.std([one.own(lines).mean for one in fitted.networks], axis=0)
    np.testing.assert_allclose(fitted.predict(lines.blind()).sd, expected)


@pytest.mark.parametrize("kind", ["one_hot", "dosage", "pca"])
def test_saliency_is_that_of_the_whole_prediction(kind: str) -> None:
    """Network and kernels: against a change of one call."""
    lines = simulate(150, 30)
    model = DeepGS(input=kind, shortcut=KERNELS, epochs=2, variance=1.0)
    fitted = model.fit(lines, 0, "cpu")
    rows = fitted.networks[0].learnt.rows
    slopes = np.empty(30)
    for marker in range(30):
        low, high = lines.codes[rows].copy(), lines.codes[rows].copy()
        low[:, marker], high[:, marker] = 0, 2
        on = lines.covariates.iloc[rows]
        means = [fitted.predict(Lines(codes, 2, on)).mean for codes in (low, high)]
        slopes[marker] = np.median(np.abs(means[1] - means[0])) / 2
    found = fitted.saliency["gradient"][0]
    if kind == "one_hot":  # the state farthest from the mean stands for the marker
        found = found / np.abs(np.arange(3) - lines.codes[rows].mean(axis=0)[:, None]).max(axis=1)
    np.testing.assert_allclose(found, slopes, rtol=0.15, atol=slopes.max() / 20)


@pytest.mark.parametrize("kind", ["one_hot", "dosage", "pca"])
def test_contributions_are_those_of_network_and_shortcut(kind: str) -> None:
    lines = simulate(missing=0.1)
    model = DNN(input=kind, shortcut=KERNELS, epochs=20, networks=1)
    fitted = model.fit(lines, 0, "cpu").networks[0]
    alone = replace(fitted.learnt, shortcut=None)
    own = type(fitted)(alone, fitted.trained).contributions(lines)
    shared = fitted.learnt.shortcut.contributions(lines.codes)
    np.testing.assert_allclose(fitted.contributions(lines), own + shared)
    assert np.std(own) > 0


def test_side_by_side_the_networks_are_those_trained_alone() -> None:
    torch.set_default_dtype(torch.float64)
    try:
        model = DNN(shortcut=KERNELS, epochs=4, networks=2)
        lines = simulate(66)
        fits = [Fit(lines.take(np.delete(np.arange(66), at)), at) for at in range(2)]
        together = model.fit_all(fits, "cpu")
        for fit, fitted in zip(fits, together, strict=True):
            alone = model.fit(fit.lines, fit.seed, "cpu").predict(lines.blind()).mean
            np.testing.assert_allclose(fitted.predict(lines.blind()).mean, alone, rtol=1e-9)
    finally:
        torch.set_default_dtype(torch.float32)


@pytest.mark.parametrize("networks", [1, 2])
def test_the_weights_hold_the_shortcut_once(networks: int) -> None:
    lines = simulate(missing=0.1)
    weights = DNN(shortcut=KERNELS, epochs=1, networks=networks).fit(lines, 0, "cpu").weights()
    kept = part(weights, "shortcut.")
    assert set(kept) == {"dual", "kernel_shares", "training_codes", "fixed_effects"}
    again = RKHS(kernels=KERNELS).learn(replace(lines, codes=kept["training_codes"]), 0)
    np.testing.assert_array_equal(again.mixed.dual, kept["dual"])
    assert sum(name.endswith("training_codes") for name in weights) == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"loss": "cross_entropy"}, "cross_entropy.*shortcut"),
        ({"loss": "correlation"}, "correlation.*shortcut"),
        ({"pretrained": "net.h5"}, "pretrained.*shortcut"),
    ],
)
def test_what_does_not_go_with_a_shortcut_is_refused(options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        DNN(shortcut=KERNELS, **options)


@pytest.mark.parametrize("options", [{"loss": "ordinal"}, {"pretrained": "net.h5"}])
def test_a_networks_own_shortcut_gives_way_to_what_it_does_not_go_with(options: dict) -> None:
    assert DeepGS().beside == KERNELS
    assert DeepGS(shortcut=()).beside == DeepGS(**options).beside == ()


def test_lines_that_a_mixed_model_cannot_learn_from_are_refused() -> None:
    lines, model = simulate(), DNN(shortcut=KERNELS)
    with pytest.raises(UserError, match="no marker varies"):
        model.fit(replace(lines, codes=np.ones_like(lines.codes)), 0, "cpu")
    with pytest.raises(UserError, match="does not vary"):
        model.fit(replace(lines, value=np.ones(60)), 0, "cpu")
