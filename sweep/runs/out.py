"""Where a new run goes: asked for, and claimed, before anything long starts."""

from __future__ import annotations

import contextlib
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path

from balancing.errors import UserError
from sweep.runs.files import Guard, is_unfinished
from sweep.runs.owner import NotOwner, Owner

# What a start that was killed before run.json was written can have left; owner/ may be of this very start.
_HALF = {"config.yaml", "split.parquet", "bad_images.json", "owner"}


def claim_out(path: Path, say: Callable[[str], None], *, resume: bool) -> Owner:
    """Makes a run's folder, and this process its owner.

    Args:
        path: where the run shall be.
        say: see ``Owner``.
        resume: what a killed start left there may be written over.
    Raises:
        UserError: it can't be made or written to, holds something else, or another process works on it.
    """
    try:
        check_free(path, resume=resume)
        return Owner(path, say)
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        raise UserError(f"--out {_short(path)} can't be made or written to ({why}); give another folder") from error


@contextlib.contextmanager
def no_half(path: Path, guard: Guard) -> Iterator[None]:
    """Where what is done within fails before run.json is written, what it wrote is taken away again.

    Args:
        path: where the run shall be.
        guard: raises where another process works there now: then it is that one's.
    """
    try:
        yield
    except BaseException:
        with contextlib.suppress(NotOwner, OSError):
            guard()
            if not (path / "run.json").exists():
                for name in _HALF - {"owner"}:
                    (path / name).unlink(missing_ok=True)
        raise


def leave_out(path: Path, made: set[Path]) -> None:
    """Takes an empty run folder, and the empty parents that were made for it, away again."""
    for folder in (path, *path.parents):
        if folder not in made:
            return
        with contextlib.suppress(OSError):
            folder.rmdir()


def missing_folders(path: Path) -> set[Path]:
    """The folder and those of its parents that are not there yet."""
    try:
        return {folder for folder in (path, *path.parents) if not folder.exists()}
    except OSError:
        return set()


def check_free(path: Path, *, resume: bool = False) -> None:
    """Raises UserError where ``path`` is a file, holds a run, or holds anything else.

    Args:
        resume: what a start that was killed before its first trial left there is no hindrance.
    """
    shown, quoted = _short(path), shlex.quote(str(path))
    try:
        str(path).encode()
    except UnicodeEncodeError:
        raise UserError(f"--out {shown} is no text in UTF-8, so no record can name it; give another name") from None
    for folder in (path, *path.parents):
        if folder.is_symlink() and not folder.exists():
            raise UserError(f"--out {shown} is a link to nowhere ({_short(folder)}); mend it, or give a new folder")
    if path.exists() and not path.is_dir():
        raise UserError(f"--out {shown} is a file; give a new folder")
    if not path.exists():
        return
    names = {entry.name for entry in path.iterdir() if not is_unfinished(entry.name)}
    if "run.json" in names:
        raise UserError(
            f"--out {shown} holds another run; go on with it by `sweep resume {quoted}`, or give a new folder"
        )
    if names <= {"owner"}:
        return
    if names <= _HALF:
        if resume:
            return
        raise UserError(
            f"--out {shown} holds the beginning of a run that was killed before its first trial; add --resume to start "
            "it anew there, or give a new folder"
        )
    raise UserError(f"--out {shown} is not empty and holds no run; give a new or empty folder")


def _short(path: Path) -> str:
    text = str(path)
    return text if len(text) <= 120 else f"{text[:100]}... ({len(text)} characters)"
