"""Where a run's time goes, from the benchmark files it left.

    snakemake --cores 2 && python tests/benchmarks/where_time_goes.py benchmarks/results

Prints, per kind of job: how many, their wall and CPU seconds, their largest memory.
"""

import sys
from pathlib import Path

import pandas as pd

folder = Path(sys.argv[1])
rows = []
for path in sorted(folder.rglob("*.tsv")):
    job = pd.read_csv(path, sep="\t", na_values="-").iloc[0]
    parts = path.relative_to(folder).parts
    kind = f"{path.stem} {parts[1]}" if path.stem == "train" else path.stem
    rows.append({"job": kind, "wall": job["s"], "cpu": job["cpu_time"], "MB": job["max_rss"]})
jobs = (
    pd.DataFrame(rows)
    .groupby("job")
    .agg(jobs=("job", "size"), wall_s=("wall", "sum"), cpu_s=("cpu", "sum"), peak_MB=("MB", "max"))
)
jobs.loc["all"] = [
    jobs["jobs"].sum(),
    jobs["wall_s"].sum(),
    jobs["cpu_s"].sum(),
    jobs["peak_MB"].max(),
]
print(jobs.sort_values("wall_s").round(1).to_string())
