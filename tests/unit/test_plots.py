"""From a table of plots to values of lines: over environments, and what a table may look like."""

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import minimize

from breedcast.config import check_config
from breedcast.errors import UserError
from breedcast.phenotypes.adjust import adjust_plots, means_over_environments
from breedcast.phenotypes.clean import clean_phenotypes
from breedcast.phenotypes.design import checks, design_columns, environments
from breedcast.phenotypes.environments import (
    MeansByEnvironment,
    heritability_over_environments,
    over_environments,
)
from breedcast.phenotypes.line_values import line_table
from breedcast.phenotypes.table import read_phenotypes
from resources.plots import make_plots as maker


def simulated(seed=0, lines=60, trials=4, share=0.7) -> tuple[MeansByEnvironment, np.ndarray]:
    """Means of lines in some of the trials, with errors of known and very different size."""
    rng = np.random.default_rng(seed)
    line, environment = np.nonzero(rng.random((lines, trials)) < share)
    grown, line = np.unique(line, return_inverse=True)
    truth = rng.normal(size=len(grown))
    variance = rng.choice([0.05, 2.0], len(line))
    value = truth[line] + 10 * environment + rng.normal(0, np.sqrt(0.2 + variance))
    names = [f"E{n}" for n in range(trials)]
    check = np.arange(len(grown)) < 2
    means = MeansByEnvironment(line, len(grown), environment, names, value, 1 / variance, check)
    return means, truth


def dense_deviance(y, X, V) -> float:
    XVX = X.T @ np.linalg.solve(V, X)
    left = y - X @ np.linalg.solve(XVX, X.T @ np.linalg.solve(V, y))
    logdets = np.linalg.slogdet(V)[1] + np.linalg.slogdet(XVX)[1]
    return logdets + left @ np.linalg.solve(V, left)


def test_values_over_environments_are_those_of_generalised_least_squares():
    means, _ = simulated()
    in_line = np.eye(means.lines)[means.line]
    in_environment = np.eye(len(means.names))[means.environment]
    X = np.column_stack([in_line, in_environment[:, 1:] - in_environment[:, :1]])  # sum to zero
    y = means.value

    def covariance(interaction):
        return np.diag(interaction + 1 / means.weight)

    best = minimize(
        lambda log: dense_deviance(y, X, covariance(np.exp(log[0]))), [-1.0], method="Nelder-Mead"
    )
    V = covariance(np.exp(best.x[0]))
    of_estimates = np.linalg.inv(X.T @ np.linalg.solve(V, X))
    estimate = (of_estimates @ X.T @ np.linalg.solve(V, y))[: means.lines]
    found = over_environments(means)
    np.testing.assert_allclose(found.value, estimate, rtol=1e-4)
    from_first = np.column_stack([in_line, in_environment[:, 1:]])
    of_estimates = np.linalg.inv(from_first.T @ np.linalg.solve(V, from_first))[: means.lines]
    of_estimates = of_estimates[:, : means.lines]
    np.testing.assert_allclose(found.standard_error**2, np.diag(of_estimates), rtol=1e-2)
    np.testing.assert_allclose(found.weight, np.diag(np.linalg.inv(of_estimates)), rtol=1e-2)


def test_weighted_means_are_nearer_the_truth_than_plain_ones():
    means, truth = simulated(lines=300, trials=3)
    value = over_environments(means).value
    plain = pd.Series(means.value - 10 * means.environment).groupby(means.line).mean()
    wrong = [np.var(it - truth) for it in (value, plain)]
    assert wrong[0] < 0.75 * wrong[1]


def test_variances_over_environments_maximise_the_restricted_likelihood():
    means, _ = simulated(3)
    incidence = np.eye(means.lines)[means.line]
    X = np.column_stack([np.eye(len(means.names))[means.environment], incidence[:, means.check]])
    Z = incidence[:, ~means.check]

    def deviance(genetic, interaction):
        V = genetic * Z @ Z.T + np.diag(interaction + 1 / means.weight)
        return dense_deviance(means.value, X, V)

    variances = heritability_over_environments(means).variances
    found = np.array([variances["line"], variances["interaction"]])
    for step in 0.01 * np.diag(found):
        before, after = deviance(*found - step), deviance(*found + step)
        assert min(before, after) > deviance(*found)
        assert abs(after - before) < 1e-4


