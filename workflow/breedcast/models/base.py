"""What a model is: options, a fit on training lines, predictions with what is known of them.

A model sees only the lines it is given. Whatever it learns (frequencies, scaling, principal
components, effects) it learns in `fit`, from training lines alone; the lines it is to predict
reach it later, in `Fitted.predict`, without their values.
"""

from __future__ import annotations

import importlib
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pandas as pd

from breedcast.checkpoint import NOWHERE, Checkpoint
from breedcast.models.products import DosageProducts
from breedcast.phenotypes.covariates import covariate_columns
from breedcast.phenotypes.hybrids import is_factorial
from breedcast.phenotypes.records import has_environments
from breedcast.progress import Listener, unheard

#: The covariate that names each line's environment; no user's column can be called so.
ENVIRONMENT = "environment"


if TYPE_CHECKING:
    from breedcast.genotypes.store import Codes


@dataclass(frozen=True)
class Parents:
    """The parents of some lines that are hybrids.

    codes: (parents, markers) uint8 of all parents; rows: (lines, 2) which of them are the female
    and the male parent of each line. factorial: whether no parent is female of one hybrid and male
    of another, among all that are known.
    """

    codes: np.ndarray
    rows: np.ndarray
    factorial: bool

    @classmethod
    def of(cls, genotypes: Codes, parents: pd.DataFrame) -> Parents:
        """Of hybrids with these female and male parents, all of which are genotyped."""
        row = {sample: number for number, sample in enumerate(genotypes.samples)}
        rows = np.array([[row[name] for name in pair] for pair in parents.to_numpy()])
        return cls(genotypes.codes, rows.reshape(-1, 2), is_factorial(parents.to_numpy().tolist()))

    def take(self, rows: np.ndarray) -> Parents:
        """Those of the lines at these positions."""
        return replace(self, rows=self.rows[rows])


@dataclass(frozen=True)
class Lines:
    """Some lines as a model sees them; one that was grown in several environments in each.

    codes: (lines, markers) uint8; 0..ploidy is the alternate-allele dosage, ploidy + 1 is
        "missing", so that a code is also the index of its one-hot channel.
    ploidy: copies of each chromosome.
    covariates: (lines, covariates) numbers or text, in the user's own columns.
    value: (lines,) float64 trait values, or None for lines whose values must not be seen.
    weight: (lines,) float64, how much each value counts: the inverse of its error variance, up
        to a factor; None counts all alike.
    products: of these lines' dosages with all others' of a job, where they are at hand.
    helpers: (lines, helper traits) values in other traits by name, NaN where there is none; None
        where there are no helper traits, or their values must not be seen.
    environment: (lines,) the name of the environment of each; None where they are not told apart.
        It is a covariate too: a model that only heeds covariates so knows the environments' means,
        and takes a new environment for the mean of those it knows.
    line: (lines,) a number for each line, the same in all its environments; None as environment.
    parents: theirs where they are hybrids.
    conditions: (lines, environment covariates) numbers that tell of each one's environment, the
        same for all lines of an environment; None where the config gives none.
    """

    codes: np.ndarray
    ploidy: int
    covariates: pd.DataFrame
    value: np.ndarray | None = None
    weight: np.ndarray | None = None
    products: DosageProducts | None = None
    helpers: pd.DataFrame | None = None
    environment: np.ndarray | None = None
    line: np.ndarray | None = None
    parents: Parents | None = None
    conditions: pd.DataFrame | None = None

    @classmethod
    def of(
        cls,
        codes: np.ndarray,
        ploidy: int,
        table: pd.DataFrame,
        products: DosageProducts | None = None,
        helpers: pd.DataFrame | None = None,
        parents: Parents | None = None,
        conditions: pd.DataFrame | None = None,
    ) -> Lines:
        """The rows of a phenotypes.tsv, with the codes (rows, markers) of their lines."""
        covariates = table[covariate_columns(table)]
        environment = line = None
        if has_environments(table):
            line = pd.factorize(table["sample"])[0]
            environment = table["environment"].to_numpy(object)
            covariates = covariates.assign(**{ENVIRONMENT: environment})
        return cls(
            codes,
            ploidy,
            covariates,
            table["value"].to_numpy(np.float64),
            table["weight"].to_numpy(np.float64),
            products,
            helpers,
            environment,
            line,
            parents,
            conditions,
        )

    def __len__(self) -> int:
        return len(self.codes)

    def take(self, rows: np.ndarray) -> Lines:
        """The lines at these positions, values included."""
        return Lines(
            self.codes[rows],
            self.ploidy,
            self.covariates.iloc[rows],
            None if self.value is None else self.value[rows],
            None if self.weight is None else self.weight[rows],
            None if self.products is None else self.products.take(rows),
            None if self.helpers is None else self.helpers.iloc[rows],
            None if self.environment is None else self.environment[rows],
            None if self.line is None else self.line[rows],
            None if self.parents is None else self.parents.take(rows),
            None if self.conditions is None else self.conditions.iloc[rows],
        )

    def with_codes(self, codes: np.ndarray) -> Lines:
        """The same lines with other codes."""
        return replace(self, codes=codes, products=None)

    def blind(self, but_helpers: bool = False) -> Lines:
        """The same lines without their values: what a model is given to predict.

        but_helpers: those in the helper traits are left to them.
        """
        return replace(self, value=None, helpers=self.helpers if but_helpers else None)

    @property
    def observed(self) -> np.ndarray:
        """The trait values, for code that trains."""
        if self.value is None:
            raise ValueError("these lines carry no values to train on")
        return self.value

    @property
    def helper_values(self) -> pd.DataFrame:
        """(lines, helper traits) their values, of no trait where there are none."""
        return pd.DataFrame(index=range(len(self))) if self.helpers is None else self.helpers

    @property
    def inputs(self) -> pd.DataFrame:
        """(lines, covariates) those of the lines and of their environments: for networks."""
        return self.covariates if self.conditions is None else self.covariates.join(self.conditions)

    @property
    def environments(self) -> np.ndarray:
        """(lines,) the name of each one's environment, None where they are not told apart."""
        return np.full(len(self), None) if self.environment is None else self.environment

    @property
    def numbers(self) -> np.ndarray:
        """(lines,) a number for each line, the same where it was grown in several environments."""
        return np.arange(len(self)) if self.line is None else self.line

    @property
    def weights(self) -> np.ndarray:
        """(lines,) how much each value counts."""
        return np.ones(len(self)) if self.weight is None else self.weight


