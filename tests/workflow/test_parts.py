"""A training that is cut into several jobs ends with the same bytes as one that is not."""

import yaml

from tests.workflow.test_killed import TABLES


def test_a_training_in_parts_ends_with_the_same_bytes(make_workflow):
    workflow = make_workflow()
    example = yaml.safe_load((workflow.folder / "config" / "config.yaml").read_text())
    changes = {
        "traits": ["yield"],
        "validation": {"folds": 2, "repeats": 1, "inner_folds": 2},
        "control": {"permutations": 0},
        "models": {"gblup": {}, "network": {"model": "deepgs", "epochs": 2}},
    }
    for output, parts in (("whole", 1), ("cut", 2)):
        config = yaml.safe_dump(example | changes | {"output": output, "parts": parts})
        (workflow.folder / "parts.yaml").write_text(config)
        targets = [f"{output}/yield/{name}/predictions.parquet" for name in changes["models"]]
        finished = workflow.run("--configfile", "parts.yaml", "--", *targets)
        assert finished.status == 0, finished.output
    assert finished.jobs["train_part"] == 4
    gathered = (workflow.folder / "logs" / "cut" / "yield" / "network" / "train.log").read_text()
    assert "6 fits were done before" in gathered
    for model in changes["models"]:
        for table in TABLES:
            one, two = (workflow.folder / run / "yield" / model / table for run in ("whole", "cut"))
            assert one.read_bytes() == two.read_bytes(), (model, table)
    assert not list(workflow.folder.glob("checkpoints/cut/**/*.part_*"))
