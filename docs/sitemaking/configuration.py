"""The page of the configuration, from its models: every key with type, bounds, default and what it does."""

from __future__ import annotations

import inspect
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin

from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from sitemaking.writing import code, plain, table
from sweep.cli.options import OPTIONS
from sweep.config.config import Config
from sweep.config.files import PRESETS, preset_names
from sweep.config.funnel import FunnelConfig
from sweep.hyperparameters import HYPERPARAMETERS

_SHARED = {shared.name: shared for shared in HYPERPARAMETERS}
_OF_KEY = {option.key: option for option in OPTIONS.values() if option.key}
_BOUNDS = {"ge": "at least", "gt": "above", "le": "at most", "lt": "below", "min_length": "at least"}
_WORDS: dict[Any, str] = {str: "text", int: "whole number", float: "number", bool: "true or false", Path: "path"}


def page() -> str:
    """Every section with its keys."""
    parts = [
        "# Configuration\n",
        plain(
            "A run's configuration is one YAML file of these sections; `sweep presets NAME` prints a whole one to copy "
            "and change, and a run folder holds its own, `config.yaml`, written out in full. Every key can be set on "
            "the command line, by its option or by `--set section.name=value`, and in Python by its last name, as in "
            "`sweep.compare(..., lr=0.001)`. Unknown keys are errors, with a suggestion. This page is made from the "
            "models that validate them."
        ),
    ]
    for section in Config.model_fields:
        model = model_of(section)
        parts += [f"## {section} {{#{section}}}", plain(" ".join((inspect.getdoc(model) or "").split()))]
        if section == "funnel":
            parts.append("Without this section a run has one stage.")
        parts.append(table(("key", "takes", "default", "what it does"), _rows(section, model)))
    return "\n\n".join(parts)


def presets_page() -> str:
    """Every preset as it is."""
    parts = [
        "# Presets\n",
        plain(
            "Configurations that come with the package: `sweep run NAME`. `sweep presets NAME` prints one, to copy and "
            "change; `sweep run FILE.yaml` runs yours."
        ),
    ]
    for name in preset_names():
        parts += [f"## {name} {{#{name}}}", f"```yaml\n{(PRESETS / f'{name}.yaml').read_text(encoding='utf-8')}```"]
    return "\n\n".join(parts)


def model_of(section: str) -> Any:
    """The model of a section."""
    return FunnelConfig if section == "funnel" else Config.model_fields[section].annotation


def meaning(section: str, name: str, field: FieldInfo) -> str:
    """What a key does: what its model says, else its option on the command line; "" where neither does."""
    if name in _SHARED and section == "space":
        return f"{_SHARED[name].label}: {_SHARED[name].help}"
    option = _OF_KEY.get(f"{section}.{name}")
    return field.description or (option.help if option is not None else "")


def _rows(section: str, model: Any) -> Iterator[tuple[str, str, str, str]]:
    for name, field in model.model_fields.items():
        key = f"{section}.{name}"
        text = meaning(section, name, field)
        text = text[:1].upper() + text[1:]
        option = _OF_KEY.get(key)
        if option is not None:
            flag = option.flags[0].partition("/")[0] if option.flags else f"--{name.replace('_', '-')}"
            text += f" Option: {code(flag)}."
        yield (
            f'<a id="{key}"></a>{code(name)}',
            _takes(section, name, field),
            _default(section, name, field),
            plain_but_code(text),
        )


def plain_but_code(text: str) -> str:
    """Escaped, save what is code already."""
    before, mark, after = text.partition(" Option: <code>")
    return plain(before) + mark + after


def _takes(section: str, name: str, field: FieldInfo) -> str:
    if section == "space" and name in _SHARED:
        shared = _SHARED[name]
        low = f"above {shared.above:g}" if shared.above is not None else f"at least {shared.least:g}"
        kind = "whole numbers" if shared.kind is int else "numbers"
        drawn = "; a range is drawn in the logarithm" if shared.log else ""
        return f"one, a list or a range of {kind}: {low}, at most {shared.most:,g}{drawn}"
    bounds = [
        f"{words} {getattr(one, bound):,g}"
        for one in field.metadata
        for bound, words in _BOUNDS.items()
        if getattr(one, bound, None) is not None
    ]
    return f"{_kind(field.annotation)}{': ' if bounds else ''}{', '.join(bounds)}"


def _kind(annotation: Any) -> str:
    """A type in words."""
    origin, inner = get_origin(annotation), get_args(annotation)
    if annotation in _WORDS:
        return _WORDS[annotation]
    if origin is Literal:
        return " or ".join(code(word) for word in inner)
    if origin in (Union, types.UnionType):
        return " or ".join(_kind(one) if one is not type(None) else "nothing" for one in inner)
    if origin is tuple:
        return f"{len(inner)} numbers"
    if origin is list or annotation is list:
        return "list"
    if origin is dict or annotation is dict:
        return "mapping"
    return _kind(inner[0]) if inner else str(getattr(annotation, "__name__", annotation))


def _default(section: str, name: str, field: FieldInfo) -> str:
    value = field.get_default(call_default_factory=True)
    if section == "space" and name == "techniques":
        return "the study's six: " + ", ".join(code(one) for one in value)
    if value is PydanticUndefined:
        return "must be given"
    if value is None:
        return "nothing"
    return code({True: "true", False: "false"}.get(value, value) if isinstance(value, bool) else value)
