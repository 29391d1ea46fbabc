"""What the config's section `genotypes` makes of VCF and BCF, and several files as one."""

import gzip
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from breedcast.errors import UserError
from breedcast.files import read_table
from breedcast.genotypes import pieces
from breedcast.genotypes.importing import import_genotypes
from breedcast.genotypes.source import Reading
from breedcast.genotypes.store import Imported
from breedcast.genotypes.vcf import VcfSource
from tests.unit.vcf_files import HEADER_LINES, bgzip, gzipped, parse, record, vcf, write_bcf


def read(text: str, folder: Path, bcf: bool = False, **reading: Any) -> Imported:
    path = folder / "input.vcf"
    path.write_text(text)
    if bcf:
        write_bcf(text, path := folder / "input.bcf")
    import_genotypes([path], folder / "imported", Reading(**reading))
    return Imported(folder / "imported")


def dosages(source: Imported) -> list[list[int]]:
    return np.concatenate(list(source.blocks())).tolist()


SAMPLES = ["a", "b", "c"]
SEVERAL = vcf(
    SAMPLES,
    [
        record(["0/1", "1/1", "0/0"], position=1, name="snp"),
        record(["0/1", "1/2", "./."], position=2, name="two", alt="T,G"),
        record(["0/0", "2/2", "0/1"], position=3, alt="T,<DEL>"),
        record(["0/0", "1/1", "0/1"], position=4, name="indel", alt="AT"),
    ],
)


@pytest.mark.parametrize("bcf", [False, True])
def test_several_alternate_alleles(bcf: bool, tmp_path: Path) -> None:
    together = read(SEVERAL, tmp_path, bcf)
    assert dosages(together) == [[1, 2, 0], [1, 2, -1], [0, 2, 1], [0, 2, 1]]
    assert together.summary.counts["multi_allelic"] == 2
    apart = read(SEVERAL, tmp_path, bcf, multi_allelic="split")
    assert dosages(apart) == [
        [1, 2, 0],
        [1, 1, -1],
        [0, 1, -1],
        [0, 0, 1],
        [0, 2, 0],
        [0, 2, 1],
    ]
    assert apart.markers["id"].tolist() == [
        "snp",
        "two:T",
        "two:G",
        "chr1_3:T",
        "chr1_3:<DEL>",
        "indel",
    ]
    assert apart.markers["alt"].tolist() == ["T", "T", "G", "T", "<DEL>", "AT"]
    assert (apart.summary.counts["multi_allelic"], apart.summary.counts["without_id"]) == (2, 1)
    without = read(SEVERAL, tmp_path, bcf, multi_allelic="drop")
    assert without.markers["id"].tolist() == ["snp", "indel"]
    assert without.summary.counts == {"indels": 1, "multi_allelic_dropped": 2}


def test_splitting_equals_bcftools(tmp_path: Path, command: Any) -> None:
    (tmp_path / "input.vcf").write_text(SEVERAL)
    split = command("bcftools", "norm", "-m", "-any", tmp_path / "input.vcf")
    # bcftools leaves the other allele of 1/2 missing where we count it as not this one
    expected = parse(split.replace("1/.", "1/0").replace("./1", "0/1"))[1].tolist()
    assert dosages(read(SEVERAL, tmp_path, multi_allelic="split")) == expected


def test_kinds_that_are_left_out(tmp_path: Path) -> None:
    source = read(SEVERAL, tmp_path, leave_out=["indel", "symbolic"])
    assert source.markers["id"].tolist() == ["snp", "two"]
    assert source.summary.counts["other_variants"] == 2
    assert "indels" not in source.summary.counts
    split = read(SEVERAL, tmp_path, leave_out=["symbolic"], multi_allelic="split")
    assert split.markers["alt"].tolist() == ["T", "T", "G", "T", "AT"]


MIXED = vcf(
    SAMPLES,
    [
        record(["0/0", "0/1", "1/1"], position=1),
        record(["0", "1", "."], position=5, contig="MT"),
        record(["0/0", "0/1", "1/1"], position=6, contig="MT"),
        record(["0", "0/1", "1"], position=2, contig="X"),
    ],
).replace("##contig=<ID=chr1>", "##contig=<ID=chr1>\n##contig=<ID=MT>\n##contig=<ID=X>")


