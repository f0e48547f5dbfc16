"""Places that cannot be written or read: for runs, tables and pictures; damaged caches and odd homes."""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from pathlib import Path

from benchmarks.malformed_call import Case, Place, Skip
from benchmarks.malformed_images import flipped
from benchmarks.malformed_sound import SMALL, copied


def _in_a_file(place: Place) -> str:
    (place.folder / "file").write_bytes(b"x")
    return "file/below"


def _a_file(place: Place) -> str:
    (place.folder / "file").write_bytes(b"x")
    return "file"


def _dangling(place: Place) -> str:
    os.symlink("nowhere/at/all", place.folder / "link")
    return "link"


def _in_dangling(place: Place) -> str:
    os.symlink("/proc/nowhere", place.folder / "link")
    return "link/below"


def _itself(place: Place) -> str:
    os.symlink("link", place.folder / "link")
    return "link"


def _pipe(place: Place) -> str:
    os.mkfifo(place.folder / "pipe")
    return "pipe"


def _folder(place: Place) -> str:
    (place.folder / "full").mkdir()
    (place.folder / "full" / "x").write_bytes(b"x")
    return "full"


def _read_only(place: Place) -> str:
    folder = place.folder / "locked"
    folder.mkdir(mode=0o500)
    if os.access(folder, os.W_OK):
        raise Skip("root writes everywhere")
    return "locked/below"


WHERE: dict[str, Callable[[Place], str]] = {
    "below a file": _in_a_file,
    "a file": _a_file,
    "a dangling link": _dangling,
    "below a dangling link": _in_dangling,
    "a link to itself": _itself,
    "a full folder": _folder,
    "a read-only folder": _read_only,
    "/proc": lambda place: "/proc/nowhere/x",
    "a pipe": _pipe,
    "/dev/null/x": lambda place: "/dev/null/x",
    "300 letters": lambda place: "x" * 300,
    "10,000 letters": lambda place: "x" * 10_000,
    "not UTF-8": lambda place: "\udcff\udcfe",
    "control characters": lambda place: "\x1b[31m\x07",
    "two lines": lambda place: "two\nlines",
    "empty": lambda place: "",
    "the folder above": lambda place: "..",
    "a home of nobody": lambda place: "~nobody-here/x",
}
# Taken by some commands, for nothing is wrong with them there; links are replaced by what is written.
_FINE = {
    "a dangling link",
    "a link to itself",
    "not UTF-8",
    "control characters",
    "two lines",
    "empty",
    "the folder above",
    "a home of nobody",
    "a file",
}


def cases(rng: random.Random) -> list[Case]:
    found = []
    for what, arguments in {
        "--out of run": lambda place: ["run", *SMALL, f"--data={place.sound}/images", "--out"],
        "--out of run --resume": lambda place: ["run", *SMALL, f"--data={place.sound}/images", "--resume", "--out"],
        "--files of audit": lambda place: ["audit", *SMALL, f"--data={place.sound}/images", "--files"],
        "--csv of compare": lambda place: ["compare", str(place.sound / "run"), str(place.sound / "other"), "--csv"],
        "--out of predict": lambda place: [
            "predict", str(place.sound / "run"), str(place.sound / "images/test/NORMAL/p052.png"), "--out"],
    }.items():  # fmt: skip
        for name, where in WHERE.items():
            found.append(
                Case(
                    "places to write",
                    f"{what}, {name}",
                    _to(arguments, where),
                    refuse=name not in _FINE | {"a full folder"},
                )
            )
    for name, (damage, refuse) in CACHES.items():
        found.append(Case("caches", name, _cache(damage), refuse=refuse))
    for name, variables in {
        "a file": {"BALANCING_ACT_CACHE": "file"},
        "below a file": {"BALANCING_ACT_CACHE": "file/x"},
        "a device": {"BALANCING_ACT_CACHE": "/dev/null"},
        "/proc": {"BALANCING_ACT_CACHE": "/proc/nowhere"},
        "10,000 letters": {"BALANCING_ACT_CACHE": "x" * 10_000},
        "not UTF-8": {"BALANCING_ACT_CACHE": "\udcff"},
        "a home of nobody": {"BALANCING_ACT_CACHE": "~nobody-here/x"},
        "a home that is a file": {"BALANCING_ACT_CACHE": "", "HOME": "file"},
        "a home that is not there": {"BALANCING_ACT_CACHE": "", "HOME": "/proc/nowhere"},
        "no home": {"BALANCING_ACT_CACHE": "", "HOME": ""},
    }.items():
        found.append(Case("caches", f"at {name}", _plain, env=variables))
    return found


