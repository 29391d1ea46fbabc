"""Panels joined: against plain loops over markers, the matrix they were cut from, and PLINK."""

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from cyvcf2 import VCF
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from breedcast.errors import UserError
from breedcast.genotypes import join, store
from breedcast.genotypes.join import UNPLACED, join_panels
from breedcast.genotypes.panels import Joined, Panel
from breedcast.genotypes.source import MARKERS, How
from tests.unit.plain_join import COMPLEMENT, Plain

Marker = tuple[str, int, str, str, str]
HOW: list[How] = ["intersection", "union"]
BASES = np.array(list("ACGT"))


def panel(
    name: str,
    markers: Sequence[Marker],
    dosage: np.ndarray | None = None,
    ploidy: int = 2,
    samples: Sequence[str] | None = None,
) -> Panel:
    """A panel in memory, of five lines with arbitrary calls where no dosages are given."""
    if dosage is None:
        calls = np.random.default_rng(len(name)).integers(-1, ploidy + 1, (len(markers), 5))
        dosage = calls.astype(np.int8)
    samples = samples or [f"{name}_{line}" for line in range(dosage.shape[1])]
    columns = list(zip(*markers, strict=True)) or [[] for _ in MARKERS]
    table = pa.table(dict(zip(MARKERS.names, columns, strict=True)), schema=MARKERS)

    def read(rows: np.ndarray) -> np.ndarray:
        assert (np.diff(rows) > 0).all()
        return dosage[rows]

    return Panel(name, samples, table, ploidy, read)


def dosages(joined: Joined) -> np.ndarray:
    return np.concatenate([block.dosage for block in joined.blocks()])


def rows_of(table: pa.Table) -> list[tuple[Any, ...]]:
    return list(zip(*table.to_pydict().values(), strict=True))


def changes(joined: Joined, *columns: str) -> list[tuple[Any, ...]]:
    return rows_of(joined.changes.select(columns or joined.changes.column_names))


def snps(number: int, contig: str = "chr1") -> list[Marker]:
    """A/C markers that show that panels are on one strand."""
    return [(contig, 1000 + at, f"s{at}", "A", "C") for at in range(number)]


# against plain loops

LETTERS = [("A", "C"), ("A", "G"), ("G", "T"), ("T", "C"), ("A", "T"), ("C", "G"), ("a", "g")]
OTHERS = [
    ("A", "AT"),
    ("A", "<DEL>"),
    ("A", "T,G"),
    ("A", "G,T"),
    ("A", "."),
    ("C", "."),
    (".", "."),
]


@st.composite
def marker_lists(draw: st.DrawFn) -> list[list[Marker]]:
    """Markers of two or three panels, most of them the same ones, written in different ways."""
    base = [
        (at, draw(st.integers(1, 6)), f"m{at}", *draw(st.sampled_from(LETTERS * 2 + OTHERS)))
        for at in range(draw(st.integers(1, 8)))
    ]
    alike = draw(st.booleans())
    lists = []
    for _ in range(draw(st.integers(2, 3))):
        chance = st.integers(0, 9)
        prefix = draw(st.sampled_from(["chr", "", "Chr0"]))
        opposite = draw(st.booleans()) and draw(st.booleans())
        markers = []
        for at, position, name, ref, alt in base:
            for _ in range(draw(st.sampled_from([0, 1, 1, 1, 1, 1, 1, 1, 2]))):
                if opposite ^ (not alike and draw(chance) == 0):
                    turned = [COMPLEMENT.get(allele.upper(), allele) for allele in (ref, alt)]
                    ref, alt = turned if turned != [ref, alt] else (ref, alt)
                if draw(chance) < 3 and "." not in (ref, alt):
                    ref, alt = alt, ref
                unusual = draw(chance)
                if unusual == 0:
                    ref, alt = draw(st.sampled_from(LETTERS + OTHERS))
                elif unusual == 1:
                    ref, alt = draw(st.sampled_from([(ref, "."), (alt, "."), (".", ".")]))
                contig, place = f"{prefix}{1 + at % 2}", position
                unusual = draw(chance)
                if unusual == 0:
                    contig = draw(st.sampled_from([UNPLACED, "1", "chr1"]))
                elif unusual == 1:
                    place = draw(st.integers(0, 6))
                name = draw(st.sampled_from([name] * 6 + ["m0", f"{contig}_{place}"]))
                markers.append((contig, place, name, ref, alt))
        lists.append(draw(st.permutations(markers)))
    return lists


