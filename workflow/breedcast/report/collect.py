"""Everything the report tells, read from the results folder into one structure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from breedcast.files import read_parquet, read_table
from breedcast.markers.saliency import summarise as summarise_saliency
from breedcast.phenotypes.clean import phenotyped_lines
from breedcast.phenotypes.covariates import covariate_columns
from breedcast.phenotypes.hybrids import parents_of
from breedcast.scoring.intervals import FOLD, pooled
from breedcast.scoring.scores import summarise
from breedcast.validation.folds import fold_sizes, test_to_train

#: A difference of a smaller p-value is taken as more than chance.
SIGNIFICANT = 0.05
#: What the report judges every model against, by kind: they need no tuning.
BASELINE, GBLUP = "baseline", "gblup"


@dataclass(frozen=True)
class ModelResult:
    """One model on one trait.

    kind: its name in the registry, or `ensemble`; run: what its training job was made with.
    summary: mean, sd, folds, undefined by metric; scores: the folds' own values.
    test: its rows of tested.parquet, one for every tested line.
    history, facts, saliency, run, weights, studies are None where the model has no such thing.
    """

    name: str
    kind: str
    scores: pd.DataFrame
    summary: pd.DataFrame
    test: pd.DataFrame
    history: pd.DataFrame | None = None
    facts: pd.DataFrame | None = None
    saliency: pd.DataFrame | None = None
    run: Mapping[str, Any] | None = None
    weights: pd.DataFrame | None = None
    studies: pd.DataFrame | None = None

    def mean(self, metric: str) -> float:
        """The mean of a metric over folds; NaN where it was not scored."""
        return self._summary(metric, "mean")

    def sd(self, metric: str) -> float:
        """The standard deviation of a metric between single folds."""
        return self._summary(metric, "sd")

    def undefined(self, metric: str) -> int:
        """In how many folds a metric has no value."""
        count = self._summary(metric, "undefined")
        return 0 if np.isnan(count) else int(count)

    def _summary(self, metric: str, column: str) -> float:
        return self._figures.get(column, {}).get(metric, np.nan)

    @cached_property
    def _figures(self) -> dict[str, dict[str, float]]:
        """`summary` by column and metric: a report looks up thousands of its cells."""
        return {
            str(column): dict(zip(self.summary.index, values, strict=True))
            for column, values in self.summary.items()
        }

    @property
    def is_network(self) -> bool:
        """Whether it trains by epochs."""
        return self.history is not None and len(self.history) > 0

    @property
    def network_share(self) -> float:
        """The network's share of the variance of the predictions, the rest being a mixed model's
        (shortcut); NaN for what is no such model.
        """
        return float(self.fact("network_share")["value"].mean())

    @property
    def device(self) -> str:
        """What computed it; the ensemble only adds predictions up."""
        return str(self.run["device"]) if self.run else "none"

    def fact(self, name: str) -> pd.DataFrame:
        """A fact of the real trait's validation fits: repeat, fold, inner_fold, value."""
        none = pd.DataFrame(columns=["repeat", "fold", "inner_fold", "value"])
        return self._facts.get(name, none)

    @cached_property
    def _facts(self) -> dict[str, pd.DataFrame]:
        if self.facts is None:
            return {}
        real = self.facts[(self.facts["permutation"] == 0) & (self.facts["repeat"] >= 0)]
        columns = ["repeat", "fold", "inner_fold", "value"]
        return {str(name): rows[columns] for name, rows in real.groupby("fact")}

    @property
    def heritability(self) -> pd.Series:
        """The heritability of each fold's fit on all its training lines, where it is told."""
        facts = self.fact("heritability")
        return facts.loc[facts["inner_fold"].isna()].set_index(["repeat", "fold"])["value"]


