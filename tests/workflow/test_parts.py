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
        "models": {"gblup": {}},
    }
    for output, parts in (("whole", 1), ("cut", 2)):
        config = yaml.safe_dump(example | changes | {"output": output, "parts": parts})
        (workflow.folder / "parts.yaml").write_text(config)
        target = f"{output}/yield/gblup/predictions.parquet"
        finished = workflow.run("--configfile", "parts.yaml", "--", target)
        assert finished.status == 0, finished.output
    assert finished.jobs["train_part"] == 2
    gathered = (workflow.folder / "logs" / "cut" / "yield" / "gblup" / "train.log").read_text()
    assert "9 fits were done before" in gathered
    for table in TABLES:
        one, two = (workflow.folder / run / "yield" / "gblup" / table for run in ("whole", "cut"))
        assert one.read_bytes() == two.read_bytes(), table
    assert not list(workflow.folder.glob("checkpoints/cut/**/*.part_*"))
