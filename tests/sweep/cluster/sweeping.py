"""Sweeps as processes of their own, and what their folders say meanwhile."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import pytest

from sweep.runs.run import Run

# Ray and its dependencies warn on import and leave sockets to the garbage collector.
RAYS_WARNINGS = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore:Tip.*:UserWarning"),
]

TINY = """
data: {source: phantom, image_size: 32, phantom_images: 300}
space: {techniques: [baseline, undersampling], lr: 0.001, epochs: 2, seeds: 2}
train: {weights: none, stem: imagenet, resume_seconds: 0}
"""
# A sweep of so many trials, one after the other, does not end by itself while a test looks at it, however slow that is;
# their checkpoints are promised 10 GB, which a usual disk has.
ENDLESS = ("--seeds", "100", "--max-concurrent", "1")
PARTS = ("validation", "test")
PATIENCE = 1000.0  # for what must come; a busy machine may take its time


# Put before a program that starts Ray: six of the fifteen seconds of processor time that it takes are its dashboard's.
WITHOUT_DASHBOARD = """
from sweep.cluster.session import ray

whole = ray.init
ray.init = lambda **options: whole(**{name: name != "include_dashboard" and options[name] for name in options})
"""


def start(*arguments: object, dashboard: bool = False) -> subprocess.Popen[str]:
    """The command line as a process of its own, the leader of its own group."""
    program = ["-m", "sweep.cli"]
    if arguments[0] in ("run", "resume") and not dashboard:
        program = ["-c", WITHOUT_DASHBOARD + "from sweep.cli.main import program; program()"]
    return subprocess.Popen(
        [sys.executable, *program, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        env={**os.environ, "COLUMNS": "200"},
    )


def call(*arguments: object, dashboard: bool = False) -> str:
    """Runs the command line to its end; returns what it printed."""
    process = start(*arguments, dashboard=dashboard)
    output, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, output
    assert "Traceback" not in output
    return output


def wait_for(condition: Callable[[], object], process: subprocess.Popen[str] | None = None) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        if process is not None and process.poll() is not None:
            output = process.communicate()[0]
            raise AssertionError(f"ended before it was waited for:\n{output}")
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.1)


def states(folder: Path) -> dict[str, dict]:
    """Trial id -> status.json of the trials that have begun."""
    return {path.parent.name: json.loads(path.read_text()) for path in folder.glob("trials/*/status.json")}


def ended(folder: Path) -> list[str]:
    return [trial_id for trial_id, status in states(folder).items() if status["status"] == "done"]


def numbers(folder: Path, trial_ids: Iterable[str] | None = None, parts: Sequence[str] = PARTS) -> dict[str, tuple]:
    """Everything of a run, or of some of its trials, that must not depend on when, where or in which order they ran."""
    run = Run(folder)
    return {
        trial_id: (
            [{k: v for k, v in e.items() if "second" not in k} for e in run.trial(trial_id).epochs()],
            *(run.trial(trial_id).predictions(part).to_dict("list") for part in parts),
        )
        for trial_id in (trial_ids or [spec.trial_id for spec in run.specs()])
    }


def stop(process: subprocess.Popen[str], number: int) -> str:
    """Stops a sweep that does not end by itself; returns what it printed."""
    process.send_signal(number)
    output, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130, output
    assert "Traceback" not in output
    return output


def fetch(url: str, token: str | None = None) -> bytes:
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {token}"} if token else {})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return answer.read()


def answers(url: str) -> bool:
    try:
        fetch(url)
    except urllib.error.HTTPError:
        return True
    except urllib.error.URLError:
        return False
    return True
