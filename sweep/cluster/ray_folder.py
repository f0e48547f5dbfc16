"""Where a Ray that starts here keeps its sockets, logs and files: within a folder that its user alone can enter.

Ray opens all its folders to everybody's writing (0777), by default below ``/tmp/ray``. Whoever can put a socket of
their own there is spoken to by Ray's processes, which unpickle what they are sent.
"""

from __future__ import annotations

import os
import stat
import tempfile
from pathlib import Path

from balancing.errors import UserError

# Not below $TMPDIR: the path of a socket may have 107 letters, and Ray's own part of it has 60.
_PARENT = Path("/tmp")


def private_folder() -> str | None:
    """The folder to start Ray with, closed to others by the one above it; made where missing.

    Returns:
        None where ``RAY_TMPDIR`` names another place, or where the system has no users: then Ray chooses.
    Raises:
        UserError: no such folder can be made.
    """
    if os.environ.get("RAY_TMPDIR") or os.name != "posix":
        return None
    wanted = _PARENT / f"balancing-act-{os.geteuid()}"
    try:
        outer = wanted if _made(wanted) else Path(tempfile.mkdtemp(prefix=f"{wanted.name}-", dir=_PARENT))
        inner = outer / "ray"
        inner.mkdir(exist_ok=True)
    except OSError as error:
        raise UserError(
            f"Ray needs a folder below {_PARENT}, but none can be made there ({error.strerror}); name another place in "
            "RAY_TMPDIR, which no one but you can enter"
        ) from error
    return str(inner)


def _made(folder: Path) -> bool:
    """Whether the folder is there, ours, no link, and closed to others; another user may have taken its name first."""
    try:
        folder.mkdir(mode=0o700)
    except FileExistsError:
        found = folder.lstat()
        return stat.S_ISDIR(found.st_mode) and _is_ours(found) and not found.st_mode & 0o077
    return True


def _is_ours(found: os.stat_result) -> bool:
    return found.st_uid == os.geteuid()
