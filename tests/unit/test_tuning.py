"""Tuning: studies on known landscapes, and jobs whose every unit chooses its own options."""

import json
import math
from dataclasses import replace
from pathlib import Path

import jsonschema
import numpy as np
import pandas as pd
import pytest

from breedcast.checkpoint import Checkpoint, Checkpoints
from breedcast.errors import UserError
from breedcast.models import tuning
from breedcast.models.base import Choice, Lines, model_class
from breedcast.models.registry import MODELS, options_schema
from breedcast.models.tuning import COMPLETE, FAILED, PRUNED, Tuning, search
from tests.unit.quick import SHORT, quick
from tests.unit.test_job import learnt, make_job, only_first_fold, with_other_test_lines

DNN = model_class(MODELS["dnn"])()
BOTH = Tuning(["learning_rate", "units"], trials=25)
#: The best options of the landscape below, which are not the defaults.
BEST_RATE, BEST_UNITS = 0.002, 300


def landscape(model):
    """Predictive abilities of three inner folds, the last the easiest, that fall off the best."""
    off = abs(math.log(model.learning_rate / BEST_RATE)) + abs(math.log(model.units / BEST_UNITS))
    yield from (0.5 + fold / 10 - 0.1 * off for fold in range(3))


def test_a_study_begins_with_the_models_own_options_and_finds_better_ones():
    study = search(DNN, BOTH, 0, landscape)
    assert len(study.trials) == 25
    first, best = study.trials[0], study.best
    assert first.options == {"learning_rate": DNN.learning_rate, "units": DNN.units}
    assert first.value == pytest.approx(np.mean(list(landscape(DNN))))
    assert best.value == max(trial.value for trial in study.trials if trial.state == COMPLETE)
    assert 0.6 > best.value > first.value + 0.2
    assert {type(best.options[name]) for name in ("learning_rate", "units")} == {float, int}


def test_what_is_behind_the_median_is_given_up():
    trials = search(DNN, BOTH, 0, landscape).trials
    assert all(trial.state == COMPLETE for trial in trials[:5])
    given_up = [trial for trial in trials if trial.state == PRUNED]
    assert given_up
    median = np.median([trial.abilities[0] for trial in trials if trial.state == COMPLETE])
    assert all(len(trial.abilities) == 1 for trial in given_up)
    assert np.mean([trial.abilities[0] for trial in given_up]) < median


def test_a_killed_study_ends_as_if_it_had_not_been(tmp_path):
    unbroken = search(DNN, BOTH, 3, landscape)
    checkpoint = Checkpoint(tmp_path / "study")
    calls = 0

    def killed(model):
        nonlocal calls
        for ability in landscape(model):
            calls += 1
            if calls in (11, 30):
                raise KeyboardInterrupt
            yield ability

    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            search(DNN, BOTH, 3, killed, checkpoint)
    assert search(DNN, BOTH, 3, killed, checkpoint) == unbroken
    assert search(DNN, BOTH, 4, landscape) != unbroken


def test_a_list_is_chosen_among_those_that_are_named():
    rkhs = model_class(MODELS["rkhs"])()

    def gaussian_is_best(model):
        yield float(list(model.kernels) == ["gaussian"])

    study = search(rkhs, Tuning(["kernels"], trials=12), 0, gaussian_is_best)
    assert study.best.options == {"kernels": ["gaussian"]}


def test_options_with_which_a_fit_fails_are_passed_over():
    def diverges(model):
        yield 0.5
        if model.learning_rate > 0.0001:
            raise UserError("training diverged")
        yield 0.5

    study = search(DNN, Tuning(["learning_rate"], trials=8), 0, diverges)
    assert {trial.state for trial in study.trials} == {COMPLETE, FAILED}
    assert study.best.options["learning_rate"] <= 0.0001
    with pytest.raises(UserError, match="training diverged"):
        search(replace(DNN, learning_rate=0.01), Tuning(["units"], trials=8), 0, diverges)


def test_a_prediction_that_is_constant_but_for_rounding_counts_as_zero():
    lines = Lines(np.zeros((5, 1), np.uint8), 2, pd.DataFrame(index=range(5)), np.arange(5.0))
    assert tuning._ability(lines, 0.3 + 1e-13 * np.eye(5)[0]) == 0
    assert tuning._ability(lines, np.arange(5.0)) == pytest.approx(1)


