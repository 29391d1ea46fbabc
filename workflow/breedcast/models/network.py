"""What all networks share: from training lines to a fitted network and its predictions.

A network's own file holds its architecture and its defaults. PyTorch is imported only where
a network is built, so that the options can be read without it.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from breedcast.checkpoint import NOWHERE, Checkpoint
from breedcast.errors import UserError
from breedcast.genotypes.encode import (
    ChosenMarkers,
    DosageMeans,
    Encoder,
    OneHot,
    PrincipalComponents,
    ScaledDosage,
    most_associated,
)
from breedcast.models.base import Fit, Fitted, Lines
from breedcast.models.fitted_network import FittedNetwork, FittedNetworks, Learnt
from breedcast.models.options import SCORED, NetworkOptions
from breedcast.models.shortcut import Shortcut
from breedcast.models.target import ScoredTarget, StandardisedTarget, Target, helpers_learnt
from breedcast.phenotypes.covariates import Covariates
from breedcast.progress import Listener, unheard
from breedcast.seeds import derive_seed

if TYPE_CHECKING:
    from torch import nn

    from breedcast.training.fleet import Data
    from breedcast.training.network import Network
    from breedcast.training.objective import Objective
    from breedcast.training.trainer import Task, Trained


#: Weights up to which several dense networks are faster side by side on a CPU.
SMALL = 250_000


@dataclass(frozen=True)
class NetworkModel(NetworkOptions):
    """A network that is trained on most of the training lines and stopped early by the rest."""

    is_network: ClassVar[bool] = True
    permutes_windows: ClassVar[bool] = True
    libraries: ClassVar[tuple[str, ...]] = ("numpy", "scipy", "torch")
    #: Positions of input that the architecture needs at least.
    minimum_length: ClassVar[int] = 1
    #: Whether torch.func.vmap can compute several networks of this kind as one.
    can_be_stacked: ClassVar[bool] = True
    #: Whether doing so is faster on a CPU core too: it is for small dense layers, and not for
    #: convolutions (measured in tests/benchmarks).
    is_stacked_on_cpu: ClassVar[bool] = False

    @abstractmethod
    def features(self, channels: int, length: int) -> nn.Module:
        """The network from (lines, channels, length) to (lines, width), with its first weights."""

    @abstractmethod
    def head(self, width: int, outputs: int) -> nn.Module:
        """The rest of it, from (lines, width) to (lines, outputs).

        width: that of the features and of covariates, where these are appended.
        """

    def begin(self, network: Network, inputs: np.ndarray) -> None:
        """Set first weights that follow from the input (lines, positions) of training lines."""

    @property
    def needs_all_calls(self) -> bool:
        """One-hot input has a state for a missing call."""
        return self.input != "one_hot"

    def side_by_side(self, device: str) -> bool:
        """Whether a job's networks are computed as one on this device: the rule, not a guess."""
        return self.can_be_stacked and (device == "cuda" or self.is_stacked_on_cpu)

    def remarks(self) -> list[str]:
        from breedcast.training.dropout import before_normalisation

        length = max(64, self.minimum_length)
        disturbing = [layer for layer in before_normalisation(self._bare(1, length)) if layer.rate]
        if not disturbing or self.dropout in ("uniform", "none"):
            return []
        return [
            f"{len(disturbing)} of its dropouts stand before a batch normalisation, whose "
            "variances then differ between training and prediction (Li et al. 2019); "
            "dropout_after_norm: true and dropout: uniform are the published remedies"
        ]

    def fit(self, lines: Lines, seed: int, device: str) -> Fitted:
        return self.fit_all([Fit(lines, seed)], device)[0]

    def fit_all(
        self,
        fits: Sequence[Fit],
        device: str,
        checkpoint: Checkpoint = NOWHERE,
        listen: Listener = unheard,
    ) -> list[Fitted]:
        """Train networks on the lines of each fit.

        For each network a stop set is drawn from its lines; covariate effects, the target's
        scale and the encoding are learnt on the others, which the network is trained on. A
        shortcut is fitted to all lines of a fit first, and its networks learn its rest. Raises
        UserError where the lines or markers are too few, or where training diverges.
        """
        work = [
            (fit, shortcut, derive_seed(fit.seed, number) if number else fit.seed)
            for fit, shortcut in map(self._beyond_shortcut, fits)
            for number in range(self.networks)
        ]
        fitted: list[FittedNetwork] = []
        for prepared in self._trained_together(work, device):
            first = len(fitted)
            trained = self._train(
                prepared,
                device,
                checkpoint,
                lambda at, *news, first=first: listen((first + at) // self.networks, *news),
            )
            fitted += [
                FittedNetwork(one.learnt, network, self.monte_carlo)
                for one, network in zip(prepared, trained, strict=True)
            ]
        return [
            FittedNetworks(fitted[start : start + self.networks])
            for start in range(0, len(fitted), self.networks)
        ]

    def _beyond_shortcut(self, fit: Fit) -> tuple[Fit, Shortcut | None]:
        """What is left to learn of a fit, and the shortcut that leaves it, if there is one."""
        if not self.beside:
            return fit, None
        shortcut = Shortcut.fit(self.beside, fit.lines, fit.seed)
        return replace(fit, lines=shortcut.left_of(fit.lines)), shortcut

    def _trained_together(
        self, work: list[tuple[Fit, Shortcut | None, int]], device: str
    ) -> Iterator[list[Prepared]]:
        """All of the work where networks are stacked; else one at a time, to spare memory."""
        first = self._prepare(*work[0])
        others = (self._prepare(*one) for one in work[1:])
        if self.side_by_side(device) and (device == "cuda" or self._is_small(first)):
            yield [first, *others]
            return
        yield [first]
        yield from ([one] for one in others)

    def _is_small(self, prepared: Prepared) -> bool:
        """Whether the weights of several such networks stay in a CPU's cache."""
        from breedcast.training.trainer import new_objective

        network = new_objective(prepared.task)
        return sum(weight.numel() for weight in network.parameters()) <= SMALL

    def _train(
        self, prepared: list[Prepared], device: str, checkpoint: Checkpoint, listen: Listener
    ) -> list[Trained]:
        from breedcast.training.device import pick_device
        from breedcast.training.trainer import train

        tasks = [one.task for one in prepared]
        return train(
            tasks, self.settings(), pick_device(device), len(tasks) > 1, checkpoint, listen
        )

    def _prepare(self, fit: Fit, shortcut: Shortcut | None, seed: int) -> Prepared:
        from breedcast.training.trainer import Task

        rows, stop_rows = self._split(fit.lines, seed)
        # a shortcut has taken their effects off
        regressed = self.covariates == "regressed" and shortcut is None
        others = helpers_learnt(fit.lines.take(rows), self.helper_traits, regressed)
        if not others.shape[1]:
            rows = np.intersect1d(rows, _of_known_value(fit.lines))
        trained_on, stop = fit.lines.take(rows), fit.lines.take(stop_rows)
        known = trained_on.take(_of_known_value(trained_on))
        target = self._target(known, regressed)
        encoder = self._encoder(trained_on, self._markers(known, target, seed))
        goals = target.learnt(trained_on)
        if others.shape[1]:
            goals = np.column_stack([goals, others])
        inputs = trained_on.inputs
        covariates = Covariates.fit(inputs if self.heeds_conditions else inputs[[]])

        learnt_from = data(trained_on, encoder, covariates, goals)

        def build() -> Objective:
            objective = self._objective(encoder, target, covariates.columns, others.shape[1])
            self.begin(objective.network, learnt_from.inputs)
            return objective

        task = Task(
            build,
            train=learnt_from,
            stop=data(stop, encoder, covariates, target.judged(stop)),
            seed=seed,
            name=fit.name,
            outputs=1 + others.shape[1] if target.classes is None else len(target.classes),
        )
        learnt = Learnt(fit.lines, rows, encoder, covariates, target, seed, shortcut)
        return Prepared(task, learnt)

    def _target(self, lines: Lines, regressed: bool) -> Target:
        """The trait as it is learnt from these lines."""
        if self.loss in SCORED:
            return ScoredTarget.fit(lines)
        return StandardisedTarget.fit(lines, regressed)

    def _objective(
        self, encoder: Encoder, target: Target, covariates: int, helpers: int
    ) -> Objective:
        """A new network of this kind with its loss, its weights drawn or loaded."""
        from breedcast.training.augment import Augment
        from breedcast.training.losses import make_readout
        from breedcast.training.network import Network, width_of
        from breedcast.training.objective import Objective

        readout = make_readout(self.loss, target.classes, helpers, self.helper_weight)
        features = self.features(encoder.channels, encoder.length)
        width = width_of(features, encoder.channels, encoder.length)
        network = Network(
            input_layer(encoder), features, self.head(width + covariates, readout.outputs), readout
        )
        missing = encoder.missing if self.mask_markers else 0
        augment = Augment(self.input_noise, self.label_noise, self.mask_markers, missing)
        objective = Objective(network, augment, self.dropout_samples, self.mixup > 0)
        self.adapt(objective)
        return objective

    def _bare(self, channels: int, length: int) -> nn.Module:
        """The layers alone, to be looked at."""
        from torch import nn

        from breedcast.training.dropout import set_dropouts
        from breedcast.training.network import width_of

        features = self.features(channels, length)
        head = self.head(width_of(features, channels, length), 1)
        layers = nn.Sequential(features, head)
        set_dropouts(layers, self.dropout, self.dropout_after_norm)
        return layers

    def _split(self, lines: Lines, seed: int) -> tuple[np.ndarray, np.ndarray]:
        """Positions of the lines that are trained on, and of the stop set, which has values.

        Of whole lines, and so that the values that are trained on differ, if any do.
        """
        known = _of_known_value(lines)
        line, value = lines.numbers[known], lines.observed[known]
        names = np.unique(line)
        count = max(1, round(self.stop_fraction * len(names)))
        if len(names) - count < 2:
            raise UserError(
                f"{len(names)} training lines are too few for a network with stop_fraction "
                f"{self.stop_fraction:g}; give more lines, fewer folds or a smaller fraction"
            )
        rng = np.random.default_rng(seed)
        stops = np.isin(line, rng.permutation(names)[:count])
        while np.ptp(value[~stops]) == 0 < np.ptp(value):
            stops = np.isin(line, rng.permutation(names)[:count])
        stop = known[stops]
        return np.setdiff1d(np.arange(len(lines)), stop), stop

    def _markers(self, lines: Lines, target: Target, seed: int) -> np.ndarray | None:
        """Positions of the markers that a network is given, in the genome's order; None: all."""
        count, there_are = self.given_markers, lines.codes.shape[1]
        if count is None or count >= there_are:
            return None
        if self.chosen_by == "association":
            goals = target.learnt(lines).astype(np.float64)
            return most_associated(lines.codes, lines.ploidy, goals, lines.weights, count)
        rng = np.random.default_rng(derive_seed(seed, "markers"))
        return np.sort(rng.choice(there_are, count, replace=False))

    def _encoder(self, lines: Lines, markers: np.ndarray | None) -> Encoder:
        """The input's encoding, of these markers or of all, learnt from these lines."""
        encoder = self._fit_encoder(lines, markers)
        if encoder.length < self.minimum_length:
            what = "principal components" if self.input == "pca" else "markers"
            raise UserError(
                f"{type(self).__name__} needs at least {self.minimum_length} {what}, "
                f"not {encoder.length}; keep more markers in the filter"
                + (", raise variance or choose another input" if self.input == "pca" else "")
            )
        return encoder.as_published() if self.pretrained else encoder

    def _fit_encoder(self, lines: Lines, markers: np.ndarray | None) -> Encoder:
        if self.input == "pca":
            codes = lines.codes if markers is None else lines.codes[:, markers]
            try:
                found = PrincipalComponents.fit(codes, lines.ploidy, self.variance)
            except ValueError as error:
                raise UserError(f"no principal components to train on: {error}") from error
            if markers is None:
                return found
            return found.among(DosageMeans.fit(lines.codes, lines.ploidy), markers)
        kind = ScaledDosage if self.input == "dosage" else OneHot
        whole = kind.fit(lines.codes, lines.ploidy)
        return whole if markers is None else ChosenMarkers(whole, markers)


def _of_known_value(lines: Lines) -> np.ndarray:
    """Positions of the lines that have a value of the trait itself; others may have a helper's."""
    return np.flatnonzero(np.isfinite(lines.observed))


def input_layer(encoder: Encoder) -> nn.Module:
    """The layer that turns what this encoder makes into channels."""
    import torch

    from breedcast.training.network import DosageInput, NumberInput, OneHotInput

    def number(array: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(array).to(torch.get_default_dtype())

    if isinstance(encoder, ChosenMarkers):
        return input_layer(encoder.part)
    if isinstance(encoder, OneHot):
        return OneHotInput(number(encoder.frequencies))
    if isinstance(encoder, ScaledDosage):
        return DosageInput(number(encoder.means.mean), number(encoder.scale), encoder.means.ploidy)
    return NumberInput()


def data(lines: Lines, encoder: Encoder, covariates: Covariates, target: np.ndarray) -> Data:
    """Lines as the network sees them; covariates are those it is given, if any."""
    from breedcast.training.fleet import Data

    design = covariates.design(lines.inputs).astype(np.float32)
    return Data(encoder.encode(lines.codes), design, target, lines.weights.astype(np.float32))


@dataclass(frozen=True)
class Prepared:
    """What one network is trained on, and what was learnt before."""

    task: Task
    learnt: Learnt
