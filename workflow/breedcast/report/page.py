"""The report as one HTML page that needs no network."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace

import jinja2
import vl_convert
from markupsafe import Markup

from breedcast.code import PACKAGE
from breedcast.report import accuracy, data, environments, groups, made
from breedcast.report.advice import advice_table, findings
from breedcast.report.candidates import candidate_table, response_table
from breedcast.report.collect import Report, TraitResult
from breedcast.report.doubts import doubts
from breedcast.report.gallery import overall_figures, trait_figures
from breedcast.report.hybrids import class_table
from breedcast.report.marker_tables import marker_table, method_table, region_table
from breedcast.report.next_steps import next_steps
from breedcast.report.ranks import rank_table
from breedcast.report.several_traits import (
    between_environments,
    candidates_over_traits,
    correlation_table,
    index_tables,
)
from breedcast.report.structure import cluster_table, scheme_told
from breedcast.report.tables import decimals_for, number
from breedcast.report.trials import trial_table
from breedcast.report.tuned import tuned_table
from breedcast.report.uncertainty import group_table, guarantee, interval_table

TEMPLATES = PACKAGE.parent / "report"
#: Points a figure may hold, and all figures of one kind together, so that the page stays light.
POINTS_PER_FIGURE, POINTS_PER_KIND = 2500, 8000
#: Rows of the candidates' tables of all traits together.
CANDIDATE_ROWS = 5000


def render(report: Report) -> str:
    """The page as HTML. Text from the user's files is escaped, in the charts' data as well."""
    pages = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    pages.policies["json.dumps_kwargs"] = {"allow_nan": False, "separators": (",", ":")}
    config = report.settings["config"]
    return pages.get_template("page.html").render(
        report=report,
        advice=advice_table(report.traits),
        traits=[_trait_parts(trait, report) for trait in report.traits],
        models=[model["name"] for model in report.settings["models"]],
        seed=config["validation"]["seed"],
        scheme_told=scheme_told(config["validation"]),
        figures=overall_figures(report, POINTS_PER_FIGURE),
        rank_table=rank_table(report),
        index_tables=index_tables(report),
        over_traits=candidates_over_traits(report),
        guarantee=guarantee(config["interval"]),
        cluster_table=cluster_table(report),
        permutations=config["control"]["permutations"],
        data_tables=[
            data.kept_table(report),
            data.import_table(report),
            data.dropped_table(report),
        ],
        genotype_notes=data.genotype_notes(report.genotypes),
        made_tables=[
            made.inputs_table(report),
            made.jobs_table(report),
            made.config_table(config),
            made.versions_table(made.versions(report)),
        ],
        made=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        breedcast=made.breedcast_version(),
        style=_inlined("style.css"),
        scripts=[_inlined(name) for name in ("charts.js", "tables.js", "traits.js")],
        vega=Markup(vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;")),  # noqa: S704
    )


def _trait_parts(trait: TraitResult, report: Report) -> SimpleNamespace:
    """All that the page shows of a trait; no dictionary, whose methods a name might stand for."""
    config = report.settings["config"]
    level = config["interval"]
    limit = min(POINTS_PER_FIGURE, POINTS_PER_KIND // len(report.traits))
    variances = [
        told
        for model in trait.models
        for told in (
            accuracy.heritability_table(model),
            correlation_table(model, trait.name),
            between_environments(model),
        )
    ]
    return SimpleNamespace(
        trait=trait,
        values_told=values_told(trait),
        findings=findings(trait),
        doubts=doubts(trait, level),
        figures=trait_figures(trait, config, limit),
        accuracy=accuracy.accuracy_table(trait),
        metrics=accuracy.metrics_of(trait).values(),
        comparisons=[
            accuracy.comparison_table(trait, metric, report.settings["random_folds"])
            for metric in trait.comparison["metric"].unique()
        ],
        environments=environments.ability_table(trait),
        candidate_values=environments.candidate_values(trait),
        groups=groups.accuracy_table(trait),
        trials=trial_table(trait),
        tuned=tuned_table(trait),
        epochs=accuracy.epochs_table(trait),
        variances=[table for table in variances if table],
        weights=accuracy.weights_table(trait),
        hybrid_classes=class_table(trait),
        candidates=candidate_table(trait, level, CANDIDATE_ROWS // len(report.traits)),
        markers=marker_table(trait),
        regions=region_table(trait),
        methods=method_table(trait),
        response=response_table(trait),
        next_steps=next_steps(trait, limit),
        fraction=f"{100 * config['selection']['fraction']:g} %",
        level=f"{100 * level:g} %",
        coverage=f"{100 * trait.coverage(trait.best):.0f} %",
        intervals=interval_table(trait, level),
        interval_groups=group_table(trait, level),
    )


def values_told(trait: TraitResult) -> str:
    """Mean, spread and range of the trait's values."""
    values, decimals = trait.phenotypes["value"].dropna(), decimals_for(trait.sd)
    told = (number(it, decimals) for it in (values.mean(), trait.sd, values.min(), values.max()))
    return "mean {}, standard deviation {}, from {} to {}".format(*told)


def _inlined(name: str) -> Markup:
    """A file of ours as it is: it holds no user's text."""
    return Markup((TEMPLATES / name).read_text(encoding="utf-8"))  # noqa: S704
