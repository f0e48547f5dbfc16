"""What the chaos benchmark counts: laws of its bookkeeping, on run folders made by hand and pretended commands."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from benchmarks import chaos_cases
from benchmarks.chaos import configuration, main
from benchmarks.chaos_cases import one_case
from benchmarks.chaos_outcomes import COLUMNS, KINDS, PLACES, Outcome, add_result, read_results, table
from benchmarks.chaos_places import Undisturbed
from benchmarks.chaos_processes import Command, processes_of
from benchmarks.chaos_records import Watched, differing, leftovers, tables, unfinished
from sweep.config.config import build_config

LINUX = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="processes are found by /proc, which Linux has")


def write_trial(run: Path, name: str, status: str = "done", attempts: int = 1, loss: float = 0.5, **more: Any) -> Path:
    folder = run / "trials" / name
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "status.json").write_text(json.dumps({"status": status, "attempts": attempts, **more}))
    (folder / "epochs.json").write_text(json.dumps([{"epoch": 1, "train_loss": loss, "seconds": time.monotonic()}]))
    pd.DataFrame({"row": [3, 4], "p_0": [loss, 0.25]}).to_parquet(folder / "validation.parquet")
    (folder / "best.pt").write_bytes(b"network")
    return folder


def write_run(run: Path, **trial: Any) -> Path:
    for name in ("a", "b"):
        write_trial(run, name, **trial)
    (run / "trials.json").write_text(json.dumps([{"trial_id": "a"}, {"trial_id": "b"}]))
    (run / "selection.json").write_text(json.dumps([{"technique": "baseline", "trial_ids": ["a"]}]))
    (run / "run.json").write_text(json.dumps({"status": "finished"}))
    (run / "report" / "tables").mkdir(parents=True, exist_ok=True)
    (run / "report" / "index.html").write_text("")
    (run / "report" / "tables" / "costs.csv").write_text(f"technique,seconds,ended\nbaseline,{time.monotonic()},2\n")
    return run


def test_a_finished_trial_that_is_begun_again_is_lost_and_trained_twice(tmp_path: Path) -> None:
    watched = Watched()
    write_run(tmp_path)
    watched.look(tmp_path)
    assert (watched.lost(tmp_path), watched.trained_twice(tmp_path)) == ([], [])
    write_trial(tmp_path, "a", status="running", attempts=2)
    watched.look(tmp_path)
    assert (watched.lost(tmp_path), watched.trained_twice(tmp_path)) == (["a"], ["a"])
    write_trial(tmp_path, "a", attempts=2)
    assert (watched.lost(tmp_path), watched.trained_twice(tmp_path)) == (["a"], ["a"])


@pytest.mark.parametrize("damage", ["status.json", "epochs.json", "validation.parquet"])
def test_a_finished_trial_with_a_damaged_record_is_lost_but_not_trained_twice(tmp_path: Path, damage: str) -> None:
    watched = Watched()
    write_run(tmp_path)
    watched.look(tmp_path)
    (tmp_path / "trials" / "b" / damage).write_bytes(b"")
    assert (watched.lost(tmp_path), watched.trained_twice(tmp_path)) == (["b"], [])


def test_a_trial_under_way_may_begin_again(tmp_path: Path) -> None:
    watched = Watched()
    write_trial(tmp_path, "a", status="running", attempts=1, loss=0.7)
    watched.look(tmp_path)
    write_trial(tmp_path, "a", attempts=2)
    watched.look(tmp_path)
    assert (watched.lost(tmp_path), watched.trained_twice(tmp_path)) == ([], [])


def test_tables_are_equal_but_for_times(tmp_path: Path) -> None:
    first, second = write_run(tmp_path / "first"), write_run(tmp_path / "second", attempts=3, changed="later")
    assert differing(tables(first), tables(second)) == []


def test_every_number_counts(tmp_path: Path) -> None:
    first, second = tables(write_run(tmp_path / "first")), tables(write_run(tmp_path / "second", loss=0.5000001))
    changed = [f"trials/{trial}/{name}" for trial in "ab" for name in ("epochs.json", "validation.parquet")]
    assert differing(first, second) == changed
    (tmp_path / "first" / "trials" / "a" / "best.pt").unlink()
    assert differing(first, tables(tmp_path / "first")) == ["networks"]
    (tmp_path / "first" / "report" / "tables" / "costs.csv").unlink()
    assert differing(first, tables(tmp_path / "first")) == ["networks", "report/tables/costs.csv"]


def test_a_run_is_finished_when_all_trials_have_ended_and_its_report_is_there(tmp_path: Path) -> None:
    assert unfinished(tmp_path / "none") == ["run"]
    run = write_run(tmp_path)
    assert unfinished(run) == []
    write_trial(run, "b", status="failed")
    assert unfinished(run) == ["b"]
    write_trial(run, "b")
    (run / "report" / "index.html").unlink()
    assert unfinished(run) == ["run"]


def test_leftovers_are_what_killed_writers_and_unfinished_trials_leave(tmp_path: Path) -> None:
    run = write_run(tmp_path)
    assert leftovers(run) == []
    (run / "trials" / "a" / ".last.pt.12.ab").write_bytes(b"")
    (run / "trials" / "b" / "last.pt").write_bytes(b"")
    assert leftovers(run) == ["trials/a/.last.pt.12.ab", "trials/b/last.pt"]


def test_the_table_counts_cases_that_were_struck(tmp_path: Path) -> None:
    good = Outcome("driver", "local", 0, 1.0, struck=True, seconds=20.0)
    bad = replace(good, number=1, lost=["a", "b"], twice=["a"], differing=["networks"], failed_resumes=3, seconds=61.0)
    (row,) = table([good, bad, replace(bad, number=2, struck=False)])
    assert dict(zip(COLUMNS, row, strict=True)) == {
        "killed": KINDS["driver"],
        "on": PLACES["local"],
        "kills": 2,
        "finished trials lost": 2,
        "trained twice": 1,
        "tables equal": "1 of 2",
        "resumes that failed": 3,
        "ended badly": 0,
        "processes left": 0,
        "files left": 0,
        "longest to the end": "61 s",
    }
    assert (good.clean, bad.clean) == (True, False)


def test_results_outlive_a_line_cut_short(tmp_path: Path) -> None:
    path, outcome = tmp_path / "chaos.jsonl", Outcome("driver", "local", 0, 1.0, codes=[-9, 0])
    assert read_results(path) == []
    add_result(path, outcome)
    path.write_text(path.read_text() + '{"kind": "dri')
    add_result(path, replace(outcome, number=1))
    assert read_results(path) == [outcome, replace(outcome, number=1)]


def test_what_is_done_already_is_not_killed_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("benchmarks.common.machine", lambda: "this machine")  # asking for it imports torch
    path = tmp_path / "chaos.jsonl"
    add_result(path, Outcome("driver", "local", 0, 1.0, struck=True, seconds=20.0))
    main(["--n", "1", "--kinds", "driver", "--places", "local", "--results", str(path)])
    assert "| the driver, -9 | a local Ray | 1 " in capsys.readouterr().out
    main(["--n", "2", "--table", "--results", str(path)])
    assert "| the driver, -9 | a local Ray | 1 " in capsys.readouterr().out
    with pytest.raises(SystemExit):
        main(["--kinds", "drivers", "--results", str(path)])
    assert "not drivers" in capsys.readouterr().err


def test_the_sweep_that_is_killed_is_a_valid_configuration() -> None:
    config = build_config(configuration(seeds=2, epochs=3))
    assert config.train.resume_seconds == 0


@pytest.mark.parametrize("kind", [*KINDS])
def test_a_moment_scales_with_the_sweep_and_lies_within_its_window(kind: str) -> None:
    calm = Undisturbed(40.0, {"worker": (0.25, 0.75)}, {})
    first, last = (10.0, 30.0) if kind == "worker" else (0.0, 40.0)
    assert (calm.moment(kind, 0.0), calm.moment(kind, 1.0)) == (first, last)
    assert replace(calm, seconds=20.0).moment(kind, 0.3) == pytest.approx(calm.moment(kind, 0.3) / 2)


@LINUX
def test_only_processes_that_hold_a_file_of_the_folder_open_are_found(tmp_path: Path) -> None:
    mine, other = tmp_path / "mine", tmp_path / "mine-too"
    code = "import sys, time; file = open('log', 'w'); print(flush=True); time.sleep(60)"
    started = []
    for folder in (mine, other):
        folder.mkdir()
        started.append(subprocess.Popen([sys.executable, "-c", code], cwd=folder, stdout=subprocess.PIPE))
    try:
        for process in started:
            assert process.stdout is not None
            process.stdout.readline()
        (found,) = processes_of(mine)
        assert found.pid == started[0].pid
        found.kill()
        assert started[0].wait(30) == -9
        assert processes_of(mine) == []
        assert started[1].poll() is None
    finally:
        for process in started:
            process.kill()
            process.communicate()


def test_a_command_s_refusal_is_told_from_a_failure(tmp_path: Path) -> None:
    command = Command(["resume", tmp_path / "nothing"], tmp_path / "log", tmp_path)
    assert command.wait(time.monotonic() + 120)
    assert (command.code, command.refused, command.broke) == (2, True, False)


class Pretended:
    """A command that ends with a code when its end is waited for (a hang: None), or by a signal before."""

    began = 0.0
    arguments = ("resume",)

    def __init__(self, ends_with: int | None):
        self.code: int | None = None
        self._ends_with = ends_with

    @property
    def broke(self) -> bool:
        return self.code == 1

    @property
    def refused(self) -> bool:
        return self.code == 2

    def signal(self, number: int) -> None:
        self.code = -int(number)

    def wait(self, until: float, meanwhile: Any = None) -> bool:
        if self.code is None and until == PretendedBench.DEADLINE:
            self.code = self._ends_with
        return self.code is not None

    def end(self) -> None:
        self.code = self.code if self.code is not None else -9


class PretendedBench:
    """Hands out commands that do nothing, on a run that is finished after the first of them."""

    DEADLINE = -1.0

    def __init__(self, folder: Path, commands: list[Pretended]):
        self._folder, self._commands = folder, commands
        self.first: list[Pretended] = []
        self.took_seconds: list[float] = []
        self._tables = tables(write_run(folder / "calm"))

    def undisturbed(self, place: str) -> Undisturbed:
        return Undisturbed(1.0, {}, self._tables)

    @contextmanager
    def folder(self, *, small_disk: bool = False) -> Iterator[Path]:
        write_run(self._folder / "disk" / "run")
        yield self._folder

    def begin(self, place: str, log: Path, run: Path) -> Pretended:
        log.write_text("output")
        return self.first.pop(0) if self.first else Pretended(None)

    def took(self, place: str, seconds: float) -> None:
        self.took_seconds.append(seconds)

    def resume(self, place: str, log: Path, run: Path) -> Pretended:
        return self._commands.pop(0)

    def deadline(self, place: str) -> float:
        return self.DEADLINE

    def left(self, place: str) -> list[Any]:
        return []

    def clean(self, place: str, *, broken: bool = False) -> None:
        pass


def pretend(tmp_path: Path, kind: str, *commands: Pretended) -> Outcome:
    bench: Any = PretendedBench(tmp_path, list(commands))
    return one_case(bench, kind, "local", 0, seed=0, logs=tmp_path / "kept")


@pytest.mark.parametrize(
    ("codes", "failed", "badly"),
    [
        ((0, 2), 0, []),
        ((2, 0), 0, []),
        ((0, 0), 0, ["none was refused"]),
        ((0, 1), 1, ["resume: traceback", "none was refused"]),
        ((1, 2, 0), 1, ["resume: traceback"]),
        ((2, 2, 0), 1, ["both were refused"]),
    ],
)
def test_of_two_resumes_exactly_one_is_to_be_refused(
    tmp_path: Path, codes: tuple[int, ...], failed: int, badly: list[str]
) -> None:
    found = pretend(tmp_path, "two", *[Pretended(code) for code in codes])
    assert (found.failed_resumes, found.badly) == (failed, badly)
    assert found.codes == [-9, *codes]


def test_a_killed_driver_is_resumed_until_the_run_is_finished(tmp_path: Path) -> None:
    found = pretend(tmp_path, "driver", Pretended(1), Pretended(None), Pretended(0))
    assert (found.resumes, found.failed_resumes, found.struck) == (3, 2, True)
    assert found.codes == [-9, 1, None, 0]
    assert found.badly == ["resume: traceback", "resume hung"]
    assert (tmp_path / "kept" / "driver-local-0" / "log0").read_text() == "output"
    assert not pretend(tmp_path, "driver", *[Pretended(1)] * chaos_cases.RESUMES).clean


def test_a_sweep_that_ends_before_its_kill_is_begun_once_more(tmp_path: Path) -> None:
    bench: Any = PretendedBench(tmp_path, [Pretended(0)])
    bench.first = [Pretended(None)]
    bench.first[0].code = 0
    found = one_case(bench, "driver", "local", 0, seed=0, logs=tmp_path / "kept")
    assert (found.struck, found.codes, len(bench.took_seconds)) == (True, [-9, 0], 1)


def test_sigterm_is_to_end_with_the_code_of_an_interrupt(tmp_path: Path) -> None:
    assert "exit code -15" in pretend(tmp_path, "sigterm", Pretended(0)).badly
