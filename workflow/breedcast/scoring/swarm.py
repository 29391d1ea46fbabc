"""Weights by particle swarms, as DeepGS combines its network with ridge regression (ELBPSO).

Ma et al. (2018) Planta 248:1307-1318, R package DeepGS 1.2. The numbers are the package's. A step
that would leave [0, 1] is not taken; that is not published, and of several ways to keep weights
inside it is the one that reaches the package's own weights and scores on its test data.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from breedcast.scoring.metrics import best_count

#: Swarms whose best weights are averaged, particles of each, and how often these move.
SWARMS, PARTICLES, MOVES = 100, 10, 25
#: Largest first step, and how strongly a particle is drawn to its own best and to the swarm's.
FIRST_STEP, ACCELERATION = 0.01, 2.0


def swarm_weights(
    fitness: Callable[[np.ndarray], np.ndarray], models: int, seed: int
) -> np.ndarray:
    """(models,) weights within [0, 1]: the mean of the best ones that each swarm found.

    fitness: of weights (trials, models), a number each; more is better. The swarms know nothing of
    each other; all of them move at once.
    """
    random = np.random.default_rng(seed)
    every = (SWARMS, PARTICLES, models)
    at = random.random(every)
    step = random.uniform(-FIRST_STEP, FIRST_STEP, every)
    best, reached = at, _reached(fitness, at)
    for _ in range(MOVES):
        to_own, to_swarm = random.random((2, *every))
        step = step + ACCELERATION * (
            to_own * (best - at) + to_swarm * (_leader(best, reached) - at)
        )
        inside = (at + step >= 0) & (at + step <= 1)
        at = np.where(inside, at + step, at)
        now = _reached(fitness, at)
        better = now > reached
        best = np.where(better[..., None], at, best)
        reached = np.where(better, now, reached)
    return np.asarray(_leader(best, reached).mean(axis=(0, 1)))


def mean_ndcg_of_weights(
    gain: np.ndarray, predicted: np.ndarray, share: float
) -> Callable[[np.ndarray], np.ndarray]:
    """A fitness: the mean NDCG of the best `share` of the lines, ordered by a weighted sum.

    gain: (lines,) what a line is worth, as `metrics.mean_ndcg` defines it; predicted: (lines,
    models), high where the line is thought good. Lines that all models predict alike come in any
    order.
    """
    count = best_count(len(gain), share)
    discount = 1 / np.log2(np.arange(2, count + 2))
    ideal = np.cumsum(np.sort(gain)[::-1][:count] * discount)

    def fitness(weights: np.ndarray) -> np.ndarray:
        combined = weights @ predicted.T
        best = np.argpartition(-combined, count - 1, axis=1)[:, :count]
        inside = np.argsort(-np.take_along_axis(combined, best, axis=1), axis=1)
        order = np.take_along_axis(best, inside, axis=1)
        return np.asarray((np.cumsum(gain[order] * discount, axis=1) / ideal).mean(axis=1))

    return fitness


def _reached(fitness: Callable[[np.ndarray], np.ndarray], at: np.ndarray) -> np.ndarray:
    """(swarms, particles) the fitness of weights (swarms, particles, models)."""
    return fitness(at.reshape(-1, at.shape[-1])).reshape(at.shape[:-1])


def _leader(best: np.ndarray, reached: np.ndarray) -> np.ndarray:
    """(swarms, 1, models) the best weights of each swarm."""
    return np.take_along_axis(best, reached.argmax(axis=1)[:, None, None], axis=1)
