"""From encoded images to uint8 pixels of one size, in parallel and in order."""

from __future__ import annotations

import hashlib
import math
import warnings
from collections import deque
from collections.abc import Generator, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image, ImageFile, ImageOps, UnidentifiedImageError

from balancing.cpus import usable_cpus
from balancing.data.content import Content, Unreadable
from balancing.data.pixels.dicom import DicomFrame, is_dicom, read_dicom
from balancing.data.pixels.floattiff import read_float_tiff
from balancing.data.pixels.geometry import kept_part, picture_size, to_square
from balancing.data.pixels.greybits import UNIT, floats_to_8_bits, to_8_bits
from balancing.data.pixels.imagefile import (
    MOST_PIXELS,
    BrokenImageError,
    check_memory,
    check_pixels,
    opened_image,
    read_image_file,
    stored_bits,
    unread_format,
)
from balancing.data.pixels.jpegquality import quality_of
from balancing.errors import UserError

DECODER_VERSION = 5  # part of every cache entry's name: raise it whenever equal files give other pixels

# Encoded images that wait for a thread may take this much memory together.
_MOST_WAITING = 1 << 30
# A JPEG may be decoded at a fraction of its size that is this many times the wanted one. Pictures then differ from an
# exact resize by half a grey level on average; at 2 it would be 0.2, for a fifth more time.
_DRAFT_MARGIN = 1.1
_DRAFT_FORMATS = ("JPEG", "MPO")  # MPO: JPEGs in a row, of which the first is read


@dataclass(frozen=True)
class BadImage:
    """An image that could not be read.

    Args:
        name: its file name, or split and row where it has none.
        reason: one sentence.
    """

    name: str
    reason: str


class BadImages(UserError):
    """Some images could not be read; ``bad`` lists them all, the message the first twenty."""

    shown = 20

    def __init__(self, bad: Sequence[BadImage], total: int) -> None:
        self.bad = tuple(bad)
        lines = [f"  {image.name}: {image.reason}" for image in self.bad[: self.shown]]
        if len(self.bad) > self.shown:
            lines.append(f"  ... and {len(self.bad) - self.shown} more")
        super().__init__(
            f"{len(self.bad)} of {total} images cannot be read; repair or remove them, or go on without them with "
            "--skip-bad:\n" + "\n".join(lines)
        )


@dataclass(frozen=True)
class Decoded:
    """One decoded image.

    Args:
        pixels: (S, S), or (S, S, 3) where the channels differ; uint8.
        width, height, channels: as stored in the source (a palette is one channel).
        sha256: hex, of the encoded bytes, or of the pixels where the source holds arrays.
        brightest: the largest stored value, 0..65535, of an image with 16-bit greys (or 16-bit colours in an array);
            None of any other.
        cut: whether it has 16-bit colours of which the file's reader gives the high byte alone.
        format: of the file, as Pillow names it (``PNG``, ``JPEG``, ``TIFF`` ...), ``DICOM``, or ``array``.
        depth: bits a value, as stored.
        quality: of a JPEG, 1..100, as its quantization tables tell; NaN of any other.
        floats: the least and largest value of an image with floating-point pixels; None of any other.
        patient: a DICOM's PatientID; None of any other, and where it names nobody.
        shown_by: how a DICOM became 8 bits, see `balancing.data.pixels.dicom_grey`; None of any other.
    """

    pixels: np.ndarray
    width: int
    height: int
    channels: int
    sha256: str
    brightest: int | None = None
    cut: bool = False
    format: str = "array"
    depth: int = 8
    quality: float = math.nan
    floats: tuple[float, float] | None = None
    patient: str | None = None
    shown_by: str | None = None


@dataclass(frozen=True)
class Manner:
    """How all images of a set are decoded.

    Args:
        size: S, the side of the square.
        bits: 8..16, that 16-bit greys use in the whole set; brighter ones become white.
        floats: (black, white) of floating-point pixels in the whole set; what lies beyond is cut.
        resize: ``squash``, ``pad`` or ``crop``.
        page: which page or frame of files that hold several, counted from 1.
    """

    size: int
    bits: int = 16
    floats: tuple[float, float] = UNIT
    resize: str = "squash"
    page: int | None = None


