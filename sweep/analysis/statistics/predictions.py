"""What networks predicted, as arrays: of one part of the split, of one trial, of all trials on the same test rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import overload

import numpy as np

from balancing.errors import UserError
from balancing.metrics import Gives
from sweep.analysis.statistics.few_patients import PatientDraws, patient_draws
from sweep.analysis.statistics.folds import widening

# Beneath it a probability's logarithm says nothing; as ``balancing.metrics.cross_entropy`` has it.
_LEAST = 1e-12


@dataclass(frozen=True)
class Predictions:
    """One network's predictions of one part of the split, ordered by row.

    Args:
        rows: (N,) int64, rows of the image set, ascending.
        labels: (N,) int64, true classes 0..C-1.
        probabilities: (N, C) float64.
        patients: (N,) str; images of one patient have one id.
        kept_logits: (N, C) float64 as the network gave them; None where the record holds probabilities alone.
        log_odds: (N, C) float64 of given logits, which tell apart what probabilities round to 1; None of a run, whose
            records of every epoch rank by probabilities.
        gives: what the answers are. Where it is not probabilities, what is called so only ranks.
        folds: (N,) int64, the fold of each image, where as many networks answered; None of one network.
        of_folds: K, how many folds there will be; 0 of one network.
    """

    rows: np.ndarray
    labels: np.ndarray
    probabilities: np.ndarray
    patients: np.ndarray
    kept_logits: np.ndarray | None = None
    log_odds: np.ndarray | None = None
    gives: Gives = "probabilities"
    folds: np.ndarray | None = None
    of_folds: int = 0

    @property
    def logits(self) -> np.ndarray:
        """(N, C) float64; where they were not kept the logarithms of the probabilities, which softmax takes back."""
        if self.kept_logits is not None:
            return self.kept_logits
        return np.log(np.maximum(self.probabilities, _LEAST))

    @property
    def scores(self) -> np.ndarray:
        """(N, C) float64, by which images are ranked for each class: log-odds where known, else probabilities."""
        return self.probabilities if self.log_odds is None else self.log_odds


@dataclass(frozen=True)
class TrialPredictions:
    """One trial's predictions of the test split, and of validation.

    Args:
        technique, seed: whose.
        test: of the test split.
        known_validation: of the validation split, None where there are none.
        trial_id: "" where the predictions are not a run's, or several folds'.
        parts: of several folds each one's; () of one network. What is fitted on validation is fitted on each.
    """

    technique: str
    seed: int
    test: Predictions
    known_validation: Predictions | None = None
    trial_id: str = ""
    parts: tuple[TrialPredictions, ...] = ()

    @property
    def of_each(self) -> tuple[TrialPredictions, ...]:
        """Each network's: of several folds their own, else this alone."""
        return self.parts or (self,)

    @property
    def validation(self) -> Predictions:
        """Raises UserError where there are none."""
        if self.known_validation is None:
            raise UserError(
                "thresholds, temperatures and calibration are fitted on validation predictions, but these results hold "
                "none; give `validation=` beside the test predictions"
            )
        return self.known_validation

    @property
    def gives(self) -> Gives:
        """What the answers are: see ``Predictions.gives``."""
        return self.test.gives

    @property
    def rows(self) -> np.ndarray:
        """(N,) int64, test."""
        return self.test.rows

    @property
    def labels(self) -> np.ndarray:
        """(N,) int64, test."""
        return self.test.labels

    @property
    def probabilities(self) -> np.ndarray:
        """(N, C) float64, test."""
        return self.test.probabilities

    @property
    def logits(self) -> np.ndarray:
        """(N, C) float64, test: see ``Predictions.logits``."""
        return self.test.logits

    @property
    def scores(self) -> np.ndarray:
        """(N, C) float64, test: see ``Predictions.scores``."""
        return self.test.scores

    @property
    def patients(self) -> np.ndarray:
        """(N,) str, test."""
        return self.test.patients


class TestSet(Sequence[TrialPredictions]):
    """Every trial on the same test rows.

    Args:
        trials: at least one; by technique (the registry's order), then seed.
    Raises:
        ValueError: two trials were tested on different rows.
    """

    __test__ = False  # pytest would take the name for a test

    def __init__(self, trials: Sequence[TrialPredictions]):
        self._trials = tuple(trials)
        for trial in self._trials:
            if not np.array_equal(trial.rows, self.rows):
                raise ValueError(
                    f"all trials of a run must be tested on the same rows, but trial {trial.trial_id} was tested on "
                    f"{len(trial.rows)} others; make the report of each run apart"
                )

    @overload
    def __getitem__(self, place: int) -> TrialPredictions: ...
    @overload
    def __getitem__(self, place: slice) -> tuple[TrialPredictions, ...]: ...
    def __getitem__(self, place: int | slice) -> TrialPredictions | tuple[TrialPredictions, ...]:
        return self._trials[place]

    def __len__(self) -> int:
        return len(self._trials)

    def __iter__(self) -> Iterator[TrialPredictions]:
        return iter(self._trials)

    @property
    def rows(self) -> np.ndarray:
        """(N,) int64, ascending; every trial's arrays are in this order."""
        return self._trials[0].rows

    @property
    def labels(self) -> np.ndarray:
        """(N,) int64."""
        return self._trials[0].labels

    @property
    def patients(self) -> np.ndarray:
        """(N,) str, the patient of each row."""
        return self._trials[0].patients

    @property
    def techniques(self) -> list[str]:
        """In the registry's order."""
        return list(dict.fromkeys(trial.technique for trial in self._trials))

    def of(self, technique: str) -> list[TrialPredictions]:
        """A technique's trials, by seed."""
        return [trial for trial in self._trials if trial.technique == technique]

    def draws(self, samples: int, rng: np.random.Generator) -> PatientDraws:
        """Bootstrap weights, patients within classes; one draw for all trials keeps them paired."""
        return patient_draws(self.labels, self.patients, samples, rng, widening(self._trials[0].test.of_folds))
