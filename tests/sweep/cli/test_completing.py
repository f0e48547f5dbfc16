"""What shells are given: a script that asks, and answers for the word that was begun."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import typer

import sweep.cli.main
from balancing.components.groups import GROUPS
from balancing.components.techniques import techniques
from sweep.cli.completing import config_words, preset_words, technique_words, words_of
from sweep.cli.options import OPTIONS
from sweep.config.config import build_config
from sweep.config.files import preset_names

_PROGRAM = "import sys; sys.argv[0] = 'sweep'; from sweep.cli.main import main; main()"


def answered(*arguments: str, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM, *arguments],
        env={**os.environ, **environment}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_script_is_printed_for_each_shell_and_is_one(shell: str, tmp_path: Path) -> None:
    script = answered("--show-completion", shell, _TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION="1")
    assert "_SWEEP_COMPLETE" in script
    assert f"complete_{shell}" in script
    if (found := shutil.which(shell)) is not None:
        (tmp_path / "script").write_text(script)
        subprocess.run([found, "-n", str(tmp_path / "script")], check=True)


@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash here")
def test_bash_completes_by_the_script_that_was_installed(tmp_path: Path) -> None:
    """In a home of its own: the script is written there and named in .bashrc, and a new shell knows it."""
    home = {"HOME": str(tmp_path), "_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"}
    assert "completion installed" in answered("--install-completion", "bash", **home)
    (tmp_path / "sweep").write_text(f'#!/bin/sh\nexec "{sys.executable}" -c "{_PROGRAM}" "$@"\n')
    (tmp_path / "sweep").chmod(0o755)
    asked = """
source ~/.bashrc
COMP_WORDS=(sweep run quick --techniques baseline,smote_t) COMP_CWORD=4
_sweep_completion sweep
echo "${COMPREPLY[@]}"
"""
    environment = {**os.environ, **home, "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(["bash", "-c", asked], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "baseline,smote_tomek"


def test_an_answer_needs_no_torch() -> None:
    program = (
        "import sys; from sweep.cli.completing import technique_words, words_of\n"
        "assert technique_words('baseline,smo'); assert words_of('train.optimizer')\n"
        "sys.exit(','.join(m for m in ('torch', 'ray', 'pandas', 'sklearn', 'matplotlib') if m in sys.modules) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_techniques_go_on_where_a_name_is_begun() -> None:
    assert set(technique_words("")) == {*(found.name for found in techniques()), *GROUPS, "around:"}
    assert technique_words("baseline,smote_t") == ["baseline,smote_tomek"]
    assert technique_words("smote+foca") == ["smote+focal"]
    assert technique_words("around:ldam+drw") == ["around:ldam+drw"]
    assert not set(GROUPS) & {word.rpartition("+")[2] for word in technique_words("smote+")}
    assert technique_words("no such") == []


def test_presets_and_the_words_of_options_are_those_that_are_taken() -> None:
    assert preset_words("") == preset_names()
    assert preset_words("fro") == ["frozen"]
    assert config_words("train.optimizer")("adam") == ["adam", "adamw"]
    offered = {option.key: words for option in OPTIONS.values() if option.key and (words := words_of(option.key))}
    assert {"train.optimizer", "sweep.metric", "sweep.scheduler", "report.cam", "train.stem"} <= set(offered)
    for key, words in offered.items():
        for word in words:
            more = {"space.lr": "1e-4..1e-2"} if word == "optuna" else {}
            build_config({}, {key: word, **more})  # raises where it is none


def test_every_option_of_words_asks_for_them() -> None:
    command = typer.main.get_command(sweep.cli.main.app).commands["run"]  # type: ignore[attr-defined]
    context = typer.Context(command)
    by_name = {parameter.name: parameter for parameter in command.params}
    found = [item.value for item in by_name["optimizer"].shell_complete(context, "s")]
    assert found == ["sgd"]
    assert [item.value for item in by_name["preset"].shell_complete(context, "qu")] == ["quick"]
