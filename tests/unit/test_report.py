"""The report, from a small results folder made by the functions that make a real one."""

import dataclasses
import json
import os
import re
from html.parser import HTMLParser
from io import StringIO

import numpy as np
import pandas as pd
import pytest

from breedcast.markers.association import inflation
from breedcast.report.accuracy import accuracy_table, comparison_table
from breedcast.report.advice import advice_table, findings, limit
from breedcast.report.candidates import candidate_table
from breedcast.report.data import import_table
from breedcast.report.doubts import ability_within_clusters, doubts
from breedcast.report.figures import observed_figure
from breedcast.report.markers import manhattan_figure, quantile_figure, saliency_figure
from breedcast.report.next_steps import next_steps
from breedcast.report.page import render
from breedcast.report.ranks import rank_figure, rank_table
from breedcast.report.several_traits import (
    between_environments,
    candidates_over_traits,
    correlation_table,
)
from breedcast.report.structure import structure_figure
from breedcast.report.uncertainty import band, group_table, interval_table
from breedcast.scoring.comparison import compare_models
from breedcast.scoring.scores import summarise
from breedcast.several_traits import BETWEEN_ENVIRONMENTS
from tests.unit.small_report import CANDIDATES, HOSTILE, LINES, TRAIT


class Page(HTMLParser):
    """The page's tables as lists of cell texts, its elements, and the charts' data."""

    def __init__(self, text):
        super().__init__()
        self.tables, self.elements, self.charts = [], [], []
        self._cell = self._chart = False
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        if tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append([])
        elif tag in ("td", "th"):
            self.tables[-1][-1].append("")
            self._cell = True
        elif tag == "small":
            self._cell = False
        elif tag == "script":
            self._chart = dict(attributes).get("type") == "application/json"

    def handle_endtag(self, tag):
        self._cell = self._cell and tag not in ("td", "th")
        self._chart = self._chart and tag != "script"

    def handle_data(self, data):
        if self._cell:
            self.tables[-1][-1][-1] += data
        if self._chart:
            self.charts.append(json.loads(data))


@pytest.fixture(scope="module")
def page(report):
    return render(report[0])


def test_the_accuracies_on_the_page_are_the_scores(report, page):
    _, scores = report
    table = next(rows for rows in Page(page).tables if "Rank correlation" in rows[0])
    shown = {row[0]: row for row in table[1:]}
    assert list(shown) == ["baseline", "gblup", "deepgs", "ensemble"]
    for model, frame in scores.items():
        for metric, heading in (("pearson", "Predictive ability"), ("control_pearson", "Control")):
            mean = frame.loc[frame["metric"] == metric, "value"].fillna(0).mean()
            cell = float(shown[model][table[0].index(heading)])
            assert cell == pytest.approx(mean, abs=0.0006)


def test_all_candidates_stand_in_the_table_the_best_models_order_first(report, page):
    trait = report[0].traits[0]
    table = next(rows for rows in Page(page).tables if rows[0][:2] == ["Line", "Model"])
    shown = pd.DataFrame(table[1:], columns=table[0])
    assert shown["Model"].iloc[0] == trait.best.name
    for model, rows in shown.groupby("Model"):
        ranked = trait.candidates[trait.candidates["model"] == model]
        assert rows["Line"].tolist() == ranked["sample"].tolist()
        for column, heading in (("predicted", "Predicted"), ("upper", "Upper 90 %")):
            assert rows[heading].astype(float).to_numpy() == pytest.approx(
                ranked[column].to_numpy(), abs=0.006
            )
    assert set(shown["Line"]) == set(HOSTILE)
    assert set(shown["Model"]) == {model.name for model in trait.models}


