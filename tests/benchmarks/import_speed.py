"""File to store: the import against `plink2 --vcf --make-bed`, in turn, on simulated genotypes.

    python tests/benchmarks/import_speed.py [--lines 2000] [--markers 50000] [--rounds 5]

The genotypes are a coalescent simulation (msprime), written as VCF with GT alone and bgzipped.
Both programs are whole processes with two threads; their CPU seconds, with those of processes they
start, tell more than the time where other work runs. Needs plink2 and bgzip.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import msprime
import numpy as np

#: Markers that are simulated; more take long.
TILE = 20_000
WORKFLOW = Path(__file__).resolve().parents[2] / "workflow"
IMPORT = """
import resource, sys
sys.path.insert(0, sys.argv[1])
from breedcast import script
from breedcast.genotypes.importing import import_genotypes
from breedcast.genotypes.source import Reading
from breedcast.workers import keep_freed_memory

def peak():
    with open("/proc/self/status") as status:
        return next(int(it.split()[1]) for it in status if it.startswith("VmHWM")) // 1024

keep_freed_memory()
libraries = peak()
import_genotypes([sys.argv[2]], sys.argv[3], Reading(threads=2))
print(libraries, peak(), resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024)
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
    """Coalescent genotypes of diploid lines; behind the first TILE markers the same of others."""
    haplotypes = simulated(lines, min(markers, TILE))
    names = "\t".join(f"line{line}" for line in range(lines))
    cells = np.full((lines, 4), ord("|"), np.uint8)
    cells[:, 3], cells[-1, 3] = ord("\t"), ord("\n")
    shuffle = np.random.default_rng(1).permutation
    with open(path, "wb") as file:
        file.write(
            b"##fileformat=VCFv4.2\n##contig=<ID=1>\n"
            b'##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">\n'
            + f"#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\t{names}\n".encode()
        )
        for number in range(markers):
            at = number % len(haplotypes)
            if at == 0:
                columns = shuffle(2 * lines)
            cells[:, 0:3:2] = haplotypes[at, columns].reshape(lines, 2)
            file.write(f"1\t{100 * number + 7}\tsnp{number}\tA\tT\t.\tPASS\t.\tGT\t".encode())
            file.write(cells.tobytes())


def simulated(lines: int, markers: int) -> np.ndarray:
    """(markers, 2 x lines) uint8, the letters 0 and 1, of neighbouring sites."""
    mutation, recombination, size = 2e-8, 1e-8, 10_000
    per_base = 4 * size * mutation * sum(1 / i for i in range(1, 2 * lines))
    ancestry = msprime.sim_ancestry(
        lines,
        population_size=size,
        sequence_length=int(1.2 * markers / per_base),
        recombination_rate=recombination,
        random_seed=1,
    )
    sites = msprime.sim_mutations(ancestry, rate=mutation, random_seed=1)
    alleles = [
        np.minimum(site.genotypes, 1).astype(np.uint8)
        for site, _ in zip(sites.variants(), range(markers), strict=False)
    ]
    return ord("0") + np.array(alleles)


def compare(folder: Path, name: str, rounds: int) -> None:
    """Run both in turn."""
    ours = [sys.executable, "-c", IMPORT, WORKFLOW, folder / name, folder / "imported"]
    plink = ["plink2", "--vcf", folder / name, "--make-bed", "--threads", "2"]
    ratios, cpu_ratios = [], []
    for _ in range(rounds):
        (a, cpu_a, said), (b, cpu_b, _) = timed(ours), timed([*plink, "--out", folder / "plink"])
        libraries, peak, other = said.split()
        ratios.append(a / b)
        cpu_ratios.append(cpu_a / cpu_b)
        print(
            f"{name}: {a:.2f} s ({cpu_a:.2f} CPU), {peak} MB and {other} MB the larger process it "
            f"starts (libraries {libraries}); plink2 {b:.2f} s ({cpu_b:.2f} CPU)"
        )
    for what, found in (("time", ratios), ("CPU time", cpu_ratios)):
        low, middle, high = min(found), statistics.median(found), max(found)
        print(f"{name}: {middle:.2f} of plink2's {what} ({low:.2f} to {high:.2f})")


def timed(command: list[object]) -> tuple[float, float, str]:
    """Seconds of a process, CPU seconds of it and of those it starts, and what it printed."""
    begin, cpu = time.perf_counter(), children_cpu()
    done = subprocess.run(list(map(str, command)), check=True, capture_output=True, text=True)
    return time.perf_counter() - begin, children_cpu() - cpu, done.stdout


def children_cpu() -> float:
    """CPU seconds of the processes that have ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


if __name__ == "__main__":
    main()
