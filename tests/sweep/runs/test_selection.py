"""Selection on validation: cases by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from sweep.runs.selection import select


def trial(technique: str, configuration: str, seed: int, value: float | None, status: str = "done") -> dict[str, Any]:
    return {
        "trial_id": f"{technique}-{configuration}-{seed}",
        "technique": technique,
        "configuration": f"{technique}-{configuration}",
        "seed": seed,
        "status": status,
        "recall": np.nan if value is None else value,
    }


def chosen(*rows: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {choice["technique"]: choice for choice in select(pd.DataFrame(rows), "recall")}


def test_the_highest_mean_over_seeds_wins_not_the_highest_trial() -> None:
    choice = chosen(
        trial("smote", "a", 0, 1.0),
        trial("smote", "a", 1, 0.2),
        trial("smote", "b", 0, 0.7),
        trial("smote", "b", 1, 0.8),
    )["smote"]
    assert choice["configuration"] == "smote-b"
    assert choice["trial_ids"] == ["smote-b-0", "smote-b-1"]
    assert choice["seeds"] == [0, 1]
    assert choice["mean"] == pytest.approx(0.75)
    assert choice["spread"] == pytest.approx(0.05 * np.sqrt(2))
    assert (choice["metric"], choice["complete"], choice["configurations"], choice["trials"]) == ("recall", True, 2, 4)


def test_of_equal_means_the_earlier_draw_wins() -> None:
    rows = [trial("smote", name, seed, value) for name in "abc" for seed, value in ((0, 0.25), (1, 0.75))]
    assert chosen(*rows)["smote"]["configuration"] == "smote-a"
    assert chosen(*reversed(rows))["smote"]["configuration"] == "smote-c"


@pytest.mark.parametrize("status", ["failed", "diverged", "running", "waiting"])
@pytest.mark.parametrize("value", [None, 0.99])
def test_a_configuration_that_lost_a_seed_comes_after_complete_ones(status: str, value: float | None) -> None:
    lost = trial("smote", "a", 1, value, status)
    rows = [trial("smote", "a", 0, 0.99), lost, trial("smote", "b", 0, 0.5), trial("smote", "b", 1, 0.5)]
    choice = chosen(*rows)["smote"]
    assert (choice["configuration"], choice["complete"]) == ("smote-b", True)


def test_a_trial_stopped_early_counts_with_its_best_epoch() -> None:
    stopped = trial("smote", "a", 1, 0.7, "stopped")
    other = trial("smote", "b", 1, 0.55, "stopped")
    choice = chosen(trial("smote", "a", 0, 0.5), stopped, trial("smote", "b", 0, 0.55), other)["smote"]
    assert (choice["configuration"], choice["complete"], choice["mean"]) == ("smote-a", True, pytest.approx(0.6))


def test_a_configuration_stopped_early_is_chosen_only_where_none_ran_to_its_end() -> None:
    a = [trial("smote", "a", 0, 0.9), trial("smote", "a", 1, 0.9, "stopped")]
    b = [trial("smote", "b", 0, 0.6), trial("smote", "b", 1, 0.6)]
    choice = chosen(*a, *b)["smote"]
    assert (choice["configuration"], choice["mean"]) == ("smote-b", pytest.approx(0.6))
    lost = [trial("smote", "b", 0, 0.6), trial("smote", "b", 1, None, "failed")]
    choice = chosen(*a, *lost)["smote"]
    assert (choice["configuration"], choice["complete"]) == ("smote-a", True), "a lost seed is worse than a stopped one"


def test_an_incomplete_configuration_is_chosen_where_no_complete_one_is_left_and_says_so() -> None:
    choice = chosen(
        trial("smote", "a", 0, 0.9),
        trial("smote", "a", 1, None, "failed"),
        trial("smote", "b", 0, 0.5),
        trial("smote", "b", 1, None, "diverged"),
    )["smote"]
    assert (choice["configuration"], choice["complete"]) == ("smote-a", False)
    assert choice["trial_ids"] == ["smote-a-0"]
    assert (choice["mean"], choice["spread"]) == (0.9, None)
    assert choice["trials"] == 4


def test_a_diverged_trials_last_good_epoch_is_no_result() -> None:
    choice = chosen(trial("smote", "a", 0, 0.9, "diverged"), trial("smote", "b", 0, 0.1))["smote"]
    assert choice["configuration"] == "smote-b"


def test_a_technique_without_results_is_left_out_and_the_others_stay() -> None:
    found = chosen(
        trial("baseline", "a", 0, None, "failed"),
        trial("smote", "a", 0, 0.5),
        trial("oversampling", "a", 0, None, "done"),  # the metric could not be measured
    )
    assert list(found) == ["smote"]
    assert select(pd.DataFrame([trial("baseline", "a", 0, None, "failed")]), "recall") == []


def test_techniques_come_in_order_of_first_appearance_and_do_not_mix() -> None:
    found = chosen(
        trial("smote", "a", 0, 0.9),
        trial("baseline", "a", 0, 0.2),
        trial("smote", "b", 0, 0.95),
        trial("baseline", "b", 0, 0.1),
    )
    assert list(found) == ["smote", "baseline"]
    assert found["smote"]["configuration"] == "smote-b"
    assert found["baseline"]["configuration"] == "baseline-a"
    assert {choice["trials"] for choice in found.values()} == {2}


def test_the_choice_is_plain_data() -> None:
    import json

    choices = select(pd.DataFrame([trial("smote", "a", s, 0.5 + s / 10) for s in (0, 1)]), "recall")
    assert json.loads(json.dumps(choices)) == choices


def test_a_technique_whose_trials_go_by_another_metric_is_chosen_by_that_one() -> None:
    """As one whose answers only rank, which has no recall."""
    rows = [{**trial("smote", "a", 0, 0.5), "metric": "recall", "auroc": 0.1}]
    rows += [
        {**trial("deep_auc", name, 0, None), "metric": "auroc", "auroc": a} for name, a in (("a", 0.6), ("b", 0.7))
    ]
    found = chosen(*rows)
    assert (found["smote"]["metric"], found["smote"]["mean"]) == ("recall", 0.5)
    best = found["deep_auc"]
    assert (best["configuration"], best["metric"], best["mean"]) == ("deep_auc-b", "auroc", 0.7)
