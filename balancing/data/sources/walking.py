"""Which files of a folder may be data: not a system's own, nor what this tool wrote."""

from __future__ import annotations

import os
from pathlib import Path

_RUBBISH = frozenset((
    "thumbs.db", "desktop.ini", "__macosx", "@eadir", "#recycle", "$recycle.bin", "system volume information",
    "lost+found", "__pycache__",
))  # fmt: skip


def is_rubbish(path: str) -> bool:
    """Whether a path is a system's own: dot files, ``__MACOSX``, ``Thumbs.db``, a storage's ``@eaDir``."""
    return any(part.startswith(".") or part.lower() in _RUBBISH for part in path.split("/"))


# What this tool itself writes, by the files in it: a run folder (whole, or begun), an entry of the cache.
_OWN = (frozenset({"run.json"}), frozenset({"config.yaml", "split.parquet"}), frozenset({"meta.json", "rows.parquet"}))


def walk(root: Path) -> tuple[list[str], list[str]]:
    """All files below a folder but the systems' own, and the folders that this tool wrote, which are passed over.

    ``runs`` is passed over whole where it holds a run folder. The root itself is always looked into.

    Returns:
        files and folders, as sorted paths below the root; links are followed, each folder once.
    """
    files: list[str] = []
    passed: list[str] = []
    visited = set()
    top = os.fspath(root)
    for folder, subfolders, names in os.walk(top, followlinks=True):
        found = os.stat(folder)
        if (found.st_dev, found.st_ino) in visited:
            subfolders.clear()
            continue
        visited.add((found.st_dev, found.st_ino))
        below = folder[len(top) :].replace(os.sep, "/").strip("/")  # text: pathlib would take ten times as long
        prefix = f"{below}/" if below else ""
        if prefix and (_is_own(names) or (os.path.basename(folder) == "runs" and _holds_a_run(folder, subfolders))):
            passed.append(below)
            subfolders.clear()
            continue
        subfolders[:] = sorted(name for name in subfolders if not is_rubbish(name))
        files += [prefix + name for name in names if not is_rubbish(name)]
    return sorted(files), sorted(passed)


def without_devices(root: Path, files: list[str], suffixes: tuple[str, ...]) -> list[str]:
    """The files but the pipes, devices and sockets among those of some suffixes, which would be waited for for ever.

    Args:
        root: of the paths.
        suffixes: in lower case; other files are not looked at.
    """
    return [
        path
        for path in files
        if not path.lower().endswith(suffixes)
        or not os.path.exists(f"{root}/{path}")
        or os.path.isfile(f"{root}/{path}")
    ]


def _is_own(names: list[str]) -> bool:
    return any(own.issubset(names) for own in _OWN)


def _holds_a_run(folder: str, subfolders: list[str]) -> bool:
    return any(os.path.isfile(f"{folder}/{name}/run.json") for name in subfolders)


def passed_over(folders: list[str]) -> tuple[str, ...]:
    """The note on folders that ``walk`` passed over."""
    if not folders:
        return ()
    more = f" and {len(folders) - 3} more" if len(folders) > 3 else ""
    return (f"Folders that this tool wrote are no data and are passed over: {', '.join(folders[:3])}{more}.",)
