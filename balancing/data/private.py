"""Who may read and write the cache: its owner alone, whatever the umask, unless a group was said to share it."""

from __future__ import annotations

import contextlib
import os
import stat
from pathlib import Path

from balancing.errors import UserError

SHARED_VARIABLE = "BALANCING_ACT_CACHE_SHARED"
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def shared() -> bool:
    """Whether the user says that a group shares the cache."""
    return os.environ.get(SHARED_VARIABLE, "").strip().lower() in ("1", "true", "yes", "on")


def make_folder(folder: Path, *, group_writes: bool = False) -> None:
    """Makes a folder where there is none: for its owner alone, or for the group where the cache is shared.

    Args:
        group_writes: whether a sharing group may write there too.
    """
    if folder.is_dir():
        return
    folder.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(FileExistsError):  # another process was faster
        folder.mkdir(mode=0o700)
        if shared():  # the group that a set-group-id folder hands down stays
            kept = stat.S_IMODE(folder.stat().st_mode) & stat.S_ISGID
            folder.chmod(kept | (0o770 if group_writes else 0o750))


def close_to_others(path: Path) -> None:
    """Takes from a file or folder of ours what others than its owner may do there.

    In a shared cache the group may read. What is another user's, or on a file system without modes, stays as it is.
    """
    with contextlib.suppress(OSError):
        found = path.lstat()
        if stat.S_ISLNK(found.st_mode) or found.st_uid != _user():
            return
        mode = stat.S_IMODE(found.st_mode)
        group = (0o050 if stat.S_ISDIR(found.st_mode) else 0o040) if shared() else 0
        if mode != (wanted := mode & ~_OTHERS | group):
            path.chmod(wanted)


def close_entry(folder: Path) -> None:
    """``close_to_others`` for a folder and the files in it."""
    with contextlib.suppress(OSError):
        for path in (*folder.iterdir(), folder):
            close_to_others(path)


def open_to_others(folder: Path) -> bool:
    """Whether a folder of ours can be entered or read by others, though no group shares the cache."""
    found = folder.stat()
    return not shared() and found.st_uid == _user() and bool(found.st_mode & _OTHERS)


def check_owner(folder: Path, variable: str) -> None:
    """Raises UserError where somebody else could put into the folder what we would take for our own images.

    Args:
        variable: the environment variable that names the folder, for the message.
    """
    if _user() is None:
        return
    link, found = folder.lstat(), folder.stat()
    trusted = _trusted()
    if not shared():
        for owner in (link.st_uid, found.st_uid):
            if owner not in trusted:
                raise UserError(
                    f"the cache folder {folder} belongs to another user (id {owner}), who could read and change your "
                    f"images there; name a folder of your own in {variable}, or set {SHARED_VARIABLE}=1 where a group "
                    "shares it"
                )
    group_writes = bool(found.st_mode & stat.S_IWGRP) and not shared()
    if group_writes or found.st_mode & stat.S_IWOTH:
        who = "its group" if not found.st_mode & stat.S_IWOTH else "everybody"
        raise UserError(
            f"the cache folder {folder} can be written by {who} (mode {stat.S_IMODE(found.st_mode):04o}), who could "
            f"change your images there; make it yours by `chmod go-w`, or name a folder of your own in {variable}"
            + (f", or set {SHARED_VARIABLE}=1 where the group shares it" if who == "its group" else "")
        )


def _trusted() -> set[int | None]:
    """Ourselves, and the superuser, who can change everything anyway."""
    return {_user(), 0}


def _user() -> int | None:
    """The user's id; None where the system has none."""
    return os.geteuid() if hasattr(os, "geteuid") else None
