"""The schema of summary.json: made of the sections, kept in the repository, and neither too wide nor too narrow."""

from __future__ import annotations

import json
from typing import Annotated, Literal, NotRequired, TypedDict

import jsonschema
import pytest

from sweep.report.schema import FILE, described, schema, schema_text
from sweep.report.summary_types import CELLS, Count, Share


class Row(TypedDict):
    name: str
    count: Count
    share: NotRequired[Share]


class Whole(TypedDict):
    """what it is"""

    kind: Annotated[Literal["a", "b"], "which"]
    rows: list[Annotated[Row, CELLS]]
    by_name: dict[str, int | None]


def test_the_file_is_what_the_sections_declare() -> None:
    assert FILE.read_text(encoding="utf-8") == schema_text(), "run `python -m sweep.report.schema`"
    jsonschema.Draft202012Validator.check_schema(json.loads(schema_text()))


def test_a_type_and_its_schema_accept_the_same() -> None:
    found = {**described(Whole), "$defs": schema()["$defs"]}
    assert found["description"] == "what it is"
    assert found["properties"]["kind"] == {"enum": ["a", "b"], "description": "which"}
    good = {"kind": "a", "rows": [{"name": "x", "count": 0, "share": 1, "more": 0.5}], "by_name": {"x": None}}
    jsonschema.validate(good, found)
    row = {"name": "x", "count": 0}
    for wrong in (
        {"kind": "c"},
        {"more": 1},
        {"by_name": {"x": 0.5}},
        {"rows": [{"name": "x"}]},
        {"rows": [{**row, "count": -1}]},
        {"rows": [{**row, "share": 1.5}]},
        {"rows": [{**row, "more": []}]},
    ):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate({**good, **wrong}, found)
    for key in good:
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate({k: v for k, v in good.items() if k != key}, found)
    with pytest.raises(TypeError, match="no JSON schema"):
        described(complex)
