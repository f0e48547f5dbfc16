"""The whole configuration: one validated object; unknown keys are errors with a suggestion.

It comes from a preset or a YAML file, then single values (``--set space.lr=1e-4..1e-2``) laid over it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, field_validator, model_validator
from pydantic.fields import FieldInfo

from balancing.components.named import STUDY
from balancing.components.ranges import Choice, Interval, IntRange
from balancing.components.techniques import get_technique
from balancing.errors import UserError, suggestion
from balancing.metrics import SELECTABLE
from sweep.config.bounds import check_shares, check_trials, seconds_of
from sweep.config.size import n_trials
from sweep.config.strict_yaml import read_yaml
from sweep.hyperparameters import SHARED
from sweep.runs.foreign import check_present

if TYPE_CHECKING:
    from sweep.runs.run import Run

PRESETS = Path(__file__).parent / "presets"
_MOST_ERRORS = 5
_MOST_SHOWN = 200


def _number(part: Any, whole: Any) -> float:
    """One part of what a user wrote, as a number; an error shows the whole."""
    try:
        number = float(part) if isinstance(part, str | int | float) and not isinstance(part, bool) else math.nan
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        shown = _shown(whole if isinstance(whole, str) else repr(whole))
        raise ValueError(f"'{shown}' is not a number, a list such as 0,0.5,1, or a range such as 1e-4..1e-2")
    return number


def parse_values(given: Any) -> float | list[float] | Interval:
    """``5`` -> 5.0, ``1,2`` or ``[1, 2]`` -> [1.0, 2.0], ``1e-4..1e-2`` -> Interval.

    Raises:
        ValueError: a part is no finite number, a list is empty, or a range runs backwards.
    """
    if isinstance(given, Interval):
        values = given
    elif isinstance(given, Mapping) and {"low", "high"} <= set(given) <= {"low", "high", "log"}:
        values = Interval(_number(given["low"], given), _number(given["high"], given), bool(given.get("log", False)))
    elif isinstance(given, str) and ".." in given:
        low, _, high = given.partition("..")
        values = Interval(_number(low, given), _number(high, given))
    elif isinstance(given, list) or (isinstance(given, str) and "," in given):
        parts = given if isinstance(given, list) else [part for part in given.split(",") if part.strip()]
        if not parts:
            raise ValueError("the list is empty; give at least one number")
        return [_number(part, given) for part in parts]
    else:
        return _number(given, given)
    if not values.low < values.high:
        raise ValueError(f"the range {values.low:g}..{values.high:g} is empty; write the smaller number first")
    return values


def _logarithmic(values: Any) -> Any:
    values = parse_values(values)
    if isinstance(values, Interval):
        if values.low <= 0:
            raise ValueError(f"a learning rate must be above 0, but the range starts at {values.low:g}")
        return Interval(values.low, values.high, log=True)
    return values


def _names(value: Any) -> Any:
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


Values = Annotated[float | list[float] | Interval, BeforeValidator(parse_values)]
LogValues = Annotated[float | list[float] | Interval, BeforeValidator(_logarithmic)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, arbitrary_types_allowed=True)

    @field_validator("*", mode="before")
    @classmethod
    def _in_utf8(cls, value: Any) -> Any:
        """A byte that the system's encoding could not read can't be recorded: no JSON, parquet or page holds it."""
        if isinstance(value, str):
            try:
                value.encode()
            except UnicodeEncodeError:
                raise ValueError(f"{value!r} is no text in UTF-8; rename what it names, or write it anew") from None
        return value


class DataConfig(_Section):
    """Which images, how they are read, how they are split."""

    source: str = Field(default="phantom", description="Hub id[@revision], folder, zip, parquet, .npz, or 'phantom'")
    image_size: int = Field(default=224, ge=16, le=1024, description="pixels a side")
    image_column: str | None = None
    label_column: str | None = None
    positive: str | None = Field(default=None, description="name of the positive class, two classes only")
    patient_column: str | None = None
    patient_pattern: str | None = Field(
        default=None, description="regular expression on file names, group 1 is the patient"
    )
    skip_bad: bool = False
    allow_leak: bool = Field(default=False, description="go on although training and test share patients or images")
    split_seed: int = Field(default=0, ge=0)
    phantom_images: int = Field(default=900, ge=300, le=1_000_000, description="how many drawings 'phantom' makes")
    phantom_seed: int = Field(default=0, ge=0)


class SpaceConfig(_Section):
    """What is crossed: lists are crossed in full, ranges are drawn ``trials`` times, each with ``seeds`` seeds."""

    techniques: Annotated[list[str], BeforeValidator(_names)] = Field(default_factory=lambda: list(STUDY), min_length=1)
    lr: LogValues = 1e-3
    epochs: Values = 5
    strength: Values = 0.0
    batch_size: Values = 32
    trials: int = Field(default=8, ge=1, le=10_000, description="draws of each technique where anything is drawn")
    seeds: int = Field(default=3, ge=1, le=1000)
    seed: int = Field(default=0, ge=0, le=2**31 - 2000)
    search_parameters: bool = Field(
        default=False, description="draw the techniques' own parameters from their ranges too"
    )
    parameters: dict[str, dict[str, Any]] = Field(
        default_factory=dict,
        description="technique -> parameter -> value(s); of a composition, component.parameter -> value(s)",
    )

    @field_validator("techniques")
    @classmethod
    def _known(cls, names: list[str]) -> list[str]:
        return list(dict.fromkeys(get_technique(name).name for name in names))

    @model_validator(mode="after")
    def _in_range(self) -> SpaceConfig:
        _check_numbers("space.lr", self.lr, above=0.0, most=10.0)
        _check_numbers("space.epochs", self.epochs, least=1, most=10_000, whole=True)
        _check_numbers("space.strength", self.strength, least=0.0, most=1.0)
        _check_numbers("space.batch_size", self.batch_size, least=2, most=65_536, whole=True)
        return self

    @field_validator("parameters")
    @classmethod
    def _parameters(cls, wanted: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
        found: dict[str, dict[str, Any]] = {}
        for name, values in wanted.items():
            found.setdefault(get_technique(name).name, {}).update(_own_parameters(name, values))
        return found


def _own_parameters(name: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """One technique's wanted values, each checked at its ends; ranges and lists may be written as text."""
    technique = get_technique(name)
    result: dict[str, Any] = {}
    parts = {part.name for part in technique.parts}
    nested = {key: values[key] for key in values if key in parts and isinstance(values[key], Mapping)}
    flat = {key: value for key, value in values.items() if key not in nested}
    flat |= {f"{part}.{key}": value for part, inner in nested.items() for key, value in inner.items()}
    for written, given in flat.items():
        parameter = technique.key_of(written)
        known = technique.parameters[parameter]
        value = parse_values(given) if isinstance(given, str | Mapping | list) else given
        if isinstance(value, Interval) and isinstance(known, Choice):
            raise ValueError(f"{name}.{parameter} takes {known.options[0]} or a list, not the range {given}")
        ends = [value.low, value.high] if isinstance(value, Interval) else value if isinstance(value, list) else [value]
        # What was written as text or beside a fraction came back as float, of whole numbers too.
        ends = [int(e) if isinstance(known, IntRange) and isinstance(e, float) and e.is_integer() else e for e in ends]
        ends = [technique.complete({parameter: end})[parameter] for end in ends]
        result[parameter] = value if isinstance(value, Interval) else ends if isinstance(value, list) else ends[0]
    return result


