"""Positive and negative predictive value at prevalences other than the test split's; two classes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from sweep.analysis.decisions.table import Decided, decisions, of_decisions
from sweep.analysis.decisions.two_class import TwoClassTest, rows_of, two_class_test
from sweep.analysis.names import display_name
from sweep.analysis.results import Results
from sweep.analysis.statistics.bootstrap import SAMPLES
from sweep.analysis.statistics.intervals import Estimate, estimate, near_boundary
from sweep.analysis.statistics.seed_prior import SeedPrior


def predictive_values(
    sensitivity: np.ndarray | float, specificity: np.ndarray | float, prevalence: np.ndarray | float
) -> tuple[np.ndarray, np.ndarray]:
    """Positive and negative predictive value by Bayes' rule; arrays broadcast; NaN where nobody is called so.

    PPV = sens * prev / (sens * prev + (1 - spec) * (1 - prev)); NPV the same from the other side.
    """
    sensitivity, specificity, prevalence = np.broadcast_arrays(sensitivity, specificity, prevalence)
    with np.errstate(invalid="ignore", divide="ignore"):
        true, false = sensitivity * prevalence, (1 - specificity) * (1 - prevalence)
        ppv = np.where(true + false > 0, true / (true + false), np.nan)
        true, false = specificity * (1 - prevalence), (1 - sensitivity) * prevalence
        npv = np.where(true + false > 0, true / (true + false), np.nan)
    return ppv, npv


def predictive_table(
    results: Results, rng: np.random.Generator, prevalences: Sequence[float], samples: int = SAMPLES
) -> pd.DataFrame:
    """PPV and NPV at stated prevalences: every technique at 0.5, and the baseline with its threshold.

    Args:
        prevalences: (G,) in (0, 1).
    Returns:
        decision, technique, rule (as ``decision_table``), prevalence, ppv, npv (means over seeds), each with ``_low``
        and ``_high``. Sensitivity and specificity are the test split's; they stay with the prevalence only where the
        images within a class stay the same. Empty with more than two classes or an unopened test split.
    """
    ready = two_class_test(results, rng, samples)
    if ready is None:
        return pd.DataFrame(columns=["decision", "technique", "rule", "prevalence", "ppv", "npv"])
    rates = {
        key: [_rates(one, ready) for one in of_seeds.values()]
        for key, of_seeds in decisions(results, ready.test).items()
        if key[1] in ("argmax", "balanced_accuracy")
    }
    parts = {
        rate: of_decisions({key: [pair[i] for pair in own] for key, own in rates.items()}, partial(_rate, ready, rate))
        for i, rate in enumerate(("recall", "specificity"))
    }
    found = [
        of_decisions(
            {key: [predictive_values(*pair, prevalence) for pair in own] for key, own in rates.items()},
            lambda own: rows_of(("ppv", "npv"), own, 0, ready.few),
        )
        for prevalence in prevalences
    ]
    rows = []
    for technique, rule in rates:
        name = display_name(technique) + (" + threshold" if rule != "argmax" else "")
        sensitivity, specificity = (of_rate[technique, rule] for of_rate in parts.values())
        for prevalence, of_all in zip(prevalences, found, strict=True):
            row: dict[str, Any] = {"decision": name, "technique": technique, "rule": rule, "prevalence": prevalence}
            row |= of_all[technique, rule]
            # Of a technique that misses nobody, or calls nobody wrongly, the next patient may be the first.
            least_ppv, _ = predictive_values(sensitivity.mean, specificity.low, prevalence)
            _, least_npv = predictive_values(sensitivity.low, specificity.mean, prevalence)
            for name_of, least, at_end in (("ppv", least_ppv, specificity), ("npv", least_npv, sensitivity)):
                if at_end.mean == 1:
                    row[f"{name_of}_low"] = min(row[f"{name_of}_low"], float(least))
            rows.append(row)
    return pd.DataFrame(rows)


def _rate(ready: TwoClassTest, rate: str, own: Mapping[str, Sequence[np.ndarray]]) -> dict[str, Estimate]:
    """Technique -> its recall or specificity, from each seed's (1 + J + B,)."""
    few = ready.few.about(rate, ready.positive)
    numbers = {technique: np.stack(list(seeds)) for technique, seeds in own.items()}
    prior = SeedPrior.of_rows({name: (both[:, 0], both[:, 1:], few) for name, both in numbers.items()})
    return {
        name: near_boundary(estimate(both[:, 0], both[:, 1:], few, moderated=prior.of(name)), ready.behind[rate])
        for name, both in numbers.items()
    }


def predictive_curves(results: Results, prevalences: np.ndarray) -> pd.DataFrame:
    """As ``predictive_table``, means over seeds alone; (G,) prevalences in (0, 1)."""
    ready = two_class_test(results, np.random.default_rng(0), 0)  # no samples, so nothing is drawn
    columns = ["technique", "rule", "prevalence", "ppv", "npv"]
    if ready is None:
        return pd.DataFrame(columns=columns)
    rows = []
    for (technique, rule), of_seeds in decisions(results, ready.test).items():
        if rule not in ("argmax", "balanced_accuracy"):
            continue
        rates = [[rate[:1] for rate in _rates(one, ready)] for one in of_seeds.values()]
        ppv, npv = np.stack([predictive_values(one[0], one[1], prevalences) for one in rates]).mean(axis=0)
        found = {"technique": technique, "rule": rule, "prevalence": prevalences, "ppv": ppv, "npv": npv}
        rows.append(pd.DataFrame(found))
    return pd.concat(rows, ignore_index=True) if rows else pd.DataFrame(columns=columns)


def _rates(decided: Decided, ready: TwoClassTest) -> tuple[np.ndarray, np.ndarray]:
    """(1 + B,) sensitivity and specificity of one trial's decisions."""
    called, is_positive = decided.decisions == ready.positive, ready.is_positive
    with np.errstate(invalid="ignore", divide="ignore"):
        sensitivity = ready.weights @ (called & is_positive) / (ready.weights @ is_positive)
        specificity = ready.weights @ (~called & ~is_positive) / (ready.weights @ ~is_positive)
    return np.asarray(sensitivity, np.float64), np.asarray(specificity, np.float64)
