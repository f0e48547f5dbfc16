"""The verdict on plain arrays: no run folder, the same numbers, and no claim that the interval does not bear."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from balancing.data.patients import FEWEST
from sweep.analysis.results import Results
from sweep.analysis.statistics.significance import significant
from sweep.report.words.verdict import answer_values, verdict


def arrays(skills: dict[str, float], seeds: int, per_class: int = 60) -> Results:
    """Two classes; each technique's probabilities are right more often by its skill."""
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1], per_class)
    predictions = {}
    for technique, skill in skills.items():
        score = rng.normal(skill * (2 * labels - 1), 1, (seeds, len(labels)))
        positive = 1 / (1 + np.exp(-score))
        predictions[technique] = np.stack([1 - positive, positive], axis=2)
    return Results.from_predictions(labels, predictions, positive=1)


def test_a_verdict_on_arrays_names_who_wins_and_who_loses() -> None:
    results = arrays({"baseline": 0.8, "smote": 3.0, "undersampling": 0.0}, seeds=5)
    sentence = verdict(results)
    assert sentence.startswith("Statistically significant at the 5 % level (adjusted for all 2 comparisons, ")
    assert "), over 5 seeds and 120 test" in sentence
    winners, behind = sentence.split("Significantly behind it")
    assert "SMOTE" in winners
    assert "Undersampling" in behind
    values = answer_values(results)
    assert values["sentence"] == sentence
    assert (values["beats_baseline"], values["behind_baseline"]) == (["smote"], ["undersampling"])
    assert "drawings" not in sentence


def test_one_seed_decides_nothing_and_equals_beat_nobody() -> None:
    assert verdict(arrays({"baseline": 0.0, "smote": 4.0}, seeds=1)).startswith("One run per technique decides nothing")
    assert answer_values(arrays({"baseline": 0.0, "smote": 4.0}, seeds=1))["beats_baseline"] == []
    assert verdict(arrays({"baseline": 1.0, "smote": 1.0}, seeds=4)).startswith("No technique beat the baseline")


@pytest.mark.parametrize(
    ("low", "high", "p", "patients", "better", "worse"),
    [
        (0.01, 0.2, 0.04, 100, True, False),
        (0.01, 0.2, 0.06, 100, False, False),
        (-0.01, 0.2, 0.04, 100, False, False),
        (0.01, 0.2, 0.04, FEWEST - 1, False, False),
        (-0.2, -0.01, 0.04, 100, False, True),
    ],
)
def test_significant_is_p_interval_and_patients(
    low: float, high: float, p: float, patients: int, better: bool, worse: bool
) -> None:
    row = {"technique": "smote", "difference": (low + high) / 2, "low": low, "high": high, "p_adjusted": p}
    table = pd.DataFrame([row | {"fewest_patients": patients}])
    assert (len(significant(table)) == 1) == better
    assert (len(significant(table, worse=True)) == 1) == worse
