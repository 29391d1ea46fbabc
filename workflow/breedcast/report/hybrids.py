"""Hybrids: what parents give them, which come first, how well each kind is predicted."""

from __future__ import annotations

import altair as alt
import numpy as np
import pandas as pd

from breedcast.agreement import pearson
from breedcast.phenotypes.hybrids import parents_by_sample
from breedcast.phenotypes.records import LEAST
from breedcast.report.collect import TraitResult
from breedcast.report.figures import AMBER, GREEN, GREY, Figure, csv_data, spec_of
from breedcast.report.tables import Cell, Table, decimals_for, number, table, whole
from breedcast.scoring.groups import class_of
from breedcast.validation.classes import CLASSES, hybrid_classes

#: Rows of the tables; crosses that stand out in the chart.
SHOWN, FIRST = 100, 10
#: Crosses in the chart, at most.
DRAWN = 1000
#: What each class of hybrids is, in words.
CLASS_TOLD = {
    "T2": "both parents have other measured hybrids",
    "T1": "one parent is new",
    "T0": "both parents are new",
}
COMPONENTS = {
    "gca_female": "female parents' GCA",
    "gca_male": "male parents' GCA",
    "gca": "parents' GCA",
    "sca": "SCA",
    "residual": "residual",
}


def class_abilities(trait: TraitResult) -> pd.DataFrame:
    """Predictive ability of each model (index) on hybrids of each class.

    Columns are the classes that were tested, best known parents first, each the mean over repeats
    of the correlation over all of its test hybrids of a repeat. Empty where the lines are no
    hybrids.
    """
    parents = parents_by_sample(trait.phenotypes)
    if parents is None:
        return pd.DataFrame()
    classes = hybrid_classes(trait.plan, parents)
    found: dict[str, dict[str, float]] = {}
    for model in trait.models:
        of = class_of(model.test, classes)
        dealt = model.test.groupby([of, model.test["repeat"]])
        ability = dealt.apply(_ability).groupby(level=0).mean()
        found[model.name] = {it: float(ability[it]) for it in CLASSES[::-1] if it in ability}
    return pd.DataFrame(found).T


def tested_hybrids(trait: TraitResult) -> dict[str, int]:
    """How many hybrids of each class were tested, each counted once."""
    parents = parents_by_sample(trait.phenotypes)
    if parents is None:
        return {}
    classes = hybrid_classes(trait.plan, parents)
    tested = classes[classes["repeat"] >= 0].drop_duplicates(["sample", "class"])
    return {
        name: int((tested["class"] == name).sum())
        for name in CLASSES
        if name in set(tested["class"])
    }


def class_table(trait: TraitResult) -> Table | None:
    """Accuracy by how many of a test hybrid's parents were tested; None for other lines."""
    abilities, tested = class_abilities(trait), tested_hybrids(trait)
    if abilities.empty:
        return None
    told = "; ".join(f"{it}: {CLASS_TOLD[it]}" for it in abilities.columns)
    return table(
        f"Predictive ability on {trait.name} by what was known of a hybrid's parents in its fold "
        f"({told}): correlation over all test hybrids of a repeat, the mean over repeats.",
        ["Model", *(f"{name} ({whole(tested[name])} hybrids)" for name in abilities.columns)],
        [
            [str(model), *(number(row[name], 3) for name in abilities.columns)]
            for model, row in abilities.iterrows()
        ],
        file=f"{trait.id}_hybrid_classes",
    )


def _ability(rows: pd.DataFrame) -> float:
    if len(rows) < LEAST:
        return np.nan
    return pearson(rows["observed"].to_numpy(), rows["predicted"].to_numpy())


def parents_told(trait: TraitResult) -> str:
    """What makes hybrids differ, and the parents to cross, in a sentence."""
    variances = trait.selection["hybrid_variances"].set_index("component")["share"]
    genetic = variances.drop("residual")
    shares = (genetic / genetic.sum()).fillna(0.0) if genetic.sum() > 0 else genetic
    of = ", ".join(f"{100 * share:.0f} % {COMPONENTS[str(name)]}" for name, share in shares.items())
    told = f"of the genetic variance between the measured hybrids {of}."
    if not trait.is_predicted:
        return told
    best = trait.selection["parents"].groupby("pool", sort=False).head(3)
    named = "; ".join(
        f"{'' if pool == 'both' else f'{pool}s '}{', '.join(rows['parent'])}"
        for pool, rows in best.groupby("pool", sort=False)
    )
    return f"{told} The parents of the best general combining ability: {named}."


