"""Multi-trait GBLUP on simulated traits whose correlations are known."""

import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from breedcast.errors import UserError
from breedcast.models.base import Lines
from breedcast.models.gblup import GBLUP
from breedcast.models.helped import nearest_relatives, own_helper_accuracies
from breedcast.models.mtgblup import MTGBLUP
from breedcast.phenotypes.helpers import helper_values, with_helper_lines
from breedcast.report.collect import ModelResult
from breedcast.report.several_traits import correlation_table, own_helper_doubts
from breedcast.several_traits import check_helpers, helpers
from tests.unit.test_job import make_job


def simulate(genetic, residual, lines=300, markers=150, seed=0):
    """Lines in full-sib families, trait and helper of variance 1 each; and the true values.

    genetic, residual: the correlations between the two; heritability .3 and .6.
    """
    rng = np.random.default_rng(seed)
    parents = rng.integers(0, 2, (lines // 10, 2, markers))
    which = rng.integers(0, 2, (lines, markers))
    family = np.arange(lines) % len(parents)
    codes = (2 * np.take_along_axis(parents[family], which[:, None], axis=1)[:, 0]).astype(np.uint8)
    true, noise = (
        rng.multivariate_normal([0, 0], [[1, r], [r, 1]], size)
        for r, size in ((genetic, markers), (residual, lines))
    )
    true = (codes - codes.mean(axis=0)) @ true
    true *= np.sqrt([0.3, 0.6]) / true.std(axis=0)
    values = true + noise * np.sqrt([0.7, 0.4])
    table = pd.DataFrame({"helper": values[:, 1]})
    return Lines(codes, 2, pd.DataFrame(index=range(lines)), values[:, 0], helpers=table), true


@pytest.mark.usefixtures("likeliest_variances")
def test_without_helpers_it_is_gblup():
    lines, _ = simulate(0.8, 0, lines=100)
    lines = replace(lines, helpers=None, weight=np.random.default_rng(0).uniform(0.5, 2, 100))
    train, new = lines.take(np.arange(80)), lines.take(np.arange(80, 100)).blind()
    one, several = (model.fit(train, 0, "cpu") for model in (GBLUP(), MTGBLUP()))
    assert several.facts == pytest.approx(one.facts, abs=1e-4)
    for column in ("mean", "sd", "reliability"):
        first, second = (getattr(each.predict(new), column) for each in (one, several))
        np.testing.assert_allclose(first, second, rtol=1e-3, atol=1e-4)
    effects = several.predict(new).mean - several.predict(train.take(np.array([0])).blind()).mean
    copies = new.codes.astype(float) - train.codes[0]
    np.testing.assert_allclose(copies @ several.marker_effects, effects, atol=1e-8)


def test_a_related_trait_of_high_heritability_helps_with_new_lines():
    gains, correlations = [], []
    for seed in range(8):
        lines, true = simulate(0.9, 0.2, lines=200, seed=seed)
        train, new = lines.take(np.arange(150)), lines.take(np.arange(150, 200)).blind()
        fitted = MTGBLUP().fit(train, 0, "cpu")
        r = [
            np.corrcoef(each.predict(new).mean, true[150:, 0])[0, 1]
            for each in (fitted, GBLUP().fit(train, 0, "cpu"))
        ]
        gains.append(r[0] - r[1])
        correlations.append(fitted.facts["genetic_correlation with helper"])
    assert np.mean(gains) > 0.05
    assert np.mean(gains) > 2 * np.std(gains, ddof=1) / np.sqrt(8)
    assert np.mean(correlations) == pytest.approx(0.9, abs=0.1)


def test_values_of_a_helper_alone_train_too():
    """Lines that lack the trait itself tell of the helper's genes, and by these of the trait's."""
    gains = []
    for seed in range(6):
        lines, true = simulate(0.9, 0, lines=260, seed=seed)
        value = lines.observed.copy()
        value[60:200] = np.nan
        train, new = (
            replace(lines, value=value).take(np.arange(200)),
            lines.take(np.arange(200, 260)),
        )
        r = [
            np.corrcoef(MTGBLUP().fit(it, 0, "cpu").predict(new.blind()).mean, true[200:, 0])[0, 1]
            for it in (train, train.take(np.arange(60)))
        ]
        gains.append(r[0] - r[1])
    assert np.mean(gains) > 2 * np.std(gains, ddof=1) / np.sqrt(6)


def test_a_helper_with_hardly_a_value_is_left_out():
    lines, _ = simulate(0.9, 0, lines=60)
    helpers = lines.helpers.assign(rare=np.nan, same=1.0)
    helpers.loc[:10, "rare"] = np.arange(11.0)
    facts = MTGBLUP().fit(replace(lines, helpers=helpers), 0, "cpu").facts
    assert set(facts) == {
        "heritability",
        "genetic_correlation with helper",
        "residual_correlation with helper",
    }


def test_lines_of_other_traits_alone_are_trained_on_and_never_predicted():
    job = make_job(MTGBLUP(), permutations=0)
    lines = job.lines.assign(environment=pd.Series([None] * len(job.lines), dtype=object))
    height = lines.assign(value=job.helpers["height"])
    kept = lines.index.difference([3, 64])  # a line, and a candidate, that the trait does not know
    plan = job.plan[~job.plan["sample"].isin(["L3", "L64"])]
    fewer = with_helper_lines(lines.loc[kept].reset_index(drop=True), {"height": height})
    only = height["sample"].isin(["L3", "L64"]) & height["value"].notna()
    assert fewer["sample"].tolist() == [*lines.loc[kept, "sample"], *height.loc[only, "sample"]]
    assert fewer["value"].tail(only.sum()).isna().all()
    helpers = helper_values(fewer["sample"], {"height": height})
    order = fewer["sample"].str[1:].astype(int)
    job = replace(job, lines=fewer, codes=job.codes[order], plan=plan, helpers=helpers)
    rows = job.run(threads=1).predictions
    assert only.any()
    assert not rows["sample"].isin(height.loc[only, "sample"]).any()
    helpers = helpers.copy()
    helpers.iloc[len(kept) :] += 100
    moved = replace(job, helpers=helpers).run(threads=1).predictions
    assert (moved["predicted"] != rows["predicted"]).all()


def test_only_candidates_are_predicted_by_their_own_helper_values():
    job = make_job(MTGBLUP(helpers_measured=True), permutations=0)
    hidden = replace(job, model=MTGBLUP())
    rows, without = job.run(threads=1), hidden.run(threads=1)
    moved = rows.predictions["predicted"] != without.predictions["predicted"]
    known = job.helpers["height"].notna().to_numpy()[job.lines["value"].isna().to_numpy()]
    candidates = rows.predictions["role"] == "candidate"
    assert moved[candidates].tolist() == known.tolist()
    tested = rows.predictions["role"].isin(["test", "inner"])
    assert not moved[tested].any()
    told = rows.facts.groupby("fact").size()
    assert told[["cv2_without", "cv2_helped", "cv2_star_without", "cv2_star_helped"]].eq(3).all()
    assert not without.facts["fact"].str.startswith("cv2").any()
    empty = pd.DataFrame()
    result, other = (
        ModelResult("both", "mtgblup", empty, empty, empty, facts=it.facts)
        for it in (rows, without)
    )
    (said,) = own_helper_doubts([result, other])
    of = rows.facts.groupby("fact")["value"].mean()
    assert f"(CV2) the predictive ability would be {of['cv2_helped']:.2f}" in said
    assert f"(CV2*) it is {of['cv2_star_helped']:.2f} with" in said
    shown = correlation_table(result, "yield")
    final = rows.facts[rows.facts["inner_fold"].isna() & (rows.facts["repeat"] >= 0)]
    r = final.loc[final["fact"] == "genetic_correlation with height", "value"]
    assert [cell.text for cell in shown.rows[0]][:2] == [
        "height",
        f"{r.mean():.2f} ({r.min():.2f} to {r.max():.2f})",
    ]


def test_cv2_overstates_what_shared_errors_tell_and_cv2_star_does_not():
    """Genes share nothing, plots do: helper values of the lines themselves are worth nothing."""
    naive, honest, real = [], [], []
    for seed in range(8):
        lines, true = simulate(0, 0.8, lines=240, seed=seed)
        train, test = lines.take(np.arange(120)), lines.take(np.arange(120, 240))
        fitted = MTGBLUP().fit(train, 0, "cpu")
        without, helped = (fitted.predict(test.blind(it)).mean for it in (False, True))
        found = own_helper_accuracies(test, without, helped)
        naive.append(found["cv2_helped"] - found["cv2_without"])
        honest.append(found["cv2_star_helped"] - found["cv2_star_without"])
        r = [np.corrcoef(it, true[120:, 0])[0, 1] for it in (without, helped)]
        real.append(r[1] - r[0])
    assert np.mean(naive) > 0.15
    assert np.mean(naive) > np.mean(real) + 0.1
    assert abs(np.mean(honest) - np.mean(real)) < 0.1


def test_what_own_helpers_are_worth_is_0_where_nothing_varies():
    lines, _ = simulate(0, 0.8, lines=30)
    some = np.arange(30.0)
    clones = replace(lines, codes=np.repeat(lines.codes[:1], 30, axis=0))
    for test, predicted in ((lines.take(np.arange(1)), some[:1]), (clones, np.ones(30))):
        assert set(own_helper_accuracies(test, predicted, predicted).values()) == {0.0}
    assert np.isfinite(own_helper_accuracies(clones, some, some)["cv2_helped"])


def test_a_trait_that_does_not_vary_is_one_line():
    lines, _ = simulate(0, 0.8, lines=60)
    with pytest.raises(UserError, match=r"^mtgblup: a trait does not vary beyond"):
        MTGBLUP().fit(replace(lines, value=np.ones(60)), 0, "cpu")


def test_the_nearest_relative_is_the_line_with_most_calls_alike():
    lines, _ = simulate(0, 0, lines=80)
    alike = (lines.codes[:, None] == lines.codes).mean(axis=2)
    np.fill_diagonal(alike, 0)
    nearest = nearest_relatives(lines)
    np.testing.assert_allclose(alike[np.arange(80), nearest], alike.max(axis=1))


@pytest.mark.parametrize(
    ("named", "traits", "line"),
    [
        (["heigth"], ["yield", "height"], "'heigth' is not among the traits yield, height"),
        (["all"], ["yield"], "yield is the only trait; leave the model out"),
        (["all"], [f"t{number}" for number in range(9)], "all of 9 traits are more than the 8"),
    ],
)
def test_helper_traits_that_cannot_be_are_one_line(named, traits, line):
    with pytest.raises(UserError, match="^config, models: m: helper_traits: .*" + re.escape(line)):
        check_helpers("m", {"helper_traits": named}, traits)


def test_helpers_are_the_traits_that_are_named_or_all():
    traits = ["yield", "height", "oil"]
    assert helpers({"helper_traits": ["all"]}, traits) == traits
    assert helpers({"helper_traits": ["oil"]}, traits) == ["oil"]
    assert helpers({}, traits) == []
