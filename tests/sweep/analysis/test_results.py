"""Results of plain arrays and of a run's folder: one reader, the same numbers; what is missing is said."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.special import softmax
from statsmodels.stats.multitest import multipletests

from balancing.errors import UserError
from sweep.analysis.decisions.calibration import calibration_table
from sweep.analysis.decisions.net_benefit import benefit_curves
from sweep.analysis.decisions.operating_points import score_curves
from sweep.analysis.decisions.table import decision_table
from sweep.analysis.names import METRIC_NAMES, SHOWN_METRICS
from sweep.analysis.results import Results
from sweep.analysis.statistics.tests import delong, mcnemar_exact
from sweep.analysis.tables import confusion_matrices
from sweep.runs.run import Run
from tests.sweep.fake_run import SIX, fake_images, fake_run


@pytest.fixture(scope="module", params=[2, 3])
def run(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("run")
    images = fake_images(folder / "images", [f"c{i}" for i in range(request.param)], size=4)
    return fake_run(folder / "run", images, techniques=SIX[:3], epochs=1, lrs=(0.001,), failing=False)


def stacked(results: Results, of: Callable[[Any], np.ndarray]) -> dict[str, np.ndarray]:
    """Technique -> (S, N, C), in an order that is not the registry's."""
    techniques = dict.fromkeys(trial.technique for trial in reversed(results.predictions))
    return {name: np.stack([of(t) for t in results.predictions if t.technique == name]) for name in techniques}


def as_arrays(results: Results, *, validation: bool = True) -> Results:
    first = results.predictions[0]
    fitted = (first.validation.labels, stacked(results, lambda trial: trial.validation.probabilities))
    return Results.from_predictions(
        first.labels,
        stacked(results, lambda trial: trial.probabilities),
        patients=first.patients,
        class_names=results.class_names,
        positive=results.positive,
        validation=fitted if validation else None,
    )


def test_arrays_and_the_run_folder_give_exactly_the_same(run: Run) -> None:
    read = Results(run)
    given = as_arrays(read)
    for make in (
        Results.table,
        Results.intervals,
        Results.differences,
        Results.seed_differences,
        lambda results: results.differences("auroc"),
        lambda results: results.test_table().drop(columns="trial_id"),
        lambda results: calibration_table(results, np.random.default_rng(0), 50),
        lambda results: benefit_curves(results, np.random.default_rng(0), 20),
    ):
        pd.testing.assert_frame_equal(make(given), make(read), check_exact=True)
    curves = [score_curves(results, np.random.default_rng(0), 50, 20) for results in (given, read)]
    assert (curves[0] is None) == (curves[1] is None) == (run.positive is None)
    matrices = [confusion_matrices(results) for results in (given, read)]
    assert all(np.array_equal(matrices[0][key], matrix) for key, matrix in matrices[1].items())
    assert given.class_counts("test") == run.info["data"]["class_counts"]["test"] == read.class_counts("test")
    assert given.class_counts("validation") == run.info["data"]["class_counts"]["validation"]
    # Without the training images their class shares are not known, and so no prior is corrected for.
    decided, known = (decision_table(results, np.random.default_rng(0), 50) for results in (given, read))
    shared = [name for name in known["decision"] if "prior" not in name]
    assert list(decided["decision"]) == shared
    numbers = ["threshold", *SHOWN_METRICS]
    both = [table.set_index("decision").loc[shared, numbers] for table in (decided, known)]
    pd.testing.assert_frame_equal(both[0], both[1], check_exact=True)


def test_the_table_is_that_of_intervals(run: Run) -> None:
    results = Results(run)
    table, intervals = results.table(), results.intervals().set_index(["technique", "metric"])
    assert list(table["technique"]) == list(SIX[:3])
    assert list(table.columns[:6]) == [
        "technique",
        "seeds",
        *(f"{SHOWN_METRICS[0]}{end}" for end in ("", "_low", "_high", "_sd")),
    ]
    for row in table.to_dict("records"):
        for metric in SHOWN_METRICS:
            own = intervals.loc[(row["technique"], metric)]
            assert (
                row[f"{metric}_low"] == own["low"] <= row[metric] == own["mean"] <= row[f"{metric}_high"] == own["high"]
            )


