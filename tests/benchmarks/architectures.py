"""Models trained on traits of known architecture, and on parts of soynam: for ensembles.py.

    OMP_NUM_THREADS=1 PYTHONPATH=workflow:. python tests/benchmarks/architectures.py FOLDER \
        gblup rkhs name[:json options] ... [--traits few_loci ...]

The genotypes are real (wheat599, maize281, potato4x, soynam; BREEDCAST_DATA, by default
../shared/data), the traits drawn on them, but for parts of soynam, which are real throughout. One
repeat of three folds, three inner folds, no control. FOLDER becomes a
folder of results as the workflow's: TRAIT/phenotypes.tsv, plan.tsv and MODEL/predictions.parquet;
what is there is not made again.
"""

import argparse
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd

from breedcast.files import write_parquet, write_table
from breedcast.genotypes.store import Codes
from breedcast.models.base import model_class
from breedcast.models.job import TrainingJob
from breedcast.models.registry import MODELS
from breedcast.seeds import derive_seed
from breedcast.validation.plan import KFoldScheme
from breedcast.validation.unit import CANDIDATE_UNIT
from tests.benchmarks.filtered import codes_of
from tests.benchmarks.trained import DATA

SCHEME = KFoldScheme(folds=3, repeats=1, inner_folds=3, seed=0)


@dataclass(frozen=True)
class Trait:
    """Lines with their values and covariates (phenotypes.tsv), and their codes."""

    lines: pd.DataFrame
    codes: np.ndarray
    ploidy: int


@cache
def genotypes_of(data: str) -> Codes:
    return codes_of(DATA / data / "genotypes.vcf.gz")


def table_of(codes: np.ndarray, value: np.ndarray, ploidy: int = 2, **covariates: object) -> Trait:
    samples = [f"line{number}" for number in range(len(codes))]
    columns = {"sample": samples, "environment": None, "value": value, "weight": 1.0}
    return Trait(pd.DataFrame(columns | covariates), codes, ploidy)


def dosages(data: str, lines: int, rng: np.random.Generator) -> np.ndarray:
    """Codes of lines drawn at random, missing calls filled by the marker's most frequent dosage."""
    genotypes = genotypes_of(data)
    drawn = rng.permutation(len(genotypes.samples))[:lines]
    codes = genotypes.of([genotypes.samples[row] for row in drawn]).copy()
    states = np.arange(genotypes.ploidy + 1)
    mode = np.argmax([(codes == state).sum(axis=0) for state in states], axis=0)
    return np.where(codes > genotypes.ploidy, mode, codes).astype(np.uint8)


def unit(x: np.ndarray) -> np.ndarray:
    return (x - x.mean()) / x.std()


def additive(X: np.ndarray, loci: int, rng: np.random.Generator) -> np.ndarray:
    """A standardised sum of normal effects at loci drawn at random among the markers that vary."""
    chosen = rng.choice(np.flatnonzero(X.std(axis=0) > 0), loci, replace=False)
    Z = X[:, chosen].astype(float)
    return unit((Z - Z.mean(axis=0)) / Z.std(axis=0) @ rng.normal(size=loci))


def with_noise(genetic: np.ndarray, h2: float, rng: np.random.Generator) -> np.ndarray:
    return np.sqrt(h2) * unit(genetic) + np.sqrt(1 - h2) * rng.normal(size=len(genetic))


def infinitesimal(rng: np.random.Generator, lines: int = 300, h2: float = 0.5) -> Trait:
    X = dosages("wheat599", lines, rng)
    return table_of(X, with_noise(additive(X, 1000, rng), h2, rng))


def few_loci(rng: np.random.Generator) -> Trait:
    """Five loci of three quarters of the genetic variance."""
    X = dosages("soynam", 400, rng)
    genetic = np.sqrt(0.75) * additive(X, 5, rng) + 0.5 * additive(X, 1000, rng)
    return table_of(X, with_noise(genetic, 0.6, rng))


def epistatic(rng: np.random.Generator) -> Trait:
    """Two thirds of the genetic variance are products of pairs of loci."""
    X = dosages("wheat599", 400, rng)
    Z = (X - X.mean(axis=0)) / X.std(axis=0)
    pairs = rng.choice(Z.shape[1], (2, 30), replace=False)
    products = unit((Z[:, pairs[0]] * Z[:, pairs[1]]) @ rng.normal(size=30))
    genetic = np.sqrt(1 / 3) * additive(X, 300, rng) + np.sqrt(2 / 3) * products
    return table_of(X, with_noise(genetic, 0.6, rng))


