"""Malformed parquet: cut off, with flipped bits, of other types than needed, with paths that lead elsewhere."""

from __future__ import annotations

import datetime
import decimal
import json
import os
import random
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from benchmarks.malformed_call import Case, Place
from benchmarks.malformed_containers import zeroed
from benchmarks.malformed_images import cut, flipped
from benchmarks.malformed_sound import SMALL, copied, encoded, named_images, picture

if TYPE_CHECKING:
    import pyarrow as pa

_HUB_FILE = "train-00000-of-00001.parquet"


def cases(rng: random.Random) -> list[Case]:
    found = []
    for number in range(5):
        for what, damage in (
            ("cut off", cut),
            ("bits flipped", flipped),
            ("bytes zeroed", zeroed),
            ("footer", _footer),
        ):
            refuse = what == "cut off"
            found.append(Case("parquet files", f"{what} {number}", _damaged(damage), refuse=refuse))
            if number < 2:
                found.append(
                    Case("folders in the Hub's layout", f"{what} {number}", _hub_damaged(damage), refuse=refuse)
                )
    for name, content in {"empty": b"", "text": b"PAR1 this is none PAR1", "CSV": b"image,label\na,b\n"}.items():
        found.append(Case("parquet files", name, _damaged(lambda old, own, new=content: new), refuse=True))  # type: ignore[misc]
    for name, build in _tables().items():
        refuse = name.endswith("!")
        found.append(Case("parquet files, columns", name.rstrip("!"), _table(build), refuse=refuse))
    for name, options in {
        "a column that is not there": ["--label-column", "nothing"],
        "images as labels": ["--label-column", "image"],
        "labels as images": ["--image-column", "label"],
        "images as patients": ["--patient-column", "image"],
        "an empty column name": ["--label-column", ""],
        "a column name of 10,000 letters": ["--label-column", "x" * 10_000],
        "column and pattern": ["--patient-column", "label", "--patient-pattern", "p"],
    }.items():
        found.append(Case("parquet files, columns", name, _options(options), refuse=name != "an empty column name"))
    for name, arrange in {
        "other columns in another split": _other_columns,
        "other types in another split": _other_types,
        "one split a folder": _split_folder,
        "no split names": _no_splits,
        "a link in a circle": lambda place: os.symlink(place.folder / "hub", place.folder / "hub" / "data" / "loop"),
        "thousands of files": _thousands,
    }.items():
        found.append(Case("folders in the Hub's layout", name, _arranged(arrange)))
    return found


def _footer(content: bytes, rng: random.Random) -> bytes:
    """Damage in the footer, which describes everything."""
    return content[:-1_500] + flipped(content[-1_500:-8], rng, 12) + content[-8:]


def _damaged(damage: Callable[[bytes, random.Random], bytes]) -> Callable[[Place], list[str]]:
    def make(place: Place) -> list[str]:
        content = damage((place.sound / "images.parquet").read_bytes(), place.rng)
        (place.folder / "data.parquet").write_bytes(content)
        return ["audit", *SMALL, "--data", "data.parquet"]

    return make


def _hub_damaged(damage: Callable[[bytes, random.Random], bytes]) -> Callable[[Place], list[str]]:
    def make(place: Place) -> list[str]:
        file = copied(place.sound / "hub", place.folder / "hub") / "data" / _HUB_FILE
        file.write_bytes(damage(file.read_bytes(), place.rng))
        return ["audit", *SMALL, "--data", "hub"]

    return make


def _arranged(arrange: Callable[[Place], object]) -> Callable[[Place], list[str]]:
    def make(place: Place) -> list[str]:
        copied(place.sound / "hub", place.folder / "hub")
        arrange(place)
        return ["audit", *SMALL, "--data", "hub"]

    return make


def _options(options: list[str]) -> Callable[[Place], list[str]]:
    return lambda place: ["audit", *SMALL, "--data", str(place.sound / "images.parquet"), *options]


def _table(build: Callable[[], pa.Table]) -> Callable[[Place], list[str]]:
    def make(place: Place) -> list[str]:
        import pyarrow.parquet as pq

        (place.folder.parent / "secret.png").write_bytes(encoded(picture(600)))
        (place.folder / "data").mkdir()
        pq.write_table(build(), place.folder / "data" / "data.parquet")
        return ["audit", *SMALL, "--data", "data/data.parquet", "--patient-column", "patient"] if "patient" in str(
            build().schema.names
        ) else ["audit", *SMALL, "--data", "data/data.parquet"]  # fmt: skip

    return make


