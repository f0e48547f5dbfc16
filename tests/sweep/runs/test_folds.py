"""What run.json says of folds."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from balancing.errors import UserError
from sweep.runs.folds import places_of


def told(**folds: int) -> Any:
    return SimpleNamespace(info={"folds": folds}, path=Path("RUN"))


def test_places_go_repeat_by_repeat() -> None:
    places = places_of(told(folds=3, repeats=2))
    assert [(place.repeat, place.fold) for place in places] == [(1, 1), (1, 2), (1, 3), (2, 1), (2, 2), (2, 3)]


@pytest.mark.parametrize(("folds", "repeats"), [(100_000_000, 10), (0, 1), (1, 1), (5, 0), (-2, 3)])
def test_more_or_fewer_than_can_be_asked_for_is_damage(folds: int, repeats: int) -> None:
    with pytest.raises(UserError, match="damaged"):
        places_of(told(folds=folds, repeats=repeats))
