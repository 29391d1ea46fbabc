"""What the rules need to know of a config: traits, models, targets and settings.

Read at every start of the workflow, so it stays light: no numpy, no pandas.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from breedcast.columns import label_columns, parent_columns, passed_over, trait_ids
from breedcast.config import (
    ENSEMBLE,
    FILTER_LISTS,
    UNPHENOTYPED,
    ModelConfig,
    check_config,
    model_configs,
)
from breedcast.errors import UserError
from breedcast.genotypes.formats import files_of, orientation, read_samples
from breedcast.phenotypes.conditions import check_conditions
from breedcast.phenotypes.design import design_columns
from breedcast.phenotypes.hybrids import ALL_CROSSES, Crosses, read_crosses
from breedcast.phenotypes.in_environments import read_trait_table
from breedcast.phenotypes.table import PhenotypeTable
from breedcast.several_traits import check_helpers, helpers, index_columns
from breedcast.validation.names import FOLLOWED, RANDOM
from breedcast.validation.own_file import read_own_plan

#: Keys of the config that share out the work, and with `output` those that no result follows from.
WORK_SHARING = ("threads", "parts")
NO_RESULT = (*WORK_SHARING, "output")
#: The files of each analysis that `selection` may ask for.
SELECTION_TABLES = {
    "crosses": ["crosses.tsv"],
    "contributions": ["contributions.tsv", "frontier.tsv"],
    "training_set": ["learning_curve.tsv", "phenotype_next.tsv"],
}
#: The files of the selection index.
INDEX_TABLES = ("index.tsv", "index_gains.tsv", "index_correlations.tsv")
#: The files that tell of hybrids and their parents.
HYBRID_TABLES = ("parents.tsv", "hybrids.tsv", "hybrid_variances.tsv")


@dataclass(frozen=True)
class Project:
    """A checked config with what follows from it.

    traits: ids (folder names) and columns; models: without the ensemble.
    lines_in: whether tables of dosages have their lines in `rows` or `columns`, if there are any.
    design: where the trait table has a row per plot, its columns that describe them, by role.
    labels: its columns of families and years, by these words; groups: how many different ones it
    tells of those that the validation follows, if any; own_folds: of each repeat of the user's own
    plan, if there is one; told: by trait, a hash of what the table tells of it. This re-runs its
    jobs, and the table itself does not: a column that is added to it changes no other trait.
    environments: how many are told apart, 0 where they are not. parents: the table's columns of
    hybrids' female and male parents, if any; hybrids: how many these have. passed_over: columns
    that `traits: all` did not take, as they hold no numbers.
    """

    config: dict[str, Any]
    traits: dict[str, str]
    models: dict[str, ModelConfig]
    lines_in: str | None = None
    design: dict[str, str] | None = None
    labels: dict[str, str] = field(default_factory=dict)
    groups: int = 0
    own_folds: list[int] = field(default_factory=list)
    told: dict[str, str] = field(default_factory=dict)
    environments: int = 0
    parents: list[str] = field(default_factory=list)
    hybrids: int = 0
    passed_over: list[str] = field(default_factory=list)

    @classmethod
    def load(cls, raw: dict[str, Any]) -> Project:
        """Check the config and the heads of the input files; raises UserError."""
        config = check_config(raw)
        models = model_configs(config)
        given = config["phenotypes"]
        plots = given["plots"]
        table = read_trait_table(given["path"], plots, given["environments"])
        if given["environment_covariates"] is not None:
            check_conditions(given["environment_covariates"], table.environments or ())
        design = None if plots is None else design_columns(plots, table)
        parents = parent_columns(config, table)
        crosses = read_crosses(table, parents) if parents else None
        lines_in = _matched(config, table, crosses)
        of_plots = list((design or {}).values())
        traits = trait_ids(config, table, of_plots)
        for name, model in models.items():
            check_helpers(name, model.options, list(traits.values()), bool(table.environments))
        index_columns(config["selection"]["index"], list(traits.values()))
        labels = label_columns(config, table)
        followed = labels.get(FOLLOWED.get(config["validation"]["scheme"], ""))
        plan = config["validation"]["plan"]
        beside = [*labels.values(), *parents, *of_plots]
        project = cls(
            config,
            traits,
            models,
            lines_in,
            design,
            labels,
            groups=len(set(table.text(followed))) if followed else 0,
            own_folds=[] if plan is None else read_own_plan(plan).folds,
            told={trait: _told(table, it, config, beside) for trait, it in traits.items()},
            environments=len(set(table.environments or ())),
            parents=parents,
            hybrids=len(crosses or {}),
            passed_over=passed_over(config, table, of_plots),
        )
        _refuse_inputs_in(config["output"], project.input_files)
        return project

    @property
    def scored_models(self) -> list[str]:
        """Every model that is scored: the config's, and the ensemble where there is one."""
        return [*self.models, ENSEMBLE] if self.has_ensemble else list(self.models)

    @property
    def tuned_models(self) -> list[str]:
        """The models whose options are tuned."""
        return [name for name, model in self.models.items() if model.tune]

    @property
    def standard(self) -> str | None:
        """The model that all others are tested against: the first GBLUP, if there is one."""
        return next((name for name, model in self.models.items() if model.kind == "gblup"), None)

    @property
    def has_ensemble(self) -> bool:
        """Whether the models are combined into one more."""
        return self.config["ensemble"] != "none" and len(self.models) > 1

    @property
    def has_environments(self) -> bool:
        """Whether values of several environments are told apart."""
        return self.environments > 0

    @property
    def has_random_folds(self) -> bool:
        """Whether lines are dealt to the folds at random."""
        return self.config["validation"]["scheme"] in RANDOM

    @property
    def parts(self) -> range:
        """The jobs that a training is cut into: none where it is one job."""
        parts = self.config["parts"]
        return range(parts) if parts > 1 else range(0)

    @property
    def genotype_files(self) -> list[str]:
        """The files of genotypes, and those that belong to them."""
        given = self.config["genotypes"]
        files = [file for path in given["path"] for file in files_of(path)]
        return [*files, given["map"]] if given["map"] else files

    def import_settings(self) -> str:
        """The settings of the import."""
        given = dict(self.config["genotypes"])
        ploidy = None if given["ploidy"] == "auto" else given["ploidy"]
        told = {"ploidy": ploidy, "lines_in": self.lines_in}
        return settings(paths=given.pop("path"), **{**given, **told})

    def direction(self, trait: str) -> str:
        """Whether a trait (by its id) is better when `high` or `low`."""
        direction: str = self.config["directions"].get(self.traits[trait], "high")
        return direction

    def weights(self, trait: str) -> str | None:
        """The column of a trait's weights, by its id; None where all values count alike."""
        given: dict[str, str] = self.config["phenotypes"]["weights"]
        return given.get(self.traits[trait])

    def plot_files(self, *files: str) -> dict[str, str]:
        """The rule inputs adjusted and heritability, as named, where the traits are of plots."""
        return {} if self.design is None else {it: f"<results>/{{trait}}/{it}.tsv" for it in files}

    def beside_output(self, name: str) -> str:
        """The folder of logs or benchmarks: beside the output, and of that output alone."""
        output = Path(self.config["output"])
        return str(output.parent / name / output.name)

    def checkpoints(self, trait: str, model: str) -> str:
        """The folder in which a training job keeps what it has done, until it is done."""
        return str(Path(self.beside_output("checkpoints"), trait, model))

    def pretrained(self, model: str) -> list[str]:
        """The file of weights that a model starts from, where its config names one."""
        given = self.models[model].options.get("pretrained")
        return [given] if given else []

    def helper_traits(self, trait: str, model: str) -> list[str]:
        """The ids of the other traits that a model of this trait learns from."""
        named = helpers(self.models[model].options, list(self.traits.values()))
        return [
            other for other, column in self.traits.items() if other != trait and column in named
        ]

    def helper_files(self, trait: str, model: str) -> list[str]:
        """Their tables of lines, in this order."""
        return [f"<results>/{other}/phenotypes.tsv" for other in self.helper_traits(trait, model)]

    def conditions(self, model: str) -> list[str]:
        """The table of environment covariates, where the config gives one that a model heeds."""
        given = self.config["phenotypes"]["environment_covariates"]
        return [given] if given and self.models[model].configured.heeds_conditions else []

    def candidate_file(self) -> dict[str, str]:
        """The rule input that names the candidates, where the config gives one."""
        given = self.config["candidates"]
        return {} if given in (UNPHENOTYPED, ALL_CROSSES) else {"candidates": given}

    @property
    def all_crosses(self) -> str | None:
        """What the config says where every cross of the parents that was not made is predicted."""
        return ALL_CROSSES if self.config["candidates"] == ALL_CROSSES else None

    @property
    def selection_tables(self) -> list[str]:
        """A trait's tables of what follows from its candidates."""
        by_environment = ["candidates_by_environment.tsv"] if self.has_environments else []
        return ["response.tsv", *by_environment, *self.asked_tables]

    @property
    def asked_tables(self) -> list[str]:
        """Those of them that the config asks for."""
        asked = self.config["selection"]
        wanted = [file for key, files in SELECTION_TABLES.items() if asked[key] for file in files]
        return [*(HYBRID_TABLES if self.parents else []), *wanted]

    @property
    def index_traits(self) -> list[str]:
        """The ids of the traits of the selection index; none where there is no index."""
        named = index_columns(self.config["selection"]["index"], list(self.traits.values()))
        return [trait for column in named for trait, it in self.traits.items() if it == column]

    @property
    def index_files(self) -> list[str]:
        """The tables of the selection index, beside the traits' folders, where there is one."""
        return [f"<results>/{file}" for file in INDEX_TABLES] if self.index_traits else []

    @property
    def joint_model(self) -> str | None:
        """The model that tells how the traits go together: the first mtgblup, if there is one."""
        return next((name for name, it in self.models.items() if it.kind == "mtgblup"), None)

    def index_settings(self) -> str:
        """The settings of the selection index: by the model that is advised without a look."""
        best = ENSEMBLE if self.has_ensemble else self.standard or next(iter(self.models))
        asked = self.config["selection"]
        return settings(
            **asked["index"] or {},
            directions=[[self.traits[trait], self.direction(trait)] for trait in self.index_traits],
            model=best,
            fraction=asked["fraction"],
        )

    def genetic_map(self) -> dict[str, str]:
        """The rule input that holds the genetic map, where the config gives one."""
        given = (self.config["selection"]["crosses"] or {}).get("map")
        return {} if given is None else {"map": given}

    def selection_settings(self, key: str) -> dict[str, Any]:
        """What the config asks of an analysis, but for files, which are inputs."""
        asked = self.config["selection"][key] or {}
        return {name: value for name, value in asked.items() if name != "map"}

    def gene_file(self) -> dict[str, str]:
        """The rule input that holds the genes, where the config gives one."""
        given = self.config["markers"]["genes"]
        return {} if given is None else {"genes": given}

    def filter_lists(self) -> dict[str, str]:
        """The rule inputs that name lines and markers to keep or to leave out."""
        chosen = self.config["filter"]
        return {key: chosen[key] for key in FILTER_LISTS if chosen[key] is not None}

    def filter_settings(self) -> str:
        """The limits of the filter: its config without the lists, which are inputs."""
        limits = {key: it for key, it in self.config["filter"].items() if key not in FILTER_LISTS}
        return settings(**limits)

    def training_settings(self, trait: str, model: str) -> str:
        """The settings of a training job."""
        chosen = self.models[model]
        return settings(
            trait=trait,
            name=model,
            model=chosen.location,
            options=chosen.options,
            tune=chosen.tune,
            permutations=self.config["control"]["permutations"],
            seed=self.config["validation"]["seed"],
            # other models have no use for it, and need not be trained again for another
            device=self.config["device"] if chosen.is_network else "cpu",
            imputation=self.config["imputation"],
            windows=self.config["markers"]["windows"],
            # where folds follow families or years, a line of no fold may belong to what is held out
            helper_lines=self.has_random_folds,
            helpers=[self.traits[other] for other in self.helper_traits(trait, model)],
        )

    @property
    def complete_config(self) -> dict[str, Any]:
        """The config with the defaults of its models too."""
        models = {
            name: {"model": it.kind, **it.options} | ({"tune": it.tune} if it.tune else {})
            for name, it in self.models.items()
        }
        return self.config | {"models": models}

    @property
    def input_files(self) -> list[str]:
        """Every file that the config names, and those that belong to them."""
        named = [self.candidate_file(), self.gene_file(), self.filter_lists()]
        named += [self.own_plan(), self.genetic_map()]
        others = [path for files in named for path in files.values()]
        weights = [path for model in self.models for path in self.pretrained(model)]
        tables = [self.config["phenotypes"][key] for key in ("path", "environment_covariates")]
        files = [*self.genotype_files, *filter(None, tables), *others, *weights]
        return list(dict.fromkeys(files))

    def manifest_settings(self) -> str:
        """The settings of the manifest: those that results follow from."""
        told = {key: it for key, it in self.complete_config.items() if key not in NO_RESULT}
        return settings(seed=self.config["validation"]["seed"], config=told)

    def report_settings(self, steps: Mapping[str, Sequence[str]]) -> str:
        """The settings of the report: the config but for what changes no result.

        steps: of every rule that leads to the report, those whose files it reads.
        """
        shown = {
            key: value for key, value in self.complete_config.items() if key not in WORK_SHARING
        }
        return settings(
            traits=[self._about(trait) for trait in self.traits],
            models=self._kinds(),
            config=shown,
            random_folds=self.has_random_folds,
            selection_tables=self.selection_tables,
            index=list(INDEX_TABLES) if self.index_traits else [],
            plots=self.design is not None,
            passed_over=self.passed_over,
            steps=steps,
            benchmarks=self.beside_output("benchmarks"),
        )

    def figure_settings(self, trait: str) -> str:
        """The settings of a trait's figures."""
        shown = {key: self.config[key] for key in ("interval", "association")}
        return settings(
            trait=self._about(trait),
            models=self._kinds(),
            config=shown,
            selection_tables=self.selection_tables,
            plots=self.design is not None,
        )

    def _about(self, trait: str) -> dict[str, str]:
        """A trait's id, name and direction."""
        return {"id": trait, "name": self.traits[trait], "direction": self.direction(trait)}

    def _kinds(self) -> list[dict[str, Any]]:
        """Name and kind of every model that is scored, and whether it is tuned."""
        kinds = {name: model.kind for name, model in self.models.items()}
        return [
            {
                "name": name,
                "kind": kinds.get(name, ENSEMBLE),
                "tuned": name in self.tuned_models,
            }
            for name in self.scored_models
        ]

    @property
    def training_environment(self) -> str:
        """The environment of training jobs: with PyTorch's build for GPUs if one is asked for."""
        return "models-cuda" if self.config["device"] == "cuda" else "models"

    def structure_file(self) -> dict[str, str]:
        """The rule input that holds clusters and coordinates, where the validation needs them."""
        follows = self.config["validation"]["scheme"] in FOLLOWED
        return {"structure": "<results>/genotypes/structure.tsv"} if follows else {}

    def own_plan(self) -> dict[str, str]:
        """The rule input that says who is tested when, where the config gives one."""
        given = self.config["validation"]["plan"]
        return {} if given is None else {"own": given}

    def families(self) -> dict[str, str]:
        """The rule input that tells the lines' families, where the config names their column."""
        return {"labels": "<results>/{trait}/labels.tsv"} if "family" in self.labels else {}

    def alike_lines(self) -> dict[str, str]:
        """The rule input that holds nearly identical lines, where the validation heeds them."""
        heeded = self.config["validation"]["keep_together"]
        return {"alike": "<results>/genotypes/duplicated_lines.tsv"} if heeded else {}

    def scheme(self) -> dict[str, Any]:
        """The settings of the validation scheme."""
        chosen = self.config["validation"]
        return {key: value for key, value in chosen.items() if key not in ("keep_together", "plan")}