def outcome(joined: Joined, plain: Plain) -> dict[tuple[int, int], tuple[Any, ...]]:
    """As `Plain.joined`."""
    found = {}
    markers = joined.markers.to_pylist()
    for marker, rows, swapped in zip(markers, joined.rows, joined.mirrored, strict=True):
        members = {
            number: (int(rows[number]), bool(swapped[number]))
            for number in np.flatnonzero(rows >= 0).tolist()
        }
        first = min(members)
        alleles = (plain.normal(marker["ref"]), plain.normal(marker["alt"]))
        found[first, members[first][0]] = (plain.place(marker), *alleles, members)
    return found


@settings(max_examples=200, deadline=None)
@given(lists=marker_lists(), how=st.sampled_from(HOW), evidence=st.integers(1, 3))
def test_joins_as_plain_loops_do(lists: list[list[Marker]], how: How, evidence: int) -> None:
    panels = [panel(f"p{number}", markers) for number, markers in enumerate(lists)]
    assume(all(lists))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(join, "STRAND_EVIDENCE", evidence)
        patch.setattr(store, "BLOCK_BYTES", 16)
        try:
            plain = Plain(panels, how, evidence)
            expected = plain.joined()
        except UserError:
            expected = {}
        if not expected:
            with pytest.raises(UserError):
                join_panels(panels, how)
            return
        joined = join_panels(panels, how)
        assert outcome(joined, plain) == expected
        check_books(joined)


def check_books(joined: Joined) -> None:
    """Every marker is joined or dropped by name; the dosages are those of the panels."""
    named = Counter(changes(joined, "panel", "action"))
    assert sum(joined.counts.values()) == len(joined.changes)
    result, at = dosages(joined), 0
    for each, rows, swapped in zip(joined.panels, joined.rows.T, joined.mirrored.T, strict=True):
        present = rows[rows >= 0].tolist()
        assert len(set(present)) + named[each.name, "dropped"] == len(each.markers)
        assert named[each.name, "missing"] == len(rows) - len(present)
        calls = result[:, at : at + len(each.samples)].tolist()
        at += len(each.samples)
        for row, mirrored, its in zip(rows, swapped, calls, strict=True):
            own = [-1] * len(its) if row < 0 else each.read(np.array([row]))[0].tolist()
            assert its == [2 - call if mirrored and call >= 0 else call for call in own]


# against the matrix that the panels were cut from


