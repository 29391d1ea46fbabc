import gzip
import logging

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression
from sklearn.preprocessing import OneHotEncoder

from breedcast.errors import UserError
from breedcast.files import read_table, write_table
from breedcast.phenotypes.clean import (
    clean_phenotypes,
    read_candidates,
    warn_of_missing_codes,
)
from breedcast.phenotypes.conditions import read_conditions
from breedcast.phenotypes.covariates import (
    Covariates,
    FixedEffects,
    at_average,
    covariate_columns,
    full_rank_columns,
    not_of_candidates,
)
from breedcast.phenotypes.hybrids import read_candidate_crosses
from breedcast.phenotypes.in_environments import in_environments
from breedcast.phenotypes.line_values import line_table
from breedcast.phenotypes.table import read_phenotypes
from breedcast.selection.linkage import read_map
from breedcast.validation.own_file import read_own_plan


def write(tmp_path, text, name="p.tsv"):
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


@pytest.mark.parametrize(
    "text",
    [
        "sample\tyield\tnote\nL1\t1.5\tx\nL2\tNA\ty\n",
        "Taxa,yield,note\r\nL1, 1.5,x\r\nL2,,y\r\n",
        "\ufeffid;yield;note\nL1;1.5;x\n\nL2;.;y\n",
        "sep=;\n#id;yield;note\nL1;1.5;x\nL2;NA;y\n",
    ],
)
def test_tables_of_tabs_commas_and_semicolons_read_alike(tmp_path, text):
    table = read_phenotypes(write(tmp_path, text))
    assert table.samples == ["L1", "L2"]
    assert table.columns == ["yield", "note"]
    np.testing.assert_array_equal(table.numbers("yield"), [1.5, np.nan])
    assert table.text("note") == ["x", "y"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("sample\ty\nL1\t1\nL1\t2\n", "sample 'L1' stands twice"),
        ("sample\ty\ty\nL1\t1\t2\n", "line 1: column 'y' stands twice"),
        ("sample\ty\nL1\t1\nL2\t1\t2\n", "line 3: 3 fields where the header has 2"),
        ("y\tz\nL1\t1\t2\n", "and quote what holds a separator; of R, write.table needs col.names"),
        ("# field 3, 2024\nline;y\nL1;1\n", "line 1: '# field 3' seems to be a comment where the"),
        ("\n# field 3\nline;y\nL1;1\n", "line 2: '# field 3' seems to be a comment where the col"),
        ("sample\ty\n\t1\n", "line 2: no line name in the first column"),
        ("sample\ty\n", "the table has no rows"),
        (
            "sample y\nL1 1\n",
            "line 1: one column only; separate the columns by tabs, semicolons or",
        ),
        ("sample;;\nL1;;\n", "line 1: one column only"),
        ("sample;y;;\nL1;1;;\nL2;1;;x\n", "line 3: 'x' stands in a column without a name; name it"),
        ("sample;;y\nL1;2;1\n", "line 2: '2' stands in a column without a name; name it in line 1"),
        ("sample;y;;\nL1\n", "line 2: 1 fields where the header has 4; give each column one, NA"),
        ("L1;48,08;NA\nL2;47;99\n", "line 1: 48,08, NA seem to be values where the columns' names"),
        (b"sample\ty\nL\xe91\t1\n", "byte 10 is not UTF-8"),
        (b"\x89PNG\0\0\t\n1\t2\n", "is not UTF-8"),
        ("sample\ty\nL\0\t1\n", "not a text table"),
    ],
)
def test_a_broken_table_is_refused_in_one_line(tmp_path, text, message):
    path = write(tmp_path, text)
    with pytest.raises(UserError) as error:
        read_phenotypes(path)
    assert str(error.value).startswith(str(path))
    assert message in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "text",
    [
        "line;yield;days;;\nL1;48.08;103;;\nL2;47;99\n",
        "line\tyield\tdays\t\nL1\t48.08\t103\t\nL2\t47\t99\t\n",
        ",yield,,days,\nL1,48.08,,103,\nL2,47,,99,\n",
    ],
)
def test_empty_columns_without_a_name_are_passed_over(tmp_path, text):
    table = read_phenotypes(write(tmp_path, text))
    assert table.columns == ["yield", "days"]
    assert table.rows == [["48.08", "103"], ["47", "99"]]


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        ("line;yield t,ha\nL1;48,08\n", ["yield t,ha"]),
        ("line;yield,t,ha\nL1;48,08\n", ["yield,t,ha"]),
        ("line\tyield, t; ha\nL1\t48\n", ["yield, t; ha"]),
        ('line,"yield;t;ha",days\nL1,1,2\n', ["yield;t;ha", "days"]),
        ("\n\nline,yield\tkg,days\nL1,1,2\n", ["yield\tkg", "days"]),
        ('line\t"of two\nlines"\nL1\t2\n', ["of twolines"]),
    ],
)
def test_the_separator_is_what_splits_header_and_rows_alike(tmp_path, text, columns):
    assert read_phenotypes(write(tmp_path, text)).columns == columns


