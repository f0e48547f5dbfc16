"""What the comparison with the baseline comes to, and on how many patients it rests."""

from __future__ import annotations

from typing import Any

import numpy as np

from balancing.data.patients import patients_of_classes
from sweep.analysis.results import Results
from sweep.analysis.statistics.significance import EQUIVALENT, OPEN, answers, significant


def fewest_test_patients(run: Results) -> tuple[int, int]:
    """Test patients (images, where patients are unknown) of the class with the fewest, and that class; (0, 0) if none.

    Classes without a test image are left out.
    """
    split = run.split()
    tested = split[split["split"] == "test"]
    if tested.empty:
        return 0, 0
    labels = tested["label"].to_numpy(dtype=np.int64)
    patients = run.patients.loc[tested["row"]].to_numpy(dtype=str)
    counts = patients_of_classes(labels, patients, len(run.class_names))
    fewest = min(count for count in counts if count)
    return fewest, counts.index(fewest)


def winners_and_losers(run: Results) -> dict[str, Any]:
    """The comparison with the baseline in parts.

    Returns:
        ``metric``, the one compared in; ``margin``, within which a difference does not matter, and ``stated_margin``,
        that of the run's configuration (None where it states none); ``beats_baseline`` and ``behind_baseline``, lists
        of techniques, see ``significant``; ``equivalent`` and ``open``, see ``answers``; ``differences``, the rows of
        ``Results.differences`` with ``answer``.
    """
    table = run.differences()
    table["answer"] = answers(table)

    def named(answer: str) -> list[str]:
        return table.loc[table["answer"] == answer, "technique"].tolist()

    return {
        "metric": run.metric,
        "margin": run.margin,
        "stated_margin": run.stated_margin,
        "beats_baseline": significant(table)["technique"].tolist(),
        "behind_baseline": significant(table, worse=True)["technique"].tolist(),
        "equivalent": named(EQUIVALENT),
        "open": named(OPEN),
        "differences": table.to_dict("records"),
    }
