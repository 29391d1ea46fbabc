"""The training toolkit, against hand computations."""

from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
from torch import nn

from breedcast.errors import UserError
from breedcast.training.device import pick_device
from breedcast.training.gradients import input_gradients
from breedcast.training.keras import load_keras
from breedcast.training.layers import (
    ISRU,
    L2,
    Conv1d,
    Dense,
    Dropout,
    Flatten,
    LinearPair,
    Network,
    NumberInput,
    OneHotInput,
    Residual,
    penalty,
)
from breedcast.training.optimisers import SGD, Adam
from breedcast.training.trainer import Settings, Task, Trained, batches, predict, train

CPU = torch.device("cpu")
POSITIONS = 6


def small_network() -> Network:
    trunk = nn.Sequential(nn.Flatten(), Dense(POSITIONS, 8), nn.Tanh(), Dropout(0.2), Dense(8, 1))
    return Network(NumberInput(), trunk)


def task(lines: int = 50, stop: int = 20, seed: int = 1) -> Task:
    """A noisy linear target, so that a small network overfits it."""
    rng = np.random.default_rng(0)
    inputs = rng.normal(size=(lines + stop, POSITIONS)).astype(np.float32)
    noise = rng.normal(size=len(inputs))
    target = (inputs.sum(axis=1) / 2 + noise).astype(np.float32)
    return Task(inputs[:lines], target[:lines], inputs[lines:], target[lines:], seed)


def trained(
    task: Task, epochs: int = 60, patience: int = 60, build: Callable[[], Network] = small_network
) -> Trained:
    return train(build, task, Settings(epochs, patience, 16, Adam(0.02)), CPU)


