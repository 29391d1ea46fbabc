"""The association scan: time beside plink2, power with known loci, published values.

    PYTHONPATH=workflow:. python tests/benchmarks/association.py [speed LINES MARKERS] \
        [power] [published]

speed: made-up lines with 3 % missing calls; the scan from codes.zarr to its table in one thread,
    beside plink2 --glm (no kinship) of one thread where plink2 is installed. Memory is the
    process's peak.
power: structured lines, a trait of five loci and a polygenic background; power and false positives
    by effect, with and without the tested contig, and by least squares alone.
published: plant height of soynam beside the Wald statistics and saliencies that DL_gwas published
    (BREEDCAST_DATA, by default ../shared/data).
"""

from __future__ import annotations

import multiprocessing
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats

import breedcast.script  # noqa: F401  (one compute thread, before numpy is imported)
from breedcast.genotypes.columns import CodeColumns, StoredCodes
from breedcast.genotypes.filter import filter_genotypes
from breedcast.markers.association import inflation, scan_association
from tests.benchmarks.genotype_filter import DEFAULTS, make_import
from tests.unit.test_association import lines_of, places, structured_codes, without_kinship
from tests.unit.vcf_files import import_vcf

DATA = Path(os.environ.get("BREEDCAST_DATA", "../shared/data"))
#: Calls of plink's .bed by code: no alternate allele, one, two, missing.
BED_CALLS = np.array([3, 2, 0, 1], np.uint8)


def scan(path: Path, value: np.ndarray, leave_out_contig: bool) -> None:
    """What the rule does, and how long it takes."""
    start = time.process_time()
    genotypes = StoredCodes.open(path)
    opened = time.process_time()
    scan_association(
        genotypes.of(genotypes.samples),
        genotypes.markers,
        lines_of(value),
        leave_out_contig=leave_out_contig,
    )
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(
        f"scan, leave_out_contig {leave_out_contig}: {opened - start:.0f} s of CPU time to open "
        f"and verify, {time.process_time() - opened:.0f} s to test; at most {peak:.2f} GB",
        flush=True,
    )


def write_bed(path: Path, value: np.ndarray, prefix: Path) -> None:
    """The same genotypes and trait for plink."""
    genotypes = StoredCodes.open(path)
    with open(f"{prefix}.bed", "wb") as bed:
        bed.write(bytes([0x6C, 0x1B, 0x01]))
        columns = genotypes.of(genotypes.samples)
        for codes in columns.blocks(0, columns.markers):
            calls = BED_CALLS[codes.T]
            calls = np.pad(calls, ((0, 0), (0, -calls.shape[1] % 4)))
            packed = (calls.reshape(len(calls), -1, 4) << [0, 2, 4, 6]).sum(axis=2, dtype=np.uint8)
            bed.write(packed.tobytes())
    bim = genotypes.markers.assign(centimorgan=0)
    bim["contig"] = bim["contig"].str.removeprefix("chr").astype(int) + 1
    bim = bim[["contig", "id", "centimorgan", "position", "alt", "ref"]]
    bim.to_csv(f"{prefix}.bim", sep="\t", header=False, index=False)
    fam = pd.DataFrame({"family": 0, "sample": genotypes.samples})
    fam = fam.assign(father=0, mother=0, sex=0, value=value)
    fam.to_csv(f"{prefix}.fam", sep="\t", header=False, index=False)


