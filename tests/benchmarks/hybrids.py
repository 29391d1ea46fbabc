"""Hybrids of tested and of new parents: models beside each other, on simulations of known truth.

    OMP_NUM_THREADS=1 PYTHONPATH=workflow:. python tests/benchmarks/hybrids.py POPULATIONS
    OMP_NUM_THREADS=1 PYTHONPATH=workflow:. python tests/benchmarks/hybrids.py scale MODEL

Each population is a factorial as `resources/hybrids/make_hybrids.py` makes it (30 x 20 doubled
haploids of two pools, 600 markers, 260 hybrids measured, heritability 0.6), by seeds 1, 2, ... With
`yield` as there, whose loci have dominance. The plan of each scheme (3 folds, one repeat) is that
of the workflow. Printed: mean over folds and populations of the correlation of predictions with
true genetic values of the test hybrids, and of its paired difference to gblup, with the standard
error of the populations' means.

scale: 300 x 330 parents of 10,000 random markers, 1,000 hybrids measured and all others candidates:
seconds and memory of the candidates' unit of a training job, one process.
"""

import resource
import sys
import time
from itertools import product

import numpy as np
import pandas as pd

from breedcast.genotypes.hybrids import CrossedCodes, f1_codes
from breedcast.models.base import Lines, Parents, model_class
from breedcast.models.job import TrainingJob
from breedcast.models.registry import MODELS
from breedcast.validation.names import BY_PARENTS
from breedcast.validation.plan import KFoldScheme, units
from breedcast.validation.schemes import SCHEMES
from breedcast.validation.unit import CANDIDATE_UNIT
from resources.example.make_example import FOUNDERS_PER_POOL, choose_sites, simulate_founders
from resources.hybrids.make_hybrids import (
    FEMALES_PER_FAMILY,
    HERITABILITY,
    MALES_PER_FAMILY,
    MARKERS,
    MEASURED,
    genetic_values,
    make_pool,
)

COMPARED = {
    "gblup": ("gblup", {}),
    "additive_dominance": ("rkhs", {"kernels": ("additive", "dominance")}),
    "gca_sca": ("gca_sca", {}),
    "lightgbm": ("lightgbm", {}),
}


def population(seed: int) -> tuple[Lines, pd.DataFrame, np.ndarray]:
    """Measured hybrids with their parents, their phenotypes.tsv, and their true genetic values."""
    rng = np.random.default_rng(seed)
    sites, haplotypes = simulate_founders(rng)
    markers, loci = choose_sites(rng, sites, haplotypes)
    kept = np.concatenate([np.sort(rng.choice(markers, MARKERS, replace=False)), loci])
    founders, places = haplotypes[:, kept], sites.take(kept)
    females = make_pool(rng, founders[:FOUNDERS_PER_POOL], places, FEMALES_PER_FAMILY)
    males = make_pool(rng, founders[FOUNDERS_PER_POOL:], places, MALES_PER_FAMILY)
    loci_dosage = (females[:, None] + males)[..., MARKERS:]
    genetic = genetic_values(rng, loci_dosage, 80, dominant=True).ravel()
    genetic /= genetic.std()
    chosen = np.sort(rng.permutation(len(genetic))[:MEASURED])
    noise = np.sqrt(1 / HERITABILITY - 1)
    value = genetic[chosen] + rng.normal(0, noise, len(chosen))
    codes = 2 * np.concatenate([females, males])[:, :MARKERS].astype(np.uint8)
    rows = np.stack([chosen // len(males), len(females) + chosen % len(males)], axis=1)
    names = np.array([f"{'F' if it < len(females) else 'M'}{it}" for it in range(len(codes))])
    table = pd.DataFrame(
        {
            "sample": ["/".join(names[pair]) for pair in rows],
            "environment": None,
            "value": value,
            "weight": 1.0,
            "female": names[rows[:, 0]],
            "male": names[rows[:, 1]],
        }
    )
    crossed = f1_codes(codes[rows[:, 0]], codes[rows[:, 1]])
    parents = Parents(codes, rows, factorial=True)
    none = pd.DataFrame(index=range(len(value)))
    return Lines(crossed, 2, none, value, None, parents=parents), table, genetic[chosen]


def main(populations: int) -> None:
    records = []
    for seed in range(1, populations + 1):
        lines, table, genetic = population(seed)
        parents = table.set_index("sample")[["female", "male"]]
        for scheme in BY_PARENTS:
            made = SCHEMES[scheme](folds=3, repeats=1, inner_folds=4, seed=seed, parents=parents)
            plan = made.make_plan(table, "yield")
            for unit in units(plan, table, 0):
                if unit.is_candidates:
                    continue
                for name, (kind, options) in COMPARED.items():
                    fitted = model_class(MODELS[kind])(**options).fit(
                        lines.take(unit.train), 0, "cpu"
                    )
                    predicted = fitted.predict(lines.take(unit.test).blind()).mean
                    r = np.corrcoef(predicted, genetic[unit.test])[0, 1]
                    records.append((seed, scheme, unit.fold, len(unit.test), name, r))
        print(f"population {seed} is done", flush=True)
    columns = ["population", "scheme", "fold", "tested", "model", "r"]
    found = pd.DataFrame(records, columns=columns)
    wide = found.pivot_table(index=["scheme", "population", "fold"], columns="model", values="r")
    of_population = wide.groupby(level=[0, 1], sort=False).mean()
    differences = of_population.sub(of_population["gblup"], axis=0)
    for scheme in BY_PARENTS:
        tested = found.loc[found["scheme"] == scheme, "tested"].mean()
        print(f"{scheme}: {tested:.0f} hybrids a fold")
        for name in COMPARED:
            mean, difference = of_population.loc[scheme, name], differences.loc[scheme, name]
            error = difference.std(ddof=1) / np.sqrt(len(difference))
            print(f"  {name}: {mean.mean():.3f}, {difference.mean():+.3f} (se {error:.3f})")


def scale(name: str) -> None:
    rng = np.random.default_rng(0)
    codes = 2 * rng.integers(0, 2, (630, 10_000)).astype(np.uint8)
    rows = np.array(list(product(range(300), range(300, 630))))
    rows = rows[rng.permutation(len(rows))]
    table = pd.DataFrame(
        {
            "sample": [f"{female}/{male}" for female, male in rows],
            "environment": None,
            "value": np.where(np.arange(len(rows)) < 1000, rng.normal(size=len(rows)), np.nan),
            "weight": 1.0,
        }
    )
    plan = KFoldScheme(5, 1, 5, 0).make_plan(table, "yield")
    kind, options = COMPARED[name]
    job = TrainingJob(
        model=model_class(MODELS[kind])(**options),
        name=name,
        trait="yield",
        lines=table,
        codes=CrossedCodes(codes, rows),
        ploidy=2,
        plan=plan[plan["repeat"] == CANDIDATE_UNIT].reset_index(drop=True),
        permutations=0,
        seed=0,
        device="cpu",
        parents=Parents(codes, rows, factorial=True),
    )
    start = time.perf_counter()
    predictions = job.run(1).predictions
    seconds = time.perf_counter() - start
    candidates = (predictions["role"] == "candidate").sum()
    megabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    print(f"{name}: {candidates} candidates by 6 fits, {seconds:.0f} s, {megabytes:.0f} MB")


if __name__ == "__main__":
    if sys.argv[1] == "scale":
        scale(sys.argv[2])
    else:
        main(int(sys.argv[1]))
