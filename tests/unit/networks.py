"""A small network and data that it overfits, for tests of the training toolkit."""

from collections.abc import Callable

import numpy as np
import torch
from torch import nn

from breedcast.training.augment import Augment
from breedcast.training.dropout import Dropout
from breedcast.training.fleet import Data
from breedcast.training.layers import Dense, penalised
from breedcast.training.losses import Readout, SquaredError
from breedcast.training.network import Network, NumberInput
from breedcast.training.objective import Objective
from breedcast.training.optimisers import Optimiser
from breedcast.training.trainer import Settings, Task, Trained, train

CPU = torch.device("cpu")
POSITIONS = 6


def plain(network: Network, **options: object) -> Objective:
    """A network's loss without augmentation."""
    return Objective(network, Augment(0.0, 0.0, 0.0, 0), **options)


def small_network(readout: Readout | None = None, rate: float = 0.2) -> Network:
    readout = readout or SquaredError()
    head = nn.Sequential(Dense(POSITIONS, 8), nn.Tanh(), Dropout(rate), Dense(8, readout.outputs))
    return Network(NumberInput(), nn.Flatten(), head, readout)


def small() -> Objective:
    return plain(small_network())


def penalty(network: nn.Module) -> torch.Tensor:
    """The sum of all penalties, which Keras adds to the loss it reports."""
    weights = dict(network.named_parameters())
    costs = [
        l1 * weights[name].abs().sum() + l2 * (weights[name] ** 2).sum()
        for name, l1, l2 in penalised(network)
    ]
    return torch.stack(costs).sum()


def make_data(lines: int, seed: int = 0, positions: int = POSITIONS) -> Data:
    """A noisy linear target."""
    rng = np.random.default_rng(seed)
    inputs = rng.normal(size=(lines, positions)).astype(np.float32)
    target = (inputs.sum(axis=1) / 2 + rng.normal(size=lines)).astype(np.float32)
    return Data(inputs, np.empty((lines, 0), np.float32), target, np.ones(lines, np.float32))


def make_task(
    lines: int = 50, stop: int = 20, seed: int = 1, build: Callable[[], Objective] = small
) -> Task:
    return Task(build, make_data(lines, 10), make_data(stop, 11), seed)


def settings(epochs: int = 60, patience: int = 60, **others: object) -> Settings:
    options = {"batch_size": 16, "learning_rate": 0.02, "optimiser": Optimiser()} | others
    return Settings(epochs, patience, **options)


def trained(task: Task, **options: object) -> Trained:
    return train([task], settings(**options), CPU)[0]
