"""Tables in files, .csv and .tsv, .xlsx, .jsonl and .parquet, as columns of plain cells; sizes are bounded first."""

from __future__ import annotations

import csv
import io
import json
import re
import warnings
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from balancing.data.sources.columns import columns_of
from balancing.data.sources.packing import check_packing
from balancing.data.text import LONGEST, shown
from balancing.errors import UserError

SUFFIXES = (".csv", ".tsv", ".txt", ".xlsx", ".jsonl", ".ndjson", ".parquet")
MOST_COLUMNS = 1_000
_MOST_BYTES, _MOST_UNPACKED = 1 << 28, 1 << 29
_MOST_ROWS = 5_000_000
_PEEKED = 1 << 20  # bytes of a text that are enough for its first rows
_DELIMITERS = ",;\t|"


@dataclass(frozen=True)
class Table:
    """A table as it was read.

    Args:
        name: of its file, as messages show it.
        columns: name without blanks around it -> cells: text, number, bool, list or None, one a row.
        twins: names that several columns bear; of these only the first is in ``columns``.
        notes: sentences on how it was read.
    """

    name: str
    columns: Mapping[str, Sequence[Any]]
    twins: frozenset[str] = frozenset()
    notes: tuple[str, ...] = field(default=())

    def __len__(self) -> int:
        return len(next(iter(self.columns.values()), ()))


def is_table(path: str) -> bool:
    """Whether a file's name ends like a table's; plain texts are tables only where a user names them."""
    return path.lower().endswith(SUFFIXES) and not path.lower().endswith(".txt")


def read_table(path: Path, name: str, rows: int | None = None, *, named: bool = True) -> Table:
    """The cells of a table.

    Texts of .csv stay texts, so that an id keeps its leading zeros. Of .xlsx the first sheet of two columns is read,
    and formulas as what they last gave. Objects in .jsonl are columns of their own (``a.b``). Columns of .parquet that
    hold bytes or parts of their own are passed over.

    Args:
        path: of the file.
        name: for messages.
        rows: enough of them, for a first look; None for all.
        named: whether the first line of a text names the columns; else they are called ``column 1`` and so on.
    Raises:
        UserError: it can't be read, or is too large.
    """
    try:
        size = path.stat().st_size
        if size > _MOST_BYTES and path.suffix.lower() != ".parquet":
            raise UserError(
                f"the table {name} has {size:,} bytes, but at most {_MOST_BYTES:,} are read; write the columns that "
                "are needed into a table of their own, or save it as .parquet"
            )
        kind = path.suffix.lower()
        if kind == ".parquet":
            return _of_parquet(path, name, rows)
        if kind in (".jsonl", ".ndjson"):
            return _of_json_lines(path, name, rows)
        if kind == ".xlsx":
            return _of_xlsx(path, name, rows)
        if kind in (".csv", ".tsv", ".txt"):
            with path.open("rb") as file:
                data = file.read(_MOST_BYTES if rows is None else _PEEKED)
            text, notes = _decoded(data, name)
            if len(data) < size:
                text = text[: text.rfind("\n") + 1]
            return _of_text(text, name, rows, kind, notes if named else None)
    except (OSError, MemoryError) as error:
        raise _unreadable(name, error) from None
    if kind == ".xls":
        raise UserError(f"the table {name} is in Excel's old format; save it as .xlsx or .csv")
    raise UserError(f"{name} is no table that can be read: give a {', '.join(SUFFIXES)} file")


def _unreadable(name: str, error: Exception) -> UserError:
    reason = (str(error).splitlines() or [""])[0].strip().rstrip(".") or type(error).__name__
    return UserError(f"the table {name} cannot be read ({reason[:200]}); repair it or leave it out")


