"""A trained network: what it predicts, and which markers move that."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from breedcast.genotypes.encode import Encoder
from breedcast.limits import GRADIENT_LINES
from breedcast.models.base import Fitted, Lines, Prediction
from breedcast.models.shortcut import Shortcut
from breedcast.models.target import Target
from breedcast.phenotypes.covariates import Covariates

if TYPE_CHECKING:
    import torch

    from breedcast.training.network import Network
    from breedcast.training.trainer import Trained

#: Lines whose gradients are integrated, at most: each costs as much as several gradients.
INTEGRATED_LINES = 50


@dataclass(frozen=True)
class Learnt:
    """What was learnt beside the weights, and from which lines.

    rows: positions of those of the lines that the network is trained on. shortcut: what its
    predictions are added to, if anything.
    """

    lines: Lines
    rows: np.ndarray
    encoder: Encoder
    covariates: Covariates
    target: Target
    seed: int
    shortcut: Shortcut | None = None


class FittedNetwork:
    """A trained network with what it takes to predict lines by it."""

    def __init__(self, learnt: Learnt, trained: Trained, monte_carlo: int = 0) -> None:
        """monte_carlo: predictions with dropout on, or 0 for one without."""
        self.trained = trained
        self.learnt = learnt
        self.encoder = learnt.encoder
        self.target = learnt.target
        self.monte_carlo = monte_carlo

    @property
    def device(self) -> torch.device:
        """Where the network is computed."""
        return next(self.network.parameters()).device

    @property
    def network(self) -> Network:
        """The network with the weights of its best epoch."""
        return self.trained.network

    def own(self, lines: Lines) -> Prediction:
        """What the network predicts: of lines' values, or of what a shortcut leaves of them."""
        from breedcast.training.fleet import as_tensor, predict
        from breedcast.training.sampling import sample_predictions

        inputs = as_tensor(self.encoder.encode(lines.codes), self.device)
        covariates = as_tensor(self.learnt.covariates.design(lines.inputs), self.device)
        if not self.monte_carlo:
            values = predict(self.network, inputs, covariates)
            return Prediction.point(self.target.restore(values, lines))
        samples = sample_predictions(
            self.network, inputs, covariates, self.monte_carlo, self.learnt.seed
        )
        restored = np.stack([self.target.restore(values, lines) for values in samples])
        sd = restored.std(axis=0, ddof=1) if len(restored) > 1 else np.full(len(lines), np.nan)
        return Prediction(restored.mean(axis=0), sd, np.full(len(lines), np.nan))

    @cached_property
    def saliency(self) -> dict[str, np.ndarray]:
        """In the trait's units, over lines that the network is trained on, the shortcut included.

        Of many lines GRADIENT_LINES and INTEGRATED_LINES are taken, evenly from first to last.

        gradient: the median of the absolute gradient. By genotype state the largest over the
        states counts (Liu et al. 2019); dosages and principal components give the gradient by one
        allele copy. integrated_gradient: the mean of what a marker adds to the prediction, in
        absolute value (Sundararajan et al. 2017, ICML 70:3319), from the mean line to each.
        """
        from breedcast.training.gradients import input_gradients

        rows = self.learnt.rows
        lines = self.learnt.lines.take(_evenly(rows, GRADIENT_LINES))
        covariates = self.learnt.covariates.design(lines.inputs)
        inputs = self.encoder.encode(lines.codes)
        gradients = input_gradients(self.network, inputs, covariates, self.device)
        shortcut = self.learnt.shortcut
        beside = None if shortcut is None else shortcut.gradient(lines.codes)
        per_marker = self.encoder.per_marker(gradients * np.float32(self.target.sd), beside)
        some = self.learnt.lines.take(_evenly(rows, INTEGRATED_LINES))
        added = np.abs(self.contributions(some)).mean(axis=0)
        return {
            "gradient": np.median(per_marker, axis=0).astype(np.float32)[None],
            "integrated_gradient": added.astype(np.float32)[None],
        }

    def contributions(self, lines: Lines) -> np.ndarray:
        """(lines, markers) what each marker adds to the prediction of each line, trait units.

        With the prediction of the mean line they sum to the line's: integrated gradients, from
        an input of zeros, which encoders make of the mean training line. A shortcut's are added.
        """
        from breedcast.training.gradients import mean_gradients

        covariates = self.learnt.covariates.design(lines.inputs)
        inputs = self.encoder.encode(lines.codes)
        gradients = mean_gradients(self.network, inputs, covariates, self.device)
        own = self.encoder.contributions(gradients, lines.codes) * self.target.sd
        shortcut = self.learnt.shortcut
        return own if shortcut is None else own + shortcut.contributions(lines.codes)

    def weights(self) -> dict[str, np.ndarray]:
        network = {
            f"network.{name}": tensor.cpu().numpy()
            for name, tensor in self.network.state_dict().items()
        }
        encoder = {f"encoder.{name}": array for name, array in self.encoder.arrays().items()}
        return {**network, **encoder, **self.target.arrays()}


def _evenly(rows: np.ndarray, most: int) -> np.ndarray:
    """These, or of more than `most` as many, from the first to the last."""
    return rows[np.linspace(0, len(rows) - 1, min(len(rows), most)).astype(int)]


class FittedNetworks(Fitted):
    """Networks trained on the same lines from different first weights, as one: their mean.

    All have the same shortcut, or none.
    """

    def __init__(self, networks: Sequence[FittedNetwork]) -> None:
        self.networks = networks
        self.shortcut = networks[0].learnt.shortcut

    def predict(self, lines: Lines) -> Prediction:
        own = Prediction.mean_of([network.own(lines) for network in self.networks])
        if self.shortcut is None:
            return own
        return replace(own, mean=own.mean + self.shortcut.predict(lines))

    @property
    def history(self) -> Sequence[dict[str, float]]:
        return [
            {"network": number, **record}
            for number, network in enumerate(self.networks)
            for record in network.trained.history
        ]

    @property
    def facts(self) -> Mapping[str, float]:
        """network_share: of the variance of the predictions, where a shortcut has the rest.

        Over the lines of the fit, as if network and shortcut were independent.
        """
        facts = {"best_epoch": float(np.mean([it.trained.best_epoch for it in self.networks]))}
        if self.shortcut is not None:
            lines = self.networks[0].learnt.lines.blind()
            own = float(np.var(Prediction.mean_of([it.own(lines) for it in self.networks]).mean))
            whole = own + float(np.var(self.shortcut.predict(lines)))
            facts["network_share"] = own / whole if whole > 0 else 0.0
        return facts

    @property
    def saliency(self) -> dict[str, np.ndarray]:
        each = [network.saliency for network in self.networks]
        return {name: np.concatenate([it[name] for it in each]) for name in each[0]}

    def weights(self) -> dict[str, np.ndarray]:
        shared = {} if self.shortcut is None else self.shortcut.arrays()
        if len(self.networks) == 1:
            return {**self.networks[0].weights(), **shared}
        return shared | {
            f"{number}.{name}": array
            for number, network in enumerate(self.networks)
            for name, array in network.weights().items()
        }
