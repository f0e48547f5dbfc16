"""``results.tex``: the results as a journal has them, by the report's own numbers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from balancing.data.patients import FEWEST
from balancing.metrics import RANKING
from sweep.analysis.comparison import fewest_test_patients
from sweep.analysis.names import SHOWN_METRICS, display_name, inline_name, metric_name
from sweep.analysis.results import Results
from sweep.analysis.statistics.paired import BASELINE
from sweep.report.text.escape import latex
from sweep.report.text.intervals import signed_limits
from sweep.report.text.numbers import NONE, p_value, signed, three
from sweep.report.words.folds import fold_places
from sweep.report.words.verdict import how_adjusted

_MOST_ROWS = 20  # of a table that stays on one page
_NAMES = {"recall": "Sensitivity"}
_HEAD = "% Needs the packages booktabs, textcomp, inputenc (utf8) and, of many techniques, longtable.\n"


def results_tex(run: Results) -> str:
    """A booktabs table: each technique's metrics with 95 % intervals, and its difference to the baseline.

    Where nothing was tested, a comment that says so.
    """
    table = run.table()
    if table.empty:
        return "% The test split has not been opened in this run, so there are no results yet.\n"
    columns = [metric for metric in SHOWN_METRICS if metric in table and not table[metric].isna().all()]
    differences = run.differences()
    ranking = run.differences(RANKING) if set(run.without(run.metric)) & set(table["technique"]) else None
    rows = _rows(run, table, columns, differences, ranking)
    compared = bool(len(differences)) or bool(ranking is not None and len(ranking))
    heads = ["Technique", *(_NAMES.get(metric, metric_name(metric)) for metric in columns)]
    heads += ["Difference", "$p$ (adj.)"] if compared else []
    if not compared:
        rows = [row[: len(heads)] for row in rows]
    notes = _notes(run, table, differences, ranking)
    caption = _caption(run, table)
    return _HEAD + (_long if len(table) > _MOST_ROWS else _short)(heads, rows, caption, notes)


def _rows(
    run: Results,
    table: pd.DataFrame,
    columns: Sequence[str],
    differences: pd.DataFrame,
    ranking: pd.DataFrame | None,
) -> list[list[str]]:
    """Two lines a technique: numbers, and beneath them their intervals."""
    enough = fewest_test_patients(run)[0] >= FEWEST
    rows = []
    for _, row in table.iterrows():
        name = str(row["technique"])
        own, mark = _difference(name, differences, ranking)
        numbers = [latex(display_name(name)) + mark, *(latex(three(row[metric])) for metric in columns)]
        ranges = ["", *(_limits(row[f"{metric}_low"], row[f"{metric}_high"]) for metric in columns)]
        if own is None:
            numbers += ["reference" if name == BASELINE else latex(NONE), ""]
            ranges += ["", ""]
        else:
            tested = enough and own["seeds"] > 1 and np.isfinite(own["p_adjusted"])
            numbers += [latex(signed(own["difference"])), latex(p_value(own["p_adjusted"])) if tested else latex(NONE)]
            ranges += [_limits(own["low"], own["high"], signs=True), ""]
        rows += [numbers, [f"{{\\scriptsize {cell}}}" if cell else "" for cell in ranges]]
    return rows


def _difference(name: str, differences: pd.DataFrame, ranking: pd.DataFrame | None) -> tuple[pd.Series | None, str]:
    """A technique's difference to the baseline, and the mark of one in AUROC; None where there is none."""
    for found, mark in ((differences, ""), (ranking, "$^{a}$")):
        if found is None or found.empty:
            continue
        own = found[found["technique"] == name]
        if len(own) and np.isfinite(own.iloc[0]["difference"]):
            return own.iloc[0], mark
    return None, ""


def _limits(low: float, high: float, *, signs: bool = False) -> str:
    if pd.isna(low) or pd.isna(high) or low == high:
        return ""
    if signs:
        return f"({latex(signed_limits(low, high))})"
    return f"({latex(three(low))}--{latex(three(high))})"


