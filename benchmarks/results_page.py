"""The words, tables and the figure of docs/results.md; every number in them comes from the two runs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.results_numbers import BASELINE, Found, both, correlation
from sweep.analysis.names import display_name
from sweep.report.words.verdict import verdict

_MARGIN = 0.005  # gains that differ by less are called equal in words


def number(value: float, *, sign: bool = False) -> str:
    """.812, +.031; an en dash where there is none."""
    if not np.isfinite(value):
        return "–"
    text = f"{value:+.3f}" if sign else f"{value:.3f}"
    return text.replace("0.", ".", 1).replace("-", "−")


def within(row: pd.Series, name: str, *, sign: bool = False) -> str:
    """A number with its interval in brackets."""
    ends = [number(row[f"{name}{end}"], sign=sign) for end in ("_low", "_high")]
    if not np.isfinite(row[name]):
        return "–"
    return number(row[name], sign=sign) + (f" ({ends[0]} to {ends[1]})" if np.isfinite(row[f"{name}_low"]) else "")


def markdown(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table; the first column is text, the others stand to the right."""
    lines = [" | ".join(columns), " | ".join(["---", *["---:"] * (len(columns) - 1)])]
    return "\n".join(f"| {line} |" for line in [*lines, *(" | ".join(row) for row in rows)])


def of_techniques(found: Found) -> str:
    """Each technique of a run, the largest gain first."""
    rows = []
    for _, row in found.table.iterrows():
        held = row["technique"] in set(found.better["technique"]) | set(found.worse["technique"])
        rows.append(
            [
                f"**{display_name(row['technique'])}**" if held else display_name(row["technique"]),
                within(row, "balanced_accuracy"),
                "" if row["technique"] == BASELINE else within(row, "gain", sign=True),
                number(row["auroc"]),
                "" if row["technique"] == BASELINE else within(row, "ranks", sign=True),
                f"{number(row['recall'])} / {number(row['specificity'])}",
                number(row["brier"]),
                number(row["designed"]),
                within(row, "measured"),
            ]
        )
    heads = ["Technique", "Balanced accuracy", "Gain", "AUROC", "Gain in AUROC", "Recall / specificity", "Brier"]
    return markdown([*heads, "T designed", "T measured"], rows)


def of_both(frozen: Found, whole: Found) -> str:
    """The gains of the techniques that both runs have."""
    rows = []
    for _, row in both(frozen, whole).iterrows():
        gains = []
        for run in ("frozen", "whole"):
            told = {f"gain{end}": row[f"gain{end}_{run}"] for end in ("", "_low", "_high")}
            gains.append(within(pd.Series(told), "gain", sign=True))
        rows.append([display_name(row["plain"]), *gains])
    return markdown(["Technique", "Gain on frozen features", "Gain end to end"], rows)


def named(table: pd.DataFrame, most: int = 4) -> str:
    """The first techniques of a table with their gains, in words."""
    shown = [
        f"{display_name(row['technique'])} ({within(row, 'gain', sign=True)})" for _, row in table.head(most).iterrows()
    ]
    more = len(table) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more > 0 else "")


def answer_of(found: Found, what: str) -> str:
    """What a run says of balanced accuracy and of ranking."""
    baseline, n = found.row(BASELINE), len(found.table) - 1
    words = [
        f"**{what}** the baseline reaches a balanced accuracy of {within(baseline, 'balanced_accuracy')} and an AUROC "
        f"of {within(baseline, 'auroc')}."
    ]
    if len(found.better):
        words.append(
            f"Of {n} techniques {len(found.better)} are significantly better (adjusted): {named(found.better)}."
        )
    else:
        words.append(
            f"Of {n} techniques none is significantly better (adjusted); the largest gain is "
            f"{named(found.table.head(1))}."
        )
    if len(found.worse):
        worst = found.worse.sort_values("gain")
        words.append(f"{len(found.worse)} are significantly worse: {named(worst)}.")
    ranks = found.ranks_better
    best = found.table.sort_values("ranks", ascending=False).iloc[0]
    if len(ranks):
        words.append(
            f"By AUROC, which no threshold moves, {len(ranks)} of them rank images significantly better, at most by "
            f"{within(best, 'ranks', sign=True)} ({display_name(best['technique'])})."
        )
    else:
        words.append(
            "By AUROC, which no threshold moves, none ranks images significantly better: the largest difference is "
            f"{within(best, 'ranks', sign=True)} ({display_name(best['technique'])})."
        )
    return " ".join(words)


def threshold_of(found: Found, what: str) -> str:
    """What a threshold does that is tuned alike for all; "" where that was not asked."""
    rules = found.same_rule
    tuned = rules[rules["rule"] == "threshold"] if len(rules) else rules
    if not len(tuned):
        return ""
    others = tuned[tuned["technique"] != BASELINE].sort_values("difference", ascending=False)
    ahead = others[(others["p_adjusted"] < 0.05) & (others["difference_low"] > 0)]
    baseline = tuned[tuned["technique"] == BASELINE].iloc[0]
    told = within(pd.Series({f"b{end}": baseline[f"balanced_accuracy{end}"] for end in ("", "_low", "_high")}), "b")
    first = others.iloc[0]
    gain = within(pd.Series({f"g{end}": first[f"difference{end}"] for end in ("", "_low", "_high")}), "g", sign=True)
    words = f"{what} a threshold that is tuned on validation takes the plain baseline to {told}."
    if len(ahead):
        shown = ", ".join(display_name(name) for name in ahead["technique"].head(4))
        more = f" and {len(ahead) - 4} more" if len(ahead) > 4 else ""
        return (
            f"{words} With a threshold tuned alike for all, {len(ahead)} of {len(others)} techniques are still "
            f"significantly ahead of it: {shown}{more}; the largest gain is {gain}."
        )
    alike = "With a threshold tuned alike for all, no technique is significantly ahead of it (adjusted)"
    return f"{words} {alike}: at most {gain}."


