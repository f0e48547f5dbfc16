"""The files of one trial, and whether they agree with each other."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sweep.runs.files import (
    DamagedFile,
    Guard,
    no_guard,
    now,
    read_json,
    remove,
    unfinished_files,
    write_atomically,
    write_json,
)
from sweep.runs.predictions import Predictions, encoded, head_of, network_of, read
from sweep.runs.shapes import EPOCHS, STATUS

if TYPE_CHECKING:
    import pandas as pd

    from sweep.runs.spec import TrialSpec

# A trial in one of these states is not run again on resume.
ENDED = ("done", "stopped", "diverged")


def network_fingerprint(epoch: int, probabilities: np.ndarray) -> str:
    """What tells a best network from that of another attempt: 16 hex digits of its epoch and what it answers.

    Args:
        epoch: from 1.
        probabilities: (n, C) float32, on the validation rows.
    """
    digest = hashlib.sha256(int(epoch).to_bytes(8, "little"))
    digest.update(np.ascontiguousarray(probabilities, dtype="<f4").tobytes())
    return digest.hexdigest()[:16]


def may_be_best(numbers: Mapping[str, Any]) -> bool:
    """Whether an epoch, by its record, may be a trial's best: one that ended in a stage whose networks are kept."""
    return bool(numbers.get("kept_epochs", True))


class TrialFolder:
    """The files of one trial. Works without Ray and without the rest of the run.

    A damaged file is never fatal here: a damaged status is that of a trial that has not ended, damaged epochs are none.

    Args:
        path: the folder; made when first written to.
        guard: called before every change; raises where this process must not write any more.
    """

    def __init__(self, path: Path, guard: Guard = no_guard):
        self.path = Path(path)
        self.guard = guard

    @property
    def best(self) -> Path:
        """The network of the best epoch."""
        return self.path / "best.pt"

    @property
    def best_before(self) -> Path:
        """The best network that ``last`` speaks of, where a better one was found since."""
        return self.path / "best_before.pt"

    @property
    def last(self) -> Path:
        """To go on from."""
        return self.path / "last.pt"

    def write_spec(self, spec: TrialSpec) -> None:
        write_json(self.path / "spec.json", {"trial_id": spec.trial_id, **spec.to_dict()}, self.guard)

    def status(self) -> dict[str, Any]:
        """``{"status": "waiting"}`` before it has begun; with ``damage``, a sentence, where the file can't be read."""
        path = self.path / "status.json"
        try:
            found: dict[str, Any] = read_json(path, dict, STATUS)
        except FileNotFoundError:
            return {"status": "waiting"}
        except DamagedFile as error:
            return {"status": "waiting", "damage": str(error)}
        return found

    def write_status(self, status: str, **more: Any) -> None:
        """Adds to what the status file says already; ``status`` is one of those in ``sweep.runs.run``' docstring."""
        before = {key: value for key, value in self.status().items() if key != "damage"}
        write_json(self.path / "status.json", {**before, "status": status, "changed": now(), **more}, self.guard)

    def write_error(self, text: str) -> None:
        """error.txt: all that is known of what a trial failed by."""
        write_atomically(self.path / "error.txt", text.encode(errors="backslashreplace"), self.guard)

    def epochs(self) -> list[dict[str, Any]]:
        """One object an epoch, in order; [] before the first, and where the file is damaged."""
        try:
            return list(read_json(self.path / "epochs.json", list, EPOCHS))
        except (FileNotFoundError, DamagedFile):
            return []

    def write_epochs(self, epochs: Sequence[Mapping[str, Any]]) -> None:
        write_json(self.path / "epochs.json", list(epochs), self.guard)

    def write_predictions(
        self,
        part: str,
        rows: np.ndarray,
        labels: np.ndarray,
        probabilities: np.ndarray,
        network: str = "",
        logits: np.ndarray | None = None,
        head: np.ndarray | None = None,
    ) -> None:
        """Probabilities and logits of each row.

        Args:
            part: ``validation`` or ``test``.
            rows: (n,) int64, rows of the image set.
            labels: (n,) int64.
            probabilities: (n, C) float.
            network: of ``network_fingerprint``, noted in the file.
            logits: (n, C) float; None keeps none.
            head: (2, C) float64, as of ``sweep.runs.predictions.Predictions``; None keeps none.
        """
        content = encoded(Predictions(rows, labels, probabilities, logits, head), network)
        write_atomically(self.path / f"{part}.parquet", content, self.guard)

    def predictions(self, part: str) -> pd.DataFrame:
        """Columns row, label, p_0..p_{C-1}, logit_0..logit_{C-1}; see `sweep.runs.predictions`.

        Raises:
            FileNotFoundError: that part was never predicted.
            DamagedFile: the file can't be read.
        """
        return read(self.path / f"{part}.parquet")

    def network_of(self, part: str) -> str | None:
        """The network whose predictions a part's file holds; "" where it does not say, None where there is none."""
        return network_of(self.path / f"{part}.parquet")

    def head(self) -> np.ndarray | None:
        """(2, C) float64: weight norms and biases of the best network's linear head; None where no record tells."""
        return head_of(self.path / "validation.parquet")

    def is_tested(self) -> bool:
        """Whether the test predictions are there and of the network that the status tells of."""
        network, kept = self.network_of("test"), self.status().get("network", "")
        return network is not None and (network == kept or not network or not kept) and self._is_whole("test")

    def _is_whole(self, part: str) -> bool:
        try:
            self.predictions(part)
        except (FileNotFoundError, DamagedFile):
            return False
        return True

    def fault(self) -> str:
        """Why this trial's records can't stand for a trial that ended: one clause; "" where they can."""
        status = self.status()
        if "damage" in status:
            return str(status["damage"])
        if status["status"] not in ENDED:
            return f"it is {status['status']}"
        best = status.get("best_epoch")
        if best is None:
            return "it has no best epoch" if status["status"] == "done" else ""
        if not any(epoch["epoch"] == best for epoch in self.epochs()):
            return f"{self.path / 'epochs.json'} does not hold its best epoch {best}"
        network = self.network_of("validation")
        if network is None or not self._is_whole("validation"):
            return f"{self.path / 'validation.parquet'} is missing or damaged"
        if network and status.get("network") and network != status["network"]:
            return f"{self.path / 'validation.parquet'} is of another attempt"
        return ""

    def reopen(self, why: str) -> None:
        """Counts as not ended from now on; what it has stays until it is trained again."""
        self.write_status("waiting", reopened=[*self.status().get("reopened", []), why], finished=None)

    def tidy(self) -> None:
        """Removes what only a trial under way needs, and what killed writers left behind."""
        self.guard()
        for path in (self.last, self.best_before, *unfinished_files([self.path])):
            remove(path)

    def clear(self) -> None:
        """Removes everything that an earlier attempt found out, for a start from nothing.

        Test predictions that say whose they are stay: the same network may come out again.
        """
        self.tidy()
        names = ["best.pt", "validation.parquet", "epochs.json"]
        names += [] if self.network_of("test") else ["test.parquet"]
        for name in names:
            remove(self.path / name)
        status = self.status()
        if status.get("best_epoch") is not None:
            self.write_status(status["status"], best_epoch=None, network="")
