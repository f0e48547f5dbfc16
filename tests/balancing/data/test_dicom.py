"""DICOM becomes what pydicom's own functions and the standard's formulas say; what can't be read gives one sentence."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest
from pydicom.dataset import Dataset
from pydicom.pixels import apply_color_lut, apply_modality_lut, apply_voi, apply_windowing
from pydicom.sequence import Sequence
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLSLossless,
    RLELossless,
)

from balancing.data import dicom as reader
from balancing.data.decoding import Decoded, Manner, decode_all
from balancing.data.dicom import is_dicom, patient_of, require
from balancing.data.images import ImageSet, load_images
from balancing.errors import UserError
from tests.balancing.dicoms import dataset, dicom, lossless_jpeg, with_frame, written
from tests.balancing.samples import encoded, noise, png, write_files

SIZE = 16


def reads(content: bytes, page: int | None = None) -> Decoded | str:
    [found] = decode_all([content], Manner(SIZE, page=page), workers=1)
    return found


def read(content: bytes, page: int | None = None) -> Decoded:
    found = reads(content, page)
    assert isinstance(found, Decoded), found
    return found


def deep(seed: int = 0, low: int = 0, high: int = 4096, dtype: type = np.uint16, side: int = SIZE) -> np.ndarray:
    """(side, side) integers, the ends among them."""
    found = np.random.default_rng(seed).integers(low, high, (side, side)).astype(dtype)
    found[0, :2] = low, high - 1
    return found


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


@pytest.mark.parametrize(
    ("given", "told"),
    [
        *(("MRN-0012", "MRN-0012"), (" 12 ", "12"), ("患者7", "患者7"), ("anon_17", "anon_17")),
        *((nobody, None) for nobody in ("", "0000", "ANONYMOUS", "De-identified", "xxxx", "N/A", "Unknown")),
    ],
)
def test_patients_are_read_without_pixels(tmp_path: Path, given: str, told: str | None) -> None:
    found = dataset(deep(13), bits=12, PatientID=given, SpecificCharacterSet="ISO_IR 192")
    content = written(found)
    assert read(content).patient == told
    cut = content[: content.index(b"\xe0\x7f\x10\x00")]  # before the pixels
    (tmp_path / "x.dcm").write_bytes(cut)
    assert patient_of(tmp_path / "x.dcm") == told


def test_patient_of_what_is_no_dicom_is_unknown(tmp_path: Path) -> None:
    (tmp_path / "x.dcm").write_bytes(png(1))
    assert patient_of(tmp_path / "x.dcm") is None
    assert patient_of(tmp_path / "none.dcm") is None
    (tmp_path / "y.dcm").write_bytes(dicom(deep(), PatientID=None))
    assert patient_of(tmp_path / "y.dcm") is None


def _load(root: Path, contents: Iterable[bytes], **options: object) -> ImageSet:
    """Two classes by turns."""
    for i, content in enumerate(contents):
        ending = "dcm" if is_dicom(content) else "png"
        write_files(root, {f"{'ab'[i % 2]}/{i:02d}.{ending}": content})
    return load_images(str(root), image_size=SIZE, workers=1, **options)  # type: ignore[arg-type]


def test_a_set_has_the_patients_of_its_headers(tmp_path: Path) -> None:
    ids = ["A", "A", "B", "", "C", "B"]
    files = [dicom(deep(i), bits=12, PatientID=name) for i, name in enumerate(ids)]
    found = _load(tmp_path / "set", [*files, png(1)])
    assert found.patients is not None
    of = {name[:2]: patient for name, patient in zip(found.names.tolist(), found.patients.tolist(), strict=True)}
    assert of["00"] == of["01"] == "A"
    assert (of["02"], of["05"], of["04"]) == ("B", "B", "C")
    assert len({*of.values()}) == 5  # the blank one and the PNG count as a patient each
    notes = " ".join(found.notes)
    assert "told by the PatientID of the DICOM files: 5 patients. 2 images name none" in notes
    assert "6 of 7 images in DICOM became 8 bits: 6 stretched" in notes
    assert "The others are no DICOM" in notes
    assert "Doe" not in "".join(path.read_bytes().decode("latin-1") for path in found.pixels_path.parent.iterdir())


def test_where_headers_tell_no_patients(tmp_path: Path) -> None:
    blank = _load(tmp_path / "blank", [dicom(deep(i), bits=12, PatientID="ANON") for i in range(4)])
    assert any("name no patient" in note for note in blank.notes)
    same = _load(tmp_path / "same", [dicom(deep(i), bits=12) for i in range(12)])
    assert any("have one PatientID, which is taken for none" in note for note in same.notes)
    few = _load(
        tmp_path / "few", [*(dicom(deep(i), bits=12, PatientID=f"{i}") for i in range(1, 4)), *map(png, range(5))]
    )
    assert any("Only 3 of 8 images are DICOM" in note for note in few.notes)
    unwanted = [dicom(deep(i), bits=12, PatientID=f"P{i}") for i in range(4)]
    none = _load(tmp_path / "none", unwanted, patient_column="none")
    for found in (blank, same, few, none):
        assert found.patients is None


def test_without_pydicom_there_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = dicom(deep(), bits=12)
    monkeypatch.setattr(reader, "find_spec", lambda name: None)
    assert reads(content) == "it is a DICOM image, which needs pydicom: pip install 'balancing-act[dicom]'"
    with pytest.raises(UserError, match=r"4 of the images are DICOM, such as .*pip install 'balancing-act\[dicom\]'"):
        _load(tmp_path / "set", [content] * 4, skip_bad=True)
    for name in ("a/1.png", "b/1.png"):  # of another name, found when it is decoded
        write_files(tmp_path / "named", {name: content})
    with pytest.raises(UserError, match=r"1\.png can't be read: it is a DICOM image, which needs pydicom"):
        load_images(str(tmp_path / "named"), image_size=SIZE, workers=1, skip_bad=True)
    require(["x.png"])


def _claims(**more: object) -> bytes:
    return dicom(noise(1, SIZE, SIZE), **more)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (_claims(PixelData=None), "it is a DICOM file without an image"),
        (_claims(Rows=None), "it is a DICOM file without an image"),
        (_claims(Rows=60000, Columns=60000), "it claims more than 89,478,485 pixels: 60,000 x 60,000"),
        (_claims(Rows=8000, Columns=8000, BitsAllocated=32, BitsStored=32), "MiB of memory"),
        (_claims(Rows=500), "less than expected"),
        (_claims(BitsAllocated=64, BitsStored=64), "1 values a pixel of 64 in 64 bits are not read"),
        (_claims(BitsStored=12), "1 values a pixel of 12 in 8 bits are not read"),
        (_claims(PhotometricInterpretation="HSV"), "its pixels are HSV, which is not read"),
        (_claims(RescaleSlope="0"), "is rescaled by 0 and 0"),
        (_claims(NumberOfFrames="2147483647"), "it holds 2,147,483,647 frames"),
        (_claims(syntax=DeflatedExplicitVRLittleEndian), "it is a deflated DICOM file, which is not read"),
        (dicom(deep())[:600], "it is a"),
        (b"\0" * 128 + b"DICM", "it is a DICOM file without an image"),
        (b"\0" * 128 + b"DICM" + b"\xff" * 4000, "it is a"),
    ],
)
def test_what_cannot_be_read_gives_its_reason(content: bytes, reason: str) -> None:
    found = reads(content)
    assert isinstance(found, str)
    assert reason.replace("is rescaled", "are rescaled") in found
    assert "\n" not in found


def test_a_frame_of_another_size_than_its_header_says_is_never_decoded() -> None:
    small = dataset(noise(1, SIZE, SIZE))
    large = dataset(noise(1, 2 * SIZE, 2 * SIZE))
    for syntax in (JPEG2000Lossless, JPEGLSLossless):
        packed = dataset(noise(1, 2 * SIZE, 2 * SIZE))
        packed.compress(syntax)
        packed.Rows = packed.Columns = SIZE
        assert "its compressed frame has 32 x 32 pixels of 1 values, its header says 16 x 16" in str(
            reads(written(packed))
        )
    jpeg = encoded(noise(1, 2 * SIZE, 2 * SIZE), "JPEG")
    assert "32 x 32" in str(reads(written(with_frame(small, jpeg, JPEGBaseline8Bit))))
    assert "tells no size" in str(reads(written(with_frame(small, b"\xff\xd8\xff\xd9" * 4, JPEGBaseline8Bit))))
    assert "far larger than its pixels" in str(reads(written(with_frame(small, b"\0" * (2 << 20), RLELossless))))
    assert "'JPIP Referenced' is not read" in str(reads(written(with_frame(large, jpeg, "1.2.840.10008.1.2.4.94"))))


def test_millions_of_elements_are_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "_MOST_READS", 1000)
    many = b"\x09\x00\x01\x00UN\0\0\0\0\0\0" * 2000
    content = dicom(deep())
    begin = content.index(b"\x10\x00\x10\x00PN")
    assert "millions of elements" in str(reads(content[:begin] + many + content[begin:]))
    nested = b"\x09\x00\x01\x00SQ\0\0\xff\xff\xff\xff\xfe\xff\x00\xe0\xff\xff\xff\xff" * 3000
    monkeypatch.undo()
    assert "nested too deeply" in str(reads(content[:begin] + nested + content[begin:]))


def test_damage_never_raises_and_always_tells_in_one_line() -> None:
    """Cut anywhere, and a byte changed anywhere in the header; in plain pixels and in a frame of each decoder."""
    pixels = deep(14, side=3 * SIZE)
    plain = dataset(pixels, bits=12, WindowCenter=2048, WindowWidth=4096)
    files = [written(plain)]
    for syntax in (JPEG2000Lossless, JPEGLSLossless, RLELossless):
        packed = dataset(pixels, bits=12)
        packed.compress(syntax)
        files.append(written(packed))
    files.append(written(with_frame(dataset(pixels, bits=12), lossless_jpeg(pixels, 12))))
    rng = np.random.default_rng(0)
    damaged = []
    for content in files:
        damaged += [content[:cut] for cut in rng.integers(0, len(content), 25)]
        for place in rng.integers(132, len(content), 60):
            changed = bytearray(content)
            changed[place] = rng.integers(256)
            damaged.append(bytes(changed))
    for found in decode_all(damaged, SIZE, workers=2):
        if isinstance(found, str):
            assert found
            assert "\n" not in found
            assert len(found) < 300
        else:
            assert found.pixels.shape[:2] == (SIZE, SIZE)
