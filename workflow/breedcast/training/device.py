"""Where a network is computed."""

from __future__ import annotations

from functools import cache

import torch

from breedcast.errors import UserError
from breedcast.taking import take_one


def pick_device(name: str) -> torch.device:
    """The device that `auto`, `cpu` or `cuda` stands for on this machine.

    `auto` is a CUDA device where there is one. `cuda` is then a GPU of this process alone:
    where jobs run side by side, each gets another, or waits. Raises UserError where `cuda` is
    asked for and absent: computing on the CPU instead would hide the mistake.
    """
    present = torch.cuda.is_available()
    if name == "cuda" and not present:
        raise UserError(
            "device: cuda is asked for but PyTorch finds no CUDA device here; "
            "run where a GPU and a CUDA build of PyTorch are, or set device: auto or cpu"
        )
    if name not in ("auto", "cpu", "cuda"):
        raise UserError(f"device: {name} is not known; choose auto, cpu or cuda")
    if name == "cpu" or not present:
        return torch.device("cpu")
    torch.cuda.set_device(_own_gpu())
    return torch.device("cuda")


@cache
def _own_gpu() -> int:
    """The position of this process's GPU among those that it can see.

    Their UUIDs are locked, not their positions: jobs of a scheduler call different GPUs 0.
    """
    visible = range(torch.cuda.device_count())
    return take_one("GPU", [str(torch.cuda.get_device_properties(it).uuid) for it in visible])
