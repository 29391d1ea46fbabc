"""RR-BLUP against GBLUP, which tests/unit/test_gblup.py checks against other programs."""

import numpy as np
import pandas as pd
import pytest

from breedcast.models.base import Lines
from breedcast.models.gblup import GBLUP
from breedcast.models.rrblup import RRBLUP


def simulate(lines, markers, seed=0):
    rng = np.random.default_rng(seed)
    codes = rng.binomial(2, rng.uniform(0.1, 0.9, markers), (lines, markers)).astype(np.uint8)
    codes[rng.random(codes.shape) < 0.02] = 3
    family = rng.choice(list("ABC"), lines)
    genetic = np.where(codes < 3, codes, 1) @ rng.normal(size=markers)
    value = 50 + genetic / genetic.std() + rng.normal(size=lines) + (family == "A")
    return Lines(codes, 2, pd.DataFrame({"family": family}), value)


@pytest.mark.parametrize("markers", [20, 99, 100, 300])
def test_ridge_regression_is_gblup(markers):
    lines = simulate(120, markers)
    train, new = lines.take(np.arange(100)), lines.take(np.arange(100, 120)).blind()
    ridge, gblup = (model.fit(train, 0, "cpu") for model in (RRBLUP(), GBLUP()))
    assert ridge.facts["heritability"] == pytest.approx(gblup.facts["heritability"], abs=1e-6)
    np.testing.assert_allclose(ridge.saliency["effect"], gblup.saliency["effect"], atol=1e-6)
    for column in ("mean", "sd", "reliability"):
        first, second = (getattr(each.predict(new), column) for each in (ridge, gblup))
        np.testing.assert_allclose(first, second, atol=1e-6)


def test_few_markers_are_solved_in_markers():
    lines = simulate(300, 30)
    fitted = RRBLUP().fit(lines, 0, "cpu")
    # 30 markers, the intercept, two contrasts of the families, and the trait
    assert fitted.genome.Z.shape == (34, 30)


def test_marker_effects_predict():
    lines = simulate(100, 30)
    fitted = RRBLUP().fit(lines, 0, "cpu")
    weights = fitted.weights()
    dosage = np.where(lines.codes < 3, lines.codes - weights["mean_dosages"], 0)
    fixed = fitted.design.matrix(lines.covariates) @ weights["fixed_effects"]
    by_hand = fixed + dosage @ weights["marker_effects"]
    np.testing.assert_allclose(fitted.predict(lines.blind()).mean, by_hand, atol=1e-9)
