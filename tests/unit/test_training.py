"""The trainer: what decides, what is restored, and that every way of training is the same."""

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from breedcast.checkpoint import Checkpoint
from breedcast.errors import UserError
from breedcast.training import trainer
from breedcast.training.device import pick_device
from breedcast.training.dropout import Dropout
from breedcast.training.fleet import Stack, predict
from breedcast.training.gradients import input_gradients
from breedcast.training.layers import Conv1d, Dense, Flatten, Penalty
from breedcast.training.losses import SquaredError
from breedcast.training.network import Network, NumberInput
from breedcast.training.objective import Objective
from breedcast.training.optimisers import Optimiser
from breedcast.training.schedules import Schedule
from breedcast.training.trainer import EpochPlan, Trained, batches, train
from tests.unit.networks import (
    CPU,
    POSITIONS,
    make_data,
    make_task,
    plain,
    settings,
    small_network,
    trained,
)


@pytest.fixture
def _float64() -> Iterator[None]:
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def convolutional() -> Objective:
    """Every kind of layer and penalty that networks side by side must keep apart."""
    features = nn.Sequential(
        Conv1d(1, 4, 3, penalty=Penalty(0.01, 0.02, 0.003)),
        nn.ReLU(),
        Dropout(0.2),
        nn.BatchNorm1d(4, momentum=0.1),
        Flatten(),
    )
    head = nn.Sequential(Dense(4 * POSITIONS, 3, penalty=Penalty(0.001)), Dropout(0.3), Dense(3, 1))
    return plain(Network(NumberInput(), features, head, SquaredError()))


def values(result: Trained, inputs: np.ndarray) -> np.ndarray:
    tensor = torch.from_numpy(inputs).to(torch.get_default_dtype())
    return predict(result.network, tensor, torch.empty(len(inputs), 0))


def weights(result: Trained) -> dict[str, np.ndarray]:
    return {name: tensor.numpy() for name, tensor in result.network.state_dict().items()}


def assert_same_bits(one: Trained, two: Trained) -> None:
    assert one.history == two.history
    assert one.best_epoch == two.best_epoch
    for name, array in weights(one).items():
        np.testing.assert_array_equal(array, weights(two)[name], err_msg=name)


def test_no_line_is_left_out_and_none_is_alone() -> None:
    sizes = {n: [part.stop - part.start for part in batches(n, 32)] for n in (1, 32, 33, 65, 70)}
    assert sizes == {1: [1], 32: [32], 33: [33], 65: [32, 33], 70: [32, 32, 6]}
    assert [at for part in batches(65, 32) for at in range(part.start, part.stop)] == [*range(65)]


def test_an_epoch_takes_every_line_once_in_an_order_of_its_own() -> None:
    plans = [EpochPlan.draw(3, epoch, 50, 2, settings()) for epoch in (1, 2, 1)]
    assert all(sorted(plan.order) == list(range(50)) for plan in plans)
    assert not np.array_equal(plans[0].order, plans[1].order)
    np.testing.assert_array_equal(plans[0].keys, plans[2].keys)
    keys = np.concatenate([plan.keys.reshape(-1, 2) for plan in plans[:2]])
    assert len(np.unique(keys, axis=0)) == len(keys) == 2 * 4 * 2


def test_a_last_batch_of_one_trains_a_batch_normalisation() -> None:
    def build() -> Objective:
        head = nn.Sequential(nn.BatchNorm1d(POSITIONS), Dense(POSITIONS, 1))
        return plain(Network(NumberInput(), nn.Flatten(), head, SquaredError()))

    assert len(trained(make_task(lines=33, build=build), epochs=2).history) == 2


def test_the_best_weights_are_restored() -> None:
    task = make_task()
    result = trained(task)
    losses = [record["stop_loss"] for record in result.history]
    assert losses[result.best_epoch - 1] == min(losses)
    assert result.best_epoch < len(losses)  # it went on getting worse
    error = values(result, task.stop.inputs) - task.stop.target
    assert (error**2).mean() == pytest.approx(min(losses), rel=1e-5)


def test_training_stops_after_the_patience() -> None:
    result = trained(make_task(), epochs=500, patience=7)
    assert len(result.history) == result.best_epoch + 7


def test_an_improvement_too_small_does_not_count() -> None:
    easy, strict = (trained(make_task(), min_improvement=size) for size in (0.0, 0.2))
    assert strict.best_epoch < easy.best_epoch
    losses = [record["stop_loss"] for record in strict.history]
    assert losses[strict.best_epoch - 1] > min(losses)