def _check_numbers(
    name: str,
    values: float | list[float] | Interval,
    *,
    least: float | None = None,
    above: float | None = None,
    most: float,
    whole: bool = False,
) -> None:
    ends = (
        [values.low, values.high] if isinstance(values, Interval) else values if isinstance(values, list) else [values]
    )
    for value in ends:
        low_enough = value <= most and (least is None or value >= least) and (above is None or value > above)
        if not low_enough:
            bound = f"above {above:g}" if above is not None else f"at least {least:g}"
            raise ValueError(f"{name} must be {bound} and at most {most:g}, but is {value:g}")
        if whole and value != int(value):
            raise ValueError(f"{name} must be a whole number, but is {value:g}")


class TrainConfig(_Section):
    """How one trial trains."""

    weights: str = Field(default="imagenet", description="'imagenet', 'none', or a local checkpoint of ResNet18")
    precision: Literal["auto", "float32", "bfloat16"] = Field(
        default="auto", description="'auto': bfloat16 where the device multiplies it natively, else float32"
    )
    mean: float = Field(default=0.5, description="of pixels in [0, 1]")
    std: float = Field(default=0.5, gt=0)
    resume_seconds: float = Field(
        default=30.0, ge=0, description="least time between two files to go on from, per trial"
    )


class SweepConfig(_Section):
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
    retries: int = Field(default=2, ge=0, le=20, description="how often a trial that failed is tried again")

    @field_validator("metric")
    @classmethod
    def _selectable(cls, name: str) -> str:
        if name not in SELECTABLE:
            raise ValueError(f"unknown metric '{name}'{suggestion(name, SELECTABLE)}")
        return name


class ResourceConfig(_Section):
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


