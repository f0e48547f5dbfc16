"""What users write for values: numbers, lists and ranges, of shared hyperparameters and of techniques' own."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from balancing.components.ranges import Choice, FloatRange, Interval, IntRange, Range
from balancing.components.technique import Technique
from balancing.components.techniques import get_technique
from balancing.errors import UserError

_MOST_SHOWN = 200


def shown_text(text: str) -> str:
    """What a user wrote, as a message shows it."""
    return text if len(text) <= _MOST_SHOWN else f"{text[:_MOST_SHOWN]}… ({len(text):,} letters)"


def plain(value: Any) -> Any:
    """What a program gave, as YAML has it: numpy's numbers as Python's, tuples and arrays as lists, at any depth."""
    if isinstance(value, np.ndarray | np.generic):
        return plain(value.tolist())
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    if isinstance(value, Mapping):
        return {plain(key): plain(one) for key, one in value.items()}
    return value


def _number(part: Any, whole: Any) -> float:
    """One part of what a user wrote, as a number; an error shows the whole."""
    try:
        number = float(part) if isinstance(part, str | int | float) and not isinstance(part, bool) else math.nan
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        shown = shown_text(whole if isinstance(whole, str) else repr(whole))
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


def parse_channels(given: Any) -> float | tuple[float, ...] | str:
    """``0.5`` -> 0.5; ``0.485,0.456,0.406``, or a list of three -> three numbers, one a channel; ``auto`` stays.

    Raises:
        ValueError: it is neither.
    """
    if isinstance(given, str) and given.strip() == "auto":
        return "auto"
    parts = given.split(",") if isinstance(given, str) else given if isinstance(given, list | tuple) else [given]
    try:
        numbers = tuple(_number(part, given) for part in parts)
    except ValueError:
        numbers = ()
    if len(numbers) not in (1, 3):
        raise ValueError(
            f"it must be a finite number, or three with commas, one a channel, but is {shown_text(str(given))}"
        )
    return numbers if len(numbers) == 3 else numbers[0]


def parse_names(value: Any) -> Any:
    """``a, b`` -> [a, b]; what is no text stays as it is."""
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


def is_logarithmic(known: Range) -> bool:
    """Whether a parameter is drawn in the logarithm, where a range of it is written as text, such as ``1e-4..1e-1``."""
    return isinstance(known, FloatRange) and known.log


def decision_parameters(technique: Technique, wanted: Mapping[str, Mapping[str, Any]] | None = None) -> dict[str, Any]:
    """The parameters of a technique's decision, complete, by their bare names; {} where it has none.

    Args:
        wanted: ``space.parameters``, checked; None: all at their defaults.
    """
    decision = technique.part("decision")
    if decision is None:
        return {}
    given = (wanted or {}).get(technique.name, {})
    found = {name: given[key] for key, name in _decision_keys(technique).items() if key in given}
    return decision.complete(found)


def _decision_keys(technique: Technique) -> dict[str, str]:
    """Key of a technique's parameter -> bare name, of its decision's."""
    decision = technique.part("decision")
    before = "" if decision is None or len(technique.parts) == 1 else f"{decision.name}."
    return {} if decision is None else {f"{before}{name}": name for name in decision.parameters}


def check_decided(name: str, own: Mapping[str, Any]) -> None:
    """Raises UserError where values given for a technique that decides anew are not single ones of its decision."""
    technique = get_technique(name)
    if not technique.trained_as:
        return
    for key, value in own.items():
        if key not in _decision_keys(technique):
            raise UserError(
                f"'{technique.name}' decides on the trials of '{technique.trained_as}' and has no '{key}' of its own; "
                f"give it as a parameter of '{technique.trained_as}'"
            )
        if isinstance(value, list | Interval):
            raise UserError(
                f"{technique.name}.{key} is a decision's, which takes one value and no search, but got {value}; give "
                "a single value"
            )


def own_parameters(name: str, values: Mapping[str, Any]) -> dict[str, Any]:
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
        if isinstance(given, str) and isinstance(value, Interval) and value.low > 0 and is_logarithmic(known):
            value = replace(value, log=True)
        if isinstance(value, Interval):
            value.check_log(f"{name}.{parameter}", whole=isinstance(known, IntRange))
        ends = [value.low, value.high] if isinstance(value, Interval) else value if isinstance(value, list) else [value]
        # What was written as text or beside a fraction came back as float, of whole numbers too.
        ends = [int(e) if isinstance(known, IntRange) and isinstance(e, float) and e.is_integer() else e for e in ends]
        ends = [technique.complete({parameter: end})[parameter] for end in ends]
        result[parameter] = value if isinstance(value, Interval) else ends if isinstance(value, list) else ends[0]
    return result