def test_time_is_a_budget_too():
    assert len(search(DNN, Tuning(["units"], minutes=1e-9), 0, landscape).trials) == 1
    both = Tuning(["units"], trials=3, minutes=60)
    assert len(search(DNN, both, 0, landscape).trials) == 3


def tuned_job(name="lightgbm", **changes):
    """A job with three trials a study; what makes the model quick stays as it is."""
    options = [option for option in model_class(MODELS[name]).search_space() if option not in SHORT]
    one = {"networks": 1} if name == "dnn" else {}
    return replace(make_job(quick(name, **one), **changes), tuning=Tuning(options, trials=3))


@pytest.mark.parametrize("name", ["lightgbm", "lenet"])
def test_the_test_lines_move_no_trial_and_nothing_fitted(name):
    job = only_first_fold(tuned_job(name))
    other = with_other_test_lines(job)
    before, after = job.run(threads=1), other.run(threads=1)
    assert before.studies["options"].nunique() == 3
    pd.testing.assert_frame_equal(before.studies, after.studies, check_exact=True)
    for first, second in zip(learnt(before), learnt(after), strict=True):
        pd.testing.assert_frame_equal(first, second, check_exact=True)
    blind = replace(job, lines=other.lines.assign(family=job.lines["family"])).run(threads=1)
    pd.testing.assert_frame_equal(before.predictions, blind.predictions, check_exact=True)


def test_an_inner_fold_of_one_class_counts_as_0():
    """Of a rare class an inner fold may hold no line."""
    job = only_first_fold(make_job(quick("rkhs")))
    train = job.plan[job.plan["role"] == "train"]
    rare = train.loc[train["inner_fold"] == 0, "sample"].iloc[:5]
    lines = job.lines.assign(value=job.lines["sample"].isin(rare).astype(float))
    job = replace(job, lines=lines, tuning=Tuning(["kernels"], trials=3))
    studies = job.run(threads=1).studies
    assert (studies["inner_folds"] == 2).all()
    assert np.isfinite(studies["value"]).all()


def mean_inner_correlation(job, predictions):
    """Mean over inner folds of the correlation of held-out predictions with the values."""
    inner = predictions[predictions["role"] == "inner"].drop(columns="inner_fold")
    rows = inner.merge(job.plan[job.plan["role"] == "train"], on=["repeat", "fold", "sample"])
    rows = rows.merge(job.lines[["sample", "value"]], on="sample")
    by_fold = rows.groupby("inner_fold")[["predicted", "value"]]
    return by_fold.apply(lambda fold: np.corrcoef(fold["predicted"], fold["value"])[0, 1]).mean()


@pytest.mark.parametrize("name", ["lightgbm", "dnn"])  # the latter's fits are computed as one
def test_a_trials_value_is_the_predictive_ability_of_an_untuned_job_with_its_options(name):
    job = only_first_fold(tuned_job(name))
    tuned = job.run(threads=1)
    for trial in tuned.studies.itertuples():
        model = replace(job.model, **json.loads(trial.options))
        plain = replace(job, model=model, tuning=None).run(threads=1)
        assert trial.value == pytest.approx(mean_inner_correlation(job, plain.predictions))
        if trial.value == tuned.studies["value"].max():
            pd.testing.assert_frame_equal(tuned.predictions, plain.predictions, check_exact=True)


def test_every_unit_has_its_study_and_processes_change_no_bit():
    job = tuned_job(folds=2)
    one, two = job.run(threads=1), job.run(threads=2)
    pd.testing.assert_frame_equal(one.studies, two.studies, check_exact=True)
    pd.testing.assert_frame_equal(one.predictions, two.predictions, check_exact=True)
    units = one.studies.groupby(["repeat", "fold", "permutation"], sort=False)["trial"].count()
    assert units.to_dict() == {
        unit: 3 for unit in [(0, 0, 0), (0, 1, 0), (-1, -1, 0), (0, 0, 1), (0, 1, 1)]
    }
    best = one.studies.groupby(["repeat", "fold", "permutation"])["value"].idxmax()
    assert one.studies.loc[best, "options"].nunique() > 1


