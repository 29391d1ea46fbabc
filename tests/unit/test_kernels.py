"""Kernels against other libraries' and against what they are the limit of."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics.pairwise import rbf_kernel

from breedcast.genotypes.relationship import DominanceRelationship
from breedcast.models.base import Lines
from breedcast.models.kernels import ArcCosine, Epistatic, Kernel, mean_gaussian
from breedcast.models.kinship import Kinship
from breedcast.models.products import DosageProducts, Products


def dosages(lines, markers, ploidy=2, seed=0):
    rng = np.random.default_rng(seed)
    frequency = rng.uniform(0.2, 0.8, markers)
    return rng.binomial(ploidy, frequency, (lines, markers)).astype(np.uint8)


def test_the_gaussian_kernel_is_scikit_learns():
    rng = np.random.default_rng(1)
    train, new = rng.normal(size=(30, 7)), rng.normal(size=(5, 7))
    gaussian = mean_gaussian(Products.of(train, train), [0.5, 2.0])
    distances = ((train[:, None] - train) ** 2).sum(axis=2)
    expected = sum(rbf_kernel(new, train, gamma=h / distances.mean()) for h in (0.5, 2.0)) / 2
    np.testing.assert_allclose(gaussian.cross(Products.of(new, train)), expected)


def test_the_arc_cosine_kernel_is_that_of_random_rectified_units():
    """Cho & Saul 2009, eq. 1: twice the mean product of the outputs over normal weights."""
    rng = np.random.default_rng(2)
    lines = rng.normal(size=(6, 4))
    hidden = np.maximum(lines @ rng.normal(size=(4, 1_000_000)), 0)
    sampled = 2 * hidden @ hidden.T / hidden.shape[1]
    exact = ArcCosine(1).cross(Products.of(lines, lines))
    np.testing.assert_allclose(exact, sampled, atol=0.02 * exact.max())
    deeper = 2 * np.mean(
        [_outputs(exact, rng) for _ in range(20)],
        axis=0,
    )
    twice = ArcCosine(2).cross(Products.of(lines, lines))
    np.testing.assert_allclose(twice, deeper, atol=0.02 * twice.max())


def _outputs(covariance, rng):
    """Mean products of rectified units whose inputs have this covariance."""
    inputs = rng.multivariate_normal(np.zeros(len(covariance)), covariance, size=100_000)
    hidden = np.maximum(inputs, 0)
    return hidden.T @ hidden / len(hidden)


def test_the_epistatic_kernel_is_linear_in_all_products_of_two_markers():
    rng = np.random.default_rng(3)
    lines = rng.normal(size=(8, 5))
    pairs = np.einsum("ij,ik->ijk", lines, lines).reshape(8, -1)
    products = Products.of(lines, lines)
    np.testing.assert_allclose(Epistatic().cross(products), pairs @ pairs.T)
    np.testing.assert_allclose(Epistatic().own(products), (pairs**2).sum(axis=1))


@pytest.mark.parametrize(
    "choose",
    [
        lambda products: mean_gaussian(products, [1.0]),
        lambda _: ArcCosine(3),
        lambda _: Epistatic(),
    ],
)
def test_kernels_are_centred_scaled_and_the_same_for_a_line_seen_again(choose):
    codes = dosages(40, 60)
    codes[0, :10] = 3
    lines = Lines(codes, 2, pd.DataFrame(index=range(40)))
    kinship = Kinship.fit(lines)
    among = kinship.among_training()
    kernel, K = Kernel.fit(among, choose(among))
    assert np.trace(K) / 40 == pytest.approx(1)
    np.testing.assert_allclose(K.sum(axis=0), 0, atol=1e-10)
    k, k_self = kernel.of(kinship.with_training(lines.take(np.arange(7))))
    np.testing.assert_allclose(k, K[:7], atol=1e-12)
    np.testing.assert_allclose(k_self, np.diag(K)[:7], atol=1e-12)
    assert np.linalg.eigvalsh(K)[0] > -1e-10


@pytest.mark.parametrize("ploidy", [1, 2, 4])
def test_products_of_all_lines_tell_a_fit_what_its_codes_do(ploidy):
    codes = dosages(90, 300, ploidy)
    products = DosageProducts.of(codes, ploidy)
    np.testing.assert_array_equal(products.matrix, codes.astype(int) @ codes.astype(int).T)
    every = Lines(codes, ploidy, pd.DataFrame(index=range(90)), products=products)
    train, new = np.arange(0, 60), np.arange(55, 90)
    told, fitted = (Kinship.fit(lines) for lines in (every.take(train), _alone(every, train)))
    for first, second in (
        (told.among_training(), fitted.among_training()),
        (told.with_training(every.take(new)), fitted.with_training(_alone(every, new))),
        # other codes are not those of the products
        (
            told.with_training(every.take(new).with_codes(codes[:35])),
            fitted.with_training(_alone(every, np.arange(35))),
        ),
    ):
        for field in ("cross", "own", "training"):
            np.testing.assert_allclose(getattr(first, field), getattr(second, field), atol=1e-12)
    missing = codes.copy()
    missing[3, 5] = ploidy + 1
    assert DosageProducts.of(missing, ploidy) is None


def _alone(lines, rows):
    """Lines of which nothing but the codes is known."""
    return lines.take(rows).with_codes(lines.codes[rows])


def test_diploid_dominance_is_vitezicas():
    codes = dosages(50, 20)
    p = codes.mean(axis=0) / 2
    table = np.stack([-2 * p**2, 2 * p * (1 - p), -2 * (1 - p) ** 2])
    expected = np.take_along_axis(table, codes.astype(int), axis=0)
    expected -= expected.mean(axis=0)
    found = DominanceRelationship.fit(codes, 2).centred(codes)
    expected *= np.sqrt(50 / (expected**2).sum())
    np.testing.assert_allclose(found, expected)


def test_dominance_is_orthogonal_to_dosage_in_a_random_mating_tetraploid():
    codes = dosages(200_000, 3, ploidy=4)
    dominance = DominanceRelationship.fit(codes, 4)
    found = dominance.centred(codes)
    for marker in range(3):
        assert abs(np.corrcoef(found[:, marker], codes[:, marker])[0, 1]) < 0.01
    missing = np.full((1, 3), 5, dtype=np.uint8)
    np.testing.assert_array_equal(dominance.centred(missing), 0)


def test_without_heterozygotes_there_is_no_dominance():
    codes = dosages(20, 5) // 2 * 2
    with pytest.raises(ValueError, match="heterozygous"):
        DominanceRelationship.fit(codes, 2)
