"""The report's tables, from a run's records alone. Numbers are unrounded here; the report rounds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from balancing.components.techniques import get_technique, training_of
from balancing.metrics import COUNTS, confusion_matrix, decide, evaluate
from sweep.analysis.names import SHOWN_METRICS, in_order
from sweep.analysis.reference_study.counts import is_study_data, study_table
from sweep.analysis.results import Results
from sweep.analysis.statistics.folds import evaluated
from sweep.hyperparameters import shown

# Of classes that a table has a column of each of.
MOST_COLUMNS = 30

__all__ = [
    "budget_table",
    "confusion_matrices",
    "confusion_table",
    "failures_table",
    "floors",
    "results_table",
    "study_comparison",
    "study_table",
    "times_opened",
]


def results_table(results: Results) -> pd.DataFrame:
    """Each technique on the test split, at the configuration chosen for it on validation.

    A technique that decides anew has that of the technique it decides on; its validation numbers are those of the very
    images that its decision was fitted on.

    Returns:
        One row a technique: technique; each metric's mean over seeds and ``<metric>_sd``, its standard deviation
        (ddof 1; NaN for one seed); seeds (how many); the shared hyperparameters (see ``sweep.hyperparameters.shown``)
        and parameters (dict) of the configuration; validation and validation_sd (the selection metric there; NaN of
        scores, which were chosen by AUROC); complete
        (no seed was lost).
        Test columns are NaN where the test split was not opened.
    """
    tested = results.test_table()
    by_id = {spec.trial_id: spec for spec in results.specs()}
    shared = [h.name for h in shown(by_id.values())]
    selection = {chosen["technique"]: chosen for chosen in results.selection()}
    rows = []
    validated = {(t.technique, t.seed): t.validation for t in results.predictions if t.technique in results.decisions}
    for technique in in_order([*selection, *(name for name, _ in validated)]):
        own = results.decisions.get(technique, {})
        chosen = selection[technique if technique in selection else training_of(get_technique(technique)).name]
        of_technique = tested[tested["technique"] == technique]
        row: dict[str, Any] = {"technique": technique}
        for metric in SHOWN_METRICS:
            values = of_technique[metric].astype(float)
            row[metric] = values.mean() if len(values) else np.nan
            row[f"{metric}_sd"] = values.std(ddof=1) if len(values) > 1 else np.nan
        spec = by_id[chosen["trial_ids"][0]]
        row |= {"seeds": len(of_technique) or len(chosen["trial_ids"])}
        row |= {**{name: getattr(spec, name) for name in shared}, "parameters": {**spec.parameters, **own}}
        same = chosen.get("metric", results.metric) == results.metric
        row |= {"validation": chosen["mean"] if same else np.nan}
        row |= {"validation_sd": _number(chosen["spread"]) if same else np.nan}
        if technique not in selection:
            parts = [part for (name, _), part in validated.items() if name == technique]
            reached = [evaluated(part, results.positive)[results.metric] for part in parts]
            row |= {"validation": float(np.mean(reached))}
            row |= {"validation_sd": float(np.std(reached, ddof=1)) if len(reached) > 1 else np.nan}
        rows.append({**row, "complete": bool(chosen["complete"])})
    return pd.DataFrame(rows)


def _number(value: float | None) -> float:
    return np.nan if value is None else float(value)


def confusion_table(results: Results) -> pd.DataFrame:
    """Columns technique, seed, TP, TN, FP, FN on the test split; with more than two classes, sums over the classes.

    Without techniques whose answers are scores, which decide nothing.
    """
    tested = results.test_table()
    tested = tested[tested["tp"].notna()].astype(dict.fromkeys(COUNTS, "int64")) if len(tested) else tested
    columns = {"technique": "technique", "seed": "seed", "tp": "TP", "tn": "TN", "fp": "FP", "fn": "FN"}
    return tested.reindex(columns=list(columns)).rename(columns=columns)


def confusion_matrices(results: Results) -> dict[tuple[str, int], np.ndarray]:
    """(technique, seed) -> (C, C) int64 on the test split; rows are true classes, columns decisions.

    Without techniques whose answers are scores, which decide nothing.
    """
    matrices = {}
    for trial in results.predictions:
        if trial.gives == "scores":
            continue
        matrix = confusion_matrix(trial.labels, decide(trial.probabilities), trial.probabilities.shape[1])
        matrices[trial.technique, trial.seed] = matrix
    return matrices


def confusion_matrices_table(results: Results) -> pd.DataFrame:
    """The full matrices in long form: technique, seed, true class, and a column a decided class.

    With more than ``MOST_COLUMNS`` classes: technique, seed, true class, decided class, images; a row where there are
    any, so that there are no more rows than decisions.
    """
    names = results.class_names
    rows: list[dict[str, Any]] = []
    for (technique, seed), matrix in confusion_matrices(results).items():
        if len(names) > MOST_COLUMNS:
            for label, decided in np.argwhere(matrix).tolist():
                row = {"technique": technique, "seed": seed, "true class": names[label]}
                rows.append({**row, "decided class": names[decided], "images": int(matrix[label, decided])})
            continue
        for label, counts in enumerate(matrix):
            row = {"technique": technique, "seed": seed, "true class": names[label]}
            rows.append({**row, **{f"decided {names[c]}": int(n) for c, n in enumerate(counts)}})
    return pd.DataFrame(rows)


def floors(class_names: Sequence[str], class_counts: Sequence[int], positive: int | None) -> pd.DataFrame:
    """What answering without looking reaches.

    Args:
        class_names: (C,).
        class_counts: (C,) images of each class in the test split, at least one in all.
        positive: its index for two classes; None for more.
    Returns:
        With two classes a row for always the positive and one for always the negative class; with more, one for always
        the commonest class (the first of equals). Columns answer, and each of the report's metrics.
    """
    counts = np.asarray(class_counts)
    labels = np.repeat(np.arange(len(counts)), counts)
    answers = [int(counts.argmax())] if positive is None else [positive, 1 - positive]
    rows = []
    for answer in answers:
        certain = np.zeros((len(labels), len(counts)))
        certain[:, answer] = 1.0
        numbers = evaluate(labels, certain, positive)
        rows.append({"answer": f"Always {class_names[answer]}", **{m: numbers[m] for m in SHOWN_METRICS}})
    return pd.DataFrame(rows)


def budget_table(results: Results) -> pd.DataFrame:
    """What each technique was given: technique, trials, configurations, seeds, epochs, seconds, ended (of the trials).

    ``epochs`` and ``seconds`` are sums over its trials, as far as they ran.
    """
    trials = results.trials()
    rows = []
    for technique in in_order(trials["technique"]) if len(trials) else []:
        own = trials[trials["technique"] == technique]
        rows.append(
            {
                "technique": technique,
                "trials": len(own),
                "configurations": own["configuration"].nunique(),
                "seeds": own["seed"].nunique(),
                "epochs": int(own["epochs_run"].sum()),
                "seconds": float(own["seconds"].sum()),
                "ended": int(own["status"].isin(("done", "stopped")).sum()),
            }
        )
    return pd.DataFrame(rows)


def failures_table(results: Results) -> pd.DataFrame:
    """Trials that failed or diverged: technique, seed, lr, epochs_run, status, error (a sentence), trial_id."""
    columns = ["technique", "seed", "lr", "epochs_run", "status", "error", "trial_id"]
    trials = results.trials()
    if trials.empty:
        return pd.DataFrame(columns=columns)
    failed = trials[trials["status"].isin(("failed", "diverged"))]
    return failed[columns].fillna({"error": ""}).reset_index(drop=True)


STUDY_METRICS = ("balanced_accuracy", "recall", "f1")


def study_comparison(results: Results) -> pd.DataFrame | None:
    """Ours beside the study's, on its test split; None on any other.

    Returns:
        One row a technique that the study tried: technique, and for balanced accuracy, recall and F1 the run's mean,
        ``<metric>_sd`` and ``<metric>_study``; NaN for techniques the run left out.
    """
    data: Mapping[str, Any] = results.info["data"]
    if not is_study_data(data["class_names"], data["class_counts"]["test"], data["positive"]):
        return None
    ours = results_table(results)
    wanted = list(STUDY_METRICS)
    study = study_table()[["technique", *wanted]]
    if ours.empty:
        return None
    ours = ours[["technique", *wanted, *(f"{metric}_sd" for metric in wanted)]]
    return study.merge(ours, on="technique", how="left", suffixes=("_study", ""))


def times_opened(run: Results) -> Counter[str]:
    """How often the test split was opened for each trial."""
    return Counter(trial for opening in run.test_openings() for trial in opening["trials"])
