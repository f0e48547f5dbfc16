"""The sentence that a section opens with: what was found, by the numbers of its own tables and figures."""

from __future__ import annotations

import numpy as np
import pandas as pd

from balancing.quality.findings import Audit
from sweep.analysis.names import display_name, inline_name, metric_name
from sweep.analysis.results import Results
from sweep.analysis.statistics.paired import BASELINE
from sweep.analysis.statistics.significance import EQUIVALENT, HARMS, HELPS, OPEN, answers
from sweep.report.text.numbers import three


def highest(run: Results, metric: str) -> str:
    """Where the baseline stands in a metric of the test split, and who is highest; "" where nobody has it."""
    table = run.table()
    if metric not in table or table[metric].isna().all():
        return ""
    rows = table.set_index("technique")[metric].dropna()
    best = str(rows.idxmax())
    name = metric_name(metric)
    if BASELINE not in rows.index:
        return f"{name} is highest for {display_name(best)}, {three(rows[best])}."
    if best == BASELINE:
        return f"{name} is highest for the baseline, {three(rows[best])}."
    return (
        f"{name} is {three(rows[BASELINE])} for the baseline and highest for {display_name(best)}, {three(rows[best])}."
    )


def compared(run: Results) -> str:
    """How many techniques help, harm, don't matter and can't be told."""
    table = run.differences()
    table = table[np.isfinite(table["difference"])]
    if table.empty:
        return ""
    found = answers(table)
    said = [
        f"{count} {one if count == 1 else many}"
        for answer, one, many in (
            (HELPS, "helps", "help"),
            (HARMS, "harms", "harm"),
            (EQUIVALENT, "doesn't matter", "don't matter"),
            (OPEN, "can't be told yet", "can't be told yet"),
        )
        if (count := int((found == answer).sum()))
    ]
    whose = f"Of {len(table)} techniques, in" if len(table) > 1 else f"{display_name(table['technique'].iloc[0])}, in"
    return f"{whose} {inline_name(run.metric)}: {', '.join(said)}."


def calibrated(table: pd.DataFrame) -> str:
    """Whose probabilities are the best, as trained, by Brier score; "" of one technique.

    Args:
        table: of ``sweep.analysis.decisions.calibration.calibration_of``.
    """
    own = table[table["stage"] == "before"]
    if len(own) < 2:
        return ""
    best, worst = (own.iloc[int(place)] for place in (own["brier"].argmin(), own["brier"].argmax()))
    first, last = (f"{display_name(str(row['technique']))} ({three(row['brier'])})" for row in (best, worst))
    return f"By Brier score the best probabilities are those of {first}, the worst those of {last}."


def audited(audit: Audit) -> str:
    """How uneven the classes are, and how much the audit found."""
    told = len(audit.findings)
    many = "nothing to report" if not told else f"{told} thing{'s' if told > 1 else ''} to know"
    counts = [count for count in audit.counts.get("train", ()) if count]
    if len(counts) < 2:
        return f"The audit found {many}."
    ratio = max(counts) / min(counts)
    return f"In training the largest class has {ratio:.1f} times the images of the smallest; the audit found {many}."


def learnt(run: Results) -> str:
    """In which epoch trials were at their best on validation, and how many still in their last; "" before that."""
    trials = run.trials()
    if "best_epoch" not in trials:
        return ""
    ended = trials[trials["status"] == "done"]
    ended = ended[ended["best_epoch"].notna() & (ended["epochs_run"] > 1)]
    if ended.empty:
        return ""
    last = int((ended["best_epoch"] == ended["epochs_run"]).sum())
    more = "; more epochs may help" if 2 * last > len(ended) else ""
    return (
        f"Half of the trials were at their best on validation by epoch {ended['best_epoch'].median():g} of "
        f"{ended['epochs_run'].median():g}; {last:,} of {len(ended):,} were in their last one{more}."
    )


def failed(run: Results) -> str:
    """How many trials did not end well."""
    trials = run.trials()
    count = int(trials["status"].isin(("failed", "diverged")).sum())
    return f"{count:,} of {len(trials):,} trials failed or diverged, and are missing in every number above."


def read(run: Results) -> str:
    """How many images of how many classes and patients were read, and how many could not be."""
    data, bad = run.info["data"], len(run.bad_images())
    names = data["class_names"]
    left = f"; {bad:,} could not be read and were left out" if bad else ", every one that was found"
    return f"{data['images']:,} images of {len(names)} classes were read{left}."


def made(run: Results) -> str:
    """How often the test split was opened, and for how many trials."""
    openings = run.test_openings()
    if not openings:
        return "The test split has not been opened."
    trials = {trial for opening in openings for trial in opening["trials"]}
    times = len(openings)
    often = {1: "once", 2: "twice"}.get(times, f"{times} times")
    return f"The test split was opened {often}, for {len(trials):,} chosen trial{'' if len(trials) == 1 else 's'}."
