"""``summary.json``: the report's numbers for machines; its schema is ``summary.schema.json`` beside this file."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from sweep.analysis.results import Results
from sweep.report.build import Content
from sweep.report.schema import SCHEMA_VERSION
from sweep.report.shared_names import data_name, shown_command


def summary_json(run: Results, content: Content) -> str:
    """The run, the verdict, and what each section holds for machines under its name."""
    info = run.info
    values = {
        "schema_version": SCHEMA_VERSION,
        "run": {
            "id": info["id"],
            "created": info["created"],
            "status": info["status"],
            "command": shown_command(info["command"]),
        },
        "versions": info["versions"],
        "data": {**info["data"], "source": data_name(info["data"])},
        "headline": content.headline.answer,
        "caveat": content.headline.caveat,
        "verdict": content.verdict,
        "warnings": content.warnings,
        "sections": {s.name: s.values for s in content.sections if s.values is not None},
    }
    return json.dumps(plain(values), indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def plain(value: Any) -> Any:
    """As JSON has it: NumPy's numbers as Python's, tuples as lists, NaN and infinities as null, keys as text."""
    if isinstance(value, Mapping):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple | set):
        return [plain(one) for one in value]
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, np.generic):
        return plain(value.item())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if isinstance(value, str | int | float | bool | None) else str(value)
