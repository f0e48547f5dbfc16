"""Which image is in which part of the split: split.parquet of a run, and the split's fingerprint."""

from __future__ import annotations

import hashlib
import io
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from balancing.errors import UserError
from sweep.runs.files import Guard, no_guard, write_atomically

if TYPE_CHECKING:
    from balancing.data.images import ImageSet
    from balancing.data.splits import Split


def parts_of(split: Split) -> dict[str, np.ndarray]:
    """``train``, ``validation`` and ``test`` with their rows, (n,) int64."""
    return {"train": split.train, "validation": split.validation, "test": split.test}


def split_fingerprint(split: Split) -> str:
    """12 hex digits of the rows of the three parts."""
    digest = hashlib.sha256()
    for rows in parts_of(split).values():
        digest.update(len(rows).to_bytes(8, "little"))
        digest.update(np.ascontiguousarray(rows, dtype="<i8").tobytes())
    return digest.hexdigest()[:12]


def write_split(path: Path, images: ImageSet, split: Split, guard: Guard = no_guard) -> None:
    """split.parquet of a run's folder."""
    buffer = io.BytesIO()
    split_table(images, split).to_parquet(buffer, index=False)
    write_atomically(path / "split.parquet", buffer.getbuffer(), guard)


def read_split(path: Path) -> pd.DataFrame:
    """The table of split.parquet of a run's folder.

    Raises:
        UserError: the file is missing or damaged.
    """
    file = path / "split.parquet"
    try:
        table = pd.read_parquet(file)
        _ = table[["row", "name", "label", "split"]]
        return table
    except Exception as error:  # a damaged parquet file can raise almost anything
        raise UserError(
            f"{file} is missing or damaged; `sweep resume {shlex.quote(str(path))}` writes it anew"
        ) from error


def split_of(table: pd.DataFrame) -> Split:
    """The split that a table tells of."""
    from balancing.data.splits import PARTS, Split

    rows = {part: table.loc[table["split"] == part, "row"].to_numpy() for part in PARTS}
    return Split(**rows, notes=())


def split_table(images: ImageSet, split: Split) -> pd.DataFrame:
    """One row an image, with the part it belongs to and its patient ('' where patients are unknown)."""
    part = np.full(len(images), "unused", dtype=object)
    for name, rows in parts_of(split).items():
        part[rows] = name
    return pd.DataFrame(
        {
            "row": np.arange(len(images)),
            "name": images.names.astype(object),
            "patient": images.patients.astype(object) if images.patients is not None else "",
            "label": images.labels,
            "class_name": np.array(images.class_names, dtype=object)[images.labels],
            "official": images.splits.astype(object),
            "split": part,
            "sha256": images.sha256.astype(object),
        }
    )
