"""How what is deployed did on the run's test split, from recorded predictions: the split is not opened again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from balancing.errors import UserError
from balancing.metrics import METRICS
from sweep.analysis.statistics.bootstrap import SAMPLES
from sweep.analysis.statistics.paired import metric_intervals, resample
from sweep.inference.choice import chosen
from sweep.inference.recorded import as_decided, refuse_decision, together, validation_of
from sweep.runs.run import Run

_SEED = 0  # of the bootstrap, as the report's tables have it


@dataclass(frozen=True)
class Interval:
    """A number with its 95 % interval; NaN where the answers have none.

    The interval is of which patients were tested: one network, or one ensemble, has no spread over seeds.
    """

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class TestRow:
    """What is deployed on the test split.

    Args:
        metrics: each of ``balancing.metrics.METRICS`` -> its value and interval.
        images, patients: how many were tested.
        class_counts: (C,) images of each class.
        networks: how many answered together.
    """

    __test__ = False  # pytest would take the name for a test

    metrics: Mapping[str, Interval]
    images: int
    patients: int
    class_counts: tuple[int, ...]
    networks: int


def test_row(run: Run, what: str) -> TestRow:
    """The metrics of what ``deployed`` gives, on the recorded test predictions of its trials.

    Of an ensemble they are of the mean of its seeds' probabilities, on which its decision is fitted anew (on
    validation); of a run of folds, of the one fold's test images.

    Args:
        what: as of ``sweep.inference.deployed.deployed``.
    Raises:
        UserError: as of ``deployed`` (networks are not asked for); or the test split was not opened for these trials.
    """
    choice = chosen(run, what)
    refuse_decision(choice)
    validation, test = validation_of(choice), together(choice, "test")
    if test is None:
        raise UserError(
            f"the test split was not opened for technique '{choice.trained}', or its predictions are damaged; "
            f"`sweep resume {choice.results.path}` tests what was chosen"
        )
    decided = as_decided(choice, validation, test).test
    positive = choice.results.positive
    known = resample({(choice.technique, choice.seeds[0]): decided}, positive, _SEED, SAMPLES)
    table = metric_intervals(known, positive).set_index("metric").loc[list(METRICS), ["mean", "low", "high"]]
    metrics = dict(zip(METRICS, (Interval(*map(float, row)) for row in table.to_numpy()), strict=True))
    counts = np.bincount(test.labels, minlength=len(choice.results.class_names))
    return TestRow(
        metrics, len(test.rows), len(np.unique(test.patients)), tuple(map(int, counts)), len(choice.trial_ids)
    )


test_row.__test__ = False  # type: ignore[attr-defined]  # nor this for one
