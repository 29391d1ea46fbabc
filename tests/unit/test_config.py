import pytest
import yaml

from breedcast.columns import trait_id, trait_ids
from breedcast.config import (
    SCHEMA,
    ModelConfig,
    check_command_line,
    check_config,
    model_configs,
    refuse_repeated_keys,
)
from breedcast.demands import Demands
from breedcast.errors import UserError
from breedcast.job_settings import JobSettings
from breedcast.models.registry import MODELS, options_schema
from breedcast.phenotypes.table import PhenotypeTable
from breedcast.project import Project


def config(**changes):
    return {"genotypes": {"path": "g.vcf"}, "phenotypes": {"path": "p.tsv"}, **changes}


def table(*columns, rows=1):
    return PhenotypeTable(
        "p.tsv", list(columns), ["a"] * rows, [["1"] * len(columns)] * rows, [2] * rows
    )


def test_what_is_left_out_takes_the_default():
    completed = check_config(config(validation={"folds": 3}))
    assert completed["validation"] == {
        "scheme": "kfold",
        "folds": 3,
        "repeats": 2,
        "inner_folds": 5,
        "plan": None,
        "keep_together": False,
        "seed": 0,
    }
    assert completed["traits"] == "all"
    assert {"baseline", "gblup", "rkhs", "bayes", "svr"} < set(completed["models"])
    assert completed["phenotypes"]["covariates"] == []


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"trait": ["x"]}, "config: unknown key 'trait'; did you mean 'traits'?"),
        ({"Devise": "cpu"}, "config: unknown key 'Devise'; did you mean 'device'?"),
        (
            {"validation": {"fold": 3}},
            "config, validation: unknown key 'fold'; did you mean 'folds'?",
        ),
        ({"models": {"gbulp": {}}}, "config, models: unknown model 'gbulp'; did you mean 'gblup'?"),
        (
            {"models": {"mine": {"model": "dngp"}}},
            "config, models: mine: model: unknown model 'dngp'; did you mean 'dnngp'?",
        ),
        (
            {"models": {"dnngp": {"epoch": 3}}},
            "config, models: dnngp: unknown key 'epoch'; did you mean 'epochs'?",
        ),
        ({"models": {"dnngp": {"epochs": -1}}}, "config, models: dnngp: epochs: -1 is less than"),
        ({"models": {"dnngp": {"epochs": 0}}}, "config, models: dnngp: epochs: 0 trains nothing"),
        (
            {"models": {"rkhs": {"kernels": ["additive", "gausian"]}}},
            "config, models: rkhs: kernels: 1: 'gausian' is not one of",
        ),
        (
            {"models": {"rrblup": {"h2": 1}}},
            "config, models: rrblup: unknown key 'h2'; it takes no",
        ),
        (
            {"models": {"gblup": {"tune": {"trials": 9}}}},
            "config, models: gblup: tune: no option of gblup is left to be tuned; leave out tune",
        ),
        (
            {"models": {"bayes": {"large_share": 0.1, "tune": {"trials": 9}}}},
            "config, models: bayes: tune: no option of bayes is left to be tuned; leave out tune",
        ),
        (
            {"models": {"svr": {"tune": {"trails": 9}}}},
            "config, models: svr: tune: unknown key 'trails'; did you mean 'trials'?",
        ),
        ({"models": {"svr": {"tune": {}}}}, "config, models: svr: tune: {} should be non-empty"),
        ({"models": {"ensemble": {}}}, "config, models: 'ensemble' names the combination of all"),
        (
            {"models": {"figures": {"model": "gblup"}}},
            "config, models: 'figures' names the folder of the figures; use another name",
        ),
        ({"models": {"My Model": {}}}, "config, models: 'My Model' cannot name a model"),
        ({"models": {}}, "config, models: {} should be non-empty"),
        (
            {"models": {"gblup": None}},
            "config, models: gblup: null is not a mapping (key: value, or {})",
        ),
        (
            {"phenotypes": {"path": "t.tsv", "parents": "female"}},
            "config, phenotypes: parents: 'female' is not a list ([...]) or null",
        ),
        (
            {"candidates": "all_cross"},
            "config, candidates: all_cross: no such file; give a file with one name a row, "
            "unphenotyped or, of hybrids, all_crosses",
        ),
        (
            {"genotypes": {"path": "g.tsv", "map": "no_such.tsv"}},
            "config, genotypes: map: no_such.tsv: no such file; give a table with",
        ),
        ({"validation": {"folds": 1}}, "config, validation: folds: 1 is less than the minimum"),
        ({"validation": {"folds": "five"}}, "config, validation: folds: 'five' is not a whole"),
        ({"validation": {"folds": "5.5"}}, "config, validation: folds: 5.5 is not a whole"),
        ({"traits": "yield"}, "config, traits: 'yield' is neither `all` nor a list"),
        ({"traits": []}, "config, traits: the list is empty; name columns, or leave traits out"),
        ({"traits": ["a", "b", "b"]}, "config, traits: 'b' stands twice; name each column once"),
        ({"traits": ["a", 2021]}, "config, traits: 2021 is not text; put the column's name in quo"),
        (
            {"structure": {"clusters": "atuo"}},
            "config, structure: clusters: 'atuo' is neither `auto` nor a number from 1",
        ),
        ({"structure": {"clusters": 0}}, "config, structure: clusters: 0 is neither `auto` nor"),
        ({"directions": {"y": "up"}}, "config, directions: y: 'up' is not one of"),
        (
            {"selection": {"crosses": {"map": "no_such.tsv"}}},
            "config, selection: crosses: map: no_such.tsv: no such file; give a table with",
        ),
        ({"selection": {"crosses": {"parent": 9}}}, "config, selection: crosses: unknown key"),
        ({"interval": 1.0}, "config, interval: 1.0 is greater than or equal to"),
        ({"interval": float("nan")}, "config, interval: nan is not a number that can be"),
        (
            {"models": {"svr": {"costs": [1.0, float("inf")]}}},
            "config, models: svr: costs: 1: inf is not a number that can be",
        ),
        ({"parts": "["}, "config, parts: '[' is not a whole number"),
        ({"parts": 1_000_000}, "config, parts: 1000000 is greater than the maximum of 1000"),
        (
            {"genotypes": {"path": "g.vcf", "field": "DS", "contigs": {"MT": "haploid"}}},
            "config, genotypes: contigs: haploid is told of calls (field: GT); of dosages",
        ),
        ({"directions": {2021: "low"}}, "config: the key 2021 is no text; put it in quotes"),
        ({"genotypes": {}}, "config, genotypes: 'path' is missing"),
        (
            {"genotypes": {"path": "${NO_SUCH_VARIABLE}/g.vcf"}},
            "config, genotypes: path: the environment variable NO_SUCH_VARIABLE is not set",
        ),
    ],
)
def test_a_mistake_is_one_line_that_names_it(changes, line):
    with pytest.raises(UserError) as error:
        check_config(config(**changes))
    assert str(error.value).startswith(line)
    assert "\n" not in str(error.value)


