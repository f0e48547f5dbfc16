"""One reader of results: of a run's folder, each file read once, or of plain arrays of predictions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from balancing.components.techniques import order_of
from balancing.errors import UserError, suggestion
from balancing.metrics import METRICS, can_tell
from sweep.analysis.arrays import split_of_arrays, trials_of_arrays
from sweep.analysis.decided import asked_for, decided, parts_of
from sweep.analysis.judged import JudgedReader, checked_margin
from sweep.analysis.looks import differences_by_looks
from sweep.analysis.names import SHOWN_METRICS, display_name, gives_of, in_order
from sweep.analysis.reader import PREDICTED, part_of_split
from sweep.analysis.statistics import paired
from sweep.analysis.statistics.bootstrap import SAMPLES
from sweep.analysis.statistics.folds import evaluated
from sweep.analysis.statistics.predictions import Predictions, TestSet, TrialPredictions
from sweep.runs.run import Run

_SEED = 0  # of the bootstrap; the sections that are given a generator of their own use the same


class Results(JudgedReader):
    """What came out of a comparison, as it was when first looked at: for reading alone.

    Args:
        run: whose folder is read; every file once, so that a trial that ends meanwhile makes no two tables disagree.
        margin: within what a difference to the baseline does not matter; by default what the run's configuration says.
    """

    def __init__(self, run: Run | None, margin: float | None = None):
        super().__init__(run, margin)
        self._resampled: dict[str, dict[tuple[str, int], paired.Resampled]] = {}
        self._tables: dict[tuple[str, str, float], pd.DataFrame] = {}
        self._left_out: dict[str, str] = {}

    @classmethod
    def of_run(cls, path: Path | str) -> Results:
        """Of a run's folder; of a run of folds those of all folds together.

        Raises:
            UserError: it is none.
        """
        of = import_module("sweep.analysis.folds").results_of  # made of this class, so it can't be imported here
        found: Results = of(Run(Path(path).absolute()))
        return found

    @classmethod
    def from_predictions(
        cls,
        labels: Sequence[int] | np.ndarray,
        predictions: Mapping[str, Any],
        *,
        patients: Sequence[Any] | np.ndarray | None = None,
        class_names: Sequence[str] | None = None,
        positive: int | str | None = None,
        validation: tuple[Any, Mapping[str, Any]] | None = None,
        metric: str = "balanced_accuracy",
    ) -> Results:
        """Of plain arrays: no run folder, no training.

        Args:
            labels: (N,) int, true classes 0..C-1 of the test images.
            predictions: technique -> (S, N, C) float: of each of S seeds the class probabilities (rows sum to 1) or,
                where a value lies outside 0..1, the logits, by which AUROC and average precision then rank. The
                technique ``baseline`` is what others are compared with, seed by seed.
            patients: (N,) ids; images of one patient share one. None: each image is a patient.
            class_names: (C,); ``class 0``, ``class 1`` ... by default.
            positive: index or name of the class that is looked for; needed for two classes, None for more.
            validation: ((V,) labels, technique -> (S, V, C)) of the same networks, where thresholds and temperatures
                are fitted; only needed there.
            metric: one of ``balancing.metrics.SELECTABLE``, which differences are of unless another is asked for.
        Raises:
            UserError: shapes, labels or probabilities don't fit, or two classes without a positive one.
        """
        given = trials_of_arrays(labels, predictions, patients, class_names, positive, validation, metric)
        found = cls(None)
        found.__dict__ |= {
            "class_names": given.class_names,
            "positive": given.positive,
            "metric": metric,
            "_of_networks": given.trials,
            "_split": split_of_arrays(given),
        }
        return found

    @cached_property
    def metric(self) -> str:
        """The metric that configurations were chosen by, on validation; those of scores by AUROC whatever it is."""
        asked = [(chosen["technique"], chosen["metric"]) for chosen in self.selection() if "metric" in chosen]
        asked += [(spec.technique, spec.metric) for spec in self.specs()]
        of_decisions = [metric for technique, metric in asked if gives_of(technique) != "scores"]
        return str((of_decisions or [metric for _, metric in asked] or ["balanced_accuracy"])[0])

    @cached_property
    def _chosen(self) -> pd.DataFrame:
        trials = self.trials()
        ids = [trial_id for chosen in self.selection() for trial_id in chosen["trial_ids"]]
        if not ids or trials.empty:
            return trials.iloc[:0]
        trials = trials[trials["trial_id"].isin(ids)]
        rank = {name: i for i, name in enumerate(in_order(trials["technique"]))}
        order = trials["technique"].map(rank)
        return trials.assign(_rank=order).sort_values(["_rank", "seed"]).drop(columns="_rank").reset_index(drop=True)

    def chosen_trials(self) -> pd.DataFrame:
        """The rows of ``trials()`` that stand for their technique: every seed of the configuration chosen.

        Ordered by technique (the registry's order), then seed; empty before selection.
        """
        return self._chosen.copy()

    @cached_property
    def _damages(self) -> list[str]:
        """Chosen trials whose predictions are of other images among them."""
        _ = self.predictions
        return [*self.run.damages(), *self._misfits]

    @cached_property
    def predictions(self) -> tuple[TrialPredictions, ...]:
        """Of each chosen trial whose test split was opened, as its network says and as ``decisions`` decide on it.

        By technique (the registry's order), then seed. A technique that decides anew has the configuration that was
        chosen for the one it decides on, and its decision is fitted on validation, seed by seed.
        """
        trained = self._of_networks
        found = [*trained, *(trial for name in self.decisions for trial in self._decided(name, trained))]
        return tuple(sorted(found, key=lambda trial: order_of(trial.technique)))

    def _decided(self, name: str, trained: Sequence[TrialPredictions]) -> list[TrialPredictions]:
        """Of a technique that decides anew; [] where it can't, which ``left_out`` then tells."""
        decides_on, decision = parts_of(name)
        found = []
        for trial in trained:
            if trial.technique == decides_on and trial.known_validation is not None:
                ledger = self.ledger_of(trial.trial_id)
                prior = None if ledger is None else ledger.prior
                network = self.decided_network(trial.trial_id, self.metric)
                try:
                    found.append(decided(trial, name, decision, self.decisions[name], prior, network))
                except UserError as error:
                    self._left_out[name] = str(error)
                    return []
        return found

    def with_decisions(self, decisions: str | Sequence[str]) -> Results:
        """These results, and techniques that decide anew on the trials of those that are here, without any training.

        Args:
            decisions: names of decisions, each of which then decides on every technique (``threshold``), or of one on
                one technique (``smote+threshold``); as text apart by commas. Their parameters are the defaults.
        Returns:
            Others: in them ``smote+threshold`` is a technique as any other, also in adjusted p-values. A run's folder
            does not change.
        Raises:
            UserError: there is no such decision or technique, there are no validation predictions to fit on, or a
                decision can decide on none of the techniques that were meant.
        """
        trained = self._of_networks
        asked = asked_for(decisions, list(dict.fromkeys(trial.technique for trial in trained)))
        if self._run is None and any(trial.known_validation is None for trial in trained):
            raise UserError(
                "decisions are fitted on validation predictions, but these results hold none; give `validation=` "
                "beside the test predictions"
            )
        found = type(self)(self._run, self._margin)
        if self._run is None:
            kept = ("class_names", "positive", "metric", "_split", "_of_networks")
            found.__dict__ |= {name: self.__dict__[name] for name in kept}
        new = {name: own for names in asked.values() for name, own in names.items()}
        found.__dict__["decisions"] = {**self.decisions, **{n: new[n] for n in new if n not in self.decisions}}
        made = {trial.technique for trial in found.predictions}
        for written, names in asked.items():
            if not made & set(names):
                nothing = f"there is nothing that {written} could decide on: no tested trial has validation predictions"
                raise UserError(next((found._left_out[name] for name in names if name in found._left_out), nothing))
        return found

    def left_out(self) -> list[str]:
        """Why techniques that decide anew are not among the results, a sentence each."""
        _ = self.predictions
        return [f"{display_name(name)} is left out of these results: {why}." for name, why in self._left_out.items()]

    @cached_property
    def _of_networks(self) -> tuple[TrialPredictions, ...]:
        found = []
        for trial in self._chosen.itertuples():
            trial_id = str(trial.trial_id)
            test = self.predictions_of(trial_id, "test")
            if test is not None:
                validation = self.predictions_of(trial_id, "validation")
                found.append(TrialPredictions(str(trial.technique), int(str(trial.seed)), test, validation, trial_id))
        return tuple(found)

    @cached_property
    def test_set(self) -> TestSet | None:
        """Those of ``predictions`` that have validation predictions, on the same test rows.

        None where there are none.

        Raises:
            UserError: predictions were given as plain arrays, without validation.
            ValueError: two trials were tested on different rows.
        """
        trials = [trial for trial in self.predictions if trial.known_validation is not None]
        if not trials and self._run is None:
            _ = [trial.validation for trial in self.predictions]
        return TestSet(trials) if trials else None

    @cached_property
    def probability_set(self) -> TestSet | None:
        """Those of ``test_set`` whose answers are probabilities: what calibration and net benefit may be asked of.

        None where there are none.
        """
        trials = [trial for trial in self.test_set or () if trial.gives == "probabilities"]
        return TestSet(trials) if trials else None

    def without(self, number: str) -> list[str]:
        """The tested techniques whose answers have no such number (``balancing.metrics.can_tell``), in order."""
        return list(dict.fromkeys(t.technique for t in self.predictions if not can_tell(t.gives, number)))

    @cached_property
    def _test_table(self) -> pd.DataFrame:
        rows = []
        for trial in self.predictions:
            numbers = evaluated(trial.test, self.positive)
            named = {"technique": trial.technique, "seed": trial.seed, "trial_id": trial.trial_id}
            rows.append({**named, **numbers})
        return pd.DataFrame(rows, columns=None if rows else ["technique", "seed", "trial_id", *SHOWN_METRICS])

    def test_table(self) -> pd.DataFrame:
        """Every chosen trial on the test split.

        Returns:
            One row a technique and seed: technique, seed, trial_id, and the numbers of ``balancing.metrics.evaluate``,
            NaN where the technique's answers have none (``balancing.metrics.can_tell``).
            Trials for which the test split was not opened are missing.
        """
        return self._test_table.copy()

    def resampled(self, part: str = "test") -> dict[tuple[str, int], paired.Resampled]:
        """(technique, seed) -> the chosen trial on a part, ``test`` or ``validation``, under 2,000 draws of patients.

        Techniques in order. On validation AUROC is left out unless configurations were chosen by it.
        """
        if part_of_split(part, PREDICTED) not in self._resampled:
            if part == "test":
                known = {(trial.technique, trial.seed): trial.test for trial in self.predictions}
            else:
                known = self._validations()
            areas = part == "test" or self.metric == "auroc"
            self._resampled[part] = paired.resample(known, self.positive, _SEED, SAMPLES, areas=areas)
        return self._resampled[part]

    def _validations(self) -> dict[tuple[str, int], Predictions]:
        if self._run is None:
            return {(trial.technique, trial.seed): trial.validation for trial in self.predictions}
        found = {}
        for trial in self._chosen.itertuples():
            own = self.predictions_of(str(trial.trial_id), "validation")
            if own is not None:
                found[str(trial.technique), int(str(trial.seed))] = own
        return found | {(t.technique, t.seed): t.validation for t in self.predictions if t.technique in self.decisions}

    def table(self) -> pd.DataFrame:
        """Each technique on the test split, at the configuration chosen for it.

        Returns:
            One row a technique, in the registry's order: technique, seeds, and of each metric its mean over seeds,
            ``<metric>_low`` and ``<metric>_high`` (95 % interval, patients and seeds) and ``<metric>_sd`` (over seeds,
            ddof 1; NaN for one). Empty where the test split was not opened.
        """
        intervals = self.intervals().set_index(["technique", "metric"])
        parts = {"": "mean", "_low": "low", "_high": "high", "_sd": "seed_sd"}
        rows = []
        for technique in dict.fromkeys(name for name, _ in intervals.index):
            own = intervals.loc[technique]
            row = {"technique": technique, "seeds": int(own["seeds"].iloc[0])}
            rows.append(row | {f"{m}{end}": own.loc[m, name] for m in SHOWN_METRICS for end, name in parts.items()})
        return pd.DataFrame(rows, columns=None if rows else ["technique", "seeds", *SHOWN_METRICS])

    def _remembered(self, kind: str, metric: str, margin: float = 0.0) -> pd.DataFrame:
        if metric not in METRICS:
            raise UserError(f"unknown metric {metric!r}{suggestion(str(metric), METRICS)}")
        key = (kind, metric, margin)
        if key not in self._tables:
            known, positive = self.resampled(), self.positive
            if kind == "seeds":
                self._tables[key] = paired.seed_differences(known, metric, positive)
            else:
                found = self.confirming if metric == self.metric else None
                openings = self.test_openings() if found is not None else []
                self._tables[key] = differences_by_looks(known, metric, positive, margin, found, openings)
        return self._tables[key].copy()

    def differences(self, metric: str | None = None, margin: float | None = None) -> pd.DataFrame:
        """Each technique against the baseline on the test split, paired by seed and patient.

        Args:
            metric: one of ``balancing.metrics.METRICS``; by default the one configurations were chosen by.
            margin: within what a difference does not matter; ``self.margin`` by default.
        Returns:
            As ``sweep.analysis.statistics.paired.compare``; empty without a baseline, or where no seed was tested with
            both. The metric that decides is judged by looks where confirming seeds came in rounds.
        Raises:
            UserError: there is no such metric, or the margin is none.
        """
        own = self.margin if margin is None else checked_margin(margin)
        return self._remembered("differences", metric or self.metric, own)

    def seed_differences(self, metric: str | None = None) -> pd.DataFrame:
        """The comparison seed by seed: see ``sweep.analysis.statistics.paired.seed_differences``."""
        return self._remembered("seeds", metric or self.metric)

    @cached_property
    def _intervals(self) -> pd.DataFrame:
        return paired.metric_intervals(self.resampled(), self.positive)

    def intervals(self) -> pd.DataFrame:
        """Every metric of every technique on the test split: see ``sweep.analysis.statistics.paired``.

        Returns:
            technique, metric, mean (over seeds), low, high (95 %, patients and seeds), seed_sd, patient_se, seeds.
        """
        return self._intervals.copy()

    def validation_intervals(self) -> pd.DataFrame:
        """As ``intervals``, of the metric that configurations were chosen by, on the validation split.

        The choice was made there, so the mean is a little too high, and the interval does not hold that.
        """
        return paired.metric_intervals(self.resampled("validation"), self.positive, [self.metric])

    def _repr_html_(self) -> str:
        """For notebooks: the results table."""
        from sweep.analysis.notebook import results_html

        return results_html(self)
