"""What trackers are told of a run: read from its records alone, trial by trial, and only of those that changed.

No image, no name of a file, no path and no prediction is told, and no test split is opened for it: test numbers are
those of trials for which the run itself opened it.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from balancing.components.techniques import get_technique
from balancing.errors import UserError
from sweep.analysis.carried import trial_ledger
from sweep.analysis.results import Results
from sweep.analysis.statistics.folds import evaluated
from sweep.report.shared_names import data_name, own_places, shown_command, without_folders
from sweep.runs.confirming import fresh_ids
from sweep.runs.files import DamagedFile, read_json, stamp_of
from sweep.runs.folds import begun_folds, is_part, whole_path
from sweep.runs.run import Run
from sweep.runs.spec import TrialSpec
from sweep.runs.stages import first_of
from sweep.trackers.told_files import files_of

# Of what is told: a later version that tells more has all trials told anew.
_FORM = "1"
# Numbers of an epoch that say nothing of how training goes, or the same in every epoch.
_LEFT_OUT = {"epoch", "images", "steps", "images_per_second", "tp", "tn", "fp", "fn"}
_OF_TRAINING = {"train_loss": "train/loss", "seconds": "epoch_seconds"}


@dataclass(frozen=True)
class TrialTold:
    """A trial as a tracker has it: one of its runs.

    Args:
        key: the same in every call: the run's id and the trial's.
        name: ``technique lr=... seed=...``.
        state: of ``TrialFolder.status``.
        began, ended: seconds since 1970; 0.0 where that is not known, or not yet.
        parameters: the whole specification.
        tags: technique, axes, T, role, chosen, state, trial, versions.
        epochs: (number, seconds since 1970, metric -> value), in order.
        best: numbers of the best epoch on validation, and of the test split where the run opened it; by their names.
        best_epoch: 0 before there is one.
        digest: changes with whatever of the above may change.
    """

    key: str
    name: str
    state: str
    began: float
    ended: float
    parameters: Mapping[str, Any]
    tags: Mapping[str, str]
    epochs: Sequence[tuple[int, float, Mapping[str, float]]]
    best: Mapping[str, float]
    best_epoch: int
    digest: str


@dataclass(frozen=True)
class RunTold:
    """The sweep itself: what its trials stand under.

    Args:
        key, name, state: the run's id, its folder's name, and the status in run.json.
        began, ended: as of ``TrialTold``.
        tags: data, versions, what came out.
        files: name within the tracker -> where it lies, or its text.
        digest: changes with whatever of the above may change.
    """

    key: str
    name: str
    state: str
    began: float
    ended: float
    tags: Mapping[str, str]
    files: Mapping[str, Path | str]
    digest: str


@dataclass(frozen=True)
class Part:
    """A run, or one of the runs that it is made of, as it is at this moment.

    Args:
        place: ``first stage``, ``fold 2 of 5``; "" of a run of one.
        read: what is known of its files, see ``Told``.
    """

    run: Run
    place: str = ""
    read: dict[Path, tuple[Any, bytes]] = field(default_factory=dict)

    @cached_property
    def results(self) -> Results:
        """Its numbers."""
        return Results(self.run)

    @cached_property
    def specs(self) -> list[TrialSpec]:
        """Its planned trials."""
        return self.run.specs()

    @cached_property
    def fresh(self) -> set[str]:
        """Trials that confirm a configuration that was chosen before they trained."""
        return set(fresh_ids(self.run.path, self.run.info, self.specs))

    @cached_property
    def chosen(self) -> set[str]:
        """Trials that stand for their technique."""
        return {trial_id for one in self.run.selection() for trial_id in one["trial_ids"]}

    @cached_property
    def opened(self) -> set[str]:
        """Trials for which the run opened the test split."""
        return {str(trial_id) for one in self.run.test_openings() for trial_id in one.get("trials", [])}

    def digest(self, spec: TrialSpec) -> str:
        """Of a trial's records as they are."""
        folder, found = self.run.trial(spec.trial_id).path, hashlib.sha256(_FORM.encode())
        for name in ("status.json", "epochs.json"):
            found.update(self._sum(folder / name))
        tested = spec.trial_id in self.opened and (folder / "test.parquet").is_file()
        found.update(f"{spec.trial_id in self.chosen} {tested}".encode())
        return found.hexdigest()[:16]

    def _sum(self, path: Path) -> bytes:
        """Of a file's content, which is read again only where the file has changed."""
        stamp, known = stamp_of(path), self.read.get(path)
        if known is None or known[0] != stamp:
            known = stamp, hashlib.sha256(_bytes(path)).digest()
            self.read[path] = known
        return known[1]


