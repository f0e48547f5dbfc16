"""The report's tables, from ``sweep.analysis`` to what is shown."""

from __future__ import annotations

import pandas as pd

from sweep.analysis.naming import METRICS, display_name, inline_name, metric_name
from sweep.analysis.statistics import paired_differences, signed
from sweep.analysis.tables import (
    budget_table,
    confusion_matrices_table,
    confusion_table,
    failures_table,
    floors,
    results_table,
    selection_metric,
    study_comparison,
)
from sweep.records import Run
from sweep.report.shown import Cell, Table, number
from sweep.report.text import NONE, duration, mean_sd, p_value, parameters, three


def _whole(value: float) -> Cell:
    return number(f"{int(value):,}", value)


def results(run: Run) -> Table | None:
    """The main table: each technique on the test split, the floors beneath."""
    data = results_table(run)
    if data.empty or data["balanced_accuracy"].isna().all():
        return None
    differences = paired_differences(run)
    sure = set(differences[(differences["p_holm"] < 0.05) & (differences["low"] > 0)]["technique"])
    rows, strong = [], set()
    for position, (_, row) in enumerate(data.iterrows()):
        cells = [Cell(display_name(row["technique"]), position)]
        cells += [number(mean_sd(row[m], row[f"{m}_sd"]), row[m]) for m in METRICS]
        rows.append([*cells, _whole(row["seeds"])])
        if row["technique"] in sure:
            strong.add(position)
    counts = run.info["data"]["class_counts"]["test"]
    footer = [
        [Cell(str(row["answer"])), *(number(three(row[m]), row[m]) for m in METRICS), Cell(NONE)]
        for _, row in floors(run.class_names, counts, run.positive).iterrows()
    ]
    return Table(
        name="results",
        caption=_results_caption(run, data, bool(strong)),
        headers=["Technique", *(metric_name(m) for m in METRICS), "Seeds"],
        rows=rows,
        data=data,
        footer=footer,
        strong=frozenset(strong),
    )


def _results_caption(run: Run, data: pd.DataFrame, any_strong: bool) -> str:
    counts = run.info["data"]["class_counts"]["test"]
    named = ", ".join(f"{n} {name}" for name, n in zip(run.class_names, counts, strict=True))
    text = f"Test split ({named}), each technique at the configuration chosen for it on validation"
    text += "; mean ± standard deviation over seeds. " if data["seeds"].max() > 1 else "; one seed, so no spread. "
    if run.positive is not None:
        text += f"The positive class is {run.class_names[run.positive]}. "
    else:
        text += "Averages over the classes, each against the rest. "
    text += "Beneath: what answering without looking reaches. "
    text += (
        "Bold: beats the baseline beyond doubt (Holm-adjusted)." if any_strong else "Nothing is bold, for no technique "
    )
    text += "" if any_strong else f"beats the baseline in {inline_name(selection_metric(run))} beyond doubt."
    lost = [display_name(t) for t in data[~data["complete"]]["technique"]]
    if lost:
        text += f" {', '.join(lost)}: a seed was lost (failed, diverged or stopped), so fewer stand behind the numbers."
    return text


def configurations(run: Run) -> Table | None:
    """The configuration chosen for each technique, and how it did on validation."""
    data = results_table(run)
    if data.empty:
        return None
    metric = inline_name(selection_metric(run))
    rows = []
    for position, (_, row) in enumerate(data.iterrows()):
        validation = number(mean_sd(row["validation"], row["validation_sd"]), row["validation"])
        rows.append(
            [
                Cell(display_name(row["technique"]), position),
                validation,
                number(f"{row['lr']:.3g}", row["lr"]),
                _whole(row["epochs"]),
                number(f"{row['strength']:.2g}", row["strength"]),
                _whole(row["batch_size"]),
                Cell(parameters(row["parameters"])),
            ]
        )
    return Table(
        name="configurations",
        caption=f"What was chosen for each technique: the highest mean {metric} over seeds, on validation alone.",
        headers=["Technique", f"Validation {metric}", "Learning rate", "Epochs", "Strength", "Batch", "Own parameters"],
        rows=rows,
        data=data[["technique", "validation", "validation_sd", "lr", "epochs", "strength", "batch_size", "parameters"]],
        columns_text=frozenset({6}),
    )


