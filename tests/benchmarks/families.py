"""What the pooled accuracy hides: soynam's forty families under schemes that part or keep them.

    OMP_NUM_THREADS=1 PYTHONPATH=workflow:. python tests/benchmarks/families.py trait ...

GBLUP on every fourth line of each family. Prints per trait and scheme the mean over folds of the
predictive ability, of that within families and of family means, of the control, and of the control
that deals values within families. Data: BREEDCAST_DATA, by default ../shared/data.
"""

import sys
from functools import partial

import pandas as pd

from breedcast.models.gblup import GBLUP
from breedcast.models.job import TrainingJob
from breedcast.scoring.scores import score, summarise
from breedcast.validation.control import permuted
from breedcast.validation.groups import LineGroups, StratifiedScheme, WithinGroupScheme
from breedcast.validation.plan import KFoldScheme
from tests.benchmarks.filtered import codes_of
from tests.benchmarks.trained import DATA

EVERY = 4
METRICS = [
    *("pearson", "pearson_within_family", "pearson_family_means"),
    *("control_pearson", "family_control_pearson"),
]


def main() -> None:
    folder = DATA / "soynam"
    genotypes = codes_of(folder / "genotypes.vcf.gz")
    told = pd.read_csv(folder / "families.tsv", sep="\t", dtype=str, index_col="sample")["family"]
    table = pd.read_csv(folder / "phenotypes.tsv", sep="\t", dtype={"sample": str})
    table = table[table["sample"].isin(set(genotypes.samples))]
    table = table[table.groupby(table["sample"].map(told)).cumcount() % EVERY == 0]
    for trait in sys.argv[1:]:
        lines = table[["sample"]].assign(environment=None, value=table[trait], weight=1.0)
        lines = lines.dropna(subset="value").reset_index(drop=True)
        families = lines["sample"].map(told).set_axis(lines["sample"])
        known = LineGroups("family", families, pd.DataFrame(index=families.index))
        print(f"{trait}: {len(lines)} lines of {families.nunique()} families")
        for name, scheme in {
            "kfold": KFoldScheme(5, 1, 2, 0),
            "stratified_family": StratifiedScheme(5, 1, 2, 0, known),
            "within_family": WithinGroupScheme(3, 1, 2, 0, known),
        }.items():
            plan = scheme.make_plan(lines, trait)
            job = TrainingJob(
                *(GBLUP(), "gblup", trait, lines, genotypes.of(lines["sample"]), 2, plan),
                permutations=1,
                seed=0,
                device="cpu",
                families=families,
            )
            dealt = partial(permuted, lines, 0, trait, families=families)
            predictions = job.run(threads=1).predictions
            scores = score(predictions, plan, dealt, "high", families=families)
            mean = summarise(scores).set_index("metric")["mean"].reindex(METRICS)
            print(f"{name:20}", *(f"{it:.3f}" for it in mean), flush=True)


if __name__ == "__main__":
    main()
