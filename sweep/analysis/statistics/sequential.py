"""Judging more than once: confirming seeds come in rounds, and each look at the answers costs some of the level.

Looking again and again at the same level finds a winner sooner or later. So the level is spent over the looks, as many
as were stated before the first: at look k of K a technique is judged at its own share of the 5 %, and the shares add up
to it. Then the chance that any look errs is at most their sum, by Bonferroni's inequality, however the looks hang
together. That matters here: the test patients are the same at every look, so what is known does not grow as the
number of seeds does, and boundaries made for independent increments (O'Brien & Fleming, Pocock) are for another
process. (By Slepian's inequality they would hold for one comparison, whose looks are the more alike the more of the
chance is the patients'; for the smallest p of several techniques they are exceeded, by a tenth with forty.)

How much is spent when follows Kim and DeMets: alpha (S_k / S_K)^2, between Pocock's even shares, which leave least for
the end, and O'Brien and Fleming's, by which hardly anything could be seen early. So of 10 seeds at 4, 7 and 10 the
shares are 0.8, 1.65 and 2.55 %.

Stopping for futility spends nothing and binds nobody: that a technique was given up can only make false winners rarer.

References: Lan & DeMets, Biometrika 70(3), 1983 (spending); Kim & DeMets, Biometrika 74(1), 1987 (its power family);
    Spiegelhalter, Freedman & Blackburn, Controlled Clinical Trials 7(1), 1986 (predictive power).
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from balancing.data.patients import FEWEST
from sweep.analysis.statistics.paired import CONFIDENCE
from sweep.analysis.statistics.significance import OPEN, answers

ALPHA = 1 - CONFIDENCE
_POWER = 2.0  # of the spending function
# With a smaller chance that any answer comes by the last look a technique gets no more seeds.
HARDLY = 0.2
# Beside the answers of ``significance``: of a technique that got no more seeds since none was likely to come.
FUTILE = "futile"


def spent(looks: Sequence[int], alpha: float = ALPHA) -> tuple[float, ...]:
    """What each look may spend of the level; in all alpha.

    Args:
        looks: (K,) seeds at each look, rising; the last is the most there will be.
    """
    shares = (np.asarray(looks, dtype=np.float64) / looks[-1]) ** _POWER
    return tuple(float(share) for share in alpha * np.diff(shares, prepend=0.0))


@dataclass(frozen=True)
class Look:
    """What was seen at a look.

    Args:
        table: of ``paired.compare``, with all seeds so far.
        techniques: that had new ones; the others are not judged again.
        level: what may be spent on it.
    """

    table: pd.DataFrame
    techniques: Collection[str]
    level: float


def judged(looks: Sequence[Look], alpha: float = ALPHA) -> pd.DataFrame:
    """One table of the answers: each technique as it was seen when its answer came, else at its last look.

    ``p_adjusted`` (and ``p_holm``) is the least over its looks of p alpha / level, so that it is below alpha where a
    look's own p was below that look's level; ``equivalence_p`` likewise.

    Args:
        looks: in order, one or more.
    Returns:
        As ``paired.compare``, techniques in the order of the last look's table.
    """
    rows: dict[str, dict[str, Any]] = {}
    answered: set[str] = set()
    for look in looks:
        times = alpha / look.level
        for row in look.table.to_dict("records"):
            name = str(row["technique"])
            if name in answered or (name not in look.techniques and name in rows):
                continue
            before = rows.get(name, {})
            for column in ("p_holm", "p_adjusted", "equivalence_p"):
                row[column] = min(1.0, row[column] * times, before.get(column, 1.0))
            for column in ("p_holm", "p_adjusted"):  # an earlier look saw less chance, but not enough for an answer
                row[column] = max(row[column], row["p"])
            rows[name] = {str(key): value for key, value in row.items()}
            if answers(pd.DataFrame([row])).iloc[0] != OPEN:
                answered.add(name)
    order = [str(name) for name in looks[-1].table["technique"] if name in rows]
    order += [name for name in rows if name not in order]
    return pd.DataFrame([rows[name] for name in order], columns=looks[-1].table.columns)


def settled(table: pd.DataFrame, most: int, level: float) -> dict[str, str]:
    """Technique -> helps, harms, equivalent or futile; without those that more seeds may tell something of.

    Args:
        table: of ``judged``.
        most: seeds at the last look.
        level: of the last look.
    """
    found = dict(zip(table["technique"], answers(table), strict=True))
    for row in table.to_dict("records"):
        seen = {str(key): value for key, value in row.items()}
        if found[row["technique"]] == OPEN and chance_of_answer(seen, most, level, len(table)) < HARDLY:
            found[row["technique"]] = FUTILE
    return {str(name): answer for name, answer in found.items() if answer != OPEN}


def chance_of_answer(row: Mapping[str, Any], most: int, level: float, comparisons: int) -> float:
    """The chance that a technique's answer comes at the last look, by what is seen of it now.

    The patients stay the same, so the difference at the end is the one now and what the seeds to come add: Student's t
    around it, with sd sqrt(1 / S - 1 / S_K). An answer comes where it lies beyond the interval's half width then, or so
    near to 0 that the interval for equivalence lies within the margin.

    Args:
        row: of ``paired.compare``; its ``moderated_sd`` and ``seed_freedom`` are taken where it has them.
        most, level: as of ``settled``.
        comparisons: how many techniques share the level (at Bonferroni's first step).
    Returns:
        1 where nothing can be foreseen: one seed alone.
    """
    if row["fewest_patients"] < FEWEST:
        return 0.0
    seeds, difference, margin = int(row["seeds"]), float(row["difference"]), float(row["margin"])
    sd, freedom = row.get("moderated_sd", row["seed_sd"]), row.get("seed_freedom", seeds - 1)
    if seeds < 2 or not np.isfinite([sd, difference, row["patient_se"]]).all() or sd <= 0:
        return 1.0
    later = max(most - seeds, 0)

    def half(tail: float) -> float:
        of_patients = row["patient_freedom"]
        t = stats.norm.isf(tail) if math.isinf(of_patients) else stats.t.isf(tail, of_patients)
        return math.hypot(stats.t.isf(tail, freedom + later) * sd / math.sqrt(most), t * row["patient_se"])

    spread = max(sd * math.sqrt(max(1 / seeds - 1 / most, 0.0)), 1e-12)
    beyond, within = half(level / 2 / comparisons), margin - half(level)
    ahead = stats.t.sf((beyond - difference) / spread, freedom) + stats.t.cdf((-beyond - difference) / spread, freedom)
    alike = 0.0
    if within > 0:
        ends = ((within - difference) / spread, (-within - difference) / spread)
        alike = float(stats.t.cdf(ends[0], freedom) - stats.t.cdf(ends[1], freedom))
    return float(min(1.0, ahead + alike))
