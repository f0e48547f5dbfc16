"""The answer in short says no more than the verdict, in a line that is read in a few seconds."""

from __future__ import annotations

from itertools import combinations_with_replacement

import pytest

from sweep.analysis.results import Results
from sweep.analysis.statistics.significance import EQUIVALENT, HARMS, HELPS, OPEN
from sweep.report.words.beside import AHEAD, SAME
from sweep.report.words.beside import OPEN as UNTOLD
from sweep.report.words.headline import Headline, headline, shortly
from sweep.report.words.verdict import verdict
from tests.sweep.invented import Skill, invented
from tests.sweep.report.words.test_three_answers import KINDS, NAMES, table


@pytest.fixture(scope="module")
def run() -> Results:
    return invented({"smote": Skill()}, seeds=2, per_class=20)


def said(run: Results, *kinds: str, threshold: dict[str, str] | None = None) -> Headline:
    return shortly(run, table(*kinds), threshold or {})


@pytest.mark.parametrize("kinds", [k for n in (1, 2, 3) for k in combinations_with_replacement(KINDS, n)])
def test_a_technique_helps_where_the_verdict_has_it_so_and_nowhere_else(run: Results, kinds: tuple[str, ...]) -> None:
    found = said(run, *kinds)
    wins = [kind for kind in kinds if kind in (HELPS, "small gain")]
    assert ("help" in found.answer and "over doing nothing" in found.answer) == bool(wins)
    harms = sum(kind in (HARMS, "small loss") for kind in kinds)
    joint = all(KINDS[kind][3] < 0.05 for kind in kinds) and not wins
    assert ("harm" in found.answer + found.caveat) == bool(harms and not joint)
    assert ("matters here" in found.answer or "doesn't matter here" in found.answer) == joint
    if not wins:
        assert ("an't be told" in found.answer) == (OPEN in kinds)
        assert ("To tell it takes" in found.caveat) == (OPEN in kinds)
    assert len(found.answer) < 130
    assert len(found.caveat) < 200
    for text in (found.answer, found.caveat):
        assert "nan" not in text
        assert "  " not in text


def test_the_counts_of_a_mixed_answer_are_all_techniques(run: Results) -> None:
    found = said(run, HARMS, EQUIVALENT, EQUIVALENT, OPEN, OPEN, OPEN)
    assert found.answer == "No technique is known to help: 1 of 6 harms, 2 don't matter, 3 can't be told yet."


def test_the_best_winner_is_named_with_its_gain(run: Results) -> None:
    assert said(run, HELPS).answer == "SMOTE helps: +0.050 (+0.030 to +0.070) in balanced accuracy over doing nothing."
    assert said(run, "small gain", HELPS, OPEN).answer.startswith(
        "2 of 3 techniques help, Undersampling the most: +0.050"
    )


@pytest.mark.parametrize(
    ("answers", "words"),
    [
        ((SAME, SAME), "A tuned threshold on the baseline does the same."),
        ((AHEAD, AHEAD), "A tuned threshold on the baseline does not do all of it."),
        ((UNTOLD, UNTOLD), "Whether a tuned threshold on the baseline does the same can't be told."),
        ((SAME, UNTOLD), "A tuned threshold on the baseline does the same for 1, 1 can't be told."),
        ((SAME, AHEAD), "A tuned threshold on the baseline does the same for 1, not for 1."),
    ],
)
def test_beside_winners_stands_whether_a_threshold_does_it(run: Results, answers: tuple[str, str], words: str) -> None:
    assert said(run, HELPS, HELPS, threshold=dict(zip(NAMES, answers, strict=False))).caveat == words


def test_where_nothing_can_be_judged_it_is_the_verdicts_own_sentence() -> None:
    alone = invented({}, seeds=2, per_class=20)
    found = headline(alone)
    assert found.answer == "No comparison."
    assert found.caveat.lower() in verdict(alone).lower()
    one = headline(invented({"smote": Skill()}, seeds=1, per_class=20))
    assert one.answer == "One run per technique decides nothing."
