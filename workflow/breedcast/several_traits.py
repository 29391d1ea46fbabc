"""What the config says of traits that are learnt or selected together; read at every start."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from breedcast.errors import UserError
from breedcast.models.base import ALL_OTHERS

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
