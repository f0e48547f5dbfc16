"""Parquet files: one, a folder of them, or a folder in the Hub's layout; read by row batches with pyarrow."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from balancing.data.options import Options
from balancing.data.sources.base import Content, Listing, Source, Unreadable, digest, split_of_path
from balancing.data.sources.columns import Chosen, choose_columns, columns_of, image_content, refuse_twins
from balancing.data.sources.packing import check_packing, rows_at_once, text_columns
from balancing.data.sources.rows import TableRows
from balancing.data.text import shown
from balancing.errors import UserError

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

_BATCH = 64  # rows read at once: encoded images of full size are a few MB each


@dataclass(frozen=True)
class Part:
    """One parquet file: its path below the source, how to open it, and what tells whether it changed."""

    path: str
    open: Callable[[], Path | IO[bytes]]
    stamp: tuple[int, int]
    folder: Path | None = None


@dataclass
class ParquetSource(Source):
    """Parquet files with an image and a label column; the splits follow from the files' names.

    Args:
        name: what the user named.
        parts: the files, sorted by path.
        options: the columns to read.
        root: the folder that all files of the source lie in; None inside a zip.
    """

    name: str
    parts: list[Part]
    options: Options
    root: Path | None = None
    _chosen: Chosen | None = field(default=None, init=False)

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

    def listing(self) -> Listing:
        chosen = self._choose()
        found = TableRows(chosen, self.name)
        notes = []
        used = self._used()
        left_out = [part.path for part in self.parts if part not in [p for p, _ in used]]
        if left_out:
            notes.append(
                f"{len(left_out)} parquet file{'s' if len(left_out) > 1 else ''} whose name tells no split "
                f"left out: {', '.join(map(shown, left_out[:5]))}."
            )
        for part, split in used:
            with self._open(part) as file:
                wanted = [chosen.label] + ([chosen.patient] if chosen.patient else [])
                struct = file.schema_arrow.field(chosen.image).type
                has_path = hasattr(struct, "get_field_index") and struct.get_field_index("path") >= 0
                wanted += [f"{chosen.image}.path"] if has_path else []
                for batch in self._batches(file, part, 4096, wanted):
                    rows = self._values(batch, part)
                    paths = [cell["path"] if cell else None for cell in rows[chosen.image]] if has_path else []
                    found.add(
                        split,
                        rows[chosen.label],
                        rows[chosen.patient] if chosen.patient else None,
                        paths or [None] * batch.num_rows,
                    )
        return found.listing(notes)

    def contents(self) -> Iterator[Content]:
        chosen = self._choose()
        for part, _ in self._used():
            with self._open(part) as file:
                for batch in self._batches(file, part, _BATCH, [chosen.image]):
                    for cell in batch.column(0):
                        try:
                            value = cell.as_py()
                        except ValueError:
                            yield Unreadable("its path is no UTF-8")
                            continue
                        yield image_content(value, part.folder, [self.root] if self.root else [])

    def _used(self) -> list[tuple[Part, str]]:
        """The files with their splits, train first; files that tell no split count as train where none does."""
        if len(self.parts) == 1:
            return [(self.parts[0], split_of_path(self.parts[0].path) or "train")]
        splits = [split_of_path(part.path) for part in self.parts]
        if not any(splits):
            return [(part, "train") for part in self.parts]
        order = {"train": 0, "validation": 1, "test": 2}
        known = [(part, split) for part, split in zip(self.parts, splits, strict=True) if split]
        return sorted(known, key=lambda pair: order[pair[1]])

    def _choose(self) -> Chosen:
        if self._chosen is None:
            schemas = {}
            for part, _ in self._used():
                with self._open(part) as file:
                    schemas[part.path] = file.schema_arrow
            first, *others = schemas
            for other in others:
                if schemas[other].names != schemas[first].names:
                    raise UserError(
                        f"the parquet files of {self.name} have different columns: {first} has "
                        f"{', '.join(schemas[first].names)}; {other} has {', '.join(schemas[other].names)}; "
                        "give a folder that holds one data set"
                    )
            chosen = choose_columns(columns_of(schemas[first]), self.options, self.name)
            refuse_twins(schemas[first].names, chosen, self.name)
            for other in others:
                if columns_of(schemas[other])[chosen.label].class_names != chosen.class_names:
                    raise UserError(
                        f"the parquet files {first} and {other} of {self.name} name the classes of column "
                        f"'{chosen.label}' differently; give a folder that holds one data set"
                    )
            self._chosen = chosen
        return self._chosen

    def _batches(self, file: pq.ParquetFile, part: Part, rows: int, columns: list[str]) -> Iterator[pa.RecordBatch]:
        import pyarrow as pa

        image = self._choose().image
        images = [image] if image in columns else []
        check_packing(file, columns, f"{shown(part.path)} of {self.name}", images)
        try:
            with self._open(part, text_columns(file, columns)) as texts:
                rows = rows_at_once(file, columns, rows, None if images else texts)
            yield from file.iter_batches(batch_size=rows, columns=columns)
        except (pa.ArrowException, OSError, ValueError, MemoryError, zipfile.BadZipFile, zlib.error) as error:
            raise self._damaged(part, error) from None

    def _values(self, batch: pa.RecordBatch, part: Part) -> dict[str, list[Any]]:
        """The cells of a batch, column by column."""
        try:
            return batch.to_pydict()
        except (ValueError, OverflowError, KeyError) as error:  # texts that are no UTF-8, dates of the year 300,000
            raise self._damaged(part, error) from None

    def _open(self, part: Part, texts: Sequence[str] = ()) -> pq.ParquetFile:
        """The file; ``texts`` are the columns to read as dictionaries."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            return pq.ParquetFile(
                part.open(),
                read_dictionary=list(texts),
                pre_buffer=False,  # else row groups are read whole
                buffer_size=1 << 20,
            )
        except (
            pa.ArrowException, OSError, ValueError, KeyError, MemoryError, NotImplementedError, zipfile.BadZipFile,
            zlib.error,
        ) as error:  # fmt: skip
            raise self._damaged(part, error) from None

    def _damaged(self, part: Part, error: Exception) -> UserError:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        return UserError(
            f"{shown(part.path)} of {self.name} cannot be read as parquet ({reason}); download it again or leave it out"
        )