def test_the_separator_is_what_splits_a_header_into_most_fields(tmp_path):
    with pytest.raises(UserError, match="line 2: 2 fields where the header has 3"):
        read_phenotypes(write(tmp_path, "line;yield t,ha;days\nL1;1\n"))


def test_columns_may_be_called_by_years(tmp_path):
    table = read_phenotypes(write(tmp_path, "line,2023,2024\nL1,48.08,47\n"))
    assert table.columns == ["2023", "2024"]


@pytest.mark.parametrize(
    ("start", "message"),
    [
        (b"PK\x03\x04\x14\0", "is an Excel workbook or a zip archive: save the sheet as CSV"),
        (b"\xd0\xcf\x11\xe0\xa1", "is an Excel workbook: save the sheet as CSV"),
        (gzip.compress(b"sample,yield\n"), "is packed by gzip: unpack it: gunzip FILE"),
        ("sample,yield\n".encode("utf-16"), "is UTF-16: save it as UTF-8"),
    ],
    ids=["xlsx", "xls", "gz", "utf-16"],
)
def test_a_workbook_or_a_packed_table_is_called_so(tmp_path, start, message):
    with pytest.raises(UserError, match=rf"p\.tsv {message}"):
        read_phenotypes(write(tmp_path, start))


@pytest.mark.parametrize(
    ("read", "key"),
    [
        (read_phenotypes, "phenotypes: path"),
        (read_map, "selection: crosses: map"),
        (lambda path: read_conditions(path, []), "phenotypes: environment_covariates"),
        (lambda path: read_candidate_crosses(path, {}), "candidates"),
        (read_own_plan, "validation: plan"),
    ],
)
def test_no_such_table(read, key):
    with pytest.raises(UserError, match=f"no such file; set {key} in the config to the table"):
        read("nowhere.tsv")


@pytest.mark.parametrize("value", ["n.d.", "1,2,3", "1e999", "inf", "--"])
def test_what_is_not_a_number_is_named_with_its_place(tmp_path, value):
    table = read_phenotypes(write(tmp_path, f"sample\tyield\nL1\t2\n\nL2\t{value}\n"))
    with pytest.raises(UserError, match=r"p\.tsv, line 4, column 'yield' \(sample 'L2'\)"):
        table.numbers("yield")


@pytest.mark.parametrize("separator", ["\t", ";"])
def test_decimal_commas_are_read_where_they_do_not_separate(tmp_path, separator):
    text = "line;yield;days;oil;note\nL1;48,08;103;0,125;1,5 kg\nL2;NA;99;-1,250;x\n"
    table = read_phenotypes(write(tmp_path, text.replace(";", separator)))
    assert [it for it in table.columns if table.holds_numbers(it)] == ["yield", "days", "oil"]
    np.testing.assert_array_equal(table.numbers("yield"), [48.08, np.nan])
    np.testing.assert_array_equal(table.numbers("oil"), [0.125, -1.25])
    assert table.text("yield") == ["48,08", None]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ("48,08 47.1", r"line 3, column 'yield': '47\.1' has a point where '48,08' has a comma"),
        ("950 1,234", "line 3, column 'yield': the comma of '1,234' may be a decimal one or sep"),
        ("1.234,56 1,5", r"line 2, column 'yield' .*: '1\.234,56' is not a number; write numbers"),
        ("1,234.5 1,234,567", r"line 2, column 'yield' .*: '1,234\.5' is not a number"),
        ("48,08 n.d.", "line 3, column 'yield' .*: 'n.d.' is not a number"),
    ],
)
def test_commas_that_may_mean_two_things_are_refused_and_no_trait_vanishes(
    tmp_path, values, message
):
    rows = "".join(f"L{n};{value}\n" for n, value in enumerate(values.split()))
    table = read_phenotypes(write(tmp_path, f"line;yield\n{rows}"))
    assert table.holds_numbers("yield")
    with pytest.raises(UserError, match=message) as error:
        table.numbers("yield")
    assert "\n" not in str(error.value)


