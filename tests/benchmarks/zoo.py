"""How well every network predicts wheat599, and how long it takes to train, with GBLUP beside.

    OMP_NUM_THREADS=1 PYTHONPATH=workflow python tests/benchmarks/zoo.py [network ...]

Five folds of seed 0 for each environment; a network is fit once to a fold's training lines, less
its stop set, with its default options. BREEDCAST_DATA names the folder of the data. Prints the
mean correlation of the folds, and CPU seconds a network.
"""

import os
import sys
import time
from pathlib import Path

import cyvcf2
import numpy as np
import pandas as pd
import torch
from sklearn.model_selection import KFold

from breedcast.models.base import Lines, model_class
from breedcast.models.registry import MODELS

torch.set_num_threads(1)
folder = Path(os.environ["BREEDCAST_DATA"]) / "wheat599"
records = cyvcf2.VCF(str(folder / "genotypes.vcf.gz"))
codes = np.array([record.genotype.array()[:, :2].sum(axis=1) for record in records], np.uint8).T
values = pd.read_csv(folder / "phenotypes.tsv", sep="\t").set_index("sample")
folds = list(KFold(5, shuffle=True, random_state=0).split(codes))

for name in sys.argv[1:] or [name for name in MODELS if name != "baseline"]:
    model = model_class(MODELS[name])()
    start, accuracy = time.process_time(), {}
    for environment in values:
        lines = Lines(codes, 2, pd.DataFrame(index=range(len(codes))), values[environment].values)
        accuracies = []
        for seed, (train, test) in enumerate(folds):
            predicted = model.fit(lines.take(train), seed, "cpu").predict(lines.take(test).blind())
            accuracies.append(np.corrcoef(predicted.mean, lines.observed[test])[0, 1])
        accuracy[environment] = np.mean(accuracies)
    networks = getattr(model, "networks", 1)
    seconds = (time.process_time() - start) / (len(folds) * len(accuracy) * networks)
    row = " | ".join(f"{r:.3f}".lstrip("0") for r in accuracy.values())
    print(f"| {name} | {networks} | {row} | {seconds:.1f} |", flush=True)
