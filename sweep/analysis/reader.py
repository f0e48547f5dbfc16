"""A run's folder as it was when first looked at: every file is read once, however often it is asked for."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from balancing.errors import UserError
from balancing.quality.audit import Audit
from sweep.runs.run import Run
from sweep.runs.spec import TrialSpec
from sweep.runs.trial_folder import TrialFolder
from sweep.runs.trial_table import TrialRecord, epoch_table, trial_table


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