@pytest.mark.parametrize("bcf", [False, True])
def test_contigs_that_are_not_as_the_others(bcf: bool, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"1 allele, calls before it have 2: leave out the contig"):
        read(MIXED, tmp_path, bcf)
    source = read(MIXED, tmp_path, bcf, contigs={"MT": "haploid", "X": "mixed"})
    assert dosages(source) == [[0, 1, 2], [0, 2, -1], [0, -1, 2], [0, 1, 2]]
    assert source.summary.ploidy == 2
    assert source.summary.counts["haploid_heterozygous"] == 1
    assert "half_calls" not in source.summary.counts
    source = read(MIXED, tmp_path, bcf, contigs={"MT": "exclude", "X": "exclude"})
    assert dosages(source) == [[0, 1, 2]]
    assert source.summary.counts["other_contigs"] == 3
    with pytest.raises(UserError, match=r"no marker is on contig 'Y', .* are MT, X, chr1"):
        read(MIXED, tmp_path, bcf, contigs={"Y": "exclude", "MT": "haploid", "X": "mixed"})


def test_a_haploid_contig_that_comes_first_needs_the_ploidy(tmp_path: Path) -> None:
    first = vcf(["a"], [record(["1"], contig="MT"), record(["0/1"])])
    with pytest.raises(UserError, match="give genotypes: ploidy"):
        read(first, tmp_path, contigs={"MT": "haploid"})
    source = read(first, tmp_path, contigs={"MT": "haploid"}, ploidy=2)
    assert dosages(source) == [[2], [1]]


@pytest.mark.parametrize("bcf", [False, True])
@pytest.mark.parametrize(
    ("regions", "kept"),
    [(["MT"], [5, 6]), (["MT:6-", "chr1"], [1, 6]), (["MT:1-5", "X:2-2"], [5, 2])],
)
def test_regions(regions: list[str], kept: list[int], bcf: bool, tmp_path: Path) -> None:
    source = read(
        MIXED, tmp_path, bcf, regions=regions, contigs={"MT": "mixed", "X": "mixed"}, ploidy=2
    )
    assert source.markers["position"].tolist() == kept


@pytest.mark.parametrize("bcf", [False, True])
@pytest.mark.parametrize(
    ("reading", "told"),
    [
        ({"regions": ["chr1:7-9"]}, "of 4: change genotypes: regions in the"),
        ({"contigs": {"chr1": "exclude"}}, "of 4: change genotypes: contigs in the"),
        ({"leave_out": ["indel"], "multi_allelic": "drop"}, "of 4: change genotypes: leave_out, m"),
        ({"multi_allelic": "drop", "regions": ["chr1:2-3"]}, "of 4: .*: regions, multi_allelic in"),
    ],
)
def test_the_keys_that_leave_no_marker_are_named(
    reading: dict[str, Any], told: str, bcf: bool, tmp_path: Path
) -> None:
    several = SEVERAL.replace("\tsnp\tA\tT\t", "\tsnp\tA\tTT\t")
    with pytest.raises(UserError, match=f"^.*input.[vb]cf: no marker is left {told}.*config$"):
        read(several, tmp_path, bcf, **reading)


def test_a_region_that_ends_before_it_begins_is_refused(tmp_path: Path) -> None:
    line = "^config, genotypes: regions: 'chr1:5000-100' ends before it begins: write contig:first"
    with pytest.raises(UserError, match=line):
        read(SEVERAL, tmp_path, regions=["chr1:5000-100"])


def test_the_ploidy_that_the_config_names_is_held_to(tmp_path: Path) -> None:
    text = vcf(["a"], [record(["0/1"])])
    assert read(text, tmp_path, ploidy=2).summary.ploidy == 2
    line = r"line 6: sample 'a' has a call of 2 alleles, genotypes: ploidy in the config is 4: corr"
    with pytest.raises(UserError, match=line):
        read(text, tmp_path, ploidy=4)


IMPUTED = vcf(
    SAMPLES,
    [
        record(["0/0:0.04", "0/1:1.3", "1/1:1.98"], position=1, form="GT:DS"),
        record(["./.:.", "0/1:0.51", "1/1:2"], position=2, form="GT:DS"),
        record(["0/0:0,1", "0/1:1,0.95", "1/1:0,0"], position=3, form="GT:DS", alt="T,G"),
    ],
).replace("ID=DP,Number=1,Type=Integer", "ID=DS,Number=A,Type=Float")