def _caption(run: Results, table: pd.DataFrame) -> str:
    places = fold_places(run)
    counts = run.class_counts("test")
    of = ", ".join(f"{count} {name}" for count, name in zip(counts, run.class_names, strict=True))
    where = f"all {places[0].folds} test folds" if places else "the test set"
    seeds = table["seeds"].astype(int)
    many = f"{seeds.min()}" if seeds.min() == seeds.max() else f"{seeds.min()} to {seeds.max()}"
    mean = f"mean over {many} seeds" if seeds.max() > 1 else "one seed"
    positive = f" Positive class: {run.class_names[run.positive]}." if run.positive is not None else ""
    averaged = " Metrics are averages over the classes, each against the rest." if run.positive is None else ""
    return latex(f"Performance on {where} ({of}); {mean}, with 95 % confidence intervals.{positive}{averaged}")


def _notes(run: Results, table: pd.DataFrame, differences: pd.DataFrame, ranking: pd.DataFrame | None) -> list[str]:
    """Footnotes that name what was tested and how."""
    several = int(table["seeds"].max()) > 1
    unknown = bool((run.split()["patient"] == "").all())
    drawn = "images (patients unknown)" if unknown else "patients"
    rest = ", Student's t over seeds." if several else " alone."
    notes = [latex(f"Intervals: bootstrap over test {drawn}{rest}")]
    if len(differences):
        metric = inline_name(run.metric)
        notes.append(
            latex(f"Difference: to the baseline in {metric}, paired by seed and {'image' if unknown else 'patient'}.")
        )
        if several and fewest_test_patients(run)[0] >= FEWEST:
            how = (
                f"adjusted for {len(differences)} comparisons ({how_adjusted(differences)})"
                if len(differences) > 1
                else "of one comparison, not adjusted"
            )
            notes.append("$p$: " + latex(f"two-sided, {how}."))
        else:
            why = (
                f"fewer than {FEWEST} test patients of a class"
                if several
                else "one seed tells no technique from chance"
            )
            notes.append("$p$: " + latex(f"none, for {why}."))
    if ranking is not None and len(ranking):
        notes.append("$^{a}$ " + latex("Ranks images and decides nothing: difference and p are of AUROC."))
    return notes


def _line(cells: Sequence[str]) -> str:
    # A bracket at the start of a row would be read as an argument of the line break before it.
    return "{}" + " & ".join(cells) + r" \\"


def _body(rows: Sequence[Sequence[str]]) -> list[str]:
    lines = []
    for place, row in enumerate(rows):
        lines.append(_line(row) + (r"[2pt]" if place % 2 else ""))
    return lines


def _short(heads: Sequence[str], rows: Sequence[Sequence[str]], caption: str, notes: Sequence[str]) -> str:
    lines = [r"\begin{table*}", r"\centering", r"\footnotesize", r"\setlength{\tabcolsep}{3pt}"]
    lines += [rf"\caption{{{caption}}}", r"\label{tab:results}"]
    lines += [rf"\begin{{tabular}}{{l{'c' * (len(heads) - 1)}}}", r"\toprule", _line(heads), r"\midrule", *_body(rows)]
    lines += [r"\bottomrule", r"\end{tabular}", r"\par\smallskip", r"\begin{minipage}{\linewidth}\raggedright"]
    lines += [r"\scriptsize", " ".join(notes), r"\end{minipage}", r"\end{table*}", ""]
    return "\n".join(lines)


def _long(heads: Sequence[str], rows: Sequence[Sequence[str]], caption: str, notes: Sequence[str]) -> str:
    lines = [r"\begingroup", r"\footnotesize", r"\setlength{\tabcolsep}{3pt}"]
    lines += [rf"\begin{{longtable}}{{l{'c' * (len(heads) - 1)}}}", rf"\caption{{{caption}}}\label{{tab:results}}\\"]
    lines += [r"\toprule", _line(heads), r"\midrule", r"\endfirsthead"]
    lines += [r"\toprule", _line(heads), r"\midrule", r"\endhead", r"\bottomrule", r"\endfoot", *_body(rows)]
    lines += [r"\end{longtable}", r"\begin{minipage}{\linewidth}\raggedright", r"\scriptsize", " ".join(notes)]
    return "\n".join([*lines, r"\end{minipage}", r"\endgroup", ""])
