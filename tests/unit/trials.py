"""Lines in several environments, simulated."""

import numpy as np
import pandas as pd


def lines_in_trials(lines=60, trials=4, candidates=5, share=1.0, seed=0, markers=100):
    """phenotypes.tsv and codes of its rows; each line in about a share of the trials.

    The value is a genetic main effect, an interaction of half its variance, an error as large as
    both, and ten times the number of the trial.
    """
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, 3, (lines + candidates, markers)).astype(np.uint8)
    dosage = (codes - codes.mean(axis=0)) / np.sqrt(markers)
    main, own = dosage @ rng.normal(size=markers), dosage @ rng.normal(size=(markers, trials))
    error = rng.normal(size=own.shape)
    value = 10 * np.arange(trials) + main[:, None] + 0.7 * own + error
    grown = np.full(value.shape, True)
    grown[:lines] = rng.random((lines, trials)) < share
    line, trial = np.nonzero(grown)
    table = pd.DataFrame(
        {
            "sample": [f"L{number}" for number in line],
            "environment": [f"E{number}" for number in trial],
            "value": np.where(line < lines, value[line, trial], np.nan),
            "weight": 1.0,
        }
    )
    return table, codes[line]