@pytest.mark.parametrize("strands", ["one", "other", "mixed"])
@pytest.mark.parametrize("how", HOW)
def test_gives_back_the_matrix_it_was_cut_from(strands: str, how: How) -> None:
    rng = np.random.default_rng(3)
    number, lines, cut = 2000, 50, 30
    frequency = rng.uniform(0.05, 0.95, (number, 1))
    dosage = rng.binomial(2, frequency, (number, lines)).astype(np.int8)
    kind = rng.choice(["as it is", "other", "absent", "fixed"], number, p=[0.7, 0.1, 0.1, 0.1])
    dosage[kind == "fixed", cut:] = 2 * rng.integers(0, 2, ((kind == "fixed").sum(), 1))
    dosage[rng.random(dosage.shape) < 0.1] = -1
    first = rng.integers(0, 4, number)
    letters = BASES[np.stack([first, (first + rng.integers(1, 4, number)) % 4], 1)].tolist()
    letters = [[ref, "ACG"] if rng.random() < 0.05 else [ref, alt] for ref, alt in letters]
    share = {"one": 0.0, "other": 1.0, "mixed": 0.4}[strands]
    flipped = [alt in COMPLEMENT and rng.random() < share for _, alt in letters]
    # a line's homozygous call tells which allele a marker without the other has for REF
    fixed = [kind[at] == "fixed" and dosage[at, cut:].max() >= 0 for at in range(number)]
    swapped = np.where(fixed, dosage[:, cut:].max(axis=1) == 2, rng.random(number) < 0.3)

    markers, written = [], []
    for at, (ref, alt) in enumerate(letters):
        markers.append((f"chr{1 + at // 200}", 10 * at + 7, f"m{at}", ref, alt))
        if flipped[at]:
            ref, alt = COMPLEMENT[ref], COMPLEMENT[alt]
        if kind[at] == "other":
            alt = "<DEL>"
        if swapped[at]:
            ref, alt = alt, ref
        if fixed[at]:
            alt = "."
        written.append((f"Chr{1 + at // 200:02}", 10 * at + 7, f"x{at}", ref, alt))
    second = dosage[:, cut:].copy()
    second[swapped] = np.where(second[swapped] < 0, -1, 2 - second[swapped])
    order = rng.permutation(np.flatnonzero(kind != "absent"))
    panels = [
        panel("a.vcf", markers, dosage[:, :cut]),
        panel("b.vcf", [written[at] for at in order], second[order]),
    ]
    joined = join_panels(panels, how)

    expected: dict[tuple[str, str], str] = {}
    left = []
    for at, (ref, alt) in enumerate(letters):
        absent, either = kind[at] == "absent", COMPLEMENT.get(alt) == ref
        both = [("a.vcf", f"m{at}"), ("b.vcf", f"x{at}")][: 1 if absent else 2]
        if absent:
            dosage[at, cut:] = -1
        if kind[at] == "other" or (how == "intersection" if absent else either and share == 0.4):
            expected |= dict.fromkeys(both, "dropped")
            continue
        left.append(at)
        done = ["flipped"] * flipped[at] + ["swapped"] * int(swapped[at])
        if absent:
            expected["b.vcf", f"m{at}"] = "missing"
        elif done:
            expected[both[1]] = " and ".join(done)
    np.testing.assert_array_equal(dosages(joined), dosage[left])
    assert rows_of(joined.markers) == [markers[at] for at in left]
    found = changes(joined, "panel", "id", "action")
    assert {(name, marker): action for name, marker, action in found} == expected
    assert len(found) == len(expected)


# policies, one by one


def at(place: str, alleles: str, name: str | None = None) -> Marker:
    """`chr1:5` and `A/C` as a marker, named by its place if it has no other name."""
    contig, position = place.split(":")
    ref, alt = alleles.split("/")
    return contig, int(position), name or f"{contig}_{position}", ref, alt


def joined_of(how: How, *lists: Sequence[Marker]) -> Joined:
    """Panels a, b, c of these markers, joined."""
    return join_panels([panel(*each) for each in zip("abc", lists, strict=False)], how)


def test_contigs_that_a_panel_tells_apart_are_not_taken_as_one() -> None:
    first = [at("1:5", "A/C"), at("chr1:5", "A/C"), at("2:1", "A/C")]
    joined = joined_of("union", first, [at("chr1:5", "A/C"), at("CHR02:1", "A/C")])
    assert joined.rows.tolist() == [[0, -1], [1, 0], [2, 1]]
    assert joined.markers["contig"].to_pylist() == ["1", "chr1", "2"]
    assert joined.notes == ["Contigs taken as the same: 2 = CHR02."]


