"""The captions of `snakemake --report`: they can be read, and say the thresholds of the code."""

import json

import pytest
from docutils.core import publish_parts
from jinja2 import Environment, StrictUndefined

from breedcast.genotypes.structure import LEAST_SILHOUETTE, MOST_CLUSTERS
from breedcast.job_settings import settings
from breedcast.markers import regions
from breedcast.report import advice, ranks

CAPTIONS = [
    *("adjusted", "candidates", "candidates_by_environment", "comparison", "contributions"),
    *("crosses", "dropped", "figures", "frontier", "group_scores", "heritability"),
    *("hybrid_variances", "hybrids", "index", "index_correlations", "index_gains", "intervals"),
    *("learning_curve", "page", "parents", "phenotype_next", "region_methods", "regions"),
    *("response", "scores", "structure", "weights", "workflow"),
]
FIGURES = (
    *("accuracy", "observed", "training", "manhattan", "quantiles", "saliency"),
    *("structure", "ranks", "steps", "crosses", "frontier", "learning"),
    *("parents", "hybrids"),
)
CONFIG = {
    "validation": {"scheme": "kfold", "folds": 5, "repeats": 2},
    "control": {"permutations": 3},
    "structure": {"clusters": "auto"},
    "ensemble": "auto",
    "interval": 0.8,
}


@pytest.fixture
def caption(repository):
    """A function that gives a caption's words, made as Snakemake makes them."""

    def words(name, config=CONFIG, **wildcards):
        text = (repository / "workflow" / "report" / f"{name}.rst").read_text(encoding="utf-8")
        environment = Environment(  # noqa: S701  reStructuredText, as in Snakemake
            trim_blocks=True, lstrip_blocks=True, undefined=StrictUndefined
        )
        known = {"trait": "plant_height_", **wildcards}
        snakemake = {"wildcards": known, "config": config}
        written = environment.from_string(text).render(snakemake=snakemake)
        html = publish_parts(written, writer="html", settings_overrides={"halt_level": 2})
        return " ".join(html["body"].split())

    return words


def test_the_captions_are_those_that_are_there(repository):
    assert sorted(path.stem for path in (repository / "workflow" / "report").glob("*.rst")) == (
        CAPTIONS
    )


@pytest.mark.parametrize("name", [name for name in CAPTIONS if name != "figures"])
def test_a_caption_can_be_read(caption, name):
    assert len(caption(name)) > 60


def test_every_figure_has_a_caption_of_its_own(caption):
    written = {figure: caption("figures", figure=figure) for figure in FIGURES}
    other = caption("figures", figure="none")
    assert all(len(text) > len(other) + 60 for text in written.values())
    assert len(set(written.values())) == len(FIGURES)


def test_captions_say_the_thresholds(caption):
    alpha = f"{100 * regions.ALPHA:g} %"
    assert f"of at most {alpha}" in caption("regions")
    assert f"is {regions.LINKED:g} or more" in caption("regions")
    assert caption("figures", figure="manhattan").count(alpha) == 2
    assert f"difference at {100 * ranks.SIGNIFICANT:g} %" in caption("figures", figure="ranks")
    assert f"below {advice.SIGNIFICANT:g} a" in caption("comparison")
    found = caption("structure")
    assert f"from 2 to {MOST_CLUSTERS}" in found
    assert f"reaches {LEAST_SILHOUETTE:g})" in found
    for name in ("intervals", "candidates"):
        assert "80 %" in caption(name)
    assert "80 %" in caption("figures", figure="observed")


def test_the_caption_of_all_asks_for_no_config(caption):
    """Where Breedcast is a module, Snakemake gives it the config of the workflow around it."""
    assert "Breedcast" in caption("workflow", config={})


def test_captions_follow_the_config(caption):
    assert "folds: 5, repeats: 2" in caption("scores")
    given = CONFIG | {"structure": {"clusters": 4}}
    assert "(their number, 4, is the config's)" in caption("structure", given).replace(
        "&#x27;", "'"
    )


def test_parameters_cannot_leave_the_script_that_holds_them():
    """`snakemake --report` writes them into its page without escaping."""
    name = "</script><script>alert(1)</script>"
    written = settings(trait=name)
    assert "<" not in written
    assert json.loads(written) == {"trait": name}
