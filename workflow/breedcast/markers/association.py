"""association.parquet: which markers go with the trait, one at a time, kinship accounted for.

Each marker is a fixed effect of the mixed model y = X b + m a + g + e with g ~ N(0, K s2g) and K
the genomic relationships of the phenotyped lines. The ratio of the variances is estimated once,
without a marker (EMMAX, Kang et al. 2010, Nature Genetics 42:348-354), so that a block of markers
costs one matrix product. The marker under test is in K too, which makes the test slightly
conservative for a large effect.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats
from scipy.linalg import cho_factor, cho_solve

from breedcast.genotypes.encode import DosageMeans
from breedcast.genotypes.relationship import Relationship
from breedcast.models.reml import fit_reml
from breedcast.phenotypes.covariates import (
    Covariates,
    covariate_columns,
    full_rank_columns,
    with_intercept,
)

#: Markers tested in one matrix product.
BLOCK = 4096

#: What is left of a marker's variance beside the fixed effects, below which they explain it all.
LEAST_VARIANCE = 1e-10


@dataclass(frozen=True)
class MarkerTest:
    """Generalised least squares of y on X and one more column, prepared for many columns.

    projection: (n, n) V^-1 - V^-1 X (X' V^-1 X)^-1 X' V^-1; projected: (n,) projection y;
    residual: y' projection y; freedom: n - columns of X - 1.
    """

    projection: np.ndarray
    projected: np.ndarray
    residual: float
    freedom: int

    @classmethod
    def fit(cls, V: np.ndarray, X: np.ndarray, y: np.ndarray) -> MarkerTest:
        """Prepare from the covariance V (n, n), known up to its scale, and X (n, c) of full rank.

        Raises ValueError when no degree of freedom is left.
        """
        n, c = X.shape
        if n <= c + 1:
            raise ValueError(f"{n} lines cannot test a marker beside {c} fixed effects")
        inverse = cho_solve(cho_factor(V, lower=True), np.eye(n))
        VX = inverse @ X
        projection = inverse - VX @ np.linalg.solve(X.T @ VX, VX.T)
        projected = projection @ y
        return cls(projection, projected, float(y @ projected), n - c - 1)

    def test(self, M: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Effect, standard error and Wald statistic of each column of M (n, markers).

        The scale of V is estimated anew with each marker. The statistic, (effect / standard
        error)^2, follows F(1, freedom) where the marker has no effect. All are NaN where X
        explains the marker, as it does one that does not vary.
        """
        information = np.einsum("ij,ij->j", M, self.projection @ M)
        centred = M - M.mean(axis=0)
        typical = np.einsum("ij,ij->j", centred, centred) * np.trace(self.projection) / len(M)
        estimable = (typical > 0) & (information > LEAST_VARIANCE * typical)
        information = np.where(estimable, information, np.nan)
        covariance = self.projected @ M
        explained = covariance**2 / information
        scale = np.maximum(self.residual - explained, 0.0) / self.freedom
        with np.errstate(divide="ignore"):  # a marker that explains the trait wholly
            wald = explained / scale
        return covariance / information, np.sqrt(scale / information), wald


def scan_association(
    codes: np.ndarray, ploidy: int, markers: pd.DataFrame, lines: pd.DataFrame
) -> pd.DataFrame:
    """Test every marker for association with the trait.

    codes: (lines, markers) of the phenotyped lines; markers: contig, position, id, ref, alt;
    lines: their rows of phenotypes.tsv in the same order; covariates are fixed effects.

    Returns marker (its index), contig, position, id, ref, alt, frequency (of the alternate
    allele, over these lines), effect (in the trait's units per copy of the alternate allele),
    standard_error, wald, p_value (of F with 1 and lines - fixed effects - 1 degrees of freedom)
    and q_value (Benjamini and Hochberg 1995). A missing call is the marker's mean dosage. What
    cannot be tested (a marker that does not vary, or that the covariates explain) is NaN.
    """
    value, covariates = lines["value"].to_numpy(np.float64), lines[covariate_columns(lines)]
    design = with_intercept(Covariates.fit(covariates).design(covariates))
    X = design[:, full_rank_columns(design)]
    Z = Relationship.fit(codes, ploidy).centred(codes)
    K = Z @ Z.T
    share = fit_reml(K, value, X).heritability
    test = MarkerTest.fit(share * K + (1 - share) * np.eye(len(K)), X, value)
    tested = [
        _test_block(codes[:, start : start + BLOCK], ploidy, test)
        for start in range(0, codes.shape[1], BLOCK)
    ]
    result = pd.concat(tested, ignore_index=True)
    p_value = stats.f.sf(result["wald"], 1, test.freedom)
    places = markers[["contig", "position", "id", "ref", "alt"]].reset_index(drop=True)
    places.insert(0, "marker", np.arange(len(places)))
    return pd.concat([places, result], axis=1).assign(p_value=p_value, q_value=q_values(p_value))


def q_values(p_values: np.ndarray) -> np.ndarray:
    """Benjamini and Hochberg's false discovery rates (markers,); NaN was no test and stays NaN."""
    adjusted = np.full(len(p_values), np.nan)
    tested = ~np.isnan(p_values)
    adjusted[tested] = stats.false_discovery_control(p_values[tested])
    return adjusted


def _test_block(codes: np.ndarray, ploidy: int, test: MarkerTest) -> pd.DataFrame:
    means = DosageMeans.fit(codes, ploidy)
    effect, standard_error, wald = test.test(means.centred(codes))
    return pd.DataFrame(
        {
            "frequency": np.where((codes <= ploidy).any(axis=0), means.mean / ploidy, np.nan),
            "effect": effect,
            "standard_error": standard_error,
            "wald": wald,
        }
    )
