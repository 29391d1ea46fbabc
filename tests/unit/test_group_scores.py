"""Accuracy within and between groups, and the control that deals values within families."""

from functools import partial

import numpy as np
import pandas as pd
import pytest

from breedcast.files import write_table
from breedcast.models.base import Lines
from breedcast.models.dlgwas import DLGWAS
from breedcast.models.gblup import GBLUP
from breedcast.models.job import TrainingJob
from breedcast.phenotypes.labels import families_of, labels_of, read_labels
from breedcast.phenotypes.table import PhenotypeTable
from breedcast.scoring.groups import group_scores, groups_of, within_and_between
from breedcast.scoring.scores import score, summarise
from breedcast.validation.control import permuted
from breedcast.validation.plan import KFoldScheme

FAMILIES, SIBS, MARKERS = 6, 20, 80


@pytest.fixture(scope="module")
def population():
    """Families apart in their genotypes and in a trait that sibs do not inherit differences of."""
    rng = np.random.default_rng(3)
    family = np.repeat([f"0{number}" for number in range(FAMILIES)], SIBS)
    frequency = rng.uniform(0.1, 0.9, (FAMILIES, MARKERS))
    codes = rng.binomial(2, np.repeat(frequency, SIBS, axis=0)).astype(np.uint8)
    value = np.repeat(rng.normal(0, 2, FAMILIES), SIBS) + rng.normal(0, 1, len(family))
    samples = [f"L{number}" for number in range(len(family))]
    lines = pd.DataFrame({"sample": samples, "environment": None, "value": value, "weight": 1.0})
    return lines, pd.Series(family, index=samples), codes


def test_within_families_is_what_dummy_variables_leave(population):
    lines, families, _ = population
    rng = np.random.default_rng(0)
    value = lines["value"].to_numpy()
    predicted = value + rng.normal(0, 2, len(value))
    family = families.to_numpy().copy()
    family[:7] = np.nan
    found = within_and_between(value, predicted, family)
    y, x, dummies = value[7:], predicted[7:], pd.get_dummies(family[7:]).to_numpy(float)
    left = [it - dummies @ np.linalg.lstsq(dummies, it, rcond=None)[0] for it in (y, x)]
    means = [np.linalg.lstsq(dummies, it, rcond=None)[0] for it in (y, x)]
    assert found["pearson_within_family"] == pytest.approx(np.corrcoef(*left)[0, 1])
    assert found["pearson_family_means"] == pytest.approx(np.corrcoef(*means)[0, 1])


def test_predicted_family_means_tell_nothing_within_families(population):
    lines, families, _ = population
    value = lines["value"].to_numpy()
    means = lines.groupby(families.to_numpy())["value"].transform("mean").to_numpy()
    found = within_and_between(value, means, families.to_numpy())
    assert np.isnan(found["pearson_within_family"])
    assert found["pearson_family_means"] == pytest.approx(1)


def test_what_too_few_lines_or_families_cannot_tell_is_absent():
    value, predicted = np.random.default_rng(0).normal(size=(2, 5))
    assert not within_and_between(value, predicted, np.array([*"aabb", np.nan], object))
    assert set(within_and_between(value, predicted, np.array(list("aaaab")))) == {
        "pearson_within_family"
    }
    assert set(within_and_between(value, predicted, np.array(list("abcde")))) == {
        "pearson_family_means"
    }


def test_the_published_network_predicts_between_families(shared_data):
    """Family means correlate 0.83, lines within families 0.07 (dlgwas_published/README.md)."""
    folder = shared_data / "dlgwas_published" / "soynam_fold6"
    table = pd.read_csv(folder / "4236_imp_test_6.txt.gz", sep="\t", header=None)
    families = pd.read_csv(shared_data / "soynam" / "families.tsv", sep="\t", dtype=str)
    codes, value = table.iloc[:, 2:].to_numpy(np.uint8), table[1].to_numpy()
    lines = Lines(codes, 2, pd.DataFrame(index=table.index), value)
    model = DLGWAS(pretrained=str(folder / "model6.h5"), epochs=0)
    predicted = model.fit(lines, 0, "cpu").predict(lines.blind()).mean
    family = table[0].map(families.set_index("sample")["family"]).to_numpy()
    found = within_and_between(value, predicted, family)
    assert found["pearson_family_means"] == pytest.approx(0.83, abs=0.01)
    assert found["pearson_within_family"] == pytest.approx(0.07, abs=0.01)


def test_values_are_permuted_within_families_alone(population):
    lines, families, _ = population
    lines = lines.assign(weight=np.arange(len(lines)))
    known = families.where(families != "02")  # of these lines none is told
    moved = permuted(lines, 1, "yield", -1, known)
    assert moved["sample"].tolist() == lines["sample"].tolist()
    family = known.fillna("none").to_numpy()
    for name in np.unique(family):
        before, after = (it.loc[family == name, "value"].tolist() for it in (lines, moved))
        assert before != after
        assert sorted(before) == sorted(after)
    by_value = lines.set_index("value")["weight"]
    assert moved["weight"].tolist() == by_value.loc[moved["value"]].tolist()
    other = permuted(lines, 1, "yield", -2, known)
    assert other["value"].tolist() != moved["value"].tolist()


