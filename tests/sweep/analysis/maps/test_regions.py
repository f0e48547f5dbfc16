"""Energy shares, pointing game, masks and the study's claim: by hand, and on networks that look at a known place."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import sweep.analysis.maps.networks
from balancing.data.images import ImageSet
from balancing.data.masks import as_masks, masks_of
from balancing.data.phantom import Phantom
from sweep.analysis.maps.regions import (
    REGIONS,
    area_shares,
    balanced_rows,
    energy_shares,
    mask_shares,
    numbers_of,
    regions,
    sample_maps,
)
from sweep.analysis.reference_study.claim import judge_claim
from sweep.analysis.results import Results
from sweep.report.words.maps import claim_sentence
from sweep.runs.run import Run
from tests.sweep.fake_run import fake_images, fake_run
from tests.sweep.looking import centre_window, corner_window, restored

PAIR = ("oversampling", "smote")


def bright_where_class_1(images: ImageSet) -> ImageSet:
    """Dark images of class 0, bright ones of class 1, both with a little noise, all over."""
    noise = np.random.default_rng(5).integers(0, 30, images.pixels.shape)
    return replace(images, pixels=(60 + 110 * images.labels[:, None, None] + noise).astype(np.uint8))


@pytest.fixture(scope="module")
def looked(tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, ImageSet]:
    """SMOTE's network looks at a corner, oversampling's at the centre; all decisions are right."""
    folder = tmp_path_factory.mktemp("looks")
    images = bright_where_class_1(fake_images(folder / "images", size=96, masks=True, source="phantom"))
    arguments = {"techniques": PAIR, "lrs": (0.001,), "epochs": 1, "failing": False, "checkpoints": 2}
    return fake_run(folder / "run", images, skills=(30, 30), **arguments), images  # type: ignore[arg-type]


@pytest.fixture(autouse=True)
def _known_networks(looked: tuple[Run, ImageSet], monkeypatch: pytest.MonkeyPatch) -> None:
    windows = {"smote": corner_window(12, 2), "oversampling": centre_window(12, 3)}
    monkeypatch.setattr(sweep.analysis.maps.networks, "whole_network", restored(looked[0], windows))


@pytest.mark.parametrize("size", [(8, 8), (32, 32), (224, 224), (50, 70)])
def test_regions_part_the_image(size: tuple[int, int]) -> None:
    where, areas = regions(*size), area_shares(*size)
    assert set(np.unique(where)) == set(range(len(REGIONS)))
    assert areas.sum() == pytest.approx(1)
    assert areas == pytest.approx([0.09, 0.42, 0.49], abs=0.08)  # whole pixels
    assert (where == where[::-1]).all()
    assert (where == where[:, ::-1]).all()
    corners, border, centre = range(3)
    middle = size[0] // 2, size[1] // 2
    assert (where[0, 0], where[0, middle[1]], where[middle[0], -1], where[middle]) == (corners, border, border, centre)


def test_regions_by_hand() -> None:
    expected = ["0011111100", "0011111100"] + ["1122222211"] * 6 + ["0011111100"] * 2
    assert ["".join(map(str, row)) for row in regions(10, 10)] == expected  # 15 % of 10 is rounded to 2


def test_energy_shares_sum_to_one_and_a_uniform_map_has_the_area() -> None:
    maps = np.random.default_rng(0).random((5, 40, 40)).astype(np.float32)
    assert energy_shares(maps).sum(axis=1) == pytest.approx(1)
    uniform = energy_shares(np.full((1, 40, 40), 0.3))
    assert uniform[0] / area_shares(40, 40) == pytest.approx(1)
    assert np.isnan(energy_shares(np.zeros((1, 40, 40)))).all()
    corner = np.zeros((1, 40, 40))
    corner[0, :6, :6] = 2
    corner[0, 20, 20] = 24
    assert energy_shares(corner)[0] == pytest.approx([0.75, 0, 0.25])


def test_masks_and_the_pointing_game_by_hand() -> None:
    heat = np.array([[0, 1, 2], [0, 4, 4], [1, 0, 0]], dtype=float)
    right = np.array([[0, 0, 0], [0, 1, 1], [0, 0, 0]], dtype=bool)
    half = np.array([[0, 0, 1], [0, 0, 1], [0, 0, 0]], dtype=bool)
    away = np.array([[1, 0, 0], [1, 0, 0], [1, 0, 0]], dtype=bool)
    masks = np.stack([right, half, away, np.zeros((3, 3), dtype=bool), np.ones((3, 3), dtype=bool)])
    share, area, pointing = mask_shares(np.stack([heat] * 5), masks)
    assert share == pytest.approx([8 / 12, 6 / 12, 1 / 12, np.nan, np.nan], nan_ok=True)
    assert area == pytest.approx([2 / 9, 2 / 9, 3 / 9, np.nan, np.nan], nan_ok=True)
    assert pointing == pytest.approx([1, 0.5, 0, np.nan, np.nan], nan_ok=True)
    assert np.isnan(mask_shares(np.zeros((1, 3, 3)), right[None])).all()
    share, area, _ = mask_shares(np.ones((1, 3, 3)), away[None])
    assert share == pytest.approx(area)


def test_samples_are_balanced_and_filled_up() -> None:
    labels = np.repeat([0, 1, 2], [50, 3, 40])
    rows = np.arange(len(labels)) + 7
    found = balanced_rows(rows, labels, 21, np.random.default_rng(0))
    assert np.bincount(labels[found - 7]).tolist() == [9, 3, 9]
    assert (np.diff(found) > 0).all()
    assert (found == balanced_rows(rows, labels, 21, np.random.default_rng(0))).all()
    assert (found != balanced_rows(rows, labels, 21, np.random.default_rng(1))).any()
    assert (balanced_rows(rows[::-1], labels, None, np.random.default_rng(0)) == rows).all()


def table_of(run: Run, images: ImageSet) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    sampled = sample_maps(Results(run), images, "gradcam", 16, rng=rng)
    assert sampled is not None
    return numbers_of(Results(run), sampled, masks_of(images), rng)


def test_networks_that_look_at_a_known_place(looked: tuple[Run, ImageSet]) -> None:
    run, images = looked
    table = table_of(run, images)
    assert table["technique"].tolist() == list(PAIR)
    assert (table["images"] == 16).all()
    assert (table["mask_images"] == 8).all(), "clear images have no lesion"
    assert table[list(REGIONS)].sum(axis=1).tolist() == pytest.approx([1, 1])
    by_name = table.set_index("technique")
    assert by_name.loc["smote", "corners"] > 0.7  # the map's fields are blurred when enlarged
    assert by_name.loc["smote", "corners_ratio_low"] > 7
    assert by_name.loc["smote", "centre_ratio_high"] < 0.1
    assert by_name.loc["oversampling", "centre_ratio"] > 1.8
    assert by_name.loc["oversampling", "corners"] == pytest.approx(0, abs=1e-6)
    for name in (*REGIONS, "mask"):
        ratio = table[name] / table[f"{name}_area"]
        assert table[f"{name}_ratio"].tolist() == pytest.approx(ratio.tolist())
        assert (table[f"{name}_low"] <= table[name] + 1e-12).all()
        assert (table[f"{name}_high"] >= table[name] - 1e-12).all()
    gap = by_name.loc["smote", "edge"] - by_name.loc["oversampling", "edge"]
    assert by_name.loc["smote", "edge_gap"] == pytest.approx(gap)
    assert by_name.loc["oversampling", ["edge_gap", "edge_gap_low", "mask_gap_high"]].tolist() == [0, 0, 0]
    assert judge_claim(table) == "holds"
    assert f"a difference of +{100 * gap:.1f} percentage points (" in claim_sentence(table)
    again = table_of(run, images)
    pd.testing.assert_frame_equal(table, again)


def test_a_network_that_finds_drawn_lesions(looked: tuple[Run, ImageSet], monkeypatch: pytest.MonkeyPatch) -> None:
    run, images = looked
    lesions = iter([mask for mask in Phantom(200, size=96).masks() if mask.any()])
    masks = np.zeros(images.pixels.shape, dtype=bool)
    for row in np.flatnonzero(images.labels == 1):
        masks[row] = next(lesions, masks[row])
    drawn = replace(images, pixels=np.where(masks, 255, 60).astype(np.uint8))
    whole = {name: corner_window(24, 24) for name in PAIR}
    monkeypatch.setattr(sweep.analysis.maps.networks, "whole_network", restored(run, whole))
    sampled = sample_maps(Results(run), drawn, "gradcam", 40, rng=np.random.default_rng(0))
    assert sampled is not None
    table = numbers_of(Results(run), sampled, as_masks(masks), np.random.default_rng(0))
    assert (table["pointing"] > 0.9).all()
    assert (table["mask_ratio_low"] > 5).all()
    assert (table["mask_area"] < 0.1).all()
    # A map of class 0 (darkness) of the same images would lie around them: each map speaks for the decided class.
    assert (sampled.targets["smote"] == sampled.labels).all()


def test_intervals_keep_a_patients_images_together(looked: tuple[Run, ImageSet]) -> None:
    run, images = looked
    sampled = sample_maps(Results(run), images, "gradcam", 16, rng=np.random.default_rng(0))
    assert sampled is not None
    noise = np.random.default_rng(1).random((4, 96, 96))
    # Four maps, each four times: of one patient they are four observations, of sixteen patients sixteen.
    changed = replace(sampled, maps={"smote": noise.repeat(4, axis=0)}, labels=np.repeat([0, 1], 8))
    split = run.split()
    widths = []
    for patients in (np.repeat(list("abcd"), 4), [f"p{i}" for i in range(16)]):
        split.loc[split["row"].isin(sampled.rows), "patient"] = patients
        run.split = lambda: split  # type: ignore[method-assign]
        try:
            row = numbers_of(Results(run), changed, None, np.random.default_rng(0)).iloc[0]
        finally:
            del run.split  # type: ignore[method-assign]
        assert np.isnan(row["edge_gap"])
        widths.append(row["centre_high"] - row["centre_low"])
    assert widths[0] > 1.4 * widths[1]


def test_small_images_tell_no_region(looked: tuple[Run, ImageSet], tmp_path: Path) -> None:
    images = bright_where_class_1(fake_images(tmp_path / "images", size=64))
    arguments = {"techniques": PAIR, "lrs": (0.001,), "epochs": 1, "failing": False, "checkpoints": 2}
    run = fake_run(tmp_path / "run", images, **arguments)  # type: ignore[arg-type]
    sampled = sample_maps(Results(looked[0]), looked[1], "gradcam", 8, rng=np.random.default_rng(0))
    assert sampled is not None
    small = replace(sampled, rows=run.split().query("split == 'test'")["row"].to_numpy()[:8])
    small = replace(small, maps={name: maps[:, :64, :64] for name, maps in sampled.maps.items()})
    table = numbers_of(Results(run), small, None, np.random.default_rng(0))
    assert table[[*REGIONS, "edge_gap", "edge_low"]].isna().all(axis=None)
    assert judge_claim(table) == "untold"
    assert "images of more than 64 pixels a side" in claim_sentence(table)
