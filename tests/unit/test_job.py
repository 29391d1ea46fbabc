"""The training job: every model of the registry, present and future, through the same checks."""

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import pandas as pd
import pytest

from breedcast.errors import UserError
from breedcast.models.base import Fitted, Model, Parents, Prediction, model_class
from breedcast.models.job import TrainingJob
from breedcast.models.registry import MODELS
from breedcast.validation.plan import KFoldScheme, units
from tests.unit.quick import quick

PHENOTYPED, CANDIDATES, MARKERS = 60, 6, 90


def make_job(model, seed=0, folds=3, permutations=1, name="model"):
    rng = np.random.default_rng(seed)
    count = PHENOTYPED + CANDIDATES
    codes = rng.binomial(2, 0.4, (count, MARKERS)).astype(np.uint8)
    codes[rng.random(codes.shape) < 0.03] = 3
    value = 20 + codes[:, :10].sum(axis=1) * 0.5 + rng.normal(0, 0.5, count)
    value[PHENOTYPED:] = np.nan
    lines = pd.DataFrame(
        {
            "sample": [f"L{number}" for number in range(count)],
            "environment": None,
            "value": value,
            "weight": 1.0,
            "family": rng.choice(["A", "B"], count),
        }
    )
    plan = KFoldScheme(folds=folds, repeats=1, inner_folds=2, seed=0).make_plan(lines, "yield")
    height = np.where(rng.random(count) < 0.9, codes[:, :20].sum(axis=1), np.nan)
    helpers = pd.DataFrame({"height": height + rng.normal(size=count)})
    rows = np.stack([rng.integers(0, 12, count), rng.integers(12, 20, count)], axis=1)
    return TrainingJob(
        model=model,
        name=name,
        trait="yield",
        lines=lines,
        codes=codes,
        ploidy=2,
        plan=plan,
        permutations=permutations,
        seed=0,
        device="cpu",
        windows=np.arange(0, MARKERS + 1, 30),
        helpers=helpers if getattr(model, "helper_traits", ()) else None,  # as the script has it
        parents=Parents(rng.integers(0, 2, (20, MARKERS)).astype(np.uint8) * 2, rows, True),
    )


def only_first_fold(job):
    """The same job with one fold: its test lines are then trained on nowhere."""
    plan = job.plan[(job.plan["repeat"] == 0) & (job.plan["fold"] == 0)]
    return replace(job, plan=plan.reset_index(drop=True), permutations=0)


def learnt(tables):
    """All of the tables that rests on training alone: everything but the test predictions."""
    inner = tables.predictions[tables.predictions["role"] == "inner"]
    return inner, tables.saliency, tables.facts, tables.history


def moved_helpers(job, samples, by):
    """The helper traits' values, those of some lines moved; None where the model has none."""
    if job.helpers is None:
        return None
    return job.helpers + by * job.lines["sample"].isin(samples).to_numpy()[:, None]


def with_other_test_lines(job):
    """The job, its test lines of other values (in all traits), family and genotypes."""
    test = job.plan.loc[job.plan["role"] == "test", "sample"]
    rows = job.lines.index[job.lines["sample"].isin(test)]
    rng = np.random.default_rng(5)
    lines, codes, helpers = job.lines.copy(), job.codes.copy(), moved_helpers(job, test, 1000.0)
    lines.loc[rows, "value"] = rng.normal(1000, 100, len(rows))
    lines.loc[rows, "family"] = "C"
    codes[rows] = rng.integers(0, 4, (len(rows), MARKERS))
    return replace(job, lines=lines, codes=codes, helpers=helpers)


