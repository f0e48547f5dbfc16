"""Parquet files: one, a folder of them, or a folder in the Hub's layout; read by row batches with pyarrow."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, TYPE_CHECKING

from balancing.data.options import Options
from balancing.data.sources.base import digest, split_of_path
from balancing.data.sources.columnar import ColumnarSource, Shelf
from balancing.data.sources.columns import columns_of
from balancing.data.sources.packing import check_packing, rows_at_once, text_columns
from balancing.data.text import shown

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq


@dataclass(frozen=True)
class Part:
    """One parquet file: its path below the source, how to open it, and what tells whether it changed."""

    path: str
    open: Callable[[], Path | IO[bytes]]
    stamp: tuple[int, int]
    folder: Path | None = None


class _File(Shelf):
    """A parquet file, read by row batches."""

    form = "parquet"

    def __init__(self, part: Part, split: str | None, name: str) -> None:
        self._part, self._name = part, name
        self.path, self.split, self.folder = part.path, split, part.folder

    def schema(self) -> pa.Schema:
        with self._open() as file:
            return file.schema_arrow

    def batches(self, columns: Sequence[str], rows: int, images: Sequence[str] = ()) -> Iterator[pa.RecordBatch]:
        import pyarrow as pa

        columns = list(columns)
        with self._open() as file:
            check_packing(file, columns, f"{shown(self.path)} of {self._name}", images)
            try:
                with self._open(text_columns(file, columns)) as texts:
                    rows = rows_at_once(file, columns, rows, None if images else texts)
                yield from file.iter_batches(batch_size=rows, columns=columns)
            except (pa.ArrowException, OSError, ValueError, MemoryError, zipfile.BadZipFile, zlib.error) as error:
                raise self.damaged(error, self._name) from None

    def _open(self, texts: Sequence[str] = ()) -> pq.ParquetFile:
        """The file; ``texts`` are the columns to read as dictionaries."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            return pq.ParquetFile(
                self._part.open(),
                read_dictionary=list(texts),
                pre_buffer=False,  # else row groups are read whole
                buffer_size=1 << 20,
            )
        except (
            pa.ArrowException, OSError, ValueError, KeyError, MemoryError, NotImplementedError, zipfile.BadZipFile,
            zlib.error,
        ) as error:  # fmt: skip
            raise self.damaged(error, self._name) from None


class ParquetSource(ColumnarSource):
    """Parquet files with an image and a label column; the splits follow from the files' names, or from a column.

    Args:
        name: what the user named.
        parts: the files, sorted by path.
        options: the columns to read.
        root: the folder that all files of the source lie in; None inside a zip.
    """

    what = "parquet with images"
    passes_over = ("config", "label_pattern", "folders", "images")

    def __init__(self, name: str, parts: list[Part], options: Options, root: Path | None = None) -> None:
        self.name, self.parts, self.options, self.root = name, parts, options, root

    @classmethod
    def of_path(cls, name: str, path: Path, files: list[Path], options: Options) -> ParquetSource:
        """The source of local files under ``path`` (or of the one file that ``path`` is)."""
        root = path if path.is_dir() else path.parent
        parts = []
        for file in sorted(files):
            stat = file.stat()
            relative = file.relative_to(root).as_posix()
            parts.append(Part(relative, partial(Path, file), (stat.st_size, stat.st_mtime_ns), file.parent))
        return cls(name, parts, options, root)

    def identity(self) -> str:
        return digest([[part.path, *part.stamp] for part in self.parts])

    def _left_out(self) -> Sequence[str]:
        used = {part.path for part, _ in self._used()}
        left_out = [part.path for part in self.parts if part.path not in used]
        if not left_out:
            return ()
        return (
            f"{len(left_out)} parquet file{'s' if len(left_out) > 1 else ''} whose name tells no split "
            f"left out: {', '.join(map(shown, left_out[:5]))}.",
        )

    def _roots(self) -> Sequence[Path]:
        return [self.root] if self.root else []

    def _shelves(self) -> list[Shelf]:
        return [_File(part, split, self.name) for part, split in self._used()]

    def _used(self) -> list[tuple[Part, str | None]]:
        """The files with their splits, train first; files that tell no split count as train where none does."""
        if len(self.parts) == 1:
            return [(self.parts[0], split_of_path(self.parts[0].path))]
        splits = [split_of_path(part.path) for part in self.parts]
        if not any(splits):
            return [(part, None) for part in self.parts]
        order = {"train": 0, "validation": 1, "test": 2}
        known = [(part, split) for part, split in zip(self.parts, splits, strict=True) if split]
        return sorted(known, key=lambda pair: order[str(pair[1])])


def holds_images(file: Path) -> bool | None:
    """Whether a parquet file has a column of images; None where it can't be read."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        kinds = columns_of(pq.read_schema(file)).values()
    except (pa.ArrowException, OSError, ValueError, KeyError, MemoryError, NotImplementedError):
        return None
    return any(column.kind in ("image", "binary") for column in kinds)