def _columns() -> tuple[list[bytes], list[int]]:
    rows = named_images()
    return [row[3] for row in rows], [int(row[1] == "PNEUMONIA") for row in rows]


def _labels(make: Callable[[int, int], Any], kind: Any = None) -> Callable[[], pa.Table]:
    """A sound table but for its labels: of (number of the row, class)."""

    def build() -> pa.Table:
        import pyarrow as pa

        images, labels = _columns()
        values = [make(row, label) for row, label in enumerate(labels)]
        return pa.table({"image": images, "label": pa.array(values, kind() if kind else None)})

    return build


def _images(make: Callable[[int, bytes], Any], kind: Any = None) -> Callable[[], pa.Table]:
    def build() -> pa.Table:
        import pyarrow as pa

        images, labels = _columns()
        values = [make(row, content) for row, content in enumerate(images)]
        return pa.table({"image": pa.array(values, kind() if kind else None), "label": labels})

    return build


def _patients(make: Callable[[int], Any]) -> Callable[[], pa.Table]:
    def build() -> pa.Table:
        import pyarrow as pa

        images, labels = _columns()
        return pa.table({"image": images, "label": labels, "patient": [make(row) for row in range(len(labels))]})

    return build


def _noted(features: Any, label: Callable[[int], Any] = int) -> Callable[[], pa.Table]:
    """A sound table with these notes of ``datasets``."""

    def build() -> pa.Table:
        table = _labels(lambda row, label_of: label(label_of))()
        noted = features if isinstance(features, bytes) else json.dumps({"info": {"features": features}}).encode()
        return table.replace_schema_metadata({b"huggingface": noted})

    return build


def _names(*names: Any) -> dict[str, Any]:
    return {"image": {"_type": "Image"}, "label": {"_type": "ClassLabel", "names": list(names)}}


def _elsewhere(path: str) -> Callable[[], pa.Table]:
    """One image is a path instead of bytes."""
    return _images(lambda row, content: {"bytes": None if row == 5 else content, "path": path if row == 5 else "a.png"})


def _twice(name: str) -> Callable[[], pa.Table]:
    def build() -> pa.Table:
        import pyarrow as pa

        images, labels = _columns()
        columns = {"image": [images, labels, images], "label": [images, labels, labels[::-1]]}[name]
        return pa.table([pa.array(column) for column in columns], names=["image", "label", name])

    return build


def _bad_text() -> pa.Table:
    """Labels whose bytes are no UTF-8, though their type says so."""
    import pyarrow as pa

    images, labels = _columns()
    text = pa.array([b"\xff\xfe" if label else b"ok" for label in labels], pa.binary()).view(pa.string())
    return pa.table({"image": images, "label": text})


