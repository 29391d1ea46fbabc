"""Each piece of the training craft, by the property that defines it."""

import numpy as np
import pytest
import torch
from scipy import stats
from sklearn.metrics import log_loss
from torch import nn

from breedcast.training.activations import ACTIVATIONS, ISRU, set_activations
from breedcast.training.augment import Augment, mix
from breedcast.training.blocks import LocallyConnected, set_first_weights
from breedcast.training.dropout import Dropout, before_normalisation, set_dropouts
from breedcast.training.initialisers import INITIALISERS
from breedcast.training.layers import Conv1d, Dense, Flatten, Penalty, set_penalties
from breedcast.training.losses import (
    AbsoluteError,
    Correlation,
    CrossEntropy,
    Huber,
    Ordinal,
    SquaredError,
)
from breedcast.training.network import Network, NumberInput, OneHotInput
from breedcast.training.noise import Noise
from breedcast.training.objective import Objective
from breedcast.training.optimisers import Optimiser
from breedcast.training.sampling import sample_predictions
from breedcast.training.schedules import Schedule
from breedcast.training.stopping import Stopping
from breedcast.training.trainer import EpochPlan
from tests.unit.networks import (
    POSITIONS,
    make_task,
    penalty,
    plain,
    settings,
    small_network,
    trained,
)


def keyed(layer: Noise, *key: int) -> Noise:
    layer.key = torch.tensor(key or (123, -456), dtype=torch.int32)
    return layer


# noise


def test_noise_is_uniform_normal_and_without_pattern() -> None:
    noise, shape = keyed(Noise()), torch.empty(200_000)
    uniform, normal = noise.uniform(shape).numpy(), noise.normal(shape).numpy()
    assert stats.kstest(uniform, stats.uniform(-1, 2).cdf).pvalue > 0.001
    assert stats.kstest(normal, "norm").pvalue > 0.001
    bits = np.unpackbits(noise.words(50_000).numpy().view(np.uint8)).reshape(50_000, 32)
    correlations = np.corrcoef(bits.T) - np.eye(32)
    assert np.abs(correlations).max() < 5 / np.sqrt(50_000)
    for lag in (1, 2, 16, 1024):
        assert abs(np.corrcoef(uniform[lag:], uniform[:-lag])[0, 1]) < 5 / np.sqrt(200_000)


def test_other_keys_give_unrelated_noise() -> None:
    shape = torch.empty(100_000)
    draw = EpochPlan.draw(1, 1, 100, 3, settings()).keys.reshape(-1, 2).tolist()
    first = keyed(Noise(), *draw[0]).uniform(shape)
    for key in draw[1:]:
        other = keyed(Noise(), *key).uniform(shape)
        for shift in range(-2, 3):
            r = np.corrcoef(first.numpy(), other.roll(shift).numpy())[0, 1]
            assert abs(r) < 5 / np.sqrt(100_000)


# dropout


@pytest.mark.parametrize("rate", [0.05, 0.3, 0.75, 0.9375])
def test_dropout_drops_its_share_and_keeps_the_mean(rate: float) -> None:
    layer, x = keyed(Dropout(rate)), torch.ones(1000, 1001, requires_grad=True)
    y = layer(x)
    kept = (y > 0).double()
    error = 5 * np.sqrt(rate * (1 - rate) / x.numel())
    assert kept.mean().item() == pytest.approx(1 - rate, abs=error)
    for half in range(2):  # both halves of a word are as likely
        share = kept.flatten()[half::2].mean().item()
        assert share == pytest.approx(1 - rate, abs=2 * error)
    assert y.unique().tolist() == pytest.approx([0.0, 1 / (1 - rate)])
    y.sum().backward()
    torch.testing.assert_close(x.grad, y.detach())
    assert layer.eval()(x) is x


@pytest.mark.parametrize("kind", ["bernoulli", "gaussian", "uniform"])
def test_every_dropout_keeps_the_mean_and_has_the_same_variance(kind: str) -> None:
    rate = 0.2
    y = keyed(Dropout(rate, kind))(torch.full((1_000_000,), 3.0)) / 3.0
    variance = rate / (1 - rate)
    assert y.mean().item() == pytest.approx(1.0, abs=5 * np.sqrt(variance / 1e6))
    assert y.var().item() == pytest.approx(variance, rel=0.01)


def test_uniform_dropout_is_bounded_by_one() -> None:
    y = keyed(Dropout(0.9, "uniform"))(torch.ones(100_000))
    assert 0.0 <= y.min() < 0.001
    assert 1.999 < y.max() <= 2.0


