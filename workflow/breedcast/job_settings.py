"""The settings of jobs: what each rule's script is told of the config, as sorted JSON.

A job is run again where its settings change, so a rule is told what it uses and nothing else. Read
at every start of the workflow, so it stays light.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from breedcast.config import ENSEMBLE, FILTER_LISTS
from breedcast.phenotypes.hybrids import ALL_CROSSES
from breedcast.project import INDEX_TABLES, Project

#: Keys of the config that share out the work, and with `output` those that no result follows from.
WORK_SHARING = ("threads", "parts")
NO_RESULT = (*WORK_SHARING, "output")


def settings(**values: Any) -> str:
    """A rule's parameters as sorted JSON: the order of keys must not re-run a job.

    `<` is escaped, since `snakemake --report` puts parameters into a page as they are.
    """
    return json.dumps(values, sort_keys=True).replace("<", "\\u003c")


@dataclass(frozen=True)
class JobSettings:
    """The settings of each rule's jobs, by the rule's name."""

    project: Project

    def check_environment(self, environments: Sequence[str]) -> str:
        """environments: those whose scripts run in the Python that is tried."""
        return settings(environments=environments)

    @property
    def import_genotypes(self) -> str:
        given = dict(self.config["genotypes"])
        ploidy = None if given["ploidy"] == "auto" else given["ploidy"]
        told = {"ploidy": ploidy, "lines_in": self.project.lines_in}
        return settings(paths=given.pop("path"), **{**given, **told})

    @property
    def filter_genotypes(self) -> str:
        """The limits of the filter: its config without the lists, which are inputs."""
        limits = {key: it for key, it in self.config["filter"].items() if key not in FILTER_LISTS}
        return settings(**limits)

    @property
    def describe_structure(self) -> str:
        return settings(**self.config["structure"])

    def adjust_plots(self, trait: str) -> str:
        return settings(trait=self.project.traits[trait], design=self.project.design)

    def clean_phenotypes(self, trait: str) -> str:
        given, column = self.config["phenotypes"], self.project.traits[trait]
        all_crosses = self.config["candidates"] == ALL_CROSSES
        return settings(
            trait=column,
            covariates=given["covariates"],
            labels=self.project.labels,
            weights=given["weights"].get(column),
            plots=given["plots"],
            environments=given["environments"],
            parents=self.project.parents,
            all_crosses=ALL_CROSSES if all_crosses else None,
        )

    def plan_validation(self, trait: str) -> str:
        """The settings of the validation scheme, without what is an input."""
        chosen = dict(self.config["validation"])
        for key in ("keep_together", "plan"):
            del chosen[key]
        return settings(trait=self.project.traits[trait], **chosen)

    def train_model(self, trait: str, model: str) -> str:
        chosen = self.project.models[model]
        helpers = self.project.helper_traits(trait, model)
        return settings(
            trait=trait,
            name=model,
            model=chosen.location,
            options=chosen.options,
            tune=chosen.tune,
            permutations=self.config["control"]["permutations"],
            seed=self.seed,
            # other models have no use for it, and need not be trained again for another
            device=self.config["device"] if chosen.is_network else "cpu",
            imputation=self.config["imputation"],
            windows=self.config["markers"]["windows"],
            # where folds follow families or years, a line of no fold may belong to what is held out
            helper_lines=self.project.has_random_folds,
            helpers=[self.project.traits[other] for other in helpers],
        )

    def score_models(self, trait: str) -> str:
        return settings(
            trait=trait,
            models=self.project.scored_models,
            direction=self.direction(trait),
            seed=self.seed,
        )

    def combine_models(self, trait: str) -> str:
        return settings(
            trait=trait,
            models=list(self.project.models),
            method=self.config["ensemble"],
            direction=self.direction(trait),
            seed=self.seed,
        )

    @property
    def compare_models(self) -> str:
        return settings(models=self.project.scored_models, standard=self.project.standard)

    @property
    def try_intervals(self) -> str:
        return settings(
            models=self.project.scored_models,
            interval=self.config["interval"],
            scheme=self.config["validation"]["scheme"],
        )

    @property
    def scan_association(self) -> str:
        return settings(**self.config["association"])

    @property
    def name_regions(self) -> str:
        return settings(models=list(self.project.models))

    def rank_candidates(self, trait: str) -> str:
        return settings(
            models=self.project.scored_models,
            direction=self.direction(trait),
            interval=self.config["interval"],
            fraction=self.config["selection"]["fraction"],
            scheme=self.config["validation"]["scheme"],
        )

    def rate_parents(self, trait: str) -> str:
        return settings(trait=trait, direction=self.direction(trait), seed=self.seed)

    @property
    def family(self) -> str | None:
        """The column of families, where it is a covariate."""
        column = self.project.labels.get("family")
        return column if column in self.config["phenotypes"]["covariates"] else None

    def predict_crosses(self, trait: str) -> str:
        asked = dict(self.config["selection"]["crosses"] or {})
        asked.pop("map", None)  # an input
        return settings(
            **asked,
            trait=trait,
            direction=self.direction(trait),
            family=self.family,
            seed=self.seed,
        )

    def choose_contributions(self, trait: str) -> str:
        asked = self.config["selection"]["contributions"] or {}
        return settings(**asked, direction=self.direction(trait), family=self.family)

    def advise_training_set(self, trait: str) -> str:
        asked = self.config["selection"]["training_set"] or {}
        return settings(**asked, trait=trait, seed=self.seed)

    @property
    def rank_index(self) -> str:
        """The settings of the selection index: by the model that is advised without a look."""
        project, asked = self.project, self.config["selection"]
        best = ENSEMBLE if project.has_ensemble else project.standard or next(iter(project.models))
        return settings(
            **asked["index"] or {},
            directions=[[project.traits[it], self.direction(it)] for it in project.index_traits],
            model=best,
            fraction=asked["fraction"],
        )

    def render_report(self, steps: Mapping[str, Sequence[str]]) -> str:
        """The settings of the report: the config but for what changes no result.

        steps: of every rule that leads to the report, those whose files it reads.
        """
        project = self.project
        shown = {key: it for key, it in self.complete_config.items() if key not in WORK_SHARING}
        return settings(
            traits=[self._about(trait) for trait in project.traits],
            models=self._models,
            config=shown,
            random_folds=project.has_random_folds,
            selection_tables=project.selection_tables,
            index=list(INDEX_TABLES) if project.index_traits else [],
            plots=project.design is not None,
            passed_over=project.passed_over,
            steps=steps,
            benchmarks=project.beside_output("benchmarks"),
        )

    def render_figures(self, trait: str) -> str:
        shown = {key: self.config[key] for key in ("interval", "association")}
        return settings(
            trait=self._about(trait),
            models=self._models,
            config=shown,
            selection_tables=self.project.selection_tables,
            plots=self.project.design is not None,
        )

    @property
    def write_manifest(self) -> str:
        """The settings of the manifest: those that results follow from."""
        told = {key: it for key, it in self.complete_config.items() if key not in NO_RESULT}
        return settings(seed=self.seed, config=told)

    @property
    def config(self) -> dict[str, Any]:
        """The project's config."""
        return self.project.config

    @property
    def seed(self) -> int:
        """The seed that all others follow from."""
        seed: int = self.config["validation"]["seed"]
        return seed

    def direction(self, trait: str) -> str:
        """Whether a trait (by its id) is better when `high` or `low`."""
        direction: str = self.config["directions"].get(self.project.traits[trait], "high")
        return direction

    @property
    def complete_config(self) -> dict[str, Any]:
        """The config with the defaults of its models too."""
        models = {
            name: {"model": it.kind, **it.options} | ({"tune": it.tune} if it.tune else {})
            for name, it in self.project.models.items()
        }
        return self.config | {"models": models}

    def _about(self, trait: str) -> dict[str, str]:
        """A trait's id, name and direction."""
        name = self.project.traits[trait]
        return {"id": trait, "name": name, "direction": self.direction(trait)}

    @property
    def _models(self) -> list[dict[str, Any]]:
        """Name and kind of every model that is scored, and whether it is tuned."""
        kinds, tuned = self.project.models, self.project.tuned_models
        return [
            {
                "name": name,
                "kind": kinds[name].kind if name in kinds else ENSEMBLE,
                "tuned": name in tuned,
            }
            for name in self.project.scored_models
        ]
