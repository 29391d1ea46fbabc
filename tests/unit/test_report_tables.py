"""The report's tables of groups, trials and tuning, beside the tables they are made from."""

import dataclasses
import json

import numpy as np
import pytest

from breedcast.report.groups import LEAST_LINES, accuracy_table
from breedcast.report.trials import trial_table
from breedcast.report.tuned import tuned_table


@pytest.fixture(scope="module")
def trait(report):
    return report[0].traits[0]


def test_accuracy_within_groups_is_counted_anew_from_the_predictions(report, trait):
    cluster = report[0].structure.set_index("sample")["cluster"]
    shown = {row[0].text: row for row in accuracy_table(trait).rows}
    tested = trait.best.test.assign(cluster=trait.best.test["sample"].map(cluster))
    large = {f"cluster {it}": rows for it, rows in tested.groupby("cluster")}
    large = {name: rows for name, rows in large.items() if len(rows) >= LEAST_LINES}
    assert set(shown) == set(large)
    for name, rows in large.items():
        row = shown[name]
        assert int(row[1].text) == len(rows)
        pairs = rows[["observed", "predicted"]]
        ability = (pairs - pairs.groupby(rows["fold"]).transform("mean")).corr().iloc[0, 1]
        assert float(row[2].text) == pytest.approx(ability, abs=0.0006)
        error = np.sqrt(np.mean((rows["observed"] - rows["predicted"]) ** 2))
        assert float(row[-1 if trait.best.kind == "gblup" else -2].text) == pytest.approx(
            error, abs=0.006
        )


def test_without_groups_no_table_is_shown(trait):
    alone = trait.group_scores.assign(group="1").drop_duplicates(["model", "repeat"])
    assert accuracy_table(dataclasses.replace(trait, group_scores=alone)) is None


def test_the_trials_are_told_by_environment_and_over_all(trait):
    told = trial_table(trait)
    assert [row[0].text for row in told.rows] == ["<i>north</i>", "south", "over all"]
    assert told.marked == {2}
    for row, known in zip(told.rows, trait.trials.to_dict("records"), strict=True):
        assert float(row[6].text) == pytest.approx(known["line_mean"], abs=0.006)
        assert 0.5 < known["line_mean"] < 1  # the lines were made to differ
    assert trial_table(dataclasses.replace(trait, trials=None)) is None


def test_tuned_options_are_those_of_the_best_trials(trait):
    model = next(it for it in trait.models if it.studies is not None)
    (row,) = tuned_table(trait).rows
    studies = model.studies[model.studies["permutation"] == 0]
    gained = []
    for (repeat, _), trials in studies.groupby(["repeat", "fold"]):
        best = trials.loc[trials["value"].idxmax()]
        if repeat < 0:
            chosen = json.loads(best["options"])["learning_rate"]
        else:
            gained.append(best["value"] - trials.loc[trials["trial"] == 0, "value"].item())
    assert [row[0].text, row[1].text] == ["deepgs", "learning_rate"]
    assert float(row[2].text) == pytest.approx(chosen, rel=0.006)
    assert row[4].text == "2"
    assert float(row[5].text) == pytest.approx(np.mean(gained), abs=0.0006)
    plain = [dataclasses.replace(it, studies=None) for it in trait.models]
    assert tuned_table(dataclasses.replace(trait, models=plain)) is None
