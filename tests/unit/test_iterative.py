"""GBLUP by iterations against GBLUP by its equations."""

import numpy as np
import pandas as pd
import pytest

from breedcast.models import blup
from breedcast.models.base import Lines
from breedcast.models.gblup import GBLUP
from breedcast.models.iterative import FittedIterative


def simulate(lines, markers, share, seed=0):
    """Related lines, some calls missing, a covariate, unequal weights; share: heritability."""
    rng = np.random.default_rng(seed)
    haplotypes = rng.random((markers, 30)) < rng.beta(0.8, 1.2, (markers, 1))
    codes = np.zeros((lines, markers), np.uint8)
    for start in range(0, markers, 100):
        some = slice(start, start + 100)
        for _ in range(2):
            codes[:, some] += haplotypes[some, rng.integers(30, size=lines)].T
    genetic = codes @ rng.normal(size=markers)
    age, weight = rng.normal(size=lines), rng.uniform(0.5, 2, lines)
    noise = rng.normal(size=lines) * np.sqrt((1 - share) / weight)
    value = 10 + age + np.sqrt(share) * genetic / genetic.std() + noise
    codes[rng.random(codes.shape) < 0.02] = 3
    return Lines(codes, 2, pd.DataFrame({"age": age}), value, weight)


@pytest.mark.parametrize(("lines", "markers"), [(700, 1200), (900, 300)])
@pytest.mark.parametrize("share", [0.15, 0.5, 0.9])
def test_iterations_find_what_the_equations_do(lines, markers, share):
    every = simulate(lines, markers, share)
    train, new = every.take(np.arange(lines - 100)), every.take(np.arange(lines - 100, lines))
    exact, found = GBLUP().fit(train, 0, "cpu"), FittedIterative.fit(train)
    # the random vectors' error is a quarter of the estimate's own, which is some .06 of so few
    assert found.heritability == pytest.approx(exact.facts["heritability"], abs=0.03)
    predicted, expected = (each.predict(new.blind()) for each in (found, exact))
    assert np.corrcoef(predicted.mean, expected.mean)[0, 1] > 0.9999
    np.testing.assert_allclose(found.fixed_effects, exact.mixed.fixed_effects, atol=0.01)
    assert np.isnan(predicted.reliability).all()


def test_a_trait_without_genetics_is_predicted_by_its_mean():
    lines = simulate(400, 500, 0.5)
    noise = Lines(lines.codes, 2, lines.covariates, np.random.default_rng(1).normal(size=400))
    fitted = FittedIterative.fit(noise)
    exact = GBLUP().fit(noise, 0, "cpu")
    assert fitted.heritability == pytest.approx(exact.facts["heritability"], abs=0.05)
    constant = FittedIterative.fit(Lines(lines.codes, 2, lines.covariates[[]], np.full(400, 3.0)))
    np.testing.assert_allclose(constant.predict(lines.blind()).mean, 3.0)


def test_lines_and_markers_beyond_the_limit_are_fitted_by_iterations(monkeypatch):
    monkeypatch.setattr(blup, "MOST_EXACT", 150)
    many, few_markers = simulate(200, 300, 0.5), simulate(200, 100, 0.5)
    assert isinstance(GBLUP().fit(many, 0, "cpu"), FittedIterative)
    assert isinstance(GBLUP().fit(few_markers, 0, "cpu"), blup.FittedBLUP)
