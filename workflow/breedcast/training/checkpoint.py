"""The state of a training, saved while it runs, so that a killed one goes on where it was."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import safetensors.torch
from safetensors import safe_open
from torch import Tensor

from breedcast.files import whole

#: Saving may take this share of the time between two savings.
SHARE = 0.05


class Checkpoint:
    """A file that is replaced at the ends of epochs.

    How often follows from how long a saving takes, so that it costs a training little: small
    networks are saved after every epoch. Nothing is saved where path is None.
    """

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self._next = 0.0

    def part(self, name: str) -> Checkpoint:
        """Another one beside this, for a part of the work."""
        return Checkpoint(self.path and self.path.with_name(f"{self.path.name}-{name}"))

    @property
    def is_due(self) -> bool:
        """Whether it is time to save again."""
        return self.path is not None and time.monotonic() >= self._next

    def save(self, tensors: Mapping[str, Tensor], notes: Any) -> None:
        """Replace what was saved before. notes: anything that JSON can hold."""
        if self.path is None:
            return
        began = time.monotonic()
        held = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
        with whole(self.path) as unfinished:
            safetensors.torch.save_file(held, unfinished, metadata={"notes": json.dumps(notes)})
        ended = time.monotonic()
        self._next = ended + (ended - began) / SHARE

    def load(self) -> tuple[dict[str, Tensor], Any] | None:
        """What was saved last, or None."""
        if self.path is None or not self.path.is_file():
            return None
        with safe_open(self.path, framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            return tensors, json.loads(file.metadata()["notes"])

    def remove(self) -> None:
        """Forget what was saved."""
        if self.path is not None:
            self.path.unlink(missing_ok=True)


NOWHERE = Checkpoint(None)
