"""Make the embedded example: a simulated breeding population of inbred lines.

Ten inbred founders of two pools are drawn from a coalescent with recombination (msprime), so
that neighbouring sites are in linkage disequilibrium and the pools differ. A gene-drop then
carries the founders' alleles through two cycles of crossing; each cross is selfed to F4 by
single-seed descent. Nobody is selected. Trait values come from quantitative trait loci that are
not among the markers.

    python resources/example/make_example.py

rewrites, byte for byte, resources/example/ (what the workflow reads) and tests/data/ (the truth,
which only tests read). With a folder as its argument it writes there instead.
"""

import argparse
import ctypes
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cyvcf2
import msprime
import numpy as np
import pandas as pd

SEED = 2
REPOSITORY = Path(__file__).resolve().parents[2]

CHROMOSOMES = 6
CHROMOSOME_LENGTH = 60_000_000  # bp
RECOMBINATION_RATE = 2e-8  # Morgan per bp: 120 cM a chromosome
MUTATION_RATE = 1e-8  # per bp and generation
FOUNDERS_PER_POOL = 5
MARKERS_PER_CHROMOSOME = 180
QTL_PER_CHROMOSOME = 20

FIRST_CYCLE_SIZE = 12  # lines a family; each cycle has as many families as there are founders
SECOND_CYCLE_SIZE = 18
SELFINGS = 3  # F1 to F4
CANDIDATES_PER_FAMILY = 5  # of the second cycle

VCF_COLUMNS = ("#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO", "FORMAT")

MISSING_SHARE = 0.03
MISSING_SHARE_OF_BAD_LINE = 0.6
MISSING_SHARE_OF_BAD_MARKER = 0.35
RARE_MARKERS = 2
CANDIDATES_IN_TABLE = 6
MISSING_VALUES = 4  # per trait


@dataclass(frozen=True)
class Trait:
    """How a trait is inherited and measured.

    heritability: genetic share of the variance of a line mean.
    sd: standard deviation of line means, in the trait's unit.
    loci: number of quantitative trait loci, spread over all chromosomes.
    effect: draws the loci's additive effects, in any unit.
    epistatic_sd: standard deviation of the pairwise interactions, as a multiple of that of the
        additive effects; with interactions, loci 1 and 2, 3 and 4, ... form the pairs.
    """

    name: str
    heritability: float
    mean: float
    sd: float
    digits: int
    loci: int
    effect: Callable[[np.random.Generator, int], np.ndarray]
    epistatic_sd: float = 0.0


def signs(rng: np.random.Generator, size: int) -> np.ndarray:
    """Random -1 and 1."""
    return rng.choice([-1.0, 1.0], size)


TRAITS = (
    # t/ha, polygenic
    Trait("yield", 0.6, 8.2, 0.9, 2, 60, lambda rng, size: rng.standard_normal(size)),
    # cm, few large loci: each allele effect is 3/4 of the one before
    Trait("height", 0.7, 96, 9, 1, 5, lambda rng, size: signs(rng, size) * 0.75 ** np.arange(size)),
    # % of the leaf area, low is good
    Trait("disease", 0.6, 38, 9, 1, 12, signs, epistatic_sd=1.0),
)


@dataclass(frozen=True)
class Sites:
    """Places in the genome: contig index from 0, position in bp, reference and other allele."""

    contig: np.ndarray
    position: np.ndarray
    alleles: np.ndarray

    def take(self, rows: np.ndarray) -> "Sites":
        return Sites(self.contig[rows], self.position[rows], self.alleles[rows])


def contig_name(contig: int) -> str:
    """The name of a chromosome in the files, from its index."""
    return f"chr{contig + 1}"


