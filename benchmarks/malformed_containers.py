"""Malformed zip and .npz files: cut off, with flipped bits, with false sizes, and with what should not be in them."""

from __future__ import annotations

import io
import random
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from pickle import dumps

import numpy as np

from benchmarks.malformed_call import MARKER, Case, Place
from benchmarks.malformed_images import cut, flipped
from benchmarks.malformed_sound import SMALL, arrays, encoded, named_images, picture, write_npz


class Dangerous:
    """Unpickled, it makes a file: proof that code ran."""

    def __reduce__(self) -> tuple[object, ...]:
        return open, (MARKER, "w")


def cases(rng: random.Random) -> list[Case]:
    found = []
    for kind, file in (("zip files", "images.zip"), (".npz files", "images.npz")):
        for number in range(5):
            found.append(Case(kind, f"cut off {number}", _damaged(file, cut), refuse=True, mention=file))
            found.append(Case(kind, f"bits flipped {number}", _damaged(file, flipped)))
            found.append(Case(kind, f"bytes zeroed {number}", _damaged(file, zeroed)))
        found.append(Case(kind, "its end alone", _damaged(file, lambda content, rng: content[-22:])))
        found.append(Case(kind, "directory's sizes flipped", _damaged(file, _end_flipped)))
        found.append(Case(kind, "text", _damaged(file, lambda content, rng: b"this is no archive"), refuse=True))
        found.append(Case(kind, "empty", _damaged(file, lambda content, rng: b""), refuse=True))
        found.append(Case(kind, "a folder", _folder(file)))
    for name, (fill, refuse) in ZIPS.items():
        found.append(Case("zip files", name, _zip(fill), refuse=refuse))
    for name, (fill_npz, refuse) in ARRAYS.items():
        found.append(Case(".npz files", name, _npz(fill_npz), refuse=refuse))
    return found


def zeroed(content: bytes, rng: random.Random) -> bytes:
    start = rng.randrange(len(content))
    return content[:start] + b"\0" * len(content[start : start + 2_000]) + content[start + 2_000 :]


def _end_flipped(content: bytes, rng: random.Random) -> bytes:
    """Damage in the central directory, which says where everything is."""
    begin = content.rindex(b"PK\5\6")
    start = struct.unpack("<I", content[begin + 16 : begin + 20])[0]
    return content[:start] + flipped(content[start:], rng, 40)


def _damaged(file: str, damage: Callable[[bytes, random.Random], bytes]) -> Callable[[Place], list[str]]:
    def make(place: Place) -> list[str]:
        (place.folder / file).write_bytes(damage((place.sound / file).read_bytes(), place.rng))
        return ["audit", *SMALL, "--data", file]

    return make


def _folder(file: str) -> Callable[[Place], list[str]]:
    def make(place: Place) -> list[str]:
        (place.folder / file).mkdir()
        return ["audit", *SMALL, "--data", file]

    return make


def _zip(fill: Callable[[Path], None]) -> Callable[[Place], list[str]]:
    def make(place: Place) -> list[str]:
        fill(place.folder / "data.zip")
        return ["audit", *SMALL, "--data", "data.zip"]

    return make


def _npz(fill: Callable[[Path], None]) -> Callable[[Place], list[str]]:
    def make(place: Place) -> list[str]:
        fill(place.folder / "data.npz")
        return ["audit", *SMALL, "--data", "data.npz"]

    return make


def _sound_zip(path: Path, **more: bytes) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for split, label, name, content in named_images():
            archive.writestr(f"{split}/{label}/{name}", content)
        for name, content in more.items():
            archive.writestr(f"train/NORMAL/{name}", content)


def _with(name: str, content: bytes, *, mode: int = 0) -> Callable[[Path], None]:
    """A sound zip with one member more."""

    def fill(path: Path) -> None:
        _sound_zip(path)
        with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
            info = zipfile.ZipInfo(name)
            info.external_attr = mode << 16
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, content)

    return fill


def _patched(find: bytes, offset: int, put: bytes, *, everywhere: bool = False) -> Callable[[Path], None]:
    """A sound zip, some bytes of its (first or every) header overwritten."""

    def fill(path: Path) -> None:
        _sound_zip(path)
        content = bytearray(path.read_bytes())
        place = content.find(find)
        while place >= 0:
            content[place + offset : place + offset + len(put)] = put
            place = content.find(find, place + 4) if everywhere else -1
        path.write_bytes(content)

    return fill


