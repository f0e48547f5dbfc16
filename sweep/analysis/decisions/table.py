"""Would a threshold do it? Decision-level answers to imbalance: thresholds, prior correction, temperature.

Each is fitted on one trial's validation predictions and applied to the same trial's test predictions. The validation
split also chose the trial's best epoch, so what is fitted there is a little too sure of itself; the test split is
untouched. Thresholds are on the probability of the positive class: positive where it is at least the threshold.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
import pandas as pd

from balancing.components.decisions.prior import shift_prevalence, shift_prior
from balancing.components.decisions.threshold import (
    decide_by_threshold,
    threshold_balanced_accuracy,
    threshold_cost,
    threshold_f1,
    threshold_sensitivity,
)
from balancing.errors import UserError
from balancing.metrics import METRICS, decide
from sweep.analysis.decisions.ledger import carried_prior
from sweep.analysis.decisions.preferences import USUAL, DecisionPreferences
from sweep.analysis.looks import trained_as
from sweep.analysis.names import display_name
from sweep.analysis.results import Results
from sweep.analysis.statistics.bootstrap import SAMPLES
from sweep.analysis.statistics.few_patients import FewPatients
from sweep.analysis.statistics.folds import weighted
from sweep.analysis.statistics.intervals import metric_estimate, n_patients
from sweep.analysis.statistics.paired import BASELINE, compare
from sweep.analysis.statistics.predictions import Predictions, TestSet, TrialPredictions
from sweep.analysis.statistics.seed_prior import SeedPrior, metric_priors

Row = TypeVar("Row")
Found = TypeVar("Found")


def split_prior(results: Results, part: str = "train") -> np.ndarray:
    """(C,) float64: share of each class in a part of the split (train | validation | test).

    Raises:
        UserError: there is no image of it, as of the training part of plain predictions.
    """
    counts = np.array(results.class_counts(part))
    if not counts.any():
        raise UserError(f"these results hold no image of the {part} part, whose class shares were asked for")
    return counts / counts.sum()


def training_prior(results: Results, technique: str) -> np.ndarray | None:
    """The class frequencies that a technique's answers carry: see ``balancing.components.ledger``.

    Returns:
        (C,) by the ledger, in the (geometric) mean over the technique's chosen trials. None where a component has no
        closed form, the records don't tell what trained, or the training images are not known, as of plain
        predictions.
    """
    return carried_prior(results, technique)


def rules(stated: DecisionPreferences = USUAL) -> dict[str, str]:
    """Name of each way of setting a threshold -> what it is called in tables."""
    return {
        "balanced_accuracy": "balanced accuracy",
        "f1": "F1",
        "sensitivity": f"sensitivity {100 * stated.sensitivity:g}\N{NO-BREAK SPACE}%",
        "cost": f"cost {stated.cost_ratio:g}:1",
    }


def fit_threshold(
    rule: str,
    labels: np.ndarray,
    probabilities: np.ndarray,
    positive: int,
    stated: DecisionPreferences = USUAL,
) -> float:
    """The threshold by one of ``rules``, from (V,) labels and (V, 2) probabilities of validation."""
    given = (labels == positive, probabilities[:, positive])
    if rule == "sensitivity":
        return threshold_sensitivity(*given, target=stated.sensitivity)
    if rule == "cost":
        return threshold_cost(*given, ratio=stated.cost_ratio)
    return {"balanced_accuracy": threshold_balanced_accuracy, "f1": threshold_f1}[rule](*given)


@dataclass(frozen=True)
class Decided:
    """One trial's decisions on the test split by one rule.

    Args:
        probabilities: (N, C).
        scores: (N, C), which the area under the curve is from.
        decisions: (N,) int64.
        threshold: on the positive class's probability as the network gave it; NaN for more than two classes.
    """

    probabilities: np.ndarray
    scores: np.ndarray
    decisions: np.ndarray
    threshold: float


def by_argmax(trial: TrialPredictions, positive: int | None) -> Decided:
    """The most probable class: for two classes a threshold of 0.5."""
    threshold = np.nan if positive is None else 0.5
    return Decided(trial.probabilities, trial.scores, decide(trial.probabilities), threshold)


def by_threshold(trial: TrialPredictions, positive: int, rule: str, stated: DecisionPreferences = USUAL) -> Decided:
    """By the threshold that ``rule`` sets on the trial's own validation predictions; of folds each by its own."""
    decided, thresholds = [], []
    for part in trial.of_each:
        threshold = fit_threshold(rule, part.validation.labels, part.validation.probabilities, positive, stated)
        thresholds.append(threshold)
        decided.append(decide_by_threshold(part.probabilities, positive, threshold))
    return Decided(trial.probabilities, trial.scores, trial.in_order(decided), float(np.mean(thresholds)))


