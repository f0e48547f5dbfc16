"""A winner whose configuration was chosen by the seeds that speak is not left without a word."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from sweep.report.words.confirming import luck_of_choosing
from tests.sweep.report.words.test_three_answers import EQUIVALENT, HELPS, OPEN, table


class Judged:
    """What the sentence reads of a run."""

    def __init__(self, kinds: tuple[str, ...], choices: list[dict[str, Any]]):
        self.kinds, self.choices = kinds, choices

    def differences(self) -> pd.DataFrame:
        return table(*self.kinds)

    def selection(self) -> list[dict[str, Any]]:
        return self.choices


def choice(name: str, configurations: int | None = 8, *, fresh: bool = False) -> dict[str, Any]:
    found: dict[str, Any] = {"technique": name, "seeds": [0, 1, 2]}
    found |= {} if configurations is None else {"configurations": configurations}
    return found | ({"explored": {"seeds": [0]}} if fresh else {})


def said(kinds: tuple[str, ...], *choices: dict[str, Any]) -> list[str]:
    return luck_of_choosing(Judged(kinds, list(choices)))  # type: ignore[arg-type]


def test_winners_alone_are_named_with_among_how_many_they_were_chosen() -> None:
    (sentence,) = said((HELPS, HELPS, OPEN), choice("smote"), choice("undersampling", 4), choice("oversampling"))
    assert sentence.startswith("Undersampling and SMOTE: chosen among 4 to 8 configurations by the seeds that speak")
    assert "Oversampling" not in sentence


@pytest.mark.parametrize(
    "choices",
    [
        (choice("smote", fresh=True),),  # fresh seeds speak
        (choice("smote", 1),),  # nothing was chosen
        (choice("smote", None),),  # a record of an earlier version
        (choice("undersampling"),),  # another's
    ],
)
def test_nothing_is_said_where_nothing_was_chosen_by_them(choices: tuple[dict[str, Any], ...]) -> None:
    assert said((HELPS, OPEN), *choices) == []


def test_nothing_is_said_without_a_winner() -> None:
    assert said((EQUIVALENT, OPEN), choice("smote"), choice("undersampling")) == []