def _to(arguments: Callable[[Place], list[str]], where: Callable[[Place], str]) -> Callable[[Place], list[str]]:
    def make(place: Place) -> list[str]:
        *given, option = arguments(place)
        return [*given, f"{option}={where(place)}"]

    return make


def _plain(place: Place) -> list[str]:
    (place.folder / "file").write_bytes(b"x")
    return ["audit", *SMALL, "--data", str(place.sound / "images")]


def _cache(damage: Callable[[Path, random.Random], object]) -> Callable[[Place], list[str]]:
    """The sound images' entry, as a run has left it, and then damaged."""

    def make(place: Place) -> list[str]:
        cache = copied(place.sound.parent / "cache", place.folder / "cache")
        entry = next(path for path in sorted(cache.iterdir()) if (path / "meta.json").exists())
        damage(entry, place.rng)
        return _plain(place)

    return make


def _rewritten(name: str, change: Callable[[bytes, random.Random], bytes]) -> Callable[[Path, random.Random], object]:
    return lambda entry, rng: (entry / name).write_bytes(change((entry / name).read_bytes(), rng))


def _as_folder(name: str) -> Callable[[Path, random.Random], object]:
    def damage(entry: Path, rng: random.Random) -> None:
        (entry / name).unlink()
        (entry / name).mkdir()

    return damage


CACHES: dict[str, tuple[Callable[[Path, random.Random], object], bool]] = {
    "meta.json empty": (_rewritten("meta.json", lambda old, rng: b""), False),
    "meta.json cut off": (_rewritten("meta.json", lambda old, rng: old[:50]), False),
    "meta.json a list": (_rewritten("meta.json", lambda old, rng: b"[]"), False),
    "meta.json of nothing": (_rewritten("meta.json", lambda old, rng: b'{"files": {}}'), False),
    "meta.json of null": (_rewritten("meta.json", lambda old, rng: b'{"files": null}'), False),
    "meta.json of other names": (_rewritten("meta.json", lambda old, rng: b'{"files": {"../../x": 1}}'), False),
    "meta.json of other classes": (_rewritten("meta.json", lambda old, rng: old.replace(b'"NORMAL"', b"7")), False),
    "meta.json nested deeply": (_rewritten("meta.json", lambda old, rng: b"[" * 100_000), False),
    "meta.json a folder": (_as_folder("meta.json"), False),
    "pixels.npy cut off": (_rewritten("pixels.npy", lambda old, rng: old[:-1]), False),
    "pixels.npy bits flipped": (_rewritten("pixels.npy", flipped), False),
    "pixels.npy zeros": (_rewritten("pixels.npy", lambda old, rng: b"\0" * len(old)), False),
    "pixels.npy of another shape": (
        _rewritten("pixels.npy", lambda old, rng: old.replace(b"(66, 32, 32)", b"(66, 64, 16)")), False,
    ),
    "pixels.npy a folder": (_as_folder("pixels.npy"), False),
    "rows.parquet bits flipped": (_rewritten("rows.parquet", flipped), False),
    "rows.parquet zeros": (_rewritten("rows.parquet", lambda old, rng: b"\0" * len(old)), False),
    "rows.parquet removed": (lambda entry, rng: (entry / "rows.parquet").unlink(), False),
}  # fmt: skip
