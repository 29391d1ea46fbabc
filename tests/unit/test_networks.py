"""The networks as models: what they learn, from which lines, and what they refuse."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from breedcast.errors import UserError
from breedcast.models.base import Fit, Lines
from breedcast.models.deepgs import DeepGS
from breedcast.models.dlgwas import DLGWAS
from breedcast.models.dnn import DNN
from breedcast.models.dnngp import DNNGP
from breedcast.models.network import NetworkModel
from breedcast.training import gradients
from breedcast.training.optimisers import Optimiser

NETWORKS = [DNNGP, DeepGS, DLGWAS]
INPUTS = ["one_hot", "dosage", "pca"]


def simulate(
    lines: int, markers: int, ploidy: int = 2, missing: float = 0.05, loci: int = 10, seed: int = 0
) -> Lines:
    """An additive trait of heritability 0.8, mean 100, in lines bred from six founders.

    Each chromosome copy is a mosaic of founders in segments of ten markers, so that
    neighbours are in linkage disequilibrium. A few calls are missing.
    """
    rng = np.random.default_rng(seed)
    founders = rng.integers(0, 2, (6, markers))
    segments = rng.integers(0, 6, (lines, ploidy, markers // 10 + 1))
    origin = np.repeat(segments, 10, axis=2)[:, :, :markers]
    dosage = founders[origin, np.arange(markers)].sum(axis=1)
    effects = np.zeros(markers)
    effects[rng.choice(markers, loci, replace=False)] = rng.normal(size=loci)
    genetic = dosage @ effects
    value = genetic + rng.normal(size=lines) * genetic.std() / 2
    codes = np.where(rng.random(dosage.shape) < missing, ploidy + 1, dosage).astype(np.uint8)
    return Lines(codes, ploidy, pd.DataFrame(index=range(lines)), 100 + 10 * value)


def with_values(lines: Lines, value: np.ndarray) -> Lines:
    return replace(lines, value=value)


@pytest.mark.parametrize("network", NETWORKS)
def test_an_additive_trait_is_predicted_and_its_permutation_is_not(
    network: type[NetworkModel],
) -> None:
    lines = simulate(300, 100)
    train, test = lines.take(np.arange(220)), lines.take(np.arange(220, 300))
    shuffled = np.random.default_rng(3).permutation(train.observed)
    model = network()
    r = {
        name: np.corrcoef(model.fit(seen, 1, "cpu").predict(test.blind()).mean, test.observed)[0, 1]
        for name, seen in {"real": train, "permuted": with_values(train, shuffled)}.items()
    }
    assert r["real"] > 0.6
    assert abs(r["permuted"]) < 0.35  # 80 lines: standard error 0.11


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("ploidy", [1, 2, 4, 8])
@pytest.mark.parametrize("kind", INPUTS)
def test_every_input_and_ploidy_with_missing_calls(
    network: type[NetworkModel], ploidy: int, kind: str
) -> None:
    lines = simulate(60, 40, ploidy)
    fitted = network(input=kind, epochs=1, variance=1.0).fit(lines, 0, "cpu")
    unseen = simulate(9, 40, ploidy, missing=0.5, seed=1)
    unseen.codes[:, 7] = ploidy + 1
    prediction = fitted.predict(unseen.blind())
    assert prediction.mean.shape == (9,)
    assert np.isfinite(prediction.mean).all()
    assert np.isnan(prediction.sd).all()
    for saliency in fitted.saliency.values():
        assert saliency.shape == (len(fitted.networks), 40)
        assert np.isfinite(saliency).all()


@pytest.mark.parametrize("network", NETWORKS)
def test_the_same_seed_gives_the_same_bits(network: type[NetworkModel]) -> None:
    lines, model = simulate(60, 50), network(epochs=3)
    torch.manual_seed(5)
    first = model.fit(lines, 7, "cpu")
    torch.manual_seed(6)
    again, other = model.fit(lines, 7, "cpu"), model.fit(lines, 8, "cpu")
    weights = first.weights()
    for name, array in again.weights().items():
        np.testing.assert_array_equal(array, weights[name], err_msg=name)
    blind = lines.blind()
    np.testing.assert_array_equal(first.predict(blind).mean, again.predict(blind).mean)
    assert not np.array_equal(first.predict(blind).mean, other.predict(blind).mean)


@pytest.mark.parametrize("network", NETWORKS)
def test_other_lines_change_no_weight(network: type[NetworkModel]) -> None:
    lines = simulate(80, 50)
    rows = np.arange(60)
    changed = Lines(lines.codes.copy(), 2, lines.covariates, lines.observed.copy())
    changed.codes[60:] = 2 - changed.codes[60:] % 3
    changed.observed[60:] = -1e6
    one, two = (network(epochs=2).fit(seen.take(rows), 0, "cpu") for seen in (lines, changed))
    for name, array in one.weights().items():
        np.testing.assert_array_equal(array, two.weights()[name], err_msg=name)


@pytest.mark.parametrize("network", NETWORKS)
def test_the_stop_lines_change_the_stopping_epoch_only(network: type[NetworkModel]) -> None:
    lines = simulate(80, 50)
    model = network(epochs=6, patience=6, shortcut=())
    stop = np.sort(np.random.default_rng(4).permutation(80)[:8])
    values = lines.observed.copy()
    values[stop] = values[stop].mean() - 5 * values[stop]
    one, two = model.fit(lines, 4, "cpu"), model.fit(with_values(lines, values), 4, "cpu")
    assert [r["train_loss"] for r in one.history] == [r["train_loss"] for r in two.history]
    assert [r["stop_loss"] for r in one.history] != [r["stop_loss"] for r in two.history]
    assert one.networks[0].target.sd == two.networks[0].target.sd


def test_predictions_are_in_the_units_of_the_trait() -> None:
    lines = simulate(80, 50)
    moved = with_values(lines, lines.observed * 1000 - 7)
    model = DeepGS(epochs=3)
    one, two = model.fit(lines, 0, "cpu"), model.fit(moved, 0, "cpu")
    np.testing.assert_allclose(
        two.predict(lines.blind()).mean, one.predict(lines.blind()).mean * 1000 - 7, rtol=1e-4
    )
    for statistic, saliency in one.saliency.items():
        np.testing.assert_allclose(two.saliency[statistic], saliency * 1000, rtol=1e-3)


def test_covariate_effects_are_taken_out_and_added_back() -> None:
    lines = simulate(100, 50)
    family = pd.DataFrame({"family": np.where(np.arange(100) % 2, "odd", "even")})
    shift = np.where(np.arange(100) % 2, 1e4, 0.0)
    grouped = Lines(lines.codes, 2, family, lines.observed + shift)
    fitted = DeepGS(epochs=3).fit(grouped, 0, "cpu")
    swapped = Lines(lines.codes, 2, family.iloc[::-1].reset_index(drop=True))
    change = fitted.predict(swapped).mean - fitted.predict(grouped.blind()).mean
    np.testing.assert_allclose(np.abs(change), 1e4, rtol=0.01)
    assert fitted.networks[0].target.sd < 100


@pytest.mark.parametrize("kind", ["dosage", "pca"])
def test_saliency_is_the_slope_by_one_allele(kind: str) -> None:
    """A network that is nearly linear: its saliency against a change of one call."""
    lines = simulate(120, 30, missing=0.0)
    fitted = DLGWAS(input=kind, epochs=20, variance=1.0, shortcut=()).fit(lines, 0, "cpu")
    slopes = np.empty(30)
    for marker in range(30):
        low, high = lines.codes.copy(), lines.codes.copy()
        low[:, marker], high[:, marker] = 0, 2
        means = [fitted.predict(Lines(c, 2, lines.covariates)).mean for c in (low, high)]
        slopes[marker] = np.median(np.abs(means[1] - means[0])) / 2
    found = fitted.saliency["gradient"][0]
    np.testing.assert_allclose(found, slopes, rtol=0.1, atol=slopes.max() / 20)


@pytest.mark.parametrize("kind", INPUTS)
def test_contributions_sum_to_what_sets_a_line_apart_from_the_mean_line(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Completeness (Sundararajan et al. 2017), of a network that is not linear."""
    lines = simulate(120, 40)
    fitted = DNN(input=kind, epochs=30, networks=1).fit(lines, 0, "cpu").networks[0]
    mean_line = torch.zeros(1, fitted.encoder.channels, fitted.encoder.length)
    with torch.no_grad():
        at_mean = fitted.network.values(mean_line, torch.empty(1, 0)).item() * fitted.target.sd
    apart = fitted.own(lines.blind()).mean - lines.observed[fitted.learnt.rows].mean() - at_mean
    error = {}
    for steps in (1, 8, 200):
        monkeypatch.setattr(gradients, "STEPS", steps)
        error[steps] = np.std(fitted.contributions(lines).sum(axis=1) - apart) / np.std(apart)
    assert error[1] > 0.04
    assert error[8] < 0.02  # the network has kinks, at which few points err
    assert error[200] < 0.001


