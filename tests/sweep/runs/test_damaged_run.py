"""A damaged file of a trial costs that trial, never the run; what follows from other records is made anew."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from balancing.components.neighbours.store import NeighbourStore
from balancing.data.images import ImageSet
from balancing.errors import UserError
from sweep.analysis.results import Results
from sweep.config.config import build_config, recorded_config
from sweep.report.build import found_warnings, gather
from sweep.report.context import ReportContext, ReportOptions
from sweep.report.render import write_report
from sweep.runs.files import DamagedFile
from sweep.runs.run import Run
from tests.sweep.fake_run import fake_images, fake_run, fake_split

TWO = ("baseline", "smote")


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, ImageSet]:
    folder = tmp_path_factory.mktemp("source")
    images = fake_images(folder / "images", size=16)
    return fake_run(folder / "run", images, techniques=TWO, lrs=(0.001,), failing=False), images


@pytest.fixture
def run(source: tuple[Run, ImageSet], tmp_path: Path) -> Run:
    shutil.copytree(source[0].path, tmp_path / "run")
    return Run(tmp_path / "run")


def damage(path: Path, how: str) -> None:
    content = path.read_bytes()
    if how == "gone":
        path.unlink()
    else:
        path.write_bytes({"empty": b"", "half": content[: len(content) // 2], "zeros": bytes(len(content))}[how])


@pytest.mark.parametrize("how", ["empty", "half", "zeros"])
@pytest.mark.parametrize("name", ["status.json", "epochs.json", "validation.parquet"])
def test_a_trial_with_a_damaged_file_counts_as_not_ended(run: Run, name: str, how: str) -> None:
    from sweep.planning.resumable import ended_trials

    specs = run.specs()
    assert set(ended_trials(run, specs)) == {spec.trial_id for spec in specs}
    assert run.damages() == []
    first = specs[0].trial_id
    damage(run.trial(first).path / name, how)
    assert set(ended_trials(run, specs)) == {spec.trial_id for spec in specs[1:]}
    (line,) = run.damages()
    assert first in line
    assert name in line
    (warning,) = [w for w in found_warnings(Results(run)) if "counts as not ended" in w]
    assert f"`sweep resume {run.path.name}`" in warning


@pytest.mark.parametrize("name", ["validation.parquet", "test.parquet"])
def test_a_block_of_zeros_within_predictions_is_noticed(run: Run, name: str) -> None:
    """Wherever it lies: much of a parquet file reads as other numbers then, without its checksums."""
    folder = run.trial(run.specs()[0].trial_id)
    part = name.removesuffix(".parquet")
    content = (folder.path / name).read_bytes()
    whole = folder.predictions(part)
    for start in range(4, len(content) - 40, max(1, len(content) // 25)):
        (folder.path / name).write_bytes(content[:start] + bytes(32) + content[start + 32 :])
        try:
            assert folder.predictions(part).equals(whole)
        except DamagedFile:
            assert folder.fault() if part == "validation" else not folder.is_tested()


@pytest.mark.parametrize("name", ["status.json", "epochs.json", "validation.parquet", "test.parquet", "spec.json"])
def test_the_report_is_made_all_the_same(run: Run, name: str) -> None:
    one, *_, other = run.specs()  # of either technique, each of which keeps a trial
    damage(run.trial(one.trial_id).path / name, "empty")
    damage(run.trial(other.trial_id).path / name, "half")
    page = write_report(run, None, ReportOptions(cams=False))
    assert page.is_file()
    if name != "spec.json":
        assert "sweep resume" in page.read_text() or name == "test.parquet"


@pytest.mark.parametrize("how", ["empty", "half"])
@pytest.mark.parametrize("name", ["trials.json", "selection.json", "audit.json", "split.parquet"])
def test_what_follows_from_other_records_is_made_anew(
    source: tuple[Run, ImageSet], run: Run, name: str, how: str
) -> None:
    damage(run.path / name, how)
    if name != "audit.json":  # which the report makes anew by itself, or does without
        with pytest.raises(UserError, match=r"`sweep resume .*run` writes it anew"):
            write_report(run, None, ReportOptions(cams=False))
    images = source[1]
    (line,) = (*run.mend(), *run.mend_split(images, fake_split(images)))
    assert name in line
    assert run.mend() == run.mend_split(images, fake_split(images)) == []
    assert (run.path / name).exists() == (name == "split.parquet")
    if name == "split.parquet":
        assert run.split().equals(source[0].split())


@pytest.mark.parametrize("how", ["empty", "half", "zeros"])
def test_without_its_own_record_a_run_says_so(run: Run, how: str) -> None:
    damage(run.path / "run.json", how)
    with pytest.raises(UserError, match=r"run.json is damaged .* put it back, or start anew"):
        Run(run.path)


def test_half_a_line_is_an_opening_of_the_test_split_all_the_same(run: Run) -> None:
    path = run.path / "test_openings.jsonl"
    whole = run.test_openings()
    path.write_bytes(path.read_bytes()[:-20])
    (opening,) = run.test_openings()
    assert opening["trials"] == []
    assert "not known" in opening["time"]
    run.record_test_opening(["a"])
    assert [o["trials"] for o in run.test_openings()] == [[], ["a"]]
    assert len(whole) == 1
    assert gather(ReportContext(Results(run), options=ReportOptions(cams=False))).sections


def test_what_killed_writers_left_is_removed_on_resume(run: Run) -> None:
    trial = run.trial(run.specs()[0].trial_id).path
    left = [
        run.path / ".run.json.12.0a1b2c3d",
        trial / ".last.pt.4711.deadbeef",
        run.path / "report" / "tables" / ".results.csv.7.0a1b2c3d",
        trial / "last.pt",  # killed after its last word, before it tidied up
        trial / "best_before.pt",
    ]
    for path in left:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x" * 100)
    before = {path for path in run.path.rglob("*") if path.is_file()} - set(left)
    run.clean()
    assert {path for path in run.path.rglob("*") if path.is_file()} == before


def test_what_a_killed_search_for_neighbours_left_is_removed_on_resume(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    def killed(*given: object) -> None:
        raise Killed

    pixels, rows = np.zeros((6, 4, 4), dtype=np.uint8), np.arange(6)
    with monkeypatch.context() as patch:
        patch.setattr("balancing.components.neighbours.store.os.replace", killed)
        with pytest.raises(Killed):
            NeighbourStore(run.neighbours).nearest(pixels, rows, rows, 2)
    assert len(list(run.neighbours.iterdir())) == 1
    run.clean()
    assert list(run.neighbours.iterdir()) == []


def test_damaged_predictions_say_which_file(run: Run) -> None:
    trial = run.trial(run.specs()[0].trial_id)
    damage(trial.path / "test.parquet", "half")
    with pytest.raises(DamagedFile, match="test.parquet is damaged"):
        trial.predictions("test")
    assert not trial.is_tested()


def test_a_trial_that_does_not_say_by_which_torch_ends_no_resume(run: Run) -> None:
    from sweep.planning.resumable import check_versions

    folder = run.trial(run.specs()[0].trial_id)
    folder.write_status("done", trained_with=[{"ray": "2.0.0"}])
    assert "Trials so far were trained with ray 2.0.0" in " ".join(check_versions(run, allow_mixed=True))
    folder.write_status("done", trained_with=[{"torch": 5}])
    assert "damage" in folder.status()


def test_a_configuration_that_was_cut_off_anywhere_changes_no_setting_of_a_trial(run: Run) -> None:
    """What is left after a cut can be sound YAML, whose lost settings would be those by default."""
    config = build_config({"space": {"seed": 7, "epochs": 3}, "train": {"weights": "none"}, "sweep": {"retries": 5}})
    whole, where = config.to_yaml(), {"resources", "report"}
    refused = 0
    lines = [end for end in range(1, len(whole)) if whole[end - 1] == "\n"]
    ends = sorted({*lines[::4], *lines[-12:], *range(5, len(whole), 331)})
    for end in ends:
        (run.path / "config.yaml").write_text(whole[:end])
        try:
            found = recorded_config(run)
        except UserError as error:
            refused += 1
            assert "config.yaml" in str(error) or "resources" in str(error) or "report" in str(error)
        else:
            assert found.model_dump(exclude=where) == config.model_dump(exclude=where)
    assert refused > len(ends) / 2


def test_a_metric_that_there_is_not_is_damage(run: Run) -> None:
    path = run.path / "selection.json"
    path.write_text(path.read_text().replace('"balanced_accuracy"', '"accuracy"'))
    with pytest.raises(
        UserError, match=r"selection.json is damaged .*'accuracy'\); `sweep resume .*run` writes it anew"
    ):
        Results(run).differences()
    assert len(run.mend()) == 1


@pytest.mark.parametrize("part", ["validation", "test"])
@pytest.mark.parametrize("wrong", ["row", "label", "fewer"])
def test_a_trial_with_predictions_of_other_images_is_left_out_with_a_warning(run: Run, part: str, wrong: str) -> None:
    folder = run.trial(Results(run).predictions[0].trial_id)
    table = folder.predictions(part)
    rows, labels, p = table["row"].to_numpy(), table["label"].to_numpy(), table[["p_0", "p_1"]].to_numpy()
    kept = len(rows) - (wrong == "fewer")
    rows, labels = rows + 10_000 * (wrong == "row"), labels + 5 * (wrong == "label")
    folder.write_predictions(part, rows[:kept], labels[:kept], p[:kept])
    results = Results(run)
    named = [
        trial.trial_id
        for trial in results.predictions
        if getattr(trial, f"{'known_' if part == 'validation' else ''}{part}", None)
    ]
    assert len(named) == len(Results(run).chosen_trials()) - 1
    (warning,) = [line for line in found_warnings(results) if "is left out" in line]
    assert folder.path.name in warning
    assert f"{part}.parquet" in warning
    assert write_report(run, None, ReportOptions(cams=False)).is_file()
