"""What follows from a trait's predictions: crosses, shares of lines, whom to measure next."""

from __future__ import annotations

from dataclasses import dataclass

from breedcast.report.collect import TraitResult
from breedcast.report.crosses import (
    contribution_table,
    cross_figure,
    cross_table,
    frontier_figure,
)
from breedcast.report.figures import Figure
from breedcast.report.hybrids import hybrid_figure, hybrid_table, parent_figure, parent_table
from breedcast.report.tables import Table
from breedcast.report.training_set import learning_figure, next_table


@dataclass(frozen=True)
class Step:
    """A figure and its table under a heading. files: where all that they show is."""

    heading: str
    figure: Figure
    table: Table | None
    files: tuple[str, ...]

    @property
    def name(self) -> str:
        """Of the figure, without its trait."""
        return self.figure.id.partition("-")[0]


def next_steps(trait: TraitResult, limit: int) -> list[Step]:
    """Those that the config asked for. limit: points of a figure."""
    steps, asked = [], trait.selection
    if "parents" in asked:
        parents = parent_figure(trait), parent_table(trait)
        steps.append(Step("What parents give to their hybrids", *parents, ("parents.tsv",)))
        hybrids = hybrid_figure(trait, limit), hybrid_table(trait)
        steps.append(Step("Which hybrids to make", *hybrids, ("hybrids.tsv",)))
    if "crosses" in asked:
        crosses = cross_figure(trait, limit), cross_table(trait)
        steps.append(Step("What to cross", *crosses, ("crosses.tsv",)))
    if "frontier" in asked:
        shares = frontier_figure(trait), contribution_table(trait)
        steps.append(
            Step("How much to use each line", *shares, ("contributions.tsv", "frontier.tsv"))
        )
    if "learning_curve" in asked:
        more = learning_figure(trait), next_table(trait)
        files = ("phenotype_next.tsv", "learning_curve.tsv")
        steps.append(Step("What more data would be worth", *more, files))
    return steps