def test_comparisons_of_arrays_against_their_oracles() -> None:
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1], [60, 40])
    scores = {name: rng.normal(labels, 1.0, (3, 100)) for name in ("baseline", "mine")}
    predictions = {name: np.stack([np.zeros_like(s), s], axis=2) for name, s in scores.items()}  # logits
    results = Results.from_predictions(labels, predictions, positive=1)
    found = results.seed_differences()
    for seed, row in enumerate(found.to_dict("records")):
        own, base = scores["mine"][seed], scores["baseline"][seed]
        assert row["mcnemar"] == mcnemar_exact((own > 0) == labels, (base > 0) == labels)
        assert row["delong"] == pytest.approx(delong(labels == 1, own, base).p)
    assert found["mcnemar_holm"].to_numpy() == pytest.approx(multipletests(found["mcnemar"], method="holm")[1])
    assert results.differences()["difference"].item() == pytest.approx(found["difference"].mean())


def test_logits_serve_as_their_probabilities_do() -> None:
    rng = np.random.default_rng(0)
    labels, logits = rng.integers(0, 3, 60), {"baseline": rng.normal(0, 2, (2, 60, 3))}
    given = Results.from_predictions(labels, logits)
    soft = Results.from_predictions(labels, {"baseline": softmax(logits["baseline"], axis=2)})
    for one, other in zip(given.predictions, soft.predictions, strict=True):
        assert one.probabilities == pytest.approx(other.probabilities)
        assert np.array_equal(one.logits, logits["baseline"][one.seed])
        assert softmax(other.logits, axis=1) == pytest.approx(one.probabilities)


def test_patients_of_arrays_go_together() -> None:
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1], 40)
    same = np.repeat(rng.dirichlet([2, 2], (1, 20)), 4, axis=1)  # four equal images each
    patients = np.repeat(np.arange(20), 4)
    apart, together = (
        Results.from_predictions(labels, {"baseline": same}, positive=1, patients=ids).table()
        for ids in (None, patients)
    )
    width = [float((table["recall_high"] - table["recall_low"]).item()) for table in (apart, together)]
    assert width[1] > 1.5 * width[0]


def test_what_arrays_do_not_hold_is_said(run: Run) -> None:
    given = as_arrays(Results(run), validation=False)
    for ask in (
        Results.trials,
        Results.epochs,
        Results.selection,
        Results.specs,
        Results.test_openings,
        Results.audit,
        lambda results: results.info,
        lambda results: results.path,
        lambda results: results.run,
    ):
        with pytest.raises(
            UserError, match=r"^these results are of plain predictions, which don't tell .*Results.of_run"
        ):
            ask(given)
    for fit in (calibration_table, decision_table):
        with pytest.raises(UserError, match="fitted on validation predictions, but these results hold none"):
            fit(given, np.random.default_rng(0), 20)


GOOD: dict[str, Any] = {
    "labels": np.repeat([0, 1], 5),
    "predictions": {"baseline": np.full((2, 10, 2), 0.5), "smote": np.full((2, 10, 2), 0.5)},
    "positive": 1,
}
FITTED = (np.array([0, 1]), {"baseline": np.full((2, 2, 2), 0.5), "smote": np.full((2, 2, 2), 0.5)})
WRONG: list[tuple[dict[str, Any], str]] = [
    ({"labels": np.zeros((5, 2), int)}, "labels must be (N,) integers"),
    ({"labels": np.linspace(0, 1, 10)}, "labels must be (N,) integers"),
    ({"labels": []}, "labels must be (N,) integers"),
    ({"labels": np.repeat([0, 2], 5)}, "labels must lie in 0..1"),
    ({"labels": np.zeros(9, int)}, "must have a row for each of the 9 labels, but have 10"),
    ({"predictions": {}}, "predictions must hold at least one technique"),
    ({"predictions": {"baseline": np.full((10, 2), 0.5)}}, "of baseline must be numbers of shape (S, N, C)"),
    ({"predictions": {"baseline": np.full((1, 10, 2), "a")}}, "of baseline must be numbers of shape (S, N, C)"),
    ({"predictions": {"baseline": np.full((1, 10, 2), np.nan)}}, "of baseline must be finite, but seed 0 has"),
    ({"predictions": {"baseline": np.full((1, 10, 2), 0.4)}}, "sum to 1 in each row, but row 0 of seed 0 sums to 0.8"),
    ({"predictions": GOOD["predictions"] | {"x": np.full((1, 10, 3), 1 / 3)}}, "x has 3 and baseline 2"),
    ({"positive": None}, "of two classes positive must be 0 (class 0) or 1 (class 1)"),
    ({"positive": "ill"}, "but is 'ill'"),
    ({"positive": 2}, "but is 2"),
    ({"class_names": ["a"]}, "class_names must name 2 classes, but name 1"),
    ({"patients": ["a"] * 9}, "patients must be (N,) ids, one for each of the 10 labels"),
    ({"metric": "accuracy"}, "unknown metric 'accuracy'"),
    ({"class_names": ["a", "a"]}, "'a' is there twice"),
    ({"class_names": "ab"}, "class_names must be a list of 2 names"),
    ({"predictions": None}, "predictions must be {technique: (S, N, C)}, but are of type NoneType"),
    ({"predictions": np.full((2, 10, 2), 0.5)}, "but are of type ndarray"),
    ({"predictions": {1: np.full((2, 10, 2), 0.5)}}, "one is called 1"),
    ({"predictions": {"\ud800": np.full((2, 10, 2), 0.5)}}, "one is called '\\ud800'"),
    ({"predictions": {"baseline": [[[0.5, 0.5]], [[1.0]]]}}, "its parts have different lengths"),
    ({"labels": [[0], [1, 1]]}, "labels must be (N,) integers 0..C-1, but no array can be made of it"),
    ({"patients": [np.zeros((2, 3)), np.zeros((2, 4))]}, "patients must be (N,) ids"),
    ({"validation": (FITTED[0], None)}, "validation must be (labels (V,), {technique: (S, V, C)})"),
    ({"validation": 1}, "validation must be (labels (V,), {technique: (S, V, C)})"),
    ({"validation": (FITTED[0], {"baseline": FITTED[1]["baseline"]})}, "lacks smote"),
    ({"validation": (FITTED[0], FITTED[1] | {"smote": np.full((1, 2, 2), 0.5)})}, "of the same seeds and classes"),
    ({"validation": (FITTED[0][:1], FITTED[1])}, "a row for each of the 1 validation labels, but have 2"),
]