class ReportConfig(_Section):
    """What the report shows beside the numbers; it changes none of them."""

    cam: Literal["smoothgradcampp", "gradcam", "layercam"] = "smoothgradcampp"
    masks: str | None = Field(default=None, description="folder of masks (lungs, lesions), one an image, same names")
    sensitivity: float = Field(default=0.95, gt=0, le=1, description="wanted of the baseline's tuned threshold")
    cost_ratio: float = Field(default=5.0, gt=0, le=1e6, description="what a miss costs in false alarms")
    prevalence: float | None = Field(
        default=None, gt=0, lt=1, description="of the positive class where the network shall be used: prior correction"
    )


class Config(_Section):
    """Everything a run depends on; printed back in full into the run folder."""

    data: DataConfig = Field(default_factory=DataConfig)
    space: SpaceConfig = Field(default_factory=SpaceConfig)
    train: TrainConfig = Field(default_factory=TrainConfig)
    sweep: SweepConfig = Field(default_factory=SweepConfig)
    resources: ResourceConfig = Field(default_factory=ResourceConfig)
    report: ReportConfig = Field(default_factory=ReportConfig)

    @model_validator(mode="after")
    def _consistent(self) -> Config:
        if self.sweep.search == "optuna" and not any(
            isinstance(getattr(self.space, name), Interval) for name in SHARED
        ):
            raise ValueError("search 'optuna' needs a range to search; give one, e.g. --lr 1e-4..1e-2")
        check_trials(n_trials(self))
        return self

    def to_yaml(self) -> str:
        """The resolved whole, as a file that ``sweep run FILE`` reads back to an equal object."""
        return yaml.safe_dump(_plain(self.model_dump()), sort_keys=False, allow_unicode=True)