def differences(run: Run) -> Table | None:
    """Each technique against the baseline, paired by seed."""
    data = paired_differences(run)
    if data.empty:
        return None
    rows = []
    for position, (_, row) in enumerate(data.iterrows()):
        known = not pd.isna(row["low"])
        rows.append(
            [
                Cell(display_name(row["technique"]), position),
                number(signed(row["difference"]), row["difference"]),
                Cell(f"{signed(row['low'])} to {signed(row['high'])}" if known else NONE),
                number(p_value(row["p"]) if known else NONE, row["p"]),
                number(p_value(row["p_holm"]) if known else NONE, row["p_holm"]),
                _whole(row["seeds"]),
            ]
        )
    caption = (
        f"Difference to the baseline in test {inline_name(selection_metric(run))}, paired by seed: mean, "
        "95\N{NO-BREAK SPACE}% t-interval, p of the paired t-test, and p adjusted by Holm for the number of "
        "techniques. A dash: the seeds "
        "show no spread to judge by."
    )
    headers = ["Technique", "Difference", "95 % interval", "p", "p (Holm)", "Seeds"]
    return Table("differences", caption, headers, rows, data)


def confusion(run: Run) -> Table | None:
    """TP, TN, FP, FN of every chosen trial."""
    data = confusion_table(run)
    if data.empty:
        return None
    order = {name: i for i, name in enumerate(data["technique"].drop_duplicates())}
    rows = [
        [Cell(display_name(row["technique"]), order[row["technique"]]), number(f"{row['seed']}", row["seed"])]
        + [_whole(row[c]) for c in ("TP", "TN", "FP", "FN")]
        for _, row in data.iterrows()
    ]
    of = (
        f"positive is {run.class_names[run.positive]}"
        if run.positive is not None
        else "sums over the classes, each against the rest"
    )
    return Table(
        "confusion",
        f"Decisions on the test split, seed by seed; {of}.",
        ["Technique", "Seed", "TP", "TN", "FP", "FN"],
        rows,
        data,
    )


def matrices(run: Run) -> Table | None:
    """The full confusion matrices, for more than two classes; as files only."""
    data = confusion_matrices_table(run) if run.positive is None else pd.DataFrame()
    if data.empty:
        return None
    rows = [
        [Cell(display_name(row["technique"])), *(Cell(str(value)) for value in row.iloc[1:])]
        for _, row in data.iterrows()
    ]
    headers = [str(column).capitalize() if i < 2 else str(column) for i, column in enumerate(data.columns)]
    caption = "Decisions on the test split, seed by seed: a row a true class."
    return Table("confusion_matrices", caption, headers, rows, data, columns_text=frozenset({2}))


def study(run: Run) -> Table | None:
    """Ours beside the study's, on its own test split."""
    data = study_comparison(run)
    if data is None:
        return None
    rows = []
    for position, (_, row) in enumerate(data.iterrows()):
        cells = [Cell(display_name(row["technique"]), position)]
        for metric in ("balanced_accuracy", "recall", "f1"):
            cells.append(number(mean_sd(row[metric], row[f"{metric}_sd"]), row[metric]))
            cells.append(number(three(row[f"{metric}_study"]), row[f"{metric}_study"]))
        rows.append(cells)
    headers = ["Technique"]
    for metric in ("balanced_accuracy", "recall", "f1"):
        headers += [f"{metric_name(metric)}, here", f"{metric_name(metric)}, study"]
    caption = (
        "This run beside the study it starts from, on the same test split. The study's figures follow from its "
        "counts: one run per technique, one network trained through all techniques in turn, the test split read after "
        "every epoch. Settings may differ; see how this run was made."
    )
    return Table("study", caption, headers, rows, data)


def budget(run: Run) -> Table | None:
    """What each technique was given."""
    data = budget_table(run)
    if data.empty:
        return None
    rows = [
        [Cell(display_name(row["technique"]), position)]
        + [_whole(row[c]) for c in ("trials", "ended", "configurations", "seeds", "epochs")]
        + [number(duration(row["seconds"]), row["seconds"])]
        for position, (_, row) in enumerate(data.iterrows())
    ]
    caption = "Trials planned and ended, configurations, seeds, epochs run and training time of each technique."
    if data["configurations"].nunique() > 1:
        caption += (
            " Fewer configurations mean that draws fell together (the baseline stays untouched at every strength)."
        )
    headers = ["Technique", "Trials", "Ended", "Configurations", "Seeds", "Epochs", "Time"]
    return Table("budget", caption, headers, rows, data)


def failures(run: Run) -> Table | None:
    """Trials that failed or diverged, with their errors."""
    data = failures_table(run)
    if data.empty:
        return None
    rows = [
        [
            Cell(display_name(row["technique"])),
            number(str(row["seed"]), row["seed"]),
            number(f"{row['lr']:.3g}", row["lr"]),
            _whole(row["epochs_run"]),
            Cell(str(row["status"])),
            Cell(str(row["error"]) or "no message"),
        ]
        for _, row in data.iterrows()
    ]
    caption = "Trials that did not end well. They are left out of every number above."
    headers = ["Technique", "Seed", "Learning rate", "Epochs", "State", "Error"]
    return Table("failures", caption, headers, rows, data, columns_text=frozenset({4, 5}))