class Told:
    """What can be told of a run now.

    Args:
        path: the run's folder; running, stopped or finished.
        read: file -> when it was changed, and the digest of its content; filled, for whoever looks again.
    Raises:
        UserError: it is none, or belongs to another, which is told of as a whole.
    """

    def __init__(self, path: Path | str, read: dict[Path, tuple[Any, bytes]] | None = None):
        self.run, self._read = Run(path), {} if read is None else read
        if is_part(self.run):
            raise UserError(f"{self.run.path} belongs to a run that is told of as a whole; give {whole_path(self.run)}")
        self.name = self.run.path.resolve().name

    def parts(self) -> list[Part]:
        """The runs that trials are of: of folds these, and of two stages both."""
        folds = [Part(run, str(place), self._read) for place, run in begun_folds(self.run).items()]
        if folds:
            return folds
        first = first_of(self.run)
        return [
            *([Part(first, "first stage", self._read)] if first is not None else []),
            Part(self.run, "", self._read),
        ]

    def trials(self) -> Iterator[tuple[Part, TrialSpec]]:
        """Every trial that has begun."""
        for part in self.parts():
            for spec in part.specs:
                if (part.run.trial(spec.trial_id).path / "status.json").is_file():
                    yield part, spec

    def key(self, part: Part, spec: TrialSpec) -> str:
        """Of a trial: the same in every call, whatever else changes."""
        return f"{part.run.info['id']}-{spec.trial_id}"

    def sweep(self) -> RunTold:
        """The sweep itself."""
        results = Results(self.run)
        info = results.info
        files = files_of(results)
        tags = {
            "run": str(info["id"]),
            "kind": "sweep",
            "status": str(info.get("status", "")),
            "data": data_name(info["data"]),
            "data_fingerprint": str(info["data"]["fingerprint"])[:16],
            "split_fingerprint": str(info["data"].get("split_fingerprint", "")),
            "class_names": ", ".join(info["data"]["class_names"]),
            "command": shown_command(str(info.get("command", ""))),
            "test_openings": str(sum(len(part.run.test_openings()) for part in self.parts())),
            **_versions(info.get("versions", {})),
            **self._answer(),
        }
        digest = hashlib.sha256(_FORM.encode())
        for key, value in sorted(tags.items()):
            digest.update(f"{key}={value}\0".encode())
        for name, file in sorted(files.items()):
            digest.update(name.encode() + (file.encode() if isinstance(file, str) else _bytes(file)))
        return RunTold(
            str(info["id"]),
            self.name,
            tags["status"],
            _seconds(info.get("created")),
            _seconds(info.get("finished")) if tags["status"] == "finished" else 0.0,
            tags,
            files,
            digest.hexdigest()[:16],
        )

    def _answer(self) -> dict[str, str]:
        """The report's answer in short, where there is a report."""
        try:
            found = read_json(self.run.path / "report" / "summary.json", dict)
        except (FileNotFoundError, DamagedFile):
            return {}
        return {"answer": str(found["headline"])} if found.get("headline") else {}

    def trial(self, part: Part, spec: TrialSpec) -> TrialTold:
        """All that is told of one trial."""
        folder = part.run.trial(spec.trial_id)
        digest, status, epochs = part.digest(spec), folder.status(), folder.epochs()
        began, numbered = _seconds(status.get("started")), []
        at = began
        for epoch in epochs:
            at += _number(epoch.get("seconds")) or 0.0
            numbered.append((int(epoch["epoch"]), at, _of_epoch(epoch)))
        best_epoch = int(status.get("best_epoch") or 0)
        best = next((epoch for epoch in epochs if epoch["epoch"] == best_epoch), {})
        return TrialTold(
            self.key(part, spec),
            f"{spec.technique} lr={spec.lr:.3g} seed={spec.seed}" + (f" ({part.place})" if part.place else ""),
            str(status["status"]),
            began,
            _seconds(status.get("finished")),
            _parameters(spec),
            self._tags(part, spec, status),
            numbered,
            {f"best/{n}": value for n, value in _of_epoch(best).items() if "/" in n} | self._test(part, spec),
            best_epoch,
            digest,
        )

    def _test(self, part: Part, spec: TrialSpec) -> dict[str, float]:
        """Of the test split, where the run opened it for this trial."""
        if spec.trial_id not in part.opened or spec.trial_id not in part.chosen:
            return {}
        found = part.results.predictions_of(spec.trial_id, "test")
        if found is None:
            return {}
        numbers = evaluated(found, part.results.positive)
        return {
            f"test/{name}": number
            for name, value in numbers.items()
            if name not in _LEFT_OUT and (number := _number(value)) is not None
        }

    def _tags(self, part: Part, spec: TrialSpec, status: Mapping[str, Any]) -> dict[str, str]:
        tags = {
            "run": str(self.run.info["id"]),
            "kind": "trial",
            "trial": spec.trial_id,
            "configuration": spec.configuration_id,
            "technique": spec.technique,
            "role": "confirming" if spec.trial_id in part.fresh else "exploring",
            "chosen": "yes" if spec.trial_id in part.chosen else "no",
            "status": str(status["status"]),
            **({"part": part.place} if part.place else {}),
            **_axes(spec),
            "T": _prior(part.results, spec, status),
            **_versions((status.get("trained_with") or [{}])[-1]),
        }
        if status.get("error"):
            tags["error"] = without_folders(str(status["error"]), own_places(part.results))[:500]
        return tags