@pytest.mark.parametrize(("change", "sentence"), WRONG)
def test_wrong_arrays_are_refused_by_a_sentence(change: dict[str, Any], sentence: str) -> None:
    Results.from_predictions(**GOOD | {"validation": FITTED})
    with pytest.raises(UserError, match=re.escape(sentence)):
        Results.from_predictions(**GOOD | change)


def test_more_classes_have_no_positive_one() -> None:
    labels, predictions = np.arange(9) % 3, {"baseline": np.full((1, 9, 3), 1 / 3)}
    assert Results.from_predictions(labels, predictions).positive is None
    with pytest.raises(UserError, match="positive is for two classes, but there are 3"):
        Results.from_predictions(labels, predictions, positive=1)


def test_a_trial_that_ends_meanwhile_makes_no_two_tables_disagree(tmp_path: Path) -> None:
    images = fake_images(tmp_path / "images", size=4)
    run = fake_run(tmp_path / "run", images, techniques=SIX[:2], epochs=2, lrs=(0.001,), failing=False)
    results, again = Results(run), Results(run)
    before = results.trials()
    folder = run.trial(results.predictions[0].trial_id)
    folder.write_status("failed")
    folder.write_epochs([])
    (folder.path / "test.parquet").unlink()
    pd.testing.assert_frame_equal(results.trials(), before)
    assert len(results.epochs()) == len(before) * 2
    assert len(results.test_table()) == len(results.predictions) == len(before)
    assert len(again.predictions) == len(before) - 1


def test_what_a_caller_does_to_a_table_stays_with_the_caller(run: Run) -> None:
    results = Results(run)
    for ask in (Results.trials, Results.test_table, Results.intervals, Results.differences, Results.split):
        before = ask(results)
        mine = ask(results)
        mine["technique"] = None
        pd.testing.assert_frame_equal(ask(results), before)


def test_statistics_of_arrays_load_no_heavy_package() -> None:
    code = """
import sys, numpy as np
from sweep.analysis.results import Results
import balancing.metrics, sweep.analysis.hyperparameters.factors, sweep.analysis.hyperparameters.importance
import sweep.analysis.comparison, sweep.analysis.tables
from sweep.analysis.decisions.table import decision_table
from sweep.analysis.decisions import calibration, net_benefit, operating_points, predictive_values, trivial_baselines
labels, p = np.arange(40) % 2, np.random.default_rng(0).dirichlet([1, 1], (2, 40))
both = {"baseline": p, "smote": p}
given = Results.from_predictions(labels, both, positive=1, validation=(labels, both))
given.table(), given.differences(), given.seed_differences(), decision_table(given, np.random.default_rng(0), 20)
heavy = {"ray", "torch", "matplotlib", "torchcam", "datasets", "sklearn", "imblearn", "rich", "typer"}
print(sorted(heavy & set(sys.modules)))
"""
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_every_metric_has_a_name() -> None:
    from balancing.metrics import METRICS as ALL
    from balancing.metrics import SELECTABLE

    assert set(ALL) == set(METRIC_NAMES) == set(SELECTABLE)
