"""The network of another run as a start: ``run:RUN`` or ``run:RUN/TRIAL_ID``."""

from __future__ import annotations

import re
from pathlib import Path

from balancing.errors import UserError
from sweep.runs.folds import places_of
from sweep.runs.run import Run

PREFIX = "run:"
_TRIAL_ID = re.compile(r"[0-9a-f]{12}")


def network_file(weights: str) -> Path:
    """The file of the network that ``run:RUN`` names: of the baseline's chosen trials the best on validation.

    Args:
        weights: ``run:`` and a run folder, or with ``/`` and a trial's id behind it that trial.
    Raises:
        UserError: there is no such run or trial, none is chosen yet, or its network was not kept.
    """
    path = Path(weights.removeprefix(PREFIX)).expanduser()
    if not weights.removeprefix(PREFIX).strip():
        raise UserError(f"--weights {weights} names no run; write it as run:FOLDER, or run:FOLDER/TRIAL_ID")
    by_id = (
        not (path / "run.json").is_file() and _TRIAL_ID.fullmatch(path.name) and (path.parent / "run.json").is_file()
    )
    run = Run(path.parent if by_id else path)
    trial_id = path.name if by_id else _best_baseline(run)
    if trial_id not in {spec.trial_id for spec in run.specs()}:
        raise UserError(f"run {run.path} has no trial {trial_id}; its trials.json lists them")
    file = run.trial(trial_id).best
    if not file.is_file():
        raise UserError(
            f"run {run.path} did not keep the network of trial {trial_id}; only chosen trials keep theirs: give "
            f"run:{run.path} for the baseline's best"
        )
    return file


def _best_baseline(run: Run) -> str:
    chosen = [choice for choice in run.selection() if choice["technique"] == "baseline"]
    if places_of(run):
        raise UserError(
            f"run {run.path} is made of folds, each of which has networks of its own; name one, such as "
            f"run:{run.path}/folds/1"
        )
    if not chosen:
        raise UserError(
            f"run {run.path} has chosen no trial of the baseline, so that none stands for it; let it end "
            f"(`sweep resume {run.path}`), or name a trial: run:{run.path}/TRIAL_ID"
        )
    trials = run.trials()
    trials = trials[trials["trial_id"].isin(chosen[0]["trial_ids"])]
    by = str(chosen[0].get("metric", "balanced_accuracy"))
    known = trials[trials[by].notna()] if by in trials else trials.iloc[:0]
    if known.empty:
        raise UserError(f"run {run.path} has no result of its baseline; `sweep resume {run.path}` trains it again")
    return str(known["trial_id"].iloc[int(known[by].to_numpy(dtype=float).argmax())])