def _of_text(text: str, name: str, rows: int | None, kind: str, notes: tuple[str, ...] | None) -> Table:
    """A table of lines; ``notes`` on how it was decoded, None where no line names the columns."""
    import pandas as pd

    named, notes = notes is not None, notes or ()
    marked = re.match(r"sep=(.)\r?\n", text)  # Excel's own line
    if marked:
        text = text[marked.end() :]
    text = text.lstrip("\r\n")
    delimiter = marked[1] if marked else "\t" if kind == ".tsv" else _delimiter(text, kind)
    try:
        header = next(csv.reader(io.StringIO(text[:_PEEKED], newline=""), delimiter=delimiter), [])
    except csv.Error as error:
        raise _unreadable(name, error) from None
    if not header:
        return Table(name, {}, notes=notes)
    if not named:
        header = [f"column {place}" for place in range(1, len(header) + 1)]
        notes = (*notes, f"No line of {name} names its columns, so they are called {', '.join(header[:4])}.")
    names, twins, places = _named(header, name)
    with warnings.catch_warnings():
        warnings.simplefilter("error", pd.errors.ParserWarning)
        if re.search(rf"{re.escape(delimiter)}\r?\n", text[:_PEEKED]):  # a sign after each row's last cell, too
            warnings.simplefilter("ignore", pd.errors.ParserWarning)
        try:
            frame = pd.read_csv(
                io.StringIO(text), sep=delimiter, dtype=str, keep_default_na=False, na_filter=False, index_col=False,
                engine="c", nrows=_most(rows), header=0 if named else None,
            )  # fmt: skip
        except pd.errors.ParserWarning:
            raise UserError(
                f"the rows of the table {name} have more cells than its header has names; name each column"
            ) from None
        except (ValueError, OverflowError, pd.errors.ParserError) as error:
            raise _unreadable(name, error) from None
    _check_rows(len(frame), name)
    columns = {own: frame.iloc[:, place].tolist() for own, place in zip(names, places, strict=True)}
    return Table(name, columns, twins, notes)


def _most(rows: int | None) -> int:
    return _MOST_ROWS + 1 if rows is None else rows  # one is too many


def _decoded(data: bytes, name: str) -> tuple[str, tuple[str, ...]]:
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16", "replace"), ()
    cut = data
    for _ in range(4):  # a first look may end within a letter
        try:
            return cut.decode("utf-8-sig"), ()
        except UnicodeDecodeError as error:
            if error.start < len(data) - 4 or len(data) < _PEEKED:
                break
            cut = data[: error.start]
    return data.decode("cp1252", "replace"), (
        f"The table {name} is not in UTF-8, so its letters are read as Windows' Western ones (cp1252).",
    )


def _delimiter(text: str, kind: str) -> str:
    """The one of ``, ; tab |`` that stands in the first line outside of quotes most often; a comma where none does.

    Of a .txt without any of these it is a blank, where the first lines hold equally many.
    """
    line = re.sub(r'"[^"]*"', "", text[:_PEEKED].partition("\n")[0])
    if kind == ".txt" and not any(sign in line for sign in _DELIMITERS):
        blanks = {one.strip().count(" ") for one in text[:_PEEKED].splitlines()[:20] if one.strip()}
        if len(blanks) == 1 and blanks != {0}:
            return " "
    return max(_DELIMITERS, key=line.count)


def _named(header: Sequence[Any], name: str) -> tuple[list[str], frozenset[str], list[int]]:
    """Names of the columns, those that several bear, and the places of the first of each."""
    if len(header) > MOST_COLUMNS:
        raise UserError(
            f"the table {name} has {len(header):,} columns, but at most {MOST_COLUMNS:,} are read; write the columns "
            "of image, label and patient into a table of their own"
        )
    first: dict[str, int] = {}
    twins = set()
    for place, given in enumerate(header):
        own = shown("" if given is None else str(given).strip()[:LONGEST]) or f"column {place + 1}"
        if own in first:
            twins.add(own)
        first.setdefault(own, place)
    return list(first), frozenset(twins), list(first.values())


def _check_rows(count: int, name: str) -> None:
    if count > _MOST_ROWS:
        raise UserError(f"the table {name} has more than {_MOST_ROWS:,} rows, which is no table of images; split it")


def _of_json_lines(path: Path, name: str, rows: int | None) -> Table:
    found: list[dict[str, Any]] = []
    keys: dict[str, None] = {}
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except (ValueError, RecursionError) as error:
                raise UserError(f"line {number:,} of the table {name} is no JSON ({error}); repair it") from None
            if not isinstance(row, dict):
                raise UserError(f"line {number:,} of the table {name} is no JSON object; write one {{...}} a line")
            row = _flat(row)
            found.append(row)
            keys.update(dict.fromkeys(row))
            _check_rows(len(found), name)
            if rows is not None and len(found) >= rows:
                break
    header = list(keys)
    names, twins, places = _named(header, name)
    columns = {own: [_plain(row.get(header[place])) for row in found] for own, place in zip(names, places, strict=True)}
    return Table(name, columns, twins)


