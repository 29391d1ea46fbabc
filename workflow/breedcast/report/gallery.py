"""Every figure of a trait, and of all traits together, by the name of its file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from breedcast.report.collect import Report, TraitResult
from breedcast.report.figures import Figure, accuracy_figure, observed_figure, training_figure
from breedcast.report.markers import manhattan_figure, quantile_figure, saliency_figure
from breedcast.report.next_steps import next_steps
from breedcast.report.ranks import rank_figure
from breedcast.report.steps import steps_figure
from breedcast.report.structure import structure_figure


def trait_figures(trait: TraitResult, config: Mapping[str, Any], limit: int) -> dict[str, Figure]:
    """The figures of a trait that there are. limit: points that each may hold."""
    return _drawn(
        accuracy=accuracy_figure(trait),
        observed=observed_figure(trait, config["interval"], limit),
        training=training_figure(trait, limit),
        manhattan=manhattan_figure(trait, config["association"]["leave_out_contig"], limit),
        quantiles=quantile_figure(trait, limit),
        saliency=saliency_figure(trait, limit),
        **{step.name: step.figure for step in next_steps(trait, limit)},
    )


def overall_figures(report: Report, limit: int) -> dict[str, Figure]:
    """The figures of all traits together that there are. limit: points that each may hold."""
    return _drawn(
        structure=structure_figure(report, limit),
        ranks=rank_figure(report),
        steps=steps_figure(report.settings["steps"]),
    )


def _drawn(**figures: Figure | None) -> dict[str, Figure]:
    return {name: figure for name, figure in figures.items() if figure is not None}
