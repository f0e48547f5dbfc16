"""From encoded images to uint8 pixels of one size, in parallel and in order."""

from __future__ import annotations

import hashlib
import math
import warnings
from collections import deque
from collections.abc import Generator, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageFile, ImageOps, UnidentifiedImageError

from balancing.cpus import usable_cpus
from balancing.data.greybits import to_8_bits
from balancing.data.imagefile import (
    MOST_PIXELS,
    BrokenImageError,
    check_memory,
    check_pixels,
    opened_image,
    read_image_file,
)
from balancing.data.sources.base import Content, Unreadable
from balancing.errors import UserError

DECODER_VERSION = 4  # part of every cache entry's name: raise it whenever equal files give other pixels

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
        format: of the file, as Pillow names it (``PNG``, ``JPEG``, ``TIFF`` ...), or ``array``.
        depth: bits a value, as stored.
        quality: of a JPEG, 1..100, as its quantization tables tell; NaN of any other.
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


def decode(content: Content, size: int, bits: int = 16) -> Decoded | str:
    """One image as square uint8 pixels; never raises.

    EXIF orientation is applied; transparent parts lie over black; 16-bit greys are scaled to 8 bits before they are
    resized, ``2 ** bits - 1`` to white (16-bit colours are cut to their high byte by the readers of PNG and TIFF); CMYK
    and palettes become RGB. Resized with Pillow's antialiased bilinear filter; an image of exactly the wanted size is
    not resampled.

    A JPEG more than twice as wide and as high as the square is decoded at a half, a quarter or an eighth of its size,
    which nearly halves the time; both sides stay at least 1.1 times the square's. The pixels of a radiograph then
    differ from those of a full decode by about half a grey level on average, and by less than two in any one image.
    All other files are decoded in full.

    Args:
        content: encoded bytes, a file of them, or pixels (H, W) or (H, W, 3) of uint8, uint16 or bool.
        size: S, the side of the square.
        bits: 8..16, that 16-bit greys use in the whole set; brighter ones become white.
    Returns:
        the image, or one sentence on why it cannot be read.
    """
    if isinstance(content, Unreadable):
        return content.reason
    try:
        return _decode(content, size, bits)
    except BrokenImageError as error:
        return str(error)
    except UnidentifiedImageError:
        return "it is no image in a format that can be read"
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        return f"it claims more than {MOST_PIXELS:,} pixels"
    except FileNotFoundError:
        return "its file does not exist"
    except Exception as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        return reason[:200]


def _decode(content: bytes | Path | np.ndarray, size: int, bits: int) -> Decoded:
    if isinstance(content, np.ndarray):
        sha256 = hashlib.sha256(np.ascontiguousarray(content).tobytes()).hexdigest()
        if 0 in content.shape:
            raise BrokenImageError(f"it is empty: {' x '.join(map(str, content.shape))} pixels")
        check_pixels(content.shape[1], content.shape[0])
        grey, brightest = _to_uint8(content, bits)
        image = Image.fromarray(grey)
        return Decoded(_square(image, size), image.width, image.height, len(image.getbands()), sha256, brightest)
    if isinstance(content, Path):
        content = read_image_file(content)
    if not content:
        raise BrokenImageError("it is empty: 0 bytes")
    sha256 = hashlib.sha256(content).hexdigest()
    with opened_image(content) as opened:
        width, height, channels = opened.width, opened.height, len(opened.getbands())
        cut = channels > 1 and _is_16_bit(opened)
        box = _draft(opened, size)
        check_memory(opened, (width, height))
        # In one call of the decoder instead of one for each 64 kB, after each of which it waits for the interpreter.
        if isinstance(opened, ImageFile.ImageFile):
            opened.decodermaxblock = max(opened.decodermaxblock, len(content))
        opened.load()
        loaded: Image.Image = opened
        if box is not None:  # stored sides that the scale does not divide end within the last pixel
            loaded = _to_l_or_rgb(opened).resize((size, size), Image.Resampling.BILINEAR, box=box)
        upright, brightest = _upright(loaded), None
        if upright.mode.startswith("I") or upright.mode == "F":
            grey, brightest = _to_uint8(np.asarray(upright), bits)
            upright = Image.fromarray(grey)
        pixels = _square(_to_l_or_rgb(upright), size)
        return Decoded(pixels, width, height, channels, sha256, brightest, cut)


def _draft(image: Image.Image, size: int) -> tuple[float, float, float, float] | None:
    """Has a large JPEG decoded at a fraction of its size; where its picture then lies, or None for a full decode."""
    stored = image.size
    if image.format not in _DRAFT_FORMATS:
        return None
    least = math.ceil(_DRAFT_MARGIN * size)
    drafted = image.draft(None, (least, least))  # never below what is asked for
    return drafted[1] if drafted is not None and image.size != stored else None


def _upright(image: Image.Image) -> Image.Image:
    try:
        return ImageOps.exif_transpose(image)
    except (SyntaxError, TypeError, ValueError, KeyError, OSError):  # a broken EXIF block tells no orientation
        return image


def _is_16_bit(image: Image.Image) -> bool:
    """Whether a file that is not yet loaded stores 16 bits a value, by the raw modes of its parts."""
    return any(";16" in str(tile.args) for tile in getattr(image, "tile", ()))


def _to_uint8(pixels: np.ndarray, bits: int) -> tuple[np.ndarray, int | None]:
    """8-bit pixels, and the largest value where more than 8 bits were stored."""
    if pixels.dtype == np.uint8:
        return pixels, None
    if pixels.dtype == np.bool_:
        return pixels.astype(np.uint8) * np.uint8(255), None
    if pixels.dtype.kind in "ui":
        brightest = int(pixels.max())
        if pixels.min() >= 0 and brightest <= 65535:
            return to_8_bits(bits)[pixels], brightest
    raise BrokenImageError(f"its pixels are {pixels.dtype} and not all in 0..65535; 8 and 16 bit are read")


def _to_l_or_rgb(image: Image.Image) -> Image.Image:
    if image.has_transparency_data:
        image = image.convert("RGBA")
        black = Image.new("RGBA", image.size, (0, 0, 0, 255))
        return Image.alpha_composite(black, image).convert("RGB")
    if image.mode == "1":
        return image.convert("L")
    return image if image.mode in ("L", "RGB") else image.convert("RGB")


def _square(image: Image.Image, size: int) -> np.ndarray:
    if image.size != (size, size):
        image = image.resize((size, size), Image.Resampling.BILINEAR)
    channels = [channel.tobytes() for channel in image.split()]  # several times faster to compare than in numpy
    if channels[1:] == channels[:1] * (len(channels) - 1):
        image = image.getchannel(0)
    return np.ascontiguousarray(image)


def decode_all(
    contents: Iterable[Content], size: int, workers: int | None = None, bits: int = 16
) -> Generator[Decoded | str, None, None]:
    """Decodes in threads (Pillow frees the interpreter lock), in order, a few images ahead.

    Args:
        contents: as for `decode`; drawn from in the calling thread.
        size: the side of the square.
        workers: threads; the number of cores by default.
        bits: as for `decode`.
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