@dataclass(frozen=True)
class Fit:
    """One fit to be made. name: what to call it where it fails."""

    lines: Lines
    seed: int
    name: str = "network"


@dataclass(frozen=True)
class Prediction:
    """Predicted values of some lines, each array of shape (lines,).

    sd: standard deviation of the genetic value: the posterior's, or the spread of networks and of
        dropout masks, NaN where a model has none.
    reliability: 1 - PEV / genetic variance of the line, NaN where a model has no posterior.
    """

    mean: np.ndarray
    sd: np.ndarray
    reliability: np.ndarray

    @classmethod
    def point(cls, mean: np.ndarray) -> Prediction:
        """Predictions of a model that knows no posterior variance."""
        unknown = np.full(len(mean), np.nan)
        return cls(np.asarray(mean, dtype=np.float64), unknown, unknown)

    @classmethod
    def joined(cls, parts: Sequence[Prediction]) -> Prediction:
        """Those of some lines after those of others."""
        names = [it.name for it in fields(cls)]
        return cls(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))

    @classmethod
    def mean_of(cls, predictions: Sequence[Prediction]) -> Prediction:
        """The mean of several fits' predictions.

        sd: by the law of total variance: that of the fits, where they have one, and that between
        their means.
        """
        if len(predictions) == 1:
            return predictions[0]
        means = np.stack([prediction.mean for prediction in predictions])
        variances = np.stack([prediction.sd for prediction in predictions]) ** 2
        sd = np.sqrt(np.nan_to_num(variances).mean(axis=0) + means.var(axis=0))
        return cls(means.mean(axis=0), sd, np.full(means.shape[1], np.nan))


class Fitted(ABC):
    """A model after training on some lines."""

    @property
    def history(self) -> Sequence[dict[str, float]]:
        """One record per epoch: {"epoch": 1, "train_loss": ..., "stop_loss": ...}; or none."""
        return ()

    @property
    def saliency(self) -> Mapping[str, np.ndarray]:
        """How much each marker moves the prediction, by statistic, that to be shown first.

        Each is (networks, markers) float32: a row per network where several make up the fit, else
        one. Empty where a model can tell nothing.
        """
        return {}

    @property
    def facts(self) -> Mapping[str, float]:
        """Facts about the fit worth a line in the report, e.g. {"heritability": 0.41}."""
        return {}

    @abstractmethod
    def predict(self, lines: Lines) -> Prediction:
        """Predict lines in the units of the trait. `lines.value` is never read."""

    @abstractmethod
    def weights(self) -> dict[str, np.ndarray]:
        """What was learnt, as named arrays, for weights.safetensors."""


