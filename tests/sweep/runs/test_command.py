"""What is recorded of how a run was begun: the tool's own command, and nothing of another program's arguments."""

from __future__ import annotations

import sys

import pytest

from sweep.runs.command import command


@pytest.mark.parametrize(
    ("arguments", "recorded"),
    [
        (["/opt/bin/sweep", "run", "quick", "--data", "my images"], "sweep run quick --data 'my images'"),
        (["/lib/sweep/cli/__main__.py", "demo"], "sweep demo"),
        (["train.py", "--hf-token", "hf_SECRET"], "a Python program"),
        (["-c"], "a Python program"),
        ([], "a Python program"),
    ],
)
def test_only_the_tools_own_command_is_recorded(
    monkeypatch: pytest.MonkeyPatch, arguments: list[str], recorded: str
) -> None:
    monkeypatch.setattr(sys, "argv", arguments)
    assert command() == recorded
