"""A user's own files: from another folder, with hostile names, covariates, tetraploid calls."""

from html import escape

import numpy as np
import pytest
import yaml

from breedcast.columns import trait_id
from breedcast.config import check_config
from breedcast.files import read_parquet, read_table

TRAITS = ["<script>alert(1)</script>", "../up 产量 {kg}"]
LINES = 48
CANDIDATES = ["=1+1", "a, b", "L" * 300, "小麦 <b>", "-5"]


@pytest.fixture(scope="module")
def run(make_workflow, tmp_path_factory):
    folder = tmp_path_factory.mktemp("own") / "my trials"
    folder.mkdir()
    rng = np.random.default_rng(3)
    measured = ["007", "NA", "Line 'A'", 'a"b', "🌾", "x, y"]
    plain = [f"L{n}" for n in range(LINES - len(measured) - len(CANDIDATES) - 1)]
    samples = [*measured, *plain, *CANDIDATES, "neither"]
    dosage = rng.binomial(4, 0.4, (LINES, 60))
    genetic = dosage[:, :6].sum(axis=1)
    (folder / "tetraploid.vcf").write_text(vcf(samples, dosage))
    rows = ["line,farm,year," + ",".join(TRAITS)]
    for index, sample in enumerate(samples[:-6]):
        farm, year = "NS"[index % 2], 2020 + index % 3
        values = [f"{genetic[index] + rng.normal(0, 0.5) + 5 * (farm == 'N'):.3f}" for _ in TRAITS]
        quoted = '"' + sample.replace('"', '""') + '"'
        rows.append(",".join([quoted, farm, str(year), *values]))
    (folder / "trial.csv").write_text("\n".join(rows) + "\n")
    (folder / "wanted.txt").write_text("\n".join(CANDIDATES) + "\n")
    config = {
        "genotypes": {"path": "tetraploid.vcf"},
        "phenotypes": {"path": "trial.csv", "covariates": ["farm", "year"]},
        "candidates": "wanted.txt",
        "directions": {TRAITS[1]: "low"},
        "validation": {"folds": 2, "repeats": 1, "inner_folds": 2, "keep_together": True},
        "models": {
            "baseline": {},
            "gblup": {},
            "deepgs": {"epochs": 2},
            "bayes": {"tune": {"trials": 2}},
        },
        "output": "the results",
    }
    (folder / "config.yaml").write_text(yaml.safe_dump(config, allow_unicode=True))
    finished = make_workflow().run("--configfile", "config.yaml", directory=folder)
    assert finished.status == 0, finished.output
    return folder, samples


def vcf(samples, dosage):
    header = [
        "##fileformat=VCFv4.2",
        "##contig=<ID=chr1>",
        '##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">',
        "\t".join(["#CHROM POS ID REF ALT QUAL FILTER INFO FORMAT".replace(" ", "\t"), *samples]),
    ]
    records = [
        "\t".join(
            ["chr1", str(100 * (marker + 1)), ".", "A", "C", ".", ".", ".", "GT"]
            + ["/".join("1" * copies + "0" * (4 - copies)) for copies in column]
        )
        for marker, column in enumerate(dosage.T)
    ]
    return "\n".join([*header, *records]) + "\n"


def test_everything_stays_in_the_output_folder(run):
    folder, _ = run
    assert sorted(path.name for path in folder.iterdir() if not path.name.startswith(".")) == [
        *("benchmarks", "checkpoints", "config.yaml", "logs", "tetraploid.vcf"),
        *("the results", "trial.csv", "wanted.txt"),
    ]
    assert not (folder.parent / "up").exists()
    assert {trait_id(trait) for trait in TRAITS} < {
        path.name for path in (folder / "the results").iterdir()
    }


def test_line_names_come_through(run):
    folder, samples = run
    results = folder / "the results" / trait_id(TRAITS[0])
    assert read_table(results / "phenotypes.tsv")["sample"].tolist() == samples[:-1]
    predicted = read_parquet(results / "gblup" / "predictions.parquet")
    assert set(predicted["sample"]) == set(samples[:-1])
    assert set(read_table(results / "candidates.tsv")["sample"]) == set(CANDIDATES)
    dropped = read_table(results / "dropped.tsv")
    assert dropped["sample"].tolist() == [samples[-1]]


def test_the_farm_is_predicted_by_the_baseline_and_the_genes_by_gblup(run):
    folder, _ = run

    def accuracy(model):
        scores = read_table(folder / "the results" / trait_id(TRAITS[0]) / model / "scores.tsv")
        return scores.loc[scores["metric"] == "pearson", "value"].mean()

    assert accuracy("baseline") > 0.5
    assert accuracy("gblup") > accuracy("baseline")


def test_a_tuned_models_trials_are_told_and_its_options_go_into_a_config(run, monkeypatch):
    folder, _ = run
    results = folder / "the results" / trait_id(TRAITS[0])
    studies = read_table(results / "bayes" / "studies.tsv")
    trials = studies.groupby(["repeat", "fold", "permutation"])["trial"].agg(list)
    assert trials.tolist() == [[0, 1]] * 5
    assert studies["value"].between(-1, 1).all()
    frozen = yaml.safe_load((results / "bayes" / "options.yaml").read_text())
    assert 0.002 <= frozen["large_share"] <= 0.1
    config = yaml.safe_load((folder / "config.yaml").read_text())
    monkeypatch.chdir(folder)  # the config names its files from there
    check_config(config | {"models": {"bayes": frozen}})
    assert read_table(results / "gblup" / "studies.tsv").empty
    assert yaml.safe_load((results / "deepgs" / "options.yaml").read_text()) == {"epochs": 2}


def test_hostile_names_are_text_on_the_page(run):
    folder, _ = run
    page = (folder / "the results" / "report.html").read_text()
    assert "<script>alert(1)" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    for name in CANDIDATES:
        assert escape(name) in page
    assert "<b>" not in page
