"""What the winners cost beside what they gain, in a sentence: by unadjusted intervals, which make no winner."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from sweep.analysis.beside import RECALL
from sweep.analysis.names import display_name, inline_name
from sweep.analysis.results import Results
from sweep.analysis.statistics.significance import significant
from sweep.report.text.lists import listed

# Up to so many winners are spoken of one by one.
FEW = 3
CALIBRATION = ("brier", "ece")
NAMES = {RECALL: "Recall at 90\N{NO-BREAK SPACE}% specificity", "brier": "Brier score", "ece": "Calibration error"}
_SPOKEN = {RECALL: "recall at 90\N{NO-BREAK SPACE}% specificity", "calibration": "calibration"}
LEAD = "Beside that, not adjusted:"
SAME, AHEAD, OPEN = "does the same", "does not do all of it", "can't be told"


def threshold_answers(table: pd.DataFrame, margin: float) -> dict[str, str]:
    """Technique -> whether the baseline with a threshold does the same as it.

    It does where the technique is not significantly ahead and by less than the margin, as its interval has it.

    Args:
        table: of ``sweep.analysis.beside.against_threshold``.
    """
    ahead = set(significant(table)["technique"])
    return {
        str(row["technique"]): AHEAD
        if row["technique"] in ahead
        else SAME
        if row["seeds"] > 1 and row["high"] < margin
        else OPEN
        for _, row in table.iterrows()
    }


def changes(table: pd.DataFrame) -> dict[str, dict[str, str]]:
    """Technique -> what it gains (``better``) or costs (``worse``), calibration in one: Brier score and its error.

    Where one of the two is better and the other worse, calibration is neither.

    Args:
        table: of ``sweep.analysis.beside.beside_table``.
    """
    found: dict[str, dict[str, str]] = {}
    for technique, own in table.groupby("technique", sort=False):
        arrows = dict(zip(own["metric"], own["arrow"], strict=True))
        both = {arrows.pop(name, "unknown") for name in CALIBRATION}
        for way, other in (("better", "worse"), ("worse", "better")):
            if way in both and other not in both:
                arrows["calibration"] = way
        found[str(technique)] = {name: way for name, way in arrows.items() if way in ("better", "worse")}
    return found


def beside_sentence(run: Results, table: pd.DataFrame, threshold: pd.DataFrame) -> str:
    """What else the winners do, or, where none wins, what any technique does; "" where nothing can be told.

    Args:
        table: of ``beside_table``.
        threshold: of ``against_threshold``.
    """
    if table.empty:
        return ""
    better = significant(run.differences())["technique"].tolist()
    found, rule = changes(table), "a threshold" if run.positive is not None else "prior correction"
    answers = threshold_answers(threshold, run.margin)
    if not better:
        return _nobody_wins(found)
    gains = {name: {run.metric: "better"} | found.get(name, {}) for name in better}
    if len(better) <= FEW:
        clauses = [_one(name, gains[name], answers.get(name, ""), rule) for name in better]
        return f"{LEAD} {'; '.join(clauses)}."
    return _many(run, gains, answers, rule)


def spoken(metric: str) -> str:
    """The name of a metric, or of ``calibration``, within a sentence."""
    return _SPOKEN.get(metric, inline_name(metric))


def _one(name: str, own: Mapping[str, str], threshold: str, rule: str) -> str:
    gained, lost = ([spoken(metric) for metric, way in own.items() if way == one] for one in ("better", "worse"))
    parts = [f"{verb} {listed(metrics)}" for verb, metrics in (("gains", gained), ("costs", lost)) if metrics]
    if threshold == OPEN:
        parts.append(f"whether {rule} on the baseline does the same can't be told")
    elif threshold:
        parts.append(f"{rule} on the baseline {threshold}")
    said = " and ".join(parts) if len(parts) < 3 else f"{', '.join(parts[:-1])}, and {parts[-1]}"
    return f"{display_name(name)} {said}"


def _many(run: Results, gains: Mapping[str, Mapping[str, str]], answers: Mapping[str, str], rule: str) -> str:
    parts = []
    # What a reader asks of a gain in decisions first: is it paid for, and is more seen in the images?
    for metric, way in (("calibration", "worse"), ("calibration", "better"), ("auroc", "better"), ("auroc", "worse")):
        names = [name for name, own in gains.items() if own.get(metric) == way]
        asked = metric != run.metric and (metric, way) in (("calibration", "worse"), ("auroc", "better"))
        if names or asked:
            verb = {"better": "gain", "worse": "cost"}[way] + ("s" if len(names) == 1 or not names else "")
            parts.append(f"{_how_many(names, len(gains))} {verb} {spoken(metric)}")
    told = [answer for name in gains if (answer := answers.get(name))]
    text = f"{LEAD} of the {len(gains)} that gain {inline_name(run.metric)} {listed(parts)}"
    if told:
        text += f"; {_whether(answers, gains, rule)}"
    return text + "."


def _whether(answers: Mapping[str, str], gains: Mapping[str, object], rule: str) -> str:
    """``a threshold on the baseline does the same for 3, not all of it for 10, and for 8 that can't be told``."""
    same, ahead, unknown = (_with(answers, gains, one) for one in (SAME, AHEAD, OPEN))
    if not same and not ahead:
        return f"whether {rule} on the baseline does the same can't be told of {_how_many(unknown, len(gains))}"
    parts = [f"does the same for {_how_many(same, len(gains))}"] if same else []
    if ahead:
        whom = "any of them" if len(ahead) == len(gains) else _how_many(ahead, len(gains))
        parts.append(f"{'not all of it' if same else 'does not do all of it'} for {whom}")
    if unknown:
        parts.append(f"for {_how_many(unknown, len(gains))} that can't be told")
    return f"{rule} on the baseline {listed(parts)}"


def _with(answers: Mapping[str, str], among: Mapping[str, object], wanted: str) -> list[str]:
    return [name for name in among if answers.get(name) == wanted]


def _how_many(names: Sequence[str], total: int) -> str:
    """``none``, ``SMOTE and Focal``, ``19``, ``all``."""
    if not names:
        return "none"
    if len(names) == total:
        return "all"
    return listed([display_name(name) for name in names]) if len(names) <= FEW else str(len(names))


def _nobody_wins(found: Mapping[str, Mapping[str, str]]) -> str:
    moved = {name: own for name, own in found.items() if own}
    if not moved:
        return ""
    if len(moved) <= FEW:
        return f"{LEAD} {'; '.join(_one(name, own, '', '') for name, own in moved.items())}."
    parts = []
    for metric in ("auroc", "balanced_accuracy", RECALL, "calibration"):
        for way in ("better", "worse"):
            names = [name for name, own in moved.items() if own.get(metric) == way]
            if names:
                verb = {"better": "gain", "worse": "cost"}[way] + "s" * (len(names) == 1)
                parts.append(f"{_how_many(names, len(found))} {verb} {spoken(metric)}")
    return f"{LEAD} of {len(found)} techniques {listed(parts)}."
