"""What is asked of a scheduler, by the sizes of the files that jobs read."""

import json

import numpy as np
import pandas as pd
import pytest

from breedcast.config import check_config, model_configs
from breedcast.demands import Demands, in_environments
from breedcast.files import read_parquet, write_parquet, write_table
from breedcast.memory import (
    COMBINATION,
    OF_TERMS,
    RANKING,
    SCORES,
    TRIED,
    CodesShape,
    Records,
    Together,
    candidates_mb,
    structure_mb,
    training_mb,
)
from breedcast.models.gblup import GBLUP
from breedcast.models.mtgblup import MTGBLUP
from breedcast.models.rkhs import RKHS
from breedcast.project import Project
from breedcast.scoring.predictions import read_predictions


def demands_of(models=8, kind="gblup", scheme="kfold", **project):
    config = {
        "genotypes": {"path": "g.vcf"},
        "phenotypes": {"path": "p.tsv", "environments": scheme.startswith("cv") or None},
        "models": {f"model_{number}": {"model": kind} for number in range(models)},
        "ensemble": "none",
        "validation": {"scheme": scheme, "folds": 5, "repeats": 2, "inner_folds": 5},
        "control": {"permutations": 1},
    }
    checked = check_config(config)
    return Demands(Project(checked, {}, model_configs(checked), **project))


@pytest.fixture
def codes(tmp_path):
    told = {"lines": 300, "markers": 2000, "ploidy": 4, "missing_share": 0.1, "format": "VCF"}
    path = tmp_path / "codes.json"
    path.write_text(json.dumps(told))
    return str(path)


def test_the_shape_of_codes_is_read_from_the_file_beside_them(codes):
    shape = CodesShape.read(codes)
    assert shape == CodesShape(lines=300, markers=2000, ploidy=4, missing_share=0.1)
    assert structure_mb(shape) > structure_mb(CodesShape(300, 2000, 4, 0))
    assert demands_of(hybrids=1000).codes(codes) == CodesShape(1000, 2000, 4, 0.1)


@pytest.mark.parametrize("name", ["NA", 'a "quoted" name', "NA\tNA"])
def test_records_are_counted_by_their_values(tmp_path, name):
    values = [1.0, 2.0, np.nan, np.nan, np.nan]
    table = pd.DataFrame({"sample": [name] * 5, "environment": None, "value": values, "weight": 1})
    write_table(table, tmp_path / "phenotypes.tsv")
    assert Records.count(str(tmp_path / "phenotypes.tsv")) == Records(2, 3)


@pytest.mark.parametrize(
    ("law", "held", "records"),  # as tests/benchmarks/predictions.py measured four models
    [
        (SCORES, 245, Records(500, 50_000)),
        (COMBINATION, 430, Records(500, 50_000)),
        (TRIED, 233, Records(500, 50_000)),
        (RANKING, 554, Records(500, 50_000)),
        (COMBINATION, 327, Records(2000, 20_000)),
    ],
)
def test_what_reads_all_predictions_is_asked_the_memory_that_it_held(law, held, records):
    rows = demands_of().prediction_rows(records)
    assert held < law.process_mb(records, *rows, models=4) < 2.6 * held


def test_many_candidates_are_asked_more_time_and_memory(tmp_path):
    """100,000 candidates and 8 models held 1,044 MB, and took 85 s."""
    path = str(tmp_path / "phenotypes.tsv")
    for candidates, least, minutes in ((10, 450, 6), (100_000, 1044, 10)):
        values = [1.0] * 500 + [np.nan] * candidates
        write_table(pd.DataFrame({"sample": "L", "value": values}), path)
        demands = demands_of()
        assert demands.predictions_mb(RANKING, path) > least
        assert demands.predictions_minutes(RANKING, path) >= minutes
        assert demands.predictions_minutes(SCORES, path) < 10  # which reads no candidates


def test_of_a_rules_files_the_candidates_count(tmp_path):
    for name, size in (
        ("candidates.tsv", 3),
        ("candidates_by_environment.tsv", 2),
        ("plan.tsv", 9),
    ):
        (tmp_path / name).write_bytes(bytes(size * 1_000_000))
    assert candidates_mb(map(str, tmp_path.iterdir())) == 5


