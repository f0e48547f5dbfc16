"""Of many techniques: the few that figures tell apart by colour, and the kinds that they are of."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd

from balancing.components.axes import AXES
from balancing.components.techniques import get_technique
from balancing.errors import UserError
from sweep.analysis.names import in_order, inline_name
from sweep.analysis.results import Results
from sweep.analysis.statistics.paired import BASELINE
from sweep.analysis.statistics.significance import significant

# As many as readers tell apart by colour; a run with no more of them shows all everywhere.
MOST = 8
DECISIONS, COMPOSITIONS, OTHERS = AXES["decision"].folder.capitalize(), "Compositions", "Others"
KINDS = (*(axis.folder.capitalize() for axis in AXES.values()), COMPOSITIONS, OTHERS)


def kind_of(technique: str) -> str:
    """One of ``KINDS``: the axis of its one component; a decision on the baseline is of the decisions."""
    try:
        axes = get_technique(technique).axes
    except UserError:  # of another version or machine
        return OTHERS
    if not axes:
        return OTHERS
    return AXES[axes[0]].folder.capitalize() if len(axes) == 1 else COMPOSITIONS


def by_kind(values: pd.Series) -> dict[str, list[str]]:
    """Kind -> its techniques, highest value first; the kind with the highest value first.

    Args:
        values: by technique; one without a number comes last.
    """
    ordered = values.astype(float).sort_values(ascending=False, kind="stable", na_position="last")
    found: dict[str, list[str]] = {}
    for technique in map(str, ordered.index):
        found.setdefault(kind_of(technique), []).append(technique)
    return found


def highlights(run: Results, among: Iterable[str] | None = None, most: int = MOST) -> list[str]:
    """The few that are shown where not all can be.

    The baseline, then those significantly ahead of it, best first, then of each kind the one with the highest mean of
    the metric selected by on test, then the highest of all others, until there are ``most``.

    Args:
        among: techniques to choose from; all of the run by default.
    Returns:
        In the registry's order; all where there are no more than ``most``.
    """
    values = _values(run)
    names = in_order(values.index if among is None else among)
    if len(names) <= most:
        return names
    values = values.reindex(names)
    differences = run.differences() if BASELINE in values.index or run.predictions else pd.DataFrame()
    ahead = [] if differences.empty else significant(differences)["technique"].tolist()
    kinds = by_kind(values.drop(BASELINE, errors="ignore"))
    ranked = [technique for own in kinds.values() for technique in own]
    ranked.sort(key=lambda technique: -np.nan_to_num(values[technique], nan=-np.inf))
    wanted = [BASELINE, *ahead, *(own[0] for own in kinds.values()), *ranked]
    return in_order(list(dict.fromkeys(name for name in wanted if name in values.index))[:most])


def _values(run: Results) -> pd.Series:
    """Each technique's mean of the metric selected by, on test; of the best trial on validation before that."""
    tested = run.test_table()
    if len(tested):
        return tested.groupby("technique")[run.metric].mean()
    trials = run.trials()
    return trials.groupby("technique")[run.metric].max() if len(trials) else pd.Series(dtype=float)


def shown_in_words(run: Results) -> str:
    """How the few were chosen that figures and short tables show; "" where they show all."""
    total, few = len(_values(run)), highlights(run)
    if len(few) >= total:
        return ""
    return (
        f"{len(few)} of the {total} techniques are in colour in the figures, and in long tables before these are "
        "opened: the baseline, those significantly ahead of it, and the highest of each kind in test "
        f"{inline_name(run.metric)}, up to {MOST}. They were chosen by the very numbers that are shown, so their lead "
        "is in part luck; p-values are adjusted for all."
    )