def test_the_disharmony_is_detected_and_both_remedies_work() -> None:
    """The variance that a normalisation meets must be the same in training and prediction."""

    def shift(kind: str, after_norm: bool) -> float:
        norm = nn.BatchNorm1d(8, momentum=None)
        layers = nn.Sequential(Dropout(0.5), norm, Dropout(0.5), nn.Linear(8, 1))
        set_dropouts(layers, kind, after_norm)
        assert layers[2].rate == 0.5
        keyed(layers[0]), keyed(layers[2])
        x = torch.from_numpy(np.random.default_rng(0).normal(1, 1, (20_000, 8))).float()
        layers.train()(x)
        return (norm.running_var / x.var(0)).mean().item()

    layers = nn.Sequential(Dropout(0.5), nn.BatchNorm1d(8), Dropout(0.1))
    assert before_normalisation(layers) == [layers[0]]
    assert before_normalisation(nn.Sequential(nn.BatchNorm1d(8), Dropout(0.5))) == []
    # noise of variance v on x of mean 1, variance 1 has a variance of 1 + v (1 + 1)
    assert shift("bernoulli", False) == pytest.approx(3.0, rel=0.05)
    assert shift("uniform", False) == pytest.approx(1 + 2 / 3, rel=0.05)
    assert shift("bernoulli", True) == pytest.approx(1.0, rel=0.01)
    assert shift("none", False) == pytest.approx(1.0, rel=0.01)


def test_multi_sample_dropout_is_the_mean_over_masks() -> None:
    torch.manual_seed(0)
    network = small_network()
    samples = Objective(network, Augment(0.0, 0.0, 0.0, 0), samples=4)
    dropout = next(layer for layer in network.head if isinstance(layer, Dropout))
    keyed(dropout)
    x, y, w = torch.randn(5, POSITIONS), torch.randn(5), torch.rand(5)
    nothing = torch.empty(5, 0)
    loss = samples.train()(x, nothing, y, w, torch.tensor(1.0))
    # the masks of 4 copies are those of a batch of 20 lines
    values = network(x.repeat(4, 1), nothing.repeat(4, 1)).view(4, 5)
    by_mask = (((values - y) ** 2 * w).sum(1) / w.sum()).tolist()
    assert loss.item() == pytest.approx(np.mean(by_mask), rel=1e-5)
    assert len({round(value, 6) for value in by_mask}) == 4


def test_a_mask_per_sample_in_the_features_too() -> None:
    features = nn.Sequential(nn.Flatten(), Dropout(0.5))
    network = Network(NumberInput(), features, Dense(POSITIONS, 1), SquaredError())
    assert plain(network, samples=2).copies_input
    assert not plain(small_network(), samples=2).copies_input


def test_monte_carlo_dropout_varies_as_theory_says() -> None:
    """One dropout before a linear layer: the variance is sum (w x)^2 rate / (1 - rate)."""
    network = Network(
        NumberInput(),
        nn.Flatten(),
        nn.Sequential(Dropout(0.2), Dense(POSITIONS, 1)),
        SquaredError(),
    )
    x = torch.randn(3, POSITIONS)
    nothing = torch.empty(3, 0)
    values = sample_predictions(network, x, nothing, samples=4000, seed=1)
    exact = network.eval()(x, nothing).detach().numpy()
    weight = network.head[1].weight.detach()[0]
    sd = ((weight * x) ** 2).sum(1).mul(0.25).sqrt().numpy()
    np.testing.assert_allclose(values.mean(0), exact, atol=5 * sd.max() / np.sqrt(4000))
    np.testing.assert_allclose(values.std(0), sd, rtol=0.05)
    np.testing.assert_array_equal(values, sample_predictions(network, x, nothing, 4000, 1))
    np.testing.assert_allclose(network(x, nothing).detach(), exact)  # it was switched off again


# penalties, decay, bounds


def a_step(network: Network, optimiser: Optimiser, rate: float) -> list[np.ndarray]:
    """The change of each weight by one step on a batch without dropout."""
    x, y = torch.randn(7, POSITIONS, generator=torch.Generator().manual_seed(1)), torch.ones(7)
    before = [weight.detach().clone() for weight in network.parameters()]
    loss = nn.functional.mse_loss(network.eval()(x, torch.empty(7, 0)), y)
    optimiser.over(dict(network.named_parameters()), network).step(loss, np.array([rate]))
    return [
        (weight - old).detach().numpy()
        for weight, old in zip(network.parameters(), before, strict=True)
    ]


