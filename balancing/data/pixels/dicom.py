"""DICOM images, through pydicom: one frame as the 8-bit picture that a viewer shows, and the number of its patient.

How greys become 8 bits says ``dicom_grey``. Nothing is read but what the picture needs, and PatientID;
names, dates and all else are passed over. References to other files are never followed.
"""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from balancing.data.pixels.dicom_frame import picked_frame
from balancing.data.pixels.dicom_grey import to_grey
from balancing.data.pixels.imagefile import MOST_MEMORY, BrokenImageError, check_pixels
from balancing.data.text import LONGEST, one_patient, shown
from balancing.errors import UserError

MISSING = "it is a DICOM image, which needs pydicom: pip install 'balancing-act[dicom]'"
SUFFIXES = (".dcm", ".dicom")

_MOST_READS = 2_000_000  # of elements and their parts, in one file
_DEFLATED = "1.2.840.10008.1.2.1.99"
_PALETTES = [
    f"{kind}{colour}PaletteColorLookupTable{what}"
    for colour in ("Red", "Green", "Blue")
    for kind, what in (("", "Descriptor"), ("", "Data"), ("Segmented", "Data"))
]
_READ = (  # noqa: SIM905
    "PatientID Rows Columns SamplesPerPixel PhotometricInterpretation PlanarConfiguration NumberOfFrames BitsAllocated "
    "BitsStored HighBit PixelRepresentation RescaleSlope RescaleIntercept ModalityLUTSequence WindowCenter WindowWidth "
    "VOILUTFunction VOILUTSequence PixelPaddingValue PixelPaddingRangeLimit SharedFunctionalGroupsSequence "
    "PerFrameFunctionalGroupsSequence PixelData ExtendedOffsetTable ExtendedOffsetTableLengths"
).split() + _PALETTES
_COLOURS = ("RGB", "YBR_FULL", "YBR_FULL_422", "YBR_ICT", "YBR_RCT")
# VRs that the first elements of a file without a preamble have.
_FIRST_VRS = (b"UL", b"UI", b"CS", b"OB", b"DA", b"TM", b"SH", b"LO")
# What programs that take away who a patient is write instead, in small letters and digits alone.
_NOBODY = re.compile(
    "0*|x*|anon|anonym|anonymous|anonymi[sz]ed|anonymi[sz]edpatient|anonymouspatient|unknown|unknownpatient|none|null|na"
    "|nan|noid|nopatientid|notavailable|notapplicable|removed|redacted|deleted|deidentified|patientid|id|blank|empty"
)


@dataclass(frozen=True)
class DicomFrame:
    """One frame as it is shown.

    Args:
        pixels: (H, W) or (H, W, 3) uint8.
        channels: as stored; a palette is one.
        depth: bits a value, as stored.
        patient: PatientID; None where it names nobody.
        shown_by: ``window``, ``table``, ``stored`` or ``percentiles``, see ``dicom_grey``; ``stored`` for
            colours.
    """

    pixels: np.ndarray
    channels: int
    depth: int
    patient: str | None
    shown_by: str


def is_dicom(content: bytes) -> bool:
    """Whether a file is DICOM, by its mark, or by a plausible first element where it has no preamble."""
    if content[128:132] == b"DICM":
        return True
    if content[:2] not in (b"\x02\x00", b"\x08\x00") or len(content) < 132:
        return False
    if content[4:6] in _FIRST_VRS:
        return True
    length = int.from_bytes(content[4:8], "little")  # of an element whose VR is implicit
    return length in (2, 4) or (length <= 64 and length % 2 == 0 and content[2:4] in (b"\x05\x00", b"\x08\x00"))


def is_available() -> bool:
    """Whether pydicom, the extra ``dicom``, is installed."""
    return find_spec("pydicom") is not None


def require(names: Iterable[str]) -> None:
    """Raises UserError where a file is named like a DICOM image, and pydicom is missing."""
    named = [name for name in names if name.lower().endswith(SUFFIXES)]
    if named and not is_available():
        raise UserError(
            f"{len(named):,} of the images are DICOM, such as {shown(named[0])}, which needs pydicom; install it by "
            "pip install 'balancing-act[dicom]'"
        )


def read_dicom(content: bytes, page: int | None = None) -> DicomFrame:
    """The one frame of a DICOM file, or frame ``page`` (counted from 1) of several.

    Raises:
        BrokenImageError: pydicom is missing, or the file can't be read, is too large, is compressed in a way that is
            not read, holds no image, or several frames and no ``page``.
    """
    if not is_available():
        raise BrokenImageError(MISSING)
    try:
        found = _read_header(content)
        pixels = picked_frame(found, _checked_frame(found, page))
        return _shown(found, pixels, (page or 1) - 1)
    except BrokenImageError:
        raise
    except RecursionError:
        raise BrokenImageError("it is a damaged DICOM image (its sequences are nested too deeply)") from None
    except Exception as error:  # a damaged file can raise almost anything
        reason = " ".join(str(error).split()) or type(error).__name__
        raise BrokenImageError(f"it is a damaged DICOM image ({reason[:150]})") from error


def patient_of(path: Path | str) -> str | None:
    """The PatientID of a DICOM file, for which its pixels are not read; None where it names nobody, or can't be read.

    Raises:
        BrokenImageError: pydicom is missing.
    """
    if not is_available():
        raise BrokenImageError(MISSING)
    from pydicom import dcmread

    try:
        with warnings.catch_warnings(), open(path, "rb") as file:
            warnings.simplefilter("ignore")
            begins = file.read(132)
            if not is_dicom(begins):
                return None
            _refuse_deflated(file)
            file.seek(0)
            found = dcmread(file, stop_before_pixels=True, force=True, specific_tags=["PatientID"])
            return _patient(found)
    except Exception:  # a damaged file can raise almost anything, and is told by its pixels
        return None


