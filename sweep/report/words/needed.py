"""What it would take to tell a technique from the baseline: seeds, or test patients."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from sweep.analysis.names import display_name
from sweep.analysis.statistics.power import POWER, detectable, seed_spread, seeds_needed, times_the_patients
from sweep.report.text.numbers import NONE, percent

_MANY_SEEDS = 1000


@dataclass(frozen=True)
class Needed:
    """What it would take to see a difference of one technique with 80 % power.

    Args:
        wanted: the difference: the one that was seen, or the margin where that is less than half of it.
        least: the least that this run had that power to declare; 1 or more: none at all.
        seeds: how many would be needed with these test patients; None where no number would do.
        patients: where ``seeds`` is None, how many times the test patients it would take, with ``enough`` seeds;
            infinite where that is not to be reached.
        enough: see ``patients``.
    """

    wanted: float
    least: float
    seeds: int | None
    patients: float = np.nan
    enough: int = 0

    def __str__(self) -> str:
        """``about 12 seeds``, ``2.1 times the patients, 40 seeds``; for a cell."""
        if self.wanted >= self.least:
            return "a few more seeds"
        if self.seeds is not None:
            return f"about {self.seeds} seeds"
        if not np.isfinite(self.patients):
            return "many more patients and seeds"
        return f"{self.patients:.1f} times the patients, {self.enough} seeds"


def needed(row: pd.Series, comparisons: int) -> Needed:
    """What it would take to tell one technique.

    Args:
        row: of ``Results.differences``, with two seeds or more.
        comparisons: how many techniques are judged together.
    """
    seeds, patient_se, freedom = int(row["seeds"]), float(row["patient_se"]), float(row["patient_freedom"])
    raw = float(row.get("moderated_sd", row["seed_sd"]))
    sd = seed_spread(raw, patient_se, float(row["patient_sd"]), seeds)
    more: dict[str, Any] = {"freedom": freedom}
    if "seed_freedom" in row:
        more["seed_freedom"] = float(row["seed_freedom"])
    margin, difference = float(row["margin"]), abs(float(row["difference"]))
    wanted = difference if difference >= margin / 2 else margin
    least = detectable(sd, patient_se, seeds, comparisons, **more)
    if wanted >= least:
        return Needed(wanted, least, seeds)
    found = seeds_needed(wanted, sd, patient_se, comparisons, **more)
    if found is not None:
        return Needed(wanted, least, found)
    # With as many patients as one likes, so many seeds would do; twice as many leave room for the patients' part.
    enough = max(seeds, 2 * (seeds_needed(wanted, sd, 0.0, comparisons) or _MANY_SEEDS))
    times = times_the_patients(wanted, sd, patient_se, enough, comparisons, **more)
    return Needed(wanted, least, None, times, enough)


def needed_cells(table: pd.DataFrame, is_open: pd.Series) -> list[str]:
    """For each row what it would take, where it can't be told yet; a dash elsewhere.

    Args:
        table: of ``Results.differences``.
        is_open: by its index.
    """
    wanted = is_open & (table["seeds"] > 1) & np.isfinite(table["patient_se"])
    return [
        str(needed(row, len(table))) if one else NONE for one, (_, row) in zip(wanted, table.iterrows(), strict=True)
    ]


def what_it_would_take(table: pd.DataFrame, among: pd.DataFrame | None = None) -> str:
    """How large a difference had to be to be told from chance, and what it would take to see a smaller one.

    Args:
        table: of ``Results.differences`` with two seeds or more.
        among: its rows that may be spoken of, of which the one with the largest difference is; all by default.
    """
    own = table if among is None else among
    several = own[own["seeds"] > 1]
    row = several.iloc[int(several["difference"].to_numpy().argmax())]
    nearest = table.iloc[int(table["difference"].to_numpy().argmax())]
    where = "There" if row["technique"] == nearest["technique"] else f"With {display_name(row['technique'])}"
    seeds, found = int(row["seeds"]), needed(row, len(table))
    power = f"at {percent(POWER)} power"
    if found.least < 1:
        text = (
            f"{where}, differences up to {found.least:.3f} could not be told from chance with {seeds} seeds ({power})"
        )
    else:  # two seeds that differ widely: more than a metric can differ
        text = f"{where}, no difference at all could have been told from chance with {seeds} seeds ({power})"
    if found.wanted >= found.least:
        return text + "."
    if found.seeds is not None:
        return f"{text}; about {found.seeds} seeds would be needed to see one of {found.wanted:.3f}."
    if not np.isfinite(found.patients):
        return f"{text}; to see one of {found.wanted:.3f} it would take many more test patients and thousands of seeds."
    return (
        f"{text}; to see one of {found.wanted:.3f} no number of seeds would do with these patients: it would take "
        f"about {found.patients:.1f} times as many test patients and {found.enough} seeds."
    )
