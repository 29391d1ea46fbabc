"""A model of several traits against one of a trait, on wheat599, maize281 and a part of soynam.

    OMP_NUM_THREADS=1 PYTHONPATH=workflow:. python tests/benchmarks/several_traits.py \
        [--data wheat599 ...] [--seeds 0 1] [--models gblup mtgblup] \
        [--models dnn 'dnn:{"helper_traits": ["all"]}']

Folds are KFold(5, shuffle=True, random_state=seed) over the lines that have a value of the trait;
all other traits help. Per trait: mean Pearson r of the first model; of the second less the first,
with the corrected standard error (Nadeau & Bengio 2003) of that difference; the same where two
thirds of the training lines have values of the other traits alone (the first trains on the third);
what the test lines' own helper values add under CV2 and CV2*, where the second heeds them; seconds
of a fit of either. Data: BREEDCAST_DATA.
"""

import argparse
import time
from dataclasses import replace

import numpy as np
import pandas as pd
from sklearn.model_selection import KFold

from breedcast.models.base import Lines, Model
from breedcast.models.helped import own_helper_accuracies
from tests.benchmarks.baselines import model_of, read

TRAITS = {
    "wheat599": ["env1", "env2", "env3", "env4"],
    "maize281": ["EarHT", "dpoll", "EarDia"],
    "soynam": ["yield", "height", "R8", "protein"],
}
#: Lines of soynam, drawn at random.
SOYNAM_LINES = 400


def lines_of(data: str) -> tuple[Lines, pd.DataFrame]:
    """The lines of a data set without a trait of their own, and their traits."""
    codes, table = read(data)
    rows = np.arange(len(table))
    if data == "soynam":
        rows = np.sort(np.random.default_rng(0).choice(rows, SOYNAM_LINES, replace=False))
    none = pd.DataFrame(index=range(len(rows)))
    return Lines(codes[rows], 2, none), table.loc[rows, TRAITS[data]].reset_index(drop=True)


def accuracy(model: Model, train: Lines, test: Lines) -> float:
    return float(
        np.corrcoef(model.fit(train, 0, "cpu").predict(test.blind()).mean, test.observed)[0, 1]
    )


def folds(
    one: Model, several: Model, lines: Lines, table: pd.DataFrame, trait: str, seeds: list[int]
) -> pd.DataFrame:
    """Per fold the accuracies of either model, and the seconds of a fit with its predictions."""
    lines = replace(lines, value=table[trait].to_numpy(float), helpers=table.drop(columns=trait))
    measured = np.flatnonzero(table[trait].notna())
    others = np.flatnonzero(table[trait].isna())  # train by their other traits
    found = []
    for seed in seeds:
        for train, test in KFold(5, shuffle=True, random_state=seed).split(measured):
            train, test = measured[train], lines.take(measured[test])
            both = lines.take(np.concatenate([train, others]))
            start = time.perf_counter()
            alone = accuracy(one, lines.take(train), test)
            between = time.perf_counter()
            fitted = several.fit(both, 0, "cpu")
            without, helped = (fitted.predict(test.blind(it)).mean for it in (False, True))
            end = time.perf_counter()
            few = np.random.default_rng(seed).permutation(train)
            third = len(few) // 3
            sparse = lines.take(np.concatenate([few, others]))
            value = sparse.observed.copy()
            value[third:] = np.nan
            found.append(
                {
                    "alone": alone,
                    "gain": float(np.corrcoef(without, test.observed)[0, 1]) - alone,
                    "few_alone": (few_r := accuracy(one, lines.take(few[:third]), test)),
                    "few_gain": accuracy(several, replace(sparse, value=value), test) - few_r,
                    **own_helper_accuracies(test, without, helped),
                    "seconds_alone": between - start,
                    "seconds_several": end - between,
                }
            )
    return pd.DataFrame(found)


def with_error(gains: pd.Series) -> str:
    """The mean and its standard error, corrected for training sets that overlap."""
    return f"{gains.mean():+.3f} +- {np.sqrt((1 / len(gains) + 1 / 4) * gains.var()):.3f}"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", nargs="+", default=list(TRAITS))
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1])
    parser.add_argument("--models", nargs=2, type=model_of, default=["gblup", "mtgblup"])
    asked = parser.parse_args()
    for data in asked.data:
        lines, table = lines_of(data)
        print(f"{data}: {len(lines)} lines", flush=True)
        for trait in TRAITS[data]:
            found = folds(*asked.models, lines, table, trait, asked.seeds)
            mean = found.mean()
            print(
                f"{trait:8} alone {mean['alone']:.3f}, several {with_error(found['gain'])}; "
                f"trait known of a third: alone {mean['few_alone']:.3f}, "
                f"several {with_error(found['few_gain'])}; own helper values: CV2 "
                f"{with_error(found['cv2_helped'] - found['cv2_without'])}, CV2* "
                f"{with_error(found['cv2_star_helped'] - found['cv2_star_without'])}; seconds "
                f"{mean['seconds_alone']:.2f} and {mean['seconds_several']:.2f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
