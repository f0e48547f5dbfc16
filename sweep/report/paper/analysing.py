"""The part of the methods paragraph on statistics, exactly as this run used them."""

from __future__ import annotations

import numpy as np
import pandas as pd

from balancing.data.patients import FEWEST
from sweep.analysis.comparison import fewest_test_patients
from sweep.analysis.looks import level_of
from sweep.analysis.names import inline_name
from sweep.analysis.results import Results
from sweep.analysis.statistics.bootstrap import SAMPLES
from sweep.analysis.statistics.sequential import ALPHA
from sweep.report.paper.bibliography import Bibliography
from sweep.report.text.lists import listed
from sweep.report.words.folds import fold_places
from sweep.report.words.verdict import margin_note

_METRICS = {
    "balanced_accuracy": "balanced accuracy",
    "recall": "sensitivity (recall)",
    "specificity": "specificity",
    "precision": "precision",
    "f1": "F1",
    "auroc": "AUROC",
}


def known_patients(split: pd.DataFrame) -> bool:
    """Whether each image's patient is known."""
    return bool((split["patient"] != "").all())


def statistics_lines(run: Results, cited: Bibliography) -> list[str]:
    """A sentence each; [] before anything was tested."""
    tested = run.test_table()
    if tested.empty:
        return []
    metric = inline_name(run.metric)
    several = bool(tested.groupby("technique")["seed"].nunique().max() > 1)
    known = known_patients(run.split())
    units = "patients" if known else "images"
    lines = [_primary(run, metric)]
    clustered = cited.cite("efron1993", "field2007")
    over = f"a bootstrap over test {units} within classes ({SAMPLES:,} samples{clustered})"
    if several:
        lines.append(
            f"95 % confidence intervals hold two sources of chance, the sample of test {units} and the "
            f"randomness of training{cited.cite('obuchowski1995')}: the former by {over}, the latter by "
            "Student's t over seeds."
        )
    else:
        lines.append(
            f"95 % confidence intervals are by {over}; with one seed per technique they do not hold the randomness of "
            "training, and no technique is tested."
        )
    table = run.differences()
    table = table[np.isfinite(table["difference"])] if len(table) else table
    if table.empty:
        return lines
    lines.append(f"Differences to the baseline are paired by seed and by test {'patient' if known else 'image'}.")
    fewest, _ = fewest_test_patients(run)
    if fewest < FEWEST:
        lines.append(f"With fewer than {FEWEST} test patients of a class no hypothesis was tested.")
        return lines
    if several:
        lines += [_moderated(table, cited), _adjusted(table, cited), *_looks(run, cited), _equivalence(run, cited)]
    if fold_places(run):
        lines.append(
            "Rates are of all test folds' predictions together, AUROC is the mean over folds, and the variance of the "
            f"patients' part is enlarged because training sets of folds overlap{cited.cite('nadeau2003')}."
        )
    return lines


def _primary(run: Results, metric: str) -> str:
    averaged = "" if run.positive is not None else ", averaged over the classes, each against the rest"
    second = [name for key, name in _METRICS.items() if key != run.metric]
    return f"The primary metric was {metric}; {listed(second)} are secondary{averaged}."


def _moderated(table: pd.DataFrame, cited: Bibliography) -> str:
    both = table[["moderated_sd", "seed_sd"]].astype(float).dropna()
    if both.empty or np.allclose(both["moderated_sd"], both["seed_sd"], rtol=1e-6):
        return ""
    return (
        "The variance over seeds of each technique was moderated by those of the other techniques, in the manner of "
        f"empirical Bayes{cited.cite('smyth2004')}."
    )


def _adjusted(table: pd.DataFrame, cited: Bibliography) -> str:
    if len(table) < 2:
        return (
            "One technique was compared with the baseline, so the two-sided p value is not adjusted; the level was 5 %."
        )
    how = set(table["adjustment"])
    many = "both" if len(table) == 2 else f"all {len(table)}"
    ways = []
    if "max-t" in how:
        source = cited.cite("dunnett1955", "westfall1993")
        ways.append(f"step-down by the joint distribution of the test statistics (max-t{source})")
    if "holm" in how:
        ways.append(f"by Holm's method{cited.cite('holm1979')}")
    return (
        f"Two-sided p values were adjusted for {many} comparisons with the baseline, {listed(ways)}; an "
        "adjusted p below 0.05 was called significant."
    )


def _looks(run: Results, cited: Bibliography) -> list[str]:
    found = run.confirming
    if found is None or len(found.looks) < 2 or level_of(found) >= ALPHA:
        return []
    seeds = ", ".join(map(str, found.looks[:-1]))
    return [
        f"Seeds came in rounds with planned looks at {seeds} and {found.looks[-1]} seeds per technique; the 5 % level "
        f"was divided over the looks by a power-family spending function{cited.cite('kim1987')} and Bonferroni's "
        "inequality."
    ]


def _equivalence(run: Results, cited: Bibliography) -> str:
    when = "stated before training" if run.stated_margin == run.margin and not margin_note(run) else "not stated before"
    if run.stated_margin is None and not margin_note(run):
        when = "the software's default"
    return (
        "A technique was called equivalent to the baseline where two one-sided tests"
        f"{cited.cite('schuirmann1987')}, each at the 5 % level and not adjusted for their number, showed a difference "
        f"within a margin of {run.margin:g} ({when})."
    )
