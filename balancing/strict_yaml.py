"""YAML without its traps: what would be lost or read as something else in silence is an error that names the line.

YAML 1.1 keeps the last of two equal keys, and reads ``010`` as 8, ``1:30`` as 90, ``no`` as false and ``2026-01-31`` as
a date. None of that is wanted in a configuration. Python objects are never made (PyYAML's safe loader).
"""

from __future__ import annotations

import re
from typing import Any

import yaml

from balancing.errors import UserError

_SHOWN = 60
_MOST_VALUES = 200_000
_YES = re.compile(r"yes|no|on|off", re.IGNORECASE)
_OCTAL = re.compile(r"[-+]?0[0-7_]+")


class _Trap(yaml.YAMLError):
    """Carries what is wrong and what to do about it."""


class _StrictLoader(yaml.SafeLoader):
    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        lines: dict[tuple[str, str], int] = {}
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode):
                named, line = (key.tag, key.value), key.start_mark.line + 1
                if named in lines:
                    raise _Trap(
                        f"'{_short(key.value)}' is given twice, in line {lines[named]} and in line {line}, and the "
                        "first would be lost; write it once"
                    )
                lines[named] = line
        return super().construct_mapping(node, deep)

    def plain_int(self, node: yaml.ScalarNode) -> int:
        text = node.value
        if ":" in text:
            raise _sexagesimal(node, self.construct_yaml_int(node))
        value = self.construct_yaml_int(node)
        if _OCTAL.fullmatch(text):
            decimal = re.sub(r"^([-+]?)0+(?=\d)", r"\1", text.replace("_", ""))
            raise _Trap(
                f"line {_line(node)}: YAML reads {text} as the octal number {value}; write {decimal}, or {value} where "
                "that is meant"
            )
        return value

    def plain_float(self, node: yaml.ScalarNode) -> float:
        value = self.construct_yaml_float(node)
        if ":" in node.value:
            raise _sexagesimal(node, value)
        return value

    def plain_bool(self, node: yaml.ScalarNode) -> bool:
        value = self.construct_yaml_bool(node)
        if _YES.fullmatch(node.value):
            meant = "true" if value else "false"
            raise _Trap(
                f"line {_line(node)}: YAML reads {node.value} as {meant}; write {meant}, or '{node.value}' in quotes "
                "where text is meant"
            )
        return value

    def no_date(self, node: yaml.ScalarNode) -> Any:
        raise _Trap(f"line {_line(node)}: YAML reads {node.value} as a date; write '{node.value}', in quotes")


_StrictLoader.add_constructor("tag:yaml.org,2002:int", _StrictLoader.plain_int)
_StrictLoader.add_constructor("tag:yaml.org,2002:float", _StrictLoader.plain_float)
_StrictLoader.add_constructor("tag:yaml.org,2002:bool", _StrictLoader.plain_bool)
_StrictLoader.add_constructor("tag:yaml.org,2002:timestamp", _StrictLoader.no_date)


def read_yaml(text: str, what: str) -> Any:
    """The value of a YAML text.

    Args:
        what: where it comes from, to begin a message with: ``configuration file x.yaml``.
    Raises:
        UserError: it is no YAML, a key is given twice, or a value would be read as something else than it looks.
    """
    try:
        loader = _StrictLoader(text)
        node = loader.get_single_node()
        if node is None:
            return None
        _expanded(node, {}, [])
        return loader.construct_document(node)
    except _Trap as error:
        raise UserError(f"{what}: {error}") from None
    except RecursionError:
        raise UserError(f"{what} is no valid YAML: it is nested too deeply; mend its brackets") from None
    # PyYAML's constructors raise these where a tag's text is not of its type: !!int '', !!timestamp x.
    except (yaml.YAMLError, ValueError, OverflowError, IndexError, AttributeError, TypeError, KeyError) as error:
        raise UserError(
            f"{what} is no valid YAML: {_short(' '.join(str(error).split()), 300)}; mend that line"
        ) from None


def _expanded(node: yaml.Node, known: dict[int, int], within: list[int]) -> int:
    """How many values a node stands for once its aliases are written out; some bytes may stand for billions.

    Raises:
        _Trap: a node holds itself, or they are too many.
    """
    if id(node) in within:
        raise _Trap(f"line {_line(node)}: an anchor is used within itself; write the values out")
    if id(node) not in known:
        inner = node.value if isinstance(node, yaml.CollectionNode) else ()
        parts = [part for each in inner for part in (each if isinstance(each, tuple) else (each,))]
        known[id(node)] = 1 + sum(_expanded(part, known, [*within, id(node)]) for part in parts)
    if known[id(node)] > _MOST_VALUES:
        raise _Trap(f"line {_line(node)}: its anchors stand for more than {_MOST_VALUES:,} values; write fewer")
    return known[id(node)]


def _sexagesimal(node: yaml.ScalarNode, value: float) -> _Trap:
    return _Trap(
        f"line {_line(node)}: YAML reads {node.value} as {value:g} (in sixties); write {value:g}, or '{node.value}' in "
        "quotes where text is meant"
    )


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1


def _short(text: str, length: int = _SHOWN) -> str:
    return text if len(text) <= length else f"{text[:length]}…"