def rho(told: tuple[float, float, float, int]) -> str:
    """A rank correlation in words."""
    value, low, high, count = told
    if not np.isfinite(value):
        return f"too few techniques ({count}) for a rank correlation"
    return f"Spearman's rank correlation {number(value)} ({number(low)} to {number(high)}; {count} techniques)"


def prior_of(found: Found, what: str) -> str:
    """How the gain goes with how much of the class prior is taken out."""
    gain, brier = found.rank_correlation("measured", "gain"), found.rank_correlation("measured", "difference_brier")
    return (
        f"{what} the gain in balanced accuracy goes with T, the share of the class prior that a technique takes out of "
        f"the network's answers, by {rho(gain)}; what it adds to the Brier score by {rho(brier)}."
    )


def agreement_of(frozen: Found, whole: Found) -> str:
    """Whether both runs order techniques alike."""
    pairs = both(frozen, whole)
    gains = correlation(pairs["gain_frozen"].to_numpy(float), pairs["gain_whole"].to_numpy(float))
    apart = pairs[
        (np.sign(pairs["gain_low_frozen"]) * np.sign(pairs["gain_high_frozen"]) > 0)
        & (np.sign(pairs["gain_low_whole"]) * np.sign(pairs["gain_high_whole"]) > 0)
    ]
    alike = apart[np.sign(apart["gain_frozen"]) == np.sign(apart["gain_whole"])]
    words = [f"{len(pairs)} techniques were tried in both ways; their gains agree by {rho(gains)}."]
    if len(apart):
        words.append(
            f"Of {len(apart)} whose intervals leave out zero in both, {len(alike)} have the same sign: "
            f"{', '.join(display_name(name) for name in apart['plain'])}."
        )
    else:
        words.append("None has an interval that leaves out zero in both, so more than the order can't be compared.")
    return " ".join(words)


def figure(path: Path, runs: Sequence[tuple[str, Found]]) -> None:
    """T against balanced accuracy and against the Brier score, a panel each; a marker for each run."""
    from matplotlib.figure import Figure

    drawn = Figure(figsize=(9.4, 4.0), layout="constrained")
    panels = drawn.subplots(1, 2)
    looks: list[dict[str, Any]] = [{"marker": "o", "color": "#0072B2"}, {"marker": "s", "color": "#D55E00"}]
    for axes, name, label in zip(
        panels,
        ("balanced_accuracy", "brier"),
        ("Balanced accuracy, test", "Brier score, test (lower is better)"),
        strict=True,
    ):
        for (what, found), look in zip(runs, looks, strict=False):
            table = found.table[np.isfinite(found.table["measured"])]
            x, y = table["measured"].to_numpy(float), table[name].to_numpy(float)
            around = np.abs(table[["measured_low", "measured_high"]].to_numpy(float).T - x)
            axes.errorbar(x, y, xerr=around, fmt="none", ecolor=look["color"], alpha=0.25, linewidth=0.8)
            axes.plot(x, y, linestyle="", markersize=5, alpha=0.85, label=what, **look)
            base = table[table["technique"] == BASELINE]
            axes.plot(
                base["measured"], base[name], linestyle="", markersize=10, markerfacecolor="none",
                markeredgewidth=1.6, marker=look["marker"], color=look["color"], label=f"baseline, {what}",
            )  # fmt: skip
        shown = np.concatenate([f.table["measured"].to_numpy(float) for _, f in runs])
        low, high = np.nanquantile(shown, (0.03, 0.97))
        axes.set_xlim(min(-0.2, low - 0.2), max(1.3, high + 0.2))
        axes.set_xlabel("T, measured on validation")
        axes.set_ylabel(label)
        axes.spines[["top", "right"]].set_visible(False)
    panels[0].legend(fontsize=8, frameon=False)
    drawn.savefig(path, dpi=150)


def facts(found: Found) -> list[str]:
    """How a run was made: a line each."""
    info, specs = found.results.info, found.results.specs()
    first, data = specs[0], info["data"]
    epochs, lrs = sorted({spec.epochs for spec in specs}), sorted({spec.lr for spec in specs})
    network = f"{first.network}, weights {first.weights}" + (
        f", hidden layer of {first.hidden}" if first.hidden else ""
    )
    counts = {part: sum(of_class) for part, of_class in data["class_counts"].items()}
    techniques, seeds = len({spec.technique for spec in specs}), len({spec.seed for spec in specs})
    batches = _span(sorted({spec.batch_size for spec in specs}))
    return [
        f"network {network}; {first.image_size} px; {first.precision}",
        f"{techniques} techniques that train, {seeds} seeds, {len(specs)} trials",
        f"epochs {_span(epochs)}, learning rate {_span(lrs)}, batch {batches}",
        f"{counts['train']:,} training, {counts['validation']:,} validation, {counts['test']:,} test images",
        f"torch {info['versions'].get('torch', '?')}",
    ]


def _span(values: Sequence[float]) -> str:
    return f"{values[0]:g}" if len(values) == 1 else f"{values[0]:g} to {values[-1]:g}"


def says(found: Found) -> str:
    """The tool's own verdict of a run."""
    return verdict(found.results)