def classes_told(trait: TraitResult) -> list[str]:
    """Candidates of a kind that no fold tested, in a sentence; none where all kinds were tested."""
    if "hybrid_class" not in trait.candidates:
        return []
    of = trait.candidates.drop_duplicates("sample")["hybrid_class"].value_counts()
    untested = [name for name in CLASSES[::-1] if name in of and name not in tested_hybrids(trait)]
    schemes = {"T2": "both_parents_tested", "T1": "one_parent_new", "T0": "both_parents_new"}
    return [
        f"{whole(of[name])} candidates are {name} hybrids ({CLASS_TOLD[name]}), and no such hybrid "
        f"was tested: how well these are predicted is not known. validation: scheme "
        f"{schemes[name]} measures it."
        for name in untested
    ]


def parent_table(trait: TraitResult) -> Table:
    """The parents by what they give to their hybrids."""
    parents, decimals = trait.selection["parents"], decimals_for(trait.sd)
    shown = parents.groupby("pool", sort=False).head(SHOWN)
    return table(
        f"Parents by general combining ability (GCA) for {trait.name}: what a parent adds to a "
        "hybrid beyond the mean hybrid, in the trait's units, from all hybrids and the parents' "
        "relationships; ± what is not known of it (standard deviation). A parent without measured "
        "hybrids is rated by its relatives.",
        ["Parent", "Pool", "Rank", "GCA", "Reliability", "Measured hybrids"],
        [
            [
                row["parent"],
                row["pool"],
                whole(row["rank"]),
                Cell(number(row["gca"], decimals), f"± {number(row['sd'], decimals)}"),
                number(row["reliability"]),
                whole(row["hybrids"]),
            ]
            for row in shown.to_dict("records")
        ],
        text=(0, 1),
        file=f"{trait.id}_parents",
    )


def parent_figure(trait: TraitResult) -> Figure:
    """GCA of the parents by pool, with what is not known of each."""
    decimals = decimals_for(trait.sd) + 1
    parents = trait.selection["parents"].groupby("pool", sort=False).head(SHOWN)
    points = parents.assign(
        lower=parents["gca"] - parents["sd"], upper=parents["gca"] + parents["sd"]
    ).round({"gca": decimals, "lower": decimals, "upper": decimals})
    points = points.assign(tested=np.where(points["hybrids"] > 0, "measured", "new"))
    columns = ["parent", "pool", "gca", "lower", "upper", "rank", "hybrids", "tested"]
    numbers = dict.fromkeys(["gca", "lower", "upper", "rank", "hybrids"], "number")
    base = alt.Chart().encode(
        x=alt.X("rank:Q", title="Rank in the pool", scale=alt.Scale(zero=False)),
        color=alt.Color(
            "tested:N",
            title=None,
            scale=alt.Scale(domain=["measured", "new"], range=[GREEN, AMBER]),
            legend=alt.Legend(
                orient="top",
                labelExpr="datum.value == 'new' ? 'no measured hybrid' : 'has measured hybrids'",
            ),
        ),
        tooltip=["parent:N", "pool:N", "rank:Q", "gca:Q", "hybrids:Q"],
    )
    chart = (
        alt.layer(
            base.mark_rule().encode(y=alt.Y("lower:Q", title="GCA"), y2="upper:Q"),
            base.mark_circle(size=45, opacity=0.9).encode(y="gca:Q"),
            data=csv_data(points[columns], **numbers),
        )
        .facet(facet=alt.Facet("pool:N", title=None), columns=2)
        .resolve_scale(x="independent")
    )
    first = trait.selection["parents"].groupby("pool", sort=False).first()["parent"]
    return Figure(
        f"parents-{trait.id}",
        f"General combining abilities of the parents for {trait.name}, by pool and rank: what each "
        "adds to its hybrids beyond the mean hybrid, in the trait's units, ± the standard "
        "deviation of what is not known of it. By the model of GCA and SCA on all hybrids.",
        f"Dot plot of general combining abilities for {trait.name}. First: "
        f"{', '.join(f'{pool} {parent}' for pool, parent in first.items())}; the table below has "
        "all.",
        spec_of(chart),
        cell=250,
    )


