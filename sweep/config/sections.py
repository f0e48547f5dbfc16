"""The sections of a configuration: what each key may be, by its name, its type and its bounds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    ModelWrapValidatorHandler,
    PrivateAttr,
    ValidationInfo,
    create_model,
    field_validator,
    model_validator,
)

from balancing.components.groups import BehindFrozen
from balancing.components.named import STUDY
from balancing.components.ranges import Interval
from balancing.components.techniques import get_technique
from balancing.errors import suggestion
from balancing.metrics import SELECTABLE
from sweep.config.bounds import check_shares, seconds_of
from sweep.config.data_section import DataConfig as DataConfig
from sweep.config.data_section import Section as Section
from sweep.config.technique_files import expand_names, names_left_behind
from sweep.config.values import check_decided, own_parameters, parse_channels, parse_names, parse_values
from sweep.hyperparameters import HYPERPARAMETERS, Hyperparameter
from sweep.runs.network_name import NetworkName


class _Techniques(Section):
    techniques: Annotated[list[str], BeforeValidator(parse_names)] = Field(
        default_factory=lambda: list(STUDY), min_length=1
    )


def _values_of(shared: Hyperparameter) -> tuple[Any, Any]:
    """A field of a hyperparameter: its type, which parses and checks what is given, and its default."""

    def parse(given: Any) -> Any:
        values = parse_values(given)
        return shared.range(values) if isinstance(values, Interval) else values

    return Annotated[float | list[float] | Interval, BeforeValidator(parse)], shared.default


if TYPE_CHECKING:

    class _Shared(_Techniques):
        def __getattr__(self, name: str) -> float | list[float] | Interval: ...

else:
    _Shared = create_model("_Shared", __base__=_Techniques, **{h.name: _values_of(h) for h in HYPERPARAMETERS})


def _behind(info: ValidationInfo) -> BehindFrozen | None:
    """What groups stand for: the whole configuration says so as the context in which its sections are validated."""
    return info.context.get("behind") if isinstance(info.context, Mapping) else None


class SpaceConfig(_Shared):
    """What is crossed: lists are crossed in full, ranges are drawn ``trials`` times, each with ``seeds`` seeds."""

    trials: int = Field(default=8, ge=1, le=10_000, description="draws of each technique where anything is drawn")
    seeds: int = Field(default=3, ge=1, le=1000)
    confirm: int = Field(
        default=0,
        ge=0,
        le=1000,
        description="fresh seeds of each technique's chosen configuration, which alone speak in the verdict; 0: none",
    )
    budget: Literal["steps", "epochs"] = Field(
        default="steps",
        description="an epoch of each technique: as many optimisation 'steps' as the baseline's, or a pass of its rows",
    )
    seed: int = Field(default=0, ge=0, le=2**31 - 2000)
    search_parameters: bool = Field(
        default=False, description="draw the techniques' own parameters from their ranges too"
    )
    skip_infeasible: bool = Field(
        default=False, description="leave out techniques that need more images of a class than there are"
    )
    allow_double_correction: bool = Field(
        default=False, description="go on although a technique takes out more of the class prior than there is"
    )
    parameters: dict[str, dict[str, Any]] = Field(
        default_factory=dict,
        description="technique -> parameter -> value(s); of a composition, component.parameter -> value(s)",
    )

    # Those that were not asked for by name: what the data rule out is left out of them.
    _of_groups: tuple[str, ...] = PrivateAttr(())
    _left_behind: dict[str, str] = PrivateAttr(default_factory=dict)

    @property
    def of_groups(self) -> tuple[str, ...]:
        """The techniques that a group alone stands for; none once they are written out, as in a run's config.yaml."""
        return self._of_groups

    @property
    def left_behind(self) -> Mapping[str, str]:
        """Technique -> why a group does not stand for it behind a frozen network; none as of ``of_groups``."""
        return self._left_behind

    def __eq__(self, other: object) -> bool:
        """By what is set: how techniques were asked for is no setting."""
        return isinstance(other, SpaceConfig) and self.__dict__ == other.__dict__

    @model_validator(mode="wrap")
    @classmethod
    def _remember_groups(
        cls, given: Any, build: ModelWrapValidatorHandler[SpaceConfig], info: ValidationInfo
    ) -> SpaceConfig:
        found, behind = build(given), _behind(info)
        names = parse_names(given.get("techniques")) if isinstance(given, Mapping) else None
        if isinstance(names, list):
            by_name = expand_names(names, groups=False, behind=behind)
            found._of_groups = tuple(name for name in found.techniques if name not in by_name)
            found._left_behind = names_left_behind(names, behind) if behind else {}
        return found

    @field_validator("techniques")
    @classmethod
    def _known(cls, names: list[str], info: ValidationInfo) -> list[str]:
        return expand_names(names, behind=_behind(info))

    @model_validator(mode="after")
    def _in_range(self) -> SpaceConfig:
        for shared in HYPERPARAMETERS:
            values = getattr(self, shared.name)
            ends = [values.low, values.high] if isinstance(values, Interval) else values
            for value in ends if isinstance(ends, list) else [ends]:
                shared.check(value)
        return self

    @field_validator("parameters")
    @classmethod
    def _parameters(cls, wanted: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
        found: dict[str, dict[str, Any]] = {}
        for name, values in wanted.items():
            own = own_parameters(name, values)
            check_decided(name, own)
            found.setdefault(get_technique(name).name, {}).update(own)
        return found


def _network(name: str) -> str:
    return str(NetworkName.parse(name))


# Numbers, or ``auto``: those of the starting weights, which are known when they are loaded.
Channels = Annotated[float | tuple[float, float, float] | Literal["auto"], BeforeValidator(parse_channels)]


class TrainConfig(Section):
    """How one trial trains."""

    network: Annotated[str, AfterValidator(_network)] = Field(
        default="resnet18",
        description="'resnet18', another network's name, or 'frozen[:NAME]': a head on its body's features",
    )
    hidden: int = Field(default=0, ge=0, le=4096, description="units of a hidden layer of a frozen network's head")
    views: int = Field(
        default=0, ge=0, le=64, description="augmented views of each training image that a frozen network's body sees"
    )
    weights: str = Field(
        default="imagenet", description="'imagenet', 'none', a local checkpoint, or 'run:RUN': a run's chosen network"
    )
    precision: Literal["auto", "float32", "bfloat16"] = Field(
        default="auto", description="'auto': bfloat16 where the device multiplies it natively, else float32"
    )
    mean: Channels = Field(
        default=0.5, description="of pixels in [0, 1]: a number, or three, one a channel; 'auto': as the weights want"
    )
    std: Channels = Field(default=0.5, description="as mean, each above 0")
    optimizer: Literal["adam", "adamw", "sgd"] = Field(default="adam", description="'sgd' with momentum 0.9")
    lr_schedule: Literal["constant", "cosine"] = Field(
        default="constant", description="'cosine': the learning rate falls to 0 over the training"
    )
    warmup: float = Field(
        default=0.0, ge=0, lt=1, description="share of the training in which the learning rate rises to its height"
    )
    keep_from: float = Field(
        default=0.0, ge=0, lt=1, description="share of the training before which no epoch may be the best"
    )
    stem: Literal["auto", "imagenet", "small"] = Field(
        default="auto",
        description="the network's beginning: ResNet's, or 'small' (3 x 3, no pooling; about three times as slow); "
        "'auto': small where images are below 64 pixels and nothing is pretrained",
    )
    resume_seconds: float = Field(
        default=30.0, ge=0, description="least time between two files to go on from, per trial"
    )

    @field_validator("std")
    @classmethod
    def _above_0(cls, std: float | tuple[float, ...] | str) -> float | tuple[float, ...] | str:
        if isinstance(std, str):
            return std
        if min(std if isinstance(std, tuple) else (std,)) <= 0:
            raise ValueError(f"train.std must be above 0, but is {std}")
        return std


class SweepConfig(Section):
    """How trials are chosen and judged."""

    metric: str = Field(
        default="balanced_accuracy", description="chooses the best epoch and configuration, on validation"
    )
    scheduler: Literal["none", "asha"] = "none"
    grace: int | None = Field(
        default=None,
        ge=1,
        description="epochs before 'asha' stops a trial; None: as many as 40 optimisation steps",
    )
    search: Literal["grid", "optuna"] = "grid"
    until_decided: bool = Field(
        default=False, description="confirming seeds train in rounds, and no more where the answer stands or can't come"
    )
    retries: int = Field(default=2, ge=0, le=20, description="how often a trial that failed is tried again")
    tensorboard: bool | Literal["auto"] = Field(
        default="auto", description="event files of each trial; 'auto': of networks that train whole, not of heads"
    )

    @field_validator("metric")
    @classmethod
    def _selectable(cls, name: str) -> str:
        if name not in SELECTABLE:
            raise ValueError(f"unknown metric '{name}'{suggestion(name, SELECTABLE)}")
        return name


class ResourceConfig(Section):
    """Where trials run. None leaves the choice to the tool; it changes no number."""

    address: str | None = Field(default=None, description="a running Ray cluster; None starts one here")
    cpus_per_trial: float | None = Field(default=None, description="cores, also a trial's threads; may be a fraction")
    gpus_per_trial: float | None = Field(default=None, description="0, a fraction of one, or a whole number")
    max_concurrent: int | None = Field(default=None, ge=1, le=10_000)
    autoscaling: bool = Field(default=False, description="nodes join on demand: don't refuse what is not there yet")
    trial_timeout: Annotated[float | None, BeforeValidator(seconds_of)] = Field(
        default=None,
        description="a trial that runs longer is ended and fails: seconds, or such as 90m, 2h; None: no limit",
    )

    @model_validator(mode="after")
    def _shares(self) -> ResourceConfig:
        check_shares(self.cpus_per_trial, self.gpus_per_trial)
        return self


class ReportConfig(Section):
    """What the report shows beside the numbers; it changes none of them."""

    cam: Literal["smoothgradcampp", "gradcam", "layercam"] = "smoothgradcampp"
    masks: str | None = Field(default=None, description="folder of masks (lungs, lesions), one an image, same names")
    margin: float = Field(
        default=0.02, gt=0, le=0.5, description="a difference to the baseline within it does not matter"
    )
    shown_images: int = Field(
        default=36,
        ge=0,
        le=100_000,
        description="test images shown one by one; so many that they'd make the page large are files beside it",
    )
    sensitivity: float = Field(default=0.95, gt=0, le=1, description="wanted of the baseline's tuned threshold")
    cost_ratio: float = Field(default=5.0, gt=0, le=1e6, description="what a miss costs in false alarms")
    prevalence: float | None = Field(
        default=None, gt=0, lt=1, description="of the positive class where the network shall be used: prior correction"
    )