def _axes(spec: TrialSpec) -> dict[str, str]:
    """``axis.loss: focal`` of each component."""
    try:
        found = {part.axis: part.name for part in get_technique(spec.technique).parts}
    except UserError:  # a technique that this version, or this machine, does not have
        found = {}
    return {f"axis.{axis}": str(name) for axis, name in (found | dict(spec.components)).items()}


def _prior(results: Results, spec: TrialSpec, status: Mapping[str, Any]) -> str:
    """T of the prior ledger, as designed: 0 keeps the training split's class frequencies, 1 takes them out."""
    ledger = trial_ledger(spec.technique, spec, results.class_counts("train"), status.get("plan_counts"), None)
    removed = None if ledger is None else ledger.removed
    return "unknown" if removed is None else f"{removed:.3g}"


def _versions(found: Mapping[str, Any]) -> dict[str, str]:
    return {f"version.{name}": str(found[name]) for name in ("balancing-act", "torch", "python") if name in found}


def _parameters(spec: TrialSpec) -> dict[str, Any]:
    """The specification, flat: ``parameters.gamma`` of what is the technique's own."""
    flat: dict[str, Any] = {"trial_id": spec.trial_id}
    for name, value in spec.to_dict().items():
        if name in ("parameters", "components"):
            flat |= {f"{name}.{own}": one for own, one in value.items()}
        else:
            flat[name] = ", ".join(map(str, value)) if isinstance(value, list | tuple) else value
    return {name: "none" if value is None else value for name, value in flat.items()}


def _of_epoch(epoch: Mapping[str, Any]) -> dict[str, float]:
    return {
        _OF_TRAINING.get(name, f"validation/{name}"): number
        for name, value in epoch.items()
        if name not in _LEFT_OUT and (number := _number(value)) is not None
    }


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)


def _seconds(time: Any) -> float:
    try:
        return datetime.fromisoformat(str(time)).timestamp()
    except ValueError:
        return 0.0


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""
