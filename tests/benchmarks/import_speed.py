"""File to store: the import against `plink2 --vcf --make-bed`, in turn, on simulated genotypes.

    python tests/benchmarks/import_speed.py [--lines 2000] [--markers 50000] [--rounds 5]

The genotypes are a coalescent simulation (msprime), written as VCF with GT alone and bgzipped.
Both programs are whole processes with two threads. Needs plink2 and bgzip.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import msprime
import numpy as np

WORKFLOW = Path(__file__).resolve().parents[2] / "workflow"
IMPORT = """
import resource, sys
sys.path.insert(0, sys.argv[1])
from breedcast import script
from breedcast.genotypes.importing import import_genotypes
from breedcast.genotypes.source import Reading
from breedcast.workers import keep_freed_memory

keep_freed_memory()
libraries = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
import_genotypes([sys.argv[2]], sys.argv[3], Reading(threads=2))
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(peak // 1024, (peak - libraries) // 1024)
"""


def main() -> None:
    """Print each round and the median ratio."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--lines", type=int, default=2000)
    parser.add_argument("--markers", type=int, default=50_000)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        write_vcf(arguments.lines, arguments.markers, folder / "g.vcf")
        subprocess.run(["bgzip", "-k", folder / "g.vcf"], check=True)
        for name in ("g.vcf.gz", "g.vcf"):
            compare(folder, name, arguments.rounds)


def write_vcf(lines: int, markers: int, path: Path) -> None:
    """Coalescent genotypes of diploid lines."""
    mutation, recombination, size = 2e-8, 1e-8, 10_000
    per_base = 4 * size * mutation * sum(1 / i for i in range(1, 2 * lines))
    length = 1.1 * markers / per_base
    ancestry = msprime.sim_ancestry(
        lines,
        population_size=size,
        sequence_length=int(length),
        recombination_rate=recombination,
        random_seed=1,
    )
    sites = msprime.sim_mutations(ancestry, rate=mutation, random_seed=1)
    names = "\t".join(f"line{line}" for line in range(lines))
    cells = np.full((lines, 4), ord("|"), np.uint8)
    cells[:, 3], cells[-1, 3] = ord("\t"), ord("\n")
    with open(path, "wb") as file:
        file.write(
            b"##fileformat=VCFv4.2\n##contig=<ID=1>\n"
            b'##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">\n'
            + f"#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\t{names}\n".encode()
        )
        for number, variant in zip(range(markers), sites.variants(), strict=False):
            alleles = np.minimum(variant.genotypes, 1).reshape(lines, 2)
            cells[:, 0], cells[:, 2] = ord("0") + alleles[:, 0], ord("0") + alleles[:, 1]
            position = int(variant.site.position) + 1
            file.write(f"1\t{position}\tsnp{number}\tA\tT\t.\tPASS\t.\tGT\t".encode())
            file.write(cells.tobytes())


def compare(folder: Path, name: str, rounds: int) -> None:
    """Run both in turn."""
    ours = [sys.executable, "-c", IMPORT, WORKFLOW, folder / name, folder / "imported"]
    plink = ["plink2", "--vcf", folder / name, "--make-bed", "--threads", "2"]
    ratios = []
    for _ in range(rounds):
        (a, said), (b, _) = timed(ours), timed([*plink, "--out", folder / "plink"])
        peak, above = said.split()
        ratios.append(a / b)
        print(f"{name}: {a:.2f} s, {peak} MB ({above} above the libraries); plink2 {b:.2f} s")
    low, middle, high = min(ratios), statistics.median(ratios), max(ratios)
    print(f"{name}: {middle:.2f} of plink2's time ({low:.2f} to {high:.2f})")


def timed(command: list[object]) -> tuple[float, str]:
    """Seconds of a process, and what it printed."""
    begin = time.perf_counter()
    done = subprocess.run(list(map(str, command)), check=True, capture_output=True, text=True)
    return time.perf_counter() - begin, done.stdout


if __name__ == "__main__":
    main()
