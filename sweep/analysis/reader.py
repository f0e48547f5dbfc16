"""A run's folder as it was when first looked at: every file is read once, however often it is asked for."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from balancing.components.ledger import Ledger
from balancing.data.splits import PARTS
from balancing.errors import UserError, suggestion
from balancing.quality.audit import Audit
from sweep.analysis.carried import trial_ledger
from sweep.analysis.statistics.few_patients import PatientDraws, patient_draws
from sweep.runs.run import Run
from sweep.runs.spec import TrialSpec
from sweep.runs.trial_folder import TrialFolder
from sweep.runs.trial_table import TrialRecord, epoch_table, trial_table


def part_of_split(name: str, known: Sequence[str] = PARTS) -> str:
    """The name of a part of the split; raises UserError where there is none of it."""
    if name not in known:
        raise UserError(f"unknown part {name!r} of the split{suggestion(str(name), known)}")
    return name


class RunReader:
    """What a run's folder holds, for reading alone; a trial that ends meanwhile makes no two tables disagree.

    Args:
        run: whose folder is read; None where there is none, and whatever asks for its files is told so.
    """

    def __init__(self, run: Run | None):
        self._run = run

    @property
    def run(self) -> Run:
        """The run that was read.

        Raises:
            UserError: these results are of plain arrays.
        """
        return self._needs_run("its records")

    @property
    def is_of_run(self) -> bool:
        """Whether a run's folder is read; False of plain arrays."""
        return self._run is not None

    def _needs_run(self, what: str) -> Run:
        if self._run is None:
            raise UserError(
                f"these results are of plain predictions, which don't tell {what}; read a run's folder for it: "
                "Results.of_run(path)"
            )
        return self._run

    @property
    def path(self) -> Path:
        """The run's folder."""
        return self._needs_run("a folder").path

    @cached_property
    def info(self) -> dict[str, Any]:
        """run.json."""
        return self._needs_run("how they were made").info

    @cached_property
    def config_yaml(self) -> str:
        """The configuration, whole."""
        return self._needs_run("a configuration").config_yaml

    @cached_property
    def class_names(self) -> list[str]:
        """(C,)."""
        return list(self.info["data"]["class_names"])

    @cached_property
    def positive(self) -> int | None:
        """Index of the positive class for two classes; None for more."""
        found: int | None = self.info["data"]["positive"]
        return found

    def specs(self) -> list[TrialSpec]:
        """The planned trials, in order."""
        return [record.spec for record in self.records.values()]

    @cached_property
    def records(self) -> dict[str, TrialRecord]:
        """Trial id -> spec, status and epochs of each planned trial, in order."""
        return {record.spec.trial_id: record for record in self._needs_run("hyperparameters").records()}

    @cached_property
    def _trials(self) -> pd.DataFrame:
        return trial_table(self.records.values())

    def trials(self) -> pd.DataFrame:
        """One row a planned trial: see ``sweep.runs.trial_table``."""
        return self._trials.copy()

    @cached_property
    def _epochs(self) -> pd.DataFrame:
        return epoch_table(self.records.values())

    def epochs(self) -> pd.DataFrame:
        """One row an epoch of every trial: see ``sweep.runs.trial_table``."""
        return self._epochs.copy()

    @cached_property
    def _selection(self) -> list[dict[str, Any]]:
        return self._needs_run("what was selected").selection()

    def selection(self) -> list[dict[str, Any]]:
        """The configuration chosen for each technique: see ``Run.selection``."""
        return list(self._selection)

    @cached_property
    def _split(self) -> pd.DataFrame:
        return self._needs_run("a split").split()

    def split(self) -> pd.DataFrame:
        """One row an image: see ``Run.split``. Of plain arrays the validation and test images alone."""
        return self._split.copy()

    @cached_property
    def _audit(self) -> Audit | None:
        return self._needs_run("what was found in the data").audit()

    def audit(self) -> Audit | None:
        """What was found in the data: see ``Run.audit``."""
        return self._audit

    @cached_property
    def _bad_images(self) -> list[dict[str, str]]:
        return self._needs_run("which images were left out").bad_images()

    def bad_images(self) -> list[dict[str, str]]:
        """Images that were left out: see ``Run.bad_images``."""
        return list(self._bad_images)

    @cached_property
    def _test_openings(self) -> list[dict[str, Any]]:
        return self._needs_run("when the test split was opened").test_openings()

    def test_openings(self) -> list[dict[str, Any]]:
        """When the test split was opened: see ``Run.test_openings``."""
        return list(self._test_openings)

    @cached_property
    def _damages(self) -> list[str]:
        return self._needs_run("trials").damages()

    def damages(self) -> list[str]:
        """What is damaged among the trials' files, a sentence each."""
        return list(self._damages)

    def trial(self, trial_id: str) -> TrialFolder:
        """The files of one trial, for its network."""
        return self._needs_run("networks").trial(trial_id)

    @property
    def neighbours(self) -> Path:
        """Where the run keeps the nearest neighbours that it found."""
        return self._needs_run("neighbours").neighbours

    def class_counts(self, part: str) -> list[int]:
        """(C,) images of each class in a part of the split: train, validation or test."""
        split = self._split
        labels = split.loc[split["split"] == part_of_split(part), "label"]
        return [int(n) for n in np.bincount(labels.astype(np.int64), minlength=len(self.class_names))]

    def rows_of(self, part: str) -> np.ndarray:
        """(n,) int64, the rows of a part of the split, in order: train, validation or test."""
        found: np.ndarray = self._split.loc[self._split["split"] == part_of_split(part), "row"].to_numpy(dtype=np.int64)
        return found

    @cached_property
    def patients(self) -> pd.Series:
        """Index row, values str: the patient of each image; an image without one is its own patient."""
        own = "image " + self._split["row"].astype(str)
        return self._split["patient"].where(self._split["patient"] != "", own).set_axis(self._split["row"])

    def patients_of(self, rows: np.ndarray) -> np.ndarray:
        """(n,) str, the patient of each of (n,) rows of the image set: see ``patients``."""
        unknown = np.setdiff1d(rows, self.patients.index)
        if len(unknown):
            raise UserError(f"the split has no row {unknown[0]}; `rows_of` gives those of a part")
        found: np.ndarray = self.patients.loc[rows].to_numpy(dtype=str)
        return found

    def patient_draws(
        self, rows: np.ndarray, labels: np.ndarray, samples: int, rng: np.random.Generator
    ) -> PatientDraws:
        """Bootstrap weights of some images, patients drawn within classes.

        Args:
            rows: (n,) int64, rows of the image set.
            labels: (n,) int64, their classes.
            samples: B.
            rng: of the draws.
        """
        return patient_draws(labels, self.patients_of(rows), samples, rng)

    @cached_property
    def decisions(self) -> dict[str, dict[str, Any]]:
        """Technique that decides anew on another's trials -> its decision's own parameters, as the run was asked."""
        from sweep.config.config import recorded_decisions

        return recorded_decisions(self._run) if self._run is not None else {}

    def ledger_of(self, trial_id: str, technique: str = "") -> Ledger | None:
        """What a trial is designed to do to the class prior; None where its records don't tell.

        Args:
            technique: one that decides anew on the trial; by default the trial's own.
        """
        if self._run is None:
            return None
        spec, status, _ = self.records[trial_id]
        name = technique or spec.technique
        counts = status.get("plan_counts")
        return trial_ledger(name, spec, self.class_counts("train"), counts, self.decisions.get(name))