def by_prior(trial: TrialPredictions, positive: int | None, prior: np.ndarray) -> Decided:
    """The most probable class after correction to equally frequent classes: for two a threshold at the prior."""
    shifted = shift_prior(trial.probabilities, prior)
    return Decided(shifted, shifted, decide(shifted), np.nan if positive is None else float(prior[positive]))


def by_prevalence(trial: TrialPredictions, positive: int, prior: np.ndarray, prevalence: float) -> Decided:
    """The more probable class after correction to a stated prevalence: a threshold on the probability as it was."""
    shifted = shift_prevalence(trial.probabilities, prior, positive, prevalence)
    odds = prior[positive] / (1 - prior[positive]) * (1 - prevalence) / prevalence
    return Decided(shifted, shifted, decide(shifted), float(odds / (1 + odds)))


def decision_table(
    results: Results, rng: np.random.Generator, samples: int = SAMPLES, stated: DecisionPreferences = USUAL
) -> pd.DataFrame:
    """Every technique at 0.5, and what a threshold or prior correction makes of the baseline, on the test split.

    Args:
        rng: of the patients drawn. ``np.random.default_rng(0)`` draws the samples that
            ``sweep.analysis.statistics.paired`` draws by default.
        samples: B bootstrap samples of patients, the same for every row.
        stated: what the user states of sensitivity, costs and prevalence.
    Returns:
        One row a technique at 0.5 (``rule`` argmax), then the baseline's rows: rule ``balanced_accuracy``, ``f1``,
        ``sensitivity``, ``cost`` (two classes only), ``prior`` and, where one is stated, ``prevalence``.
        Columns: decision (its name), technique, rule,
        seeds, threshold (mean over seeds; NaN for more than two classes), each of ``bootstrap.METRICS`` (mean over
        seeds) with ``<metric>_low`` and ``<metric>_high`` (95 %, patients and seeds), and for balanced accuracy and
        the run's selection metric ``difference_<metric>``, its ``_low``, ``_high``, ``_p``, ``_p_holm``,
        ``_p_adjusted`` (what is judged by) and ``_fewest`` (test patients of the class with the fewest): row minus the
        reference, paired by seed and patient, adjusted over the techniques, and apart from them over the baseline's
        rows. The reference is the baseline
        with its threshold for balanced accuracy, with more than two classes after prior correction; NaN in its own row,
        and everywhere without a baseline. A threshold is kept as its seed's validation set gave it: that other
        validation patients would give another is seen over seeds only as far as training moves the scores.
        Empty where the test split was not opened.
    """
    test = results.test_set
    if test is None:
        return pd.DataFrame(columns=["decision", "technique", "rule", "seeds", "threshold", *METRICS])
    draws = test.draws(samples, rng)
    behind = n_patients(test.labels, test.patients, results.positive)
    decided = decisions(results, test, stated)
    if not decided:
        return pd.DataFrame(columns=["decision", "technique", "rule", "seeds", "threshold", *METRICS])
    names = rules(stated) | {"prior": "prior correction"}
    if stated.prevalence is not None:
        names["prevalence"] = f"prior correction to {100 * stated.prevalence:g}\N{NO-BREAK SPACE}% positives"
    values: dict[tuple[str, str], dict[int, dict[str, float]]] = {}
    resampled: dict[tuple[str, str], dict[int, Mapping[str, np.ndarray]]] = {}
    for (technique, rule), of_seeds in decided.items():
        known = resampled.get((technique, "argmax"), {})
        values[technique, rule], resampled[technique, rule] = {}, {}
        for seed, one in of_seeds.items():
            # A threshold leaves the scores, and so their area, as they are; so does prior correction of two classes.
            same_area = seed in known and one.probabilities.shape[1] == 2
            part = replace(test[0].test, probabilities=one.probabilities, log_odds=one.scores)
            found = weighted(part, results.positive, draws.weights, one.decisions, areas=not same_area)
            resampled[technique, rule][seed] = {**found, "auroc": known[seed]["auroc"]} if same_area else found
            values[technique, rule][seed] = _numbers(part, one.decisions, results.positive)
    by_decision = {
        key: (
            {m: [values[key][seed][m] for seed in of_seeds] for m in METRICS},
            {m: np.stack([resampled[key][seed][m] for seed in of_seeds]) for m in METRICS},
            draws.few,
        )
        for key, of_seeds in decided.items()
    }
    variances = of_decisions(by_decision, lambda own: metric_priors(own, METRICS, results.positive))
    rows = []
    for (technique, rule), of_seeds in decided.items():
        name = display_name(technique)
        if rule != "argmax":
            name += f" + threshold ({names[rule]})" if rule in rules() else f" + {names[rule]}"
        threshold = float(np.mean([one.threshold for one in of_seeds.values()]))
        row = {"decision": name, "technique": technique, "rule": rule, "seeds": len(of_seeds), "threshold": threshold}
        own, shaken, _ = by_decision[technique, rule]
        of_rows = variances[technique, rule]
        for metric in METRICS:
            found_spread = metric_estimate(metric, own, shaken, behind, draws.few, results.positive, of_rows)
            row |= {
                metric: found_spread.mean,
                f"{metric}_low": found_spread.low,
                f"{metric}_high": found_spread.high,
            }
        rows.append(row)
    table = pd.DataFrame(rows)
    for metric in dict.fromkeys(["balanced_accuracy", results.metric]):
        few = draws.few.about(metric, results.positive, paired=True)
        table = _with_differences(table, metric, values, resampled, reference_rule(results), few)
    return table


