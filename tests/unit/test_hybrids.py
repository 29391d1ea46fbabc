"""Hybrids: genotypes from parents, crosses from tables, plans by parents, GCA and SCA."""

from itertools import product

import numpy as np
import pandas as pd
import pytest

from breedcast.errors import UserError
from breedcast.genotypes.columns import CodeColumns
from breedcast.genotypes.hybrids import (
    CrossedCodes,
    check_own_calls,
    check_parents,
    f1_codes,
    rows_of,
)
from breedcast.models.base import Lines, Parents
from breedcast.models.gca_sca import GCASCA, SCA
from breedcast.models.results import FitTask
from breedcast.phenotypes.hybrids import (
    ALL_CROSSES,
    NO_PARENTS,
    NOT_GENOTYPED,
    OUTBRED,
    Hybrids,
    crosses_not_made,
    read_candidate_crosses,
    read_crosses,
)
from breedcast.phenotypes.table import read_phenotypes
from breedcast.validation.classes import hybrid_classes
from breedcast.validation.plan import units
from breedcast.validation.schemes import SCHEMES

MARKERS = 300


def test_a_hybrid_is_known_where_its_parents_are_homozygous():
    first, second = (
        np.array(it, np.uint8) for it in zip(*product(range(4), repeat=2), strict=True)
    )
    expected = [0, 3, 1, 3, 3, 3, 3, 3, 1, 3, 2, 3, 3, 3, 3, 3]
    np.testing.assert_array_equal(f1_codes(first, second), expected)


def test_codes_are_made_when_read_and_own_calls_are_kept():
    codes = np.array([[0, 2, 2], [2, 2, 3], [1, 1, 1]], np.uint8)
    parents = pd.DataFrame({"female": ["A", "A"], "male": ["B", "B"]})
    rows = rows_of(["A/B", "H"], parents, ["A", "B", "H"])
    crossed = CrossedCodes(codes, rows)
    expected = [[1, 2, 3], [1, 1, 1]]
    np.testing.assert_array_equal(np.asarray(crossed), expected)
    np.testing.assert_array_equal(crossed[np.array([1])], [[1, 1, 1]])
    np.testing.assert_array_equal(
        CodeColumns(codes, rows, 2, 2).read(1, 3), np.array(expected)[:, 1:]
    )


def test_a_hybrid_that_is_not_of_its_parents_is_named(caplog):
    codes = np.array([[0] * 10, [2] * 10, [1] * 10, [0] * 10], np.uint8)
    parents = pd.DataFrame({"female": "A", "male": "B"}, index=["good", "bad"])
    check_own_calls(codes, ["A", "B", "good", "bad"], parents)
    assert "'bad'" in caplog.text
    assert "'good'" not in caplog.text


@pytest.mark.parametrize("ploidy", [1, 4])
def test_parents_are_diploid(ploidy):
    with pytest.raises(UserError, match=f"ploidy {ploidy}"):
        check_parents(ploidy)


def table_of(tmp_path, *rows):
    path = tmp_path / "hybrids.tsv"
    path.write_text("\n".join(["hybrid\tseed\tpollen\tyield", *map("\t".join, rows)]) + "\n")
    return read_phenotypes(path)


@pytest.mark.parametrize(
    ("row", "told"),
    [
        (("H1", "A", "NA", "3"), r"line 2: hybrid 'H1' has a parent in column 'seed' and none"),
        (("H1", "", "B", "3"), r"in column 'pollen' and none in 'seed'"),
        (("H1", "A", "A", "3"), r"both parents of 'H1' are 'A': a selfed line is no hybrid"),
    ],
)
def test_what_is_no_cross_is_refused(tmp_path, row, told):
    with pytest.raises(UserError, match=told):
        read_crosses(table_of(tmp_path, row), ["seed", "pollen"])


def test_hybrids_are_used_whose_genotype_can_be_told(tmp_path, caplog):
    rows = [("H1", "A", "B", "3"), ("H2", "A", "C", "4"), ("H3", "A", "X", "4"), ("L", "", "", "1")]
    table = table_of(tmp_path, *rows, ("H4", "A", "X", "2"))
    shares = {"A": 0.02, "B": 0.25, "X": 0.4, "H4": 0.5}
    hybrids = Hybrids.of(table, ["seed", "pollen"], None, shares, {"C": "missing calls"})
    assert hybrids.known == ["H1", "H4"]  # H4 is genotyped itself
    assert hybrids.reasons == {"H2": NOT_GENOTYPED, "H3": OUTBRED, "L": NO_PARENTS}
    assert "parent 'C': missing calls" in caplog.text
    assert "parent 'X': 40% heterozygous calls" in caplog.text
    with pytest.raises(UserError, match=r"none of 4 hybrids can be used \(parent 'A': not in the"):
        Hybrids.of(table, ["seed", "pollen"], None, {"B": 0.0}, {})


