"""Energy shares, pointing game, masks and the study's claim: by hand, and on networks that look at a known place."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import sweep.analysis.maps.cams
from balancing.data.images import ImageSet
from balancing.data.masks import as_masks, load_masks, masks_of
from balancing.data.phantom import Phantom
from balancing.errors import UserError
from sweep.analysis.maps.regions import (
    REGIONS,
    area_shares,
    balanced_rows,
    cam_table,
    energy_shares,
    mask_shares,
    numbers_of,
    regions,
    sample_maps,
    study_claim,
)
from sweep.analysis.results import Results
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
    monkeypatch.setattr(sweep.analysis.maps.cams, "restore", restored(looked[0], windows))


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


def test_networks_that_look_at_a_known_place(looked: tuple[Run, ImageSet]) -> None:
    run, images = looked
    table = cam_table(Results(run), images, "gradcam", masks_of(images), most=16, rng=np.random.default_rng(0))
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
    assert "speaks for what the study says of these two networks" in study_claim(table)
    assert f"a difference of +{100 * gap:.1f} percentage points (95 % interval +" in study_claim(table)
    again = cam_table(Results(run), images, "gradcam", masks_of(images), most=16, rng=np.random.default_rng(0))
    pd.testing.assert_frame_equal(table, again)


def test_a_network_that_finds_drawn_lesions(looked: tuple[Run, ImageSet], monkeypatch: pytest.MonkeyPatch) -> None:
    run, images = looked
    lesions = iter([mask for mask in Phantom(200, size=96).masks() if mask.any()])
    masks = np.zeros(images.pixels.shape, dtype=bool)
    for row in np.flatnonzero(images.labels == 1):
        masks[row] = next(lesions, masks[row])
    drawn = replace(images, pixels=np.where(masks, 255, 60).astype(np.uint8))
    whole = {name: corner_window(24, 24) for name in PAIR}
    monkeypatch.setattr(sweep.analysis.maps.cams, "restore", restored(run, whole))
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
    assert "images of more than 64 pixels a side" in study_claim(table)


def test_the_claim_in_numbers() -> None:
    def table(edge: tuple[float, float, float], mask: tuple[float, float, float] | None = None) -> pd.DataFrame:
        rows = []
        for name in PAIR:
            row = {"technique": name, "edge": 0.6, "edge_area": 0.51}
            row |= dict(zip(("edge_gap", "edge_gap_low", "edge_gap_high"), edge, strict=True))
            if mask:
                row |= {"mask": 0.2, "mask_area": 0.3}
                row |= dict(zip(("mask_gap", "mask_gap_low", "mask_gap_high"), mask, strict=True))
            rows.append(row)
        return pd.DataFrame(rows)

    more, less, none = (0.1, 0.05, 0.15), (-0.1, -0.15, -0.05), (0.01, -0.1, 0.1)
    assert "speaks for what the study says" in study_claim(table(more))
    assert "speaks for what the study says" in study_claim(table(more, less))
    assert "speaks in part for" in study_claim(table(more, none))
    assert "speak against each other" in study_claim(table(more, more))
    assert "the other way round" in study_claim(table(less))
    assert "the other way round" in study_claim(table(none, more))
    assert "do not bear it out" in study_claim(table(none, none))
    assert "+10.0 percentage points (95 % interval +5.0 to +15.0)" in study_claim(table(more))
    assert "there are no maps of Oversampling." in study_claim(table(more).iloc[1:])
    assert "there are no maps of SMOTE and Oversampling." in study_claim(pd.DataFrame({"technique": []}))


def save(path: Path, mask: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(mask).save(path)


def test_masks_of_a_folder(tmp_path: Path) -> None:
    images = fake_images(tmp_path / "images", size=8, per_class=(4, 4))
    wide = np.zeros((20, 40), dtype=np.uint8)
    wide[:, 20:] = 1  # labels, not grey levels
    save(tmp_path / "masks" / "deep" / "IMAGE0.png", wide)
    blurred = np.zeros((8, 8), dtype=np.uint8)
    blurred[:, :4] = 255
    Image.fromarray(blurred).save(tmp_path / "masks" / "image5_mask.jpg", quality=60)
    save(tmp_path / "masks" / "stranger.png", wide)
    (tmp_path / "masks" / "image1.txt").write_text("no mask")
    masks = load_masks(tmp_path / "masks", images)
    assert np.flatnonzero(masks.present).tolist() == [0, 5]
    found = masks.of(np.array([5, 0, 2]))
    assert (found.shape, found.dtype) == ((3, 8, 8), np.bool_)
    assert found[0, :, :4].all()
    assert not found[0, :, 4:].any()
    assert (found[1] == ~found[0]).all(), "squashed to a square, as images are"
    assert not found[2].any()
    assert masks.what == "the mask from masks"


def test_masks_of_equal_names_are_told_by_their_folders(tmp_path: Path) -> None:
    images = fake_images(tmp_path / "images", size=8, per_class=(2, 2))
    images = replace(
        images,
        names=np.array(["a.png", "NORMAL/b.jpg", "a.png", "a.png"]),
        splits=np.array(["train", "train", "train", "validation"]),
    )
    mask = np.full((8, 8), 255, dtype=np.uint8)
    save(tmp_path / "m" / "train" / "NORMAL" / "a.png", mask)
    save(tmp_path / "m" / "b.png", mask)
    save(tmp_path / "m" / "val" / "PNEUMONIA" / "a.png", mask)
    assert load_masks(tmp_path / "m", images).present.tolist() == [True, True, False, True]
    save(tmp_path / "n" / "PNEUMONIA" / "a.png", mask)
    with pytest.raises(UserError, match="none of the 1 masks"):
        load_masks(tmp_path / "n", images)


def test_mistakes_with_masks_are_said(tmp_path: Path) -> None:
    images = fake_images(tmp_path / "images", size=8, per_class=(2, 2))
    with pytest.raises(UserError, match="there is no folder of masks"):
        load_masks(tmp_path / "nowhere", images)
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="holds no image"):
        load_masks(tmp_path / "empty", images)
    save(tmp_path / "other" / "lung7.png", np.zeros((4, 4), dtype=np.uint8))
    with pytest.raises(UserError, match=r"the first mask is lung7\.png, the first image image0\.png"):
        load_masks(tmp_path / "other", images)
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "image0.png").write_bytes(b"no picture")
    with pytest.raises(UserError, match=r"image0\.png cannot be read"):
        load_masks(tmp_path / "broken", images).of(np.array([0]))
    assert masks_of(images) is None


@pytest.mark.parametrize("mode", ["1", "P", "RGB", "RGBA", "LA", "I;16"])
def test_masks_in_any_colour_mode(tmp_path: Path, mode: str) -> None:
    from balancing.data.masks import read_mask

    inside = np.zeros((6, 6), dtype=bool)
    inside[2:4, 1:5] = True
    if mode == "I;16":
        image = Image.fromarray(inside.astype(np.uint16) * 900)
    elif mode == "P":
        image = Image.fromarray(inside.astype(np.uint8), mode="L").convert("P")
    else:
        image = Image.fromarray(inside.astype(np.uint8) * 255).convert(mode)
    image.save(tmp_path / "x.png")
    assert (read_mask(tmp_path / "x.png", 6) == inside).all()
