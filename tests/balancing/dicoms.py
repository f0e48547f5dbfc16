"""Small DICOM files, written by pydicom, and one lossless JPEG, which none of its writers makes."""

from __future__ import annotations

import io
import struct
from typing import Any

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, JPEGLosslessSV1

from balancing.data.pixels.decoding import Decoded, Manner, decode_all

SIZE = 16  # of images that are made here, unless told otherwise


def dataset(
    pixels: np.ndarray, *, bits: int | None = None, syntax: str = ExplicitVRLittleEndian, **more: Any
) -> Dataset:
    """A data set with (H, W), (F, H, W) or (H, W, 3) integers as its pixels; ``more`` by keyword, None takes away."""
    found = Dataset()
    found.file_meta = FileMetaDataset()
    found.file_meta.TransferSyntaxUID = syntax
    found.SOPClassUID = found.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.7"
    found.SOPInstanceUID = found.file_meta.MediaStorageSOPInstanceUID = "1.2.3.4.5"
    found.PatientID, found.PatientName = "P1", "Doe^Jane"
    colour = pixels.ndim == 3 and pixels.shape[2] == 3
    if pixels.ndim == 3 and not colour:
        found.NumberOfFrames = len(pixels)
    found.Rows, found.Columns = pixels.shape[:2] if colour or pixels.ndim == 2 else pixels.shape[1:]
    found.SamplesPerPixel = 3 if colour else 1
    if colour:
        found.PlanarConfiguration = 0
    found.PhotometricInterpretation = "RGB" if colour else "MONOCHROME2"
    found.BitsAllocated = 8 * pixels.itemsize
    found.BitsStored = bits or found.BitsAllocated
    found.HighBit = found.BitsStored - 1
    found.PixelRepresentation = int(pixels.dtype.kind == "i")
    found.PixelData = pixels.tobytes() + b"\0" * (pixels.nbytes % 2)
    found["PixelData"].VR = "OW" if pixels.itemsize > 1 else "OB"
    for name, value in more.items():
        if value is None:
            delattr(found, name)
        else:
            setattr(found, name, value)
    return found


def written(found: Dataset) -> bytes:
    """The bytes of its file."""
    stream = io.BytesIO()
    found.save_as(stream, enforce_file_format=True)
    return stream.getvalue()


def dicom(pixels: np.ndarray, **more: Any) -> bytes:
    """The file of ``dataset``."""
    return written(dataset(pixels, **more))


def lossless_jpeg(pixels: np.ndarray, bits: int) -> bytes:
    """A frame as JPEG, process 14: each value is told by its difference from the one to its left.

    Reference: ITU-T T.81, annex H.
    """
    height, width = pixels.shape
    before = np.empty(pixels.shape, dtype=np.int64)
    before[:, 1:] = pixels[:, :-1]
    before[1:, 0] = pixels[:-1, 0]
    before[0, 0] = 1 << (bits - 1)
    text = []
    for difference in (pixels - before).ravel().tolist():
        difference = (difference + (1 << 15)) % (1 << 16) - (1 << 15)  # counted modulo 2 ** 16
        size = abs(difference).bit_length()
        # all 17 sizes have codes of 5 bits; a negative number is told less one, and there is one of 16 bits only
        text.append(f"{size:05b}")
        if 0 < size < 16:
            text.append(f"{difference if difference > 0 else difference + (1 << size) - 1:0{size}b}")
    word = "".join(text)
    word += "1" * (-len(word) % 8)
    scan = int(word, 2).to_bytes(len(word) // 8, "big").replace(b"\xff", b"\xff\0")

    def segment(marker: int, content: bytes) -> bytes:
        return struct.pack(">BBH", 0xFF, marker, 2 + len(content)) + content

    table = bytes([0]) + bytes([0, 0, 0, 0, 17, *[0] * 11]) + bytes(range(17))
    frame = segment(0xC3, struct.pack(">BHHBBBB", bits, height, width, 1, 1, 0x11, 0))
    begin = segment(0xDA, bytes([1, 1, 0, 1, 0, 0]))
    return b"\xff\xd8" + frame + segment(0xC4, table) + begin + scan + b"\xff\xd9"


def with_frame(found: Dataset, frame: bytes, syntax: str = JPEGLosslessSV1) -> Dataset:
    """The data set with one compressed frame as its pixels."""
    from pydicom.encaps import encapsulate

    found.file_meta.TransferSyntaxUID = syntax
    found.PixelData = encapsulate([frame])
    found["PixelData"].VR = "OB"
    found["PixelData"].is_undefined_length = True
    return found


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
