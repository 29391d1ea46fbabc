"""The report's tables: rows of text, ready for the page, and the words for what they hold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from breedcast.genotypes.source import COUNTS
from breedcast.report.collect import GBLUP, ModelResult, Report, TraitResult

#: Rows of the candidates' table: of the best model, and of each other one.
CANDIDATE_ROWS, OTHER_CANDIDATE_ROWS = 200, 20
MISSING = "NA"

#: Metric -> heading, meaning. Those in trait units are rounded by the trait's spread.
METRICS = {
    "pearson": (
        "Predictive ability",
        "Pearson correlation of predicted and observed values of lines that were not trained "
        "on; 1 is perfect, 0 is guessing",
    ),
    "control_pearson": (
        "Control",
        "the same correlation after the trait's values were dealt to other lines at random; "
        "it should be about 0",
    ),
    "spearman": ("Rank correlation", "Spearman correlation: how well the order is predicted"),
    "rmse": ("RMSE", "root of the mean squared error, in the trait's units"),
    "mae": ("MAE", "mean absolute error, in the trait's units"),
    "slope": (
        "Slope",
        "regression of observed on predicted values; below 1 the predictions spread too far, "
        "above 1 too little",
    ),
    "intercept": ("Intercept", "of the same regression, in the trait's units"),
    "ndcg_10": (
        "NDCG 10 %",
        "normalised discounted cumulative gain of the predicted best 10 %; 1 is the perfect order",
    ),
    "mean_ndcg_10": ("Mean NDCG 10 %", "the mean NDCG of the best 1, 2, ... lines up to 10 %"),
    "response_10": (
        "Response",
        "by how much the predicted best 10 % of the tested lines are better than the tested "
        "lines' mean, in the trait's units",
    ),
    "response_10_sd": ("Response in SD", "the same in standard deviations of the tested lines"),
}
#: Those of traits that have two values, and of no others.
BINARY_METRICS = {
    "auc": (
        "AUC",
        "for a trait of two values: the chance that of a line of either value the right one is "
        "predicted higher; 0.5 is guessing",
    ),
    "brier": (
        "Brier score",
        "for a trait of two values: mean squared error of the predicted share of the higher value, "
        "0 is perfect",
    ),
}
#: Where nearly identical lines (genotypes/duplicated_lines.tsv) are trained on and tested.
DISTINCT_METRICS = {
    "pearson_distinct": (
        "Predictive ability, distinct lines",
        "Pearson correlation over the test lines that no training line is nearly identical to",
    ),
}
IN_TRAIT_UNITS = {"rmse", "mae", "intercept", "response_10"}


@dataclass(frozen=True)
class Cell:
    """What a cell says, and what stands small beneath it."""

    text: str
    note: str = ""


@dataclass(frozen=True)
class Table:
    """Headings and rows of cells; the first column names the row.

    text: columns of words, the others hold numbers; marked: rows that stand out.
    """

    caption: str
    headings: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    text: frozenset[int] = frozenset({0})
    marked: frozenset[int] = frozenset()


def table(
    caption: str,
    headings: Sequence[str],
    rows: Iterable[Iterable[str | Cell]],
    text: Iterable[int] = (0,),
    marked: Iterable[int] = (),
) -> Table:
    """A table of strings and cells."""
    cells = [[cell if isinstance(cell, Cell) else Cell(cell) for cell in row] for row in rows]
    return Table(caption, headings, cells, frozenset(text), frozenset(marked))


def number(value: float, decimals: int = 2) -> str:
    """A number as text with so many decimals; a dash where there is none, never -0.00."""
    if np.isnan(value):
        return MISSING
    if np.isinf(value):
        return "unlimited"
    text = f"{value:.{decimals}f}"
    return text.lstrip("-") if float(text) == 0 else text


def whole(value: float) -> str:
    """A count, with thousands set apart by a comma."""
    return f"{int(value):,}"


def p_text(value: float) -> str:
    """A p-value as text."""
    if np.isnan(value):
        return "not testable"
    return "<0.001" if value < 0.001 else f"{value:.3f}"


def decimals_for(sd: float) -> int:
    """Decimals that show a hundredth of a standard deviation, and no more than six."""
    if not sd > 0:
        return 2
    return int(np.clip(2 - np.floor(np.log10(sd)), 0, 6))


def metrics_of(trait: TraitResult) -> Mapping[str, tuple[str, str]]:
    """The metrics of a trait: heading and meaning."""
    metrics = METRICS | BINARY_METRICS if trait.is_binary else METRICS
    scored = trait.models[0].scores["metric"].unique()
    return metrics | DISTINCT_METRICS if set(DISTINCT_METRICS) & set(scored) else metrics


def accuracy_table(trait: TraitResult) -> Table:
    """Mean and standard deviation over folds of every metric, a row per model."""
    unit = decimals_for(trait.sd)
    metrics = metrics_of(trait)
    rows = [
        [
            Cell(model.name),
            *(_mean_and_sd(model, metric, unit if metric in IN_TRAIT_UNITS else 3)
              for metric in metrics),
        ]
        for model in trait.models
    ]  # fmt: skip
    return table(
        f"Accuracy on {trait.name}: mean over {len(trait.fold_sizes)} test folds, and "
        "± the standard deviation between single folds. The control's is over the folds of repeat "
        "1 and its permutations. The best mean predictive ability is marked.",
        ["Model", *(heading for heading, _ in metrics.values())],
        rows,
        marked=[trait.models.index(trait.best)],
    )


def _mean_and_sd(model: ModelResult, metric: str, decimals: int) -> Cell:
    mean, sd = model.mean(metric), model.sd(metric)
    notes = [] if np.isnan(sd) else [f"± {number(sd, decimals)}"]
    if undefined := model.undefined(metric):
        notes.append(f"{undefined} undefined")
    return Cell(number(mean, decimals), ", ".join(notes))


def comparison_table(trait: TraitResult, metric: str, random_folds: bool) -> Table:
    """Every pair of models with the corrected test of their difference, where folds allow it."""
    rows = trait.comparison[trait.comparison["metric"] == metric]
    decimals = decimals_for(trait.sd) if metric in IN_TRAIT_UNITS else 3
    heading = METRICS[metric][0]
    standard = trait.of_kind(GBLUP)
    family = "all pairs" if standard is None else f"the comparisons with {standard.name}"
    others = "" if standard is None else " Of other pairs nothing is claimed."
    tested = (
        "by the corrected resampled t-test (Nadeau and Bengio 2003), which allows for folds "
        f"sharing training lines; p corrected for {family} by Holm. Below 0.05 is taken as more "
        f"than chance.{others}"
        if random_folds
        else "and not tested: folds that are clusters are not drawn at random, and what differs "
        "between them tells nothing of chance."
    )
    return table(
        f"{heading} of models compared in pairs on {trait.name}: paired over the test folds "
        f"{tested} An undefined correlation counts as 0.",
        ["Model", "Against", "Mean", "Its mean", "Difference", "SE", "t", "p", "p, Holm"],
        [
            [
                row["model"],
                row["reference"],
                *(
                    number(row[column], decimals)
                    for column in ("mean", "reference_mean", "difference", "standard_error")
                ),
                number(row["t"], 2),
                p_text(row["p_value"]),
                _p_claimed(row),
            ]
            for row in rows.to_dict("records")
        ],
        text=(0, 1),
        marked=np.flatnonzero(rows["p_holm"] < 0.05).tolist(),
    )


def _p_claimed(row: Mapping[Any, Any]) -> str:
    """The corrected p-value of a comparison; of one that was tested and not claimed none."""
    is_claimed = np.isnan(row["p_value"]) or not np.isnan(row["p_holm"])
    return p_text(row["p_holm"]) if is_claimed else "no claim"


def candidate_table(trait: TraitResult, model: ModelResult, level: float, limit: int) -> Table:
    """The best candidates by one model."""
    ranked = trait.candidates[trait.candidates["model"] == model.name]
    shown = ranked.head(limit)
    decimals = decimals_for(trait.sd)
    has_genetic = bool(shown["bv_lower"].notna().any())
    percent = f"{100 * level:g} %"
    headings = ["Line", "Rank", "Predicted", f"New adjusted mean, {percent}"]
    rows = []
    for row in shown.to_dict("records"):
        cells = [
            row["sample"],
            whole(row["rank"]),
            number(row["predicted"], decimals),
            _range(row["lower"], row["upper"], decimals),
        ]
        if has_genetic:
            cells += [
                _range(row["bv_lower"], row["bv_upper"], decimals),
                number(row["reliability"], 2),
            ]
        rows.append(cells)
    if has_genetic:
        headings += [f"Genetic value, {percent}", "Reliability"]
    part = (
        f"all {whole(len(ranked))}"
        if len(shown) == len(ranked)
        else f"the best {whole(len(shown))} of {whole(len(ranked))}"
    )
    return table(f"Candidates for {trait.name} by {model.name}: {part}.", headings, rows)


def _range(lower: float, upper: float, decimals: int) -> str:
    if np.isnan(lower):
        return MISSING
    if np.isinf(lower):
        return "unlimited"
    return f"{number(lower, decimals)} to {number(upper, decimals)}"


def kept_table(report: Report) -> Table:
    """Markers and lines read, dropped by reason, and kept."""
    genotypes = report.genotypes
    read, limits = genotypes["imported"], genotypes["thresholds"]
    told = {
        "missing calls": (
            f"more than {100 * limits['max_missing_marker']:g} % of a marker's calls missing, or "
            f"{100 * limits['max_missing_line']:g} % of a line's"
        ),
        "rare allele": f"minor allele frequency below {limits['min_maf']:g}",
        "monomorphic": "the marker does not vary",
        "heterozygous": (
            f"more than {100 * limits['max_heterozygosity_marker']:g} % of a marker's calls "
            f"heterozygous, or {100 * limits['max_heterozygosity_line']:g} % of a line's"
        ),
        "duplicated": (
            "the same calls as an earlier marker, or as an earlier line at "
            f"{100 * limits['identity']:g} % of the calls"
        ),
        "not listed": "not named in the list of those to use",
        "excluded by name": "named in the list of those to leave out",
    }
    if limits["ld_prune"] is not None:
        told["linked"] = (
            "squared correlation above {r2:g} with a marker of higher minor allele frequency, "
            "within {window} markers".format(**limits["ld_prune"])
        )
    dropped_markers, dropped_lines = genotypes["dropped_markers"], genotypes["dropped_lines"]
    reasons = list(dict.fromkeys([*dropped_markers, *dropped_lines]))
    return table(
        "Markers and lines by the genotype filters, which never look at a trait.",
        ["", "Markers", "Lines"],
        [
            ["Read", whole(read["markers"]), whole(read["lines"])],
            *(
                (
                    Cell(f"Dropped: {reason}", told.get(reason, "")),
                    whole(dropped_markers.get(reason, 0)),
                    whole(dropped_lines.get(reason, 0)),
                )
                for reason in reasons
            ),
            ["Kept", whole(genotypes["markers"]), whole(genotypes["lines"])],
        ],
        marked=[1 + len(reasons)],
    )


def import_table(report: Report) -> Table:
    """What the import met in the genotype files."""
    read = report.genotypes["imported"]
    calls = read["lines"] * read["markers"]
    counts: Mapping[str, int] = read["counts"]
    shares = {"missing_calls": f"{100 * counts.get('missing_calls', 0) / calls:.2g} %"}
    return table(
        "What the genotype files held besides plain calls.",
        ["", "Number", "What was done"],
        [
            [label, Cell(whole(counts[name]), shares.get(name, "")), done]
            for name, (label, done) in COUNTS.items()
            if name in counts
        ],
        text=(0, 2),
    )


def dropped_table(report: Report) -> Table:
    """Lines with and without a value by trait, and those left out, by reason."""
    counts = {trait.id: Counter(trait.dropped["reason"]) for trait in report.traits}
    reasons = list(dict.fromkeys(reason for counter in counts.values() for reason in counter))
    return table(
        "Lines of each trait. Those with genotype and value are trained and tested on; candidates "
        "are genotyped and have no value.",
        ["Trait", "Genotype and value", "Candidates", *(f"Left out: {why}" for why in reasons)],
        [
            [
                trait.name,
                whole(trait.lines),
                whole(len(trait.phenotypes) - trait.lines),
                *(whole(counts[trait.id][reason]) for reason in reasons),
            ]
            for trait in report.traits
        ],
    )


def heritability_table(model: ModelResult) -> Table | None:
    """The heritability of each fold's fit on all its training lines; None if never told."""
    facts = model.fact("heritability")
    refits = facts[facts["inner_fold"].isna()]
    if refits.empty:
        return None
    values = refits["value"]
    return table(
        f"Genomic heritability by {model.name} (REML): share of the variance between training "
        "lines' values, after the covariates, that the genomic relationships explain. Mean "
        f"{number(values.mean())}, from {number(values.min())} to {number(values.max())}.",
        ["Repeat and fold", "Heritability"],
        [
            [f"{row['repeat'] + 1}.{row['fold'] + 1}", number(row["value"], 3)]
            for row in refits.to_dict("records")
        ],
    )


