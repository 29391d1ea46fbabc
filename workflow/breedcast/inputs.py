"""The files that jobs take: the user's own, and those of other jobs that hang on the config.

Read at every start of the workflow, so it stays light. Where a rule's input is named only for some
configs, it is given as a mapping of that name to its path, which is empty otherwise.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from breedcast.config import FILTER_LISTS, UNPHENOTYPED
from breedcast.errors import UserError
from breedcast.genotypes.formats import files_of
from breedcast.phenotypes.hybrids import ALL_CROSSES
from breedcast.validation.names import FOLLOWED

if TYPE_CHECKING:
    from breedcast.project import Project


@dataclass(frozen=True)
class Inputs:
    """What the rules of a project take as files."""

    project: Project

    @property
    def every(self) -> list[str]:
        """Every file that the config names, and those that belong to them."""
        given = self.project.config["phenotypes"]
        named = [self.candidates, self.genes, self.filter_lists, self.own_plan, self.genetic_map]
        others = [path for files in named for path in files.values()]
        weights = [path for model in self.project.models for path in self.pretrained(model)]
        tables = filter(None, [given[key] for key in ("path", "environment_covariates")])
        return list(dict.fromkeys([*self.genotypes, *tables, *others, *weights]))

    def refuse_among_results(self) -> None:
        """Raises UserError for an input among the results, which the run writes and replaces."""
        output = self.project.config["output"]
        results = Path(os.path.realpath(output))
        for path in self.every:
            if results in Path(os.path.realpath(path)).parents:
                raise UserError(
                    f"config: {path} lies in the output {output!r}, whose files a run replaces: "
                    "copy it elsewhere, or name another output"
                )

    @property
    def genotypes(self) -> list[str]:
        """The files of genotypes, and those that belong to them."""
        given = self.project.config["genotypes"]
        files = [file for path in given["path"] for file in files_of(path)]
        return [*files, given["map"]] if given["map"] else files

    @property
    def filter_lists(self) -> dict[str, str]:
        """Lines and markers to keep or to leave out."""
        chosen = self.project.config["filter"]
        return {key: chosen[key] for key in FILTER_LISTS if chosen[key] is not None}

    @property
    def candidates(self) -> dict[str, str]:
        """Who is predicted."""
        given = self.project.config["candidates"]
        return {} if given in (UNPHENOTYPED, ALL_CROSSES) else {"candidates": given}

    @property
    def own_plan(self) -> dict[str, str]:
        """The user's plan of who is tested when."""
        given = self.project.config["validation"]["plan"]
        return {} if given is None else {"own": given}

    @property
    def genes(self) -> dict[str, str]:
        """The genes that regions are named by."""
        given = self.project.config["markers"]["genes"]
        return {} if given is None else {"genes": given}

    @property
    def genetic_map(self) -> dict[str, str]:
        """The genetic map that crosses are predicted with."""
        given = (self.project.config["selection"]["crosses"] or {}).get("map")
        return {} if given is None else {"map": given}

    @property
    def adjusted(self) -> dict[str, str]:
        """The adjusted means of a trait, where the trait table has plots."""
        return self._of_plots("adjusted")

    @property
    def heritability(self) -> dict[str, str]:
        """The variances that plots tell of a trait."""
        return self._of_plots("heritability")

    def _of_plots(self, table: str) -> dict[str, str]:
        return {} if self.project.design is None else {table: f"<results>/{{trait}}/{table}.tsv"}

    @property
    def families(self) -> dict[str, str]:
        """The lines' families, where the config names their column."""
        told = "family" in self.project.labels
        return {"labels": "<results>/{trait}/labels.tsv"} if told else {}

    @property
    def structure(self) -> dict[str, str]:
        """Clusters and coordinates, where the validation follows groups."""
        follows = self.project.config["validation"]["scheme"] in FOLLOWED
        return {"structure": "<results>/genotypes/structure.tsv"} if follows else {}

    @property
    def alike_lines(self) -> dict[str, str]:
        """Nearly identical lines, where the validation heeds them."""
        heeded = self.project.config["validation"]["keep_together"]
        return {"alike": "<results>/genotypes/duplicated_lines.tsv"} if heeded else {}

    def helpers(self, trait: str, model: str) -> list[str]:
        """The tables of lines of the traits that a model of this trait learns from, in order."""
        others = self.project.helper_traits(trait, model)
        return [f"<results>/{other}/phenotypes.tsv" for other in others]

    def conditions(self, model: str) -> list[str]:
        """The table of environment covariates, where the config gives one that a model heeds."""
        given = self.project.config["phenotypes"]["environment_covariates"]
        heeds = self.project.models[model].configured.heeds_conditions
        return [given] if given and heeds else []

    def pretrained(self, model: str) -> list[str]:
        """The file of weights that a model starts from, where its config names one."""
        given = self.project.models[model].options.get("pretrained")
        return [given] if given else []
