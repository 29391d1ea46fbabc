"""Config values meant for a shell: they name files, or are refused, and nothing runs them."""

import pytest
import yaml

from tests.workflow.test_bad_input import SAMPLES, vcf

PATH = "a b$(touch ran)`touch ran`;touch ran&|*~#"
TRAIT = f"-'\"\\{PATH}"


@pytest.mark.parametrize("cluster", [False, True])
def test_no_value_of_a_config_reaches_a_shell(make_workflow, tmp_path, cluster):
    """A cluster's job is told its input, and what --config gave, on a command line."""
    workflow, folder = make_workflow(), tmp_path / "my trials"
    folder.mkdir()
    (folder / f"{PATH}.vcf").write_text(vcf())
    rows = [f"{name}\t{n * n % 7}" for n, name in enumerate(SAMPLES)]
    quoted = TRAIT.replace('"', '""')
    (folder / f"{PATH}.tsv").write_text("\n".join([f'sample\t"{quoted}"', *rows]) + "\n")
    config = {
        "genotypes": {"path": f"{PATH}.vcf"},
        "phenotypes": {"path": f"{PATH}.tsv"},
        "traits": [TRAIT],
        "models": {"gblup": {}},
        "output": f"{PATH} out",
    }
    (folder / f"{PATH}.yaml").write_text(yaml.safe_dump(config))
    by = ["--executor", "cluster-generic", "--jobs", "1", "--cluster-generic-submit-cmd", "sh"]
    target = f"{PATH} out/genotypes/joined_markers.tsv"
    run = workflow.run(
        *(by if cluster else []),  # sh runs each job's script at once
        *("--configfile", f"{PATH}.yaml", "--config", "threads=1", "--", target),
        directory=folder,
    )
    assert run.status == 0, run.output
    assert (folder / target).is_file()
    assert not [path for path in tmp_path.rglob("ran*")]
    made = {path.name for path in folder.iterdir() if not path.name.startswith(".")}
    inputs = {f"{PATH}.{ending}" for ending in ("vcf", "tsv", "yaml")}
    assert made - inputs <= {f"{PATH} out", "logs", "benchmarks", "checkpoints"}


def test_what_cannot_be_told_to_a_cluster_and_what_is_no_yaml_are_told(make_workflow, tmp_path):
    workflow = make_workflow()
    run = workflow.run("--config", "output=it's $(touch ran)", directory=tmp_path)
    assert run.status != 0
    assert "Traceback" not in run.output
    assert "could reach the shell of a cluster's job; write this into a config" in run.output
    (tmp_path / "config.yaml").write_text("models: [")
    run = workflow.run("--configfile", "config.yaml", directory=tmp_path)
    assert run.status != 0
    assert "Traceback" not in run.output
    assert "Config file is not valid JSON or YAML" in run.output
    assert not [path for path in tmp_path.rglob("ran*")]
