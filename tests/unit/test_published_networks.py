"""The networks are the published ones: their weights give the published figures here."""

import gzip
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from breedcast.errors import UserError
from breedcast.genotypes.encode import PrincipalComponents
from breedcast.models.base import Lines
from breedcast.models.deepgs import DeepGS
from breedcast.models.dlgwas import DLGWAS
from breedcast.models.dnngp import DNNGP
from breedcast.models.network import NetworkModel
from breedcast.training.augment import Augment
from breedcast.training.dropout import dropouts
from breedcast.training.fleet import Data, predict
from breedcast.training.initialisers import glorot_uniform
from breedcast.training.keras import load_keras
from breedcast.training.losses import SquaredError
from breedcast.training.network import Network, NumberInput, OneHotInput, width_of
from breedcast.training.objective import Objective
from breedcast.training.trainer import Settings, Task, train
from tests.unit.networks import penalty

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def _float64() -> Iterator[None]:
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def make_network(
    model: NetworkModel, input_layer: nn.Module, channels: int, length: int
) -> Network:
    features = model.features(channels, length)
    head = model.head(width_of(features, channels, length), 1)
    return Network(input_layer, features, head, SquaredError())


def predicted_by(network: Network, inputs: np.ndarray) -> np.ndarray:
    return predict(network, torch.from_numpy(inputs), torch.empty(len(inputs), 0))


def read_soynam(folder: Path) -> Lines:
    """The published test fold: 482 lines, their standardised yield and imputed genotypes."""
    with gzip.open(folder / "4236_imp_test_6.txt.gz", "rt") as file:
        table = np.array([line.split("\t")[1:] for line in file])
    codes = table[:, 1:].astype(np.uint8)
    return Lines(codes, 2, pd.DataFrame(index=range(len(codes))), table[:, 0].astype(float))


@pytest.fixture
def _float32(_float64: None) -> Iterator[None]:
    torch.set_default_dtype(torch.float32)
    yield
    torch.set_default_dtype(torch.float64)


@pytest.fixture
def dnngp(shared_data: Path) -> Network:
    network = make_network(DNNGP(), NumberInput(), 1, 251)
    load_keras(shared_data / "dnngp_published" / "training.model.h5", network)
    return network


def published_table(path: Path, separator: str = ",") -> pd.DataFrame:
    return pd.read_csv(path, sep=separator, index_col=0)


def test_dnngp_predicts_what_was_published(dnngp: Network, shared_data: Path) -> None:
    folder = shared_data / "dnngp_published"
    scores = published_table(folder / "wheat599_pc95.tsv", "\t")
    published = published_table(folder / "Prediction.ALL.csv").loc[scores.index, "Prediction"]
    predicted = predicted_by(dnngp, scores.to_numpy())
    np.testing.assert_allclose(predicted, published, atol=1e-5)


def test_dnngp_has_the_published_loss(dnngp: Network, shared_data: Path) -> None:
    """Squared error of the validation lines, and the penalties, in the last epoch."""
    folder = shared_data / "dnngp_published"
    scores = published_table(folder / "wheat599_pc95.tsv", "\t")
    validation = published_table(folder / "Prediction.validation.csv").index
    trait = published_table(folder / "wheat1.tsv", "\t").loc[validation, "env1"]
    error = predicted_by(dnngp, scores.loc[validation].to_numpy()) - trait
    penalties = penalty(dnngp).item()
    last = pd.read_csv(folder / "Modelhistory.csv").iloc[-1]
    assert penalties == pytest.approx(0.332374, abs=1e-6)
    assert (error**2).mean() == pytest.approx(last["val_mse"], abs=1e-5)
    assert (error**2).mean() + penalties == pytest.approx(1.098902, abs=1e-5)


@pytest.mark.usefixtures("_float32")
def test_dnngp_trained_as_published_is_as_accurate(shared_data: Path) -> None:
    """The published accuracy lies within the spread of seeds of the published training."""
    folder = shared_data / "dnngp_published"
    scores = published_table(folder / "wheat599_pc95.tsv", "\t")
    trait = published_table(folder / "wheat1.tsv", "\t").loc[scores.index, "env1"]
    validation = scores.index.isin(published_table(folder / "Prediction.validation.csv").index)

    def data(rows: np.ndarray) -> Data:
        lines = int(rows.sum())
        inputs, target = scores[rows].to_numpy(), trait[rows].to_numpy()
        return Data(inputs, np.empty((lines, 0)), target, np.ones(lines))

    def build() -> Objective:
        network = make_network(DNNGP(), NumberInput(), 1, 251)
        glorot_uniform(network.head[0].weight)
        for layer in network.modules():
            if isinstance(layer, nn.BatchNorm1d):
                layer.momentum = 0.01
        return Objective(network, Augment(0.0, 0.0, 0.0, 0))

    settings = Settings(epochs=10, patience=10, batch_size=10, learning_rate=0.01)
    r = [
        train([Task(build, data(~validation), data(validation), seed)], settings, CPU)[0]
        .history[-1]["stop_pearson"]
        for seed in range(4)
    ]  # fmt: skip
    assert abs(np.mean(r) - 0.4983) < 2 * np.std(r, ddof=1)
    assert np.mean(r) > 0.3


