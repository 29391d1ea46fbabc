"""How environments covary: a sum of terms, one of which their covariates may tell."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from breedcast.models.base import Lines
from breedcast.models.multikernel import combined

#: The terms, in their order; the last where there are environment covariates.
MAIN, OWN, COVARIATES = "main", "interaction", "covariates"


def vary(lines: Lines) -> bool:
    """Whether any covariate differs between the environments of these lines."""
    return bool(np.ptp(_conditions(lines, np.arange(len(lines))), axis=0).any())


@dataclass(frozen=True)
class Conditions:
    """The relationship W W' of environments whose covariates are W in units of their spread.

    mean: (covariates,); slope: (covariates,) 1 / (standard deviation * sqrt(s)), 0 of one that
    does not vary, s such that the relationship has the mean diagonal 1 over the training values;
    known: (training environments, covariates) their W.
    """

    mean: np.ndarray
    slope: np.ndarray
    known: np.ndarray

    @classmethod
    def fit(cls, of_environments: np.ndarray, values: np.ndarray) -> Conditions:
        """of_environments: (training environments, covariates), of which one must vary; each counts
        once for mean and deviation. values: (training environments,) how many there are.
        """
        mean, sd = of_environments.mean(axis=0), of_environments.std(axis=0)
        varies = np.ptp(of_environments, axis=0) > 0
        slope = np.divide(1.0, sd, out=np.zeros_like(sd), where=varies)
        W = (of_environments - mean) * slope
        s = np.average((W**2).sum(axis=1), weights=values)
        return cls(mean, slope / np.sqrt(s), W / np.sqrt(s))

    def standardised(self, of_environments: np.ndarray) -> np.ndarray:
        """(environments, covariates) W."""
        return (of_environments - self.mean) * self.slope


@dataclass(frozen=True)
class Between:
    """Covariances of environments with those of the training values, term by term.

    names: of the training environments; column: (values,) which of them each value's is.
    conditions: the relationship by covariates, None where these are no term.
    """

    names: np.ndarray
    column: np.ndarray
    conditions: Conditions | None

    @classmethod
    def fit(cls, lines: Lines, by_covariates: bool) -> Between:
        """Of these training lines; by_covariates: whether theirs are a term (they must `vary`)."""
        names, first, column = _environments(lines)
        if not by_covariates:
            return cls(names, column, None)
        return cls(names, column, Conditions.fit(_conditions(lines, first), np.bincount(column)))

    @property
    def terms(self) -> list[str]:
        """Their names."""
        return [MAIN, OWN] if self.conditions is None else [MAIN, OWN, COVARIATES]

    def covariance(self, shares: np.ndarray, lines: Lines) -> np.ndarray:
        """(lines, training values), each term times its share; an environment may be new."""
        names, first, row = _environments(lines)
        same = names[:, None] == self.names
        terms = [np.ones(same.shape), same.astype(float)]
        if self.conditions is not None:
            terms.append(
                self.conditions.standardised(_conditions(lines, first)) @ self.conditions.known.T
            )
        found: np.ndarray = combined(shares, terms)[np.ix_(row, self.column)]
        return found

    def variance(self, shares: np.ndarray, lines: Lines) -> np.ndarray:
        """(lines,) the same of each with itself."""
        names, first, row = _environments(lines)
        terms = [np.ones(len(names)), np.ones(len(names))]
        if self.conditions is not None:
            terms.append((self.conditions.standardised(_conditions(lines, first)) ** 2).sum(axis=1))
        found: np.ndarray = combined(shares, terms)[row]
        return found

    def arrays(self) -> dict[str, np.ndarray]:
        """What was learnt of the covariates, by name."""
        if self.conditions is None:
            return {}
        return {
            "covariate_means": self.conditions.mean,
            "covariate_slopes": self.conditions.slope,
            "environment_covariates": self.conditions.known,
            "environment": self.column,
        }


def _environments(lines: Lines) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The lines' environments, a line of each, and (lines,) which of them each one's is."""
    found = np.asarray(lines.environment)
    names, first, row = np.unique(found, return_index=True, return_inverse=True)
    return names, first, row


def _conditions(lines: Lines, rows: np.ndarray) -> np.ndarray:
    """(rows, covariates) of the environments of the lines at these positions."""
    if lines.conditions is None:
        raise ValueError("these lines do not tell of their environments' covariates")
    found: np.ndarray = lines.conditions.iloc[rows].to_numpy(np.float64)
    return found
