"""Fresh seeds confirm what exploring chose: what explores, what is chosen, which rounds of fresh seeds train.

The best of several configurations on validation is a little lucky there, and a few seeds are few to judge by. So the
chosen configuration of each technique trains anew with seeds that choosing never saw, and these alone speak.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pandas as pd

from balancing.errors import UserError
from sweep.config.size import FEWEST_SEEDS
from sweep.planning.space import explores, exploring_seeds
from sweep.runs.confirming import Confirming, Round
from sweep.runs.files import now
from sweep.runs.run import Run
from sweep.runs.selection import select
from sweep.runs.spec import TrialSpec
from sweep.runs.trial_table import TrialRecord, trial_table

if TYPE_CHECKING:
    from sweep.config.config import Config
    from sweep.planning.prepare import SweepInputs

# Looks at the answers of a sweep that stops when they stand.
LOOKS = 3


def exploring_specs(run: Run, config: Config, inputs: SweepInputs) -> list[TrialSpec]:
    """The trials that explore: those on record, else of the plan; [] of a search that has not begun."""
    seeds = exploring_seeds(config)
    recorded = [spec for spec in run.specs() if spec.seed_index < seeds]
    return recorded or (inputs.specs(config) if seeds and config.sweep.search == "grid" else [])


def planned_specs(config: Config, inputs: SweepInputs) -> tuple[list[TrialSpec], list[TrialSpec]]:
    """What a sweep will train, as far as that is known: trials that explore, and trials that confirm.

    The latter stand in for others: whichever configuration is chosen, they are as many, and a technique's take turns.
    """
    if not config.space.confirm:
        return inputs.specs(config), []
    seeds = range(config.space.confirm)
    if not explores(config):
        found = Confirming(tuple(_only_configurations(config, inputs)), alone=True)
        names = tuple(choice["technique"] for choice in found.chosen)
        return [], found.specs_of(Round(tuple(seeds), names, ""))
    exploring = inputs.specs(config)
    first: dict[str, dict[str, TrialSpec]] = {}
    for spec in exploring:
        first.setdefault(spec.technique, {}).setdefault(spec.configuration_id, spec)
    base = config.space.seeds
    return exploring, [
        replace(turns[number % len(turns)], seed=config.space.seed + base + number, seed_index=base + number)
        for number in seeds
        for turns in (list(own.values()) for own in first.values())
    ]


def chosen_of(run: Run, specs: Sequence[TrialSpec], metric: str) -> list[dict[str, Any]]:
    """The configuration that trials speak for, of each technique; see ``select``.

    Raises:
        UserError: none of them ended with a result.
    """
    folders = [(spec, run.trial(spec.trial_id)) for spec in specs]
    # Not of the run's own table, which says what is fresh: the record of that may be lost, and made anew by this.
    trials = trial_table(TrialRecord(spec, folder.status(), folder.epochs()) for spec, folder in folders)
    found = [] if trials.empty or metric not in trials else select(trials, metric)
    return found or _none_ended(run, trials)


def _none_ended(run: Run, trials: pd.DataFrame) -> list[dict[str, Any]]:
    errors: list[str] = [] if trials.empty else trials["error"].dropna().tolist()
    reason = f" ({errors[0]})" if errors else ""
    run.update_info(status="failed")
    raise UserError(f"no trial ended with a result{reason}; the records are in {run.path}")


def begun(run: Run, config: Config, inputs: SweepInputs) -> Confirming:
    """What exploring has chosen, and the fresh seeds: the first round, or all that trials.json tells of.

    Raises:
        UserError: no trial ended with a result.
    """
    explored = exploring_specs(run, config, inputs)
    if explored:
        chosen = with_specs(chosen_of(run, explored, config.sweep.metric), explored)
    else:
        chosen = _only_configurations(config, inputs)
    if not config.space.confirm:  # seeds were added
        return chosen_before(chosen, explored)
    found = Confirming(tuple(chosen), alone=True, looks=looks_of(config))
    start = config.space.seeds if explored else 0
    count = found.looks[0] if found.looks else config.space.confirm
    names = tuple(choice["technique"] for choice in chosen)
    first = Round(tuple(range(start, start + count)), names, now())
    return replace(found, rounds=(first, *_later_rounds(run, found, first)))


def chosen_before(chosen: Sequence[Mapping[str, Any]], specs: Sequence[TrialSpec]) -> Confirming:
    """What is confirmed by seeds that are added to a run that had none to confirm: the choices that it had made.

    Args:
        specs: its trials; where they compared configurations, fresh seeds alone speak.
    """
    own: dict[str, set[str]] = {}
    for spec in specs:
        own.setdefault(spec.technique, set()).add(spec.configuration_id)
    compared = any(len(configurations) > 1 for configurations in own.values())
    return Confirming(tuple(with_specs(chosen, specs)), alone=compared)


def _later_rounds(run: Run, found: Confirming, first: Round) -> list[Round]:
    """The rounds after the first of a run whose confirming.json is lost, by its plan: no look is made anew."""
    configuration = {choice["technique"]: choice["configuration"] for choice in found.chosen}
    trained: dict[int, list[str]] = {}
    for spec in run.specs():
        if configuration.get(spec.technique) == spec.configuration_id:
            trained.setdefault(spec.seed_index, []).append(spec.technique)
    start, later = first.seeds[0], []
    for before, until in itertools.pairwise(found.looks):
        seeds = range(start + before, start + until)
        names = tuple(name for name in first.techniques if all(name in trained.get(seed, ()) for seed in seeds))
        if not names:
            break
        later.append(Round(tuple(seeds), names, now()))
    return later


def with_specs(selection: Sequence[Mapping[str, Any]], specs: Sequence[TrialSpec]) -> list[dict[str, Any]]:
    """Choices, each with ``spec``, one of its trials'."""
    by_id = {spec.trial_id: spec for spec in specs}
    one = {choice["technique"]: by_id[choice["trial_ids"][0]] for choice in selection}
    # Earlier versions did not note by which metric a technique was chosen.
    return [{"metric": one[c["technique"]].metric, **c, "spec": one[c["technique"]].to_dict()} for c in selection]


