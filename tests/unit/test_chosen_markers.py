"""Networks that are given some of the markers: which, and that the others move nothing."""

import numpy as np
import pandas as pd
import pytest
from sklearn.feature_selection import r_regression

from breedcast.genotypes.encode import (
    ChosenMarkers,
    DosageMeans,
    OneHot,
    PrincipalComponents,
    ScaledDosage,
    most_associated,
)
from breedcast.models.base import Lines
from breedcast.models.dlgwas import DLGWAS
from breedcast.models.dnn import DNN
from breedcast.models.dnngp import DNNGP
from breedcast.models.fitted_network import FittedNetwork
from breedcast.models.network import NetworkModel

LINES, MARKERS, LOCI = 260, 400, (30, 170, 320)


def simulate(seed: int = 0) -> Lines:
    """Three loci among many markers that tell nothing, unlinked."""
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, 3, (LINES, MARKERS), dtype=np.uint8)
    value = codes[:, LOCI].sum(axis=1) + rng.normal(size=LINES)
    return Lines(codes, 2, pd.DataFrame(index=range(LINES)), value)


def chosen(network: FittedNetwork) -> np.ndarray:
    encoder = network.encoder
    assert isinstance(encoder, ChosenMarkers)
    return encoder.chosen


@pytest.mark.parametrize("kind", [ScaledDosage, OneHot])
def test_they_are_encoded_as_they_would_be_alone(kind: type[ScaledDosage | OneHot]) -> None:
    codes, some = simulate().codes, np.array([3, 170, 399])
    found = ChosenMarkers(kind.fit(codes, 2), some)
    alone = kind.fit(codes[:, some], 2)
    assert (found.length, found.channels, found.missing) == (3, alone.channels, 3)
    np.testing.assert_array_equal(found.encode(codes), alone.encode(codes[:, some]))
    for name, array in alone.arrays().items():
        np.testing.assert_array_equal(found.arrays()[name], array)
    gradient = np.random.default_rng(1).normal(size=(LINES, alone.channels, 3))
    beside = np.random.default_rng(2).normal(size=(LINES, MARKERS))
    others = np.setdiff1d(np.arange(MARKERS), some)
    for whole, part in (
        (found.per_marker(gradient), alone.per_marker(gradient)),
        (found.contributions(gradient, codes), alone.contributions(gradient, codes[:, some])),
    ):
        np.testing.assert_allclose(whole[:, some], part)
        assert not whole[:, others].any()
    with_beside = found.per_marker(gradient, beside)
    expected = alone.per_marker(gradient, beside[:, some])
    np.testing.assert_allclose(with_beside[:, some], expected)
    assert (with_beside[:, others] > 0).all()


def test_principal_components_can_be_of_some_markers() -> None:
    codes, some = simulate().codes, np.array([3, 170, 399])
    alone = PrincipalComponents.fit(codes[:, some], 2, 1.0)
    found = alone.among(DosageMeans.fit(codes, 2), some)
    np.testing.assert_allclose(found.encode(codes), alone.encode(codes[:, some]), atol=1e-5)
    gradient = np.random.default_rng(1).normal(size=(LINES, 1, 3))
    per_marker = found.per_marker(gradient)
    np.testing.assert_allclose(per_marker[:, some], alone.per_marker(gradient))
    assert not np.delete(per_marker, some, axis=1).any()


def test_the_most_associated_are_those_of_the_greatest_correlation() -> None:
    lines = simulate()
    codes = lines.codes.copy()
    codes[:, 5] = 1  # does not vary
    weight = np.random.default_rng(1).integers(1, 4, LINES)
    for counts in (np.ones(LINES, int), weight):  # a weight of 2 is the line twice over
        X, y = np.repeat(codes, counts, axis=0), np.repeat(lines.observed, counts)
        r = r_regression(X.astype(float), y)
        r[5] = 0.0  # which scikit-learn leaves to rounding
        expected = np.sort(np.argsort(-(r**2), kind="stable")[:25])
        found = most_associated(codes, 2, lines.observed, counts.astype(float), 25)
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("network", [DNN, DNNGP, DLGWAS])
def test_what_is_not_chosen_moves_nothing(network: type[NetworkModel]) -> None:
    lines = simulate()
    model = network(most_markers=50, epochs=3, networks=1, shortcut=(), variance=1.0)
    fitted = model.fit(lines, 0, "cpu")
    encoder = fitted.networks[0].encoder
    if isinstance(encoder, PrincipalComponents):
        seen = np.flatnonzero(encoder.loadings.any(axis=1))
    else:
        seen = chosen(fitted.networks[0])
    assert len(seen) == 50
    others = np.setdiff1d(np.arange(MARKERS), seen)
    changed = lines.codes.copy()
    changed[:, others] = np.random.default_rng(2).permutation(changed[:, others])
    before, after = (fitted.predict(lines.with_codes(it)).mean for it in (lines.codes, changed))
    np.testing.assert_array_equal(before, after)
    for statistic in fitted.saliency.values():
        assert statistic.shape == (1, MARKERS)
        assert not statistic[0, others].any()
        assert statistic[0, seen].all()


def test_chance_draws_anew_for_each_network_and_the_same_again() -> None:
    model = DNN(most_markers=50, epochs=1, networks=2)
    first, again = (model.fit(simulate(), 0, "cpu").networks for _ in range(2))
    assert len(np.intersect1d(chosen(first[0]), chosen(first[1]))) < 25
    for one, other in zip(first, again, strict=True):
        np.testing.assert_array_equal(chosen(one), chosen(other))


def test_more_than_there_are_is_all() -> None:
    given = DNN(most_markers=MARKERS, epochs=2).fit(simulate(), 0, "cpu")
    without = DNN(epochs=2).fit(simulate(), 0, "cpu")
    lines = simulate(1)
    np.testing.assert_array_equal(given.predict(lines).mean, without.predict(lines).mean)


def test_association_is_learnt_from_the_lines_that_are_trained_on_alone() -> None:
    lines = simulate()
    model = DNN(most_markers=20, chosen_by="association", epochs=1, networks=1)
    (network,) = model.fit(lines, 0, "cpu").networks
    assert set(LOCI) <= set(chosen(network))
    rows = network.learnt.rows
    value = lines.observed.copy()
    stopped_by = np.setdiff1d(np.arange(LINES), rows)
    value[stopped_by] = np.random.default_rng(3).normal(size=len(stopped_by))
    other = Lines(lines.codes, 2, lines.covariates, value)
    np.testing.assert_array_equal(chosen(model.fit(other, 0, "cpu").networks[0]), chosen(network))


def test_association_pays_where_few_of_many_markers_tell() -> None:
    train, new = simulate(), simulate(1)
    r = {
        how: np.corrcoef(
            DNN(most_markers=20, chosen_by=how, networks=2)
            .fit(train, 0, "cpu")
            .predict(new.blind())
            .mean,
            new.observed,
        )[0, 1]
        for how in ("chance", "association")
    }
    assert r["association"] > 0.6
    assert r["association"] > r["chance"] + 0.2
