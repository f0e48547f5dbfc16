"""A sweep that is killed, stopped, damaged or met by another process, and one whose workers die."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from sweep.runs.run import Run
from tests.sweep.cluster.sweeping import (
    ENDLESS,
    PATIENCE,
    RAYS_WARNINGS,
    call,
    ended,
    numbers,
    start,
    states,
    stop,
    wait_for,
)

pytestmark = RAYS_WARNINGS


def test_killed_and_resumed_ends_with_the_same_numbers(
    undisturbed: tuple[Path, str], tiny: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "killed"
    process = start("run", tiny, "--out", folder)
    wait_for(lambda: len(states(folder)) >= 1)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    call("resume", folder)
    assert Run(folder).info["status"] == "finished"
    assert numbers(folder) == numbers(undisturbed[0])


def test_killed_in_the_middle_goes_on_where_it_was(undisturbed: tuple[Path, str], tiny: Path, tmp_path: Path) -> None:
    folder = tmp_path / "killed"
    process = start("run", tiny, "--out", folder, *ENDLESS)
    wait_for(lambda: len(ended(folder)) >= 2, process)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    kept = {trial_id: states(folder)[trial_id] for trial_id in ended(folder)}
    process = start("resume", folder, "--max-concurrent", "1")
    shared = list(states(undisturbed[0]))  # the same trials: of the first two seeds
    wait_for(lambda: set(shared) <= set(ended(folder)) and len(ended(folder)) > len(kept), process)
    stop(process, signal.SIGINT)
    for trial_id, status in kept.items():
        assert states(folder)[trial_id] == status, "a finished trial was run again"
    assert numbers(folder, shared, ("validation",)) == numbers(undisturbed[0], shared, ("validation",))


def stops_cleanly_and_says_how_to_go_on(folder: Path, process: subprocess.Popen[str], number: int) -> None:
    output = stop(process, number)
    assert f"sweep resume {folder}" in output
    assert Run(folder).info["status"] == "interrupted"
    assert "failed" not in {status["status"] for status in states(folder).values()}
    assert not (folder / "owner").exists()


def test_ctrl_c_stops_cleanly_and_what_goes_on_keeps_its_settings(tiny: Path, tmp_path: Path) -> None:
    folder = tmp_path / "interrupted"
    process = start("run", tiny, "--out", folder, *ENDLESS)
    wait_for(lambda: len(states(folder)) >= 1, process)
    stops_cleanly_and_says_how_to_go_on(folder, process, signal.SIGINT)
    other = start("run", tiny, "--out", folder, "--resume", "--epochs", "3", *ENDLESS)
    refusal, _ = other.communicate(timeout=PATIENCE)
    assert other.returncode == 2
    assert "was started with space.epochs = 2" in refusal


def test_a_run_that_another_process_works_on_is_left_to_it_until_sigterm_ends_it_cleanly(
    tiny: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "owned"
    first = start("run", tiny, "--out", folder, *ENDLESS)
    wait_for(lambda: len(states(folder)) >= 1, first)
    for arguments in (("resume", folder), ("run", tiny, "--out", folder, "--resume", *ENDLESS)):
        second = start(*arguments)
        refusal, _ = second.communicate(timeout=PATIENCE)
        assert second.returncode == 2, refusal
        assert "Traceback" not in refusal
        assert f"error: process {first.pid} on " in refusal
        assert "wait until it has ended, or stop it first" in refusal
    known = len(states(folder))
    wait_for(lambda: len(states(folder)) > known, first)  # the first one was not disturbed
    assert all(status["attempts"] == 1 for status in states(folder).values())
    stops_cleanly_and_says_how_to_go_on(folder, first, signal.SIGTERM)


def test_a_chosen_trial_without_its_network_is_trained_again(undisturbed: tuple[Path, str], tmp_path: Path) -> None:
    folder = tmp_path / "run"
    shutil.copytree(undisturbed[0], folder)
    (first, *_) = Run(folder).selection()[0]["trial_ids"]
    (folder / "trials" / first / "best.pt").unlink()
    damaged = Run(folder).selection()[1]["trial_ids"][0]
    (folder / "trials" / damaged / "status.json").write_bytes(b"")
    (folder / "trials.json").write_bytes(b'[{"trial_id": "')
    (folder / "split.parquet").write_bytes(b"PAR1")
    output = call("resume", folder)
    assert "trials.json is damaged" in output
    assert "split.parquet was missing or damaged" in output
    assert f"Trial {first} was chosen, but" in output
    assert Run(folder).info["status"] == "finished"
    assert numbers(folder) == numbers(undisturbed[0])
    assert len(Run(folder).test_openings()) == 1, "the same networks came out: nothing is tested twice"
    assert {p.parent.name for p in folder.glob("trials/*/best.pt")} == set(states(undisturbed[0]))


def test_a_resume_by_another_torch_is_refused_or_told(undisturbed: tuple[Path, str], tmp_path: Path) -> None:
    folder = tmp_path / "run"
    shutil.copytree(undisturbed[0], folder)
    for path in folder.glob("trials/*/status.json"):
        status = json.loads(path.read_text())
        before = [{**known, "torch": "1.13.1"} for known in status["trained_with"]]
        path.write_text(json.dumps({**status, "trained_with": before}))
    process = start("resume", folder)
    refusal, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == 2
    assert "were trained with torch 1.13.1, but this is torch" in refusal
    assert "--allow-mixed" in refusal
    (folder / "trials" / Run(folder).selection()[0]["trial_ids"][0] / "status.json").unlink()
    output = call("resume", folder, "--allow-mixed")
    assert "from here on they are not, and the report says so" in output
    page = (folder / "report" / "index.html").read_text()
    assert "not all trained alike" in page
    assert "3 trial(s) were trained with balancing-act" in page


@pytest.mark.parametrize("retries", [0, 2])
def test_a_killed_worker_is_retried_or_listed_and_the_rest_goes_on(tiny: Path, tmp_path: Path, retries: int) -> None:
    folder = tmp_path / "faulty"
    more = ["--set", f"sweep.retries={retries}", "--techniques", "baseline", "--epochs", "4"]
    process = start("run", tiny, "--out", folder, *ENDLESS, *more)

    def running() -> list[dict]:
        return [status for status in states(folder).values() if status["status"] == "running" and "pid" in status]

    wait_for(running, process)
    os.kill(running()[0]["pid"], signal.SIGKILL)  # one worker runs all trials: whichever it is at, that one is hit
    if retries:
        wait_for(lambda: [s for s in states(folder).values() if (s["status"], s["attempts"]) == ("done", 2)], process)
    else:
        wait_for(lambda: [s for s in states(folder).values() if s["status"] == "failed"], process)
    before = len(ended(folder))
    wait_for(lambda: len(ended(folder)) > before, process)  # the rest goes on
    output = stop(process, signal.SIGINT)
    if not retries:
        (failed,) = [s for s in states(folder).values() if s["status"] == "failed"]
        assert failed["error"]
        assert failed["error"] in output
        assert list(folder.glob("trials/*/error.txt"))
