"""What ``datasets.save_to_disk`` wrote, or a single .arrow file: read with pyarrow alone."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from balancing.data.options import Options
from balancing.data.sources.base import digest, split_of_path
from balancing.data.sources.columnar import ColumnarSource, Shelf
from balancing.data.text import shown
from balancing.errors import UserError

if TYPE_CHECKING:
    import pyarrow as pa

_STATE = "state.json"
_MOST_STATE = 1 << 24  # bytes
_MOST_AT_ONCE = 1 << 30  # bytes that a stored batch may take


def is_saved(files: Sequence[str]) -> bool:
    """Whether a folder holds what ``save_to_disk`` writes."""
    return any(file.rpartition("/")[2] == _STATE for file in files) and any(file.endswith(".arrow") for file in files)


class _ArrowFile(Shelf):
    """A file of Arrow batches, mapped into memory; a stream, as ``datasets`` writes it, or a file with a footer."""

    def __init__(self, file: Path, path: str, split: str | None, name: str, noted: bytes | None = None) -> None:
        self.path, self.split, self.folder = path, split, file.parent
        self._file, self._name, self._noted = file, name, noted

    def schema(self) -> pa.Schema:
        schema = next(self._read())
        noted = dict(schema.metadata or {})
        if self._noted is not None:
            noted.setdefault(b"huggingface", self._noted)
        return schema.with_metadata(noted)

    def batches(self, columns: Sequence[str], rows: int, images: Sequence[str] = ()) -> Iterator[pa.RecordBatch]:
        wanted = list(dict.fromkeys(column if column in images else self._outer(column) for column in columns))
        stored = self._read()
        next(stored)
        for batch in stored:
            if batch.nbytes > _MOST_AT_ONCE:
                raise UserError(
                    f"{shown(self.path)} of {self._name} has a batch of {batch.nbytes:,} bytes, but at most "
                    f"{_MOST_AT_ONCE:,} are read at once; save it again with smaller batches"
                )
            kept = batch.select(wanted)
            for start in range(0, kept.num_rows, rows):
                yield kept.slice(start, rows)

    def _outer(self, column: str) -> str:
        return column.removesuffix(".path") if column not in self.schema().names else column

    def _read(self) -> Iterator[Any]:
        """The schema, then each batch, whole in itself."""
        import pyarrow as pa

        try:
            with pa.memory_map(str(self._file)) as mapped:
                stored = self._stored(mapped)
                schema = next(stored)
                for name in schema.names:  # a name that is no UTF-8 is seen here
                    schema.field(name)
                yield schema
                for batch in stored:
                    # What a file states of lengths and places in it is taken as it is, else: damage would be read as
                    # memory of this process.
                    batch.validate(full=True)
                    yield batch
        except (pa.ArrowException, OSError, ValueError, MemoryError, KeyError) as error:
            raise self.damaged(error, self._name) from None

    @staticmethod
    def _stored(mapped: Any) -> Iterator[Any]:
        """The schema, then each batch, of a stream or a file."""
        import pyarrow as pa

        try:
            reader = pa.ipc.open_stream(mapped)
        except pa.ArrowInvalid:
            mapped.seek(0)
            file = pa.ipc.open_file(mapped)
            yield file.schema
            for number in range(file.num_record_batches):
                yield file.get_batch(number)
            return
        yield reader.schema
        yield from reader


class ArrowSource(ColumnarSource):
    """Arrow files with an image and a label column; splits follow from the folders' names or a column.

    Args:
        name: what the user named.
        root: the folder that all files of the source lie in.
        shelves: the files, train first.
        options: the columns to read.
        unread: files of no split.
    """

    what = ".arrow files"
    passes_over = ("config", "label_pattern", "folders", "images")

    def __init__(
        self, name: str, root: Path, shelves: list[_ArrowFile], options: Options, unread: Sequence[str] = ()
    ) -> None:
        self.name, self.options = name, options
        self._root, self._files, self._unread = root, shelves, tuple(unread)

    @classmethod
    def of_file(cls, name: str, path: Path, options: Options) -> ArrowSource:
        """The source of one .arrow file."""
        return cls(name, path.parent, [_ArrowFile(path, path.name, None, name)], options)

    @classmethod
    def of_folder(cls, name: str, root: Path, files: Sequence[str], options: Options) -> ArrowSource:
        """What ``save_to_disk`` wrote below a folder: a data set, or one a split.

        Raises:
            UserError: state.json can't be read, or names files that are not beside it.
        """
        shelves = []
        for state in (file for file in files if file.rpartition("/")[2] == _STATE):
            folder = state.rpartition("/")[0]
            noted = _noted(root / folder / "dataset_info.json")
            for file in _data_files(root / state, name):
                path = f"{folder}/{file}" if folder else file
                if path not in files:
                    raise UserError(f"{name} lacks {shown(path)}, which {shown(state)} names; copy the whole folder")
                split = split_of_path(folder) if folder else None
                shelves.append(_ArrowFile(root / path, path, split, name, noted))
        told = [one.split for one in shelves]
        order = {"train": 0, "validation": 1, "test": 2}
        if any(told):
            unread = [one.path for one in shelves if one.split is None]
            shelves = sorted((one for one in shelves if one.split), key=lambda one: order[str(one.split)])
            return cls(name, root, shelves, options, unread)
        return cls(name, root, shelves, options)

    def identity(self) -> str:
        stats = [(one.path, (self._root / one.path).stat()) for one in self._files]
        return digest([[path, stat.st_size, stat.st_mtime_ns] for path, stat in stats])

    def _shelves(self) -> list[Shelf]:
        return list(self._files)

    def _roots(self) -> Sequence[Path]:
        return [self._root]

    def _left_out(self) -> Sequence[str]:
        if not self._unread:
            return ()
        return (f"Arrow files whose folder tells no split are left out: {', '.join(map(shown, self._unread[:5]))}.",)


def _data_files(state: Path, name: str) -> list[str]:
    found = _json(state)
    files = found.get("_data_files") if isinstance(found, dict) else None
    names = [one.get("filename") if isinstance(one, dict) else None for one in files] if isinstance(files, list) else []
    if not names or not all(isinstance(one, str) and one and "/" not in one and "\\" not in one for one in names):
        raise UserError(f"{shown(state.name)} of {name} names no files beside it; save the data set again")
    if isinstance(found, dict) and found.get("_indices_data_files"):
        raise UserError(
            f"{name} was saved with rows picked out of it, which is not read; save it again after flatten_indices()"
        )
    return [str(one) for one in names]


def _noted(info: Path) -> bytes | None:
    """What dataset_info.json says of the columns, as a schema's metadata would."""
    found = _json(info)
    features = found.get("features") if isinstance(found, dict) else None
    return json.dumps({"info": {"features": features}}).encode() if isinstance(features, dict) else None


def _json(path: Path) -> Any:
    try:
        if path.stat().st_size > _MOST_STATE:
            return None
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
