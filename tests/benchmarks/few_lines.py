"""What GBLUP says of candidates where lines are few, against simulated genetic values.

    OMP_NUM_THREADS=1 PYTHONPATH=workflow:. python tests/benchmarks/few_lines.py

Real genotypes (maize281; BREEDCAST_DATA, by default ../shared/data), 50 trait loci. Prints, for
lines trained on and heritability: the share of 90 % intervals that hold the true genetic value of a
candidate, by the likeliest variances alone and as they are; and the gain by the best tenth: true,
predicted, and validated by held-out lines.
"""

import numpy as np
import pandas as pd

from breedcast.models import reml
from breedcast.models.base import Lines, Prediction
from breedcast.models.gblup import GBLUP
from breedcast.selection.candidates import expected_response
from breedcast.validation.plan import shuffled
from tests.benchmarks.architectures import additive, dosages

POPULATIONS, CANDIDATES, FOLDS, NORMAL = 40, 100, 5, 1.645
CASES = [(40, 0.3), (40, 0.6), (80, 0.4), (150, 0.4), (176, 0.6)]


def predict(codes: np.ndarray, value: np.ndarray, train: np.ndarray, new: np.ndarray) -> Prediction:
    lines = Lines(codes, 2, pd.DataFrame(index=range(len(codes))), value)
    return GBLUP().fit(lines.take(train), 0, "cpu").predict(lines.take(new).blind())


def gains(value: np.ndarray, folds: np.ndarray, held_out: np.ndarray, new: np.ndarray) -> pd.Series:
    """predicted_gain and validated_gain of the best tenth."""
    samples, none = np.arange(len(value) + len(new)), np.full(len(new), np.nan)
    lines = pd.DataFrame({"sample": samples, "environment": None, "value": [*value, *none]})
    table = lines.assign(
        repeat=-1,
        role=["inner"] * len(value) + ["candidate"] * len(new),
        inner_fold=[*folds, *none],
        predicted=[*held_out, *new],
    )
    told = expected_response(
        {"gblup": table}, lines.assign(weight=1.0), fraction=0.1, direction="high"
    )
    return told.loc[told["fraction"] == 0.1, ["predicted_gain", "validated_gain"]].iloc[0]


def one(trained: int, heritability: float, seed: int) -> dict[str, float]:
    rng = np.random.default_rng(seed)
    codes = dosages("maize281", trained + CANDIDATES, rng)[:, ::3]
    genetic = np.sqrt(heritability) * additive(codes, 50, rng)
    value = genetic + np.sqrt(1 - heritability) * rng.normal(size=len(codes))
    known, new = np.arange(trained), np.arange(trained, len(codes))
    folds, held_out = np.empty(trained), np.empty(trained)
    for fold, (train, test) in enumerate(shuffled(trained, FOLDS, seed)):
        folds[test], held_out[test] = fold, predict(codes, value, train, test).mean
    found = predict(codes, value, known, new)
    limit, reml.FEW_LINES = reml.FEW_LINES, 0
    likeliest = predict(codes, value, known, new)
    reml.FEW_LINES = limit
    best = np.argsort(-found.mean)[: CANDIDATES // 10]
    return {
        "likeliest": np.mean(np.abs(genetic[new] - found.mean) < NORMAL * likeliest.sd),
        "held": np.mean(np.abs(genetic[new] - found.mean) < NORMAL * found.sd),
        "gain": genetic[new][best].mean() - genetic[new].mean(),
        **gains(value[known], folds, held_out, found.mean),
    }


for lines, heritability in CASES:
    told = pd.DataFrame([one(lines, heritability, seed) for seed in range(POPULATIONS)]).mean()
    print(lines, heritability, *(f"{name} {figure:.3f}" for name, figure in told.items()))
