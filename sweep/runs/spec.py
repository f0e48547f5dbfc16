"""What a trial is: everything that can change its numbers, and the ids that follow from it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, make_dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from balancing.errors import UserError
from sweep.hyperparameters import HYPERPARAMETERS
from sweep.runs.network_name import NetworkName

# Labels for people; they change no number of a trial, so they are not part of its id.
_LABELS = ("draw", "seed_index")
# Fields that came after the first runs: where they say nothing, they are neither written nor part of an id.
_RECIPE: dict[str, Any] = {
    "optimizer": "adam",
    "lr_schedule": "constant",
    "warmup": 0.0,
    "stem": "imagenet",
    "keep_from": 0.0,
}
_NETWORK: dict[str, Any] = {"network": "resnet18", "hidden": 0, "views": 0}
_LATER: dict[str, Any] = (
    {"components": {}, "budget": "epochs"}
    | _RECIPE
    | _NETWORK
    | {h.name: h.default for h in HYPERPARAMETERS if h.later}
)
# What a record of a trial may say besides its specification.
_BESIDE = ("trial_id",)

if TYPE_CHECKING:

    class _LaterHyperparameters:
        def __getattr__(self, name: str) -> float: ...

else:
    _LaterHyperparameters = make_dataclass(
        "_LaterHyperparameters",
        [(h.name, h.kind, field(default=h.default)) for h in HYPERPARAMETERS if h.later],
        frozen=True,
        kw_only=True,
    )


@dataclass(frozen=True)
class TrialSpec(_LaterHyperparameters):
    """One configuration with one seed: all that can change a trial's numbers, and two labels.

    Besides those below, each later hyperparameter of ``sweep.hyperparameters`` is a field, by its default where it is
    not given.

    Args:
        technique: name in the registry.
        parameters: the technique's own, complete.
        lr: the optimizer's learning rate, > 0.
        epochs: >= 1.
        strength: augmentation strength actually used, 0..1.
        batch_size: >= 2.
        seed: of plan, initial head, order and augmentation.
        image_size: pixels a side.
        weights: ``none``, ``imagenet``, or ``sha256:...`` of a local checkpoint.
        metric: the best epoch is the one with the highest of it on validation.
        precision: ``float32`` or ``bfloat16``.
        mean, std: normalisation of pixels in [0, 1]: a number, or one for each of three channels.
        positive: index of the positive class; None for more than two classes.
        data: fingerprint of pixels and labels.
        split: fingerprint of the split.
        draw, seed_index: which draw and which seed this is, for people.
        components: axis -> component, where the technique's name alone does not say what trains: the parts of a
            composition, and ``name@digest`` of a component from outside the package, whose source the digest is of.
        budget: what an epoch is: ``steps``: as many optimisation steps as the baseline's, whatever the technique;
            ``epochs``: a pass through the technique's plan.
        optimizer: ``adam``, ``adamw`` or ``sgd``.
        lr_schedule: ``constant`` or ``cosine``, which falls to 0 over the training.
        warmup: share of the training, from its beginning, in which the learning rate rises to its height.
        keep_from: share of the training before which no epoch may be the best; 0: any may.
        stem: how the network begins: ``imagenet`` or ``small``; see ``sweep.training.networks.resnet18``.
        network: what trains: ``resnet18``, another architecture's name, or ``frozen:`` and a name, where a head alone
            trains; see ``sweep.runs.network_name``.
        hidden: units of the hidden layer of a frozen network's head; 0 for none.
        views: how many augmented views of each training image a frozen network's body has seen; 0: the image as it is.
    """

    technique: str
    lr: float
    epochs: int
    seed: int
    parameters: Mapping[str, Any] = field(default_factory=dict)
    strength: float = 0.0
    batch_size: int = 32
    image_size: int = 224
    weights: str = "none"
    metric: str = "balanced_accuracy"
    precision: str = "float32"
    mean: float | tuple[float, ...] = 0.5
    std: float | tuple[float, ...] = 0.5
    positive: int | None = 1
    data: str = ""
    split: str = ""
    draw: int = 0
    seed_index: int = 0
    components: Mapping[str, str] = field(default_factory=dict)
    budget: str = "epochs"
    optimizer: str = "adam"
    lr_schedule: str = "constant"
    warmup: float = 0.0
    keep_from: float = 0.0
    stem: str = "imagenet"
    network: str = "resnet18"
    hidden: int = 0
    views: int = 0

    def __post_init__(self) -> None:
        for name in ("mean", "std"):
            if isinstance(getattr(self, name), list):  # as JSON has it
                object.__setattr__(self, name, tuple(getattr(self, name)))

    def to_dict(self) -> dict[str, Any]:
        values = {**asdict(self), "parameters": dict(self.parameters), "components": dict(self.components)}
        return {name: value for name, value in values.items() if name not in _LATER or value != _LATER[name]}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> TrialSpec:
        """The spec that ``to_dict`` gave.

        Raises:
            UserError: a key that this version does not know: it may change numbers, so it can't be passed over.
        """
        known = {f.name for f in fields(cls)}
        for name in values:
            if name not in known and name not in _BESIDE:
                raise UserError(
                    f"a trial of this run was made with '{name}', which this version does not know; "
                    "use the version in run.json"
                )
        return cls(**{name: value for name, value in values.items() if name in known})

    @property
    def frozen(self) -> bool:
        """Whether the body stays as its weights have it, so that a head alone trains, on vectors."""
        return NetworkName.parse(self.network).frozen

    @property
    def architecture(self) -> str:
        """The name of the network that trains, or whose body does not."""
        return NetworkName.parse(self.network).architecture

    @cached_property
    def trial_id(self) -> str:
        """12 hex digits: a hash of everything that can change this trial's numbers, and of nothing else."""
        return _hash({k: v for k, v in self.to_dict().items() if k not in _LABELS})

    @cached_property
    def configuration_id(self) -> str:
        """8 hex digits: the same for all seeds of one configuration."""
        return _hash({k: v for k, v in self.to_dict().items() if k not in (*_LABELS, "seed")})[:8]


def _hash(values: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:12]
