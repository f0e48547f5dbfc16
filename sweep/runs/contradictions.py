"""What no sweep writes, of records that have the right shape: each in a few words, "" where there is nothing of it."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from balancing.data.folds import MOST_FOLDS, MOST_REPEATS
from balancing.errors import UserError
from sweep.runs.spec import TrialSpec

_STATES = ("running", "interrupted", "failed", "finished", "done")
_PRECISIONS = (None, "float32", "bfloat16")


class OtherTrials(UserError):
    """run.json is of other data than the trials beside it, so one of the two belongs to another run."""


def of_run(info: Mapping[str, Any]) -> str:
    """Of run.json."""
    status = info.get("status", "running")
    if status not in _STATES:
        return f"status is {status!r}"
    if info.get("precision") not in _PRECISIONS:
        return f"precision is {info['precision']!r}"
    return _of_data(info["data"]) or _of_added(info.get("seeds_added", [])) or _of_folds(info)


def _of_data(data: Mapping[str, Any]) -> str:
    names, positive, shape = data["class_names"], data["positive"], data["shape"]
    if len(names) < 2 or len(set(names)) < len(names):
        return f"data.class_names are {names!r:.60}, not two or more different ones"
    if (positive is None and len(names) == 2) or (positive is not None and not 0 <= positive < len(names)):
        return f"data.positive is {positive}, no class's number"
    if len(shape) < 3 or min(shape) < 1 or shape[0] != data.get("images", shape[0]):
        return f"data.shape is {shape!r:.60}"
    for part, counts in data["class_counts"].items():
        if len(counts) != len(names) or min(counts) < 0:
            return f"data.class_counts.{part} is {counts!r:.60}, not a count of each class"
    return next((f"data.{key} is empty" for key in ("fingerprint", "split_fingerprint") if not data[key]), "")


def _of_added(entries: Sequence[Mapping[str, Any]]) -> str:
    if not all(entry["seeds"] for entry in entries):
        return "seeds_added holds no seeds"
    if any(entry["openings"] < 0 for entry in entries):
        return "seeds_added tells of fewer than no openings"
    seeds = [seed for entry in entries for seed in entry["seeds"]]
    return f"the seeds of seeds_added are {seeds!r:.60}, which do not rise" if not _rise(seeds) else ""


def _of_folds(info: Mapping[str, Any]) -> str:
    for key in ("folds", "fold"):
        told = info.get(key)
        if told is None:
            continue
        folds, repeats = told["folds"], told["repeats"]
        if not (2 <= folds <= MOST_FOLDS and 1 <= repeats <= MOST_REPEATS):
            return (
                f"it tells of {folds} folds and {repeats} repeats, where 2 to {MOST_FOLDS} and 1 to {MOST_REPEATS} "
                "can be"
            )
        if key == "fold" and not 1 <= told["number"] <= folds * repeats:
            return f"it is fold {told['number']} of {folds * repeats}"
    return ""


def check_own(path: Path, info: Mapping[str, Any], planned: Sequence[TrialSpec]) -> None:
    """Raises OtherTrials where the planned trials of a run's folder are of other data than its run.json tells of."""
    data, split = info["data"]["fingerprint"], info["data"]["split_fingerprint"]
    for what, own, trials in (
        ("images", data, {s.data for s in planned}),
        ("split", split, {s.split for s in planned}),
    ):
        other = next((name for name in sorted(trials) if not own.startswith(name)), None)
        if other is not None:
            raise OtherTrials(
                f"{path / 'run.json'} is damaged (the {what} are {own!r:.24}, but its trials' are {other!r:.24}), and "
                "nothing else tells what run it is; put it back, or start anew"
            )


def of_choices(choices: Sequence[Mapping[str, Any]], planned: Sequence[TrialSpec]) -> str:
    """Of selection.json, and of what confirming.json holds of it.

    Args:
        planned: of trials.json.
    """
    names = [choice["technique"] for choice in choices]
    if len(set(names)) < len(names):
        return "a technique is chosen twice"
    known = {spec.trial_id: spec for spec in planned}
    for choice in choices:
        spread = choice["spread"]
        if choice["mean"] is not None and not abs(choice["mean"]) <= 1:
            return f"the mean of {choice['technique']} is {choice['mean']:g}"
        if spread is not None and not 0 <= spread <= 2:
            return f"the spread of {choice['technique']} is {spread:g}"
        if choice.get("planned", len(choice["trial_ids"])) < len(choice["trial_ids"]):
            return f"of {choice['technique']} more trials speak than were planned"
        for part in (choice, *([choice["explored"]] if "explored" in choice else [])):
            if wrong := _of_trials(choice, part, known):
                return wrong
    return ""


def _of_trials(choice: Mapping[str, Any], part: Mapping[str, Any], known: Mapping[str, TrialSpec]) -> str:
    ids = part["trial_ids"]
    unknown = next((trial_id for trial_id in ids if trial_id not in known), None)
    if unknown is not None:
        return f"trials.json knows no trial {unknown!r:.60}"
    if len(set(ids)) < len(ids):
        return f"a trial of {choice['technique']} is there twice"
    trials = [known[trial_id] for trial_id in ids]
    if any((t.technique, t.configuration_id) != (choice["technique"], choice["configuration"]) for t in trials):
        return f"trials of {choice['technique']} are of another technique or configuration"
    if [trial.seed for trial in trials] != part["seeds"]:
        return f"the seeds of {choice['technique']} are not its trials'"
    return ""


