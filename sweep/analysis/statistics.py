"""Paired comparison with the baseline over seeds, and the one sentence at the top of the report."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from scipy import stats

from sweep.analysis.naming import display_name, in_order, inline_name
from sweep.analysis.tables import selection_metric, test_table
from sweep.records import Run

CONFIDENCE = 0.95


def holm(p_values: np.ndarray) -> np.ndarray:
    """Holm's step-down adjustment: the chance of any false claim among all stays at the level.

    Args:
        p_values: (m,) float in [0, 1].
    Returns:
        (m,) float, adjusted, capped at 1.
    Reference: Holm, Scandinavian Journal of Statistics 1979.
    """
    order = np.argsort(p_values, kind="stable")
    steps = p_values[order] * np.arange(len(p_values), 0, -1)
    adjusted = np.empty(len(p_values))
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return adjusted


def compare(differences: Mapping[str, np.ndarray]) -> pd.DataFrame:
    """Paired t-tests and intervals, one technique after the other, Holm-adjusted together.

    Args:
        differences: technique -> (S,) float, its value minus the baseline's, seed by seed.
    Returns:
        technique, seeds, difference (mean), low, high (95 % t-interval), p, p_holm. With fewer than two seeds, or where
        every seed differs by the same amount (no spread to judge by), low and high are NaN and both p are 1.
    Reference: Student, Biometrika 1908.
    """
    rows = []
    for technique, values in differences.items():
        n, mean = len(values), float(np.mean(values))
        low = high = np.nan
        p = 1.0
        if n > 1 and np.ptp(values) > 1e-12:
            error = float(np.std(values, ddof=1)) / np.sqrt(n)
            half = float(stats.t.ppf((1 + CONFIDENCE) / 2, n - 1)) * error
            low, high = mean - half, mean + half
            p = float(2 * stats.t.sf(abs(mean) / error, n - 1))
        rows.append({"technique": technique, "seeds": n, "difference": mean, "low": low, "high": high, "p": p})
    table = pd.DataFrame(rows, columns=["technique", "seeds", "difference", "low", "high", "p"])
    return table.assign(p_holm=holm(table["p"].to_numpy(dtype=float)))


def paired_differences(run: Run, metric: str | None = None) -> pd.DataFrame:
    """Each technique against the baseline on the test split, at the chosen configurations, paired by seed.

    Args:
        metric: the one configurations were chosen by, by default.
    Returns:
        As ``compare``; empty without a baseline, or where no seed was tested with both.
    """
    tested = test_table(run)
    values = tested.pivot_table(index="seed", columns="technique", values=metric or selection_metric(run))
    if "baseline" not in values:
        return compare({})
    differences = {}
    for technique in in_order(name for name in values.columns if name != "baseline"):
        paired = (values[technique] - values["baseline"]).dropna().to_numpy(dtype=float)
        if len(paired):
            differences[technique] = paired
    return compare(differences)


def signed(value: float) -> str:
    """Three decimals, always with a sign; a true minus."""
    return f"{value:+.3f}".replace("-", "\N{MINUS SIGN}")


def _interval(row: pd.Series) -> str:
    return f"95\N{NO-BREAK SPACE}% interval {signed(row['low'])} to {signed(row['high'])}"


def _listed(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else ", ".join(parts[:-1]) + " and " + parts[-1]


def verdict(run: Run) -> str:
    """The answer in one sentence, no bolder than the numbers; a second one where the data are drawings."""
    sentence = _verdict(run)
    if is_phantom(run):
        sentence += (
            " The data are drawings, not patients: this shows how the tool works and says nothing about medicine."
        )
    return sentence


def is_phantom(run: Run) -> bool:
    """Whether the run's images are the built-in drawings."""
    source = str(run.info["data"]["source"])
    return source.split(":")[0].split("@")[0] == "phantom"


def _verdict(run: Run) -> str:
    metric = selection_metric(run)
    name = inline_name(metric)
    tested = test_table(run)
    if tested.empty:
        return "No answer yet: the test split has not been opened in this run."
    names = in_order(tested["technique"])
    if len(names) < 2:
        return f"No comparison: this run tested {display_name(names[0])} alone, so there is nothing to set beside it."
    if "baseline" not in names:
        return f"No comparison with doing nothing: this run has no tested baseline among its {len(names)} techniques."
    table = paired_differences(run)
    if table.empty:
        return "No paired comparison: no seed was tested both with the baseline and with another technique."
    if table["seeds"].max() < 2:
        most = table.iloc[int(table["difference"].abs().to_numpy().argmax())]
        return (
            f"One run per technique decides nothing: the largest difference to the baseline in test {name} was "
            f"{signed(most['difference'])} ({display_name(most['technique'])}), and one seed cannot tell that from "
            "chance."
        )
    sure = table[(table["p_holm"] < 1 - CONFIDENCE) & (table["low"] > 0)].sort_values("difference", ascending=False)
    if len(sure):
        gains = [
            f"{display_name(r['technique'])} by {signed(r['difference'])} ({_interval(r)})" for _, r in sure.iterrows()
        ]
        seeds = _seeds(sure["seeds"])
        return (
            f"Beyond doubt at the 5 % level (Holm-adjusted), over {seeds}: in test {name} the baseline is beaten by "
            f"{_listed(gains)}."
        )
    best = table.iloc[int(table["difference"].to_numpy().argmax())]
    if np.isfinite(best["low"]):
        how = f"{_interval(best)}, with {best['seeds']} seeds"
    elif best["seeds"] == 1:
        how = "from one seed alone"
    else:
        how = f"the same in each of {best['seeds']} seeds, too few to judge by"
    if best["difference"] > 0:
        lead = f"the largest gain in test {name} was"
    else:
        lead = f"none was ahead of it, and the nearest in test {name} was at"
    return (
        f"No technique beat the baseline beyond doubt: {lead} {signed(best['difference'])} "
        f"({display_name(best['technique'])}), {how}."
    )


def _seeds(counts: pd.Series) -> str:
    low, high = int(counts.min()), int(counts.max())
    return f"{low} seeds" if low == high else f"{low} to {high} seeds"
