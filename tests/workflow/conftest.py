"""The workflow run as a user runs it: from a clean copy of the checkout, by the command line."""

import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest
from filelock import FileLock

SNAKEMAKE = Path(sys.executable).parent / "snakemake"


@dataclass(frozen=True)
class Run:
    """A finished run of the workflow: its exit status and all it printed."""

    status: int
    output: str

    @property
    def jobs(self) -> Counter:
        """How many jobs of each rule were to run."""
        table = re.search(r"^Job stats:\n(?:.+\n){2}((?:\S+ +\d+\n)+)", self.output, re.MULTILINE)
        rows = table.group(1).splitlines() if table else []
        counts = Counter({rule: int(count) for rule, count in map(str.split, rows)})
        del counts["total"], counts["all"]
        return counts

    @property
    def trained(self) -> set[tuple[str, str]]:
        """The (model, trait) of the training jobs."""
        return set(re.findall(r"Train (\S+) on (\S+):", self.output))


class Workflow:
    """A copy of the checkout in which snakemake is run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def run(self, *arguments: object, directory: Path | None = None, **environment: str) -> Run:
        """`snakemake --cores 2` with these arguments, from this directory or the copy itself."""
        where = [] if directory is None else ["--snakefile", self.folder / "Snakefile"]
        finished = subprocess.run(
            list(map(str, [SNAKEMAKE, "--cores", "2", *where, *arguments])),
            cwd=directory or self.folder,
            env=os.environ | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        return Run(finished.returncode, finished.stdout)


@pytest.fixture(scope="session")
def make_workflow(repository, tmp_path_factory):
    """A function that makes a copy of the checkout: what git tracks or would track."""

    def make() -> Workflow:
        folder = tmp_path_factory.mktemp("copy") / "breed cast"  # a blank in the path on purpose
        listed = subprocess.run(
            ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
            cwd=repository,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for name in filter(None, listed.split("\0")):
            if (repository / name).is_file():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(repository / name, folder / name)
        return Workflow(folder)

    return make


@pytest.fixture(scope="session")
def finished_example(make_workflow, tmp_path_factory, worker_id) -> Path:
    """The folder of the embedded example, run once from a clean copy for all test processes."""
    shared = tmp_path_factory.getbasetemp()
    if worker_id != "master":
        shared = shared.parent  # every process has a folder of its own in there
    finished = shared / "finished_example"
    with FileLock(shared / "finished_example.lock"):
        if not finished.exists():
            workflow = make_workflow()
            run = workflow.run()
            assert run.status == 0, run.output
            workflow.folder.rename(finished)
    return finished


@pytest.fixture(scope="session")
def example(finished_example, tmp_path_factory) -> Workflow:
    """A copy of the finished example, for the tests of one process to look at and to change."""
    folder = tmp_path_factory.mktemp("example") / "breed cast"
    shutil.copytree(finished_example, folder, symlinks=True)
    return Workflow(folder)
