"""Seconds of fitting covariances between environments that lines are sparsely grown in, both ways.

    OMP_NUM_THREADS=1 PYTHONPATH=workflow:. python tests/benchmarks/covariances.py \
        [--sizes 400x8x0.5 ...]

Sizes: lines, environments, and the share of values that are missing. Simulated with two factors
that all environments share; every form that `interaction: auto` chooses among is fitted.
"""

import argparse
import time

import numpy as np

from breedcast.models.in_environments import AUTO, forms
from breedcast.models.multivariate import fit_multivariate
from breedcast.models.restricted import Observed


def simulated(lines: int, environments: int, missing: float) -> tuple[np.ndarray, np.ndarray]:
    """Relationships and values (lines, environments), NaN where missing."""
    rng = np.random.default_rng(0)
    Z = rng.integers(0, 3, (lines, 1000)).astype(float)
    Z -= Z.mean(axis=0)
    Z /= np.sqrt((Z**2).sum(axis=1).mean())
    loadings = rng.normal([0.7, 0.0], 0.2, (environments, 2))
    genetic = loadings @ loadings.T + 0.2 * np.eye(environments)
    Y = Z @ rng.multivariate_normal(np.zeros(environments), genetic, 1000)
    Y += rng.normal(size=Y.shape)
    Y[rng.random(Y.shape) < missing] = np.nan
    return Z @ Z.T, Y


def seconds(K: np.ndarray, Y: np.ndarray, observed: bool) -> tuple[float, np.ndarray]:
    """CPU seconds of a fit by one of the ways, and the genetic covariances found."""
    Observed.is_quicker = staticmethod(lambda Y: observed)
    began = time.process_time()
    model = fit_multivariate(K, Y, np.ones((len(K), 1)), None, False, forms(Y, AUTO))
    return time.process_time() - began, model.genetic


def main() -> None:
    """Print both ways' seconds; their covariances must be the same."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", nargs="+", default=["400x8x0.5"])
    is_quicker = Observed.is_quicker
    print("lines environments  values missing   by missing   by values   chosen")
    for size in parser.parse_args().sizes:
        lines, environments, missing = (float(it) for it in size.split("x"))
        K, Y = simulated(int(lines), int(environments), missing)
        chosen = "by values" if is_quicker(Y) else "by missing"
        (slow, one), (quick, two) = (seconds(K, Y, it) for it in (False, True))
        assert np.allclose(one, two, atol=1e-3)
        seen = np.isfinite(Y).sum()
        print(
            f"{lines:5.0f} {environments:12.0f} {seen:7} {Y.size - seen:7} {slow:12.1f} "
            f"{quick:11.1f}   {chosen}",
            flush=True,
        )


if __name__ == "__main__":
    main()
