"""Networks that learn other traits beside their own, an output for each."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from breedcast.models.base import Fit
from breedcast.models.deepgs import DeepGS
from breedcast.models.dnn import DNN
from breedcast.training.losses import make_readout
from tests.unit.test_job import learnt, make_job, only_first_fold, with_other_test_lines
from tests.unit.test_mtgblup import simulate

ALL = ("all",)
NAN = float("nan")


def of_few_values(seed, lines=260, known=80, train=200):
    """Lines that train, the first of them with a value of the trait; the others and their truth."""
    everyone, true = simulate(0.9, 0, lines=lines, seed=seed)
    value = everyone.observed.copy()
    value[known:train] = NAN
    trained = replace(everyone, value=value).take(np.arange(train))
    return trained, everyone.take(np.arange(train, lines)).blind(), true[train:, 0]


@pytest.mark.parametrize(("name", "cost"), [("mse", lambda e: e**2), ("mae", abs)])
def test_the_loss_is_of_the_values_that_there_are(name, cost):
    outputs = torch.tensor([[1.0, 2.0, 0.0], [0.0, 1.0, 5.0], [3.0, 0.0, 1.0]])
    target = torch.tensor([[2.0, 2.5, NAN], [NAN, 3.0, NAN], [0.0, NAN, NAN]])
    weight = torch.tensor([1.0, 2.0, 3.0])
    loss = make_readout(name, None, helpers=2, helper_weight=0.5).loss(outputs, target, weight)
    own = (cost(-1.0) * 1 + cost(3.0) * 3) / 4
    first = (cost(-0.5) * 1 + cost(-2.0) * 2) / 3
    assert loss.item() == pytest.approx(own + 0.5 * (first + 0.0) / 2)


def test_a_helper_of_high_heritability_helps_networks():
    gains = []
    for seed in range(4):
        lines, new, true = of_few_values(seed)
        fits = [
            (DNN(helper_traits=ALL, networks=2), lines),
            (DNN(networks=2), lines.take(np.arange(80))),
        ]
        r = [
            np.corrcoef(model.fit(train, 0, "cpu").predict(new).mean, true)[0, 1]
            for model, train in fits
        ]
        gains.append(r[0] - r[1])
    assert np.mean(gains) > 0.02
    assert np.mean(gains) > 2 * np.std(gains, ddof=1) / np.sqrt(4)


def test_only_lines_with_a_value_of_the_trait_decide_when_to_stop():
    lines, _, _ = of_few_values(0)
    model = DNN(helper_traits=ALL)
    prepared = model._prepare(Fit(lines, 3), None, 3)
    assert len(prepared.task.stop) == 8
    assert np.isfinite(prepared.task.stop.target).all()
    assert prepared.task.train.target.shape == (192, 2)
    assert np.isnan(prepared.task.train.target[:, 0]).sum() == 120


def test_helpers_that_tell_nothing_change_nothing():
    lines, new, _ = of_few_values(1)
    rare = np.full(len(lines), NAN)
    rare[:5] = np.arange(5.0)
    helpers = pd.DataFrame({"same": np.ones(len(lines)), "rare": rare})
    short = {"networks": 1, "epochs": 3}
    with_them = DNN(helper_traits=ALL, **short).fit(replace(lines, helpers=helpers), 0, "cpu")
    without = DNN(**short).fit(lines.take(np.arange(80)), 0, "cpu")
    np.testing.assert_array_equal(with_them.predict(new).mean, without.predict(new).mean)


def test_side_by_side_they_learn_as_alone():
    fits = [Fit(of_few_values(seed)[0], seed) for seed in range(2)]
    new = of_few_values(0)[1]
    model = DNN(helper_traits=ALL, networks=1, epochs=4, dropout_samples=2, mixup=0.2)
    together = model.fit_all(fits, "cpu")
    for fit, fitted in zip(fits, together, strict=True):
        alone = model.fit(fit.lines, fit.seed, "cpu")
        np.testing.assert_allclose(
            fitted.predict(new).mean, alone.predict(new).mean, rtol=1e-3, atol=1e-4
        )


def test_a_job_trains_and_predicts_with_them():
    job = make_job(DNN(helper_traits=ALL, networks=1, epochs=2), permutations=1)
    rows = job.run(threads=1).predictions
    assert np.isfinite(rows["predicted"]).all()
    assert {"test", "inner", "candidate"} < set(rows["role"])


def test_what_is_held_out_moves_nothing_that_is_learnt():
    job = only_first_fold(make_job(DNN(helper_traits=ALL, networks=1, epochs=2)))
    before, after = job.run(threads=1), with_other_test_lines(job).run(threads=1)
    for first, second in zip(learnt(before), learnt(after), strict=True):
        pd.testing.assert_frame_equal(first, second, check_exact=True)


def test_what_does_not_go_with_helpers_is_refused():
    assert DeepGS(helper_traits=ALL).beside == ()
    for options in ({"loss": "correlation"}, {"loss": "ordinal"}, {"shortcut": ("additive",)}):
        with pytest.raises(ValueError, match="helper_traits"):
            DeepGS(helper_traits=ALL, **options)
