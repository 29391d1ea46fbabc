"""The same dosages written in every format, by other programs where there are some."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from bed_reader import to_bed

from breedcast.genotypes.formats import open_source
from breedcast.genotypes.source import Reading, Source
from tests.unit.vcf_files import vcf

PLINK2 = shutil.which("plink2")
needs_plink2 = pytest.mark.skipif(PLINK2 is None, reason="plink2 is not installed")


def read(path: Path, **settings: object) -> tuple[Source, np.ndarray, pa.Table]:
    """The source, all dosages (markers, lines) and all markers of a file."""
    source = open_source(path, Reading(**settings))  # type: ignore[arg-type]
    blocks = list(source.blocks())
    return (
        source,
        np.concatenate([block.dosage for block in blocks]),
        pa.concat_tables([block.markers for block in blocks]),
    )


def line_names(number: int) -> list[str]:
    return [f"L{line}" for line in range(number)]


def plink2(folder: Path, *arguments: str) -> None:
    assert PLINK2 is not None
    command = [PLINK2, "--allow-extra-chr", "--threads", "1", "--memory", "1000", *arguments]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)


def write_vcf(path: Path, dosage: np.ndarray, alleles: str = "AG") -> Path:
    """Diploid dosages (markers, lines) on contig 1, positions 10, 20, ..."""
    call = {-1: "./.", 0: "0/0", 1: "0/1", 2: "1/1"}
    records = [
        "\t".join(
            ["1", str(10 * row + 10), f"m{row}", *alleles, ".", ".", ".", "GT"]
            + [call[value] for value in values]
        )
        for row, values in enumerate(dosage.tolist())
    ]
    path.write_text(vcf(line_names(dosage.shape[1]), records))
    return path


def write_bed(path: Path, dosage: np.ndarray) -> Path:
    markers, lines = dosage.shape
    values = np.where(dosage < 0, -127, dosage).astype(np.int8).T
    to_bed(
        path,
        values,
        properties={
            "iid": line_names(lines),
            "sid": [f"m{row}" for row in range(markers)],
            "chromosome": ["1"] * markers,
            "bp_position": [10 * row + 10 for row in range(markers)],
            "allele_1": ["G"] * markers,
            "allele_2": ["A"] * markers,
        },
    )
    return path


def write_hapmap(path: Path, dosage: np.ndarray, calls: Sequence[str], end: str = "\n") -> Path:
    """calls: how dosages 0, 1, 2 and a missing one are written."""
    columns = "rs# alleles chrom pos strand assembly# center protLSID assayLSID panelLSID QCcode"
    rows = [[*columns.split(), *line_names(dosage.shape[1])]]
    for row, values in enumerate(dosage.tolist()):
        about = [f"m{row}", "A/G", "1", str(10 * row + 10), *["NA"] * 7]
        rows.append(about + [calls[value] for value in values])
    path.write_bytes("".join("\t".join(row) + end for row in rows).encode())
    return path


def write_table(path: Path, rows: Sequence[Sequence[object]], delimiter: str = ",") -> Path:
    path.write_text("".join(delimiter.join(map(str, row)) + "\n" for row in rows))
    return path


def lines_in_rows(dosage: np.ndarray, missing: object = "NA") -> list[list[object]]:
    """The rows of a table with lines in rows."""
    markers = [f"m{row}" for row in range(len(dosage))]
    shown = np.where(dosage < 0, missing, dosage.astype(object)).T.tolist()
    names = line_names(dosage.shape[1])
    return [["line", *markers], *([name, *it] for name, it in zip(names, shown, strict=True))]


def lines_in_columns(dosage: np.ndarray, missing: object = "NA") -> list[list[object]]:
    """The rows of a table with markers in rows, and where they are."""
    shown = np.where(dosage < 0, missing, dosage.astype(object)).tolist()
    rows = [[f"m{row}", 1, 10 * row + 10, "A", "G", *it] for row, it in enumerate(shown)]
    return [["Marker", "Chrom", "Position", "REF", "ALT", *line_names(dosage.shape[1])], *rows]
