"""Bands against dense algebra."""

import numpy as np
import pytest

from breedcast.models.band import TILE, WIDTH, Band


@pytest.mark.parametrize("rank", [3, 2000])
@pytest.mark.parametrize("n", [1, 2, WIDTH, WIDTH + 1, 2 * WIDTH + 1, TILE + WIDTH + 7])
def test_a_band_is_the_matrix_in_other_coordinates(n, rank):
    rng = np.random.default_rng(n)
    Z = rng.normal(size=(n, rank)) / np.sqrt(rank)
    K, M = Z @ Z.T, rng.normal(size=(n, 4))
    band = Band.of(K)
    assert len(band.diagonals) == min(WIDTH, n - 1) + 1
    H, factor = K + 0.3 * np.eye(n), band.plus(0.3)
    white = factor.whitened(M)
    np.testing.assert_allclose(white.T @ white, M.T @ np.linalg.solve(H, M), atol=1e-9 * n)
    np.testing.assert_allclose(factor.unwhitened(white), np.linalg.solve(H, M), atol=1e-9)
    assert factor.log_determinant == pytest.approx(np.linalg.slogdet(H)[1], abs=1e-8)
    np.testing.assert_allclose(band.back(band.rotated(M)), M, atol=1e-12)