def test_all_mistakes_are_told_together():
    with pytest.raises(UserError) as error:
        check_config(config(devise="cpu", interval=2))
    assert len(str(error.value).splitlines()) == 2


def nested(text):
    """YAML of nine levels, each ten times the one before: a thousand million values."""
    return "\n".join(
        [f"v0: &v0 {text}"]
        + [f"v{n}: &v{n} [{', '.join([f'*v{n - 1}'] * 10)}]" for n in range(1, 10)]
    )


@pytest.mark.parametrize("bomb", [nested("[x, y]"), nested("{x: 1}"), "traits: &a [*a]"])
def test_anchors_that_repeat_without_end_are_refused(bomb):
    line = r"^config: more than 1,000,000 values; write out what its anchors .* repeat$"
    with pytest.raises(UserError, match=line):
        check_config(config(**yaml.safe_load(bomb)))


def test_variables_in_paths_are_expanded(monkeypatch):
    monkeypatch.setenv("BREEDCAST_TEST_FOLDER", "/data")
    checked = check_config(config(genotypes={"path": "${BREEDCAST_TEST_FOLDER}/g.vcf"}))
    assert checked["genotypes"]["path"] == ["/data/g.vcf"]


def test_numbers_of_the_command_line_are_numbers():
    given = config(validation={"repeats": "1"}, models={"dnngp": {"learning_rate": "1.0e-3"}})
    assert check_config(given)["validation"]["repeats"] == 1
    assert model_configs(check_config(given))["dnngp"].options["learning_rate"] == 0.001
    assert check_config(config(structure={"clusters": "4"}))["structure"]["clusters"] == 4
    assert check_config(config(structure={"clusters": "auto"}))["structure"]["coordinates"] == 10
    whole = check_config(config(validation={"folds": 5.0}))["validation"]["folds"]
    assert repr(whole) == "5"
    listed = config(models={"svr": {"costs": ["1", "2.5"]}})
    assert model_configs(check_config(listed))["svr"].options["costs"] == [1, 2.5]


def test_what_is_given_is_not_tuned():
    given = {"svr": {"epsilon": 0.3, "tune": {"trials": "5"}}, "gblup": {}}
    configs = model_configs(check_config(config(models=given)))
    assert configs["svr"].tune == {"trials": 5, "options": ["bandwidths", "costs"]}
    assert configs["svr"].options["epsilon"] == 0.3
    assert "tune" not in configs["svr"].options
    assert configs["gblup"].tune is None


