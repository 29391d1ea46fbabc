"""The marker scan against plain generalised least squares, chance, and planted loci."""

import shutil
import subprocess
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from scipy.linalg import sqrtm

from breedcast.errors import UserError
from breedcast.genotypes.columns import CodeColumns
from breedcast.markers.association import (
    LEAST_SHARE,
    MarkerTest,
    Whitening,
    centred_dosages,
    inflation,
    q_values,
    scan_association,
)
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


def scan(
    codes: np.ndarray,
    lines: pd.DataFrame,
    ploidy: int = 2,
    contigs: int = 1,
    *,
    leave_out_contig: bool = False,
) -> pd.DataFrame:
    markers = places(codes.shape[1])
    markers["contig"] = (np.arange(len(markers)) * contigs // len(markers)).astype(str)
    columns = CodeColumns.of(codes, ploidy)
    return scan_association(columns, markers, lines, leave_out_contig=leave_out_contig)


def without_kinship(codes: np.ndarray, value: np.ndarray) -> np.ndarray:
    """Wald statistics by least squares alone."""
    plain = Whitening(np.eye(len(value)), np.ones((len(value), 1)), value)
    return MarkerTest.fit(plain).test(centred_dosages(codes, 2)[0])[2]


def relationships(codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Dosages with missing calls at the mean, and K of mean diagonal 1, from the definition."""
    dosage = np.where(codes == MISSING, np.nan, codes.astype(float))
    mean = np.nanmean(dosage, axis=0)
    imputed = np.where(np.isnan(dosage), mean, dosage)
    K = (imputed - mean) @ (imputed - mean).T
    return imputed, K / (np.trace(K) / len(K))


def least_squares(
    codes: np.ndarray, K: np.ndarray, X: np.ndarray, value: np.ndarray, weight: np.ndarray
) -> pd.DataFrame:
    """Each marker by least squares on V^-1/2 [X, m], the variances by REML without it."""
    imputed, _ = relationships(codes)
    root = np.sqrt(weight)
    variance = fit_reml(K * np.outer(root, root), value * root, X * root[:, None])
    V = variance.sigma2_g * K + variance.sigma2_e * np.diag(1 / weight)
    whiten = np.linalg.inv(sqrtm(V).real)
    rows = []
    for marker in range(codes.shape[1]):
        design = whiten @ np.column_stack([X, imputed[:, marker]])
        b, rss, _, _ = np.linalg.lstsq(design, whiten @ value, rcond=None)
        freedom = len(value) - design.shape[1]
        error = np.sqrt(rss[0] / freedom * np.linalg.inv(design.T @ design)[-1, -1])
        rows.append((b[-1], error, 2 * stats.t.sf(abs(b[-1] / error), freedom)))
    return pd.DataFrame(rows, columns=["effect", "standard_error", "p_value"])


def assert_same_test(found: pd.DataFrame, expected: pd.DataFrame) -> None:
    """Equal but for the rounding of numbers of 24 bits."""
    error = expected["standard_error"].to_numpy()
    np.testing.assert_allclose(found["standard_error"], error, rtol=1e-5)
    np.testing.assert_array_less(np.abs(found["effect"] - expected["effect"]) / error, 1e-4)
    np.testing.assert_allclose(found["p_value"], expected["p_value"], rtol=1e-3)


def test_without_covariance_it_is_simple_regression():
    rng = np.random.default_rng(0)
    y, M = rng.normal(size=40), rng.binomial(2, 0.4, (40, 12)).astype(np.uint8)
    wald = without_kinship(M, y)
    for column in range(12):
        expected = stats.linregress(M[:, column], y)
        assert stats.f.sf(wald[column], 1, 38) == pytest.approx(expected.pvalue, rel=1e-4)


def test_the_scan_is_generalised_least_squares_by_brute_force():
    """K from the textbook formula; calls are missing, values weighted."""
    codes = structured_codes(90, 60, 1)
    value = polygenic(codes, 0.5, 2) + 5 * (np.arange(90) % 3)
    site = [f"site{number % 3}" for number in range(90)]
    codes[np.random.default_rng(3).random(codes.shape) < 0.05] = MISSING
    imputed, K = relationships(codes)
    X = pd.get_dummies(pd.Series(site)).to_numpy(float)
    for weight in (np.ones(90), np.random.default_rng(4).uniform(0.5, 4, 90)):
        found = scan(codes, lines_of(value, site=site).assign(weight=weight))
        assert_same_test(found, least_squares(codes, K, X, value, weight))
    np.testing.assert_allclose(found["frequency"], imputed.mean(axis=0) / 2)
    assert found["marker"].tolist() == list(range(60))
    assert found["id"].tolist() == places(60)["id"].tolist()


def test_a_contig_that_is_left_out_is_in_no_relationship_of_its_markers():
    codes, ones = structured_codes(80, 90, 1), np.ones(80)
    value = polygenic(codes, 0.5, 2)
    found = scan(codes, lines_of(value), contigs=3, leave_out_contig=True)
    for first in (0, 30, 60):
        here = slice(first, first + 30)
        _, K = relationships(np.delete(codes, here, axis=1))
        expected = least_squares(codes[:, here], K, ones[:, None], value, ones)
        assert_same_test(found[here], expected.set_axis(found.index[here]))
    assert stats.spearmanr(found["wald"], scan(codes, lines_of(value))["wald"])[0] < 0.999


def test_small_contigs_are_left_out_together():
    """Fifty scaffolds of a marker each, behind two contigs of 1,000."""
    codes, markers = structured_codes(60, 2050, 1), places(2050)
    markers["contig"] = [str(max(number // 1000, number - 1998)) for number in range(2050)]
    assert 0.01 < 50 / 2050 < 3 * LEAST_SHARE
    columns, lines = CodeColumns.of(codes, 2), lines_of(polygenic(codes, 0.5, 2))
    apart = scan_association(columns, markers, lines, leave_out_contig=True)
    # the first 21 scaffolds reach one hundredth, the next 21 too, eight are left
    markers["contig"] = np.repeat(list("abcde"), [1000, 1000, 21, 21, 8])
    together = scan_association(columns, markers, lines, leave_out_contig=True)
    pd.testing.assert_series_equal(apart["wald"], together["wald"])


def test_a_single_contig_cannot_be_left_out():
    codes = structured_codes(60, 90, 1)
    with pytest.raises(UserError, match="no marker varies on another contig"):
        scan(codes, lines_of(polygenic(codes, 0.5, 2)), leave_out_contig=True)


def test_markers_that_cannot_be_tested_are_na_and_change_nothing_else():
    codes = structured_codes(60, 40, 4)
    value = polygenic(codes, 0.5, 5)
    wide = np.random.default_rng(6).normal(size=60)
    lines = lines_of(value, wide=wide, dosage=codes[:, 7].astype(float))
    codes[:, 3], codes[:, 5] = 2, MISSING
    found = scan(codes, lines)
    assert np.flatnonzero(found["p_value"].isna()).tolist() == [3, 5, 7]
    assert np.flatnonzero(found["q_value"].isna()).tolist() == [3, 5, 7]
    assert found.loc[3, "frequency"] == 1
    assert np.isnan(found.loc[5, "frequency"])
    kept = [marker for marker in range(40) if marker not in (3, 5, 7)]
    fewer = scan(codes[:, [*kept, 7]], lines)
    assert np.allclose(fewer["wald"].iloc[:-1], found.loc[kept, "wald"], rtol=1e-4)


def test_blocks_make_no_difference():
    codes = structured_codes(100, 700, 4)
    lines = lines_of(polygenic(codes, 0.5, 5))
    columns = CodeColumns.of(codes, 2)
    assert columns.step >= 700
    whole = scan_association(columns, places(700), lines)
    pieces = scan_association(replace(columns, step=64), places(700), lines)
    # but for the order in which K's parts are summed
    np.testing.assert_allclose(pieces["wald"], whole["wald"], rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("leave_out_contig", [False, True])
def test_p_values_of_structured_lines_are_calibrated(leave_out_contig):
    """A polygenic trait whose loci are not tested: kinship must absorb the populations' means."""
    codes = structured_codes(240, 3000, 7)
    value = polygenic(codes[:, 1500:], 0.6, 8)
    tested = codes[:, :1500]
    found = scan(tested, lines_of(value), contigs=5, leave_out_contig=leave_out_contig)
    plain = stats.f.sf(without_kinship(tested, value), 1, 238)
    assert inflation(plain) > 2
    assert inflation(found["p_value"].to_numpy()) == pytest.approx(1, abs=0.15)
    assert np.mean(found["p_value"] < 0.01) < 0.02
    assert found["q_value"].min() > 0.05


def test_power_and_false_positives_with_a_known_locus():
    """Forty traits of one locus on a polygenic background, markers unlinked beside populations.

    The power to expect is that of the F test with the variances known, of noncentrality
    b^2 m' (V^-1 - V^-1 1 1' V^-1 / 1' V^-1 1) m. Ours estimates them, without the locus, and has it
    in K: it may lose a fifth, and win no more than chance.
    """
    alpha, effect = 0.05 / 1000, 0.25
    critical = stats.f.isf(alpha, 1, 298)
    power, found, false = [], 0, 0
    for seed in range(40):
        codes = structured_codes(300, 1000, seed)
        rng = np.random.default_rng(100 + seed)
        locus = rng.integers(1000)
        scaled = (codes - codes.mean(axis=0)) / codes.std(axis=0)
        value = scaled @ rng.normal(size=1000) * np.sqrt(0.3 / 1000)
        value += effect * scaled[:, locus] + rng.normal(size=300) * np.sqrt(0.5)
        inverse = np.linalg.inv(0.3 / 1000 * scaled @ scaled.T + 0.5 * np.eye(300))
        projection = inverse - np.outer(inverse.sum(axis=0), inverse.sum(axis=0)) / inverse.sum()
        noncentrality = effect**2 * scaled[:, locus] @ projection @ scaled[:, locus]
        power.append(stats.ncf.sf(critical, 1, 298, noncentrality))
        named = scan(codes, lines_of(value), contigs=10)["p_value"] < alpha
        found += int(named[locus])
        false += int(named.sum() - named[locus])
    expected, sd = np.sum(power), np.sqrt(np.sum(np.multiply(power, np.subtract(1, power))))
    assert 15 < expected < 30
    assert 0.8 * expected - 3 * sd < found < expected + 3 * sd
    assert false <= stats.poisson.isf(1e-4, 40 * 0.05)


def test_planted_loci_come_first():
    codes = structured_codes(200, 8000, 9)
    loci = [5, 4095, 4096, 7999]
    background = polygenic(codes[:, ::40], 0.5, 10)
    scaled = codes[:, loci] / codes[:, loci].std(axis=0)
    value = background / background.std() + scaled @ [1.0, -1.0, 1.0, -1.0]
    found = scan(codes, lines_of(value))
    assert sorted(found.nsmallest(4, "p_value")["marker"]) == loci
    assert np.sign(found.loc[loci, "effect"]).tolist() == [1, -1, 1, -1]
    assert (found.loc[loci, "q_value"] < 0.01).all()


def test_effects_are_per_allele_copy_in_the_units_of_the_trait():
    """A tetraploid locus worth 3 units a copy."""
    rng = np.random.default_rng(11)
    codes = rng.binomial(4, 0.4, (300, 500)).astype(np.uint8)
    value = 3.0 * codes[:, 42] + rng.normal(size=300)
    row = scan(codes, lines_of(value), ploidy=4).loc[42]
    assert row["effect"] == pytest.approx(3, abs=4 * row["standard_error"])
    assert row["standard_error"] < 0.3
    assert row["frequency"] == pytest.approx(0.4, abs=0.05)


@pytest.mark.skipif(shutil.which("plink2") is None, reason="plink2 is not installed")
def test_without_kinship_it_is_plink_glm(tmp_path):
    rng = np.random.default_rng(1)
    codes = rng.binomial(2, 0.3, (120, 200)).astype(np.uint8)
    value = rng.normal(size=120) + codes[:, 17]
    vcf = tmp_path / "x.vcf"
    names = [f"line{number}" for number in range(120)]
    fixed = ["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO", "FORMAT"]
    rows = [
        "\t".join(
            ["1", str(number + 1), f"m{number}", "A", "T", ".", ".", ".", "GT"]
            + [("0/0", "0/1", "1/1")[code] for code in codes[:, number]]
        )
        for number in range(200)
    ]
    header = "##fileformat=VCFv4.2\n##contig=<ID=1>\n"
    vcf.write_text(header + "\n".join(["\t".join(fixed + names), *rows]) + "\n")
    pheno = pd.DataFrame({"#IID": names, "y": value})
    pheno.to_csv(tmp_path / "y.tsv", sep="\t", index=False)
    command = ["plink2", "--vcf", vcf, "--pheno", tmp_path / "y.tsv", "--glm", "allow-no-covars"]
    subprocess.run([*command, "--out", tmp_path / "x"], check=True, capture_output=True)
    plink = pd.read_csv(tmp_path / "x.y.glm.linear", sep="\t")
    plain = Whitening(np.eye(120), np.ones((120, 1)), value)
    effect, error, wald = MarkerTest.fit(plain).test(centred_dosages(codes, 2)[0])
    sign = np.where(plink["A1"] == "T", 1, -1)
    np.testing.assert_allclose(effect, plink["BETA"] * sign, atol=1e-4)
    np.testing.assert_allclose(error, plink["SE"], rtol=1e-4)
    np.testing.assert_allclose(stats.f.sf(wald, 1, 118), plink["P"], rtol=1e-3)


def test_inflation_is_one_by_chance_and_follows_the_scale():
    chi_squared = stats.chi2.isf(np.linspace(0, 1, 1001)[1:-1], 1)
    assert inflation(stats.chi2.sf(chi_squared, 1)) == pytest.approx(1)
    assert inflation(np.append(stats.chi2.sf(1.3 * chi_squared, 1), np.nan)) == pytest.approx(1.3)
    assert np.isnan(inflation(np.array([np.nan])))


def test_q_values_follow_the_worked_case():
    """Benjamini-Hochberg: p n / rank, never above a later one."""
    p_values = np.array([0.04, np.nan, 0.01, 0.03, 0.5])
    expected = [0.16 / 3, np.nan, 0.04, 0.16 / 3, 0.5]
    assert q_values(p_values) == pytest.approx(expected, nan_ok=True)


def test_more_fixed_effects_than_lines_is_an_error():
    with pytest.raises(ValueError, match="3 lines cannot test a marker beside 2"):
        MarkerTest.fit(Whitening(np.eye(3), np.eye(3)[:, :2], np.arange(3.0)))
