"""summary.json: what it says, and that workflow/schemas/summary.yaml describes all of it."""

import copy
import dataclasses
import json

import jsonschema
import numpy as np
import pytest
import yaml
from scipy import stats

from breedcast.report.summary import SCHEMA, summary
from tests.unit.small_report import HOSTILE, TRAIT


@pytest.fixture(scope="module")
def schema(repository):
    text = (repository / "workflow" / "schemas" / "summary.yaml").read_text(encoding="utf-8")
    return yaml.safe_load(text)


@pytest.fixture(scope="module")
def validator(schema):
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def told(report):
    """The summary as a program reads it; NaN would not be written."""
    return json.loads(json.dumps(summary(report), allow_nan=False))


def test_the_summary_is_as_its_schema_says(report, schema, validator):
    found = told(report[0])
    assert list(validator.iter_errors(found)) == []
    assert schema["properties"]["schema"]["const"] == SCHEMA == found["schema"]
    trait = found["traits"]["t"]
    assert trait["name"] == TRAIT
    assert {row["sample"] for row in trait["first_candidates"]} == set(HOSTILE)


def test_a_summary_with_another_key_or_without_one_is_not(report, validator):
    found = told(report[0])
    more, less = copy.deepcopy(found), copy.deepcopy(found)
    more["traits"]["t"]["colour"] = "green"
    del less["traits"]["t"]["models"]["gblup"]["kind"]
    for wrong in (more, less):
        assert len(list(validator.iter_errors(wrong))) == 1


def test_every_key_is_described(schema):
    def undescribed(part, where):
        for name, key in part.get("properties", {}).items():
            if "description" not in key:
                yield f"{where}/{name}"
        for name, inner in part.items():
            if isinstance(inner, dict):
                yield from undescribed(inner, f"{where}/{name}")

    assert list(undescribed(schema, "")) == []


def test_without_gblup_candidates_or_regions_it_still_fits(report, validator):
    collected, _ = report
    trait = collected.traits[0]
    bare = dataclasses.replace(
        trait,
        models=[model for model in trait.models if model.kind == "baseline"],
        candidates=trait.candidates.iloc[:0],
        regions=trait.regions.iloc[:0],
        association=trait.association.assign(p_value=np.nan, q_value=np.nan),
    )
    found = told(dataclasses.replace(collected, traits=[bare]))
    assert list(validator.iter_errors(found)) == []
    of_trait = found["traits"]["t"]
    assert of_trait["beside_gblup"] is of_trait["heritability"] is of_trait["limit"] is None
    assert of_trait["association"] == {
        "tested": 0, "inflation": None, "bonferroni": None, "false_discovery_rate": None
    }  # fmt: skip


def test_the_scores_are_in_it(report):
    collected, scores = report
    found = told(collected)
    models = found["traits"]["t"]["models"]
    for name, frame in scores.items():
        rmse = frame.loc[frame["metric"] == "rmse", "value"].mean()
        assert models[name]["metrics"]["rmse"]["mean"] == pytest.approx(rmse)
        assert models[name]["interval_coverage"] == collected.traits[0].coverage(
            next(model for model in collected.traits[0].models if model.name == name)
        )
    assert models["baseline"]["metrics"]["pearson"]["undefined"] == 3
    assert models["baseline"]["metrics"]["slope"]["mean"] is None
    best = max(scores, key=lambda it: models[it]["metrics"]["pearson"]["mean"])
    assert found["traits"]["t"]["best_model"] == best
    assert found["phenotypes"]["sha256"] != found["genotypes"]["imported"]["inputs"][0]["sha256"]


def test_its_figures_of_markers_are_those_of_the_tables(report):
    trait = report[0].traits[0]
    found = told(report[0])["traits"]["t"]
    tested = trait.association["p_value"].dropna()
    median = stats.chi2(1).ppf(1 - np.median(tested)) / stats.chi2(1).ppf(0.5)
    assert found["association"]["inflation"] == pytest.approx(median)
    assert found["association"]["bonferroni"] == pytest.approx(0.05 / len(tested))
    regions = found["regions"]
    assert regions["number"] == len(trait.regions)
    assert [row["id"] for row in regions["first"]] == trait.regions["id"].head(10).tolist()
    assert [row["method"] for row in regions["methods"]] == [
        *("Wald", "gblup", "deepgs", "deepgs:integrated_gradient")
    ]
    for row in regions["first"]:  # a model counts once, whatever its statistics
        assert len({method.partition(":")[0] for method in row["methods"]}) == row["named_by"]


def test_its_gblup_figures_are_those_of_the_fits(report):
    collected, _ = report
    trait = collected.traits[0]
    found = told(collected)["traits"]["t"]
    facts = trait.of_kind("gblup").facts
    real = (facts["permutation"] == 0) & (facts["repeat"] >= 0) & facts["inner_fold"].isna()
    heritability = facts.loc[real & (facts["fact"] == "heritability"), "value"]
    assert found["heritability"]["mean"] == pytest.approx(heritability.mean())
    assert found["heritability"]["highest"] == heritability.max()
    assert found["limit"] == pytest.approx(heritability.mean() ** 0.5)


def test_gblup_as_the_best_model_is_not_told_beside_itself(report):
    collected, _ = report
    trait = collected.traits[0]
    alone = dataclasses.replace(trait, models=[trait.of_kind("gblup")])
    found = told(dataclasses.replace(collected, traits=[alone]))["traits"]["t"]
    assert found["best_model"] == "gblup"
    assert found["beside_gblup"] is None


def test_the_best_model_is_told_beside_gblup(report):
    collected, scores = report
    trait = collected.traits[0]
    gblup, deepgs = trait.of_kind("gblup"), trait.of_kind("deepgs")
    worse = dataclasses.replace(gblup, summary=gblup.summary * 0)
    turned = dataclasses.replace(trait, models=[worse, deepgs])
    found = told(dataclasses.replace(collected, traits=[turned]))["traits"]["t"]
    assert found["best_model"] == "deepgs"
    mean = {
        name: frame.loc[frame["metric"] == "pearson", "value"].fillna(0).mean()
        for name, frame in scores.items()
    }
    difference = mean["deepgs"] - mean["gblup"]
    assert found["beside_gblup"]["difference"] == pytest.approx(difference)
