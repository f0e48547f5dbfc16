"""On what the answer rests, and what was spent on it, in a line."""

from __future__ import annotations

import pandas as pd

from sweep.analysis.cost import cost_table
from sweep.analysis.results import Results
from sweep.analysis.run_images import is_phantom
from sweep.report.text.numbers import duration, prevalence_text


def facts_line(run: Results) -> str:
    """``4,448 training images (26 % NORMAL), 624 test images of 428 patients · 12 techniques · 36 trials · 3 h``."""
    parts = [_data(run)]
    table = cost_table(run)
    if len(table):
        techniques, trials = len(table), int(table["ended"].sum())
        parts.append(f"{techniques} technique{'s' if techniques > 1 else ''}, {trials:,} trials")
        if (seconds := float(table["seconds"].sum())) > 0:
            gpu = bool(table["gpu_trials"].any())
            parts.append(f"{duration(seconds)} of training on {'GPUs' if gpu else 'CPU'}")
    if is_phantom(run):
        parts.insert(0, "drawings, not patients")
    return " · ".join(parts)


def _data(run: Results) -> str:
    split = run.split()
    train, test = (split[split["split"] == part] for part in ("train", "test"))
    text = f"{len(train):,} training images"
    if len(train):
        counts = train["label"].value_counts()
        rarest = int(counts.index[-1])
        text += f" ({prevalence_text(counts.iloc[-1] / len(train))} {run.class_names[rarest]})"
    return f"{text}, {len(test):,} test images{_of_patients(test)}"


def _of_patients(part: pd.DataFrame) -> str:
    known = part["patient"][part["patient"] != ""]
    return f" of {known.nunique():,} patients" if len(known) and len(known) == len(part) else ""
