"""What it would take to tell a technique from the baseline: seeds, or test patients."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from sweep.analysis.names import display_name
from sweep.analysis.statistics.power import (
    POWER,
    Freedom,
    detectable,
    seed_spread,
    seeds_for_equivalence,
    seeds_needed,
    times_the_patients,
)
from sweep.analysis.statistics.sequential import ALPHA
from sweep.report.text.numbers import NONE, percent

_MANY_SEEDS = 1000


@dataclass(frozen=True)
class Needed:
    """What it would take to tell one technique with 80 % power.

    Args:
        have: how many seeds there are.
        wanted: the difference that is to be seen: the one that was, or the margin where that is less than half of it.
        least: the least that this run had that power to declare; 1 or more: none at all.
        seeds: how many would be needed with these test patients; None where no number would do.
        alike: how many to call it equivalent where its difference is the one seen; None where no number would do, and
            where that difference is half the margin or more.
        patients: where ``seeds`` is None, how many times the test patients it would take, with ``enough`` seeds;
            infinite where that is not to be reached.
        enough: see ``patients``.
    """

    have: int
    wanted: float
    least: float
    seeds: int | None
    alike: int | None = None
    patients: float = np.nan
    enough: int = 0

    def __str__(self) -> str:
        """``about 12 seeds``, ``2.1 times the patients, 40 seeds``; for a cell."""
        fewest = self.alike if self.alike is not None else self.seeds
        if fewest is not None:
            return f"about {fewest} seeds" if fewest > self.have else "a few more seeds"
        if not np.isfinite(self.patients):
            return "many more patients and seeds"
        return f"{self.patients:.1f} times the patients, {self.enough} seeds"


def needed(row: pd.Series, comparisons: int, level: float = ALPHA) -> Needed:
    """What it would take to tell one technique.

    Args:
        row: of ``Results.differences``, with two seeds or more.
        comparisons: how many techniques are judged together.
        level: that seeds to come are judged at, of ``looks.level_of``.
    """
    seeds, patient_se = int(row["seeds"]), float(row["patient_se"])
    sd = seed_spread(float(row["moderated_sd"]), patient_se, float(row["patient_sd"]), seeds)
    freedom = Freedom(float(row["patient_freedom"]), float(row["seed_freedom"]), seeds)
    margin, difference = float(row["margin"]), abs(float(row["difference"]))
    small = difference < margin / 2
    wanted = margin if small else difference
    least = detectable(sd, patient_se, seeds, comparisons, freedom, level)
    alike = None
    if small:
        alike = seeds_for_equivalence(margin, sd, patient_se, freedom, difference, level)
    found = seeds_needed(wanted, sd, patient_se, comparisons, freedom, level)
    if found is not None:
        return Needed(seeds, wanted, least, found, alike)
    # With as many patients as one likes, so many seeds would do; twice as many leave room for the patients' part.
    enough = max(seeds, 2 * (seeds_needed(wanted, sd, 0.0, comparisons, freedom, level) or _MANY_SEEDS))
    times = times_the_patients(wanted, sd, patient_se, enough, comparisons, freedom, level)
    return Needed(seeds, wanted, least, None, alike, times, enough)


def needed_cells(table: pd.DataFrame, is_open: pd.Series, level: float = ALPHA) -> list[str]:
    """For each row what it would take, where it can't be told yet; a dash elsewhere.

    Args:
        table: of ``Results.differences``.
        is_open: by its index.
        level: as of ``needed``.
    """
    wanted = is_open & (table["seeds"] > 1) & np.isfinite(table["patient_se"])
    return [
        str(needed(row, len(table), level)) if one else NONE
        for one, (_, row) in zip(wanted, table.iterrows(), strict=True)
    ]


def what_it_would_take(table: pd.DataFrame, among: pd.DataFrame | None = None, level: float = ALPHA) -> str:
    """How large a difference had to be to be told from chance, and what it would take to see a smaller one.

    Args:
        table: of ``Results.differences`` with two seeds or more.
        among: its rows that may be spoken of, of which the one with the largest difference is; all by default.
        level: as of ``needed``; where it is less than 5 %, that is said.
    """
    own = table if among is None else among
    several = own[own["seeds"] > 1]
    row = several.iloc[int(several["difference"].to_numpy().argmax())]
    nearest = table.iloc[int(table["difference"].to_numpy().argmax())]
    where = "There" if row["technique"] == nearest["technique"] else f"With {display_name(row['technique'])}"
    seeds, found = int(row["seeds"]), needed(row, len(table), level)
    spent = "" if level >= ALPHA else f", at the {100 * level:.2g} % that the last look may spend"
    power = f"at {percent(POWER)} power{spent}"
    if found.least < 1:
        text = (
            f"{where}, differences up to {found.least:.3f} could not be told from chance with {seeds} seeds ({power})"
        )
    else:  # two seeds that differ widely: more than a metric can differ
        text = f"{where}, no difference at all could have been told from chance with {seeds} seeds ({power})"
    if found.wanted >= found.least:
        return text + "."
    if found.seeds is not None:
        alike = "" if found.alike is None else f", and about {found.alike} to show that it does not matter"
        return f"{text}; about {found.seeds} seeds would be needed to see one of {found.wanted:.3f}{alike}."
    if not np.isfinite(found.patients):
        return f"{text}; to see one of {found.wanted:.3f} it would take many more test patients and thousands of seeds."
    return (
        f"{text}; to see one of {found.wanted:.3f} no number of seeds would do with these patients: it would take "
        f"about {found.patients:.1f} times as many test patients and {found.enough} seeds."
    )
