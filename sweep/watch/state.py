"""What a run folder says of a sweep that is under way, as plain values; nothing of the test split is read."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from sweep.analysis.names import display_name, in_order, metric_name
from sweep.hyperparameters import shown
from sweep.runs.files import stamp_of
from sweep.runs.folds import begun_folds, places_of
from sweep.runs.run import Run
from sweep.runs.spec import TrialSpec
from sweep.runs.stages import decision_of, first_of
from sweep.runs.trial_folder import may_be_best

# Epochs of the slowest trials among which the usual time of one is taken.
_RECENT = 200
_MOST_ERRORS = 20


@dataclass(frozen=True)
class TechniqueState:
    """How far a technique is.

    Args:
        best: the highest validation mean of its configurations so far, over the seeds that have a value; None before
            the first epoch. It is what would be chosen now: an interim number, too high by the luck of choosing.
        seeds: how many seeds that mean is of; of folds each counts in each.
        configuration: of that configuration, in words.
        curve: (epoch, mean over its seeds) on validation, ascending.
    """

    technique: str
    name: str
    planned: int
    ended: int
    running: int
    failed: int
    best: float | None
    seeds: int
    configuration: str
    curve: Sequence[tuple[int, float]]


@dataclass(frozen=True)
class RunState:
    """A run at a moment.

    Args:
        name: of its folder.
        status: of run.json.
        metric: the one configurations are chosen by, for people.
        counts: state -> trials; ``waiting``, ``running``, ``done``, ``stopped``, ``diverged``, ``failed``.
        seconds_left: as long as the epochs that are left take at the pace of those that ended; None where it can't be
            told, or where none is left.
        errors: (trial, technique, sentence) of those that failed, the last ones.
        damages: trials whose state can't be read, a sentence each.
    """

    name: str
    status: str
    metric: str
    counts: Mapping[str, int]
    trials: int
    techniques: Sequence[TechniqueState]
    seconds_left: float | None
    errors: Sequence[tuple[str, str, str]]
    damages: Sequence[str]

    def plain(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


class Watched:
    """A run folder that is read again and again: of each trial only what changed since.

    Args:
        path: a run folder.
    Raises:
        UserError: it is none.
    """

    def __init__(self, path: Path | str):
        self.run = Run(path)
        _ = self.run.info  # of no run folder one sentence, at once
        self._known: dict[str, tuple[Any, dict[str, Any], list[dict[str, Any]]]] = {}

    def state(self) -> RunState:
        """As it is now."""
        run = Run(self.run.path)
        info = run.info
        of_each = [(own, own.specs()) for own in _holders(run)]
        specs = [spec for _, own_specs in of_each for spec in own_specs]
        found = {spec.trial_id: self._trial(own, spec.trial_id) for own, own_specs in of_each for spec in own_specs}
        states = {trial_id: _state(status) for trial_id, (status, _) in found.items()}
        named = [h.name for h in shown(specs)]
        techniques = in_order(spec.technique for spec in specs)
        return RunState(
            run.path.resolve().name,
            str(info.get("status", "")),
            metric_name(specs[0].metric) if specs else "",
            dict(Counter(states.values())),
            len(specs),
            [_technique(name, [s for s in specs if s.technique == name], found, states, named) for name in techniques],
            _seconds_left(specs, found, states),
            [
                (spec.trial_id, spec.technique, str(found[spec.trial_id][0].get("error") or states[spec.trial_id]))
                for spec in specs
                if states[spec.trial_id] in ("failed", "diverged")
            ][-_MOST_ERRORS:],
            [str(status["damage"]) for status, _ in found.values() if "damage" in status][:_MOST_ERRORS],
        )

    def _trial(self, run: Run, trial_id: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        folder = run.trial(trial_id)
        stamp = tuple(stamp_of(folder.path / name) for name in ("status.json", "epochs.json"))
        known = self._known.get(trial_id)
        if known is None or known[0] != stamp:
            known = (stamp, folder.status(), folder.epochs())
            self._known[trial_id] = known
        return known[1], known[2]


def _holders(run: Run) -> list[Run]:
    """The runs whose trials are told of: the folds of one of folds; of two stages the first until it has decided."""
    if places_of(run):
        return list(begun_folds(run).values())
    first = first_of(run)
    return [run if first is None or decision_of(run) is not None else first]


def _state(status: Mapping[str, Any]) -> str:
    return str(status.get("status", "waiting"))


_Found = Mapping[str, tuple[Mapping[str, Any], Sequence[Mapping[str, Any]]]]


def _value(spec: TrialSpec, epochs: Sequence[Mapping[str, Any]]) -> float | None:
    """The highest validation value of the epochs that may be a trial's best."""
    values = [epoch[spec.metric] for epoch in epochs if may_be_best(epoch) and epoch.get(spec.metric) is not None]
    return max(map(float, values), default=None)


def _technique(
    name: str, specs: Sequence[TrialSpec], found: _Found, states: Mapping[str, str], named: Sequence[str]
) -> TechniqueState:
    by_configuration: dict[str, list[TrialSpec]] = {}
    for spec in specs:
        alike = replace(spec, split="", mean=0.0, std=1.0)  # in every fold
        by_configuration.setdefault(alike.configuration_id, []).append(spec)
    best: tuple[float, int, list[TrialSpec]] | None = None
    for own in by_configuration.values():
        values = [value for spec in own if (value := _value(spec, found[spec.trial_id][1])) is not None]
        if values and (best is None or statistics.fmean(values) > best[0]):
            best = statistics.fmean(values), len(values), own
    ends = Counter(states[spec.trial_id] for spec in specs)
    return TechniqueState(
        technique=name,
        name=display_name(name),
        planned=len(specs),
        ended=sum(count for state, count in ends.items() if state not in ("waiting", "running")),
        running=ends["running"],
        failed=ends["failed"] + ends["diverged"],
        best=None if best is None else best[0],
        seeds=0 if best is None else best[1],
        configuration="" if best is None else _in_words(best[2][0], named),
        curve=[] if best is None else _curve([found[spec.trial_id][1] for spec in best[2]], specs[0].metric),
    )


def _in_words(spec: TrialSpec, named: Sequence[str]) -> str:
    """``lr 0.001, epochs 3``: the shared hyperparameters, then the technique's own."""
    values = {name: getattr(spec, name) for name in named} | dict(spec.parameters)
    return ", ".join(
        f"{name} {value:.3g}" if isinstance(value, float) else f"{name} {value}" for name, value in values.items()
    )


def _curve(trials: Sequence[Sequence[Mapping[str, Any]]], metric: str) -> list[tuple[int, float]]:
    by_epoch: dict[int, list[float]] = {}
    for epochs in trials:
        for epoch in epochs:
            if epoch.get(metric) is not None:
                by_epoch.setdefault(int(epoch["epoch"]), []).append(float(epoch[metric]))
    return [(epoch, statistics.fmean(values)) for epoch, values in sorted(by_epoch.items())]


def _seconds_left(specs: Sequence[TrialSpec], found: _Found, states: Mapping[str, str]) -> float | None:
    """The median epoch's seconds times the epochs that are left, over as many trials as run at once."""
    seconds = [float(epoch["seconds"]) for _, epochs in found.values() for epoch in epochs][-_RECENT:]
    left = sum(
        spec.epochs - len(found[spec.trial_id][1]) for spec in specs if states[spec.trial_id] in ("waiting", "running")
    )
    at_once = sum(state == "running" for state in states.values())
    return statistics.median(seconds) * left / at_once if seconds and left and at_once else None
