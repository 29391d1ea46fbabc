"""Whether an environment has what the scripts that run in it import."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence

from breedcast.code import libraries
from breedcast.errors import UserError


def check_imports(environment: str, scripts: Sequence[str], models: Sequence[str]) -> None:
    """Import all libraries of these scripts, of train_model with these modules of models.

    Raises UserError that names each library which cannot be imported, and why not.
    """
    modules = {"train_model": models}
    names = {name for script in scripts for name in libraries(script, *modules.get(script, ()))}
    broken = [f"{name} ({why})" for name in sorted(names) if (why := _why_not(name))]
    if broken:
        raise UserError(
            f"{sys.prefix}: its Python cannot import {', '.join(broken)}; make this environment "
            f"anew, by envs/{environment}.yaml or envs/lock.txt"
        )


def _why_not(name: str) -> str | None:
    """Why a module cannot be imported, in one line; None if it can."""
    try:
        importlib.import_module(name)
    except Exception as error:  # a library may fail in any way
        return " ".join(str(error).split()) or type(error).__name__
    return None