@pytest.mark.parametrize("units", [40, 200])
@pytest.mark.parametrize("kind", INPUTS)
def test_a_first_layer_can_start_as_relationships_with_training_lines(
    kind: str, units: int
) -> None:
    lines = simulate(80, 60)
    model = DNN(first_layer="kernel", input=kind, variance=1.0, units=units, epochs=1, networks=1)
    fitted = replace(model, learning_rate=1e-12).fit(lines, 0, "cpu").networks[0]
    learnt = fitted.learnt
    x = fitted.network.input(torch.from_numpy(learnt.encoder.encode(lines.codes))).flatten(1)
    with torch.no_grad():
        hidden = fitted.network.features[1](x).numpy()
    own = hidden[learnt.rows].argmax(axis=0)[: len(learnt.rows)]
    landmarks = learnt.rows[own]
    assert len(set(landmarks)) == min(units, len(learnt.rows))
    K = (x @ x.T).numpy()
    expected = K[:, landmarks] / K.diagonal()[landmarks]
    np.testing.assert_allclose(hidden[:, : len(landmarks)], expected, atol=1e-4)


def test_a_network_that_starts_as_a_kernel_learns_from_there() -> None:
    lines = simulate(300, 100)
    train, test = lines.take(np.arange(220)), lines.take(np.arange(220, 300))
    model = DNN(first_layer="kernel", learning_rate=0.001, networks=2)
    predicted = model.fit(train, 0, "cpu").predict(test.blind()).mean
    assert np.corrcoef(predicted, test.observed)[0, 1] > 0.6


