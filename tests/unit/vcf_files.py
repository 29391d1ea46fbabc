"""Small VCF files for tests: as text, gzip, bgzip and BCF, and a reader that shares no code."""

import gzip
import re
import struct
import zlib
from collections.abc import Sequence
from pathlib import Path

import cyvcf2
import numpy as np

from breedcast.genotypes.importing import import_genotypes
from breedcast.genotypes.source import Reading
from breedcast.genotypes.store import ImportSummary

HEADER = (
    "##fileformat=VCFv4.2\n"
    "##contig=<ID=chr1>\n"
    '##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">\n'
    '##FORMAT=<ID=DP,Number=1,Type=Integer,Description="Depth">\n'
)
HEADER_LINES = 5
FIXED = "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO"


def record(
    calls: Sequence[str],
    position: object = 100,
    alt: str = "T",
    form: str = "GT",
    name: str = ".",
    contig: str = "chr1",
) -> str:
    """One record."""
    return "\t".join([contig, str(position), name, "A", alt, ".", ".", ".", form, *calls])


def vcf(samples: Sequence[str], records: Sequence[str]) -> str:
    """A whole file."""
    header = HEADER + "\t".join([FIXED, "FORMAT", *samples])
    return "\n".join([header, *records]) + "\n"


def vcf_of_dosages(dosages: Sequence[Sequence[int]], ploidy: int = 2) -> str:
    """A file whose rows (markers) have these alternate-allele dosages; -1 is missing."""
    samples = [f"line{number}" for number in range(len(dosages[0]))]
    return vcf(
        samples,
        [
            record([call(dosage, ploidy) for dosage in row], position=number, name=f"m{number}")
            for number, row in enumerate(dosages, start=1)
        ],
    )


def call(dosage: int, ploidy: int) -> str:
    """A genotype of this dosage."""
    if dosage < 0:
        return "/".join("." * ploidy)
    return "/".join("0" * (ploidy - dosage) + "1" * dosage)


def bgzip(content: bytes, block: int = 400, end: bool = True) -> bytes:
    """BGZF (SAM specification, section 4.1) with many small blocks."""
    parts = [content[start : start + block] for start in range(0, len(content), block)]
    return b"".join(_bgzf_block(part) for part in [*parts, b""][: None if end else -1])


def _bgzf_block(content: bytes) -> bytes:
    deflate = zlib.compressobj(6, zlib.DEFLATED, -15)
    body = deflate.compress(content) + deflate.flush()
    head = struct.pack("<4BI2BH2BHH", 31, 139, 8, 4, 0, 0, 255, 6, 66, 67, 2, len(body) + 25)
    return head + body + struct.pack("<II", zlib.crc32(content), len(content))


def write_bcf(text: str, path: Path) -> None:
    """The same records as BCF, written by htslib."""
    plain = path.with_suffix(".vcf")
    plain.write_text(text, encoding="utf-8")
    reader = cyvcf2.VCF(str(plain))
    writer = cyvcf2.Writer(str(path), reader, mode="wb")
    for variant in reader:
        writer.write_record(variant)
    writer.close()


def import_vcf(path: Path, store: Path) -> ImportSummary:
    """One file as the config's defaults read it."""
    return import_genotypes([path], store, Reading())


def parse(text: str) -> tuple[list[str], np.ndarray]:
    """Sample names and dosages (markers, samples), by splitting text."""
    samples: list[str] = []
    rows = []
    for line in text.splitlines():
        columns = line.split("\t")
        if line.startswith("#CHROM"):
            samples = columns[9:]
        elif not line.startswith("#"):
            field = columns[8].split(":").index("GT")
            rows.append([_count(cell.split(":")[field]) for cell in columns[9:]])
    return samples, np.array(rows)


def _count(genotype: str) -> int:
    alleles = re.split("[/|]", genotype)
    return -1 if "." in alleles else sum(allele != "0" for allele in alleles)


def gzipped(content: bytes) -> bytes:
    """Plain gzip."""
    return gzip.compress(content, mtime=0)
