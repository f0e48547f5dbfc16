"""The report's tables, from ``sweep.analysis`` to what is shown."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from balancing.data.patients import FEWEST
from sweep.analysis.comparison import fewest_test_patients
from sweep.analysis.decisions.trivial_baselines import trivial_baselines
from sweep.analysis.names import SHOWN_METRICS, display_name, inline_name, metric_name
from sweep.analysis.results import Results
from sweep.analysis.statistics.paired import BASELINE
from sweep.analysis.statistics.significance import significant
from sweep.analysis.tables import (
    STUDY_METRICS,
    confusion_matrices_table,
    confusion_table,
    failures_table,
    results_table,
    study_comparison,
)
from sweep.hyperparameters import Hyperparameter, shown_in
from sweep.report.columns import Column, count, interval, table_of, technique, text, value
from sweep.report.shared_names import own_places, without_folders
from sweep.report.table import Cell, Table, number
from sweep.report.text.intervals import with_interval
from sweep.report.text.lists import first_few
from sweep.report.text.numbers import NONE, parameters, three
from sweep.report.words.choices import unequal_choices_of
from sweep.report.words.confirming import confirmed_sentence
from sweep.report.words.folds import fold_places, tested_on
from sweep.report.words.scores import scores_sentence

if TYPE_CHECKING:
    from balancing.data.images import ImageSet


# A gap between validation and test, in the selection metric, that readers are told of.
FAR = 0.05


def results(run: Results, images: ImageSet | None = None) -> Table | None:
    """The main table: each technique on the test split with 95 % intervals, the floors beneath."""
    data = results_table(run)
    if data.empty or data[list(SHOWN_METRICS)].isna().all(axis=None):
        return None
    intervals = run.intervals()
    differences = run.differences()
    judged = len(differences) and differences["seeds"].max() > 1
    sure = set(significant(differences)["technique"]) if judged else set()
    shown = data.copy()
    for metric in SHOWN_METRICS:
        of_metric = intervals[intervals["metric"] == metric].set_index("technique")
        for end in ("low", "high"):
            data[f"{metric}_{end}"] = shown[f"{metric}_{end}"] = data["technique"].map(of_metric[end])
        shown[metric] = data["technique"].map(of_metric["mean"])
    footer = [
        [
            Cell(str(row["answer"])),
            *(_mean_cell(row[m], row[f"{m}_low"], row[f"{m}_high"]) for m in SHOWN_METRICS),
            Cell(NONE),
        ]
        for _, row in trivial_baselines(run, images, np.random.default_rng(0)).iterrows()
    ]
    table = table_of(
        "results",
        _results_caption(run, data, bool(sure)),
        shown,
        [technique(), *(_metric(metric) for metric in SHOWN_METRICS), count("seeds", "Seeds")],
        footer=footer,
        strong=[name in sure for name in data["technique"]],
    )
    return replace(table, data=data)


def _metric(metric: str) -> Column:
    def cells(data: pd.DataFrame) -> list[Cell]:
        ends = zip(data[metric], data[f"{metric}_low"], data[f"{metric}_high"], strict=True)
        return [_mean_cell(mean, low, high) for mean, low, high in ends]

    return Column(metric_name(metric), cells)


def _mean_cell(mean: float, low: float, high: float) -> Cell:
    """``0.812 (0.780 to 0.841)``; the number alone where there is no interval, or where nothing can move it."""
    return number(three(mean) if low == high else with_interval(mean, low, high), mean)


def _hyperparameter(shared: Hyperparameter) -> Column:
    return value(shared.name, shared.heading or shared.label, lambda one: shared.text.format(shared.kind(one)))


def result_values(run: Results) -> dict[str, Any]:
    """The main table for machines."""
    return {"metric": run.metric, "techniques": run.intervals().to_dict("records")}


def _results_caption(run: Results, data: pd.DataFrame, any_strong: bool) -> str:
    counts = run.info["data"]["class_counts"]["test"]
    named = ", ".join(f"{n} {name}" for name, n in zip(run.class_names, counts, strict=True))
    where = "its fold's validation" if fold_places(run) else "validation"
    text = f"{tested_on(run)} ({named}), each technique at the configuration chosen for it on {where}"
    if data["seeds"].max() > 1:
        text += "; mean over seeds (95 % interval over patients and seeds). "
    else:
        text += "; one seed (95 % interval over patients alone). "
    if run.positive is not None:
        text += f"The positive class is {run.class_names[run.positive]}. "
    else:
        text += "Averages over the classes, each against the rest. "
    text += "Beneath: what needs no network: answering without looking, and logistic regression on thumbnails. "
    metric = inline_name(run.metric)
    if any_strong:
        text += "Bold: beats the baseline significantly at the 5 % level, adjusted for how many techniques there are."
    elif BASELINE not in set(data["technique"]):
        text += "Nothing is bold, for there is no baseline to compare with."
    elif data["seeds"].max() < 2:
        text += "Nothing is bold, for one seed cannot tell a technique from chance."
    elif fewest_test_patients(run)[0] < FEWEST:
        text += f"Nothing is bold, for with fewer than {FEWEST} test patients of a class nothing is declared."
    else:
        text += (
            f"Nothing is bold: no technique beats the baseline in {metric} significantly (5 % level, adjusted for how "
            "many techniques there are)."
        )
    lost = ", ".join(first_few([display_name(t) for t in data[~data["complete"]]["technique"]]))
    if lost:
        text += f" {lost}: a seed was lost (failed, diverged or stopped), so fewer stand behind the numbers."
    ranking = scores_sentence(run, "balanced_accuracy", "AUROC alone, by which epoch and configuration were chosen too")
    return f"{text.rstrip()} {ranking}" if ranking else text


def configurations(run: Results) -> Table | None:
    """The configuration chosen for each technique, and how it did on validation."""
    data = results_table(run)
    if data.empty:
        return None
    metric, shared = inline_name(run.metric), shown_in(data.columns)
    intervals = run.validation_intervals().rename(columns={"low": "validation_low", "high": "validation_high"})
    data = data.merge(intervals[["technique", "validation_low", "validation_high"]], on="technique", how="left")
    confirmed = confirmed_sentence(run)
    caption = (
        f"What was chosen for each technique: the highest mean {metric} over seeds, on validation alone, with "
        "its 95 % interval (which does not hold that the best of several is a little too high)."
    )
    if confirmed:
        caption = f"What was chosen for each technique, by {metric} on validation. {confirmed} Validation is theirs."
    return table_of(
        "configurations",
        f"{caption} {unequal_choices_of(run)}".rstrip(),
        data,
        [
            technique(),
            interval("validation", f"Validation {metric}"),
            *(_hyperparameter(one) for one in shared),
            text("parameters", "Own parameters", parameters),
        ],
        keep=[
            "technique",
            *(f"validation{ending}" for ending in ("", "_sd", "_low", "_high")),
            *(h.name for h in shared),
            "parameters",
        ],
    )


def shift_sentence(run: Results) -> str | None:
    """How far the test split lies from validation, where that is far; None elsewhere."""
    data = results_table(run)
    metric = run.metric
    both = data[["validation", metric]].astype(float).mean() if not data.empty else pd.Series(dtype=float)
    if both.empty or both.isna().any() or abs(both["validation"] - both[metric]) < FAR:
        return None
    gap = both[metric] - both["validation"]
    return (
        f"Over all techniques mean {inline_name(metric)} is {three(both['validation'])} on validation and "
        f"{three(both[metric])} on test, {three(abs(gap))} {'less' if gap < 0 else 'more'}: the test images are unlike "
        "those that validation was cut from, or what was chosen fits validation too closely. What was fitted there "
        "(configurations, epochs, thresholds, temperatures) may not carry over."
    )


def confusion(run: Results) -> Table | None:
    """TP, TN, FP, FN of every chosen trial."""
    data = confusion_table(run)
    if data.empty:
        return None
    of = (
        f"positive is {run.class_names[run.positive]}"
        if run.positive is not None
        else "sums over the classes, each against the rest"
    )
    return table_of(
        "confusion",
        f"Decisions on the test split, seed by seed; {of}.",
        data,
        [technique(), value("seed", "Seed", str), *(count(name, name) for name in ("TP", "TN", "FP", "FN"))],
    )


def matrices(run: Results) -> Table | None:
    """The full confusion matrices, for more than two classes; as files only."""
    data = confusion_matrices_table(run) if run.positive is None else pd.DataFrame()
    if data.empty:
        return None
    caption = "Decisions on the test split, seed by seed: a row a true class."
    _, seed, true, *decided = data.columns
    columns = [technique(), value(seed, seed.capitalize(), str), text(true, str(true))]
    return table_of("confusion_matrices", caption, data, [*columns, *(value(name, str(name), str) for name in decided)])


def study(run: Results) -> Table | None:
    """Ours beside the study's, on its own test split."""
    data = study_comparison(run)
    if data is None:
        return None
    intervals = run.intervals().pivot(index="technique", columns="metric", values=["low", "high"])
    intervals.columns = pd.Index([f"{column[1]}_{column[0]}" for column in intervals.columns])
    wanted = [f"{metric}_{end}" for metric in STUDY_METRICS for end in ("low", "high")]
    data = data.merge(intervals.reindex(columns=wanted), left_on="technique", right_index=True, how="left")
    caption = (
        "This run, with 95 % intervals, beside the study it starts from, on the same test split. The study's figures "
        "follow from its counts: one run per technique, one network trained through all techniques in turn, the test "
        "split read after every epoch. Settings may differ; see how this run was made."
    )
    columns = [technique()]
    for metric in STUDY_METRICS:
        name = metric_name(metric)
        columns += [interval(metric, f"{name}, here"), value(f"{metric}_study", f"{name}, study")]
    return table_of("study", caption, data, columns)


def failures(run: Results) -> Table | None:
    """Trials that failed or diverged, with their errors."""
    data = failures_table(run)
    if data.empty:
        return None
    places = own_places(run)
    data["error"] = data["error"].map(lambda error: without_folders(str(error), places))
    caption = "Trials that did not end well. They are left out of every number above."
    return table_of(
        "failures",
        caption,
        data,
        [
            technique(),
            value("seed", "Seed", str),
            value("lr", "Learning rate", "{:.3g}".format),
            count("epochs_run", "Epochs"),
            text("status", "State"),
            text("error", "Error", lambda error: str(error) or "no message"),
        ],
    )
