"""Tables in every form they come in: the same cells, and what is refused of them."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from balancing.data.sources.tables import reading
from balancing.data.sources.tables.reading import read_table
from balancing.errors import UserError
from tests.balancing.samples import hub_table, png

ROWS = [("007", "naïve", "1.0"), ("008", "b,c", ""), ("009", "NA", "-1")]


def write(path: Path, data: str | bytes) -> Path:
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return path


def cells(path: Path) -> dict[str, list[object]]:
    return {name: list(column) for name, column in read_table(path, path.name).columns.items()}


@pytest.mark.parametrize("sign", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
def test_texts_with_any_sign_between_and_any_letters(tmp_path: Path, sign: str, encoding: str) -> None:
    lines = [sign.join(("id", " say ", "n"))] + [sign.join(f'"{cell}"' for cell in row) for row in ROWS]
    path = write(tmp_path / "t.csv", "\r\n".join(lines).encode(encoding))
    assert cells(path) == {"id": ["007", "008", "009"], "say": ["naïve", "b,c", "NA"], "n": ["1.0", "", "-1"]}
    notes = read_table(path, "t.csv").notes
    assert [("not in UTF-8" in note) for note in notes] == ([True] if encoding == "cp1252" else [])


def test_the_sign_that_excel_states(tmp_path: Path) -> None:
    assert cells(write(tmp_path / "t.csv", "sep=;\na,b;c\n1,2;3\n")) == {"a,b": ["1,2"], "c": ["3"]}


def test_every_kind_of_file_gives_the_same_rows(tmp_path: Path) -> None:
    openpyxl = pytest.importorskip("openpyxl")
    expected = {"file": ["a.png", "b.png"], "grade": [1, 2]}
    book = openpyxl.Workbook()
    book.active.append(["file", "grade", None])
    for row in zip(*expected.values(), strict=True):
        book.active.append(row)
    book.create_sheet("notes").append(["something", "else"])
    book.save(tmp_path / "t.xlsx")
    assert cells(tmp_path / "t.xlsx") == expected
    assert read_table(tmp_path / "t.xlsx", "t.xlsx").notes == ("Of t.xlsx the sheet 'Sheet' is read, and not notes.",)
    lines = [json.dumps({"file": f, "grade": g}) for f, g in zip(*expected.values(), strict=True)]
    assert cells(write(tmp_path / "t.jsonl", "\n".join(lines))) == expected
    pq.write_table(pa.table({**expected, "image": [b"x", b"y"]}), tmp_path / "t.parquet")
    assert cells(tmp_path / "t.parquet") == expected


def test_class_numbers_of_parquet_are_words_and_lists_stay_lists(tmp_path: Path) -> None:
    pq.write_table(
        hub_table(["a", "b", "c"], [png(1)] * 3, [1, 0, -1], extra={"l": [["x"], [], None]}), tmp_path / "t.parquet"
    )
    assert cells(tmp_path / "t.parquet") == {"label": ["PNEUMONIA", "NORMAL", None], "l": [["x"], [], None]}


def test_a_first_look_reads_the_first_rows(tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", "a,b\n" + "".join(f"{i},x\n" for i in range(1_000)))
    assert len(read_table(path, "t.csv", 10)) == 10
    assert len(read_table(path, "t.csv")) == 1_000


@pytest.mark.parametrize(
    ("name", "data", "sentence"),
    [
        ("t.csv", ",".join(f"c{i}" for i in range(1_001)) + "\n", "has 1,001 columns, but at most 1,000 are read"),
        ("t.jsonl", '{"a": 1}\nnothing\n', "line 2 of the table t.jsonl is no JSON"),
        ("t.jsonl", "[" * 100_000, "line 1 of the table t.jsonl is no JSON"),
        ("t.jsonl", "[1]\n", "line 1 of the table t.jsonl is no JSON object"),
        ("t.xlsx", b"PK nothing", "the table t.xlsx cannot be read"),
        ("t.parquet", b"PAR1", "the table t.parquet cannot be read"),
        ("t.xls", b"x", "in Excel's old format; save it as .xlsx or .csv"),
        ("t.doc", b"x", "t.doc is no table that can be read"),
    ],
)
def test_what_cannot_be_read_is_a_sentence(tmp_path: Path, name: str, data: str | bytes, sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        read_table(write(tmp_path / name, data), name)


def test_sizes_are_bounded_before_reading(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "t.csv", "a\n" + "1\n" * 50)
    monkeypatch.setattr(reading, "_MOST_ROWS", 20)
    with pytest.raises(UserError, match="more than 20 rows"):
        read_table(path, "t.csv")
    monkeypatch.setattr(reading, "_MOST_BYTES", 60)
    with pytest.raises(UserError, match="has 102 bytes, but at most 60 are read"):
        read_table(path, "t.csv")
    monkeypatch.setattr(reading, "_MOST_BYTES", 1 << 20)
    monkeypatch.setattr(reading, "_MOST_UNPACKED", 1_000)
    with zipfile.ZipFile(tmp_path / "t.xlsx", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/worksheets/sheet1.xml", " " * 100_000)
    pytest.importorskip("openpyxl")
    with pytest.raises(UserError, match="would take 100,000 bytes unpacked"):
        read_table(tmp_path / "t.xlsx", "t.xlsx")


def test_columns_of_one_name_are_known(tmp_path: Path) -> None:
    table = read_table(write(tmp_path / "t.csv", "a,b,a\n1,2,3\n"), "t.csv")
    assert table.twins == {"a"}
    assert dict(table.columns) == {"a": ["1"], "b": ["2"]}


def test_ragged_rows_are_a_sentence_or_short(tmp_path: Path) -> None:
    assert cells(write(tmp_path / "t.csv", "a,b\n1\n2,3\n")) == {"a": ["1", "2"], "b": ["", "3"]}
    assert cells(write(tmp_path / "t.csv", "\n\na,b,\n1,2,\n2,3,\n")) == {
        "a": ["1", "2"],
        "b": ["2", "3"],
        "column 3": ["", ""],
    }
    with pytest.raises(UserError, match=r"cannot be read .*line 3"):
        read_table(write(tmp_path / "t.csv", "a,b\n1,2\n2,3,4\n"), "t.csv")
    with pytest.raises(UserError, match="rows of the table t.csv have more cells than its header has names"):
        read_table(write(tmp_path / "t.csv", "a,b\n1,2,3\n2,3,4\n"), "t.csv")


def test_a_page_of_words_before_the_table_is_passed_over(tmp_path: Path) -> None:
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    book.active.title = "Readme"
    book.active.append(["Please cite us."])
    sheet = book.create_sheet("data")
    for row in (["file", "grade"], ["a.png", 1], ["b.png", 2]):
        sheet.append(row)
    book.save(tmp_path / "t.xlsx")
    assert cells(tmp_path / "t.xlsx") == {"file": ["a.png", "b.png"], "grade": [1, 2]}
    assert read_table(tmp_path / "t.xlsx", "t").notes == ("Of t the sheet 'data' is read, and not Readme.",)


def test_objects_of_json_lines_are_columns(tmp_path: Path) -> None:
    path = write(tmp_path / "t.jsonl", '{"image": {"path": "a.png"}, "n": 1}\n{"image": {"path": "b.png"}, "n": 2}\n')
    assert cells(path) == {"image.path": ["a.png", "b.png"], "n": [1, 2]}


def test_keys_of_json_that_differ_in_blanks_alone_do_not_shift_the_others(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"id ": "z", "id": "w", "image": "a.png", "label": "sick"}\n')
    read = read_table(tmp_path / "a.jsonl", "a.jsonl")
    assert read.columns == {"id": ["z"], "image": ["a.png"], "label": ["sick"]}
    assert read.twins == {"id"}
