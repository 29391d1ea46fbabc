"""Predictive ability beyond the covariates: what a model knows of lines that share them.

Where families or years are covariates, a model can predict well by their means alone, which says
nothing of lines within them. So covariate effects are taken out of both sides: of the observed
values those on the trait, of the predictions those on what the model predicts. Both are learnt from
the training lines, their values and the predictions by fits that had not seen them.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from breedcast.phenotypes.covariates import FixedEffects, covariate_columns
from breedcast.phenotypes.records import has_environments
from breedcast.scoring.alignment import lines_of, observed
from breedcast.scoring.metrics import pearson_within


def partial_pearson(test: pd.DataFrame, inner: pd.DataFrame, phenotypes: pd.DataFrame) -> float:
    """Pearson correlation of observed and predicted values less their covariate effects.

    test, inner: a model's predictions of one unit's test lines, and of its training lines by fits
    that had not seen them. Where there are environments, their means are taken out as well, and the
    correlation is the mean of those within each. A model of covariate effects alone is left with
    what little these differ between its fits, and scores about 0.
    """
    columns = covariate_columns(phenotypes)
    if has_environments(test):
        columns = [*columns, "environment"]
    trained, tested = lines_of(phenotypes, inner), lines_of(phenotypes, test)
    weight = trained["weight"].to_numpy(np.float64)

    def beyond(of_trained: np.ndarray, of_tested: np.ndarray) -> np.ndarray:
        effects = FixedEffects.fit(trained[columns], of_trained, weight)
        return of_tested - effects.predict(tested[columns])

    known = beyond(observed(phenotypes, inner), observed(phenotypes, test))
    said = beyond(*(rows["predicted"].to_numpy(np.float64) for rows in (inner, test)))
    return pearson_within(test["environment"].to_numpy(object), known, said)