def test_of_many_candidates_half_the_rows_are_the_best_models(report):
    trait = report[0].traits[0]
    told = candidate_table(trait, 0.9, limit=12)
    models = [row[1].text for row in told.rows]
    assert models[:6] == [trait.best.name] * 6
    assert sorted(models[6:]) == sorted(2 * [m.name for m in trait.models if m is not trait.best])
    assert f"the best 6 of {CANDIDATES}" in told.caption
    assert "2 by each other model" in told.caption
    none = dataclasses.replace(trait, candidates=trait.candidates.iloc[:0])
    assert candidate_table(none, 0.9, limit=12) is None


def test_names_of_users_are_text_and_nothing_else(page):
    parsed = Page(page)
    tags = {tag for tag, _ in parsed.elements}
    assert "b" not in tags
    assert not any(tag.startswith("m") and tag[1:].isdigit() for tag in tags)
    scripts = [attributes for tag, attributes in parsed.elements if tag == "script"]
    assert len(parsed.charts) == len(scripts) - 4  # all but the library and our own three
    assert "alert('trait')" not in re.sub(r"&#39;", "", page)
    for chart in parsed.charts:  # a line without a value is in the figure of the structure alone
        text = json.dumps(chart, ensure_ascii=False)
        if "usefulness" not in text:  # which any line may be a parent of
            assert text.count("小麦 🌾") == ("coordinate_1" in text)
    assert "小麦 🌾" in page


def test_the_page_asks_nothing_of_the_network(page):
    for tag, attributes in Page(page).elements:
        for name in ("src", "href", "action", "data", "srcset"):
            target = attributes.get(name) or ""
            assert target.startswith("#") or not target, (tag, target)
    assert "@import" not in page.split("</style>")[0]
    assert len(page) < 5_000_000


def test_the_page_is_valid_html(page, tmp_path, command):
    """By the W3C's checker, whose program BREEDCAST_VNU names; it is silent where all is well."""
    if "BREEDCAST_VNU" not in os.environ and "CI" not in os.environ:
        pytest.skip("NO HTML CHECKER: BREEDCAST_VNU names no vnu.jar (npm: vnu-jar)")
    (tmp_path / "page.html").write_text(page, encoding="utf-8")
    checker = ["-jar", os.environ["BREEDCAST_VNU"], "--stdout", "--exit-zero-always"]
    assert command("java", *checker, tmp_path / "page.html") == ""


def test_every_figure_has_a_caption_and_a_text_for_those_who_do_not_see_it(page):
    elements = Page(page).elements
    figures = sum(tag == "figure" for tag, _ in elements)
    labels = [a["aria-label"] for tag, a in elements if a.get("class") == "chart"]
    assert figures == len(labels) == sum(tag == "figcaption" for tag, _ in elements)
    assert all(len(label) > 30 for label in labels)


def test_the_structure_is_drawn_with_all_lines_and_its_clusters_counted(report, page):
    collected, _ = report
    parsed = Page(page)
    chart = next(it for it in parsed.charts if "coordinate_1" in json.dumps(it))
    rows = pd.read_csv(
        StringIO(next(iter(chart["datasets"].values()))), keep_default_na=False, dtype={"line": str}
    )
    assert rows["line"].tolist() == collected.structure["sample"].tolist()
    assert set(rows.loc[rows["is"] == "candidate", "line"]) == set(HOSTILE)
    table = next(rows for rows in parsed.tables if rows[0][0] == "Cluster")
    sizes = collected.structure["cluster"].value_counts().sort_index()
    assert [(int(row[0]), int(row[1])) for row in table[1:]] == list(sizes.items())
    assert sum(int(row[2]) for row in table[1:]) == LINES


def test_the_page_tells_of_a_traits_values(report, page):
    values = report[0].traits[0].phenotypes["value"].dropna()
    told = re.search(r"mean (\S+), standard deviation (\S+), from (\S+) to (\S+)\.<", page)
    expected = [values.mean(), values.std(), values.min(), values.max()]
    assert [float(it) for it in told.groups()] == pytest.approx(expected, abs=0.05)
    assert " object at 0x" not in page  # what Python says of a thing is no text


