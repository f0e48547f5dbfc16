"""Each chosen trial's validation and test predictions side by side: where thresholds, curves and calibration start."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from sweep.analysis.statistics.bootstrap import patients_by_row
from sweep.analysis.statistics.few_patients import FewPatients, PatientDraws, patient_draws
from sweep.analysis.statistics.intervals import Spread, spread
from sweep.analysis.tables import chosen_trials, predictions
from sweep.runs.run import Run

BASELINE = "baseline"


@dataclass(frozen=True)
class Scored:
    """One chosen trial.

    Args:
        technique, seed: whose.
        labels: (N,) int64, test.
        probabilities: (N, C) float64, test.
        validation_labels: (V,) int64.
        validation_probabilities: (V, C) float64.
    """

    technique: str
    seed: int
    labels: np.ndarray
    probabilities: np.ndarray
    validation_labels: np.ndarray
    validation_probabilities: np.ndarray


@dataclass(frozen=True)
class TestSet:
    """Every chosen trial on the same test rows.

    Args:
        trials: by technique (the registry's order), then seed.
        rows: (N,) int64, the test rows, ascending; every trial's arrays are in this order.
        labels: (N,) int64, their classes.
    """

    __test__ = False  # pytest would take the name for a test

    trials: Sequence[Scored]
    rows: np.ndarray
    labels: np.ndarray

    @property
    def techniques(self) -> list[str]:
        """In the registry's order."""
        return list(dict.fromkeys(trial.technique for trial in self.trials))

    def of(self, technique: str) -> list[Scored]:
        """A technique's trials, by seed."""
        return [trial for trial in self.trials if trial.technique == technique]

    def patients(self, run: Run) -> np.ndarray:
        """(N,) str, the patient of each row."""
        found: np.ndarray = patients_by_row(run).loc[self.rows].to_numpy(dtype=str)
        return found

    def draws(self, run: Run, samples: int, rng: np.random.Generator) -> PatientDraws:
        """Bootstrap weights, patients within classes; one draw for all trials keeps them paired."""
        return patient_draws(self.labels, self.patients(run), samples, rng)


def scored_trials(run: Run) -> TestSet | None:
    """The chosen trials whose test split was opened, with their validation predictions.

    Returns:
        None where there is none.
    Raises:
        ValueError: two trials were tested on different rows.
    """
    trials: list[Scored] = []
    rows: np.ndarray | None = None
    for trial in chosen_trials(run).itertuples():
        tested = predictions(run, str(trial.trial_id), "test")
        fitted = predictions(run, str(trial.trial_id), "validation")
        if tested is None or fitted is None:
            continue
        order = np.argsort(tested[0], kind="stable")
        own, labels, probabilities = (part[order] for part in tested)
        if rows is None:
            rows = own
        elif not np.array_equal(rows, own):
            raise ValueError(
                f"all trials of a run must be tested on the same rows, but trial {trial.trial_id} was tested on "
                f"{len(own)} others; make the report of each run apart"
            )
        name, seed = str(trial.technique), int(str(trial.seed))
        trials.append(Scored(name, seed, labels, probabilities, *fitted[1:]))
    return None if rows is None else TestSet(trials, rows, trials[0].labels)


def bounded(
    values: Sequence[float] | np.ndarray,
    resampled: np.ndarray,
    few: FewPatients | None = None,
    low: float = 0.0,
    high: float = 1.0,
) -> Spread:
    """``spread.spread`` of a number that cannot leave ``low``..``high``: its interval ends there; NaN at infinity."""
    found = spread(values, resampled, few)
    ends = [end if np.isfinite(end) else np.nan for end in (max(found.low, low), min(found.high, high))]
    return replace(found, low=ends[0], high=ends[1])