def epochs_table(trait: TraitResult) -> Table | None:
    """How long the networks trained; None without networks."""
    networks = [model for model in trait.models if model.is_network]
    if not networks:
        return None
    rows = []
    for model in networks:
        best = model.fact("best_epoch")["value"]
        limit = epoch_limit(model)
        rows.append(
            [
                model.name,
                whole(len(best)),
                f"{best.median():g}",
                f"{best.min():g} to {best.max():g}",
                whole(limit),
                f"{100 * (best == limit).mean():.0f} %",
            ]
        )
    return table(
        "Best epoch of each fit: the one in which its stop set was predicted best, whose weights "
        "are kept. Many at the limit means that more epochs may help.",
        ["Model", "Networks", "Median", "Range", "Limit", "At the limit"],
        rows,
    )


def epoch_limit(model: ModelResult) -> int:
    """The most epochs a network was allowed."""
    return int((model.run or {})["options"]["epochs"])


def weights_table(trait: TraitResult) -> Table | None:
    """The ensemble's weights in the fit for the candidates and over folds; None without one."""
    ensemble = trait.of_kind("ensemble")
    if ensemble is None or ensemble.weights is None:
        return None
    weights = ensemble.weights[ensemble.weights["permutation"] == 0]
    folds = weights[weights["repeat"] >= 0].groupby("model", sort=False)["weight"]
    final = weights[weights["repeat"] < 0].set_index("model")["weight"]
    return table(
        "What the ensemble adds up: weights learnt from predictions of training lines by fits that "
        "had not seen them, for the candidates (all lines) and in the folds.",
        ["Model", "For the candidates", "Mean over folds", "Range over folds"],
        [
            [
                str(name),
                number(final.get(name, np.nan), 3),
                number(values.mean(), 3),
                f"{number(values.min(), 3)} to {number(values.max(), 3)}",
            ]
            for name, values in folds
        ],
    )


