"""What is wrong with a configuration, a sentence each: the rule, the value, the next step."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from sweep.config.values import shown_text

# The branches of a union, each of which pydantic reports; their names are no part of the key.
_BRANCHES = ("float", "Interval", "bool")
_KINDS = {"bool": "true or false", "int": "a whole number", "float": "a number", "string": "text", "list": "a list"}


def sentences(errors: Iterable[Any], unknown: Callable[[list[str]], str]) -> list[str]:
    """Of pydantic's errors; those of one key are one sentence where they say what it may be.

    Args:
        errors: of a ``ValidationError``.
        unknown: what is said of a key that there is not, by its parts.
    """
    found: dict[str, tuple[list[str], str]] = {}
    for error in errors:
        parts = [str(p) for p in error["loc"] if str(p).replace("_", "").isalnum() and str(p) not in _BRANCHES]
        key = ".".join(parts)
        if error["type"] == "extra_forbidden":
            found.setdefault(unknown(parts), ([], ""))
        elif error["type"] == "value_error":
            found.setdefault(_by_rule(key, error["msg"].removeprefix("Value error, ")), ([], ""))
        elif allowed := _allowed(error):
            found.setdefault(f"{key} must be", ([], shown_text(repr(error["input"]))))[0].extend(allowed)
        else:
            message = f"{key}: {error['msg'][0].lower()}{error['msg'][1:]}"
            found.setdefault(f"{message}, but is {shown_text(repr(error['input']))}", ([], ""))
    return [_whole(start, *more) for start, more in found.items()]


def _by_rule(key: str, message: str) -> str:
    names_it = not key or message.startswith(key.partition(".")[0]) or "technique" in message
    return message if names_it else f"{key}: {message}"


def _allowed(error: Any) -> list[str]:
    """What a key may be, where a value of another kind was given; [] where that is not what is wrong."""
    kind, _, what = error["type"].partition("_")
    if error["type"] == "literal_error":
        return [part for one in error["ctx"]["expected"].split(" or ") for part in one.split(", ")]
    return [_KINDS[kind]] if kind in _KINDS and what in ("parsing", "type", "from_float") else []


def _whole(start: str, allowed: list[str], value: str) -> str:
    if not allowed:
        return start
    *most, last = dict.fromkeys(part for one in allowed for part in one.split(" or "))
    return f"{start} {', '.join(most)}{' or ' if most else ''}{last}, but is {value}"
