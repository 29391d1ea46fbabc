"""Crosses: progeny simulated meiosis by meiosis, two loci by hand, the posterior in closed form."""

import numpy as np
import pandas as pd
import pytest

from breedcast.errors import UserError
from breedcast.genotypes.columns import CodeColumns
from breedcast.models.base import Lines, model_class
from breedcast.models.registry import MODELS
from breedcast.selection import crosses
from breedcast.selection.crosses import COLUMNS, Products, intensity, predict_crosses
from breedcast.selection.linkage import Linkage, distances, read_map
from breedcast.selection.merit import Merit

PROGENY = ["doubled_haploids", "inbred_lines"]
SETTINGS = {"parents": 4, "selected": 0.1, "direction": "high", "seed": 0}


def population(seed=0, lines=60, markers=80, heritability=0.6, ploidy=2):
    """Inbred lines: phenotypes (none of the last ten), codes, Morgans, effects."""
    rng = np.random.default_rng(seed)
    founders = rng.integers(0, 2, (8, markers))
    piece = np.repeat(rng.integers(0, 8, (lines, markers // 10)), 10, axis=1)
    codes = (founders[piece, np.arange(markers)] * ploidy).astype(np.uint8)
    effects = rng.normal(0, 1, markers)
    genetic = codes @ effects
    error = np.sqrt(genetic.var() * (1 / heritability - 1))
    value = 20 + genetic + rng.normal(0, error, lines)
    value[-10:] = np.nan
    samples = [f"L{number}" for number in range(lines)]
    table = pd.DataFrame({"sample": samples, "environment": None, "value": value, "weight": 1.0})
    distance = rng.exponential(0.03, markers)
    distance[[0, markers // 2]] = np.inf
    return table, codes, distance, effects


def fitted(seed=0, **kwargs):
    lines, codes, distance, _ = population(seed, **kwargs)
    return Merit.fit(CodeColumns.of(codes, kwargs.get("ploidy", 2)), lines), distance


def gametes(rng, first, second, distance, count):
    """(count, loci) of plants with these two haplotypes: a crossover between loci d apart with
    probability (1 - exp(-2 d)) / 2, each interval by itself."""
    recombined = rng.random((count, len(distance))) < (1 - np.exp(-2 * distance)) / 2
    recombined[:, 0] = rng.random(count) < 0.5
    from_first = np.cumsum(recombined, axis=1) % 2 == 0
    return np.where(from_first, first, second)


def progeny_of(rng, kind, one, two, distance, count):
    """(count, loci) dosages of doubled haploids, or of lines selfed for twelve generations."""
    if kind == "doubled_haploids":
        return 2 * gametes(rng, one, two, distance, count)
    first, second = np.tile(one, (count, 1)), np.tile(two, (count, 1))
    for _ in range(12):
        pair = (gametes(rng, first, second, distance, count) for _ in range(2))
        first, second = pair
    return first + second


@pytest.mark.parametrize("kind", PROGENY)
def test_variances_are_those_of_simulated_progeny(kind, monkeypatch):
    """Of known effects: no draws."""
    monkeypatch.setattr(crosses, "DRAWS", 0)
    _, codes, distance, effects = population()
    dosage = codes[:3].astype(float)
    sums = Products.of(Linkage.of(kind), 3, 1)
    u = (dosage.T / 2 * effects[:, None])[:, :, None]
    sums.add(u[:30], distance[:30])
    sums.add(u[30:], distance[30:])
    own = np.diag(sums.products)
    rng = np.random.default_rng(1)
    for one, two in ((0, 1), (0, 2), (1, 2)):
        parents = codes[one] // 2, codes[two] // 2
        values = progeny_of(rng, kind, *parents, distance, 6000) @ effects
        expected = own[one] + own[two] - 2 * sums.products[one, two]
        assert values.var() == pytest.approx(expected, rel=0.08)
        assert values.mean() == pytest.approx((dosage[one] + dosage[two]) @ effects / 2, abs=0.5)


@pytest.mark.parametrize(
    ("kind", "covariance"),
    [
        ("doubled_haploids", lambda r: 1 - 2 * r),
        ("inbred_lines", lambda r: (1 - 2 * r) / (1 + 2 * r)),
    ],
)
def test_two_loci_by_hand(kind, covariance):
    """In coupling the variance is a^2 + b^2 + 2 D a b; in repulsion the last term is taken away."""
    a, b = 0.7, 0.4
    for d in (0.0, 0.1, 0.8, np.inf):
        D = covariance((1 - np.exp(-2 * d)) / 2)
        for parents, sign in ((([2, 2], [0, 0]), 1), (([2, 0], [0, 2]), -1)):
            sums = Products.of(Linkage.of(kind), 2, 1)
            u = (np.array(parents).T / 2 * np.array([[a], [b]]))[:, :, None]
            sums.add(u, np.array([np.inf, d]))
            variance = np.trace(sums.products) - 2 * sums.products[0, 1]
            assert variance == pytest.approx(a * a + b * b + sign * 2 * D * a * b, abs=1e-8)


@pytest.mark.parametrize("kind", PROGENY)
def test_the_variance_is_the_posterior_mean_in_closed_form(kind):
    """c' D c of the effects' estimates plus the trace of D with their posterior covariance."""
    merit, distance = fitted(heritability=0.3)
    table = predict_crosses(merit, distance, progeny=kind, **SETTINGS)
    ((_, dosage),) = merit.blocks()
    Z, prior = dosage[: merit.trained], merit.mixed.sigma2_g / merit.scale
    covariance = prior * np.eye(Z.shape[1]) - prior**2 * Z.T @ merit.precision() @ Z
    place = np.cumsum(np.where(np.isinf(distance), 1e6, distance))
    linkage, apart = Linkage.of(kind), np.abs(place[:, None] - place)
    D = np.exp(-apart[..., None] * linkage.rates) @ linkage.weights
    row = {sample: number for number, sample in enumerate(merit.lines["sample"])}
    for cross in table.itertuples():
        c = (dosage[row[cross.parent_1]] - dosage[row[cross.parent_2]]) / 2
        estimated = (c * merit.effects(dosage)) @ D @ (c * merit.effects(dosage))
        exact = estimated + np.sum(D * np.outer(c, c) * covariance)
        assert cross.sd**2 == pytest.approx(exact, rel=0.12)
        assert exact > 1.2 * estimated  # so that draws are not for nothing


def test_true_variances_are_met_on_average():
    """Over simulated populations whose effects are known, and not by the estimates alone."""
    ratio, alone = [], []
    for seed in range(40):
        _, codes, _, effects = population(seed, heritability=0.5)
        merit, distance = fitted(seed, heritability=0.5)
        table = predict_crosses(merit, distance, progeny="doubled_haploids", **SETTINGS)
        ((_, dosage),) = merit.blocks()
        row = {sample: number for number, sample in enumerate(merit.lines["sample"])}
        for cross in table.itertuples():
            c = np.subtract(*(codes[row[it]].astype(float) for it in cross[1:3])) / 2
            true, estimated = (
                variance_of(c * a, distance) for a in (effects, merit.effects(dosage))
            )
            ratio.append((cross.sd**2, true))
            alone.append((estimated, true))
    predicted, true = np.mean(ratio, axis=0)
    assert predicted == pytest.approx(true, rel=0.15)
    assert np.mean(alone, axis=0)[0] < 0.75 * true


def variance_of(c, distance):
    sums = Products.of(Linkage.of("doubled_haploids"), 1, 1)
    sums.add(c[:, None, None], distance)
    return sums.products[0, 0]


def test_heterozygous_loci_of_a_parent_segregate_too(monkeypatch):
    """Doubled haploids of simulated F1 plants, one parent being heterozygous at every third of
    loci that are not linked."""
    monkeypatch.setattr(crosses, "DRAWS", 0)
    lines, codes, distance, _ = population()
    distance[:] = np.inf
    codes[0, ::3] = 1
    merit = Merit.fit(CodeColumns.of(codes, 2), lines)
    expected = crosses._variances(merit, np.array([0, 1]), distance, Linkage.of(PROGENY[0]), 0)
    ((_, dosage),) = merit.blocks()
    rng = np.random.default_rng(1)
    haplotypes = codes[0] // 2, codes[0] // 2 + (codes[0] == 1)
    carried = gametes(rng, *haplotypes, distance, 8000)
    values = progeny_of(rng, PROGENY[0], carried, codes[1] // 2, distance, 8000)
    values = values @ merit.effects(dosage)
    assert values.var() == pytest.approx(expected[0, 1], rel=0.06)
    assert (merit.effects(dosage)[::3] ** 2).sum() / 2 > 0.15 * expected[0, 1]


def test_the_table_is_that_of_the_best_lines_in_the_traits_direction():
    merit, distance = fitted()
    high, low = (
        predict_crosses(
            merit, distance, progeny="doubled_haploids", **{**SETTINGS, "direction": it}
        )
        for it in ("high", "low")
    )
    values = pd.Series(merit.values, merit.lines["sample"])
    for table, best, sign in ((high, values.nlargest(4), 1), (low, values.nsmallest(4), -1)):
        assert table.columns.tolist() == COLUMNS
        assert set(table["parent_1"]) | set(table["parent_2"]) == set(best.index)
        assert len(table) == 6
        means = (best[table["parent_1"]].to_numpy() + best[table["parent_2"]].to_numpy()) / 2
        assert np.allclose(table["mean"], means)
        gain = intensity(0.1) * table["sd"] ** 2 / np.hypot(table["sd"], merit.mixed.sigma2_e**0.5)
        assert np.allclose(table["usefulness"], table["mean"] + sign * gain)
        assert (sign * table["usefulness"]).is_monotonic_decreasing
        assert table["rank"].tolist() == [1, 2, 3, 4, 5, 6]


def test_intensity_is_that_of_the_tables():
    assert intensity(0.05) == pytest.approx(2.063, abs=5e-4)  # Falconer & Mackay, appendix A
    assert intensity(0.2) == pytest.approx(1.400, abs=5e-4)


def test_values_and_effects_are_those_of_the_model_of_the_package():
    lines, codes, _, _ = population()
    lines["weight"] = np.linspace(0.5, 1.5, len(lines))
    lines["family"] = np.where(np.arange(len(lines)) % 3, "A", "B")
    codes[::7, ::5] = 3
    merit = Merit.fit(CodeColumns(codes, np.arange(len(codes)), 2, 30), lines)
    trained = Lines(
        codes[:50],
        2,
        lines[["family"]][:50],
        lines["value"].to_numpy()[:50],
        lines["weight"].to_numpy()[:50],
    )
    model = model_class(MODELS["rrblup"])().fit(trained, 0, "cpu")
    effects = np.concatenate([merit.effects(dosage) for _, dosage in merit.blocks()])
    assert np.allclose(effects, model.marker_effects, atol=1e-6)
    average = Lines(codes, 2, pd.DataFrame({"family": [None] * len(codes)}))
    predicted = model.predict(average).mean
    assert np.allclose(merit.values - merit.values.mean(), predicted - predicted.mean(), atol=1e-5)


def test_what_cannot_be_answered_is_told_in_a_line():
    merit, distance = fitted(ploidy=4)
    with pytest.raises(UserError, match="of ploidy 4 a cross's variance cannot"):
        predict_crosses(merit, distance, progeny=PROGENY[0], **SETTINGS)
    lines, codes, distance, _ = population()
    merit = Merit.fit(CodeColumns.of(np.clip(codes, 0, 1), 2), lines)
    with pytest.raises(UserError, match="all lines but 0 have more than 25 % of their calls"):
        predict_crosses(merit, distance, progeny=PROGENY[0], **SETTINGS)


def places(contigs, positions):
    return pd.DataFrame({"contig": contigs, "position": positions})


def test_distances_follow_the_map_or_the_stated_rate(tmp_path):
    markers = places(["1", "1", "1", "2", "un", "un"], [1e6, 3e6, 9e6, 5, 1, 2])
    stated = distances(markers, None, 2.0)
    assert stated == pytest.approx([np.inf, 0.04, 0.12, np.inf, np.inf, np.inf])
    path = tmp_path / "map.csv"
    path.write_text("contig,position,cM\n1,0,0\n2,0,0\n1,4000000,40\n1,8000000,50\n")
    mapped = distances(markers, read_map(path), 1.0)
    assert mapped == pytest.approx([np.inf, 0.2, 0.21, np.inf, np.inf, np.inf])


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("contig\tposition\n1\t5\n", "line 1: no column cm"),
        ("contig,position,cm\n1,5,0\n1,x,2\n", "line 3: position and cm must be numbers"),
        ("contig,position,cm\n1,1_0,2\n", "line 2: position and cm must be numbers"),
        ("contig,position,cm\n1,5,0\n1,6\n", "line 3: 2 fields, where line 1 has 3"),
        ("contig,position,cm\n", "no row below line 1"),
        ("", "line 1: no column contig"),
        ("contig,position,cm\n1,5,9\n1,6,2\n", "contig '1': cm falls at position 6"),
    ],
)
def test_a_map_that_is_none_is_refused(tmp_path, text, fault):
    (tmp_path / "map").write_text(text)
    with pytest.raises(UserError, match=fault):
        read_map(tmp_path / "map")


def test_genotypes_without_places_and_contigs_without_a_map_are_told():
    with pytest.raises(UserError, match="no marker has a place; give columns contig and position"):
        distances(places(["un"], [1]), None, 1.0)
    one = pd.DataFrame({"contig": ["1"], "position": [5.0], "cm": [0.0]})
    with pytest.raises(UserError, match=r"no row for contig 'chr1' .*its first is '1'"):
        distances(places(["chr1"], [1]), one, 1.0)