def decode(content: Content, size: int | Manner, bits: int = 16) -> Decoded | str:
    """One image as square uint8 pixels; never raises.

    EXIF orientation is applied; transparent parts lie over black; 16-bit greys and floating-point pixels are scaled to
    8 bits before they are resized (16-bit colours are cut to their high byte by the readers of PNG and TIFF); CMYK and
    palettes become RGB. Resized with Pillow's antialiased bilinear filter; an image of exactly the wanted size is not
    resampled.

    A JPEG more than twice as wide and as high as what it becomes is decoded at a half, a quarter or an eighth of its
    size, which nearly halves the time; both sides stay at least 1.1 times the wanted ones. The pixels of a radiograph
    then differ from those of a full decode by about half a grey level on average, and by less than two in any one
    image. All other files are decoded in full.

    Args:
        content: encoded bytes, a file of them, or pixels (H, W) or (H, W, 3) of uint8, uint16, bool or floats.
        size: the side of the square, squashed; or all of the manner.
        bits: of the manner, where only the size is given.
    Returns:
        the image, or one sentence on why it cannot be read.
    """
    if isinstance(content, Unreadable):
        return content.reason
    try:
        return _decode(content, size if isinstance(size, Manner) else Manner(size, bits))
    except BrokenImageError as error:
        return str(error)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        return f"it claims more than {MOST_PIXELS:,} pixels"
    except FileNotFoundError:
        return "its file does not exist"
    except Exception as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        return reason[:200]


def _decode(content: bytes | Path | np.ndarray, manner: Manner) -> Decoded:
    if isinstance(content, np.ndarray):
        return _of_array(content, manner)
    if isinstance(content, Path):
        content = read_image_file(content)
    if not content:
        raise BrokenImageError("it is empty: 0 bytes")
    sha256 = hashlib.sha256(content).hexdigest()
    if is_dicom(content):
        return _of_dicom(read_dicom(content, manner.page), sha256, manner)
    try:
        return _of_picture(content, sha256, manner)
    except UnidentifiedImageError:
        pixels = read_float_tiff(content, manner.page)
        if pixels is None:
            raise BrokenImageError(unread_format(content) or "it is no image in a format that can be read") from None
        return replace(_of_array(pixels, manner), sha256=sha256, format="TIFF")


def _of_picture(content: bytes, sha256: str, manner: Manner) -> Decoded:
    with opened_image(content, manner.page) as opened:
        width, height, channels = opened.width, opened.height, len(opened.getbands())
        depth = stored_bits(opened, content)
        cut = channels > 1 and depth > 8
        box = _draft(opened, manner)
        check_memory(opened, (width, height))
        # In one call of the decoder instead of one for each 64 kB, after each of which it waits for the interpreter.
        if isinstance(opened, ImageFile.ImageFile):
            opened.decodermaxblock = max(opened.decodermaxblock, len(content))
        opened.load()
        loaded: Image.Image = opened
        if box is not None:  # stored sides that the scale does not divide end within the last pixel
            inner = picture_size(width, height, manner.size, manner.resize)
            loaded = _to_l_or_rgb(opened).resize(inner, Image.Resampling.BILINEAR, box=box)
        upright, brightest, floats = _upright(loaded), None, None
        if upright.mode.startswith("I") or upright.mode == "F":
            grey, brightest, floats = _to_uint8(np.asarray(upright), manner)
            upright = Image.fromarray(grey)
        return Decoded(
            _square(_to_l_or_rgb(upright), manner),
            width,
            height,
            channels,
            sha256,
            brightest,
            cut,
            format=str(opened.format),
            depth=depth,
            quality=quality_of(opened),
            floats=floats,
        )


def _of_array(pixels: np.ndarray, manner: Manner) -> Decoded:
    sha256 = hashlib.sha256(np.ascontiguousarray(pixels).tobytes()).hexdigest()
    if 0 in pixels.shape:
        raise BrokenImageError(f"it is empty: {' x '.join(map(str, pixels.shape))} pixels")
    check_pixels(pixels.shape[1], pixels.shape[0])
    grey, brightest, floats = _to_uint8(pixels, manner)
    image = Image.fromarray(grey)
    depth = 1 if pixels.dtype == np.bool_ else 8 * pixels.dtype.itemsize
    return Decoded(
        _square(image, manner),
        image.width,
        image.height,
        len(image.getbands()),
        sha256,
        brightest,
        depth=depth,
        floats=floats,
    )


def _of_dicom(frame: DicomFrame, sha256: str, manner: Manner) -> Decoded:
    image = Image.fromarray(frame.pixels)
    return Decoded(
        _square(image, manner),
        image.width,
        image.height,
        frame.channels,
        sha256,
        format="DICOM",
        depth=frame.depth,
        patient=frame.patient,
        shown_by=frame.shown_by,
    )


