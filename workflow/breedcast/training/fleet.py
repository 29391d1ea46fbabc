"""The networks of one training: one alone, or several of one shape side by side.

Both give the same numbers up to rounding: what is random hangs on a network's seed alone.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap

from breedcast.checkpoint import part
from breedcast.limits import PREDICTED_LINES, PREDICTED_POSITIONS
from breedcast.training.network import Network
from breedcast.training.noise import noise_layers
from breedcast.training.objective import Objective
from breedcast.training.optimisers import Optimiser

#: What the names of a saved state begin with.
NETWORK, OPTIMISER = "network.", "optimiser."


@dataclass(frozen=True)
class Data:
    """Some lines as a network sees them.

    inputs: (lines, positions) uint8 codes or float numbers; covariates: (lines, columns), none
    of them where the network is given none; target, weight: (lines,) what is to be learnt and
    how much each line counts. Of a network that learns several traits the target has a column
    for each, NaN where there is no value.
    """

    inputs: np.ndarray
    covariates: np.ndarray
    target: np.ndarray
    weight: np.ndarray

    def __len__(self) -> int:
        return len(self.target)

    @property
    def shape(self) -> tuple[int, ...]:
        """What two networks must agree in to be trained side by side."""
        return (*self.inputs.shape, self.covariates.shape[1])


@dataclass(frozen=True)
class Step:
    """A step of every network: its lines, the keys of its noise, the share lines keep in a mix.

    rows: (networks, lines); keys: (networks, noise layers, 2) int32; keep, rates: (networks,), the
    rates a NumPy array, all else on the device.
    """

    rows: Tensor
    keys: Tensor
    keep: Tensor
    rates: np.ndarray


class Fleet(ABC):
    """Networks that are trained together. noise: layers of each that draw random numbers."""

    noise: int

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def step(self, step: Step) -> Tensor:
        """Train on some lines each; (networks,) the losses before the step."""

    @abstractmethod
    def judge(self) -> np.ndarray:
        """(networks, stop lines) float64 values of the lines that decide when to stop."""

    @abstractmethod
    def weights(self, network: int) -> dict[str, Tensor]:
        """A copy of one network's weights and running statistics, by name."""

    @abstractmethod
    def keep(self, networks: Sequence[int]) -> Fleet:
        """The fleet that goes on when only these networks do."""

    @abstractmethod
    def state(self) -> dict[str, Tensor]:
        """All that the next step depends on, to be saved."""

    @abstractmethod
    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Go on from what was saved."""


class Single(Fleet):
    """One network."""

    def __init__(
        self,
        objective: Objective,
        data: Data,
        stop: Data,
        optimiser: Optimiser,
        device: torch.device,
    ) -> None:
        self.objective = objective
        self.network = objective.network
        self._lines, self._stop = tensors(data, device), tensors(stop, device)[:2]
        self._noise = [layer for _, layer in noise_layers(objective)]
        self.noise = len(self._noise)
        self._stepper = optimiser.over(dict(self.network.named_parameters()), self.network)

    def __len__(self) -> int:
        return 1

    def step(self, step: Step) -> Tensor:
        for layer, key in zip(self._noise, step.keys[0], strict=True):
            layer.key = key
        batch = [tensor[step.rows[0]] for tensor in self._lines]
        if not self.network.training:
            self.objective.train()
        loss: Tensor = self.objective(*batch, step.keep[0])
        self._stepper.step(loss, step.rates)
        return loss.detach()[None]

    def judge(self) -> np.ndarray:
        return predict(self.network, *self._stop)[None]

    def weights(self, network: int) -> dict[str, Tensor]:
        return {name: tensor.clone() for name, tensor in self.network.state_dict().items()}

    def keep(self, networks: Sequence[int]) -> Fleet:
        raise AssertionError("a network alone is done when it stops")

    def state(self) -> dict[str, Tensor]:
        network = {NETWORK + name: it for name, it in self.network.state_dict().items()}
        return network | {OPTIMISER + name: it for name, it in self._stepper.state()}

    def restore(self, state: Mapping[str, Tensor]) -> None:
        self.network.load_state_dict(part(state, NETWORK))
        self._stepper.restore(part(state, OPTIMISER))


class Stack(Fleet):
    """Networks of one architecture and shape, computed as one by torch.func.vmap.

    Weights, running statistics and data have a first dimension over networks.
    """

    def __init__(
        self,
        objectives: Sequence[Objective],
        data: Sequence[Data],
        stop: Sequence[Data],
        optimiser: Optimiser,
        device: torch.device,
    ) -> None:
        self._optimiser = optimiser
        self._objective = objectives[0]
        self._noise = [f"{name}.key" for name, _ in noise_layers(self._objective)]
        self.noise = len(self._noise)
        self._persistent = [
            name
            for name, _ in self._objective.named_buffers()
            if name in self._objective.state_dict()
        ]
        self._lines = _stacked_lines(data, device)
        self._stop = _stacked_lines(stop, device)[:2]
        self._begin(
            _stacked([dict(objective.named_parameters()) for objective in objectives]),
            _stacked([dict(objective.named_buffers()) for objective in objectives]),
        )

    def _begin(self, trained: dict[str, Tensor], fixed: dict[str, Tensor]) -> None:
        self._trained = {name: weight.requires_grad_() for name, weight in trained.items()}
        self._fixed = fixed
        self._stepper = self._optimiser.over(part(self._trained, NETWORK), self._objective.network)

    def __len__(self) -> int:
        return len(self._lines[0])

    def step(self, step: Step) -> Tensor:
        self._fixed |= {name: step.keys[:, at] for at, name in enumerate(self._noise)}
        which = torch.arange(len(self), device=step.rows.device)[:, None]
        batch = [tensor[which, step.rows] for tensor in self._lines]
        if not self._objective.network.training:
            self._objective.train()
        losses = _side_by_side(self._objective, self._trained | self._fixed, *batch, step.keep)
        self._stepper.step(losses, step.rates)
        return losses.detach()

    def judge(self) -> np.ndarray:
        network = self._objective.network.eval()
        state = part(self._trained | self._fixed, NETWORK)
        with torch.no_grad():
            at_once = lines_at_once(self._stop[0])
            values = [
                _side_by_side(network, state, inputs, covariates)
                for inputs, covariates in zip(
                    *(lines.split(at_once, dim=1) for lines in self._stop), strict=True
                )
            ]
        return torch.cat(values, dim=1).double().cpu().numpy()

    def weights(self, network: int) -> dict[str, Tensor]:
        return {name: tensor[network].detach().clone() for name, tensor in self._state().items()}

    def keep(self, networks: Sequence[int]) -> Fleet:
        rows = torch.as_tensor(list(networks), device=self._lines[0].device)
        memory = {
            name: it.index_select(0, rows) if it.dim() else it for name, it in self._stepper.state()
        }
        self._lines = [tensor.index_select(0, rows) for tensor in self._lines]
        self._stop = [tensor.index_select(0, rows) for tensor in self._stop]
        self._begin(
            {name: it.detach().index_select(0, rows) for name, it in self._trained.items()},
            {name: it.index_select(0, rows) for name, it in self._fixed.items()},
        )
        self._stepper.restore(memory)
        return self

    def _state(self) -> dict[str, Tensor]:
        """Weights and running statistics, by their names in a network."""
        kept = {name: self._fixed[name] for name in self._persistent}
        return part(self._trained | kept, NETWORK)

    def state(self) -> dict[str, Tensor]:
        network = {NETWORK + name: it.detach() for name, it in self._state().items()}
        return network | {OPTIMISER + name: it for name, it in self._stepper.state()}

    def restore(self, state: Mapping[str, Tensor]) -> None:
        with torch.no_grad():
            for name, tensor in self._state().items():
                tensor.copy_(state[NETWORK + name])
        self._stepper.restore(part(state, OPTIMISER))


def predict(network: Network, inputs: Tensor, covariates: Tensor) -> np.ndarray:
    """(lines,) float64 values that a network gives to inputs (lines, positions)."""
    network.eval()
    at_once = lines_at_once(inputs)
    with torch.no_grad():
        values = [
            network(*batch).double().cpu()
            for batch in zip(inputs.split(at_once), covariates.split(at_once), strict=True)
        ]
    return torch.cat(values).numpy()


def lines_at_once(inputs: Tensor) -> int:
    """How many lines a network is given together where nothing is learnt.

    inputs: (..., lines, positions); layers along many positions make much of each line.
    """
    return max(1, min(PREDICTED_LINES, PREDICTED_POSITIONS // inputs.shape[-1]))


def tensors(data: Data, device: torch.device) -> list[Tensor]:
    """Inputs, covariates, target and weight."""
    arrays = (data.inputs, data.covariates, data.target, data.weight)
    return [as_tensor(array, device) for array in arrays]


def as_tensor(array: np.ndarray, device: torch.device) -> Tensor:
    """Codes stay bytes; numbers take PyTorch's default type."""
    tensor: Any = torch.from_numpy(np.require(array, requirements=["C", "W"]))
    if tensor.is_floating_point():
        tensor = tensor.to(torch.get_default_dtype())
    return tensor.to(device)


def _side_by_side(module: nn.Module, state: dict[str, Tensor], *inputs: Tensor) -> Tensor:
    """The module's results for each network's state and inputs."""

    def one(state: dict[str, Tensor], *inputs: Tensor) -> Tensor:
        result: Tensor = functional_call(module, state, inputs)
        return result

    results: Tensor = vmap(one)(state, *inputs)
    return results


def _stacked(states: Sequence[dict[str, Tensor]]) -> dict[str, Tensor]:
    return {name: torch.stack([state[name].detach() for state in states]) for name in states[0]}


def _stacked_lines(data: Sequence[Data], device: torch.device) -> list[Tensor]:
    return [torch.stack(them) for them in zip(*(tensors(it, device) for it in data), strict=True)]
