"""The table that `sweep predict` writes: recorded answers, whatever the batch; broken files, odd names, Ctrl-C."""

from __future__ import annotations

import csv
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import sweep
import sweep.cli.main
import sweep.predictions
from balancing.errors import UserError
from sweep.analysis.decisions.reliability import staged
from sweep.inference.choice import chosen
from sweep.inference.deployed import deployed
from sweep.inference.inputs import gathered
from sweep.inference.predicting import Wanted, predicted
from sweep.inference.stream import Stream
from sweep.predictions import Asked, predict_images
from tests.sweep.inference.small import Small, as_files, own_run, small_run


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Small:
    return small_run(tmp_path_factory.mktemp("table"), "whole", ["threshold"])


@pytest.fixture(scope="module")
def files(small: Small, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The run's test images, in order."""
    return as_files(small.images.pixels[small.results.rows_of("test")], tmp_path_factory.mktemp("files") / "test")


def test_the_test_images_get_their_recorded_answers(
    small: Small, files: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BALANCING_ACT_CACHE", str(small.cache))
    made = predict_images(small.run, [files[0].parent], Asked("baseline+threshold", out=tmp_path / "found.csv"))
    choice = chosen(small.run, "baseline+threshold")
    trials = {(t.technique, t.trial_id): t for t in small.results.predictions}
    own, decided = (trials[name, choice.trial_ids[0]] for name in ("baseline", "baseline+threshold"))
    for table in (made.table, pd.read_csv(tmp_path / "found.csv")):
        for kind, wanted in (("p", own.probabilities), ("calibrated", staged(own)[0]["after"])):
            columns = [f"{kind}_{name}" for name in small.images.class_names]
            assert table[columns].to_numpy() == pytest.approx(wanted, abs=1e-5 if kind == "calibrated" else 1e-6)
        expected = np.array(small.images.class_names)[decided.probabilities.argmax(axis=1)]
        assert table["decision"].astype(str).tolist() == expected.tolist()
        assert table["distance_quantile"].between(0, 1).all()
        assert ((table["distance_quantile"] >= 0.99) == (table["unusual"] == "yes")).all()


def test_the_batch_size_changes_nothing_but_rounding(small: Small, files: list[Path]) -> None:
    found = deployed(small.run, "ensemble:baseline")
    tables = [predicted(Stream(found, batch=batch), found, gathered(files), Wanted()).table for batch in (1, 7, 64)]
    for table in tables[1:]:
        numbers = table.select_dtypes("number").columns.drop(["distance", "distance_quantile"])
        assert table[numbers].to_numpy() == pytest.approx(tables[0][numbers].to_numpy(), abs=1e-6)
        assert table["path"].tolist() == [str(path) for path in files]


def test_one_broken_file_loses_nothing_else(small: Small, files: list[Path], tmp_path: Path) -> None:
    torn = tmp_path / "torn.png"
    torn.write_bytes(files[1].read_bytes()[:200])
    given = [files[0], torn, files[2], tmp_path / "bomb.png"]
    Image.new("1", (10_000, 10_000)).save(given[3])
    made = predict_images(small.run, given, Asked(distance=False))
    alone = predict_images(small.run, [files[0], files[2]], Asked(distance=False)).table
    assert made.broken == 2
    assert (made.table["error"] == "").tolist() == [True, False, True, False]
    assert "claims more than" in made.table["error"][3]
    columns = [str(name) for name in alone if str(name).startswith(("p_", "calibrated_"))]
    assert made.table.loc[[0, 2], columns].to_numpy() == pytest.approx(alone[columns].to_numpy(), abs=1e-6)
    assert made.table.loc[[1, 3], columns].isna().all(axis=None)
    assert made.table["decision"].tolist()[1::2] == ["", ""]
    with pytest.raises(UserError, match=r"torn\.png can't be read"):
        predict_images(small.run, given, Asked(distance=False, strict=True, out=tmp_path / "found.csv"))
    with pytest.raises(UserError, match="1 of 1 images could not be read"):
        predict_images(small.run, [torn], Asked(distance=False, out=tmp_path / "found.csv"))
    assert not (tmp_path / "found.csv").exists()


def test_odd_names_are_data_in_the_table(small: Small, files: list[Path], tmp_path: Path) -> None:
    content = files[0].read_bytes()
    names = ["=cmd|' !A1.png", "two\nlines.png", "-1+1.png", "a;=1.png"]
    for name in names:
        (tmp_path / "in").mkdir(exist_ok=True)
        (tmp_path / "in" / name).write_bytes(content)
    (tmp_path / "in" / "list.csv").write_text(
        "image,who\n" + "\n".join(f'"{n}","=1+1"' for n in names if "\n" not in n)
    )
    predict_images(small.run, [tmp_path / "in"], Asked(distance=False, out=tmp_path / "a.csv"))
    with (tmp_path / "a.csv").open(newline="") as file:
        rows = list(csv.reader(file))
    assert len(rows) == 5
    assert all("\n" not in cell for row in rows for cell in row)
    predict_images(small.run, [tmp_path / "in" / "list.csv"], Asked(distance=False, out=tmp_path / "b.csv"))
    table = pd.read_csv(tmp_path / "b.csv")
    assert table["who"].tolist() == ["'=1+1"] * 3
    assert table["image"].str.startswith("'").tolist() == [True, True, False]
    assert stat.S_IMODE((tmp_path / "a.csv").stat().st_mode) == 0o600


def test_parquet_holds_the_same(small: Small, files: list[Path], tmp_path: Path) -> None:
    made = predict_images(small.run, files[:3], Asked(distance=False, out=tmp_path / "found.parquet"))
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "found.parquet"), made.table, check_dtype=False)