def of_confirming(
    found: Mapping[str, Any],
    planned: Sequence[TrialSpec],
    added: Sequence[int],
    openings: Sequence[Mapping[str, Any]] = (),
) -> str:
    """Of confirming.json.

    Args:
        planned: of trials.json; [] where it was not written yet, or is lost.
        added: seeds that were added to the run when it had ended.
        openings: of the test split.
    """
    chosen, rounds = found["chosen"], found["rounds"]
    if not chosen:
        return "nothing is chosen"
    if any(choice["spec"]["technique"] != choice["technique"] for choice in chosen):
        return "a technique's trials are another's"
    specs = [TrialSpec.from_dict(choice["spec"]) for choice in chosen]
    for choice, spec in zip(chosen, specs, strict=True):
        if spec.configuration_id != choice["configuration"]:
            return f"the configuration of {spec.technique} is not that of its trial"
    if wrong := (of_choices(chosen, planned) if planned else "") or _of_templates(chosen, specs, planned):
        return wrong
    names, told = [spec.technique for spec in specs], ["look" in one for one in openings if one["trials"]]
    if told and bool(found.get("looks")) != any(told):
        return "looks are not what the test split was opened for"
    return _of_rounds(rounds, names, added) or _of_looks(found) or _of_plan(found, specs, planned, added)


def _of_templates(chosen: Sequence[Mapping[str, Any]], specs: Sequence[TrialSpec], planned: Sequence[TrialSpec]) -> str:
    ids, configurations = {spec.trial_id for spec in planned}, {spec.configuration_id for spec in planned}
    for choice, spec in zip(chosen, specs, strict=True):
        if not 0 <= spec.seed_index <= spec.seed:
            return f"the trial of {spec.technique} has seed {spec.seed_index} of {spec.seed}"
        if choice["trial_ids"] and spec.trial_id not in choice["trial_ids"]:
            return f"the trial of {spec.technique} is none of those that it was chosen by"
        if planned and (
            spec.trial_id not in ids if choice["trial_ids"] else spec.configuration_id not in configurations
        ):
            return f"trials.json has nothing of the configuration of {spec.technique}"
        if not choice["trial_ids"] and (choice["seeds"] or choice["mean"] is not None):
            return f"{spec.technique} was chosen by seeds of no trials"
    return ""


def _of_rounds(rounds: Sequence[Mapping[str, Any]], names: Sequence[str], added: Sequence[int]) -> str:
    if not rounds and not added:
        return "it holds no round of seeds"
    if any(not one["seeds"] or min(one["seeds"]) < 0 for one in rounds):
        return "a round has no seeds, or negative ones"
    seeds = [*(seed for one in rounds for seed in one["seeds"]), *added]
    if not _rise(seeds):
        return f"the seeds of its rounds are {seeds!r:.60}, which do not rise"
    before = list(names)
    for number, one in enumerate(rounds, 1):
        own = one["techniques"]
        if not set(own) <= set(names):
            return "a round is of techniques that were not chosen"
        if (
            not own
            or len(set(own)) < len(own)
            or not set(own) <= set(before)
            or (number == 1 and len(own) < len(names))
        ):
            return f"round {number} is not of techniques that still trained"
        before = own
    return ""


def _of_looks(found: Mapping[str, Any]) -> str:
    looks, rounds = found.get("looks", []), found["rounds"]
    if not _rise(looks) or min(looks, default=1) < 1:
        return "looks do not rise"
    if not looks:
        return f"it holds {len(rounds)} rounds and no looks" if len(rounds) > 1 else ""
    so_far = 0
    for number, one in enumerate(rounds):
        so_far += len(one["seeds"])
        if number >= len(looks) or so_far != looks[number]:
            return f"after {so_far} seeds there is no look"
    return ""


def _of_plan(
    found: Mapping[str, Any], specs: Sequence[TrialSpec], planned: Sequence[TrialSpec], added: Sequence[int]
) -> str:
    """What contradicts the planned trials: of which kind they are, and that fresh seeds are none that explored."""
    rounds = found["rounds"]
    per_technique: dict[str, set[str]] = {}
    for spec in planned:
        per_technique.setdefault(spec.technique, set()).add(spec.configuration_id)
    compared = any(len(own) > 1 for own in per_technique.values())
    if not found["alone"] and (rounds or compared):
        return "alone is false, where fresh seeds alone may speak"
    if found["alone"] and not rounds and planned and not compared:
        return "alone is true, where nothing was compared"
    of_rounds = {(name, seed) for one in rounds for name in one["techniques"] for seed in one["seeds"]}
    of_rounds |= {(spec.technique, seed) for spec in specs for seed in added}
    first = min(seed for _, seed in of_rounds)
    explored = [spec for spec in specs if any(choice["trial_ids"] for choice in found["chosen"])]
    if any(spec.seed_index >= first for spec in explored):
        return "its seeds are not fresh: they explored, too"
    known = {spec.configuration_id for spec in specs}
    for spec in planned:
        if spec.seed_index < first:
            continue
        if (spec.technique, spec.seed_index) not in of_rounds or spec.configuration_id not in known:
            return f"trials.json plans seed {spec.seed} of {spec.technique}, of which it tells nothing"
    for choice in found["chosen"]:
        base = next(spec.seed - spec.seed_index for spec in specs if spec.technique == choice["technique"])
        if any(seed - base >= first or seed < base for seed in choice["seeds"]):
            return f"{choice['technique']} was chosen by seeds that are fresh"
    return ""


def _rise(values: Sequence[int]) -> bool:
    return all(one < other for one, other in itertools.pairwise(values)) and min(values, default=0) >= 0
