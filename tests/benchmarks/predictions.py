"""Memory and time of the rules that read all models' predictions, beside what is asked for them.

    PYTHONPATH=workflow:. python tests/benchmarks/predictions.py [RULE ...] \
        [--sizes 500x20000x4 ...]

Sizes are training lines, candidates and models. One GBLUP on 100 random markers stands for every
model (5 folds, 2 repeats, 5 inner folds, 1 permutation). Each rule's own script is run in a process
of its own, whose resident memory is looked at every 20 ms.
"""

from __future__ import annotations

import argparse
import json
import runpy
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from breedcast import script  # noqa: F401  one compute thread, before NumPy is imported
from breedcast.config import check_config, model_configs
from breedcast.demands import Demands
from breedcast.memory import COMBINATION, RANKING, SCORES, TRIED, PredictionLaw
from breedcast.project import Project
from tests.benchmarks.memory import peak_of

SIZES = ["500x1000x4", "500x50000x1", "500x50000x4", "500x50000x8", "2000x20000x4", "5000x1000x4"]
FOLDS, REPEATS, INNER, PERMUTATIONS = 5, 2, 5, 1
RULES = {
    "score_models": SCORES,
    "combine_models": COMBINATION,
    "try_intervals": TRIED,
    "rank_candidates": RANKING,
}


class Named(dict[str, Any]):
    """Inputs, outputs or parameters, as a script finds them."""

    __getattr__ = dict.__getitem__


def make(folder: Path, lines: int, candidates: int) -> None:
    """A model's predictions of so many lines, and the tables beside them."""
    import numpy as np
    import pandas as pd

    from breedcast.files import write_parquet, write_table
    from breedcast.models.gblup import GBLUP
    from breedcast.models.job import TrainingJob
    from breedcast.validation.plan import KFoldScheme

    rng, every = np.random.default_rng(0), lines + candidates
    codes = rng.integers(0, 3, (every, 100), dtype=np.uint8)
    table = pd.DataFrame({"sample": [f"LINE_{n:07d}" for n in range(every)], "environment": None})
    table["value"] = codes[:, :20].sum(axis=1) + rng.normal(size=every)
    table.loc[lines:, "value"] = np.nan
    table["weight"] = 1.0
    plan = KFoldScheme(FOLDS, REPEATS, INNER, 0).make_plan(table, "trait")
    job = TrainingJob(GBLUP(), "gblup", "trait", table, codes, 2, plan, PERMUTATIONS, 0, "cpu")
    write_parquet(job.run(1).predictions, folder / "predictions.parquet")
    write_table(table, folder / "phenotypes.tsv")
    write_table(plan, folder / "plan.tsv")
    write_table(table[["sample", "environment"]], folder / "labels.tsv")
    write_table(pd.DataFrame(columns=["line_1", "line_2"]), folder / "alike.tsv")
    places = pd.DataFrame(rng.normal(size=(every, 10))).add_prefix("coordinate_")
    cluster = rng.integers(1, 4, every)
    structure = pd.concat([table[["sample"]].assign(cluster=cluster), places], axis=1)
    write_table(structure, folder / "structure.tsv")


def run(rule: str, folder: Path, models: int, out: Path) -> None:
    """A rule's script on these tables."""
    tables = ("phenotypes", "plan", "labels", "alike", "structure")
    given = Named({name: str(folder / f"{name}.tsv") for name in tables})
    given["predictions"] = [str(folder / "predictions.parquet")] * models
    names = ("groups", "weights", "intervals", "candidates", "response")
    made = Named({name: str(out / f"{name}.tsv") for name in names})
    made |= {name: str(out / f"{name}.parquet") for name in ("predictions", "tested")}
    made["scores"] = [str(out / f"{number}.tsv") for number in range(models)]
    settings = {
        **{"trait": "trait", "models": [f"model_{number}" for number in range(models)]},
        **{"direction": "high", "seed": 0, "method": "auto", "interval": 0.9},
        **{"fraction": 0.05, "scheme": "kfold"},
    }
    job = SimpleNamespace(
        rule=rule,
        input=given,
        output=made,
        log=[str(out / "log")],
        params=SimpleNamespace(settings=json.dumps(settings)),
    )
    runpy.run_path(f"workflow/scripts/{rule}.py", init_globals={"snakemake": job})


def asked(law: PredictionLaw, folder: Path, models: int) -> tuple[float, int]:
    """MB and minutes that are asked for."""
    config = check_config(
        {
            "genotypes": {"path": "genotypes.vcf"},
            "phenotypes": {"path": "phenotypes.tsv"},
            "models": {f"model_{number}": {"model": "gblup"} for number in range(models)},
            "ensemble": "none",
            "validation": {"folds": FOLDS, "repeats": REPEATS, "inner_folds": INNER},
            "control": {"permutations": PERMUTATIONS},
        }
    )
    demands = Demands(Project(config, {}, model_configs(config)))
    given = law, str(folder / "phenotypes.tsv")
    return demands.predictions_mb(*given), demands.predictions_minutes(*given)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rules", nargs="*", default=list(RULES))
    parser.add_argument("--sizes", nargs="+", default=SIZES)
    given = parser.parse_args()
    print("                 lines candidates models   held  asked      s  asked min", flush=True)
    for size in given.sizes:
        lines, candidates, models = map(int, size.split("x"))
        with tempfile.TemporaryDirectory() as place:
            folder = Path(place)
            peak_of(make, folder, lines, candidates)
            for rule in given.rules:
                start = time.perf_counter()
                held, ended = peak_of(run, rule, folder, models, folder)
                seconds = time.perf_counter() - start
                megabytes, minutes = asked(RULES[rule], folder, models)
                print(
                    f"{rule:15} {lines:6} {candidates:10} {models:6} {held:6.0f} {megabytes:6.0f} "
                    f"{seconds:6.1f} {minutes:10}{ended}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
