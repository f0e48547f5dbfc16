"""A run of folds as numbers: the folds' test predictions put together, each image judged by the network that never saw
it, and every decision fitted within its fold."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from balancing.components.deciding import DecidedNetwork
from balancing.components.ledger import Ledger
from balancing.components.techniques import order_of
from sweep.analysis.names import display_name
from sweep.analysis.results import Results
from sweep.analysis.statistics.few_patients import PatientDraws, patient_draws
from sweep.analysis.statistics.folds import widening
from sweep.analysis.statistics.predictions import Predictions, TrialPredictions
from sweep.runs.folds import Place, begun_folds, places_of
from sweep.runs.run import Run
from sweep.runs.trial_folder import TrialFolder
from sweep.runs.trial_table import TrialRecord

# A seed of repeat r stands in tables as itself and r - 1 times this: one number, one set of networks.
REPEAT = 100_000


def results_of(run: Run, margin: float | None = None) -> Results:
    """A run's results: of folds, those of all folds together; ``margin`` as of ``Results``."""
    return FoldResults(run, margin) if places_of(run) else Results(run, margin)


class FoldResults(Results):
    """What came out of all folds of a run together; arguments and numbers as of ``Results``.

    For each technique and seed (of each repeat) the K networks' test predictions are one set over all images. Rates are
    of the pooled decisions. Scores of different networks are not comparable, so AUROC is the mean over folds.
    """

    @cached_property
    def folds(self) -> Mapping[Place, Results]:
        """The folds that have begun, in order; each is a run of its own."""
        found = {place: Results(run) for place, run in begun_folds(self.run).items()}
        for results in found.values():
            results.__dict__["decisions"] = self.decisions  # what is added to the run holds in every fold
        return found

    @cached_property
    def pooled(self) -> Mapping[Place, Results]:
        """The folds that are put together: of the repeats that are whole; else those of the first that are tested."""
        tested = {place: fold for place, fold in self.folds.items() if fold.predictions}
        counts = pd.Series([place.repeat for place in tested], dtype=int).value_counts()
        whole = {place: fold for place, fold in tested.items() if counts[place.repeat] == place.folds}
        if whole:
            return whole
        first = min((place.repeat for place in tested), default=1)
        return {place: fold for place, fold in tested.items() if place.repeat == first}

    @cached_property
    def predictions(self) -> tuple[TrialPredictions, ...]:
        """Of each technique and seed over the images of all folds, by technique (the registry's order), then seed."""
        return self._put_together(fold.predictions for fold in self.pooled.values())

    @cached_property
    def _of_networks(self) -> tuple[TrialPredictions, ...]:
        return self._put_together(fold._of_networks for fold in self.pooled.values())

    def _put_together(self, predictions: Iterable[Sequence[TrialPredictions]]) -> tuple[TrialPredictions, ...]:
        found: dict[tuple[str, int], dict[Place, TrialPredictions]] = {}
        for place, trials in zip(self.pooled, predictions, strict=True):
            for trial in trials:
                key = (trial.technique, trial.seed + (place.repeat - 1) * REPEAT)
                found.setdefault(key, {})[place] = trial
        wanted = pd.Series([place.repeat for place in self.pooled], dtype=int).value_counts()
        whole = []
        for (technique, seed), parts in found.items():
            if len(parts) < wanted[next(iter(parts)).repeat]:
                self._left_out.setdefault(f"{technique}, seed {seed % REPEAT}", _lacking(parts, self.pooled))
                continue
            whole.append(pooled(technique, seed, parts))
        return tuple(sorted(whole, key=lambda trial: (order_of(trial.technique), trial.technique, trial.seed)))

    def left_out(self) -> list[str]:
        """Why techniques, or seeds, are not among the pooled results, a sentence each."""
        _ = self.predictions
        own = [f"{_shown(name)} is left out of these results: {why}." for name, why in self._left_out.items()]
        return list(dict.fromkeys([*own, *(line for fold in self.folds.values() for line in fold.left_out())]))

    @cached_property
    def records(self) -> dict[str, TrialRecord]:
        """Trial id -> record, of all folds."""
        return {trial_id: record for fold in self.folds.values() for trial_id, record in fold.records.items()}

    @cached_property
    def _of_fold(self) -> dict[str, Results]:
        """Trial id -> the fold that it belongs to."""
        return {trial_id: fold for fold in self.folds.values() for trial_id in fold.records}

    @cached_property
    def _selection(self) -> list[dict[str, Any]]:
        """One entry a technique: all folds' chosen trials, and the mean of what they were chosen by."""
        chosen: dict[str, list[dict[str, Any]]] = {}
        for fold in self.folds.values():
            for choice in fold.selection():
                chosen.setdefault(choice["technique"], []).append(choice)
        return [_together(parts) for parts in chosen.values()]

    @cached_property
    def _test_openings(self) -> list[dict[str, Any]]:
        return [opening for fold in self.folds.values() for opening in fold.test_openings()]

    def later_openings(self) -> int:
        """How often a test part was opened again; see ``Results.later_openings``."""
        return sum(fold.later_openings() for fold in self.folds.values())

    @cached_property
    def _damages(self) -> list[str]:
        return [line for fold in self.folds.values() for line in fold.damages()]

    def trial(self, trial_id: str) -> TrialFolder:
        """The files of one trial, in its fold."""
        return self._of_fold[trial_id].trial(trial_id)

    def predictions_of(self, trial_id: str, part: str) -> Predictions | None:
        """One trial's predictions of its fold's own part."""
        return self._of_fold[trial_id].predictions_of(trial_id, part)

    def decided_network(self, trial_id: str, metric: str) -> DecidedNetwork | None:
        """As of ``Results``, of the trial's fold."""
        return self._of_fold[trial_id].decided_network(trial_id, metric)

    def ledger_of(self, trial_id: str, technique: str = "") -> Ledger | None:
        """As of ``Results``, by the class counts of the trial's fold."""
        return self._of_fold[trial_id].ledger_of(trial_id, technique)

    def class_counts(self, part: str) -> list[int]:
        """(C,) images of each class: of ``test`` all; of the others the mean over folds, rounded."""
        if part == "test" or not self.folds:
            return super().class_counts(part)
        return np.rint(np.mean([fold.class_counts(part) for fold in self.folds.values()], axis=0)).astype(int).tolist()

    def patient_draws(
        self, rows: np.ndarray, labels: np.ndarray, samples: int, rng: np.random.Generator
    ) -> PatientDraws:
        """As of ``Results``, with the variance that folds have."""
        return patient_draws(labels, self.patients_of(rows), samples, rng, widening(places_of(self.run)[0].folds))

    def _validations(self) -> dict[tuple[str, int], Predictions]:
        known = [trial for trial in self.predictions if trial.known_validation is not None]
        return {(trial.technique, trial.seed): trial.validation for trial in known}

    def fold_table(self) -> pd.DataFrame:
        """What each fold chose for each technique, and what came of it.

        Returns:
            One row a fold and technique: fold, repeat, technique, seeds, configuration, trial_id (of one seed of it),
            validation (mean over seeds, of the metric chosen by), the metric on the fold's test images (mean over
            seeds), and images (tested). Without what decides anew on another's trials, which has no configuration.
        """
        rows = []
        for place, fold in self.folds.items():
            test = fold.test_table()
            tested = test.groupby("technique")[self.metric].mean().to_dict() if len(test) else {}
            for choice in fold.selection():
                rows.append(
                    {
                        "fold": place.fold,
                        "repeat": place.repeat,
                        "technique": choice["technique"],
                        "seeds": len(choice["seeds"]),
                        "configuration": choice["configuration"],
                        "trial_id": choice["trial_ids"][0],
                        "validation": choice["mean"],
                        self.metric: tested.get(choice["technique"], np.nan),
                        "images": sum(fold.class_counts("test")),
                    }
                )
        columns = ["fold", "repeat", "technique", "seeds", "configuration", "trial_id", "validation", self.metric]
        return pd.DataFrame(rows, columns=[*columns, "images"])


