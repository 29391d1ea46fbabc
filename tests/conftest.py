"""What every test may use: the repository, and the real data where it is at hand."""

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

# One compute thread per process, as in every job, and before numpy is imported: processes that
# are forked while a parent's threads compute would wait for them for ever.
import breedcast.script  # noqa: F401

REPOSITORY = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root of the checkout."""
    return REPOSITORY


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data sets: BREEDCAST_DATA, by default ../shared/data."""
    folder = Path(os.environ.get("BREEDCAST_DATA", REPOSITORY.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no real data: BREEDCAST_DATA names no folder ({folder})")
    return folder.resolve()


@pytest.fixture(scope="session")
def command() -> Callable[..., str]:
    """Runs another program and gives what it prints; skips where the program is not there."""

    def run(program: str, *arguments: object) -> str:
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed, against which this is checked")
        done = subprocess.run(
            [program, *map(str, arguments)], check=True, capture_output=True, text=True
        )
        return done.stdout

    return run
