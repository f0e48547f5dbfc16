"""What a report says where the frozen network's own weights, which the run folder keeps, can't be used."""

from __future__ import annotations

from sweep.analysis.reader import RunReader
from sweep.runs.run import Run

ADVICE = "`sweep resume` writes it anew, and no number but the maps' needs it"


def fault_of_body(run: RunReader | Run) -> str:
    """Why the body that a run's trials stand behind can't be used, one clause; "" where it can, or where there is none.

    It takes a moment, however many trials there are.
    """
    from sweep.training.frozen.joining import body_fault

    spec = next(iter(run.specs()), None)
    return body_fault(run.path, spec.architecture) if spec is not None and spec.frozen else ""