def config_table(config: Mapping[str, Any]) -> Table:
    """Every setting that results depend on, defaults included."""
    return table(
        "The settings of this run.",
        ["Setting", "Value"],
        [[key, _plain(value)] for key, value in sorted(_flat(config))],
        text=(0, 1),
    )


def _flat(value: Mapping[str, Any], prefix: str = "") -> Iterable[tuple[str, Any]]:
    for key, item in value.items():
        name = f"{prefix}{key}"
        if isinstance(item, Mapping) and item:
            yield from _flat(item, f"{name}: ")
        else:
            yield name, item


def _plain(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    return "none" if value == {} else str(value)


def jobs_table(report: Report) -> Table:
    """Device, seed and duration of every training job."""
    seconds = report.durations.set_index(["trait", "model"])["seconds"].to_dict()
    rows = []
    for trait in report.traits:
        for model in trait.models:
            if model.run is None:
                continue
            took = seconds.get((trait.id, model.name), np.nan)
            changed = ", ".join(f"{key} {value}" for key, value in model.run["changed"].items())
            rows.append(
                [
                    trait.name,
                    model.name,
                    model.device,
                    number(took, 0),
                    "; ".join([changed or "as documented", *model.run["remarks"]]),
                ]
            )
    return table(
        "Training jobs: each trains all folds, inner folds and controls of a model on a trait. "
        "Options are those that differ from the model's documented ones.",
        ["Trait", "Model", "Device", "Seconds", "Options and remarks"],
        rows,
        text=(0, 1, 2, 4),
    )


def versions_table(versions: Mapping[str, str]) -> Table:
    """Packages and their versions."""
    return table(
        "Versions of the software, of training and of this report.",
        ["Package", "Version"],
        list(versions.items()),
        text=(0, 1),
    )


def inputs_table(report: Report) -> Table:
    """Checksums of the input files."""
    read = report.genotypes["imported"]
    rows = [
        *(["Genotypes", file["name"], file["sha256"]] for file in read["inputs"]),
        ["Traits", report.phenotype_table["input"], report.phenotype_table["sha256"]],
        ["Codes used by all models", "genotypes/codes.zarr", report.genotypes["checksum"]],
    ]
    return table(
        "Input files and their SHA-256 checksums.",
        ["What", "File", "SHA-256"],
        rows,
        text=(0, 1, 2),
    )
