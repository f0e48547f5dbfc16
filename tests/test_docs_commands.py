"""Every command line that the documentation shows is one: options, presets and values are what they are said to be."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer

import sweep.cli.main
from sweep.cli import jobs

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
# What stands for something of the reader's own.
_PLACEHOLDER = re.compile(r"\.\.\.|[<>|`\[]")
_APP: Any = typer.main.get_command(sweep.cli.main.app)
_COMMANDS = _APP.commands


def commands(path: Path) -> list[str]:
    """Its lines ``sweep ...``, and such words within its text; without comments, continued lines joined, each once."""
    text = path.read_text(encoding="utf-8").replace("\\\n", " ")
    shown = re.findall(r"^ *(?:\$ )?(sweep .*)", text, flags=re.MULTILINE) + re.findall(r"`(sweep [^`]*)`", text)
    lines = [re.split(r" +#|;", " ".join(line.split()))[0] for line in shown]
    whole = [line for line in dict.fromkeys(lines) if len(line.split()) > 2 and not _PLACEHOLDER.search(line)]
    return [line for line in whole if line.split()[1] in _COMMANDS]


SHOWN = [pytest.param(command, id=f"{path.name}: {command}") for path in PAGES for command in commands(path)]


@pytest.mark.parametrize("command", SHOWN)
def test_a_command_line_of_the_documentation_is_one(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    name, *rest = shlex.split(command)[1:]
    found = _COMMANDS[name]
    context = found.make_context(name, rest)
    if name in ("run", "demo"):
        started: list[Any] = []
        monkeypatch.setattr(jobs, "start", lambda config, *more: started.append(config))
        monkeypatch.setattr(jobs, "demo", started.append)
        if Path(str(context.params.get("preset", ""))).suffix not in (".yaml", ".yml"):  # a file of the reader's own
            found.invoke(context)
            assert started, "it would start a run"


def test_there_are_some_and_those_of_confirming_among_them() -> None:
    shown = " ".join(str(one.values[0]) for one in SHOWN)
    assert len(SHOWN) > 30
    for words in ("--confirm", "--until-decided", "sweep more", "--folds", "--margin"):
        assert words in shown, words
