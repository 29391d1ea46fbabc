"""What jobs ask of a scheduler: memory, time and devices.

Read at every start of the workflow, so it stays light.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypedDict

from breedcast.memory import (
    ASSOCIATION,
    MEGABYTE,
    PREDICTED_MB,
    SALIENCY_BYTES,
    CodesShape,
    Law,
    PredictionLaw,
    Records,
    Together,
    training_mb,
)
from breedcast.models.base import Model
from breedcast.models.in_environments import AUTO, BY_PAIRS, NONE, by_numbers
from breedcast.project import Project
from breedcast.validation.names import BY_PARENTS, OWN, PAIRS, RANDOM, grid_parts

#: Seconds of a row of one model's predictions, and of setting a record against another, at most.
ROW_SECONDS, PAIR_SECONDS = 1e-4, 1e-6


class InEnvironments(TypedDict):
    """What `memory.training_mb` is told of a mixed model that tells environments apart."""

    related: int | None
    together_mb: float


def in_environments(
    model: Model, lines: int, together: Together, conditions: bool
) -> InEnvironments:
    """Of a fit of so many different lines with these values, by a model or its shortcut.

    conditions: whether there are covariates of environments.
    """
    interaction: str = getattr(model, "interaction", AUTO if model.has_shortcut else NONE)
    if interaction == AUTO:
        interaction = by_numbers(together.lines, together.sizes, conditions)
    if interaction == NONE:
        return {"related": None, "together_mb": 0.0}
    by_pairs = interaction in BY_PAIRS
    megabytes = together.covariances_mb if by_pairs else together.terms_mb
    return {"related": lines, "together_mb": megabytes}


@dataclass(frozen=True)
class Demands:
    """What the jobs of a project ask of a scheduler."""

    project: Project

    @property
    def units_of_plan(self) -> tuple[int, int]:
        """The repeats' folds, all and those of the first; of groups the most that there can be."""
        project, validation = self.project, self.project.config["validation"]
        scheme, folds, repeats = (validation[key] for key in ("scheme", "folds", "repeats"))
        if scheme == OWN:
            return sum(project.own_folds), project.own_folds[0]
        if scheme in RANDOM or scheme in BY_PARENTS:
            return folds * repeats, folds
        if scheme == "within_family":
            return project.groups * folds * repeats, project.groups * folds
        if scheme == "cv0":
            return project.environments, project.environments
        if scheme == "cv00":
            return project.environments * folds * repeats, project.environments * folds
        if scheme == "leave_family_out":
            return project.groups, project.groups
        if scheme == "forward":  # the first year is not tested
            return project.groups - 1, project.groups - 1
        if scheme == "leave_cluster_out":
            from breedcast.genotypes.structure import MOST_CLUSTERS  # and with it numpy

            clusters = project.config["structure"]["clusters"]
            groups = MOST_CLUSTERS if clusters == "auto" else clusters
            return groups, groups
        raise NotImplementedError(f"how many units the scheme {scheme} has")

    @property
    def units_per_job(self) -> int:
        """Training sets of one training job."""
        every, first = self.units_of_plan
        kinds = 2 if "family" in self.project.labels else 1
        return every + first * kinds * int(self.project.config["control"]["permutations"]) + 1

    @property
    def fits_per_job(self) -> int:
        """Fits of one training job: every unit's inner folds and a refit."""
        validation, parts = self.project.config["validation"], 1
        inner: int = validation["inner_folds"]
        if validation["scheme"] == "both_parents_new":  # the candidates' unit too
            return self.units_per_job * (max(grid_parts(inner) ** 2, PAIRS) + 1)
        if validation["scheme"] == "cv00":  # of lines and of environments
            parts = max(1, min(inner, self.project.environments - 1))
        return (self.units_per_job - 1) * (inner * parts + 1) + inner + 1

    def prediction_rows(self, records: Records) -> tuple[int, int]:
        """Rows of a model's predictions, at most: of folds and control, and of the candidates."""
        units, inner = self.units_per_job - 1, math.ceil(self.fits_per_job / self.units_per_job)
        # each unit predicts what it trains on; once a repeat all are tested, by the inner fits too
        tested = units + math.ceil(units / self.units_of_plan[1]) * inner
        return records.measured * tested, records.measured + records.candidates * inner

    def predictions_mb(self, law: PredictionLaw, phenotypes: str) -> float:
        """Memory in MB of a rule that reads all models' predictions of a trait."""
        records, models = Records.count(phenotypes), len(self.project.scored_models)
        return law.process_mb(records, *self.prediction_rows(records), models)

    def predictions_minutes(self, law: PredictionLaw, phenotypes: str) -> int:
        """Wall time to ask of a scheduler for such a rule."""
        records, models = Records.count(phenotypes), len(self.project.scored_models)
        tested, candidate = self.prediction_rows(records)
        seconds = ROW_SECONDS * (tested * bool(law.tested) + candidate * bool(law.candidate))
        if law.pairs:
            repeats = math.ceil(self.units_of_plan[0] / self.units_of_plan[1])
            told = repeats * records.measured if law.tested else records.candidates
            seconds += PAIR_SECONDS * records.measured * told
        return 5 + math.ceil(models * seconds / 60)

    @property
    def regions_law(self) -> Law:
        """Memory of naming regions: as of the scan, and a repeat of a model's saliency."""
        _, folds = self.units_of_plan
        marker = ASSOCIATION.marker + SALIENCY_BYTES * folds
        return replace(ASSOCIATION, least=2 * ASSOCIATION.least, marker=marker)

    def codes(self, codes_json: str) -> CodesShape:
        """The shape of the codes, of hybrids where the table has more of these than lines."""
        codes = CodesShape.read(codes_json)
        return replace(codes, lines=max(codes.lines, self.project.hybrids))

    def by_codes_mb(self, law: Law, codes_json: str) -> float:
        """Memory in MB by a law of lines and markers."""
        codes = self.codes(codes_json)
        return law.process_mb(codes.lines, codes.markers)

    def training_mb(
        self, model: str, codes_json: str, phenotypes: str, helpers: Sequence[str]
    ) -> float:
        """Memory of a training job in MB: its processes, and what fills their missing calls.

        phenotypes: the trait's phenotypes.tsv; helpers: those of traits that the model learns from.
        """
        codes = self.codes(codes_json)
        chosen, processes = self.project.models[model], self.project.config["threads"]
        options, lines = chosen.configured, codes.lines
        fits: list[InEnvironments] = [{"related": None, "together_mb": 0.0}]
        if self.project.has_environments:
            # a model sees each line once for each environment
            lines = Records.count(phenotypes).rows
            conditions = self.project.config["phenotypes"]["environment_covariates"] is not None
            fits = [
                in_environments(options, codes.lines, it, conditions)
                for it in self._training_sets(Together.count(phenotypes))
            ]
        elif helpers and not options.is_network:
            values = Together.count(phenotypes, *helpers)
            fits = [{"related": None, "together_mb": values.covariances_mb}]
        needed = max(
            training_mb(
                *(chosen.kind, chosen.is_network, lines, codes.markers, processes),
                has_shortcut=options.has_shortcut,
                given_markers=options.given_markers,
                ploidy=codes.ploidy,
                **fit,
            )
            for fit in fits
        )
        if self.project.parents:
            needed += processes * PREDICTED_MB
        if self.project.config["imputation"] == "nearest":
            needed += processes * 8 * lines * lines / MEGABYTE
        return needed

    def _training_sets(self, together: Together) -> list[Together]:
        """What the final fit learns together, and what about is left of it in folds and inner ones:
        a model may take these in another way, which needs more.
        """
        validation, found = self.project.config["validation"], [together]
        scheme, left = validation["scheme"], 1.0
        for key in ("folds", "inner_folds"):
            left *= 1 - 1 / validation[key]
            if scheme in ("cv0", "cv00"):
                found.append(replace(found[-1], sizes=tuple(sorted(found[-1].sizes)[1:])))
            if scheme != "cv0":
                sizes = tuple(round(left * it) for it in together.sizes)
                lines = together.lines if scheme == "cv2" else round(left * together.lines)
                found.append(Together(lines, sizes))
        return found

    def training_minutes(self, model: str) -> int:
        """Wall time to ask of a scheduler: two minutes a fit, shared out over the threads."""
        minutes = 2 * self.fits_per_job
        if tune := self.project.models[model].tune:
            per_trial = 2 * self.project.config["validation"]["inner_folds"]
            by_trials = per_trial * tune.get("trials", math.inf)
            # the trial that is under way when time is up is finished
            study = min(by_trials, tune.get("minutes", math.inf) + per_trial)
            minutes += self.units_per_job * study
        at_once = self.project.config["threads"] * self.project.config["parts"]
        return 10 + math.ceil(minutes / at_once)

    def training_devices(self) -> dict[str, Callable[..., int]]:
        """The resource that asks a scheduler for a GPU, where the config demands one."""
        if self.project.config["device"] != "cuda":
            return {}
        return {"gpu": lambda wildcards: int(self.project.models[wildcards.model].is_network)}
