"""The page of the commands, from the command line itself."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import typer

from sitemaking.writing import code, plain, table
from sweep.cli.main import app
from sweep.cli.options import OPTIONS

_KINDS = {Path: "PATH", int: "N", float: "NUMBER"}


def page() -> str:
    """Every command with its arguments and options, as ``sweep COMMAND --help`` tells them."""
    command: Any = typer.main.get_command(app)
    parts = [
        "# Commands\n",
        plain(
            "Made from the command line itself when this site is built; `sweep COMMAND --help` tells the same. "
            "An option that stands for a key of the configuration links to it, and any other key is set by "
            "`--set section.name=value`."
        ),
        "\n".join(f"- [`sweep {name}`](#sweep-{name}): {plain(_short(one))}" for name, one in command.commands.items()),
    ]
    for name, one in command.commands.items():
        parts += list(_command(name, one))
    parts += ["## Of all commands {#all}\n", _options(command.params)]
    return "\n\n".join(parts)


def _short(command: Any) -> str:
    return str(command.help).strip().split("\n\n")[0]


def _command(name: str, command: Any) -> Iterator[str]:
    arguments = [one for one in command.params if one.param_type_name == "argument"]
    usage = " ".join([f"sweep {name}", "[OPTIONS]", *(_shown(one) for one in arguments)])
    yield f"## sweep {name} {{#sweep-{name}}}"
    yield "\n\n".join(plain(" ".join(part.split())) for part in str(command.help).strip().split("\n\n"))
    yield f"```\n{usage}\n```"
    if arguments:
        yield table(("argument", "what it is"), ([code(_shown(one)), plain(one.help or "")] for one in arguments))
    panels: dict[str, list[Any]] = {}
    for option in command.params:
        if option not in arguments:
            panels.setdefault(getattr(option, "rich_help_panel", None) or "", []).append(option)
    for panel, options in panels.items():
        if panel and len(panels) > 1:
            yield f"**{plain(panel)}**"
        yield _options(options)


def _shown(argument: Any) -> str:
    return str(argument.metavar or argument.name.upper())


def _options(options: list[Any]) -> str:
    return table(("option", "what it does"), ([_written(option), _meaning(option)] for option in options))


def _written(option: Any) -> str:
    names = ", ".join([*option.opts, *option.secondary_opts])
    return code(names if option.is_flag else f"{names} {option.metavar or _kind(option)}")


def _kind(option: Any) -> str:
    """What stands for its value: of a list what stands for one of it."""
    annotation = option.type_descriptor.annotation
    return _KINDS.get(next(iter(get_args(annotation)), annotation), "TEXT")


def _meaning(option: Any) -> str:
    text = plain(option.help or "")
    default = option.default
    if default is not None and not callable(default) and not option.is_flag and default != ():
        text += f" Default: {code(default)}."
    if option.required:
        text += " Must be given."
    known = OPTIONS.get(option.name)
    if known is not None and known.key:
        text += f" Key: [{code(known.key)}](configuration.md#{known.key})."
    return text
