"""Missing calls filled: against scikit-learn, by a plain reference, and for leaks."""

from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.impute import KNNImputer, SimpleImputer

from breedcast.genotypes import impute
from breedcast.genotypes.encode import DosageMeans
from breedcast.genotypes.impute import IMPUTERS, NEIGHBOURS, Mode, Nearest
from breedcast.models.base import Fitted, Model, Prediction
from breedcast.models.job import TrainingJob
from breedcast.validation.plan import KFoldScheme, units
from tests.unit.quick import OF_LINES, quick


def related_codes(lines, markers, ploidy, missing, seed=0):
    """Lines that descend from six founders in stretches of 20 markers, with missing calls."""
    rng = np.random.default_rng(seed)
    founders = rng.binomial(ploidy, rng.uniform(0.1, 0.9, markers), (6, markers))
    origin = np.repeat(rng.integers(0, 6, (lines, -(-markers // 20))), 20, axis=1)[:, :markers]
    codes = founders[origin, np.arange(markers)].astype(np.uint8)
    codes[rng.random(codes.shape) < missing] = ploidy + 1
    return codes


def with_nan(codes, ploidy):
    return np.where(codes <= ploidy, codes, np.nan)


@pytest.mark.parametrize("ploidy", [1, 2, 4])
def test_means_and_modes_are_scikit_learns(ploidy):
    codes = related_codes(50, 40, ploidy, 0.3)
    training, new = np.arange(35), np.arange(35, 50)
    mean, mode = (
        SimpleImputer(strategy=strategy).fit(with_nan(codes[training], ploidy))
        for strategy in ("mean", "most_frequent")
    )
    means = DosageMeans.fit(codes[training], ploidy)
    np.testing.assert_allclose(
        means.centred(codes[new]) + means.mean, mean.transform(with_nan(codes[new], ploidy))
    )
    for rows in (training, new):
        filled = Mode.of(codes, ploidy).fill(rows, training)
        np.testing.assert_array_equal(filled, mode.transform(with_nan(codes[rows], ploidy)))


def test_of_equally_frequent_dosages_the_least_and_of_no_call_none():
    codes = np.array([[2, 3, 1], [0, 3, 1], [3, 2, 3]], np.uint8)
    filled = Mode.of(codes, 2).fill(np.arange(3), np.array([0, 1]))
    np.testing.assert_array_equal(filled, [[2, 3, 1], [0, 3, 1], [0, 2, 1]])


@pytest.mark.parametrize("ploidy", [2, 4])
def test_neighbours_are_scikit_learns_where_they_lack_no_call(ploidy):
    """KNNImputer takes lines that have the call: with no marker missing in two lines, the same.

    So many markers that no two lines are equally far from a third, where it may take either.
    """
    codes = related_codes(60, 1500, ploidy, 0.0)
    training, new = np.arange(45), np.arange(45, 60)
    codes[np.random.default_rng(1).integers(0, 60, 1500), np.arange(1500)] = ploidy + 1
    reference = KNNImputer(
        n_neighbors=NEIGHBOURS, weights=lambda distance: np.maximum(distance**2, 1) ** -2.0
    ).fit(with_nan(codes[training], ploidy))
    for rows in (training, new):
        expected = reference.transform(with_nan(codes[rows], ploidy))
        filled = Nearest.of(codes, ploidy).fill(rows, training)
        missing = codes[rows] > ploidy
        assert missing.any()
        assert (np.abs(filled - expected)[missing] <= 0.5 + 1e-9).all()
        np.testing.assert_array_equal(filled[~missing], codes[rows][~missing])


def slowly_filled(codes, ploidy, rows, training):
    """The definition written out: the unrounded means, NaN where nothing is known."""
    dosage = with_nan(codes, ploidy)
    filled = dosage[rows]
    for line, values in zip(rows, filled, strict=True):
        apart = []
        for other in training:
            squares = (dosage[line] - dosage[other]) ** 2
            squares = squares[~np.isnan(squares)]
            if other != line and len(squares):
                apart.append((squares.mean(), other))
        nearest = sorted(apart)[:NEIGHBOURS]
        for marker in np.flatnonzero(np.isnan(values)):
            told = [(max(d, 1 / len(values)) ** -2, dosage[other, marker]) for d, other in nearest]
            told = [(weight, call) for weight, call in told if not np.isnan(call)]
            if told:
                weight, call = np.array(told).T
                values[marker] = (weight * call).sum() / weight.sum()
    return filled


@given(
    codes=arrays(
        np.uint8, st.tuples(st.integers(2, 16), st.integers(1, 7)), elements=st.integers(0, 5)
    ),
    share=st.floats(0.1, 1),
)
def test_the_nearest_lines_fill_as_defined(codes, share):
    ploidy = 4
    training = np.arange(max(1, round(share * len(codes))))
    rows = np.arange(len(codes))
    filled = Nearest.of(codes, ploidy).fill(rows, training)
    expected = slowly_filled(codes, ploidy, rows, training)
    np.testing.assert_array_equal(filled > ploidy, np.isnan(expected))
    known = ~np.isnan(expected)
    assert (np.abs(filled - expected)[known] <= 0.5 + 1e-9).all()


def test_markers_taken_in_blocks_give_the_same_distances(monkeypatch):
    codes = related_codes(30, 100, 8, 0.2)
    whole = Nearest.of(codes, 8).distances
    monkeypatch.setattr(impute, "BLOCK", 7)
    np.testing.assert_array_equal(Nearest.of(codes, 8).distances, whole)


@pytest.mark.parametrize("name", IMPUTERS)
def test_a_line_is_filled_from_training_lines_other_than_itself(name):
    """New calls of lines that do not train move no other line's, nor a line's own call its own."""
    codes = related_codes(40, 60, 2, 0.3)
    training, new = np.arange(30), np.arange(30, 40)
    before = IMPUTERS[name].of(codes, 2)
    changed = codes.copy()
    changed[31:] = np.random.default_rng(3).integers(0, 4, changed[31:].shape)
    after = IMPUTERS[name].of(changed, 2)
    for rows in (training, new[:1]):
        np.testing.assert_array_equal(before.fill(rows, training), after.fill(rows, training))
    # with itself among its neighbours a line would be filled as alone against the others
    others = training[training != 5]
    np.testing.assert_array_equal(
        before.fill(np.array([5]), training), before.fill(np.array([5]), others)
    )


def test_hidden_calls_of_relatives_are_found():
    """Of lines in twelve families, each of copies of one line with one dosage in ten drawn anew."""
    rng = np.random.default_rng(2)
    frequency = rng.uniform(0.1, 0.9, 200)
    true = rng.binomial(4, frequency, (12, 200))[np.arange(120) % 12]
    true = np.where(rng.random(true.shape) < 0.1, rng.binomial(4, frequency, true.shape), true)
    hidden = rng.random(true.shape) < 0.2
    codes = np.where(hidden, 5, true).astype(np.uint8)
    found = {
        name: (imputer.of(codes, 4).fill(np.arange(120), np.arange(100)) == true)[hidden].mean()
        for name, imputer in IMPUTERS.items()
    }
    assert found["nearest"] > 0.8 > 0.6 > found["mode"]


def make_job(model, imputation):
    rng = np.random.default_rng(4)
    codes = related_codes(66, 90, 2, 0.15)
    value = 20 + np.where(codes[:, ::9] <= 2, codes[:, ::9], 1).sum(axis=1) + rng.normal(size=66)
    value[60:] = np.nan
    lines = pd.DataFrame(
        {"sample": [f"L{row}" for row in range(66)], "environment": None, "value": value}
    ).assign(weight=1.0)
    plan = KFoldScheme(folds=3, repeats=1, inner_folds=2, seed=0).make_plan(lines, "yield")
    return TrainingJob(model, "model", "yield", lines, codes, 2, plan, 0, 0, "cpu", imputation)


@pytest.mark.parametrize("imputation", IMPUTERS)
@pytest.mark.parametrize("name", OF_LINES)
def test_test_lines_and_candidates_move_nothing_that_is_fitted(name, imputation):
    job = make_job(quick(name), imputation)
    plan = job.plan[job.plan["fold"] == 0].reset_index(drop=True)
    tested = plan.loc[plan["role"] == "test", "sample"]
    others = ~job.lines["sample"].isin(plan["sample"])
    rows = job.lines.index[job.lines["sample"].isin(tested) | others]
    codes = job.codes.copy()
    codes[rows] = np.random.default_rng(5).integers(0, 4, (len(rows), 90))
    tables = [replace(job, plan=plan, codes=it).run(threads=1) for it in (job.codes, codes)]
    inner = [it.predictions.query("role == 'inner'") for it in tables]
    pd.testing.assert_frame_equal(*inner, check_exact=True)
    for table in ("saliency", "facts", "history"):
        pd.testing.assert_frame_equal(*(getattr(it, table) for it in tables), check_exact=True)


@pytest.mark.parametrize("imputation", IMPUTERS)
def test_test_lines_do_not_fill_each_other(imputation):
    job = make_job(quick("gblup"), imputation)
    plan = job.plan[job.plan["fold"] == 0].reset_index(drop=True)
    tested = plan.loc[plan["role"] == "test", "sample"]
    rows = job.lines.index[job.lines["sample"].isin(tested)]
    codes = job.codes.copy()
    codes[rows[1:]] = 3
    codes[rows[1:], :3] = job.codes[rows[0], :3]
    tables = [
        replace(job, plan=plan, codes=it).run(threads=1).predictions for it in (job.codes, codes)
    ]
    first, second = (it.query("role == 'test'").set_index("sample")["predicted"] for it in tables)
    name = job.lines["sample"][rows[0]]
    assert first[name] == second[name]
    assert (first != second).sum() == len(rows) - 1


#: Each way in which models are given markers, and whether it needs every call.
GIVEN = {
    "gblup": (quick("gblup"), True),
    "rkhs": (quick("rkhs"), True),
    "svr": (quick("svr"), True),
    "components": (quick("dnn", input="pca"), True),
    "dosages": (quick("dnn", input="dosage"), True),
    "one-hot": (quick("dnn", input="one_hot"), False),
    "nothing": (quick("baseline"), False),
}


@pytest.mark.parametrize(("model", "needs"), GIVEN.values(), ids=GIVEN)
def test_only_models_that_need_every_call_hang_on_how_they_are_filled(model, needs):
    job = make_job(model, "mean")
    job = replace(job, plan=job.plan[job.plan["fold"] == 0].reset_index(drop=True))
    mean, nearest = (
        replace(job, imputation=it).run(threads=1).predictions["predicted"]
        for it in ("mean", "nearest")
    )
    assert model.needs_all_calls == needs
    assert (mean != nearest).any() == needs


@dataclass(frozen=True)
class Witness(Model):
    """Keeps the codes that it is given: of each fit those trained on, then those predicted."""

    given: list = field(default_factory=list)

    def fit(self, lines, seed, device):
        self.given.append([lines.codes])
        return FittedWitness(self.given[-1])


@dataclass(frozen=True)
class FittedWitness(Fitted):
    given: list

    def predict(self, lines):
        self.given.append(lines.codes)
        return Prediction.point(np.arange(float(len(lines))))

    def weights(self):
        return {}


@pytest.mark.parametrize("imputation", IMPUTERS)
def test_each_fit_is_given_calls_filled_from_its_own_training_lines(imputation):
    witness = Witness()
    job = make_job(witness, imputation)
    job.run(threads=1)
    every = units(job.plan, job.lines, 0)
    tasks = [task for unit in every for task in job.chunking.tasks(unit)]
    assert len(witness.given) == len(tasks) == 4 * 3
    imputer = IMPUTERS[imputation].of(job.codes, 2)
    for task, seen in zip(tasks, witness.given, strict=True):
        for rows, codes in zip((task.train, task.inner, task.test), seen, strict=True):
            np.testing.assert_array_equal(codes, imputer.fill(rows, task.train))
            assert (codes <= 2).all()


def test_the_number_of_processes_changes_no_bit():
    job = make_job(quick("gblup"), "nearest")
    one, two = job.run(threads=1), job.run(threads=2)
    pd.testing.assert_frame_equal(one.predictions, two.predictions, check_exact=True)


def test_the_filling_dosages_are_among_the_weights():
    job = make_job(quick("gblup"), "mode")
    tables = job.run(threads=1)
    training = np.arange(60)
    expected = Mode.of(job.codes, 2).arrays(training)["mode"]
    np.testing.assert_array_equal(tables.weights["imputation.mode"], expected)
    assert job.made_with()["imputation"] == "mode"
    nearest = replace(job, imputation="nearest").run(threads=1)
    assert not any(name.startswith("imputation") for name in nearest.weights)
