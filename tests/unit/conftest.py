"""What several of the package's tests look at."""

import pytest

from breedcast.models import reml
from tests.unit.small_report import small_report


@pytest.fixture(scope="session")
def report(tmp_path_factory):
    """A small report with hostile names, and the scores by model."""
    return small_report(tmp_path_factory.mktemp("results"))


@pytest.fixture
def likeliest_variances(monkeypatch):
    """The errors of predictions by the variances of greatest likelihood, few though lines are."""
    monkeypatch.setattr(reml, "FEW_LINES", 0)
