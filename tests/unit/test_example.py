"""The embedded example: what its README promises, from its files and from its maker."""

from pathlib import Path

import cyvcf2
import numpy as np
import pandas as pd
import pytest
from scipy.stats import pearsonr
from sklearn.linear_model import Ridge
from sklearn.model_selection import KFold, cross_val_predict

from resources.example import make_example as maker

TRAITS = [trait.name for trait in maker.TRAITS]


@pytest.fixture(scope="module")
def example(repository: Path) -> Path:
    return repository / "resources" / "example"


@pytest.fixture(scope="module")
def phenotypes(example: Path) -> pd.DataFrame:
    return pd.read_csv(example / "phenotypes.tsv", sep="\t", index_col="sample")


@pytest.fixture(scope="module")
def truth(repository: Path) -> pd.DataFrame:
    return pd.read_csv(repository / "tests" / "data" / "example_truth.tsv", sep="\t").set_index(
        "sample"
    )


@pytest.fixture(scope="module")
def loci(repository: Path) -> pd.DataFrame:
    return pd.read_csv(repository / "tests" / "data" / "example_qtl.tsv", sep="\t")


@pytest.fixture(scope="module")
def markers(example: Path) -> pd.DataFrame:
    """Dosages, NaN where missing: one row per line, columns (contig, position)."""
    vcf = cyvcf2.VCF(str(example / "genotypes.vcf.gz"), gts012=True)
    calls = {(record.CHROM, record.POS): record.gt_types.astype(float) for record in vcf}
    dosage = pd.DataFrame(calls, index=vcf.samples)
    return dosage.where(dosage != 3)


def imputed(markers: pd.DataFrame) -> np.ndarray:
    return markers.fillna(markers.mean()).to_numpy()


def test_remaking_gives_the_same_bytes(repository: Path, tmp_path: Path) -> None:
    maker.make_example(tmp_path)
    made = sorted(path.relative_to(tmp_path) for path in tmp_path.rglob("*") if path.is_file())
    assert len(made) == 5
    for path in made:
        assert (tmp_path / path).read_bytes() == (repository / path).read_bytes(), path


def test_shape(markers: pd.DataFrame, phenotypes: pd.DataFrame, truth: pd.DataFrame) -> None:
    assert markers.shape == (299, 1080)
    assert markers.columns.is_monotonic_increasing
    assert markers.columns.is_unique
    assert markers.columns.get_level_values(0).value_counts().tolist() == [180] * 6
    assert markers.index.is_unique
    assert phenotypes.index.is_unique
    assert phenotypes.columns.tolist() == ["family", *TRAITS]
    assert set(markers.index) < set(truth.index)
    assert set(phenotypes.index) < set(truth.index)
    assert phenotypes["family"].equals(truth["family"].loc[phenotypes.index])


def test_the_vcf_is_small_and_indexed(example: Path, markers: pd.DataFrame) -> None:
    path = example / "genotypes.vcf.gz"
    assert path.stat().st_size < 1_000_000
    found = [record.POS for record in cyvcf2.VCF(str(path))("chr4:20000000-35000000")]
    positions = markers["chr4"].columns
    assert found == positions[(positions >= 20_000_000) & (positions <= 35_000_000)].tolist()
    assert 30 <= len(found) <= 60


def test_what_the_filters_should_drop(markers: pd.DataFrame) -> None:
    missing = markers.isna()
    frequency = markers.mean() / 2
    minor = np.minimum(frequency, 1 - frequency)
    assert missing.to_numpy().mean() == pytest.approx(0.03, abs=0.005)
    assert (missing.mean(axis=1) > 0.5).sum() == 1
    assert (missing.mean() > 0.2).sum() == 1
    assert (minor < 0.01).sum() == 2
    assert (minor >= 0.05).mean() > 0.95


def test_lines_without_values(
    markers: pd.DataFrame, phenotypes: pd.DataFrame, truth: pd.DataFrame
) -> None:
    measured = phenotypes[TRAITS].notna()
    candidates = markers.index.difference(phenotypes.index[measured.any(axis=1)])
    assert len(candidates) == 50
    assert len(candidates.intersection(phenotypes.index)) == 6
    assert truth.loc[candidates, "family"].value_counts().tolist() == [5] * 10
    assert truth[TRAITS].notna().all(axis=None)
    assert measured.sum().tolist() == [246] * 3
    assert len(phenotypes.index.difference(markers.index)) == 1


def test_the_truth_is_not_among_the_resources(
    example: Path, markers: pd.DataFrame, loci: pd.DataFrame
) -> None:
    files = {path.name for path in example.iterdir() if path.is_file()}
    vcf = "genotypes.vcf.gz"
    assert files == {vcf, f"{vcf}.tbi", "phenotypes.tsv", "README.md", "make_example.py"}
    at = pd.MultiIndex.from_frame(loci[["contig", "position"]])
    assert markers.columns.intersection(at).empty


