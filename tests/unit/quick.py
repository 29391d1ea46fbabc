"""Every registered model, trained for a moment."""

from dataclasses import fields

from breedcast.models.base import Model, model_class
from breedcast.models.registry import MODELS

#: The models of lines: the other ones are given parents of diploid hybrids too (test_hybrids.py).
OF_LINES = [name for name in MODELS if name != "gca_sca"]
#: What makes a model's training short, where it has such an option.
SHORT = {"epochs": 3, "rounds": 20, "trees": 20}


def quick(name: str, **options: object) -> Model:
    """The model with these options, trained for a few epochs or trees where it has any."""
    model = model_class(MODELS[name])
    short = {field.name: SHORT[field.name] for field in fields(model) if field.name in SHORT}
    return model(**short | options)
