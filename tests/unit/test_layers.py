"""Layers, inputs and published weights, against hand computations."""

from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
from torch import nn

from breedcast.errors import UserError
from breedcast.training.activations import ISRU
from breedcast.training.keras import load_keras
from breedcast.training.layers import Branches, Conv1d, Dense, Flatten, LinearPair, Residual
from breedcast.training.network import DosageInput, OneHotInput


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


def test_branches_put_channels_one_after_another() -> None:
    x = torch.randn(2, 3, 5)
    both = Branches(nn.Identity(), nn.Flatten(2))(x)
    torch.testing.assert_close(both, torch.cat([x, x], dim=1))


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


def test_dosages_are_scaled_in_the_batch_and_missing_ones_are_the_mean() -> None:
    codes = torch.tensor([[0, 4, 5], [5, 2, 1]], dtype=torch.uint8)  # tetraploid: 5 is missing
    layer = DosageInput(torch.tensor([1.0, 2.0, 0.5]), torch.tensor([2.0, 0.0, 1.0]), ploidy=4)
    assert layer(codes).tolist() == [[[-2.0, 0.0, 0.0]], [[0.0, 0.0, 0.5]]]


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
    with pytest.raises(UserError, match=r"'dense' has weights of shapes \[\(1, 2\)"):
        load_keras(tmp_path / "model.h5", Dense(3, 1))
    with pytest.raises(UserError, match="1 layers with weights, not 2"):
        load_keras(tmp_path / "model.h5", nn.Sequential(Dense(2, 1), Dense(1, 1)))
    (tmp_path / "text.h5").write_text("no h5")
    for path in ("text.h5", "absent.h5"):
        with pytest.raises(UserError, match="no Keras h5 file"):
            load_keras(tmp_path / path, layer)
