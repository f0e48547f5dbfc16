"""Reliability diagrams: how often what a probability speaks of happened, before and after temperature scaling."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pandas as pd

from balancing.components.decisions.temperature import fit_temperature, temper
from sweep.analysis.results import Results
from sweep.analysis.statistics.predictions import TrialPredictions

BINS = 10
Binning = Literal["equal_count", "equal_width"]
STAGES = ("before", "after")


def bin_of(scores: np.ndarray, bins: int = BINS, binning: Binning = "equal_width") -> np.ndarray:
    """Which bin each score falls into.

    Equal width: [0, 1/bins], then (k/bins, (k+1)/bins]. Equal count: edges at the scores' quantiles, closed above too;
    equal scores share a bin, so fewer bins may come out.

    Args:
        scores: (N,) float in [0, 1], N >= 1.
        bins: >= 1.
    Returns:
        (N,) int64 in 0..bins-1.
    """
    if binning == "equal_width":
        inner = np.arange(1, bins) / bins
    else:
        inner = np.unique(np.quantile(scores, np.arange(1, bins) / bins))
    return np.searchsorted(inner, scores, side="left").astype(np.int64)


def reliability(
    happened: np.ndarray, scores: np.ndarray, bins: int = BINS, binning: Binning = "equal_count"
) -> pd.DataFrame:
    """Data of a reliability diagram.

    Args:
        happened: (N,) bool, whether what the score is a probability of was so.
        scores: (N,) float in [0, 1].
    Returns:
        One row a bin that holds a score: count, predicted (mean score), observed (share that happened).
    Reference: Niculescu-Mizil & Caruana, ICML 2005.
    """
    place = bin_of(scores, bins, binning)
    table = pd.DataFrame({"bin": place, "predicted": scores, "observed": happened.astype(float)})
    found = table.groupby("bin").agg(count=("predicted", "size"), predicted=("predicted", "mean"))
    return found.assign(observed=table.groupby("bin")["observed"].mean()).reset_index(drop=True)


def staged(trial: TrialPredictions) -> tuple[dict[str, np.ndarray], float]:
    """A trial's test probabilities ``before`` and ``after`` temperature scaling, and its temperature.

    Of folds each has its own temperature, and their geometric mean is told.
    """
    own = [fit_temperature(part.validation.labels, part.validation.probabilities) for part in trial.of_each]
    after = [temper(part.probabilities, heat) for part, heat in zip(trial.of_each, own, strict=True)]
    temperature = own[0] if len(own) == 1 else float(np.exp(np.mean(np.log(own))))
    return {"before": trial.probabilities, "after": trial.in_order(after)}, temperature


def reliability_curves(results: Results, bins: int = BINS, binning: Binning = "equal_count") -> pd.DataFrame:
    """Reliability of every technique, all seeds' predictions together.

    Returns:
        technique, stage, count, predicted, observed: of the positive class; with more than two classes of the most
        probable one. Only of techniques whose answers are probabilities; empty where the test split was not opened.
    """
    columns = ["technique", "stage", "count", "predicted", "observed"]
    test = results.probability_set
    if test is None:
        return pd.DataFrame(columns=columns)
    frames = []
    for technique in test.techniques:
        scores: dict[str, list[np.ndarray]] = {stage: [] for stage in STAGES}
        happened: dict[str, list[np.ndarray]] = {stage: [] for stage in STAGES}
        for trial in test.of(technique):
            for stage, probabilities in staged(trial)[0].items():
                if results.positive is None:
                    scores[stage].append(probabilities.max(axis=1))
                    happened[stage].append(probabilities.argmax(axis=1) == trial.labels)
                else:
                    scores[stage].append(probabilities[:, results.positive])
                    happened[stage].append(trial.labels == results.positive)
        for stage in STAGES:
            joined = (np.concatenate(happened[stage]), np.concatenate(scores[stage]))
            frames.append(reliability(*joined, bins, binning).assign(technique=technique, stage=stage))
    return pd.concat(frames, ignore_index=True)[columns]
