"""Reaction norms: environments that covariates tell of, against truth that is known."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import minimize

from breedcast.config import check_config
from breedcast.errors import UserError
from breedcast.models.dnn import DNN
from breedcast.models.gblup import GBLUP
from breedcast.models.in_environments import interaction_of
from breedcast.models.job import TrainingJob
from breedcast.models.rkhs import RKHS
from breedcast.phenotypes.conditions import check_conditions, conditions_of, read_conditions
from breedcast.validation.schemes import SCHEMES
from tests.unit.norms import accuracy, lines_with_norms


def restricted(log_variances, covariances, y, X):
    """-2 times the restricted log-likelihood, up to a constant, and V."""
    V = sum(np.exp(log) * C for log, C in zip(log_variances, covariances, strict=True))
    inner = X.T @ np.linalg.solve(V, X)
    b = np.linalg.solve(inner, X.T @ np.linalg.solve(V, y))
    left = y - X @ b
    return (
        np.linalg.slogdet(V)[1] + np.linalg.slogdet(inner)[1] + left @ np.linalg.solve(V, left),
        V,
        b,
    )


def test_it_is_the_mixed_model_written_out():
    """REML of four variances and BLUP, by dense matrices, in known environments and a new one."""
    records, _, _ = lines_with_norms(
        1, lines=35, environments=7, markers=60, shares=(0.4, 0.3, 0.3), heritability=0.8
    )
    records = replace(
        records,
        conditions=records.conditions.assign(still=3.0),
        weight=np.random.default_rng(5).uniform(0.5, 2, len(records)),
    )
    new = records.environment == "E6"
    known = records.take(np.flatnonzero(~new))
    fitted = GBLUP("reaction_norm").fit(known, 0, "cpu")

    dosage = records.codes.astype(float)
    first = np.unique(known.line, return_index=True)[1]
    centred = dosage - known.codes[first].mean(axis=0)
    K = centred @ centred.T
    K /= K[np.ix_(~new, ~new)][first, first].mean()
    W = records.conditions.to_numpy()[:, :2]
    each = pd.DataFrame(W[~new]).groupby(known.environment).first().to_numpy()
    W = (W - each.mean(axis=0)) / each.std(axis=0)
    omega = W @ W.T / 2
    omega /= omega[~new, ~new].mean()
    same = (records.environment[:, None] == records.environment).astype(float)
    terms = [K, K * same, K * omega]
    X = pd.get_dummies(known.environment).to_numpy(float)
    y, at = known.observed, np.ix_(~new, ~new)
    covariances = [*(term[at] for term in terms), np.diag(1 / known.weights)]
    found = minimize(
        lambda logs: restricted(logs, covariances, y, X)[0],
        np.log([0.3, 0.3, 0.3, 1.0]),
        method="L-BFGS-B",
        options={"ftol": 1e-13, "gtol": 1e-7},
    )
    assert np.all(found.x > -4), "every variance counts"
    variances = np.exp(found.x)
    mixed, shares = fitted.across.mixed, fitted.across.shares
    np.testing.assert_allclose(
        [*mixed.sigma2_g * shares, mixed.sigma2_e], variances, rtol=2e-3, atol=1e-3
    )
    assert fitted.facts["share_covariates"] == pytest.approx(shares[2])

    _, V, b = restricted(found.x, covariances, y, X)
    G = sum(v * term for v, term in zip(variances[:3], terms, strict=True))
    deviation = G[:, ~new] @ np.linalg.solve(V, y - X @ b)
    prediction = fitted.predict(records.blind())
    mean = np.full(len(records), b.mean())  # environments' means; a new one has that of all
    mean[~new] = X @ b
    np.testing.assert_allclose(prediction.mean, mean + deviation, atol=3e-3)
    # of the genetic deviation alone: prior less what is explained
    P = np.linalg.inv(V)
    P -= P @ X @ np.linalg.solve(X.T @ P @ X, X.T @ P)
    explained = np.einsum("ij,jk,ik->i", G[:, ~new], P, G[:, ~new])
    np.testing.assert_allclose(prediction.reliability, explained / np.diag(G), atol=3e-3)


@pytest.fixture(scope="module")
def trials():
    return lines_with_norms(3, lines=120, environments=12, grown=0.5)


def new_environments(records, seed=0, lines_too=False):
    """Rows that train and rows of three environments, which are tested: of other lines if asked."""
    tested = np.isin(records.environment, ["E0", "E4", "E8"])
    mine = np.random.default_rng(seed).random(records.line.max() + 1)[records.line] < 0.5
    mine = mine if lines_too else np.full(len(records), True)
    train = ~tested & ~mine if lines_too else ~tested
    return np.flatnonzero(train), np.flatnonzero(tested & mine)


@pytest.mark.parametrize("lines_too", [False, True], ids=["cv0", "cv00"])
def test_covariates_tell_of_a_new_environment(trials, lines_too):
    records, _, genetic = trials
    rows = new_environments(records, lines_too=lines_too)
    found = {
        it: accuracy(GBLUP(it), records, genetic, *rows) for it in ("uniform", "reaction_norm")
    }
    assert found["reaction_norm"] > found["uniform"] + 0.15


def test_rkhs_learns_norms_too(trials):
    records, _, genetic = trials
    rows = new_environments(records)
    found = {
        it: accuracy(RKHS(("gaussian",), interaction=it), records, genetic, *rows)
        for it in ("uniform", "reaction_norm")
    }
    assert found["reaction_norm"] > found["uniform"] + 0.1


def test_covariates_of_noise_lose_nearly_nothing():
    lost = []
    for seed in range(3):
        records, _, genetic = lines_with_norms(
            seed, lines=80, environments=10, shares=(0.6, 0.0, 0.4)
        )
        rows = new_environments(records)
        norm, uniform = (
            accuracy(GBLUP(it), records, genetic, *rows) for it in ("reaction_norm", "uniform")
        )
        lost.append(uniform - norm)
    assert np.mean(lost) < 0.03


def job_of(model, records, table, scheme="cv0"):
    plan = SCHEMES[scheme](3, 1, 2, 0).make_plan(table, "yield")
    plan = plan[(plan["repeat"] == 0) & (plan["fold"] == 0)].reset_index(drop=True)
    return TrainingJob(
        model=model,
        name="norm",
        trait="yield",
        lines=table,
        codes=records.codes,
        ploidy=2,
        plan=plan,
        permutations=0,
        seed=0,
        device="cpu",
        conditions=records.conditions,
    )


@pytest.mark.parametrize("model", [GBLUP(), DNN(covariates="appended", epochs=3, shortcut=())])
def test_nothing_is_learnt_of_the_environment_held_out(model):
    """Its covariates move predictions there, and nothing else; its values move nothing."""
    records, table, _ = lines_with_norms(4, lines=60, environments=6)
    job = job_of(model, records, table)
    (tested,) = job.plan.loc[job.plan["role"] == "test", "environment"].unique()
    held_out = table["environment"].to_numpy() == tested
    other = records.conditions.copy()
    other[held_out] += 7.0
    value = table["value"].where(~held_out, 1000.0)
    before = job.run(1)
    after = replace(job, conditions=other).run(1)
    revalued = replace(job, lines=table.assign(value=value)).run(1)
    pd.testing.assert_frame_equal(before.facts, after.facts)
    pd.testing.assert_frame_equal(before.history, after.history)
    pd.testing.assert_frame_equal(before.saliency, after.saliency)
    pd.testing.assert_frame_equal(before.predictions, revalued.predictions)
    role = before.predictions["role"]
    changed = before.predictions["predicted"] != after.predictions["predicted"]
    assert changed[role == "test"].all()
    assert not changed[role == "inner"].any()
    if isinstance(model, GBLUP):
        assert set(before.facts["fact"]) == {
            "heritability",
            "share_covariates",
            "share_interaction",
        }


def test_what_was_learnt_is_told_by_name(trials):
    records, _, _ = trials
    train, _ = new_environments(records)
    fitted = GBLUP("reaction_norm").fit(records.take(train), 0, "cpu")
    arrays = fitted.weights()
    each = records.conditions.iloc[train].groupby(records.environment[train]).first().to_numpy()
    np.testing.assert_allclose(arrays["covariate_means"], each.mean(axis=0))
    W = (each - arrays["covariate_means"]) * arrays["covariate_slopes"]
    np.testing.assert_allclose(arrays["environment_covariates"], W)
    assert (W**2).sum(axis=1)[arrays["environment"]].mean() == pytest.approx(1)
    # a line's main effect is that where covariates are as in the mean training environment
    effect = fitted.marker_effects
    some = records.take(np.arange(1))
    mean = pd.DataFrame(each.mean(axis=0)[None], columns=records.conditions.columns)
    some = replace(
        some,
        environment=np.array(["new"], object),
        covariates=some.covariates.assign(environment="new"),
        conditions=mean,
    ).blind()
    changed = some.codes.copy()
    changed[0, 7] = (changed[0, 7] + 1) % 3
    before, after = (fitted.predict(some.with_codes(it)).mean[0] for it in (some.codes, changed))
    copies = int(changed[0, 7]) - int(some.codes[0, 7])
    np.testing.assert_allclose(after - before, copies * effect[7], rtol=1e-6)


def test_which_interaction_is_taken(trials):
    records, _, _ = trials

    def of(environments, wanted="auto", given=records):
        names = [f"E{number}" for number in range(environments)]
        rows = np.flatnonzero(np.isin(given.environment, names))
        return interaction_of(given.take(rows), wanted)

    assert of(12) == of(4) == "reaction_norm"
    assert of(3) == "auto"
    assert of(3, "reaction_norm") == "reaction_norm"
    assert of(2, "reaction_norm") == "uniform"
    assert of(1, "reaction_norm") == "none"
    still = replace(records, conditions=records.conditions * 0)
    assert of(12, "reaction_norm", still) == "uniform"
    assert of(12, "auto", still) == of(12, "auto", replace(records, conditions=None)) == "auto"
    with pytest.raises(ValueError, match="do not tell of their environments' covariates"):
        of(12, "reaction_norm", replace(records, conditions=None))


def written(tmp_path, text):
    path = tmp_path / "weather.csv"
    path.write_text(text)
    return path


TABLE = "environment,rain,year\nNorth,5,2020\nSouth,7.5,2020\nWest,1,2020\n"


def test_the_column_environment_or_the_first_names_them(tmp_path):
    check_conditions(written(tmp_path, TABLE), ["North", "South"])
    # a trait that was measured in one of them alone is not in the way
    assert read_conditions(written(tmp_path, TABLE), ["West"])["rain"] == {"West": 1.0}
    expected = {"rain": {"South": 7.5, "North": 5.0}, "year": {"South": 2020, "North": 2020}}
    for text in (TABLE, TABLE.replace("environment", "place")):
        assert read_conditions(written(tmp_path, text), ["South", "North", "South"]) == expected
    moved = "rain;environment\n5;North\n7.5;South\n"
    found = read_conditions(written(tmp_path, moved), ["North", "South"])
    assert found == {"rain": {"North": 5.0, "South": 7.5}}
    frame = conditions_of(pd.Series(["South", "North", "South"]), found)
    assert frame.to_dict("list") == {"environment rain": [7.5, 5.0, 7.5]}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            TABLE.replace("South", "Soutth"),
            "no row for environment 'South' of the trait table; did",
        ),
        (TABLE + "North,1,1\n", "weather.csv: environment 'North' stands twice; keep one"),
        (TABLE.replace("7.5", "NA"), "line 3, column 'rain': no value of environment 'South'; giv"),
        (
            TABLE.replace("7.5", "wet"),
            r"line 3, column 'rain' \(environment 'South'\): 'wet' is not",
        ),
        ("environment,rain\nNorth,5\nSouth,5\nWest,6\n", r"no column \(rain\) differs between"),
        ("environment\nNorth\n", "one column only"),
        ("environment,rain\n", "a header and a row per environment"),
        ("environment,rain\n,5\n", "line 2: no environment name in the first column"),
    ],
)
def test_a_mistake_in_the_table_is_one_line(tmp_path, text, message):
    with pytest.raises(UserError, match=message) as error:
        check_conditions(written(tmp_path, text), ["North", "South"])
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("phenotypes", "models", "message"),
    [
        ({"environment_covariates": "here"}, {}, "environment_covariates: these tell of environm"),
        (
            {"environment_covariates": "no_such.csv", "environments": "trial"},
            {},
            "environment_covariates: no_such.csv: no such file; give a table with a row per",
        ),
        (
            {"environments": "trial"},
            {"norm": {"model": "rkhs", "interaction": "reaction_norm"}},
            "models: norm: interaction: reaction_norm asks for a table of what the environments",
        ),
    ],
)
def test_keys_that_do_not_go_together(tmp_path, phenotypes, models, message):
    if phenotypes.get("environment_covariates") == "here":
        phenotypes = {"environment_covariates": str(written(tmp_path, TABLE))}
    given = {"genotypes": {"path": "g.vcf"}, "phenotypes": {"path": "p.tsv", **phenotypes}}
    with pytest.raises(UserError, match=message) as error:
        check_config({**given, "models": {"gblup": {}, **models}})
    assert "\n" not in str(error.value)
