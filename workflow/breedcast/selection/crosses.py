"""crosses.tsv: what is to be expected of every cross of the best lines.

A progeny's genetic value is the sum over loci of +c or -c, c = a (x1 - x2) / 2 for parents of
dosages x1 and x2 and the effect a of an allele copy, by the parent that the locus comes from. Its
variance is c' D c, D being the covariance of the signs (Bonk et al. 2016, Genet Sel Evol 48:36;
Lehermeier et al. 2017, Genetics 207:1651). c is a difference u1 - u2 of one vector per parent: all
crosses follow from the parents' products U' D U. D falls exponentially along the map, which makes
these products one pass over the markers: no matrix of markers is ever made.

Effects are shrunken, and their variance by itself would be too small where few lines speak. What is
told is the posterior mean of the variance (Lehermeier's PMV): that of the estimated effects and
the mean of that of draws of what is not known of them.

A parent's own heterozygous loci segregate too. Which alleles lie on one chromosome is not told by
dosages: covariances between these loci are left out, right on average over all ways they may lie.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

import numpy as np
import pandas as pd

from breedcast.errors import UserError
from breedcast.genotypes.hybrids import heterozygous_shares
from breedcast.phenotypes.hybrids import MOST_HETEROZYGOUS
from breedcast.scoring.metrics import Direction, directed, rank_of
from breedcast.selection.linkage import Linkage
from breedcast.selection.merit import Merit

log = logging.getLogger(__name__)

COLUMNS = [
    *("parent_1", "parent_2", "mean", "sd", "accuracy", "usefulness", "relationship", "rank"),
]
#: Draws of the effects from their posterior distribution.
DRAWS = 64
#: Markers whose numbers are held at a time, for every parent and draw.
STEP = 512


@dataclass
class Products:
    """U' D U of some parents, summed marker by marker along the map.

    products: (parents, parents), what has been summed; state: (terms, parents * effects) sum over
    the markers before of u exp(-rate distance), by term of the linkage.
    """

    linkage: Linkage
    products: np.ndarray
    state: np.ndarray

    @classmethod
    def of(cls, linkage: Linkage, parents: int, effects: int) -> Products:
        """Of no marker yet; effects: how many sets of effects are summed over."""
        return cls(
            linkage,
            np.zeros((parents, parents)),
            np.zeros((len(linkage.rates), parents * effects)),
        )

    def add(self, u: np.ndarray, distance: np.ndarray) -> None:
        """Sum the next markers too.

        u: (markers, parents, effects); distance: (markers,) Morgans to the marker before.
        """
        markers, parents, _ = u.shape
        flat, before = u.reshape(markers, -1), np.empty((markers, u[0].size))
        kept = np.exp(-distance[:, None] * self.linkage.rates)
        for marker in range(markers):
            self.state *= kept[marker][:, None]
            before[marker] = self.linkage.weights @ self.state
            self.state += flat[marker]
        own = u.transpose(1, 0, 2).reshape(parents, -1)
        others = before.reshape(u.shape).transpose(1, 0, 2).reshape(parents, -1)
        half = own @ others.T
        self.products += own @ own.T + half + half.T


def predict_crosses(
    merit: Merit,
    distance: np.ndarray,
    *,
    parents: int,
    selected: float,
    progeny: str,
    direction: Direction,
    seed: int,
) -> pd.DataFrame:
    """Every cross between the best lines, the most useful first.

    distance: (markers,) Morgans to the marker before. parents: how many of the lines, measured or
    not, by genetic value. progeny: as `Linkage.of`. selected: share of a cross's progeny kept.

    Returns COLUMNS. mean: of the progeny, the parents' mean; sd: of its genetic values; accuracy:
    correlation of these with one adjusted mean each, of the trained lines' error variance;
    usefulness: mean + intensity x accuracy x sd, the expected genetic value of the selected
    (Schnell & Utz 1975), in the trait's direction; relationship: of the parents.
    Raises UserError for polyploids, and where fewer than two lines can be parents.
    """
    if merit.codes.ploidy > 2:
        raise UserError(
            f"crosses: of ploidy {merit.codes.ploidy} a cross's variance cannot be predicted from "
            "dosages without phase; take crosses out of the config"
        )
    chosen = _best(merit, parents, direction)
    variance = np.maximum(_variances(merit, chosen, distance, Linkage.of(progeny), seed), 0.0)
    one, two = np.triu_indices(len(chosen), 1)
    names, values = merit.lines["sample"].to_numpy()[chosen], merit.values[chosen]
    table = pd.DataFrame({"parent_1": names[one], "parent_2": names[two]})
    table["mean"] = (values[one] + values[two]) / 2
    table["sd"] = np.sqrt(variance[one, two])
    table["accuracy"] = np.sqrt(variance / (variance + merit.mixed.sigma2_e))[one, two]
    gain = intensity(selected) * table["accuracy"] * table["sd"]
    table["usefulness"] = table["mean"] + directed(gain.to_numpy(), direction)
    table["relationship"] = merit.K[np.ix_(chosen, chosen)][one, two]
    table["rank"] = rank_of(table["usefulness"].to_numpy(), direction)
    return table.sort_values("rank", kind="stable", ignore_index=True)[COLUMNS]


def intensity(selected: float) -> float:
    """Mean of the best share of a standard normal distribution."""
    from scipy.stats import norm

    return float(norm.pdf(norm.isf(selected)) / selected)


def _best(merit: Merit, parents: int, direction: Direction) -> np.ndarray:
    """Positions of the best lines that can be parents, the best first."""
    able = np.ones(len(merit.lines), bool)
    if merit.codes.ploidy == 2:
        blocks = merit.codes.blocks(0, merit.codes.markers)
        able = heterozygous_shares(blocks) <= MOST_HETEROZYGOUS
    if able.sum() < 2:
        raise UserError(
            f"crosses: all lines but {able.sum()} have more than {100 * MOST_HETEROZYGOUS:g} % of "
            "their calls heterozygous; which alleles go together cannot be told from dosages: take "
            "crosses out of the config"
        )
    if not able.all():
        log.warning(
            "%d lines with more than %g %% heterozygous calls are left out as parents",
            (~able).sum(),
            100 * MOST_HETEROZYGOUS,
        )
    rows = np.flatnonzero(able)
    return rows[np.argsort(-directed(merit.genetic[rows], direction), kind="stable")[:parents]]


def _variances(
    merit: Merit, chosen: np.ndarray, distance: np.ndarray, linkage: Linkage, seed: int
) -> np.ndarray:
    """(parents, parents) the expected variance of each cross's genetic values."""
    answer = merit.precision() @ _drawn_values(merit, seed)
    prior = np.sqrt(merit.mixed.sigma2_g / merit.scale)
    sums = Products.of(linkage, len(chosen), 1 + DRAWS)
    within = np.zeros(len(chosen))
    for markers, dosage in merit.blocks():
        known = dosage[: merit.trained]
        drawn = prior * _standard(seed, markers, known.shape[1])
        unknown = drawn - prior**2 * (known.T @ answer)
        effects = np.column_stack([merit.effects(dosage), unknown / np.sqrt(DRAWS)])
        if merit.codes.ploidy == 2:
            heterozygous = merit.codes.read(markers.start, markers.stop)[chosen] == 1
            within += heterozygous @ (effects**2).sum(axis=1) / 2
        for first in range(0, len(effects), STEP):
            some = slice(first, first + STEP)
            u = dosage[chosen][:, some].T[:, :, None] / 2 * effects[some][:, None, :]
            sums.add(u, distance[markers][some])
    own = np.diag(sums.products)
    return np.add.outer(own + within, own + within) - 2 * sums.products


def _drawn_values(merit: Merit, seed: int) -> np.ndarray:
    """(trained, DRAWS) trait values of effects and errors drawn from their prior distributions.

    What an estimate from such values misses of the drawn effects is a draw from the distribution
    of what the real estimate misses.
    """
    prior = np.sqrt(merit.mixed.sigma2_g / merit.scale)
    errors = np.random.default_rng([seed, merit.codes.markers]).standard_normal
    values = np.sqrt(merit.error_variances)[:, None] * errors((merit.trained, DRAWS))
    for markers, dosage in merit.blocks():
        known = dosage[: merit.trained]
        values += prior * (known @ _standard(seed, markers, known.shape[1]))
    return values


def _standard(seed: int, markers: slice, count: int) -> np.ndarray:
    """(markers, DRAWS) standard normal numbers, the same for the same markers."""
    return np.random.default_rng([seed, markers.start]).standard_normal((count, DRAWS))