@dataclass(frozen=True)
class Range:
    """Numbers that an option is looked for among, ends included; log: evenly by ratio."""

    low: float
    high: float
    log: bool = False


@dataclass(frozen=True)
class Choice:
    """Values that an option is looked for among."""

    values: tuple[Any, ...]


Search = Range | Choice

#: What stands for every other trait of the config among `helper_traits`.
ALL_OTHERS = "all"


def option(default: Any, description: str, search: Search | None = None, **constraints: Any) -> Any:
    """A documented option of a model: a dataclass field that carries its JSON schema.

    search: where tuning looks for better values than the default; None leaves it alone.
    constraints are JSON schema keywords (minimum, exclusiveMinimum, maximum, enum ...).
    """
    schema = {"description": description, **constraints}
    return field(default=default, metadata={"schema": schema, "search": search})


def helper_option(default: tuple[str, ...]) -> Any:
    """The option that names the other traits whose values a model learns from too."""
    return option(
        default,
        "Other traits of the config whose values it learns from too; [all] for every other one. "
        "Those of the lines to be predicted are hidden.",
        items={"type": "string"},
        uniqueItems=True,
    )


@dataclass(frozen=True)
class Model(ABC):
    """A model with its options as dataclass fields, each made by `option`."""

    #: A network is computed on the config's device and stops early on lines of its own; a test
    #: line's prediction is the mean of the inner folds' networks. Other models are computed on
    #: the CPU and refit on every training line.
    is_network: ClassVar[bool] = False
    #: Whether windows of markers are permuted to see what they are worth to it: for models whose
    #: marker effects cannot be read off. It costs as many predictions of some lines as windows.
    permutes_windows: ClassVar[bool] = False
    #: Whether it asks who the parents of the lines are: for hybrids alone.
    needs_parents: ClassVar[bool] = False
    #: Modules that the results hang on, for the record.
    libraries: ClassVar[tuple[str, ...]] = ("numpy", "scipy")

    @classmethod
    def search_space(cls) -> dict[str, Search]:
        """Where tuning looks for each option that it may choose."""
        searches = {it.name: it.metadata["search"] for it in fields(cls)}
        return {name: search for name, search in searches.items() if search is not None}

    @property
    def needs_all_calls(self) -> bool:
        """Whether the job fills missing calls first; else the model is given them as they are."""
        return True

    @property
    def uses_own_helpers(self) -> bool:
        """Whether candidates are predicted by their own values in the helper traits too."""
        return False

    @property
    def heeds_conditions(self) -> bool:
        """Whether it learns from environment covariates (`Lines.conditions`)."""
        return False

    @property
    def has_shortcut(self) -> bool:
        """Whether it is a network that is added to a mixed model."""
        return False

    @property
    def given_markers(self) -> int | None:
        """How many of the markers a fit is given at most; None: all."""
        return None

    def remarks(self) -> list[str]:
        """What a user should know of the model with these options, a sentence each."""
        return []

    def uses_products(self, lines: int, markers: int) -> bool:
        """Whether fits take the products of dosages of all these lines (`Lines.products`)."""
        return False

    def side_by_side(self, device: str) -> bool:
        """Whether several fits are computed as one on this device; else one after another."""
        return False

    @abstractmethod
    def fit(self, lines: Lines, seed: int, device: str) -> Fitted:
        """Train on these lines. The same lines, options, seed and device give the same fit."""

    def fit_all(
        self,
        fits: Sequence[Fit],
        device: str,
        checkpoint: Checkpoint = NOWHERE,
        listen: Listener = unheard,
    ) -> Sequence[Fitted]:
        """Several fits, as if each were made alone.

        checkpoint: where to save what is half done, if the model can; listen: told of epochs.
        """
        return [self.fit(fit.lines, fit.seed, device) for fit in fits]


def model_class(location: str) -> type[Model]:
    """The model at `module:Class`.

    A training job is told this location and not a name of the registry, so that it depends on
    its own model's file and on no other.
    """
    module, _, name = location.partition(":")
    found: type[Model] = getattr(importlib.import_module(module), name)
    return found
