"""Where a network is computed."""

from __future__ import annotations

import torch

from breedcast.errors import UserError


def pick_device(name: str) -> torch.device:
    """The device that `auto`, `cpu` or `cuda` stands for on this machine.

    `auto` is a CUDA device where there is one. Raises UserError where `cuda` is asked for
    and absent: computing on the CPU instead would hide the mistake.
    """
    present = torch.cuda.is_available()
    if name == "cuda" and not present:
        raise UserError(
            "device: cuda is asked for but PyTorch finds no CUDA device here; "
            "run where a GPU and a CUDA build of PyTorch are, or set device: auto or cpu"
        )
    if name not in ("auto", "cpu", "cuda"):
        raise UserError(f"device: {name} is not known; choose auto, cpu or cuda")
    return torch.device("cuda" if present and name != "cpu" else "cpu")
