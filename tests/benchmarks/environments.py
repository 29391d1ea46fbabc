"""What models of several environments gain over one of each: wheat599, four environments.

    OMP_NUM_THREADS=1 PYTHONPATH=workflow:. python tests/benchmarks/environments.py --scheme cv2

Prints, by model, the correlation within each environment: the mean over the folds that test it, and
the difference to GBLUP of that environment alone on the same folds, with its standard error (as of
the corrected resampled t-test).
"""

import argparse
import os
import time
from pathlib import Path

import numpy as np
import pandas as pd

from breedcast.models.base import Lines
from breedcast.models.gblup import GBLUP
from breedcast.models.rkhs import RKHS
from breedcast.phenotypes.clean import clean_phenotypes
from breedcast.phenotypes.in_environments import read_trait_table
from breedcast.scoring.comparison import corrected_t
from breedcast.validation.plan import units
from breedcast.validation.schemes import SCHEMES
from tests.benchmarks.filtered import codes_of

DATA = Path(os.environ.get("BREEDCAST_DATA", "../shared/data")) / "wheat599"

MODELS = {
    "gblup, each alone": GBLUP(interaction="none"),
    "gblup, none": GBLUP(interaction="none"),
    "gblup, uniform": GBLUP(interaction="uniform"),
    "gblup, unstructured": GBLUP(interaction="unstructured"),
    "gblup, factor_analytic": GBLUP(interaction="factor_analytic"),
    "gblup, auto": GBLUP(),
    "rkhs gaussian, each alone": RKHS(kernels=("gaussian",), interaction="none"),
    "rkhs gaussian, none": RKHS(kernels=("gaussian",), interaction="none"),
    "rkhs gaussian, uniform": RKHS(kernels=("gaussian",), interaction="uniform"),
    "rkhs gaussian, unstructured": RKHS(kernels=("gaussian",), interaction="unstructured"),
    "rkhs gaussian, auto": RKHS(kernels=("gaussian",)),
}


def predicted(name, model, lines, unit):
    """(test,) by a fit on all of the unit's training records, or on each environment's alone."""
    if not name.endswith("each alone"):
        fitted = model.fit(lines.take(unit.train), 0, "cpu")
        return fitted.predict(lines.take(unit.test).blind()).mean
    found = np.full(len(unit.test), np.nan)
    for environment in np.unique(lines.environment[unit.test]):
        train = unit.train[lines.environment[unit.train] == environment]
        here = lines.environment[unit.test] == environment
        if len(train):
            fitted = model.fit(lines.take(train), 0, "cpu")
            found[here] = fitted.predict(lines.take(unit.test[here]).blind()).mean
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scheme", default="cv2")
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--models", nargs="*", default=list(MODELS))
    given = parser.parse_args()
    genotypes = codes_of(DATA / "genotypes.vcf.gz")
    traits = {"yield": ["env1", "env2", "env3", "env4"]}
    table = read_trait_table(DATA / "phenotypes.tsv", None, traits)
    records = clean_phenotypes(table, "yield", [], None, genotypes.samples, {}, None).lines
    lines = Lines.of(genotypes.of(records["sample"]), genotypes.ploidy, records)
    plan = SCHEMES[given.scheme](given.folds, 1, 2, 0).make_plan(records, "yield")
    work = [unit for unit in units(plan, records, 0) if not unit.is_candidates]
    share = np.mean([len(unit.test) / len(unit.train) for unit in work])
    alone = None
    for name in given.models:
        began, rows = time.perf_counter(), []
        for unit in work:
            values = pd.DataFrame({"predicted": predicted(name, MODELS[name], lines, unit)})
            values["observed"] = lines.value[unit.test]
            for environment, part in values.groupby(lines.environment[unit.test]):
                ability = part["observed"].corr(part["predicted"])
                rows.append((environment, unit.fold, ability))
        took = (time.perf_counter() - began) / len(work)
        found = pd.DataFrame(rows, columns=["environment", "fold", "r"])
        found = found.set_index(["environment", "fold"])["r"]
        told = " ".join(f"{it:.3f}" for it in found.groupby("environment").mean())
        gain = ""
        alone = found if alone is None else alone
        if found is not alone and alone.notna().all():
            change = (found - alone).groupby("fold").mean().to_numpy()
            gain = f"  gain {change.mean():+.3f}, SE {corrected_t(change, share)[0]:.3f}"
        mean = f"mean {found.mean():.3f}{gain}  {took:.1f} s a fit"
        print(f"{given.scheme} {name:28} {told}  {mean}", flush=True)


if __name__ == "__main__":
    main()
