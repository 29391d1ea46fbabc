"""The candidates' table: intervals from all phenotyped lines, ranks in the trait's direction."""

import numpy as np
import pandas as pd
import pytest

from breedcast.files import read_table, write_table
from breedcast.models.base import model_class
from breedcast.models.job import TrainingJob
from breedcast.models.registry import MODELS
from breedcast.selection.candidates import COLUMNS, rank_candidates
from breedcast.validation.plan import KFoldScheme

TRAINED, NEW = 150, 50


@pytest.fixture
def phenotypes() -> pd.DataFrame:
    samples = [f"line{number}" for number in range(19)] + ["007", "new1", "new2", "new3"]
    value = [float(number) for number in range(19)] + [np.nan] * 4
    return pd.DataFrame({"sample": samples, "environment": np.nan, "value": value, "weight": 1.0})


def predictions_of(phenotypes, candidates: list[float], sd: float) -> pd.DataFrame:
    """Inner residuals 1..19 in the candidate unit, 100 in another; candidates as told, by the
    fits without either inner fold too."""
    lines = phenotypes.iloc[:19].assign(inner_fold=np.arange(19) % 2)
    inner = lines.assign(
        repeat=-1, fold=-1, role="inner", predicted=lines["value"] - np.arange(1.0, 20.0)
    )
    elsewhere = inner.assign(repeat=0, fold=0, predicted=lines["value"] + 100)
    new = phenotypes.iloc[19:].assign(repeat=-1, fold=-1, role="candidate", predicted=candidates)
    members = [new.assign(role="member", inner_fold=fold) for fold in (0, 1)]
    frame = pd.concat([elsewhere, inner, *members, new], ignore_index=True)
    return frame.drop(columns=["value", "weight"]).assign(permutation=0, sd=sd, reliability=0.4)


def test_intervals_come_from_the_candidate_unit_alone(phenotypes):
    table = predictions_of(phenotypes, [5.0, 7.0, 6.0, 1.0], np.nan)
    ranked = rank_candidates({"dnngp": table}, phenotypes, 0.9, "high")
    assert np.allclose(ranked["predicted"] - ranked["lower"], 18)
    assert np.allclose(ranked["upper"] - ranked["predicted"], 18)
    assert ranked[["bv_lower", "bv_upper"]].isna().all(axis=None)
    assert ranked.columns.tolist() == COLUMNS


def test_the_genetic_value_uses_the_normal_quantile(phenotypes):
    table = predictions_of(phenotypes, [5.0, 7.0, 6.0, 1.0], 2.0)
    ranked = rank_candidates({"gblup": table}, phenotypes, 0.95, "high")
    assert np.allclose(ranked["bv_upper"] - ranked["predicted"], 1.959964 * 2)
    assert np.allclose(ranked["predicted"] - ranked["bv_lower"], 1.959964 * 2)


@pytest.mark.parametrize(
    ("direction", "best"),
    [("high", ["new1", "007", "new2", "new3"]), ("low", ["new3", "007", "new2", "new1"])],
)
def test_rank_follows_the_direction_and_ties_share_the_better_one(phenotypes, direction, best):
    table = predictions_of(phenotypes, [5.0, 7.0, 5.0, 1.0], np.nan)
    ranked = rank_candidates({"dnngp": table}, phenotypes, 0.9, direction)
    assert ranked["sample"].tolist() == best
    assert ranked["rank"].tolist() == [1, 2, 2, 4]


def simulate(seed: int) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    """Lines with and without a value, their codes, and true genetic values; heritability 0.5."""
    rng = np.random.default_rng(seed)
    frequencies = rng.uniform(0.1, 0.9, 250)
    codes = rng.binomial(2, frequencies, (TRAINED + NEW, 250)).astype(np.uint8)
    genetic = (codes - 2 * frequencies) @ rng.normal(0, 1, 250)
    genetic = 50 + 4 * genetic / genetic.std()
    value = genetic + rng.normal(0, 4, len(genetic))
    samples = [f"L{number}" for number in range(len(value))]
    lines = pd.DataFrame({"sample": samples, "environment": None, "value": value, "weight": 1.0})
    return lines, codes, genetic


def test_either_interval_holds_what_it_is_an_interval_for():
    """Simulated lines whose genetic values are known: 90 % of these lie in GBLUP's interval of the
    genetic value, 90 % of new adjusted means in theirs, which holds nearly all genetic values."""
    held = {"genetic": [], "value": [], "genetic in the wide one": []}
    for seed in range(25):
        full, codes, genetic = simulate(seed)
        lines = full.assign(value=full["value"].where(full.index < TRAINED))
        plan = KFoldScheme(2, 1, 5, seed).make_plan(lines, "yield").query("repeat == -1")
        plan = plan.reset_index(drop=True)
        model = model_class(MODELS["gblup"])()
        job = TrainingJob(model, "gblup", "yield", lines, codes, 2, plan, 0, seed, "cpu")
        ranked = rank_candidates({"gblup": job.run(threads=1).predictions}, lines, 0.9, "high")
        ranked = ranked.set_index("sample")
        true = pd.Series(genetic, full["sample"])[ranked.index]
        new = full.set_index("sample").loc[ranked.index, "value"]
        held["genetic"] += list(true.between(ranked["bv_lower"], ranked["bv_upper"]))
        held["value"] += list(new.between(ranked["lower"], ranked["upper"]))
        held["genetic in the wide one"] += list(true.between(ranked["lower"], ranked["upper"]))
    assert len(held["genetic"]) == 25 * NEW
    assert np.mean(held["genetic"]) == pytest.approx(0.9, abs=0.03)
    assert np.mean(held["value"]) == pytest.approx(0.9, abs=0.03)
    assert np.mean(held["genetic in the wide one"]) > 0.96


def test_every_model_ranks_every_candidate(phenotypes):
    tables = {
        "gblup": predictions_of(phenotypes, [1.0, 2.0, 3.0, 4.0], 1.0),
        "ensemble": predictions_of(phenotypes, [4.0, 3.0, 2.0, 1.0], np.nan),
    }
    ranked = rank_candidates(tables, phenotypes, 0.9, "high")
    assert ranked["model"].tolist() == ["gblup"] * 4 + ["ensemble"] * 4
    assert ranked.groupby("model")["sample"].nunique().tolist() == [4, 4]


def test_no_candidates_give_an_empty_table_with_its_columns(phenotypes, tmp_path):
    table = predictions_of(phenotypes, [5.0, 7.0, 6.0, 1.0], 1.0)
    table = table[table["role"] == "inner"]
    ranked = rank_candidates({"gblup": table, "dnngp": table}, phenotypes, 0.9, "high")
    assert ranked.columns.tolist() == COLUMNS
    assert ranked.empty
    write_table(ranked, tmp_path / "candidates.tsv")
    assert read_table(tmp_path / "candidates.tsv").empty


def test_the_table_survives_the_disk_infinite_intervals_included(phenotypes, tmp_path):
    table = predictions_of(phenotypes, [5.0, 7.0, 6.0, 1.0], np.nan)
    few = table[(table["role"] != "inner") | (table["sample"] < "line12")]
    ranked = rank_candidates({"dnngp": few}, phenotypes, 0.99, "high")
    assert np.isinf(ranked[["lower", "upper"]]).all(axis=None)
    write_table(ranked, tmp_path / "candidates.tsv")
    again = read_table(tmp_path / "candidates.tsv")
    pd.testing.assert_frame_equal(again, ranked, check_dtype=False)
