"""Tables and statistics, against scikit-learn, the study and simulated data."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from sklearn import metrics as sk

from sweep.analysis.names import colour, display_name, in_order
from sweep.analysis.results import Results
from sweep.analysis.tables import (
    budget_table,
    confusion_matrices,
    confusion_table,
    failures_table,
    floors,
    results_table,
    study_comparison,
    study_table,
)
from sweep.report.words.verdict import verdict
from sweep.runs.run import Run
from tests.sweep.fake_run import SIX, fake_images, fake_run

STUDY_FIGURES = {
    "baseline": (0.7474, 0.8154, 0.8123),
    "undersampling": (0.7060, 0.9974, 0.8493),
    "oversampling": (0.7620, 0.9897, 0.8723),
    "augmentation": (0.7615, 0.9974, 0.8742),
    "smote": (0.6752, 1.0000, 0.8369),
    "borderline_smote": (0.7231, 0.9974, 0.8568),
}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("tables")
    return fake_run(folder / "run", fake_images(folder / "images"))


@pytest.fixture(scope="module")
def run3(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("tables3")
    return fake_run(folder / "run", fake_images(folder / "images", ("a", "b", "c")))


def test_the_studys_counts_give_the_studys_figures() -> None:
    table = study_table().set_index("technique")
    for technique, figures in STUDY_FIGURES.items():
        found = table.loc[technique, ["balanced_accuracy", "recall", "f1"]].astype(float)
        assert tuple(found.round(4)) == figures


def test_results_are_scikit_learns_means_over_seeds_of_the_chosen_configuration(run: Run) -> None:
    table = results_table(Results(run)).set_index("technique")
    assert list(table.index) == list(SIX)
    for chosen in run.selection():
        values: dict[str, list[float]] = {"balanced_accuracy": [], "f1": [], "auroc": [], "precision": []}
        for trial_id in chosen["trial_ids"]:
            found = run.trial(trial_id).predictions("test")
            truth, decided = found["label"], (found["p_1"] > found["p_0"]).astype(int)
            values["balanced_accuracy"].append(sk.balanced_accuracy_score(truth, decided))
            values["f1"].append(sk.f1_score(truth, decided))
            values["precision"].append(sk.precision_score(truth, decided))
            values["auroc"].append(sk.roc_auc_score(truth, found["p_1"]))
        row = table.loc[chosen["technique"]]
        for metric, per_seed in values.items():
            assert row[metric] == pytest.approx(np.mean(per_seed))
            assert row[f"{metric}_sd"] == pytest.approx(np.std(per_seed, ddof=1), nan_ok=True)
        assert row["seeds"] == len(chosen["trial_ids"])


def test_confusion_table_counts_every_test_row(run: Run) -> None:
    table = confusion_table(Results(run))
    assert list(table.columns) == ["technique", "seed", "TP", "TN", "FP", "FN"]
    counts = run.info["data"]["class_counts"]["test"]
    assert (table["TP"] + table["FN"] == counts[1]).all()
    assert (table["TN"] + table["FP"] == counts[0]).all()


def test_more_classes_use_macro_averages_and_full_matrices(run3: Run) -> None:
    tested = Results(run3).test_table().set_index(["technique", "seed"])
    for (technique, seed), matrix in confusion_matrices(Results(run3)).items():
        assert matrix.shape == (3, 3)
        recalls = np.diag(matrix) / matrix.sum(axis=1)
        assert tested.loc[(technique, seed), "balanced_accuracy"] == pytest.approx(recalls.mean())
    assert floors(["a", "b", "c"], [1, 5, 4], None)["balanced_accuracy"].tolist() == pytest.approx([1 / 3])


def test_floors_of_the_studys_test_split() -> None:
    table = floors(["NORMAL", "PNEUMONIA"], [234, 390], 1).set_index("answer")
    assert table.loc["Always PNEUMONIA", "f1"] == pytest.approx(0.769, abs=5e-4)
    assert table.loc["Always PNEUMONIA", ["balanced_accuracy", "recall"]].tolist() == [0.5, 1.0]
    assert table.loc["Always NORMAL", ["balanced_accuracy", "recall", "f1"]].tolist() == [0.5, 0.0, 0.0]


def test_the_study_stands_beside_ours_on_its_own_test_split_only(tmp_path: Path, run: Run) -> None:
    assert study_comparison(Results(run)) is None
    images = fake_images(tmp_path / "images", size=8, per_class=(300, 460))
    ours = fake_run(tmp_path / "run", images, techniques=SIX[:2], test_counts=(234, 390), epochs=1, failing=False)
    table = study_comparison(Results(ours))
    assert table is not None
    table = table.set_index("technique")
    assert table.loc["smote", "balanced_accuracy_study"] == pytest.approx(0.6752, abs=5e-5)
    assert np.isnan(table.loc["smote", "balanced_accuracy"])
    assert table.loc["baseline", "recall"] == pytest.approx(
        results_table(Results(ours)).set_index("technique")["recall"]["baseline"]
    )


def test_budget_is_equal_and_failures_are_listed(run: Run) -> None:
    assert budget_table(Results(run))["trials"].nunique() == 1
    failures = failures_table(Results(run))
    assert sorted(failures["status"]) == ["diverged", "failed"]
    assert "out of memory" in " ".join(failures["error"])


def test_before_the_test_split_is_opened_there_is_no_answer(tmp_path: Path) -> None:
    run = fake_run(tmp_path / "run", fake_images(tmp_path / "images"), opened=False)
    assert verdict(Results(run)).startswith("No answer yet")
    table = results_table(Results(run))
    assert table["balanced_accuracy"].isna().all()
    assert table["validation"].notna().all()


def test_verdict_names_what_stands_out_and_nothing_else(tmp_path: Path) -> None:
    images = fake_images(tmp_path / "images", per_class=(300, 600), size=4)
    arguments = {"techniques": SIX[:3], "lrs": (0.001,), "epochs": 1, "failing": False}
    equal = fake_run(tmp_path / "equal", images, seeds=4, skills=(1, 1, 1), **arguments)  # type: ignore[arg-type]
    assert verdict(Results(equal)).startswith("No technique beat the baseline significantly: ")
    assert "4 seeds" in verdict(Results(equal))
    better = fake_run(tmp_path / "better", images, seeds=4, skills=(0.2, 0.2, 3), **arguments)  # type: ignore[arg-type]
    assert "Oversampling by +0." in verdict(Results(better))
    assert "Undersampling by" not in verdict(Results(better))
    single = fake_run(tmp_path / "single", images, seeds=1, skills=(0.2, 0.2, 3), **arguments)  # type: ignore[arg-type]
    assert verdict(Results(single)).startswith("One run per technique decides nothing")


def test_verdict_without_a_partner(tmp_path: Path) -> None:
    images = fake_images(tmp_path / "images", source="phantom")
    alone = fake_run(tmp_path / "alone", images, techniques=SIX[:1], failing=False)
    assert verdict(Results(alone)).startswith("No comparison: this run tested Baseline alone")
    assert "drawings, not patients" in verdict(Results(alone))
    others = fake_run(tmp_path / "others", images, techniques=SIX[1:3], failing=False)
    assert "no tested baseline" in verdict(Results(others))
    assert Results(others).differences().empty


def test_names_and_colours() -> None:
    assert display_name("borderline_smote") == "Borderline-SMOTE"
    assert [display_name(t) for t in ("baseline", "smote", "gone_one")] == ["Baseline", "SMOTE", "Gone one"]
    assert in_order(["zzz", "smote", "baseline", "smote"]) == ["baseline", "smote", "zzz"]
    assert len({colour(t) for t in SIX}) == len(SIX)
