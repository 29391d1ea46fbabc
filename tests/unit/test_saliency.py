"""Saliency over folds and against the control, and what windows of markers are worth."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest

from breedcast.files import write_parquet
from breedcast.markers.saliency import (
    SUMMARY,
    prominence,
    standings,
    statistics_of,
    summarise,
    threshold,
)
from breedcast.models.base import Fitted, Lines, Prediction, model_class
from breedcast.models.gathered import SALIENCY, SALIENCY_TYPES
from breedcast.models.importance import MOST_LINES, genome_windows, window_importance
from breedcast.models.registry import MODELS


def saliency_table(rows: dict[tuple[int, int, int], list[float]], statistic: str) -> pd.DataFrame:
    """From (repeat, fold, permutation) -> the markers' saliencies; sd is a tenth of them."""
    table = [
        (*unit, statistic, marker, value, value / 10)
        for unit, values in rows.items()
        for marker, value in enumerate(values)
    ]
    return pd.DataFrame(table, columns=SALIENCY).astype(SALIENCY_TYPES)


GRADIENTS = {
    (0, 0, 0): [1.0, 2.0, 9.0],
    (0, 1, 0): [3.0, 4.0, 5.0],
    (1, 0, 0): [8.0, 0.0, 7.0],
    (-1, -1, 0): [99.0, 0.0, 0.0],
    (0, 0, 1): [0.01, 0.02, 0.03],
    (0, 0, 2): [0.0, 0.0, 0.0],
}


@pytest.fixture
def path(tmp_path):
    worth = {(0, 0, 0): [-1.0, 3.0, 2.0], (0, 0, 1): [-4.0, 1.0, 1.0], (0, 0, 2): [3.0, 0.0, -3.0]}
    tables = [saliency_table(GRADIENTS, "gradient"), saliency_table(worth, "permutation")]
    table = pd.concat(tables, ignore_index=True).astype({"statistic": "category"})
    write_parquet(table, tmp_path / "saliency.parquet")
    return tmp_path / "saliency.parquet"


def test_the_first_statistic_is_averaged_over_the_validation_folds(path):
    assert statistics_of(path) == ["gradient", "permutation"]
    summary = summarise(path)
    assert summary["marker"].tolist() == [0, 1, 2]
    assert summary["mean"].tolist() == pytest.approx([4.0, 2.0, 7.0])
    assert summary["sd"].tolist() == pytest.approx([13**0.5, 2.0, 2.0])
    squares = [1 + 9 + 64, 4 + 16, 81 + 25 + 49]
    assert summary["network_sd"].tolist() == pytest.approx([(it / 300) ** 0.5 for it in squares])
    assert summary["prominence"].tolist() == pytest.approx([0.5, 0.75, 1.75])


def test_a_model_without_saliency_has_no_summary_and_no_standing(tmp_path):
    write_parquet(saliency_table({}, "gradient"), tmp_path / "none.parquet")
    assert summarise(tmp_path / "none.parquet").columns.tolist() == SUMMARY
    assert len(summarise(tmp_path / "none.parquet")) == 0
    assert list(standings(tmp_path / "none.parquet")) == []


def test_standings_are_of_repeat_0_and_of_every_permuted_trait(path):
    stand = dict(standings(path))
    np.testing.assert_allclose(stand["gradient"].prominence, [0.5, 0.75, 1.75])
    np.testing.assert_allclose(stand["gradient"].control, [1.5, 0.0])
    np.testing.assert_allclose(stand["permutation"].prominence, [-0.5, 1.5, 1.0])
    np.testing.assert_allclose(stand["permutation"].control, [0.5, 1.5])


def test_a_model_that_looks_at_no_marker_gives_none_prominence():
    table = saliency_table({(0, 0, 0): [0.0, 0.0]}, "gradient")
    assert prominence(table).tolist() == [0.0, 0.0]


def test_the_threshold_is_an_order_statistic_of_the_permuted_traits():
    largest = np.array([3.0, 9.0, 5.0])
    assert (threshold(largest, 0.05).value, threshold(largest, 0.05).chance) == (9.0, 0.25)
    assert (threshold(largest, 0.5).value, threshold(largest, 0.5).chance) == (5.0, 0.5)
    forty = np.arange(1.0, 40.0)  # with the real trait, forty
    assert (threshold(forty, 0.05).value, threshold(forty, 0.05).chance) == (38.0, 0.05)
    none = threshold(np.array([]), 0.05)
    assert np.isnan(none.value)
    assert np.isnan(none.chance)


def test_windows_are_alike_and_end_with_their_contig():
    contig = pd.Series(["1"] * 400 + ["2"] * 210 + ["u1"] * 10 + ["u2"] * 80 + ["3"] * 300)
    windows = genome_windows(contig, 10)  # of a hundred markers
    assert windows.tolist() == [0, 100, 200, 300, 400, 505, 610, 700, 800, 900, 1000]
    assert genome_windows(contig, 0).tolist() == [0]
    assert genome_windows(contig[:3], 50).tolist() == [0, 1, 2, 3]
    assert genome_windows(pd.Series(["1", "2", "3"]), 1).tolist() == [0, 2, 3]


@dataclass(frozen=True)
class Additive(Fitted):
    """Knows the effects of the markers."""

    effects: np.ndarray

    def predict(self, lines: Lines) -> Prediction:
        assert lines.value is None
        return Prediction.point(lines.codes @ self.effects)

    def weights(self) -> dict[str, np.ndarray]:
        return {}


def test_a_windows_worth_is_twice_the_variance_that_it_explains():
    """Of a model that errs nowhere: two lines' parts differ by twice their variance."""
    rng = np.random.default_rng(0)
    codes = rng.binomial(2, 0.4, (40, 30)).astype(np.uint8)
    effects = np.zeros(30)
    effects[[3, 12, 14]] = [1.0, -2.0, 1.0]
    lines = Lines(codes, 2, pd.DataFrame(index=range(40)), codes @ effects)
    windows = np.array([0, 10, 20, 30])
    found = [window_importance(Additive(effects), lines, windows, rng) for _ in range(300)]
    mean = np.mean(found, axis=0)
    parts = [codes[:, start : start + 10] @ effects[start : start + 10] for start in (0, 10, 20)]
    expected = np.repeat([2 * part.var(ddof=1) for part in parts], 10)
    np.testing.assert_allclose(mean, expected, rtol=0.05)
    assert (mean[20:] == 0).all()


def test_a_window_that_misleads_is_worth_less_than_nothing():
    """And lines of no weight do not count."""
    rng = np.random.default_rng(0)
    codes = rng.binomial(2, 0.4, (2 * MOST_LINES, 10)).astype(np.uint8)
    effects = np.ones(10)
    weight = np.where(np.arange(len(codes)) % 2, 1.0, 0.0)
    value = np.where(weight == 1, -(codes @ effects), 1e6)
    lines = Lines(codes, 2, pd.DataFrame(index=range(len(codes))), value, weight)
    found = window_importance(Additive(effects), lines, np.array([0, 10]), rng)
    assert -50 < found[0] < 0


def test_the_models_whose_windows_are_not_permuted_are_documented(repository):
    page = (repository / "config" / "README.md").read_text(encoding="utf-8")
    none = [name for name in MODELS if not model_class(MODELS[name]).permutes_windows]
    assert "| `permutation` | all but " + ", ".join(f"`{name}`" for name in none) + " |" in page
