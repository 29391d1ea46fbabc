"""What the rules need to know of a config: traits, models and targets.

Read at every start of the workflow, so it stays light: no numpy, no pandas.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from breedcast.columns import label_columns, parent_columns, passed_over, trait_ids
from breedcast.config import ENSEMBLE, ModelConfig, check_config, model_configs
from breedcast.errors import UserError
from breedcast.genotypes.formats import orientation, read_samples
from breedcast.inputs import Inputs
from breedcast.phenotypes.conditions import check_conditions
from breedcast.phenotypes.design import design_columns
from breedcast.phenotypes.hybrids import Crosses, read_crosses
from breedcast.phenotypes.in_environments import read_trait_table
from breedcast.phenotypes.table import PhenotypeTable
from breedcast.several_traits import check_helpers, helpers, index_columns
from breedcast.validation.names import FOLLOWED, RANDOM
from breedcast.validation.own_file import read_own_plan

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
        Inputs(project).refuse_among_results()
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

    def beside_output(self, name: str) -> str:
        """The folder of logs or benchmarks: beside the output, and of that output alone."""
        output = Path(self.config["output"])
        return str(output.parent / name / output.name)

    def checkpoints(self, trait: str, model: str) -> str:
        """The folder in which a training job keeps what it has done, until it is done."""
        return str(Path(self.beside_output("checkpoints"), trait, model))

    def helper_traits(self, trait: str, model: str) -> list[str]:
        """The ids of the other traits that a model of this trait learns from."""
        named = helpers(self.models[model].options, list(self.traits.values()))
        return [
            other for other, column in self.traits.items() if other != trait and column in named
        ]

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

    @property
    def training_environment(self) -> str:
        """The environment of training jobs: with PyTorch's build for GPUs if one is asked for."""
        return "models-cuda" if self.config["device"] == "cuda" else "models"


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
