"""The run directory: what is written where, and read back. Files of plain formats alone, nothing pickled.

RUN/
  run.json             id, command, versions, machine, data and split fingerprints, class names, notes, status
  config.yaml          the resolved configuration, whole
  split.parquet        one row an image: row, name, patient, label, class_name, official, split
  audit.json           what was found in the data: leaks, duplicates, counts (see balancing.audit)
  bad_images.json      images left out with --skip-bad, with reasons
  trials.json          the planned trials, in order
  trials/<trial id>/
    spec.json          the trial's whole specification
    status.json        waiting | running | done | stopped | diverged | failed, with times, best epoch, error
    epochs.json        a list: one object an epoch
    validation.parquet one row an image: row, label, p_0..p_{C-1}, of the best epoch
    test.parquet       the same for the test split; only of chosen trials, only after selection
    best.pt            the network of the best epoch (state_dict)
    last.pt            to go on from, gone when the trial has ended
  selection.json       the configuration chosen for each technique, on validation
  test_openings.jsonl  one line for each time the test split was opened: when, for which trials
  neighbours/          nearest neighbours among training images, found once for all trials
  tensorboard/<name>/  event files, one folder a trial
  report/              index.html, report.md, summary.json, checklist.md, tables/, figures/
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import platform
import shlex
import sys
import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from balancing.errors import UserError
from sweep.metrics import SELECTABLE
from sweep.space import TrialSpec

if TYPE_CHECKING:
    from balancing.audit import Audit
    from balancing.images import ImageSet
    from balancing.splits import Split

FORMAT = 1
# A trial in one of these states is not run again on resume.
ENDED = ("done", "stopped", "diverged")
# The key of a trial's last report, which says how it ended. Files can lag behind on shared storage; reports can't.
ENDED_AS = "ended"
_PACKAGES = ("balancing-act", "torch", "torchvision", "ray", "numpy", "scikit-learn", "imbalanced-learn", "torchcam")


def now() -> str:
    """The time, UTC, ISO 8601 to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def write_atomically(path: Path, content: bytes | memoryview) -> None:
    """Writes a file whole or not at all: another name first, then renamed over the old one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{uuid.uuid4().hex[:8]}")
    try:
        temporary.write_bytes(content)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_torch(path: Path, value: Any) -> None:
    """``torch.save``, atomically."""
    import torch

    buffer = io.BytesIO()
    torch.save(value, buffer)
    write_atomically(path, buffer.getbuffer())


def write_json(path: Path, value: Any) -> None:
    """JSON, readable, atomically. NaN is written as null."""
    write_atomically(path, json.dumps(_without_nan(value), indent=1, ensure_ascii=False).encode())


def read_json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def _without_nan(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(k): _without_nan(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(v) for v in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not np.isfinite(value):
        return None
    return value


def versions() -> dict[str, str]:
    """Python and the packages that decide a trial's numbers; those not installed are left out."""
    found = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found


def split_fingerprint(split: Split) -> str:
    """12 hex digits of the rows of the three parts."""
    digest = hashlib.sha256()
    for rows in (split.train, split.validation, split.test):
        digest.update(len(rows).to_bytes(8, "little"))
        digest.update(np.ascontiguousarray(rows, dtype="<i8").tobytes())
    return digest.hexdigest()[:12]


class TrialFolder:
    """The files of one trial. Works without Ray and without the rest of the run."""

    def __init__(self, path: Path):
        self.path = Path(path)

    @property
    def best(self) -> Path:
        return self.path / "best.pt"

    @property
    def last(self) -> Path:
        return self.path / "last.pt"

    def write_spec(self, spec: TrialSpec) -> None:
        write_json(self.path / "spec.json", {"trial_id": spec.trial_id, **spec.to_dict()})

    def status(self) -> dict[str, Any]:
        """``{"status": "waiting"}`` where the trial has not begun."""
        path = self.path / "status.json"
        return read_json(path) if path.exists() else {"status": "waiting"}

    def write_status(self, status: str, **more: Any) -> None:
        """Adds to what the status file says already; ``status`` is one of those in the module's docstring."""
        write_json(self.path / "status.json", {**self.status(), "status": status, "changed": now(), **more})

    def epochs(self) -> list[dict[str, Any]]:
        path = self.path / "epochs.json"
        return read_json(path) if path.exists() else []

    def write_epochs(self, epochs: Sequence[Mapping[str, Any]]) -> None:
        write_json(self.path / "epochs.json", list(epochs))

    def write_predictions(self, part: str, rows: np.ndarray, labels: np.ndarray, probabilities: np.ndarray) -> None:
        """Probabilities per row.

        Args:
            part: ``validation`` or ``test``.
            rows: (n,) int64, rows of the image set.
            labels: (n,) int64.
            probabilities: (n, C) float.
        """
        table = pd.DataFrame({"row": rows, "label": labels})
        for label in range(probabilities.shape[1]):
            table[f"p_{label}"] = probabilities[:, label].astype(np.float32)
        write_atomically(self.path / f"{part}.parquet", table.to_parquet(index=False))

    def predictions(self, part: str) -> pd.DataFrame:
        """Columns row, label, p_0..p_{C-1}. Raises FileNotFoundError where that part was never predicted."""
        return pd.read_parquet(self.path / f"{part}.parquet")


