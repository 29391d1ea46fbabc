"""Networks trained on the lines of their folds, each stopped early by lines of its own."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field

import numpy as np
import torch
from torch import Tensor

from breedcast.checkpoint import NOWHERE, Checkpoint, part
from breedcast.errors import UserError
from breedcast.progress import Listener, unheard
from breedcast.seeds import derive_seed
from breedcast.training.fleet import Data, Fleet, Single, Stack, Step, as_tensor
from breedcast.training.network import Network
from breedcast.training.noise import draw_keys
from breedcast.training.objective import Objective
from breedcast.training.optimisers import Optimiser
from breedcast.training.schedules import Schedule
from breedcast.training.stopping import STOP_METRICS, Stopping, one_less_pearson

#: What the names of a fleet's saved tensors begin with.
FLEET = "fleet."

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Task:
    """What one network is trained on.

    build: a new network with its loss; train: the lines learnt from; stop: the lines that
    decide when to stop, and nothing else. seed: decides first weights, batches and noise.
    name: what to call it where it fails. outputs: of the network; together with the data's shapes
    it says which networks can be stacked.
    """

    build: Callable[[], Objective]
    train: Data
    stop: Data
    seed: int
    name: str = "network"
    outputs: int = 1


@dataclass(frozen=True)
class Settings:
    """How networks are trained: the same for every fold of a job.

    epochs: at most this many passes over the lines; patience: stop after so many epochs in
    which the stop metric did not fall by more than min_improvement; batch_size: lines per step;
    mixup: alpha of the beta distribution that mixes lines, 0 for none.
    """

    epochs: int
    patience: int
    batch_size: int
    learning_rate: float
    optimiser: Optimiser = field(default_factory=Optimiser)
    schedule: Schedule = field(default_factory=Schedule)
    min_improvement: float = 0.0
    stop_metric: str = "mse"
    mixup: float = 0.0

    def __str__(self) -> str:
        return (
            f"{self.optimiser.name}, learning_rate {self.learning_rate:g}, "
            f"batch_size {self.batch_size}"
        )


@dataclass(frozen=True)
class Trained:
    """A network with the weights of its best epoch, ready to predict.

    history: one record per epoch: `train_loss` (noise on, weights still moving, penalties left
    out), `stop_loss` (the stop metric), `stop_pearson`, `learning_rate`.
    """

    network: Network
    history: tuple[dict[str, float], ...]
    best_epoch: int


@dataclass
class _Progress:
    """How far one network has come."""

    stopping: Stopping
    best: dict[str, Tensor] = field(default_factory=dict)
    history: list[dict[str, float]] = field(default_factory=list)


def train(
    tasks: Sequence[Task],
    settings: Settings,
    device: torch.device,
    side_by_side: bool = False,
    checkpoint: Checkpoint = NOWHERE,
    listen: Listener = unheard,
) -> list[Trained]:
    """Train a new network for each task by its loss and its layers' penalties.

    A network is built here and not handed in, so that none is ever trained twice. Neither
    reads nor moves the state of PyTorch's global random numbers. side_by_side: networks of the
    same shape are computed as one, which is what a GPU needs to be busy; otherwise one after
    another. The results agree up to rounding. Raises UserError where a loss is not finite.
    """
    trained: dict[int, Trained] = {}
    exact = torch.backends.cudnn.flags(
        enabled=True, benchmark=False, deterministic=True, allow_tf32=False
    )
    with exact:
        for group in _groups(tasks) if side_by_side else [[at] for at in range(len(tasks))]:
            done = _train_together(
                [tasks[at] for at in group],
                settings,
                device,
                checkpoint,
                lambda at, *news, group=group: listen(group[at], *news),
            )
            trained |= dict(zip(group, done, strict=True))
    return [trained[at] for at in range(len(tasks))]


def _train_together(
    tasks: Sequence[Task],
    settings: Settings,
    device: torch.device,
    checkpoint: Checkpoint,
    listen: Listener,
) -> list[Trained]:
    """As many side by side as the device's memory holds: all, or each half after the other."""
    name = f"{len(tasks)}-{derive_seed(*(task.seed for task in tasks))}"
    try:
        return _Training(tasks, settings, device, checkpoint.part(name), listen).finish()
    except torch.OutOfMemoryError:
        if len(tasks) == 1:
            raise UserError(
                f"{tasks[0].name}: the device has too little memory for one network; lower "
                "batch_size, or set device: cpu"
            ) from None
    half = len(tasks) // 2
    log.warning("%d networks do not fit the device at once; trying %d", len(tasks), half)
    first = _train_together(tasks[:half], settings, device, checkpoint, listen)
    return first + _train_together(
        tasks[half:],
        settings,
        device,
        checkpoint,
        lambda at, *news: listen(half + at, *news),
    )


