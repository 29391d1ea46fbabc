"""Every model on tetraploids and beyond, and relationships of any ploidy as they are published."""

from dataclasses import replace
from math import comb

import cyvcf2
import numpy as np
import pandas as pd
import pytest

from breedcast.genotypes.relationship import DominanceRelationship, Relationship
from breedcast.models.base import Lines
from breedcast.models.gblup import GBLUP
from breedcast.models.reml import fit_reml
from breedcast.models.rkhs import KERNELS, RKHS
from tests.unit.quick import OF_LINES, quick

PLOIDIES = (4, 6, 8)


def simulate(ploidy, lines=320, markers=90, seed=0):
    """Lines of 12 half-sib families; ten markers act additively; 3 % of the calls are missing."""
    rng = np.random.default_rng(seed)
    frequency = rng.uniform(0.2, 0.8, markers)
    parents = rng.binomial(ploidy, frequency, (12, markers))
    half = rng.hypergeometric(
        parents, ploidy - parents, ploidy // 2, (lines // 12 + 1, 12, markers)
    )
    gametes = half.reshape(-1, markers)[:lines]
    dosage = gametes + rng.binomial(ploidy - ploidy // 2, frequency, gametes.shape)
    effects = np.zeros(markers)
    effects[::9] = rng.normal(1, 0.3, len(effects[::9])) * rng.choice([-1, 1], len(effects[::9]))
    genetic = dosage @ effects
    value = 50 + genetic + rng.normal(0, 0.4 * genetic.std(), lines)
    codes = np.where(rng.random(dosage.shape) < 0.03, ploidy + 1, dosage).astype(np.uint8)
    return Lines(codes, ploidy, pd.DataFrame(index=range(lines)), value)


def split(lines, share=0.75):
    count = round(share * len(lines))
    return lines.take(np.arange(count)), lines.take(np.arange(count, len(lines)))


def accuracy(model, lines):
    """Correlation with the values of lines that were not trained on."""
    train, new = split(lines)
    prediction = model.fit(train, 0, "cpu").predict(new.blind()).mean
    assert np.isfinite(prediction).all()
    return np.corrcoef(prediction, new.observed)[0, 1] if np.ptp(prediction) > 0 else np.nan


@pytest.mark.parametrize("ploidy", PLOIDIES)
@pytest.mark.parametrize("name", OF_LINES)
def test_every_model_predicts_polyploids(name, ploidy):
    r = accuracy(quick(name), simulate(ploidy))
    if name == "baseline":
        assert np.isnan(r)  # the mean of all
    elif quick(name).is_network:
        assert np.isfinite(r)  # three epochs promise no more than predictions that differ
    else:
        assert r > 0.4


@pytest.mark.parametrize("ploidy", PLOIDIES)
@pytest.mark.parametrize("kernel", sorted({*KERNELS} - {"additive"}))
def test_every_kernel_is_at_home_in_polyploids(kernel, ploidy):
    assert accuracy(RKHS(kernels=("additive", kernel)), simulate(ploidy)) > 0.4


@pytest.fixture(scope="module")
def potato(shared_data):
    """Tuber shape of 187 tetraploid clones, every twelfth of their 3,521 markers."""
    folder = shared_data / "potato4x"
    vcf = cyvcf2.VCF(str(folder / "genotypes.vcf.gz"))
    alleles = np.array([record.genotype.array()[:, :4] for record in vcf])[::12]
    missing = (alleles < 0).any(axis=2)
    codes = np.where(missing, 5, (alleles > 0).sum(axis=2)).astype(np.uint8).T
    table = pd.read_csv(folder / "phenotypes.tsv", sep="\t", dtype={"sample": str})
    rows = [vcf.samples.index(sample) for sample in table["sample"]]
    lines = Lines(
        codes[rows], 4, pd.DataFrame(index=range(len(table))), table["tuber_shape"].to_numpy()
    )
    order = np.random.default_rng(0).permutation(np.flatnonzero(np.isfinite(lines.observed)))
    return lines.take(order)


@pytest.mark.parametrize("name", OF_LINES)
def test_every_model_predicts_potatoes(name, potato):
    assert 0.01 < (potato.codes == 5).mean() < 0.2
    r = accuracy(quick(name), potato)
    if name == "baseline":
        assert np.isnan(r)
    elif quick(name).is_network:
        assert np.isfinite(r)
    else:
        assert r > 0.5


def published(codes, ploidy):
    """K = W W' / (ploidy sum p (1 - p)), W dosages less ploidy p: AGHmatrix with its correction
    for ploidy, polyBreedR and sommer (Endelman et al. 2018, Genetics 209:77); for ploidy 2 A.mat
    of rrBLUP (Endelman 2011), method 1 of VanRaden (2008).
    """
    p = codes.mean(axis=0) / ploidy
    W = codes - ploidy * p
    return W @ W.T / (ploidy * (p * (1 - p)).sum())


@pytest.mark.parametrize("ploidy", [1, 2, 4, 6, 8])
def test_relationships_are_the_published_ones_up_to_a_factor(ploidy):
    codes = np.random.default_rng(1).binomial(ploidy, 0.4, (40, 200)).astype(np.uint8)
    Z = Relationship.fit(codes, ploidy).centred(codes)
    expected = published(codes, ploidy)
    np.testing.assert_allclose(Z @ Z.T, expected / np.diag(expected).mean(), atol=1e-12)


@pytest.mark.parametrize("ploidy", [2, 4, 6])
def test_the_factor_changes_no_prediction(ploidy):
    """REML of the published matrix: the same values and reliabilities, another genetic variance."""
    lines = simulate(ploidy)
    train, new = split(replace(lines, codes=np.minimum(lines.codes, ploidy)))
    p = train.codes.mean(axis=0) / ploidy
    scale = ploidy * (p * (1 - p)).sum()
    W, w = train.codes - ploidy * p, new.codes - ploidy * p
    np.testing.assert_allclose(W @ W.T / scale, published(train.codes, ploidy))
    mixed = fit_reml(W @ W.T / scale, train.observed, np.ones((len(train), 1)))
    expected = mixed.prediction(w @ W.T / scale, (w**2).sum(axis=1) / scale, np.ones((len(new), 1)))
    fitted = GBLUP().fit(train, 0, "cpu")
    found = fitted.predict(new.blind())
    factor = fitted.genome.base.scale / scale
    assert fitted.mixed.sigma2_g == pytest.approx(mixed.sigma2_g * factor, rel=1e-4)
    np.testing.assert_allclose(found.mean, expected.mean, rtol=1e-6)
    np.testing.assert_allclose(found.sd, expected.sd, rtol=1e-5)
    np.testing.assert_allclose(found.reliability, expected.reliability, rtol=1e-5)


def randomly_mated(ploidy):
    """(lines, 1) dosages of an allele of frequency 1/4, each as often as random mating has it."""
    counts = [comb(ploidy, x) * 3 ** (ploidy - x) for x in range(ploidy + 1)]
    return np.repeat(np.arange(ploidy + 1), counts).astype(np.uint8)[:, None]


def test_digenic_dominance_of_a_tetraploid_by_hand():
    """p = 1/4: -6 p^2 + 3 p x - x (x - 1) / 2 for x of 0 to 4, whose variance is 6 p^2 q^2."""
    codes = randomly_mated(4)
    assert np.bincount(codes[:, 0]).tolist() == [81, 108, 54, 12, 1]
    dominance = DominanceRelationship.fit(codes, 4)
    by_hand = np.array([-0.375, 0.375, 0.125, -1.125, -3.375])
    found = dominance.centred(np.arange(5, dtype=np.uint8)[:, None])[:, 0]
    np.testing.assert_allclose(found, by_hand / np.sqrt(6 / 16 * 9 / 16))


@pytest.mark.parametrize("ploidy", [2, 4, 6])
def test_digenic_dominance_has_its_published_variance(ploidy):
    """Under random mating: mean 0, C(m, 2) p^2 q^2, and nothing in common with the dosage."""
    codes = randomly_mated(ploidy)
    dominance = DominanceRelationship.fit(codes, ploidy)
    assert dominance.code_mean == pytest.approx(0)
    assert dominance.scale == pytest.approx(comb(ploidy, 2) / 16 * 9 / 16)
    assert dominance.centred(codes)[:, 0] @ (codes[:, 0] - ploidy / 4) == pytest.approx(0, abs=1e-9)
