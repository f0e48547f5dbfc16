"""Calibration against scikit-learn, a case by hand, and probabilities known to be right."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.calibration import calibration_curve
from sklearn.metrics import brier_score_loss, log_loss

from sweep.analysis.decisions.calibration import (
    brier_parts,
    calibration_error,
    calibration_table,
    chance_error,
    class_table,
    weighted_calibration,
)
from sweep.analysis.decisions.reliability import bin_of, reliability, reliability_curves
from sweep.analysis.figures.reliability import reliability_plot
from sweep.analysis.figures.style import png
from sweep.analysis.results import Results
from sweep.report.blocks import Listing
from sweep.report.context import ReportContext
from sweep.report.sections.calibration import calibration_section
from tests.sweep.fake_run import SIX, fake_images, fake_run


def _sample(classes: int, n: int = 120) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(classes)
    return rng.integers(0, classes, n), rng.dirichlet(np.ones(classes), n).round(3)


@pytest.mark.parametrize("positive", [0, 1])
def test_brier_and_log_loss_against_scikit_learn(positive: int) -> None:
    labels, probabilities = _sample(2)
    probabilities[:, 0] = 1 - probabilities[:, 1]
    weights = np.random.default_rng(0).integers(0, 3, (4, len(labels))).astype(np.float32)
    found = weighted_calibration(labels, probabilities, positive, weights)
    happened = labels == positive
    for sample, weight in enumerate(weights):
        expected = brier_score_loss(happened, probabilities[:, positive], sample_weight=weight)
        assert found["brier"][sample] == pytest.approx(expected)
        each = [
            brier_score_loss(happened[labels == c], probabilities[labels == c, positive],
                             sample_weight=weight[labels == c], labels=[False, True])
            for c in (0, 1)
        ]  # fmt: skip
        assert found["brier_balanced"][sample] == pytest.approx(np.mean(each))
        expected = log_loss(labels, np.clip(probabilities, 1e-12, 1), sample_weight=weight)
        assert found["log_loss"][sample] == pytest.approx(expected, rel=1e-5)
        excess = np.average(probabilities[:, positive] - happened, weights=weight)
        assert found["excess"][sample] == pytest.approx(excess)


def test_brier_of_many_classes_against_scikit_learn() -> None:
    labels, probabilities = _sample(4)
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    found = brier_parts(labels, probabilities, None).mean()
    assert found == pytest.approx(brier_score_loss(labels, probabilities, scale_by_half=False, labels=[0, 1, 2, 3]))


@pytest.mark.parametrize(("binning", "strategy"), [("equal_width", "uniform"), ("equal_count", "quantile")])
def test_reliability_against_scikit_learn(binning: str, strategy: str) -> None:
    rng = np.random.default_rng(0)
    scores = rng.beta(1.5, 1, 203)
    happened = rng.random(203) < scores**2
    found = reliability(happened, scores, 10, binning)  # type: ignore[arg-type]
    observed, predicted = calibration_curve(happened, scores, n_bins=10, strategy=strategy)
    assert found["observed"].to_numpy() == pytest.approx(observed)
    assert found["predicted"].to_numpy() == pytest.approx(predicted)
    assert found["count"].sum() == 203
    if binning == "equal_count":
        assert np.ptp(found["count"]) <= 1


def test_calibration_error_by_hand() -> None:
    # Two bins of two: [0, 0.5] says 0.3 on average and is never so, (0.5, 1] says 0.75 and is so once.
    scores = np.array([0.2, 0.4, 0.6, 0.9])
    happened = np.array([False, False, False, True])
    once = np.ones((1, 4))
    assert calibration_error(happened, scores, once, bins=2)[0] == pytest.approx((2 * 0.3 + 2 * 0.25) / 4)
    # The last image three times: its bin says (0.6 + 2.7) / 4 and is so in 3 of 4.
    thrice = np.array([[1.0, 1, 1, 3]])
    expected = (2 * 0.3 + 4 * abs(3.3 / 4 - 0.75)) / 6
    assert calibration_error(happened, scores, thrice, bins=2)[0] == pytest.approx(expected)
    table = reliability(happened, scores, 2, "equal_width")
    gaps = (table["observed"] - table["predicted"]).abs()
    assert (gaps * table["count"]).sum() / 4 == pytest.approx((2 * 0.3 + 2 * 0.25) / 4)


def test_bins_at_their_edges_and_with_ties() -> None:
    assert bin_of(np.array([0.0, 0.1, 0.11, 0.999, 1.0])).tolist() == [0, 0, 1, 9, 9]
    same = bin_of(np.full(7, 0.3), binning="equal_count")
    assert len(np.unique(same)) == 1
    ties = np.repeat([0.1, 0.2, 0.9], [50, 3, 7])
    placed = bin_of(ties, binning="equal_count")
    assert all(len(np.unique(placed[ties == value])) == 1 for value in (0.1, 0.2, 0.9))


def test_probabilities_that_are_right_get_the_error_of_chance() -> None:
    rng = np.random.default_rng(0)
    scores = rng.random(400)
    expected = chance_error(scores, rng, 400)
    errors = [calibration_error(rng.random(400) < scores, scores, np.ones((1, 400)))[0] for _ in range(200)]
    assert expected == pytest.approx(np.mean(errors), rel=0.1)
    wrong = calibration_error(rng.random(400) < scores**3, scores, np.ones((1, 400)))[0]
    assert wrong > 3 * expected


def test_a_runs_table(tmp_path: Path) -> None:
    images = fake_images(tmp_path / "images", per_class=(80, 200), size=4)
    run = fake_run(tmp_path / "run", images, failing=False, epochs=1, lrs=(0.001,))
    table = calibration_table(Results(run), np.random.default_rng(0), 200)
    assert table["technique"].tolist() == [name for name in SIX for _ in range(2)]
    assert table["stage"].tolist() == ["before", "after"] * 6
    for name in ("brier", "brier_balanced", "ece", "excess", "log_loss"):
        assert (table[f"{name}_low"] <= table[name] + 0.01).all()
        assert (table[name] <= table[f"{name}_high"] + 0.01).all()
    first = table["technique"] == "baseline"
    assert np.isnan(table[first & (table["stage"] == "before")]["difference_brier"].iloc[0])
    means = table.set_index(["technique", "stage"])["brier"]
    differences = table.set_index(["technique", "stage"])["difference_brier"]
    expected = means["smote", "after"] - means["baseline", "before"]
    assert differences["smote", "after"] == pytest.approx(expected)
    pd.testing.assert_frame_equal(table, calibration_table(Results(run), np.random.default_rng(0), 200))

    classes = class_table(Results(run), np.random.default_rng(0), 50)
    balanced = classes.groupby(["technique", "stage"])["brier"].mean()
    assert balanced["smote", "before"] == pytest.approx(
        table.set_index(["technique", "stage"])["brier_balanced"]["smote", "before"]
    )
    lines = reliability_curves(Results(run))
    assert lines.groupby(["technique", "stage"])["count"].sum().eq(2 * 70).all()
    plot = reliability_plot(Results(run), lines, table)
    assert plot is not None
    assert png(plot.figure, 40).startswith(b"\x89PNG")


def test_sharpened_probabilities_are_called_too_sure_and_set_right(tmp_path: Path) -> None:
    """Of a fake run's logits the true posterior is known up to its prior, so sharpening is all that is wrong."""
    images = fake_images(tmp_path / "images", per_class=(800, 800), size=1)
    run = fake_run(
        tmp_path / "run", images, techniques=SIX[:2], skills=(1.0, 1.0), failing=False, epochs=1, lrs=(0.001,)
    )
    for trial_id in run.selection()[1]["trial_ids"]:
        for part in ("validation", "test"):
            found = run.trial(trial_id).predictions(part)
            logits = 4 * np.log(found[["p_0", "p_1"]].to_numpy(dtype=float))
            sharp = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
            run.trial(trial_id).write_predictions(part, found["row"].to_numpy(), found["label"].to_numpy(), sharp)
    table = calibration_table(Results(run), np.random.default_rng(0), 100).set_index(["technique", "stage"])
    assert table.loc[("undersampling", "before"), "temperature"] == pytest.approx(4, rel=0.2)
    assert table.loc[("baseline", "before"), "temperature"] == pytest.approx(1, rel=0.2)
    before, after = table.loc[("undersampling", "before")], table.loc[("undersampling", "after")]
    assert before["ece"] > 3 * before["chance_ece"]
    assert after["ece"] < 0.5 * before["ece"]
    assert after["brier"] < before["brier"]
    section = calibration_section(ReportContext(Results(run)))
    assert section is not None
    listing = next(block for block in section.blocks if isinstance(block, Listing))
    line = next(line for line in listing.lines if line.startswith("Undersampling"))
    assert "too sure of itself" in line


@pytest.mark.parametrize("classes", [2, 3])
def test_sections_for_every_shape_of_run(tmp_path: Path, classes: int) -> None:
    images = fake_images(tmp_path / "images", [f"class {c}" for c in range(classes)], size=4)
    run = fake_run(tmp_path / "run", images, seeds=classes - 1, failing=False, epochs=1, lrs=(0.001,))
    section = calibration_section(ReportContext(Results(run)))
    assert section is not None
    assert isinstance(section.values, dict)
    assert len(section.values["techniques"]) == 12
    assert ("excess" in section.values["techniques"][0]) == (classes == 2)
    assert len(section.values["classes"]) == 12 * classes
    closed = fake_run(tmp_path / "closed", images, failing=False, epochs=1, opened=False)
    assert calibration_section(ReportContext(Results(closed))) is None
    assert calibration_table(Results(closed), np.random.default_rng(0)).empty
    assert reliability_curves(Results(closed)).empty
