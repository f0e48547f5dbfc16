"""The answers of a run whose confirming seeds come in rounds: as each look saw them, by the level that it may spend."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from balancing.components.techniques import get_technique, training_of
from balancing.errors import UserError
from sweep.analysis.statistics import paired
from sweep.analysis.statistics.sequential import ALPHA, Look, judged, spent
from sweep.runs.confirming import Confirming
from sweep.runs.openings import seen_by_look

Known = Mapping[tuple[str, int], paired.Resampled]


def differences_by_looks(
    known: Known,
    metric: str,
    positive: int | None,
    margin: float,
    found: Confirming | None,
    openings: Sequence[Mapping[str, Any]] = (),
) -> pd.DataFrame:
    """The comparison with the baseline, as ``sequential.judged`` has it where somebody looked more than once.

    Args:
        known, metric, positive, margin: as of ``paired.paired_differences``.
        found: the run's confirming seeds; None where none are, or where the metric decides nothing.
        openings: of the test split. A look stays as it was made: of trials that were opened for it, or before.
    """
    if found is None or not found.looks:
        return paired.paired_differences(known, metric, positive, margin)
    levels = spent(found.looks)
    first = {
        choice["technique"]: choice["spec"]["seed"] - choice["spec"].get("seed_index", 0) for choice in found.chosen
    }
    so_far: dict[str, set[int]] = {}
    trial_ids = {(spec.technique, spec.seed): spec.trial_id for spec in found.specs()}
    looks = []
    for number, one in enumerate(found.rounds):
        for name in one.techniques:
            so_far.setdefault(name, set()).update(first[name] + seed for seed in one.seeds)
        seen = {key: of for key, of in known.items() if key[1] in so_far.get(trained_as(key[0]), ())}
        looked_at = None if one.added else seen_by_look(openings, number + 1)
        if looked_at is not None:
            seen = {key: of for key, of in seen.items() if trial_ids.get((trained_as(key[0]), key[1])) in looked_at}
        new = {name for name, _ in seen if trained_as(name) in one.techniques}
        # Seeds that were added after the end are judged as the last look was: nothing is left to spend.
        level = levels[min(number, len(levels) - 1)]
        table = paired.paired_differences(seen, metric, positive, margin)
        if len(table):
            looks.append(Look(table, new, level))
    return judged(looks) if looks else paired.paired_differences({}, metric, positive, margin)


def level_of(found: Confirming | None) -> float:
    """The level at which more seeds are judged: the last look's share, which those added after it have too; else 5 %.

    Args:
        found: as of ``differences_by_looks``.
    """
    return spent(found.looks)[-1] if found is not None and found.looks else ALPHA


def trained_as(name: str) -> str:
    """The technique whose trials one stands on; itself where it is not known here."""
    try:
        return training_of(get_technique(name)).name
    except UserError:
        return name
