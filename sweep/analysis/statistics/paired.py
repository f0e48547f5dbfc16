"""Intervals of every number on the test split, and paired comparison with the baseline.

What is asked: does a technique, trained with another seed and tested on other patients of the same kind, beat the
baseline? So both sources of chance are in each interval (``intervals.spread``), and the comparison is
paired: the same seeds, the same patients.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from weakref import WeakKeyDictionary

import numpy as np
import pandas as pd

from balancing.data.patients import FEWEST
from balancing.metrics import decide, evaluate
from sweep.analysis.names import in_order
from sweep.analysis.statistics.bootstrap import METRICS, SAMPLES, patients_by_row, weighted_metrics
from sweep.analysis.statistics.few_patients import FewPatients, PatientDraws, patient_draws
from sweep.analysis.statistics.intervals import metric_spread, patients_behind, spread
from sweep.analysis.statistics.tests import delong, holm, mcnemar_exact
from sweep.analysis.tables import chosen_trials, predictions, selection_metric
from sweep.runs.run import Run

BASELINE = "baseline"
CONFIDENCE = 0.95


@dataclass(frozen=True)
class Tested:
    """One chosen trial on the test split.

    Args:
        rows, labels: (N,) int64.
        patients: how many stand behind a metric, see ``spread.patients_behind``.
        probabilities: (N, C) float64.
        values: each metric on the test split as it is.
        resampled: each metric under each of ``few_patients.patient_draws``' weights, (J + B,) float64; the same for all
            trials.
        few: of these draws.
    """

    rows: np.ndarray
    labels: np.ndarray
    patients: Mapping[str, float]
    probabilities: np.ndarray
    values: Mapping[str, float]
    resampled: Mapping[str, np.ndarray]
    few: FewPatients


_KNOWN: WeakKeyDictionary[Run, dict[tuple[str, int], Tested]] = WeakKeyDictionary()


def opened_trials(run: Run, seed: int = 0, samples: int = SAMPLES) -> dict[tuple[str, int], Tested]:
    """(technique, seed) -> the chosen trial on the test split; techniques in order. Remembered for a run's snapshot.

    Args:
        seed: of the bootstrap.
        samples: B.
    """
    from sweep.analysis.snapshot import Snapshot

    if isinstance(run, Snapshot) and run in _KNOWN and (seed, samples) == (0, SAMPLES):
        return _KNOWN[run]
    found = _resampled_trials(run, "test", seed, samples, areas=True)
    if isinstance(run, Snapshot) and (seed, samples) == (0, SAMPLES):
        _KNOWN[run] = found
    return found


def _resampled_trials(run: Run, part: str, seed: int, samples: int, *, areas: bool) -> dict[tuple[str, int], Tested]:
    patients = patients_by_row(run)
    draws: dict[bytes, PatientDraws] = {}
    found = {}
    for trial in chosen_trials(run).itertuples():
        opened = predictions(run, str(trial.trial_id), part)
        if opened is None:
            continue
        rows, labels, probabilities = opened
        key, own = rows.tobytes(), patients.loc[rows].to_numpy(dtype=str)
        if key not in draws:
            draws[key] = patient_draws(labels, own, samples, np.random.default_rng(seed))
        found[str(trial.technique), int(str(trial.seed))] = Tested(
            rows,
            labels,
            patients_behind(labels, own, run.positive),
            probabilities,
            evaluate(labels, probabilities, run.positive),
            weighted_metrics(labels, probabilities, run.positive, draws[key].weights, areas=areas),
            draws[key].few,
        )
    return found


def metric_intervals(run: Run, seed: int = 0) -> pd.DataFrame:
    """Every metric of every technique at its chosen configuration, on the test split, with its interval.

    Returns:
        technique, metric, mean (over seeds), low, high (95 %, patients and seeds), seed_sd, patient_se, seeds.
    """
    return _intervals(opened_trials(run, seed), METRICS, run.positive)


def validation_intervals(run: Run, seed: int = 0) -> pd.DataFrame:
    """As ``metric_intervals``, of the metric that configurations were chosen by, on the validation split.

    The choice was made there, so the mean is a little too high, and the interval does not hold that.
    """
    metric = selection_metric(run)
    return _intervals(
        _resampled_trials(run, "validation", seed, SAMPLES, areas=metric == "auroc"), [metric], run.positive
    )


def _intervals(trials: Mapping[tuple[str, int], Tested], metrics: Sequence[str], positive: int | None) -> pd.DataFrame:
    rows = []
    for technique in in_order(name for name, _ in trials):
        own = [trial for (name, _), trial in trials.items() if name == technique]
        values = {name: [trial.values[name] for trial in own] for name in own[0].resampled}
        resampled = {name: np.stack([trial.resampled[name] for trial in own]) for name in own[0].resampled}
        for metric in metrics:
            found = metric_spread(metric, values, resampled, own[0].patients, own[0].few, positive)
            rows.append({"technique": technique, "metric": metric, **vars(found)})
    columns = ["technique", "metric", "mean", "low", "high", "seed_sd", "patient_se", "seeds"]
    return pd.DataFrame(rows, columns=columns)


def compare(differences: Mapping[str, tuple[np.ndarray, np.ndarray]], few: FewPatients | None = None) -> pd.DataFrame:
    """Each technique's difference to the baseline over seeds and patients, Holm-adjusted together.

    Args:
        differences: technique -> ((S,) its value minus the baseline's, seed by seed; (S, B) the same in each bootstrap
            sample of patients).
        few: corrects for few patients, see ``spread``; of the metric, paired.
    Returns:
        technique, seeds, difference (mean), low, high (95 %, in [-1, 1]: metrics lie in [0, 1]), p, p_holm, seed_sd,
        patient_se, patient_sd, patient_freedom (degrees of freedom of patient_se), fewest_patients (of a class; NaN
        where ``few`` is None). With one seed the interval holds patients alone and both p are 1; p is 1 too where every
        seed differs by the same amount (no spread over seeds to judge by), and with fewer than
        ``balancing.data.patients.FEWEST`` patients of a class.
    """
    rows = []
    fewest = float("nan") if few is None else float(few.fewest)
    for technique, (values, resampled) in differences.items():
        found = spread(values, resampled, few)
        row = {"technique": technique, "seeds": found.seeds, "difference": found.mean, "low": max(found.low, -1.0)}
        judged = np.isfinite(found.p) and not fewest < FEWEST
        row |= {"high": min(found.high, 1.0), "p": found.p if judged else 1.0, "fewest_patients": fewest}
        row |= {name: getattr(found, name) for name in ("seed_sd", "patient_se", "patient_sd")}
        rows.append({**row, "patient_freedom": found.freedom})
    columns = ["technique", "seeds", "difference", "low", "high", "p", "seed_sd", "patient_se", "patient_sd"]
    columns += ["patient_freedom", "fewest_patients"]
    table = pd.DataFrame(rows, columns=columns)
    return table.assign(p_holm=holm(table["p"].to_numpy(dtype=float)))


def _pairs(tested: Mapping[tuple[str, int], Tested]) -> dict[str, dict[int, tuple[Tested, Tested]]]:
    """technique -> seed -> (its trial, the baseline's of the same seed); techniques in order."""
    found: dict[str, dict[int, tuple[Tested, Tested]]] = {}
    for technique in in_order(name for name, _ in tested if name != BASELINE):
        both = {
            seed: (trial, tested[BASELINE, seed])
            for (name, seed), trial in tested.items()
            if name == technique and (BASELINE, seed) in tested
        }
        if both:
            found[technique] = both
    return found


def paired_differences(run: Run, metric: str | None = None, seed: int = 0) -> pd.DataFrame:
    """Each technique against the baseline on the test split, at the chosen configurations, paired by seed.

    Args:
        metric: the one configurations were chosen by, by default.
        seed: of the bootstrap.
    Returns:
        As ``compare``; empty without a baseline, or where no seed was tested with both.
    """
    name = metric or selection_metric(run)
    differences, few = {}, None
    for technique, pairs in _pairs(opened_trials(run, seed)).items():
        values = np.array([own.values[name] - base.values[name] for own, base in pairs.values()])
        resampled = np.stack([own.resampled[name] - base.resampled[name] for own, base in pairs.values()])
        differences[technique] = (values, resampled)
        few = next(iter(pairs.values()))[0].few.about(name, run.positive, paired=True)
    return compare(differences, few)


def seed_differences(run: Run, metric: str | None = None, seed: int = 0) -> pd.DataFrame:
    """The comparison seed by seed: two networks on the same test rows.

    Returns:
        technique, seed, difference in ``metric``, low, high (95 % over patients), mcnemar (exact p), mcnemar_holm,
        auroc_difference, auroc_low, auroc_high, delong (p; NaN for more than two classes), delong_holm.
        Holm-adjusted over all rows. With fewer than ``balancing.data.patients.FEWEST`` test patients of a class all
        four are NaN: these tests take images for patients.
    """
    name = metric or selection_metric(run)
    rows = []
    for technique, pairs in _pairs(opened_trials(run, seed)).items():
        for seed_number, (own, base) in pairs.items():
            row: dict[str, float | str] = {"technique": technique, "seed": seed_number}
            row |= _seed_difference(own, base, name, run.positive, ("difference", "low", "high"))
            right = [decide(trial.probabilities) == trial.labels for trial in (own, base)]
            enough = own.few.fewest >= FEWEST
            row["mcnemar"] = mcnemar_exact(*right) if enough else np.nan
            columns = ("auroc_difference", "auroc_low", "auroc_high")
            row |= _seed_difference(own, base, "auroc", run.positive, columns)
            row["delong"] = np.nan
            if run.positive is not None and enough:
                scores = [trial.probabilities[:, run.positive] for trial in (own, base)]
                row["delong"] = delong(own.labels == run.positive, *scores).p
            rows.append(row)
    order = ["technique", "seed", "difference", "low", "high", "mcnemar"]
    order += ["auroc_difference", "auroc_low", "auroc_high", "delong"]
    table = pd.DataFrame(rows, columns=order)
    for test in ("mcnemar", "delong"):
        p = table[test].to_numpy(dtype=float)
        adjusted = np.full(len(p), np.nan)
        adjusted[np.isfinite(p)] = holm(p[np.isfinite(p)])
        table[f"{test}_holm"] = adjusted
    return table


def _seed_difference(
    own: Tested, base: Tested, metric: str, positive: int | None, columns: Sequence[str]
) -> dict[str, float]:
    """One seed's difference in a metric, and its 95 % interval over patients, under the names of three columns."""
    few = own.few.about(metric, positive, paired=True)
    apart = (own.resampled[metric] - base.resampled[metric])[None]
    found = spread([own.values[metric] - base.values[metric]], apart, few)
    return dict(zip(columns, [found.mean, max(found.low, -1.0), min(found.high, 1.0)], strict=True))