@pytest.mark.parametrize("trait", maker.TRAITS, ids=TRAITS)
def test_heritability(trait: maker.Trait, phenotypes: pd.DataFrame, truth: pd.DataFrame) -> None:
    value = phenotypes[trait.name].dropna()
    genetic = truth.loc[value.index, trait.name]
    assert genetic.var() / value.var() == pytest.approx(trait.heritability, abs=0.05)
    assert pearsonr(genetic, value)[0] ** 2 == pytest.approx(trait.heritability, abs=0.05)


def test_lines_descend_from_their_parents(markers: pd.DataFrame, truth: pd.DataFrame) -> None:
    """Where both parents are homozygous: alike, so is the child; unlike, F4 leaves 1/8 mixed."""
    mixed, unlike = 0, 0
    for sample, line in truth.loc[truth.index.intersection(markers.index)].iterrows():
        if not {line["mother"], line["father"]} <= set(markers.index):
            continue
        child, mother, father = markers.loc[[sample, line["mother"], line["father"]]].to_numpy()
        called = ~np.isnan(child)
        alike = called & (mother == father) & (mother != 1)
        # only the new mutations, at two markers, come from nowhere
        assert (child[alike] != mother[alike]).sum() <= maker.RARE_MARKERS
        segregating = called & (np.abs(mother - father) == 2)
        mixed += (child[segregating] == 1).sum()
        unlike += segregating.sum()
    assert unlike > 10_000
    assert mixed / unlike == pytest.approx(1 / 8, abs=0.01)


def test_neighbouring_markers_are_in_linkage_disequilibrium(markers: pd.DataFrame) -> None:
    squared = np.corrcoef(imputed(markers), rowvar=False) ** 2
    contig = markers.columns.get_level_values(0).to_numpy()
    neighbours = np.flatnonzero(contig[1:] == contig[:-1])
    near = squared[neighbours, neighbours + 1].mean()
    far = squared[contig[:, None] != contig].mean()
    assert near > 0.2
    assert far < 0.05


def test_crossing_over_follows_haldane() -> None:
    distance = np.array([0, 5_000_000, 25_000_000, 60_000_000 - 1])
    sites = maker.Sites(np.zeros(4, dtype=int), distance, np.empty((4, 2)))
    genome = np.array([[0] * 4, [1] * 4], dtype=np.int8)
    rng = np.random.default_rng(0)
    gametes = np.array([maker.gamete(rng, genome, sites) for _ in range(4000)])
    recombinant = (gametes != gametes[:, :1]).mean(axis=0)
    morgan = distance * 2e-8
    assert gametes.mean() == pytest.approx(0.5, abs=0.03)
    np.testing.assert_allclose(recombinant, (1 - np.exp(-2 * morgan)) / 2, atol=0.03)


@pytest.mark.parametrize("trait", maker.TRAITS, ids=TRAITS)
def test_genetic_values_follow_from_the_loci(trait: maker.Trait) -> None:
    """In lines with independent balanced loci, half of the epistatic trait is not additive."""
    rng = np.random.default_rng(0)
    dosage = 2 * rng.integers(2, size=(2000, 80)).astype(np.int8)
    sites = maker.Sites(np.zeros(80, dtype=int), np.arange(80), np.empty((80, 2)))
    genetic, loci = maker.inherit(rng, trait, dosage, sites)
    assert genetic.var() == pytest.approx(trait.heritability * trait.sd**2)

    x = pd.DataFrame(dosage[:, loci["position"]] - 1.0, columns=loci["locus"])
    expected = x @ loci["effect"].to_numpy()
    for pair in loci.dropna(subset="partner").itertuples():
        expected += pair.interaction * x[pair.locus] * x[pair.partner]
    assert np.ptp(genetic - expected) == pytest.approx(0, abs=1e-9)

    design = np.column_stack([np.ones(len(x)), x])
    fitted = design @ np.linalg.lstsq(design, genetic, rcond=None)[0]
    additive_share = fitted.var() / genetic.var()
    assert additive_share == pytest.approx(0.5 if trait.epistatic_sd else 1, abs=0.05)


@pytest.mark.parametrize(
    ("trait", "low", "high"), [("yield", 0.55, 0.75), ("height", 0.55, 0.8), ("disease", 0.4, 0.7)]
)
def test_a_ridge_regression_predicts(
    trait: str, low: float, high: float, markers: pd.DataFrame, phenotypes: pd.DataFrame
) -> None:
    value = phenotypes[trait].dropna()
    value = value.loc[value.index.intersection(markers.index)]
    dosage = imputed(markers.loc[value.index])
    ridge = Ridge(alpha=dosage.var(axis=0).sum())
    folds = KFold(5, shuffle=True, random_state=0)
    predicted = cross_val_predict(ridge, dosage, value, cv=folds)
    assert low < pearsonr(predicted, value)[0] < high


def test_the_largest_height_locus_shows(
    markers: pd.DataFrame, phenotypes: pd.DataFrame, loci: pd.DataFrame
) -> None:
    value = phenotypes["height"].dropna()
    value = value.loc[value.index.intersection(markers.index)]
    correlation = markers.loc[value.index].corrwith(value).abs()
    contig, position = correlation.idxmax()
    near = loci[(loci["trait"] == "height") & (loci["contig"] == contig)]
    assert (near["position"] - position).abs().min() < 10_000_000
