"""What all networks share: from training lines to a fitted network and its predictions.

A network's own file holds its architecture and its defaults. PyTorch is imported only where
a network is built, so that the options can be read without it.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from breedcast.errors import UserError
from breedcast.genotypes.encode import Encoder, OneHot, PrincipalComponents, ScaledDosage
from breedcast.models.base import Fitted, Lines, Model, Prediction, option
from breedcast.models.target import Target

if TYPE_CHECKING:
    import torch
    from torch import nn

    from breedcast.training.layers import Network
    from breedcast.training.optimisers import Optimiser
    from breedcast.training.trainer import Trained


@dataclass(frozen=True)
class NetworkModel(Model):
    """A network that is trained on most of the training lines and stopped early by the rest."""

    is_network: ClassVar[bool] = True
    #: Positions of input that the architecture needs at least.
    minimum_length: ClassVar[int] = 1

    input: str = option(
        "one_hot",
        "What the network sees: one channel per genotype state, missing included (one_hot); "
        "dosages, missing ones imputed, centred and scaled per marker (dosage); or scores on "
        "the principal components of the dosages (pca).",
        enum=["one_hot", "dosage", "pca"],
    )
    variance: float = option(
        0.95,
        "Share of the genotypes' variance that the principal components reach (input: pca).",
        exclusiveMinimum=0,
        maximum=1,
    )
    epochs: int = option(200, "Most passes over the training lines.", minimum=1)
    patience: int = option(
        10, "Stop after this many passes without a smaller error of the stop set.", minimum=1
    )
    batch_size: int = option(32, "Lines per step.", minimum=2)
    learning_rate: float = option(0.001, "Step size of the optimiser.", exclusiveMinimum=0)
    stop_fraction: float = option(
        0.1,
        "Share of a network's training lines that is not trained on but decides when to stop.",
        exclusiveMinimum=0,
        exclusiveMaximum=1,
    )

    @abstractmethod
    def trunk(self, channels: int, length: int) -> nn.Module:
        """The network from (lines, channels, length) to (lines, 1), with its first weights."""

    def make_optimiser(self) -> Optimiser:
        """Adam, unless a network says otherwise."""
        from breedcast.training.optimisers import Adam

        return Adam(self.learning_rate)

    def fit(self, lines: Lines, seed: int, device: str) -> FittedNetwork:
        """Train one network on these lines.

        A stop set is drawn from them; covariate effects, the target's scale and the encoding
        are learnt on the others, which the network is trained on. Raises UserError where the
        lines or markers are too few for the network, or where training diverges.
        """
        from breedcast.training.device import pick_device
        from breedcast.training.layers import Network
        from breedcast.training.trainer import Settings, Task, train

        trained_on, stop = self._split(lines, seed)
        encoder = self._encoder(trained_on)
        target = Target.fit(trained_on)
        task = Task(
            inputs=encoder.encode(trained_on.codes),
            target=target.standardise(trained_on).astype(np.float32),
            stop_inputs=encoder.encode(stop.codes),
            stop_target=target.standardise(stop).astype(np.float32),
            seed=seed,
        )
        settings = Settings(self.epochs, self.patience, self.batch_size, self.make_optimiser())

        def build() -> Network:
            return Network(input_layer(encoder), self.trunk(encoder.channels, encoder.length))

        trained = train(build, task, settings, pick_device(device))
        return FittedNetwork(trained, encoder, target, task.inputs)

    def _split(self, lines: Lines, seed: int) -> tuple[Lines, Lines]:
        """The lines that are trained on, and the stop set."""
        count = max(1, round(self.stop_fraction * len(lines)))
        if len(lines) - count < 2:
            raise UserError(
                f"{len(lines)} training lines are too few for a network with stop_fraction "
                f"{self.stop_fraction:g}; give more lines, fewer folds or a smaller fraction"
            )
        order = np.random.default_rng(seed).permutation(len(lines))
        return lines.take(np.sort(order[count:])), lines.take(np.sort(order[:count]))

    def _encoder(self, lines: Lines) -> Encoder:
        """The input's encoding, learnt from these lines."""
        try:
            encoder = self._fit_encoder(lines)
        except ValueError as error:
            raise UserError(f"no principal components to train on: {error}") from error
        if encoder.length < self.minimum_length:
            what = "principal components" if self.input == "pca" else "markers"
            raise UserError(
                f"{type(self).__name__} needs at least {self.minimum_length} {what}, "
                f"not {encoder.length}; keep more markers in the filter"
                + (", raise variance or choose another input" if self.input == "pca" else "")
            )
        return encoder

    def _fit_encoder(self, lines: Lines) -> Encoder:
        if self.input == "pca":
            return PrincipalComponents.fit(lines.codes, lines.ploidy, self.variance)
        if self.input == "dosage":
            return ScaledDosage.fit(lines.codes, lines.ploidy)
        return OneHot.fit(lines.codes, lines.ploidy)


def input_layer(encoder: Encoder) -> nn.Module:
    """The layer that turns what this encoder makes into channels."""
    import torch

    from breedcast.training.layers import NumberInput, OneHotInput

    if isinstance(encoder, OneHot):
        return OneHotInput(torch.from_numpy(encoder.frequencies).to(torch.get_default_dtype()))
    return NumberInput()


def redefault(name: str, default: Any) -> Any:
    """The option of all networks called `name`, with a network's own default."""
    return option(default, **NetworkModel.__dataclass_fields__[name].metadata)


class FittedNetwork(Fitted):
    """A trained network with what it takes to predict lines by it."""

    def __init__(
        self, trained: Trained, encoder: Encoder, target: Target, inputs: np.ndarray
    ) -> None:
        """inputs: (lines, length) encoded lines that were trained on, for the saliency."""
        self.trained = trained
        self.encoder = encoder
        self.target = target
        self._inputs = inputs

    @property
    def device(self) -> torch.device:
        """Where the network is computed."""
        return next(self.network.parameters()).device

    def predict(self, lines: Lines) -> Prediction:
        from breedcast.training.trainer import predict

        values = predict(self.network, self.encoder.encode(lines.codes), self.device)
        return Prediction.point(self.target.restore(values, lines))

    @property
    def network(self) -> Network:
        """The network with the weights of its best epoch."""
        return self.trained.network

    @property
    def history(self) -> Sequence[dict[str, float]]:
        return self.trained.history

    @property
    def facts(self) -> Mapping[str, float]:
        return {"best_epoch": float(self.trained.best_epoch)}

    @cached_property
    def saliency(self) -> np.ndarray:
        """(markers,) median over the lines trained on of the absolute gradient, trait units.

        By genotype state the largest over the states counts (Liu et al. 2019); dosages and
        principal components give the gradient by one allele copy.
        """
        from breedcast.training.gradients import input_gradients

        gradients = input_gradients(self.network, self._inputs, self.device)
        per_marker = self.encoder.per_marker(gradients)
        return np.median(per_marker, axis=0).astype(np.float64) * self.target.sd

    def weights(self) -> dict[str, np.ndarray]:
        network = {
            f"network.{name}": tensor.cpu().numpy()
            for name, tensor in self.network.state_dict().items()
        }
        encoder = {f"encoder.{name}": array for name, array in self.encoder.arrays().items()}
        target = {
            "target.fixed_effects": self.target.fixed.coefficients,
            "target.sd": np.array(self.target.sd),
        }
        return {**network, **encoder, **target}
