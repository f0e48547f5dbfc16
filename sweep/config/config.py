"""The whole configuration: one validated object; unknown keys are errors with a suggestion.

It comes from a preset or a YAML file, then single values (``--set space.lr=1e-4..1e-2``) laid over it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import yaml
from pydantic import BaseModel, Field, ValidationError, model_validator
from pydantic.fields import FieldInfo

from balancing.components.conflicts import conflicts
from balancing.components.groups import BehindFrozen
from balancing.components.named import NAMED
from balancing.components.ranges import Interval
from balancing.components.technique import Technique
from balancing.components.techniques import get_technique
from balancing.errors import UserError, suggestion
from sweep.config.bounds import check_folds, check_trials
from sweep.config.files import read_file
from sweep.config.funnel import FunnelConfig, first_stage, with_first_stage, written_out
from sweep.config.sections import (
    DataConfig,
    ReportConfig,
    ResourceConfig,
    Section,
    SpaceConfig,
    SweepConfig,
    TrainConfig,
)
from sweep.config.sentences import sentences
from sweep.config.size import FEWEST_SEEDS, n_trials, trained
from sweep.config.strict_yaml import read_yaml
from sweep.config.values import decision_parameters, is_logarithmic, plain, shown_text
from sweep.hyperparameters import HYPERPARAMETERS
from sweep.runs.foreign import check_present
from sweep.runs.network_name import NetworkName

if TYPE_CHECKING:
    from sweep.runs.run import Run

_MOST_ERRORS = 5
_FIRST = "funnel.first."
# What a run's configuration meant before these keys were there.
_BEFORE: Mapping[str, Mapping[str, Any]] = {"space": {"budget": "epochs"}, "train": {"stem": "imagenet"}}


class Config(Section):
    """Everything a run depends on; printed back in full into the run folder."""

    data: DataConfig = Field(default_factory=DataConfig)
    space: SpaceConfig = Field(default_factory=SpaceConfig)
    train: TrainConfig = Field(default_factory=TrainConfig)
    sweep: SweepConfig = Field(default_factory=SweepConfig)
    resources: ResourceConfig = Field(default_factory=ResourceConfig)
    report: ReportConfig = Field(default_factory=ReportConfig)
    funnel: FunnelConfig | None = Field(default=None, description="a first stage, which chooses what goes on")

    @model_validator(mode="before")
    @classmethod
    def _two_stages(cls, given: Any) -> Any:
        return with_first_stage(given, read_file)

    @model_validator(mode="after")
    def _consistent(self) -> Config:
        if self.sweep.search == "optuna" and not any(
            isinstance(getattr(self.space, shared.name), Interval) for shared in HYPERPARAMETERS
        ):
            raise ValueError("search 'optuna' needs a range to search; give one, e.g. --lr 1e-4..1e-2")
        check_folds(self.data.folds, funnel=self.funnel is not None, until_decided=self.sweep.until_decided)
        if self.funnel is not None:
            try:
                first = self.first_stage
            except UserError as error:
                raise ValueError(f"funnel.first: {error}") from error
            self.__dict__["funnel"] = written_out(self, first, first._written())
        # Of two stages the first tells which techniques the second has, in their end-to-end form.
        for name in self.space.techniques if self.funnel is None else ():
            refused = next((conflict for conflict in conflicts(self.technique(name)) if conflict.refused), None)
            if refused is not None:
                raise ValueError(refused.sentence)
        check_trials(n_trials(self))
        if self.sweep.until_decided and self.space.confirm < FEWEST_SEEDS:
            many = f"but space.confirm is {self.space.confirm}; give the most that may train, e.g. --confirm 10"
            raise ValueError(f"sweep.until_decided needs {FEWEST_SEEDS} confirming seeds or more, {many}")
        if self.sweep.until_decided and self.funnel is None and "baseline" not in trained(self):
            raise ValueError(
                "sweep.until_decided judges techniques against the baseline, but there is none among space.techniques; "
                "add it, or leave --until-decided away"
            )
        return self

    @property
    def first_stage(self) -> Config:
        """The configuration of the first of two stages; see ``sweep.config.funnel``.

        Raises:
            UserError: it breaks a rule.
        """
        return first_stage(self, build_config)

    @property
    def network(self) -> NetworkName:
        """Which network trains."""
        return NetworkName.parse(self.train.network)

    @property
    def draws_events(self) -> bool:
        """Whether trials write TensorBoard's event files: hundreds of heads' would help nobody."""
        asked = self.sweep.tensorboard
        return not self.network.frozen if asked == "auto" else asked

    def technique(self, name: str) -> Technique:
        """A technique as trials of this configuration train with it: see ``Technique.behind_frozen``."""
        found = get_technique(name)
        return found.behind_frozen() if self.network.frozen else found

    def to_yaml(self) -> str:
        """The resolved whole, as a file that ``sweep run FILE`` reads back to an equal object."""
        values = self._written()
        if self.funnel is None:
            del values["funnel"]  # files of one stage are as they were
        return yaml.safe_dump(values, sort_keys=False, allow_unicode=True)

    def _written(self) -> dict[str, Any]:
        values = self.model_dump()
        space = values["space"]
        for shared in HYPERPARAMETERS:
            found = getattr(self.space, shared.name)
            if isinstance(found, Interval):
                space[shared.name] = _written(found, log=shared.log)
        space["parameters"] = {
            technique: {k: _own_written(technique, k, v) if isinstance(v, Interval) else v for k, v in own.items()}
            for technique, own in self.space.parameters.items()
        }
        values["train"] = {k: list(v) if isinstance(v, tuple) else v for k, v in values["train"].items()}
        return values


def _own_written(technique: str, parameter: str, values: Interval) -> str | dict[str, Any]:
    known = get_technique(technique).parameters[parameter]
    return _written(values, log=is_logarithmic(known) and values.low > 0)


def _written(values: Interval, *, log: bool = False) -> str | dict[str, Any]:
    """A range as the text that users write, where that is read as the same range; else as a mapping.

    Args:
        log: whether a range that is written as text is drawn in the logarithm.
    """
    if values.log != log:
        return {"low": values.low, "high": values.high, "log": values.log}
    return f"{values.low!r}..{values.high!r}"


def known_keys() -> Iterator[str]:
    """Every key as ``section.name``."""
    for section in Config.model_fields:
        for name in _fields_of(section):
            yield f"{section}.{name}"


def _fields_of(section: str) -> Mapping[str, FieldInfo]:
    model = Config.model_fields[section].annotation
    model = FunnelConfig if section == "funnel" else model  # which may be None
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
        raise UserError(f"--set takes key=value, but got '{shown_text(text)}'; e.g. --set space.lr=0.001")
    key = key.strip()
    # technique.parameter, or of a composition technique.component.parameter
    composed = "+" in key or any(key.startswith(f"space.parameters.{n}.") for n, named in NAMED.items() if named.parts)
    is_own = key.startswith("space.parameters.") and key.count(".") in ((3, 4) if composed else (3,))
    of_first = key.startswith(_FIRST) and key.removeprefix(_FIRST) in {*known_keys(), "preset"}
    if key not in known_keys() and not is_own and not of_first:
        raise UserError(f"unknown key '{shown_text(key)}'{_key_suggestion(key)}")
    if not is_own and _takes_text(key.removeprefix(_FIRST)):
        return key, value.strip() if value.strip() not in ("", "null") else None
    return key, read_yaml(value, f"--set {key}={shown_text(value)}")


def _takes_text(key: str) -> bool:
    """Whether a key's value is text: a class may be named ``NO`` or ``1``, which YAML takes for something else."""
    section, _, name = key.partition(".")
    return section == "preset" or _fields_of(section)[name].annotation in (str, str | None)


