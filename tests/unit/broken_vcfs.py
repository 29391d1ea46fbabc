"""Variant files with one fault each, and what the message about it must say."""

from dataclasses import dataclass

from tests.unit.vcf_files import FIXED, HEADER, HEADER_LINES, bgzip, gzipped, record, vcf

GOOD = record(["0/0", "0/1", "1|1"])
NAMES = ["A", "B", "C"]


@dataclass(frozen=True)
class Broken:
    """A file's content, the words that its message holds, and whether its header shows it."""

    content: bytes
    words: tuple[str, ...]
    in_header: bool = False


def _text(text: str, *words: str, in_header: bool = False) -> Broken:
    return Broken(text.encode(), words, in_header)


def _second(line: str, *words: str, where: str = f"line {HEADER_LINES + 2}:") -> Broken:
    """A file of three records, the second of which is broken."""
    return _text(vcf(NAMES, [GOOD, line, GOOD]), where, *words)


def _header(line: str, *words: str, record: str = GOOD) -> Broken:
    return _text(f"{HEADER}{line}\n{record}\n", *words, in_header=True)


_WHOLE = vcf(NAMES, [record(["0/0", "0/1", "1/1"], position) for position in range(1, 200)])
_GZIP, _BGZIP = gzipped(_WHOLE.encode()), bgzip(_WHOLE.encode())
_AT_BORDER = bgzip(_WHOLE.encode(), end=False)


def _damaged(content: bytes) -> bytes:
    middle = len(content) // 2
    return (
        content[:middle]
        + bytes(byte ^ 0xFF for byte in content[middle : middle + 9])
        + (content[middle + 9 :])
    )