def test_tables_that_are_made_of_others_keep_their_decimal_commas(tmp_path):
    text = "line;field;age;north;south\nL1;a;2,5;1,5;7\nL2;b;3,5;2;8,25\n"
    wide = read_phenotypes(write(tmp_path, text))
    melted = in_environments(wide, {"yield": ["north", "south"]})
    assert melted.numbers("yield") == [1.5, 7, 2, 8.25]
    means = pd.DataFrame({"sample": ["L1", "L2"], "environment": None, "value": 1.125, "weight": 1})
    made, _ = line_table(wide, means, "north", ["age"])
    assert (made.numbers("age"), made.numbers("north")) == ([2.5, 3.5], [1.125, 1.125])
    rain = write(tmp_path, "environment;rain\nnorth;3,5\nsouth;4\n", "rain.csv")
    assert read_conditions(rain, ["north", "south"])["rain"] == {"north": 3.5, "south": 4.0}


def test_decimal_commas_stand_in_quotes_where_commas_separate(tmp_path):
    table = read_phenotypes(write(tmp_path, 'line,yield,days\nL1,"48,08",103\nL2,"47,1",99\n'))
    assert table.numbers("yield") == [48.08, 47.1]


@pytest.mark.parametrize(
    ("rows", "line"),
    [
        (['L1\t"tall\t1', "L2\tx\t2", "L3\ty\t3"], 2),
        (["L1\tx\t1", 'L2\t"tall\t2', 'L3\ty"\t3', "L4\tz\t4"], 3),
        (["L1\tx\t1", '"L2\tx\t2', "L3\ty\t3"], 3),
        (['L1\t"a"b\t1', "L2\tx\t2"], 2),
    ],
)
def test_a_quote_that_is_not_closed_swallows_no_lines(tmp_path, rows, line):
    text = "\n".join(["sample\tnote\tyield", *rows, ""])
    with pytest.raises(UserError, match=f"line {line}: a cell begins with a quote"):
        read_phenotypes(write(tmp_path, text))


def test_quotes_within_cells_and_line_breaks_in_a_name_are_read(tmp_path):
    text = 'sample,"yield\n(t/ha)",note\nL1,1,5" tall\nL2,2,"say ""x"""\n'
    table = read_phenotypes(write(tmp_path, text))
    assert table.columns == ["yield(t/ha)", "note"]
    assert table.text("note") == ['5" tall', 'say "x"']


@pytest.mark.parametrize(
    "values", ["4.5 kg|5 kg", "12%|3 %", "1 200|1 310", "1'200|1'900", "\u22123|\u22121.5"]
)
def test_a_column_of_numbers_in_disguise_is_no_column_of_text(tmp_path, values):
    rows = "".join(f"L{n}\t{n}\t{value}\n" for n, value in enumerate(values.split("|")))
    table = read_phenotypes(write(tmp_path, f"sample\tdays\tyield\n{rows}"))
    with pytest.raises(UserError, match=r"line 2, column 'yield': .* is not a number, nor is any"):
        table.refuse_numbers_in_disguise("yield")
    table.refuse_numbers_in_disguise("days")


@pytest.mark.parametrize(
    "values", ["yes|no", "2023-05-01|2023-05-02", "01.05.2023|02.05.2023", "12a|13b", "NA|NA"]
)
def test_dates_words_and_codes_are_text(tmp_path, values):
    rows = "".join(f"L{n}\t{value}\n" for n, value in enumerate(values.split("|")))
    table = read_phenotypes(write(tmp_path, f"sample\tyield\n{rows}"))
    table.refuse_numbers_in_disguise("yield")
    assert not table.holds_numbers("yield")


def test_underscores_and_digits_of_other_scripts_are_no_numbers(tmp_path):
    table = read_phenotypes(write(tmp_path, "sample\ttrial\tyield\nL1\t1_1\t\u0661\u0662\n"))
    assert not table.holds_numbers("trial")
    assert not table.holds_numbers("yield")


