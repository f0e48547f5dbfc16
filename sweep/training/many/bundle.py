"""A bundle of head trials, trained in one process: each with its own record, its own failure and its own retries."""

from __future__ import annotations

import time
import traceback
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import torch

from sweep.runs.events import SafeEvents
from sweep.runs.files import now
from sweep.runs.observer import Observer, tell
from sweep.runs.owner import NotOwner
from sweep.runs.run import Run
from sweep.runs.spec import TrialSpec
from sweep.runs.trial_folder import TrialFolder
from sweep.training.attempt import TooLong, begin_attempt, check_time, last_line, train_with_events
from sweep.training.inputs import SplitImages
from sweep.training.many.fitting import fits
from sweep.training.many.rows import Standard
from sweep.training.many.together import NotOneStep, train_together
from sweep.training.trial import Trial

# The key of a bundle's report to who started it: how some of its trials ended.
BUNDLE = "trials"


@dataclass(frozen=True)
class Group:
    """Seeds of one configuration that have their places in one product.

    Args:
        planned: all of them, those that have ended too.
        waiting: trial ids of those to train.
    """

    planned: tuple[TrialSpec, ...]
    waiting: tuple[str, ...]

    @property
    def to_train(self) -> list[TrialSpec]:
        return [spec for spec in self.planned if spec.trial_id in self.waiting]

    def to_dict(self) -> dict[str, Any]:
        return {"planned": [spec.to_dict() for spec in self.planned], "waiting": list(self.waiting)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Group:
        return cls(tuple(TrialSpec.from_dict(each) for each in values["planned"]), tuple(values["waiting"]))


@dataclass(frozen=True)
class Ended:
    """How a trial of a bundle ended.

    Args:
        epochs: its best epoch's numbers and its last one's; none where it has none.
    """

    trial_id: str
    state: str
    error: str = ""
    epochs: tuple[Mapping[str, Any], ...] = ()

    @classmethod
    def of(cls, folder: TrialFolder) -> Ended:
        """By the trial's record."""
        status, epochs = folder.status(), folder.epochs()
        best = [epoch for epoch in epochs if epoch["epoch"] == status.get("best_epoch")]
        told = tuple(epoch for epoch in (*best, *epochs[-1:]))
        return cls(folder.path.name, status["status"], status.get("error") or "", told)

    def tell(self, observer: Observer) -> None:
        """What an observer would have heard meanwhile, and the end."""
        for epoch in self.epochs:
            tell(observer.epoch, self.trial_id, epoch)
        tell(observer.ended, self.trial_id, self.state, self.error)

    def to_dict(self) -> dict[str, Any]:
        return {"trial_id": self.trial_id, "state": self.state, "error": self.error, "epochs": list(self.epochs)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Ended:
        return cls(values["trial_id"], values["state"], values["error"], tuple(values["epochs"]))


@dataclass(frozen=True)
class Workplace:
    """Where bundles train.

    Args:
        run: whose trials.
        images: with vectors.
        clean: makes the process as good as new, and says where to train.
        retries: how often a trial that failed is tried again.
        resume_seconds: least time between two files to go on from.
        limit: seconds that a trial may take without interruption; None for no limit.
        events: whether trials have event files.
        started: told a trial's id when it begins.
        ended: told how each trial ended.
        check: called after each epoch; may raise to stop everything.
        start: which start of the sweep this is; tries of an earlier one don't count.
    """

    run: Run
    images: SplitImages
    clean: Callable[[], torch.device]
    retries: int
    resume_seconds: float
    limit: float | None
    events: bool
    started: Callable[[str], None]
    ended: Callable[[Ended], None]
    check: Callable[[], None] = lambda: None
    start: str = field(default_factory=lambda: uuid.uuid4().hex[:12])

    @cached_property
    def standard(self) -> Standard:
        """The vectors of the images, once for all trials."""
        return Standard.of(self.images, self.clean())

    def tries(self, trial_id: str) -> int:
        """How often this start has begun to train it."""
        status = self.run.trial(trial_id).status()
        return int(status.get("tries", 0)) if status.get("start") == self.start else 0

    def begin(self, trial_id: str) -> TrialFolder:
        """One more try."""
        tries, folder = self.tries(trial_id) + 1, self.run.trial(trial_id)
        begin_attempt(folder, start=self.start, tries=tries)
        self.started(trial_id)
        return folder

    def fail(self, trial_id: str, message: str, text: str = "") -> None:
        """Records that a trial failed, and goes on."""
        folder = self.run.trial(trial_id)
        folder.write_error(text or message)
        folder.write_status("failed", error=message, finished=now(), start=self.start)
        self.ended(Ended.of(folder))

    def checked(self) -> Callable[[], None]:
        """What is called after each epoch of trials that begin now."""
        began = time.monotonic()

        def check() -> None:
            self.check()
            check_time(time.monotonic() - began, self.limit)

        return check


def train_bundle(groups: Sequence[Group], place: Workplace) -> None:
    """Every trial of the groups that has not ended, to its end.

    A trial that raises is tried again by itself, and recorded as failed after its retries; so is one whose worker was
    lost while it trained, since whoever trains along with it would be lost again.

    Raises:
        NotOwner: the run has another owner.
    """
    for group in groups:
        place.clean()
        left = [spec for spec in group.to_train if _is_left(spec, place)]
        again = [spec for spec in left if place.tries(spec.trial_id)]
        new = [spec for spec in left if spec not in again]
        failed: dict[str, Exception] = {}
        if new and fits(new[0]):
            failed = _at_once(group.planned, new, place)
            new = [spec for spec in new if spec.trial_id in failed]
        for spec in (*new, *again):
            _alone(group.planned, spec, failed.get(spec.trial_id), place)


def _is_left(spec: TrialSpec, place: Workplace) -> bool:
    """Whether a trial is still to train: not where it ended, or failed, in an earlier life of the bundle."""
    folder, trial_id = place.run.trial(spec.trial_id), spec.trial_id
    if not folder.fault():
        folder.tidy()
        place.ended(Ended.of(folder))
        return False
    status, tries = folder.status(), place.tries(trial_id)
    if tries and status["status"] == "failed":
        place.ended(Ended.of(folder))
        return False
    if tries > place.retries:
        times = f"{tries} times" if tries > 1 else "once"
        place.fail(trial_id, f"the worker was lost {times} while it trained")
        return False
    return True


def _at_once(planned: Sequence[TrialSpec], specs: Sequence[TrialSpec], place: Workplace) -> dict[str, Exception]:
    """Trains new trials together; returns what those failed by that are to be tried again, or by ``Trial``."""
    folders = {spec.trial_id: place.begin(spec.trial_id) for spec in specs}
    try:
        found = train_together(
            planned,
            folders,
            place.images,
            place.standard,
            check=place.checked(),
            resume_seconds=place.resume_seconds,
        )
    except NotOwner:
        raise
    except Exception as error:  # one of them, or all: each by itself will tell
        found = {trial_id: error for trial_id in folders if place.run.trial(trial_id).fault()}
    failed = {}
    for spec in specs:
        how = found.get(spec.trial_id, "")
        if isinstance(how, TooLong):
            place.fail(spec.trial_id, last_line(how))
        elif isinstance(how, Exception):
            failed[spec.trial_id] = how
        else:
            _draw(spec, place)
            place.ended(Ended.of(folders[spec.trial_id]))
    return failed


def _alone(planned: Sequence[TrialSpec], spec: TrialSpec, failed: Exception | None, place: Workplace) -> None:
    """One trial to its end; ``failed``: what its try among others ended by."""
    trial_id, by_trial = spec.trial_id, not fits(spec) or isinstance(failed, NotOneStep)
    folder = place.run.trial(trial_id)
    error = None if by_trial else failed
    tries = 0 if by_trial and failed is not None else place.tries(trial_id)
    while tries <= place.retries:
        folder, error, tries = place.begin(trial_id), None, tries + 1
        try:
            if by_trial:
                _by_trial(spec, folder, place)
            else:
                how = train_together(
                    planned,
                    {trial_id: folder},
                    place.images,
                    place.standard,
                    check=place.checked(),
                    resume_seconds=place.resume_seconds,
                )[trial_id]
                if isinstance(how, Exception):
                    raise how
                _draw(spec, place)
            break
        except NotOwner:
            raise
        except NotOneStep:
            by_trial, tries = True, tries - 1
        except Exception as raised:
            if not folder.fault():  # it had ended before something beside it went wrong
                break
            error = raised
            if isinstance(raised, TooLong):
                break
    if error is not None:
        place.fail(trial_id, last_line(error), "".join(traceback.format_exception(error)))
        return
    place.ended(Ended.of(folder))


def _by_trial(spec: TrialSpec, folder: TrialFolder, place: Workplace) -> None:
    """One trial by ``Trial``."""
    check = place.checked()
    trial = Trial(spec, place.images, folder, device=place.standard.device, held=True)
    events = SafeEvents(place.run.events_folder(spec) if place.events else None)

    def report(numbers: Mapping[str, Any]) -> None:
        if numbers["epoch"] < spec.epochs:
            check()

    train_with_events(trial, events, report, place.resume_seconds)


def _draw(spec: TrialSpec, place: Workplace) -> None:
    """The event files of a trial that has ended, where they are wanted."""
    if not place.events:
        return
    folder, events = place.run.trial(spec.trial_id), SafeEvents(place.run.events_folder(spec))
    for numbers in folder.epochs():
        events.epoch({name: float("nan") if value is None else value for name, value in numbers.items()})
    events.finish_trial(spec, folder, place.images.class_names)
    if events.error:
        folder.write_status(folder.status()["status"], events_error=events.error)