@pytest.mark.parametrize("name", MODELS)
class TestEveryModel:
    def test_the_test_lines_move_nothing_that_is_fitted(self, name):
        job = only_first_fold(make_job(quick(name)))
        before = job.run(threads=1)
        after = with_other_test_lines(job).run(threads=1)
        for first, second in zip(learnt(before), learnt(after), strict=True):
            pd.testing.assert_frame_equal(first, second, check_exact=True)

    def test_the_test_values_move_no_prediction(self, name):
        job = only_first_fold(make_job(quick(name)))
        test = job.plan.loc[job.plan["role"] == "test", "sample"]
        lines = job.lines.copy()
        lines.loc[lines["sample"].isin(test), "value"] *= -3
        changed = replace(job, lines=lines, helpers=moved_helpers(job, test, 50))
        before, after = job.run(threads=1), changed.run(threads=1)
        pd.testing.assert_frame_equal(before.predictions, after.predictions, check_exact=True)

    def test_an_inner_folds_values_do_not_move_its_own_predictions(self, name):
        job = only_first_fold(make_job(quick(name)))
        held_out = job.plan.loc[job.plan["inner_fold"] == 0, "sample"]
        lines = job.lines.copy()
        lines.loc[lines["sample"].isin(held_out), "value"] += 50
        changed = replace(job, lines=lines, helpers=moved_helpers(job, held_out, -50))
        tables = [job.run(threads=1), changed.run(threads=1)]
        first, second = (
            table.predictions[
                (table.predictions["role"] == "inner") & table.predictions["sample"].isin(held_out)
            ]
            for table in tables
        )
        assert len(first) == len(held_out)
        pd.testing.assert_frame_equal(first, second, check_exact=True)

    def test_every_line_is_predicted_where_the_plan_says(self, name):
        job = make_job(quick(name))
        predictions = job.run(threads=1).predictions
        plan = job.plan
        for (repeat, fold, permutation), unit in predictions.groupby(
            ["repeat", "fold", "permutation"]
        ):
            planned = plan[(plan["repeat"] == repeat) & (plan["fold"] == fold)]
            inner, member = unit[unit["role"] == "inner"], unit[unit["role"] == "member"]
            final = unit[~unit["role"].isin(["inner", "member"])]
            trained = planned.loc[planned["role"] == "train", "sample"]
            assert sorted(inner["sample"]) == sorted(trained)
            tested = planned.loc[planned["role"] == "test", "sample"]
            assert sorted(final["sample"]) == sorted(tested)
            own = planned.set_index("sample")["inner_fold"].loc[inner["sample"]]
            assert inner["inner_fold"].tolist() == own.tolist()
            assert final["inner_fold"].isna().all()
            of_members = [part["sample"].tolist() for _, part in member.groupby("inner_fold")]
            assert of_members == ([] if permutation else [final["sample"].tolist()] * 2)
            role = "candidate" if repeat == -1 else "control" if permutation else "test"
            assert set(final["role"]) == {role}
        assert predictions.groupby(["repeat", "fold", "permutation"]).ngroups == 3 + 1 + 3
        assert np.isfinite(predictions["predicted"]).all()

    def test_the_number_of_processes_changes_no_bit(self, name):
        job = make_job(quick(name), folds=2)
        one, two = job.run(threads=1), job.run(threads=2)
        for table in ("predictions", "history", "saliency", "facts"):
            pd.testing.assert_frame_equal(
                getattr(one, table), getattr(two, table), check_exact=True
            )
        assert one.weights.keys() == two.weights.keys()
        for key, array in one.weights.items():
            np.testing.assert_array_equal(array, two.weights[key])


def test_gblup_follows_the_signal_and_not_the_permuted_one():
    job = make_job(quick("gblup"), permutations=20)
    predictions = job.run(threads=1).predictions
    from breedcast.validation.control import permuted

    def accuracy(role, permutation):
        dealt = permuted(job.lines, 0, "yield", permutation).set_index("sample")["value"]
        rows = predictions[
            (predictions["role"] == role) & (predictions["permutation"] == permutation)
        ]
        return np.corrcoef(rows["predicted"], dealt[rows["sample"]])[0, 1]

    control = [accuracy("control", permutation) for permutation in range(1, 21)]
    assert accuracy("test", 0) > np.mean(control) + 2 * np.std(control)
    assert abs(np.mean(control)) < 0.15


@pytest.mark.parametrize("name", ["gblup", "deepgs"])
def test_members_are_the_fits_without_an_inner_fold(name):
    """Each predicts a test line and the lines that it held out alike, whoever asks."""
    job = only_first_fold(make_job(quick(name)))
    predictions = job.run(threads=1).predictions
    test, member = (predictions[predictions["role"] == role] for role in ("test", "member"))
    if job.model.is_network:
        mean = member.groupby("sample")["predicted"].mean()[test["sample"]]
        np.testing.assert_allclose(mean, test["predicted"], rtol=1e-6)
        return
    unit = units(job.plan, job.lines, 0)[0]
    for fold, rows in member.groupby("inner_fold"):
        lines = job.lines_of(unit)
        fitted = job.model.fit(lines.take(unit.train[unit.inner_fold != fold]), 0, "cpu")
        expected = fitted.predict(lines.take(unit.test).blind())
        np.testing.assert_allclose(rows["predicted"], expected.mean, rtol=1e-6)
        np.testing.assert_allclose(rows["sd"], expected.sd, rtol=1e-6)


