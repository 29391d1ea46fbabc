"""What is run again after a change, and what is not: read from the dry run."""

import gzip
import os
from collections import Counter

import pytest
import yaml

TRAITS = ("yield", "height", "disease")
AFTER_TRAINING = Counter(
    score_models=3,
    combine_models=3,
    compare_models=3,
    rank_candidates=3,
    try_intervals=3,
    name_regions=3,
    render_figures=3,
    render_report=1,
    write_manifest=1,
)
REPORT = Counter(render_report=1, write_manifest=1)


@pytest.fixture
def dry_run(example):
    """A function that dry-runs the finished example, with the given config if there is one."""

    def run(*arguments, config=None):
        if config is not None:
            path = example.folder / "changed.yaml"
            path.write_text(yaml.safe_dump(config, sort_keys=False))
            arguments = (*arguments, "--configfile", path)
        finished = example.run("--dry-run", *arguments)
        assert finished.status == 0, finished.output
        return finished

    return run


@pytest.fixture
def config(example):
    return yaml.safe_load((example.folder / "config" / "config.yaml").read_text())


@pytest.fixture
def edit(example):
    """A function that appends a comment to a file of the package; undone after the test."""
    before = {}

    def append(path):
        file = example.folder / "workflow" / "breedcast" / path
        before[file] = file.read_bytes()
        file.write_bytes(before[file] + b"\n# edited\n")

    yield append
    for file, content in before.items():
        file.write_bytes(content)


def test_a_touched_file_or_a_comment_in_the_config_runs_nothing(example, dry_run):
    (example.folder / "resources" / "example" / "genotypes.vcf.gz").touch()
    with open(example.folder / "config" / "config.yaml", "a") as file:
        file.write("\n# a comment\n")
    assert not dry_run().jobs


def test_codes_that_were_made_again_run_the_manifest_alone(example, dry_run):
    """A folder has no checksum that Snakemake knows; its summary has."""
    codes = example.folder / "results" / "genotypes" / "codes.zarr"
    before = {path: path.stat() for path in (codes, codes / ".snakemake_timestamp")}
    try:
        for path in before:
            path.touch()
        assert dry_run().jobs == Counter(write_manifest=1)
    finally:
        for path, had in before.items():
            os.utime(path, ns=(had.st_atime_ns, had.st_mtime_ns))


def test_a_clock_that_jumps_runs_nothing(example, dry_run):
    """The inputs are from the future, as are those that were touched before the clock was set."""
    for path in (example.folder / "resources").rglob("*"):
        os.utime(path, (4e9, 4e9))
    assert not dry_run().jobs


@pytest.fixture
def table(example, config):
    """The rows of the trait table, and its path; as it was after the test."""
    path = example.folder / config["phenotypes"]["path"]
    before = path.read_text()
    yield [row.split("\t") for row in before.splitlines()], path
    path.write_text(before)


def test_a_trait_that_is_added_runs_its_own_jobs(dry_run, table):
    rows, path = table
    at = rows[0].index("yield")
    copied = [[*row, "again" if row is rows[0] else row[at]] for row in rows]
    path.write_text("\n".join(map("\t".join, copied)) + "\n")
    finished = dry_run()
    assert {trait for _, trait in finished.trained} == {"again"}
    assert finished.jobs["clean_phenotypes"] == finished.jobs["scan_association"] == 1
    assert "import_genotypes" not in finished.jobs


def test_a_value_that_is_changed_runs_its_trait(dry_run, table):
    rows, path = table
    rows[1][rows[0].index("height")] = "12.5"
    path.write_text("\n".join(map("\t".join, rows)) + "\n")
    assert {trait for _, trait in dry_run().trained} == {"height"}


def test_a_line_that_is_added_runs_every_trait(dry_run, table):
    rows, path = table
    path.write_text("\n".join(map("\t".join, [*rows, ["a_new_line", *rows[1][1:]]])) + "\n")
    finished = dry_run()
    assert {trait for _, trait in finished.trained} == set(TRAITS)
    assert "import_genotypes" not in finished.jobs


