"""The models by name. A new model is one file here and one line below."""

from __future__ import annotations

import dataclasses
from typing import Any

from breedcast.models.base import model_class

MODELS = {
    "baseline": "breedcast.models.baseline:Baseline",
    "gblup": "breedcast.models.gblup:GBLUP",
    "rrblup": "breedcast.models.rrblup:RRBLUP",
    "mtgblup": "breedcast.models.mtgblup:MTGBLUP",
    "rkhs": "breedcast.models.rkhs:RKHS",
    "gca_sca": "breedcast.models.gca_sca:GCASCA",
    "bayes": "breedcast.models.bayes:Bayes",
    "elastic_net": "breedcast.models.elastic_net:ElasticNet",
    "svr": "breedcast.models.svr:SVR",
    "random_forest": "breedcast.models.random_forest:RandomForest",
    "lightgbm": "breedcast.models.lightgbm:LightGBM",
    "xgboost": "breedcast.models.xgboost:XGBoost",
    "dnngp": "breedcast.models.dnngp:DNNGP",
    "deepgs": "breedcast.models.deepgs:DeepGS",
    "dlgwas": "breedcast.models.dlgwas:DLGWAS",
    "dnn": "breedcast.models.dnn:DNN",
    "lenet": "breedcast.models.lenet:LeNet",
    "inception": "breedcast.models.inception:Inception",
    "resnet": "breedcast.models.resnet:ResNet",
    "lstm": "breedcast.models.recurrent:LSTM",
    "gru": "breedcast.models.recurrent:GRU",
    "transformer": "breedcast.models.transformer:Transformer",
    "local": "breedcast.models.local:Local",
}

JSON_TYPES: dict[str, str | list[str]] = {
    "int": "integer",
    "int | None": ["integer", "null"],
    "float": "number",
    "float | None": ["number", "null"],
    "bool": "boolean",
    "str": "string",
    "tuple[str, ...]": "array",
    "tuple[str, ...] | None": ["array", "null"],
    "tuple[float, ...]": "array",
}


def options_schema(name: str) -> dict[str, Any]:
    """The JSON schema of a registered model's options, from its dataclass fields."""
    properties = {
        option.name: {
            "type": JSON_TYPES[str(option.type)],
            "default": _plain(option.default),
            **option.metadata["schema"],
        }
        for option in dataclasses.fields(model_class(MODELS[name]))
    }
    return {"type": "object", "properties": properties, "additionalProperties": False}


def _plain(default: Any) -> Any:
    """The default as YAML has it: a list where a frozen dataclass needs a tuple."""
    return list(default) if isinstance(default, tuple) else default