def _only_configurations(config: Config, inputs: SweepInputs) -> list[dict[str, Any]]:
    """Of a space with one configuration a technique, as if it had been chosen."""
    one_seed = config.model_copy(update={"space": config.space.model_copy(update={"seeds": 1})})
    return [
        {
            "technique": spec.technique,
            "configuration": spec.configuration_id,
            "trial_ids": [],
            "seeds": [],
            "metric": spec.metric,
            "mean": None,
            "spread": None,
            "complete": True,
            "configurations": 1,
            "trials": 0,
            "spec": spec.to_dict(),
        }
        for spec in inputs.specs(one_seed)
    ]


def looks_of(config: Config) -> tuple[int, ...]:
    """Seeds of each technique at each look; () where nobody looks before the end."""
    most = config.space.confirm
    if not config.sweep.until_decided:
        return ()
    return tuple(sorted({max(min(FEWEST_SEEDS, most), -(-most * look // LOOKS)) for look in range(1, LOOKS + 1)}))


def next_round(found: Confirming, techniques: Sequence[str]) -> Round | None:
    """The fresh seeds after a look; None where it was the last one, or nothing is open.

    Args:
        techniques: that are open.
    """
    done = [one for one in found.rounds if not one.added]
    if len(done) >= len(found.looks) or not techniques:
        return None
    start = done[-1].seeds[-1] + 1
    more = found.looks[len(done)] - found.looks[len(done) - 1]
    return Round(tuple(range(start, start + more)), tuple(techniques), now())


def confirmed(run: Run, found: Confirming) -> list[dict[str, Any]]:
    """What selection.json holds of a run whose configurations are confirmed: the trials that speak, and what explored.

    Returns:
        As ``select``, with ``trial_ids``, ``seeds``, ``mean``, ``spread`` and ``complete`` of the trials that speak;
        ``planned``, how many were to; and where others explored, ``explored``: their trial_ids, seeds, mean and spread.
    Raises:
        UserError: no trial that was to speak ended with a result.
    """
    trials = run.trials()
    ended = trials[trials["status"].isin(("done", "stopped"))]
    fresh: dict[str, list[str]] = {}
    for spec in found.specs():
        fresh.setdefault(spec.technique, []).append(spec.trial_id)
    selection = []
    for choice in found.chosen:
        own = fresh.get(choice["technique"], [])
        speaking = own if found.alone else [*choice["trial_ids"], *own]
        values = ended[ended["trial_id"].isin(speaking) & ended[choice["metric"]].notna()]
        if values.empty:
            continue
        entry = {key: value for key, value in choice.items() if key != "spec"}
        metric = values[choice["metric"]]
        entry |= {
            "trial_ids": values["trial_id"].tolist(),
            "seeds": values["seed"].tolist(),
            "mean": float(metric.mean()),
            "spread": float(metric.std(ddof=1)) if len(values) > 1 else None,
            "complete": len(values) == len(speaking) and (found.alone or choice["complete"]),
            "planned": len(speaking),
            "trials": int((trials["technique"] == choice["technique"]).sum()),
        }
        if found.alone and choice["trial_ids"]:
            entry["explored"] = {key: choice[key] for key in ("trial_ids", "seeds", "mean", "spread")}
        selection.append(entry)
    return selection or _none_ended(run, trials)