def test_penalty_and_its_gradient() -> None:
    """A step of the optimiser moves the weights as the penalty in the loss would."""
    torch.manual_seed(0)
    first = Dense(POSITIONS, 4, penalty=Penalty(l2=0.1, bias_l2=0.01, l1=0.05))
    network = Network(
        NumberInput(), nn.Flatten(), nn.Sequential(first, Dense(4, 1)), SquaredError()
    )
    nn.init.normal_(first.bias)
    expected = (
        0.1 * (first.weight**2).sum()
        + 0.01 * (first.bias**2).sum()
        + 0.05 * first.weight.abs().sum()
    )
    torch.testing.assert_close(penalty(network), expected)
    x = torch.randn(7, POSITIONS, generator=torch.Generator().manual_seed(1))
    loss = nn.functional.mse_loss(network(x, torch.empty(7, 0)), torch.ones(7)) + penalty(network)
    gradients = torch.autograd.grad(loss, list(network.parameters()))
    moves = a_step(network, Optimiser("sgd"), 0.1)
    for move, gradient in zip(moves, gradients, strict=True):
        np.testing.assert_allclose(move, -0.1 * gradient.numpy(), atol=1e-6)


def test_penalties_by_kind_of_layer() -> None:
    network = nn.Sequential(
        Conv1d(1, 2, 3, penalty=Penalty(0.1, 0.2)), Flatten(), Dense(12, 1, penalty=Penalty(0.3))
    )
    set_penalties(network, (nn.Conv1d,), l1=0.5, l2=None)
    set_penalties(network, (nn.Linear,), l1=None, l2=0.0)
    assert network[0].penalty == Penalty(0.1, 0.2, 0.5)
    assert network[2].penalty == Penalty(0.0)


def test_decoupled_decay_is_that_of_pytorchs_adamw() -> None:
    torch.manual_seed(0)
    network = small_network(rate=0.0)
    twin = small_network(rate=0.0)
    twin.load_state_dict(network.state_dict())
    matrices = [weight for weight in twin.parameters() if weight.dim() > 1]
    biases = [weight for weight in twin.parameters() if weight.dim() == 1]
    reference = torch.optim.AdamW(
        [{"params": matrices, "weight_decay": 0.3}, {"params": biases, "weight_decay": 0.0}],
        lr=0.1,
        eps=1e-7,
    )
    x = torch.randn(7, POSITIONS, generator=torch.Generator().manual_seed(1))
    nn.functional.mse_loss(twin.eval()(x, torch.empty(7, 0)), torch.ones(7)).backward()
    reference.step()
    a_step(network, Optimiser("adamw", decay=0.3), 0.1)
    for one, two in zip(network.parameters(), twin.parameters(), strict=True):
        torch.testing.assert_close(one, two)


def test_the_norm_of_a_gradient_is_clipped_and_that_of_weights_bounded() -> None:
    torch.manual_seed(0)
    moves = a_step(small_network(rate=0.0), Optimiser("sgd", clip=0.01), 1.0)
    assert np.sqrt(sum((move**2).sum() for move in moves)) == pytest.approx(0.01, rel=1e-4)
    network = small_network(rate=0.0)
    a_step(network, Optimiser("sgd", max_norm=0.4), 1e-9)
    norms = network.head[0].weight.norm(dim=1)
    assert norms.max().item() == pytest.approx(0.4, rel=1e-4)


def wide_network(monkeypatch: pytest.MonkeyPatch) -> Network:
    """Two windows of three inputs to four filters, what they add up to scaled by a half."""
    monkeypatch.setattr("breedcast.training.blocks.FEW", POSITIONS / 2)
    layers = nn.Sequential(LocallyConnected(1, POSITIONS, 3, filters=4), Flatten())
    return Network(NumberInput(), layers, Dense(8, 1), SquaredError())


