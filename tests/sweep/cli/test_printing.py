"""What reaches the terminal can neither steer it nor fail to be printed."""

from __future__ import annotations

import io
import subprocess
import sys
import unicodedata
from pathlib import Path

import pytest
from rich.table import Table
from rich.text import Text

from sweep.cli.printing import error_text, make_console, printable

STEERING = [chr(code) for code in range(0x110000) if unicodedata.category(chr(code)) in ("Cc", "Zl", "Zp", "Cs")]
DIRECTIONS = [chr(code) for code in (0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A))]


def test_what_steers_a_terminal_is_written_out() -> None:
    for character in set(STEERING + DIRECTIONS) - {"\n", "\t"}:
        shown = printable(f"a{character}b")
        assert shown.startswith("a\\")
        assert shown.isprintable()


@pytest.mark.parametrize("text", ["plain", "é☃ пневмония", "\U0001f468\u200d\u2695\ufe0f", "two\n\tlines", "± – …"])
def test_text_stays_as_it_is(text: str) -> None:
    assert printable(text) == text


def test_bytes_of_a_name_are_shown_as_such() -> None:
    name = Path(b"R\xf6ntgen.png".decode("utf-8", "surrogateescape")).name
    assert printable(name) == "R\\xf6ntgen.png"


@pytest.mark.parametrize("wrap", [str, Text, lambda text: Text.assemble((text, "red"))])
def test_the_console_writes_out_names(wrap: object, capsys: pytest.CaptureFixture[str]) -> None:
    name = "a\x1b[2J\u202egpj\udcff"
    console = make_console()
    console.print(wrap(name), markup=False)  # type: ignore[operator]
    table = Table("a column as wide as what is written out")
    table.add_row(wrap(name))  # type: ignore[operator]
    console.print(table)
    printed = capsys.readouterr().out
    assert printed.count("a\\x1b[2J\\u202egpj\\xff") == 2
    assert printed.replace("\n", "").isprintable()


def test_colours_of_a_real_terminal_stay() -> None:
    console = make_console()
    console.file = file = io.StringIO()
    console._color_system, console._force_terminal = console._color_system or 1, True  # type: ignore[assignment]
    console.print(Text("a\x1bb", style="red"))
    assert file.getvalue() == "\x1b[31ma\\x1bb\x1b[0m\n"


def test_a_line_feed_of_a_value_makes_no_line_of_its_own() -> None:
    assert error_text("no such path: a\nerror: all is well") == "no such path: a\\nerror: all is well"
    assert error_text("2 images cannot be read:\n  a: empty\n  b: empty") == (
        "2 images cannot be read:\n  a: empty\n  b: empty"
    )


def test_what_is_very_long_is_shortened_between_its_ends() -> None:
    shown = error_text(f"no such path: /a{'x' * 10_000}/end; check its spelling")
    assert len(shown) < 500
    assert shown.startswith("no such path: /axxx")
    assert shown.endswith("x/end; check its spelling")
    words = error_text("many " * 100_000 + "end")
    assert len(words) <= 10_000
    assert words.endswith("many end")
    assert error_text("word " * 100) == "word " * 100


def test_a_command_fails_in_one_printable_line_in_any_locale(tmp_path: Path) -> None:
    old = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    found = subprocess.run(
        [
            sys.executable,
            "-m",
            "sweep.cli",
            "run",
            "demo",
            b"--set=\x1b[31m\n\xff\xc3\xa9=1",
            "--out",
            tmp_path / "o",
        ],
        env={"PYTHONPATH": str(Path(__file__).parents[3]), **old},
        capture_output=True,
    )
    text = found.stderr.decode("ascii")
    assert found.returncode == 2
    assert text.count("\n") == 1
    assert text.startswith("error: unknown key '\\x1b[31m\\n\\xff")
    assert text.rstrip("\n").isprintable()