def test_many_lines_are_drawn_in_part_and_the_caption_says_so(report):
    collected, _ = report
    figure = structure_figure(collected, limit=20)
    assert len(next(iter(figure.spec["datasets"].values())).splitlines()) == 1 + 20
    assert f"A random 20 of {LINES + CANDIDATES} genotyped lines" in figure.caption


def test_what_one_fold_says_is_not_said_to_be_tested(report):
    collected, scores = report
    trait = collected.traits[0]
    one_fold = {name: table[table["fold"] == 0] for name, table in scores.items()}
    comparison = compare_models(one_fold, trait.plan)
    assert comparison["p_holm"].isna().all()
    untested = dataclasses.replace(trait, comparison=comparison)
    told = comparison_table(untested, "pearson", random_folds=False)
    assert "each counted once whatever its size" in told.caption
    assert {row[-1].text for row in told.rows} == {"not testable"}
    assert "more than chance" not in str(findings(untested))


def test_what_the_intervals_held_is_counted_anew(report, page):
    """From predictions and values, without the table."""
    collected, _ = report
    trait = collected.traits[0]
    shown = {row[0].text: row for row in interval_table(trait, 0.9).rows}
    for model in trait.models:
        held = model.test["observed"].between(model.test["lower"], model.test["upper"])
        assert trait.coverage(model) == pytest.approx(held.mean())
        assert shown[model.name][1].text == f"{100 * trait.coverage(model):.3g} %"
    assert "How many values the intervals held" in page
    assert "1 - 2 alpha" in page


def test_the_binomial_band_holds_its_share():
    held = np.random.default_rng(0).binomial(60, 0.9, 20_000) / 60
    low, high = band(60, 0.9)
    assert np.mean((held >= low) & (held <= high)) >= 0.95
    assert np.mean((held > low) & (held < high)) < 0.95


def test_models_are_ranked_where_there_are_several_traits(report):
    collected, _ = report
    assert rank_figure(collected) is None
    assert rank_table(collected) is None
    first = collected.traits[0]
    turned = [dataclasses.replace(model, summary=model.summary * -1.0) for model in first.models]
    second = dataclasses.replace(first, id="u", name="<i>u</i>", models=turned)
    several = dataclasses.replace(collected, traits=[first, second, second])
    table = {row[0].text: [cell.text for cell in row[1:]] for row in rank_table(several).rows}
    for mean, *single in table.values():  # the order of the other traits is the reverse
        ranks = [float(rank) for rank in single]
        assert ranks[0] + ranks[1] == 5
        assert ranks[1] == ranks[2]
        assert float(mean) == pytest.approx(np.mean(ranks), abs=0.005)
    assert float(table[first.best.name][1]) <= 1.5
    figure = rank_figure(several)
    assert "Critical difference 2.71" in figure.caption  # 2.569 sqrt(4 x 5 / 18)
    page = Page(render(several))
    assert len(page.charts) == len([it for it in page.elements if it[0] == "figure"])


def test_candidates_are_ranked_over_the_traits_that_are_predicted(report):
    collected, _ = report
    assert candidates_over_traits(collected) is None
    first = collected.traits[0]
    models = [replaced_mean(model, 0.9, control_pearson=0.0) for model in first.models]
    first = dataclasses.replace(first, models=models)
    own = first.candidates["model"] == first.best.name
    turned = first.candidates.assign(rank=CANDIDATES + 1 - first.candidates["rank"])
    turned = turned[~own | (turned["sample"] != "007")]  # measured for the second trait
    second = dataclasses.replace(first, id="u", name="<i>u</i>", candidates=turned)
    weak = [replaced_mean(model, -0.1) for model in first.models]
    third = dataclasses.replace(first, id="w", name="weak", models=weak)
    several = dataclasses.replace(collected, traits=[first, second, third])
    table = candidates_over_traits(several)
    assert table.headings[2:] == [f"Rank, {TRAIT}", "Rank, <i>u</i>"]
    rows = [[cell.text for cell in row] for row in table.rows]
    assert len(rows) == CANDIDATES - 1
    assert "007" not in [row[0] for row in rows]
    shares = [float(row[1]) for row in rows]
    assert shares == sorted(shares)
    for row, share in zip(rows, shares, strict=True):
        one, two = int(row[2]) / CANDIDATES, int(row[3]) / (CANDIDATES - 1)
        assert share == pytest.approx(100 * (one + two) / 2, abs=0.051)
    Page(render(several))


