"""That techniques were chosen among unequally many configurations, and what follows: for report and `sweep plan`."""

from __future__ import annotations

from collections.abc import Iterable

from sweep.analysis.folds import FoldResults
from sweep.analysis.results import Results
from sweep.report.text.lists import listed, techniques_listed
from sweep.runs.spec import TrialSpec


def unequal_choices(specs: Iterable[TrialSpec]) -> str:
    """Among how many configurations each technique's is chosen, and what that means; "" where all have as many.

    One whose own parameters are searched has as many as there are draws, times lists that are crossed; one without has
    those lists alone.

    Args:
        specs: every planned trial; fresh seeds of a chosen configuration add none.
    """
    found: dict[str, set[str]] = {}
    for spec in specs:
        found.setdefault(spec.technique, set()).add(spec.configuration_id)
    having: dict[int, list[str]] = {}
    for name, own in found.items():
        having.setdefault(len(own), []).append(name)
    if len(having) < 2:
        return ""
    counts = listed([f"{count} ({techniques_listed(names)})" for count, names in sorted(having.items())])
    return (
        f"Configurations are chosen among unequally many: {counts}. The best of more is better as a rule, so a lead "
        "may in part be the larger choice; fresh seeds take away its luck, not that."
    )


def unequal_choices_of(run: Results) -> str:
    """``unequal_choices`` of a run's planned trials, of folds those of the first; "" of plain arrays."""
    if not run.is_of_run:
        return ""
    first = next(iter(run.folds.values()), None) if isinstance(run, FoldResults) else run
    return unequal_choices(first.specs()) if first is not None else ""