def _refuse_inputs_in(output: str, inputs: Sequence[str]) -> None:
    """Raises UserError for an input among the results, which the run writes and replaces."""
    results = Path(os.path.realpath(output))
    for path in inputs:
        if results in Path(os.path.realpath(path)).parents:
            raise UserError(
                f"config: {path} lies in the output {output!r}, whose files a run replaces: copy "
                "it elsewhere, or name another output"
            )


def _matched(config: dict[str, Any], table: PhenotypeTable, crosses: Crosses | None) -> str | None:
    """Where tables of genotypes have the lines of the trait table, or hybrids' parents.

    Raises UserError where none of these is genotyped.
    """
    paths = config["genotypes"]["path"]
    named, what = table.samples, "lines"
    if crosses is not None:
        named = list(dict.fromkeys(parent for pair in crosses.values() for parent in pair))
        what = "parents"
    told = (orientation(path, named, table.columns) for path in paths)
    lines_in = next(filter(None, told), None)
    genotyped = [sample for path in paths for sample in read_samples(path, lines_in)]
    if not set(named) & set(genotyped):
        raise UserError(
            f"{config['phenotypes']['path']}: none of its {len(set(named))} {what} is in "
            f"{', '.join(paths)} (table: {next(iter(named), '')!r}, genotypes: "
            f"{genotyped[0]!r}, ...); use the same line names in both files"
        )
    return lines_in


def _told(table: PhenotypeTable, trait: str, config: dict[str, Any], shared: Sequence[str]) -> str:
    """A hash of the lines of the table, and of the columns that count for a trait.

    shared: columns that are no trait's own.
    """
    given = config["phenotypes"]
    weights = [given["weights"][trait]] if trait in given["weights"] else []
    columns = [trait, *given["covariates"], *weights, *shared]
    rows = [table.samples] if table.environments is None else [table.samples, table.environments]
    text = json.dumps([*rows, *map(table.text, columns)])
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def settings(**values: Any) -> str:
    """A rule's parameters as sorted JSON: the order of keys must not re-run a job.

    `<` is escaped, since `snakemake --report` puts parameters into a page as they are.
    """
    return json.dumps(values, sort_keys=True).replace("<", "\\u003c")
