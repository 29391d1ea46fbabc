"""Accuracy and time where there are very many markers, of models that are given some of them.

    OMP_NUM_THREADS=1 PYTHONPATH=workflow:. python tests/benchmarks/many_markers.py \\
        name[:json options] ... [--lines 500] [--markers 40000] [--seeds 4]

Simulated as for costs.py, in blocks of 500 markers; four fifths of the lines train. Prints for
every seed the correlation of each model with the other lines' values, and its CPU seconds; then
the means.
"""

import argparse
import time

import numpy as np

from tests.benchmarks.baselines import model_of
from tests.benchmarks.costs import simulated


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("models", nargs="+")
    parser.add_argument("--lines", type=int, default=500)
    parser.add_argument("--markers", type=int, default=40_000)
    parser.add_argument("--seeds", type=int, default=4)
    asked = parser.parse_args()
    found = np.empty((asked.seeds, len(asked.models), 2))
    for seed in range(asked.seeds):
        lines = simulated(asked.lines, asked.markers, seed, block=500)
        train, test = np.split(np.arange(asked.lines), [4 * asked.lines // 5])
        for number, text in enumerate(asked.models):
            start = time.process_time()
            fitted = model_of(text).fit(lines.take(train), seed, "cpu")
            predicted = fitted.predict(lines.take(test).blind()).mean
            r = np.corrcoef(predicted, lines.observed[test])[0, 1]
            found[seed, number] = r, time.process_time() - start
            print(f"seed {seed}, {text}: {r:.3f}, {found[seed, number, 1]:.0f} s", flush=True)
    for text, (r, seconds) in zip(asked.models, found.mean(axis=0), strict=True):
        print(f"{text}: {r:.3f}, {seconds:.0f} s")


if __name__ == "__main__":
    main()
