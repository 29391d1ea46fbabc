"""GCA + SCA: what parents give to all their hybrids, and what is a hybrid's own.

General (GCA) and specific combining ability (SCA; Sprague and Tatum 1942), both from the parents'
markers: GCA has the relationships of the female and of the male parents, SCA their Hadamard product
(Bernardo 1994, Crop Sci 34:20-25; Technow et al. 2014, Genetics 197:1343-1355). Where parents are
on both sides (a diallel), a parent's GCA is the same on either, and SCA has the covariance of
dominance deviations of non-inbred crosses: G(i,k) G(j,l) + G(i,l) G(j,k). Departures: variances by
REML, not by Gibbs sampling; kernels are centred on the training hybrids, which changes no
prediction; the two pools' frequencies are those of the parents in training.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from breedcast.errors import UserError
from breedcast.genotypes.relationship import Relationship
from breedcast.models.base import Fitted, Lines, Model, Parents, Prediction
from breedcast.models.kernel_model import KernelModel
from breedcast.models.kernels import Kernel, Linear
from breedcast.models.linear import absolute_effects
from breedcast.models.multikernel import named_shares
from breedcast.models.products import Products

#: The sides, female (0) and male (1), that the parents of a pool are on.
Sides = tuple[int, ...]


@dataclass(frozen=True)
class Pool:
    """Relationships with the parents of training hybrids that are of one pool.

    features: (parents, markers) theirs, each parent once; rows: (n,) or (n, 2) which of them are
    parents of each training hybrid.
    """

    relationship: Relationship
    features: np.ndarray
    rows: np.ndarray

    @classmethod
    def fit(cls, codes: np.ndarray, rows: np.ndarray, ploidy: int) -> Pool | None:
        """From the parents' codes, and whose they are; None where these do not vary."""
        parents, inverse = np.unique(rows, return_inverse=True)
        try:
            relationship = Relationship.fit(codes[parents], ploidy)
        except UserError:
            return None
        return cls(relationship, relationship.centred(codes[parents]), inverse.reshape(rows.shape))

    def features_of(self, codes: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Features of the different parents at these rows of codes, and which are whose."""
        parents, inverse = np.unique(rows, return_inverse=True)
        return self.relationship.centred(codes[parents]), inverse.reshape(rows.shape)


@dataclass(frozen=True)
class GCASCA(Model):
    """One variance component for each pool's GCA and one for SCA; covariates are fixed effects.

    A side of which all training hybrids have one parent, a tester, tells no GCA and no SCA.
    """

    needs_parents: ClassVar[bool] = True

    def fit(self, lines: Lines, seed: int, device: str) -> FittedGCASCA:
        parents = lines.parents
        if parents is None:
            raise UserError("gca_sca: these lines have no parents (phenotypes: parents)")
        sides: list[Sides] = [(0,), (1,)] if parents.factorial else [(0, 1)]
        fitted = {
            side: Pool.fit(parents.codes, parents.rows[:, side], lines.ploidy) for side in sides
        }
        pools = {side: pool for side, pool in fitted.items() if pool is not None}
        if not pools:
            raise UserError("gca_sca: no marker varies among the parents of these hybrids")
        fits = {name: Kernel.fit(it, Linear()) for name, it in similarities(pools, parents).items()}
        model = KernelModel.fit([matrix for _, matrix in fits.values()], lines, seed)
        return FittedGCASCA(pools, {name: kernel for name, (kernel, _) in fits.items()}, model)


#: What a pool's GCA is called, by the sides its parents are on.
GCA = {(0,): "gca_female", (1,): "gca_male", (0, 1): "gca"}
SCA = "sca"


def similarities(pools: Mapping[Sides, Pool], parents: Parents) -> dict[str, Products]:
    """By component, how alike hybrids of these parents are to the training hybrids."""
    found: dict[str, Products] = {}
    for side, pool in pools.items():
        z, whose = pool.features_of(parents.codes, parents.rows[:, side])
        cross, own, training = z @ pool.features.T, z @ z.T, pool.features @ pool.features.T
        if len(side) == 1:
            f, t = whose[:, 0], pool.rows[:, 0]
            found[GCA[side]] = Products(cross[np.ix_(f, t)], own[f, f], training[t, t])
            continue
        ff, fm, mf, mm = (cross[np.ix_(a, b)] for a in whose.T for b in pool.rows.T)
        norms = [
            (K[f, f], K[m, m], K[f, m]) for K, (f, m) in ((own, whose.T), (training, pool.rows.T))
        ]
        found[GCA[side]] = Products(ff + fm + mf + mm, *(f + 2 * fm + m for f, m, fm in norms))
        found[SCA] = Products(ff * mm + fm * mf, *(f * m + fm**2 for f, m, fm in norms))
    if len(pools) == 2:
        F, M = found.values()
        found[SCA] = Products(F.cross * M.cross, F.own * M.own, F.training * M.training)
    return found


@dataclass(frozen=True)
class FittedGCASCA(Fitted):
    """pools by the sides their parents are on; kernels by component, in the model's order."""

    pools: Mapping[Sides, Pool]
    kernels: Mapping[str, Kernel]
    model: KernelModel

    @property
    def facts(self) -> Mapping[str, float]:
        shares = named_shares(self.kernels, self.model.shares)
        return {"heritability": self.model.mixed.heritability, **shares}

    @property
    def saliency(self) -> dict[str, np.ndarray]:
        """Absolute effects on GCA of the allele that a hybrid has of a parent of each pool."""
        names = {(0,): "female_effect", (1,): "male_effect", (0, 1): "effect"}
        return {
            names[side]: absolute_effects(self.gamete_effects(side))["effect"]
            for side in self.pools
        }

    def gamete_effects(self, side: Sides) -> np.ndarray:
        """(markers,) of an alternate allele that a parent of this pool hands on; in trait units."""
        pool, name = self.pools[side], GCA[side]
        share = self.model.shares[list(self.kernels).index(name)] / self.kernels[name].scale
        of_parent = np.zeros(len(pool.features))
        for rows in pool.rows.T:
            np.add.at(of_parent, rows, self.model.mixed.dual)
        # a homozygous parent has two copies and hands on one
        return 2 * share * (pool.features.T @ of_parent) / np.sqrt(pool.relationship.scale)

    def predict(self, lines: Lines) -> Prediction:
        if lines.parents is None:
            raise UserError("gca_sca: these lines have no parents (phenotypes: parents)")
        found = similarities(self.pools, lines.parents)
        cross, own = zip(*(self.kernels[name].of(it) for name, it in found.items()), strict=True)
        return self.model.predict(cross, own, lines.covariates)

    def components(self, parents: Parents) -> dict[str, np.ndarray]:
        """(lines,) what each component adds to hybrids of these parents; in trait units."""
        dual, shares = self.model.mixed.dual, self.model.shares
        found = similarities(self.pools, parents)
        return {
            name: share * (self.kernels[name].of(it)[0] @ dual)
            for share, (name, it) in zip(shares, found.items(), strict=True)
        }

    def combining_abilities(self, side: Sides, codes: np.ndarray) -> Prediction:
        """The GCA of parents with these codes (parents, markers) in a pool, about its mean.

        The mean is that of the parents of the training hybrids, each as often as it was crossed.
        """
        pool, name = self.pools[side], GCA[side]
        z, kernel = pool.relationship.centred(codes), self.kernels[name]
        G = z @ pool.features.T
        raw = np.sum([G[:, rows] for rows in pool.rows.T], axis=0)
        # the mean over hybrids is that over the parents that they have in the pool
        each = 1 / len(side)
        mean = raw.mean(axis=1)
        cross = raw - mean[:, None] - each * (kernel.row_mean - kernel.mean)
        own = np.einsum("ij,ij->i", z, z) - 2 * each * mean + each**2 * kernel.mean
        number = list(self.kernels).index(name)
        return self.model.component(number, cross / kernel.scale, own / kernel.scale)

    def weights(self) -> dict[str, np.ndarray]:
        """For each pool the effects of gametes; dual: of SCA's product with the training lines."""
        effects = {f"{GCA[side]}.effects": self.gamete_effects(side) for side in self.pools}
        means = {
            f"{GCA[side]}.mean_dosages": it.relationship.means.mean
            for side, it in self.pools.items()
        }
        return {
            **effects,
            **means,
            "dual": self.model.mixed.dual,
            "component_shares": self.model.shares,
            "fixed_effects": self.model.mixed.fixed_effects,
        }
