"""Genes of a GFF3 file, and the one nearest to a marker."""

from __future__ import annotations

import gzip
import re
import zlib
from collections.abc import Collection
from pathlib import Path
from typing import TextIO
from urllib.parse import unquote

import numpy as np
import pandas as pd

from breedcast.errors import UserError
from breedcast.genotypes.pairing import contig_key

COLUMNS = ["contig", "start", "end", "gene"]
#: Where a gene begins or ends.
PLACE = re.compile("[0-9]{1,18}")
#: Characters of a line that are read at most: packed, a line without end is small.
LONGEST_LINE = 1 << 20


def read_genes(path: str | Path, contigs: Collection[str]) -> pd.DataFrame:
    """contig (as in `contigs`), start, end, gene of the features of type gene.

    A gene is called by its Name, else by its ID. Contigs are matched by name or, where no name is
    the same, without chr and leading zeros. Raises UserError for what is no GFF3, and where no
    contig of the file is one of the genotypes'.
    """
    rows = []
    try:
        with _opened(path) as lines:
            for number, line in enumerate(iter(lambda: lines.readline(LONGEST_LINE), ""), 1):
                if line.startswith("##FASTA"):
                    break
                if line.startswith("#") or not line.strip():
                    continue
                fields = line.rstrip("\n").split("\t")
                if len(fields) != 9 or not all(map(PLACE.fullmatch, fields[3:5])):
                    raise UserError(
                        f"{path}, line {number}: not the nine columns of GFF3, separated by tabs; "
                        "give markers: genes a GFF3 file"
                    )
                if fields[2] == "gene":
                    name = _name(fields[8])
                    rows.append((unquote(fields[0]), int(fields[3]), int(fields[4]), name))
    except (OSError, EOFError, UnicodeDecodeError, zlib.error) as damage:
        raise UserError(f"{path} cannot be read ({damage}): give a GFF3 file") from damage
    genes = pd.DataFrame(rows, columns=COLUMNS)
    if not genes["contig"].isin(list(contigs)).any():
        own = {contig_key(contig): contig for contig in contigs}
        genes["contig"] = genes["contig"].map(lambda contig: own.get(contig_key(contig), ""))
        if not (genes["contig"] != "").any():
            found = f"its first is on {rows[0][0]!r}" if rows else "it has none"
            raise UserError(
                f"{path}: no gene lies on a contig of the genotypes ({found}; the genotypes have "
                f"{next(iter(contigs))!r}, ...); give the genes of this genome, contigs named alike"
            )
    return genes[genes["contig"].isin(list(contigs))].reset_index(drop=True)


def nearest_gene(genes: pd.DataFrame, contig: str, position: int) -> tuple[str, int] | None:
    """The gene nearest to a position and how far away it is (0: the position lies in it), or
    None where the contig has no gene.
    """
    here = genes[genes["contig"] == contig]
    if here.empty:
        return None
    before, behind = here["start"].to_numpy() - position, position - here["end"].to_numpy()
    distance = np.maximum(np.maximum(before, behind), 0)
    nearest = int(distance.argmin())
    return str(here["gene"].iloc[nearest]), int(distance[nearest])


def _opened(path: str | Path) -> TextIO:
    with open(path, "rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
    return gzip.open(path, "rt", encoding="utf-8") if packed else open(path, encoding="utf-8")


def _name(attributes: str) -> str:
    pairs = dict(pair.strip().partition("=")[::2] for pair in attributes.split(";"))
    return unquote(pairs.get("Name") or pairs.get("ID") or "unnamed")
