"""Lines that differ in what environments' covariates do to them, simulated."""

import numpy as np
import pandas as pd

from breedcast.models.base import Lines
from breedcast.phenotypes.conditions import conditions_of


def lines_with_norms(
    seed,
    lines=120,
    environments=8,
    markers=200,
    covariates=2,
    shares=(0.3, 0.5, 0.2),
    heritability=0.5,
    grown=0.6,
    told=True,
):
    """Lines in environments, their table, and their genetic values less the environment's mean.

    shares: of main effect, sensitivities to the covariates and own interaction in the genetic
    variance, all additive in the markers; grown: the chance of a line to be in an environment;
    told: whether the covariates given are those that act, or noise.
    """
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, 3, (lines, markers)).astype(np.uint8)
    dosage = (codes - 1.0) / np.sqrt(markers * 2 / 3)
    acting = rng.normal(size=(environments, covariates))
    main, norm, own = np.sqrt(shares)
    genetic = main * (dosage @ rng.normal(size=markers))[:, None]
    sensitivity = dosage @ rng.normal(size=(markers, covariates)) / np.sqrt(covariates)
    genetic = genetic + norm * sensitivity @ acting.T
    genetic = genetic + own * dosage @ rng.normal(size=(markers, environments))
    error = rng.normal(0, np.sqrt(1 / heritability - 1), genetic.shape)
    value = rng.normal(5, 2, environments) + genetic + error
    given = acting if told else rng.normal(size=acting.shape)
    line, environment = np.nonzero(rng.random(value.shape) < grown)
    table = pd.DataFrame(
        {
            "sample": [f"L{number}" for number in line],
            "environment": [f"E{number}" for number in environment],
            "value": value[line, environment],
            "weight": 1.0,
        }
    )
    columns = {
        f"c{number}": {f"E{row}": value for row, value in enumerate(column)}
        for number, column in enumerate(given.T)
    }
    conditions = conditions_of(table["environment"], columns)
    records = Lines.of(codes[line], 2, table, conditions=conditions)
    return records, table, genetic[line, environment]


def accuracy(model, records, genetic, train, test):
    """Correlation with genetic values within tested environments, the mean over these.

    It is 0 where a model predicts no difference between lines.
    """
    fitted = model.fit(records.take(train), 0, "cpu")
    predicted = fitted.predict(records.take(test).blind()).mean
    within = records.environment[test]
    if np.ptp(predicted[within == within[0]]) == 0:
        return 0.0
    each = [
        np.corrcoef(predicted[within == it], genetic[test][within == it])[0, 1]
        for it in np.unique(within)
    ]
    return float(np.mean(each))
