"""association.parquet: which markers go with the trait, one at a time, kinship accounted for.

Each marker is a fixed effect of the mixed model y = X b + m a + g + e with g ~ N(0, K s2g) and K
the genomic relationships of the phenotyped lines. The ratio of the variances is estimated once,
without a marker (EMMAX, Kang et al. 2010, Nature Genetics 42:348-354), by REML, in coordinates in
which the values are independent; a block of markers then costs one matrix product.

With every marker in K, the one under test is there too, which makes the test of a large effect
conservative. Where K leaves out the tested marker's contig (Yang et al. 2014, Nature Genetics
46:100-106) it is not, at the price of a REML a contig.

Codes are read in blocks of markers and centred in float32; sums are kept in float64.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import chdtri, fdtrc

from breedcast.errors import UserError
from breedcast.genotypes.columns import CodeColumns, contig_ends
from breedcast.models.reml import fit_weighted
from breedcast.phenotypes.covariates import FullRankDesign, covariate_columns

#: What is left of a marker's variance beside the fixed effects, below which they explain it all.
LEAST_VARIANCE = 1e-10

#: Contigs in a row with a smaller share of the markers are left out together: each contig that is
#: left out costs a REML, and unplaced scaffolds are many.
LEAST_SHARE = 0.01


@dataclass(frozen=True)
class Whitening:
    """Coordinates in which y of covariance V has independent values of equal variance.

    root: (n, k) A with A A' = V^-1, V up to a factor; X: (n, c) of full rank; y: (n,).
    """

    root: np.ndarray
    X: np.ndarray
    y: np.ndarray

    @classmethod
    def fit(cls, K: np.ndarray, lines: pd.DataFrame) -> Whitening:
        """V = K s2g + s2e / weight by REML; K: (n, n); lines: their rows of phenotypes.tsv."""
        covariates = lines[covariate_columns(lines)]
        X = FullRankDesign.fit(covariates).matrix(covariates)
        y, weight = (lines[it].to_numpy(np.float64) for it in ("value", "weight"))
        return cls(fit_weighted(K, y, X, weight).inverse_root(), X, y)


@dataclass(frozen=True)
class MarkerTest:
    """Generalised least squares of y on X and one more column, prepared for many columns.

    whitened: (n, k) float32 W with W W' = V^-1 - V^-1 X (X' V^-1 X)^-1 X' V^-1; response: (k,)
    float32 W' y; residual: its squared norm; information: mean of the squares in W' m of a
    column of variance 1; freedom: n - columns of X - 1.
    """

    whitened: np.ndarray
    response: np.ndarray
    residual: float
    information: float
    freedom: int

    @classmethod
    def fit(cls, given: Whitening) -> MarkerTest:
        """Prepare. Raises ValueError when no degree of freedom is left."""
        n, c = given.X.shape
        if n <= c + 1:
            raise ValueError(f"{n} lines cannot test a marker beside {c} fixed effects")
        fixed, _ = np.linalg.qr(given.root.T @ given.X)
        whitened = given.root - (given.root @ fixed) @ fixed.T
        response = whitened.T @ given.y
        return cls(
            whitened.astype(np.float32),
            response.astype(np.float32),
            float(response @ response),
            float(np.sum(whitened**2)) / n,
            n - c - 1,
        )

    def test(self, M: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Effect, standard error and Wald statistic of each column of M (n, markers) float32.

        M: centred. The scale of V is estimated anew with each marker. The statistic, (effect /
        standard error)^2, follows F(1, freedom) where the marker has no effect. All are NaN where
        X explains the marker, as it does one that does not vary.
        """
        rotated = M.T @ self.whitened
        information = np.einsum("ij,ij->i", rotated, rotated).astype(np.float64)
        typical = np.einsum("ij,ij->j", M, M) * self.information
        estimable = (typical > 0) & (information > LEAST_VARIANCE * typical)
        information[~estimable] = np.nan
        covariance = (rotated @ self.response).astype(np.float64)
        explained = covariance**2 / information
        scale = np.maximum(self.residual - explained, 0.0) / self.freedom
        with np.errstate(divide="ignore"):  # a marker that explains the trait wholly
            wald = explained / scale
        return covariance / information, np.sqrt(scale / information), wald