def test_a_line_that_is_added_to_the_genotypes_runs_everything(example, dry_run, config):
    path = example.folder / config["genotypes"]["path"]
    before = path.read_bytes()
    rows = gzip.decompress(before).decode().splitlines()
    added = [row if row.startswith("##") else f"{row}\t{row.split()[-1]}" for row in rows]
    header = next(index for index, row in enumerate(rows) if row.startswith("#CHROM"))
    added[header] = f"{rows[header]}\ta_new_line"
    try:
        path.write_bytes(gzip.compress("\n".join([*added, ""]).encode()))
        finished = dry_run()
    finally:
        path.write_bytes(before)
    assert {trait for _, trait in finished.trained} == set(TRAITS)
    assert finished.jobs["import_genotypes"] == 1
    assert finished.jobs["check_environment"] == 1


def test_genotypes_that_an_older_file_takes_the_place_of_run_everything(example, dry_run, config):
    """As `mv`, `cp -p` and tar leave it: its time is before that of what was made."""
    path = example.folder / config["genotypes"]["path"]
    before, times = path.read_bytes(), (path.stat().st_atime, path.stat().st_mtime)
    try:
        path.write_bytes(gzip.compress(gzip.decompress(before).replace(b"0/1", b"0/0", 1)))
        os.utime(path, (1e9, 1e9))
        finished = dry_run()
    finally:
        path.write_bytes(before)
        os.utime(path, times)
    assert finished.jobs["import_genotypes"] == 1
    assert {trait for _, trait in finished.trained} == set(TRAITS)


def test_the_order_of_keys_and_a_default_written_out_run_nothing(dry_run, config):
    config["filter"] = dict(reversed(config["filter"].items()))
    config["models"]["dnngp"] = {"input": "pca", **config["models"]["dnngp"]}
    assert not dry_run(config=config).jobs


@pytest.mark.parametrize("file", ["report/page.py", "../report/style.css"])
def test_editing_the_report_retrains_nothing(dry_run, edit, file):
    edit(file)
    assert dry_run().jobs == REPORT


def test_editing_how_figures_are_printed_draws_them_and_the_report_alone(dry_run, edit):
    edit("report/paper.py")
    assert dry_run().jobs == REPORT + Counter(render_figures=3)


def test_editing_a_model_retrains_it_alone(dry_run, edit):
    edit("models/dnngp.py")
    finished = dry_run()
    assert finished.trained == {("dnngp", trait) for trait in TRAITS}
    assert finished.jobs == AFTER_TRAINING + Counter(train_model=3)


def test_a_models_option_retrains_it_alone(dry_run, config):
    config["models"]["deepgs"]["epochs"] = 7
    finished = dry_run(config=config)
    assert finished.trained == {("deepgs", trait) for trait in TRAITS}
    assert finished.jobs == AFTER_TRAINING + Counter(train_model=3)


def test_how_missing_calls_are_filled_retrains_the_models(dry_run, config):
    config["imputation"] = "nearest"
    finished = dry_run(config=config)
    assert finished.trained == {(model, trait) for model in config["models"] for trait in TRAITS}
    count = 3 * len(config["models"])
    assert finished.jobs == AFTER_TRAINING + Counter(train_model=count)


def test_a_new_model_runs_its_training_and_the_aggregators(dry_run, config):
    config["models"]["deepgs_raw"] = {"model": "deepgs", "input": "one_hot", "epochs": 2}
    finished = dry_run(config=config)
    assert finished.trained == {("deepgs_raw", trait) for trait in TRAITS}
    assert finished.jobs == AFTER_TRAINING + Counter(train_model=3)


def test_one_trait_alone_needs_only_its_report(dry_run):
    assert dry_run("--config", "traits=[yield]").jobs == REPORT


def test_a_target_of_one_trait_runs_that_trait(dry_run, config):
    config["validation"]["seed"] = 1
    finished = dry_run("results/yield/comparison.tsv", config=config)
    assert {trait for _, trait in finished.trained} == {"yield"}
    assert finished.jobs["plan_validation"] == 1
    assert "import_genotypes" not in finished.jobs


def test_the_interval_changes_intervals_and_candidates_alone(dry_run, config):
    config["interval"] = 0.8
    jobs = REPORT + Counter(rank_candidates=3, try_intervals=3, render_figures=3)
    assert dry_run(config=config).jobs == jobs


def test_more_processes_run_nothing(dry_run, config):
    config["threads"] = 2
    assert not dry_run(config=config).jobs
