"""The memory of jobs, by the shape of the codes: laws measured in tests/benchmarks.

Read at every start of the workflow, so it stays light.
"""

from __future__ import annotations

import csv
import json
import os
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from breedcast.limits import (
    GRADIENT_LINES,
    MOST_CANDIDATES,
    MOST_EXACT,
    PREDICTED_LINES,
    PREDICTED_POSITIONS,
    is_quicker_by_values,
)

MEGABYTE = 1_000_000
#: What Snakemake itself takes inside a cluster's job, beside the job (MB; measured: 260).
SNAKEMAKE_MB = 300
#: What a process holds that gathers the results of several others (MB).
GATHERING_MB = 150
#: Calls of a block of markers, at most.
BLOCK_CALLS = 1 << 24
#: What a process holds while it predicts a block of candidates; hybrids have many (MB).
PREDICTED_MB = 600


@dataclass(frozen=True)
class CodesShape:
    """What codes.json tells of the codes beside it."""

    lines: int
    markers: int
    ploidy: int
    missing_share: float

    @classmethod
    def read(cls, codes_json: str) -> CodesShape:
        """Read the file beside the codes."""
        told = json.loads(Path(codes_json).read_text(encoding="utf-8"))
        return cls(told["lines"], told["markers"], told["ploidy"], told["missing_share"])


@dataclass(frozen=True)
class Records:
    """How many records of a trait have a value, and how many are of candidates."""

    measured: int
    candidates: int

    @property
    def rows(self) -> int:
        """All of them."""
        return self.measured + self.candidates

    @classmethod
    def count(cls, phenotypes: str) -> Records:
        """Count the rows of a phenotypes.tsv."""
        return _counted(phenotypes, os.stat(phenotypes).st_mtime_ns)


@cache
def _counted(phenotypes: str, changed: int) -> Records:
    """The records of a file that was changed then: several rules ask, and it may be large."""
    with open(phenotypes, encoding="utf-8", newline="") as file:
        rows = csv.reader(file, delimiter="\t")
        column = next(rows).index("value")
        missing = [row[column] == "NA" for row in rows]
    return Records(missing.count(False), missing.count(True))


@dataclass(frozen=True)
class Together:
    """Values that are learnt together: how many lines have any, and how many values there are in
    each trait or environment.
    """

    lines: int
    sizes: tuple[int, ...]

    @classmethod
    def count(cls, *tables: str) -> Together:
        """Count what each trait's phenotypes.tsv has in each environment."""
        return _counted_together(tables, tuple(os.stat(it).st_mtime_ns for it in tables))

    @property
    def covariances_mb(self) -> float:
        """Memory in MB of a covariance of each pair of traits or environments."""
        values = sum(self.sizes)
        missing = self.lines * len(self.sizes) - values
        if is_quicker_by_values(values, missing):
            return OF_VALUES * values**2 / MEGABYTE
        columns, fixed = len(self.sizes), missing + len(self.sizes)
        working = 3 * columns * (columns + 1)  # as many numbers as the factors of two covariances
        numbers = self.lines * columns * (2.5 * fixed + working) + 4 * fixed**2
        return 8 * numbers / MEGABYTE

    @property
    def terms_mb(self) -> float:
        """The same of a main effect and an interaction."""
        return OF_TERMS * sum(self.sizes) ** 2 / MEGABYTE


@cache
def _counted_together(tables: Sequence[str], changed: Sequence[int]) -> Together:
    """What files that were changed then have: each model asks."""
    lines: set[str] = set()
    sizes: Counter[tuple[int, str]] = Counter()
    for number, path in enumerate(tables):
        with open(path, encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file, delimiter="\t"):
                if row["value"] != "NA":
                    lines.add(row["sample"])
                    sizes[number, row["environment"]] += 1
    return Together(len(lines), tuple(sizes.values()))


