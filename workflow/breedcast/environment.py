"""Whether an environment has what the scripts that run in it import."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from breedcast.code import libraries
from breedcast.errors import UserError
from breedcast.models.registry import MODELS

#: The scripts of the rules that run in each environment, by its name in envs/.
SCRIPTS = {
    "genotypes": ["import_genotypes", "filter_genotypes", "clean_phenotypes"],
    "models": [
        "describe_structure",
        "adjust_plots",
        "plan_validation",
        "train_model",
        "score_models",
        "combine_models",
        "compare_models",
        "try_intervals",
        "scan_association",
        "name_regions",
        "rank_candidates",
        "rank_index",
        "rate_parents",
        "predict_crosses",
        "choose_contributions",
        "advise_training_set",
    ],
    "models-cuda": ["train_model"],
    "report": ["render_report", "render_figures", "write_manifest"],
}


def check_environments(
    environments: Sequence[str], models: Mapping[str, Mapping[str, Any]]
) -> None:
    """Import all that the scripts of these environments, which this Python serves, import.

    models: those of a checked config. Raises UserError that names each library which cannot be
    imported, and why not.
    """
    kinds = {options.get("model", name) for name, options in models.items()}
    check_imports([script for name in environments for script in SCRIPTS[name]], kinds)


def check_imports(scripts: Sequence[str], kinds: Iterable[str]) -> None:
    """Import all libraries of these scripts, with models of these registered names.

    Raises as `check_environments`.
    """
    modules = {"train_model": [MODELS[kind].partition(":")[0] for kind in kinds]}
    names = {name for script in scripts for name in libraries(script, *modules.get(script, ()))}
    broken = [f"{name} ({why})" for name in sorted(names) if (why := _why_not(name))]
    if broken:
        raise UserError(
            f"{sys.prefix}: its Python cannot import {', '.join(broken)}; make this environment "
            "anew from the files in envs"
        )


def _why_not(name: str) -> str | None:
    """Why a module cannot be imported, in one line; None if it can."""
    try:
        importlib.import_module(name)
    except Exception as error:  # a library may fail in any way
        return " ".join(str(error).split()) or type(error).__name__
    return None
