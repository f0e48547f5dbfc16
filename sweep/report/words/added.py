"""What a reader must know of decisions that were added to a run when it had ended."""

from __future__ import annotations

from sweep.analysis.names import in_order
from sweep.analysis.results import Results
from sweep.report.text.lists import techniques_listed


def added_lines(run: Results) -> list[str]:
    """One sentence where techniques that decide anew were added to the run; else none."""
    there = {trial.technique for trial in run.predictions}
    names = [name for name in in_order(run.added) if name in there]
    if not names:
        return []
    times = sorted({run.added[name][0][:10] for name in names})
    dates = times[0] if len(times) == 1 else f"between {times[0]} and {times[-1]}"
    return [
        f"Added afterwards ({dates}), when the test results could be known: {techniques_listed(names)}. Nothing was "
        "trained for that; adjusted p-values are over all that was compared, these among it. Take what they show for "
        "exploratory."
    ]