@dataclass(frozen=True)
class TraitResult:
    """One trait: its lines, its models in the config's order, and what came of them.

    selection: what follows from the candidates, by the name of the table: `response`, and what the
    config asked for. trials: heritability.tsv; None where the table of traits has no plots.
    """

    id: str
    name: str
    direction: str
    phenotypes: pd.DataFrame
    dropped: pd.DataFrame
    plan: pd.DataFrame
    models: list[ModelResult]
    comparison: pd.DataFrame
    group_scores: pd.DataFrame
    candidates: pd.DataFrame
    intervals: pd.DataFrame
    association: pd.DataFrame
    regions: pd.DataFrame
    region_methods: pd.DataFrame
    selection: Mapping[str, pd.DataFrame]
    trials: pd.DataFrame | None

    @property
    def best(self) -> ModelResult:
        """The model with the highest mean predictive ability; the earlier one of equals."""
        return max(self.models, key=lambda model: model.mean(self.ability))

    @property
    def ability(self) -> str:
        """The metric of predictive ability: beyond the covariates, which candidates differ in by no
        merit of theirs, where there are any.
        """
        return "partial_pearson" if self.covariates else "pearson"

    @property
    def control(self) -> str:
        """The same of the control."""
        return f"control_{self.ability}"

    @property
    def lines(self) -> int:
        """How many lines have genotype and value."""
        return int(phenotyped_lines(self.phenotypes)["sample"].nunique())

    @property
    def new_lines(self) -> int:
        """How many lines are candidates."""
        return int(self.phenotypes.loc[self.phenotypes["value"].isna(), "sample"].nunique())

    @property
    def sd(self) -> float:
        """Standard deviation of the trait's values."""
        return float(self.phenotypes["value"].std())

    @property
    def is_hybrids(self) -> bool:
        """Whether the lines are hybrids, whose genotypes follow from their parents'."""
        return parents_of(self.phenotypes) is not None

    def genotyped(self, rows: pd.Series) -> np.ndarray:
        """The lines of these rows (a mask) of phenotypes.tsv, or the parents of hybrids."""
        parents = parents_of(self.phenotypes)
        names = self.phenotypes["sample"] if parents is None else parents
        return pd.unique(names[rows].to_numpy().ravel())

    @property
    def covariates(self) -> list[str]:
        """The covariates' columns."""
        return covariate_columns(self.phenotypes)

    @cached_property
    def fold_sizes(self) -> pd.DataFrame:
        """Lines by role (columns train, test) in every fold."""
        return fold_sizes(self.plan)

    def of_kind(self, kind: str) -> ModelResult | None:
        """The first model of a kind, by the config's order."""
        return next((model for model in self.models if model.kind == kind), None)

    def standard_error(self, model: ModelResult, metric: str) -> float:
        """Of a metric's mean over folds; NaN where there is no spread to tell it from.

        Folds share training lines: the widened error of the corrected resampled t-test.
        """
        runs = int((model.scores["metric"] == metric).sum())
        return model.sd(metric) * float(np.sqrt(1 / runs + self._share)) if runs else np.nan

    @cached_property
    def _share(self) -> float:
        """n_test / n_train."""
        return test_to_train(self.plan)

    @property
    def is_predicted(self) -> bool:
        """Whether the best model's predictive ability is above 0 and its control, beyond chance.

        Beyond chance: by more than twice its standard error, or, where folds do not tell it, that
        of a correlation of as many independent values as were tested.
        """
        best = self.best
        chance = max(0.0, np.nan_to_num(best.mean(self.control)))
        error = self.standard_error(best, self.ability)
        if np.isnan(error):
            error = max(len(best.test) - 3, 1) ** -0.5
        return bool(best.mean(self.ability) - chance > 2 * error)

    def coverage(self, model: ModelResult) -> float:
        """Share of the tested lines that lay within a model's intervals."""
        return self._coverage[model.name]

    @cached_property
    def _coverage(self) -> dict[str, float]:
        tried = self.intervals[self.intervals["by"] == FOLD]
        held = pooled(tried, ["model"])
        return dict(zip(held["model"], held["coverage"], strict=True))

    def is_better(self, model: ModelResult, reference: ModelResult) -> bool:
        """Whether one model predicts better than another by more than chance."""
        row = self.compared(model.name, reference.name)
        return row is not None and bool(row["difference"] > 0 and row["p_holm"] < SIGNIFICANT)

    def compared(self, model: str, reference: str) -> pd.Series | None:
        """The comparison of two models' predictive abilities: model minus reference."""
        table = self.comparison[self.comparison["metric"] == self.ability]
        for first, second, sign in ((model, reference, 1), (reference, model, -1)):
            row = table[(table["model"] == first) & (table["reference"] == second)]
            if len(row):
                turned = row.iloc[0].copy()
                turned["difference"] *= sign
                return turned
        return None


