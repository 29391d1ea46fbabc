"""The marker scan against plain generalised least squares, chance, and planted loci."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from scipy.linalg import sqrtm

from breedcast.markers.association import BLOCK, MarkerTest, q_values, scan_association
from breedcast.markers.saliency import summarise
from breedcast.models.reml import fit_reml

MISSING = 3


def structured_codes(lines: int, markers: int, seed: int) -> np.ndarray:
    """Diploid codes of six populations that drifted apart (Balding-Nichols, Fst 0.2)."""
    rng = np.random.default_rng(seed)
    ancestral = rng.uniform(0.1, 0.9, markers)
    frequency = rng.beta(ancestral * 4, (1 - ancestral) * 4, (6, markers))
    return rng.binomial(2, frequency[np.arange(lines) % 6]).astype(np.uint8)


def places(markers: int) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "contig": "1",
            "position": np.arange(markers) * 100,
            "id": [f"m{number}" for number in range(markers)],
            "ref": "A",
            "alt": "T",
        }
    )


def lines_of(value: np.ndarray, **covariates: object) -> pd.DataFrame:
    """The phenotyped rows of a phenotypes.tsv."""
    samples = [f"line{number}" for number in range(len(value))]
    return pd.DataFrame(
        {"sample": samples, "environment": np.nan, "value": value, "weight": 1.0, **covariates}
    )


def polygenic(codes: np.ndarray, heritability: float, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    genetic = codes @ rng.normal(size=codes.shape[1])
    noise = rng.normal(size=len(codes)) * genetic.std() * np.sqrt(1 / heritability - 1)
    return genetic + noise


def test_without_covariance_it_is_simple_regression():
    rng = np.random.default_rng(0)
    y, M = rng.normal(size=40), rng.binomial(2, 0.4, (40, 12)).astype(float)
    effect, error, wald = MarkerTest.fit(np.eye(40), np.ones((40, 1)), y).test(M)
    for column in range(12):
        expected = stats.linregress(M[:, column], y)
        assert effect[column] == pytest.approx(expected.slope)
        assert error[column] == pytest.approx(expected.stderr)
        assert stats.f.sf(wald[column], 1, 38) == pytest.approx(expected.pvalue)


def test_the_scan_is_generalised_least_squares_by_brute_force():
    """Each marker by least squares on V^-1/2 [X, m], K from the textbook formula, calls missing."""
    codes = structured_codes(90, 60, 1)
    value = polygenic(codes, 0.5, 2) + 5 * (np.arange(90) % 3)
    site = [f"site{number % 3}" for number in range(90)]
    codes[np.random.default_rng(3).random(codes.shape) < 0.05] = MISSING
    dosage = np.where(codes == MISSING, np.nan, codes.astype(float))
    mean = np.nanmean(dosage, axis=0)
    imputed = np.where(np.isnan(dosage), mean, dosage)
    K = (imputed - mean) @ (imputed - mean).T
    K /= np.trace(K) / 90
    X = pd.get_dummies(pd.Series(site)).to_numpy(float)
    variance = fit_reml(K, value, X)
    whiten = np.linalg.inv(sqrtm(variance.sigma2_g * K + variance.sigma2_e * np.eye(90)).real)

    scan = scan_association(codes, 2, places(60), lines_of(value, site=site))

    for marker in range(60):
        design = whiten @ np.column_stack([X, imputed[:, marker]])
        b, rss, _, _ = np.linalg.lstsq(design, whiten @ value, rcond=None)
        error = np.sqrt(rss[0] / 86 * np.linalg.inv(design.T @ design)[-1, -1])
        row = scan.iloc[marker]
        assert row["effect"] == pytest.approx(b[-1], rel=1e-5)
        assert row["standard_error"] == pytest.approx(error, rel=1e-5)
        assert row["p_value"] == pytest.approx(2 * stats.t.sf(abs(b[-1] / error), 86), rel=1e-4)
        assert row["frequency"] == pytest.approx(mean[marker] / 2)
    assert scan["marker"].tolist() == list(range(60))
    assert scan["id"].tolist() == places(60)["id"].tolist()


def test_markers_that_cannot_be_tested_are_na_and_change_nothing_else():
    codes = structured_codes(60, 40, 4)
    value = polygenic(codes, 0.5, 5)
    wide = np.random.default_rng(6).normal(size=60)
    lines = lines_of(value, wide=wide, dosage=codes[:, 7].astype(float))
    codes[:, 3], codes[:, 5] = 2, MISSING
    scan = scan_association(codes, 2, places(40), lines)
    assert np.flatnonzero(scan["p_value"].isna()).tolist() == [3, 5, 7]
    assert np.flatnonzero(scan["q_value"].isna()).tolist() == [3, 5, 7]
    assert scan.loc[3, "frequency"] == 1
    assert np.isnan(scan.loc[5, "frequency"])
    kept = [marker for marker in range(40) if marker not in (3, 5, 7)]
    fewer = scan_association(codes[:, [*kept, 7]], 2, places(38), lines)
    assert np.allclose(fewer["wald"].iloc[:-1], scan.loc[kept, "wald"], rtol=1e-4)


def test_p_values_of_structured_lines_are_calibrated():
    """A polygenic trait whose loci are not tested: kinship must absorb the populations' means."""
    codes = structured_codes(240, 3000, 7)
    value = polygenic(codes[:, 1500:], 0.6, 8)
    tested = codes[:, :1500]
    scan = scan_association(tested, 2, places(1500), lines_of(value))
    plain = MarkerTest.fit(np.eye(240), np.ones((240, 1)), value).test(tested.astype(float))[2]
    median = stats.chi2.median(1)
    assert np.median(plain) / median > 2
    assert np.nanmedian(scan["wald"]) / median == pytest.approx(1, abs=0.15)
    assert np.mean(scan["p_value"] < 0.01) < 0.02
    assert scan["q_value"].min() > 0.05