@pytest.mark.parametrize("pair", ["N, S", "with irrigation, without"])
def test_genetic_correlations_of_environments_are_told(report, pair):
    gblup = report[0].traits[0].of_kind("gblup")
    assert between_environments(gblup) is None
    told = gblup.facts.head(1).assign(
        repeat=0, permutation=0, inner_fold=np.nan, fact=BETWEEN_ENVIRONMENTS + pair, value=0.4
    )
    model = dataclasses.replace(gblup, facts=pd.concat([gblup.facts, told]))
    (row,) = between_environments(model).rows
    assert [cell.text for cell in row] == [pair, "0.40 (0.40 to 0.40)"]
    assert correlation_table(model, "yield") is None


def test_only_a_trait_that_is_scored_by_auc_shows_it(report):
    trait = report[0].traits[0]
    assert "AUC" not in accuracy_table(trait).headings
    auc = pd.DataFrame({"repeat": 0, "fold": [0, 1, 2], "permutation": 0, "metric": "auc"})
    models = []
    for model in trait.models:
        scores = pd.concat([model.scores, auc.assign(value=0.7)], ignore_index=True)
        summary_of = summarise(scores).set_index("metric")
        models.append(dataclasses.replace(model, scores=scores, summary=summary_of))
    assert "AUC" in accuracy_table(dataclasses.replace(trait, models=models)).headings


def test_groups_of_lines_are_counted_once_whatever_the_repeats(report):
    trait = report[0].traits[0]
    again = trait.intervals.assign(repeat=1)
    twice = dataclasses.replace(trait, intervals=pd.concat([trait.intervals, again]))
    for told in (group_table(trait, 0.9), group_table(twice, 0.9)):
        sizes = {row[0].text: int(row[1].text) for row in told.rows}
        cluster = report[0].structure.set_index("sample")["cluster"]
        measured = trait.phenotypes.loc[trait.phenotypes["value"].notna(), "sample"]
        counts = cluster[measured].value_counts()
        assert sizes == {f"cluster {number}": n for number, n in counts.items() if n >= 10}
        assert list(sizes) == sorted(sizes)


def test_the_regions_on_the_page_are_those_of_the_table(report):
    trait = report[0].traits[0]
    page = Page(render(report[0]))
    shown = next(table for table in page.tables if table[0][-1] == "Nearest gene")[1:]
    assert len(shown) == len(trait.regions) > 0
    for cells, region in zip(shown, trait.regions.itertuples(), strict=True):
        assert cells[0] == region.contig
        assert cells[5] == region.id
        named = cells[3].split(", ")
        assert len(named) == len(set(named)) == region.named_by
        assert set(named) == {method.partition(":")[0] for method in region.methods.split(",")}
        assert cells[11] == ("<gene>" if region.contig == "1" else "NA")
    methods = next(table for table in page.tables if "Markers named" in table[0])[1:]
    assert [row[0] for row in methods] == [
        *("Wald", "gblup", "deepgs", "deepgs:integrated_gradient")
    ]
    assert [row[3] for row in methods] == ["NA", "0.50", "0.50", "0.50"]


