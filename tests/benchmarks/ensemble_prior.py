"""How the ensemble's methods do on models of known accuracy, and on how many lines.

    PYTHONPATH=workflow python tests/benchmarks/ensemble_prior.py

Values and predictions are drawn from a normal distribution with given correlations; weights are
learnt on few lines and judged on many others. Prints the mean correlation with the values.
"""

import numpy as np
import pandas as pd

from breedcast.scoring import ensemble

REPLICATES = 150
#: Correlations of each model with the values, and of the models with one another.
CASES = {
    "alike": ([0.5, 0.5, 0.5, 0.5], 0.8),
    "one worse": ([0.5, 0.5, 0.45, 0.3], 0.7),
    "spread": ([0.5, 0.4, 0.3, 0.2], 0.5),
    "one ahead": ([0.6, 0.3, 0.3, 0.25], 0.5),
    "weak": ([0.2, 0.15, 0.2, 0.1], 0.6),
}


def covariance(accuracies: list[float], between: float) -> np.ndarray:
    models = len(accuracies)
    matrix = np.eye(models + 1)
    matrix[0, 1:] = matrix[1:, 0] = accuracies
    matrix[1:, 1:] = np.where(np.eye(models) == 1, 1.0, between)
    return matrix


def accuracy(method: ensemble.Method, seen: np.ndarray, unseen: np.ndarray) -> float:
    fitted = ensemble.Combination.fit(seen[:, 1:], seen[:, 0], method)
    predicted = fitted.predict(unseen[:, 1:])
    return float(np.corrcoef(predicted, unseen[:, 0])[0, 1]) if predicted.std() > 0 else 0.0


rng = np.random.default_rng(0)
rows = []
for lines in (60, 150, 480):
    for case, (accuracies, between) in CASES.items():
        for _ in range(REPLICATES):
            matrix = covariance(accuracies, between)
            seen, unseen = (
                rng.multivariate_normal(np.zeros(len(matrix)), matrix, size=size)
                for size in (lines, 3000)
            )
            methods: tuple[ensemble.Method, ...] = ("auto", "stack", "mean")
            scores = {method: accuracy(method, seen, unseen) for method in methods}
            rows.append({"lines": lines, "case": case, **scores})
print(pd.DataFrame(rows).groupby(["lines", "case"], sort=False).mean().round(3).to_string())
