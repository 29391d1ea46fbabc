"""The lines of a trait as its job makes them, and names that are spelled in two ways."""

import numpy as np
import pandas as pd
import pytest

from breedcast.errors import UserError
from breedcast.genotypes.store import Codes
from breedcast.phenotypes.hybrids import ALL_CROSSES, Hybrids
from breedcast.phenotypes.in_environments import in_environments
from breedcast.phenotypes.spelling import spelled_otherwise
from breedcast.phenotypes.table import read_phenotypes
from breedcast.phenotypes.trait_lines import trait_lines


def read(tmp_path, text, of_plots=False):
    path = tmp_path / "table.csv"
    path.write_text(text)
    return read_phenotypes(path, of_plots)


def lines_of(table, genotyped, **given):
    none = {"covariates": [], "weights": None, "labels": {}, "parents": [], "adjusted": None}
    rest = {"codes": None, "excluded": {}, "candidates": None}
    return trait_lines(table, "yield", genotyped=genotyped, **(none | rest | given))


def test_lines_have_their_labels_and_candidates_are_average(tmp_path):
    names = tmp_path / "names.txt"
    names.write_text("L5\n")
    rows = "".join(f"L{n},{n},{'NS'[n % 2]},{'xy'[n > 1]}\n" for n in range(5))
    table = read(tmp_path, f"line,yield,trial,family\n{rows}L5,,N,y\n")
    lines, labels, dropped = lines_of(
        table,
        ["L0", "L1", "L2", "L3", "L5", "L6"],
        covariates=["trial"],
        labels={"family": "family"},
        excluded={"L4": "missing calls"},
        candidates=str(names),
    )
    assert lines["sample"].tolist() == labels["sample"].tolist() == ["L0", "L1", "L2", "L3", "L5"]
    assert labels["family"].tolist() == ["x", "x", "y", "y", "y"]
    assert lines["trial"].tolist()[:4] == ["N", "S", "N", "S"]
    assert pd.isna(lines["trial"].iloc[4])
    assert dict(dropped.values) == {
        "L4": "missing calls",
        "L6": "no value, and not among the named candidates",
    }


@pytest.mark.parametrize("apart", [True, False])
def test_families_that_cannot_be_told_from_trials_are_told(tmp_path, caplog, apart):
    """The trials keep what they share with families, wherever these stand in the config."""
    trials = 3 * ("NSNS" if apart else "NNSS")
    names = [f"L{number}" for number in range(12)]
    rows = [f"{it},{n},{'xxyy'[n % 4]},{trials[n]}\n" for n, it in enumerate(names)]
    table = read(tmp_path, "line,yield,family,trial\n" + "".join(rows))
    given = {"covariates": ["family", "trial"], "labels": {"family": "family"}}
    lines, _, _ = lines_of(table, names, **given)
    assert lines.columns.tolist()[-2:] == ["trial", "family"]
    assert ("differences between families" in caplog.text) is not apart


def test_values_of_plots_are_their_adjusted_means(tmp_path):
    table = read(tmp_path, "line,yield\nA,1\nA,5\nB,7\n", of_plots=True)
    adjusted = pd.DataFrame({"sample": ["A", "B"], "environment": None, "value": [2.5, 7.0]})
    lines, _, _ = lines_of(table, ["A", "B"], adjusted=adjusted.assign(weight=[3.0, 1.0]))
    assert lines[["value", "weight"]].to_numpy().tolist() == [[2.5, 1.5], [7.0, 0.5]]


def test_hybrids_are_known_by_their_parents_codes(tmp_path):
    parents = ["A", "B", "X", "Y"]
    codes = Codes(np.zeros((4, 10), np.uint8), 2, parents, pd.DataFrame())
    table = read(tmp_path, "hybrid,f,m,yield\n1,A,X,1\n2,B,X,2\n3,A,Z,3\n4,B,Y,4\n")
    lines, _, dropped = lines_of(
        table, parents, codes=codes, parents=["f", "m"], candidates=ALL_CROSSES
    )
    assert lines[["sample", "female", "male"]].to_numpy().tolist()[2:] == [
        ["4", "B", "Y"],
        ["A/Y", "A", "Y"],
    ]
    assert dict(dropped.values) == {"3": "a parent is not in the genotypes"}


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("l05", "L05"),
        ("L 05", "L05"),
        ("L-05", "L_05"),
        ("L05\u200b", "L05"),
        ("Ba\u0308r", "Bär"),
        ("BÄR", "Bär"),
        ("01", "1"),
        ("IR 64-1", "ir64.1"),
    ],
)
def test_spellings_of_a_name(name, known):
    assert spelled_otherwise([name], ["other", known]) == {name: known}


@pytest.mark.parametrize(("name", "known"), [("IR64-1", "IR641"), ("1.05", "1.5"), ("L1", "L10")])
def test_other_names(name, known):
    assert spelled_otherwise([name], [known]) == {}


def test_lines_spelled_otherwise_in_the_genotypes_are_told(tmp_path, caplog):
    table = read(tmp_path, "line,yield\nL01,1\nL02,2\nl03,3\nL 04,4\nX,5\nl01,6\n")
    _, _, dropped = lines_of(table, ["L01", "L02", "L03", "L04"])
    spelled = "spelled otherwise in the genotypes"
    assert dict(dropped.values) == {
        "l03": spelled,
        "L 04": spelled,
        "X": "not in the genotypes",
        "l01": "not in the genotypes",  # L01 has a value of its own
    }
    assert "2 lines with a value are left out" in caplog.text
    assert "the first 'l03', there 'L03'; use the same names in both files" in caplog.text


def test_lines_of_one_value_are_told_from_lines_of_other_names(tmp_path):
    rows = "".join(f"{name},{n}\n" for n, name in enumerate(["ok", "P-1", "P-2"]))
    with pytest.raises(UserError) as error:
        lines_of(read(tmp_path, f"line,yield\n{rows}"), ["ok", "plot 1", "plot 2"])
    assert (
        "all 1 genotyped lines have the value 0, and the other 2 of its lines with a value are not "
        "genotyped (table: 'P-1', genotypes: 'plot 1', ...); use the same line names"
    ) in str(error.value)


def test_parents_spelled_otherwise_are_told(tmp_path, caplog):
    table = read(tmp_path, "hybrid,f,m,yield\n1,A,X,1\n2,a,X,2\n")
    Hybrids.of(table, ["f", "m"], None, {"A": 0.0, "X": 0.0}, {})
    assert "parent 'a': not in the genotypes but as 'A'; hybrids of it" in caplog.text


def test_groups_that_differ_in_spelling_alone_are_told(tmp_path, caplog):
    rows = "".join(f"L{n},{n},{'Nn'[n % 2]}orth,{2 - n % 2},{n // 4}\n" for n in range(8))
    table = read(tmp_path, f"line,yield,place,year,trial\n{rows}L8,8,South,1,T 1\n", of_plots=True)
    wide = in_environments(table, "place")
    lines_of(wide, table.samples, covariates=["year"])
    (told,) = [record.getMessage() for record in caplog.records]
    assert "table.csv, environments: 'North' and 'north' differ in spelling alone (such" in told
    caplog.clear()
    lines_of(table, table.samples, covariates=["place"])
    assert "column 'place': 'North' and 'north' differ" in caplog.text