def _key_suggestion(key: str) -> str:
    """The full key whose last part is the given one, else the nearest."""
    keys = list(known_keys())
    same_leaf = [known for known in keys if known.rpartition(".")[2] == key.rpartition(".")[2]]
    return f"; did you mean '{same_leaf[0]}'?" if same_leaf else suggestion(key, keys)


def build_config(base: Mapping[str, Any], assignments: Mapping[str, Any] | None = None) -> Config:
    """The validated configuration.

    Args:
        base: nested dicts, as ``read_file`` gives them.
        assignments: ``section.name`` -> value, laid over it in order; numpy's numbers and arrays are taken too. With
            ``space.seeds`` and no ``space.confirm`` among them that is 0: who says how many seeds means these alone.
    Raises:
        UserError: an unknown key, or a value that breaks a rule: one sentence for each.
    """
    merged = {name: dict(part) if isinstance(part, Mapping) else part for name, part in base.items()}
    for name, part in merged.items():
        if name in Config.model_fields and not isinstance(part, dict | None):
            raise UserError(
                f"section '{name}' must hold keys such as '{next(iter(_fields_of(name)))}:', "
                f"but holds {shown_text(repr(part))}"
            )
    # A section with nothing beneath it, as a file has it where all its lines are comments.
    merged = {name: {} if part is None and name != "funnel" else part for name, part in merged.items()}
    given = dict(assignments or {})
    for stage in ("", _FIRST):
        if f"{stage}space.seeds" in given:
            given.setdefault(f"{stage}space.confirm", 0)
    for key, value in given.items():
        *path, leaf = key.split(".")
        place: dict[str, Any] = merged
        for part in path:
            there = place.get(part)
            place[part] = dict(there) if isinstance(there, Mapping) else {}
            place = place[part]
        place[leaf] = plain(value)
    try:
        return Config.model_validate(merged, context={"behind": _behind_frozen(merged.get("train"))})
    except ValidationError as error:
        found = error.errors()
        more = [f"and {len(found) - _MOST_ERRORS:,} more"] if len(found) > _MOST_ERRORS else []
        raise UserError("; ".join([*sentences(found[:_MOST_ERRORS], _unknown), *more])) from error
    except UnicodeEncodeError as error:  # within a list or a mapping
        raise UserError(f"{error.object!r} is no text in UTF-8; write it anew") from error