def test_components_are_the_published_ones(shared_data: Path) -> None:
    from cyvcf2 import VCF

    variants = VCF(str(shared_data / "wheat599" / "genotypes.vcf.gz"), gts012=True)
    codes = np.array([variant.gt_types.copy() for variant in variants]).T.astype(np.uint8)
    published = published_table(
        shared_data / "dnngp_published" / "wheat599_pc95.tsv", "\t"
    ).to_numpy()
    encoder = PrincipalComponents.fit(codes, 2, 0.95)
    assert encoder.length == 251
    scores = encoder.scores(codes) / 2  # published of presence and absence, 0 and 1
    sign = np.sign((scores * published).sum(axis=0))
    np.testing.assert_allclose(scores * sign, published, atol=1e-6)


def test_dlgwas_predicts_what_was_published(shared_data: Path) -> None:
    folder = shared_data / "dlgwas_published" / "soynam_fold6"
    lines = read_soynam(folder)
    trait, codes = lines.observed, lines.codes
    states, markers = 4, codes.shape[1]
    network = make_network(DLGWAS(), OneHotInput(torch.zeros(states, 1)), states, markers)
    load_keras(folder / "model6.h5", network)
    predicted = predicted_by(network, codes)
    published = [-0.013808, 0.116387, -0.352404, -0.056425, 0.004401]
    np.testing.assert_allclose(predicted[:5], published, atol=1e-6)
    assert np.corrcoef(predicted, trait)[0, 1] == pytest.approx(0.464623, abs=1e-6)
    assert ((predicted - trait) ** 2).mean() == pytest.approx(0.6702, abs=5e-5)


@pytest.mark.parametrize(
    ("fold", "part", "r"),
    [
        *((1, "train", 0.2897), (1, "val", 0.3256), (1, "test", 0.1212)),
        *((2, "train", 0.2943), (2, "val", 0.3052), (2, "test", 0.1150)),
    ],
)
def test_two_branch_dlgwas_has_the_published_accuracy(
    shared_data: Path, fold: int, part: str, r: float
) -> None:
    folder = shared_data / "dlgwas_published" / "simulation"
    table = np.loadtxt(folder / f"sim_{part}_{fold}.txt")
    trait, codes = table[:, 1], table[:, 2:].astype(np.uint8)
    network = make_network(
        DLGWAS(form="two_branch"), OneHotInput(torch.zeros(4, 1)), 4, codes.shape[1]
    )
    load_keras(folder / f"model{fold}.h5", network)
    assert np.corrcoef(predicted_by(network, codes), trait)[0, 1] == pytest.approx(r, abs=5e-5)


def test_a_published_network_is_evaluated_as_a_model(shared_data: Path) -> None:
    """`pretrained` with no epoch: the published figures through the model's own interface."""
    folder = shared_data / "dlgwas_published" / "soynam_fold6"
    lines = read_soynam(folder)
    model = DLGWAS(pretrained=str(folder / "model6.h5"), epochs=0)
    fitted = model.fit(lines, 0, "cpu")
    predicted = fitted.predict(lines.blind()).mean
    assert np.corrcoef(predicted, lines.observed)[0, 1] == pytest.approx(0.464623, abs=1e-6)
    assert fitted.history == []
    tuned = DLGWAS(pretrained=str(folder / "model6.h5"), epochs=2).fit(lines, 0, "cpu")
    r = np.corrcoef(tuned.predict(lines.blind()).mean, lines.observed)[0, 1]
    assert r > 0.47  # it goes on from there, on the lines that it is asked about
    with pytest.raises(UserError, match=r"model6.h5: layer .* a network fits the number"):
        model.fit(replace(lines, codes=lines.codes[:, :4000]), 0, "cpu")


def test_deepgs_by_numpy() -> None:
    """No weights are published: the architecture's facts, written once more without torch."""
    markers, lines = 75, 6
    torch.manual_seed(0)
    network = make_network(DeepGS(), NumberInput(), 1, markers)
    for parameter in network.parameters():
        nn.init.normal_(parameter, std=0.3)
    weights = [parameter.detach().numpy() for parameter in network.parameters()]
    kernel, kernel_bias, hidden, hidden_bias, out, out_bias = weights
    assert kernel.shape == (8, 1, 18)
    assert hidden.shape == (32, 8 * 14)  # 75 - 18 + 1 = 58 windows make 14 whole pools of 4
    assert out.shape == (1, 32)

    dosages = np.random.default_rng(0).integers(0, 3, (lines, markers)).astype(float)
    windows = np.lib.stride_tricks.sliding_window_view(dosages, 18, axis=1)
    convolved = np.einsum("lpk,fk->lfp", windows, kernel[:, 0])
    rectified = np.maximum(convolved + kernel_bias[:, None], 0)
    pooled = rectified[:, :, :56].reshape(lines, 8, 14, 4).max(axis=3).reshape(lines, -1)
    activated = 1 / (1 + np.exp(-(pooled @ hidden.T + hidden_bias)))
    expected = activated @ out[0] + out_bias
    np.testing.assert_allclose(predicted_by(network, dosages), expected, atol=1e-12)
    assert [layer.rate for layer in dropouts(network)] == [0.2, 0.1, 0.05]
