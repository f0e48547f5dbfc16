"""Rooms stay small enough to hold in mind, and the tests have the rooms of what they test."""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
MOST_LINES = 350
PACKAGES = ("balancing", "sweep")


@pytest.mark.parametrize("top", ["balancing", "benchmarks", "docs", "sweep", "tests"])
def test_no_file_is_long(top: str) -> None:
    lines = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in (ROOT / top).rglob("*.py")}
    assert lines
    assert {str(path.relative_to(ROOT)): n for path, n in lines.items() if n > MOST_LINES} == {}


@pytest.mark.parametrize("package", PACKAGES)
def test_tests_stand_in_the_rooms_of_what_they_test(package: str) -> None:
    rooms = {path.relative_to(ROOT / package).parent for path in (ROOT / package).rglob("*.py")}
    tested = {
        path.relative_to(ROOT / "tests" / package).parent for path in (ROOT / "tests" / package).rglob("test_*.py")
    }
    assert tested
    assert tested <= rooms


@pytest.mark.parametrize("package", PACKAGES)
def test_every_room_says_what_it_is_for(package: str) -> None:
    folders = {path.parent for path in (ROOT / package).rglob("*.py")}
    silent = [
        folder for folder in folders if not (folder / "__init__.py").read_text(encoding="utf-8").startswith('"""')
    ]
    assert silent == []
