"""Odd names of files, classes, folders and runs; links, pipes and devices where images should be."""

from __future__ import annotations

import os
import random
import socket
from collections.abc import Callable
from pathlib import Path

from benchmarks.malformed_call import Case, Place, Skip
from benchmarks.malformed_sound import SIZE, SMALL, copied, encoded, named_images, picture, write_table

# As bytes: a file's name need not be text.
NAMES: dict[str, bytes] = {
    "Latin-1": b"R\xf6ntgen",
    "not UTF-8 at all": b"\xff\xfe\xfd",
    "a new line": b"a\nb",
    "a carriage return": b"a\rerror: b",
    "colours of a terminal": b"\x1b[31mred\x1b[2J",
    "a title of a terminal": b"\x1b]0;title\x07",
    "a bell": b"\x07",
    "right to left": "abc\u202egpj.exe".encode(),
    "joined emoji": "\U0001f468\u200d\u2695\ufe0f".encode(),
    "combining marks": ("e" + "\u0301" * 60).encode(),
    "a formula": b"=HYPERLINK(1)",
    "a formula with a quote": b'=cmd|"c calc"!A0',
    "a script": b"<script>alert(1)<",
    "markup of the terminal's library": b"[red]x[] [bold",
    "LaTeX": b"\\input{x}%&$#_^~",
    "quotes": b"'\"`$(id)",
    "a template": b"{{7*7}}{% if %}",
    "a dash first": b"-rf",
    "only spaces": b"   ",
    "a backslash": b"x\\..\\..\\x",
    "percent signs": b"%s%n%00",
    "a number": b"007",
    "NaN": b"nan",
    "null": b"null",
}


def cases(rng: random.Random) -> list[Case]:
    found = []
    for name, raw in NAMES.items():
        found += [
            Case("names of files", name, _file(raw + b".png")),
            Case("names of files", f"{name}, damaged", _file(raw + b".png", b"no image"), refuse=True),
            Case("names of classes", name, _class(raw)),
            Case("names of folders of data", name, _root(raw)),
            Case("names of run folders", name, _run(raw)),
        ]
        if _is_text(raw):
            found.append(Case("names in tables", name, _table(raw.decode())))
            found.append(Case("names in tables", f"{name}, as class", _table(raw.decode(), as_class=True)))
    found += [
        Case("names of files", "255 bytes", _file(b"x" * 251 + b".png")),
        Case("names of classes", "255 bytes", _class(b"x" * 255)),
        Case("names of classes", "two that differ by case", _class(b"normal")),
        Case("names of classes", "two that differ by a space", _class(b"NORMAL ")),
        Case("names of classes", "two that look alike", _class("NORМAL".encode())),
        Case("names of folders of data", "3,000 bytes deep", _deep),
        Case("names in tables", "one megabyte", _table("x" * 1_000_000)),
        Case("names in tables", "one megabyte, as class", _table("x" * 1_000_000, as_class=True)),
    ]
    for name, make in {
        "a link in a circle": lambda path: os.symlink(path.parent, path.with_name("loop")),
        "a link to itself": lambda path: os.symlink(path, path),
        "a dangling link": lambda path: os.symlink("/nowhere/at/all.png", path),
        "a link to /dev/zero": lambda path: os.symlink("/dev/zero", path),
        "a link to /proc/self/mem": lambda path: os.symlink("/proc/self/mem", path),
        "a link to /etc/passwd": lambda path: os.symlink("/etc/passwd", path),
        "a pipe": lambda path: os.mkfifo(path),
        "a device": lambda path: _device(path),
        "a socket": lambda path: _socket(path),
        "a folder": lambda path: path.mkdir(),
        "an unreadable file": lambda path: _unreadable(path),
    }.items():
        found.append(Case("links, pipes and devices among images", name, _special(make)))
    return found


def _is_text(raw: bytes) -> bool:
    try:
        raw.decode()
    except UnicodeDecodeError:
        return False
    return True


def _path(parent: Path, raw: bytes) -> bytes:
    return os.path.join(os.fsencode(parent), raw)


def _write(parent: Path, raw: bytes, content: bytes) -> None:
    try:
        Path(os.fsdecode(_path(parent, raw))).write_bytes(content)
    except OSError as error:
        raise Skip(f"the file system does not take the name: {error.strerror}") from None


def _file(raw: bytes, content: bytes | None = None) -> Callable[[Place], list[str]]:
    def make(place: Place) -> list[str]:
        images = copied(place.sound / "images", place.folder / "images")
        _write(images / "train" / "NORMAL", raw, content or encoded(picture(777)))
        return ["audit", *SMALL, "--data", "images", "--files", "files.csv"]

    return make


def _class(raw: bytes) -> Callable[[Place], list[str]]:
    """A third class, or a second one that is named like the first."""

    def make(place: Place) -> list[str]:
        images = copied(place.sound / "images", place.folder / "images")
        for number, split in enumerate(("train", "val", "test")):
            folder = os.fsdecode(_path(images / split, raw))
            os.mkdir(folder)
            for image in range(12):
                Path(folder, f"{image}.png").write_bytes(encoded(picture(800 + 20 * number + image)))
        return ["run", *SMALL, "--data", "images", "--out", "out"]

    return make


def _root(raw: bytes) -> Callable[[Place], list[str]]:
    def make(place: Place) -> list[str]:
        name = os.fsdecode(raw)
        copied(place.sound / "images", place.folder / name)
        return ["audit", *SMALL, f"--data={name}"]

    return make


def _deep(place: Place) -> list[str]:
    root = Path(*["x" * 200] * 15)
    copied(place.sound / "images", place.folder / root)
    return ["audit", *SMALL, "--data", str(root)]


def _run(raw: bytes) -> Callable[[Place], list[str]]:
    def make(place: Place) -> list[str]:
        name = os.fsdecode(raw)
        copied(place.sound / "run", place.folder / name)
        copied(place.sound / "other", place.folder / "other")
        return ["compare", "--", name, "other"]

    return make


def _table(name: str, *, as_class: bool = False) -> Callable[[Place], list[str]]:
    def make(place: Place) -> list[str]:
        rows = named_images()
        if as_class:
            import pyarrow as pa
            import pyarrow.parquet as pq

            labels = [name if label == "NORMAL" else label for _, label, _, _ in rows]
            pq.write_table(
                pa.table({"image": [row[3] for row in rows], "label": labels}), place.folder / "data.parquet"
            )
            return ["run", *SMALL, "--data", "data.parquet", "--out", "out"]
        rows[3] = (*rows[3][:2], name, rows[3][3])
        write_table(place.folder / "data.parquet", rows)
        return ["audit", *SMALL, "--data", "data.parquet", "--files", "files.csv"]

    return make


def _special(put: Callable[[Path], object]) -> Callable[[Place], list[str]]:
    def make(place: Place) -> list[str]:
        images = copied(place.sound / "images", place.folder / "images")
        put(images / "train" / "NORMAL" / "special.png")
        return ["audit", *SMALL, "--data", "images"]

    return make


def _device(path: Path) -> None:
    try:
        os.mknod(path, 0o20666, os.makedev(1, 5))
    except OSError as error:
        raise Skip(f"no device can be made: {error.strerror}") from None


def _socket(path: Path) -> None:
    os.chdir(path.parent)  # a socket's path is short
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(path.name)


def _unreadable(path: Path) -> None:
    path.write_bytes(encoded(picture(778, SIZE)))
    path.chmod(0)
    if os.access(path, os.R_OK):
        raise Skip("root reads every file")
