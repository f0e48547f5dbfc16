"""Judging at several looks: what may be spent, what stands; by simulation how often it errs and what it saves."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from sweep.analysis.statistics.paired import compare
from sweep.analysis.statistics.seed_prior import SeedPrior
from sweep.analysis.statistics.sequential import (
    ALPHA,
    FUTILE,
    Look,
    chance_of_answer,
    judged,
    settled,
    spent,
)
from sweep.analysis.statistics.significance import EQUIVALENT, HELPS, OPEN, answers


@pytest.mark.parametrize("looks", [(4, 7, 10), (3, 5), (3,), (7, 14, 20)])
def test_the_looks_share_the_level(looks: tuple[int, ...]) -> None:
    levels = spent(looks)
    assert sum(levels) == pytest.approx(ALPHA)
    assert levels[0] == pytest.approx(ALPHA * (looks[0] / looks[-1]) ** 2)
    assert list(levels) == sorted(levels) or len(looks) > 3


def row(technique: str = "smote", **values: Any) -> dict[str, Any]:
    usual = {"seeds": 4, "difference": 0.05, "low": 0.01, "high": 0.09, "p": 1e-9, "p_holm": 0.5, "p_adjusted": 0.5}
    rest = {"equivalence_p": 0.5, "margin": 0.02, "seed_sd": 0.02, "patient_se": 0.01, "patient_sd": 0.012}
    return {"technique": technique, **usual, **rest, "patient_freedom": math.inf, "fewest_patients": 50.0, **values}


def look(level: float, *rows: dict[str, Any], new: tuple[str, ...] = ("smote", "focal")) -> Look:
    return Look(pd.DataFrame(rows), new, level)


LEVELS = spent((4, 7, 10))


@pytest.mark.parametrize("part", [0.5, 2.0])
@pytest.mark.parametrize("at", [0, 1, 2])
def test_an_answer_stands_exactly_where_a_look_s_own_p_is_below_what_it_may_spend(at: int, part: float) -> None:
    looks = [look(level, row(p_adjusted=LEVELS[k] * part if k == at else 0.9)) for k, level in enumerate(LEVELS)]
    assert answers(judged(looks)).tolist() == [HELPS if part < 1 else OPEN]
    alike = [look(lv, row(equivalence_p=LEVELS[k] * part if k == at else 0.9)) for k, lv in enumerate(LEVELS)]
    assert answers(judged(alike)).tolist() == [EQUIVALENT if part < 1 else OPEN]


def test_an_answer_that_stands_is_not_asked_for_again_and_who_got_no_seeds_is_not_judged() -> None:
    first = look(LEVELS[0], row(p_adjusted=0.001), row("focal", p_adjusted=0.2, difference=0.01))
    second = look(
        LEVELS[1], row(p_adjusted=0.9, low=-0.1), row("focal", p_adjusted=1e-6, difference=0.04), new=("smote",)
    )
    table = judged([first, second]).set_index("technique")
    assert table.loc["smote", "p_adjusted"] == pytest.approx(0.001 * ALPHA / LEVELS[0])
    assert table.loc["smote", "low"] == 0.01, "as it was seen when the answer came"
    assert table.loc["focal", "difference"] == 0.01, "its p at the second look is of seeds judged before"
    assert table.loc["focal", "p_adjusted"] == 1.0


def test_no_adjusted_p_is_below_the_p_beside_it() -> None:
    first = look(LEVELS[0], row(p=0.009, p_adjusted=0.009, p_holm=0.01))
    last = look(LEVELS[1], row(p=0.7, p_adjusted=0.9, p_holm=1.0, difference=-0.01, low=-0.05, high=0.03))
    assert answers(judged([first])).tolist() == [OPEN]
    assert judged([first, last])[["difference", "p", "p_adjusted", "p_holm"]].iloc[0].tolist() == [-0.01, 0.7, 0.7, 0.7]


def test_one_look_is_the_usual_verdict() -> None:
    table = pd.DataFrame([row(p_adjusted=0.04), row("focal", p_adjusted=0.06)])
    pd.testing.assert_frame_equal(judged([Look(table, ("smote", "focal"), ALPHA)]), table)


def test_the_chance_of_an_answer_is_that_of_seeds_drawn_to_the_end() -> None:
    rng = np.random.default_rng(0)
    now = row(difference=0.02, seed_sd=0.03, patient_se=0.004, seeds=4, margin=0.025)
    # The mean that the seeds to come are drawn around is known from four: Student's t, with their own spread.
    around = now["difference"] + stats.t.rvs(3, size=200_000, random_state=rng) * 0.03 * math.sqrt(1 / 4 - 1 / 10)
    half = math.hypot(
        stats.t.isf(LEVELS[-1] / 2 / 5, 9) * 0.03 / math.sqrt(10), stats.norm.isf(LEVELS[-1] / 10) * 0.004
    )
    alike = math.hypot(stats.t.isf(LEVELS[-1], 9) * 0.03 / math.sqrt(10), stats.norm.isf(LEVELS[-1]) * 0.004)
    expected = ((np.abs(around) > half) | (np.abs(around) < 0.025 - alike)).mean()
    assert chance_of_answer(now, 10, LEVELS[-1], 5) == pytest.approx(expected, abs=0.005)


def test_too_few_patients_settle_everything_and_one_seed_nothing() -> None:
    table = pd.DataFrame([row(fewest_patients=4.0)])
    assert settled(table, 10, LEVELS[-1]) == {"smote": FUTILE}
    assert not settled(pd.DataFrame([row(seeds=1, seed_sd=math.nan)]), 10, LEVELS[-1])


def staged(
    rng: np.random.Generator, gain: float, looks: tuple[int, ...], techniques: int = 5
) -> tuple[bool, bool, float]:
    """One sweep in rounds: whether a false winner was named, whether the true one was, and what was saved.

    A network's seeds differ by 0.011, its patients (shared by seeds and looks) by 0.006.
    """
    names = ["baseline", *(f"t{number}" for number in range(techniques))]
    values = 0.8 + rng.normal(0, 0.011, (len(names), looks[-1])) + rng.normal(0, 0.006, (len(names), 1))
    values[1] += gain
    drawn = rng.normal(0, 0.006, (len(names), 1, 500)) + rng.normal(0, 0.006, (len(names), looks[-1], 500))
    resampled = values[:, :, None] + drawn
    levels, going, seeds, seen = spent(looks), names[1:], dict.fromkeys(names, 0), []
    for number, count in enumerate(looks):
        seeds |= dict.fromkeys((*going, "baseline"), count)
        networks = {
            name: {seed: (values[i, seed], resampled[i, seed]) for seed in range(seeds[name])}
            for i, name in enumerate(names)
        }
        apart = {
            name: ((values[i] - values[0])[: seeds[name]], (resampled[i] - resampled[0])[: seeds[name]])
            for i, name in enumerate(names)
            if i
        }
        table = compare(apart, prior=SeedPrior.of_differences(networks, "baseline"))
        seen.append(Look(table, tuple(going), levels[number]))
        table = judged(seen)
        answered = settled(table, looks[-1], levels[-1])
        going = [name for name in going if name not in answered]
        if not going:
            break
    said = dict(zip(table["technique"], answers(table), strict=True))
    false = any(said[name] == HELPS for name in names[1 + (gain > 0) :])
    return false, said["t0"] == HELPS, 1 - sum(seeds.values()) / (looks[-1] * len(names))


@pytest.mark.parametrize("gain", [0.0, 0.06])
def test_it_is_wrong_within_the_level_and_saves_a_third_where_a_gain_is_large_or_none_is_there(gain: float) -> None:
    rng = np.random.default_rng(5)
    found = np.array([staged(rng, gain, (4, 7, 10)) for _ in range(20)], dtype=float)
    false, power, saved = found.mean(axis=0)
    assert false <= stats.binom.ppf(0.99, 20, ALPHA / 2) / 20
    assert saved >= 1 / 3
    if gain:
        assert power >= 0.9
