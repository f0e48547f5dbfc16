"""Which techniques of a run train more confirming seeds, by what the test split says of them so far."""

from __future__ import annotations

from sweep.analysis.looks import trained_as
from sweep.analysis.results import Results
from sweep.analysis.statistics.paired import BASELINE
from sweep.analysis.statistics.sequential import settled, spent
from sweep.runs.confirming import Confirming
from sweep.runs.run import Run


def next_techniques(run: Run, found: Confirming) -> tuple[list[str], dict[str, str]]:
    """The techniques that train more seeds, the baseline among them.

    One that others decide anew on trains on while one of these is open.

    Args:
        found: of the run.
    Returns:
        Those, none where all is settled; and technique -> answer of those that are settled.
    """
    table = Results(run).differences()
    answered = settled(table, found.looks[-1], spent(found.looks)[-1])
    going_on = {trained_as(str(name)) for name in table["technique"] if name not in answered}
    if going_on:
        going_on.add(BASELINE)
    last = [one for one in found.rounds if not one.added][-1]
    return [name for name in last.techniques if name in going_on], answered
