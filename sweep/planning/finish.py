"""The record of a trial that was stopped; after all trials: selection, the opening of the test split, tidying up."""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Callable, Sequence
from typing import Protocol

from balancing.errors import UserError
from sweep.runs.events import SafeEvents
from sweep.runs.files import now
from sweep.runs.run import Run
from sweep.runs.selection import select
from sweep.runs.spec import TrialSpec

# How often chosen trials may turn out to have lost their networks before somebody is told.
_ROUNDS = 3


def record_stop(run: Run, spec: TrialSpec, epoch: int) -> str:
    """Records the end of a trial that early stopping ended; returns its state, done or stopped.

    Args:
        epoch: its last one; 0 where it was not begun.
    """
    ended = "done" if epoch >= spec.epochs else "stopped"
    folder = run.trial(spec.trial_id)
    folder.write_spec(spec)  # one that was not begun has none yet
    folder.write_status(ended, finished=now())
    folder.tidy()
    events_folder = run.events_folder(spec)
    if epoch and events_folder.exists():
        events = SafeEvents(events_folder)
        events.finish_trial(spec, folder, run.class_names)
        if events.error:
            folder.write_status(ended, events_error=events.error)
    return ended


class Tester(Protocol):
    """Where networks are looked at and the test split is predicted: on Ray's workers, or here."""

    def faults(self, trial_ids: Sequence[str]) -> dict[str, str]:
        """Trial id -> why its best network can't stand for its record; of those that can't."""

    def open_test(self, trial_ids: Sequence[str]) -> None:
        """Predicts the test split with the best networks of trials that have not done so."""


def sweep_until_whole(
    run: Run, metric: str, train: Callable[[], None], tester: Tester, say: Callable[[str], None]
) -> None:
    """Trains and selects; where a chosen trial's network is gone, that trial is trained again, and chosen anew.

    Args:
        metric: chooses, on validation.
        train: runs every trial that has not ended.
        say: shows a sentence.
    Raises:
        UserError: no trial ended with a result, or networks keep getting lost.
    """
    for _ in range(_ROUNDS):
        train()
        faults = finish(run, metric, tester)
        if not faults:
            return
        for trial_id, fault in faults.items():
            run.trial(trial_id).reopen(fault)
            say(f"Trial {trial_id} was chosen, but {fault}: it counts as not ended and is trained again.")
    run.update_info(status="failed")
    raise UserError(
        f"chosen trials of {run.path} keep losing their networks ({next(iter(faults.values()))}); make sure that "
        f"nothing else writes there, then `sweep resume {shlex.quote(str(run.path))}`"
    )


def finish(run: Run, metric: str, tester: Tester) -> dict[str, str]:
    """Chooses a configuration for each technique on validation, opens the test split for those, tidies up.

    Returns:
        Trial id -> why its network can't stand for its record, of the chosen trials; where there is one, the test split
        is not opened and nothing is tidied up.
    Raises:
        UserError: no trial ended with a result.
    """
    trials = run.trials()
    selection = [] if trials.empty or metric not in trials else select(trials, metric)
    if not selection:
        errors: list[str] = [] if trials.empty else trials["error"].dropna().tolist()
        reason = f" ({errors[0]})" if len(errors) else ""
        run.update_info(status="failed")
        raise UserError(f"no trial ended with a result{reason}; the records are in {run.path}")
    chosen = [trial_id for choice in selection for trial_id in choice["trial_ids"]]
    faults = tester.faults(chosen)
    if faults:
        return faults
    run.write_selection(selection)
    unopened = [trial_id for trial_id in chosen if not run.trial(trial_id).is_tested()]
    if unopened and sum(run.info["data"]["class_counts"]["test"]):
        run.record_test_opening(unopened)
        tester.open_test(unopened)
    # A failed trial may still be run by a resume, and then another configuration be chosen: keep its network.
    if not (trials["status"] == "failed").any():
        for trial_id in set(trials["trial_id"]) - set(chosen):
            run.guard()
            run.trial(trial_id).best.unlink(missing_ok=True)
    run.guard()
    shutil.rmtree(run.path / "ray", ignore_errors=True)  # Tune's own state: the records hold all that is needed
    run.update_info(status="finished", finished=now())
    return {}