def test_crosses_not_made():
    factorial = {"1": ("A", "X"), "2": ("B", "Y")}
    assert crosses_not_made(factorial) == {"A/Y": ("A", "Y"), "B/X": ("B", "X")}
    diallel = {"1": ("A", "B"), "2": ("C", "A")}
    assert crosses_not_made(diallel) == {"B/C": ("B", "C")}
    with pytest.raises(UserError, match="'A/Y' is the name of a hybrid of other parents"):
        crosses_not_made({"1": ("A", "X"), "A/Y": ("B", "Y")})
    with pytest.raises(UserError, match="'A/B/C' is the name of two crosses, A x B/C and A/B x C"):
        crosses_not_made({"1": ("A/B", "X"), "2": ("A", "Y"), "3": ("Z", "C"), "4": ("W", "B/C")})


def test_candidates_from_a_file(tmp_path):
    made = {"H1": ("A", "X"), "H2": ("B", "Y")}
    path = tmp_path / "candidates.tsv"

    def read(text):
        path.write_text(text)
        return read_candidate_crosses(path, made)

    assert read("female\tmale\nA\tY\nX\tA\n") == {"A/Y": ("A", "Y"), "H1": ("A", "X")}
    assert read("sample,male,female\nnew,Y,N\n") == {"new": ("N", "Y")}
    pools = read("parent\tpool\nA\t1\nB\t1\nY\t2\n")
    assert pools == {"A/Y": ("A", "Y"), "H2": ("B", "Y")}
    assert read("H1\nH2\n") == {"H1": None, "H2": None}
    for text, told in (
        ("female\tmale\nA\tA\n", "selfed"),
        ("sample\tfemale\tmale\nH1\tA\tY\n", "'H1' is the name of another cross"),
        ("female\tmale\nA\tNA\n", "nothing in column 'male'"),
        ("parent\tpool\nA\t1\nB\t1\n", "one pool only"),
    ):
        with pytest.raises(UserError, match=told):
            read(text)
    table = table_of(tmp_path, ("H1", "A", "X", "3"), ("H2", "B", "Y", "4"))
    path.write_text("H1\nH9\n")
    with pytest.raises(UserError, match="candidate 'H9' is no hybrid"):
        Hybrids.of(table, ["seed", "pollen"], path, dict.fromkeys("ABXY", 0.0), {})
    for text in ("\n", "female\tmale\n"):
        path.write_text(text)
        with pytest.raises(UserError, match="holds no candidate: write a row for each, or take"):
            Hybrids.of(table, ["seed", "pollen"], path, dict.fromkeys("ABXY", 0.0), {})
    path.write_text("female\tmale\nX\tB\n")  # as the hybrids made have it, X is a male
    further = Hybrids.of(table, ["seed", "pollen"], path, dict.fromkeys("ABXY", 0.0), {})
    assert further.crosses["X/B"] == ("B", "X")
    assert further.candidates == ["X/B"]
    every = Hybrids.of(table, ["seed", "pollen"], ALL_CROSSES, dict.fromkeys("ABXY", 0.0), {})
    assert every.known == ["H1", "H2", "A/Y", "B/X"]
    assert every.candidates is None


def population(females=16, males=12, hybrids=140, seed=0, diallel=False):
    """phenotypes.tsv of hybrids, five of them candidates, values at random."""
    rng = np.random.default_rng(seed)
    if diallel:
        names = [f"P{number}" for number in range(females)]
        every = [(a, b) for a, b in product(names, names) if a < b]
    else:
        every = list(
            product(
                *(
                    [f"{it}{n}" for n in range(c)]
                    for it, c in zip("FM", (females, males), strict=True)
                )
            )
        )
    pairs = [every[it] for it in rng.permutation(len(every))[:hybrids]]
    value = rng.normal(size=len(pairs))
    value[-5:] = np.nan
    return pd.DataFrame(
        {
            "sample": ["/".join(pair) for pair in pairs],
            "environment": None,
            "value": value,
            "weight": 1.0,
            "female": [female for female, _ in pairs],
            "male": [male for _, male in pairs],
        }
    )


