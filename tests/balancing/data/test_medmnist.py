"""MedMNIST's .npz layout."""

from __future__ import annotations

import zipfile
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
        ({"train_labels": np.full((6, 14), 3, np.uint8)}, r"give 14 labels an image \(multi-label\), but hold 3"),
        ({"train_images": np.zeros((6, 28, 28, 28), np.uint8)}, r"are three-dimensional \(28 x 28 x 28\)"),
        ({"train_images": np.zeros((6, 9, 9, 9, 1), np.uint8)}, "are three-dimensional"),
        ({"train_images": np.zeros((6, 28, 28), np.int32)}, r"have shape \(6, 28, 28\) and type int32"),
        ({"train_images": np.full((6, 28, 28), -0.5)}, r"floats from -0.5 to -0.5; floats in 0..1 or 0..255 are read"),
        ({"train_images": np.full((6, 28, 28), 300.0)}, "floats from 300 to 300"),
        ({"train_images": np.full((6, 28, 28), np.nan)}, "train_images of .* hold what is no number"),
        ({"train_labels": np.zeros((5, 1), np.uint8)}, "has 6 train_images but 5 train_labels"),
        ({"train_labels": np.full((6, 1), 0.5)}, "are float64 with fractions; whole numbers are needed"),
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


@pytest.mark.parametrize(("white", "said"), [(1.0, "floats in 0..1"), (255.0, "floats in 0..255")])
def test_floats_are_scaled_as_all_of_them_say(tmp_path: Path, white: float, said: str) -> None:
    data = arrays()
    floats = {k: (v / 255.0 * white).astype(np.float32) if "images" in k else v for k, v in data.items()}
    np.savez(tmp_path / "x.npz", **floats)  # type: ignore[arg-type]
    images = load_images(str(tmp_path / "x.npz"), image_size=28)
    np.testing.assert_array_equal(images.pixels[:6], data["train_images"])
    assert any(said in note for note in images.notes)


def test_one_finding_of_several_against_the_rest(tmp_path: Path) -> None:
    data = arrays()
    rows = np.array([[1, 0, 0], [1, 1, 0], [0, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 1]], np.uint8)
    np.savez(tmp_path / "x.npz", **{k: rows if "labels" in k else v for k, v in data.items()})  # type: ignore[arg-type]
    with pytest.raises(
        UserError, match=r"several findings in the labels; .*--positive 0, of: 0 \(9\), 1 \(9\), 2 \(6\)"
    ):
        load_images(str(tmp_path / "x.npz"), image_size=28)
    images = load_images(str(tmp_path / "x.npz"), image_size=28, positive="2")
    assert images.class_names == ("2", "no 2")
    assert images.labels.tolist() == [1, 1, 1, 1, 0, 0] * 3
    assert images.positive == "2"
    named = load_images(str(tmp_path / "x.npz"), image_size=28, positive="mass", label_map="1=mass")
    assert named.class_names == ("mass", "no mass")


def test_images_and_labels_without_splits(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", images=arrays()["train_images"], labels=np.eye(3)[[0, 1, 2, 0, 1, 2]])
    images = load_images(str(tmp_path / "x.npz"), image_size=28)
    assert images.labels.tolist() == [0, 1, 2] * 2
    assert set(images.splits) == {"train"}
    (tmp_path / "set").mkdir()
    (tmp_path / "x.npz").rename(tmp_path / "set" / "x.npz")
    assert len(load_images(str(tmp_path / "set"), image_size=28)) == 6


@pytest.mark.parametrize("fortran", [False, True])
def test_one_grey_channel_is_none_and_large_numbers_stay_what_they_are(tmp_path: Path, fortran: bool) -> None:
    pixels = np.stack([noise(i) for i in range(4)])
    held = np.asfortranarray(pixels[..., None]) if fortran else pixels[..., None]
    np.savez(tmp_path / "x.npz", images=held, labels=np.array([0, 2**63 + 5, 0, 0], np.uint64))
    images = load_images(str(tmp_path / "x.npz"), image_size=12)
    assert images.class_names == ("0", str(2**63 + 5))
    assert (images.channels == 1).all()


def test_labels_that_would_fill_the_memory_are_refused_by_their_header(tmp_path: Path) -> None:
    labels = np.broadcast_to(np.uint8(0), (6, 50_000_000))
    with zipfile.ZipFile(tmp_path / "x.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        with archive.open("images.npy", "w") as member:
            np.save(member, np.zeros((6, 8, 8), np.uint8))
        with archive.open("labels.npy", "w", force_zip64=True) as member:
            np.lib.format.write_array_header_1_0(
                member, {"descr": "|u1", "fortran_order": False, "shape": labels.shape}
            )
            for _ in range(6):
                member.write(bytes(50_000_000))
    with pytest.raises(UserError, match=r"labels of .* have shape \(6, 50000000\), 300,000,000 bytes, but at most"):
        load_images(str(tmp_path / "x.npz"), image_size=8)