def decisions_of(results: Results, stated: DecisionPreferences = USUAL) -> pd.DataFrame:
    """``decision_table`` under the draws of the results' own tables, made once."""
    return results.once(("decisions", stated), lambda: decision_table(results, np.random.default_rng(0), stated=stated))


def once_each(table: pd.DataFrame) -> pd.DataFrame:
    """The rows of ``decision_table`` without techniques that are one of the baseline's own rows by another name.

    That is what a run that was asked for ``baseline+threshold`` has: the same networks with the same threshold.
    """
    of_baseline = table[(table["technique"] == BASELINE) & (table["rule"] != "argmax")]
    rows = {tuple(row) for row in of_baseline[list(METRICS)].itertuples(index=False)}
    again = [
        name != BASELINE and trained_as(name) == BASELINE and tuple(row) in rows
        for name, row in zip(table["technique"], table[list(METRICS)].itertuples(index=False), strict=True)
    ]
    return table[~np.array(again, dtype=bool)]


def of_decisions(
    by_decision: Mapping[tuple[str, str], Row], family: Callable[[dict[str, Row]], Mapping[str, Found]]
) -> dict[tuple[str, str], Found]:
    """(technique, rule) -> what its family says of its variance over seeds.

    Techniques at 0.5 are one family. Under another rule a technique has the others at 0.5 beside it.

    Args:
        by_decision: (technique, rule) -> row; at 0.5 the rule is argmax.
        family: of technique -> row.
    """
    usual = {technique: row for (technique, rule), row in by_decision.items() if rule == "argmax"}
    at_half = family(usual)
    return {
        (technique, rule): at_half[technique] if rule == "argmax" else family({**usual, technique: row})[technique]
        for (technique, rule), row in by_decision.items()
    }