def test_the_control_within_families_scores_what_family_means_bring(population):
    lines, families, codes = population
    plan = KFoldScheme(folds=4, repeats=1, inner_folds=2, seed=0).make_plan(lines, "yield")
    job = TrainingJob(
        *(GBLUP(), "gblup", "yield", lines, codes, 2, plan),
        permutations=2,
        seed=0,
        device="cpu",
        families=families,
    )
    tables = job.run(threads=1)
    assert set(tables.predictions["permutation"]) == {-2, -1, 0, 1, 2}
    dealt = partial(permuted, lines, 0, "yield", families=families)
    scores = score(tables.predictions, plan, dealt, "high", families=families)
    assert scores.loc[scores["metric"] == "family_control_pearson", "permutation"].max() == -1
    mean = summarise(scores).set_index("metric")["mean"]
    # sibs inherit no differences of this trait: all of the accuracy is the means'
    assert mean["pearson"] > 0.7
    assert mean["family_control_pearson"] == pytest.approx(mean["pearson"], abs=0.1)
    assert mean["pearson_family_means"] > 0.9
    assert abs(mean["control_pearson"]) < 0.3
    assert abs(mean["pearson_within_family"]) < 0.3


def test_every_group_is_scored_over_the_folds_of_a_repeat(population):
    lines, families, _ = population
    rng = np.random.default_rng(0)
    plan = KFoldScheme(folds=5, repeats=2, inner_folds=2, seed=0).make_plan(lines, "yield")
    tests = plan[plan["role"] == "test"]
    predictions = tests.assign(permutation=0, predicted=rng.normal(size=len(tests)))
    labels = pd.DataFrame({"sample": lines["sample"], "family": families.to_numpy()})
    labels["year"] = np.where(families == "01", 2001.0, np.nan)
    structure = lines[["sample"]].assign(cluster=np.where(np.arange(len(lines)) < 2, 2, 1))
    groups = groups_of(lines, structure, labels)
    found = group_scores({"gblup": predictions}, lines, groups)
    assert set(found["model"]) == {"gblup"}
    found = found.set_index(["repeat", "by", "group"])
    assert set(found.index.get_level_values("by")) == {"cluster", "family", "year"}
    for repeat, name in ((0, "01"), (1, "04")):
        rows = predictions[(predictions["repeat"] == repeat)].set_index("sample")["predicted"]
        sibs = lines[families.to_numpy() == name]
        fold = tests[tests["repeat"] == repeat].set_index("sample")["fold"][sibs["sample"]]
        pairs = pd.DataFrame({"v": sibs["value"].to_numpy(), "p": rows[sibs["sample"]].to_numpy()})
        left = pairs - pairs.groupby(fold.to_numpy()).transform("mean")
        expected = left.corr().loc["v", "p"]
        assert found.loc[(repeat, "family", name), "pearson"] == pytest.approx(expected)
    assert found.loc[(0, "year", "2001"), "lines"] == SIBS
    assert found.loc[(1, "cluster", "2"), "lines"] == 2
    assert np.isnan(found.loc[(1, "cluster", "2"), "pearson"])


def test_groups_are_scored_within_environments():
    """What sets the environments apart is no accuracy of a group that was in both."""
    rng = np.random.default_rng(0)
    lines = pd.DataFrame(
        {
            "sample": np.repeat([f"L{number}" for number in range(30)], 2),
            "environment": np.tile(np.array(["N", "S"], object), 30),
            "weight": 1.0,
        }
    )
    level = np.tile([0.0, 20.0], 30)
    lines["value"] = level + rng.normal(size=60)
    tests = lines[["sample", "environment"]].assign(
        repeat=0, fold=0, permutation=0, role="test", predicted=level + rng.normal(size=60)
    )
    groups = {"family": pd.Series("x", index=lines.index)}
    (found,) = group_scores({"gblup": tests}, lines, groups).to_dict("records")
    each = [
        np.corrcoef(lines["value"][place::2], tests["predicted"][place::2])[0, 1]
        for place in range(2)
    ]
    assert np.corrcoef(lines["value"], tests["predicted"])[0, 1] > 0.9
    assert found["pearson"] == pytest.approx(np.mean(each))
    assert found["lines"] == 60


def test_groups_by_chance_are_predicted_as_well_as_their_fold():
    """A fold of high values is predicted from a lower mean, which is no fault of the model."""
    rng = np.random.default_rng(0)
    lines = pd.DataFrame({"sample": [f"L{it}" for it in range(60)], "environment": np.nan})
    lines["environment"], lines["weight"] = lines["environment"].astype(object), 1.0
    groups = {"family": pd.Series(np.tile(["a", "b"], 30))}
    found = []
    for seed in range(20):
        lines["value"] = rng.normal(size=60)
        plan = KFoldScheme(5, 1, 2, seed).make_plan(lines, "yield")
        tests = plan[plan["role"] == "test"].reset_index(drop=True)
        value = tests["sample"].map(lines.set_index("sample")["value"])
        training = (lines["value"].sum() - value.groupby(tests["fold"]).transform("sum")) / 48
        # the training mean, and something that tells nothing
        predicted = training + 0.001 * rng.normal(size=len(tests))
        table = tests.assign(permutation=0, predicted=predicted)
        found += group_scores({"mean": table}, lines, groups)["pearson"].tolist()
    assert abs(np.mean(found)) < 3 * np.std(found) / np.sqrt(len(found))


def test_labels_keep_the_names_of_families(tmp_path):
    rows = [["001", "2019", "3"], ["NA", "NA", "4"]]
    table = PhenotypeTable("p.tsv", ["cross", "made", "yield"], ["A", "NA"], rows, [2, 3])
    columns = {"family": "cross", "year": "made"}
    lines = pd.DataFrame({"sample": ["NA", "A", "new"], "environment": None})
    write_table(labels_of(table, columns, lines), tmp_path / "labels.tsv")
    labels = read_labels(tmp_path / "labels.tsv")
    assert labels["sample"].tolist() == ["NA", "A", "new"]
    assert labels["family"].fillna("-").tolist() == ["-", "001", "-"]
    assert labels["year"].fillna(0).tolist() == [0, 2019, 0]
    assert families_of(labels)["A"] == "001"
    assert families_of(labels.drop(columns="family")) is None
