"""The options that all networks share: how they see, learn, and are kept from learning too much."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from breedcast.models.base import Model, Range, helper_option, option

if TYPE_CHECKING:
    from breedcast.training.objective import Objective
    from breedcast.training.trainer import Settings

#: Losses for traits that are scored in few classes.
SCORED = ("cross_entropy", "ordinal")
#: Losses whose networks predict on no scale of the trait's, or classes.
UNITLESS = (*SCORED, "correlation")
OWN = "own"
#: Kernels of a shortcut: those of rkhs that are functions of centred dosages.
SHORTCUTS = ("additive", "gaussian", "arc_cosine", "epistatic")


@dataclass(frozen=True)
class NetworkOptions(Model):
    """Every option of the shared trainer. Raises ValueError where two contradict each other."""

    #: The kernels that a network is added to unless the options say otherwise.
    own_shortcut: ClassVar[tuple[str, ...]] = ()

    input: str = option(
        "one_hot",
        "What the network sees: one channel per genotype state, missing included (one_hot); "
        "dosages, missing ones imputed, centred and scaled per marker (dosage); or scores on "
        "the principal components of the dosages (pca).",
        enum=["one_hot", "dosage", "pca"],
    )
    variance: float = option(
        0.95,
        "Share of the genotypes' variance that the principal components reach (input: pca).",
        exclusiveMinimum=0,
        maximum=1,
    )
    most_markers: int | None = option(
        None, "Most markers that a network is given; null, as pretrained, gives it all.", minimum=1
    )
    chosen_by: str = option(
        "chance",
        "Which markers, where there are more: drawn for each network (chance), or those of the "
        "greatest correlation with the trait in the lines that it is trained on (association).",
        enum=["chance", "association"],
    )
    shortcut: tuple[str, ...] | None = option(
        None,
        "Kernels whose mixed model is fitted first; the network learns what it leaves of lines "
        "taken out of it, and is added to it. [] has the network predict alone; null is the "
        "network's own choice where loss, pretrained and helper_traits allow one.",
        items={"type": "string", "enum": list(SHORTCUTS)},
        uniqueItems=True,
    )
    covariates: str = option(
        "regressed",
        "What is done with covariates: their effects are taken off by least squares before the "
        "network learns (regressed), or they join the network behind its features (appended).",
        enum=["regressed", "appended"],
    )
    helper_traits: tuple[str, ...] = helper_option(())
    helper_weight: float = option(
        1.0,
        "What the helper traits' losses count together, where that of the trait itself is 1.",
        exclusiveMinimum=0,
    )
    networks: int = option(
        1, "Networks per fold, from different first weights; predictions are their mean.", minimum=1
    )
    epochs: int = option(200, "Most passes over the training lines.", minimum=0)
    patience: int = option(
        10, "Stop after this many passes without improvement on the stop set.", minimum=1
    )
    min_improvement: float = option(
        0.0, "What the stop metric must fall by to count as an improvement.", minimum=0
    )
    stop_metric: str = option(
        "mse",
        "What the stop set is judged by: mse, mae, or the correlation (pearson).",
        enum=["mse", "mae", "pearson"],
    )
    stop_fraction: float = option(
        0.1,
        "Share of a network's training lines that is not trained on but decides when to stop.",
        exclusiveMinimum=0,
        exclusiveMaximum=1,
    )
    batch_size: int = option(32, "Lines per step.", Range(8, 64, log=True), minimum=2)
    loss: str = option(
        "mse",
        "What is minimised: mse, mae, huber; correlation (1 - r of a batch; the scale of the "
        "predictions is then meaningless); for traits scored in few classes cross_entropy or "
        "ordinal (proportional odds).",
        enum=["mse", "mae", "huber", "correlation", "cross_entropy", "ordinal"],
    )
    optimiser: str = option(
        "adam",
        "adam, adamw, sgd, rmsprop or adagrad.",
        enum=["adam", "adamw", "sgd", "rmsprop", "adagrad"],
    )
    learning_rate: float = option(
        0.001, "Step size of the optimiser.", Range(1e-5, 1e-2, log=True), exclusiveMinimum=0
    )
    momentum: float = option(0.0, "Momentum of sgd and rmsprop.", minimum=0, exclusiveMaximum=1)
    schedule: str = option(
        "constant",
        "How the learning rate goes on: constant; halved after half the patience in vain "
        "(plateau); or down to 0 along a cosine over all epochs (cosine).",
        enum=["constant", "plateau", "cosine"],
    )
    warmup: int = option(0, "Epochs over which the learning rate first rises.", minimum=0)
    gradient_clip: float | None = option(
        None,
        "Largest norm of a network's gradient without L2; null does not clip.",
        exclusiveMinimum=0,
    )
    dropout: str = option(
        "bernoulli",
        "Kind of the network's dropouts: bernoulli, gaussian, uniform (Uout), or none.",
        enum=["bernoulli", "gaussian", "uniform", "none"],
    )
    dropout_after_norm: bool = option(
        False, "Leave out every dropout that a batch normalisation comes after."
    )
    dropout_samples: int = option(
        1, "Dropout masks per line and step, their losses averaged (multi-sample).", minimum=1
    )
    monte_carlo: int = option(
        0,
        "Predictions with dropout on whose mean and standard deviation are given; 0 predicts "
        "once, without dropout.",
        minimum=0,
    )
    l1_conv: float | None = option(
        None, "L1 penalty of convolutions' weights; null keeps the network's own.", minimum=0
    )
    l2_conv: float | None = option(
        None, "L2 penalty of convolutions' weights; null keeps the network's own.", minimum=0
    )
    l1_dense: float | None = option(
        None, "L1 penalty of dense layers' weights; null keeps the network's own.", minimum=0
    )
    l2_dense: float | None = option(
        None, "L2 penalty of dense layers' weights; null keeps the network's own.", minimum=0
    )
    weight_decay: float | None = option(
        None,
        "Decoupled weight decay, by learning_rate x weight_decay a step; null is 0.01 for adamw "
        "and 0 for the others.",
        minimum=0,
    )
    max_norm: float | None = option(
        None, "Largest norm of the weights into one unit; null sets no bound.", exclusiveMinimum=0
    )
    input_noise: float = option(
        0.0, "Standard deviation of noise on the input while training.", minimum=0
    )
    label_noise: float = option(
        0.0,
        "Standard deviation of noise on the trait while training, in those of the trait.",
        minimum=0,
    )
    mask_markers: float = option(
        0.0,
        "Share of the calls hidden anew in every step, as if missing (not for pca).",
        minimum=0,
        exclusiveMaximum=1,
    )
    mixup: float = option(
        0.0, "Mix lines in pairs, by shares from Beta(mixup, mixup); 0 does not.", minimum=0
    )
    initialise: str = option(
        OWN,
        "First weights: the network's own, normal, truncated_normal, uniform, xavier, he, or "
        "pytorch.",
        enum=[OWN, "normal", "truncated_normal", "uniform", "xavier", "he", "pytorch"],
    )
    activation: str = option(
        OWN,
        "Activations: the network's own, or one of relu, leaky_relu, elu, selu, gelu, sigmoid, "
        "tanh, isru, linear in the place of them all.",
        enum=[
            OWN,
            "relu",
            "leaky_relu",
            "elu",
            "selu",
            "gelu",
            "sigmoid",
            "tanh",
            "isru",
            "linear",
        ],
    )
    pretrained: str = option(
        "",
        "Keras h5 file with a network of the same layers to start from. It is given genotypes "
        "as published, neither centred nor scaled. With epochs: 0 it is evaluated as it is.",
    )

    def __post_init__(self) -> None:
        if self.epochs == 0 and not self.pretrained:
            raise ValueError("epochs: 0 trains nothing; it needs pretrained")
        if self.pretrained and self.initialise != OWN:
            raise ValueError("initialise would overwrite the pretrained weights; leave one out")
        if self.shortcut and self.pretrained:
            raise ValueError("pretrained weights predict the trait, not what a shortcut leaves")
        if self.shortcut and self.loss in UNITLESS:
            raise ValueError(f"loss: {self.loss} learns nothing that a shortcut could be added to")
        if self.helper_traits and self.loss in UNITLESS:
            raise ValueError(f"loss: {self.loss} learns no helper_traits; take mse, mae or huber")
        if self.helper_traits and (self.shortcut or self.pretrained):
            raise ValueError("beside a shortcut, or pretrained, no helper_traits are learnt")
        if self.mask_markers and self.input == "pca":
            raise ValueError("mask_markers needs markers; set input to one_hot or dosage")
        if self.loss in SCORED and (self.mixup or self.label_noise):
            raise ValueError(
                f"mixup and label_noise change numbers, not classes; leave them out for {self.loss}"
            )
        if self.momentum and self.optimiser not in ("sgd", "rmsprop"):
            raise ValueError(f"momentum is an option of sgd and rmsprop, not of {self.optimiser}")

    @property
    def beside(self) -> tuple[str, ...]:
        """The kernels of the shortcut; none where the network predicts alone."""
        if self.shortcut is None:
            alone = self.pretrained or self.helper_traits or self.loss in UNITLESS
            return () if alone else self.own_shortcut
        return tuple(self.shortcut)  # the config has lists

    @property
    def has_shortcut(self) -> bool:
        return bool(self.beside)

    @property
    def given_markers(self) -> int | None:
        """A pretrained network is given all: it knows each by its place."""
        return None if self.pretrained else self.most_markers

    @property
    def heeds_conditions(self) -> bool:
        """Where it is given covariates; classes carry no effects that could be taken off them."""
        return self.covariates == "appended" or self.loss in SCORED

    def uses_products(self, lines: int, markers: int) -> bool:
        return self.has_shortcut

    def settings(self) -> Settings:
        """What the trainer is told."""
        from breedcast.training.optimisers import ADAMW_DECAY, Optimiser
        from breedcast.training.schedules import Schedule
        from breedcast.training.trainer import Settings

        decay = ADAMW_DECAY if self.optimiser == "adamw" else 0.0
        return Settings(
            epochs=self.epochs,
            patience=self.patience,
            batch_size=self.batch_size,
            learning_rate=self.learning_rate,
            optimiser=Optimiser(
                name=self.optimiser,
                momentum=self.momentum,
                decay=decay if self.weight_decay is None else self.weight_decay,
                clip=self.gradient_clip,
                max_norm=self.max_norm,
            ),
            schedule=Schedule(self.schedule, self.warmup),
            min_improvement=self.min_improvement,
            stop_metric=self.stop_metric,
            mixup=self.mixup,
        )

    def adapt(self, objective: Objective) -> None:
        """Change a new network to what the options ask for."""
        from torch import nn

        from breedcast.training.activations import set_activations
        from breedcast.training.blocks import LocallyConnected, set_first_weights
        from breedcast.training.dropout import set_dropouts
        from breedcast.training.keras import load_keras
        from breedcast.training.layers import set_penalties

        network = objective.network
        set_dropouts(network, self.dropout, self.dropout_after_norm)
        set_penalties(network, (nn.Conv1d,), self.l1_conv, self.l2_conv)
        set_penalties(network, (nn.Linear, LocallyConnected), self.l1_dense, self.l2_dense)
        if self.activation != OWN:
            set_activations(network, self.activation)
        if self.initialise != OWN:
            set_first_weights(network, self.initialise)
        if self.pretrained:
            load_keras(self.pretrained, network)


def redefault(name: str, default: Any) -> Any:
    """The option of all networks called `name`, with a network's own default."""
    metadata = NetworkOptions.__dataclass_fields__[name].metadata
    return option(default, search=metadata["search"], **metadata["schema"])
