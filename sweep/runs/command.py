"""By what a run was begun."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path


def command() -> str:
    """The ``sweep`` command of this process; another program's arguments are its own affair and not recorded."""
    program = Path(sys.argv[0] if sys.argv else "")
    if program.name in ("sweep", "sweep.exe") or program.parts[-3:] == ("sweep", "cli", "__main__.py"):
        return shlex.join(["sweep", *sys.argv[1:]])
    return "a Python program"
