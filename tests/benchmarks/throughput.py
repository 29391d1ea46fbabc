"""How fast networks are trained, beside plain loops and beside the machine's matrix rate.

    PYTHONPATH=workflow:. python tests/benchmarks/throughput.py [MODEL ...]

Each model is trained on simulated codes of the size of a wheat599 inner fold (384 lines, 1,279
markers), one thread. Printed per model: floating-point operations of a step (as PyTorch counts
them, forward and backward, each at the shapes computed), the rate achieved over whole epochs
(batching, optimiser, stop set and all), the rate of float32 matrix products on this machine, and
the seconds of an epoch beside those of the same network in a plain PyTorch loop. Then the same in
two processes at once, and several networks side by side. Ours and the plain loop take turns.
"""

from __future__ import annotations

import argparse
import multiprocessing
import statistics
import time
from collections.abc import Callable
from dataclasses import replace

from breedcast import script  # noqa: F401  one compute thread, before NumPy is imported

import numpy as np  # isort: skip
import pandas as pd  # isort: skip
import torch  # isort: skip
from torch import nn  # isort: skip
from torch.utils.flop_counter import FlopCounterMode  # isort: skip

from breedcast.models.base import Fit, Lines, model_class  # isort: skip
from breedcast.models.registry import MODELS  # isort: skip
from breedcast.training.dropout import Dropout  # isort: skip
from breedcast.training.fleet import tensors  # isort: skip
from breedcast.training.layers import LinearPair  # isort: skip
from breedcast.training.trainer import Settings, Task, batches, train  # isort: skip
from tests.unit.networks import penalty  # isort: skip

LINES, MARKERS, EPOCHS, ROUNDS = 384, 1279, 4, 3
CPU = torch.device("cpu")


def simulate() -> Lines:
    """Codes with a few missing calls and an additive trait."""
    rng = np.random.default_rng(0)
    codes = rng.binomial(1, 0.4, (LINES, MARKERS)).astype(np.uint8) * 2
    codes[rng.random(codes.shape) < 0.02] = 3
    value = codes[:, :40] @ rng.normal(size=40) + rng.normal(size=LINES)
    return Lines(codes, 2, pd.DataFrame(index=range(LINES)), value)


def plain_epoch(task: Task, settings: Settings, optimiser: torch.optim.Optimizer, net: nn.Module):
    """An epoch as it is usually written: channels in memory, penalties in the loss."""
    inputs, covariates, target, _ = tensors(task.train, CPU)
    with torch.no_grad():
        channels = net.input(inputs)
    net.train()
    order = torch.randperm(len(target))
    for part in batches(len(target), settings.batch_size):
        rows = order[part]
        optimiser.zero_grad()
        values = net.values(channels[rows], covariates[rows])
        loss = nn.functional.mse_loss(values, target[rows]) + penalty(net)
        loss.backward()
        optimiser.step()
    net.eval()
    with torch.no_grad():
        net(*tensors(task.stop, CPU)[:2])


def as_usual(network: nn.Module) -> nn.Module:
    """The network with PyTorch's own dropout, and convolutions one after another."""
    for layer in list(network.modules()):
        for name, child in layer.named_children():
            if isinstance(child, Dropout):
                setattr(layer, name, nn.Dropout(child.rate))
            if isinstance(child, LinearPair):
                setattr(layer, name, nn.Sequential(child.first, child.second))
    return network


def seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def matrix_rate() -> float:
    """Operations a second of a float32 matrix product."""
    a = torch.randn(1024, 1024)
    best = min(seconds(lambda: a @ a) for _ in range(20))
    return 2 * 1024**3 / best


def flops_of_epoch(task: Task, settings: Settings) -> int:
    objective = task.build().train()
    lines = tensors(task.train, CPU)
    with FlopCounterMode(display=False) as counter:
        for part in batches(len(task.train), settings.batch_size):
            objective(*(tensor[part] for tensor in lines), torch.tensor(1.0)).backward()
    return int(counter.get_total_flops())


def benchmark(name: str, rate: float) -> None:
    torch.set_num_threads(1)
    model = model_class(MODELS[name])(epochs=EPOCHS, patience=EPOCHS, networks=1)
    settings = model.settings()
    task = model._prepare(Fit(simulate(), 1), 1).task
    network = as_usual(task.build().network)
    usual = torch.optim.Adam(network.parameters(), lr=settings.learning_rate)
    ours, plain = [], []
    train([task], replace(settings, epochs=1), CPU)
    for _ in range(ROUNDS):
        ours.append(seconds(lambda: train([task], settings, CPU)) / EPOCHS)
        plain.append(
            seconds(lambda: [plain_epoch(task, settings, usual, network) for _ in range(EPOCHS)])
            / EPOCHS
        )
    mine, theirs = statistics.median(ours), statistics.median(plain)
    flops = flops_of_epoch(task, settings)
    context = multiprocessing.get_context("fork")
    pair = [context.Process(target=train, args=([task], settings, CPU)) for _ in range(2)]
    two = seconds(lambda: [[it.start() for it in pair], [it.join() for it in pair]]) / EPOCHS
    tasks = [replace(task, seed=seed) for seed in range(5)]
    stacked = "-"
    if model.can_be_stacked:
        took = seconds(lambda: train(tasks, settings, CPU, side_by_side=True)) / EPOCHS
        stacked = f"{took / (5 * mine):.2f}"
    print(
        f"| {name} | {flops / 1e9:.2f} | {flops / mine / 1e9:.1f} | {flops / mine / rate:.0%} "
        f"| {mine:.3f} | {theirs / mine:.2f} | {two / mine:.2f} | {stacked} |",
        flush=True,
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", nargs="*", default=["dnngp", "deepgs", "dlgwas"])
    torch.set_num_threads(1)
    rate = matrix_rate()
    print(f"float32 matrix products, one thread: {rate / 1e9:.0f} GFLOP/s\n")
    print(
        "| | GFLOP an epoch | GFLOP/s | of the matrix rate | s an epoch | plain loop / ours "
        "| two processes at once / one alone | 5 side by side / 5 after another |"
    )
    print("|---|---|---|---|---|---|---|---|")
    for name in parser.parse_args().models:
        benchmark(name, rate)
