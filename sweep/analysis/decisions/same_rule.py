"""Would a decision rule give the baseline the same? Every technique and the baseline, each under one and the same rule.

A technique that only moves the class prior is ahead of a baseline that decides for the most probable class, and no
longer ahead of one that decides by the same tuned rule as it does.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from balancing.components.registry import COMPONENTS
from balancing.components.techniques import get_technique, training_of
from balancing.errors import UserError
from sweep.analysis.decided import decided
from sweep.analysis.results import Results
from sweep.analysis.statistics.bootstrap import SAMPLES
from sweep.analysis.statistics.paired import BASELINE, metric_intervals, paired_differences, resample
from sweep.analysis.statistics.predictions import Predictions, TrialPredictions
from sweep.hyperparameters import HYPERPARAMETERS

METRIC = "balanced_accuracy"
AS_TRAINED = "argmax"
# The most probable class; then decisions of ``balancing.components``, both of which make for balanced accuracy.
RULES = (AS_TRAINED, "threshold", "posthoc_logit_adjustment")
COLUMNS = (
    *("rule", "technique", "seeds", METRIC, f"{METRIC}_low", f"{METRIC}_high"),
    *("difference", "difference_low", "difference_high", "p_holm", "p_adjusted", "fewest_patients"),
)


def same_rule_table(results: Results, samples: int = SAMPLES) -> pd.DataFrame:
    """Test balanced accuracy of what was trained, under each of ``RULES``, beside the baseline's under the same.

    Args:
        samples: B bootstrap samples of test patients, those of the results' own tables.
    Returns:
        One row a rule and technique, the baseline's first: rule; technique; seeds; balanced_accuracy with its 95 %
        interval (patients and seeds); difference, to the baseline under the same rule, paired by seed and patient, with
        its interval; p_holm and p_adjusted (what is judged by), adjusted over the techniques of a rule;
        fewest_patients. A rule is fitted on each trial's
        validation logits. A technique is missing from the rule that needs its answers' class frequencies where they are
        not known, from ``threshold`` where its validation split lacks a class, from the most probable class where its
        answers are scores, and from all with a decision of its own.
        Empty without validation predictions or a tested baseline.
    """
    trials = [
        trial
        for trial in results.predictions
        if trial.known_validation is not None and trial.technique not in results.decisions
    ]
    rows = []
    for rule in RULES:
        known = _under(results, trials, rule)
        if not any(name == BASELINE for name, _ in known):
            continue
        resampled = resample(known, results.positive, 0, samples, areas=False)
        intervals = metric_intervals(resampled, results.positive, [METRIC]).set_index("technique")
        differences = paired_differences(resampled, METRIC, results.positive).set_index("technique")
        for technique in sorted(intervals.index, key=lambda name: name != BASELINE):
            own = intervals.loc[technique]
            row = {"rule": rule, "technique": technique, "seeds": own["seeds"], METRIC: own["mean"]}
            row |= {f"{METRIC}_low": own["low"], f"{METRIC}_high": own["high"]}
            if technique in differences.index:
                found = differences.loc[technique]
                row |= {"difference": found["difference"], "difference_low": found["low"]}
                row |= {"difference_high": found["high"], "p_holm": found["p_holm"], "p_adjusted": found["p_adjusted"]}
                row |= {"fewest_patients": found["fewest_patients"]}
            rows.append(row)
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _under(results: Results, trials: list[TrialPredictions], rule: str) -> Mapping[tuple[str, int], Predictions]:
    """(technique, seed) -> test predictions by a rule; without techniques that the rule can't decide on."""
    if rule == AS_TRAINED:
        return {(trial.technique, trial.seed): trial.test for trial in trials if trial.gives != "scores"}
    decision = COMPONENTS.get(rule)
    assert decision is not None
    found: dict[tuple[str, int], Predictions] = {}
    lost = set()
    for trial in trials:
        if rule == "threshold" and len(np.unique(trial.validation.labels)) < len(results.class_names):
            lost.add(trial.technique)  # no threshold can be told from it
            continue
        ledger = results.ledger_of(trial.trial_id)
        prior = None if ledger is None else ledger.prior
        try:
            own = decided(trial, trial.technique, decision, decision.complete({}), prior)
        except UserError:
            lost.add(trial.technique)
        else:
            found[trial.technique, trial.seed] = own.test
    return {key: value for key, value in found.items() if key[0] not in lost}


def only_moves_the_prior(name: str) -> bool:
    """Whether a technique differs from the baseline in its sampler, its loss or its decision alone, by design.

    A loss that asks for another head than the baseline's makes another network of it.
    """
    try:
        technique = get_technique(name)
    except UserError:
        return False
    axes_alike = set(technique.axes) <= {"sampler", "loss", "decision"}
    return name != BASELINE and axes_alike and technique.head == get_technique(BASELINE).head


def trained_otherwise(results: Results, name: str) -> tuple[str, ...]:
    """Labels of the shared hyperparameters that were chosen for a technique other than for the baseline.

    The strength of augmentation is among them: the baseline is never augmented. () where both have the same, and of
    plain predictions, which don't tell.
    """
    if not results.is_of_run:
        return ()
    chosen = results.chosen_trials()
    own, base = (
        [results.records[one].spec for one in chosen.loc[chosen["technique"] == trained, "trial_id"]]
        for trained in (training_of(get_technique(name)).name, BASELINE)
    )
    return tuple(
        h.label.lower() for h in HYPERPARAMETERS if len({getattr(each, h.name) for each in (*own[:1], *base[:1])}) > 1
    )
