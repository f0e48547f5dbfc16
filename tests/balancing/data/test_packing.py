"""Small parquet files that unpack to large ones: refused by what they state, or read a few rows at a time."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from balancing.data.options import Options
from balancing.data.sources.packing import check_packing, rows_at_once
from balancing.data.sources.parquet import ParquetSource
from balancing.errors import UserError

ROWS = 400


def source_of(path: Path) -> ParquetSource:
    return ParquetSource.of_path(path.name, path, [path], Options())


def written(path: Path, image: pa.Array, label: pa.Array, **how: object) -> Path:
    pq.write_table(pa.table({"image": image, "label": label}), path, compression="zstd", store_schema=False, **how)
    return path


def repeated(value: str | bytes, rows: int = ROWS) -> pa.Array:
    """Cells that a file stores once."""
    return pa.DictionaryArray.from_arrays(pa.array([0] * rows, pa.int32()), pa.array([value]))


def test_a_long_label_that_a_dictionary_repeats_is_refused_before_it_is_repeated(tmp_path: Path) -> None:
    path = written(tmp_path / "train.parquet", repeated(b"x"), repeated("y" * 1_000_000))
    assert path.stat().st_size < 5_000
    before = pa.default_memory_pool().max_memory()
    with pytest.raises(UserError, match="row 0 of column 'label' of .* holds a text of 1,000,000 characters"):
        source_of(path).listing()
    # Dense, the labels alone take 400 MB.
    assert pa.default_memory_pool().max_memory() < max(before, 200_000_000)


def test_an_image_packed_as_no_image_can_be_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path / "train.parquet", pa.array([bytes(20_000_000)]), pa.array(["a"]), use_dictionary=False)
    with pytest.raises(UserError, match=r"states 20,000,\d+ bytes for column 'image', packed into [\d,]+, which no"):
        list(source_of(path).contents())


@pytest.mark.parametrize("dictionary", [True, False])
def test_short_labels_may_be_packed_as_well_as_they_like(tmp_path: Path, dictionary: bool) -> None:
    labels = repeated("bacterial pneumonia", 1_000_000).dictionary_decode()
    pq.write_table(pa.table({"label": labels}), tmp_path / "x.parquet", compression="zstd", use_dictionary=dictionary)
    file = pq.ParquetFile(tmp_path / "x.parquet")
    check_packing(file, ["label"], "x.parquet")
    texts = pq.ParquetFile(tmp_path / "x.parquet", read_dictionary=["label"])
    assert rows_at_once(file, ["label"], 4096, texts) == 4096


def test_cells_that_are_stored_once_are_read_a_few_at_a_time(tmp_path: Path) -> None:
    image = bytes(8_000_000)
    path = written(tmp_path / "train.parquet", repeated(image), pa.array(["a", "b"] * (ROWS // 2)))
    assert path.stat().st_size < 5_000
    assert 1 <= rows_at_once(pq.ParquetFile(path), ["image"], 64) * len(image) <= 1 << 26
    assert next(source_of(path).contents()) == image


@pytest.mark.parametrize("how", [{}, {"use_dictionary": False}, {"delta": True}])
@pytest.mark.parametrize("kind", [pa.string(), pa.large_string()])
def test_texts_are_read_alike_however_they_are_stored(tmp_path: Path, how: dict[str, bool], kind: pa.DataType) -> None:
    labels = ["a", None, "b", "a", "ä"] * 20
    paths = [f"{i}.png" if i % 3 else None for i in range(100)]
    images = pa.array([{"bytes": b"x", "path": path} if path else None for path in paths])
    table = pa.table({"image": images, "label": pa.array(labels).cast(kind)})
    stored = {"use_dictionary": False, "column_encoding": {"label": "DELTA_BYTE_ARRAY"}} if "delta" in how else how
    pq.write_table(table, tmp_path / "train.parquet", row_group_size=30, **stored)
    found = source_of(tmp_path / "train.parquet").listing()
    assert list(found.labels) == labels
    assert [name for name in found.names if "train" not in name] == [path for path in paths if path]
