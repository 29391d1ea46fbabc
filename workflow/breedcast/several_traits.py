"""What the config says of traits that are learnt or selected together; read at every start."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from breedcast.errors import UserError
from breedcast.models.base import ALL_OTHERS

#: What facts of genetic and of residual correlations begin with; the other trait's name follows.
GENETIC, RESIDUAL = "genetic_correlation with ", "residual_correlation with "
#: What a fact of the genetic correlation of two environments begins with; their names follow.
BETWEEN_ENVIRONMENTS = "environment_correlation "
#: Traits that are learnt together at most, unless the config names them.
MOST_TRAITS = 8


def helpers(options: Mapping[str, Any], traits: Sequence[str]) -> list[str]:
    """The traits, of all these, that a model with these options learns from."""
    named = options.get("helper_traits", ())
    return [trait for trait in traits if ALL_OTHERS in named or trait in named]


def check_helpers(
    model: str, options: Mapping[str, Any], traits: Sequence[str], environments: bool = False
) -> None:
    """Raises a UserError if a model's helper traits are no traits, none, or too many.

    environments: whether these are told apart, which no trait that helps is.
    """
    named, where = options.get("helper_traits", ()), f"config, models: {model}: helper_traits"
    if named and environments:
        raise UserError(
            f"{where}: with phenotypes: environments the values of one trait alone are learnt "
            "together; leave the model out"
        )
    unknown = [it for it in named if it not in (ALL_OTHERS, *traits)]
    if unknown:
        raise UserError(f"{where}: {unknown[0]!r} is not among the traits {', '.join(traits)}")
    if named and len(traits) == 1:
        raise UserError(
            f"{where}: {traits[0]} is the only trait; leave the model out, or give it none ([])"
        )
    if ALL_OTHERS in named and len(traits) > MOST_TRAITS:
        raise UserError(
            f"{where}: all of {len(traits)} traits are more than the {MOST_TRAITS} that are learnt "
            "together; name those that help"
        )


def index_columns(index: Mapping[str, Any] | None, traits: Sequence[str]) -> list[str]:
    """The traits of the selection index as the config has it; none where there is no index.

    Raises a UserError unless it has either weights or desired gains, of known traits, not all 0.
    """
    if index is None:
        return []
    where, kinds = "config, selection: index", ("weights", "desired_gains")
    given = {kind: index[kind] for kind in kinds if index[kind] is not None}
    if len(given) != 1:
        raise UserError(f"{where}: give either weights or desired_gains, of the traits by name")
    ((kind, by_trait),) = given.items()
    for trait in by_trait:
        if trait not in traits:
            raise UserError(
                f"{where}: {kind}: {trait!r} is not among the traits {', '.join(traits)}"
            )
    if not any(by_trait.values()):
        raise UserError(f"{where}: {kind}: all are 0, so that no line is better than another")
    return list(by_trait)


def genetic_correlations(facts: Mapping[str, Any]) -> dict[tuple[str, str], float]:
    """The genetic correlations of pairs of traits that a fit on all lines told of.

    facts: by trait, the facts.tsv of a model of several traits, as a data frame.
    """
    found = {}
    for trait, table in facts.items():
        whole = table[(table["repeat"] < 0) & table["inner_fold"].isna()]
        for fact, value in zip(whole["fact"], whole["value"], strict=True):
            if str(fact).startswith(GENETIC):
                found[trait, str(fact).removeprefix(GENETIC)] = float(value)
    return found