def plan_of(scheme, lines, **changes):
    settings = {"folds": 4, "repeats": 2, "inner_folds": 4, "seed": 3} | changes
    parents = lines.set_index("sample")[["female", "male"]]
    return SCHEMES[scheme](**settings, parents=parents).make_plan(lines, "yield"), parents


@pytest.mark.parametrize("diallel", [False, True])
@pytest.mark.parametrize(
    ("scheme", "wanted"),
    [("both_parents_tested", "T2"), ("one_parent_new", "T1"), ("both_parents_new", "T0")],
)
def test_every_test_hybrid_is_of_the_class_that_the_scheme_asks(scheme, wanted, diallel):
    lines = population(diallel=diallel, hybrids=110 if diallel else 140)
    plan, parents = plan_of(scheme, lines)
    classes = hybrid_classes(plan, parents)
    tested = classes[classes["repeat"] >= 0]
    assert set(tested["class"]) == {wanted}
    assert not tested.duplicated(["repeat", "sample"]).any()
    assert tested.groupby(["repeat", "fold"]).size().min() >= 5
    candidates = plan[plan["repeat"] == -1]
    assert (candidates["role"] == "test").sum() == 5
    assert (candidates["role"] == "train").sum() == len(lines) - 5


@pytest.mark.parametrize("diallel", [False, True])
@pytest.mark.parametrize(("scheme", "least"), [("one_parent_new", 1), ("both_parents_new", 2)])
def test_inner_folds_imitate_new_parents(scheme, least, diallel):
    lines = population(females=28, males=16, hybrids=378 if diallel else 300, diallel=diallel)
    plan, _ = plan_of(scheme, lines, folds=3)
    pairs = lines[["female", "male"]].to_numpy()
    for unit in units(plan, lines, 0):
        assert sorted(
            np.concatenate([FitTask(unit, it, False).inner for it in unit.inner_folds])
        ) == sorted(unit.train)
        for inner_fold in unit.inner_folds:
            task = FitTask(unit, inner_fold, final=False)
            assert len(task.train) >= 10
            assert set(task.train) <= set(unit.train) - set(task.inner)
            new = ~np.isin(pairs[task.inner], pairs[task.train])
            assert (new.sum(axis=1) >= least).all()


def test_a_design_that_cannot_answer_is_refused(caplog):
    lines = population(females=30, males=1, hybrids=30)
    with pytest.raises(UserError, match="25 hybrids of 25 female and 1 male parents make no fold"):
        plan_of("both_parents_new", lines)


def test_classes_of_plain_folds():
    parents = pd.DataFrame({"female": list("AABC"), "male": list("XYXZ")}, index=list("1234"))
    plan = pd.DataFrame(
        {"repeat": 0, "fold": 0, "sample": list("1234"), "role": ["train", "test", "test", "test"]}
    )
    assert hybrid_classes(plan, parents)["class"].tolist() == ["T1", "T1", "T0"]


def factorial(females, males, share=1.0, dominance=0.7, seed=0):
    """Lines of a factorial of two pools with additive and dominance effects, and their truth."""
    rng = np.random.default_rng(seed)
    pools = [rng.beta(1, 1, MARKERS) for _ in range(2)]
    inbred = [
        2 * (rng.random((count, MARKERS)) < p).astype(np.uint8)
        for count, p in zip((females, males), pools, strict=True)
    ]
    a = rng.normal(size=MARKERS)
    d = dominance * rng.normal(size=MARKERS)
    rows = np.array(list(product(range(females), range(females, females + males))))
    codes = np.concatenate(inbred)
    x = f1_codes(codes[rows[:, 0]], codes[rows[:, 1]])
    g = (x - 1.0) @ a + (x == 1) @ d
    g /= g.std()
    keep = np.sort(rng.permutation(len(rows))[: round(share * len(rows))])
    y = g + rng.normal(0, 0.5, len(g))
    parents = Parents(codes, rows[keep], True)
    lines = Lines(x[keep], 2, pd.DataFrame(index=range(len(keep))), y[keep], None, parents=parents)
    return lines, g.reshape(females, males), keep


