"""What a verdict says of each technique: helps, harms, doesn't matter, can't be told; no more than its rows bear."""

from __future__ import annotations

from itertools import product

import numpy as np
import pandas as pd
import pytest

from sweep.analysis.results import Results
from sweep.analysis.statistics.sequential import ALPHA
from sweep.analysis.statistics.significance import EQUIVALENT, HARMS, HELPS, OPEN, answers
from sweep.report.sections.differences import differences_table
from sweep.report.words.needed import Needed, needed, needed_cells, what_it_would_take
from sweep.report.words.verdict import answer_values, judged, verdict
from tests.sweep.invented import Skill, invented

# Difference, half of its interval, adjusted p, p of equivalence: of a margin of 0.02.
KINDS = {
    HELPS: (0.05, 0.02, 0.01, 0.99),
    HARMS: (-0.05, 0.02, 0.01, 0.99),
    EQUIVALENT: (0.003, 0.01, 0.6, 0.01),
    OPEN: (0.011, 0.03, 0.5, 0.3),
    "small gain": (0.005, 0.004, 0.02, 0.01),
    "small loss": (-0.005, 0.004, 0.02, 0.01),
}
NAMES = ("smote", "undersampling", "oversampling", "focal", "mixup", "class_weights", "drw", "ldam_drw", "adasyn")
JOINT = "from the baseline by more than 0.02 in test balanced accuracy"


@pytest.fixture(scope="module")
def run() -> Results:
    return invented({"smote": Skill()}, seeds=2, per_class=20)


def table(*kinds: str, adjustment: str = "max-t") -> pd.DataFrame:
    rows = []
    names = [*NAMES, *(f"unknown_{place}" for place in range(len(kinds)))]
    for name, kind in zip(names, kinds, strict=False):
        difference, half, p, equivalence = KINDS[kind]
        row = {"technique": name, "seeds": 5, "difference": difference, "low": difference - half}
        row |= {"high": difference + half, "p": p, "p_holm": p, "p_adjusted": p, "adjustment": adjustment}
        row |= {
            "equivalence_p": equivalence,
            "margin": 0.02,
            "seed_sd": half,
            "moderated_sd": half,
            "seed_freedom": 9.0,
        }
        rows.append(
            row | {"patient_se": half / 12, "patient_sd": half / 3, "patient_freedom": 90.0, "fewest_patients": 60}
        )
    return pd.DataFrame(rows)


def said(run: Results, *kinds: str, **given: str) -> str:
    return judged(run, table(*kinds, **given), "balanced accuracy")


@pytest.mark.parametrize("kinds", list(product(KINDS, repeat=2)))
def test_each_technique_has_one_answer_and_the_joint_claim_needs_every_row(
    run: Results, kinds: tuple[str, ...]
) -> None:
    data = table(*kinds)
    assert set(answers(data)) <= {HELPS, HARMS, EQUIVALENT, OPEN}
    sentence = judged(run, data, "balanced accuracy")
    within = (data["equivalence_p"] < 0.05).all()
    wins = {HELPS, "small gain"} & set(kinds)
    assert (JOINT in sentence) == (within and not wins)
    assert sentence.startswith("Statistically significant") == bool(wins)
    assert ("Significantly behind it" in sentence) == bool({HARMS, "small loss"} & set(kinds))
    assert ("an't be told yet" in sentence) == (OPEN in kinds and set(kinds) != {OPEN})
    assert "nan" not in sentence
    assert "  " not in sentence
    assert ".." not in sentence


@pytest.mark.parametrize(("adjustment", "how"), [("max-t", "max-t"), ("holm", "Holm")])
def test_a_winner_is_named_with_how_it_was_adjusted(run: Results, adjustment: str, how: str) -> None:
    assert f"(adjusted for all 2 comparisons, {how})" in said(run, HELPS, OPEN, adjustment=adjustment)
    assert "adjusted for" not in said(run, HELPS)


def test_a_gain_below_the_margin_says_so(run: Results) -> None:
    assert "That gain is smaller than 0.02, the margin" in said(run, "small gain", OPEN)
    assert "All of these gains are smaller than 0.02" in said(run, "small gain", "small gain")
    assert "The gain of Undersampling is smaller than 0.02" in said(run, HELPS, "small gain")
    assert "smaller" not in said(run, HELPS, EQUIVALENT)