def test_saliency_is_of_every_unit_and_weights_are_of_all_lines():
    tables = make_job(quick("gblup")).run(threads=1)
    units = ["repeat", "fold", "permutation"]
    predicted = tables.predictions[tables.predictions["role"] != "inner"]
    assert set(map(tuple, predicted[units].to_numpy())) == set(
        tables.saliency.groupby(units).groups
    )
    assert (tables.saliency.groupby(units)["marker"].nunique() == MARKERS).all()
    assert len(tables.saliency) == MARKERS * len(tables.saliency.groupby(units))
    assert set(tables.saliency["statistic"]) == {"effect"}
    assert tables.saliency["sd"].isna().all()
    assert tables.weights["marker_effects"].shape == (MARKERS,)
    assert len(tables.history) == 0
    networks = make_job(quick("deepgs")).run(threads=1)
    assert {key.split(".")[0] for key in networks.weights} == {"inner_0", "inner_1"}
    assert set(networks.history.columns) >= {"epoch", "train_loss", "stop_loss"}
    statistics = networks.saliency.groupby("statistic", observed=True)
    assert set(statistics.groups) == {"gradient", "integrated_gradient", "permutation"}
    assert (statistics["marker"].value_counts() == 3 + 1 + 3).all()
    assert networks.saliency["sd"].notna().all()  # of the two networks of a unit
    assert networks.saliency["sd"].max() > 0
    trees = make_job(quick("lightgbm")).run(threads=1).saliency
    assert trees["statistic"].drop_duplicates().tolist() == ["gain", "permutation"]


@dataclass(frozen=True)
class Broken(Model):
    """Predicts one number, whatever it is trained on."""

    answer: float = 1.0

    def fit(self, lines, seed, device):
        return FittedBroken(self.answer)


@dataclass(frozen=True)
class BrokenNetwork(Broken):
    is_network: ClassVar[bool] = True


@dataclass(frozen=True)
class FittedBroken(Fitted):
    answer: float

    def predict(self, lines):
        return Prediction.point(np.full(len(lines), self.answer))

    def weights(self):
        return {}


def test_a_constant_network_fails_and_another_model_warns(caplog):
    with pytest.raises(UserError, match="predicts the same value for every line"):
        make_job(BrokenNetwork()).run(threads=1)
    make_job(Broken()).run(threads=1)
    assert "fits predict the same value for every line" in caplog.text


@pytest.mark.parametrize("name", ["gblup", "svr", "bayes", "lightgbm", "dnn", "deepgs"])
def test_training_sets_of_one_value_predict_it(name, caplog):
    """Three lines of sixty have a rare trait: some training sets have none of them."""
    job = make_job(quick(name))
    rare = job.lines.assign(value=np.where(job.lines["value"].notna(), 0.0, np.nan))
    plan = job.plan
    tested = plan[(plan["role"] == "test") & (plan["repeat"] == 0) & (plan["fold"] == 0)]
    rare.loc[rare["sample"].isin(tested["sample"].iloc[:3]), "value"] = 1.0
    tables = replace(job, lines=rare, permutations=0).run(threads=1)
    of_fold = tables.predictions.query("repeat == 0 and fold == 0 and role == 'test'")
    assert (of_fold["predicted"] == 0.0).all()
    others = tables.predictions.query("repeat == 0 and fold == 1 and role == 'test'")
    assert others["predicted"].std() > 0
    assert "fits predict the same value for every line" in caplog.text


@pytest.mark.parametrize("threads", [1, 2])
def test_a_prediction_that_is_no_number_fails(threads):
    with pytest.raises(UserError, match="a prediction is not a number"):
        make_job(Broken(answer=np.nan)).run(threads=threads)


def test_an_absent_gpu_is_an_error_for_networks_alone():
    import torch

    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    job = replace(make_job(quick("deepgs")), device="cuda")
    with pytest.raises(UserError, match="cuda"):
        job.run(threads=1)
    replace(make_job(quick("gblup")), device="cuda").run(threads=1)


def test_without_candidates_there_are_still_final_weights():
    job = make_job(quick("deepgs"))
    lines = job.lines.iloc[:PHENOTYPED]
    helpers = None if job.helpers is None else job.helpers.iloc[:PHENOTYPED]
    plan = KFoldScheme(folds=3, repeats=1, inner_folds=2, seed=0).make_plan(lines, "yield")
    job = replace(job, lines=lines, codes=job.codes[:PHENOTYPED], plan=plan, helpers=helpers)
    job = replace(job, parents=None)
    tables = job.run(threads=1)
    assert tables.weights
    assert not (tables.predictions["role"] == "candidate").any()


def test_the_record_names_libraries_and_what_was_changed():
    for name in MODELS:
        facts = make_job(model_class(MODELS[name])()).run_facts()
        assert facts["changed"] == {}
        assert all(facts["versions"].values())
    model = model_class(MODELS["rkhs"])(kernels=["additive", "gaussian"], bandwidths=[1.0])
    assert make_job(model).run_facts()["changed"] == {"bandwidths": [1.0]}
