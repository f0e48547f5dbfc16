"""What a record must look like: JSON of another shape is damage, found before anybody computes with it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from balancing.errors import UserError
from sweep.runs.run import Run
from sweep.runs.shapes import misfit
from tests.sweep.fake_run import fake_images, fake_run

DEEP: list[Any] = []
for _ in range(200):
    DEEP = [DEEP]
WRONG = [None, {}, "x", 10**400, DEEP]


@pytest.mark.parametrize(
    ("value", "shape", "wrong"),
    [
        (1, int, ""),
        (True, int, "it is True"),
        (2**63, int, "it is a number beyond 64 bits"),
        (1, (int, float), ""),
        (None, (str, None), ""),
        (None, str, "it is None"),
        ([1, 2], [int], ""),
        ([1, "a"], [int], "1 is 'a'"),
        ({}, [int], "it is a dict"),
        ({"a": 1, "more": None}, {"a": int}, ""),
        ({}, {"a": int}, "a is missing"),
        ({}, {"a?": int}, ""),
        ({"a": "x"}, {"a?": int}, "a is 'x'"),
        ({"a": "x", "b": 1, "c": None}, {"a": str, "*": (int, None)}, ""),
        ({"a": "x", "b": "y"}, {"a": str, "*": int}, "b is 'y'"),
        ({"a": [{"b": "x" * 99}]}, {"a": [{"b": int}]}, "a.0.b is 'xxx"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(value: Any, shape: Any, wrong: str) -> None:
    found = misfit(value, shape)
    assert found.startswith(wrong)
    assert len(found) < 100
    assert bool(found) == bool(wrong)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    images = fake_images(folder / "images", size=8)
    return fake_run(folder / "run", images, techniques=("baseline",), lrs=(0.001,), failing=False, audited=False).path


def _places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The way to each value of a record, itself included."""
    inner = value.items() if isinstance(value, dict) else enumerate(value[:1]) if isinstance(value, list) else ()
    return [path, *(place for key, part in inner for place in _places(part, (*path, key)))]


READERS: dict[str, Callable[[Run], object]] = {
    "run.json": lambda run: (run.class_names, run.positive),
    "trials.json": lambda run: run.specs(),
    "selection.json": lambda run: run.selection(),
}


@pytest.mark.parametrize("name", READERS)
def test_any_value_of_another_type_is_taken_or_refused_with_a_sentence(finished: Path, name: str) -> None:
    path = finished / name
    content = path.read_bytes()
    refused = 0
    try:
        for place in _places(json.loads(content)):
            for wrong in WRONG:
                whole = [json.loads(content)]
                inner: Any = whole
                for key in (0, *place[:-1]) if place else ():
                    inner = inner[key]
                inner[place[-1] if place else 0] = wrong
                path.write_text(json.dumps(whole[0]))
                try:
                    READERS[name](Run(finished))
                except UserError as error:
                    refused += 1
                    assert name in str(error)
                    assert "\n" not in str(error)
                    assert len(str(error)) < 1_000
    finally:
        path.write_bytes(content)
    assert refused > 20
    READERS[name](Run(finished))


def test_a_choice_of_trials_that_are_not_there_is_damage(finished: Path) -> None:
    path = finished / "selection.json"
    content = path.read_bytes()
    try:
        path.write_bytes(content.replace(Run(finished).selection()[0]["trial_ids"][0].encode(), b"../../../../etc"))
        with pytest.raises(UserError, match=r"trials\.json knows no trial '\.\./\.\./\.\./\.\./etc'"):
            Run(finished).selection()
    finally:
        path.write_bytes(content)


def test_a_trial_whose_values_give_another_id_is_damage(finished: Path) -> None:
    path = finished / "trials.json"
    content = path.read_bytes()
    try:
        path.write_bytes(content.replace(b'"lr": 0.001', b'"lr": 0.002', 1))
        with pytest.raises(UserError, match=r"trials\.json"):
            Run(finished).specs()
    finally:
        path.write_bytes(content)
