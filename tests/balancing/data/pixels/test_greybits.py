"""16-bit greys: one factor for the whole set, as if every image had been scaled by it from the start."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from balancing.data.images import ImageSet, load_images
from balancing.data.pixels.decoding import Decoded, decode
from balancing.data.pixels.greybits import BITS, bits_for, float_range, floats_to_8_bits, grey_note, to_8_bits
from balancing.errors import UserError
from balancing.quality.audit import audit
from tests.balancing.samples import encoded, float_tiff, noise, write_files
from tests.sweep.fake_run import fake_images, fake_split

SIZE = 24


def greys(seed: int, largest: int) -> np.ndarray:
    """(30, 40) uint16 from 0 to exactly ``largest``."""
    found = np.random.default_rng(seed).integers(0, largest + 1, (30, 40)).astype(np.uint16)
    found[0, :2] = 0, largest
    return found


def folder(root: Path, images: list[np.ndarray], kind: str = "PNG") -> Path:
    """Two classes by turns, in the order of the images within each."""
    files = {f"{'ab'[i % 2]}/{i:03d}.{kind.lower()}": encoded(image, kind) for i, image in enumerate(images)}
    return write_files(root, files)


def load(path: Path) -> ImageSet:
    return load_images(str(path), image_size=SIZE, workers=2)


def scaled(image: np.ndarray, bits: int) -> np.ndarray:
    """In floating point, then Pillow's own resize."""
    eight = np.floor(np.minimum(image / (2**bits - 1), 1) * 255 + 0.5).astype(np.uint8)
    return np.asarray(Image.fromarray(eight).resize((SIZE, SIZE), Image.Resampling.BILINEAR))


@pytest.mark.parametrize("bits", BITS)
def test_the_table_is_the_formula(bits: int) -> None:
    values = np.arange(1 << 16)
    exact = np.floor(np.minimum(values / (2**bits - 1), 1) * 255 + 0.5)
    np.testing.assert_array_equal(to_8_bits(bits), exact)
    assert bits_for((1 << bits) - 1) == bits
    if bits < 16:
        assert bits_for(1 << bits) > bits