def _behind_frozen(train: Any) -> BehindFrozen | None:
    """Whether groups of techniques stand for what works behind a frozen network; None too where a value is wrong."""
    try:
        found = TrainConfig.model_validate(train or {})
    except ValidationError:
        return None
    return BehindFrozen(found.views) if NetworkName.parse(found.network).frozen else None


def recorded_config(run: Run, assignments: Mapping[str, Any] | None = None) -> Config:
    """A run's whole configuration, with assignments laid over it, to go on with the run.

    Raises:
        UserError: its config.yaml is damaged, an assignment breaks a rule, or a component is not known here.
    """
    loaded = _recorded(run)
    check_present(run)
    return build_config(loaded, assignments)


def recorded_report(run: Run, assignments: Mapping[str, Any] | None = None) -> ReportConfig:
    """What a run's report shall show; techniques that are not known here are no hindrance.

    Raises:
        UserError: its config.yaml is damaged, or an assignment breaks a rule.
    """
    return build_config({"report": _recorded(run).get("report")}, assignments).report


def recorded_margin(run: Run) -> float | None:
    """The margin that a run's configuration states; None of one that states none, or can't be read."""
    try:
        report = _recorded(run).get("report")
        if not isinstance(report, Mapping) or "margin" not in report:
            return None
        return build_config({"report": {"margin": report["margin"]}}).report.margin
    except UserError:
        return None


def recorded_decisions(run: Run) -> dict[str, dict[str, Any]]:
    """A run's techniques that decide anew on another's trials -> their decisions' own parameters, complete.

    {} where config.yaml can't be read; without those that are not known here, or whose parameters are others here.
    """
    try:
        space = _recorded(run)["space"]
    except UserError:
        return {}
    names = space.get("techniques") if isinstance(space, Mapping) else None
    wanted = space.get("parameters") if isinstance(space, Mapping) else None
    found: dict[str, dict[str, Any]] = {}
    for name in names if isinstance(names, list) else []:
        with contextlib.suppress(UserError):
            technique = get_technique(name)
            if technique.trained_as:
                found[technique.name] = decision_parameters(technique, wanted if isinstance(wanted, Mapping) else None)
    return found


def recorded_data(run: Run, source: str) -> DataConfig:
    """How a run's images were read, wherever they lie now; techniques are as for ``recorded_report``."""
    return build_config({"data": _recorded(run)["data"]}, {"data.source": source}).data


def _recorded(run: Run) -> dict[str, Any]:
    """A run's config.yaml, whole, not yet validated."""
    path = run.path / "config.yaml"
    try:
        loaded = read_yaml(run.config_yaml, str(path))
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path} cannot be read ({error}); put it back from a copy of the run") from None
    if not isinstance(loaded, dict):
        raise UserError(f"{path} is damaged: it holds {shown_text(repr(loaded))}; put it back from a copy of the run")
    # Written whole, so one that lacks a section was cut off, and what it lacks would silently be as by default.
    missing = [name for name in Config.model_fields if name not in loaded and name not in ("report", "funnel")]
    if missing:
        raise UserError(f"{path} is damaged: it lacks '{missing[0]}:'; put it back from a copy of the run")
    for section, values in _BEFORE.items():
        if isinstance(loaded[section], Mapping):
            loaded[section] = {**values, **loaded[section]}
    return loaded


def _unknown(parts: list[str]) -> str:
    """What is said of a key that there is not."""
    key = ".".join(parts)
    if len(parts) == 1:
        return f"unknown section '{key}'{suggestion(key, Config.model_fields)}"
    return f"unknown key '{key}'{_key_suggestion(key)}"
