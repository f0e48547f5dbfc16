"""One frame out of a DICOM file's pixel data: checked against the header before any decoder sees it."""

from __future__ import annotations

import io
import struct
from typing import Any

import numpy as np

from balancing.data.pixels.apart import DecoderDied, decoded_apart
from balancing.data.pixels.imagefile import BrokenImageError

_NATIVE = ("1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2")
_JPEG_2000 = "JPEG 2000"
# Who decodes a transfer syntax: the smallest library that does it well. All are in the extra ``dicom``.
_DECODERS = {
    "1.2.840.10008.1.2.4.50": ("JPEG", "pillow"),
    "1.2.840.10008.1.2.4.51": ("JPEG of 12 bits", "gdcm"),
    "1.2.840.10008.1.2.4.57": ("lossless JPEG", "gdcm"),
    "1.2.840.10008.1.2.4.70": ("lossless JPEG", "gdcm"),
    "1.2.840.10008.1.2.4.80": ("JPEG-LS", "pyjpegls"),
    "1.2.840.10008.1.2.4.81": ("JPEG-LS", "pyjpegls"),
    "1.2.840.10008.1.2.4.90": (_JPEG_2000, "pylibjpeg"),
    "1.2.840.10008.1.2.4.91": (_JPEG_2000, "pylibjpeg"),
    "1.2.840.10008.1.2.4.201": (_JPEG_2000, "pylibjpeg"),
    "1.2.840.10008.1.2.4.202": (_JPEG_2000, "pylibjpeg"),
    "1.2.840.10008.1.2.4.203": (_JPEG_2000, "pylibjpeg"),
    "1.2.840.10008.1.2.5": ("RLE", "pydicom"),
}
_OURS = ("pillow", "pydicom")  # which read other files of strangers, or are plain Python
_NEEDED = (  # noqa: SIM905
    "SamplesPerPixel PhotometricInterpretation PlanarConfiguration Rows Columns BitsAllocated BitsStored HighBit "
    "PixelRepresentation NumberOfFrames PixelData"
).split()
# A compressed frame is hardly longer than its pixels are.
_MOST_GROWTH, _MOST_HEADER = 2, 1 << 20
# Markers of JPEG that tell the size of what follows (that of JPEG-LS is 0xF7), and those that stand alone.
_SIZES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC} | {0xF7}
_ALONE = frozenset(range(0xD0, 0xD9)) | {0x01}
_BEGIN_OF_SCAN = 0xDA


def picked_frame(found: Any, frame: int) -> np.ndarray:
    """(H, W) or (H, W, 3) integers as stored, colours as RGB.

    Args:
        found: a data set of pydicom, whose size is checked.
        frame: counted from 0.
    Raises:
        BrokenImageError: it is compressed in a way that is not read, or says something else than the header.
    """
    from pydicom.pixels import get_decoder, pixel_array

    syntax = str(found.file_meta.TransferSyntaxUID)
    if syntax in _NATIVE:
        pixels = pixel_array(found, index=frame)
        pixels = pixels.astype(pixels.dtype.newbyteorder("="), copy=False)
        shift = int(found.get("HighBit") or found.BitsStored - 1) + 1 - int(found.BitsStored)
        return pixels >> shift if 0 < shift < found.BitsAllocated else pixels
    if syntax not in _DECODERS:
        name = found.file_meta.TransferSyntaxUID.name
        raise BrokenImageError(f"its transfer syntax '{name[:60]}' is not read; save it uncompressed")
    what, decoder = _DECODERS[syntax]
    if decoder not in get_decoder(syntax).available_plugins:
        raise BrokenImageError(f"it is a DICOM image in {what}, which needs more: pip install 'balancing-act[dicom]'")
    _keep_one(found, frame)
    if decoder in _OURS:
        return pixel_array(found, index=0, decoding_plugin=decoder)
    try:
        return decoded_apart(_alone(found), decoder)
    except DecoderDied:
        raise BrokenImageError(f"its frame in {what} is damaged: its decoder crashed, or took too long") from None


def _alone(found: Any) -> bytes:
    """A DICOM file of the one frame and what its decoder needs, and of nothing else."""
    from pydicom import dcmwrite
    from pydicom.dataset import Dataset, FileMetaDataset

    small = Dataset()
    small.file_meta = FileMetaDataset()
    small.file_meta.TransferSyntaxUID = found.file_meta.TransferSyntaxUID
    for name in _NEEDED:
        if name in found:
            small[name] = found[name]
    stream = io.BytesIO()
    dcmwrite(stream, small)
    return stream.getvalue()


def _keep_one(found: Any, frame: int) -> None:
    """Puts one compressed frame, checked, in the place of all."""
    from pydicom.encaps import encapsulate, get_frame

    tables = found.get("ExtendedOffsetTable"), found.get("ExtendedOffsetTableLengths")
    offsets = (tables[0], tables[1]) if tables[0] and tables[1] else None
    frames = int(found.get("NumberOfFrames") or 1)
    packed = get_frame(found.PixelData, frame, extended_offsets=offsets, number_of_frames=frames)
    _check_frame(packed, found)
    found.PixelData = encapsulate([packed])
    found["PixelData"].is_undefined_length = True
    found.NumberOfFrames = 1
    for name in ("ExtendedOffsetTable", "ExtendedOffsetTableLengths"):
        if name in found:
            delattr(found, name)


def _check_frame(packed: bytes, found: Any) -> None:
    """Raises BrokenImageError where a compressed frame is of another size than the header says, or far too long."""
    width, height, values = int(found.Columns), int(found.Rows), int(found.SamplesPerPixel)
    raw = width * height * values * max(8, int(found.BitsAllocated)) // 8
    if len(packed) > _MOST_GROWTH * raw + _MOST_HEADER:
        raise BrokenImageError(f"its compressed frame of {len(packed):,} bytes is far larger than its pixels")
    if str(found.file_meta.TransferSyntaxUID) == "1.2.840.10008.1.2.5":
        return  # RLE tells no size, and its decoder makes what the header says
    stated = _stated(packed)
    if stated is None:
        raise BrokenImageError("its compressed frame is damaged: it tells no size")
    if stated != (width, height, values):
        said, meant = (f"{size[0]:,} x {size[1]:,} pixels of {size[2]}" for size in (stated, (width, height, values)))
        raise BrokenImageError(f"its compressed frame has {said} values, its header says {meant}")


def _stated(packed: bytes) -> tuple[int, int, int] | None:
    """Width, height and values a pixel that a JPEG, JPEG-LS or JPEG 2000 itself tells; None where it tells none."""
    if packed.startswith(b"\xff\x4f\xff\x51") and len(packed) >= 42:
        right, bottom, left, top = struct.unpack_from(">4I", packed, 8)
        return right - left, bottom - top, int.from_bytes(packed[40:42], "big")
    place = 2
    while packed.startswith(b"\xff\xd8") and place + 10 <= len(packed) and packed[place] == 0xFF:
        marker = packed[place + 1]
        if marker == 0xFF:  # fills
            place += 1
        elif marker in _SIZES:
            height, width, values = struct.unpack_from(">HHB", packed, place + 5)
            return width, height, values
        elif marker == _BEGIN_OF_SCAN:
            return None
        else:
            place += 2 if marker in _ALONE else 2 + int.from_bytes(packed[place + 2 : place + 4], "big")
    return None
