"""What environment covariates add: simulated lines in environments, every genetic value known.

    OMP_NUM_THREADS=1 PYTHONPATH=workflow:. python tests/benchmarks/reaction_norm.py
    ... --without-covariates --interactions uniform unstructured factor_analytic auto

Prints, by what the covariates are and by scheme, the mean correlation of GBLUP's predictions with
genetic values within the environments of one fold, and the difference to `uniform` with its
standard error over the replicates.
"""

import argparse
from dataclasses import replace

import numpy as np
import pandas as pd

from breedcast.models.gblup import GBLUP
from breedcast.validation.plan import units
from breedcast.validation.schemes import SCHEMES
from tests.unit.norms import accuracy, lines_with_norms

INTERACTIONS = ("uniform", "none", "unstructured", "reaction_norm")
#: Half of the genetic variance is sensitivity to the covariates given; to others, which are not
#: given; or there is none, and each environment's interaction is its own.
TRUTHS = {
    "act": {"shares": (0.3, 0.5, 0.2)},
    "others act": {"shares": (0.3, 0.5, 0.2), "told": False},
    "none acts": {"shares": (0.6, 0.0, 0.4)},
}
#: Few markers stand for the few segments that lines of a breeding program differ in.
POPULATION = {"markers": 80, "covariates": 2}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--environments", type=int, nargs="*", default=[8])
    parser.add_argument("--lines", type=int, default=100)
    parser.add_argument("--grown", type=float, default=0.8, help="share of environments of a line")
    parser.add_argument("--replicates", type=int, default=10)
    parser.add_argument("--schemes", nargs="*", default=["cv0", "cv00", "cv1", "cv2"])
    parser.add_argument("--interactions", nargs="*", default=INTERACTIONS)
    parser.add_argument("--without-covariates", action="store_true")
    parser.add_argument("--truths", nargs="*", default=list(TRUTHS))
    given = parser.parse_args()
    for environments in given.environments:
        for truth in given.truths:
            for scheme in given.schemes:
                rows = []
                for seed in range(given.replicates):
                    sizes = {
                        "lines": given.lines,
                        "environments": environments,
                        "grown": given.grown,
                    }
                    records, table, genetic = lines_with_norms(
                        seed, **sizes, **POPULATION, **TRUTHS[truth]
                    )
                    if given.without_covariates:
                        records = replace(records, conditions=None)
                    plan = SCHEMES[scheme](4, 1, 2, seed).make_plan(table, "yield")
                    unit = next(it for it in units(plan, table, 0) if not it.is_candidates)
                    rows.append(
                        {
                            it: accuracy(GBLUP(it), records, genetic, unit.train, unit.test)
                            for it in given.interactions
                        }
                    )
                told(f"{environments} {truth}, {scheme}", pd.DataFrame(rows))


def told(title, found):
    """A line of means and gains."""
    parts = []
    for interaction, values in found.items():
        gain = values - found["uniform"]
        error = gain.std() / np.sqrt(len(gain))
        said = "" if interaction == "uniform" else f" ({gain.mean():+.3f}, SE {error:.3f})"
        parts.append(f"{interaction} {values.mean():.3f}{said}")
    print(f"{title:22} {'; '.join(parts)}", flush=True)


if __name__ == "__main__":
    main()