def test_where_all_is_balanced_values_are_plain_and_heritability_the_textbooks():
    rng = np.random.default_rng(0)
    y = rng.normal(size=(50, 1)) + rng.normal(0, 5, (1, 4)) + rng.normal(size=(50, 4))
    line, environment = (it.ravel() for it in np.indices(y.shape))
    names, unknown = list("abcd"), np.full(200, np.nan)
    means = MeansByEnvironment(line, 50, environment, names, y.ravel(), unknown, np.zeros(50, bool))
    np.testing.assert_allclose(over_environments(means).value, y.mean(axis=1))
    left = y - y.mean(0) - y.mean(1, keepdims=True) + y.mean()
    expected = 1 - (left**2).sum() / (49 * 3) / (4 * y.mean(1).var(ddof=1))
    found = heritability_over_environments(means)
    assert found.cullis == pytest.approx(expected, rel=1e-3)
    assert found.line_mean == pytest.approx(expected, rel=1e-3)


def test_trials_without_a_common_line_are_put_on_one_level(caplog):
    environment = np.repeat([0, 1], 10)
    value = np.r_[np.arange(10.0), 100 + np.arange(10.0)]
    unknown, none = np.full(20, np.nan), np.zeros(20, bool)
    means = MeansByEnvironment(np.arange(20), 20, environment, ["a", "b"], value, unknown, none)
    found = over_environments(means)
    np.testing.assert_allclose(found.value[:10], found.value[10:])
    assert "no line links b to a" in caplog.text
    assert np.isnan(found.weight).all()


@pytest.fixture(scope="module")
def table(repository):
    return read_phenotypes(repository / "resources" / "plots" / "plots.tsv", of_plots=True)


@pytest.fixture(scope="module")
def adjusted(table):
    return adjust_plots(table, design_columns({}, table), "yield")


@pytest.fixture(scope="module")
def truth(repository):
    truth = pd.read_csv(repository / "tests" / "data" / "example_truth.tsv", sep="\t")
    return truth.set_index("sample")["yield"]


def test_the_embedded_plots_are_those_of_their_maker(repository):
    written = pd.read_csv(repository / "resources" / "plots" / "plots.tsv", sep="\t")
    pd.testing.assert_frame_equal(maker.make_plots().reset_index(drop=True), written)


def test_adjusted_values_are_nearer_the_truth_than_plain_means(adjusted, truth):
    plots = maker.make_plots()
    lines = sorted(set(plots["sample"]) - set(maker.CHECKS))
    values = adjusted.means[adjusted.means["environment"].isna()].set_index("sample")["value"]
    deviations = plots["yield"] - plots.groupby(["location", "year"])["yield"].transform("mean")
    plain = deviations.groupby(plots["sample"]).mean()
    r = [np.corrcoef(it[lines], truth[lines])[0, 1] for it in (values, plain)]
    assert r[0] > r[1] + 0.05
    told = adjusted.heritability.iloc[-1]["cullis"]
    assert told == pytest.approx(r[0] ** 2, abs=0.1)  # which heritability is


def test_the_variances_of_the_embedded_plots_are_found(adjusted):
    means = adjusted.heritability.set_index("environment")
    by_trial = means[means.index.notna()]
    assert by_trial["error_variance"].mean() == pytest.approx(maker.ERROR**2, rel=0.1)
    assert by_trial["block_variance"].mean() == pytest.approx(maker.BLOCK**2, rel=0.4)
    assert means.iloc[-1]["interaction_variance"] == pytest.approx(0.16, abs=0.08)
    assert means["lines"].tolist() == [110, 110, 110, 146]  # checks are not counted


def test_values_know_nothing_of_environments_left_out(table, adjusted):
    """For schemes that hold environments out: another year of those moves nothing."""
    rows = adjusted.means[adjusted.means["environment"].notna()]
    kept = rows[rows["environment"] != "South 2024"]
    place = table.columns.index("yield")
    moved = [
        [*row[:place], str(float(row[place]) * (2 if "2024" in row else 1))] for row in table.rows
    ]
    other = adjust_plots(
        type(table)(table.path, table.columns, table.samples, moved, table.line_numbers),
        design_columns({}, table),
        "yield",
    ).means
    again = other[other["environment"].notna() & (other["environment"] != "South 2024")]
    one, two = (means_over_environments(it.reset_index(drop=True)) for it in (kept, again))
    pd.testing.assert_frame_equal(one, two)


def test_lines_go_on_with_their_values_and_weights(table, adjusted):
    lines, weight = line_table(table, adjusted.means, "yield", [])
    genotyped = [*lines.samples, "new"]
    cleaned = clean_phenotypes(lines, "yield", [], weight, genotyped, {}, None).lines
    own = adjusted.means[adjusted.means["environment"].isna()].set_index("sample")
    measured = cleaned[cleaned["value"].notna()].set_index("sample")
    np.testing.assert_array_equal(measured["value"], own.loc[measured.index, "value"])
    expected = own.loc[measured.index, "weight"]
    np.testing.assert_allclose(measured["weight"], expected / expected.mean())
    assert cleaned["sample"].tolist()[-1] == "new"