class _Training:
    """The epochs of one fleet."""

    def __init__(
        self,
        tasks: Sequence[Task],
        settings: Settings,
        device: torch.device,
        checkpoint: Checkpoint,
        listen: Listener,
    ) -> None:
        self.tasks = tasks
        self.settings = settings
        self.device = device
        self.checkpoint = checkpoint
        self.listen = listen
        self.epoch = 0
        self.active = list(range(len(tasks)))
        self.progress = [
            _Progress(Stopping(settings.patience, settings.min_improvement)) for _ in tasks
        ]

    def finish(self) -> list[Trained]:
        """Train to the end, from the beginning or from what was saved."""
        fleet = self._resumed() or self._begun()
        while self.active and self.epoch < self.settings.epochs:
            self.epoch += 1
            train_loss = self._pass(fleet)
            values = fleet.judge()
            for row, at in enumerate(self.active):
                self._note(fleet, row, at, train_loss[row], values[row])
            going = [at for at in self.active if not self._has_ended(at)]
            if going and len(going) < len(self.active):
                fleet = fleet.keep([self.active.index(at) for at in going])
            self.active = going
            if going and self.checkpoint.is_due:
                self._save(fleet)
        self.checkpoint.remove()
        return [self._trained(at) for at in range(len(self.tasks))]

    def _begun(self) -> Fleet:
        fleet = self._fleet()
        for row, at in enumerate(self.active):
            self.progress[at].best = fleet.weights(row)
        return fleet

    def _fleet(self) -> Fleet:
        """The networks that are still trained, with their first weights."""
        tasks = [self.tasks[at] for at in self.active]
        objectives = [new_objective(task).to(self.device) for task in tasks]
        data, stop = [task.train for task in tasks], [task.stop for task in tasks]
        how = (self.settings.optimiser, self.device)
        if len(self.tasks) == 1:
            return Single(objectives[0], data[0], stop[0], *how)
        return Stack(objectives, data, stop, *how)

    def _pass(self, fleet: Fleet) -> np.ndarray:
        """One pass over the lines in random order; (networks,) the mean loss along the way."""
        plans = [self._plan(at, fleet.noise) for at in self.active]
        order, keys, keep = (
            as_tensor(np.stack([getattr(plan, drawn) for plan in plans]), self.device)
            for drawn in ("order", "keys", "keep")
        )
        total = torch.zeros(len(fleet), device=self.device)
        rates = np.array([self._rate(at) for at in self.active])
        for step, columns in enumerate(batches(order.shape[1], self.settings.batch_size)):
            losses = fleet.step(Step(order[:, columns], keys[:, step], keep[:, step], rates))
            total += losses * (columns.stop - columns.start)
        return total.double().cpu().numpy() / order.shape[1]

    def _plan(self, at: int, noise: int) -> EpochPlan:
        task = self.tasks[at]
        return EpochPlan.draw(task.seed, self.epoch, len(task.train), noise, self.settings)

    def _rate(self, at: int) -> float:
        """The learning rate of this epoch."""
        settings = self.settings
        halvings = self.progress[at].stopping.halvings
        share = settings.schedule.share(self.epoch, settings.epochs, halvings)
        return settings.learning_rate * share

    def _note(self, fleet: Fleet, row: int, at: int, train_loss: float, values: np.ndarray) -> None:
        """What this epoch brought for one network."""
        progress, stop = self.progress[at], self.tasks[at].stop
        score = STOP_METRICS[self.settings.stop_metric](values, stop.target, stop.weight)
        if not (np.isfinite(train_loss) and np.isfinite(score)):
            raise UserError(
                f"{self.tasks[at].name}: training diverged in epoch {self.epoch}, the loss is not "
                f"finite ({self.settings}); set a smaller learning_rate for this model"
            )
        progress.history.append(
            {
                "epoch": self.epoch,
                "train_loss": float(train_loss),
                "stop_loss": float(score),
                "stop_pearson": 1.0 - float(one_less_pearson(values, stop.target, stop.weight)),
                "learning_rate": self._rate(at),
            }
        )
        if progress.stopping.improves(self.epoch, score):
            progress.best = fleet.weights(row)
        self.listen(at, self.epoch, progress.stopping.best_epoch, self._has_ended(at))

    def _has_ended(self, at: int) -> bool:
        stopping = self.progress[at].stopping
        return stopping.is_over(self.epoch) or self.epoch == self.settings.epochs

    def _trained(self, at: int) -> Trained:
        """The network with its best weights, built anew."""
        progress = self.progress[at]
        network = new_objective(self.tasks[at]).network.to(self.device)
        network.load_state_dict(progress.best)
        return Trained(network.eval(), tuple(progress.history), progress.stopping.best_epoch)

    def _save(self, fleet: Fleet) -> None:
        best = {
            f"{at}.{name}": tensor
            for at, progress in enumerate(self.progress)
            for name, tensor in progress.best.items()
        }
        notes = {
            "epoch": self.epoch,
            "active": self.active,
            "stopping": [asdict(progress.stopping) for progress in self.progress],
            "history": [progress.history for progress in self.progress],
        }
        state = {FLEET + name: tensor for name, tensor in fleet.state().items()} | best
        self.checkpoint.save({name: it.detach().cpu().numpy() for name, it in state.items()}, notes)

    def _resumed(self) -> Fleet | None:
        """The fleet as it was saved, or None where nothing was."""
        saved = self.checkpoint.load()
        if saved is None:
            return None
        arrays, notes = saved
        tensors = {name: torch.from_numpy(array) for name, array in arrays.items()}
        self.epoch, self.active = notes["epoch"], notes["active"]
        self.progress = [
            _Progress(Stopping(**stopping), part(tensors, f"{at}."), history)
            for at, (stopping, history) in enumerate(
                zip(notes["stopping"], notes["history"], strict=True)
            )
        ]
        log.info("%s: going on after epoch %d", self.tasks[0].name, self.epoch)
        fleet = self._fleet()
        fleet.restore({name: it.to(self.device) for name, it in part(tensors, FLEET).items()})
        return fleet