@pytest.mark.parametrize("metric", ["mse", "mae", "pearson"])
def test_the_stop_metric_is_what_its_name_says(metric: str) -> None:
    task = make_task()
    result = trained(task, stop_metric=metric)
    predicted, target = values(result, task.stop.inputs), task.stop.target
    expected = {
        "mse": ((predicted - target) ** 2).mean(),
        "mae": np.abs(predicted - target).mean(),
        "pearson": 1 - np.corrcoef(predicted, target)[0, 1],
    }
    best = result.history[result.best_epoch - 1]
    assert best["stop_loss"] == pytest.approx(expected[metric], rel=1e-5)
    assert best["stop_pearson"] == pytest.approx(1 - expected["pearson"], rel=1e-5)


def test_the_stop_set_decides_when_to_stop_and_nothing_else() -> None:
    task = make_task()
    other = replace(task, stop=replace(task.stop, target=-task.stop.target))
    one, two = trained(task), trained(other)
    assert one.best_epoch != two.best_epoch
    assert [r["train_loss"] for r in one.history] == [r["train_loss"] for r in two.history]


@pytest.mark.parametrize("stacked", [False, True])
def test_noise_and_batch_statistics_are_on_in_every_step_and_off_in_between(stacked: bool) -> None:
    seen: list[bool] = []

    class Spy(nn.Identity):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            seen.append(self.training)
            return x

    def build() -> Objective:
        head = nn.Sequential(Spy(), Dense(POSITIONS, 1))
        return plain(Network(NumberInput(), nn.Flatten(), head, SquaredError()))

    tasks = [make_task(lines=32, seed=seed, build=build) for seed in range(2)]
    train(tasks, settings(epochs=3), CPU, side_by_side=stacked)
    epoch = [True, True, False]  # two batches of 16 lines, then the stop set
    assert seen == epoch * 3 * (1 if stacked else 2)


def test_a_line_of_weight_zero_teaches_nothing() -> None:
    task = make_task(lines=48, build=lambda: plain(small_network(rate=0.0)))
    weight = np.where(np.arange(48) < 8, 0.0, 1.0).astype(np.float32)
    spoilt = np.where(weight == 0, 1e3, task.train.target).astype(np.float32)
    one, two = (
        trained(replace(task, train=replace(task.train, weight=weight, target=target)), epochs=5)
        for target in (task.train.target, spoilt)
    )
    assert_same_bits(one, two)


def test_the_seed_alone_decides() -> None:
    torch.manual_seed(1)
    before = torch.get_rng_state()
    first = trained(make_task())
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(2)
    assert_same_bits(first, trained(make_task()))
    assert first.history != trained(make_task(seed=2)).history


OPTIMISERS = [
    Optimiser("adam"),
    Optimiser("adamw", decay=0.1),
    Optimiser("sgd", momentum=0.5, clip=0.5),
    Optimiser("rmsprop", momentum=0.5, max_norm=0.5),
    Optimiser("adagrad"),
]


@pytest.mark.usefixtures("_float64")
@pytest.mark.parametrize("optimiser", OPTIMISERS, ids=lambda it: it.name)
def test_networks_side_by_side_are_as_if_alone(optimiser: Optimiser) -> None:
    """With noise, penalties, rates that part, and networks that stop at different epochs."""
    tasks = [make_task(seed=seed, build=convolutional) for seed in range(5)]
    tasks.append(make_task(lines=40, seed=9, build=convolutional))  # of another shape
    how = settings(
        epochs=25, patience=4, optimiser=optimiser, schedule=Schedule("plateau", warmup=2)
    )
    together, apart = (train(tasks, how, CPU, side_by_side=stacked) for stacked in (True, False))
    epochs = {len(result.history) for result in apart}
    assert len(epochs) > 1
    for one, two in zip(together, apart, strict=True):
        assert one.best_epoch == two.best_epoch
        for first, second in zip(one.history, two.history, strict=True):
            assert first == pytest.approx(second, rel=1e-8)
        for name, array in weights(one).items():
            np.testing.assert_allclose(array, weights(two)[name], rtol=1e-7, atol=1e-9)