def test_without_positions_ids_tell_and_the_place_is_that_of_the_other_panel() -> None:
    unplaced = [at("un:1", "A/C", "m2"), at("un:2", "A/G", "m1"), at("un:3", "A/C")]
    placed = [at("chr1:10", "A/G", "m1"), at("chr1:20", "C/A", "m2"), at("un:3", "A/C")]
    joined = joined_of("intersection", unplaced, placed)
    assert rows_of(joined.markers) == [at("chr1:10", "A/G", "m1"), at("chr1:20", "A/C", "m2")]
    assert joined.mirrored.tolist() == [[False, False], [False, True]]
    assert "2 markers of b are found by their id" in joined.notes[0]
    # `un_3` is no id: it only says that there was none
    assert changes(joined, "panel", "id", "reason")[:2] == [
        ("a", "un_3", "not in b"),
        ("b", "un_3", "not in a"),
    ]


def test_unplaced_is_no_contig_and_its_positions_are_those_of_the_first_panel() -> None:
    first = [at("un:1", "A/C", "m1"), at("un:2", "A/C", "m2"), at("chr1:1", "A/C", "x")]
    joined = joined_of("union", first, [at("un:5", "A/C", "m2")], [at("chr1:1", "A/C", "x")])
    assert rows_of(joined.markers) == first
    joined = joined_of("union", first, [at("chrUn:1", "A/C", "y"), at("chr1:1", "A/C", "x")])
    assert rows_of(joined.markers) == [*first, at("chrUn:1", "A/C", "y")]


def test_of_an_id_at_two_places_nobody_knows_which() -> None:
    first = [at("1:1", "A/C", "m"), at("1:2", "A/C"), at("1:3", "A/C")]
    joined = joined_of("union", first, [at("1:9", "A/C", "m"), *first[1:]])
    assert joined.rows.tolist() == [[1, 1], [2, 2]]
    assert changes(joined, "panel", "id", "action", "reason") == [
        ("a", "m", "dropped", "its id is at another place in b"),
        ("b", "m", "dropped", "its id is at another place in a"),
    ]


@pytest.mark.parametrize(
    ("first", "second", "action"),
    [
        ("A/C", "A/C", None),
        ("A/C", "a/c", None),
        ("A/C", "C/A", "swapped"),
        ("A/C", "T/G", "flipped"),
        ("A/C", "G/T", "flipped and swapped"),
        ("A/C", "A/G", "dropped"),
        ("A/C", "A/.", None),
        ("A/C", "C/.", "swapped"),
        ("A/C", "T/.", "flipped"),
        ("A/C", "G/.", "flipped and swapped"),
        ("A/.", "A/.", None),
        ("A/.", "C/.", "dropped"),
        ("A/.", "T/.", "dropped"),
        ("A/AT", "A/AT", None),
        ("A/AT", "AT/A", "swapped"),
        ("A/AT", "A/ATT", "dropped"),
        ("A/AT", "T/TA", "dropped"),
        ("A/<DEL>", "A/<DEL>", None),
        ("A/<DEL>", "T/.", "dropped"),
        ("T/.", "A/<DEL>", "dropped"),
        ("A/G,T", "A/T,G", None),
        ("A/G,T", "A/G", "dropped"),
        ("A/G,T", "T/C,A", "dropped"),
        ("A/B", "B/A", "swapped"),
        ("A/C", "./.", None),
        ("./.", "G/<DEL>", None),
    ],
)
def test_alleles(first: str, second: str, action: str | None) -> None:
    joined = joined_of("union", [at("1:1", first), *snps(3)], [at("1:1", second), *snps(3)])
    found = {row[:2] for row in changes(joined, "panel", "action", "id") if row[2] == "1_1"}
    if action == "dropped":
        assert found == {("a", "dropped"), ("b", "dropped")}
    else:
        assert found - {("b", "suspected")} == ({("b", action)} if action else set())
        assert joined.mirrored[0].tolist() == [False, "swapped" in (action or "")]