@pytest.mark.parametrize("kernel", [2, 4, 5, 20])
def test_same_padding_puts_the_odd_zero_on_the_right(kernel: int) -> None:
    layer = Conv1d(2, 3, kernel).double()
    x = np.random.default_rng(0).normal(size=(1, 2, 9))
    left = (kernel - 1) // 2
    padded = np.pad(x, ((0, 0), (0, 0), (left, kernel - 1 - left)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, kernel, axis=2)
    expected = np.einsum("bcpk,ock->bop", windows, layer.weight.detach().numpy())
    np.testing.assert_allclose(layer(torch.from_numpy(x)).detach().numpy(), expected, atol=1e-12)


def test_flatten_has_the_channel_fastest() -> None:
    x = torch.arange(6).reshape(1, 2, 3)  # channel 0: 0 1 2, channel 1: 3 4 5
    assert Flatten()(x).tolist() == [[0, 3, 1, 4, 2, 5]]


def test_isru() -> None:
    x = np.array([-3.0, 0.0, 0.5])
    expected = x / np.sqrt(1 + 0.5 * x**2)
    np.testing.assert_allclose(ISRU(0.5)(torch.from_numpy(x)).numpy(), expected)


def test_residual_adds_its_branches() -> None:
    double, triple = nn.Linear(1, 1), nn.Linear(1, 1)
    for layer, factor in ((double, 2.0), (triple, 3.0)):
        nn.init.constant_(layer.weight, factor)
        nn.init.zeros_(layer.bias)
    assert Residual(double, triple)(torch.ones(1, 1)).item() == 5.0


def test_one_hot_is_the_code_less_the_centre() -> None:
    codes = np.array([[0, 3, 1], [2, 2, 0]], dtype=np.uint8)
    centre = np.random.default_rng(0).random((4, 3))
    channels = OneHotInput(torch.from_numpy(centre))(torch.from_numpy(codes))
    expected = np.eye(4)[codes].transpose(0, 2, 1) - centre
    np.testing.assert_allclose(channels.numpy(), expected)


@pytest.mark.parametrize("positions", [3, 44, 45, 46, 100])
def test_two_linear_convolutions_as_one(positions: int) -> None:
    """Values and the gradients of every weight are those of one after the other."""
    torch.manual_seed(0)
    pair = LinearPair(Conv1d(4, 10, 4), Conv1d(10, 10, 20)).double()
    nn.init.normal_(pair.first.bias)
    nn.init.normal_(pair.second.bias)
    x = torch.randn(3, 4, positions, dtype=torch.float64)
    weight = torch.randn(3, 10, positions, dtype=torch.float64)
    together, apart = pair(x), pair.second(pair.first(x))
    torch.testing.assert_close(together, apart)
    gradients = [
        torch.autograd.grad((values * weight).sum(), list(pair.parameters()))
        for values in (together, apart)
    ]
    torch.testing.assert_close(*gradients)


@pytest.mark.parametrize("rate", [0.05, 0.3, 0.75, 0.9375])
def test_dropout_drops_its_share_and_keeps_the_mean(rate: float) -> None:
    torch.manual_seed(0)
    layer, x = Dropout(rate), torch.ones(1000, 1001, requires_grad=True)
    y = layer(x)
    kept = (y > 0).double()
    error = 5 * np.sqrt(rate * (1 - rate) / x.numel())
    assert kept.mean().item() == pytest.approx(1 - rate, abs=error)
    # every place within a random word is as likely
    for place in range(4):
        share = kept.flatten()[place::4].mean().item()
        assert share == pytest.approx(1 - rate, abs=2 * error)
    assert y.unique().tolist() == pytest.approx([0.0, 1 / (1 - rate)])
    y.sum().backward()
    torch.testing.assert_close(x.grad, y.detach())
    assert layer.eval()(x) is x


def test_penalty_and_its_gradient() -> None:
    """A step of the optimiser moves the weights as the penalty in the loss would."""
    torch.manual_seed(0)
    trunk = nn.Sequential(nn.Flatten(), Dense(POSITIONS, 4, penalty=L2(0.1, 0.01)), Dense(4, 1))
    network = Network(NumberInput(), trunk).double()
    first = trunk[1]
    nn.init.normal_(first.bias)
    expected = 0.1 * (first.weight**2).sum() + 0.01 * (first.bias**2).sum()
    torch.testing.assert_close(penalty(network), expected)

    x, y = torch.randn(7, POSITIONS).double(), torch.randn(7).double()
    weights = list(network.parameters())
    loss = nn.functional.mse_loss(network(x), y)
    gradients = torch.autograd.grad(loss + penalty(network), weights)
    moved = [weight.detach() - 0.1 * g for weight, g in zip(weights, gradients, strict=True)]
    optimiser = SGD(0.1, momentum=0.5).over(network)
    nn.functional.mse_loss(network(x), y).backward()
    optimiser.step()
    torch.testing.assert_close([weight.detach() for weight in weights], moved)


def test_no_line_is_left_out_and_none_is_alone() -> None:
    sizes = {n: [len(part) for part in batches(torch.arange(n), 32)] for n in (1, 32, 33, 65, 70)}
    assert sizes == {1: [1], 32: [32], 33: [33], 65: [32, 33], 70: [32, 32, 6]}
    assert torch.cat(batches(torch.arange(65), 32)).tolist() == list(range(65))


def test_a_last_batch_of_one_trains_a_batch_normalisation() -> None:
    def build() -> Network:
        trunk = nn.Sequential(nn.Flatten(), nn.BatchNorm1d(POSITIONS), Dense(POSITIONS, 1))
        return Network(NumberInput(), trunk)

    assert len(trained(task(lines=33), epochs=2, build=build).history) == 2


def test_the_best_weights_are_restored() -> None:
    data = task()
    result = trained(data)
    losses = [record["stop_loss"] for record in result.history]
    assert losses[result.best_epoch - 1] == min(losses)
    assert result.best_epoch < len(losses)  # it went on getting worse
    values = predict(result.network, data.stop_inputs, CPU)
    restored = ((values - data.stop_target) ** 2).mean()
    assert restored == pytest.approx(min(losses), rel=1e-5)


def test_training_stops_after_the_patience() -> None:
    result = trained(task(), epochs=500, patience=7)
    assert len(result.history) == result.best_epoch + 7


def test_the_stop_set_decides_when_to_stop_and_nothing_else() -> None:
    data = task()
    other = Task(data.inputs, data.target, data.stop_inputs, -data.stop_target, data.seed)
    one, two = trained(data), trained(other)
    assert one.best_epoch != two.best_epoch
    assert [r["train_loss"] for r in one.history] == [r["train_loss"] for r in two.history]


def test_the_seed_alone_decides() -> None:
    torch.manual_seed(1)
    before = torch.get_rng_state()
    first = trained(task())
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(2)
    again, other = trained(task()), trained(task(seed=2))
    assert first.history == again.history
    for a, b in zip(first.network.parameters(), again.network.parameters(), strict=True):
        assert torch.equal(a, b)
    assert first.history != other.history


def test_a_loss_that_is_not_finite_is_an_error() -> None:
    settings = Settings(50, 50, 16, SGD(1e6, momentum=0.5))

    def build() -> Network:
        return Network(NumberInput(), nn.Sequential(nn.Flatten(), Dense(POSITIONS, 1)))

    with pytest.raises(UserError, match=r"epoch \d+.*learning_rate"):
        train(build, task(), settings, CPU)


def test_gradients_by_input() -> None:
    network = small_network().eval()
    inputs = task().inputs
    gradients = input_gradients(network, inputs, CPU)
    assert gradients.shape == (50, 1, POSITIONS)
    step = np.float32(1e-2)
    for position in range(POSITIONS):
        shift = np.eye(POSITIONS, dtype=np.float32)[position] * step
        slope = predict(network, inputs + shift, CPU) - predict(network, inputs - shift, CPU)
        np.testing.assert_allclose(gradients[:, 0, position], slope / (2 * step), atol=1e-3)


def test_keras_weights_must_fit(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "model.h5", "w") as file:
        group = file.create_group("model_weights")
        group.attrs["layer_names"] = ["flatten", "dense"]
        group.create_group("flatten").attrs["weight_names"] = []
        dense = group.create_group("dense")
        dense.attrs["weight_names"] = ["kernel", "bias"]
        dense["kernel"], dense["bias"] = np.array([[1.0], [2.0]]), np.array([3.0])
    layer = Dense(2, 1)
    load_keras(tmp_path / "model.h5", layer)
    assert layer(torch.tensor([[10.0, 100.0]])).item() == 213.0
    with pytest.raises(ValueError, match="shape"):
        load_keras(tmp_path / "model.h5", Dense(3, 1))
    with pytest.raises(ValueError, match="1 layers with weights, not 2"):
        load_keras(tmp_path / "model.h5", nn.Sequential(Dense(2, 1), Dense(1, 1)))


def test_devices() -> None:
    assert pick_device("cpu") == CPU
    with pytest.raises(UserError, match="choose auto, cpu or cuda"):
        pick_device("tpu")


@pytest.mark.skipif(torch.cuda.is_available(), reason="a CUDA device is here")
def test_an_absent_cuda_device_is_an_error() -> None:
    assert pick_device("auto") == CPU
    with pytest.raises(UserError, match="no CUDA device"):
        pick_device("cuda")
