"""HDF5: pairs of files as PatchCamelyon's, one file with both, and links to other files, which are refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from balancing.errors import UserError
from tests.balancing.data.sources.drawn import counts, load
from tests.balancing.samples import noise

h5py = pytest.importorskip("h5py")


def patches(n: int, first: int = 0) -> np.ndarray:
    return np.stack([noise(first + i, 12, 12, 3) for i in range(n)])


def pairs(root: Path) -> Path:
    root.mkdir()
    for k, (split, n) in enumerate({"train": 6, "valid": 4, "test": 4}.items()):
        with h5py.File(root / f"camelyonpatch_level_2_split_{split}_x.h5", "w") as file:
            file.create_dataset("x", data=patches(n, 10 * k), chunks=(2, 12, 12, 3), compression="gzip")
        with h5py.File(root / f"camelyonpatch_level_2_split_{split}_y.h5", "w") as file:
            file["y"] = (np.arange(n) % 2).astype(np.uint8).reshape(n, 1, 1, 1)
    return root


def test_pairs_of_files(tmp_path: Path) -> None:
    images = load(pairs(tmp_path / "set"))
    assert images.class_names == ("no tumour", "tumour")
    assert images.positive == "tumour"
    assert images.splits.tolist() == ["train"] * 6 + ["validation"] * 4 + ["test"] * 4
    assert counts(images, "train") == {"no tumour": 3, "tumour": 3}
    alone = load(tmp_path / "set" / "camelyonpatch_level_2_split_train_x.h5")
    np.testing.assert_array_equal(alone.pixels, images.pixels[:6])


def test_one_file_with_both(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        for split in ("train", "test"):
            file[f"{split}_images"], file[f"{split}_labels"] = patches(4), np.arange(4) % 2
    assert load(tmp_path / "a.h5").splits.tolist() == ["train"] * 4 + ["test"] * 4
    with h5py.File(tmp_path / "b.h5", "w") as file:
        file["x"], file["y"] = patches(4), np.arange(4) % 2
    assert counts(load(tmp_path / "b.h5")) == {"0": 2, "1": 2}


def test_links_to_other_files_and_other_things_are_refused(tmp_path: Path) -> None:
    secret = tmp_path / "secret.raw"
    secret.write_bytes(bytes(4 * 144))
    labels = np.arange(4) % 2
    for name, put in {
        "link": lambda file: file.__setitem__("x", h5py.ExternalLink(str(tmp_path / "other.h5"), "x")),
        "soft": lambda file: file.__setitem__("x", h5py.SoftLink("/y")),
        "external": lambda file: file.create_dataset("x", (4, 12, 12), "u1", external=[(str(secret), 0, 4 * 144)]),
    }.items():
        with h5py.File(tmp_path / f"{name}.h5", "w") as file:
            file["y"] = labels
            put(file)
        with pytest.raises(UserError, match=r"is no array of this file; no file is read from elsewhere"):
            load(tmp_path / f"{name}.h5")


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ({"x": np.zeros((4, 12, 12), np.float32), "y": np.arange(4) % 2}, "has shape .4, 12, 12. and type float32"),
        ({"x": np.zeros((4, 9, 9, 9), np.uint8), "y": np.arange(4) % 2}, "has shape .4, 9, 9, 9."),
        ({"x": np.zeros((4, 12, 12), np.uint8), "y": np.arange(3)}, "one whole number for each of the 4 images"),
        ({"x": np.zeros((4, 12, 12), np.uint8), "y": np.arange(4) / 2}, "y in a.h5 of .* hold fractions"),
        ({"z": np.zeros(3)}, "holds no images and labels that are known"),
    ],
)
def test_what_does_not_fit(tmp_path: Path, content: dict[str, np.ndarray], sentence: str) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        for key, values in content.items():
            file[key] = values
    with pytest.raises(UserError, match=sentence):
        load(tmp_path / "a.h5")


def test_damage_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "a.h5").write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(50))
    with pytest.raises(UserError, match=r"a.h5 of .* cannot be read as HDF5"):
        load(tmp_path / "a.h5")


def test_one_grey_channel_and_whole_floats_are_read(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["x"], file["y"] = patches(4)[..., :1], np.array([0, 2**63 + 5, 0, 2**63 + 5], np.uint64)
    assert load(tmp_path / "a.h5").class_names == ("0", str(2**63 + 5))
    with h5py.File(tmp_path / "b.h5", "w") as file:
        file["x"], file["y"] = patches(4)[..., :1], np.array([0, 1, 1, 1], np.float32)
    assert counts(load(tmp_path / "b.h5")) == {"0": 1, "1": 3}


def test_what_was_never_written_is_refused_before_room_is_made_for_it(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("x", (64, 9000, 9000, 3), "u1")
        file["y"] = np.arange(64) % 2
    with pytest.raises(
        UserError, match=r"x in a.h5 of .* claims 15,552,000,000 bytes, but has 0: it was never written"
    ):
        load(tmp_path / "a.h5")
