"""What the report tells of the lines' structure, and of what a validation scheme asks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import altair as alt
import numpy as np
import pandas as pd

from breedcast.report.collect import Report
from breedcast.report.figures import GREY, Figure, csv_data, spec_of
from breedcast.report.tables import Table, number, table, whole

#: More clusters than these get no legend and share colours.
TOLD_APART = 10

#: What the points' shapes tell.
OTHER, CANDIDATE = "no candidate", "candidate"


def scheme_told(validation: Mapping[str, Any]) -> str:
    """How accuracy is measured, and which question that answers."""
    folds, repeats = validation["folds"], validation["repeats"]
    kfold = f"{folds}-fold cross-validation, {repeats} repeat{'s' * (repeats != 1)}"
    return {
        "kfold": f"{kfold}: how well are new lines predicted that resemble those trained on?",
        "stratified": f"{kfold}, every fold with its share of each cluster of lines: how well are "
        "new lines predicted of the groups that were trained on?",
        "stratified_family": f"{kfold}, every fold with its share of each family: how well are new "
        "lines predicted of the families that were trained on?",
        "leave_cluster_out": "leaving out one cluster of lines at a time: how well are lines "
        "predicted of a group of which none was trained on?",
        "leave_family_out": "leaving out one family at a time: how well are lines predicted of a "
        "new family, of which none was trained on?",
        "within_family": f"{kfold} within each family: how well are lines predicted from sibs "
        "alone?",
        "forward": "predicting each year's lines from those of the years before: how well are the "
        "lines of the next year predicted?",
        "cv1": f"{kfold} of lines, each with all its environments: how well are new lines "
        "predicted in environments that others were grown in?",
        "cv2": f"{kfold} of a line's values in single environments: how well is a line predicted "
        "where it was not grown, from where it was (sparse testing)?",
        "cv0": "leaving out one environment at a time: how well are known lines predicted in a new "
        "environment?",
        "cv00": f"leaving out one environment and a part of the lines at a time ({folds} parts, "
        f"{repeats} repeat{'s' * (repeats != 1)}): how well are new lines predicted in a new "
        "environment?",
        "both_parents_tested": f"{kfold} over hybrids whose parents both have others in training "
        "(T2): how well are new hybrids of tested parents predicted?",
        "one_parent_new": f"{kfold} over parents, testing hybrids of one new and one tested parent "
        "(T1): how well are the hybrids of a new parent with tested ones predicted?",
        "both_parents_new": f"{kfold} over parents, testing hybrids of two new parents (T0): how "
        "well are hybrids predicted before either parent has any in a trial?",
        "own": "a plan of your own, from a file: how well are the lines predicted that it tests?",
    }[validation["scheme"]]


def structure_figure(report: Report, limit: int) -> Figure | None:
    """The lines on the first two principal coordinates; None where they differ along fewer."""
    shares = report.structure_facts["variance_shares"]
    if len(shares) < 2:
        return None
    lines = _lines(report)
    shown = lines if len(lines) <= limit else lines.sample(limit, random_state=0).sort_index()
    clusters = int(lines["cluster"].max())
    legend = None if clusters > TOLD_APART else alt.Legend(symbolType="circle")
    dots = (
        alt.Chart(csv_data(shown, coordinate_1="number", coordinate_2="number", cluster="number"))
        .mark_point(filled=True, size=55, opacity=0.7)
        .encode(
            x=alt.X(
                "coordinate_1:Q",
                title=_axis(1, shares),
                scale=alt.Scale(zero=False),
                axis=alt.Axis(tickCount=8),
            ),
            y=alt.Y("coordinate_2:Q", title=_axis(2, shares), scale=alt.Scale(zero=False)),
            color=alt.Color(
                "cluster:N",
                title="Cluster",
                legend=legend,
                scale=alt.Scale(scheme="tableau10", domain=list(range(1, clusters + 1))),
            ),
            shape=alt.Shape(
                "is:N",
                title=None,
                legend=alt.Legend(orient="top", symbolFillColor=GREY, symbolStrokeColor=GREY),
                scale=alt.Scale(domain=[OTHER, CANDIDATE], range=["circle", "triangle-up"]),
            ),
            tooltip=["line:N", "cluster:N", alt.Tooltip("traits:N", title="candidate for")],
        )
        .properties(width="container", height=380)
    )
    part = (
        f"all {whole(len(lines))} genotyped lines"
        if len(shown) == len(lines)
        else f"a random {whole(len(shown))} of {whole(len(lines))} genotyped lines"
    )
    told = _clusters_told(report)
    return Figure(
        "structure-lines",
        f"{part[0].upper()}{part[1:]} on the first two principal coordinates (classical scaling) "
        "of the squared difference of their allele shares, to which a missing call adds what is to "
        "be expected. The nearer, the more alike; triangles are candidates for at least "
        "one trait, or parents of candidates that are hybrids. "
        f"{told}",
        "Scatter plot of the genotyped lines on two principal coordinates, coloured by cluster. "
        f"Clusters: {clusters}; the table below has their sizes.",
        spec_of(dots),
    )


def cluster_table(report: Report) -> Table:
    """How many lines each cluster has, and how many of them are measured, by trait."""
    cluster = report.structure.set_index("sample")["cluster"]
    count = int(cluster.max())
    sizes = [np.bincount(cluster, minlength=count + 1)[1:]]
    headings = ["Cluster", "Lines"]
    for trait in report.traits:
        measured = trait.genotyped(trait.phenotypes["value"].notna())
        sizes.append(np.bincount(cluster.loc[measured], minlength=count + 1)[1:])
        headings.append(f"{'Parents' if trait.is_hybrids else 'With a value'} of {trait.name}")
    return table(
        "Lines by cluster, the largest first. Cluster and coordinates of every line are in "
        "genotypes/structure.tsv.",
        headings,
        [[str(row + 1), *(whole(size[row]) for size in sizes)] for row in range(count)],
    )


def _lines(report: Report) -> pd.DataFrame:
    """line, cluster, the first two coordinates, whether a candidate, and of how many traits."""
    of = pd.Series(0, index=report.structure["sample"])
    for trait in report.traits:
        of.loc[trait.genotyped(trait.phenotypes["value"].isna())] += 1
    candidate_for = of.to_numpy()
    return pd.DataFrame(
        {
            "line": report.structure["sample"],
            "cluster": report.structure["cluster"],
            "coordinate_1": report.structure["coordinate_1"].round(4),
            "coordinate_2": report.structure["coordinate_2"].round(4),
            "is": np.where(candidate_for > 0, CANDIDATE, OTHER),
            "traits": [f"{number} of {len(report.traits)} traits" for number in candidate_for],
        }
    )


def _axis(coordinate: int, shares: list[float]) -> str:
    return f"Principal coordinate {coordinate} ({100 * shares[coordinate - 1]:.1f} % of variance)"


def _clusters_told(report: Report) -> str:
    """How the clusters were made and their number chosen."""
    facts, asked = report.structure_facts, report.settings["config"]["structure"]["clusters"]
    silhouettes = facts["silhouettes"]
    made = f"Clusters by Ward's criterion on {len(facts['variance_shares'])} coordinates"
    found = silhouettes.get(str(facts["clusters"]))
    if asked != "auto":
        width = f" (mean silhouette {number(found)})" if found is not None else ""
        return f"{made}; their number is the config's{width}."
    if found is None:
        best = max(silhouettes.values(), default=np.nan)
        return (
            f"No number of clusters stands out (largest mean silhouette {number(best)}, below "
            f"{facts['least_silhouette']:g}), so all lines are one."
        )
    most = max(map(int, silhouettes))
    more = ", the most that were tried: there may be more" * (facts["clusters"] == most)
    return (
        f"{made}; of 2 to {most} their number has the largest mean silhouette, "
        f"{number(found)}{more}."
    )