@dataclass(frozen=True)
class Law:
    """What one process holds: MB at least, and bytes a marker, a call, a pair of lines.

    block: bytes a call of the markers that are read at a time (BLOCK_CALLS, at most); few: a pair
    of lines, or of markers where these are fewer; candidate: a row and a marker that may have a
    large effect. Of networks, looked: a call of the lines whose
    gradients are asked for; batch: a position of the lines that are predicted together. These two
    are of diploids; they grow with the states that a genotype may have.
    """

    least: int
    marker: int = 0
    call: int = 0
    pair: int = 0
    block: int = 0
    few: int = 0
    candidate: int = 0
    looked: int = 0
    batch: int = 0

    def process_mb(
        self,
        lines: int,
        markers: int,
        given: int | None = None,
        ploidy: int = 2,
        related: int | None = None,
    ) -> float:
        """Memory in MB at this shape of the codes. given: of the markers, to a network; related: of
        the lines, those that differ, each of which stands there once for each environment.
        """
        calls, states = lines * markers, (ploidy + 1) / 3
        positions = markers if given is None else min(given, markers)
        growing = (
            self.marker * positions
            + self.call * calls
            + self.pair * (related or lines) ** 2
            + self.block * min(calls, BLOCK_CALLS)
            + self.few * min(lines, markers) ** 2
            + self.candidate * min(lines, markers) * min(markers, MOST_CANDIDATES)
            + self.looked * min(lines, GRADIENT_LINES) * markers * states
            + self.batch * min(PREDICTED_LINES * positions, PREDICTED_POSITIONS) * states
        )
        return self.least + growing / MEGABYTE


@dataclass(frozen=True)
class PredictionLaw:
    """What a rule holds that reads all models' predictions: MB at least, and bytes a record of the
    trait; tested, candidate: a row of each model's predictions in the units of folds and control,
    and in the candidates', where it reads these; own: a row of one model's.

    pairs: whether each record that is predicted is set against each that was trained on, which
    takes no more memory (conformal.CELLS at a time), but time.
    """

    least: int
    record: int
    tested: int = 0
    candidate: int = 0
    own: int = 0
    pairs: bool = False

    def process_mb(self, records: Records, tested: int, candidate: int, models: int) -> float:
        """Memory in MB. tested, candidate: rows of a model's predictions, which so many have."""
        of_each = self.tested * tested + self.candidate * candidate
        rows = tested * bool(self.tested) + candidate * bool(self.candidate)
        growing = models * of_each + self.own * rows + self.record * records.rows
        return self.least + growing / MEGABYTE


@dataclass(frozen=True)
class MixedLaw:
    """The same of GBLUP, which is solved in lines, in markers where they are fewer, or, where both
    are more than MOST_EXACT, by iterations that keep so many bytes a line.
    """

    least: int = 215
    call: int = 2
    block: int = 18
    pair_of_lines: int = 30
    pair_of_markers: int = 45
    line: int = 40_000

    def process_mb(self, lines: int, markers: int, related: int | None = None) -> float:
        """Memory in MB at this shape of the codes; related: as of other laws."""
        calls, few = lines * markers, related or min(lines, markers)
        pair = self.pair_of_lines if related or lines <= markers else self.pair_of_markers
        growing = self.call * calls + self.block * min(calls, BLOCK_CALLS)
        growing += pair * min(few, MOST_EXACT) ** 2
        if few > MOST_EXACT:
            growing += self.line * lines
        return self.least + growing / MEGABYTE


