"""Which trials of a run are deployed: the best one, a technique's best, or all seeds of a technique's configuration."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from balancing.components.registry import Component
from balancing.errors import UserError, suggestion
from sweep.analysis.decided import parts_of
from sweep.analysis.folds import FoldResults, results_of
from sweep.analysis.maps.networks import best_trials
from sweep.analysis.names import gives_of
from sweep.analysis.results import Results
from sweep.runs.folds import Place
from sweep.runs.run import Run

BEST, ENSEMBLE = "best", "ensemble"


@dataclass(frozen=True)
class Choice:
    """What is deployed.

    Args:
        asked: as it was written.
        technique: by name, its decision included.
        trained: the technique whose trials they are; the same without a decision.
        decision: what decides on their answers; None for the most probable class.
        trial_ids, seeds: of the trials, by seed.
        results: what the run that they belong to says; of a run of folds one fold's.
        fold: of a run of folds, which.
    """

    asked: str
    technique: str
    trained: str
    decision: Component | None
    trial_ids: tuple[str, ...]
    seeds: tuple[int, ...]
    results: Results
    fold: Place | None = None

    @property
    def is_ensemble(self) -> bool:
        return len(self.trial_ids) > 1


def chosen(run: Run, what: str = BEST) -> Choice:
    """What is meant.

    Args:
        what: ``best``: the chosen trial with the highest selection metric on validation, of those techniques whose
            answers decide if any does; ``TECHNIQUE``: its best trial, also of one that decides anew on another's
            (``baseline+threshold``), where the run holds it; ``ensemble``: every seed of the configuration chosen for
            the technique with the highest mean on validation; ``ensemble:TECHNIQUE``: of that one.
            Of a run of folds the fold that this trial, or configuration, belongs to.
    Raises:
        UserError: nothing was chosen yet, or the run does not hold such a technique.
    """
    results = results_of(run)
    head, colon, technique = what.partition(":")
    together = head == ENSEMBLE
    if colon and (not together or not technique.strip()):
        raise UserError(f"'{what}' is none of best, TECHNIQUE, ensemble and ensemble:TECHNIQUE; give one of them")
    named = technique.strip() if together else ("" if what == BEST else what)
    trials = results.chosen_trials()
    if trials.empty:
        raise UserError(f"run {run.path} has chosen no trial yet; go on with it by `sweep resume {run.path}`")
    trained, decision = _trained(results, trials, named)
    found = _valued(results)
    if trained:
        found = found[found["technique"] == trained]
    else:
        decides = found[[gives_of(name) != "scores" for name in found["technique"]]]
        found = decides if len(decides) else found
    if found.empty:  # damaged records have no number
        raise UserError(f"no chosen trial of run {run.path} has a number on validation; `sweep resume {run.path}`")
    found = found.assign(fold=[_fold_number(results, trial_id) for trial_id in found["trial_id"]])
    if together:
        means = found.groupby(["technique", "fold"], sort=False)["value"].mean()
        name, number = means.index[int(means.to_numpy().argmax())]
        found = found[(found["technique"] == name) & (found["fold"] == number)].sort_values("seed")
    else:
        ranked = best_trials(results)  # of equal ones the same as in the report's maps
        ranked = ranked[ranked["trial_id"].isin(found["trial_id"])]
        row = ranked.iloc[int(ranked["value"].to_numpy().argmax())]
        found = found[found["trial_id"] == row["trial_id"]]
    own = str(found["technique"].iloc[0])
    place, of_fold = _fold_of(results, int(found["fold"].iloc[0]))
    return Choice(
        what,
        named or own,
        own,
        decision,
        tuple(map(str, found["trial_id"])),
        tuple(map(int, found["seed"])),
        of_fold,
        place,
    )


def _trained(results: Results, trials: pd.DataFrame, named: str) -> tuple[str, Component | None]:
    """The technique that trained, and what decides anew on it; "" where none was named."""
    known = list(dict.fromkeys(trials["technique"]))
    if not named or named in known:
        return named, None
    if named in results.decisions:
        decides_on, decision = parts_of(named)
        if decides_on in known:
            return decides_on, decision
    every = [*known, *results.decisions]
    message = f"the run has no chosen trial of technique '{named}'{suggestion(named, every)}"
    base, plus, _ = named.rpartition("+")
    if plus and base in known:
        message += f" (where it is a decision, `sweep report {results.path} --decisions {named}` adds it)"
    raise UserError(message)


def _valued(results: Results) -> pd.DataFrame:
    """The chosen trials with ``value``, the number that each was chosen by."""
    trials = results.chosen_trials()
    trials = trials.assign(value=[row[row["metric"]] for _, row in trials.iterrows()])
    return trials[trials["value"].notna()]


def _fold_number(results: Results, trial_id: str) -> int:
    """0 of a run of one split."""
    if not isinstance(results, FoldResults):
        return 0
    return next(place.number for place, fold in results.folds.items() if trial_id in fold.records)


def _fold_of(results: Results, number: int) -> tuple[Place | None, Results]:
    if not isinstance(results, FoldResults):
        return None, results
    return next((place, fold) for place, fold in results.folds.items() if place.number == number)