def _plain(value: Any) -> Any:
    """Intervals as the text that users write; everything else as YAML has it."""
    if isinstance(value, Interval):
        return f"{value.low!r}..{value.high!r}"
    if isinstance(value, Mapping):
        if set(value) == {"low", "high", "log"}:
            return f"{value['low']!r}..{value['high']!r}"
        return {k: _plain(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_plain(v) for v in value]
    return value


def preset_names() -> list[str]:
    """The presets that come with the package."""
    return sorted(path.stem for path in PRESETS.glob("*.yaml"))


def read_file(name: str) -> dict[str, Any]:
    """A preset by name, or a YAML file by path, as nested dicts, not yet validated.

    Raises:
        UserError: there is neither, or the file is no mapping.
    """
    path = Path(name)
    if path.suffix in (".yaml", ".yml"):
        try:
            text = path.read_text(encoding="utf-8") if path.is_file() else None
        except OSError as error:
            raise UserError(
                f"configuration file {_shown(name)} cannot be read ({error.strerror}); give one that can"
            ) from None
        except UnicodeDecodeError as error:
            raise UserError(
                f"configuration file {path} is no valid YAML: it is no UTF-8 ({error}); save it as that"
            ) from None
        if text is None:
            raise UserError(
                f"there is no configuration file {_shown(name)}; give the path of one, or a preset: "
                f"{', '.join(preset_names())}"
            )
    elif name in preset_names():
        path = PRESETS / f"{name}.yaml"
        text = path.read_text(encoding="utf-8")
    else:
        raise UserError(
            f"unknown preset '{_shown(name)}'{suggestion(name, preset_names())} (a file's name ends in .yaml)"
        )
    loaded = read_yaml(text, f"configuration file {path}")
    if not isinstance(loaded, dict):
        raise UserError(
            f"configuration file {path} must hold sections such as 'data:' and 'space:'; "
            f"it holds {_shown(repr(loaded))}"
        )
    return loaded


def _shown(text: str) -> str:
    """What a user wrote, as a message shows it."""
    return text if len(text) <= _MOST_SHOWN else f"{text[:_MOST_SHOWN]}… ({len(text):,} letters)"


def known_keys() -> Iterator[str]:
    """Every key as ``section.name``."""
    for section in Config.model_fields:
        for name in _fields_of(section):
            yield f"{section}.{name}"


def _fields_of(section: str) -> Mapping[str, FieldInfo]:
    model = Config.model_fields[section].annotation
    assert isinstance(model, type)
    assert issubclass(model, BaseModel)
    return model.model_fields


def parse_assignment(text: str) -> tuple[str, Any]:
    """``space.lr=1e-3`` -> ("space.lr", "1e-3"); the value is read as YAML, except where the key takes text.

    Raises:
        UserError: no ``=``, no such key, or a value that is no YAML.
    """
    key, equals, value = text.partition("=")
    if not equals:
        raise UserError(f"--set takes key=value, but got '{_shown(text)}'; e.g. --set space.lr=0.001")
    key = key.strip()
    # technique.parameter, or of a composition technique.component.parameter
    is_own = key.startswith("space.parameters.") and key.count(".") in ((3, 4) if "+" in key else (3,))
    if key not in known_keys() and not is_own:
        raise UserError(f"unknown key '{_shown(key)}'{_key_suggestion(key)}")
    if not is_own and _takes_text(key):
        return key, value.strip() if value.strip() not in ("", "null") else None
    return key, read_yaml(value, f"--set {key}={_shown(value)}")


def _takes_text(key: str) -> bool:
    """Whether a key's value is text: a class may be named ``NO`` or ``1``, which YAML takes for something else."""
    section, _, name = key.partition(".")
    return _fields_of(section)[name].annotation in (str, str | None)


def _key_suggestion(key: str) -> str:
    """The full key whose last part is the given one, else the nearest."""
    keys = list(known_keys())
    same_leaf = [known for known in keys if known.rpartition(".")[2] == key.rpartition(".")[2]]
    return f"; did you mean '{same_leaf[0]}'?" if same_leaf else suggestion(key, keys)


def build_config(base: Mapping[str, Any], assignments: Mapping[str, Any] | None = None) -> Config:
    """The validated configuration.

    Args:
        base: nested dicts, as ``read_file`` gives them.
        assignments: ``section.name`` -> value, laid over it in order.
    Raises:
        UserError: an unknown key, or a value that breaks a rule: one sentence for each.
    """
    merged = {name: dict(part) if isinstance(part, Mapping) else part for name, part in base.items()}
    for name, part in merged.items():
        if name in Config.model_fields and not isinstance(part, dict | None):
            raise UserError(
                f"section '{name}' must hold keys such as '{next(iter(_fields_of(name)))}:', "
                f"but holds {_shown(repr(part))}"
            )
    # A section with nothing beneath it, as a file has it where all its lines are comments.
    merged = {name: {} if part is None else part for name, part in merged.items()}
    for key, value in (assignments or {}).items():
        *path, leaf = key.split(".")
        place: dict[str, Any] = merged
        for part in path:
            there = place.get(part)
            place[part] = dict(there) if isinstance(there, Mapping) else {}
            place = place[part]
        place[leaf] = value
    try:
        return Config.model_validate(merged)
    except ValidationError as error:
        found = error.errors()
        sentences = list(dict.fromkeys(_sentence(e) for e in found[:_MOST_ERRORS]))
        more = [f"and {len(found) - _MOST_ERRORS:,} more"] if len(found) > _MOST_ERRORS else []
        raise UserError("; ".join([*sentences, *more])) from error
    except UnicodeEncodeError as error:  # within a list or a mapping
        raise UserError(f"{error.object!r} is no text in UTF-8; write it anew") from error


def recorded_config(run: Run, assignments: Mapping[str, Any] | None = None) -> Config:
    """A run's configuration, with assignments laid over it.

    Raises:
        UserError: its config.yaml is damaged, or an assignment breaks a rule.
    """
    path = run.path / "config.yaml"
    try:
        loaded = read_yaml(run.config_yaml, str(path))
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path} cannot be read ({error}); put it back from a copy of the run") from None
    if not isinstance(loaded, dict):
        raise UserError(f"{path} is damaged: it holds {_shown(repr(loaded))}; put it back from a copy of the run")
    # Written whole, so one that lacks a section was cut off, and what it lacks would silently be as by default.
    missing = [name for name in Config.model_fields if name not in loaded and name != "report"]
    if missing:
        raise UserError(f"{path} is damaged: it lacks '{missing[0]}:'; put it back from a copy of the run")
    check_present(run)
    return build_config(loaded, assignments)


def _sentence(error: Any) -> str:
    """One of pydantic's errors as the rule, the value and the next step."""
    # A union reports each of its branches; the name of the branch is no part of the key.
    parts = [str(p) for p in error["loc"] if str(p).replace("_", "").isalnum() and str(p) not in ("float", "Interval")]
    key = ".".join(parts)
    if error["type"] == "extra_forbidden":
        if len(parts) == 1:
            return f"unknown section '{key}'{suggestion(key, Config.model_fields)}"
        return f"unknown key '{key}'{_key_suggestion(key)}"
    message = error["msg"].removeprefix("Value error, ")
    if error["type"] == "value_error":
        return (
            message
            if not key or message.startswith(key.partition(".")[0]) or "technique" in message
            else f"{key}: {message}"
        )
    return f"{key}: {message[0].lower() + message[1:]}, but is {_shown(repr(error['input']))}"
