"""What the ledger says, in sentences: who differs in nothing but T, and whether a decision rule does as much."""

from __future__ import annotations

import numpy as np
import pandas as pd

from balancing.data.patients import FEWEST
from sweep.analysis.decisions.same_rule import AS_TRAINED, only_moves_the_prior
from sweep.analysis.names import display_name
from sweep.analysis.statistics.paired import BASELINE, CONFIDENCE
from sweep.report.text.intervals import ranged
from sweep.report.text.lists import first_few, listed, techniques_listed
from sweep.report.text.numbers import decimals

# T that differ by less are one.
APART = 0.05
# Differences in test AUROC or balanced accuracy whose whole interval lies within this are called none. That one is not
# significant says no such thing: with few patients hardly any is.
NONE_WITHIN = 0.02
RULE_NAMES = {
    AS_TRAINED: "As trained",
    "threshold": "Threshold",
    "posthoc_logit_adjustment": "Prior taken out",
}


def moves_t(row: pd.Series, base: pd.Series) -> bool:
    """Whether T of a row of ``ledger_table`` is another than the baseline's: by design, else as measured."""
    if np.isfinite([row["designed"], base["designed"]]).all():
        return bool(abs(row["designed"] - base["designed"]) > APART)
    return bool(row["measured_low"] > base["measured"] + APART or row["measured_high"] < base["measured"] - APART)


def nothing_but_t(ledger: pd.DataFrame, areas: pd.DataFrame) -> str:
    """Which techniques differ from the baseline in nothing but T.

    Args:
        ledger: of ``ledger_table``.
        areas: differences in AUROC to the baseline, as ``Results.differences`` gives them.
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
    alike = [
        name
        for name in rows
        if name in ranked
        and only_moves_the_prior(name)
        and moves_t(rows[name], rows[BASELINE])
        and max(abs(ranked[name]["low"]), abs(ranked[name]["high"])) <= NONE_WITHIN
    ]
    rule = (
        "by design the sampler, the loss or the decision alone is another, T is another, and test AUROC, which a moved "
        f"prior hardly changes, is the baseline's: the whole interval of the difference lies within {NONE_WITHIN:g}"
    )
    if not alike:
        return (
            f"No technique differs from the baseline in nothing but T, as far as these data tell; of such a one {rule}."
        )
    be = "differs" if len(alike) == 1 else "differ"
    named = listed(first_few([f"{display_name(name)} ({_t(rows[name])})" for name in alike]))
    return f"As far as these data tell, {named} {be} from the baseline in nothing but T: {rule}."


def _t(row: pd.Series) -> str:
    value, how = (row["designed"], "") if np.isfinite(row["designed"]) else (row["measured"], ", measured")
    return f"T\N{NO-BREAK SPACE}=\N{NO-BREAK SPACE}{_two(value)}{how}"


def _sure(row: pd.Series, low: str = "low", high: str = "high") -> bool:
    return bool(row["p_holm"] < 1 - CONFIDENCE and (row[low] > 0 or row[high] < 0))


def other_than_designed(ledger: pd.DataFrame) -> str:
    """Whose measured T is another than the designed; "" where none is.

    Args:
        ledger: of ``ledger_table``.
    """
    off = ledger["designed"].lt(ledger["measured_low"] - APART) | ledger["designed"].gt(ledger["measured_high"] + APART)
    found = [
        f"{display_name(str(row['technique']))} (designed {_two(row['designed'])}, measured "
        f"{ranged(row, 'measured', _two)})"
        for _, row in ledger[off].iterrows()
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


def would_a_rule_do(table: pd.DataFrame, rule: str = "a threshold") -> str:
    """Whether the baseline reaches the same under the rule that the techniques decide by.

    Args:
        table: of ``same_rule_table``.
        rule: in words, what is tuned on validation.
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
    ahead = {rule: _ahead(own) for rule, own in compared.groupby("rule", sort=False)}
    plain, tuned = ahead.get(AS_TRAINED, []), ahead.get("threshold", [])
    if not plain and not tuned:
        return (
            f"There is nothing for a rule to give: neither as trained nor with {rule} tuned on validation, alike for "
            "both, is any technique significantly ahead of the baseline in test balanced accuracy."
        )
    sentence = (
        f"As trained, {_who(plain)} significantly ahead of the baseline in test balanced accuracy; with {rule} tuned "
        f"on validation, alike for both, {_who(tuned)}."
    )
    lost = [name for name in plain if name not in tuned]
    most = compared[compared["rule"] == "threshold"].set_index("technique")["difference_high"]
    same = [name for name in lost if most.get(name, np.inf) <= NONE_WITHIN]
    if same:
        sentence = (
            f"Yes, as far as these data tell, for {techniques_listed(same)}: ahead of the baseline as trained, and at "
            f"most {NONE_WITHIN:g} ahead under the same tuned rule. {sentence}"
        )
    if len(same) < len(lost):
        left = techniques_listed([name for name in lost if name not in same])
        sentence = (
            f"These data can't tell for {left}: ahead of the baseline as trained, and under the same tuned rule not "
            f"significantly, but perhaps by more than {NONE_WITHIN:g}. {sentence}"
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
