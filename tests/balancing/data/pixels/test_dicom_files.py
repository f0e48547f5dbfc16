"""Patients of DICOM files, sets of them, and what can't be read: always one sentence, never a traceback."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLSLossless,
    RLELossless,
)

from balancing.data.images import ImageSet, load_images
from balancing.data.pixels import dicom as reader
from balancing.data.pixels.decoding import decode_all
from balancing.data.pixels.dicom import is_dicom, patient_of, require
from balancing.errors import UserError
from tests.balancing.dicoms import SIZE, dataset, deep, dicom, lossless_jpeg, read, reads, with_frame, written
from tests.balancing.samples import encoded, noise, png, write_files


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