def scan_association(
    codes: CodeColumns,
    markers: pd.DataFrame,
    lines: pd.DataFrame,
    *,
    leave_out_contig: bool = False,
) -> pd.DataFrame:
    """Test every marker for association with the trait.

    codes: of the phenotyped lines; markers: contig, position, id, ref, alt; lines: their rows of
    phenotypes.tsv in the same order; covariates are fixed effects, weights count.
    leave_out_contig: whether K leaves out the contig of the tested marker (several contigs in a
    row, where they hold less than LEAST_SHARE of the markers).

    Returns marker (its index), contig, position, id, ref, alt, frequency (of the alternate
    allele, over these lines), effect (in the trait's units per copy of the alternate allele),
    standard_error, wald, p_value (of F with 1 and lines - fixed effects - 1 degrees of freedom)
    and q_value (Benjamini and Hochberg 1995). A missing call is the marker's mean dosage. What
    cannot be tested (a marker that does not vary, or that the covariates explain) is NaN.

    Raises UserError where no marker is left for K.
    """
    everywhere = _products(codes, 0, codes.markers)
    tested = []
    for first, end in _parts(markers["contig"]) if leave_out_contig else [(0, codes.markers)]:
        others = everywhere - _products(codes, first, end) if leave_out_contig else everywhere
        if not np.trace(others) > LEAST_VARIANCE * np.trace(everywhere):
            raise UserError(
                f"association: among the {len(lines)} lines with a value no marker varies"
                + (" on another contig; set leave_out_contig: false" * leave_out_contig)
            )
        K = others * (len(others) / np.trace(others))
        test = MarkerTest.fit(Whitening.fit(K, lines))
        tested += [_test_block(block, codes.ploidy, test) for block in codes.blocks(first, end)]
    result = pd.concat(tested, ignore_index=True)
    p_value = fdtrc(1, test.freedom, result["wald"])
    places = markers[["contig", "position", "id", "ref", "alt"]].reset_index(drop=True)
    places.insert(0, "marker", np.arange(len(places)))
    return pd.concat([places, result], axis=1).assign(p_value=p_value, q_value=q_values(p_value))


def q_values(p_values: np.ndarray) -> np.ndarray:
    """Benjamini and Hochberg's false discovery rates (markers,); NaN was no test and stays NaN."""
    from scipy.stats import false_discovery_control

    adjusted = np.full(len(p_values), np.nan)
    tested = ~np.isnan(p_values)
    adjusted[tested] = false_discovery_control(p_values[tested])
    return adjusted


def inflation(p_values: np.ndarray) -> float:
    """Genomic inflation factor: the median of chi-squared at these p-values (markers,) over that
    which chance gives (Devlin & Roeder 1999, Biometrics 55:997). NaN where nothing was tested.
    """
    tested = p_values[~np.isnan(p_values)]
    if not len(tested):
        return np.nan
    return float(chdtri(1, np.median(tested)) / chdtri(1, 0.5))


def centred_dosages(codes: np.ndarray, ploidy: int) -> tuple[np.ndarray, np.ndarray]:
    """Dosages (lines, markers) float32 about the markers' means; these (markers,), NaN without a
    call. A missing call is 0.
    """
    called = codes <= ploidy
    calls = called.sum(axis=0)
    dosage = codes * called
    mean = np.divide(
        dosage.sum(axis=0), calls, out=np.full(codes.shape[1], np.nan), where=calls > 0
    )
    centred = dosage - np.nan_to_num(mean).astype(np.float32)
    centred *= called
    return centred, mean


def _products(codes: CodeColumns, first: int, end: int) -> np.ndarray:
    """Inner products (lines, lines) of centred dosages at these markers."""
    products = np.zeros((len(codes.rows), len(codes.rows)))
    for block in codes.blocks(first, end):
        centred, _ = centred_dosages(block, codes.ploidy)
        products += centred @ centred.T
    return products


def _parts(contig: pd.Series) -> Iterator[tuple[int, int]]:
    """First marker and end of contigs in a row that hold LEAST_SHARE of the markers or more."""
    first = 0
    for end in contig_ends(contig):
        if end - first >= LEAST_SHARE * len(contig) or end == len(contig):
            yield first, end
            first = end


def _test_block(codes: np.ndarray, ploidy: int, test: MarkerTest) -> pd.DataFrame:
    centred, mean = centred_dosages(codes, ploidy)
    effect, standard_error, wald = test.test(centred)
    return pd.DataFrame(
        {
            "frequency": mean / ploidy,
            "effect": effect,
            "standard_error": standard_error,
            "wald": wald,
        }
    )