def test_a_scheduler_is_asked_for_the_time_of_the_trials():
    """Two minutes a fit, in two threads: 5 x (2 + 1) + 1 units of 5 inner folds and a refit."""
    budgets = {
        "plain": {},
        "by_trials": {"tune": {"trials": 3}},
        "by_time": {"tune": {"minutes": 8}},
        "by_either": {"tune": {"trials": 100, "minutes": 8}},
    }
    given = {name: {"model": "svr"} | budget for name, budget in budgets.items()}
    checked = check_config(config(models=given))
    demands = Demands(Project(checked, {}, model_configs(checked)))
    asked = [demands.training_minutes(name) - 10 for name in budgets]
    assert asked == [16 * 6, 16 * 6 + 16 * 3 * 5, *[16 * 6 + 16 * (8 + 10) // 2] * 2]


def test_another_device_trains_networks_anew_alone():
    def settings(model, device):
        checked = check_config(config(models={model: {}}, device=device))
        project = Project(checked, {"yield": "yield"}, model_configs(checked))
        return JobSettings(project).train_model("yield", model)

    assert settings("gblup", "cuda") == settings("gblup", "cpu")
    assert settings("dnn", "cuda") != settings("dnn", "cpu")


def test_a_model_may_stand_under_a_name_of_its_own():
    models = {"dnngp_raw": {"model": "dnngp", "input": "dosage"}, "rrblup": {}}
    configs = model_configs(check_config(config(models=models)))
    assert configs["dnngp_raw"].kind == "dnngp"
    assert configs["dnngp_raw"].options["input"] == "dosage"
    assert configs["rrblup"] == ModelConfig("rrblup", MODELS["rrblup"], {})


def test_traits_are_the_columns_with_numbers():
    mixed = PhenotypeTable(
        "p.tsv",
        ["family", "yield", "note"],
        ["a", "b"],
        [["F1", "1.5", "NA"], ["F2", "2", "NA"]],
        [2, 3],
    )
    assert trait_ids(check_config(config()), mixed) == {"yield": "yield"}


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        (
            {"traits": ["yeild"]},
            "config, traits: p.tsv has no column 'yeild'; did you mean 'yield'?",
        ),
        ({"directions": {"hight": "low"}}, "config, directions: p.tsv has no column 'hight'"),
        (
            {"traits": ["yield"], "phenotypes": {"path": "p.tsv", "covariates": ["yield"]}},
            "config: 'yield' cannot be both a trait and a covariate",
        ),
    ],
)
def test_a_trait_that_is_no_column_is_refused(changes, line):
    with pytest.raises(UserError, match="^" + line.replace("?", r"\?")):
        trait_ids(check_config(config(**changes)), table("yield", "height"))


def test_pretrained_weights_are_found_before_anything_runs(tmp_path, monkeypatch):
    (tmp_path / "model.h5").touch()
    monkeypatch.setenv("PUBLISHED", str(tmp_path))
    for name, found in (("model.h5", True), ("modle.h5", False)):
        given = check_config(config(models={"dlgwas": {"pretrained": "${PUBLISHED}/" + name}}))
        if found:
            model = model_configs(given)["dlgwas"]
            assert model.options["pretrained"] == str(tmp_path / name)
        else:
            with pytest.raises(UserError, match=r"models: dlgwas: pretrained: .*modle.h5: no such"):
                model_configs(given)


@pytest.mark.parametrize(
    "name", ["a{b}.vcf", "<results>/a.vcf", "a\nb.vcf", "{trait}", "-a.vcf", "it's", '"a"', "a\\b"]
)
@pytest.mark.parametrize("key", ["genotypes", "phenotypes", "candidates", "output"])
def test_a_path_that_snakemake_would_take_for_a_pattern_is_refused(name, key):
    given = {key: name if key in ("candidates", "output") else {"path": name}}
    line = f"^config, {key}.*cannot be there in a path; rename the file or folder, or give a link"
    with pytest.raises(UserError, match=line) as error:
        check_config(config(**given))
    assert len(str(error.value).splitlines()) == 1


@pytest.mark.parametrize("output", [".", "..", "./", "/", "results/..", "${HERE}/.."])
def test_an_output_without_a_name_is_refused(output, monkeypatch):
    monkeypatch.setenv("HERE", "here")
    with pytest.raises(UserError, match=r"^config, output: '.*' has no name; name a folder, such"):
        check_config(config(output=output))


@pytest.mark.parametrize("below", ["", "/results"])
def test_an_output_that_is_a_file_or_below_one_is_refused(below, tmp_path):
    taken = tmp_path / "results.tsv"
    taken.touch()
    line = f"^config, output: {taken} is a file; name a folder, or remove the file$"
    with pytest.raises(UserError, match=line):
        check_config(config(output=f"{taken}{below}"))
    assert check_config(config(output=str(tmp_path)))["output"] == str(tmp_path)


