"""A run as it was when first looked at: every file is read once, however many tables and figures ask for it."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from sweep.runs.run import Run
from sweep.runs.spec import TrialSpec
from sweep.runs.trial_folder import TrialFolder


class _FolderSnapshot(TrialFolder):
    """A trial's folder that keeps the predictions it has read."""

    def __init__(self, path: Path):
        super().__init__(path)
        self._predictions: dict[str, pd.DataFrame] = {}

    def predictions(self, part: str) -> pd.DataFrame:
        if part not in self._predictions:
            self._predictions[part] = super().predictions(part)
        return self._predictions[part]


class Snapshot(Run):
    """A run for reading alone; a trial that ends meanwhile doesn't make two tables disagree.

    Args:
        path: the run's folder.
    """

    def __init__(self, path: Path | str):
        self._folders: dict[str, TrialFolder] = {}
        super().__init__(path)

    @cached_property
    def info(self) -> dict[str, Any]:
        return super().info

    @cached_property
    def _specs(self) -> list[TrialSpec]:
        return super().specs()

    @cached_property
    def _trials(self) -> pd.DataFrame:
        return super().trials()

    @cached_property
    def _epochs(self) -> pd.DataFrame:
        return super().epochs()

    @cached_property
    def _selection(self) -> list[dict[str, Any]]:
        return super().selection()

    def specs(self) -> list[TrialSpec]:
        return list(self._specs)

    def trials(self) -> pd.DataFrame:
        return self._trials.copy()

    def epochs(self) -> pd.DataFrame:
        return self._epochs.copy()

    def selection(self) -> list[dict[str, Any]]:
        return list(self._selection)

    def trial(self, trial_id: str) -> TrialFolder:
        if trial_id not in self._folders:
            self._folders[trial_id] = _FolderSnapshot(super().trial(trial_id).path)
        return self._folders[trial_id]