def simulate_founders(rng: np.random.Generator) -> tuple[Sites, np.ndarray]:
    """Biallelic sites and the founders' haplotypes there, (founders, sites) int8."""
    demography = msprime.Demography()
    demography.add_population(name="early", initial_size=300)
    demography.add_population(name="late", initial_size=300)
    demography.add_population(name="landrace", initial_size=1500)
    demography.add_population_split(time=100, derived=["early", "late"], ancestral="landrace")
    contigs, positions, alleles, haplotypes = [], [], [], []
    for contig in range(CHROMOSOMES):
        trees = msprime.sim_ancestry(
            {"early": FOUNDERS_PER_POOL, "late": FOUNDERS_PER_POOL},
            ploidy=1,
            demography=demography,
            sequence_length=CHROMOSOME_LENGTH,
            recombination_rate=RECOMBINATION_RATE,
            random_seed=int(rng.integers(1, 2**31)),
        )
        mutated = msprime.sim_mutations(
            trees, rate=MUTATION_RATE, random_seed=int(rng.integers(1, 2**31))
        )
        for variant in mutated.variants():
            if variant.num_alleles == 2 and variant.site.position >= 1:
                contigs.append(contig)
                positions.append(int(variant.site.position))
                alleles.append(variant.alleles)
                haplotypes.append(variant.genotypes.astype(np.int8))
    sites = Sites(np.array(contigs), np.array(positions), np.array(alleles))
    return sites, np.array(haplotypes).T


