"""Files that are given as published weights and hold something else: nothing of them is run."""

from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
from torch import nn

from breedcast.errors import UserError
from breedcast.training.keras import load_keras


class Touches:
    """What, unpickled, makes a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def test_pickled_weights_are_refused_and_run_nothing(tmp_path):
    ran, path = tmp_path / "ran", tmp_path / "weights.h5"
    torch.save(Touches(ran), path)
    with pytest.raises(UserError, match=r"weights\.h5: no Keras h5 file of weights"):
        load_keras(path, nn.Linear(2, 1))
    assert not ran.exists()
    torch.load(path, weights_only=False)  # who does, runs it
    assert ran.exists()


@pytest.mark.parametrize("what", ["nothing", "a layer that is an array", "names without arrays"])
def test_an_h5_file_of_something_else_is_told_in_one_line(what, tmp_path):
    path = tmp_path / "weights.h5"
    with h5py.File(path, "w") as file:
        if what != "nothing":
            file.attrs["layer_names"] = ["dense"]
        if what == "a layer that is an array":
            file["dense"] = np.zeros(3)
            file["dense"].attrs["weight_names"] = ["kernel"]
        if what == "names without arrays":
            file.create_group("dense").attrs["weight_names"] = ["kernel"]
    with pytest.raises(UserError, match=r"weights\.h5: no Keras h5 file of weights") as error:
        load_keras(path, nn.Linear(2, 1))
    assert "\n" not in str(error.value)
