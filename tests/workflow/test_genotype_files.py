"""Two genotyping campaigns, a PLINK file of the trials and a HapMap file of the candidates."""

import gzip

import numpy as np
import pytest
import yaml
from bed_reader import to_bed

from breedcast.files import read_parquet, read_table
from breedcast.genotypes.store import read_codes

TRIED, CANDIDATES, MARKERS = 40, 8, 50
SWAPPED, ABSENT = 3, 7


@pytest.fixture(scope="module")
def run(make_workflow, tmp_path_factory):
    folder = tmp_path_factory.mktemp("campaigns")
    rng = np.random.default_rng(5)
    dosage = rng.binomial(2, 0.4, (TRIED + CANDIDATES, MARKERS))
    names = [f"L{number}" for number in range(TRIED + CANDIDATES)]
    write_plink(folder / "trials.bed", names[:TRIED], dosage[:TRIED])
    write_hapmap(folder / "candidates.hmp.txt.gz", names[TRIED:], dosage[TRIED:])
    value = dosage[:TRIED, :5].sum(axis=1) + rng.normal(0, 0.5, TRIED)
    rows = [f"{name}\t{it:.3f}" for name, it in zip(names, value, strict=False)]
    (folder / "trial.tsv").write_text("\n".join(["line\tyield", *rows]) + "\n")
    config = {
        "genotypes": {"path": ["trials.bed", "candidates.hmp.txt.gz"]},
        "phenotypes": {"path": "trial.tsv"},
        "validation": {"folds": 2, "repeats": 1, "inner_folds": 2},
        "control": {"permutations": 0},
        "models": {"gblup": {}},
    }
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    workflow = make_workflow()
    finished = workflow.run("results/report.html", "--configfile", "config.yaml", directory=folder)
    assert finished.status == 0, finished.output
    return workflow, folder, dosage, names


def write_plink(path, names, dosage):
    properties = {
        "iid": names,
        "chromosome": ["1"] * MARKERS,
        "bp_position": range(1, MARKERS + 1),
        "sid": [f"m{number}" for number in range(MARKERS)],
        "allele_1": ["C"] * MARKERS,
        "allele_2": ["A"] * MARKERS,
    }
    to_bed(path, dosage.astype(np.float32), properties=properties)


def write_hapmap(path, names, dosage):
    """One marker names its alleles the other way round, one is not there."""
    columns = "rs# alleles chrom pos strand assembly# center protLSID assayLSID panelLSID QCcode"
    rows = ["\t".join([*columns.split(), *names])]
    for marker, column in enumerate(dosage.T):
        alleles = "C/A" if marker == SWAPPED else "A/C"
        calls = [("AA", "AC", "CC")[copies] for copies in column]
        if marker != ABSENT:
            rows.append("\t".join([f"m{marker}", alleles, "chr1", str(marker + 1), *"......."]))
            rows[-1] += "\t" + "\t".join(calls)
    path.write_bytes(gzip.compress(("\n".join(rows) + "\n").encode()))


def test_the_campaigns_are_one_matrix(run):
    _, folder, dosage, names = run
    codes = read_codes(folder / "results" / "genotypes" / "codes.zarr")
    assert codes.samples == names
    expected = np.delete(dosage, ABSENT, axis=1)
    assert (codes.codes == expected).all()
    changes = read_table(folder / "results" / "genotypes" / "joined_markers.tsv")
    assert dict(zip(changes["id"], changes["action"], strict=True)) == {
        f"m{SWAPPED}": "swapped",
        f"m{ABSENT}": "dropped",
    }


def test_the_candidates_are_predicted(run):
    _, folder, _, names = run
    predictions = read_parquet(folder / "results" / "yield" / "gblup" / "predictions.parquet")
    found = predictions.loc[predictions["role"] == "candidate", "sample"]
    assert found.tolist() == names[TRIED:]


def test_the_report_tells_of_both_files(run):
    _, folder, _, _ = run
    report = (folder / "results" / "report.html").read_text()
    for words in ("trials.bed", "trials.bim", "candidates.hmp.txt.gz", "joined_markers.tsv"):
        assert words in report


def test_an_edit_of_a_companion_reads_the_files_anew(run):
    workflow, folder, _, _ = run
    companion = folder / "trials.bim"
    companion.write_text(companion.read_text().replace("m0", "other0"))
    dry = workflow.run("-n", "--configfile", "config.yaml", directory=folder)
    assert dry.jobs["import_genotypes"] == 1