def test_single_claims_state_their_level_and_the_joint_one_that_it_needs_no_adjustment(run: Results) -> None:
    joint = said(run, EQUIVALENT, EQUIVALENT)
    assert joint.startswith(f"No technique differs {JOINT}, over 5 seeds and ")
    assert "at the 5 % level for each of the 2, and a claim about all of them needs no adjustment" in joint
    assert "None of the 2 techniques compared differs" in judged(
        run, table(EQUIVALENT, EQUIVALENT), "balanced accuracy", every=False
    )
    mixed = said(run, EQUIVALENT, EQUIVALENT, OPEN)
    assert "Equivalent to it within 0.02: SMOTE and Undersampling (each at the 5 % level, not adjusted" in mixed
    assert "Can't be told yet: Oversampling." in mixed
    assert "seeds would be needed" in mixed


def test_a_verdict_on_forty_techniques_is_short(run: Results) -> None:
    for kinds in ([HELPS] * 21 + [EQUIVALENT] * 9 + [OPEN] * 8 + [HARMS] * 2, [OPEN] * 40, [EQUIVALENT] * 40):
        sentence = said(run, *kinds)
        assert len(sentence) < 700
    many = said(run, *[HELPS] * 21, OPEN)
    assert "is beaten by 21 of 22 techniques: " in many
    assert "and 18 more" in many
    assert many.count("95\N{NO-BREAK SPACE}% interval") == 1
    assert said(run, *[HELPS] * 3).count("95\N{NO-BREAK SPACE}% interval") == 3


def test_what_can_t_be_told_says_what_it_would_take() -> None:
    def of(**changed: float) -> Needed:
        return needed(pd.Series({**table(OPEN).iloc[0].to_dict(), **changed}), 5)

    calm, wild = of(), of(moderated_sd=0.09)
    assert calm.seeds is not None
    assert wild.seeds is None or wild.seeds > calm.seeds
    assert (of(difference=0.002).wanted, of(difference=-0.03).wanted) == (0.02, 0.03)
    assert of(difference=0.002).alike is not None
    assert of().alike is None
    assert "patients" in str(of(patient_se=0.05))


def test_seeds_to_come_are_judged_by_what_the_last_look_may_spend() -> None:
    data = table(OPEN)
    whole, last = (what_it_would_take(data, level=level) for level in (ALPHA, 0.0255))
    assert "last look" not in whole
    assert "(at 80 % power, at the 2.5 % that the last look may spend)" in last.replace("\xa0", " ")
    row = data.iloc[0]
    assert needed(row, 5, 0.0255).least > needed(row, 5).least
    assert needed_cells(data, answers(data) == OPEN, 0.0255) == [str(needed(row, 1, 0.0255))]


def test_the_whole_way_from_predictions() -> None:
    equal = invented(
        {"smote": Skill(spread=0.0), "focal": Skill(spread=0.0)}, seeds=10, per_class=500, noise=0.05
    ).with_margin(0.05)
    assert verdict(equal).startswith("No technique differs from the baseline by more than 0.05")
    values = answer_values(equal)
    assert (values["equivalent"], values["open"], values["beats_baseline"]) == (["smote", "focal"], [], [])
    assert (values["margin"], values["stated_margin"]) == (0.05, None)
    assert {row["answer"] for row in values["differences"]} == {EQUIVALENT}
    shown = differences_table(equal, equal.differences())
    assert [row[1].text for row in shown.rows] == ["doesn't matter"] * 2
    assert "To tell it" not in shown.headers


def test_the_table_has_an_answer_and_what_it_takes_for_each_row(run: Results) -> None:
    shown = differences_table(run, table(*KINDS))
    answer, takes = shown.headers.index("Answer"), shown.headers.index("To tell it")
    assert [row[answer].text for row in shown.rows] == [
        *("helps", "harms", "doesn't matter", "can't be told yet"),
        *("helps", "harms"),
    ]
    assert [row[takes].text != "\N{EN DASH}" for row in shown.rows] == [False, False, False, True, False, False]
    assert shown.strong == {0, 4}
    assert np.isfinite(shown.data["p_adjusted"]).all()