def test_words_for_missing_values_are_known_in_numbers_and_in_text(tmp_path):
    words = ["NA", "na", "NaN", "N/A", "#N/A", "NULL", "null", "-", "."]
    rows = "".join(f"L{n}\t{word}\t{word}\n" for n, word in enumerate(words))
    table = read_phenotypes(write(tmp_path, f"sample\tyield\tfamily\n{rows}-\t1\tnone\n"))
    np.testing.assert_array_equal(table.numbers("yield"), [np.nan] * len(words) + [1])
    assert table.text("family") == [None] * len(words) + ["none"]
    assert table.samples[-1] == "-"


def test_points_that_may_mean_thousands_are_refused_where_others_have_commas(tmp_path):
    text = "line;yield;h;days\nL1;950;5,1;100.125\nL2;1.234;4;99.5\nL3;1.111;NA;98\n"
    table = read_phenotypes(write(tmp_path, text))
    with pytest.raises(UserError) as error:
        table.numbers("yield")
    assert "line 3, column 'yield': the point of '1.234' may be" in str(error.value)
    assert "as '5,1' in column 'h' has a decimal comma" in str(error.value)
    assert table.numbers("days") == [100.125, 99.5, 98]
    without = read_phenotypes(write(tmp_path, text.replace("5,1", "5.1")))
    assert without.numbers("yield") == [950, 1.234, 1.111]


#: Lines that let the table's lines have covariates.
MORE = ["M1", "M2", "M3", "M4"]


@pytest.fixture
def table(tmp_path):
    text = (
        "sample\tyield\tflat\tnone\tfamily\tyear\n"
        "M1\t4\t1\tNA\tA\t2020\n"
        "M2\t5\t1\tNA\tA\t2020\n"
        "M3\t6\t1\tNA\tA\t2020\n"
        "M4\t8\t1\tNA\tA\t2020\n"
        "L3\t3\t1\tNA\tA\t2020\n"
        "L1\t1\t1\tNA\tB\t2021\n"
        "L9\t9\t1\tNA\tB\t2021\n"
        "L2\tNA\t1\tNA\tA\tNA\n"
        "L7\t7\t2\tNA\tA\t2020\n"
    )
    return read_phenotypes(write(tmp_path, text))


def test_lines_train_wait_or_are_named_as_dropped(table):
    cleaned = clean_phenotypes(
        table,
        "yield",
        ["family", "year"],
        None,
        genotyped=["L1", "L2", "L3", "L4", *MORE],
        excluded={"L7": "missing calls"},
        candidate_names=None,
    )
    lines = cleaned.lines
    # the table's order, then the VCF's
    assert lines["sample"].tolist() == [*MORE, "L3", "L1", "L2", "L4"]
    lines = lines.iloc[len(MORE) :]
    np.testing.assert_array_equal(lines["value"], [3, 1, np.nan, np.nan])
    assert lines["family"].tolist()[:3] == ["A", "B", "A"]
    assert pd.isna(lines["family"].iloc[3])
    np.testing.assert_array_equal(lines["year"], [2020, 2021, np.nan, np.nan])
    assert dict(cleaned.dropped.itertuples(index=False)) == {
        "L9": "not in the genotypes",
        "L7": "missing calls",
    }


def test_named_candidates_alone_are_predicted(table, caplog):
    with caplog.at_level(logging.WARNING):
        cleaned = clean_phenotypes(
            table, "yield", [], None, ["L1", "L2", "L3", "L4"], {}, candidate_names=["L4", "L1"]
        )
    assert cleaned.lines["sample"].tolist() == ["L3", "L1", "L4"]
    assert "are not ranked: 1, the first 'L1'" in caplog.text
    assert ("L2", "no value, and not among the named candidates") in list(
        cleaned.dropped.itertuples(index=False, name=None)
    )


@pytest.mark.parametrize(
    ("trait", "genotyped", "message"),
    [
        ("none", ["L1"], "every value is missing"),
        ("yield", ["X1"], "none of its 8 lines with a value is genotyped"),
        ("flat", ["L1", "L3"], "all 2 genotyped lines have the value 1"),
    ],
)
def test_a_trait_that_cannot_be_analysed_is_refused(table, trait, genotyped, message):
    with pytest.raises(UserError, match=message):
        clean_phenotypes(table, trait, [], None, genotyped, {}, None)


def with_covariates(tmp_path, lines, families):
    rows = "".join(f"L{n}\t{n}\tF{n % families}\t{n * n}\n" for n in range(lines))
    return read_phenotypes(write(tmp_path, f"sample\tyield\tfamily\tage\n{rows}"))


