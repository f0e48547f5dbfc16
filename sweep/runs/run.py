"""The run directory: what is written where, and read back. Files of plain formats alone, nothing pickled.

RUN/
  run.json             id, command, versions, machine, data and split fingerprints, class names, notes, status
  config.yaml          the resolved configuration, whole
  split.parquet        one row an image: row, name, patient, label, class_name, official, split
  audit.json           what was found in the data: leaks, duplicates, counts (see balancing.quality.audit)
  bad_images.json      images left out with --skip-bad, with reasons
  trials.json          the planned trials, in order
  owner/               which process works on the run (see sweep.runs.owner)
  trials/<trial id>/   (see sweep.runs.trial_folder)
    spec.json          the trial's whole specification
    status.json        waiting | running | done | stopped | diverged | failed, with times, versions, best epoch, error
    epochs.json        a list: one object an epoch
    validation.parquet one row an image: row, label, p_0..p_{C-1}, logit_0..logit_{C-1}, of the best epoch
    test.parquet       the same for the test split; only of chosen trials, only after selection
    best.pt            the network of the best epoch (state_dict), with its validation predictions
    last.pt            to go on from, gone when the trial has ended
    error.txt          what a failed trial failed by, with its traceback
    best_before.pt     the best network that last.pt speaks of, where a better one was found since
  selection.json       the configuration chosen for each technique, on validation
  confirming.json      the fresh seeds that it then trains with (see sweep.runs.confirming)
  test_openings.jsonl  one line for each time the test split was opened: when, for which trials
  floors/              logistic_regression.parquet, .json: the trivial baseline (see sweep.runs.floors)
  neighbours/          nearest neighbours among training images, found once for all trials
  unusual/             what new images are held against (see sweep.inference.unusual)
  tensorboard/<name>/  event files, one folder a trial
  report/              index.html, report.md, summary.json, checklist.md, tables/, figures/
"""

from __future__ import annotations

import os
import platform
import shlex
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from balancing.errors import UserError
from sweep.runs import contradictions
from sweep.runs.command import command
from sweep.runs.confirming import fresh_ids
from sweep.runs.files import (
    DamagedFile,
    Guard,
    no_guard,
    now,
    read_json,
    unfinished_files,
    write_atomically,
    write_json,
)
from sweep.runs.floors import FOLDER as FLOORS
from sweep.runs.foreign import record_origins
from sweep.runs.mending import mend, mend_split
from sweep.runs.openings import OPENINGS, read_openings, record_opening
from sweep.runs.out import check_free
from sweep.runs.shapes import BAD_IMAGES, RUN, SELECTION, TRIALS, Shape
from sweep.runs.spec import TrialSpec
from sweep.runs.split_table import parts_of, read_split, split_fingerprint, split_of, write_split
from sweep.runs.trial_folder import ENDED, TrialFolder
from sweep.runs.trial_table import TrialRecord, epoch_table, trial_table
from sweep.runs.versions import versions

if TYPE_CHECKING:
    from balancing.data.images import ImageSet
    from balancing.data.splits import Split
    from balancing.quality.audit import Audit

FORMAT = 1
# The key of a trial's last report, which says how it ended. Files can lag behind on shared storage; reports can't.
ENDED_AS = "ended"
# The key of a report before the first epoch, by which a trial asks whether it is worth beginning.
ASKS = "asks"


