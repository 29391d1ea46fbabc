"""Covariates as columns of a design matrix, learnt from training lines."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from breedcast.files import NAMES, TEXT
from breedcast.phenotypes.hybrids import SIDES

#: The columns of phenotypes.tsv that are no covariates.
OWN = ("sample", "environment", "value", "weight", *SIDES)


def column_of(covariate: str) -> str:
    """What a covariate is called in phenotypes.tsv: as in the trait table, if that can be told
    from the columns of Breedcast.
    """
    return f"{covariate} of the table" if covariate in {*OWN, *NAMES, *TEXT} else covariate


def covariate_columns(lines: pd.DataFrame) -> list[str]:
    """The user's covariate columns of a phenotypes.tsv."""
    return [column for column in lines.columns if column not in OWN]


def at_average(lines: pd.DataFrame, kept: str | None) -> pd.DataFrame:
    """The rows of a phenotypes.tsv, candidates without covariates: average lines in each.

    So they are compared by their genotypes and not by the trial that they happen to be told of.
    kept: the trait table's column that is genetic itself, the family, if there is one. It is put
    last, as what it shares with others is theirs in a mixed model: no trial makes a good family.
    """
    genetic = kept and column_of(kept)
    nuisance = [column for column in covariate_columns(lines) if column != genetic]
    blank = lines[nuisance].mask(lines["value"].isna())
    lines = lines.assign(**{column: blank[column] for column in nuisance})
    return lines[[column for column in lines if column != genetic] + [genetic] * (genetic in lines)]


def is_confounded(lines: pd.DataFrame, family: str) -> bool:
    """Whether other covariates of a phenotypes.tsv leave differences between families unknown.

    family: the trait table's column, if it is a covariate.
    """
    known = lines[lines["value"].notna()]
    columns = covariate_columns(known)
    others = [column for column in columns if column != column_of(family)]

    def rank(chosen: list[str]) -> int:
        design = Covariates.fit(known[chosen]).design(known[chosen])
        return int(np.linalg.matrix_rank(with_intercept(design))) - 1

    return rank(columns) < rank(others) + rank([it for it in columns if it not in others])


def not_of_candidates(lines: pd.DataFrame) -> list[str]:
    """The covariate columns of a phenotypes.tsv of which no candidate has a value."""
    candidates = lines[lines["value"].isna()]
    return [it for it in covariate_columns(lines) if candidates[it].isna().all()]


@dataclass(frozen=True)
class Covariates:
    """How the user's covariate columns become numbers.

    numeric: per numeric column its training mean and standard deviation. levels: per text
    column the levels seen in training. A level that training never saw, and a missing value,
    count as the average line: they add nothing to a prediction.
    """

    numeric: dict[str, tuple[float, float]]
    levels: dict[str, list[str]]

    @classmethod
    def fit(cls, frame: pd.DataFrame) -> Covariates:
        """Learn scales and levels from the training lines' covariates (lines, covariates)."""
        numeric, levels = {}, {}
        for column in frame.columns:
            values = frame[column]
            if pd.api.types.is_numeric_dtype(values):
                sd = float(np.nanstd(values)) if values.notna().any() else 0.0
                if sd > 0:
                    numeric[str(column)] = (float(np.nanmean(values)), sd)
            else:
                levels[str(column)] = sorted(values.dropna().unique())
        return cls(numeric, levels)

    @property
    def columns(self) -> int:
        """Columns of the design."""
        return len(self.numeric) + sum(max(len(levels) - 1, 0) for levels in self.levels.values())

    def design(self, frame: pd.DataFrame) -> np.ndarray:
        """(lines, columns) float64 without an intercept.

        Numbers are standardised; a text column with L levels gives L - 1 columns coded so
        that they sum to zero over levels (the last level is -1 in each).
        """
        columns = [np.empty((len(frame), 0))]
        for name, (mean, sd) in self.numeric.items():
            standardised = (frame[name].to_numpy(np.float64) - mean) / sd
            columns.append(np.nan_to_num(standardised, nan=0.0)[:, None])
        for name, levels in self.levels.items():
            contrasts = np.vstack(
                [np.eye(len(levels) - 1), -np.ones(len(levels) - 1), np.zeros(len(levels) - 1)]
            )
            index = {level: position for position, level in enumerate(levels)}
            rows = [index.get(value, len(levels)) for value in frame[name]]
            columns.append(contrasts[rows])
        return np.hstack(columns)


@dataclass(frozen=True)
class FixedEffects:
    """Least squares of the trait on an intercept and the covariates."""

    covariates: Covariates
    coefficients: np.ndarray

    @classmethod
    def fit(
        cls, frame: pd.DataFrame, value: np.ndarray, weight: np.ndarray | None = None
    ) -> FixedEffects:
        """Fit on training lines, each counting by its weight, or all alike.

        Collinear columns share their effect (minimum norm).
        """
        covariates = Covariates.fit(frame)
        X = with_intercept(covariates.design(frame))
        root = np.sqrt(np.ones(len(X)) if weight is None else weight)
        return cls(covariates, np.linalg.lstsq(X * root[:, None], value * root, rcond=None)[0])

    def predict(self, frame: pd.DataFrame) -> np.ndarray:
        """(lines,) intercept plus covariate effects, in the units of the trait."""
        return with_intercept(self.covariates.design(frame)) @ self.coefficients


@dataclass(frozen=True)
class FullRankDesign:
    """Fixed effects of a mixed model: an intercept and the covariates, none collinear.

    columns: positions of the columns that are kept, as the training lines decide.
    """

    covariates: Covariates
    columns: np.ndarray

    @classmethod
    def fit(cls, frame: pd.DataFrame) -> FullRankDesign:
        """Learn scales, levels and independent columns from the training lines' covariates."""
        covariates = Covariates.fit(frame)
        return cls(covariates, full_rank_columns(with_intercept(covariates.design(frame))))

    def matrix(self, frame: pd.DataFrame) -> np.ndarray:
        """(lines, columns) X of these lines."""
        return with_intercept(self.covariates.design(frame))[:, self.columns]


def with_intercept(design: np.ndarray) -> np.ndarray:
    """The design matrix with a leading column of ones."""
    return np.hstack([np.ones((len(design), 1)), design])


def full_rank_columns(X: np.ndarray) -> np.ndarray:
    """Positions of the first columns that are linearly independent (pivoting from the left)."""
    kept: list[int] = []
    for column in range(X.shape[1]):
        if np.linalg.matrix_rank(X[:, [*kept, column]]) > len(kept):
            kept.append(column)
    return np.array(kept, dtype=int)