def choose_sites(
    rng: np.random.Generator, sites: Sites, haplotypes: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Rows of `sites` that become markers and those that become quantitative trait loci.

    The minor allele is in at least two founders, as on an array made for the material.
    """
    copies = haplotypes.sum(axis=0)
    common = (copies >= 2) & (copies <= len(haplotypes) - 2)
    markers, loci = [], []
    for contig in range(CHROMOSOMES):
        rows = rng.permutation(np.flatnonzero(common & (sites.contig == contig)))
        loci.append(np.sort(rows[:QTL_PER_CHROMOSOME]))
        markers.append(np.sort(rows[QTL_PER_CHROMOSOME:][:MARKERS_PER_CHROMOSOME]))
    return np.concatenate(markers), np.concatenate(loci)


def gamete(rng: np.random.Generator, genome: np.ndarray, sites: Sites) -> np.ndarray:
    """One meiosis of a (2, sites) genome without interference (Haldane 1919): (sites,) alleles."""
    strand = np.empty(len(sites.position), dtype=np.intp)
    for contig in range(CHROMOSOMES):
        here = sites.contig == contig
        crossovers = rng.poisson(CHROMOSOME_LENGTH * RECOMBINATION_RATE)
        breaks = np.sort(rng.uniform(0, CHROMOSOME_LENGTH, crossovers))
        strand[here] = (rng.integers(2) + np.searchsorted(breaks, sites.position[here])) % 2
    return genome[strand, np.arange(len(strand))]


def make_line(
    rng: np.random.Generator, mother: np.ndarray, father: np.ndarray, sites: Sites
) -> np.ndarray:
    """The (2, sites) genome of an F4 plant of a cross, by single-seed descent."""
    plant = np.stack([gamete(rng, mother, sites), gamete(rng, father, sites)])
    for _ in range(SELFINGS):
        plant = np.stack([gamete(rng, plant, sites), gamete(rng, plant, sites)])
    return plant


def breed(
    rng: np.random.Generator, founders: np.ndarray, sites: Sites
) -> tuple[np.ndarray, pd.DataFrame]:
    """Two cycles: founders crossed in a ring, then lines of different first-cycle families.

    Returns the (lines, sites) int8 dosages of the alternate allele, and the pedigree, one row per
    line: sample, family, mother, father.
    """
    genomes = {f"P{i + 1:02d}": np.stack([haplotype] * 2) for i, haplotype in enumerate(founders)}
    pedigree: list[tuple[str, str, str, str]] = []

    def cross(family: str, mother: str, father: str, size: int) -> None:
        for child in range(size):
            sample = f"{family}-{child + 1:02d}"
            genomes[sample] = make_line(rng, genomes[mother], genomes[father], sites)
            pedigree.append((sample, family, mother, father))

    ring = [str(founder) for founder in rng.permutation(sorted(genomes))]
    for i, (mother, father) in enumerate(zip(ring, ring[1:] + ring[:1], strict=True)):
        cross(f"A{i + 1:02d}", mother, father, FIRST_CYCLE_SIZE)

    # one random line of each family; each is a mother once and a father once
    ring = [f"A{i + 1:02d}-{rng.integers(FIRST_CYCLE_SIZE) + 1:02d}" for i in range(len(ring))]
    ring = [str(line) for line in rng.permutation(ring)]
    for i, (mother, father) in enumerate(zip(ring, ring[1:] + ring[:1], strict=True)):
        cross(f"B{i + 1:02d}", mother, father, SECOND_CYCLE_SIZE)

    lines = pd.DataFrame(pedigree, columns=["sample", "family", "mother", "father"])
    dosage = np.stack([genomes[sample].sum(axis=0, dtype=np.int8) for sample in lines["sample"]])
    return dosage, lines


def inherit(
    rng: np.random.Generator, trait: Trait, dosage: np.ndarray, sites: Sites
) -> tuple[np.ndarray, pd.DataFrame]:
    """Genetic values of the lines, in the trait's unit, and the table of the loci behind them.

    With x = dosage - 1, the genetic value is a constant + sum(effect * x) over the loci
    + sum(interaction * x * x of the partner) over the pairs, scaled so that its variance among
    all lines is heritability * sd^2.
    dosage: (lines, sites) of every site that may be a locus.
    """
    chosen = rng.permutation(len(sites.position))[: trait.loci]
    pairs = np.arange(trait.loci if trait.epistatic_sd else 0).reshape(-1, 2)
    x = dosage[:, chosen] - 1.0
    products = x[:, pairs[:, 0]] * x[:, pairs[:, 1]]
    effect, interaction = trait.effect(rng, trait.loci), signs(rng, len(pairs))
    additive = x @ effect
    if trait.epistatic_sd:
        interaction *= trait.epistatic_sd * additive.std() / (products @ interaction).std()
    genetic = additive + products @ interaction
    scale = trait.sd * np.sqrt(trait.heritability) / genetic.std()

    loci = pd.DataFrame(
        {
            "trait": trait.name,
            "locus": [f"{trait.name}_{i + 1}" for i in range(trait.loci)],
            "contig": [contig_name(contig) for contig in sites.contig[chosen]],
            "position": sites.position[chosen],
            "effect": effect * scale,
        }
    )
    partners = loci["locus"].to_numpy()[pairs[:, 1]]
    loci["partner"] = pd.Series(partners, index=pairs[:, 0], dtype=object)
    loci["interaction"] = pd.Series(interaction * scale, index=pairs[:, 0], dtype=float)
    return trait.mean + (genetic - genetic.mean()) * scale, loci


def observe_genotypes(rng: np.random.Generator, dosage: np.ndarray, bad_line: int) -> np.ndarray:
    """What a laboratory would report of the (lines, markers) dosages: -1 where a call failed.

    Markers fail at rates of their own; one marker and one line fail often. Some markers carry a
    new mutation, seen once.
    """
    lines, markers = dosage.shape
    bad_marker, *rare = rng.choice(markers, 1 + RARE_MARKERS, replace=False)
    failing = np.tile(rng.gamma(2, MISSING_SHARE / 2, markers), (lines, 1))
    failing[:, bad_marker] = MISSING_SHARE_OF_BAD_MARKER
    failing[bad_line] = MISSING_SHARE_OF_BAD_LINE
    observed = dosage.copy()
    observed[:, rare] = 0
    observed[rng.integers(lines, size=RARE_MARKERS), rare] = 1
    observed[rng.random(dosage.shape) < failing] = -1
    return observed


def observe_phenotypes(
    rng: np.random.Generator, truth: pd.DataFrame, candidates: np.ndarray
) -> pd.DataFrame:
    """The trait table: line means, NA for a few of them, most candidates absent.

    truth: one row per line with sample, family and genetic values.
    candidates: (lines,) true for lines without a trait value.
    """
    table = truth[["sample", "family"]].copy()
    for trait in TRAITS:
        residual_sd = trait.sd * np.sqrt(1 - trait.heritability)
        means = truth[trait.name] + residual_sd * rng.standard_normal(len(truth))
        table[trait.name] = means.map(f"{{:.{trait.digits}f}}".format)
        lost = rng.choice(np.flatnonzero(~candidates), MISSING_VALUES, replace=False)
        table.loc[lost, trait.name] = None
        table.loc[candidates, trait.name] = None
    known = rng.choice(np.flatnonzero(candidates), CANDIDATES_IN_TABLE, replace=False)
    listed = ~candidates
    listed[known] = True
    return table[listed]


def write_vcf(path: Path, samples: list[str], sites: Sites, dosage: np.ndarray) -> None:
    """Write (samples, sites) dosages, -1 missing, as a bgzipped VCF with its tabix index."""
    header = [
        "##fileformat=VCFv4.2",
        *(
            f"##contig=<ID={contig_name(contig)},length={CHROMOSOME_LENGTH}>"
            for contig in range(CHROMOSOMES)
        ),
        '##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">',
        "\t".join([*VCF_COLUMNS, *samples]),
    ]
    calls = np.array(["0/0", "0/1", "1/1", "./."])  # dosage -1 takes the last
    writer = cyvcf2.Writer.from_string(str(path), "\n".join(header) + "\n", mode="wz")
    for row in range(len(sites.position)):
        contig, position = contig_name(sites.contig[row]), sites.position[row]
        site = [contig, str(position), f"{contig}_{position}", *sites.alleles[row]]
        record = "\t".join([*site, ".", ".", ".", "GT", *calls[dosage[:, row]]])
        writer.write_record(writer.variant_from_string(record))
    writer.close()
    index_vcf(path)


def index_vcf(path: Path) -> None:
    """Write the tabix index beside a bgzipped VCF.

    cyvcf2 carries htslib, whose public bcf_index_build it does not wrap.
    """
    htslib = ctypes.CDLL(cyvcf2.cyvcf2.__file__)
    if htslib.bcf_index_build(str(path).encode(), 0) != 0:  # 0: .tbi rather than .csi
        raise OSError(f"htslib cannot index {path}")


def write_table(table: pd.DataFrame, path: Path) -> None:
    """Tab-separated with a header, NA for missing, four decimals."""
    table.to_csv(path, sep="\t", index=False, na_rep="NA", float_format="%.4f", lineterminator="\n")


def make_example(root: Path) -> None:
    """Write the example's files under this folder, in resources/example and tests/data."""
    rng = np.random.default_rng(SEED)
    sites, haplotypes = simulate_founders(rng)
    markers, loci = choose_sites(rng, sites, haplotypes)
    kept = np.concatenate([markers, loci])
    dosage, truth = breed(rng, haplotypes[:, kept], sites.take(kept))
    at_markers, at_loci = dosage[:, : len(markers)], dosage[:, len(markers) :]

    tables = []
    for trait in TRAITS:
        truth[trait.name], table = inherit(rng, trait, at_loci, sites.take(loci))
        tables.append(table)

    candidates = truth["family"].str.startswith("B").to_numpy() & (
        truth.groupby("family").cumcount(ascending=False).to_numpy() < CANDIDATES_PER_FAMILY
    )
    bad_line, ungenotyped = rng.choice(np.flatnonzero(~candidates), 2, replace=False)
    observed = observe_genotypes(rng, at_markers, bad_line)
    genotyped = np.arange(len(truth)) != ungenotyped

    example, hidden = root / "resources" / "example", root / "tests" / "data"
    for folder in (example, hidden):
        folder.mkdir(parents=True, exist_ok=True)
    samples = truth["sample"][genotyped].tolist()
    write_vcf(example / "genotypes.vcf.gz", samples, sites.take(markers), observed[genotyped])
    write_table(observe_phenotypes(rng, truth, candidates), example / "phenotypes.tsv")
    write_table(truth, hidden / "example_truth.tsv")
    write_table(pd.concat(tables), hidden / "example_qtl.tsv")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Remake the embedded example.")
    parser.add_argument("root", nargs="?", type=Path, default=REPOSITORY)
    make_example(parser.parse_args().root)