def test_inflation_and_thresholds_are_told(report):
    trait = report[0].traits[0]
    told = quantile_figure(trait, 1000).caption
    assert f": {inflation(trait.association['p_value'].to_numpy()):.2f}. " in told
    assert "other contigs" in manhattan_figure(trait, True, 1000).caption
    assert "other contigs" not in manhattan_figure(trait, False, 1000).caption
    assert "somewhere with probability 0.5; more" in saliency_figure(trait, 1000).caption
    lone = dataclasses.replace(trait, region_methods=trait.region_methods.assign(chance=np.nan))
    assert "There is no threshold" in saliency_figure(lone, 1000).caption


def test_the_advice_names_model_accuracy_limit_and_first_candidates(report):
    trait = report[0].traits[0]
    assert ("covariate effects taken out" in advice_table([trait]).caption) == bool(
        trait.covariates
    )
    (row,) = ([cell.text for cell in cells] for cells in advice_table([trait]).rows)
    gblup = trait.of_kind("gblup")
    heritability = gblup.facts[
        (gblup.facts["fact"] == "heritability")
        & (gblup.facts["permutation"] == 0)
        & (gblup.facts["repeat"] >= 0)
        & gblup.facts["inner_fold"].isna()
    ]["value"]
    assert limit(trait) == pytest.approx(heritability.mean() ** 0.5)
    first = trait.candidates[trait.candidates["model"] == trait.best.name]["sample"].head(3)
    assert row == [
        TRAIT,
        trait.best.name,
        f"{trait.best.mean('pearson'):.2f}",
        f"{gblup.mean('pearson'):.2f}",
        f"{trait.best.mean('control_pearson'):.2f}".replace("-0.00", "0.00"),
        f"{heritability.mean() ** 0.5:.2f}",
        ", ".join(first),
    ]
    said = dict(findings(trait))
    assert said["Use"].startswith(trait.best.name)
    assert all(name in said["Select"] for name in first)
    alone = dataclasses.replace(trait, models=[trait.best])
    assert "the only model" in dict(findings(alone))["Use"]


@pytest.fixture
def unpredicted(report):
    """The trait, its best model's correlations as far below 0 as above, and so its control's."""
    trait = report[0].traits[0]
    return dataclasses.replace(trait, models=[rescored(trait.best, [-0.45, 0.4, -0.07])])


def rescored(model, correlations):
    """The model with other correlations, and those of its control, in its three folds."""
    of = model.scores["metric"].isin(["pearson", "control_pearson"])
    scores = model.scores.copy()
    scores.loc[of, "value"] = scores.loc[of, "fold"].map(dict(enumerate(correlations)))
    return dataclasses.replace(model, scores=scores, summary=summarise(scores).set_index("metric"))


def test_a_model_that_is_not_above_chance_is_not_to_be_selected_by(unpredicted):
    name = unpredicted.best.name
    (doubt,) = (it for it in doubts(unpredicted, 0.9) if "do not show" in it)
    # twice a standard error of sd sqrt(1 / folds + test / train)
    error = np.std([-0.45, 0.4, -0.07], ddof=1) * np.sqrt(1 / 3 + 1 / 2)
    assert doubt == (
        f"These data do not show that {name} predicts {TRAIT}: the predictive ability -0.04 "
        f"(standard error {error:.2f}) is not above 0 and that on dealt values (-0.04) by more "
        "than twice its standard error; do not select by it."
    )
    said = dict(findings(unpredicted))
    assert said["Use"].startswith(f"no model yet: {name}")
    assert said["Select"].startswith("there is nothing to select by yet. More lines")
    assert advice_table([unpredicted]).rows[0][-1].text == "none yet"


def test_nothing_is_said_of_the_order_where_nothing_is_predicted(unpredicted):
    summary = unpredicted.best.summary.copy()
    summary.loc["slope", "mean"] = 0.2
    flat = dataclasses.replace(unpredicted.best, summary=summary)
    far = unpredicted.candidates.assign(extrapolated=True)
    said = doubts(dataclasses.replace(unpredicted, models=[flat], candidates=far), 0.9)
    assert not any("their order" in doubt or "of the first ten" in doubt for doubt in said)