def test_full_16_bits_are_divided_by_257() -> None:
    values = np.arange(1 << 16)
    np.testing.assert_array_equal(to_8_bits(16), (values + 128) // 257)


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
@pytest.mark.parametrize("brightest", [0, 1, 9, 15, 23])
def test_all_images_have_the_scale_of_the_brightest(tmp_path: Path, kind: str, brightest: int) -> None:
    """Wherever the brightest stands, early or late; the others use 8 to 10 bits."""
    images = [greys(i, 4095 if i == brightest else (200, 900)[i % 2]) for i in range(24)]
    found = load(folder(tmp_path / "set", images, kind))
    assert found.grey_bits == 12
    assert any("24 images with 16-bit greys use 12 bits" in note and "1 use 12" in note for note in found.notes)
    for pixels, name in zip(found.pixels, found.names.tolist(), strict=True):
        np.testing.assert_array_equal(pixels, scaled(images[int(name[:3])], 12))


def test_levels_of_12_bits_are_kept(tmp_path: Path) -> None:
    """Divided by 257, 17 grey levels would be left."""
    ramp = np.tile(np.linspace(0, 4095, SIZE * SIZE).round().astype(np.uint16).reshape(SIZE, SIZE), (1, 1))
    found = load(folder(tmp_path / "set", [ramp, ramp.T, ramp[::-1], ramp[:, ::-1]]))
    assert len(np.unique(found.pixels[0])) == 256


def test_arrays_and_files_agree(tmp_path: Path) -> None:
    images = [greys(i, (4095, 300)[i % 2]) for i in range(8)]
    np.savez(tmp_path / "x.npz", train_images=np.stack(images), train_labels=np.arange(8) % 2)
    of_arrays, of_files = load(tmp_path / "x.npz"), load(folder(tmp_path / "set", images))
    assert of_arrays.grey_bits == of_files.grey_bits == 12
    by_name = {int(name[:3]): row for row, name in enumerate(of_files.names.tolist())}
    for row in range(8):
        np.testing.assert_array_equal(of_arrays.pixels[row], of_files.pixels[by_name[row]])


def test_8_bits_beside_16_stay_and_it_is_said(tmp_path: Path) -> None:
    images = [greys(i, 1023) if i < 4 else noise(i, 30, 40) for i in range(8)]
    found = load(folder(tmp_path / "set", images))
    assert found.grey_bits == 10
    assert any("4 of 8 images with 16-bit greys use 10 bits" in note and "The others" in note for note in found.notes)
    for pixels, name in zip(found.pixels, found.names.tolist(), strict=True):
        row = int(name[:3])
        expected = images[row] if row >= 4 else None
        resized = scaled(images[row], 10) if expected is None else np.asarray(
            Image.fromarray(expected).resize((SIZE, SIZE), Image.Resampling.BILINEAR)
        )  # fmt: skip
        np.testing.assert_array_equal(pixels, resized)


def test_sets_of_8_bits_say_nothing(tmp_path: Path) -> None:
    found = load(folder(tmp_path / "set", [noise(i, 30, 40) for i in range(4)]))
    assert found.grey_bits is None
    assert "16-bit" not in " ".join(found.notes)


def test_the_brightest_grey_is_told() -> None:
    deep = decode(encoded(greys(0, 4095)), SIZE, 12)
    assert isinstance(deep, Decoded)
    assert deep.brightest == 4095
    eight = decode(encoded(noise(0)), SIZE)
    assert isinstance(eight, Decoded)
    assert eight.brightest is None


def _findings(images: ImageSet, pixels: np.ndarray) -> dict[str, list]:
    from dataclasses import replace

    changed = replace(images, pixels=pixels)
    named: dict[str, list] = {}
    for finding in audit(changed, fake_split(images)).findings:
        named.setdefault(finding.check, []).append(finding)
    return named


def test_the_audit_finds_lost_greys_and_tell_tale_brightness(tmp_path: Path) -> None:
    images = fake_images(tmp_path / "images", per_class=(60, 60), size=48)
    plain = np.random.default_rng(1).integers(0, 256, (len(images), 48, 48), dtype=np.uint8)
    checks = ("few_grey_levels", "dark_or_bright", "brightness_tells_class")
    assert not [check for check in checks if check in _findings(images, plain)]
    (few,) = _findings(images, plain // 16)["few_grey_levels"]
    assert few.severity == "warning"
    assert (few.values or {})["images"] == len(images)
    (dark,) = _findings(images, plain // 16)["dark_or_bright"]
    assert (dark.severity, (dark.values or {})["kind"]) == ("warning", "dark")
    (bright,) = _findings(images, 200 + plain // 8)["dark_or_bright"]
    assert (bright.values or {})["kind"] == "bright"
    some = plain.copy()
    some[:3] //= 16
    assert len(_findings(images, some)["few_grey_levels"][0].files) == 3
    told = np.where(images.labels[:, None, None] == 1, plain // 2 + 100, plain // 2).astype(np.uint8)
    (finding,) = _findings(images, told)["brightness_tells_class"]
    assert finding.severity == "warning"
    assert (finding.values or {})["auroc"] == 1.0


@pytest.mark.parametrize(("used", "said"), [({12: 20, 16: 4}, "20 use 12, 4 use 16"), ({12: 24}, None)])
def test_the_note_counts_the_images_of_each_number_of_bits(used: dict[int, int], said: str | None) -> None:
    note = grey_note(used, 24)
    assert f"use {'all 16' if said else 12} bits" in note
    assert (said in note) if said else ("brightest" not in note)


@pytest.mark.parametrize(
    ("lowest", "highest", "found"),
    [
        *((0, 1, (0, 1)), (0.2, 0.7, (0, 1)), (-0.0005, 1.0005, (0, 1)), (0, 0, (0, 1))),
        *((-1, 1, (-1, 1)), (-0.9, 0.3, (-1, 1)), (0, 255, (0, 255)), (3, 200, (0, 255)), (0, 255.4, (0, 255))),
        *((0, 256, (0, 1023)), (0, 4095, (0, 4095)), (0, 30_000, (0, 65_535))),
        # what fits two of them, or none
        *((0, 1.3, None), (0, 12, None), (-0.02, 1, None), (-1024, 3071, None), (-1, 2, None), (0, 70_000, None)),
    ],
)
def test_the_range_of_floats(lowest: float, highest: float, found: tuple[float, float] | None) -> None:
    assert float_range(lowest, highest) == found


@pytest.mark.parametrize(("black", "white"), [(0, 1), (-1, 1), (0, 255), (0, 4095)])
def test_floats_become_the_8_bits_they_were(black: float, white: float) -> None:
    eight = np.arange(256)
    for dtype in (np.float32, np.float64):
        floats = (black + eight / 255 * (white - black)).astype(dtype)
        np.testing.assert_array_equal(floats_to_8_bits(floats, black, white), eight)
    assert floats_to_8_bits(np.array([black - 9.0, white + 9.0]), black, white).tolist() == [0, 255]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("scale", "expected"), [(1 / 255, (0, 1)), (1, (0, 255)), (16, (0, 4095))])
def test_a_set_of_float_tiffs_has_one_range(
    tmp_path: Path, dtype: type, scale: float, expected: tuple[float, float]
) -> None:
    """Wherever the brightest stands; it alone tells the range."""
    eight = [noise(i, 30, 40) // (1 if i in (3, 20) else 2) for i in range(24)]
    root = tmp_path / "set"
    for i, image in enumerate(eight):
        floats = (image.astype(float) * scale).astype(dtype)
        data = encoded(Image.fromarray(floats), "TIFF") if dtype == np.float32 else float_tiff(floats)
        write_files(root, {f"{'ab'[i % 2]}/{i:03d}.tif": data})
    found = load(root)
    assert found.float_range == expected
    assert any(f"24 images with floating-point pixels lie within 0..{expected[1]}" in note for note in found.notes)
    for pixels, name in zip(found.pixels, found.names.tolist(), strict=True):
        image = floats_to_8_bits((eight[int(name[:3])].astype(float) * scale).astype(dtype), *expected)
        np.testing.assert_array_equal(
            pixels, np.asarray(Image.fromarray(image).resize((SIZE, SIZE), Image.Resampling.BILINEAR))
        )
    assert found.depths is not None
    assert set(found.depths.tolist()) == {8 * np.dtype(dtype).itemsize}


@pytest.mark.parametrize("colours", [1, 3])
def test_float_arrays(colours: int) -> None:
    eight = noise(1, 30, 40, colours)
    found, plain = decode(eight / 255, SIZE), decode(eight, SIZE)
    assert isinstance(found, Decoded)
    assert isinstance(plain, Decoded)
    np.testing.assert_array_equal(found.pixels, plain.pixels)
    assert (found.depth, found.format, found.floats) == (64, "array", (eight.min() / 255, eight.max() / 255))


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
def test_nan_and_infinity_are_no_greys(wrong: float) -> None:
    pixels = np.zeros((8, 8), dtype=np.float32)
    pixels[3, 3] = wrong
    for content in (pixels, encoded(Image.fromarray(pixels), "TIFF")):
        assert decode(content, SIZE) == "its floating-point pixels hold NaN or infinity; give each a grey level"


def test_floats_that_tell_no_black_and_white_are_refused(tmp_path: Path) -> None:
    images = [np.random.default_rng(i).normal(0, 1, (20, 20)).astype(np.float32) for i in range(16)]
    with pytest.raises(UserError, match=r"reach from -\d.* to \d.*, which tells no black and white; scale all images"):
        load(folder(tmp_path / "set", images, "TIFF"))


def test_8_16_and_floating_point_in_one_set(tmp_path: Path) -> None:
    eight = [noise(i, 30, 40) for i in range(9)]
    kinds = [lambda p: p, lambda p: p.astype(np.uint16) * 257, lambda p: (p / 255).astype(np.float32)]
    found = load(folder(tmp_path / "set", [kinds[i % 3](image) for i, image in enumerate(eight)], "TIFF"))
    assert (found.grey_bits, found.float_range) == (16, (0, 1))
    for pixels, name in zip(found.pixels, found.names.tolist(), strict=True):
        image = Image.fromarray(eight[int(name[:3])])
        np.testing.assert_array_equal(pixels, np.asarray(image.resize((SIZE, SIZE), Image.Resampling.BILINEAR)))
