"""What watches a sweep from the driver decides nothing: not a broken terminal, not a drawing that fails."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from sweep.runs.events import TrialEvents
from sweep.runs.interrupts import Interrupts
from sweep.runs.run import Run
from tests.sweep.fake_run import fake_images, fake_run

pytestmark = [pytest.mark.filterwarnings("ignore::DeprecationWarning"), pytest.mark.filterwarnings("ignore:Tip.*")]


class BrokenTerminal:
    """As ``sweep.cli.progress.Progress`` on a pipe that nobody reads any more."""

    def __getattr__(self, name: str) -> Any:
        def write(*given: Any) -> None:
            raise BrokenPipeError("nobody reads")

        return write


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("source")
    return fake_run(folder / "run", fake_images(folder / "images"), techniques=("baseline",), failing=False)


@pytest.fixture
def run(source: Run, tmp_path: Path) -> Run:
    shutil.copytree(source.path, tmp_path / "run")
    return Run(tmp_path / "run")


def stopped_by_the_scheduler(run: Run) -> Any:
    """A Tune trial after its first epoch, whose records say that it runs."""
    spec = run.specs()[0]
    run.trial(spec.trial_id).write_status("running", best_epoch=1)
    return SimpleNamespace(
        trial_id="t",
        config={"spec": spec.to_dict()},
        last_result={"epoch": 1, "numbers": {}},
        get_error=lambda: None,
        error_file=None,
    )


def watcher(run: Run, progress: Any, interrupts: Interrupts | None = None) -> Any:
    from sweep.cluster.tuner import _Watcher

    return _Watcher(run, progress, {}, interrupts or Interrupts())


def test_a_terminal_that_is_gone_ends_no_sweep(run: Run) -> None:
    found, trial = watcher(run, BrokenTerminal()), stopped_by_the_scheduler(run)
    found.on_trial_start(0, [], trial)
    found.on_trial_result(0, [], trial, {"numbers": {"epoch": 1}})
    found.on_trial_complete(0, [], trial)
    assert run.trial(run.specs()[0].trial_id).status()["status"] == "stopped"
    trial = stopped_by_the_scheduler(run)
    found.on_trial_error(0, [], trial)
    assert run.trial(run.specs()[0].trial_id).status()["status"] == "failed"
    assert (run.trial(run.specs()[0].trial_id).path / "error.txt").read_text() == "the worker was lost"


def test_the_first_failure_is_told_by_its_own_error_also_where_nothing_tries_again(run: Run, tmp_path: Path) -> None:
    """Tune has noted it in the trial's local folder, and in its storage, where it looks for it, not yet."""
    (tmp_path / "error").write_text("Failure # 1\nTraceback\n  File x\nValueError: no such thing\n\n")
    trial, told = stopped_by_the_scheduler(run), []
    trial.error_file = str(tmp_path / "error")
    progress = SimpleNamespace(ended=lambda *given: told.append(given))
    watcher(run, progress).on_trial_error(0, [], trial)
    folder = run.trial(run.specs()[0].trial_id)
    assert told == [(run.specs()[0].trial_id, "failed", "ValueError: no such thing")]
    assert folder.status()["error"] == "ValueError: no such thing"
    assert "Traceback" in (folder.path / "error.txt").read_text()


@pytest.mark.parametrize("ended", ["done", "stopped"])
def test_a_trial_that_ended_before_its_worker_was_lost_or_killed_is_no_failure(run: Run, ended: str) -> None:
    trial, told = stopped_by_the_scheduler(run), []
    folder = run.trial(run.specs()[0].trial_id)
    folder.write_status(ended)
    progress = SimpleNamespace(ended=lambda *given: told.append(given))
    watcher(run, progress).on_trial_error(0, [], trial)
    assert folder.status()["status"] == ended
    assert told == [(run.specs()[0].trial_id, ended, "")]


def test_a_figure_that_cannot_be_drawn_leaves_the_trial_stopped_for_the_reason_it_was(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*given: Any) -> None:
        raise MemoryError("std::bad_alloc")

    monkeypatch.setattr(TrialEvents, "finish", broken)
    run.events_folder(run.specs()[0]).mkdir(parents=True)  # of the epochs before
    trial, told = stopped_by_the_scheduler(run), []
    progress = SimpleNamespace(ended=lambda *given: told.append(given))
    watcher(run, progress).on_trial_complete(0, [], trial)
    status = run.trial(run.specs()[0].trial_id).status()
    assert status["status"] == "stopped"
    assert status["events_error"] == "MemoryError: std::bad_alloc"
    assert told == [(run.specs()[0].trial_id, "stopped", "")]


def test_workers_that_die_because_the_user_stops_did_not_fail(run: Run) -> None:
    interrupts, trial = Interrupts(), stopped_by_the_scheduler(run)
    interrupts.asked = True  # and what was raised for it got lost
    with pytest.raises(KeyboardInterrupt):
        watcher(run, BrokenTerminal(), interrupts).on_trial_error(0, [], trial)
    assert run.trial(run.specs()[0].trial_id).status()["status"] == "running"
    with pytest.raises(KeyboardInterrupt):
        watcher(run, BrokenTerminal(), interrupts).on_step_begin(0, [])
