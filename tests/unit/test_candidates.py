"""The candidates' table: intervals from all phenotyped lines, ranks in the trait's direction."""

import numpy as np
import pandas as pd
import pytest

from breedcast.files import read_table, write_table
from breedcast.models.base import model_class
from breedcast.models.job import TrainingJob
from breedcast.models.registry import MODELS
from breedcast.scoring.metrics import Direction
from breedcast.selection import candidates
from breedcast.selection.candidates import (
    COLUMNS,
    RESPONSE,
    expected_response,
    far_from_measured,
    top_probability,
)
from breedcast.validation.plan import KFoldScheme

TRAINED, NEW = 150, 50


@pytest.fixture
def phenotypes() -> pd.DataFrame:
    samples = [f"line{number}" for number in range(19)] + ["007", "new1", "new2", "new3"]
    value = [float(number) for number in range(19)] + [np.nan] * 4
    return pd.DataFrame({"sample": samples, "environment": np.nan, "value": value, "weight": 1.0})


def structure_of(phenotypes: pd.DataFrame) -> pd.DataFrame:
    """Lines on a grid of two coordinates."""
    number = np.arange(len(phenotypes))
    samples = {"sample": phenotypes["sample"].to_numpy(), "cluster": 1}
    return pd.DataFrame({**samples, "coordinate_1": number % 5, "coordinate_2": number // 5})


def rank_candidates(
    predictions: dict[str, pd.DataFrame],
    phenotypes: pd.DataFrame,
    level: float,
    direction: Direction,
    fraction: float = 0.25,
) -> pd.DataFrame:
    structure = structure_of(phenotypes)
    told = {"level": level, "fraction": fraction, "direction": direction}
    return candidates.rank_candidates(predictions, phenotypes, structure, **told)


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


def test_intervals_chances_and_gains_are_those_of_known_genetic_values():
    """Simulated lines whose genetic values are known: 90 % of these lie in GBLUP's interval of the
    genetic value, 90 % of new adjusted means in theirs, which holds nearly all genetic values. As
    many are among the best fifth as is said, and selecting gains what is said."""
    held = {"genetic": [], "value": [], "genetic in the wide one": []}
    said, is_top, gains = [], [], []
    for seed in range(25):
        full, codes, genetic = simulate(seed)
        lines = full.assign(value=full["value"].where(full.index < TRAINED))
        plan = KFoldScheme(2, 1, 5, seed).make_plan(lines, "yield").query("repeat == -1")
        plan = plan.reset_index(drop=True)
        model = model_class(MODELS["gblup"])()
        job = TrainingJob(model, "gblup", "yield", lines, codes, 2, plan, 0, seed, "cpu")
        predictions = {"gblup": job.run(threads=1).predictions}
        ranked = rank_candidates(predictions, lines, 0.9, "high", 0.2).set_index("sample")
        true = pd.Series(genetic, full["sample"])[ranked.index]
        new = full.set_index("sample").loc[ranked.index, "value"]
        held["genetic"] += list(true.between(ranked["bv_lower"], ranked["bv_upper"]))
        held["value"] += list(new.between(ranked["lower"], ranked["upper"]))
        held["genetic in the wide one"] += list(true.between(ranked["lower"], ranked["upper"]))
        said += list(ranked["top_probability"])
        is_top += list(true.rank(ascending=False) <= 0.2 * NEW)
        gained = expected_response(predictions, lines, fraction=0.3, direction="high")
        best = true.iloc[: round(0.3 * NEW)]
        told = gained.set_index("fraction").loc[0.3, ["predicted_gain", "validated_gain"]]
        gains.append((*told, best.mean() - true.mean()))
    assert len(held["genetic"]) == 25 * NEW
    assert np.mean(held["genetic"]) == pytest.approx(0.9, abs=0.03)
    assert np.mean(held["value"]) == pytest.approx(0.9, abs=0.03)
    assert np.mean(held["genetic in the wide one"]) > 0.96
    of = pd.cut(np.array(said), [0, 0.05, 0.15, 0.3, 0.5, 1])
    for _, bin_ in pd.DataFrame({"said": said, "is": is_top}).groupby(of, observed=True):
        error = np.sqrt(bin_["said"].mean() * (1 - bin_["said"].mean()) / len(bin_))
        assert abs(bin_["is"].mean() - bin_["said"].mean()) < 0.04 + 2 * error
    predicted, validated, gained = np.mean(gains, axis=0)
    assert predicted == pytest.approx(gained, rel=0.2)
    assert 0.6 * gained < validated < 1.1 * gained  # of these few lines it errs to the low side


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


def test_chances_of_being_among_the_best_are_those_of_draws():
    rng = np.random.default_rng(0)
    mean, sd = rng.normal(0, 1, 60), rng.uniform(0.2, 1.5, 60)
    told = top_probability(mean, sd, 0.2)
    drawn = rng.normal(mean, sd, (4000, 60))
    is_top = (-drawn).argsort(axis=1).argsort(axis=1) < 12
    assert np.allclose(told, is_top.mean(axis=0), atol=0.03)
    assert told.sum() == pytest.approx(12)
    assert top_probability(np.zeros(8), np.ones(8), 0.25) == pytest.approx(np.full(8, 0.25))
    sure = top_probability(np.array([3.0, 1.0, 2.0, 0.0]), np.zeros(4), 0.5)
    assert sure == pytest.approx([1, 0, 1, 0])
    assert np.isnan(top_probability(mean, np.full(60, np.inf), 0.2)).all()


@pytest.mark.parametrize("direction", ["high", "low"])
def test_chances_follow_the_direction_with_and_without_a_posterior(phenotypes, direction):
    for sd in (2.0, np.nan):
        table = predictions_of(phenotypes, [5.0, 7.0, 6.0, 1.0], sd)
        table["reliability"] = table["reliability"].where(table["sd"].notna())
        ranked = rank_candidates({"gblup": table}, phenotypes, 0.9, direction)
        assert ranked["top_probability"].is_monotonic_decreasing
        assert ranked["top_probability"].sum() == pytest.approx(1)


def test_a_candidate_far_from_all_measured_lines_is_extrapolated(phenotypes):
    structure = structure_of(phenotypes)
    structure["sample"] = structure["sample"].replace({"007": "new0"})
    phenotypes["sample"] = structure["sample"]
    assert not far_from_measured(phenotypes, structure)["extrapolated"].any()
    structure.loc[structure["sample"] == "new2", "coordinate_1"] += 30
    far = far_from_measured(phenotypes, structure)
    assert far.index[far["extrapolated"]].tolist() == ["new2"]
    # new2 at (31, 4), the nearest measured line at (4, 2)
    assert far.at["new2", "distance"] == pytest.approx(np.hypot(27, 2))
    table = predictions_of(phenotypes, [5.0, 7.0, 6.0, 1.0], 1.0)
    bare = structure[["sample", "cluster"]]
    told = {"level": 0.9, "fraction": 0.5, "direction": "high"}
    ranked = candidates.rank_candidates({"gblup": table}, phenotypes, bare, **told)
    assert (ranked["distance"] == 0).all()
    assert not ranked["extrapolated"].any()


@pytest.mark.parametrize("direction", ["high", "low"])
def test_how_firm_a_rank_is_follows_from_the_fits_without_an_inner_fold(phenotypes, direction):
    table = predictions_of(phenotypes, [5.0, 7.0, 6.0, 1.0], 1.0)
    second = (table["role"] == "member") & (table["inner_fold"] == 1)
    table.loc[second, "predicted"] = [5.0, 6.0, 7.0, 1.0]  # new1 and new2 change places
    ranked = rank_candidates({"gblup": table}, phenotypes, 0.9, direction).set_index("sample")
    half = np.sqrt(0.5)
    told = ranked.loc[["007", "new1", "new2", "new3"], "rank_sd"]
    assert told.tolist() == pytest.approx([0, half, half, 0])


def test_the_gain_is_corrected_by_how_held_out_predictions_spread(phenotypes):
    """Held-out predictions at half the spread of the values: the slope is 2."""
    table = predictions_of(phenotypes, [5.0, 7.0, 6.0, 1.0], 1.0)
    inner = (table["role"] == "inner") & (table["repeat"] == -1)
    table.loc[inner, "predicted"] = np.arange(19) / 2 + 3
    none = table.assign(predicted=1.0)
    for direction, gain in (("high", 7 - 4.75), ("low", 4.75 - 1)):
        models = {"gblup": table, "baseline": none}
        told = expected_response(models, phenotypes, fraction=0.25, direction=direction)
        assert told.columns.tolist() == RESPONSE
        assert told["fraction"].tolist() == [0.01, 0.05, 0.1, 0.2, 0.25, 0.5] * 2
        row = told[(told["model"] == "gblup") & (told["fraction"] == 0.25)].iloc[0]
        assert row["selected"] == 1
        assert row["predicted_gain"] == pytest.approx(gain)
        assert row["slope"] == pytest.approx(2)
        assert row["validated_gain"] == pytest.approx(2 * gain)
        assert (told.loc[told["model"] == "baseline", "validated_gain"] == 0).all()
    told = expected_response({"gblup": table[inner]}, phenotypes, fraction=0.1, direction="high")
    assert told.empty


def test_the_slope_is_within_inner_folds():
    """A fold of high values is predicted from a lower mean, which is no fault of the model."""
    rng = np.random.default_rng(0)
    fold, genetic = np.repeat([0.0, 1.0, 2.0], 40), rng.normal(size=120)
    samples = [f"L{number}" for number in range(120)] + ["new"]
    value = np.append(genetic + fold, np.nan)
    lines = pd.DataFrame({"sample": samples, "environment": None, "value": value, "weight": 1.0})
    table = lines.assign(repeat=-1, role=["inner"] * 120 + ["candidate"])
    table = table.assign(inner_fold=[*fold, np.nan], predicted=[*(0.5 * genetic - fold), 0.0])
    told = expected_response({"a": table}, lines, fraction=0.1, direction="high")
    assert told["slope"].iloc[0] == pytest.approx(2)


def test_the_slope_is_beyond_covariates_that_no_candidate_has():
    """Trials differ by far more than lines, and the predictions know nothing of lines."""
    rng = np.random.default_rng(0)
    trial = np.repeat([0.0, 1.0, 2.0], 40)
    samples = [f"L{number}" for number in range(150)]
    value = np.append(10 * trial + rng.normal(size=120), [np.nan] * 30)
    lines = pd.DataFrame({"sample": samples, "environment": None, "value": value, "weight": 1.0})
    lines["trial"] = [*trial.astype(int).astype(str), *[np.nan] * 30]
    predicted = np.append(10 * trial, np.zeros(30)) + rng.normal(size=150)
    table = pd.DataFrame(
        {
            "sample": samples,
            "environment": None,
            "repeat": -1,
            "role": ["inner"] * 120 + ["candidate"] * 30,
            "inner_fold": [number % 5 for number in range(120)] + [np.nan] * 30,
            "predicted": predicted,
        }
    )
    given = {"fraction": 0.1, "direction": "high"}
    beyond = expected_response({"a": table}, lines, **given)["slope"].iloc[0]
    assert beyond < 0.3
    told = lines.assign(trial=lines["trial"].fillna("0"))
    assert expected_response({"a": table}, told, **given)["slope"].iloc[0] > 0.9