BROKEN = {
    "empty": Broken(b"", ("is empty",), in_header=True),
    "png": Broken(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", ("no file of genotypes",), in_header=True),
    "gzip of nothing": Broken(gzipped(b""), ("no file of genotypes",), in_header=True),
    "header only": _text(vcf(NAMES, []), "no records"),
    "sites only": _header(FIXED, "sites only", record="chr1\t5\t.\tA\tT\t.\t.\t."),
    "sites only, trailing tabs": _header(f"{FIXED}\t\t\t", "sites only"),
    "FORMAT without samples": _header(f"{FIXED}\tFORMAT", "sites only"),
    "no #CHROM line": _text(HEADER + GOOD + "\n", "#CHROM", in_header=True),
    "nothing after ##": _text(HEADER, "no #CHROM line", in_header=True),
    "header with spaces": _header(f"{FIXED} FORMAT A B C".replace("\t", " "), "tabs"),
    "no FORMAT column": _header(f"{FIXED}\tA\tB\tC\tD", "column 9 is not FORMAT"),
    "sample twice": _header(f"{FIXED}\tFORMAT\tA\tB\tA", "line 5", "'A'", "twice"),
    "sample without name": _header(f"{FIXED}\tFORMAT\tA\t\tC", "line 5", "column 11"),
    "trailing tab in the header": _header(f"{FIXED}\tFORMAT\tA\tB\tC\t", "column 13"),
    "names not UTF-8": Broken(vcf(["Bärbel", "B", "C"], [GOOD]).encode("latin1"), ("UTF-8",), True),
    "old Mac line ends": _text(
        vcf(NAMES, [GOOD]).replace("\n", "\r"), "line 1", "old Mac", in_header=True
    ),
    "too few columns": _second(record(["0/0", "0/1"]), "11 columns", "12"),
    "too many columns": _second(record(["0/0", "0/1", "0/0", "1/1"]), "13 columns", "12"),
    "half a line": _second("chr1\t12", "2 columns"),
    "empty line": _second("", "empty line"),
    "empty lines, then records": _text(
        vcf(NAMES, [GOOD, "", "", GOOD]), f"line {HEADER_LINES + 2}:", "empty line"
    ),
    "two files in one": _text(vcf(NAMES, [GOOD]) * 2, f"line {HEADER_LINES + 2}:", "header line"),
    "NUL byte in the header": _header(f"{FIXED}\tFORMAT\tA\t\0B\tC", "line 5", "NUL"),
    "NUL bytes": _second(record(["0/0", "0/\0", "0/1"]), "NUL"),
    "no header": _text(GOOD + "\n", "is not a VCF", "#CHROM", in_header=True),
    # at which cyvcf2 ends the process
    "no GT, none declared": _text(
        vcf(NAMES, [record(["3", "4", "5"], form="DP")]).replace("ID=GT", "ID=XX"),
        "no GT in FORMAT",
    ),
    "no FORMAT": _second(record(["0/0", "0/1", "1/1"], form="."), "no GT in FORMAT"),
    "no GT": _second(record(["3", "4", "5"], form="DP"), "no GT in FORMAT"),
    "allele beyond ALT": _second(record(["0/0", "0/2", "0/1"]), "'B'", "allele 2", "ALT names 1"),
    "allele without ALT": _second(record(["0/0", "0/0", "0/1"], alt="."), "'C'", "ALT names 0"),
    "fewer alleles": _second(
        record(["0/0", "0/0", "1"]), "'C'", "1 allele,", "have 2", "{chr1: exclude}"
    ),
    "more alleles": _second(record(["0/0", "0/0/1", "1/1"]), "'B'", "3 alleles", "have 2"),
    "ploidy 9": _text(vcf(["A"], [record(["0/0/0/0/0/0/0/0/1"])]), "line 6:", "9 alleles"),
    "letters as alleles": _second(record(["0/0", "A/A", "0/1"]), "GT", "'B'", "'A/A'"),
    "call cut off": _second(record(["0/0", "0/0", "0/"]), "GT", "'C'"),
    "empty call": _second(record(["0/0", "", "0/1"]), "GT", "'B'"),
    "huge allele": _second(record(["0/0", "0/99999999999999999999", "0/1"]), "GT", "'B'"),
    "negative allele": _second(record(["0/0", "0/-1", "0/1"]), "GT", "'B'"),
    "huge position": _second(record(["0/0", "0/1", "0/1"], position=10**30), "position '1000"),
    "negative position": _second(record(["0/0", "0/1", "0/1"], position=-5), "position '-5'"),
    "no ALT": _second(record(["0/0", "0/1", "0/1"], alt=""), "'' is no ALT"),
    "half an ALT": _second(record(["0/0", "0/1", "0/2"], alt="T,."), "'T,.' is no ALT"),
    "symbol cut off": _second(record(["0/0", "0/1", "0/1"], alt="<DEL"), "'<DEL' is no ALT"),
    "space in CHROM": _second(record(["0/0", "0/1", "0/1"], contig="a b"), "no CHROM"),
    "CR among the records": _second(record(["0/0", "0/1", "0/1\rchr1"]), "old Mac"),
    "position no number": _second(record(["0/0", "0/1", "0/1"], position="12k"), "position '12k'"),
    "undeclared contig, bad position": _second(
        record(["0/0", "0/1", "0/1"], position=".", contig="2"), "position '.'"
    ),
    "undeclared contig, bad call": _second(record(["0/0", "0/", "0/1"], contig="2"), "GT"),
    "text not UTF-8": Broken(
        vcf(NAMES, [GOOD, record(["0/0", "0/1", "0/1"], contig="Bär")]).encode("latin1"),
        ("line 7", "not UTF-8"),
    ),
    "all missing": _text(vcf(NAMES, [record(["./.", ".", "./."])]), "every call is missing"),
    "gzip cut": Broken(_GZIP[:-40], ("truncated",)),
    "gzip cut in its checksum": Broken(_GZIP[:-3], ("truncated",)),
    "bgzip cut": Broken(_BGZIP[:-60], ("truncated", "end marker"), in_header=True),
    "bgzip cut between blocks": Broken(_AT_BORDER, ("truncated", "end marker"), in_header=True),
    "gzip damaged": Broken(_damaged(_GZIP), ("damaged",)),
    "bgzip damaged": Broken(_damaged(_BGZIP), ("damaged",)),
    "text after gzip": Broken(_GZIP + GOOD.encode(), ("damaged",)),
}
