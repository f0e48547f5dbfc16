"""DICOM becomes what pydicom's own functions and the standard's formulas say; what can't be read gives one sentence."""

from __future__ import annotations

import numpy as np
import pytest
from pydicom.dataset import Dataset
from pydicom.pixels import apply_color_lut, apply_modality_lut, apply_voi, apply_windowing
from pydicom.sequence import Sequence
from pydicom.uid import (
    ExplicitVRBigEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLSLossless,
    RLELossless,
)

from balancing.data.pixels.decoding import Decoded, decode_all
from balancing.data.pixels.dicom import is_dicom
from tests.balancing.dicoms import SIZE, dataset, deep, dicom, lossless_jpeg, read, reads, with_frame, written
from tests.balancing.samples import encoded, noise, png


def by_pydicom(found: Dataset, pixels: np.ndarray) -> np.ndarray:
    """pydicom's window, brought to 0..255."""
    shown = apply_windowing(apply_modality_lut(pixels, found), found)
    ends = apply_modality_lut(np.array([[0, (1 << found.BitsStored) - 1]]), found).ravel()
    if found.PixelRepresentation:
        half = 1 << (found.BitsStored - 1)
        ends = apply_modality_lut(np.array([[-half, half - 1]]), found).ravel()
    return (shown - ends.min()) / np.ptp(ends) * 255


@pytest.mark.parametrize("function", ["LINEAR", "LINEAR_EXACT", "SIGMOID", None])
@pytest.mark.parametrize(("centre", "width"), [(2048, 4096), (1000, 300), ([700, 40], [1200, 80])])
@pytest.mark.parametrize("rescaled", [False, True])
def test_the_first_window_is_pydicoms(function: str | None, centre: int, width: int, rescaled: bool) -> None:
    pixels = deep()
    more = {"RescaleSlope": "2", "RescaleIntercept": "-1024"} if rescaled else {}
    found = dataset(pixels, bits=12, WindowCenter=centre, WindowWidth=width, **more)
    if function:
        found.VOILUTFunction = function
    result = read(written(found))
    assert np.abs(result.pixels - by_pydicom(found, pixels)).max() <= 0.51
    assert (result.format, result.depth, result.channels, result.shown_by) == ("DICOM", 12, 1, "window")
    assert result.brightest is None


def test_signed_values_and_hounsfield_units() -> None:
    pixels = deep(1, -1000, 3000, np.int16)
    found = dataset(pixels, WindowCenter=40, WindowWidth=400)
    shown = read(written(found)).pixels
    np.testing.assert_array_equal(shown == 0, pixels <= 40 - 0.5 - 399 / 2 + 399 / 510)
    assert np.abs(shown - np.clip((pixels - 39.5) / 399 + 0.5, 0, 1) * 255).max() <= 0.51
    twelve = dataset(deep(1, -2048, 2048, np.int16) & 0x0FFF, bits=12, WindowCenter=0, WindowWidth=4096)
    expected = (deep(1, -2048, 2048, np.int16) + 0.5) / 4095 + 0.5
    assert np.abs(read(written(twelve)).pixels - np.clip(expected, 0, 1) * 255).max() <= 0.51


def test_monochrome1_is_turned_round_and_padding_is_black() -> None:
    pixels = deep(2)
    plain, turned = (
        read(dicom(p, bits=12, WindowCenter=2048, WindowWidth=4096, PhotometricInterpretation=kind)).pixels
        for p, kind in ((pixels, "MONOCHROME2"), (4095 - pixels, "MONOCHROME1"))
    )
    assert np.abs(plain.astype(int) - turned).max() <= 1
    padded = dataset(pixels, bits=12, PhotometricInterpretation="MONOCHROME1", PixelPaddingValue=0)
    found = read(written(padded))
    assert not found.pixels[pixels == 0].any()
    assert found.pixels[pixels == 1].min(initial=255) > 250


def test_without_a_window_by_percentiles_or_as_stored() -> None:
    pixels = deep(3, 500, 900)
    pixels[0, 0], pixels[0, 1] = 0, 4095  # one pixel each, which must not darken all others
    found = read(dicom(pixels, bits=12))
    assert found.shown_by == "percentiles"
    low, high = np.percentile(pixels, [0.5, 99.5], method="inverted_cdf")
    expected = np.clip((pixels.astype(float) - low) / (high - low), 0, 1) * 255
    assert (low, high) == (np.sort(pixels, axis=None)[1], np.sort(pixels, axis=None)[-2])
    assert np.abs(found.pixels - expected).max() <= 0.51
    eight = noise(3, SIZE, SIZE)
    result = read(dicom(eight))
    np.testing.assert_array_equal(result.pixels, eight)
    assert (result.shown_by, result.depth) == ("stored", 8)
    elsewhere = read(dicom(deep(3, 500, 900), bits=12, WindowCenter=-3000, WindowWidth=10))
    assert elsewhere.shown_by == "percentiles"
    assert np.ptp(elsewhere.pixels) > 250
    assert not read(dicom(np.full((SIZE, SIZE), 77, dtype=np.uint16), bits=12)).pixels.any()


def test_a_table_is_pydicoms() -> None:
    item = Dataset()
    item.LUTDescriptor = [256, 100, 8]
    item.LUTData = [int(255 * (i / 255) ** 2) for i in range(256)]
    item["LUTDescriptor"].VR = item["LUTData"].VR = "US"
    pixels = deep(4, 0, 500)
    found = dataset(pixels, bits=12, VOILUTSequence=Sequence([item]))
    result = read(written(found))
    assert result.shown_by == "table"
    np.testing.assert_array_equal(result.pixels, apply_voi(pixels, found))