def _tables() -> dict[str, Callable[[], pa.Table]]:
    """Name -> how to build it; a name that ends in ! must be refused."""
    import pyarrow as pa

    day = datetime.date(2020, 1, 1)
    return {
        "labels of fractions!": _labels(lambda row, label: label + 0.5),
        "labels of NaN!": _labels(lambda row, label: float("nan") if row == 3 else float(label)),
        "labels infinite!": _labels(lambda row, label: float("inf") if row == 3 else float(label)),
        "labels null!": _labels(lambda row, label: None, pa.null),
        "one label null!": _labels(lambda row, label: None if row == 3 else label),
        "labels of lists!": _labels(lambda row, label: [label]),
        "labels of structs!": _labels(lambda row, label: {"a": label}),
        "labels of dates!": _labels(lambda row, label: day if label else day + datetime.timedelta(1)),
        "labels of bytes!": _labels(lambda row, label: bytes([label])),
        "labels true or false": _labels(lambda row, label: bool(label)),
        "labels of decimals": _labels(lambda row, label: decimal.Decimal(label)),
        "labels empty!": _labels(lambda row, label: "" if label else "ok"),
        "labels of dictionary": _labels(lambda row, label: "ab"[label], lambda: pa.dictionary(pa.int8(), pa.string())),
        "labels of one class!": _labels(lambda row, label: 1),
        "labels all different!": _labels(lambda row, label: row),
        "labels -1": _labels(lambda row, label: label - 1),
        "labels at the ends of 64 bits": _labels(lambda row, label: 2**63 - 1 if label else -(2**63)),
        "labels beyond 64 bits": _labels(lambda row, label: 2**64 - 1 if label else 0, pa.uint64),
        "labels no UTF-8!": _bad_text,
        "labels that differ by a space": _labels(lambda row, label: ("a", "b")[label] + " " * (row % 2)),
        "images of numbers!": _images(lambda row, content: row),
        "images of text!": _images(lambda row, content: "no image"),
        "images of lists!": _images(lambda row, content: list(content[:9])),
        "images null!": _images(lambda row, content: None, pa.binary),
        "one image null!": _images(lambda row, content: None if row == 5 else content),
        "bytes and path null!": _images(lambda row, content: {"bytes": None if row == 5 else content, "path": None}),
        "bytes that are no bytes!": _images(lambda row, content: {"bytes": row, "path": "a"}),
        "paths that are no text!": _images(lambda row, content: {"bytes": content, "path": row}),
        "an image of 100 MB of zeros!": _images(lambda row, content: b"\0" * 100_000_000 if row == 5 else content),
        "a path above!": _elsewhere("../../secret.png"),
        "a path into /etc!": _elsewhere("/etc/passwd"),
        "a path to /dev/zero!": _elsewhere("/dev/zero"),
        "a path to a folder!": _elsewhere("."),
        "an empty path!": _elsewhere(""),
        "a path with a null byte!": _elsewhere("a\0b"),
        "a path of 10,000 letters!": _elsewhere("x" * 10_000),
        "an address as path!": _elsewhere("https://example.org/x.png"),
        "two columns image!": _twice("image"),
        "two columns label!": _twice("label"),
        "patients null": _patients(lambda row: None if row % 2 else "a" + str(row)),
        "patients empty": _patients(lambda row: "" if row % 2 else str(row)),
        "patients of NaN": _patients(lambda row: float("nan") if row % 2 else float(row)),
        "patients of lists!": _patients(lambda row: [row]),
        "a patient of one megabyte": _patients(lambda row: "x" * 1_000_000 if row == 4 else str(row)),
        "patients with control characters": _patients(lambda row: f"\x1b[31m{row}\x07"),
        "no rows!": lambda: _labels(lambda row, label: label)().slice(0, 0),
        "one row!": lambda: _labels(lambda row, label: label)().slice(0, 1),
        "no columns!": lambda: pa.table({}),
        "no label column!": lambda: _labels(lambda row, label: label)().select(["image"]),
        "notes no JSON": _noted(b"{nonsense"),
        "notes of another shape": _noted([1, 2]),
        "notes nested deeply": _noted(b"[" * 100_000),
        "class names twice": _noted(_names("a", "a")),
        "class names too few!": _noted(_names("a")),
        "class names no text": _noted(_names(None, {"a": 1})),
        "class names of one megabyte": _noted(_names("a", "x" * 1_000_000)),
        "class names a word": _noted({"label": {"_type": "ClassLabel", "names": "ab"}}),
        "class names a number": _noted({"label": {"_type": "ClassLabel", "names": 7}}),
        "class names over words": _noted(_names("a", "b"), lambda label: "ab"[label]),
        "class names over true or false": _noted(_names("a", "b"), bool),
        "class names over fractions!": _noted(_names("a", "b"), lambda label: label + 0.5),
        "class names beyond 64 bits": _noted({"label": {"_type": "ClassLabel", "num_classes": 10**30, "names": "ab"}}),
        "column names with control characters!": lambda: _labels(lambda row, label: label)().rename_columns(
            ["image", "\x1b[31mlabel\n"]
        ),
    }  # fmt: skip


def _other_columns(place: Place) -> None:
    import pyarrow.parquet as pq

    file = place.folder / "hub" / "data" / "test-00000-of-00001.parquet"
    pq.write_table(pq.read_table(file).rename_columns(["image", "other"]), file)


def _other_types(place: Place) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    file = place.folder / "hub" / "data" / "test-00000-of-00001.parquet"
    table = pq.read_table(file)
    words = pa.array(["ab"[value] for value in table.column("label").to_pylist()])
    pq.write_table(table.set_column(1, "label", words), file)


def _split_folder(place: Place) -> None:
    (place.folder / "hub" / "data" / "train-1.parquet").mkdir()


def _no_splits(place: Place) -> None:
    for number, file in enumerate(sorted((place.folder / "hub" / "data").iterdir())):
        file.rename(file.with_name(f"part{number}.parquet"))


def _thousands(place: Place) -> None:
    for number in range(2_000):
        os.link(place.folder / "hub" / "data" / _HUB_FILE, place.folder / "hub" / "data" / f"other-{number}.parquet")