def written(tmp_path, text):
    path = tmp_path / "plots.csv"
    path.write_text(text)
    return read_phenotypes(path, of_plots=True)


def test_environments_are_told_by_column_or_by_place_and_year(tmp_path):
    its = written(tmp_path, "line,year,location,trial,y\nL1,2020,N,a,1\nL1,2021,N,b,2\n")
    assert environments(its, design_columns({}, its)) == ["N 2020", "N 2021"]
    assert environments(its, design_columns({"environment": "trial"}, its)) == ["a", "b"]
    assert environments(its, {}) == ["all", "all"]


def test_lines_without_plots_of_the_trait_keep_their_covariates(tmp_path):
    its = written(tmp_path, "line,family,y\nL1,A,1\nL1,A,2\nL2,B,NA\n")
    adjusted = adjust_plots(its, {}, "y")
    lines, weight = line_table(its, adjusted.means, "y", ["family"])
    assert weight is None  # two plots tell of no error
    assert lines.samples == ["L1", "L2"]
    assert lines.text("family") == ["A", "B"]
    np.testing.assert_array_equal(lines.numbers("y"), [1.5, np.nan])
    assert adjusted.heritability["note"].str.contains("1 plots repeat a line").all()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("line,row,column,y\nL1,1,1,5\nL2,1,1,6\n", "line 3: another plot of all has the same"),
        ("line,block,y\nL1,1,5\nL2,NA,6\n", "line 3: no value in column 'block'"),
        ("line,environment,y\nL1,a,5\nL2,,6\n", "line 3: no value in column 'environment'"),
        ("line,check,y\nL1,no,5\nL2,perhaps,6\n", "line 3, column 'check': 'perhaps'"),
        ("line,row,y\nL1,A,5\nL2,B,6\n", "column 'row' (sample 'L1'): 'A' is not a number"),
        ("line,row,y\nL1,1,NA\nL2,2,NA\n", "column 'y': every value is missing"),
    ],
)
def test_plots_that_are_not_described_are_named(tmp_path, text, message):
    its = written(tmp_path, text)
    with pytest.raises(UserError) as error:
        adjust_plots(its, design_columns({}, its), "y")
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_a_covariate_that_differs_between_plots_of_a_line_is_refused(tmp_path):
    its = written(tmp_path, "line,family,y\nL1,A,1\nL1,B,2\n")
    with pytest.raises(UserError, match="line 3, column 'family': 'B' where an earlier plot"):
        line_table(its, adjust_plots(its, {}, "y").means, "y", ["family"])


def test_a_named_column_must_be_there(tmp_path):
    its = written(tmp_path, "line,y\nL1,1\n")
    with pytest.raises(UserError, match=r"plots: row: .* has no column 'ROW'"):
        design_columns({"row": "ROW"}, its)


def test_roles_are_told_in_capitals_too(tmp_path):
    its = written(tmp_path, "line,Replicate,BLOCK,Row,Column,row,yield\nL1,1,1,1,1,2,5\n")
    expected = {"replicate": "Replicate", "block": "BLOCK", "row": "row", "column": "Column"}
    assert design_columns({}, its) == expected
    assert design_columns({"row": "Row"}, its) == expected | {"row": "Row"}


def test_roles_are_told_by_their_usual_names(tmp_path):
    its = written(tmp_path, "line,Trial,REP,blk,Row,range,rows,y\nL1,a,1,1,1,1,1,5\n")
    expected = {"environment": "Trial", "replicate": "REP", "block": "blk", "row": "Row"}
    assert design_columns({}, its) == expected | {"column": "range"}
    assert design_columns({"block": "REP"}, its).keys() == expected.keys() - {"replicate"} | {
        "column"
    }
    its = written(tmp_path, "line,trial,site,rep,Replicate,y\nL1,a,N,1,2,5\n")
    assert design_columns({}, its) == {"location": "site", "replicate": "Replicate"}


def test_two_columns_of_a_role_are_refused(tmp_path):
    its = written(tmp_path, "line,Row,ROW,yield\nL1,1,1,5\n")
    with pytest.raises(UserError, match=r"'Row' and 'ROW' .* name the one .* plots: row$"):
        design_columns({}, its)
    assert design_columns({"row": "ROW"}, its) == {"row": "ROW"}


def test_checks_are_named_by_any_of_their_plots(tmp_path):
    its = written(tmp_path, "line,type,y\nL1,line,1\nL2,check,2\nL2,NA,2\n")
    assert checks(its, {"check": "type"}) == {"L2"}


def test_plots_have_weights_of_their_own():
    config = {
        "genotypes": {"path": "g.vcf"},
        "phenotypes": {"path": "p.tsv", "plots": {}, "weights": {"y": "w"}},
    }
    with pytest.raises(UserError, match="plots give weights of their own"):
        check_config(config)