def test_planted_loci_come_first_across_blocks():
    codes = structured_codes(200, 2 * BLOCK + 100, 9)
    loci = [5, BLOCK - 1, BLOCK, 2 * BLOCK + 99]
    background = polygenic(codes[:, ::40], 0.5, 10)
    scaled = codes[:, loci] / codes[:, loci].std(axis=0)
    value = background / background.std() + scaled @ [0.8, -0.8, 0.8, -0.8]
    scan = scan_association(codes, 2, places(codes.shape[1]), lines_of(value))
    assert sorted(scan.nsmallest(4, "p_value")["marker"]) == loci
    assert np.sign(scan.loc[loci, "effect"]).tolist() == [1, -1, 1, -1]
    assert (scan.loc[loci, "q_value"] < 0.01).all()


def test_effects_are_per_allele_copy_in_the_units_of_the_trait():
    """A tetraploid locus worth 3 units a copy."""
    rng = np.random.default_rng(11)
    codes = rng.binomial(4, 0.4, (300, 500)).astype(np.uint8)
    value = 3.0 * codes[:, 42] + rng.normal(size=300)
    row = scan_association(codes, 4, places(500), lines_of(value)).loc[42]
    assert row["effect"] == pytest.approx(3, abs=4 * row["standard_error"])
    assert row["standard_error"] < 0.3
    assert row["frequency"] == pytest.approx(0.4, abs=0.05)


def test_q_values_follow_the_worked_case():
    """Benjamini-Hochberg: p n / rank, never above a later one."""
    p_values = np.array([0.04, np.nan, 0.01, 0.03, 0.5])
    expected = [0.16 / 3, np.nan, 0.04, 0.16 / 3, 0.5]
    assert q_values(p_values) == pytest.approx(expected, nan_ok=True)


def test_more_fixed_effects_than_lines_is_an_error():
    with pytest.raises(ValueError, match="3 lines cannot test a marker beside 2"):
        MarkerTest.fit(np.eye(3), np.eye(3)[:, :2], np.arange(3.0))


def test_saliency_is_averaged_over_the_validation_folds_alone():
    table = pd.DataFrame(
        [(0, 0, 0, 1.0), (0, 0, 1, 5.0), (0, 1, 0, 3.0), (0, 1, 1, 5.0), (-1, -1, 0, 99.0)],
        columns=["repeat", "fold", "marker", "saliency"],
    )
    summary = summarise(table)
    assert summary["marker"].tolist() == [0, 1]
    assert summary["mean"].tolist() == [2.0, 5.0]
    assert summary["sd"].tolist() == pytest.approx([2**0.5, 0.0])
    assert summarise(table.iloc[:0]).columns.tolist() == ["marker", "mean", "sd"]
