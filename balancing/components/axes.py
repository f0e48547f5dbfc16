"""The contracts: what a component of each axis is given, and what it returns; of decisions see ``deciding``.

A component is a decorated builder: it is given a context and its parameters once, and returns what training (or the
decision after it) then calls. ``balancing.components.testing`` has the laws of each axis.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Literal, Protocol

import numpy as np

from balancing.components.plans import EpochPlans, TrainingPlan

if TYPE_CHECKING:
    import torch

    from balancing.components.neighbours.spaces import Space
    from balancing.components.neighbours.store import NeighbourStore


@dataclass(frozen=True)
class TrainingData:
    """What a sampler may look at: the training rows and nothing else.

    Args:
        pixels: (N, H, W) or (N, H, W, 3) uint8, the whole image set; only ``rows`` of it may be read.
        labels: (N,) int64, the whole image set's; only ``rows`` of it may be read.
        rows: (T,) int64, the training rows.
        n_classes: C; labels lie in 0..C-1.
        class_names: (C,) for error messages; may be empty.
        neighbours: where nearest neighbours are kept; None searches each time.
        vectors: (N, D) float32, what stands for the images where distances are measured and rows are mixed; only
            ``rows`` of it may be read. None: the pixels.
    """

    pixels: np.ndarray
    labels: np.ndarray
    rows: np.ndarray
    n_classes: int
    class_names: tuple[str, ...] = ()
    neighbours: NeighbourStore | None = field(default=None, compare=False)
    vectors: np.ndarray | None = None

    @property
    def train_labels(self) -> np.ndarray:
        """(T,) int64: the classes of the training rows."""
        return self.labels[self.rows]

    @property
    def class_counts(self) -> np.ndarray:
        """(C,) int64: training images of each class."""
        return np.bincount(self.train_labels, minlength=self.n_classes)

    def class_name(self, label: int) -> str:
        return self.class_names[label] if self.class_names else str(label)

    def matrix(self, rows: np.ndarray) -> np.ndarray:
        """(n, D) float64: the vectors, or else the flattened pixels, of (n,) int64 training rows."""
        found = (self.pixels if self.vectors is None else self.vectors)[rows]
        return found.reshape(len(rows), -1).astype(np.float64)

    @cached_property
    def space(self) -> Space:
        """Where distances are measured: the vectors, or else the pixels."""
        from balancing.components.neighbours.spaces import PixelSpace, vector_space

        return PixelSpace(self.pixels) if self.vectors is None else vector_space(self.vectors, self.rows)

    def nearest(self, queries: np.ndarray, pool: np.ndarray, k: int) -> np.ndarray:
        """The k nearest other images of the pool: see `balancing.components.neighbours.search.nearest_neighbours`.

        Of vectors, distances are float64's.

        Args:
            queries: (Q,) int64, training rows.
            pool: (P,) int64, training rows, none twice.
            k: in 1..P, or 1..P-1 where a query is in the pool.
        Returns:
            (Q, k) int64, rows of the image set, nearest first.
        """
        # Here, since torch takes seconds to import and not every command needs it.
        from balancing.components.neighbours.search import nearest_neighbours

        if self.vectors is not None:
            from balancing.components.neighbours.real import nearest_real
            from balancing.components.neighbours.spaces import VectorSpace

            if self.neighbours is not None and isinstance(self.space, VectorSpace):
                return self.neighbours.nearest_vectors(self.space, queries, pool, k)
            return nearest_real(self.space, queries, pool, k)
        if self.neighbours is not None:
            return self.neighbours.nearest(self.pixels, queries, pool, k)
        return nearest_neighbours(self.pixels, queries, pool, k)

    def nearest_in_both(self, members: np.ndarray, k_all: int, k_own: int) -> tuple[np.ndarray, np.ndarray]:
        """The nearest training images of any class and the nearest members, in one search.

        Args:
            members: (Q,) int64, a part of ``rows`` in their order.
            k_all: in 1..T-1.
            k_own: in 1..Q-1.
        Returns:
            (Q, k_all) and (Q, k_own) int64, rows of the image set, nearest first.
        """
        from balancing.components.neighbours.search import nearest_in_both

        if self.vectors is not None:
            return self.nearest(members, self.rows, k_all), self.nearest(members, members, k_own)
        if self.neighbours is not None:
            return self.neighbours.nearest_in_both(self.pixels, members, self.rows, k_all, k_own)
        return nearest_in_both(self.pixels, members, self.rows, k_all, k_own)


@dataclass(frozen=True)
class TrainingContext:
    """What an augmentation, a mixer, a loss or a schedule may know of the training.

    Args:
        class_counts: (C,) int64, rows of each class in the plan that trains, so after sampling.
        epochs: of the whole training, >= 1.
        strength: of augmentation, in [0, 1]; a shared hyperparameter of the sweep.
        split_counts: (C,) int64, images of each class in the training split, so before sampling; None where not known.
        positive: index of the class that is looked for; None for more than two classes.
        batch_size: rows of a whole batch.
    """

    class_counts: np.ndarray
    epochs: int = 1
    strength: float = 0.0
    split_counts: np.ndarray | None = None
    positive: int | None = None
    batch_size: int = 32

    @property
    def n_classes(self) -> int:
        return len(self.class_counts)


@dataclass(frozen=True)
class Phase:
    """What trains, and with what, in one part of a training.

    Args:
        sampled: the technique's plan trains; False: the training rows as they are.
        power: instead of either, training rows drawn with class masses in proportion to n^power, anew in each epoch:
            0 gives each class the same mass, 1 leaves them as they are; None draws none.
        weighted: the technique's loss trains; False: cross-entropy.
        reweight: 1 - beta of the effective numbers by which each row's loss is weighted besides, by its classes; None
            weights none.
        mixed: the technique's mixer mixes; False: rows stay whole.
        trained: the whole network; or its head alone, with the body as it is, batch-norm statistics too; or of the head
            nothing but a factor for each class, which a component with ``head="scaled"`` asks for.
        new_head: the head starts anew when the phase begins.
        lr_factor: of the learning rate, > 0.
        space: what a row is: an image; or, where a head alone is trained, its features, which the body as it is makes
            once, when the phase begins: without augmentation.
        heads: how many heads train on features, each on a random undersample of its own in which each class has as many
            rows as the smallest; the network's is their mean.
        moving_statistics: the body's batch-norm statistics follow the rows, also where its weights don't train.
        scales_lr: of the learning rate, > 0, for the factors of the classes, which then train beside the head; None:
            they don't.
    """

    sampled: bool = True
    power: float | None = None
    weighted: bool = True
    reweight: float | None = None
    mixed: bool = True
    trained: Literal["all", "head", "scales"] = "all"
    new_head: bool = False
    lr_factor: float = 1.0
    space: Literal["pixels", "features"] = "pixels"
    heads: int = 1
    moving_statistics: bool = False
    scales_lr: float | None = None


@dataclass(frozen=True)
class Stage:
    """A part of a training.

    Args:
        share: of all optimisation steps, in (0, 1]; those of a schedule sum to 1.
        phase: what trains in it.
        kept: whether the best epoch may be one that ends in it.
    """

    share: float
    phase: Phase = Phase()
    kept: bool = True


# What a ``@schedule`` returns: the parts of a training, in their order.
Schedule = tuple[Stage, ...]


class Sampler(Protocol):
    """``@sampler``: which rows train."""

    def __call__(self, data: TrainingData, random_state: int, /) -> TrainingPlan | EpochPlans:
        """The training plan; or one an epoch, where each epoch draws anew.

        Args:
            data: T training rows, at least one of each class.
            random_state: 0..2**32-1; means what it means to imbalanced-learn, so that equal seeds give equal samples.
        """


class Augment(Protocol):
    """What an ``@augmentation`` returns: changes the images of a batch, never their classes."""

    def __call__(self, images: torch.Tensor, generator: torch.Generator, /) -> torch.Tensor:
        """Each image changed at random.

        Args:
            images: (B, C, H, W) floating point in 0..255, not normalised: 0 is black; any device.
            generator: the source of all draws, on the CPU.
        Returns:
            (B, C, H, W), same dtype and device.
        """


class Mix(Protocol):
    """What a ``@mixer`` returns: mixes each row of a batch with a partner."""

    def __call__(
        self,
        x: torch.Tensor,
        partner: torch.Tensor,
        targets: torch.Tensor,
        partner_targets: torch.Tensor,
        generator: torch.Generator,
        /,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """The mixed rows and their targets.

        Args:
            x, partner: (B, ...) floating point.
            targets, partner_targets: (B, C), rows sum to 1.
            generator: the source of all draws, on the CPU.
        """


@dataclass(frozen=True)
class Partnered:
    """What a ``@mixer`` returns whose partners are no permutation of the batch, but rows drawn from the training rows.

    Args:
        mix: how each row is mixed with its partner.
        power: partners are drawn with class masses in proportion to n^power: 0 gives each class the same mass, -1 rare
            classes more.
    """

    mix: Mix
    power: float


# Of a network: logits of a linear map; cosines; or a squared distance from a centre.
Head = Literal["linear", "cosine", "scaled", "distance"]


class Loss(Protocol):
    """What a ``@loss`` returns; a ``torch.nn.Module`` where the loss has values of its own that train too.

    With ``head="cosine"`` the logits it is given are cosines, in [-1, 1], and it has an attribute ``scale``, a float
    > 0: softmax(scale * cosines) are the probabilities that it trains, so the network's logits as they are kept,
    evaluated and decided by are scale * cosines.

    With ``head="distance"`` there are two classes, and the logits it is given are -d^2 / 2 of the class that trains and
    d^2 / 2 of the other, with d^2 >= 0 the squared distance of an image from a centre.

    With ``batchwise=True`` a row's loss may depend on the others of its batch: the mean over the rows is the batch's
    loss, and it is finite also where the batch lacks a class.
    """

    def __call__(self, logits: torch.Tensor, targets: torch.Tensor, /) -> torch.Tensor:
        """The loss of each row; the trial takes the mean.

        Args:
            logits: (B, C) floating point.
            targets: (B, C) floating point, rows sum to 1 (one class each, unless rows were mixed).
        Returns:
            (B,) float32 or wider.
        """


class Step(Protocol):
    """What an ``@optimizer`` returns: an optimisation step made of several passes, or of a rule of its own."""

    def __call__(
        self,
        optimizer: torch.optim.Optimizer,
        losses: Callable[[], torch.Tensor],
        targets: torch.Tensor,
        /,
    ) -> torch.Tensor:
        """One step.

        Args:
            optimizer: of the trial; its parameters are the network's, and the loss's where it has any.
            losses: a forward pass of the batch: (B,) float32, the loss of each row, which gradients can be taken of.
            targets: (B, C), rows sum to 1.
        Returns:
            The mean loss before the step, () float32, detached.
        """


@dataclass(frozen=True)
class Axis:
    """One of the ways to change what class imbalance does.

    Args:
        name: also the decorator's.
        folder: of its components, under ``balancing/components``.
        given: what a builder is given before its parameters, by position.
        prior_effect: what a component of it does to the class frequencies that the network's answers carry, unless the
            component says otherwise: see ``balancing.components.ledger``.
        trains: whether trials apply it.
    """

    name: str
    folder: str
    given: tuple[str, ...]
    prior_effect: Literal["kept", "unknown"] = "unknown"
    trains: bool = True


# In the order in which a composition's name has them.
AXES = {
    axis.name: axis
    for axis in (
        Axis("sampler", "samplers", ("data", "random_state"), "kept"),
        Axis("augmentation", "augmentations", ("context",), "kept"),
        Axis("mixer", "mixers", ("context",)),
        Axis("loss", "losses", ("context",)),
        Axis("schedule", "schedules", ("context",), "kept"),
        Axis("optimizer", "optimizers", ("context",), "kept"),
        Axis("decision", "decisions", (), trains=False),
    )
}
