"""A user's mistake ends with one readable line: no traceback, no result, exit status not 0."""

import gzip
import re
import shutil

import pytest
import yaml

HEADER = "##fileformat=VCFv4.2\n##contig=<ID=1>\n"
GT = '##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">\n'
COLUMNS = "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\t"
SAMPLES = [f"L{number}" for number in range(12)]


def vcf(samples=SAMPLES, fmt="GT", calls=None, records=30):
    lines = [HEADER + GT + COLUMNS + "\t".join(samples)]
    for record in range(records):
        row = calls or [
            ("0/0", "0/1", "1/1")[(record + 3 * n * n) % 3] for n in range(len(samples))
        ]
        lines.append("\t".join(["1", str(record + 1), ".", "A", "C", ".", ".", ".", fmt, *row]))
    return "\n".join(lines) + "\n"


def traits(rows=None, header="sample\tyield"):
    rows = rows or [f"{name}\t{n * n % 7 + n / 10}" for n, name in enumerate(SAMPLES)]
    return "\n".join([header, *rows]) + "\n"


def flat(value):
    return traits([f"{name}\t{value}" for name in SAMPLES])


GOOD_VCF, GOOD_TRAITS = vcf(), traits()

CASES = {
    "no such genotypes": ({"genotypes.vcf": None}, {}, r"genotypes\.vcf: no such file"),
    "not genotypes": (
        {"genotypes.vcf": "GIF89a\0\0"},
        {},
        r"genotypes\.vcf is no file of genotypes",
    ),
    "not a VCF": ({"genotypes.vcf": "a,b\n1,2\n"}, {}, r"genotypes\.vcf is not a VCF"),
    "truncated gzip": (
        {"genotypes.vcf": gzip.compress(vcf(records=3000).encode())[:-300]},
        {},
        r"genotypes\.vcf.*(truncated|ends early|cut)",
    ),
    "no GT": ({"genotypes.vcf": vcf(fmt="DP", calls=["3"] * 12)}, {}, r"genotypes\.vcf.*GT"),
    "no sample in common": (
        {"genotypes.vcf": vcf(samples=[f"X{n}" for n in range(12)])},
        {},
        r"none of its 12 lines is in .*'L0'.*'X0'",
    ),
    "duplicated sample in the VCF": (
        {"genotypes.vcf": vcf(samples=["L0", *SAMPLES[:-1]])},
        {},
        r"genotypes\.vcf.*L0.*twice",
    ),
    "a record with too few columns": (
        {"genotypes.vcf": GOOD_VCF.rsplit("\t", 1)[0] + "\n"},
        {},
        r"genotypes\.vcf, line 34.*columns",
    ),
    "no such trait table": ({"traits.tsv": None}, {}, r"traits\.tsv: no such file"),
    "duplicated sample in the table": (
        {"traits.tsv": GOOD_TRAITS + "L0\t1\n"},
        {},
        r"traits\.tsv: sample 'L0' stands twice",
    ),
    "trait missing": ({}, {"traits": ["yeild"]}, r"no column 'yeild'; did you mean 'yield'"),
    "trait not numeric": (
        {"traits.tsv": GOOD_TRAITS.replace("L5\t", "L5\tabout ")},
        {},
        r"traits\.tsv, line 7, column 'yield' \(sample 'L5'\): 'about .*' is not a number",
    ),
    "trait all missing": (
        {"traits.tsv": flat("NA")},
        {"traits": ["yield"]},
        r"column 'yield': every value is missing",
    ),
    "trait constant": ({"traits.tsv": flat("4.2")}, {}, r"all 12 genotyped lines have the value 4"),
    "fewer lines than folds": (
        {},
        {"validation": {"folds": 20}},
        r"12 lines .* too few for 20 folds",
    ),
    "unknown model": ({}, {"models": {"gbulp": {}}}, r"'gbulp'; did you mean 'gblup'"),
    "unknown key": ({}, {"trait": ["yield"]}, r"unknown key 'trait'; did you mean 'traits'"),
    "no marker left": (
        {"genotypes.vcf": vcf(calls=["0/0"] * 12)},
        {},
        r"genotypes\.vcf.*no marker",
    ),
    "a candidate without genotypes": (
        {"candidates.txt": "L0\nNobody\n"},
        {"candidates": "candidates.txt"},
        r"candidates\.txt, line 2: candidate 'Nobody' cannot be predicted",
    ),
}


@pytest.fixture(scope="module")
def workflow(make_workflow):
    return make_workflow()


@pytest.fixture(scope="module")
def tried(workflow, tmp_path_factory):
    """A folder in which the environments were tried, which takes longer than most mistakes."""
    folder = tmp_path_factory.mktemp("tried")
    write(folder, {}, {})
    name = "checkpoints/results/.environment_models"
    run = workflow.run("--notemp", "--configfile", "config.yaml", "--", name, directory=folder)
    assert run.status == 0, run.output
    return folder


@pytest.fixture
def run_on(workflow, tried, tmp_path):
    """A function that plans the trait from these files, by GBLUP with these changes."""

    def run(files, changes):
        shutil.copytree(tried, tmp_path, dirs_exist_ok=True)
        write(tmp_path, files, changes)
        arguments = ("--configfile", "config.yaml", "--", "results/yield/plan.tsv")
        return workflow.run(*arguments, directory=tmp_path)

    return run


def write(folder, files, changes):
    """These files, the good ones where they are not given; None is no file."""
    for name, content in ({"genotypes.vcf": GOOD_VCF, "traits.tsv": GOOD_TRAITS} | files).items():
        path = folder / name
        path.unlink(missing_ok=True)
        if content is not None:
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
    config = {
        "genotypes": {"path": "genotypes.vcf"},
        "phenotypes": {"path": "traits.tsv"},
        "validation": {"folds": 2, "repeats": 1, "inner_folds": 2},
        "models": {"gblup": {}},
    }
    (folder / "config.yaml").write_text(yaml.safe_dump(config | changes))


@pytest.mark.parametrize("case", CASES)
def test_a_mistake_ends_with_one_readable_line(run_on, tmp_path, case):
    files, changes, line = CASES[case]
    run = run_on(files, changes)
    assert run.status != 0
    assert "Traceback" not in run.output
    said = [text for text in run.output.splitlines() if re.search(line, text)]
    assert len(said) == 1, run.output
    assert not list(tmp_path.glob("results/**/plan.tsv"))


def test_the_same_files_without_a_mistake_run(run_on, tmp_path):
    run = run_on({}, {})
    assert run.status == 0, run.output
    assert "check_environment" not in run.jobs
    assert (tmp_path / "results" / "yield" / "plan.tsv").is_file()