def test_letters_are_those_of_the_first_panel_that_has_some() -> None:
    """And the strand of a third panel is seen from that one."""
    either = at("chr2:1", "A/T")
    lists = [[at("chr2:1", "./.")], [either, *snps(100)], [either, *snps(100)]]
    joined = joined_of("union", *lists)
    assert joined.rows[0].tolist() == [0, 0, 0]
    assert rows_of(joined.markers)[0] == either


@pytest.mark.parametrize("opposite", [False, True])
@pytest.mark.parametrize(
    ("others", "against", "kept"),
    [(99, 0, False), (100, 0, True), (1999, 1, True), (200, 1, False)],
)
def test_letters_of_both_strands_need_evidence(
    others: int, against: int, kept: bool, opposite: bool
) -> None:
    either, written = at("chr1:1", "A/T", "either"), snps(others)
    turned = [(*marker[:3], "T", "G") for marker in written]
    mostly, rarely = (turned, written) if opposite else (written, turned)
    second = rarely[:against] + mostly[against:]
    joined = joined_of("union", [either, *written], [either, *second])
    assert ("either" in joined.markers["id"].to_pylist()) == kept
    if kept:
        assert joined.mirrored[0].tolist() == [False, opposite]
        assert f"the {'other' if opposite else 'same'} strand, seen from a" in joined.notes[0]
    else:
        dropped = [row for row in changes(joined, "panel", "id", "action") if row[1] == "either"]
        assert dropped == [("a", "either", "dropped"), ("b", "either", "dropped")]


def test_several_markers_at_a_place_go_by_id_then_by_alleles() -> None:
    first = [at("1:5", "A/C", "m1"), at("1:5", "A/C", "m2"), at("1:6", "A/C"), at("1:6", "A/G")]
    second = [at("1:5", "A/C", "m2"), at("1:5", "C/A", "m1"), at("1:6", "A/G"), at("1:6", "A/C")]
    choice = [at("1:7", "A/C", "o1"), at("1:7", "A/C", "o2")]
    second += [at("1:7", "A/C", "z"), at("1:7", "C/A", "y")]
    joined = joined_of("union", first + choice, second)
    assert joined.rows.tolist() == [[0, 1], [1, 0], [2, 3], [3, 2], [-1, 5]]
    assert joined.mirrored[:, 1].tolist() == [True, False, False, False, False]
    dropped = [row[1:] for row in changes(joined, "action", "id", "reason") if row[0] == "dropped"]
    assert dropped == [
        ("o1", "one of several that fit in b"),
        ("o2", "one of several that fit in b"),
        ("z", "one of several that fit in a"),
    ]


def test_dosages_of_tetraploids_are_mirrored_and_missing_stays_missing() -> None:
    first = panel("a", [at("1:1", "A/C")], np.array([[0, 4, -1]], np.int8), ploidy=4)
    second = panel("b", [at("1:1", "C/A")], np.array([[0, 1, -1, 4]], np.int8), ploidy=4)
    joined = join_panels([first, second], "intersection")
    assert dosages(joined).tolist() == [[0, 4, -1, 4, 3, -1, 0]]
    assert joined.ploidy == 4
    assert joined.samples == ["a_0", "a_1", "a_2", "b_0", "b_1", "b_2", "b_3"]


def test_without_alleles_frequencies_only_warn() -> None:
    places = ("1:1", "1:2", "1:3")
    counts = np.array([[2] * 4, [0] * 4, [2] * 4], np.int8)
    others = np.array([[0] * 4, [0] * 4, [1] * 4], np.int8)
    first = panel("a", [at(place, "./.") for place in places], others)
    second = panel("b", [at(place, "A/G") for place in places], counts)
    joined = join_panels([first, second], "union")
    np.testing.assert_array_equal(dosages(joined)[:, 4:], counts)
    assert changes(joined, "panel", "id", "action") == [("b", "1_1", "suspected")]
    assert "frequencies speak against it at 1" in joined.notes[0]
    assert joined.markers["alt"].to_pylist() == ["G"] * 3


