"""Seconds and peak memory of reading the same genotypes in every format.

python tests/benchmarks/formats.py FOLDER [LINES MARKERS]
"""

from __future__ import annotations

import gzip
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path

import numpy as np

REPOSITORY = Path(__file__).parents[2]
sys.path[:0] = [str(REPOSITORY / "workflow"), str(REPOSITORY)]


def write(folder: Path, lines: int, markers: int) -> None:
    from tests.unit.genotype_files import line_names, plink2, write_bed

    chance = np.random.default_rng(0)
    share = chance.beta(0.5, 0.5, (markers, 1))
    dosage = chance.binomial(2, share, (markers, lines)).astype(np.int8)
    names, ids = line_names(lines), [f"m{row}" for row in range(markers)]
    digits, letters = np.array(["0", "1", "2"]), np.array(["AA", "AG", "GG"])
    places = [f"{name},1,{10 * row + 10}" for row, name in enumerate(ids)]
    about = [f"{name}\tA/G\t1\t{10 * row + 10}" + "\tNA" * 7 for row, name in enumerate(ids)]
    columns = "rs# alleles chrom pos strand assembly# center protLSID assayLSID panelLSID QCcode"
    write_rows(folder / "rows.csv", "line", ids, names, (digits[it] for it in dosage.T))
    write_rows(folder / "columns.csv", "marker,chrom,pos", names, places, map(digits.take, dosage))
    fractions = (np.char.mod("%.4f", it * chance.uniform(0.9, 1, lines)) for it in dosage)
    write_rows(folder / "fractions.csv", "marker,chrom,pos", names, places, fractions)
    header = columns.replace(" ", "\t")
    write_rows(folder / "g.hmp.txt", header, names, about, map(letters.take, dosage), "\t")
    with gzip.open(folder / "packed.hmp.txt.gz", "wb", 6) as packed:
        packed.write((folder / "g.hmp.txt").read_bytes())
    write_bed(folder / "g.bed", dosage)
    if shutil.which("plink2"):
        plink2(folder, "--bfile", "g", "--make-pgen", "--out", "g")


def write_rows(
    path: Path,
    first: str,
    header: Iterable[str],
    names: Iterable[str],
    rows: Iterable[np.ndarray],
    delimiter: str = ",",
) -> None:
    with open(path, "w") as file:
        file.write(delimiter.join([first, *header]) + "\n")
        for name, row in zip(names, rows, strict=True):
            file.write(delimiter.join([name, *row.tolist()]) + "\n")


def read(path: Path) -> None:
    from breedcast.genotypes.formats import open_source
    from breedcast.genotypes.source import Reading

    start = time.perf_counter()
    source = open_source(path, Reading())
    markers = sum(len(block.dosage) for block in source.blocks())
    source.checksums()
    seconds = time.perf_counter() - start
    status = Path("/proc/self/status").read_text()
    peak = int(status.split("VmHWM:")[1].split()[0]) / 1024
    size = path.stat().st_size / 1e6
    print(
        f"| {path.name} | {size:.0f} | {markers} x {len(source.samples)} | {seconds:.1f} "
        f"| {peak:.0f} |",
        flush=True,
    )


def main(folder: Path, lines: int = 2000, markers: int = 50_000) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "g.bed").exists():
        write(folder, lines, markers)
    print("| file | MB | markers x lines | s | peak MB |\n|---|---|---|---|---|", flush=True)
    for path in sorted(folder.iterdir()):
        if path.suffix not in (".bim", ".fam", ".pvar", ".psam", ".log"):
            subprocess.run([sys.executable, __file__, "--read", str(path)], check=True)


if __name__ == "__main__":
    if sys.argv[1] == "--read":
        read(Path(sys.argv[2]))
    else:
        main(Path(sys.argv[1]), *map(int, sys.argv[2:]))