def reference_rule(results: Results) -> str:
    """The rule of the baseline's row that all others are compared with in ``decision_table``."""
    return "prior" if results.positive is None else "balanced_accuracy"


def decisions(
    results: Results, test: TestSet, stated: DecisionPreferences = USUAL
) -> dict[tuple[str, str], dict[int, Decided]]:
    """(technique, rule) -> seed -> decisions, in ``decision_table``'s order; scores that rank alone decide nothing."""
    positive = results.positive
    found: dict[tuple[str, str], dict[int, Decided]] = {
        (technique, "argmax"): {trial.seed: by_argmax(trial, positive) for trial in of_technique}
        for technique in test.techniques
        if (of_technique := [trial for trial in test.of(technique) if trial.gives != "scores"])
    }
    baseline = test.of(BASELINE)
    if not baseline:
        return found
    if positive is not None:
        for rule in rules():
            found[BASELINE, rule] = {t.seed: by_threshold(t, positive, rule, stated) for t in baseline}
    prior = training_prior(results, BASELINE)
    if prior is not None and prior.min() > 0:
        found[BASELINE, "prior"] = {trial.seed: by_prior(trial, positive, prior) for trial in baseline}
        if positive is not None and stated.prevalence is not None:
            found[BASELINE, "prevalence"] = {
                trial.seed: by_prevalence(trial, positive, prior, stated.prevalence) for trial in baseline
            }
    return found


def _numbers(part: Predictions, decisions: np.ndarray, positive: int | None) -> dict[str, float]:
    """``METRICS`` of one trial's decisions on the test split as it is."""
    once = weighted(part, positive, np.ones((1, len(part.rows)), np.float32), decisions, areas=True)
    return {name: float(value[0]) for name, value in once.items()}


def _with_differences(
    table: pd.DataFrame,
    metric: str,
    values: Mapping[tuple[str, str], Mapping[int, Mapping[str, float]]],
    resampled: Mapping[tuple[str, str], Mapping[int, Mapping[str, np.ndarray]]],
    rule: str,
    few: FewPatients,
) -> pd.DataFrame:
    """The table with the paired differences in one metric to the baseline's row of ``rule``."""
    reference = (BASELINE, rule)
    parts = {"": "difference", "_low": "low", "_high": "high", "_p": "p", "_p_holm": "p_holm"}
    parts["_p_adjusted"] = "p_adjusted"
    parts["_fewest"] = "fewest_patients"
    columns = {f"difference_{metric}{ending}": np.full(len(table), np.nan) for ending in parts}
    # The techniques are one family of comparisons, the baseline's other rules one of their own.
    for of_baseline in (False, True):
        pairs, keys, paired_seeds = {}, {}, {}
        for place, key in enumerate(zip(table["technique"], table["rule"], strict=True)):
            if (key[0] == BASELINE) != of_baseline or key == reference or reference not in values:
                continue
            seeds = [seed for seed in values[key] if seed in values[reference]]
            if seeds:
                name = key[1] if of_baseline else key[0]
                keys[name], paired_seeds[name] = (place, key), seeds
                pairs[name] = (
                    np.array([values[key][s][metric] - values[reference][s][metric] for s in seeds]),
                    np.stack([resampled[key][s][metric] - resampled[reference][s][metric] for s in seeds]),
                )
        prior = None
        if pairs and not of_baseline:  # its other rules decide with its own networks: their seeds alone speak for them
            networks = {
                name: {seed: (own[metric], resampled[key][seed][metric]) for seed, own in values[key].items()}
                for name, key in {**{name: key for name, (_, key) in keys.items()}, BASELINE: reference}.items()
            }
            prior = SeedPrior.of_differences(networks, BASELINE, few)
        for _, row in compare(pairs, few, prior=prior, seeds=paired_seeds).iterrows():
            for ending, name in parts.items():
                columns[f"difference_{metric}{ending}"][keys[row["technique"]][0]] = row[name]
    return table.assign(**columns)