@pytest.mark.parametrize(
    ("candidates", "repeats"), [(None, [0, 1, -1]), (True, [-1]), (False, [0, 1])]
)
def test_predictions_are_read_as_far_as_they_are_needed(tmp_path, candidates, repeats):
    table = pd.DataFrame(
        {
            "repeat": [0, 0, 1, -1, -1],
            "sample": ["007", "NA", "a", "b", "c"],
            "environment": None,
            "inner_fold": pd.array([0, None, 1, None, 0], dtype="Int16"),
            "predicted": [1.0, 2.0, np.nan, 4.0, 5.0],
        }
    )
    paths = [tmp_path / "one.parquet", tmp_path / "two.parquet"]
    for path in paths:
        write_parquet(table, path)
    found = read_predictions(["one", "two"], paths, candidates)
    assert list(found) == ["one", "two"]
    wanted = read_parquet(paths[0]).query("repeat in @repeats").reset_index(drop=True)
    pd.testing.assert_frame_equal(found["two"], wanted)


def trait_table(path, *environments, lines=100):
    """A phenotypes.tsv; environments: of each its name and how many lines have a value there."""
    rows = [
        {"sample": f"L{n}", "environment": name, "value": 1.0 if n < values else np.nan}
        for name, values in environments
        for n in range(lines)
    ]
    write_table(pd.DataFrame(rows), path)
    return str(path)


def test_values_that_are_learnt_together_are_counted_by_trait_and_environment(tmp_path):
    one = trait_table(tmp_path / "one.tsv", ("north", 60), ("south", 80))
    assert Together.count(one) == Together(80, (60, 80))
    other = trait_table(tmp_path / "other.tsv", ("NA", 90))
    assert Together.count(one, other) == Together(90, (60, 80, 90))


@pytest.mark.parametrize(
    ("model", "lines", "markers", "together", "held"),  # as tests/benchmarks/memory.py measured
    [
        (MTGBLUP(), 2400, 1000, Together(2400, (2400,) * 4), 366),
        (MTGBLUP(), 1600, 1000, Together(1600, (1600, 800, 800, 800)), 666),
        (MTGBLUP(), 1000, 1000, Together(1000, (1000, 200, 200, 200)), 266),
        (GBLUP(), 900, 1000, Together(900, (900,) * 4), 221),
        (GBLUP("uniform"), 900, 1000, Together(900, (900,) * 4), 560),
        (RKHS(), 900, 1000, Together(900, (225,) * 8), 331),
    ],
)
def test_several_traits_and_environments_are_asked_the_memory_that_they_held(
    model, lines, markers, together, held
):
    rows, fit = lines, {"together_mb": together.covariances_mb}
    if not isinstance(model, MTGBLUP):
        rows, fit = sum(together.sizes), in_environments(model, lines, together, False)
        assert fit["related"] == lines
    asked = training_mb(type(model).__name__.lower(), False, rows, markers, **fit)
    assert held < asked < 1.6 * held


def test_a_training_job_is_asked_for_what_the_dearest_of_its_fits_needs(tmp_path, codes):
    """All 11,200 values are too many for an interaction, those of a fold are not; two processes."""
    path = trait_table(tmp_path / "many.tsv", *((f"E{n}", 1400) for n in range(8)), lines=1400)
    demands = demands_of(environments=8)
    assert in_environments(GBLUP(), 300, Together.count(path), False)["related"] is None
    of_fold = OF_TERMS * (1120 * 8) ** 2 / 1e6
    assert 2 * of_fold < demands.training_mb("model_0", codes, path, []) < 2.5 * of_fold


@pytest.mark.parametrize(("scheme", "left"), [("cv1", (240, 192)), ("cv2", (300, 300))])
def test_folds_leave_lines_or_single_values(scheme, left):
    demands = demands_of(scheme=scheme)
    every, outer, inner = demands._training_sets(Together(300, (300, 200)))
    assert (outer.lines, inner.lines) == left
    assert (every.sizes, outer.sizes, inner.sizes) == ((300, 200), (240, 160), (192, 128))


def test_a_fold_may_leave_an_environment_out():
    sets = demands_of(scheme="cv0")._training_sets(Together(300, (300, 200, 100)))
    assert [it.sizes for it in sets] == [(300, 200, 100), (200, 300), (300,)]


def test_values_of_other_traits_count(tmp_path, codes):
    one = trait_table(tmp_path / "one.tsv", ("NA", 300), lines=300)
    other = trait_table(tmp_path / "other.tsv", ("NA", 100), lines=300)
    demands = demands_of(kind="mtgblup")
    found = demands.training_mb("model_0", codes, one, [other])
    expected = Together(300, (300, 100)).covariances_mb
    assert found == pytest.approx(demands.training_mb("model_0", codes, one, []) + 2 * expected)
