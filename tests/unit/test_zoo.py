"""The networks of the zoo: that they learn, can be stacked, and stay small; their layers."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from breedcast.models.base import Fit, Lines
from breedcast.models.dnn import DNN
from breedcast.models.inception import Inception
from breedcast.models.lenet import LeNet
from breedcast.models.local import Local
from breedcast.models.network import NetworkModel
from breedcast.models.recurrent import GRU, LSTM
from breedcast.models.resnet import ResNet
from breedcast.models.transformer import Transformer
from breedcast.training.blocks import FEW, LocallyConnected, SelfAttention, WideDense, pooled_by
from breedcast.training.network import width_of
from breedcast.training.trainer import train

ZOO = [DNN, LeNet, Inception, ResNet, LSTM, GRU, Transformer, Local]
STACKABLE = [network for network in ZOO if network.can_be_stacked]


@pytest.fixture
def _double() -> Iterator[None]:
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def simulate(lines: int = 300, markers: int = 200, ploidy: int = 2, loci: int = 10) -> Lines:
    """An additive trait of heritability 0.8 in lines bred from six founders."""
    rng = np.random.default_rng(0)
    founders = rng.integers(0, 2, (6, markers))
    segments = rng.integers(0, 6, (lines, ploidy, markers // 10 + 1))
    origin = np.repeat(segments, 10, axis=2)[:, :, :markers]
    dosage = founders[origin, np.arange(markers)].sum(axis=1)
    effects = np.zeros(markers)
    effects[rng.choice(markers, min(loci, markers), replace=False)] = 1.0
    genetic = dosage @ effects
    value = genetic + rng.normal(size=lines) * genetic.std() / 2
    codes = np.where(rng.random(dosage.shape) < 0.02, ploidy + 1, dosage).astype(np.uint8)
    return Lines(codes, ploidy, pd.DataFrame(index=range(lines)), value)


@pytest.mark.parametrize("network", ZOO)
def test_an_additive_trait_is_learnt_and_its_permutation_is_not(
    network: type[NetworkModel],
) -> None:
    lines = simulate()
    train_on, test = lines.take(np.arange(220)), lines.take(np.arange(220, 300))
    shuffled = np.random.default_rng(3).permutation(train_on.observed)
    r = {
        name: np.corrcoef(
            network(networks=1).fit(seen, 1, "cpu").predict(test.blind()).mean, test.observed
        )[0, 1]
        for name, seen in {"real": train_on, "control": replace(train_on, value=shuffled)}.items()
    }
    assert r["real"] > 0.5
    assert abs(r["control"]) < 0.35  # 80 lines: standard error 0.11


@pytest.mark.usefixtures("_double")
@pytest.mark.parametrize("network", STACKABLE)
def test_networks_side_by_side_are_those_trained_alone(network: type[NetworkModel]) -> None:
    lines, model = simulate(40, 30), network(epochs=3, batch_size=8)
    tasks = [model._prepare(Fit(lines, seed), None, seed).task for seed in range(3)]
    alone, together = (
        train(tasks, model.settings(), torch.device("cpu"), side_by_side)
        for side_by_side in (False, True)
    )
    for one, other in zip(alone, together, strict=True):
        assert one.best_epoch == other.best_epoch
        for name, weight in one.network.state_dict().items():
            torch.testing.assert_close(
                weight, other.network.state_dict()[name], rtol=1e-6, atol=1e-9
            )


@pytest.mark.parametrize("network", ZOO)
def test_a_long_genome_takes_few_weights_beyond_a_dense_layer(network: type[NetworkModel]) -> None:
    markers, model = 100_000, network()
    with torch.device("meta"):
        features = model.features(1, markers)
        layers = [features, model.head(width_of(features, 1, markers), 1)]
    weights = sum(weight.numel() for layer in layers for weight in layer.parameters())
    assert weights < 129 * markers


@pytest.mark.parametrize("network", ZOO)
@pytest.mark.parametrize("markers", [1, 2, 5])
def test_a_handful_of_markers_is_enough(network: type[NetworkModel], markers: int) -> None:
    lines = simulate(40, markers, loci=1)
    fitted = network(epochs=1).fit(lines, 0, "cpu")
    assert np.isfinite(fitted.predict(lines.blind()).mean).all()


@pytest.mark.parametrize("network", ZOO)
@pytest.mark.parametrize("ploidy", [1, 4])
@pytest.mark.parametrize("kind", ["one_hot", "dosage", "pca"])
def test_every_input_and_ploidy(network: type[NetworkModel], ploidy: int, kind: str) -> None:
    lines = simulate(40, 40, ploidy)
    fitted = network(input=kind, epochs=1, networks=1).fit(lines, 0, "cpu")
    assert np.isfinite(fitted.predict(lines.blind()).mean).all()
    assert {name: it.shape for name, it in fitted.saliency.items()} == {
        "gradient": (1, 40),
        "integrated_gradient": (1, 40),
    }


def test_windows_have_weights_of_their_own() -> None:
    layer = LocallyConnected(channels=2, length=7, window=3, filters=4)
    torch.nn.init.normal_(layer.bias)
    x = torch.randn(5, 2, 7)
    made = layer(x)
    assert made.shape == (5, 3, 4)
    for line in range(5):
        for window, (start, end) in enumerate([(0, 3), (3, 6), (6, 7)]):
            for unit in range(4):
                total = layer.bias[window, unit]
                for channel in range(2):
                    for place in range(start, end):
                        weight = layer.weight[window, 3 * channel + place - start, unit]
                        total = total + weight * x[line, channel, place]
                torch.testing.assert_close(made[line, window, unit], total)


def test_attention_is_pytorchs() -> None:
    ours, torchs = SelfAttention(12, 3), torch.nn.MultiheadAttention(12, 3, batch_first=True)
    with torch.no_grad():
        torchs.in_proj_weight.copy_(ours.queries_keys_values.weight)
        torchs.out_proj.weight.copy_(ours.out.weight)
    x = torch.randn(4, 6, 12)
    torch.testing.assert_close(ours(x), torchs(x, x, x)[0])


@pytest.mark.parametrize(
    "make", [lambda p: WideDense(p, 1), lambda p: LocallyConnected(1, p, p, 1)]
)
def test_a_step_moves_a_prediction_as_far_for_any_number_of_markers(make) -> None:
    """The same markers ten times over: the first step of Adam, from weights of zero."""
    x = torch.randn(8, 1, FEW)
    moved = []
    for copies in (1, 10):
        layer = make(FEW * copies)
        torch.nn.init.zeros_(layer.weight)
        seen = x.repeat(1, 1, copies)
        seen = seen if isinstance(layer, LocallyConnected) else seen[:, 0]
        optimiser = torch.optim.Adam(layer.parameters(), lr=0.01)
        (layer(seen).flatten() - torch.arange(8.0)).square().mean().backward()
        optimiser.step()
        moved.append(layer(seen).flatten())
    torch.testing.assert_close(moved[0], moved[1], rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("length", [1, 2, 3, 499, 500, 501, 1000, 99_999])
def test_pooling_leaves_no_more_than_asked(length: int) -> None:
    pool = torch.nn.AvgPool1d(pooled_by(length, 250), ceil_mode=True)
    assert 1 <= pool(torch.zeros(1, 1, length)).shape[2] <= 250


def test_heads_that_do_not_divide_the_embedding_are_refused() -> None:
    with pytest.raises(ValueError, match="do not divide"):
        Transformer(embedding=30, heads=4)
