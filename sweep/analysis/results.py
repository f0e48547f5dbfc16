"""One reader of results: of a run's folder, each file read once, or of plain arrays of predictions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from balancing.components.techniques import get_technique, order_of
from balancing.errors import UserError, suggestion
from balancing.metrics import METRICS, can_tell, evaluate, told
from sweep.analysis.arrays import split_of_arrays, trials_of_arrays
from sweep.analysis.decided import decided
from sweep.analysis.names import SHOWN_METRICS, gives_of, in_order
from sweep.analysis.reader import RunReader, part_of_split
from sweep.analysis.statistics import paired
from sweep.analysis.statistics.bootstrap import SAMPLES
from sweep.analysis.statistics.predictions import Predictions, TestSet, TrialPredictions
from sweep.runs.files import DamagedFile
from sweep.runs.run import Run

_SEED = 0  # of the bootstrap; the sections that are given a generator of their own use the same


_PREDICTED = ("validation", "test")


class Results(RunReader):
    """What came out of a comparison, as it was when first looked at: for reading alone.

    Args:
        run: whose folder is read; every file once, so that a trial that ends meanwhile makes no two tables disagree.
    """

    def __init__(self, run: Run | None):
        super().__init__(run)
        self._parts: dict[tuple[str, str], Predictions | None] = {}
        self._resampled: dict[str, dict[tuple[str, int], paired.Resampled]] = {}
        self._tables: dict[tuple[str, str], pd.DataFrame] = {}
        self._misfits: list[str] = []
        self._left_out: list[str] = []

    @classmethod
    def of_run(cls, path: Path | str) -> Results:
        """Of a run's folder.

        Raises:
            UserError: it is none.
        """
        return cls(Run(Path(path).absolute()))

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
            "predictions": given.trials,
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

    def predictions_of(self, trial_id: str, part: str) -> Predictions | None:
        """One trial's predictions.

        Args:
            part: ``validation`` or ``test``.
        Returns:
            None where that part was never opened, or its file is damaged or not of the run's split.
        """
        key = (trial_id, part_of_split(part, _PREDICTED))
        if key not in self._parts:
            self._parts[key] = self._read(trial_id, part)
        return self._parts[key]

    def _read(self, trial_id: str, part: str) -> Predictions | None:
        try:
            table = self.trial(trial_id).predictions(part)
        except (FileNotFoundError, DamagedFile):
            return None
        columns = [f"p_{label}" for label in range(len(self.class_names))]
        if not set(columns) <= set(table.columns) or not np.isfinite(table[columns].to_numpy()).all():
            return None
        table = table.sort_values("row", kind="stable")
        rows = table["row"].to_numpy()
        if not self._is_of_split(table, part):
            self._misfits.append(
                f"Trial {trial_id} is left out: {self.path / 'trials' / trial_id / part}.parquet does not hold the "
                f"{part} images of split.parquet; delete it, and a resume makes it anew."
            )
            return None
        probabilities = table[columns].to_numpy(dtype=np.float64)
        logits = table[[f"logit_{label}" for label in range(len(columns))]].to_numpy(dtype=np.float64)
        gives = gives_of(self.records[trial_id].spec.technique)
        return Predictions(rows, table["label"].to_numpy(), probabilities, self.patients_of(rows), logits, gives=gives)

    def _is_of_split(self, table: pd.DataFrame, part: str) -> bool:
        """Whether predictions, ordered by row, are of the rows and labels of a part."""
        own = self._split.loc[self._split["split"] == part, ["row", "label"]].sort_values("row")
        return all(np.array_equal(table[name].to_numpy(), own[name].to_numpy()) for name in ("row", "label"))

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
        trained = self._of_networks()
        found = [*trained, *(trial for name in self.decisions for trial in self._decided(name, trained))]
        return tuple(sorted(found, key=lambda trial: order_of(trial.technique)))

    def _decided(self, name: str, trained: Sequence[TrialPredictions]) -> list[TrialPredictions]:
        """Of a technique that decides anew; [] where it can't, which ``left_out`` then tells."""
        technique = get_technique(name)
        decision = technique.part("decision")
        assert decision is not None
        found = []
        for trial in trained:
            if trial.technique == technique.trained_as and trial.known_validation is not None:
                ledger = self.ledger_of(trial.trial_id)
                prior = None if ledger is None else ledger.prior
                try:
                    found.append(decided(trial, name, decision, self.decisions[name], prior))
                except UserError as error:
                    self._left_out.append(f"{technique.label} is left out of this run's results: {error}.")
                    return []
        return found

    def left_out(self) -> list[str]:
        """Why techniques that decide anew are not among the results, a sentence each."""
        _ = self.predictions
        return list(self._left_out)

    def _of_networks(self) -> list[TrialPredictions]:
        found = []
        for trial in self._chosen.itertuples():
            trial_id = str(trial.trial_id)
            test = self.predictions_of(trial_id, "test")
            if test is not None:
                validation = self.predictions_of(trial_id, "validation")
                found.append(TrialPredictions(str(trial.technique), int(str(trial.seed)), test, validation, trial_id))
        return found

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
            numbers = told(evaluate(trial.labels, trial.probabilities, self.positive, trial.scores), trial.gives)
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
        if part_of_split(part, _PREDICTED) not in self._resampled:
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

    def _remembered(self, kind: str, metric: str) -> pd.DataFrame:
        if metric not in METRICS:
            raise UserError(f"unknown metric {metric!r}{suggestion(str(metric), METRICS)}")
        key = (kind, metric)
        if key not in self._tables:
            make = {"differences": paired.paired_differences, "seeds": paired.seed_differences}[kind]
            self._tables[key] = make(self.resampled(), metric, self.positive)
        return self._tables[key].copy()

    def differences(self, metric: str | None = None) -> pd.DataFrame:
        """Each technique against the baseline on the test split, paired by seed and patient.

        Args:
            metric: one of ``balancing.metrics.METRICS``; by default the one configurations were chosen by.
        Returns:
            As ``sweep.analysis.statistics.paired.compare``; empty without a baseline, or where no seed was tested with
            both.
        Raises:
            UserError: there is no such metric.
        """
        return self._remembered("differences", metric or self.metric)

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