def test_a_table_that_is_there_is_written_over_by_force_alone(small: Small, files: list[Path], tmp_path: Path) -> None:
    out = tmp_path / "found.csv"
    out.write_text("mine")
    with pytest.raises(UserError, match="is there already; give --force"):
        predict_images(small.run, files[:1], Asked(distance=False, out=out))
    assert out.read_text() == "mine"
    predict_images(small.run, files[:1], Asked(distance=False, out=out, force=True))
    assert out.read_text().startswith("path,")
    with pytest.raises(UserError, match=r"FILE\.csv or FILE\.parquet"):
        predict_images(small.run, files[:1], Asked(out=tmp_path / "folder"))


def test_stopped_in_the_middle_nothing_is_half_written(
    small: Small, files: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = Stream.files

    def stopped(self: Stream, paths: Any) -> Iterator[Any]:
        self.batch = 4
        for number, batch in enumerate(whole(self, paths)):
            if number == 2:
                raise KeyboardInterrupt
            yield batch

    monkeypatch.setattr(Stream, "files", stopped)
    out = tmp_path / "found.csv"
    words = ["sweep", "predict", str(small.run.path), str(files[0].parent), "--out", str(out), "--no-distance"]
    monkeypatch.setattr("sys.argv", words)
    with pytest.raises(SystemExit) as ended:
        sweep.cli.main.main()
    assert ended.value.code == 130
    assert "no table was written" in capsys.readouterr().out
    assert list(tmp_path.iterdir()) == []


def test_the_command_says_what_answers_and_ends_with_1_where_something_was_not_read(
    small: Small, files: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "torn.png").write_bytes(b"torn")
    for more, code in (([], 0), ([str(tmp_path / "torn.png")], 1)):
        words = ["sweep", "predict", str(small.run.path), str(files[0]), *more, "--what", "ensemble:baseline"]
        monkeypatch.setattr("sys.argv", words)
        with pytest.raises(SystemExit) as ended:
            sweep.cli.main.main()
        assert ended.value.code == code
        said = capsys.readouterr().out
        assert "The mean of 2 networks of Baseline (seeds 0, 1)" in said
    assert "1 of 2 images could not be read" in said


def test_from_python_it_is_a_table(small: Small, files: list[Path]) -> None:
    run = sweep.open_run(small.run.path)
    table = run.predict(files[0].parent, "ensemble", distance=False)
    assert len(table) == len(files)
    for given, how, words in (
        (3, {}, "a path or a list of paths"),
        ([], {}, "are none"),
        ([3], {}, "one is of type int"),
        (files, {"colum": "x"}, "no argument 'colum'; did you mean 'column'"),
    ):
        with pytest.raises(UserError, match=words):
            run.predict(given, **how)  # type: ignore[arg-type]


def test_images_unlike_the_training_images_are_told(
    small: Small, files: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run's are noise; a white picture is none."""
    monkeypatch.setenv("BALANCING_ACT_CACHE", str(small.cache))
    copy = own_run(small.run, tmp_path)
    shutil.rmtree(copy.path / "unusual", ignore_errors=True)  # of other tests' networks
    white = as_files(np.full((1, 32, 32), 255, np.uint8), tmp_path / "white")
    made = predict_images(copy, [*white, *files])
    assert made.table["unusual"][0] == "yes"
    assert (made.table["unusual"][1:] == "yes").mean() < 0.2
    assert made.unusual == (made.table["unusual"] == "yes").sum()
    (kept,) = (copy.path / "unusual").iterdir()
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    monkeypatch.setenv("BALANCING_ACT_CACHE", str(tmp_path / "another"))  # the run's images are no more at hand
    again = predict_images(copy, white)
    assert again.table["distance"].to_numpy() == pytest.approx(made.table["distance"][:1].to_numpy(), rel=1e-4)
    content = bytearray(kept.read_bytes())
    content[len(content) // 2] ^= 1
    kept.write_bytes(content)
    without = predict_images(copy, white)
    assert without.unusual is None
    assert without.table["distance"].isna().all()
    assert any("not at hand" in note for note in without.notes)
