"""The prior ledger of a run: how much of the class prior each technique takes out, as designed and as measured."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd

from balancing.components.decisions.bcts import removed_prior
from balancing.components.decisions.scaling import fit_scaling
from balancing.components.ledger import log_frequencies
from balancing.components.techniques import get_technique, training_of
from balancing.errors import UserError
from sweep.analysis.names import in_order
from sweep.analysis.results import Results
from sweep.analysis.statistics.calibrating import weighted_biases
from sweep.analysis.statistics.few_patients import FewPatients, PatientDraws
from sweep.analysis.statistics.intervals import estimate
from sweep.analysis.statistics.paired import BASELINE
from sweep.analysis.statistics.predictions import Predictions, TrialPredictions
from sweep.analysis.statistics.seed_prior import SeedPrior
from sweep.analysis.statistics.seeds import SeedVariance

# Each draw is a fit of its own.
DRAWS = 200
# With a larger share of draws without a fit, an interval of 95 % may have no end.
_UNFITTED = 0.025
COLUMNS = (
    *("technique", "seeds", "designed", "measured", "measured_low", "measured_high"),
    *("moved", "moved_low", "moved_high", "unknown"),
)


def ledger_table(results: Results, rng: np.random.Generator, samples: int = DRAWS) -> pd.DataFrame:
    """T of every technique: 0 where its answers carry the training split's class frequencies, 1 where none.

    Args:
        rng: of the patients drawn from validation.
        samples: B.
    Returns:
        One row a technique, in order: technique; seeds; designed, T by the components' own statements, in the mean over
        seeds (NaN where it has no closed form or the records don't tell what trained); measured, T by the bias that
        calibration on validation fits, in the mean over seeds, with ``measured_low`` and ``measured_high`` (95 %,
        validation patients and seeds; NaN where it can't be told, all three where a class has no validation image, the
        split is balanced, answers are no probabilities, or tell validation's classes apart without a fault as it is or
        in more than 2.5 % of the draws); moved: measured T less the baseline's, paired by seed and patient, with its
        interval; NaN of the baseline; unknown: why there is no design: names of the components without a closed form,
        joined by commas. Of plain predictions, which don't tell of training, validation's class frequencies stand for
        those of the split, and nothing is designed. Empty without validation predictions.
    """
    trials = [trial for trial in results.predictions if trial.known_validation is not None]
    if not trials:
        return pd.DataFrame(columns=list(COLUMNS))
    draws: dict[bytes, PatientDraws] = {}
    found: dict[tuple[str, int], tuple[float, np.ndarray]] = {}
    for trial in trials:
        part = trial.validation
        key = part.rows.tobytes()
        if key not in draws:
            draws[key] = results.patient_draws(part.rows, part.labels, samples, rng)
        found[trial.technique, trial.seed] = _measured(part, _split_counts(results, part), draws[key].weights)
    techniques = in_order(trial.technique for trial in trials)
    fews = {t.technique: draws[t.validation.rows.tobytes()].few for t in trials}
    networks = {t: {seed: one for (name, seed), one in found.items() if name == t} for t in techniques}
    prior = SeedPrior.of_rows({t: (*_stacked(own.values()), fews[t]) for t, own in networks.items()})
    of_pairs = SeedPrior.of_differences(networks, BASELINE, fews.get(BASELINE))
    rows = []
    for technique in techniques:
        own = [trial for trial in trials if trial.technique == technique]
        pairs = [(mine, found.get((BASELINE, seed))) for seed, mine in networks[technique].items()]
        apart = [(t[0] - base[0], t[1] - base[1]) for t, base in pairs if base is not None and technique != BASELINE]
        row: dict[str, Any] = {"technique": technique, "seeds": len(own), **_designed(results, own)}
        row |= _over_seeds("measured", list(networks[technique].values()), fews[technique], prior.of(technique))
        rows.append(row | _over_seeds("moved", apart, fews[technique], of_pairs.of(technique)))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _stacked(seeds: Iterable[tuple[float, np.ndarray]]) -> tuple[np.ndarray, np.ndarray]:
    values, drawn = zip(*seeds, strict=True)
    return np.array(values), np.stack(drawn)


def _over_seeds(
    name: str, seeds: list[tuple[float, np.ndarray]], few: FewPatients, moderated: SeedVariance | None
) -> dict[str, float]:
    """Of each seed's number and what it is under each draw: the mean and its 95 % interval; NaN without a seed."""
    nothing = {name: np.nan, f"{name}_low": np.nan, f"{name}_high": np.nan}
    if not seeds:
        return nothing
    values, drawn = _stacked(seeds)
    if np.isnan(few.parted(drawn)[1]).any(axis=0).mean() > _UNFITTED:
        return nothing
    found = estimate(values, drawn, few, moderated=moderated)
    low, high = (end if np.isfinite(end) else np.nan for end in (found.low, found.high))
    return {name: found.mean, f"{name}_low": low, f"{name}_high": high}


def _split_counts(results: Results, validation: Predictions) -> np.ndarray:
    """(C,) int64 images of each class in the training split; validation's where that is not known."""
    counts = np.array(results.class_counts("train"))
    return counts if counts.any() else np.bincount(validation.labels, minlength=len(results.class_names))


def _measured(part: Predictions, split: np.ndarray, weights: np.ndarray) -> tuple[float, np.ndarray]:
    """T on validation as it is, and (B,) under each weighting: see ``decisions.bcts.removed_prior``."""
    counts = np.bincount(part.labels, minlength=len(split))
    nothing = np.full(len(weights), np.nan)
    if part.gives != "probabilities" or not counts.all() or not split.all():  # scores carry no frequencies
        return float("nan"), nothing
    log_split = log_frequencies(split)
    whole = removed_prior(part.logits, part.labels, split / split.sum())
    if np.isnan(whole):
        return whole, nothing
    fitted = fit_scaling(part.logits, part.labels, by_class=False)
    biases = weighted_biases(part.logits, part.labels, weights, fitted)
    drawn = weights.astype(np.float64) @ np.eye(len(split))[part.labels]
    with np.errstate(divide="ignore", invalid="ignore"):
        carried = np.log(drawn / drawn.sum(axis=1, keepdims=True)) - biases
    centred = log_split - log_split.mean()
    slopes = (carried - carried.mean(axis=1, keepdims=True)) @ centred / (centred @ centred)
    return whole, np.where(np.isfinite(slopes), 1 - slopes, np.nan)


def _designed(results: Results, trials: list[TrialPredictions]) -> dict[str, Any]:
    found = [results.ledger_of(trial.trial_id, trial.technique) for trial in trials]
    known = [ledger.removed for ledger in found if ledger is not None]
    values = [value for value in known if value is not None]
    unknown = dict.fromkeys(name for ledger in found if ledger is not None for name in ledger.unknown)
    designed = float(np.mean(values)) if values and len(values) == len(found) else float("nan")
    return {"designed": designed, "unknown": ", ".join(unknown)}


def carried_prior(results: Results, technique: str) -> np.ndarray | None:
    """(C,) float64 that sum to 1: the class frequencies that a technique's answers carry by design.

    The geometric mean over its chosen trials; None where that of any is not known, or there is none.
    """
    if not results.is_of_run:
        return None
    try:
        trained = training_of(get_technique(technique)).name
    except UserError:  # a technique that this version, or this machine, does not have
        return None
    chosen = results.chosen_trials()
    found = [results.ledger_of(one, technique) for one in chosen.loc[chosen["technique"] == trained, "trial_id"]]
    priors = [None if ledger is None else ledger.prior for ledger in found]
    known = [prior for prior in priors if prior is not None]
    if not known or len(known) < len(priors):
        return None
    mean = np.exp(np.mean([np.log(prior) for prior in known], axis=0))
    return np.asarray(mean / mean.sum())
