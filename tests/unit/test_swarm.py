"""Swarms of particles against the figures of DeepGS's own package, and against the metrics."""

import numpy as np
import pandas as pd
import pytest

from breedcast.scoring import metrics
from breedcast.scoring.swarm import mean_ndcg_of_weights, swarm_weights
from tests.unit.test_metrics import published_gain, published_mean_ndcg


@pytest.fixture
def published(shared_data):
    """Observed values and the predictions of DeepGS and RR-BLUP."""
    table = pd.read_csv(shared_data / "deepgs_published" / "elbpso_test.tsv", sep="\t")
    return table["real"].to_numpy(), table[["deepgs", "rrblup"]].to_numpy()


@pytest.mark.parametrize("share", [0.01, 0.1, 0.5])
def test_the_fitness_is_the_metric_of_the_weighted_sum(published, share):
    observed, predicted = published
    weights = np.random.default_rng(0).random((20, 2))
    fitness = mean_ndcg_of_weights(published_gain(observed), predicted, share)(weights)
    expected = [published_mean_ndcg(observed, predicted @ row, share) for row in weights]
    assert np.allclose(fitness, expected)
    shifted = mean_ndcg_of_weights(observed - observed.min(), predicted, share)(weights)
    expected = [metrics.mean_ndcg(observed, predicted @ row, share, "high") for row in weights]
    assert np.allclose(shifted, expected)


@pytest.mark.parametrize("seed", range(3))
def test_deepgs_and_ridge_regression_are_weighted_as_the_package_does(published, seed):
    """The package with seeds 1 to 3: .668/.161, .652/.147, .657/.161; r .6240, .6236, .6241;
    meanNDCG at 1 % .69056, at 10 % .566 or .563."""
    observed, predicted = published
    fitness = mean_ndcg_of_weights(published_gain(observed), predicted, 0.01)
    weights = swarm_weights(fitness, 2, seed)
    combined = predicted @ weights
    assert weights == pytest.approx([0.659, 0.156], abs=0.035)
    assert np.corrcoef(combined, observed)[0, 1] == pytest.approx(0.6239, abs=0.0006)
    assert published_mean_ndcg(observed, combined, 0.01) == pytest.approx(0.69056, abs=1e-5)
    assert published_mean_ndcg(observed, combined, 0.1) == pytest.approx(0.556, abs=0.011)


def test_swarms_find_the_top_of_a_hill():
    top = np.array([0.3, 0.8, 0.5])
    weights = swarm_weights(lambda trials: -((trials - top) ** 2).sum(axis=1), 3, 0)
    assert weights == pytest.approx(top, abs=0.02)


def test_a_seed_gives_its_weights_again():
    def hill(trials):
        return -((trials - 0.4) ** 2).sum(axis=1)

    assert (swarm_weights(hill, 4, 5) == swarm_weights(hill, 4, 5)).all()
    assert (swarm_weights(hill, 4, 5) != swarm_weights(hill, 4, 6)).any()