def _bomb(path: Path) -> None:
    _sound_zip(path)
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive, archive.open(
        zipfile.ZipInfo("train/NORMAL/bomb.png"), "w", force_zip64=True
    ) as member:  # fmt: skip
        for _ in range(3_200):
            member.write(b"\0" * 1_000_000)


def _many(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(70_000):
            archive.writestr(f"train/C{number}/x.png", b"x")


def _twice(path: Path) -> None:
    import warnings

    _sound_zip(path)
    with zipfile.ZipFile(path, "a") as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        archive.writestr("train/NORMAL/p000.png", encoded(picture(1)))


def _bad_parquet(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("data/train.parquet", b"PAR1" + b"\0" * 50 + b"PAR1")


_DIRECTORY, _LOCAL = b"PK\1\2", b"PK\3\4"
# name -> (how, must be refused)
ZIPS: dict[str, tuple[Callable[[Path], None], bool]] = {
    "a member of 3.2 GB in 3 MB": (_bomb, True),
    "claims 4 GB of a member": (_patched(_DIRECTORY, 24, b"\xf0\xff\xff\xff"), True),
    "claims a compressed size of 4 GB": (_patched(_DIRECTORY, 20, b"\xf0\xff\xff\xff"), False),
    "encrypted": (_patched(_DIRECTORY, 8, b"\1\0", everywhere=True), True),
    "unknown compression": (_patched(_DIRECTORY, 10, b"\x63\0", everywhere=True), True),
    "members at one place": (_patched(_DIRECTORY, 42, b"\0\0\0\0", everywhere=True), True),
    "members behind its end": (_patched(_DIRECTORY, 42, b"\xf0\xff\xff\x7f"), True),
    "wrong checksums": (_patched(_DIRECTORY, 16, b"\1\2\3\4", everywhere=True), True),
    "another name in the member than in the directory": (_patched(_LOCAL, 30, b"x"), True),
    "no members": (lambda path: zipfile.ZipFile(path, "w").close(), True),
    "a name that leaves it": (_with("../../../evil.png", encoded(picture(701))), False),
    "an absolute name": (_with("/etc/evil.png", encoded(picture(702))), False),
    "a name of 60,000 letters": (_with("train/NORMAL/" + "x" * 60_000 + ".png", encoded(picture(703))), False),
    "a member name with control characters": (_with("train/NORMAL/\x1b[31m\x07.png", b"no image"), True),
    "a link": (_with("train/NORMAL/link.png", b"/etc/passwd", mode=0o120777), True),
    "a zip in it": (_with("train/NORMAL/inner.zip", b"PK\5\6" + b"\0" * 18), False),
    "one name twice": (_twice, False),
    "damaged parquet in it": (_bad_parquet, True),
    "70,000 classes": (_many, True),
    "PostScript in it": (_with("train/NORMAL/a.png", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n"), True),
}  # fmt: skip


def _header(text: str, version: bytes = b"\1\0", *, claims: int | None = None) -> bytes:
    """An .npy file with this header and a few bytes."""
    padded = text.encode() + b" " * (-len(text) % 16) + b"\n"
    size = len(padded) if claims is None else claims
    return b"\x93NUMPY" + version + struct.pack("<H" if version == b"\1\0" else "<I", size) + padded + b"\0" * 4_000


def _raw(key: str, content: bytes, compression: int = zipfile.ZIP_DEFLATED) -> Callable[[Path], None]:
    """Sound arrays, one of them replaced by these bytes."""

    def fill(path: Path) -> None:
        with zipfile.ZipFile(path, "w", compression) as archive:
            for name, array in arrays().items():
                buffer = io.BytesIO()
                np.lib.format.write_array(buffer, array)
                archive.writestr(f"{name}.npy", content if name == key else buffer.getvalue())

    return fill


def _shape(shape: str, dtype: str = "|u1", order: bool = False) -> bytes:
    return _header(f"{{'descr': '{dtype}', 'fortran_order': {order}, 'shape': {shape}, }}")


def _changed(**changed: np.ndarray) -> Callable[[Path], None]:
    return lambda path: write_npz(path, **changed)


def _pickled(key: str) -> Callable[[Path], None]:
    header = "{'descr': '|O', 'fortran_order': False, 'shape': (54,), }"
    return _raw(key, _header(header)[:-4_000] + dumps(Dangerous()))


_N = 38  # training images
ARRAYS: dict[str, tuple[Callable[[Path], None], bool]] = {
    "shape (10**12,)": (_raw("train_images", _shape("(1000000000000,)")), True),
    "shape (10**12, 32, 32)": (_raw("train_images", _shape("(1000000000000, 32, 32)")), True),
    "shape (38, 10**6, 10**6)": (_raw("train_images", _shape("(38, 1000000, 1000000)")), True),
    "shape (38, 10**6, 10**6), columns first": (
        _raw("train_images", _shape("(38, 1000000, 1000000)", order=True)), True,
    ),
    "shape of huge product": (_raw("train_images", _shape(f"({2**62}, {2**62}, 4)")), True),
    "shape of a number beyond 64 bits": (_raw("train_images", _shape(f"({10**30}, 32, 32)")), True),
    "negative shape": (_raw("train_images", _shape("(-38, 32, 32)")), True),
    "negative sides": (_raw("train_images", _shape("(38, -32, -32)")), True),
    "no shape": (_raw("train_images", _shape("()")), True),
    "shape True": (_raw("train_images", _shape("(True, 32, 32)")), True),
    "sides of 0": (_raw("train_images", _shape("(38, 0, 0)")), True),
    "labels of shape (10**12,)": (_raw("train_labels", _shape("(1000000000000,)")), True),
    "labels of shape (10**12, 0)": (_raw("train_labels", _shape("(1000000000000, 0)")), True),
    "labels of negative shape": (_raw("train_labels", _shape("(-38,)")), True),
    "labels without shape": (_raw("train_labels", _shape("()")), True),
    "header no Python": (_raw("train_images", _header("{'descr': ")), True),
    "header a call": (_raw("train_images", _header("__import__('os').system('touch code-ran')")), True),
    "header deeply nested": (_raw("train_images", _header("(" * 9_000)), True),
    "header of 4 GB": (_raw("train_images", _header("{}", b"\2\0", claims=2**32 - 1)), True),
    "header of 60,000 brackets": (_raw("train_images", _header("[" * 60_000, b"\2\0")), True),
    "unknown version": (_raw("train_images", _header("{}", b"\x09\0")), True),
    "type of a record": (_raw("train_images", _shape("(38, 32, 32)", "V8")), True),
    "a type that is none": (_raw("train_images", _shape("(38, 32, 32)", "nonsense")), True),
    "pickled images": (_pickled("train_images"), True),
    "pickled labels": (_pickled("train_labels"), True),
    "images of floats": (_changed(train_images=np.zeros((_N, 32, 32))), True),
    "images of words": (_changed(train_images=np.full((_N, 32, 32), "a")), True),
    "images of volumes": (_changed(train_images=np.zeros((_N, 32, 32, 32), np.uint8)), True),
    "no images": (_changed(train_images=np.zeros((0, 32, 32), np.uint8)), True),
    "labels of floats": (_changed(train_labels=np.full(_N, np.nan)), True),
    "labels of words": (_changed(train_labels=np.full(_N, "=1+1")), True),
    "labels of dates": (_changed(train_labels=np.zeros(_N, "datetime64[s]")), True),
    "labels of many": (_changed(train_labels=np.zeros((_N, 14), np.uint8)), True),
    "labels too few": (_changed(train_labels=np.zeros(3, np.uint8)), True),
    "labels all different": (_changed(train_labels=np.arange(_N)), True),
    "labels at the ends of 64 bits": (
        _changed(train_labels=np.where(np.arange(_N) % 2, 2**63 - 1, -(2**63))), True,
    ),
    "labels beyond 64 bits": (_changed(train_labels=np.full(_N, 2**64 - 1, np.uint64)), True),
    "200 million pixels of zeros in 200 kB": (
        _raw("test_images", _shape("(14, 14000, 14000)")[:-4_000] + b"\0" * 200_000_000), True,
    ),
}  # fmt: skip