@pytest.mark.parametrize(
    ("correlations", "control", "shown"),
    [([0.5, 0.6, 0.55], 0.0, True), ([0.5, 0.6, 0.55], 0.5, False), ([0.1, 0.6, 0.3], 0.0, False)],
)
def test_what_is_predicted_is_above_its_control_by_twice_its_error(
    report, correlations, control, shown
):
    trait = report[0].traits[0]
    model = rescored(trait.best, correlations)
    model.summary.loc["control_pearson", "mean"] = control
    told = dataclasses.replace(trait, models=[model])
    assert told.is_predicted == shown
    assert any("do not show" in doubt for doubt in doubts(told, 0.9)) != shown


def test_none_of_candidates_predicted_alike_comes_first(report):
    trait = report[0].traits[0]
    tied = dataclasses.replace(trait, candidates=trait.candidates.assign(predicted=3.0))
    assert (
        f"{CANDIDATES} of {CANDIDATES} candidates are predicted alike (3.00, the highest)"
        in (dict(findings(tied))["Select"])
    )
    assert advice_table([tied]).rows[0][-1].text == "none yet"
    baseline = [model for model in trait.models if model.kind == "baseline"]
    told = dict(findings(dataclasses.replace(tied, models=baseline)))
    assert told["Select"].startswith(
        f"all {CANDIDATES} candidates are predicted alike; there is nothing to select by yet"
    )
    said = doubts(dataclasses.replace(tied, models=baseline), 0.9)
    assert any(f"that any model predicts {TRAIT}" in doubt for doubt in said)


@pytest.mark.parametrize(
    ("ratio", "told"),
    [
        (0.9, "10 % smaller than"),
        (0.999, "as large as"),
        (1.001, "as large as"),
        (1.1, "10 % larger than"),
    ],
)
def test_the_error_beside_the_baselines_is_told_in_whole_percent(report, ratio, told):
    trait = report[0].traits[0]
    baseline, best = trait.of_kind("baseline"), replaced_mean(trait.best, 0.9)
    best.summary.loc["rmse", "mean"] = ratio * baseline.mean("rmse")
    said = dict(findings(dataclasses.replace(trait, models=[baseline, best])))
    assert said["Beside no genotypes"].startswith(f"its error (RMSE) is {told} that of baseline")


def test_no_share_of_the_limit_is_told_where_none_is_reached(report):
    trait = report[0].traits[0]
    for pearson, reached in ((-0.1, False), (0.0, False), (0.1, True)):
        gblup = replaced_mean(trait.of_kind("gblup"), pearson)
        said = dict(findings(dataclasses.replace(trait, models=[gblup])))
        assert ("the prediction reaches" in said["Beside the limit"]) == reached


def test_clean_genotypes_have_no_table_of_what_else_was_there(report, page):
    collected, _ = report
    assert not collected.genotypes["imported"]["counts"]
    assert import_table(collected) is None
    assert "besides plain calls" not in page
    read = collected.genotypes["imported"] | {"counts": {"missing_calls": 1}}
    gaps = dataclasses.replace(collected, genotypes={**collected.genotypes, "imported": read})
    assert [row[0].text for row in import_table(gaps).rows] == ["Missing calls"]