def test_a_marker_without_alternate_takes_the_letters_of_a_panel_that_varies() -> None:
    alone = [at("1:1", "G/.")]
    joined = joined_of("intersection", alone, alone, [at("1:1", "A/G")])
    assert rows_of(joined.markers) == [at("1:1", "G/A")]
    assert joined.mirrored.tolist() == [[False, False, True]]


REFUSED: dict[str, tuple[list[Marker], list[Marker]]] = {
    "no marker in common, for example s0 (chr1:1000 A/C) and x (2:5 A/C)": (
        snps(2),
        [at("2:5", "A/C", "x")],
    ),
    "9 ids in common at different places and 0 markers at the same, for example "
    "s0 (chr1:1000 A/C) and s0 (chr2:1000 A/C)": (snps(9), snps(9, "chr2")),
    "name different alleles at 3 markers": (
        snps(3),
        [(*marker[:3], "A", "G") for marker in snps(3)],
    ),
    "no marker can be joined of a, b (A/T or C/G": ([at("1:1", "A/T")], [at("1:1", "A/T")]),
    "a has no markers": ([], snps(1)),
}


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("words", REFUSED)
def test_what_cannot_be_joined_is_one_line(words: str, how: How) -> None:
    with pytest.raises(UserError) as refusal:
        joined_of(how, *REFUSED[words])
    assert words in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_markers_that_are_all_at_one_place_are_refused() -> None:
    crowd = [at("1:1", "A/C", f"m{number}") for number in range(join.CROWD + 1)]
    with pytest.raises(UserError, match=r"b has 1,001 markers at 1:1: "):
        joined_of("union", snps(1), crowd)


def test_lines_are_in_one_panel_and_have_one_ploidy() -> None:
    first = panel("a.vcf", snps(1), samples=list("pqrst"))
    both = r"line 'q' is in a.vcf and in b.vcf \(2 such lines\)"
    with pytest.raises(UserError, match=both):
        join_panels([first, panel("b.vcf", snps(1), samples=list("xqpyz"))], "union")
    with pytest.raises(UserError, match=r"a.vcf has ploidy 2, b.vcf 4"):
        join_panels([first, panel("b.vcf", snps(1), ploidy=4)], "union")


# real markers, and other programs


@pytest.fixture(scope="module")
def run(command: Callable[..., str]) -> Callable[..., str]:
    """Runs a program: the words of a command, and more of them."""
    return lambda words, *more: command(*words.split(), *more)


def read_vcf(path: Path) -> Panel:
    """A VCF of diploids as a panel, read by cyvcf2 alone."""
    source = VCF(str(path))
    markers, dosage = [], []
    for record in source:
        alt = ",".join(record.ALT) or "."
        markers.append((record.CHROM, record.POS, record.ID, record.REF, alt))
        calls = record.genotype.array()[:, :2]
        dosage.append(np.where((calls < 0).any(axis=1), -1, calls.sum(axis=1)))
    return panel(path.name, markers, np.array(dosage, np.int8), samples=source.samples)


def everything(panel: Panel) -> np.ndarray:
    """All its dosages."""
    return panel.read(np.arange(len(panel.markers)))


@pytest.fixture(scope="module")
def soybeans(
    run: Callable[..., str], shared_data: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Path]:
    """260 lines of SoyNAM in one VCF, and 150 and 110 of them in two."""
    folder, source = tmp_path_factory.mktemp("soynam"), shared_data / "soynam/genotypes.vcf.gz"
    names = VCF(str(source)).samples
    paths = {}
    for name, some in (("whole", names[:260]), ("a", names[:150]), ("b", names[150:260])):
        paths[name] = folder / f"{name}.vcf.gz"
        run("bcftools view -Oz", "-s", ",".join(some), "-o", paths[name], source)
        run("bcftools index", paths[name])
    return paths