@pytest.mark.parametrize("bcf", [False, True])
def test_dosages_of_imputed_files_are_rounded(bcf: bool, tmp_path: Path) -> None:
    source = read(IMPUTED, tmp_path, bcf, field="DS")
    assert dosages(source) == [[0, 1, 2], [-1, 1, 2], [1, 2, 0]]
    assert source.summary.counts["rounded_dosages"] == 2
    split = read(IMPUTED, tmp_path, bcf, field="DS", multi_allelic="split")
    assert dosages(split)[2:] == [[0, 1, 0], [1, 1, 0]]
    with pytest.raises(UserError, match=r"'c' has DS 1\.98, beyond the ploidy 1"):
        read(IMPUTED, tmp_path, field="DS", ploidy=1)
    with pytest.raises(UserError, match="no DS in FORMAT: set genotypes: field: GT"):
        read(SEVERAL, tmp_path, bcf, field="DS")


def test_dosages_alone(tmp_path: Path) -> None:
    text = vcf(["a", "b"], [record(["0.1", "1.9"], form="DS")])
    with pytest.raises(UserError, match=r"no GT in FORMAT.* set genotypes: field: DS"):
        read(text, tmp_path)
    text = text.replace("ID=DP", "ID=DS").replace("Integer", "Float")
    assert dosages(read(text, tmp_path, field="DS")) == [[0, 2]]
    text = vcf(["a"], [record(["3"], form="DP")])
    with pytest.raises(UserError, match=r"no DS in FORMAT, and no GT: .* write one of them"):
        read(text, tmp_path, field="DS")


@pytest.mark.parametrize("bcf", [False, True])
@pytest.mark.parametrize("other", ["<NON_REF>", "<*>"])
def test_what_stands_for_any_other_allele_is_none(other: str, bcf: bool, tmp_path: Path) -> None:
    calls = ["0/1", "1/1", "./."]
    records = [record(calls, 1, f"G,{other}"), record(["0/1", "0/2", "0/0"], 2, f"G,{other}")]
    source = read(vcf(SAMPLES, records), tmp_path, bcf, multi_allelic="drop")
    assert dosages(source) == [[1, 2, -1]]
    assert source.table["alt"].to_pylist() == ["G"]
    assert source.summary.counts["multi_allelic_dropped"] == 1


