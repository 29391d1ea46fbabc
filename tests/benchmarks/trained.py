"""Predictions of models on real data, trained once and kept in a folder: for other benchmarks."""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from breedcast.files import read_parquet, write_parquet
from breedcast.genotypes.store import Codes
from breedcast.models.base import Model, model_class
from breedcast.models.job import TrainingJob
from breedcast.models.registry import MODELS
from breedcast.validation.plan import KFoldScheme
from tests.benchmarks.filtered import codes_of

DATA = Path(os.environ.get("BREEDCAST_DATA", "../shared/data"))
EXAMPLE = Path("resources/example")
#: Data sets: their folder and the traits that are looked at.
DATASETS = {
    "example": (EXAMPLE, ["yield", "height", "disease"]),
    "wheat599": (DATA / "wheat599", ["env1", "env2", "env3", "env4"]),
    "maize281": (DATA / "maize281", ["EarHT", "dpoll", "EarDia"]),
    "potato4x": (DATA / "potato4x", ["total_yield", "chip_color", "tuber_shape"]),
}
#: As the config's defaults: the folds of seeds 0 and 1.
SCHEME = KFoldScheme(folds=5, repeats=2, inner_folds=5, seed=0)


@dataclass(frozen=True)
class Trained:
    """A trait's lines and plan, and the predictions of models by name."""

    lines: pd.DataFrame
    plan: pd.DataFrame
    predictions: dict[str, pd.DataFrame]


def genotypes_of(data: str) -> Codes:
    """The filtered codes of a data set, by the filter's defaults."""
    return codes_of(DATASETS[data][0] / "genotypes.vcf.gz")


def by_default(names: Iterable[str]) -> dict[str, Model]:
    """Models of the registry with their documented options, by name."""
    return {name: model_class(MODELS[name])() for name in names}


def trained(
    folder: Path,
    data: str,
    genotypes: Codes,
    trait: str,
    models: Mapping[str, Model],
    scheme: KFoldScheme = SCHEME,
) -> Trained:
    """Predictions of a trait by these models, of the folder where they are there."""
    table = pd.read_csv(DATASETS[data][0] / "phenotypes.tsv", sep="\t", dtype={"sample": str})
    table = table[table["sample"].isin(set(genotypes.samples)) & table[trait].notna()]
    lines = pd.DataFrame(
        {"sample": table["sample"], "environment": None, "value": table[trait], "weight": 1.0}
    ).reset_index(drop=True)
    plan = scheme.make_plan(lines, trait)
    predictions = {}
    for name, model in models.items():
        path = folder / data / trait / f"{name}.parquet"
        if not path.exists():
            job = TrainingJob(
                model=model,
                name=name,
                trait=trait,
                lines=lines,
                codes=genotypes.of(lines["sample"]),
                ploidy=genotypes.ploidy,
                plan=plan,
                permutations=0,
                seed=scheme.seed,
                device="cpu",
            )
            write_parquet(job.run(threads=1).predictions, path)
        predictions[name] = read_parquet(path)
    return Trained(lines, plan, predictions)