def test_the_final_options_can_be_frozen():
    job = tuned_job(folds=2)
    tuned = job.run(threads=1)
    frozen = type(job.model)(**job.chosen(tuned.model))
    assert set(job.chosen(tuned.model)) == {"rounds", *job.tuning.options}
    plain = replace(job, model=frozen, tuning=None).run(threads=1)
    pair = (
        tables.predictions[tables.predictions["role"] == "candidate"] for tables in (tuned, plain)
    )
    first, second = (rows.reset_index(drop=True) for rows in pair)
    pd.testing.assert_frame_equal(first, second, check_exact=True)
    assert plain.studies.columns.equals(tuned.studies.columns)
    assert plain.studies.empty


def test_a_job_takes_its_studies_up_again(tmp_path, monkeypatch):
    job = tuned_job(folds=2)
    kept = Checkpoints(tmp_path / "job", "key")
    first = job.run(threads=1, checkpoints=kept)
    for path in (tmp_path / "job" / "key").iterdir():
        if not path.name.startswith("study"):
            path.unlink()  # as if killed before the first fit was done
    monkeypatch.setattr(tuning, "_try_next", None)
    again = job.run(threads=1, checkpoints=kept)
    pd.testing.assert_frame_equal(first.studies, again.studies, check_exact=True)
    pd.testing.assert_frame_equal(first.predictions, again.predictions, check_exact=True)


@pytest.mark.parametrize("tuned", [False, True])
@pytest.mark.parametrize("name", ["lightgbm", "dnn"])  # the latter's fits are computed as one
def test_a_job_cut_into_parts_is_gathered_as_it_is_whole(name, tuned, tmp_path, monkeypatch):
    job = tuned_job(name, folds=2)
    job = job if tuned else replace(job, tuning=None)
    whole = job.run(threads=1)
    kept = Checkpoints(tmp_path / "job", "key")
    for part in range(3):
        job.run_part(part, 3, threads=1, checkpoints=kept)
    monkeypatch.setattr(type(job.model), "fit_all", None)  # all was fitted before
    monkeypatch.setattr(tuning, "_try_next", None)
    gathered = job.run(threads=1, checkpoints=kept)
    pd.testing.assert_frame_equal(whole.studies, gathered.studies, check_exact=True)
    pd.testing.assert_frame_equal(whole.predictions, gathered.predictions, check_exact=True)


def ends(space):
    return space.values if isinstance(space, Choice) else (space.low, space.high)


@pytest.mark.parametrize("name", MODELS)
def test_defaults_lie_where_tuning_looks_and_limits_allow_all_of_it(name):
    model = model_class(MODELS[name])
    schema = options_schema(name)
    jsonschema.Draft202012Validator.check_schema(schema)
    assert all("search" not in properties for properties in schema["properties"].values())
    for option, space in model.search_space().items():
        default = getattr(model(), option)
        if isinstance(space, Choice):
            assert default in space.values
        else:
            assert space.low <= default <= space.high
        for value in ends(space):
            given = {option: list(value) if isinstance(value, tuple) else value}
            jsonschema.validate(given, schema)
            model(**given)


def documented(space):
    """Where an option is looked for, as the configuration's page writes it."""
    if isinstance(space, Choice):
        return ", ".join(f"`[{', '.join(map(str, values))}]`" for values in space.values)
    by_ratio = ", by ratio" if space.log else ""
    low, high = (np.format_float_positional(end, trim="-") for end in ends(space))
    return f"{low} to {high}{by_ratio}"


@pytest.mark.parametrize("name", MODELS)
def test_the_search_space_is_documented(name, repository: Path):
    page = (repository / "config" / "README.md").read_text(encoding="utf-8")
    rows = [line.split(" | ") for line in page.splitlines() if line.count(" | ") == 2]
    model = model_class(MODELS[name])
    for option, space in model.search_space().items():
        of = {f"`{name}`"} | ({"all networks"} if model.is_network else set())
        assert any(
            row[0] == f"| `{option}`"
            and of & set(row[1].split(", "))
            and row[2] == f"{documented(space)} |"
            for row in rows
        ), f"{name}: {option}: {documented(space)}"