def test_colours_and_palettes() -> None:
    colour = noise(5, SIZE, SIZE, 3)
    np.testing.assert_array_equal(read(dicom(colour)).pixels, colour)
    planar = dicom(np.ascontiguousarray(colour.transpose(2, 0, 1)).reshape(SIZE, SIZE, 3), PlanarConfiguration=1)
    np.testing.assert_array_equal(read(planar).pixels, colour)
    index = noise(7, SIZE, SIZE)
    found = dataset(index, PhotometricInterpretation="PALETTE COLOR")
    for place, name in enumerate(("Red", "Green", "Blue")):
        setattr(found, f"{name}PaletteColorLookupTableDescriptor", [256, 0, 16])
        found[f"{name}PaletteColorLookupTableDescriptor"].VR = "US"
        table = np.random.default_rng(place).permutation(256).astype("<u2") * 257
        setattr(found, f"{name}PaletteColorLookupTableData", table.tobytes())
    result = read(written(found))
    np.testing.assert_array_equal(result.pixels, apply_color_lut(index, found) >> 8)
    assert result.channels == 1


def test_ybr_is_turned_into_rgb() -> None:
    ybr = np.zeros((SIZE, SIZE, 3), dtype=np.uint8)
    ybr[...] = 100, 90, 200
    found = read(dicom(ybr, PhotometricInterpretation="YBR_FULL"))
    red, green, blue = found.pixels[0, 0].tolist()
    assert abs(red - (100 + 1.402 * 72)) <= 1
    assert abs(green - (100 - 0.344136 * -38 - 0.714136 * 72)) <= 1
    assert abs(blue - (100 + 1.772 * -38)) <= 1


@pytest.mark.parametrize("syntax", [JPEG2000Lossless, JPEGLSLossless, RLELossless])
def test_compressed_without_loss_is_the_same(syntax: str) -> None:
    pixels = deep(8, side=4 * SIZE)
    found = dataset(pixels, bits=12, WindowCenter=2000, WindowWidth=3000)
    plain = read(written(found))
    found.compress(syntax)
    np.testing.assert_array_equal(read(written(found)).pixels, plain.pixels)


@pytest.mark.parametrize("bits", [8, 12, 16])
def test_lossless_jpeg_is_the_same(bits: int) -> None:
    pixels = deep(9, 0, 1 << bits, np.uint8 if bits == 8 else np.uint16)
    found = dataset(pixels, bits=bits, WindowCenter=1 << (bits - 1), WindowWidth=1 << bits)
    plain = read(written(found))
    np.testing.assert_array_equal(read(written(with_frame(found, lossless_jpeg(pixels, bits)))).pixels, plain.pixels)


def test_baseline_jpeg_is_pillows() -> None:
    grey = noise(10, SIZE, SIZE)
    data = encoded(grey, "JPEG", quality=95)
    found = with_frame(dataset(grey), data, JPEGBaseline8Bit)
    [plain] = decode_all([data], SIZE)
    assert isinstance(plain, Decoded)
    np.testing.assert_array_equal(read(written(found)).pixels, plain.pixels)


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRBigEndian])
def test_other_ways_to_write_are_the_same(syntax: str) -> None:
    pixels = deep(11)
    stored = pixels.astype(">u2") if syntax == ExplicitVRBigEndian else pixels
    found = dataset(stored.view(), bits=12, syntax=syntax, WindowCenter=2048, WindowWidth=4096)
    expected = read(dicom(pixels, bits=12, WindowCenter=2048, WindowWidth=4096))
    np.testing.assert_array_equal(read(written(found)).pixels, expected.pixels)


def test_a_file_without_its_preamble_is_known_by_its_first_element() -> None:
    whole = dicom(deep(12), bits=12, WindowCenter=2048, WindowWidth=4096)
    assert is_dicom(whole)
    assert is_dicom(whole[132:])
    np.testing.assert_array_equal(read(whole[132:]).pixels, read(whole).pixels)
    for other in (png(1), b"", b"\x08\x00" * 200, encoded(noise(1), "JPEG"), encoded(noise(1), "TIFF")):
        assert not is_dicom(other)


def test_frames_are_asked_for() -> None:
    frames = np.stack([noise(i, SIZE, SIZE) for i in range(3)])
    content = dicom(frames)
    assert "it holds 3 frames; name the one that is meant by --page N" in str(reads(content))
    for page in (1, 2, 3):
        np.testing.assert_array_equal(read(content, page).pixels, frames[page - 1])
    assert reads(content, 4) == "it has no page 4, which --page asks for: it holds 3"
    assert reads(dicom(frames[0]), 2) == "it has no page 2, which --page asks for: it holds 1"
    packed = dataset(frames)
    packed.compress(RLELossless)
    np.testing.assert_array_equal(read(written(packed), 2).pixels, frames[1])


def test_a_frames_own_window_and_scale() -> None:
    frames = np.stack([deep(i, 0, 1000) for i in range(2)])
    groups = []
    for centre in (300, 600):
        item, voi, scale = Dataset(), Dataset(), Dataset()
        voi.WindowCenter, voi.WindowWidth = centre, 201
        scale.RescaleSlope, scale.RescaleIntercept = "2", "-100"
        item.FrameVOILUTSequence = Sequence([voi])
        item.PixelValueTransformationSequence = Sequence([scale])
        groups.append(item)
    content = dicom(frames, bits=12, PerFrameFunctionalGroupsSequence=Sequence(groups))
    for page, centre in ((1, 300), (2, 600)):
        expected = np.clip((frames[page - 1] * 2.0 - 100 - centre + 0.5) / 200 + 0.5, 0, 1) * 255
        assert np.abs(read(content, page).pixels - expected).max() <= 0.51
