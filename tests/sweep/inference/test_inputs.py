"""Which images are meant by folders, patterns, files and tables; and what is no image says so in a sentence."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from balancing.errors import UserError
from sweep.inference.inputs import gathered


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """a.png, .hidden.png, notes.txt, sub/b.JPG, sub/deep/c.dcm (of which the content is not looked at)."""
    (tmp_path / "scans" / "sub" / "deep").mkdir(parents=True)
    for name in ("a.png", ".hidden.png", "notes.txt", "sub/b.JPG", "sub/deep/c.dcm"):
        Image.fromarray(np.zeros((4, 4), np.uint8)).save(tmp_path / "scans" / name, format="PNG")
    return tmp_path / "scans"


def names(paths: tuple[Path, ...], folder: Path) -> list[str]:
    return [path.relative_to(folder).as_posix() for path in paths]


def test_a_folder_means_the_images_below_it(folder: Path) -> None:
    found = gathered([folder])
    assert names(found.paths, folder) == ["a.png", "sub/b.JPG", "sub/deep/c.dcm"]
    assert "1 files in" in found.notes[0]


def test_patterns_are_read_also_where_the_shell_did_not(folder: Path) -> None:
    assert names(gathered([f"{folder}/*.png"]).paths, folder) == ["a.png"]
    every = names(gathered([f"{folder}/**/*"]).paths, folder)
    assert every == ["a.png", "sub/b.JPG", "sub/deep/c.dcm"]
    odd = folder / "[1].png"
    Image.fromarray(np.zeros((4, 4), np.uint8)).save(odd)
    assert gathered([odd]).paths == (odd,)  # a file of that very name


def test_an_image_named_twice_is_taken_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    assert names(gathered([folder, "a.png", "*.png"]).paths, folder) == ["a.png", "sub/b.JPG", "sub/deep/c.dcm"]


def test_links_in_a_circle_end(folder: Path) -> None:
    (folder / "sub" / "round").symlink_to(folder, target_is_directory=True)
    assert len(gathered([folder])) == 3


@pytest.mark.parametrize("ending", [".csv", ".parquet"])
def test_a_table_names_images_beside_itself_and_its_columns_stay(folder: Path, tmp_path: Path, ending: str) -> None:
    (tmp_path / "tables").mkdir()
    table = pd.DataFrame({"id": ["007", "8"], "image": ["../scans/a.png", str(folder / "sub/b.JPG")]})
    path = tmp_path / "tables" / f"list{ending}"
    table.to_csv(path, index=False) if ending == ".csv" else table.to_parquet(path)
    found = gathered([path])
    assert [os.path.realpath(one) for one in found.paths] == [str(folder / "a.png"), str(folder / "sub" / "b.JPG")]
    assert list(found.columns["id"]) == ["007", "8"]
    both = gathered([path, folder / "a.png"], column="image")
    assert len(both) == 3
    assert both.columns["id"][2] is None


def test_mistakes_are_sentences(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "two.csv").write_text("one,other\na.png,b.png\n")
    (tmp_path / "none.csv").write_text("id\n7\n")
    (tmp_path / "bare.csv").write_text("image\n")
    (tmp_path / "hole.csv").write_text("id,image\n1,a.png\n2,\n")
    for given, column, words in (
        ([tmp_path / "empty"], None, "holds no images"),
        ([tmp_path / "gone.png"], None, "there is no file or folder"),
        ([f"{folder}/*.gif"], None, "matches no file"),
        ([f"{folder}/su*"], None, "matches 1 places, but no file"),
        ([tmp_path / "two.csv"], None, "2 columns of the table .* --column .*'one', 'other'"),
        ([tmp_path / "none.csv"], None, "no column of the table"),
        ([tmp_path / "two.csv"], "on", "has no column 'on'; did you mean 'one'"),
        ([tmp_path / "bare.csv"], None, "has no rows"),
        ([tmp_path / "hole.csv"], None, "row 2 of the table .* names no image"),
        ([folder], "image", "names a column of a table, but no table was given"),
        (["a\0.png"], None, "no NUL"),
    ):
        with pytest.raises(UserError, match=words):
            gathered(given, column)
