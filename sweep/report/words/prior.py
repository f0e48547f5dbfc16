"""What the ledger says, in sentences: who differs in nothing but T, and whether a decision rule does as much."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pandas as pd

from balancing.data.patients import FEWEST
from sweep.analysis.decisions.same_rule import AS_TRAINED, only_moves_the_prior
from sweep.analysis.names import display_name
from sweep.analysis.statistics.paired import BASELINE, CONFIDENCE, RELEVANT
from sweep.report.text.intervals import ranged
from sweep.report.text.lists import first_few, listed, techniques_listed
from sweep.report.text.numbers import decimals

# T that differ by less are one.
APART = 0.05
_ROUNDING = 1e-9
RULE_NAMES = {
    AS_TRAINED: "As trained",
    "threshold": "Threshold",
    "posthoc_logit_adjustment": "Prior taken out",
}


def moves_t(row: pd.Series, base: pd.Series) -> bool:
    """Whether T of a row of ``ledger_table`` is another than the baseline's: by design unless what is measured says
    otherwise, and as measured where there is no design."""
    far = row["designed"] - base["designed"]
    if np.isnan(far):
        return bool(row["moved_low"] > APART or row["moved_high"] < -APART)
    refuted = row["moved_high"] < APART if far > 0 else row["moved_low"] > -APART
    return bool(abs(far) > APART and not refuted)


def nothing_but_t(
    ledger: pd.DataFrame,
    areas: pd.DataFrame,
    otherwise: Callable[[str], Sequence[str]] = lambda name: (),
    margin: float = RELEVANT,
) -> str:
    """Which techniques differ from the baseline in nothing but T.

    Args:
        ledger: of ``ledger_table``.
        areas: differences in AUROC to the baseline, as ``Results.differences`` gives them.
        otherwise: technique -> the hyperparameters that were chosen for it other than for the baseline.
        margin: differences in AUROC whose whole interval lies within it are called none. That one is not significant
            says no such thing: with few patients hardly any is.
    """
    rows = {str(row["technique"]): row for _, row in ledger.iterrows()}
    if BASELINE not in rows or areas.empty:
        return "Without a tested baseline to compare with, it can't be said which techniques differ in nothing but T."
    if areas["seeds"].max() < 2 or (areas["fewest_patients"] < FEWEST).any():
        return (
            "Which techniques differ from the baseline in nothing but T can't be said: "
            f"that takes two seeds or more, and {FEWEST} test patients of each class."
        )
    ranked = {str(row["technique"]): row for _, row in areas[np.isfinite(areas["difference"])].iterrows()}
    moved = [
        name
        for name in rows
        if name in ranked
        and ranked[name]["seeds"] > 1
        and only_moves_the_prior(name)
        and moves_t(rows[name], rows[BASELINE])
        and -margin <= ranked[name]["low"] <= _ROUNDING
        and -_ROUNDING <= ranked[name]["high"] <= margin
    ]
    alike = [name for name in moved if not otherwise(name)]
    others = [name for name in moved if otherwise(name)]
    rule = (
        "by design the sampler, the loss or the decision alone is another, T is another, and test AUROC (which a moved "
        "prior changes by nothing with two classes, and a little with more) is the baseline's: the interval of the "
        f"difference holds 0 and lies within {margin:g}"
    )
    if alike:
        sentence = f"As far as these data tell, {_named(alike, rows)} differ{'s' * (len(alike) == 1)} from the "
        sentence += f"baseline in nothing but T: {rule}."
    else:
        sentence = (
            "Of no technique do these data show that it differs from the baseline in nothing but T; of such a one "
            f"{rule}, with the hyperparameters of the baseline."
        )
    if not others:
        return sentence
    which = listed(list(dict.fromkeys(label for name in others for label in otherwise(name))))
    were = "it was" if len(others) == 1 else "they were"
    return (
        f"{sentence} Of {_named(others, rows)} T is another and test AUROC the baseline's too, but {were} trained with "
        f"other hyperparameters than the baseline ({which}), so more than T is another."
    )


def _named(names: Sequence[str], rows: Mapping[str, pd.Series]) -> str:
    return listed(first_few([f"{display_name(name)} ({_t(rows[name])})" for name in names]))


def _t(row: pd.Series) -> str:
    by_design = np.isfinite(row["designed"]) and not _is_off(row)
    value, how = (row["designed"], "") if by_design else (row["measured"], ", measured")
    return f"T\N{NO-BREAK SPACE}=\N{NO-BREAK SPACE}{_two(value)}{how}"


def _is_off(row: pd.Series) -> bool:
    """Whether the whole interval of measured T lies off the designed one."""
    return bool(row["designed"] < row["measured_low"] - APART or row["designed"] > row["measured_high"] + APART)


def _sure(row: pd.Series, low: str = "low", high: str = "high") -> bool:
    judged = row.get("p_adjusted", row["p_holm"])
    return bool(judged < 1 - CONFIDENCE and (row[low] > 0 or row[high] < 0))


def other_than_designed(ledger: pd.DataFrame) -> str:
    """Whose measured T is another than the designed; "" where none is.

    Args:
        ledger: of ``ledger_table``.
    """
    found = [
        f"{display_name(str(row['technique']))} (designed {_two(row['designed'])}, measured "
        f"{ranged(row, 'measured', _two)})"
        for _, row in ledger.iterrows()
        if _is_off(row)
    ]
    if not found:
        return ""
    return (
        f"Measured T is another than the designed one of {listed(first_few(found, 3))}: these answers carry other "
        "class frequencies than training was meant to give them, as those of networks do that were trained too "
        "briefly, or too long."
    )


def _two(value: float | None) -> str:
    return decimals(value, 2)


def would_a_rule_do(table: pd.DataFrame, rule: str = "a threshold", margin: float = RELEVANT) -> str:
    """Whether the baseline reaches the same under the rule that the techniques decide by.

    Args:
        table: of ``same_rule_table``.
        rule: in words, what is tuned on validation.
        margin: what is left of a lead under the rule lies within it, as its interval has it, where the rule does as
            much.
    """
    compared = table[table["difference"].notna()]
    if compared.empty:
        return "No answer: no technique was tested beside a baseline under the same decision rule."
    if compared["seeds"].max() < 2:
        return "One seed decides nothing: whether a decision rule gives the baseline the same can't be told."
    if (compared["fewest_patients"] < FEWEST).any():
        return (
            f"With fewer than {FEWEST} test patients of a class it can't be told whether a decision rule gives the "
            "baseline the same."
        )
    if "threshold" not in set(compared["rule"]):
        return f"No answer: validation lacks a class, so {rule} can't be tuned on it."
    ahead = {rule: _ahead(own) for rule, own in compared.groupby("rule", sort=False)}
    plain, tuned = ahead.get(AS_TRAINED, []), ahead.get("threshold", [])
    if not plain and not tuned:
        return (
            f"These data show nothing that a rule would have to give: neither as trained nor with {rule} tuned on "
            "validation, alike for both, is a technique significantly ahead of the baseline in test balanced accuracy."
        )
    sentence = (
        f"As trained, {_who(plain)} significantly ahead of the baseline in test balanced accuracy; with {rule} tuned "
        f"on validation, alike for both, {_who(tuned)}."
    )
    lost = [name for name in plain if name not in tuned]
    # Of a lead smaller than the margin as trained, all and more may be within it under the rule.
    lead = compared[compared["rule"] == AS_TRAINED].set_index("technique")["difference"]
    most = compared[compared["rule"] == "threshold"].set_index("technique")["difference_high"]
    same = [name for name in lost if most.get(name, np.inf) <= min(margin, lead[name] / 2)]
    if same:
        sentence = (
            f"Yes, as far as these data tell, for {techniques_listed(same)}: ahead of the baseline as trained, and "
            f"under the same tuned rule at most half as much, and no more than {margin:g}. {sentence}"
        )
    if len(same) < len(lost):
        left = techniques_listed([name for name in lost if name not in same])
        sentence = (
            f"These data can't tell for {left}: ahead of the baseline as trained, and under the same tuned rule not "
            f"significantly, but perhaps by more than half of that, or than {margin:g}. {sentence}"
        )
    if tuned:
        sentence = f"No, not for {techniques_listed(tuned)}. {sentence}"
    return sentence


def _who(names: list[str]) -> str:
    if not names:
        return "no technique is"
    return f"{techniques_listed(names)} {'is' if len(names) == 1 else 'are'}"


def _ahead(rows: pd.DataFrame) -> list[str]:
    return [
        str(row["technique"])
        for _, row in rows.iterrows()
        if row["difference"] > 0 and _sure(row, "difference_low", "difference_high")
    ]
