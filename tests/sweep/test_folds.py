"""Runs of folds: whole runs one after the other, equal to single ones; pooled numbers; stopped anywhere, the same."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score, roc_auc_score

import sweep as sweep_package
from balancing.errors import UserError
from sweep import sweeps
from sweep.analysis.folds import FoldResults, results_of
from sweep.analysis.results import Results
from sweep.analysis.statistics.folds import widening
from sweep.config.config import recorded_config
from sweep.local import run_locally
from sweep.planning.prepare import prepare
from sweep.report.schema import schema
from sweep.reports import report_of_run
from sweep.runs.folds import begun_folds, fold_path, place_of
from sweep.runs.observer import Observer
from sweep.runs.run import Run
from sweep.runs.split_table import split_fingerprint
from tests.golden.kinds import WEIGHTS
from tests.sweep.cluster.sweeping import call
from tests.sweep.folded import TRIALS, K, folded
from tests.sweep.test_funnel import Counts
from tests.sweep.test_local import numbers


@pytest.fixture(scope="module", autouse=True)
def _cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BALANCING_ACT_CACHE", str(tmp_path_factory.mktemp("folds-cache")))
        yield


@pytest.fixture(scope="module")
def told() -> Counts:
    return Counts()


@pytest.fixture(scope="module")
def undisturbed(told: Counts, tmp_path_factory: pytest.TempPathFactory) -> Run:
    run = sweeps.start(folded(), "folds", tmp_path_factory.mktemp("folds") / "run", told, executor="local")
    assert told.epochs == K * TRIALS * 2
    return run


@pytest.fixture(scope="module")
def results(undisturbed: Run) -> FoldResults:
    found = Results.of_run(undisturbed.path)
    assert isinstance(found, FoldResults)
    return found


def all_numbers(run: Run) -> list[Any]:
    return [numbers(fold) for fold in begun_folds(run).values()]


def test_each_fold_is_a_run_of_its_own_with_the_same_seeds_and_one_opening(undisturbed: Run) -> None:
    folds = begun_folds(undisturbed)
    assert [place.fold for place in folds] == [1, 2, 3]
    for place, fold in folds.items():
        assert place_of(fold) == place
        assert fold.info["status"] == "finished"
        (opening,) = fold.test_openings()
        assert sorted(opening["trials"]) == sorted(t for c in fold.selection() for t in c["trial_ids"])
        assert [(s.technique, s.lr, s.seed) for s in fold.specs()] == [
            (s.technique, s.lr, s.seed) for s in folds[next(iter(folds))].specs()
        ]
    assert undisturbed.info["status"] == "finished"
    assert not undisturbed.specs()
    ids = [spec.trial_id for fold in folds.values() for spec in fold.specs()]
    assert len(set(ids)) == len(ids) == K * TRIALS


def test_every_image_is_tested_once_and_no_patient_is_on_two_sides(undisturbed: Run) -> None:
    tested = []
    for fold in begun_folds(undisturbed).values():
        split = fold.split()
        patients = {part: set(own["patient"]) for part, own in split.groupby("split")}
        assert not patients["train"] & patients["test"]
        assert not patients["train"] & patients["validation"]
        assert not patients["validation"] & patients["test"]
        tested += split.loc[split["split"] == "test", "row"].tolist()
        for spec in fold.specs():
            if (fold.trial(spec.trial_id).path / "test.parquet").exists():
                assert len(fold.trial(spec.trial_id).predictions("test")) == (split["split"] == "test").sum()
    assert sorted(tested) == list(range(300))


def test_a_frozen_network_looks_at_the_images_once_for_all_folds(undisturbed: Run, told: Counts) -> None:
    assert sum("Looking at 300 images" in note for note in told.notes) == 1
    assert sum("is known from before" in note for note in told.notes) == K - 1


def test_each_fold_has_the_numbers_of_a_single_run_on_its_split(undisturbed: Run, tmp_path: Path) -> None:
    config = folded(data__folds=0)
    plain = prepare(config)
    for place, fold in begun_folds(undisturbed).items():
        split = fold.split_of_rows()
        inputs = replace(plain, split=split, fixed={**plain.fixed, "split": split_fingerprint(split)})
        single = Run.create(
            tmp_path / str(place.number),
            config_yaml=config.to_yaml(),
            images=inputs.images,
            split=split,
            positive=inputs.positive,
            notes=inputs.notes,
        )
        run_locally(single, config, inputs, Observer())
        assert numbers(single) == numbers(fold)


@pytest.mark.parametrize("stop", [2, 2 * TRIALS + 5])
def test_stopped_in_any_fold_it_goes_on_in_the_right_one_to_the_same_numbers(
    undisturbed: Run, tmp_path: Path, stop: int
) -> None:
    observer = Counts(stop)
    with pytest.raises(sweeps.Interrupted):
        sweeps.start(folded(), "folds", tmp_path / "run", observer, executor="local")
    halfway = Run(tmp_path / "run")
    here = 1 + (stop - 1) // (2 * TRIALS)
    assert [place.number for place in begun_folds(halfway)] == list(range(1, here + 1))
    assert halfway.info["status"] == Run(fold_path(halfway, here)).info["status"] == "interrupted"
    assert str(fold_path(halfway, here)) not in observer.notes[-1]
    fold = Run(fold_path(halfway, here))
    with pytest.raises(UserError, match=rf"is fold {here} of 3 of a run, which goes on as a whole"):
        sweeps.resume(fold.path, recorded_config(fold), Counts(), executor="local")
    if here > 1:
        pooled = results_of(halfway)
        assert isinstance(pooled, FoldResults)
        assert set(pooled.counted) == set(list(begun_folds(halfway))[: here - 1])
        assert len(pooled.predictions[0].rows) < 300
    again = Counts()
    whole = sweeps.resume(halfway.path, recorded_config(halfway), again, executor="local")
    assert again.epochs < K * TRIALS * 2
    assert all_numbers(whole) == all_numbers(undisturbed)


def test_resumed_with_other_folds_it_is_refused(undisturbed: Run) -> None:
    with pytest.raises(UserError, match="made of 3 folds"):
        sweeps.more(undisturbed.path, folded(), 2, Counts(), executor="local")
    for changes, key in (({"data__folds": 4}, "data.folds"), ({"data__repeats": 2}, "data.repeats")):
        with pytest.raises(UserError, match=f"was started with {key}"):
            sweeps.resume(undisturbed.path, folded(**changes), Counts(), executor="local")


def decisions_of(undisturbed: Run, technique: str, seed: int) -> tuple[np.ndarray, np.ndarray, list[float]]:
    """Labels and decisions of all folds one behind the other, and each fold's AUROC: by the records alone."""
    labels, decided, areas = [], [], []
    for fold in begun_folds(undisturbed).values():
        (choice,) = [one for one in fold.selection() if one["technique"] == technique]
        trial_id = choice["trial_ids"][choice["seeds"].index(seed)]
        table = fold.trial(trial_id).predictions("test")
        labels.append(table["label"].to_numpy())
        decided.append(table[["p_0", "p_1"]].to_numpy().argmax(axis=1))
        areas.append(float(roc_auc_score(labels[-1], table["p_1"])))
    return np.concatenate(labels), np.concatenate(decided), areas