def test_accuracy_that_only_tells_clusters_apart_is_doubted(report):
    """Predictions that are the cluster's mean and noise correlate with values, not within."""
    trait, rng = report[0].traits[0], np.random.default_rng(1)
    overall = replaced_mean(trait.best, 0.95)
    scores = pd.DataFrame({"group": list("1234"), "lines": [40, 30, 20, 5]})
    scores["pearson"] = [*rng.normal(0, 0.1, 3), 0.9]
    scores = scores.assign(model=trait.best.name, repeat=0, by="cluster", rmse=1.0)
    told = dataclasses.replace(trait, models=[overall], group_scores=scores)
    expected = np.average(scores["pearson"][:3], weights=scores["lines"][:3])
    assert ability_within_clusters(told) == pytest.approx(expected)
    assert any("Within clusters" in doubt for doubt in doubts(told, 0.9))
    one = dataclasses.replace(told, group_scores=scores[scores["group"] == "1"])
    assert np.isnan(ability_within_clusters(one))
    assert not any("Within clusters" in doubt for doubt in doubts(one, 0.9))


def replaced_mean(model, pearson, **others):
    """The model with another predictive ability, and other means of further metrics."""
    summary = model.summary.copy()
    for metric, value in {"pearson": pearson, **others}.items():
        summary.loc[metric, ["mean", "undefined"]] = value, 0
    return dataclasses.replace(model, summary=summary)


def test_where_there_are_covariates_models_are_judged_beyond_them(report):
    """What covariates bring to the control is no leak, and what they bring to a model no merit."""
    trait = report[0].traits[0]
    names = {"baseline": 0.95, "gblup": 0.93}
    models = [
        replaced_mean(
            model,
            names[model.name],
            control_pearson=0.92,
            partial_pearson=0.5 * (model.name == "gblup"),
            control_partial_pearson=0.01,
        )
        for model in trait.models
        if model.name in names
    ]
    farms = trait.phenotypes.assign(farm="N")
    told = dataclasses.replace(trait, models=models, phenotypes=farms)
    assert told.best.name == "gblup"
    assert told.is_predicted
    assert not any("look for a leak" in doubt for doubt in doubts(told, 0.9))
    said = dict(findings(told))
    assert "effects of farm aside, by 0.50" in said["How good"]
    assert "0.01" in said["Beside chance"]
    assert dataclasses.replace(trait, models=models).best.name == "baseline"


def test_one_fold_tells_as_much_as_the_lines_tested_in_it(report):
    trait = report[0].traits[0]
    for ability, is_predicted in ((0.1, False), (0.6, True)):
        model = replaced_mean(trait.best, ability, control_pearson=0.0)
        alone = dataclasses.replace(model, summary=model.summary.assign(sd=np.nan))
        told = dataclasses.replace(trait, models=[alone])
        assert np.isnan(told.standard_error(alone, "pearson"))
        assert told.is_predicted == is_predicted


def test_a_network_that_adds_nothing_is_told(report):
    trait = report[0].traits[0]
    network = replaced_mean(next(it for it in trait.models if it.is_network), 0.9)
    shares = network.facts.assign(fact="network_share", value=0.004)
    models = [dataclasses.replace(network, facts=shares), trait.of_kind("gblup")]
    said = dict(findings(dataclasses.replace(trait, models=models)))
    assert "adds 0.4 % to a mixed model of kernels" in said["Use"]


def test_candidates_unlike_any_measured_line_are_doubted(report):
    trait = report[0].traits[0]
    for share, doubted in ((0, False), (1, True)):
        told = trait.candidates.assign(
            extrapolated=trait.candidates["sample"].isin(HOSTILE[:share])
        )
        said = doubts(dataclasses.replace(trait, candidates=told), 0.9)
        assert any("extrapolate" in doubt for doubt in said) == doubted


@pytest.mark.parametrize(("control", "doubted"), [(0.4, True), (-0.4, False), (0.05, False)])
def test_controls_are_doubted_in_one_line_where_they_lie_above_zero(report, control, doubted):
    trait = report[0].traits[0]
    models = []
    for model in trait.models:
        is_control = model.scores["metric"] == "control_pearson"
        steps = 0.001 * np.arange(len(model.scores))
        value = model.scores["value"].where(~is_control, control + steps)
        scores = model.scores.assign(value=value)
        summary = summarise(scores).set_index("metric")
        models.append(dataclasses.replace(model, scores=scores, summary=summary))
    said = doubts(dataclasses.replace(trait, models=models), 0.9)
    told = [doubt for doubt in said if "look for a leak" in doubt]
    assert len(told) == doubted
    assert all(f"{model.name} 0.4" in doubt for doubt in told for model in models)


