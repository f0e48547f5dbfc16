"""A run's folder as it was when first looked at: every file is read once, however often it is asked for."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from balancing.components.deciding import DecidedNetwork
from balancing.components.ledger import Ledger
from balancing.data.splits import PARTS
from balancing.errors import UserError, suggestion
from balancing.quality.audit import Audit
from sweep.analysis.carried import trial_ledger
from sweep.analysis.decided import parts_of
from sweep.analysis.names import gives_of
from sweep.analysis.statistics.few_patients import PatientDraws, patient_draws
from sweep.analysis.statistics.predictions import Predictions
from sweep.runs.confirming import Confirming, confirming_in
from sweep.runs.files import DamagedFile
from sweep.runs.run import Run
from sweep.runs.spec import TrialSpec
from sweep.runs.trial_folder import TrialFolder
from sweep.runs.trial_table import TrialRecord, epoch_table, trial_table

# The parts of the split that networks are kept to have answered.
PREDICTED = ("validation", "test")


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
        self._parts: dict[tuple[str, str], Predictions | None] = {}
        self._misfits: list[str] = []

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
    def confirming(self) -> Confirming | None:
        """What confirms the configurations that were chosen; None where nothing does, and of plain arrays."""
        return None if self._run is None else confirming_in(self._run.path, self.info, self.specs())

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

    def later_openings(self) -> int:
        """How often the test split was opened after the first time, when its results could be known.

        Without looks that were planned and seeds that were added, of which the report speaks by themselves.
        """
        return sum(not ("look" in one or "added" in one) for one in self.test_openings()[1:])

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

    def predictions_of(self, trial_id: str, part: str) -> Predictions | None:
        """One trial's predictions.

        Args:
            part: ``validation`` or ``test``.
        Returns:
            None where that part was never opened, or its file is damaged or not of the run's split.
        """
        key = (trial_id, part_of_split(part, PREDICTED))
        if key not in self._parts:
            self._parts[key] = self._read(trial_id, part)
        return self._parts[key]

    def _read(self, trial_id: str, part: str) -> Predictions | None:
        try:
            table = self.trial(trial_id).predictions(part)
        except (FileNotFoundError, DamagedFile):
            return None
        columns = [f"p_{label}" for label in range(len(self.class_names))]
        if not set(columns) <= set(table.columns) or not np.isfinite(table[columns].to_numpy()).all():
            return None
        table = table.sort_values("row", kind="stable")
        rows = table["row"].to_numpy()
        if not self._is_of_split(table, part):
            self._misfits.append(
                f"Trial {trial_id} is left out: {self.path / 'trials' / trial_id / part}.parquet does not hold the "
                f"{part} images of split.parquet; delete it, and a resume makes it anew."
            )
            return None
        probabilities = table[columns].to_numpy(dtype=np.float64)
        logits = table[[f"logit_{label}" for label in range(len(columns))]].to_numpy(dtype=np.float64)
        gives = gives_of(self.records[trial_id].spec.technique)
        return Predictions(rows, table["label"].to_numpy(), probabilities, self.patients_of(rows), logits, gives=gives)

    def _is_of_split(self, table: pd.DataFrame, part: str) -> bool:
        """Whether predictions, ordered by row, are of the rows and labels of a part."""
        own = self._split.loc[self._split["split"] == part, ["row", "label"]].sort_values("row")
        return all(np.array_equal(table[name].to_numpy(), own[name].to_numpy()) for name in ("row", "label"))

    def decided_network(self, trial_id: str, metric: str) -> DecidedNetwork | None:
        """What is on record of the head of a trial's network; None where nothing is.

        Args:
            metric: by which configurations were chosen.
        """
        head = None if self._run is None else self.trial(trial_id).head()
        if head is None or head.shape[1] != len(self.class_names):
            return None
        return DecidedNetwork(head[0], head[1], metric, self.positive)

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
        """Technique that decides anew on another's trials -> its decision's own parameters.

        Those that the run was asked for, then those that were added when it had ended: see ``added``.
        """
        from sweep.config.config import recorded_decisions

        if self._run is None:
            return {}
        return recorded_decisions(self._run) | {name: own for name, (_, own) in self.added.items()}

    @cached_property
    def added(self) -> dict[str, tuple[str, dict[str, Any]]]:
        """Technique that decides anew -> when it was added to the run, which had ended, and its decision's parameters.

        Without those whose decision is not known here.
        """
        known: dict[str, tuple[str, dict[str, Any]]] = {}
        for entry in {} if self._run is None else self.info.get("decisions_added", []):
            for name, own in entry["techniques"].items():
                with contextlib.suppress(UserError):
                    known[name] = (entry["time"], parts_of(name)[1].complete(own))
        return known

    def ledger_of(self, trial_id: str, technique: str = "") -> Ledger | None:
        """What a trial is designed to do to the class prior; None where its records don't tell.

        Args:
            technique: one that decides anew on the trial; by default the trial's own.
        """
        if self._run is None:
            return None
        spec, status, *_ = self.records[trial_id]
        name = technique or spec.technique
        counts = status.get("plan_counts")
        return trial_ledger(name, spec, self.class_counts("train"), counts, self.decisions.get(name))
