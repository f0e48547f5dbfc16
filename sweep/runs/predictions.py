"""What a network says of the images of one part of the split, as a table and as its parquet file.

Columns: row, label, p_0..p_{C-1} (probabilities), logit_0..logit_{C-1}. Runs of before logits were kept have none in
their files: there the logarithms of the probabilities stand in, which give the same probabilities and differ from the
logits by a constant of each row. The file's metadata tell the network, and the norms and biases of its head.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from sweep.runs.files import DamagedFile

_NETWORK = b"network"  # key of the file's metadata: whose predictions these are
_HEAD = b"head"  # and what its head is like


class Predictions(NamedTuple):
    """What a network says of n images.

    Args:
        rows: (n,) int64, of the image set.
        labels: (n,) int64.
        probabilities: (n, C) float32, rows sum to 1.
        logits: (n, C) float32; None where they were not kept.
        head: (2, C) float64 of the network's linear head: the norms of the classes' weights, and their biases; None
            where it has none, or they were not kept.
    """

    rows: np.ndarray
    labels: np.ndarray
    probabilities: np.ndarray
    logits: np.ndarray | None = None
    head: np.ndarray | None = None


def encoded(predictions: Predictions, network: str) -> memoryview:
    """The content of the parquet file.

    Args:
        network: of ``network_fingerprint``, noted in the file; "" notes none.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pd.DataFrame({"row": predictions.rows, "label": predictions.labels})
    for prefix, values in (("p", predictions.probabilities), ("logit", predictions.logits)):
        for label in range(0 if values is None else values.shape[1]):
            table[f"{prefix}_{label}"] = values[:, label].astype(np.float32)  # type: ignore[index]
    arrow = pa.Table.from_pandas(table, preserve_index=False)
    about = {_NETWORK: network.encode()}
    if predictions.head is not None:
        about[_HEAD] = json.dumps(predictions.head.tolist()).encode()
    arrow = arrow.replace_schema_metadata({**(arrow.schema.metadata or {}), **about})
    sink = pa.BufferOutputStream()
    pq.write_table(arrow, sink, write_page_checksum=True)
    return memoryview(sink.getvalue())


def _refuse_more(path: Path) -> None:
    """Raises DamagedFile where a file has fewer bytes than rows; they are numbered, so that can be no predictions."""
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as file:
        rows = file.metadata.num_rows
    if rows > path.stat().st_size:
        raise DamagedFile(path, f"it would unpack to {rows:,} rows, more than a file of its size holds")


def read(path: Path) -> pd.DataFrame:
    """The table of a parquet file, with logits.

    Raises:
        FileNotFoundError: there is none.
        DamagedFile: the file can't be read.
    """
    try:
        _refuse_more(path)
        table = pd.read_parquet(path, engine="pyarrow", page_checksum_verification=True)
    except (FileNotFoundError, DamagedFile):
        raise
    except Exception as error:  # a damaged parquet file can raise almost anything
        raise DamagedFile(path, "no parquet table can be read from it") from error
    n_classes = sum(str(name).startswith("p_") for name in table.columns)
    logits = _names("logit", n_classes)
    plain = [("row", "i"), ("label", "i"), *((name, "f") for name in _names("p", n_classes))]
    found = sorted((str(name), dtype.kind) for name, dtype in table.dtypes.items())
    if n_classes == 0 or found not in (sorted(plain), sorted([*plain, *((name, "f") for name in logits)])):
        raise DamagedFile(path, "its columns are no predictions")
    if logits[0] not in table:
        floor = np.finfo(np.float32).tiny  # of a probability that was too small for its type
        table[logits] = np.log(np.maximum(class_values(table, "p"), floor))
    return table


def _names(prefix: str, n_classes: int) -> list[str]:
    return [f"{prefix}_{label}" for label in range(n_classes)]


def class_values(table: pd.DataFrame, prefix: str) -> np.ndarray:
    """(n, C) float32: the columns of ``p`` or ``logit``, in the order of the classes."""
    return table.filter(regex=rf"^{prefix}_\d+$").to_numpy(dtype=np.float32)


def network_of(path: Path) -> str | None:
    """The network whose predictions a file holds; "" where it does not say, None where there is none."""
    metadata = _metadata(path)
    return None if metadata is None else str(metadata.get(_NETWORK, b"").decode(errors="replace"))


def head_of(path: Path) -> np.ndarray | None:
    """(2, C) float64, see ``Predictions``, of the network whose predictions a file holds; None where it tells none."""
    try:
        found = np.array(json.loads((_metadata(path) or {})[_HEAD]), dtype=np.float64)
    except (KeyError, ValueError):  # not kept, or damaged
        return None
    return found if found.ndim == 2 and len(found) == 2 and np.isfinite(found).all() else None


def _metadata(path: Path) -> dict[bytes, bytes] | None:
    import pyarrow.parquet as pq

    try:
        found: dict[bytes, bytes] = pq.read_schema(path).metadata or {}
    except Exception:  # missing, or damaged: as if it were not there
        return None
    return found