def test_the_components_are_those_of_the_direct_mixed_model():
    """Against V = sum s2_i K_i + s2e I of kernels built line by line, as Technow et al. do."""
    lines, _, _ = factorial(12, 9, 0.8)
    fitted = GCASCA().fit(lines, 0, "cpu")
    parents, mixed = lines.parents, fitted.model.mixed

    def relationships(rows):
        own = parents.codes[np.unique(rows)] / 2.0
        z = parents.codes[rows] / 2.0 - own.mean(axis=0)
        scale = ((own - own.mean(axis=0)) ** 2).sum() / len(own)
        return z @ z.T / scale

    F, M = (relationships(parents.rows[:, side]) for side in (0, 1))
    n = len(lines)
    P = np.eye(n) - 1 / n
    kernels = [P @ K @ P / (np.trace(P @ K @ P) / n) for K in (F, M, F * M)]
    V = mixed.sigma2_e * np.eye(n)
    V += sum(
        mixed.sigma2_g * share * K for share, K in zip(fitted.model.shares, kernels, strict=True)
    )
    inverse = np.linalg.inv(V)
    one = np.ones(n)
    b = one @ inverse @ lines.observed / (one @ inverse @ one)
    dual = inverse @ (lines.observed - b)
    parts = fitted.components(parents)
    for K, share, (name, part) in zip(kernels, fitted.model.shares, parts.items(), strict=True):
        np.testing.assert_allclose(part, mixed.sigma2_g * share * K @ dual, atol=1e-8, err_msg=name)
    np.testing.assert_allclose(fitted.predict(lines).mean, b + sum(parts.values()), atol=1e-8)
    # marker effects and combining abilities say the same
    female = fitted.combining_abilities((0,), parents.codes[:12]).mean
    np.testing.assert_allclose(female[parents.rows[:, 0]], parts["gca_female"], atol=1e-8)
    gametes = parents.codes[:12] / 2.0 @ fitted.gamete_effects((0,))
    np.testing.assert_allclose(np.diff(gametes), np.diff(female), atol=1e-8)


def test_gca_and_sca_of_a_simulation_are_found():
    found = []
    for seed in range(4):
        lines, truth, _ = factorial(30, 25, 0.6, seed=seed)
        mean = truth.mean()
        gca = [truth.mean(axis=axis) - mean for axis in (1, 0)]
        fitted = GCASCA().fit(lines, 0, "cpu")
        codes = lines.parents.codes
        estimated = [
            fitted.combining_abilities((side,), it).mean
            for side, it in enumerate((codes[:30], codes[30:]))
        ]
        for told, true in zip(estimated, gca, strict=True):
            assert np.corrcoef(told, true)[0, 1] > 0.95
        own = truth - mean - gca[0][:, None] - gca[1]
        variances = [gca[0].var(), gca[1].var(), own.var()]
        found.append((variances, fitted.model.mixed.sigma2_g * fitted.model.shares))
        assert list(fitted.kernels) == ["gca_female", "gca_male", SCA]
    true, estimated = np.mean(found, axis=0)
    np.testing.assert_allclose(estimated, true, rtol=0.35)


def test_a_diallel_has_one_gca_a_parent_and_does_not_care_who_is_the_female():
    rng = np.random.default_rng(1)
    codes = 2 * rng.integers(0, 2, (14, MARKERS)).astype(np.uint8)
    rows = np.array([(a, b) for a in range(14) for b in range(a)])
    effect = rng.normal(size=14)
    value = effect[rows].sum(axis=1) + rng.normal(0, 0.3, len(rows))

    def fit(rows):
        parents = Parents(codes, rows, False)
        frame = pd.DataFrame(index=range(len(rows)))
        crossed = f1_codes(codes[rows[:, 0]], codes[rows[:, 1]])
        lines = Lines(crossed, 2, frame, value, None, parents=parents)
        return GCASCA().fit(lines, 0, "cpu"), lines

    fitted, lines = fit(rows)
    swapped = np.where(rng.random(len(rows))[:, None] < 0.5, rows, rows[:, ::-1])
    again, _ = fit(swapped)
    np.testing.assert_allclose(again.predict(lines).mean, fitted.predict(lines).mean, atol=1e-6)
    gca = fitted.combining_abilities((0, 1), codes).mean
    assert np.corrcoef(gca, effect)[0, 1] > 0.97
    parts = fitted.components(lines.parents)
    np.testing.assert_allclose(gca[rows].sum(axis=1), parts["gca"], atol=1e-8)
    assert set(fitted.facts) == {"heritability", "share_gca", "share_sca"}


def test_one_tester_tells_the_other_sides_gca_alone():
    lines, _, _ = factorial(20, 1)
    fitted = GCASCA().fit(lines, 0, "cpu")
    assert list(fitted.kernels) == ["gca_female"]
    assert np.isfinite(fitted.predict(lines).mean).all()
