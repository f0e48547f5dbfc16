"""What users write for values: numbers, lists and ranges, of shared hyperparameters and of techniques' own."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from balancing.components.ranges import Choice, Interval, IntRange
from balancing.components.techniques import get_technique

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


def parse_names(value: Any) -> Any:
    """``a, b`` -> [a, b]; what is no text stays as it is."""
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


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
        if isinstance(value, Interval):
            value.check_log(f"{name}.{parameter}", whole=isinstance(known, IntRange))
        ends = [value.low, value.high] if isinstance(value, Interval) else value if isinstance(value, list) else [value]
        # What was written as text or beside a fraction came back as float, of whole numbers too.
        ends = [int(e) if isinstance(known, IntRange) and isinstance(e, float) and e.is_integer() else e for e in ends]
        ends = [technique.complete({parameter: end})[parameter] for end in ends]
        result[parameter] = value if isinstance(value, Interval) else ends if isinstance(value, list) else ends[0]
    return result
