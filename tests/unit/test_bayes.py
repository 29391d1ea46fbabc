import numpy as np
import pandas as pd
import pytest

from breedcast.errors import UserError
from breedcast.models.base import Lines
from breedcast.models.bayes import Bayes, LargeEffects
from breedcast.models.gblup import GBLUP


def simulate(loci, seed, lines=400, markers=600):
    """Lines in a population of families, half of the variance by so many loci."""
    rng = np.random.default_rng(seed)
    frequency = rng.uniform(0.1, 0.9, markers)
    parents = rng.binomial(1, frequency, (20, markers))
    first, second = parents[rng.integers(0, 20, (2, lines))]
    # blocks of ten markers come from one parent: linkage disequilibrium
    choice = np.repeat(rng.integers(0, 2, (lines, markers // 10)), 10, axis=1)
    codes = (2 * np.where(choice, first, second)).astype(np.uint8)
    effects = np.zeros(markers)
    causal = rng.choice(markers, loci, replace=False)
    effects[causal] = rng.normal(size=loci)
    genetic = codes @ effects
    genetic = genetic / genetic.std()
    value = 100 + 5 * (genetic + rng.normal(size=lines))
    return Lines(codes, 2, pd.DataFrame(index=range(lines)), value), genetic, causal


def gains(loci, seeds):
    """Accuracy (correlation with the true genetic value) of bayes less gblup's, per seed."""
    found = []
    for seed in range(seeds):
        lines, genetic, _ = simulate(loci, seed)
        train, new = lines.take(np.arange(300)), lines.take(np.arange(300, 400)).blind()
        bayes, gblup = (
            np.corrcoef(model.fit(train, 0, "cpu").predict(new).mean, genetic[300:])[0, 1]
            for model in (Bayes(), GBLUP())
        )
        found.append(bayes - gblup)
    return np.array(found)


def test_few_large_loci_are_found():
    found = gains(loci=5, seeds=8)
    assert found.mean() > 0.05
    assert found.mean() > 3 * found.std(ddof=1) / np.sqrt(len(found))


def test_where_every_marker_counts_it_is_gblup():
    assert abs(gains(loci=600, seeds=8).mean()) < 0.01


def test_inclusion_is_exact_for_one_marker():
    """Bayes' theorem for y ~ N(z u, 1), u being 0 or normal, by the two marginal densities."""
    rng = np.random.default_rng(0)
    z = rng.normal(size=30)
    y = 0.4 * z + rng.normal(size=30)
    prior = LargeEffects(np.zeros(1), np.zeros(1), 1, 0.3, 0.5, 0.5)
    norms = np.array([z @ z])
    inclusion, effect = prior._pass(y, z[None], norms, 1 / (norms + 1 / 0.5), np.array([0]))
    from scipy.stats import multivariate_normal

    slab = 0.3 * multivariate_normal(cov=np.eye(30) + 0.5 * np.outer(z, z)).pdf(y)
    spike = 0.7 * multivariate_normal(cov=np.eye(30)).pdf(y)
    assert inclusion[0] == pytest.approx(slab / (slab + spike))
    ridge = z @ y / (z @ z + 1 / 0.5)
    assert effect[0] == pytest.approx(ridge)


def test_the_loci_are_the_most_salient_markers():
    lines, _, causal = simulate(loci=3, seed=2)
    fitted = Bayes().fit(lines, 0, "cpu")
    top = np.argsort(-fitted.saliency["effect"][0])[:3]
    assert sorted(top // 10) == sorted(causal // 10)  # the block, within which markers are alike
    assert fitted.inclusion[top].min() > 0.9
    assert fitted.facts["large_loci"] == pytest.approx(3, abs=1)


def test_a_covariate_is_accounted_for():
    lines, _, _ = simulate(loci=5, seed=1)
    family = np.random.default_rng(0).choice(list("AB"), len(lines))
    frame = pd.DataFrame({"family": family})
    shift = np.where(family == "A", 1000.0, 0.0)
    plain, moved = (
        Bayes()
        .fit(Lines(lines.codes, 2, frame, value), 0, "cpu")
        .predict(Lines(lines.codes, 2, frame))
        for value in (lines.observed, lines.observed + shift)
    )
    np.testing.assert_allclose(moved.mean - plain.mean, shift, atol=1e-6)


def test_more_lines_than_markers_is_the_same_model():
    """Solved in markers or in lines: the second by more markers that do not vary."""
    lines, _, _ = simulate(loci=5, seed=3, markers=100)
    padded = np.hstack([lines.codes, np.zeros((400, 400), dtype=np.uint8)])
    few = Bayes().fit(lines, 0, "cpu").predict(lines.blind()).mean
    wide = Lines(padded, 2, lines.covariates, lines.observed)
    many = Bayes(large_share=0.02 / 5).fit(wide, 0, "cpu").predict(wide.blind()).mean
    assert np.corrcoef(few, many)[0, 1] > 0.999


def test_a_trait_that_does_not_vary_is_told():
    lines, _, _ = simulate(loci=5, seed=0)
    constant = Lines(lines.codes, 2, lines.covariates, np.ones(400))
    with pytest.raises(UserError, match="does not vary"):
        Bayes().fit(constant, 0, "cpu")


def test_of_many_markers_the_most_associated_are_enough(monkeypatch):
    lines, _, causal = simulate(loci=5, seed=2)
    train, new = lines.take(np.arange(300)), lines.take(np.arange(300, 400)).blind()
    everyone = Bayes().fit(train, 0, "cpu")
    monkeypatch.setattr("breedcast.models.bayes.MOST_CANDIDATES", 30)
    screened = Bayes().fit(train, 0, "cpu")
    assert 5 <= np.count_nonzero(screened.inclusion) <= 6 * 30
    predictions = [fitted.predict(new).mean for fitted in (everyone, screened)]
    assert np.corrcoef(predictions)[0, 1] > 0.999
    np.testing.assert_allclose(screened.inclusion, everyone.inclusion, atol=0.1)
    sure = np.flatnonzero(everyone.inclusion > 0.9)
    assert len(sure)
    assert set(sure // 10) <= set(causal // 10)
    assert (screened.inclusion[sure] > 0.9).all()


def test_a_locus_hidden_by_a_larger_one_is_found_in_a_later_turn(monkeypatch):
    """The second locus is associated with nothing until the first is accounted for."""
    rng = np.random.default_rng(0)
    codes = (2 * rng.integers(0, 2, (400, 300))).astype(np.uint8)
    first = codes[:, 0] / 2
    codes[:, 1] = 2 * np.where(rng.random(400) < 0.9, first, 1 - first).astype(np.uint8)
    effects = np.array([1.0, -np.cov(codes[:, 0], codes[:, 1])[0, 1] / codes[:, 1].var()])
    value = codes[:, :2] @ effects + 0.3 * rng.normal(size=400)
    assert abs(np.corrcoef(codes[:, 1], value)[0, 1]) < 0.1
    monkeypatch.setattr("breedcast.models.bayes.MOST_CANDIDATES", 1)
    fitted = Bayes().fit(Lines(codes, 2, pd.DataFrame(index=range(400)), value), 0, "cpu")
    assert (fitted.inclusion[:2] > 0.9).all()