@pytest.mark.parametrize("network", [DNNGP, DLGWAS])
@pytest.mark.parametrize("markers", [1, 2, 5])
def test_a_handful_of_markers_is_enough(network: type[NetworkModel], markers: int) -> None:
    lines = simulate(40, markers, loci=1)
    fitted = network(epochs=1).fit(lines, 0, "cpu")
    assert np.isfinite(fitted.predict(lines.blind()).mean).all()


def test_deepgs_needs_one_window_per_pooled_position() -> None:
    with pytest.raises(UserError, match="DeepGS needs at least 21 markers, not 20"):
        DeepGS().fit(simulate(40, 20), 0, "cpu")
    DeepGS(epochs=1).fit(simulate(40, 21), 0, "cpu")


def test_what_cannot_be_learnt_is_refused() -> None:
    lines = simulate(40, 30)
    with pytest.raises(UserError, match="no marker varies"):
        DNNGP().fit(Lines(np.ones_like(lines.codes), 2, lines.covariates, lines.value), 0, "cpu")
    with pytest.raises(UserError, match="does not vary"):
        DLGWAS().fit(with_values(lines, np.ones(40)), 0, "cpu")
    with pytest.raises(UserError, match="too few"):
        DLGWAS().fit(lines.take(np.arange(2)), 0, "cpu")


def test_facts_and_history() -> None:
    fitted = DeepGS(epochs=4, shortcut=()).fit(simulate(60, 40), 0, "cpu")
    assert [record["epoch"] for record in fitted.history] == [1, 2, 3, 4]
    best = min(fitted.history, key=lambda record: record["stop_loss"])
    assert fitted.facts == {"best_epoch": best["epoch"]}


def test_deepgs_can_be_trained_as_published() -> None:
    model = DeepGS(
        optimiser="sgd", momentum=0.5, learning_rate=0.01, batch_size=30, stop_metric="mae"
    )
    assert model.settings().optimiser == Optimiser("sgd", momentum=0.5)
    assert model.settings().stop_metric == "mae"


def test_covariates_can_join_the_network_behind_its_features() -> None:
    """What depends on a covariate and not on markers is then learnt by the network."""
    rng = np.random.default_rng(0)
    lines = simulate(300, 40)
    age = pd.DataFrame({"age": rng.normal(size=300)})
    shifted = Lines(lines.codes, 2, age, rng.normal(size=300) / 4 + np.abs(age["age"].to_numpy()))
    model = DeepGS(covariates="appended", learning_rate=0.01, initialise="xavier")
    fitted = model.fit(shifted.take(np.arange(200)), 0, "cpu")
    test = shifted.take(np.arange(200, 300))
    assert np.corrcoef(fitted.predict(test.blind()).mean, test.observed)[0, 1] > 0.6
    unknown = Lines(test.codes, 2, pd.DataFrame({"age": np.full(100, np.nan)}))
    assert np.isfinite(fitted.predict(unknown).mean).all()


