"""What readers share whose files hold dosages."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from breedcast.genotypes.source import MISSING_DOSAGE, Block, Source

#: A dosage as far as this from a whole number is told.
FAR_FROM_WHOLE = 0.1


def whole(dosage: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Dosages rounded to whole numbers, and which of them were far from one."""
    rounded = np.rint(dosage)
    return rounded, np.abs(dosage - rounded) > FAR_FROM_WHOLE


def of_allele(name: str, contig: str, position: int, alt: str) -> str:
    """The name of one of the markers that a marker of several alternate alleles becomes."""
    return f"{name if name.strip('.') else f'{contig}_{position}'}:{alt}"


def read_contigs(source: Source, block: Block, ploidy: int) -> Block:
    """The markers that are read; heterozygous calls of haploid contigs are missing.

    What is left out and made missing is counted.
    """
    wanted = source.reading.wanted(block.markers)
    source.counts["other_contigs"] += int((~wanted).sum())
    source.unread.update(block.markers["contig"].filter(pa.array(~wanted)).unique().to_pylist())
    block = block.where(wanted)
    haploid = [name for name, role in source.reading.contigs.items() if role == "haploid"]
    on_haploid = np.asarray(pc.is_in(block.markers["contig"], pa.array(haploid, pa.string())))
    dosage = block.dosage
    if on_haploid.any():
        heterozygous = (dosage > 0) & (dosage < ploidy) & on_haploid[:, None]
        source.counts["haploid_heterozygous"] += int(heterozygous.sum())
        dosage = np.where(heterozygous, np.int8(MISSING_DOSAGE), dosage)
    return Block(dosage, block.markers, block.rows)
