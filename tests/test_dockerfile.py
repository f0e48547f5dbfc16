"""The image's recipe: linted, of the tested versions, without secrets. No Docker daemon is asked."""

from __future__ import annotations

import fnmatch
import json
import re
import shutil
import subprocess
import sys
import sysconfig
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
TEXT = (ROOT / "Dockerfile").read_text(encoding="utf-8")
LINES = [line for line in TEXT.replace("\\\n", " ").splitlines() if line and not line.startswith("#")]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
CLUSTER = (ROOT / "docs" / "cluster.md").read_text(encoding="utf-8")


def instructions(name: str) -> list[str]:
    """What stands behind each instruction of a name."""
    return [" ".join(line.split()[1:]) for line in LINES if line.split()[0] == name]


def test_hadolint_has_nothing_to_say() -> None:
    here = Path(sysconfig.get_path("scripts")) / "hadolint"
    linter = str(here) if here.exists() else shutil.which("hadolint")
    if linter is None:
        pytest.skip("hadolint is not installed; the extra dev has it")
    done = subprocess.run([linter, str(ROOT / "Dockerfile")], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_its_python_is_the_one_of_the_constraints_and_of_rays_images() -> None:
    assert "PYTHON=3.11" in instructions("ARG")
    images = re.findall(r"rayproject/ray:[\d.]+-py(\d+)-", (ROOT / "cluster.yaml").read_text(encoding="utf-8"))
    assert set(images) == {"311"}
    assert all(line.startswith("python:${PYTHON}-slim") for line in instructions("FROM"))


def test_each_installation_is_of_the_constraints_or_of_the_wheel_alone() -> None:
    installs = [part for line in instructions("RUN") for part in re.findall(r"pip install[^&;]*", line)]
    assert len(installs) == 3
    for command in installs:
        assert "constraints.txt" in command or "--no-index" in command or "--requirement /tmp/torch.txt" in command
    constraints = (ROOT / "constraints.txt").read_text(encoding="utf-8")
    (pattern,) = re.findall(r"grep -E '([^']+)'", TEXT)
    assert len(re.findall(pattern, constraints, flags=re.MULTILINE)) == 2, "torch and torchvision"


def test_the_line_that_lists_the_requirements_lists_them() -> None:
    (script,) = re.findall(r'python -c "(.+?)" \$\{EXTRAS\}', TEXT)
    (extras,) = re.findall(r'ARG EXTRAS="([^"]+)"', TEXT)
    asked = [sys.executable, "-c", script, *extras.split()]
    listed = subprocess.check_output(asked, cwd=ROOT, text=True).splitlines()
    wanted = [requirement for extra in extras.split() for requirement in PROJECT["optional-dependencies"][extra]]
    assert listed == [*PROJECT["dependencies"], *wanted]


def test_it_runs_as_the_user_of_rays_images_and_whatever_is_asked_for() -> None:
    assert instructions("USER") == ["1000:100"]
    assert any("--uid 1000 --gid users" in line for line in instructions("RUN"))
    assert json.loads(instructions("ENTRYPOINT")[0]) == ["tini", "--"]
    (packages,) = re.findall(r"--no-install-recommends ([a-z0-9 -]+?) *&&", " ".join(instructions("RUN")))
    assert {"bash", "openssh-client", "rsync", "tini", "wget"} <= set(packages.split())


def test_nothing_but_the_package_is_sent_to_the_builder() -> None:
    rules = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and not line.startswith("#")]
    assert rules[0] == "*"
    sent = [rule[1:] for rule in rules if rule.startswith("!")]
    copied = {word for line in instructions("COPY") if "--from" not in line for word in line.split()[:-1]}
    assert {word.removeprefix("./") for word in copied} == set(sent)
    for secret in (".git", ".env", "runs", "data.csv", ".aws", "tests"):
        assert not any(fnmatch.fnmatch(secret, rule) for rule in sent)
    assert not re.search(r"(?i)(password|secret|token|api_key)\s*=", TEXT)


def test_documented_builds_give_arguments_that_it_has() -> None:
    arguments = {line.partition("=")[0] for line in instructions("ARG")}
    builds = re.findall(r"^docker build .*$", CLUSTER, flags=re.MULTILINE)
    assert builds
    for line in [*builds, *re.findall(r"#   (docker build .*)", TEXT)]:
        given = re.findall(r"--build-arg (\w+)=", line)
        assert set(given) <= arguments