@pytest.mark.parametrize("loss", ["cross_entropy", "ordinal"])
def test_scored_traits_are_learnt_by_class(loss: str) -> None:
    lines = simulate(300, 40, loci=4)
    cuts = np.quantile(lines.observed, [0.25, 0.5, 0.8])
    scores = np.array([1.0, 2.0, 5.0, 9.0])[np.searchsorted(cuts, lines.observed)]
    family = pd.DataFrame({"family": np.where(np.arange(300) % 2, "odd", "even")})
    scored = Lines(lines.codes, 2, family, scores)
    model = DeepGS(loss=loss, learning_rate=0.01)
    fitted = model.fit(scored.take(np.arange(220)), 0, "cpu")
    test = scored.take(np.arange(220, 300))
    predicted = fitted.predict(test.blind()).mean
    assert np.corrcoef(predicted, test.observed)[0, 1] > 0.5
    assert predicted.min() >= 1.0
    assert predicted.max() <= 9.0
    with pytest.raises(UserError, match=r"different values.*set loss to mse"):
        model.fit(lines, 0, "cpu")


def test_networks_of_other_numbers_of_classes_are_not_stacked() -> None:
    """A class may be missing from one fold: its network has another shape."""
    lines = simulate(120, 30)
    scores = np.where(np.arange(120) < 60, np.arange(120) % 2, np.arange(120) % 3).astype(float)
    scored = with_values(lines, scores)
    model = DNN(loss="cross_entropy", epochs=2, networks=1)
    fits = [Fit(scored.take(np.arange(start, start + 60)), 1) for start in (0, 60)]
    together = model.fit_all(fits, "cpu")
    blind = lines.blind()
    for fitted, fit in zip(together, fits, strict=True):
        alone = model.fit(fit.lines, 1, "cpu").predict(blind).mean
        np.testing.assert_array_equal(fitted.predict(blind).mean, alone)


def test_several_networks_are_their_mean() -> None:
    lines = simulate(60, 40)
    model = DeepGS(epochs=2, shortcut=())
    both = replace(model, networks=2).fit(lines, 5, "cpu")
    blind = lines.blind()
    single = [network.own(blind).mean for network in both.networks]
    np.testing.assert_array_equal(single[0], model.fit(lines, 5, "cpu").predict(blind).mean)
    assert not np.array_equal(*single)
    np.testing.assert_allclose(both.predict(blind).mean, np.mean(single, axis=0))
    np.testing.assert_allclose(both.predict(blind).sd, np.std(single, axis=0))
    assert [record["network"] for record in both.history] == [0, 0, 1, 1]
    assert {name.partition(".")[0] for name in both.weights()} == {"0", "1"}


def test_monte_carlo_predictions_have_a_standard_deviation() -> None:
    lines = simulate(60, 40)
    fitted = DeepGS(epochs=2, monte_carlo=30).fit(lines, 5, "cpu")
    prediction = fitted.predict(lines.blind())
    assert (prediction.sd > 0).all()
    np.testing.assert_array_equal(prediction.mean, fitted.predict(lines.blind()).mean)


@pytest.mark.parametrize("option", ["input_noise", "label_noise", "mixup", "mask_markers"])
@pytest.mark.parametrize("kind", ["one_hot", "dosage"])
def test_augmentation_changes_training_and_not_prediction(option: str, kind: str) -> None:
    lines = simulate(60, 40)
    plain, changed = (
        DeepGS(input=kind, epochs=2, **options).fit(lines, 0, "cpu")
        for options in ({}, {option: 0.3})
    )
    assert plain.history != changed.history
    blind = lines.blind()
    np.testing.assert_array_equal(changed.predict(blind).mean, changed.predict(blind).mean)


@pytest.mark.parametrize(
    ("network", "options", "message"),
    [
        (DNNGP, {"mask_markers": 0.1}, "mask_markers needs markers"),
        (
            DNN,
            {"first_layer": "kernel", "initialise": "he"},
            "first_layer: kernel sets the weights",
        ),
        (DeepGS, {"epochs": 0}, "needs pretrained"),
        (DeepGS, {"momentum": 0.5}, "momentum is an option of sgd and rmsprop, not of adam"),
        (DeepGS, {"loss": "ordinal", "mixup": 0.2}, "change numbers, not classes"),
        (DeepGS, {"pretrained": "a.h5", "initialise": "he"}, "overwrite the pretrained weights"),
    ],
)
def test_options_that_contradict_each_other(
    network: type[NetworkModel], options: dict[str, object], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        network(**options)


def test_the_disharmony_of_dropout_is_told_where_there_is_one() -> None:
    assert "2 of its dropouts stand before a batch normalisation" in DNNGP().remarks()[0]
    assert DNNGP(dropout_after_norm=True).remarks() == []
    assert DNNGP(dropout="uniform").remarks() == []
    assert DeepGS().remarks() == DLGWAS().remarks() == []


def test_options_are_read_without_torch(repository: Path) -> None:
    modules = ", ".join(network.__module__ for network in NETWORKS)
    code = f"import sys, {modules}; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], cwd=repository / "workflow", check=True)