class Run:
    """One run directory.

    Args:
        path: the folder.
        guard: called before every change; raises where this process must not write any more.
    Raises:
        UserError: it is not a run folder, its run.json is damaged, or of another format.
    """

    def __init__(self, path: Path | str, guard: Guard = no_guard):
        self.path = Path(path)
        self.guard = guard
        if not (self.path / "run.json").is_file():
            raise UserError(
                f"{self.path} is not a run folder: it has no run.json; give the folder that `sweep run` made"
            )
        found = self.info.get("format")
        if found != FORMAT:
            raise UserError(
                f"run {self.path} has format {found}, but this version reads {FORMAT}; use the version in run.json"
            )

    @classmethod
    def create(
        cls,
        path: Path,
        *,
        config_yaml: str,
        images: ImageSet,
        split: Split,
        positive: int | None,
        notes: Sequence[str],
        guard: Guard = no_guard,
    ) -> Run:
        """Makes the folder with all that is known before the first trial; run.json last, so that it is whole or none.

        What a start that was killed here left behind is written over.

        Raises:
            UserError: the folder holds another run, or something else.
        """
        check_free(path, resume=True)
        write_atomically(path / "config.yaml", config_yaml.encode(), guard)
        write_split(path, images, split, guard)
        bad = [{"name": b.name, "reason": b.reason} for b in images.bad]
        write_json(path / "bad_images.json", bad, guard)
        info = {
            "format": FORMAT,
            "id": uuid.uuid4().hex[:12],
            "created": now(),
            "status": "running",
            "command": command(),
            "versions": versions(),
            "machine": {"system": platform.platform(), "cpus": os.cpu_count()},
            "data": {
                "source": images.source,
                "kind": images.kind,
                "fingerprint": images.fingerprint,
                "images": len(images),
                "shape": list(images.pixels.shape),
                "class_names": list(images.class_names),
                "positive": positive,
                "class_counts": {
                    part: np.bincount(images.labels[rows], minlength=images.n_classes).tolist()
                    for part, rows in parts_of(split).items()
                },
                "split_fingerprint": split_fingerprint(split),
                "left_out": len(images.bad),
                **images.decoding,
            },
            "notes": list(notes),
        }
        write_json(path / "run.json", info, guard)
        return cls(path, guard)

    @property
    def info(self) -> dict[str, Any]:
        """run.json."""
        try:
            found: dict[str, Any] = read_json(self.path / "run.json", dict, RUN)
            if wrong := contradictions.of_run(found):
                raise DamagedFile(self.path / "run.json", wrong)
        except DamagedFile as error:
            raise UserError(f"{error}, and nothing else tells what run it is; put it back, or start anew") from error
        return found

    def update_info(self, **more: Any) -> None:
        write_json(self.path / "run.json", {**self.info, **more}, self.guard)

    @property
    def config_yaml(self) -> str:
        """Raises UserError where the file is missing or no text."""
        path = self.path / "config.yaml"
        try:
            return path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise UserError(f"{path} can't be read; put the run's configuration back, or start a new run") from error

    @property
    def class_names(self) -> list[str]:
        return self.info["data"]["class_names"]

    @property
    def positive(self) -> int | None:
        return self.info["data"]["positive"]

    def split(self) -> pd.DataFrame:
        """row, name, patient, label, class_name, official, split (train | validation | test | unused).

        Raises:
            UserError: the file is missing or damaged.
        """
        return read_split(self.path)

    def bad_images(self) -> list[dict[str, str]]:
        """name and reason of each image that was left out; [] where their list is damaged."""
        try:
            return list(read_json(self.path / "bad_images.json", list, BAD_IMAGES))
        except (FileNotFoundError, DamagedFile):
            return []

    def damages(self) -> list[str]:
        """What is damaged among the trials' files, a sentence each."""
        found = []
        for spec in self.specs():
            folder = self.trial(spec.trial_id)
            status = folder.status()
            if fault := folder.fault() if status["status"] in ENDED or "damage" in status else "":
                found.append(f"Trial {spec.trial_id} ({spec.technique}) counts as not ended: {fault}.")
        return found

    def split_of_rows(self) -> Split:
        """The run's split, from its records."""
        return split_of(self.split())

    def write_specs(self, specs: Sequence[TrialSpec]) -> None:
        record_origins(self, specs)
        write_json(self.path / "trials.json", [{"trial_id": s.trial_id, **s.to_dict()} for s in specs], self.guard)

    def specs(self) -> list[TrialSpec]:
        """The planned trials, in order. A search that asks for trials as it goes adds to them.

        Raises:
            UserError: the file is damaged, or of other data than the run.
        """
        rows = self._list("trials.json", TRIALS)
        specs = [TrialSpec.from_dict(row) for row in rows]
        for number, (row, spec) in enumerate(zip(rows, specs, strict=True)):
            if row.get("trial_id", spec.trial_id) != spec.trial_id:
                wrong = f"what it says of trial {number} is not what {row['trial_id']} is"
                raise self._rewritten(DamagedFile(self.path / "trials.json", wrong))
        contradictions.check_own(self.path, self.info, specs)
        return specs

    def _list(self, name: str, shape: Shape) -> list[Any]:
        """What a file holds that a resume writes anew; [] where there is none."""
        try:
            found: list[Any] = read_json(self.path / name, list, shape)
        except FileNotFoundError:
            return []
        except DamagedFile as error:
            raise self._rewritten(error) from error
        return found

    def _rewritten(self, error: DamagedFile) -> UserError:
        return UserError(f"{error}; `sweep resume {shlex.quote(str(self.path))}` writes it anew")

    def mend(self) -> list[str]:
        """See ``sweep.runs.mending.mend``."""
        return mend(self)

    def mend_split(self, images: ImageSet, split: Split) -> list[str]:
        """See ``sweep.runs.mending.mend_split``."""
        return mend_split(self, images, split)

    def clean(self) -> None:
        """Removes what writers that were killed left behind, and what trials were killed too late to tidy up."""
        self.guard()
        written = ("report", "report/tables", "report/figures", FLOORS)
        folders = [self.path, self.neighbours, *(self.path / name for name in written), *self.path.glob("trials/*")]
        for path in unfinished_files(folders):
            path.unlink(missing_ok=True)
        for path in [*self.path.glob("trials/*/last.pt"), *self.path.glob("trials/*/best_before.pt")]:
            if not self.trial(path.parent.name).fault():
                self.trial(path.parent.name).tidy()

    def trial(self, trial_id: str) -> TrialFolder:
        return TrialFolder(self.path / "trials" / trial_id, self.guard)

    @property
    def neighbours(self) -> Path:
        """Where `balancing.components.neighbours.store.NeighbourStore` keeps what it found."""
        return self.path / "neighbours"

    def events_folder(self, spec: TrialSpec) -> Path:
        """Where a trial's TensorBoard event files lie."""
        return self.path / "tensorboard" / f"{spec.technique}-{spec.trial_id}"

    def trials(self) -> pd.DataFrame:
        """One row a planned trial, in order: see `sweep.runs.trial_table`."""
        return trial_table(self.records())

    def epochs(self) -> pd.DataFrame:
        """One row an epoch of every trial: see `sweep.runs.trial_table`."""
        return epoch_table(self.records())

    def records(self) -> list[TrialRecord]:
        """What the folder of each planned trial holds, in order."""
        specs = self.specs()
        fresh, folders = fresh_ids(self.path, self.info, specs), [(s, self.trial(s.trial_id)) for s in specs]
        return [TrialRecord(s, folder.status(), folder.epochs(), s.trial_id in fresh) for s, folder in folders]

    def selection(self) -> list[dict[str, Any]]:
        """The configuration chosen for each technique (see ``sweep.runs.selection.select``); [] before selection."""
        found = self._list("selection.json", SELECTION)
        if wrong := contradictions.of_choices(found, self.specs()) if found else "":
            raise self._rewritten(DamagedFile(self.path / "selection.json", wrong))
        return found

    def write_selection(self, selection: Sequence[Mapping[str, Any]]) -> None:
        write_json(self.path / "selection.json", list(selection), self.guard)

    def write_audit(self, audit: Audit) -> None:
        write_json(self.path / "audit.json", audit.to_dict(), self.guard)

    def audit(self) -> Audit | None:
        """What was found in the data when the run began; None in runs of versions that did not look."""
        from balancing.quality.audit import Audit

        try:
            return Audit.from_dict(read_json(self.path / "audit.json", dict))
        except (FileNotFoundError, DamagedFile, KeyError, TypeError, ValueError):  # the data can be looked at again
            return None

    def record_test_opening(self, trial_ids: Sequence[str], **more: Any) -> None:
        """Notes that the test split is about to be opened, when and for which trials, and ``more``."""
        self.guard()
        record_opening(self.path / OPENINGS, trial_ids, **more)

    def test_openings(self) -> list[dict[str, Any]]:
        """One object an opening: time, trials.

        A line that was cut off counts as an opening all the same, of a time and of trials that are not known.
        """
        return read_openings(self.path / OPENINGS)
