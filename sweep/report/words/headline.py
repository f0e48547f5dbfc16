"""The answer in ten seconds: one short sentence, and a second that keeps a reader from taking it for more."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from sweep.analysis.names import display_name, inline_name
from sweep.analysis.results import Results
from sweep.analysis.statistics.significance import EQUIVALENT, OPEN, answers, significant
from sweep.report.text.intervals import signed_limits
from sweep.report.text.numbers import p_equals, signed
from sweep.report.words.beside import AHEAD, SAME
from sweep.report.words.needed import needed
from sweep.report.words.verdict import all_within, judged_rows, unjudged, within

# Up to so many techniques are named.
_NAMED = 2


@dataclass(frozen=True)
class Headline:
    """What a reader takes away.

    Args:
        answer: which technique helps, by how much; that none matters; or that it can't be told.
        caveat: what speaks against taking that for more; "" for nothing.
    """

    answer: str
    caveat: str = ""


def headline(run: Results, threshold: Mapping[str, str] | None = None) -> Headline:
    """The verdict in short, by the same rows and the same levels as ``verdict``.

    Args:
        threshold: technique -> whether the baseline with a threshold does the same, see ``threshold_answers``.
    """
    none = unjudged(run)
    if none:
        short, colon, rest = none.partition(": ")
        return Headline(f"{short}.", f"{rest[0].upper()}{rest[1:]}") if colon else Headline(none)
    return shortly(run, judged_rows(run), threshold or {})


def shortly(run: Results, table: pd.DataFrame, threshold: Mapping[str, str]) -> Headline:
    """The answers for all techniques, in short.

    Args:
        run: of which ``table`` is.
        table: as of ``sweep.report.words.verdict.judged``.
        threshold: see ``headline``.
    """
    metric = inline_name(run.metric)
    better, worse = significant(table), significant(table, worse=True)
    if len(better):
        return Headline(_winners(better, table, metric), _beside_winners(run, better, worse, threshold))
    alone = display_name(table["technique"].iloc[0]) if len(table) == 1 else ""
    if all_within(table):
        return Headline(
            f"{alone} doesn't matter here." if alone else "No technique matters here.",
            f"{'It is' if alone else f'All {len(table)} are'} within {run.margin:g} of doing nothing in {metric}.",
        )
    found = answers(table)
    same, unknown = int((found == EQUIVALENT).sum()), int((found == OPEN).sum())
    if alone and not len(worse):
        said = f"Whether {alone} helps can't be told yet."
    elif alone:
        said = f"{alone} harms."
    elif not same and not len(worse):
        said = "Whether any technique helps can't be told yet."
    else:
        parts = [
            f"{len(worse)} of {len(table)} harm{'s' if len(worse) == 1 else ''}" if len(worse) else "",
            f"{same} do{'es' * (same == 1)}n't matter" if same else "",
            f"{unknown} can't be told yet" if unknown else "",
        ]
        said = f"No technique is known to help: {', '.join(part for part in parts if part)}."
    return Headline(said, _open(table, metric) if unknown else "")


def _names(rows: pd.DataFrame) -> str:
    names = [display_name(name) for name in rows["technique"]]
    return " and ".join(names) if len(names) <= _NAMED else f"{len(names)}"


def _gain(row: pd.Series) -> str:
    return f"{signed(row['difference'])} ({signed_limits(row['low'], row['high'])})"


def _winners(better: pd.DataFrame, table: pd.DataFrame, metric: str) -> str:
    best = better.iloc[int(better["difference"].to_numpy().argmax())]
    name = display_name(best["technique"])
    if len(better) == 1:
        return f"{name} helps: {_gain(best)} in {metric} over doing nothing."
    whom = f"All {len(table)}" if len(better) == len(table) else f"{len(better)} of {len(table)}"
    return f"{whom} techniques help, {name} the most: {_gain(best)} in {metric} over doing nothing."


def _beside_winners(run: Results, better: pd.DataFrame, worse: pd.DataFrame, said: Mapping[str, str]) -> str:
    """Whether a threshold does the same; else that it is small; and who harms."""
    parts = []
    told = [said[name] for name in better["technique"] if name in said]
    rule = "threshold" if run.positive is not None else "prior correction"
    if told:
        same, ahead = told.count(SAME), told.count(AHEAD)
        if same == len(told):
            parts.append(f"A tuned {rule} on the baseline does the same.")
        elif ahead == len(told):
            parts.append(f"A tuned {rule} on the baseline does not do all of it.")
        elif same or ahead:
            parts.append(_threshold_for_some(rule, same, ahead, len(told)))
        else:
            parts.append(f"Whether a tuned {rule} on the baseline does the same can't be told.")
    if len(within(better)) == len(better):
        gains = "That is" if len(better) == 1 else "All of these gains are"
        parts.append(f"{gains} less than {run.margin:g}, which does not matter.")
    if len(worse):
        parts.append(f"{_names(worse)} {'harm' if len(worse) > 1 else 'harms'}.")
    return " ".join(parts)


def _threshold_for_some(rule: str, same: int, ahead: int, total: int) -> str:
    unknown = total - same - ahead
    said = [f"does the same for {same}" if same else "does the same for none", f"not for {ahead}" if ahead else ""]
    said.append(f"{unknown} can't be told" if unknown else "")
    return f"A tuned {rule} on the baseline {', '.join(part for part in said if part)}."


def _open(table: pd.DataFrame, metric: str) -> str:
    """The largest difference among those that can't be told, and what it would take to see such a one."""
    own = table[answers(table) == OPEN]
    best = own.iloc[int(own["difference"].to_numpy().argmax())]
    adjusted = f", {p_equals(best['p_adjusted'])}" + (" adjusted" if len(table) > 1 else "")
    lead = "Of these the largest gain" if len(own) < len(table) else "The largest gain"
    if best["difference"] <= 0:
        lead = "The nearest to a gain"
    text = f"{lead} in {metric}: {display_name(best['technique'])}, {_gain(best)}{adjusted}."
    if best["seeds"] < 2 or not pd.notna(best["patient_se"]):
        return text
    return f"{text} To tell it takes {needed(best, len(table))}."
