"""Codes to inputs: against scikit-learn and by hand."""

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA

from breedcast.genotypes.encode import (
    DosageMeans,
    Encoder,
    OneHot,
    PrincipalComponents,
    ScaledDosage,
)
from breedcast.models.network import input_layer

PLOIDY = 2
MISSING = PLOIDY + 1


def random_codes(lines: int, markers: int, missing: float = 0.0, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    frequency = rng.uniform(0.1, 0.9, markers)
    codes = rng.binomial(PLOIDY, frequency, (lines, markers)).astype(np.uint8)
    codes[rng.random(codes.shape) < missing] = MISSING
    return codes


def numbers(encoder: Encoder, codes: np.ndarray) -> np.ndarray:
    """(lines, length) what a network computes with: its input layer's one channel."""
    encoded = torch.from_numpy(encoder.encode(codes))
    return input_layer(encoder)(encoded)[:, 0].numpy()


def test_missing_calls_become_the_training_mean() -> None:
    codes = np.array([[0, 3], [2, 3], [3, 3]], dtype=np.uint8)
    means = DosageMeans.fit(codes, PLOIDY)
    np.testing.assert_array_equal(means.mean, [1.0, 0.0])
    np.testing.assert_array_equal(means.centred(codes), [[-1, 0], [1, 0], [0, 0]])


def test_scaled_dosages_have_unit_variance_in_training() -> None:
    codes = random_codes(50, 20)
    encoded = numbers(ScaledDosage.fit(codes, PLOIDY), codes)
    np.testing.assert_allclose(encoded.mean(axis=0), 0, atol=1e-6)
    np.testing.assert_allclose(encoded.std(axis=0), 1, rtol=1e-5)


def test_a_marker_constant_in_training_is_zero_for_every_line() -> None:
    encoder = ScaledDosage.fit(np.array([[1, 0], [1, 2]], dtype=np.uint8), PLOIDY)
    new = np.array([[2, 2]], dtype=np.uint8)
    np.testing.assert_array_equal(numbers(encoder, new), [[0, 1]])


def test_one_hot_keeps_codes_and_learns_state_frequencies() -> None:
    codes = random_codes(40, 7, missing=0.2)
    encoder = OneHot.fit(codes, PLOIDY)
    assert (encoder.channels, encoder.length) == (4, 7)
    np.testing.assert_array_equal(encoder.encode(codes), codes)
    np.testing.assert_allclose(encoder.frequencies, np.eye(4)[codes].mean(axis=0).T)


@pytest.mark.parametrize(("lines", "markers"), [(40, 90), (90, 40)])
@pytest.mark.parametrize("share", [0.5, 0.95])
def test_components_are_those_of_scikit_learn(lines: int, markers: int, share: float) -> None:
    codes = random_codes(lines + 10, markers)
    train, new = codes[:lines], codes[lines:]
    encoder = PrincipalComponents.fit(train, PLOIDY, share)
    reference = PCA(n_components=share, svd_solver="full").fit(train)
    assert encoder.length == reference.n_components_
    expected = reference.transform(new)
    sign = np.sign((encoder.loadings * reference.components_.T).sum(axis=0))
    np.testing.assert_allclose(encoder.scores(new), expected * sign, atol=1e-9)


def test_all_components_leave_out_those_without_variance() -> None:
    codes = random_codes(30, 80)
    encoder = PrincipalComponents.fit(codes, PLOIDY, 1.0)
    assert encoder.length == 29  # centred lines span one dimension less
    total = encoder.means.centred(codes).var(axis=0).sum()
    np.testing.assert_allclose(encoder.scores(codes).var(axis=0).sum(), total)


def test_encoded_components_have_mean_variance_one_whatever_the_ploidy() -> None:
    codes = random_codes(60, 100)
    for factor in (1, 2):
        encoded = PrincipalComponents.fit(codes * factor, PLOIDY * factor, 0.9).encode(
            codes * factor
        )
        np.testing.assert_allclose(encoded.var(axis=0, ddof=1).mean(), 1, rtol=1e-5)


def test_missing_calls_flow_through_components() -> None:
    codes = random_codes(30, 50, missing=0.1)
    assert np.isfinite(PrincipalComponents.fit(codes, PLOIDY, 0.95).encode(codes)).all()


def test_no_variance_is_an_error() -> None:
    with pytest.raises(ValueError, match="no marker varies"):
        PrincipalComponents.fit(np.ones((5, 8), dtype=np.uint8), PLOIDY, 0.95)


def test_gradients_per_marker() -> None:
    codes = random_codes(30, 12)
    one_hot = np.array([[[1.0], [-3.0], [2.0], [0.0]]])
    np.testing.assert_array_equal(OneHot.fit(codes, PLOIDY).per_marker(one_hot), [[3.0]])
    for encoder in (
        ScaledDosage.fit(codes, PLOIDY),
        PrincipalComponents.fit(codes, PLOIDY, 0.9),
    ):
        # an input's weighted sum, differentiated by one marker's dosage
        weights = np.random.default_rng(1).normal(size=encoder.length)
        raised = codes[:1] + np.eye(12, dtype=np.uint8) * (codes[:1] < PLOIDY)
        step = raised.astype(int).sum(axis=1) - codes[0].astype(int).sum()
        change = (numbers(encoder, raised) - numbers(encoder, codes[:1])) @ weights
        gradient = encoder.per_marker(weights[None, None, :])[0]
        np.testing.assert_allclose(np.abs(change), gradient * step, atol=1e-5)