def test_intervals_that_held_too_few_are_doubted(report):
    trait = report[0].traits[0]
    short = dataclasses.replace(trait, intervals=trait.intervals.assign(coverage=0.6))
    assert any("held 60.0 %" in doubt for doubt in doubts(short, 0.9))
    held = dataclasses.replace(trait, intervals=trait.intervals.assign(coverage=0.9))
    assert not any("held" in doubt for doubt in doubts(held, 0.9))


@pytest.mark.parametrize(("scheme", "doubted"), [("cv2", True), ("cv0", True), ("cv1", False)])
def test_an_accuracy_of_known_lines_is_not_that_of_the_candidates(report, scheme, doubted):
    trait = report[0].traits[0]
    told = dataclasses.replace(trait, intervals=trait.intervals.assign(scheme=scheme))
    said = doubts(told, 0.9)
    assert any("scheme cv1 measures it" in doubt for doubt in said) == doubted
    none = dataclasses.replace(told, candidates=trait.candidates.head(0))
    assert not any("cv1" in doubt for doubt in doubts(none, 0.9))


def test_the_intervals_drawn_are_those_that_were_tried(report):
    trait = report[0].traits[0]
    figure = observed_figure(trait, 0.9, 100_000)
    points = pd.read_csv(StringIO(next(iter(figure.spec["datasets"].values()))))
    held = points.groupby("model")["is"].agg(lambda it: (it == "in").mean())
    width = (points["upper"] - points["lower"]).groupby(points["model"]).mean()
    for model in trait.models:
        assert held[model.name] == pytest.approx(trait.coverage(model))
        tried = trait.intervals.query("model == @model.name and by == 'fold'")
        mean = np.average(tried["width"], weights=tried["lines"])
        assert width[model.name] == pytest.approx(mean, abs=0.01)


def test_what_the_config_asked_for_follows_the_candidates(report):
    trait = report[0].traits[0]
    steps = next_steps(trait, 50)
    assert [step.figure.id for step in steps] == ["crosses-t", "frontier-t", "learning-t"]
    cross, shares, more = (step.table for step in steps)
    crosses, contributions = trait.selection["crosses"], trait.selection["contributions"]
    assert len(cross.rows) == 100 < len(crosses)
    assert [cell.text for cell in cross.rows[0]][:2] == crosses.iloc[0, :2].tolist()
    assert "the 50 most useful" in steps[0].figure.caption
    told = [float(row[2].text) for row in shares.rows]
    assert np.allclose(told, 100 * contributions["contribution"], atol=0.051)
    assert [row[0].text for row in more.rows] == trait.selection["phenotype_next"][
        "sample"
    ].tolist()
    only = {"response": trait.selection["response"]}
    assert next_steps(dataclasses.replace(trait, selection=only), 50) == []
    none = trait.selection["phenotype_next"].iloc[:0]
    full = dataclasses.replace(trait, selection={**trait.selection, "phenotype_next": none})
    assert next_steps(full, 50)[2].table is None


def test_values_far_from_all_others_are_doubted(report):
    trait = report[0].traits[0]
    assert not any("interquartile" in doubt for doubt in doubts(trait, 0.9))
    wrong = trait.phenotypes.copy()
    wrong.loc[[0, 1, 3, 4], "value"] = -999.0
    said = doubts(dataclasses.replace(trait, phenotypes=wrong), 0.9)
    (told,) = [doubt for doubt in said if "interquartile" in doubt]
    assert told.startswith("4 of ")
    assert f"({wrong['sample'][0]} -999" in told