#: Of the rules that do not train, where it grows with the codes; of structure where calls are
#: missing, and where none is.
STRUCTURE, STRUCTURE_COMPLETE = (Law(240, 0, 0, pair, block=32) for pair in (40, 24))
ASSOCIATION = Law(240, 1000, 0, 48, block=10)
MERIT = Law(220, 500, 0, 48, block=10)
CROSSES = Law(260, 2500, 0, 48, block=20)
ADVICE = Law(240, 500, 32, 64, block=10)
#: Of the rules that read predictions.
SCORES = PredictionLaw(220, record=2000, tested=200)
COMBINATION = PredictionLaw(250, record=500, tested=150, candidate=150, own=350)
TRIED = PredictionLaw(450, record=2000, tested=200, pairs=True)
RANKING = PredictionLaw(450, record=1000, candidate=200, pairs=True)
#: Bytes that a byte of a table of candidates takes where it is read.
TABLE_BYTES = 4
#: What naming the regions holds beside the table of the association: bytes a marker and fold of the
#: saliencies of a model's repeat.
SALIENCY_BYTES = 150
#: Of training, by the registered name of a model; others have that of their kind.
LAWS: dict[str, Law | MixedLaw] = {
    "baseline": Law(215, call=4, pair=5),
    "gblup": MixedLaw(),
    "rrblup": MixedLaw(),
    "mtgblup": Law(205, call=2, pair=42, block=10),
    "gca_sca": Law(235, pair=75, block=8),
    "rkhs": Law(235, call=2, pair=60, block=17),
    "svr": Law(225, call=2, pair=52, block=17),
    "bayes": Law(230, call=2, block=13, few=30, candidate=32),
    "lightgbm": Law(235, marker=2_500, call=11, block=14),
    "xgboost": Law(250, marker=6_000, call=24, block=14),
    "dnn": Law(520, marker=26_000, call=3, looked=32),
    "dnngp": Law(570, call=12, pair=260, looked=9),
    "deepgs": Law(470, marker=14_500, call=2, looked=10, batch=30),
    "dlgwas": Law(560, marker=2_000, call=2, looked=105, batch=130),
    "inception": Law(500, marker=55_000, call=2, looked=32, batch=330),
    **dict.fromkeys(
        ["local", "transformer", "lstm", "gru"], Law(570, marker=2_000, call=2, looked=32)
    ),
}
NETWORK = Law(540, marker=14_000, call=2, looked=32, batch=20)
REGRESSION = Law(240, call=12, pair=20, block=14)
#: Bytes of a pair of values that are learnt together in environments or traits, where their V is
#: inverted; and in environments by a main effect and an interaction.
OF_VALUES, OF_TERMS = 44, 34
#: What a network's shortcut takes beside it: what rkhs grows by.
SHORTCUT = Law(0, call=2, pair=60, block=17)


def training_mb(
    kind: str,
    is_network: bool,
    lines: int,
    markers: int,
    processes: int = 1,
    has_shortcut: bool = False,
    given_markers: int | None = None,
    ploidy: int = 2,
    related: int | None = None,
    together_mb: float = 0,
) -> float:
    """Memory of a training job in MB, as Slurm counts it: what processes share counts in each.

    kind: the registered name of its model. Of a network, has_shortcut: whether it has one;
    given_markers: how many of the markers it is given, if not all. Of a mixed model, its own or a
    shortcut's, related: the lines that differ, where they are told apart by environments;
    together_mb: what its values take that are learnt together.
    """
    law = LAWS.get(kind, NETWORK if is_network else REGRESSION)
    if isinstance(law, MixedLaw):
        each = law.process_mb(lines, markers, related)
    else:
        each = law.process_mb(
            *(lines, markers, given_markers, ploidy), related=None if is_network else related
        )
    if has_shortcut:
        each += SHORTCUT.process_mb(lines, markers, related=related)
    each += together_mb
    gathering = GATHERING_MB if processes > 1 else 0
    return processes * each + gathering


def candidates_mb(paths: Iterable[str]) -> float:
    """Size in MB of the tables of candidates among these files."""
    sizes = (os.path.getsize(it) for it in paths if Path(it).name.startswith("candidates"))
    return sum(sizes) / MEGABYTE


def structure_mb(codes: CodesShape) -> float:
    """Memory in MB of describing the structure."""
    law = STRUCTURE if codes.missing_share else STRUCTURE_COMPLETE
    return law.process_mb(codes.lines, codes.markers)