@pytest.mark.parametrize("technique", ["baseline", "undersampling"])
def test_rates_are_of_the_pooled_decisions_and_auroc_is_the_mean_over_folds(
    undisturbed: Run, results: FoldResults, technique: str
) -> None:
    table = results.test_table()
    for seed in (0, 1):
        labels, decided, areas = decisions_of(undisturbed, technique, seed)
        row = table[(table["technique"] == technique) & (table["seed"] == seed)].iloc[0]
        assert row["balanced_accuracy"] == pytest.approx(balanced_accuracy_score(labels, decided), abs=1e-12)
        assert row["auroc"] == pytest.approx(np.mean(areas), abs=1e-6)
        assert row[["tp", "tn", "fp", "fn"]].sum() == 300
    means = results.table().set_index("technique")["balanced_accuracy"]
    assert means[technique] == pytest.approx(table[table["technique"] == technique]["balanced_accuracy"].mean())


def test_thresholds_are_fitted_within_each_fold(results: FoldResults) -> None:
    pooled = {(t.technique, t.seed): t for t in results.predictions}
    assert len({name for name, _ in pooled}) == 3
    for seed in (0, 1):
        whole = pooled["baseline+threshold", seed]
        assert len(whole.rows) == 300
        for fold in results.folds.values():
            (own,) = [t for t in fold.predictions if (t.technique, t.seed) == ("baseline+threshold", seed)]
            place = np.searchsorted(whole.rows, own.rows)
            np.testing.assert_array_equal(whole.probabilities[place], own.probabilities)


def test_differences_are_paired_over_all_patients(results: FoldResults) -> None:
    table = results.differences().set_index("technique")
    tested = results.test_table().pivot(index="seed", columns="technique", values="balanced_accuracy")
    for technique in ("undersampling", "baseline+threshold"):
        apart = (tested[technique] - tested["baseline"]).mean()
        assert table.loc[technique, "difference"] == pytest.approx(apart)
        assert table.loc[technique, "low"] < apart < table.loc[technique, "high"]
    assert results.metric == "balanced_accuracy"


def test_folds_widen_the_patients_part_and_nothing_else(results: FoldResults) -> None:
    plain = FoldResults(results.run)
    plain.__dict__["predictions"] = tuple(
        replace(t, test=replace(t.test, of_folds=0), parts=()) for t in results.predictions
    )
    wide, narrow = (one.intervals().set_index(["technique", "metric"]) for one in (results, plain))
    np.testing.assert_allclose(wide["mean"], narrow["mean"])
    rates = [key for key in wide.index if key[1] == "balanced_accuracy"]
    ratio = (wide.loc[rates, "patient_se"] / narrow.loc[rates, "patient_se"]).dropna()
    np.testing.assert_allclose(ratio, np.sqrt(widening(K)), rtol=1e-6)
    assert widening(0) == 1 < widening(K)


