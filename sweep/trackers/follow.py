"""A process beside a training that tells a tracker of trials as they end; ``sweep.trackers.beside`` starts it.

It reads the run's folder alone. Where the tracker fails it tries again; it ends when its input is closed, after a last
look, or at once where the run never began.
"""

from __future__ import annotations

import os
import select
import sys
from pathlib import Path

from balancing.errors import UserError
from sweep.trackers.asked import Asked
from sweep.trackers.log import Logging

EVERY = 5.0  # seconds between two looks
LONGEST = 120.0  # seconds between two tries of a tracker that fails


def follow(path: Path, asked: Asked, ended: int, every: float = EVERY) -> None:
    """Logs a run until a file descriptor is at its end.

    Args:
        path: the run's folder, made or to be made.
        asked: where to.
        ended: a file descriptor of a pipe.
        every: seconds between two looks.
    Raises:
        UserError: the tracker failed in the last look.
    """
    open_one: Logging | None = None
    wait, last = every, False
    while True:
        if (path / "run.json").is_file():
            try:
                open_one = open_one or Logging(path, asked)
                open_one.once()
                wait = every
            except UserError:
                open_one = None  # opened anew: it says what it has of what was told in part
                if last:
                    raise
                wait = min(2 * wait, LONGEST)
        if last:
            if open_one is not None:
                open_one.close()
            return
        last = bool(select.select([ended], [], [], wait)[0])


def main() -> None:
    """With TRACKER and RUN as arguments: addresses and keys are of the environment alone."""
    to, path = sys.argv[1:]
    os.nice(10)  # training comes first
    try:
        follow(Path(path), Asked(to), sys.stdin.fileno())
    except UserError as error:
        print(str(error), file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