@dataclass(frozen=True)
class Report:
    """What was run, and every trait's results.

    genotypes: codes.json; structure, structure_facts: structure.tsv and structure.json.
    settings: as given to `collect`.
    phenotype_table: name, sha256. durations: seconds by rule, trait and model (may be empty).
    index: index.tsv, index_gains.tsv and index_correlations.tsv by these names, if asked for.
    """

    settings: Mapping[str, Any]
    genotypes: Mapping[str, Any]
    structure: pd.DataFrame
    structure_facts: Mapping[str, Any]
    phenotype_table: Mapping[str, str]
    traits: list[TraitResult]
    durations: pd.DataFrame
    index: Mapping[str, pd.DataFrame]


def collect(results: Path, phenotypes: Path, settings: Mapping[str, Any]) -> Report:
    """Read the results folder.

    phenotypes: the user's trait table. settings: `traits` (id, name, direction of each),
    `models` (name and kind of each, and whether it is tuned, the ensemble included), `config` as
    completed, `plots` (whether the table has a row per plot),
    `random_folds`, `benchmarks` (folder), `selection_tables` and `index` (file names),
    `steps` (of every rule that led to the report, those whose files it reads).
    """
    traits = [collect_trait(results / about["id"], about, settings) for about in settings["traits"]]
    genotypes = results / "genotypes"
    return Report(
        settings=settings,
        genotypes=json.loads((genotypes / "codes.json").read_text(encoding="utf-8")),
        structure=read_table(genotypes / "structure.tsv"),
        structure_facts=json.loads((genotypes / "structure.json").read_text(encoding="utf-8")),
        phenotype_table={
            "input": phenotypes.name,
            "sha256": hashlib.sha256(phenotypes.read_bytes()).hexdigest(),
        },
        traits=traits,
        durations=_durations(Path(settings["benchmarks"]), settings),
        index={Path(it).stem: read_table(results / it) for it in settings["index"]},
    )


def collect_trait(
    folder: Path, about: Mapping[str, str], settings: Mapping[str, Any]
) -> TraitResult:
    """Read a trait's folder.

    about: id, name and direction. settings: `models`, `selection_tables` and `plots` as for
    `collect`.
    """
    tested = dict(list(read_parquet(folder / "tested.parquet").groupby("model")))
    return TraitResult(
        id=about["id"],
        name=about["name"],
        direction=about["direction"],
        phenotypes=read_table(folder / "phenotypes.tsv"),
        dropped=read_table(folder / "dropped.tsv"),
        plan=read_table(folder / "plan.tsv"),
        models=[
            _model(folder / model["name"], model, tested[model["name"]])
            for model in settings["models"]
        ],
        comparison=read_table(folder / "comparison.tsv"),
        group_scores=read_table(folder / "group_scores.tsv"),
        candidates=read_table(folder / "candidates.tsv"),
        intervals=read_table(folder / "intervals.tsv"),
        association=read_parquet(folder / "association.parquet"),
        regions=read_table(folder / "regions.tsv"),
        region_methods=read_table(folder / "region_methods.tsv"),
        selection={Path(it).stem: read_table(folder / it) for it in settings["selection_tables"]},
        trials=read_table(folder / "heritability.tsv") if settings["plots"] else None,
    )


def _model(folder: Path, about: Mapping[str, Any], tested: pd.DataFrame) -> ModelResult:
    scores = read_table(folder / "scores.tsv")
    common: dict[str, Any] = {
        "name": folder.name,
        "kind": about["kind"],
        "scores": scores,
        "summary": summarise(scores).set_index("metric"),
        "test": tested,
    }
    if about["kind"] == "ensemble":
        return ModelResult(**common, weights=read_table(folder / "weights.tsv"))
    return ModelResult(
        **common,
        history=read_parquet(folder / "history.parquet"),
        facts=read_table(folder / "facts.tsv"),
        saliency=summarise_saliency(folder / "saliency.parquet"),
        run=json.loads((folder / "run.json").read_text(encoding="utf-8")),
        studies=read_table(folder / "studies.tsv") if about["tuned"] else None,
    )


def _durations(folder: Path, settings: Mapping[str, Any]) -> pd.DataFrame:
    """trait, model, seconds of the training jobs whose benchmark files are there."""
    found = [
        (trait["id"], model["name"], float(pd.read_csv(path, sep="\t")["s"].iloc[0]))
        for trait in settings["traits"]
        for model in settings["models"]
        if (path := folder / trait["id"] / model["name"] / "train.tsv").is_file()
    ]
    return pd.DataFrame(found, columns=["trait", "model", "seconds"])
