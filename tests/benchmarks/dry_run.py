"""How long Snakemake takes to plan 200 traits and 12 models, the start-up of every cluster job.

    python tests/benchmarks/dry_run.py [--traits 200] [--profile FILE]

The lines and genotypes are the embedded example's, the traits its yield with noise. With
--profile, where the time goes is written there, to be read with pstats.
"""

from __future__ import annotations

import argparse
import re
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
import yaml

ROOT = Path(__file__).resolve().parents[2]
MODELS = [
    "gblup",
    "rrblup",
    "rkhs",
    "bayes",
    "elastic_net",
    "lightgbm",
    "dnn",
    "dnngp",
    "deepgs",
    "dlgwas",
    "resnet",
    "lstm",
]


def main() -> None:
    """Print the jobs that are planned, and the seconds it takes."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--traits", type=int, default=200)
    parser.add_argument("--profile")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        config = write_config(Path(folder), arguments.traits)
        python = ["-m", "cProfile", "-o", arguments.profile] if arguments.profile else []
        run = ["-m", "snakemake", "-n", "--directory", folder, "--configfile", config]
        began = time.perf_counter()
        done = subprocess.run(
            [sys.executable, *python, *run], cwd=ROOT, capture_output=True, text=True, check=True
        )
        wall, used = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    jobs = re.search(r"^total +(\d+)$", done.stdout, re.MULTILINE)
    cpu = used.ru_utime + used.ru_stime
    print(f"{jobs and jobs[1]} jobs: {wall:.1f} s, {cpu:.1f} s of CPU time")


def write_config(folder: Path, traits: int) -> str:
    """The path of a config of so many traits and of MODELS."""
    example = ROOT / "resources" / "example"
    table = pd.read_table(example / "phenotypes.tsv")
    noise = np.random.default_rng(0).normal(size=(len(table), traits))
    first = table["yield"].to_numpy(float)[:, None]
    names = [f"trait{number}" for number in range(traits)]
    values = pd.DataFrame(first + noise, columns=names)
    pd.concat([table.iloc[:, :1], values], axis=1).to_csv(
        folder / "phenotypes.tsv", sep="\t", index=False, na_rep="NA"
    )
    config = {
        "genotypes": {"path": str(example / "genotypes.vcf.gz")},
        "phenotypes": {"path": str(folder / "phenotypes.tsv")},
        "models": {name: {} for name in MODELS},
    }
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    return str(folder / "config.yaml")


if __name__ == "__main__":
    main()
