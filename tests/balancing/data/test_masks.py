"""Masks of a folder, told by their names, in any colour mode."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from balancing.data.mask_names import masks_among
from balancing.data.masks import load_masks, masks_of, read_mask
from balancing.errors import UserError
from tests.sweep.fake_run import fake_images


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


def test_masks_beside_their_images_are_told_by_name_and_joined(tmp_path: Path) -> None:
    images = fake_images(tmp_path / "images", size=8, per_class=(2, 2))
    images = replace(images, names=np.array(["benign (1).png", "benign (2).png", "malignant (1).png", "x.png"]))
    left, right = np.zeros((2, 8, 8), dtype=np.uint8)
    left[:, :2], right[:, 6:] = 255, 255
    root = tmp_path / "busi"
    for name in images.names.tolist():
        save(root / name.split(" ")[0] / name, np.full((8, 8), 9, dtype=np.uint8))  # the images themselves
    save(root / "benign" / "benign (1)_mask.png", left)
    save(root / "benign" / "benign (1)_mask_1.png", right)
    save(root / "malignant" / "malignant (1)_mask.png", right)
    masks = load_masks(root, images)
    assert masks.present.tolist() == [True, False, True, False]
    joined = masks.of(np.array([0, 2]))
    assert (joined[0] == (left + right > 0)).all()
    assert (joined[1] == (right > 0)).all()


def test_masks_in_a_folder_beside_the_images(tmp_path: Path) -> None:
    images = fake_images(tmp_path / "images", size=8, per_class=(2, 2))
    names = np.array(["COVID/1.png", "Normal/1.png", "Normal/2.png", "Normal/3.png"])
    images = replace(images, names=names, class_names=("COVID", "Normal"), labels=np.array([0, 1, 1, 1]))
    inside = np.full((8, 8), 255, dtype=np.uint8)
    for name in names[:3]:
        kind, file = name.split("/")
        save(tmp_path / "set" / kind / "images" / file, inside)
        save(tmp_path / "set" / kind / "masks" / file, inside)
    assert load_masks(tmp_path / "set", images).present.tolist() == [True, True, True, False]
    assert masks_among(["a/mask/1.png", "a/no_mask/1.png"]) == set()
    assert masks_among(["masks/1.png", "masks/2.png", "9.png"]) == set()
    assert masks_among(["i/X_1.png", "gt/X_1_segmentation.png", "i/Y_seg.png"]) == {"gt/X_1_segmentation.png"}


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


def test_masks_beside_images_are_told_by_their_number_where_the_words_differ() -> None:
    images = [f"Images/bus_{i:04d}-{side}.png" for i in range(3) for side in "lr"]
    masks = [path.replace("Images/bus", "Masks/mask") for path in images]
    assert masks_among([*images, *masks]) == set(masks)
    assert masks_among(["Images/g0001.jpg", "gts/g0001.bmp"]) == {"gts/g0001.bmp"}
    assert masks_among(["Images/bus_0001.png", "Masks/other_0002.png"]) == set()
