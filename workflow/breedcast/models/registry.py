"""The models by name. A new model is one file here and one line below."""

from __future__ import annotations

import dataclasses
import importlib
from typing import Any

from breedcast.models.base import Model

MODELS = {
    "baseline": "breedcast.models.baseline:Baseline",
    "gblup": "breedcast.models.gblup:GBLUP",
    "dnngp": "breedcast.models.dnngp:DNNGP",
    "deepgs": "breedcast.models.deepgs:DeepGS",
    "dlgwas": "breedcast.models.dlgwas:DLGWAS",
}

JSON_TYPES = {"int": "integer", "float": "number", "bool": "boolean", "str": "string"}


def load_model(location: str, options: dict[str, Any]) -> Model:
    """The model at `module:Class`, with these options.

    A training job is told the location and not the name, so that it depends on its own
    model's file and on no other (see `breedcast.code.code_hash`).
    """
    return _model_class(location)(**options)


def _model_class(location: str) -> type[Model]:
    module, _, name = location.partition(":")
    found: type[Model] = getattr(importlib.import_module(module), name)
    return found


def options_schema(name: str) -> dict[str, Any]:
    """The JSON schema of a registered model's options, from its dataclass fields."""
    properties = {
        option.name: {
            "type": JSON_TYPES[str(option.type)],
            "default": option.default,
            **option.metadata,
        }
        for option in dataclasses.fields(_model_class(MODELS[name]))
    }
    return {"type": "object", "properties": properties, "additionalProperties": False}