def test_networks_that_the_device_cannot_hold_go_in_halves(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    class Cramped(Stack):
        def __init__(self, objectives: list[Objective], *others: object) -> None:
            if len(objectives) > 2:
                raise torch.OutOfMemoryError
            super().__init__(objectives, *others)

    tasks = [make_task(seed=seed) for seed in range(5)]
    heard = []
    roomy = train(tasks, settings(epochs=3), CPU, side_by_side=True)
    monkeypatch.setattr(trainer, "Stack", Cramped)
    cramped = train(
        tasks, settings(epochs=3), CPU, side_by_side=True, listen=lambda *news: heard.append(news)
    )
    assert "5 networks do not fit the device at once; trying 2" in caplog.text
    assert sorted({network for network, *_ in heard}) == [0, 1, 2, 3, 4]
    for one, two in zip(roomy, cramped, strict=True):
        for name, array in weights(one).items():
            np.testing.assert_allclose(array, weights(two)[name], rtol=1e-4, atol=1e-6)


def test_optimisers_move_weights_without_the_compiler_of_pytorch(repository: Path) -> None:
    """Its import takes two seconds of every job, and no network is compiled."""
    code = """
import sys
import torch
from torch import nn
from breedcast.training.optimisers import OPTIMISERS, Optimiser
for name in OPTIMISERS:
    weight = nn.Parameter(torch.ones(2))
    optimiser = Optimiser(name).make([{"params": [weight], "weight_decay": 0.1}])
    optimiser.zero_grad()
    weight.square().sum().backward()
    with torch.no_grad():
        optimiser.step()
    assert (weight < 1).all(), name
sys.exit("torch._dynamo" in sys.modules)
"""
    subprocess.run([sys.executable, "-c", code], cwd=repository / "workflow", check=True)


class KilledError(Exception):
    """What stands for a kill in the middle of an epoch."""


@pytest.mark.parametrize("stacked", [False, True])
@pytest.mark.parametrize("optimiser", OPTIMISERS, ids=lambda it: it.name)
def test_a_killed_training_goes_on_to_the_same_bits(
    tmp_path, monkeypatch: pytest.MonkeyPatch, stacked: bool, optimiser: Optimiser
) -> None:
    tasks = [make_task(seed=seed, build=convolutional) for seed in range(3)]
    how = settings(
        epochs=20, patience=6, optimiser=optimiser, schedule=Schedule("plateau"), mixup=0.2
    )
    unbroken = train(tasks, how, CPU, stacked)
    monkeypatch.setattr("breedcast.checkpoint.SHARE", 1e9)  # save after every epoch

    def kill(network: int, epoch: int, best_epoch: int, ended: bool) -> None:
        if (network, epoch) == (2, 9):
            raise KilledError

    checkpoint = Checkpoint(tmp_path / "training")
    with pytest.raises(KilledError):
        train(tasks, how, CPU, stacked, checkpoint, kill)
    epochs = []
    resumed = train(tasks, how, CPU, stacked, checkpoint, lambda *news: epochs.append(news))
    assert min(epoch for network, epoch, *_ in epochs if network == 2) == 9
    for one, two in zip(unbroken, resumed, strict=True):
        assert_same_bits(one, two)
    assert list(tmp_path.iterdir()) == []


def test_a_loss_that_is_not_finite_is_an_error() -> None:
    def build() -> Objective:
        return plain(Network(NumberInput(), nn.Flatten(), Dense(POSITIONS, 1), SquaredError()))

    task = replace(make_task(build=build), name="fold 3")
    with pytest.raises(UserError, match=r"fold 3: .* epoch \d+.*sgd, learning_rate 1e\+06"):
        trained(task, optimiser=Optimiser("sgd", momentum=0.5), learning_rate=1e6)


def test_gradients_by_input() -> None:
    network = small_network().eval()
    inputs = make_data(50).inputs
    nothing = np.empty((50, 0), np.float32)
    gradients = input_gradients(network, inputs, nothing, CPU)
    assert gradients.shape == (50, 1, POSITIONS)
    step = np.float32(1e-2)
    result = Trained(network, (), 0)
    for position in range(POSITIONS):
        shift = np.eye(POSITIONS, dtype=np.float32)[position] * step
        slope = values(result, inputs + shift) - values(result, inputs - shift)
        np.testing.assert_allclose(gradients[:, 0, position], slope / (2 * step), atol=1e-3)


def test_devices() -> None:
    assert pick_device("cpu") == CPU
    with pytest.raises(UserError, match="choose auto, cpu or cuda"):
        pick_device("tpu")


@pytest.mark.skipif(torch.cuda.is_available(), reason="a CUDA device is here")
def test_an_absent_cuda_device_is_an_error() -> None:
    assert pick_device("auto") == CPU
    with pytest.raises(UserError, match="no CUDA device"):
        pick_device("cuda")
