"""The files for people's own forge call what there is, on every Python that the package says it supports."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
GITHUB = ROOT / ".github" / "workflows" / "ci.yml"
GITLAB = ROOT / ".gitlab-ci.yml"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
PREFIX = "Programming Language :: Python :: "
SUPPORTED = [text.removeprefix(PREFIX) for text in PROJECT["classifiers"] if re.fullmatch(PREFIX + r"3\.\d+", text)]


def scripts(path: Path) -> list[str]:
    """Its command lines."""
    jobs: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    if path == GITHUB:
        return [step["run"] for job in jobs["jobs"].values() for step in job["steps"] if "run" in step]
    return [line for job in jobs.values() if isinstance(job, dict) for line in job.get("script", [])]


def test_the_package_supports_what_it_requires() -> None:
    assert SUPPORTED == ["3.11", "3.12", "3.13"]
    assert PROJECT["requires-python"] == f">={SUPPORTED[0]}"


@pytest.mark.parametrize("path", [GITHUB, GITLAB], ids=lambda path: path.name)
def test_each_command_calls_a_target_of_the_makefile(path: Path) -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = re.findall(r"^([a-z-]+):", makefile, flags=re.MULTILINE)
    called = [words.split()[-1] for line in scripts(path) for words in re.findall(r"make( [^#&]+)", line)]
    assert {"test", "docs"} <= set(called) <= set(targets)


@pytest.mark.parametrize("path", [GITHUB, GITLAB], ids=lambda path: path.name)
def test_all_supported_pythons_are_tested_and_no_secret_is_asked_for(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    (tested,) = re.findall(r"(?:python|PYTHON): (\[.*\])", text)
    assert yaml.safe_load(tested) == SUPPORTED
    assert not re.search(r"secrets\.|password|token", text, flags=re.IGNORECASE)


def test_actions_are_pinned_to_a_major_version_and_may_only_read() -> None:
    found: dict[Any, Any] = yaml.safe_load(GITHUB.read_text(encoding="utf-8"))
    used = [step["uses"] for job in found["jobs"].values() for step in job["steps"] if "uses" in step]
    assert used
    assert all(re.fullmatch(r"actions/[a-z-]+@v\d+", action) for action in used)
    assert found["permissions"] == {"contents": "read"}
    steps = [step for job in found["jobs"].values() for step in job["steps"] if "checkout" in step.get("uses", "")]
    assert all(step["with"] == {"persist-credentials": False} for step in steps)  # what a pull request runs has no key
    assert found["jobs"]["test"]["strategy"]["matrix"]["python"] == SUPPORTED
