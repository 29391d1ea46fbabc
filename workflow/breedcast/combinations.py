"""Which keys of a config do not go together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from breedcast.errors import UserError
from breedcast.models.base import model_class
from breedcast.models.in_environments import REACTION_NORM
from breedcast.models.registry import MODELS
from breedcast.phenotypes.hybrids import ALL_CROSSES
from breedcast.validation.names import BY_PARENTS, DEAL_NO_LINES, FOLLOWED, OF_ENVIRONMENTS, OWN


def check_combinations(config: dict[str, Any], kinds: Mapping[str, str]) -> None:
    """A UserError tells of keys of a config that do not go together.

    kinds: the models' registered names, by their names in the config.
    """
    if config["phenotypes"]["plots"] is not None and config["phenotypes"]["weights"]:
        raise UserError("config, phenotypes: weights: plots give weights of their own; drop these")
    given = config["genotypes"]
    roles = set(given["contigs"].values()) & {"haploid", "mixed"}
    if given["field"] == "DS" and roles:
        raise UserError(
            f"config, genotypes: contigs: {min(roles)} is told of calls (field: GT); of dosages "
            "(field: DS) leave it out, and write these as of the other contigs"
        )
    _check_environments(config)
    _check_hybrids(config, kinds)
    _check_validation(config["validation"])


def _check_environments(config: dict[str, Any]) -> None:
    """A UserError tells of plots, environments and a scheme that do not go together."""
    apart, plots = (config["phenotypes"][key] for key in ("environments", "plots"))
    scheme = config["validation"]["scheme"]
    if plots is not None and apart not in (None, True):
        raise UserError(
            "config, phenotypes: environments: of plots true is enough; name their column in "
            "phenotypes: plots: environment"
        )
    if scheme in OF_ENVIRONMENTS and apart is None:
        raise UserError(
            f"config, validation: scheme {scheme} asks for lines' values in several environments: "
            "say where the table has them (phenotypes: environments)"
        )
    conditions = config["phenotypes"]["environment_covariates"]
    if conditions is not None and apart is None:
        raise UserError(
            "config, phenotypes: environment_covariates: these tell of environments that are told "
            "apart: say where the table has them (phenotypes: environments)"
        )
    for model, options in config["models"].items():
        if options.get("interaction") == REACTION_NORM and conditions is None:
            raise UserError(
                f"config, models: {model}: interaction: {REACTION_NORM} asks for a table of what "
                "the environments are like (phenotypes: environment_covariates)"
            )
    if scheme == "forward" and plots is not None and apart is None:
        raise UserError(
            "config, validation: scheme forward: a line's mean over all its plots carries years "
            "that are tested into training; set phenotypes: environments: true"
        )


def _check_hybrids(config: dict[str, Any], kinds: Mapping[str, str]) -> None:
    """A UserError tells of what needs the parents of hybrids, or does not apply to hybrids."""
    scheme, selection = config["validation"]["scheme"], config["selection"]
    by_parents = [name for name, kind in kinds.items() if model_class(MODELS[kind]).needs_parents]
    if config["phenotypes"]["parents"] is None:
        asked = {
            f"validation: scheme {scheme}": scheme in BY_PARENTS,
            f"candidates: {ALL_CROSSES}": config["candidates"] == ALL_CROSSES,
            f"models: {', '.join(by_parents)}": bool(by_parents),
        }
        for key in (key for key, is_asked in asked.items() if is_asked):
            raise UserError(
                f"config, {key}: asks for the parents of hybrids: name the columns that hold them "
                "(phenotypes: parents: [female, male])"
            )
        return
    validation = config["validation"]
    inapt = [
        (
            config["phenotypes"]["environments"] is not None,
            "phenotypes: environments: hybrids' values in single environments are not told apart; "
            "give their means",
        ),
        (
            FOLLOWED.get(scheme) == "cluster",
            f"validation: scheme {scheme}: clusters are of genotyped lines, here the parents; "
            f"choose one of {', '.join(BY_PARENTS)}",
        ),
        (
            validation["keep_together"],
            "validation: keep_together: hybrids are not compared line by line; leave it out",
        ),
        (
            config["imputation"] == "nearest",
            "imputation: nearest: hybrids' calls follow from their parents'; take mean or mode",
        ),
        (
            selection["crosses"] is not None,
            "selection: crosses: tells of lines bred from crosses of inbred lines, not of hybrids; "
            "see parents.tsv, and leave it out",
        ),
        (
            selection["contributions"] is not None,
            "selection: contributions: hybrids are not crossed further; see parents.tsv, and "
            "leave it out",
        ),
    ]
    for told in (told for applies, told in inapt if applies):
        raise UserError(f"config, {told} (phenotypes: parents is set)")


def _check_validation(validation: dict[str, Any]) -> None:
    """A UserError tells of a scheme, a plan and lines kept together that do not go together."""
    scheme, plan = validation["scheme"], validation["plan"]
    if (scheme == OWN) != (plan is not None):
        raise UserError(
            f"config, validation: scheme {OWN} and the path of a plan (validation: plan) go "
            "together; give both or neither"
        )
    if validation["keep_together"] and scheme in DEAL_NO_LINES:
        raise UserError(
            f"config, validation: keep_together: scheme {scheme} does not deal whole lines; leave "
            "keep_together out"
        )
