"""How much a parquet file may grow when it is unpacked, known from what it states of its columns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from balancing.data.text import shown
from balancing.errors import UserError

if TYPE_CHECKING:
    import pyarrow.parquet as pq

# A column of a row group larger than this many bytes must not be packed better than so many times, as in zip files.
_UNSUSPICIOUS, _MOST_RATIO = 1 << 24, 200
_MOST_AT_ONCE = 1 << 26  # bytes that the cells of one batch may take
_SHORT = 128  # bytes; a column of texts that are shorter on average may repeat as often as it likes


def check_packing(file: pq.ParquetFile, columns: Sequence[str], where: str, images: Sequence[str] = ()) -> None:
    """Refuses columns that are packed so well that unpacking them would fill the memory.

    Short texts that repeat may be packed as well as they like.

    Args:
        file: of which the footer alone is read.
        columns: that will be read, nested ones as ``image.bytes`` or by their first part.
        where: the file's name, for the message.
        images: those of them that hold images, which never repeat.
    Raises:
        UserError: a column larger than 16 MiB and packed more than 200 times.
    """
    for chunk in _chunks(file, columns):
        size, packed = chunk.total_uncompressed_size, chunk.total_compressed_size
        repeated = 0 if _is_read(chunk.path_in_schema, images) else _SHORT * chunk.num_values
        if size > max(_UNSUSPICIOUS, _MOST_RATIO * packed, repeated):
            raise UserError(
                f"{where} states {size:,} bytes for column '{shown(chunk.path_in_schema)}', packed into {packed:,}, "
                "which no images or labels are; write the file anew without compression if they are all the same"
            )


def rows_at_once(file: pq.ParquetFile, columns: Sequence[str], most: int, texts: pq.ParquetFile | None = None) -> int:
    """Rows, at least 1 and at most ``most``, whose cells fit in 64 MiB, however large the largest are.

    In an encoding that stores equal cells or beginnings once, a small file can hold any number of large cells.

    Args:
        file: whose row groups are asked how large a cell of theirs can be.
        columns: that will be read.
        most: rows.
        texts: the same file, with ``text_columns`` read as dictionaries, which are looked at; None where a cell may be
            as large as its column.
    """
    looked_at = _longest_texts(texts, columns) if texts else {}
    largest = [leaf.length or 0 for leaf in _leaves(file, columns)]  # of cells that all have one length
    for chunk in _chunks(file, columns):
        if chunk.physical_type == "BYTE_ARRAY":
            largest.append(looked_at.get(chunk.path_in_schema, chunk.total_uncompressed_size))
    return max(1, min(most, _MOST_AT_ONCE // max(1, *largest)))


def text_columns(file: pq.ParquetFile, columns: Sequence[str]) -> list[str]:
    """The columns of texts that can be read as dictionaries, so that each text is stored once."""
    texts = {leaf.path for leaf in _leaves(file, columns) if leaf.physical_type == "BYTE_ARRAY"}
    return sorted(texts - {c.path_in_schema for c in _chunks(file, columns) if "DELTA_BYTE_ARRAY" in c.encodings})


def _longest_texts(file: pq.ParquetFile, columns: Sequence[str]) -> dict[str, int]:
    """Bytes of each column's longest text among those that are stored once; the others lie in the file as they are."""
    import pyarrow as pa
    import pyarrow.compute as pc

    longest: dict[str, int] = {}
    for path in text_columns(file, columns):
        for group in range(file.metadata.num_row_groups):
            for batch in file.iter_batches(batch_size=1, row_groups=[group], columns=[path]):
                column = batch.column(0)
                while pa.types.is_struct(column.type):
                    column = column.field(0)
                if not pa.types.is_dictionary(column.type):
                    break
                lengths = pc.binary_length(column.dictionary)
                longest[path] = max(longest.get(path, 0), pc.max(lengths).as_py() or 0)
                break  # the first row brings the dictionary of its row group with it
    return longest


def _chunks(file: pq.ParquetFile, columns: Sequence[str]) -> Iterator[pq.ColumnChunkMetaData]:
    for group in range(file.metadata.num_row_groups):
        stated = file.metadata.row_group(group)
        for place in range(stated.num_columns):
            chunk = stated.column(place)
            if _is_read(chunk.path_in_schema, columns):
                yield chunk


def _leaves(file: pq.ParquetFile, columns: Sequence[str]) -> Iterator[pq.ColumnSchema]:
    for place in range(file.metadata.num_columns):
        if _is_read(file.schema.column(place).path, columns):
            yield file.schema.column(place)


def _is_read(path: str, columns: Sequence[str]) -> bool:
    return any(path == column or path.startswith(f"{column}.") for column in columns)
