"""MedMNIST's .npz layout."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from balancing.data.images import load_images
from balancing.errors import UserError
from tests.balancing.samples import noise


def arrays(channels: int = 1, count: int = 6) -> dict[str, np.ndarray]:
    result = {}
    for seed, key in enumerate(("train", "val", "test")):
        result[f"{key}_images"] = np.stack([noise(100 * seed + i, 28, 28, channels) for i in range(count)])
        result[f"{key}_labels"] = (np.arange(count) % 3).astype(np.uint8)[:, None]
    return result


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("compressed", [False, True])
def test_pixels_labels_and_splits(tmp_path: Path, channels: int, compressed: bool) -> None:
    data = arrays(channels)
    (np.savez_compressed if compressed else np.savez)(tmp_path / "x.npz", **data)  # type: ignore[arg-type]
    images = load_images(str(tmp_path / "x.npz"), image_size=28)
    np.testing.assert_array_equal(
        images.pixels, np.concatenate([data[f"{k}_images"] for k in ("train", "val", "test")])
    )
    assert images.class_names == ("0", "1", "2")
    assert images.labels.tolist() == [0, 1, 2, 0, 1, 2] * 3
    assert images.splits.tolist() == ["train"] * 6 + ["validation"] * 6 + ["test"] * 6
    assert images.names[6] == "val-000000"
    assert (images.channels == channels).all()


def test_fortran_order_and_a_missing_split(tmp_path: Path) -> None:
    data = {key: value for key, value in arrays().items() if "val" not in key}
    data["train_images"] = np.asfortranarray(data["train_images"])
    np.savez(tmp_path / "x.npz", **data)  # type: ignore[arg-type]
    images = load_images(str(tmp_path / "x.npz"), image_size=28)
    np.testing.assert_array_equal(images.pixels[:6], data["train_images"])
    assert set(images.splits) == {"train", "test"}


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"train_labels": np.zeros((6, 14), np.uint8)}, r"give 14 labels an image \(multi-label\)"),
        ({"train_images": np.zeros((6, 28, 28, 28), np.uint8)}, r"are three-dimensional \(28 x 28 x 28\)"),
        ({"train_images": np.zeros((6, 9, 9, 9, 1), np.uint8)}, "are three-dimensional"),
        ({"train_images": np.zeros((6, 28, 28), np.float32)}, r"have shape \(6, 28, 28\) and type float32"),
        ({"train_labels": np.zeros((5, 1), np.uint8)}, "has 6 train_images but 5 train_labels"),
        ({"train_labels": np.zeros((6, 1))}, "are float64; whole numbers are needed"),
        ({"train_labels": None}, "not in MedMNIST's layout: it needs train_images and train_labels"),
        ({"train_images": np.array([{}] * 6)}, "have shape .* type object|cannot be read"),
    ],
)
def test_what_does_not_fit(tmp_path: Path, change: dict[str, np.ndarray | None], sentence: str) -> None:
    data = {key: value for key, value in {**arrays(), **change}.items() if value is not None}
    np.savez(tmp_path / "x.npz", **data)  # type: ignore[arg-type]
    with pytest.raises(UserError, match=sentence):
        load_images(str(tmp_path / "x.npz"), image_size=28)


def test_a_file_that_is_no_npz(tmp_path: Path) -> None:
    (tmp_path / "x.npz").write_bytes(b"nothing")
    with pytest.raises(UserError, match=r"cannot be read as \.npz"):
        load_images(str(tmp_path / "x.npz"), image_size=28)