def _flat(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row whose objects are columns of their own: ``{"a": {"b": 1}}`` as ``{"a.b": 1}``; deeper ones stay text."""
    flat: dict[str, Any] = {}
    for key, cell in row.items():
        flat |= {f"{key}.{inner}": one for inner, one in cell.items()} if isinstance(cell, dict) else {key: cell}
    return flat


def _plain(cell: Any) -> Any:
    return json.dumps(cell) if isinstance(cell, dict) else cell


def _of_xlsx(path: Path, name: str, rows: int | None) -> Table:
    try:
        import openpyxl
    except ImportError:
        raise UserError(
            f"the table {name} is an Excel file, which is read through openpyxl: pip install 'balancing-act[excel]', "
            "or save it as .csv"
        ) from None
    try:
        with zipfile.ZipFile(path) as archive:
            unpacked = sum(info.file_size for info in archive.infolist())
        if unpacked > _MOST_UNPACKED:
            raise UserError(
                f"the table {name} would take {unpacked:,} bytes unpacked, but at most {_MOST_UNPACKED:,} are read; "
                "save it as .csv"
            )
        book = openpyxl.load_workbook(path, read_only=True, data_only=True, keep_links=False)
        try:
            sheets = sorted(book.worksheets, key=_is_text)
            lines = sheets[0].iter_rows(values_only=True, max_col=MOST_COLUMNS + 1) if sheets else iter(())
            header = list(next(iter(lines), ()))
            while header and header[-1] is None:
                header.pop()
            cells: list[tuple[Any, ...]] = []
            for line in lines:
                if any(cell is not None for cell in line):
                    cells.append(line)
                    _check_rows(len(cells), name)
                if rows is not None and len(cells) >= rows:
                    break
        finally:
            book.close()
    except UserError:
        raise
    except Exception as error:  # openpyxl raises whatever a damaged workbook leads it to
        raise _unreadable(name, error) from None
    names, twins, places = _named(header, name)
    columns = {
        own: [_of_sheet(line[place]) if place < len(line) else None for line in cells]
        for own, place in zip(names, places, strict=True)
    }
    others = ", ".join(shown(sheet.title) for sheet in sheets[1:6])
    notes = (f"Of {name} the sheet '{shown(sheets[0].title)}' is read, and not {others}.",) if others else ()
    return Table(name, columns, twins, notes)


def _is_text(sheet: Any) -> bool:
    """Whether a sheet has no two columns, and so is no table of images but a page of words."""
    lines = sheet.iter_rows(values_only=True, max_col=20, max_row=20)
    return sum(any(cell is not None for cell in column) for column in zip(*lines, strict=True)) < 2


def _of_sheet(cell: Any) -> Any:
    return cell if cell is None or isinstance(cell, str | bool | int | float) else str(cell)


def _of_parquet(path: Path, name: str, rows: int | None) -> Table:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path, pre_buffer=False, buffer_size=1 << 20) as file:
            schema = file.schema_arrow
            kinds = columns_of(schema)
            _, twins, _ = _named(schema.names, name)
            _check_rows(file.metadata.num_rows, name)
            wanted = [own for own in schema.names if kinds[own].kind in ("value", "class", "list") and own not in twins]
            check_packing(file, wanted, name)
            held: dict[str, list[Any]] = {own: [] for own in wanted}
            for batch in file.iter_batches(batch_size=1024 if rows is not None else 65536, columns=wanted):
                for own, cells in batch.to_pydict().items():
                    held[own] += cells
                if rows is not None and batch.num_rows:
                    break
    except (pa.ArrowException, OSError, ValueError, KeyError, OverflowError, NotImplementedError) as error:
        raise _unreadable(name, error) from None
    for own in wanted:
        of = kinds[own].class_names
        if of is not None:
            held[own] = [class_word(cell, of) for cell in held[own]]
    return Table(name, {own.strip() or f"column {i + 1}": held[own] for i, own in enumerate(wanted)}, twins)


def class_word(cell: Any, class_names: Sequence[str]) -> Any:
    """The name of a class number as ``datasets`` keeps them; -1 is no label; anything else stays what it is."""
    if isinstance(cell, list | tuple):
        return [class_word(one, class_names) for one in cell]
    if isinstance(cell, float) and cell.is_integer():
        cell = int(cell)
    if isinstance(cell, int):  # a bool too: datasets stores it as a number
        return class_names[cell] if 0 <= cell < len(class_names) else None if cell == -1 else cell
    return cell
