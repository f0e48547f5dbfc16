"""Whatever a tracker does beside a training, the training goes on; one sentence says what is missing."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import pytest

from balancing.errors import UserError
from sweep.runs.run import Run
from sweep.trackers import follow as following
from sweep.trackers.asked import Asked
from sweep.trackers.beside import tracked

_AWAY = "sweep log run --to mlflow"


def _python(code: str) -> tuple[str, ...]:
    return sys.executable, "-c", code


@pytest.mark.parametrize(
    ("code", "why"),
    [
        ("import sys; print('mlflow failed (no space)', file=sys.stderr); sys.exit(1)", "mlflow failed (no space)"),
        ("import os; os._exit(3)", "its process ended with 3"),
        ("import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)", "did not answer"),
        ("raise OSError('https://ada:s3cr3t@host is away')", "OSError: https://***@host is away"),
    ],
)
def test_a_tracker_that_fails_or_hangs_costs_one_sentence(code: str, why: str) -> None:
    said: list[str] = []
    begun = time.monotonic()
    with tracked("mlflow", Path("run"), said.append, patience=2.0, command=_python(code)):
        done = "the sweep's own work"
    assert done
    assert time.monotonic() - begun < 120
    (warning,) = said
    assert warning.startswith("Warning: mlflow was not told everything")
    assert why in warning
    assert _AWAY in warning
    assert "s3cr3t" not in warning


def test_what_lies_where_the_sweep_is_started_is_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("sweep", "balancing", "mlflow", "select"):
        (tmp_path / f"{name}.py").write_text(f"open('ran', 'w').write({name!r})\n")
    said: list[str] = []
    with tracked("mlflow", tmp_path / "never", said.append):
        pass
    assert not [one for one in said if one.startswith("Warning")]
    assert not (tmp_path / "ran").exists()


def test_what_stops_the_sweep_is_not_hidden_and_no_process_is_left(tmp_path: Path) -> None:
    mark = tmp_path / "pid"
    code = f"import os, time; open({str(mark)!r}, 'w').write(str(os.getpid())); time.sleep(600)"

    def sweep() -> None:
        with tracked("mlflow", Path("run"), lambda said: None, patience=0.1, command=_python(code)):
            while not (mark.exists() and mark.read_text()):
                time.sleep(0.05)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sweep()
    with pytest.raises(ProcessLookupError):
        os.kill(int(mark.read_text()), 0)


def test_an_unknown_tracker_is_refused_before_anything_begins() -> None:
    with pytest.raises(UserError, match="did you mean 'mlflow'"), tracked("mlfow", Path("run"), print):
        raise AssertionError("it began")


def test_nothing_is_tracked_where_nobody_asked() -> None:
    with tracked(None, Path("run"), print, command=("/no/such/program",)):
        pass


def test_following_tells_what_ended_and_ends_when_the_sweep_does(stored: Run) -> None:
    read, write = os.pipe()
    os.close(write)  # the sweep has ended
    following.follow(stored.path, Asked("mlflow"), read, every=0.01)
    os.close(read)
    from tests.sweep.trackers.test_mlflow import _known_warnings, _read

    with _known_warnings():
        assert len(_read(stored.path.parent)[1]) == len(stored.specs())


def test_following_a_run_that_never_began_ends_too(tmp_path: Path) -> None:
    read, write = os.pipe()
    os.close(write)
    following.follow(tmp_path / "run", Asked("mlflow"), read, every=0.01)
    os.close(read)