@pytest.mark.parametrize(
    "name", ["weight", "value", "sample", "environment", "female", "parent", "left_out", '12" up']
)
def test_covariates_may_be_called_as_columns_of_breedcast_are(tmp_path, name):
    quoted = name.replace('"', '""')
    rows = "".join(f"L{n},{n * n},{'NA' if n == 3 else n}\n" for n in range(8))
    table = read_phenotypes(write(tmp_path, f'line,yield,"{quoted}"\n{rows}'))
    cleaned = clean_phenotypes(table, "yield", [name], None, table.samples, {}, None)
    write_table(cleaned.lines, tmp_path / "phenotypes.tsv")
    lines = read_table(tmp_path / "phenotypes.tsv")
    (column,) = covariate_columns(lines)
    np.testing.assert_array_equal(lines[column], [0, 1, 2, np.nan, 4, 5, 6, 7])
    assert lines["sample"].tolist() == table.samples
    assert lines["weight"].tolist() == [1.0] * 8
    lines.loc[7, "value"] = np.nan
    assert not_of_candidates(at_average(lines, None)) == [column]
    assert not_of_candidates(at_average(lines, name)) == []


@pytest.mark.parametrize("lines", [11, 12])
def test_covariates_need_two_lines_for_each_effect(tmp_path, lines):
    table = with_covariates(tmp_path, lines, families=5)  # 4 effects, 1 of age and the mean
    arguments = (table, "yield", ["family", "age"], None, table.samples, {}, None)
    if lines == 12:
        assert len(clean_phenotypes(*arguments).lines) == 12
        return
    with pytest.raises(UserError) as error:
        clean_phenotypes(*arguments)
    assert "column 'yield': 11 genotyped lines with a value are too few for 6 effects" in str(
        error.value
    )
    assert "covariates 'family' (5 groups), 'age' (numbers): there" in str(error.value)
    assert "\n" not in str(error.value)


def test_covariates_that_do_not_vary_need_no_lines(tmp_path):
    table = read_phenotypes(write(tmp_path, "sample,yield,family\nL1,1,A\nL2,2,A\n"))
    assert (
        len(clean_phenotypes(table, "yield", ["family"], None, ["L1", "L2"], {}, None).lines) == 2
    )


def test_weights_are_those_of_the_column_with_mean_one(tmp_path):
    text = "sample\tyield\tplots\nL1\t3\t1\nL2\t4\t3\nL3\tNA\tNA\nL4\t5\tNA\n"
    table = read_phenotypes(write(tmp_path, text))
    cleaned = clean_phenotypes(table, "yield", [], "plots", ["L1", "L2", "L3"], {}, None)
    assert cleaned.lines["weight"].tolist() == [0.5, 1.5, 1.0]
    with pytest.raises(UserError, match=r"column 'plots': line 'L4' has a value but no weight"):
        clean_phenotypes(table, "yield", [], "plots", ["L1", "L4"], {}, None)


def test_numbers_that_may_stand_for_missing_ones_are_told(tmp_path, caplog):
    values = [*range(100, 120), -999, -999, 9999, -9]
    rows = "".join(
        f"L{n},{value},F,{value % 7},{-9 if n == 3 else n}\n" for n, value in enumerate(values)
    )
    table = read_phenotypes(write(tmp_path, f"line,yield,family,score,near\n{rows}"))
    warn_of_missing_codes(table, table.columns)
    lines = [record.getMessage() for record in caplog.records]
    assert [line.partition("column ")[2].partition(",")[0] for line in lines] == [
        "'yield': -9 stands 1 times",
        "'yield': -999 stands 2 times",
        "'yield': 9999 stands 1 times",
    ]
    assert "('L20', 'L21'): if it means that a value is missing, write NA" in lines[1]


def test_codes_alone_are_values(tmp_path, caplog):
    table = read_phenotypes(write(tmp_path, "line,yield\nL1,-9\nL2,999\n"))
    warn_of_missing_codes(table, ["yield"])
    assert not caplog.records


@pytest.mark.parametrize(("code", "far"), [(-9, False), (-999, True)])
def test_codes_among_scores_are_far_by_their_range(tmp_path, caplog, code, far):
    rows = "".join(f"L{n},{1 if n < 30 else n - 29}\n" for n in range(38))
    table = read_phenotypes(write(tmp_path, f"line,score\n{rows}X,{code}\n"))
    warn_of_missing_codes(table, ["score"])
    assert bool(caplog.records) == far


