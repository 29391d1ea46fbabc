"""Genotypes and a trait of many lines, and what each stage of a run on them took.

    python tests/benchmarks/scale.py make FOLDER [--lines 10000] [--markers 100000] [--missing 0]
    snakemake --cores 1 --configfile FOLDER/config.yaml
    python tests/benchmarks/scale.py table FOLDER

make: lines are mosaics of 40 haplotypes in stretches of 500 markers on ten contigs, so that
markers are linked and lines related; 300 loci make half of the trait's variance; one line in fifty
has no value. A bgzipped VCF. table: CPU seconds, wall seconds and peak memory of every job, from
the benchmark files.
"""

from __future__ import annotations

import argparse
import struct
import zlib
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pandas as pd

HAPLOTYPES, STRETCH, CONTIGS, LOCI = 40, 500, 10, 300
#: Bytes of text in a block of BGZF, and the empty block that ends a file.
BGZF_BYTES = 65_280
BGZF_END = bytes.fromhex("1f8b08040000000000ff0600424302001b0003000000000000000000")

CONFIG = """\
genotypes: {{path: {folder}/genotypes.vcf.gz}}
phenotypes: {{path: {folder}/phenotypes.tsv}}
traits: all
output: {folder}/results
models:
  gblup: {{}}
validation: {{folds: 3, inner_folds: 2, repeats: 1}}
control: {{permutations: 0}}
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("task", choices=["make", "table"])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--lines", type=int, default=10_000)
    parser.add_argument("--markers", type=int, default=100_000)
    parser.add_argument("--missing", type=float, default=0.0)
    given = parser.parse_args()
    if given.task == "table":
        print(table(given.folder).to_string(index=False))
        return
    given.folder.mkdir(exist_ok=True)
    make(given.folder, given.lines, given.markers, given.missing)
    (given.folder / "config.yaml").write_text(CONFIG.format(folder=given.folder))


def make(folder: Path, lines: int, markers: int, missing: float) -> None:
    """genotypes.vcf.gz and phenotypes.tsv."""
    rng = np.random.default_rng(0)
    names = [f"line{number}" for number in range(lines)]
    calls = np.array([b"0|0\t", b"0|1\t", b"1|0\t", b"1|1\t", b".|.\t"]).view(np.uint32)
    loci = set(rng.choice(markers, min(LOCI, markers), replace=False).tolist())
    genetic = np.zeros(lines)
    with open(folder / "genotypes.vcf.gz", "wb") as file:
        contigs = "".join(f"##contig=<ID=chr{it}>\n" for it in range(CONTIGS))
        columns = ["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO", "FORMAT", *names]
        head = (
            f"##fileformat=VCFv4.2\n{contigs}"
            '##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">\n'
        )
        write_bgzf(file, (head + "\t".join(columns) + "\n").encode())
        for start in range(0, markers, STRETCH):
            size = min(STRETCH, markers - start)
            frequency = rng.beta(0.8, 1.2, size)[:, None]
            alleles = (rng.random((size, HAPLOTYPES)) < frequency).astype(np.uint8)
            first, second = (alleles[:, rng.integers(HAPLOTYPES, size=lines)] for _ in range(2))
            code = 2 * first + second
            if missing:
                code[rng.random(code.shape, np.float32) < missing] = 4
            text = calls[code]
            for number, row in zip(range(start, start + size), text, strict=True):
                if number in loci:
                    genetic += rng.normal() * (first[number - start] + second[number - start])
                place = f"chr{number * CONTIGS // markers}\t{100 * number + 7}\tm{number}\tA\tC"
                write_bgzf(file, f"{place}\t.\tPASS\t.\tGT\t".encode() + row.tobytes()[:-1] + b"\n")
        file.write(BGZF_END)
    value = genetic / genetic.std() + rng.normal(size=lines)
    value[::50] = np.nan
    table = pd.DataFrame({"sample": names, "trait": value})
    table.to_csv(folder / "phenotypes.tsv", sep="\t", index=False, na_rep="NA")


def write_bgzf(file: BinaryIO, text: bytes) -> None:
    """Text as blocks of BGZF, packed fast."""
    for start in range(0, len(text), BGZF_BYTES):
        part = text[start : start + BGZF_BYTES]
        packer = zlib.compressobj(1, zlib.DEFLATED, -15)
        packed = packer.compress(part) + packer.flush()
        file.write(bytes.fromhex("1f8b08040000000000ff060042430200"))
        file.write(struct.pack("<H", len(packed) + 25) + packed)
        file.write(struct.pack("<II", zlib.crc32(part), len(part)))


def table(folder: Path) -> pd.DataFrame:
    """A row a job, in the order of their ends: CPU and wall seconds, resident MB."""
    files = sorted((folder / "benchmarks").rglob("*.tsv"), key=lambda it: it.stat().st_mtime)
    rows = []
    for path in files:
        told = pd.read_csv(path, sep="\t").iloc[-1]
        name = str(path.relative_to(folder / "benchmarks").with_suffix(""))
        rows.append([name, told["cpu_time"], told["s"], told["max_rss"]])
    return pd.DataFrame(rows, columns=["job", "cpu_s", "wall_s", "rss_MB"])


if __name__ == "__main__":
    main()