class _Bounded(io.BytesIO):
    """Bytes of which only so many pieces can be read, for millions of elements would take minutes."""

    reads = 0

    def read(self, size: int | None = -1, /) -> bytes:
        self.reads += 1
        if self.reads > _MOST_READS:
            raise BrokenImageError("it is a DICOM file of millions of elements; take out what is no image")
        return super().read(size)


def _read_header(content: bytes) -> Any:
    """The elements of ``_READ`` in a file, with its pixels as they are stored."""
    from pydicom import dcmread, uid

    file = _Bounded(content)
    _refuse_deflated(file)
    file.seek(0)
    found = dcmread(file, force=True, specific_tags=_READ)
    if not found.file_meta.get("TransferSyntaxUID"):  # it began without a preamble
        implicit, little = found.original_encoding
        explicit = uid.ExplicitVRLittleEndian if little else uid.ExplicitVRBigEndian
        found.file_meta.TransferSyntaxUID = uid.ImplicitVRLittleEndian if implicit else explicit
    return found


def _refuse_deflated(file: Any) -> None:
    """Raises BrokenImageError for a file that is packed whole, which pydicom would unpack without a bound."""
    from pydicom.filereader import read_dataset, read_preamble

    file.seek(0)
    read_preamble(file, force=True)
    begin = file.tell()
    for implicit in (False, True):  # as pydicom tries them
        file.seek(begin)
        meta = read_dataset(file, implicit, True, stop_when=lambda tag, vr, length: tag >> 16 != 2)
        try:
            for tag in list(meta.keys())[:1]:
                meta[tag]
            syntax = meta.get("TransferSyntaxUID")
        except NotImplementedError:
            continue
        if syntax == _DEFLATED:
            raise BrokenImageError("it is a deflated DICOM file, which is not read; save it uncompressed")
        return


def _checked_frame(found: Any, page: int | None) -> int:
    """Which frame is meant, counted from 0.

    Raises:
        BrokenImageError: the file's header claims what is not read.
    """
    rows, columns = int(found.get("Rows") or 0), int(found.get("Columns") or 0)
    if "PixelData" not in found or not rows or not columns:
        raise BrokenImageError("it is a DICOM file without an image")
    check_pixels(columns, rows)
    samples, allocated, stored = (
        int(found.get(name) or 0) for name in ("SamplesPerPixel", "BitsAllocated", "BitsStored")
    )
    if samples not in (1, 3) or allocated not in (1, 8, 16, 32) or not 1 <= stored <= allocated:
        raise BrokenImageError(
            f"its {samples} values a pixel of {stored} in {allocated} bits are not read; 1 or 3 of up to 32 bits are"
        )
    # stored, decoded and copied; of 32 bits also sorted
    needed = rows * columns * (samples * (3 * max(8, allocated) // 8 + 4) + (24 if allocated == 32 else 0))
    if needed > MOST_MEMORY:
        raise BrokenImageError(
            f"decoding its {columns:,} x {rows:,} pixels would take {needed >> 20:,} MiB of memory; at most "
            f"{MOST_MEMORY >> 20} are given to an image: save it smaller"
        )
    frames = int(found.get("NumberOfFrames") or 1)
    if page is None and frames > 1:
        raise BrokenImageError(
            f"it holds {frames:,} frames; name the one that is meant by --page N, counted from 1, or save it as a file"
        )
    if (page or 1) > max(1, frames):
        raise BrokenImageError(f"it has no page {page}, which --page asks for: it holds {frames:,}")
    return (page or 1) - 1


def _shown(found: Any, pixels: np.ndarray, frame: int) -> DicomFrame:
    """The frame as 8 bits, by what its header says."""
    kind = str(found.get("PhotometricInterpretation") or "").strip().upper()
    depth, patient = int(found.BitsStored), _patient(found)
    if kind in ("MONOCHROME1", "MONOCHROME2"):
        grey, shown_by = to_grey(found, pixels, frame, inverted=kind == "MONOCHROME1")
        return DicomFrame(grey, 1, depth, patient, shown_by)
    if kind == "PALETTE COLOR":
        from pydicom.pixels import apply_color_lut

        colour, bits = apply_color_lut(pixels, found), 8
        bits = int(found.RedPaletteColorLookupTableDescriptor[2])
        return DicomFrame(_upper_8(colour, bits), 1, depth, patient, "stored")
    if kind in _COLOURS and pixels.ndim == 3:
        return DicomFrame(_upper_8(pixels, depth), pixels.shape[2], depth, patient, "stored")
    raise BrokenImageError(f"its pixels are {kind[:20] or 'of no kind that it tells'}, which is not read")


def _upper_8(colour: np.ndarray, bits: int) -> np.ndarray:
    return np.ascontiguousarray(colour >> max(0, bits - 8)).astype(np.uint8)


def _patient(found: Any) -> str | None:
    """PatientID as a word; None where it is empty, or what programs write to hide it."""
    value = found.get("PatientID")
    word = one_patient(None if value is None else str(value).strip("\0 "))
    if word is None or len(word) > LONGEST or _NOBODY.fullmatch(re.sub(r"[^a-z0-9]", "", word.lower())):
        # a word without letters and digits of ours, such as one in another script, is one
        return word if word and len(word) <= LONGEST and not word.isascii() else None
    return word
