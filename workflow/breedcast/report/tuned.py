"""What tuning chose: options, and what they are worth on the training lines."""

from __future__ import annotations

import json

import pandas as pd

from breedcast.report.collect import ModelResult, TraitResult
from breedcast.report.tables import Table, number, table, whole


def tuned_table(trait: TraitResult) -> Table | None:
    """A row per model and option that was tuned; None where none was."""
    rows = [row for model in trait.models for row in _rows(model)]
    if not rows:
        return None
    return table(
        f"Options that were tuned for {trait.name}, inside each training set, by trials on its "
        "inner folds. Gained: mean predictive ability on these of the best trial, less that of "
        "the options as given, over the test folds' training sets; as the best of many trials it "
        "flatters, and the accuracies above, of lines that no trial saw, do not.",
        ["Model", "Option", "For the candidates", "In the folds", "Trials", "Gained"],
        rows,
        text=(0, 1, 2, 3),
    )


def _rows(model: ModelResult) -> list[list[str]]:
    if model.studies is None:
        return []
    real = model.studies[model.studies["permutation"] == 0]
    complete = real[real["state"] == "complete"]
    units = complete.groupby(["repeat", "fold"])
    best = complete.loc[units["value"].idxmax()].set_index(["repeat", "fold"])
    given = complete[complete["trial"] == 0].set_index(["repeat", "fold"])["value"]
    is_fold = best.index.get_level_values("repeat") >= 0
    gained = (best["value"] - given)[is_fold].mean()
    chosen = pd.DataFrame(map(json.loads, best["options"]), index=best.index, dtype=object)
    trials = real.groupby(["repeat", "fold"]).size().mean()
    return [
        [
            model.name,
            str(option),
            json.dumps(values[~is_fold].iloc[0]),
            ", ".join(dict.fromkeys(map(json.dumps, values[is_fold]))),
            whole(round(trials)),
            number(gained, 3),
        ]
        for option, values in chosen.items()
    ]