@pytest.mark.parametrize(
    "text", ["it's", '"a"', "$(touch ran)", "`touch ran`", "a\\b", "$HOME", "a\nb"]
)
@pytest.mark.parametrize("nest", [lambda it: it, lambda it: [it], lambda it: {it: 1}])
def test_what_could_end_the_quotes_of_a_clusters_job_is_refused(text, nest):
    line = r"^--config: .* could reach the shell of a cluster's job; write this into a config file$"
    with pytest.raises(UserError, match=line) as error:
        check_command_line({"traits": nest(text)})
    assert len(str(error.value).splitlines()) == 1
    check_command_line({"output": "${SCRATCH}/my results", "traits": ["a b;c&|*"], "threads": 2})


@pytest.mark.parametrize("output", ["res/", "./res", "res//", "./res/./"])
def test_an_output_is_one_however_it_is_written(output, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert check_config(config(output=output))["output"] == "res"


@pytest.mark.parametrize(
    ("output", "made", "line"),
    [
        ("s3://bucket/res", None, "'s3://bucket/res' is no folder"),
        ("r" * 300, None, "is too long a name for a folder"),
        ("sub/res", "sub/logs", "sub/logs is a file; name a folder, or remove the file"),
        ("mine", "mine/figures/own.png", "mine/figures is there and not of a run"),
        ("mine", "mine/yield/figures/own.png", "mine/yield/figures is there and not of a run"),
    ],
)
def test_an_output_that_a_run_would_spoil_is_refused(output, made, line, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    if made:
        (tmp_path / made).parent.mkdir(parents=True)
        (tmp_path / made).touch()
    with pytest.raises(UserError, match=line) as error:
        check_config(config(output=output))
    assert "\n" not in str(error.value)
    if made and made.startswith("mine"):  # of a run, killed or not
        (tmp_path / "mine" / "genotypes").mkdir()
        assert check_config(config(output=output))["output"] == "mine"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("traits: [a]\nmodels: {}\ntraits: [b]\n", "line 1: the key 'traits' stands twice"),
        ("models:\n  dnn: {epochs: 1, epochs: 2}\n", "line 2: the key 'epochs' stands twice"),
        ("a: &x {k: 1}\nb: [*x, *x]\n", None),
        ("models: [", None),
    ],
)
def test_a_key_that_stands_twice_is_refused(text, line, tmp_path):
    (tmp_path / "c.yaml").write_text(text)
    if line is None:
        refuse_repeated_keys(tmp_path / "c.yaml")
        return
    with pytest.raises(UserError, match=line):
        refuse_repeated_keys(tmp_path / "c.yaml")


def test_hostile_trait_names_become_safe_ids():
    names = ["../up", "a/b", "<script>", "{wild}", "-rf", "x" * 300, "..", "genotypes", "产量", ""]
    ids = [trait_id(name) for name in names]
    assert len(set(ids)) == len(names)
    for safe in ids:
        assert set(safe) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_")
        assert 0 < len(safe) <= 64
    assert trait_id("Plant_height.2024-a") == "Plant_height.2024-a"


def yaml_text(value):
    return yaml.safe_dump(value, default_flow_style=True).splitlines()[0]


def described(node):
    for key, sub in node.get("properties", {}).items():
        yield key, sub
        yield from described(sub)


def test_every_key_and_option_is_described_and_in_the_readme(repository):
    readme = (repository / "config" / "README.md").read_text()
    schema = yaml.safe_load(SCHEMA.read_text())
    schemas = [schema, *(options_schema(name) for name in MODELS)]
    for key, sub in (item for each in schemas for item in described(each)):
        assert sub.get("description"), f"{key} has no description"
        assert f"`{key}`" in readme, f"config/README.md does not describe {key}"
        if "default" in sub and not isinstance(sub["default"], dict):
            rows = [row for row in readme.splitlines() if f"`{key}`" in row]
            assert any(f"`{yaml_text(sub['default'])}`" in row for row in rows), key
    for name in MODELS:
        assert f"`{name}`" in readme


def test_the_configs_of_the_project_are_valid(repository, monkeypatch):
    monkeypatch.setenv("BREEDCAST_DATA", "/data")
    for path in (repository / "config").glob("*.yaml"):
        check_config(yaml.safe_load(path.read_text()))


def test_every_scheme_of_the_config_is_made_and_told():
    from breedcast.report.structure import scheme_told
    from breedcast.validation.schemes import SCHEMES

    schema = yaml.safe_load(SCHEMA.read_text())
    names = schema["properties"]["validation"]["properties"]["scheme"]["enum"]
    assert set(SCHEMES) == set(names)
    told = {scheme_told({"scheme": name, "folds": 5, "repeats": 2}) for name in names}
    assert len(told) == len(names)
    assert all(question.endswith("?") for question in told)
