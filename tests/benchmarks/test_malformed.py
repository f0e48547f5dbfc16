"""Malformed inputs: how they are judged, and a few of each kind, none of which may end in a traceback."""

from __future__ import annotations

import contextlib
import io
import os
import random
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.malformed import all_cases, explain, table
from benchmarks.malformed_call import (
    ACCEPTED,
    HUNG,
    OTHER,
    REFUSED,
    TRACEBACK,
    Case,
    Outcome,
    Place,
    call,
    environment,
    judge,
    no_ray,
)
from benchmarks.malformed_sound import make_sound

FEW = (
    "image files, cut off/png 0",
    "image files, cut off/tif 1",
    "image files, bits flipped/jpg 0",
    "image files, absurd headers/PNG of 10^9 pixels",
    "image files, absurd headers/TIFF of floats, some NaN",
    "names of files/Latin-1",
    "names of files/colours of a terminal, damaged",
    "names of classes/a script",
    "zip files/cut off 0",
    "zip files/encrypted",
    ".npz files/pickled labels",
    ".npz files/bytes zeroed 0",
    ".npz files/shape (10**12, 32, 32)",
    "parquet files/footer 0",
    "parquet files, columns/labels of structs",
    "parquet files, columns/class names over words",
    "values of --set/key \\udcff=1",
    "YAML files/brackets, 3,000 deep",
    "YAML files/random bytes",
    "places to write/--out of run, below a file",
    "run folders, files damaged/run.json empty, report",
    "run folders, files damaged/selection.json empty, compare",
    "run folders, as a whole/a file, predict",
)


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("malformed")
    with _variables(environment(root)):
        make_sound(root / "sound")
    return root / "sound"


@contextlib.contextmanager
def _variables(values: dict[str, str]) -> Iterator[None]:
    before = dict(os.environ)
    os.environ.update(values)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


@pytest.mark.parametrize("name", FEW)
def test_none_of_a_few_ends_in_a_traceback(
    name: str, sound: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    [case] = [case for case in all_cases(0) if case.full_name == name]
    (tmp_path / "home").mkdir()
    place = Place(tmp_path, random.Random(zlib.crc32(name.encode())), sound)
    arguments = case.make(place)
    monkeypatch.chdir(tmp_path)
    out = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    err = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", errors="backslashreplace")
    streams = contextlib.redirect_stdout(out), contextlib.redirect_stderr(err)
    monkeypatch.setattr("sys.argv", [])
    with _variables({**environment(tmp_path), **case.env}), no_ray(), streams[0], streams[1]:
        code = call(arguments)
    texts = []
    for stream in (out, err):
        stream.seek(0)
        texts.append(stream.read())
    verdict, why = judge(case, code, *texts)
    assert verdict in (ACCEPTED, REFUSED), f"{why}\n{texts[1][-2000:]}"
    if verdict == REFUSED:
        assert not place.out.exists()


def test_every_case_has_a_name_of_its_own_and_the_seed_moves_no_name() -> None:
    names = [case.full_name for case in all_cases(0)]
    assert len(names) == len(set(names)) > 1_000
    assert {case.kind for case in all_cases(1)} == {case.kind for case in all_cases(0)}


def _case(**more: object) -> Case:
    return Case("kind", "name", lambda place: [], **more)  # type: ignore[arg-type]


SENTENCE = "error: there is no such thing; give another\n"


@pytest.mark.parametrize(
    ("code", "out", "err", "verdict"),
    [
        (0, "all is well\n", "", ACCEPTED),
        (1, "Leak: two images\n", "", ACCEPTED),
        (2, "", SENTENCE, REFUSED),
        (2, "a note\n", f"a warning\n{SENTENCE}  a.png: it is empty\n", REFUSED),
        (2, "", "Usage: sweep run\n\nInvalid value for '--seeds'\n", REFUSED),
        (2, "", "", OTHER),
        (2, "", "error: no\n", OTHER),
        (2, "", f"{SENTENCE}and more\n", OTHER),
        (2, "", SENTENCE.replace("thing", "th\x1b[31ming"), OTHER),
        (2, "", SENTENCE.replace("thing", "x" * 20_000), OTHER),
        (1, "", "something\n", OTHER),
        (3, "", SENTENCE, OTHER),
        (1, "", "Traceback (most recent call last):\n  File x\nKeyError: 'a'\n", TRACEBACK),
        (0, "Traceback (most recent call last):\n", "", TRACEBACK),
        (1, "", "Traceback (most recent call last):\nMemoryError\n", HUNG),
    ],
)
def test_the_judge(code: int, out: str, err: str, verdict: str) -> None:
    assert judge(_case(), code, out, err)[0] == verdict


def test_what_must_be_refused_and_what_must_be_named() -> None:
    assert judge(_case(refuse=True), 0, "", "")[0] == OTHER
    assert judge(_case(mention="a.png"), 2, "", SENTENCE)[0] == OTHER
    assert judge(_case(mention="thing"), 2, "", SENTENCE)[0] == REFUSED


def test_the_table_counts_each_once() -> None:
    outcomes = [Outcome(_case(), verdict) for verdict in (ACCEPTED, REFUSED, REFUSED, TRACEBACK)]
    other = Outcome(Case("other", "name", lambda place: []), HUNG)
    assert table([*outcomes, other]) == [
        ["kind", "4", "1", "2", "1", "0", "0"],
        ["other", "1", "0", "0", "0", "1", "0"],
        ["all", "5", "1", "2", "1", "1", "0"],
    ]


def test_a_fault_says_how_to_see_it_again() -> None:
    shown = explain(Outcome(_case(), TRACEBACK, "KeyError", ("audit", "--data", "a b"), "last words"))
    assert "sweep audit --data 'a b'" in shown
    assert "--only kind/name" in shown
