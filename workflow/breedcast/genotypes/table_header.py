"""The first lines of a table of calls: what its columns are, and which lines it names.

Three kinds: HapMap (11 columns that describe a marker, then a column per line), other tables of
letters (marker, chromosome, position, then likewise), and tables of dosages, either way round.
Standard library only: read at every start.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from breedcast.errors import UserError
from breedcast.genotypes.content import BYTE_ORDER_MARK, Content, head
from breedcast.genotypes.text import decoded, line_names, numbered

#: How columns that describe a marker are called, in small letters without `_`, `.` and space.
SPELLINGS = {
    "id": (
        *("id", "name", "marker", "markers", "markerid", "markername", "locus", "probe"),
        *("snp", "snps", "snpid", "rs", "rs#", "rsid"),
    ),
    "contig": ("contig", "chrom", "#chrom", "chr", "chromosome"),
    "position": ("position", "pos", "bp"),
    "ref": ("ref", "reference", "refallele"),
    "alt": ("alt", "alternate", "altallele"),
    "alleles": ("alleles", "snpalleles"),
    "strand": ("strand",),
    "genetic position": ("cm", "geneticposition"),
}
FIELDS = {spelling: field for field, names in SPELLINGS.items() for spelling in names}
#: What tables tell of markers beside these, spelt likewise: no calls.
NO_CALLS = frozenset(["maf", "freq", "callrate", "qual", "missing", "het"])
#: Columns of DArTseq's reports, and how its markers are named.
DART_FIELDS = frozenset(["alleleid", "oneratioref", "freqhets", "*"])
DART_NAME = re.compile(r"""(?:^|[\t;, "])\d+\|F\|""")
#: So many names at either end of a header are looked at: it may have a million.
ENDS = 50
HAPMAP_FIELDS = ["id", "alleles", "contig", "position", "strand"]
HAPMAP_COLUMNS = 11
#: The columns before the markers in what plink --recode A writes.
RAW_COLUMNS = ["FID", "IID", "PAT", "MAT", "SEX", "PHENOTYPE"]
DELIMITERS = "\t;, "
#: Cells without a dosage, in small letters.
MISSING = frozenset(["", "na", "nan", ".", "-", "-9"])
DOSAGE = re.compile(r"-1|[0-8](\.\d+)?")
#: What calls in letters and dosages are both made of.
EITHER = frozenset("NX?+-0./|:")
#: Rows that are looked at to tell letters from numbers.
ROWS = 100


@dataclass(frozen=True)
class TableHeader:
    """The header of a table of calls.

    columns: their names. fields: which column has the contig, position, id ... of a marker.
    calls: the first column of calls. names: the column that names the rows.
    """

    delimiter: str
    columns: list[str]
    fields: dict[str, int]
    calls: int
    names: int = 0

    @property
    def describes_markers(self) -> bool:
        """Whether columns tell where a marker is, so that markers are in rows."""
        return not {"id"} >= set(self.fields)


def read_header(path: Path, of_dosages: bool = False) -> TableHeader:
    """The header of a table. Raises UserError for what cannot be one, or none of dosages."""
    with head(path) as content:
        first, second = content.readline(), content.readline()
    header = parse_header(path, first, second)
    if len(header.columns) <= header.calls:
        raise UserError(f"{path}, line 1: no columns of calls: give a table of genotypes")
    if of_dosages:
        _check_names(path, header, second)
    return header


def _check_names(path: Path, header: TableHeader, second: bytes) -> None:
    """Raise UserError for names of columns that are calls, or of columns that hold no dosages."""
    names = header.columns[header.calls :]
    if len(set(names)) < len(names) and all(map(_is_dosage, names)):
        raise UserError(_no_header(path, names))
    about = [*header.columns[: header.calls], *names[:ENDS], *names[-ENDS:]]
    below = second.decode("utf-8", "replace")
    if DART_FIELDS & set(map(_spelt, about)) or any(map(DART_NAME.search, [*about, below])):
        raise UserError(
            f"{path} is a report of DArTseq, in which 2 is heterozygous and 1 homozygous: exchange "
            "1 and 2, leave the names of markers, cut before |F|, and the calls alone, and call "
            "the column of names marker"
        )
    described = [name for name in about[header.calls :] if _spelt(name) in NO_CALLS]
    if described:
        raise UserError(
            f"{path}, line 1: column {described[0]!r} holds no calls: leave it out, or rename it "
            "if it does"
        )


def _is_dosage(text: str) -> bool:
    return text.lower() in MISSING or DOSAGE.fullmatch(text) is not None


def _no_header(path: Path, cells: Sequence[str]) -> str:
    """The message of a table whose first line is one of calls."""
    return (
        f"{path}, line 1: {', '.join(cells[:3])} seem to be calls where the columns' names should "
        "be: begin the table with a line of names"
    )


def parse_header(path: Path, first: bytes, second: bytes) -> TableHeader:
    """The header, from the first two lines of the file."""
    place = f"{path}, line 1"
    text = decoded(first.removeprefix(BYTE_ORDER_MARK), place)
    delimiter = next((it for it in DELIMITERS if it in text), None)
    if delimiter is None:
        raise UserError(f"{path} has one column: give a table of genotypes, or a VCF")
    columns = split(text, delimiter, place)
    if columns[:6] == RAW_COLUMNS:
        if any(name.endswith("_HET") for name in columns):
            raise UserError(f"{place}: a column of heterozygosity each: use plink --recode A")
        return TableHeader(delimiter, columns, {}, calls=6, names=1)
    fields, calls = _fields(columns)
    names = fields.get("id", 0)
    below = f"{path}, line 2"
    row = split(decoded(second, below), delimiter, below) if calls == 1 else []
    if len(row) == len(columns) + 1:
        if not row[-1]:
            raise UserError(
                f"{below}: an empty cell at its end, where the header has none: remove the "
                "separators at the ends of lines, or write NA if the last call is missing"
            )
        if _field(columns[0]) != "id":
            columns = ["", *columns]  # R's write.table has no name above the names of rows
    return TableHeader(delimiter, columns, fields, calls, names)


def is_hapmap(columns: Sequence[str]) -> bool:
    """Whether a header is that of a HapMap file."""
    return [_field(name) for name in columns[:5]] == HAPMAP_FIELDS


def has_letters(path: Path) -> bool:
    """Whether a table's calls are letters rather than numbers, from its first rows."""
    with head(path) as content:
        first, second = content.readline(), content.readline()
        header = parse_header(path, first, second)
        for line in (second, *islice(content, ROWS)):
            cells = line.decode("utf-8", "replace").rstrip("\r\n").split(header.delimiter)
            for cell in cells[header.calls :]:
                call = cell.strip('" ').upper()
                # what tables of either kind may hold decides nothing
                if call.lower() not in MISSING and not set(call) <= EITHER:
                    return header.describes_markers and not re.search("[0-9]", call)
        return is_hapmap(header.columns)


def _fields(columns: Sequence[str]) -> tuple[dict[str, int], int]:
    """Where the columns are that describe a marker, and how many columns come before the calls."""
    if is_hapmap(columns):
        return dict(zip(HAPMAP_FIELDS, range(5), strict=True)), HAPMAP_COLUMNS
    fields: dict[str, int] = {}
    for number, name in enumerate(columns):
        field = _field(name)
        if number and (field is None or field in fields):
            break
        fields[field or "id"] = number
    # the first column names the rows, whatever it is called; an id alone tells nothing of them
    if set(fields) <= {"id"}:
        return {"id": 0}, 1
    return fields, len(fields)


def fields_anywhere(columns: Sequence[str]) -> dict[str, int]:
    """The first column of each field that describes a marker, whatever stands between them."""
    found = {field: at for at in reversed(range(len(columns))) if (field := _field(columns[at]))}
    return {"id": 0} | found


def _spelt(name: str) -> str:
    """A name as FIELDS spells it."""
    return re.sub(r"[ _.]", "", name.strip()).lower()


def _field(name: str) -> str | None:
    return FIELDS.get(_spelt(name))


def split(text: str, delimiter: str, place: str) -> list[str]:
    """The cells of a line, which may be quoted. Raises UserError."""
    try:
        text = re.sub(" +", " ", text.strip(" ")) if delimiter == " " else text
        rows = list(csv.reader([text], delimiter=delimiter))
    except csv.Error as failure:
        raise UserError(f"{place}: {failure}: correct the line") from None
    return [cell.strip() for cell in rows[0]] if rows else []


def read_samples(path: Path, lines_in: str | None = None) -> list[str]:
    """The names of the lines, which are in `rows` or in `columns` (None: as the header tells).

    Raises UserError for a name that is empty or there twice.
    """
    header = read_header(path)
    if (lines_in or orientation(path, ())) == "columns":
        return line_names(header.columns[header.calls :], f"{path}, line 1")
    return line_names(list(_row_names(path, header)), str(path))


def orientation(
    path: Path, known_lines: Collection[str], known_columns: Collection[str] = ()
) -> str:
    """Where the lines of a table are, `rows` or `columns`.

    A table with columns for contig, position ... has markers in its rows. Any other has its lines
    where most of the known lines (those of the phenotypes) are, in its rows where none is found.

    known_columns: of the phenotypes. Raises UserError for a table without a header, one that
    begins with a column of the phenotypes, and one with known lines in rows and columns alike.
    """
    header = read_header(path, of_dosages=True)
    if header.describes_markers:
        return "columns"
    known = set(known_lines)
    if header.columns[0] in known:
        raise UserError(_no_header(path, header.columns))
    in_header = len(known & set(header.columns[header.calls :]))
    if in_header and header.calls == 1:
        in_rows = len(known & set(_row_names(path, header)))
        if in_rows == in_header:
            raise UserError(
                f"{path}: names of {in_rows} lines stand in rows and in columns: rename the markers"
            )
        if in_rows < in_header:
            return "columns"
    first = header.columns[header.calls]
    if first in known_columns:
        raise UserError(
            f"{path}, line 1: column {first!r} is one of the phenotypes: leave it out, or rename "
            "it if it is a marker"
        )
    return "rows"


def _row_names(path: Path, header: TableHeader) -> Iterator[str]:
    """What the column of names holds. Raises UserError."""
    delimiter = re.escape(header.delimiter)
    # only the first cells are taken apart, of what may be a million
    cells = [rf'"((?:[^"]|"")*)"|([^{delimiter}]*)'] * (header.names + 1)
    leading = re.compile(f"{delimiter}+".join(f"(?:{cell})" for cell in cells).encode())
    with Content(path) as content:
        content.line()
        lines = (line for text in content.lines() for line in text.split(b"\n")[:-1])
        for number, line in numbered(lines, path, 2):
            found = leading.match(line.lstrip(b" "))
            quoted, plain = found.groups()[-2:] if found else (None, None)
            cell = plain if quoted is None else quoted.replace(b'""', b'"')
            place = f"{path}, line {number}"
            name = decoded(cell or b"", place).strip()
            if not name:
                raise UserError(f"{place}: the line has no name: name it")
            yield name