def test_a_text_that_ends_within_a_line_may_be_cut_off(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    text = vcf(["a"], [record(["0/1:35"], form="GT:DP")])
    read(text, tmp_path)
    assert not caplog.records
    assert dosages(read(text[:-2], tmp_path)) == [[1]]
    assert "its last line has no end: see whether the file was cut off" in caplog.text


def test_blanks_about_names_of_samples_are_none(tmp_path: Path) -> None:
    assert read(vcf([" a", "b c "], [record(["0/0", "0/1"])]), tmp_path).samples == ["a", "b c"]


def _files(folder: Path, *texts: str) -> list[Path]:
    paths = [folder / f"part{number}.vcf" for number in range(len(texts))]
    for path, text in zip(paths, texts, strict=True):
        path.write_text(text)
    return paths


def test_files_of_the_same_lines_are_read_one_after_another(tmp_path: Path) -> None:
    paths = _files(
        tmp_path,
        vcf(SAMPLES, [record(["0/0", "0/1", "1/1"], contig="1")]),
        vcf(["c", "a", "b"], [record(["0|1", "./.", "0|0"], contig="2", name="m")]),
    )
    paths.append(tmp_path / "part2.bcf")
    write_bcf(vcf(SAMPLES, [record(["1/1", "0/0", "0/0"], contig="chr1")]), paths[2])
    import_genotypes(paths, tmp_path / "imported", Reading())
    source = Imported(tmp_path / "imported")
    assert source.samples == SAMPLES
    assert dosages(source) == [[0, 1, 2], [-1, 0, 1], [2, 0, 0]]
    assert [(file.name, file.format) for file in source.summary.inputs] == [
        ("part0.vcf", "VCF"),
        ("part1.vcf", "VCF"),
        ("part2.bcf", "BCF"),
    ]


def test_files_of_other_lines_are_joined(tmp_path: Path) -> None:
    """The second panel has REF and ALT swapped at one marker, and lacks another."""
    paths = _files(
        tmp_path,
        vcf(["a", "b"], [record(["0/1", "1/1"], position=at, alt="C") for at in (1, 2, 3)]),
        vcf(
            ["c"],
            [
                record(["0/1"], position=1, alt="C"),
                record(["0/0"], position=3, alt="C").replace("\tA\tC\t", "\tC\tA\t"),
            ],
        ),
        vcf(["b", "a"], [record(["0/0", "0/1"], position=5, contig="2", alt="C")]),
        vcf(["c"], [record(["1/1"], position=5, contig="2", alt="C")]),
    )
    store = tmp_path / "imported"
    import_genotypes(paths, store, Reading())
    source = Imported(store)
    assert source.samples == ["a", "b", "c"]
    assert dosages(source) == [[1, 2, 1], [1, 2, 2], [1, 0, 2]]
    assert source.markers["position"].tolist() == [1, 3, 5]
    changes = read_table(tmp_path / "joined_markers.tsv")
    assert changes[["position", "action"]].values.tolist() == [[2, "dropped"], [3, "swapped"]]
    assert source.summary.counts["joined_dropped"] == 1
    assert source.summary.counts["joined_swapped"] == 1
    names = [file.name for file in source.summary.inputs]
    assert names == ["part0.vcf", "part2.vcf", "part1.vcf", "part3.vcf"]
    import_genotypes(paths, store, Reading(), join="union")
    source = Imported(store)
    assert dosages(source) == [[1, 2, 1], [1, 2, -1], [1, 2, 2], [1, 0, 2]]
    assert source.summary.counts["missing_calls"] == 1
    assert source.summary.counts["joined_missing"] == 1
    assert not list(tmp_path.glob("*.panels*"))


def test_a_line_in_two_panels_is_refused(tmp_path: Path) -> None:
    texts = [vcf(names, [record(["0/1"] * 2)]) for names in (["a", "b"], ["b", "c"])]
    with pytest.raises(UserError, match=r"'b'.*part0\.vcf.*part1\.vcf"):
        import_genotypes(_files(tmp_path, *texts), tmp_path / "imported", Reading())
    assert not (tmp_path / "imported").exists()


def test_files_of_different_ploidy_are_refused(tmp_path: Path) -> None:
    paths = _files(
        tmp_path,
        vcf(SAMPLES, [record(["0/0", "0/1", "1/1"], contig="1")]),
        vcf(SAMPLES, [record(["0/0/0/0", "0/1/1/1", "1/1/1/1"], contig="2")]),
    )
    with pytest.raises(UserError, match=r"different ploidy \(.*part0.vcf: 2, .*part1.vcf: 4\)"):
        import_genotypes(paths, tmp_path / "imported", Reading())


@pytest.mark.parametrize(
    ("places", "line", "words"),
    [
        ([("1", 5), ("1", 4)], 2, "position 4 after a larger one"),
        ([("1", 5), ("2", 6), ("1", 7)], 3, "contig '1' again"),
    ],
)
def test_markers_out_of_order_are_refused(
    places: list[tuple[str, int]], line: int, words: str, tmp_path: Path
) -> None:
    text = vcf(["a"], [record(["0/1"], position, contig=contig) for contig, position in places])
    with pytest.raises(UserError, match=f"line {HEADER_LINES + line}: {words}.*: sort the markers"):
        read(text, tmp_path)


def test_a_contig_goes_on_in_the_next_file_alone(tmp_path: Path) -> None:
    def files(*places: list[tuple[str, int]]) -> list[Path]:
        records = [[record(["0/1"], at, contig=contig) for contig, at in file] for file in places]
        return _files(tmp_path, *(vcf(["a"], file) for file in records))

    import_genotypes(files([("A", 5)], [("A", 6), ("B", 1)]), tmp_path / "imported", Reading())
    for second in ([("B", 10), ("A", 7)], [("B", 10), ("A", 2)]):
        with pytest.raises(UserError, match=r"part1.vcf, line .*contig 'A' again, after others"):
            import_genotypes(files([("A", 5)], second), tmp_path / "refused", Reading())


def test_real_files_equal_bcftools(shared_data: Path, tmp_path: Path, command: Any) -> None:
    """Every call of real VCFs, against what bcftools prints of them."""
    for name in ("wheat599/genotypes", "maize281/genotypes", "potato4x/diallel_DArTag"):
        path = shared_data / f"{name}.vcf.gz"
        import_genotypes([path], tmp_path / "imported", Reading(threads=2))
        printed = command("bcftools", "query", "-f", "[%GT\t]\n", path)
        expected = [
            [-1 if "." in call else sum(it != "0" for it in call.replace("|", "/").split("/"))
             for call in line.split()]
            for line in printed.splitlines()
        ]  # fmt: skip
        assert dosages(Imported(tmp_path / "imported")) == expected


def test_gzipped_text_of_any_block_size(tmp_path: Path) -> None:
    path = tmp_path / "input.vcf.gz"
    path.write_bytes(gzip.compress(SEVERAL.encode()))
    import_genotypes([path], tmp_path / "imported", Reading())
    assert Imported(tmp_path / "imported").summary.markers == 4


def _long(wrong: str = "") -> str:
    """A VCF of 300 records, the 200th with the calls given."""
    records = [
        record([["0/0", "0/1", "1|1", "./."][(at + it) % 4] for it in range(3)], at, name=f"m{at}")
        for at in range(1, 301)
    ]
    if wrong:
        records[199] = record([wrong] * 3, 200)
    return vcf(SAMPLES, records)


@pytest.fixture
def in_small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of some records each, so that every process has many."""
    monkeypatch.setattr(pieces, "FIRST_BYTES", 100)
    monkeypatch.setattr(pieces, "PIECE_BYTES", 500)


@pytest.mark.parametrize("packed", [bytes, gzipped, bgzip])
@pytest.mark.usefixtures("in_small_pieces")
def test_the_number_of_processes_changes_no_byte(
    tmp_path: Path, packed: Callable[[bytes], bytes]
) -> None:
    path = tmp_path / "input"
    path.write_bytes(packed(_long().encode()))
    found = []
    for threads in (1, 2, 4):
        folder = tmp_path / f"imported{threads}"
        import_genotypes([path], folder, Reading(threads=threads))
        found.append({file.name: file.read_bytes() for file in folder.iterdir()})
    assert set(found[0]) == {"dosage.int8", "markers.arrow", "summary.json"}
    assert found[0] == found[1] == found[2]
    assert dosages(Imported(tmp_path / "imported1")) == parse(_long())[1].tolist()


@pytest.mark.parametrize("threads", [1, 2, 4])
@pytest.mark.usefixtures("in_small_pieces")
def test_an_error_anywhere_is_told_with_its_line(tmp_path: Path, threads: int) -> None:
    for wrong, words in (("0/x", "GT of sample 'a' is '0/x'"), ("0", "a call of 1 allele")):
        (tmp_path / "input").write_text(_long(wrong))
        with pytest.raises(UserError, match=f"line {HEADER_LINES + 200}: .*{words}"):
            import_genotypes([tmp_path / "input"], tmp_path / "imported", Reading(threads=threads))
    assert [path.name for path in tmp_path.iterdir()] == ["input"]


@pytest.mark.usefixtures("in_small_pieces")
def test_a_killed_process_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parent, parsed = os.getpid(), VcfSource._read

    def killed(self: VcfSource, piece: Any, text: bytes) -> Any:
        if os.getpid() != parent and b"\tm200\t" in text:
            os.kill(os.getpid(), signal.SIGKILL)
        return parsed(self, piece, text)

    monkeypatch.setattr(VcfSource, "_read", killed)
    (tmp_path / "input").write_text(_long())
    with pytest.raises(UserError, match="a process was killed"):
        import_genotypes([tmp_path / "input"], tmp_path / "imported", Reading(threads=2))
    assert [path.name for path in tmp_path.iterdir()] == ["input"]


def test_to_import_plain_records_loads_no_other_library(tmp_path: Path, repository: Path) -> None:
    """pandas and zarr take longer to load than millions of calls to read."""
    (tmp_path / "input").write_text(_long().replace("\tm9\t", "\t.\t"))
    code = f"""
import sys
from breedcast.genotypes.importing import import_genotypes
from breedcast.genotypes.source import Reading
import_genotypes([{str(tmp_path / "input")!r}], {str(tmp_path / "imported")!r}, Reading())
print([name for name in ("pandas", "zarr", "multiprocessing") if name in sys.modules])
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"PYTHONPATH": str(repository / "workflow")},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "[]\n"