def _draft(image: Image.Image, manner: Manner) -> tuple[float, float, float, float] | None:
    """Has a large JPEG decoded at a fraction of its size; where what is kept of it then lies, or None for all of it."""
    width, height = image.size
    if image.format not in _DRAFT_FORMATS:
        return None
    inner = picture_size(width, height, manner.size, manner.resize)
    # never below what is asked for, of which a square that is cut out is the shorter side
    drafted = image.draft(None, (math.ceil(_DRAFT_MARGIN * inner[0]), math.ceil(_DRAFT_MARGIN * inner[1])))
    if drafted is None or image.size == (width, height):
        return None
    across, down = drafted[1][2] / width, drafted[1][3] / height
    left, top, right, bottom = kept_part(width, height, manner.resize)
    return left * across, top * down, right * across, bottom * down


def _upright(image: Image.Image) -> Image.Image:
    try:
        return ImageOps.exif_transpose(image)
    except (SyntaxError, TypeError, ValueError, KeyError, OSError):  # a broken EXIF block tells no orientation
        return image


def _to_uint8(pixels: np.ndarray, manner: Manner) -> tuple[np.ndarray, int | None, tuple[float, float] | None]:
    """8-bit pixels; the largest value where more than 8 bits were stored; the least and largest of floats."""
    if pixels.dtype == np.uint8:
        return pixels, None, None
    if pixels.dtype == np.bool_:
        return pixels.astype(np.uint8) * np.uint8(255), None, None
    if pixels.dtype.kind in "ui":
        brightest = int(pixels.max())
        if pixels.min() >= 0 and brightest <= 65535:
            return to_8_bits(manner.bits)[pixels], brightest, None
        raise BrokenImageError(f"its pixels are {pixels.dtype} and not all in 0..65535; 8 and 16 bit are read")
    if pixels.dtype.kind != "f":
        raise BrokenImageError(f"its pixels are {pixels.dtype}; 8 and 16 bit and floats are read")
    floats = float(pixels.min()), float(pixels.max())
    if not all(map(math.isfinite, floats)):  # NaN spreads to both
        raise BrokenImageError("its floating-point pixels hold NaN or infinity; give each a grey level")
    return floats_to_8_bits(pixels, *manner.floats), None, floats


def _to_l_or_rgb(image: Image.Image) -> Image.Image:
    if image.has_transparency_data:
        image = image.convert("RGBA")
        black = Image.new("RGBA", image.size, (0, 0, 0, 255))
        return Image.alpha_composite(black, image).convert("RGB")
    if image.mode == "1":
        return image.convert("L")
    return image if image.mode in ("L", "RGB") else image.convert("RGB")


def _square(image: Image.Image, manner: Manner) -> np.ndarray:
    image = to_square(image, manner.size, manner.resize, Image.Resampling.BILINEAR)
    channels = [channel.tobytes() for channel in image.split()]  # several times faster to compare than in numpy
    if channels[1:] == channels[:1] * (len(channels) - 1):
        image = image.getchannel(0)
    return np.ascontiguousarray(image)


def decode_all(
    contents: Iterable[Content], size: int | Manner, workers: int | None = None, bits: int = 16
) -> Generator[Decoded | str, None, None]:
    """Decodes in threads (Pillow frees the interpreter lock), in order, a few images ahead.

    Args:
        contents: as for `decode`; drawn from in the calling thread.
        size, bits: as for `decode`.
        workers: threads; the number of cores by default.
    Yields:
        what `decode` returns.
    """
    workers = workers or usable_cpus()
    Image.preinit()  # the common formats first: an image is offered to one format after the other
    Image.init()  # once, before threads race for it
    pending: deque[tuple[Future[Decoded | str], int]] = deque()
    waiting = 0  # bytes
    # Warning filters are the process's, not the thread's: set them here, around all threads.
    with warnings.catch_warnings(), ThreadPoolExecutor(workers, thread_name_prefix="decode") as pool:
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        try:
            for content in contents:
                taken = len(content) if isinstance(content, bytes) else 0
                waiting += taken
                pending.append((pool.submit(decode, content, size, bits), taken))
                while len(pending) >= 4 * workers or (waiting > _MOST_WAITING and pending):
                    done, taken = pending.popleft()
                    waiting -= taken
                    yield done.result()
            while pending:
                yield pending.popleft()[0].result()
        finally:
            for future, _ in pending:
                future.cancel()
