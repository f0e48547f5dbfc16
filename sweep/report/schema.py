"""The JSON schema of ``summary.json``, made of what the sections declare.

``python -m sweep.report.schema`` writes that of the tool's own sections beside this file.
"""

from __future__ import annotations

import inspect
import json
import types
from collections.abc import Sequence
from pathlib import Path
from typing import (
    Annotated,
    Any,
    Literal,
    NotRequired,
    TypedDict,
    Union,
    get_args,
    get_origin,
    get_type_hints,
    is_typeddict,
)

from sweep.report.registry import FOLDER, Declared, sections
from sweep.report.summary_types import ANYTHING, Bounds, Count, Open

SCHEMA_VERSION = 1
FILE = Path(__file__).parent / "summary.schema.json"
_SIMPLE = {str: "string", bool: "boolean", int: "integer", float: "number", type(None): "null"}
_CELL = {
    "type": ["number", "string", "boolean", "null"],
    "description": "a number NAME goes with NAME_low and NAME_high, the ends of its 95 % interval, and where it is a "
    "paired difference with NAME_p, NAME_p_holm and NAME_p_adjusted",
}


class RunSummary(TypedDict):
    id: str
    created: Annotated[str, "ISO 8601, UTC"]
    status: str
    command: str


class DataSummary(TypedDict):
    """as in run.json, but source is a name (of a folder, a file, a Hub data set), not a place"""

    source: str
    fingerprint: str
    split_fingerprint: str
    class_names: list[str]
    positive: Annotated[int | None, "index of the positive class; null for more than two"]
    class_counts: Annotated[dict[str, list[Count]], "train, validation, test: images of each class"]


class Summary(TypedDict):
    """All of it but ``sections``, which are declared one by one."""

    schema_version: Literal[1]
    run: Annotated[RunSummary, ANYTHING]
    versions: dict[str, str]
    data: Annotated[DataSummary, ANYTHING]
    headline: NotRequired[Annotated[str, "the answer in a short sentence"]]
    caveat: NotRequired[Annotated[str, "what speaks against taking the headline for more; empty for nothing"]]
    verdict: Annotated[str, "the answer in full"]
    warnings: list[str]


def schema(declared: Sequence[Declared] | None = None) -> dict[str, Any]:
    """Draft 2020-12.

    Args:
        declared: the sections; by default all that a report of this installation may have.
    """
    found = sections() if declared is None else declared
    made = described(Summary)
    made["required"].append("sections")
    made["properties"]["sections"] = {
        "type": "object",
        "description": "what each section of the report holds, under the section's name; numbers that can't be told "
        "are null",
        "properties": {one.name: described(one.summary) for one in found if one.summary is not None},
        "additionalProperties": False,
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Balancing Act: summary.json of a report",
        **{key: value for key, value in made.items() if key != "description"},
        "$defs": {"cell": _CELL},
    }


def described(hint: Any) -> dict[str, Any]:
    """The schema of one type: of JSON's own, lists, dicts, ``Literal``, ``TypedDict``, unions, ``Annotated`` ones.

    ``Annotated`` adds a description (a string), ``Bounds``, and of a ``TypedDict`` whether it is ``Open``.

    Raises:
        TypeError: of anything else.
    """
    notes: tuple[Any, ...] = ()
    if get_origin(hint) is Annotated:
        hint, *rest = get_args(hint)
        notes = tuple(rest)
    found = _object(hint, notes) if is_typeddict(hint) else _plain(hint)
    for note in notes:
        if isinstance(note, str):
            found["description"] = note
        elif isinstance(note, Bounds):
            found |= {"minimum": note.least} if note.least is not None else {}
            found |= {"maximum": note.most} if note.most is not None else {}
    return found


def _plain(hint: Any) -> dict[str, Any]:
    origin, arguments = get_origin(hint), get_args(hint)
    if hint is object:
        return {}
    if hint in _SIMPLE:
        return {"type": _SIMPLE[hint]}
    if origin is Literal:
        return {"enum": list(arguments)} if len(arguments) > 1 else {"const": arguments[0]}
    if origin is list:
        return {"type": "array", "items": described(arguments[0])}
    if origin is dict:
        return {"type": "object", "additionalProperties": described(arguments[1])}
    if origin in (Union, types.UnionType):
        if all(one in _SIMPLE for one in arguments):
            return {"type": [_SIMPLE[one] for one in arguments]}
        return {"oneOf": [described(one) for one in arguments]}
    raise TypeError(f"{hint!r} has no JSON schema here; use JSON's types, list, dict, Literal, TypedDict or a union")


def _object(hint: Any, notes: Sequence[Any]) -> dict[str, Any]:
    properties, required = {}, []
    for key, value in get_type_hints(hint, include_extras=True).items():
        if get_origin(value) is NotRequired:
            value = get_args(value)[0]
        else:
            required.append(key)
        properties[key] = described(value)
    found: dict[str, Any] = {"type": "object"}
    if hint.__doc__:
        found["description"] = inspect.cleandoc(hint.__doc__)
    found |= {"required": required, "properties": properties}
    more = next((note for note in notes if isinstance(note, Open)), None)
    if more is None:
        found["additionalProperties"] = False
    elif more.cells:
        found["additionalProperties"] = {"$ref": "#/$defs/cell"}
    return found


def schema_text() -> str:
    """Of the tool's own sections, as the file holds it."""
    own = [one for one in sections() if one.module.startswith(f"{FOLDER}.")]
    return json.dumps(schema(own), indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    FILE.write_text(schema_text(), encoding="utf-8")