def test_weights_of_windows_are_bounded_unit_by_unit_as_they_act(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    network = wide_network(monkeypatch)
    windows = network.features[0]
    nn.init.ones_(windows.weight)
    a_step(network, Optimiser("sgd", max_norm=0.4), 1e-9)
    assert windows.share == 0.5
    norms = (windows.share * windows.weight).norm(dim=1)
    torch.testing.assert_close(norms, torch.full((2, 4), 0.4))


def test_first_weights_of_windows_are_drawn_as_they_act(monkeypatch: pytest.MonkeyPatch) -> None:
    windows = wide_network(monkeypatch).features[0]
    set_first_weights(windows, "uniform")
    acting = windows.share * windows.weight.detach()
    assert 0.04 < acting.abs().max() <= 0.05
    assert len(acting.unique()) == acting.numel()


# augmentation


def test_hidden_calls_become_missing_and_others_stay() -> None:
    augment = Augment(0.0, 0.0, mask=0.3, missing=3)
    keyed(augment.on_calls)
    codes = torch.randint(0, 3, (100, 1000), dtype=torch.uint8)
    hidden = augment.batch(codes)
    assert hidden.dtype == torch.uint8
    assert (hidden == 3).double().mean().item() == pytest.approx(0.3, abs=0.01)
    assert torch.equal(hidden[hidden != 3], codes[hidden != 3])
    assert Augment(0.0, 0.0, 0.0, 3).batch(codes) is codes


def test_noise_on_input_and_label_has_its_size() -> None:
    augment = Augment(0.5, 2.0, 0.0, 0)
    keyed(augment.on_input), keyed(augment.on_label)
    assert (augment.channels(torch.zeros(300, 1, 300))).std().item() == pytest.approx(0.5, rel=0.02)
    assert (augment.target(torch.zeros(90_000))).std().item() == pytest.approx(2.0, rel=0.02)


def test_mixed_lines_lie_between_a_line_and_its_neighbour() -> None:
    lines = torch.tensor([[0.0, 8.0], [4.0, 0.0], [2.0, 2.0]])
    assert mix(lines, torch.tensor(0.75)).tolist() == [[0.5, 6.5], [3.0, 2.0], [2.5, 1.5]]


def test_mixing_masking_and_noise_happen_in_training_alone() -> None:
    """They change what is learnt, and never what a network says of a line."""

    def build(**options: object) -> Objective:
        network = Network(
            OneHotInput(torch.zeros(4, 1)), nn.Flatten(), Dense(4 * POSITIONS, 1), SquaredError()
        )
        return Objective(network, Augment(0.3, 0.3, 0.3, 3), mixes=True)

    objective = build()
    codes = torch.randint(0, 3, (5, POSITIONS), dtype=torch.uint8)
    objective.eval()
    first = objective.network(codes, torch.empty(5, 0))
    for layer in (objective.augment.on_input, objective.augment.on_calls):
        keyed(layer, 9, 9)
    torch.testing.assert_close(objective.network(codes, torch.empty(5, 0)), first)
    mixed, plainly = (trained(make_task(), epochs=3, mixup=alpha) for alpha in (0.4, 0.0))
    assert mixed.history == plainly.history  # the objective, not the settings, says to mix


# schedules and stopping


def test_schedules() -> None:
    cosine = Schedule("cosine", warmup=2)
    shares = [cosine.share(epoch, 12, 0) for epoch in range(1, 13)]
    assert shares[:3] == pytest.approx([1 / 3, 2 / 3, 1.0])
    assert shares[7] == pytest.approx(0.5)  # half-way through the ten epochs after the warm-up
    assert shares[2:] == sorted(shares[2:], reverse=True)
    assert Schedule("plateau").share(9, 12, halvings=3) == 0.125
    assert Schedule("constant").share(9, 12, halvings=3) == 1.0


def test_a_plateau_halves_the_rate_after_half_the_patience() -> None:
    stopping = Stopping(patience=4, min_improvement=0.0)
    scores = [5.0, 4.0, 4.5, 4.5, 3.0, 3.5, 3.5, 3.5, 3.5]
    seen = []
    for epoch, score in enumerate(scores, start=1):
        stopping.improves(epoch, score)
        seen.append((stopping.best_epoch, stopping.halvings, stopping.is_over(epoch)))
    assert seen[3] == (2, 1, False)
    assert seen[4] == (5, 1, False)
    assert seen[6:] == [(5, 2, False), (5, 2, False), (5, 3, True)]


def test_the_learning_rate_is_in_the_history() -> None:
    result = trained(make_task(), epochs=30, schedule=Schedule("cosine"), learning_rate=0.1)
    rates = [record["learning_rate"] for record in result.history]
    assert rates[0] == 0.1
    assert rates[15] == pytest.approx(0.05)


# first weights and activations


@pytest.mark.parametrize(
    ("name", "sd", "bound"),
    [
        ("normal", 0.05, None),
        ("truncated_normal", 0.044, 0.1),
        ("uniform", 0.05 / np.sqrt(3), 0.05),
        ("xavier", np.sqrt(2 / (400 + 600)), np.sqrt(6 / (400 + 600))),
        ("he", np.sqrt(2 / 400), None),
        ("pytorch", np.sqrt(1 / (3 * 400)), np.sqrt(1 / 400)),
    ],
)
def test_first_weights_have_the_spread_of_their_name(
    name: str, sd: float, bound: float | None
) -> None:
    layer = Dense(400, 600)
    nn.init.ones_(layer.bias)
    set_first_weights(nn.Sequential(layer), name)
    weight = layer.weight.detach()
    assert weight.std().item() == pytest.approx(sd, rel=0.01)
    assert abs(weight.mean().item()) < 5 * sd / np.sqrt(400 * 600)
    if bound is not None:
        assert weight.abs().max().item() <= bound
    assert (layer.bias == 1).all()
    assert name in INITIALISERS


def test_activations_are_exchanged_wherever_they_stand() -> None:
    network = nn.Sequential(nn.Sequential(nn.Linear(1, 1), nn.ReLU()), nn.Sigmoid(), ISRU(0.1))
    set_activations(network, "gelu")
    kinds = [type(layer) for layer in network.modules()]
    assert kinds.count(nn.GELU) == 3
    assert not {nn.ReLU, nn.Sigmoid, ISRU} & set(kinds)
    x = torch.linspace(-3, 3, 7)
    assert torch.equal(ACTIVATIONS["linear"]()(x), x)
    torch.testing.assert_close(ACTIVATIONS["isru"]()(x), x / torch.sqrt(1 + 0.5 * x**2))


# losses


def test_losses_of_numbers() -> None:
    rng = np.random.default_rng(0)
    y, t, w = rng.normal(size=(3, 50))
    w = w**2
    outputs, target, weight = (
        torch.from_numpy(y)[:, None],
        torch.from_numpy(t),
        torch.from_numpy(w),
    )
    error = np.abs(y - t)
    huber = np.where(error < 1, error**2, 2 * error - 1)
    for readout, expected in (
        (SquaredError(), np.average(error**2, weights=w)),
        (AbsoluteError(), np.average(error, weights=w)),
        (Huber(), np.average(huber, weights=w)),
    ):
        assert readout.loss(outputs, target, weight).item() == pytest.approx(expected)
    ones = torch.ones(50)
    r = np.corrcoef(y, t)[0, 1]
    expected = 1 - r + (y.mean() - t.mean()) ** 2
    assert Correlation().loss(outputs, target, ones).item() == pytest.approx(expected, rel=1e-5)
    rescaled = Correlation().loss(3 * (outputs - y.mean()) + y.mean(), target, ones).item()
    assert rescaled == pytest.approx(expected, rel=1e-5)


def test_cross_entropy_is_scikit_learns() -> None:
    scores = torch.tensor([1.0, 3.0, 9.0])
    readout = CrossEntropy(scores)
    outputs, target = torch.randn(40, 3), torch.randint(0, 3, (40,)).float()
    weight = torch.rand(40)
    probability = outputs.double().softmax(1).numpy()
    expected = log_loss(target, probability, sample_weight=weight, labels=[0, 1, 2])
    assert readout.loss(outputs, target, weight).item() == pytest.approx(expected, rel=1e-5)
    np.testing.assert_allclose(readout(outputs), probability @ scores.numpy(), rtol=1e-5)


def test_proportional_odds_are_logistic_regression_by_class_and_recover_thresholds() -> None:
    """The maximum of its likelihood on a logistic latent trait lies at the true thresholds."""
    rng = np.random.default_rng(1)
    latent = rng.normal(0, 2, 40_000)
    cuts = np.array([-2.0, 0.0, 1.5])
    score = np.searchsorted(cuts, latent + rng.logistic(size=40_000))
    readout = Ordinal(torch.arange(4.0)).double()
    outputs = torch.from_numpy(latent)[:, None]
    target, weight = torch.from_numpy(score).double(), torch.ones(40_000).double()
    optimiser = torch.optim.LBFGS(readout.parameters(), max_iter=100)

    def closure() -> torch.Tensor:
        optimiser.zero_grad()
        loss = readout.loss(outputs, target, weight)
        loss.backward()
        return loss

    optimiser.step(closure)
    thresholds = outputs - readout._above(outputs)
    np.testing.assert_allclose(thresholds[0].detach(), cuts, atol=0.05)
    above = 1 / (1 + np.exp(-(latent[:, None] - cuts)))
    np.testing.assert_allclose(readout(outputs).detach(), above.sum(1), atol=0.05)
    two = Ordinal(torch.tensor([0.0, 1.0]))  # two classes: logistic regression
    logits, binary = torch.randn(30, 1), torch.randint(0, 2, (30,)).float()
    expected = nn.functional.binary_cross_entropy_with_logits(logits[:, 0] - two.first, binary)
    torch.testing.assert_close(two.loss(logits, binary, torch.ones(30)), expected)