def _shown(name: str) -> str:
    technique, comma, rest = name.partition(",")
    return display_name(technique) + comma + rest


def _lacking(parts: Mapping[Place, TrialPredictions], wanted: Iterable[Place]) -> str:
    repeat = next(iter(parts)).repeat
    missing = [str(place) for place in wanted if place.repeat == repeat and place not in parts]
    return f"it was not tested in {', '.join(missing)}"


def _together(parts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    spreads = [part["spread"] for part in parts if part["spread"] is not None]
    return {
        **parts[0],
        "trial_ids": [trial_id for part in parts for trial_id in part["trial_ids"]],
        "seeds": list(dict.fromkeys(seed for part in parts for seed in part["seeds"])),
        "mean": float(np.mean([part["mean"] for part in parts])),
        "spread": float(np.sqrt(np.mean(np.square(spreads)))) if spreads else None,
        "complete": all(part["complete"] for part in parts),
    }


def pooled(technique: str, seed: int, parts: Mapping[Place, TrialPredictions]) -> TrialPredictions:
    """The same technique and seed in several folds as one trial over the images of all.

    Args:
        parts: of folds of one repeat, whose test images are apart; those that validate may stand in several.
    """
    test = _pooled({place: part.test for place, part in parts.items()}, in_order=True)
    known = {place: part.known_validation for place, part in parts.items() if part.known_validation is not None}
    validation = _pooled(known) if len(known) == len(parts) else None
    return TrialPredictions(technique, seed, test, validation, parts=tuple(parts.values()))


def _pooled(parts: Mapping[Place, Predictions], *, in_order: bool = False) -> Predictions:
    folds = np.concatenate([np.full(len(part.rows), place.fold) for place, part in parts.items()])
    first = next(iter(parts.values()))

    def all_of(name: str) -> np.ndarray | None:
        found = [getattr(part, name) for part in parts.values()]
        return None if any(one is None for one in found) else np.concatenate(found)

    names = ("rows", "labels", "probabilities", "patients", "kept_logits", "log_odds")
    values: dict[str, Any] = {name: all_of(name) for name in names} | {"folds": folds}
    if in_order:
        order = np.argsort(values["rows"], kind="stable")
        values = {name: None if value is None else value[order] for name, value in values.items()}
    return replace(first, **values, of_folds=next(iter(parts)).folds)
