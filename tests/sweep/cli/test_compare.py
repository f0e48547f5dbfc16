"""Several runs in one table: the right numbers, and a warning where they can't be set against each other."""

from __future__ import annotations

import io
import shutil
from pathlib import Path

import pandas as pd
import pytest
from rich.console import Console

from balancing.errors import UserError
from sweep.analysis.names import SHOWN_METRICS
from sweep.analysis.results import Results
from sweep.analysis.statistics.significance import answers
from sweep.analysis.tables import results_table
from sweep.cli.compare import SIGNS, Comparison, compare_runs, compare_view
from sweep.runs.run import Run
from tests.sweep.fake_run import SIX, fake_images, fake_run


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[Run]:
    folder = tmp_path_factory.mktemp("runs")
    images = fake_images(folder / "images", size=8)
    settings = {"failing": False, "epochs": 1, "lrs": (0.001,)}
    first = fake_run(folder / "first", images, techniques=SIX[:3], **settings)  # type: ignore[arg-type]
    second = fake_run(folder / "second", images, techniques=SIX[:2], skills=(2, 2), **settings)  # type: ignore[arg-type]
    return [first, second]


def shown(runs: list[Run]) -> str:
    console = Console(width=400, record=True, file=io.StringIO())
    for part in compare_view(compare_runs(runs)):
        console.print(part)
    return console.export_text()


def test_each_run_keeps_its_numbers(runs: list[Run]) -> None:
    found = compare_runs(runs)
    assert found.table[["technique", "run"]].to_numpy().tolist() == [
        ["baseline", "first"],
        ["baseline", "second"],
        ["undersampling", "first"],
        ["undersampling", "second"],
        ["oversampling", "first"],
    ]
    own = Results(runs[1]).intervals().set_index(["technique", "metric"]).loc[("undersampling", "recall")]
    row = found.table.loc[3]
    assert (row["recall"], row["recall_low"], row["recall_high"]) == (own["mean"], own["low"], own["high"])
    assert found.warnings == []
    assert "Warning" not in shown(runs)


def test_spread_over_seeds_and_csv(runs: list[Run]) -> None:
    found = compare_runs(runs)
    expected = results_table(Results(runs[0])).set_index("technique")["f1_sd"]
    own = found.table[found.table["run"] == "first"].set_index("technique")["f1_sd"]
    pd.testing.assert_series_equal(own, expected.loc[own.index])
    back = pd.read_csv(io.StringIO(found.csv()), keep_default_na=False)
    pd.testing.assert_frame_equal(back, found.table, check_dtype=False)
    assert set(found.table["selected_by"]) == {"balanced_accuracy"}


def test_each_row_has_its_run_s_answer(runs: list[Run]) -> None:
    table = compare_runs(runs).table
    for run, (name, own) in zip(runs, table.groupby("run", sort=False), strict=True):
        assert run.path.name == name
        differences = Results(run).differences()
        expected = dict(zip(differences["technique"], answers(differences), strict=True))
        assert dict(zip(own["technique"], own["answer"], strict=True)) == {"baseline": "", **expected}
    first = table[table["answer"] != ""].iloc[0]
    assert f"{SIGNS[first['answer']]} {first['balanced_accuracy']:.3f}" in shown(runs)
    assert "To each run's own baseline, adjusted within the run: " in shown(runs)


def test_it_fits_a_terminal_of_80_columns(runs: list[Run]) -> None:
    console = Console(width=80, record=True, file=io.StringIO())
    for part in compare_view(compare_runs(runs)):
        console.print(part)
    text = console.export_text()
    assert "…" not in text
    row = compare_runs(runs).table.loc[0]
    assert f"{row['auroc']:.3f}" in text
    assert f"{row['auroc_low']:.2f}".removeprefix("0") + "\N{EN DASH}" in text


def test_a_full_table_of_ones_is_not_cut_at_80_columns() -> None:
    numbers = {f"{m}{end}": value for m in SHOWN_METRICS for end, value in (("", 1.0), ("_low", 0.97), ("_high", 1.0))}
    facts = {"seeds": 10, "image_size": 64, "weights": "imagenet", "arithmetic": "float32"}
    facts |= {"selected_by": "balanced_accuracy", **numbers}
    rows = [
        {"technique": name, "run": run, "answer": answer, **facts}
        for name, answer in (("baseline", ""), ("class_weights+threshold", "helps"))
        for run in ("a", "b")
    ]
    console = Console(width=80, record=True, file=io.StringIO())
    for part in compare_view(Comparison(pd.DataFrame(rows), [], ["a", "b"])):
        console.print(part)
    text = console.export_text()
    assert "…" not in text
    assert text.count(".97\N{EN DASH}1.00") == 4 * len(SHOWN_METRICS)
    assert "Threshold" in text


def test_other_data_other_split_other_metric(runs: list[Run], tmp_path: Path) -> None:
    images = fake_images(tmp_path / "[b]images", size=8, fingerprint="0" * 16)
    other = fake_run(tmp_path / "[b]other", images, techniques=SIX[:2], failing=False, test_counts=(20, 20), epochs=1)
    text = shown([runs[0], other])
    assert "different images (first: ffffffffffffffff, [b]other: 0000000000000000)" in text
    assert "different splits" in text
    assert "different selection metrics" not in text


def test_mistakes(runs: list[Run], tmp_path: Path) -> None:
    with pytest.raises(UserError, match="two or more run folders"):
        compare_runs(runs[:1])
    with pytest.raises(UserError, match="more than once"):
        compare_runs([runs[0], runs[1], runs[0]])
    unopened = fake_run(tmp_path / "unopened", fake_images(tmp_path / "images", size=8), opened=False)
    with pytest.raises(UserError, match="no test results yet"):
        compare_runs([runs[0], unopened])


def test_what_decides_anew_on_another_techniques_trials_is_compared_too(runs: list[Run], tmp_path: Path) -> None:
    asked = shutil.copytree(runs[0].path, tmp_path / "asked")
    config = (asked / "config.yaml").read_text()
    (asked / "config.yaml").write_text(config.replace("space:\n", "space:\n  techniques: [baseline+threshold]\n"))
    found = compare_runs([Run(asked), runs[1]]).table
    own = found[found["run"] == "asked"].set_index("technique")
    assert own.loc["baseline+threshold", "image_size"] == own.loc["baseline", "image_size"]
    assert own.loc["baseline+threshold", "auroc"] == own.loc["baseline", "auroc"]