def hybrid_table(trait: TraitResult) -> Table:
    """The best crosses that were not measured."""
    hybrids, decimals = trait.selection["hybrids"], decimals_for(trait.sd)
    new = hybrids[hybrids["value"].isna()]
    shown = new.head(SHOWN)
    parts = [name for name in COMPONENTS if name in hybrids]
    return table(
        f"Crosses for {trait.name} that were not measured: the first {whole(len(shown))} of "
        f"{whole(len(new))} by GCA and SCA. Each part is what it adds to the mean hybrid, in the "
        "trait's units. The candidates' table above has the other models' order, and intervals.",
        ["Hybrid", "Female", "Male", "Rank", "Predicted", *(_heading(name) for name in parts)],
        [
            [
                row["sample"],
                row["female"],
                row["male"],
                whole(row["rank"]),
                *(number(row[name], decimals) for name in ("predicted", *parts)),
            ]
            for row in shown.to_dict("records")
        ],
        text=(0, 1, 2),
        file=f"{trait.id}_hybrids",
    )


def hybrid_figure(trait: TraitResult, limit: int) -> Figure:
    """What the parents give against what is the cross's own, of hybrids made and not made."""
    hybrids, decimals = trait.selection["hybrids"], decimals_for(trait.sd) + 1
    general = [name for name in hybrids if str(name).startswith("gca")]
    drawn = hybrids.head(min(limit, DRAWN))
    first = (drawn["rank"] <= FIRST).fillna(False).to_numpy(bool)
    own = drawn["sca"] if "sca" in drawn else pd.Series(0.0, drawn.index)
    points = pd.DataFrame(
        {
            "hybrid": drawn["sample"],
            "parents": drawn[general].sum(axis=1).round(decimals),
            "own": own.round(decimals),
            "predicted": drawn["predicted"].round(decimals),
            "of": np.where(first, "first", np.where(drawn["value"].isna(), "other", "measured")),
        }
    )
    numbers = dict.fromkeys(["parents", "own", "predicted"], "number")
    chart = (
        alt.Chart(csv_data(points, **numbers))
        .mark_circle(size=40, opacity=0.7)
        .encode(
            x=alt.X("parents:Q", title="Of its parents (GCA)", scale=alt.Scale(zero=False)),
            y=alt.Y("own:Q", title="Of the cross itself (SCA)", scale=alt.Scale(zero=False)),
            color=alt.Color(
                "of:N",
                title=None,
                scale=alt.Scale(domain=["first", "other", "measured"], range=[GREEN, GREY, AMBER]),
                legend=alt.Legend(
                    orient="top",
                    labelExpr=f"datum.value == 'first' ? 'the {FIRST} best not measured' : "
                    "datum.value == 'other' ? 'not measured' : 'measured'",
                ),
            ),
            tooltip=["hybrid:N", "predicted:Q", "parents:Q", "own:Q"],
        )
        .properties(width="container", height=300)
    )
    which = "all" if len(drawn) == len(hybrids) else f"the best {whole(len(drawn))}"
    return Figure(
        f"hybrids-{trait.id}",
        f"Hybrids for {trait.name}, {which}: what they have of their parents beyond the mean "
        "hybrid (sum of both GCA), and what is their own (SCA), by one model on all hybrids. "
        f"Variances of the parts, by REML: {_variances_told(trait)}.",
        f"Scatter plot of general against specific combining ability of hybrids for {trait.name}; "
        f"the table below has the best {SHOWN}.",
        spec_of(chart),
    )


def _variances_told(trait: TraitResult) -> str:
    decimals = 2 * decimals_for(trait.sd)
    return ", ".join(
        f"{COMPONENTS[row['component']]} {number(row['variance'], min(decimals, 4))} "
        f"({100 * row['share']:.0f} %)"
        for row in trait.selection["hybrid_variances"].to_dict("records")
    )


def _heading(name: str) -> str:
    told = COMPONENTS[name]
    return told[0].upper() + told[1:]