@dataclass(frozen=True)
class EpochPlan:
    """What chance decides in one epoch of one network: from its seed and the epoch alone.

    order: (lines,) in which they are taken; keys: (steps, noise layers, 2) int32; keep: (steps,)
    the share of itself that a line keeps where lines are mixed.
    """

    order: np.ndarray
    keys: np.ndarray
    keep: np.ndarray

    @classmethod
    def draw(cls, seed: int, epoch: int, lines: int, noise: int, settings: Settings) -> EpochPlan:
        """The epoch's plan; the same for the same arguments, whatever was drawn before."""
        generator = np.random.default_rng((seed, epoch))
        order = generator.permutation(lines)
        steps = len(batches(lines, settings.batch_size))
        keys = draw_keys(generator, steps, noise)
        alpha = settings.mixup
        keep = generator.beta(alpha, alpha, steps) if alpha else np.ones(steps)
        return cls(order, keys, keep)


def batches(lines: int, size: int) -> list[slice]:
    """The positions of each batch of `size` lines; a last batch of one joins the one before.

    One line has no variance, so batch normalisation cannot learn from it; leaving it out
    would train on fewer lines than were given.
    """
    starts = list(range(0, lines, size))
    if len(starts) > 1 and lines - starts[-1] == 1:
        starts.pop()
    return [slice(start, end) for start, end in zip(starts, [*starts[1:], lines], strict=True)]


def new_objective(task: Task) -> Objective:
    """The task's network with its first weights, drawn on the CPU whatever it is trained on."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(task.seed)
        return task.build()


def _groups(tasks: Sequence[Task]) -> list[list[int]]:
    """Positions of tasks whose networks and data have the same shapes."""
    groups: dict[tuple[int, ...], list[int]] = {}
    for at, task in enumerate(tasks):
        shapes = (*task.train.shape, *task.stop.shape, task.outputs)
        groups.setdefault(shapes, []).append(at)
    return list(groups.values())