def hybrids(rng: np.random.Generator) -> Trait:
    """Crosses of 40 inbreds, a third of the genetic variance from dominance."""
    parents = dosages("maize281", 40, rng) // 2 * 2
    first, second = np.triu_indices(len(parents), 1)
    crosses = rng.choice(len(first), 300, replace=False)
    X = ((parents[first[crosses]] + parents[second[crosses]]) // 2).astype(np.uint8)
    genetic = np.sqrt(2 / 3) * additive(X, 300, rng) + np.sqrt(1 / 3) * additive(X == 1, 300, rng)
    return table_of(X, with_noise(genetic, 0.5, rng))


def tetraploid(rng: np.random.Generator) -> Trait:
    X = dosages("potato4x", 220, rng)
    return table_of(X, with_noise(additive(X, 300, rng), 0.5, rng), 4)


def covariates(rng: np.random.Generator) -> Trait:
    """Half the variance follows from a number and a group that are given as covariates."""
    X = dosages("wheat599", 300, rng)
    day, block = rng.normal(size=300), rng.integers(4, size=300)
    given = unit(day + unit(rng.normal(size=4)[block]))
    value = with_noise(additive(X, 300, rng), 0.5, rng) + given
    return table_of(X, value, day=day, block=[f"b{number}" for number in block])


def two_values(rng: np.random.Generator) -> Trait:
    """Resistant or not: a third of the lines, by a threshold on a trait of few loci."""
    X = dosages("soynam", 300, rng)
    liability = with_noise(additive(X, 10, rng), 0.6, rng)
    return table_of(X, (liability > np.quantile(liability, 2 / 3)).astype(float))


def part_of_soynam(trait: str, lines: int) -> Callable[[np.random.Generator], Trait]:
    def part(rng: np.random.Generator) -> Trait:
        genotypes = genotypes_of("soynam")
        table = pd.read_csv(DATA / "soynam" / "phenotypes.tsv", sep="\t", dtype={"sample": str})
        table = table[table["sample"].isin(set(genotypes.samples)) & table[trait].notna()]
        table = table.iloc[np.sort(rng.permutation(len(table))[:lines])]
        return table_of(genotypes.of(table["sample"]), table[trait].to_numpy())

    return part


TRAITS: dict[str, Callable[[np.random.Generator], Trait]] = {
    "infinitesimal": infinitesimal,
    "weak": lambda rng: infinitesimal(rng, 300, 0.15),
    "few_lines": lambda rng: infinitesimal(rng, 100, 0.5),
    "few_loci": few_loci,
    "epistatic": epistatic,
    "hybrids": hybrids,
    "tetraploid": tetraploid,
    "covariates": covariates,
    "two_values": two_values,
    "soynam_yield": part_of_soynam("yield", 800),
    "soynam_height": part_of_soynam("height", 1000),
    "soynam_oil": part_of_soynam("oil", 800),
}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("models", nargs="+")
    parser.add_argument("--traits", nargs="+", choices=TRAITS, default=list(TRAITS))
    asked = parser.parse_args()
    for text in asked.models:
        name, _, options = text.partition(":")
        model = model_class(MODELS[name])(**json.loads(options or "{}"))
        for trait in asked.traits:
            path = asked.folder / trait / name / "predictions.parquet"
            if path.exists():
                continue
            drawn = TRAITS[trait](np.random.default_rng(derive_seed("architectures", trait)))
            plan = SCHEME.make_plan(drawn.lines, trait)
            plan = plan[plan["repeat"] != CANDIDATE_UNIT]
            write_table(drawn.lines, asked.folder / trait / "phenotypes.tsv")
            write_table(plan, asked.folder / trait / "plan.tsv")
            job = TrainingJob(
                model=model,
                name=name,
                trait=trait,
                lines=drawn.lines,
                codes=drawn.codes,
                ploidy=drawn.ploidy,
                plan=plan,
                permutations=0,
                seed=SCHEME.seed,
                device="cpu",
            )
            start = time.process_time()
            write_parquet(job.run(threads=1).predictions, path)
            print(f"{trait} {name}: {time.process_time() - start:.0f} s", flush=True)


if __name__ == "__main__":
    main()
