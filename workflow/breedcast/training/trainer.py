"""One network trained on the lines of one fold, stopped early by lines of its own."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from breedcast.errors import UserError
from breedcast.training.layers import Network
from breedcast.training.optimisers import Optimiser

#: Lines per batch where nothing is learnt.
PREDICTION_BATCH = 256


@dataclass(frozen=True)
class Task:
    """What one network is trained on.

    inputs: (lines, positions) uint8 codes or float32 numbers; target: (lines,) values to
    learn. stop_inputs, stop_target: the lines that decide when to stop, and nothing else.
    seed: decides the first weights, the batches and the dropout.
    """

    inputs: np.ndarray
    target: np.ndarray
    stop_inputs: np.ndarray
    stop_target: np.ndarray
    seed: int


@dataclass(frozen=True)
class Settings:
    """How a network is trained: the same for every fold of a job.

    epochs: at most this many passes over the lines; patience: stop after so many epochs
    without a smaller stop loss; batch_size: lines per step.
    """

    epochs: int
    patience: int
    batch_size: int
    optimiser: Optimiser


@dataclass(frozen=True)
class Trained:
    """A network with the weights of its best epoch, ready to predict.

    history: one record per epoch, with the mean squared errors `train_loss` (dropout on,
    weights still moving) and `stop_loss`. The penalties are left out of both, so that the
    two compare.
    """

    network: Network
    history: tuple[dict[str, float], ...]
    best_epoch: int


def train(
    build: Callable[[], Network], task: Task, settings: Settings, device: torch.device
) -> Trained:
    """Build a new network and train it by mean squared error and its layers' penalties.

    A network is built here and not handed in, so that none is ever trained twice. Neither
    reads nor moves the state of PyTorch's global random numbers. Raises UserError where
    the loss is not finite.
    """
    with reproducible(task.seed, device):
        network = build().to(device)
        optimiser = settings.optimiser.over(network)
        inputs, target = as_tensor(task.inputs, device), as_tensor(task.target, device)
        stop_inputs = as_tensor(task.stop_inputs, device)
        stop_target = as_tensor(task.stop_target, device)
        history: list[dict[str, float]] = []
        best_loss, best_epoch, best = np.inf, 0, dict[str, Tensor]()
        for epoch in range(1, settings.epochs + 1):
            train_loss = _train_epoch(network, optimiser, inputs, target, settings.batch_size)
            stop_loss = _stop_loss(network, stop_inputs, stop_target)
            _refuse_non_finite(epoch, train_loss, stop_loss)
            history.append({"epoch": epoch, "train_loss": train_loss, "stop_loss": stop_loss})
            if stop_loss < best_loss:
                best_loss, best_epoch = stop_loss, epoch
                best = copy.deepcopy(network.state_dict())
            if epoch - best_epoch >= settings.patience:
                break
        network.load_state_dict(best)
        return Trained(network.eval(), tuple(history), best_epoch)


def predict(network: Network, inputs: np.ndarray, device: torch.device) -> np.ndarray:
    """(lines,) float64 values that a network gives to inputs (lines, positions)."""
    network.eval()
    with torch.no_grad():
        values = [
            network(batch).double().cpu()
            for batch in as_tensor(inputs, device).split(PREDICTION_BATCH)
        ]
    return torch.cat(values).numpy()


@contextmanager
def reproducible(seed: int, device: torch.device) -> Iterator[None]:
    """Random numbers and algorithms that this seed alone decides; what was before returns."""
    devices = [device] if device.type == "cuda" else []
    exact = torch.backends.cudnn.flags(
        enabled=True, benchmark=False, deterministic=True, allow_tf32=False
    )
    with torch.random.fork_rng(devices=devices), exact:
        torch.manual_seed(seed)
        yield


def batches(order: Tensor, size: int) -> list[Tensor]:
    """The order cut into batches of `size`; a last batch of one joins the one before.

    One line has no variance, so batch normalisation cannot learn from it; leaving it out
    would train on fewer lines than were given.
    """
    parts = list(order.split(size))
    if len(parts) > 1 and len(parts[-1]) == 1:
        last = parts.pop()
        parts[-1] = torch.cat([parts[-1], last])
    return parts


def _train_epoch(
    network: Network,
    optimiser: torch.optim.Optimizer,
    inputs: Tensor,
    target: Tensor,
    batch_size: int,
) -> float:
    """One pass over the lines in random order; the mean squared error along the way."""
    network.train()
    squared_error = torch.zeros((), device=target.device)
    order = torch.randperm(len(target)).to(target.device)
    for rows in batches(order, batch_size):
        optimiser.zero_grad()
        loss = nn.functional.mse_loss(network(inputs[rows]), target[rows])
        loss.backward()
        optimiser.step()
        squared_error += loss.detach() * len(rows)
    return float(squared_error) / len(target)


def _stop_loss(network: Network, inputs: Tensor, target: Tensor) -> float:
    """Mean squared error of lines that are not trained on."""
    network.eval()
    with torch.no_grad():
        values = torch.cat([network(batch) for batch in inputs.split(PREDICTION_BATCH)])
        return float(nn.functional.mse_loss(values, target))


def _refuse_non_finite(epoch: int, *losses: float) -> None:
    if not np.isfinite(losses).all():
        raise UserError(
            f"training diverged in epoch {epoch}: the loss is not finite; "
            "set a smaller learning_rate for this model"
        )


def as_tensor(array: np.ndarray, device: torch.device) -> Tensor:
    """Codes stay bytes; numbers take PyTorch's default type."""
    tensor: Any = torch.from_numpy(np.ascontiguousarray(array))
    if tensor.is_floating_point():
        tensor = tensor.to(torch.get_default_dtype())
    return tensor.to(device)
