"""A tracker while a sweep trains: in a process of its own, so that whatever it does no trial knows of it."""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from sweep.trackers.asked import require
from sweep.trackers.secrets import without_secrets

PATIENCE = 60.0  # seconds that it has for what is left when the sweep has ended
_SOON = 3.0  # seconds after which one is told what is waited for
# Without the folder that it is started in, where anything may lie that is called as a module is; but with this package.
_FOLLOW = "import sys; sys.path.append(sys.argv.pop(1)); from sweep.trackers.follow import main; main()"
_COMMAND = (sys.executable, "-P", "-c", _FOLLOW, str(Path(__file__).parents[2]))


@contextlib.contextmanager
def tracked(
    to: str | None,
    path: Path,
    note: Callable[[str], None],
    *,
    patience: float = PATIENCE,
    command: Sequence[str] = _COMMAND,
) -> Iterator[None]:
    """While this is open, trials that end are told to a tracker.

    What goes wrong costs one sentence: the tracker is tried again while the sweep goes on, and has ``patience`` seconds
    at its end; ``sweep log`` then tells what is missing.

    Args:
        to: ``mlflow`` or ``wandb``; None tracks nothing.
        path: the run's folder, made or to be made.
        note: is given a sentence for the user.
        patience: seconds.
        command: what follows the run, less the tracker and the folder.
    Raises:
        UserError: there is no such tracker, or its library is not installed; nothing has begun.
    """
    if to is None:
        yield
        return
    require(to)
    with tempfile.TemporaryFile() as errors, _process([*command, to, str(path.absolute())], errors, note) as process:
        try:
            yield
        finally:
            if process is not None:
                fault = _ended(process, patience, to, note)
                if fault == "":
                    errors.seek(0)
                    lines = errors.read()[-20_000:].decode(errors="replace").strip().splitlines()
                    fault = (
                        without_secrets(lines[-1])[:500] if lines else f"its process ended with {process.returncode}"
                    )
                if fault is not None:
                    again = f"sweep log {shlex.quote(str(path))} --to {to}"
                    note(
                        f"Warning: {to} was not told everything ({fault}); the run is whole, `{again}` tells the rest."
                    )


@contextlib.contextmanager
def _process(
    command: Sequence[str], errors: object, note: Callable[[str], None]
) -> Iterator[subprocess.Popen[bytes] | None]:
    """The process in a session of its own, so that a terminal's Ctrl-C is not its; None where it can't be started."""
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=errors,  # type: ignore[call-overload] # a file
            start_new_session=True,
        )
    except OSError as error:
        note(f"Warning: nothing is tracked, for its process can't be started ({error.strerror}).")
        yield None
        return
    try:
        yield process
    finally:
        if process.poll() is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        if process.stdin is not None:
            with contextlib.suppress(OSError):
                process.stdin.close()


def _ended(process: subprocess.Popen[bytes], patience: float, to: str, note: Callable[[str], None]) -> str | None:
    """Waits for the last look: None where all is told, what was wrong, or "" where the process itself says it."""
    if process.stdin is not None:
        with contextlib.suppress(OSError):
            process.stdin.close()
    with contextlib.suppress(subprocess.TimeoutExpired):
        return None if process.wait(min(_SOON, patience)) == 0 else ""
    if patience > _SOON:
        note(f"Telling {to} of the last trials ...")
        with contextlib.suppress(subprocess.TimeoutExpired):
            return None if process.wait(patience - _SOON) == 0 else ""
    return f"it did not answer for {patience:.0f} s"
