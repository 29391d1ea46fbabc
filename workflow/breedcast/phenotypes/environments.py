"""Lines over environments, from their adjusted means in each.

The second step of a stagewise analysis (Smith, Cullis & Gilmour 2001, Aust N Z J Stat 43:129-145;
Möhring & Piepho 2009, Crop Sci 49:1977-1988): mean = line + environment + interaction + error, the
error variances known from the first step, that of the interaction by REML.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

import numpy as np

from breedcast.phenotypes.equations import Records
from breedcast.phenotypes.trial import Heritability, Means, heritable

log = logging.getLogger(__name__)

#: Bounds of the logarithm of a variance's share in the variance of the means; at the lower it is 0.
LOG_BOUNDS = (-14.0, 2.0)
#: Fewest means beyond those that lines and environments use up, to tell interaction from them.
LEAST_REPEATED = 10


@dataclass(frozen=True)
class MeansByEnvironment:
    """Adjusted means: each (means,), of one line in one environment.

    line, environment: positions, of `lines` lines and of the names; weight: inverse error
    variances, NaN where unknown; check: (lines,) which lines are checks.
    """

    line: np.ndarray
    lines: int
    environment: np.ndarray
    names: list[str]
    value: np.ndarray
    weight: np.ndarray
    check: np.ndarray

    @property
    def error_variance(self) -> np.ndarray:
        """(means,) known error variances; an unknown one is the median of the known.

        Where none is known all are 0: the errors are then counted with the interaction.
        """
        variance = 1 / self.weight
        known = np.isfinite(variance)
        return np.where(known, variance, np.median(variance[known]) if known.any() else 0.0)

    @property
    def connected(self) -> np.ndarray:
        """(environments,) a number for each set that lines link, from 0."""
        from scipy.sparse import csr_array
        from scipy.sparse.csgraph import connected_components

        grown = csr_array(
            (np.ones(len(self.line)), (self.environment, self.line)),
            shape=(len(self.names), self.lines),
        )
        return connected_components(grown @ grown.T, directed=False)[1]

    @property
    def is_replicated(self) -> bool:
        """Whether enough lines were in several environments to tell interaction from lines."""
        used = self.lines + len(self.names) - (self.connected.max() + 1)
        return len(self.value) - used >= LEAST_REPEATED


def over_environments(means: MeansByEnvironment) -> Means:
    """The lines' BLUEs over environments, each environment counting alike in their level.

    Environments that no line links to the others cannot be compared: there the lines are taken
    to be as good, on average, as those of the others.
    """
    connected = means.connected
    if connected.max():
        alone = [name for name, it in zip(means.names, connected, strict=True) if it]
        log.warning(
            "no line links %s to %s; the mean of the lines is taken to be the same in both: "
            "grow a check in all environments",
            ", ".join(alone),
            means.names[0],
        )
    _, first = np.unique(connected, return_index=True)
    varying = np.setdiff1d(np.arange(len(means.names)), first)
    interaction = _interaction_variance(means, varying) if means.is_replicated else 0.0
    records = _records(means, varying, interaction)
    equations = records.equations(np.zeros(means.lines), np.zeros(len(varying)))
    line, other = equations.solve(*records.sums(means.value[:, None]))
    effects = np.zeros(len(means.names))
    effects[varying] = other[:, 0]
    value = _on_one_level(means, line[:, 0], effects)
    if not interaction and not np.isfinite(means.weight).any():
        unknown = np.full(means.lines, np.nan)
        return Means(value, unknown, unknown)
    information = records.line_information(np.zeros(len(varying)))
    return Means(value, np.sqrt(equations.line_variances), np.maximum(information, 0.0))


def heritability_over_environments(means: MeansByEnvironment) -> Heritability | None:
    """Of the lines' means over environments; None where nothing repeats, or all are checks."""
    from scipy.optimize import minimize

    random = ~means.check
    if not means.is_replicated or random.sum() < 2:
        return None
    varying = np.arange(1, len(means.names))  # beside one level for all
    fixed, scale = np.zeros(len(means.names)), means.value.var()

    def records(interaction: float) -> Records:
        return _records(means, varying, interaction, level=True)

    def deviance(logs: np.ndarray) -> float:
        genetic, interaction = scale * np.exp(logs)
        ridge = random / genetic
        of_effects = float(random.sum() * np.log(genetic))
        return of_effects + _deviance(records(interaction), means.value, ridge)

    found = minimize(
        deviance,
        np.log([0.3, 0.3]),
        method="Nelder-Mead",
        bounds=[LOG_BOUNDS, LOG_BOUNDS],
        options={"xatol": 1e-6, "fatol": 1e-8},
    )
    genetic, interaction = (_zero_at_bound(it, scale) for it in found.x)
    chosen = records(interaction)
    difference = None
    if genetic:
        equations = chosen.equations(random / genetic, fixed)
        difference = equations.mean_variance_of_difference(random)
    of_mean = float(np.mean(1 / chosen.counts[random]))
    return heritable({"line": genetic, "interaction": interaction}, of_mean, difference)


def _records(
    means: MeansByEnvironment, varying: np.ndarray, interaction: float, level: bool = False
) -> Records:
    """The means, with an effect for each varying environment, and before them one for all."""
    from scipy.sparse import csr_array

    indicator = means.environment[:, None] == varying
    design = np.hstack([np.ones((len(indicator), int(level))), indicator])
    variance = interaction + means.error_variance
    precision = 1 / variance if variance.all() else np.ones(len(variance))
    return Records(
        means.line, means.lines, csr_array(design), csr_array(np.eye(design.shape[1])), precision
    )


def _interaction_variance(means: MeansByEnvironment, varying: np.ndarray) -> float:
    """That of line by environment, lines fixed."""
    from scipy.optimize import minimize_scalar

    scale = means.value.var()
    found = minimize_scalar(
        lambda log_share: _deviance(
            _records(means, varying, scale * np.exp(log_share)), means.value, np.zeros(means.lines)
        ),
        bounds=LOG_BOUNDS,
        method="bounded",
        options={"xatol": 1e-6},
    )
    return _zero_at_bound(float(found.x), scale)


def _zero_at_bound(log_share: float, scale: float) -> float:
    return float(scale * np.exp(log_share)) if log_share > LOG_BOUNDS[0] + 0.1 else 0.0


def _deviance(records: Records, y: np.ndarray, line_ridge: np.ndarray) -> float:
    """-2 log restricted likelihood, but for the logarithms of the lines' variances."""
    y = y - y.mean()
    equations = records.equations(line_ridge, np.zeros(records.T.shape[1]))
    fitted = records.fitted(*equations.solve(*records.sums(y[:, None])))[:, 0]
    yPy = float(y @ (records.precision * (y - fitted)))
    return yPy + equations.logdet - float(np.log(records.precision).sum())


def _on_one_level(means: MeansByEnvironment, line: np.ndarray, effects: np.ndarray) -> np.ndarray:
    """The lines' values in the mean environment, linked or not."""
    connected = means.connected
    of_line = np.empty(means.lines, int)
    of_line[means.line] = connected[means.environment]
    of_set = np.bincount(connected, effects) / np.bincount(connected)
    value = line + of_set[of_line]
    lines = np.bincount(of_line)
    return value - (np.bincount(of_line, value) / lines)[of_line] + value.mean()
