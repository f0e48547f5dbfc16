"""The section that shows test images one by one, with small pictures inside the page or beside it."""

from __future__ import annotations

import base64
import io
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from balancing.data.images import ImageSet
from balancing.errors import UserError
from sweep.analysis.figures.overlay import over
from sweep.analysis.folds import results_of
from sweep.report import browser
from sweep.report.browser import FOLDER, ImageBrowser
from sweep.report.context import ReportContext, ReportOptions
from sweep.report.render import write_report
from sweep.report.section import inside
from sweep.report.sections.images import KINDS, images_section
from sweep.runs.run import Run
from tests.sweep.fake_run import fake_images, fake_run


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> ImageSet:
    return fake_images(tmp_path_factory.mktemp("images"), size=32)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, images: ImageSet) -> Run:
    folder = tmp_path_factory.mktemp("browsed") / "run"
    names = ("baseline", "smote", "focal")
    return fake_run(folder, images, techniques=names, lrs=(0.001,), epochs=1, failing=False, checkpoints=2)


def shown(run: Run, images: ImageSet | None, options: ReportOptions) -> ImageBrowser:
    body = images_section(ReportContext(results_of(run), images, options))
    assert body is not None
    return next(block for block in inside(body.blocks) if isinstance(block, ImageBrowser))


def test_every_card_has_the_picture_and_the_answers_of_its_row(run: Run, images: ImageSet) -> None:
    found = shown(run, images, ReportOptions(cams=False, browsed=5))
    assert len(found.cards) == 5
    names = [str(name) for name in images.names]
    tested = results_of(run).test_set
    assert tested is not None
    for card in found.cards:
        row = names.index(card.name)
        assert card.class_name == images.class_names[images.labels[row]]
        assert card.kind in KINDS
        own = [trial.test for trial in tested if trial.technique == "smote"]
        place = own[0].rows.tolist().index(row)
        mean = np.mean([part.probabilities[place, images.labels[row]] for part in own])
        assert next(one.probability for one in card.answers if one.technique == "smote") == pytest.approx(mean)
        (picture,) = card.pictures
        decoded = np.asarray(Image.open(io.BytesIO(base64.b64decode(picture.address.partition(",")[2]))).convert("L"))
        assert np.abs(decoded.astype(int) - np.asarray(images.pixels[row], int)).mean() < 6  # but for JPEG


def test_maps_of_the_baseline_and_of_who_errs_least_stand_beside_each_image(run: Run, images: ImageSet) -> None:
    found = shown(run, images, ReportOptions(browsed=4, cam_method="layercam"))
    for card in found.cards:
        assert {one.technique for one in card.answers} == {"baseline", "smote", "focal"}
        assert [one.what for one in card.pictures] == ["", "Baseline", "SMOTE"], "focal kept no network"
    assert shown(run, None, ReportOptions(browsed=4)).cards[0].pictures == []


def test_a_map_leaves_two_to_four_fifths_of_an_image() -> None:
    image = np.full((2, 2), 200, np.uint8)
    dark = over(image, np.zeros((2, 2)))  # inferno begins black
    assert np.abs(dark.astype(int) - 160).max() <= 1
    bright = over(image, np.ones((2, 2)))  # and ends in (252, 255, 164)
    assert np.abs(bright[0, 0].astype(int) - (0.4 * 200 + 0.6 * np.array([252, 255, 164]))).max() <= 1


def test_many_pictures_are_files_beside_the_page(run: Run, images: ImageSet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(browser, "EMBEDDED", 1000)
    page = write_report(run, images, ReportOptions(cams=False, browsed=3))
    text = page.read_text(encoding="utf-8")
    addresses = re.findall(r'<img src="(images/[^"]+)"', text)
    assert len(addresses) == 3
    assert {f"{FOLDER}/{path.name}" for path in (page.parent / FOLDER).iterdir()} == set(addresses)
    assert "img-src data: 'self' file:;" in text
    monkeypatch.setattr(browser, "EMBEDDED", 10**9)
    text = write_report(run, images, ReportOptions(cams=False, browsed=3)).read_text(encoding="utf-8")
    assert not list((page.parent / FOLDER).iterdir())
    assert "img-src data:;" in text


def test_none_are_shown_where_none_were_asked_for_but_all_are_counted(run: Run, images: ImageSet) -> None:
    body = images_section(ReportContext(results_of(run), images, ReportOptions(cams=False, browsed=0)))
    assert body is not None
    assert not [block for block in inside(body.blocks) if isinstance(block, ImageBrowser)]
    assert body.values is not None
    kinds = body.values["kinds"]
    tested = results_of(run).test_set
    assert isinstance(kinds, dict)
    assert tested is not None
    assert sum(kinds.values()) == len(tested.rows)


def test_a_link_in_place_of_the_pictures_folder_is_refused(run: Run, images: ImageSet, tmp_path: Path) -> None:
    folder = write_report(run, images, ReportOptions(cams=False, browsed=1)).parent / FOLDER
    if folder.exists():
        folder.rmdir()
    folder.symlink_to(tmp_path)
    try:
        with pytest.raises(UserError, match="is a link"):
            write_report(run, images, ReportOptions(cams=False, browsed=1))
    finally:
        folder.unlink()