def test_soybeans_swapped_by_plink2_are_joined_to_what_they_were(
    run: Callable[..., str], soybeans: dict[str, Path], tmp_path: Path
) -> None:
    """plink2 makes the major allele of the second half its REF."""
    options = "--double-id --allow-extra-chr --maj-ref force --export vcf-4.2 id-paste=iid"
    run(f"plink2 {options}", "--vcf", soybeans["b"], "--out", tmp_path / "b")
    whole = read_vcf(soybeans["whole"])
    joined = join_panels([read_vcf(soybeans["a"]), read_vcf(tmp_path / "b.vcf")], "intersection")
    assert [action for _, action, _ in joined.counts] == ["swapped"]
    assert 500 < len(joined.changes) < 4000
    assert joined.samples == whole.samples
    np.testing.assert_array_equal(dosages(joined), everything(whole))
    assert joined.markers == whole.markers


def test_union_is_the_merge_of_bcftools(
    run: Callable[..., str], soybeans: dict[str, Path], tmp_path: Path
) -> None:
    parts = []
    for name, chosen in (("a", "POS % 5 != 0"), ("b", "POS % 3 != 0")):
        parts.append(tmp_path / f"{name}.vcf.gz")
        run("bcftools view -Oz", "-i", chosen, "-o", parts[-1], soybeans[name])
        run("bcftools index", parts[-1])
    run("bcftools merge -m none -Oz", "-o", tmp_path / "merged.vcf.gz", *parts)
    merged = read_vcf(tmp_path / "merged.vcf.gz")
    joined = join_panels([read_vcf(part) for part in parts], "union")
    assert joined.samples == merged.samples
    assert joined.markers == merged.markers
    np.testing.assert_array_equal(dosages(joined), everything(merged))


def test_markers_flipped_by_plink_are_joined_to_its_merge(
    run: Callable[..., str], soybeans: dict[str, Path], tmp_path: Path
) -> None:
    """plink 1.9 merges the halves; joined are the first, and the second with flipped markers.

    Each file has the rarer allele of its own lines as ALT.
    """
    for name in "ab":
        options = ["--vcf", soybeans[name], "--out", tmp_path / name]
        run("plink1.9 --double-id --allow-extra-chr --make-bed", *options)
    names = read_vcf(soybeans["b"]).markers["id"].to_pylist()
    (tmp_path / "flip.txt").write_text("\n".join(names[::3]))
    panels = {}
    for name, options in {
        "first": ["--bfile", tmp_path / "a"],
        "second": ["--bfile", tmp_path / "b", "--flip", tmp_path / "flip.txt"],
        "merged": ["--bfile", tmp_path / "a", "--bmerge", tmp_path / "b"],
    }.items():
        run("plink1.9 --allow-extra-chr --recode vcf-iid", *options, "--out", tmp_path / name)
        panels[name] = read_vcf(tmp_path / f"{name}.vcf")
    merged = panels["merged"]
    joined = join_panels([panels["first"], panels["second"]], "intersection")
    assert {action for _, action, _ in joined.counts} == {
        "swapped",
        "flipped",
        "flipped and swapped",
    }
    assert joined.samples == merged.samples
    assert joined.markers["id"] == merged.markers["id"]
    alleles = [
        table.select(["ref", "alt"]).to_pylist() for table in (joined.markers, merged.markers)
    ]
    assert [set(each.values()) for each in alleles[0]] == [
        set(each.values()) for each in alleles[1]
    ]
    calls = everything(merged)
    swapped = np.array([mine != its for mine, its in zip(*alleles, strict=True)])
    assert swapped.any()
    calls[swapped] = np.where(calls[swapped] < 0, -1, 2 - calls[swapped])
    np.testing.assert_array_equal(dosages(joined), calls)