class Run:
    """One run directory.

    Args:
        path: the folder.
    Raises:
        UserError: it is not a run folder, or of another format.
    """

    def __init__(self, path: Path | str):
        self.path = Path(path)
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
        cls, path: Path, *, config_yaml: str, images: ImageSet, split: Split, positive: int | None, notes: Sequence[str]
    ) -> Run:
        """Makes the folder with all that is known before the first trial.

        Raises:
            UserError: the folder holds another run, or something else.
        """
        check_free(path)
        path.mkdir(parents=True, exist_ok=True)
        write_atomically(path / "config.yaml", config_yaml.encode())
        split_table(images, split).to_parquet(path / "split.parquet", index=False)
        write_json(path / "bad_images.json", [{"name": b.name, "reason": b.reason} for b in images.bad])
        info = {
            "format": FORMAT,
            "id": uuid.uuid4().hex[:12],
            "created": now(),
            "status": "running",
            "command": shlex.join(["sweep", *sys.argv[1:]]),
            "versions": versions(),
            "machine": {"system": platform.platform(), "cpus": os.cpu_count()},
            "data": {
                "source": images.source,
                "fingerprint": images.fingerprint,
                "images": len(images),
                "shape": list(images.pixels.shape),
                "class_names": list(images.class_names),
                "positive": positive,
                "class_counts": {
                    part: np.bincount(images.labels[rows], minlength=images.n_classes).tolist()
                    for part, rows in (("train", split.train), ("validation", split.validation), ("test", split.test))
                },
                "split_fingerprint": split_fingerprint(split),
                "left_out": len(images.bad),
                "grey_bits": images.grey_bits,
            },
            "notes": list(notes),
        }
        write_json(path / "run.json", info)
        return cls(path)

    @property
    def info(self) -> dict[str, Any]:
        """run.json."""
        return read_json(self.path / "run.json")

    def update_info(self, **more: Any) -> None:
        write_json(self.path / "run.json", {**self.info, **more})

    @property
    def config_yaml(self) -> str:
        return (self.path / "config.yaml").read_text(encoding="utf-8")

    @property
    def class_names(self) -> list[str]:
        return self.info["data"]["class_names"]

    @property
    def positive(self) -> int | None:
        return self.info["data"]["positive"]

    def split(self) -> pd.DataFrame:
        """row, name, patient, label, class_name, official, split (train | validation | test | unused)."""
        return pd.read_parquet(self.path / "split.parquet")

    def split_of_rows(self) -> Split:
        """The run's split, from its records."""
        from balancing.splits import Split

        table = self.split()
        rows = {part: table.loc[table["split"] == part, "row"].to_numpy() for part in ("train", "validation", "test")}
        return Split(**rows, notes=())

    def write_specs(self, specs: Sequence[TrialSpec]) -> None:
        write_json(self.path / "trials.json", [{"trial_id": s.trial_id, **s.to_dict()} for s in specs])

    def specs(self) -> list[TrialSpec]:
        """The planned trials, in order. A search that asks for trials as it goes adds to them."""
        path = self.path / "trials.json"
        return [TrialSpec.from_dict(row) for row in read_json(path)] if path.exists() else []

    def trial(self, trial_id: str) -> TrialFolder:
        return TrialFolder(self.path / "trials" / trial_id)

    @property
    def neighbours(self) -> Path:
        """Where `balancing.neighbour_store.NeighbourStore` keeps what it found."""
        return self.path / "neighbours"

    def events_folder(self, spec: TrialSpec) -> Path:
        """Where a trial's TensorBoard event files lie."""
        return self.path / "tensorboard" / f"{spec.technique}-{spec.trial_id}"

    def trials(self) -> pd.DataFrame:
        """One row a planned trial, in order: its spec, its state, and its best epoch's validation metrics.

        Columns: trial_id, configuration, technique, parameters (dict), lr, epochs, strength, batch_size, seed, draw,
        seed_index, arithmetic (the spec's precision), status, error, best_epoch, epochs_run, seconds,
        images_per_second, attempts, and each metric of
        ``sweep.metrics.evaluate`` on validation at the best epoch (NaN where there is none).
        """
        rows = []
        for spec in self.specs():
            folder = self.trial(spec.trial_id)
            status, epochs = folder.status(), folder.epochs()
            best = next((e for e in epochs if e["epoch"] == status.get("best_epoch")), {})
            named = spec.to_dict()
            # ``precision`` is a metric here; the spec's (float32, bfloat16) would stand in its column.
            named["arithmetic"] = named.pop("precision")
            rows.append(
                {
                    "trial_id": spec.trial_id,
                    "configuration": spec.configuration_id,
                    **named,
                    "status": status["status"],
                    "error": status.get("error"),
                    "attempts": status.get("attempts", 0),
                    "best_epoch": status.get("best_epoch"),
                    "epochs_run": len(epochs),
                    "seconds": sum(e["seconds"] for e in epochs),
                    "images_per_second": float(np.mean([e["images_per_second"] for e in epochs])) if epochs else None,
                    **{k: v for k, v in best.items() if k not in ("epoch", "seconds", "images_per_second")},
                }
            )
        table = pd.DataFrame(rows)
        for metric in SELECTABLE:
            # A column of its own even where no trial has the number (null in JSON), so that readers may ask for it.
            table[metric] = pd.to_numeric(table[metric]) if metric in table else np.nan
        return table

    def epochs(self) -> pd.DataFrame:
        """One row an epoch of every trial: trial_id, technique, configuration, seed, lr, epoch, and its numbers."""
        rows = []
        for spec in self.specs():
            named = {
                "trial_id": spec.trial_id,
                "technique": spec.technique,
                "configuration": spec.configuration_id,
                "seed": spec.seed,
                "lr": spec.lr,
            }
            rows += [{**named, **epoch} for epoch in self.trial(spec.trial_id).epochs()]
        return pd.DataFrame(rows)

    def selection(self) -> list[dict[str, Any]]:
        """The configuration chosen for each technique (see ``sweep.selection.select``); [] before selection."""
        path = self.path / "selection.json"
        return read_json(path) if path.exists() else []

    def write_selection(self, selection: Sequence[Mapping[str, Any]]) -> None:
        write_json(self.path / "selection.json", list(selection))

    def write_audit(self, audit: Audit) -> None:
        write_json(self.path / "audit.json", audit.to_dict())

    def audit(self) -> Audit | None:
        """What was found in the data when the run began; None in runs of versions that did not look."""
        from balancing.audit import Audit

        path = self.path / "audit.json"
        return Audit.from_dict(read_json(path)) if path.exists() else None

    def record_test_opening(self, trial_ids: Sequence[str]) -> None:
        """Notes that the test split was opened, when and for which trials."""
        line = json.dumps({"time": now(), "trials": list(trial_ids)}) + "\n"
        with (self.path / "test_openings.jsonl").open("a", encoding="utf-8") as file:
            file.write(line)

    def test_openings(self) -> list[dict[str, Any]]:
        path = self.path / "test_openings.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def split_table(images: ImageSet, split: Split) -> pd.DataFrame:
    """One row an image, with the part it belongs to and its patient ('' where patients are unknown)."""
    part = np.full(len(images), "unused", dtype=object)
    for name, rows in (("train", split.train), ("validation", split.validation), ("test", split.test)):
        part[rows] = name
    return pd.DataFrame(
        {
            "row": np.arange(len(images)),
            "name": images.names.astype(object),
            "patient": images.patients.astype(object) if images.patients is not None else "",
            "label": images.labels,
            "class_name": np.array(images.class_names, dtype=object)[images.labels],
            "official": images.splits.astype(object),
            "split": part,
            "sha256": images.sha256.astype(object),
        }
    )


def check_free(path: Path) -> None:
    """Raises UserError where ``path`` is a file, holds a run, or holds anything else."""
    if path.is_file():
        raise UserError(f"--out {path} is a file; give a new folder")
    if (path / "run.json").exists():
        raise UserError(f"--out {path} holds another run; go on with it by `sweep resume {path}`, or give a new folder")
    if path.is_dir() and any(path.iterdir()):
        raise UserError(f"--out {path} is not empty and holds no run; give a new or empty folder")