def test_the_table_of_folds_has_each_fold_s_choice_and_its_value(undisturbed: Run, results: FoldResults) -> None:
    table = results.fold_table().set_index(["fold", "technique"])
    for place, fold in begun_folds(undisturbed).items():
        alone = Results(fold).table().set_index("technique")["balanced_accuracy"]
        for choice in fold.selection():
            row = table.loc[(place.fold, choice["technique"])]
            assert row["validation"] == choice["mean"]
            assert row["balanced_accuracy"] == pytest.approx(alone[choice["technique"]])
    assert table["images"].groupby("fold").first().sum() == 300


def test_one_report_tells_of_all_folds_whose_answer_it_is_and_links_to_theirs(undisturbed: Run, tmp_path: Path) -> None:
    copy = tmp_path / "run"
    shutil.copytree(undisturbed.path, copy)
    run = Run(copy)
    for fold in begun_folds(run).values():
        report_of_run(fold, None, folded().report, cams=False)
    page = report_of_run(run, None, folded().report, cams=False)
    text = page.read_text(encoding="utf-8")
    assert '<h2 id="folds-section">Folds</h2>' in text
    assert "the population&#39;s answer" in text or "the population's answer" in text
    assert "All 3 folds together" in text
    for number in (1, 2, 3):
        assert (page.parent / f"../folds/{number}/report/index.html").resolve().is_file()
        assert f'href="../folds/{number}/report/index.html"' in text
    summary = json.loads((page.parent / "summary.json").read_text(encoding="utf-8"))
    jsonschema.validate(summary, schema())
    assert summary["sections"]["folds"]["folds"] == K
    assert len(summary["sections"]["folds"]["rows"]) == K * 2
    assert {row["technique"] for row in summary["sections"]["differences"]["differences"]} == {
        "undersampling", "baseline+threshold",
    }  # fmt: skip
    assert "opened more than once" not in text
    assert "After its first opening" not in text


def test_repeats_are_other_cuts_and_their_seeds_stand_beside_each_other(tmp_path: Path) -> None:
    run = sweep_package.compare(
        "phantom", ["baseline", "undersampling"], executor="local", out=tmp_path / "run", preset="quick",
        folds=2, repeats=2, image_size=32, phantom_images=300, network="frozen", weights=str(WEIGHTS), epochs=1,
        seeds=1, confirm=2, lr=0.01, batch_size=64,
    )  # fmt: skip
    assert run.status == "finished"
    assert len(list((tmp_path / "run" / "folds").iterdir())) == 4
    found = run.results
    assert isinstance(found, FoldResults)
    seeds = sorted(found.folds[next(iter(found.folds))].test_table()["seed"].unique())
    assert len(seeds) == 2  # the fresh ones alone
    assert sorted(found.test_table()["seed"].unique()) == [*seeds, *(seed + 100_000 for seed in seeds)]
    assert all(len(trial.rows) == 300 for trial in found.predictions)
    assert (found.differences()["seeds"] == 4).all()
    assert len(run.results.table()) == 2


def test_on_ray_and_by_the_command_line_folds_have_the_same_numbers(undisturbed: Run, tmp_path: Path) -> None:
    (tmp_path / "folds.yaml").write_text(folded().to_yaml())
    plan = call("plan", tmp_path / "folds.yaml")
    assert f"{K} folds: {K} sweeps" in plan
    assert f"{K * TRIALS} trials in all {K} folds" in plan
    told = call("run", tmp_path / "folds.yaml", "--out", tmp_path / "run")
    assert told.count("Ray dashboard") <= 1
    assert all_numbers(Run(tmp_path / "run")) == all_numbers(undisturbed)
    assert (tmp_path / "run" / "report" / "index.html").is_file()
    assert (tmp_path / "run" / "folds" / "2" / "report" / "index.html").is_file()


def test_decisions_that_are_added_later_are_fitted_within_each_fold(results: FoldResults) -> None:
    more = results.with_decisions("undersampling+threshold")
    assert isinstance(more, FoldResults)
    for seed in (0, 1):
        (whole,) = [t for t in more.predictions if (t.technique, t.seed) == ("undersampling+threshold", seed)]
        for fold in results.folds.values():
            alone = fold.with_decisions("undersampling+threshold")
            (own,) = [t for t in alone.predictions if (t.technique, t.seed) == ("undersampling+threshold", seed)]
            place = np.searchsorted(whole.rows, own.rows)
            np.testing.assert_array_equal(whole.probabilities[place], own.probabilities)