def speed(lines: int, markers: int) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        make_import(folder / "imported", lines, markers)
        filter_genotypes(folder / "imported", folder, **DEFAULTS)
        shutil.rmtree(folder / "imported")
        path = folder / "codes.zarr"
        value = np.random.default_rng(1).normal(size=lines)
        kept = len(StoredCodes.open(path).markers)
        print(f"{lines} lines, {kept} markers")
        context = multiprocessing.get_context("spawn")
        for leave_out_contig in (False, True):
            process = context.Process(target=scan, args=(path, value, leave_out_contig))
            process.start()
            process.join()
        A = np.random.default_rng(1).random((lines, lines), np.float32)
        B = np.random.default_rng(2).random((lines, 4096), np.float32)
        start = time.process_time()
        A @ B
        one = (time.process_time() - start) / 4096
        print(f"a float32 matrix product of that size: {one * kept:.0f} s of CPU time")
        if shutil.which("plink2") is None:
            print("plink2 is not installed")
            return
        write_bed(path, value, folder / "plink")
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        command = ["plink2", "--bfile", folder / "plink", "--glm", "allow-no-covars"]
        options = ["--threads", "1", "--out", folder / "plink"]
        subprocess.run([*command, *options], check=True, capture_output=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        print(f"plink2 --glm, no kinship: {spent:.0f} s of CPU time")


def power(traits: int = 50, lines: int = 300, markers: int = 2000) -> None:
    """Prints power and false positives at 0.05 / markers, and the inflation factor."""
    contigs = places(markers)
    contigs["contig"] = (np.arange(markers) // 200).astype(str)
    for effect in (0.0, 0.2, 0.3, 0.4):
        found: dict[str, list[tuple[float, float, float]]] = {}
        for seed in range(traits):
            codes = structured_codes(lines, markers, seed)
            rng = np.random.default_rng(1000 + seed)
            loci = rng.choice(markers, 5, replace=False)
            scaled = (codes - codes.mean(axis=0)) / np.maximum(codes.std(axis=0), 0.01)
            value = effect * scaled[:, loci] @ rng.choice([-1, 1], 5)
            value += scaled @ rng.normal(size=markers) * np.sqrt(0.3 / markers)
            value += rng.normal(size=lines) * np.sqrt(0.5)
            columns, table = CodeColumns.of(codes, 2), lines_of(value)
            tested = {
                name: scan_association(columns, contigs, table, leave_out_contig=left)["p_value"]
                for name, left in (("all contigs in K", False), ("contig left out", True))
            }
            tested["least squares"] = pd.Series(
                stats.f.sf(without_kinship(codes, value), 1, lines - 2)
            )
            for name, p in tested.items():
                named = (p < 0.05 / markers).to_numpy()
                true = named[loci].sum() if effect else 0
                row = (true / 5, named.sum() - true, inflation(p.to_numpy()))
                found.setdefault(name, []).append(row)
        for name, rows in found.items():
            true, false, factor = np.mean(rows, axis=0)
            print(
                f"effect {effect}: {name}: power {true:.2f}, {false:.2f} false positives a scan "
                f"(0.05 by chance), lambda {factor:.2f}",
                flush=True,
            )


def published() -> None:
    """Rank agreement with the published values, at the markers that both have.

    The published values come from genotypes most of whose lines carry another line's name, of the
    same family (the data's README): what they agree on is mostly between families.
    """
    folder = DATA / "dlgwas_published" / "saliency"
    theirs = pd.read_csv(folder / "height_polytest.txt", sep="\t")[["wald"]]
    saliency = pd.read_csv(folder / "height_saliency_value.txt", sep="\t", index_col=0)
    theirs["saliency"] = saliency["0"].to_numpy()
    with tempfile.TemporaryDirectory() as scratch:
        import_vcf(DATA / "soynam" / "genotypes.vcf.gz", f"{scratch}/imported")
        filter_genotypes(f"{scratch}/imported", scratch, **DEFAULTS)
        genotypes = StoredCodes.open(f"{scratch}/codes.zarr")
        traits = pd.read_csv(DATA / "soynam" / "phenotypes.tsv", sep="\t").dropna(subset=["height"])
        traits = traits[traits["sample"].isin(genotypes.samples)][::3]
        stored, value = genotypes.of(traits["sample"]), traits["height"].to_numpy()
        codes = stored.read(0, stored.markers)
        columns = CodeColumns.of(codes, genotypes.ploidy)
    places = genotypes.markers["contig"] + "_" + genotypes.markers["position"].astype(str)
    ours = {
        name: scan_association(
            columns, genotypes.markers, lines_of(value), leave_out_contig=left
        ).set_index(places)
        for name, left in (("all contigs in K", False), ("contig left out", True))
    }
    for name, found in ours.items():
        top = found.nsmallest(5, "p_value")
        best = ", ".join(f"{place} {p:.1g}" for place, p in top["p_value"].items())
        named = int((found["q_value"] <= 0.05).sum())
        factor = inflation(found["p_value"].to_numpy())
        print(f"{len(value)} lines, {name}: lambda {factor:.2f}, {named} of q <= 0.05; {best}")
    table = theirs.assign(**{name: found["wald"] for name, found in ours.items()})
    table["least squares"] = pd.Series(without_kinship(codes, value), index=places)
    print(f"Spearman correlations at {len(table.dropna())} markers:")
    print(table.dropna().corr("spearman").round(2).to_string())


def main() -> None:
    arguments = sys.argv[1:] or ["power", "published"]
    if arguments[0] == "speed":
        speed(*map(int, arguments[1:3]))
        arguments = arguments[3:]
    for part in arguments:
        {"power": power, "published": published}[part]()


if __name__ == "__main__":
    main()