def test_candidate_names_must_be_genotyped(tmp_path):
    path = write(tmp_path, "L1\n\nL7\n", "candidates.txt")
    with pytest.raises(UserError, match=r"line 3: candidate 'L7' .*: missing calls"):
        read_candidates(path, {"L1"}, {"L7": "missing calls"})
    assert read_candidates(path, {"L1", "L7"}, {}) == ["L1", "L7"]


def test_a_file_without_candidates_is_refused(tmp_path):
    path = write(tmp_path, "\n \n", "candidates.txt")
    with pytest.raises(UserError, match="holds no name: write one a row, or take the key out"):
        read_candidates(path, {"L1"}, {})


def test_fixed_effects_equal_scikit_learn():
    rng = np.random.default_rng(1)
    frame = pd.DataFrame(
        {"family": rng.choice(list("ABC"), 60), "age": rng.normal(5, 2, 60), "one": np.ones(60)}
    )
    value = rng.normal(size=60) + frame["age"] + (frame["family"] == "B") * 3
    fixed = FixedEffects.fit(frame, value.to_numpy())
    encoder = OneHotEncoder(drop="first").fit(frame[["family"]])

    def design(rows):
        return np.hstack([encoder.transform(rows[["family"]]).toarray(), rows[["age"]]])

    expected = LinearRegression().fit(design(frame), value)
    new = pd.DataFrame({"family": list("CAB"), "age": [1.0, 9.0, 4.0], "one": 1.0})
    np.testing.assert_allclose(fixed.predict(new), expected.predict(design(new)), rtol=1e-10)


def test_fixed_effects_heed_weights():
    rng = np.random.default_rng(1)
    frame, value, weight = pd.DataFrame({"age": rng.normal(size=30)}), *rng.random((2, 30))
    fixed = FixedEffects.fit(frame, value, weight)
    oracle = LinearRegression().fit(frame, value, sample_weight=weight)
    np.testing.assert_allclose(fixed.predict(frame), oracle.predict(frame))


def test_an_unknown_level_and_a_missing_number_count_as_average():
    frame = pd.DataFrame({"family": ["A", "A", "B", "B"], "age": [1.0, 2.0, 1.0, 2.0]})
    fixed = FixedEffects.fit(frame, np.array([0.0, 1.0, 10.0, 11.0]))
    unknown = pd.DataFrame({"family": ["Z", None], "age": [np.nan, np.nan]})
    np.testing.assert_allclose(fixed.predict(unknown), [5.5, 5.5])


def test_group_means_are_the_baseline():
    frame = pd.DataFrame({"family": ["A", "A", "B", "B", "B"]})
    value = np.array([1.0, 3.0, 5.0, 6.0, 10.0])
    fixed = FixedEffects.fit(frame, value)
    np.testing.assert_allclose(fixed.predict(pd.DataFrame({"family": ["A", "B"]})), [2.0, 7.0])


def test_dependent_columns_are_left_out_from_the_right():
    X = np.array([[1.0, 2, 0, 1], [1, 2, 1, 0], [1, 2, 0, 1], [1, 2, 3, -2]])
    assert full_rank_columns(X).tolist() == [0, 2]
    assert Covariates.fit(pd.DataFrame(index=range(3))).design(
        pd.DataFrame(index=range(2))
    ).shape == (2, 0)


def test_candidates_are_average_in_all_covariates_but_their_family():
    lines = pd.DataFrame(
        {
            "sample": ["a", "b", "c"],
            "environment": None,
            "value": [1.0, 2.0, np.nan],
            "weight": 1.0,
            "trial": ["N", "S", "N"],
            "age": [3.0, 4.0, 5.0],
            "family": ["x", "y", "y"],
        }
    )
    blank = at_average(lines, "family")
    assert blank["trial"].tolist()[:2] == ["N", "S"]
    assert blank.loc[2, ["trial", "age"]].isna().all()
    assert blank["family"].tolist() == ["x", "y", "y"]
    assert not_of_candidates(blank) == ["trial", "age"]
    assert not_of_candidates(at_average(lines, None)) == ["trial", "age", "family"]
    effects = FixedEffects.fit(blank[["trial", "age"]][:2], np.array([1.0, 2.0]))
    assert effects.predict(blank[["trial", "age"]])[2] == pytest.approx(1.5)
