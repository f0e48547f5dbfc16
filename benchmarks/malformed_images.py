"""Malformed image files: cut off, with flipped bits, with absurd headers, or something else altogether."""

from __future__ import annotations

import os
import random
import struct
import zlib
from collections.abc import Callable

import numpy as np
from PIL import Image

from benchmarks.malformed_call import MARKER, Case, Place
from benchmarks.malformed_sound import SMALL, copied, encoded, picture

FORMATS = {
    "png": "PNG",
    "jpg": "JPEG",
    "tif": "TIFF",
    "bmp": "BMP",
    "gif": "GIF",
    "webp": "WEBP",
    "pgm": "PPM",
    "jp2": "JPEG2000",
}


def cut(content: bytes, rng: random.Random) -> bytes:
    return content[: rng.randrange(1, len(content))]


def flipped(content: bytes, rng: random.Random, flips: int = 8) -> bytes:
    """Some bits turned over, half of them among the first bytes, where headers are."""
    damaged = bytearray(content)
    for number in range(flips):
        place = rng.randrange(min(len(damaged), 64) if number % 2 else len(damaged))
        damaged[place] ^= 1 << rng.randrange(8)
    return bytes(damaged)


def chunk(name: bytes, content: bytes) -> bytes:
    """A chunk of a PNG, its checksum right."""
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def png(
    width: int, height: int, *, depth: int = 8, colour: int = 0, data: bytes = b"\0" * 64, more: bytes = b""
) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + more + chunk(b"IDAT", zlib.compress(data)) + chunk(b"IEND", b"")
    )


def _palette_bomb() -> bytes:
    image = Image.new("P", (9400, 9400))
    image.putpalette([0, 0, 0, 255, 0, 0])
    image.info["transparency"] = b"\x80\x40"
    return encoded(image, transparency=b"\x80\x40")


def _tiff(tags: list[tuple[int, int, int, int]], after: int = 0) -> bytes:
    """A little-endian TIFF of one directory: (tag, type, count, value)."""
    body = b"".join(struct.pack("<HHII", *tag) for tag in tags)
    return b"II*\0" + struct.pack("<IH", 8, len(tags)) + body + struct.pack("<I", after) + b"\0" * 256


def _tiff_of(width: int, height: int, *more: tuple[int, int, int, int]) -> bytes:
    tags = {tag[0]: tag for tag in (
        (256, 4, 1, width), (257, 4, 1, height), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1), (273, 4, 1, 150),
        (278, 4, 1, height), (279, 4, 1, 64), *more,
    )}  # fmt: skip
    return _tiff([tags[number] for number in sorted(tags)])


def _pages(count: int) -> bytes:
    first, *rest = [picture(900 + number) for number in range(count)]
    return encoded(first, "TIFF", save_all=True, append_images=rest)


def _jpeg_of(width: int, height: int) -> bytes:
    content = encoded(picture(901), "JPEG")
    frame = content.index(b"\xff\xc0")
    return content[: frame + 5] + struct.pack(">HH", height, width) + content[frame + 9 :]


def _exif(orientation: int) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return encoded(picture(902), "JPEG", exif=exif.tobytes())


def _array(array: np.ndarray, kind: str = "TIFF") -> bytes:
    return encoded(Image.fromarray(array), kind)


def _postscript() -> bytes:
    return (
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 32 32\n%%EndComments\n"
        b"(" + MARKER.encode() + b") (w) file closefile\n0 0 moveto 32 32 lineto stroke\nshowpage\n%%EOF\n"
    )


# name -> (file name, content, must be refused). What is merely odd may be taken.
HEADERS: dict[str, tuple[str, Callable[[], bytes], bool]] = {
    "PNG of 10^9 pixels": ("a.png", lambda: png(40_000, 25_000), True),
    "PNG of 2^31-1 a side": ("a.png", lambda: png(2**31 - 1, 2**31 - 1), True),
    "PNG of 10^9 x 1": ("a.png", lambda: png(10**9, 1), True),
    "PNG of 0 x 0": ("a.png", lambda: png(0, 0), True),
    "PNG of 0 x 10": ("a.png", lambda: png(0, 10), True),
    "PNG of depth 77": ("a.png", lambda: png(8, 8, depth=77), True),
    "PNG with palette missing": ("a.png", lambda: png(8, 8, colour=3, data=b"\1" * 72), False),
    "PNG with too few rows": ("a.png", lambda: png(64, 64, data=b"\0" * 10), True),
    "PNG with a text bomb": (
        "a.png",
        lambda: png(8, 8, data=b"\0" * 72, more=chunk(b"zTXt", b"k\0\0" + zlib.compress(b"A" * 200_000_000))),
        False,
    ),
    "PNG with a profile bomb": (
        "a.png",
        lambda: png(8, 8, data=b"\0" * 72, more=chunk(b"iCCP", b"k\0\0" + zlib.compress(b"A" * 200_000_000))),
        False,
    ),
    "PNG with a chunk of 2^32-1 bytes": ("a.png", lambda: png(8, 8)[:33] + b"\xff\xff\xff\xffIDAT", True),
    "PNG with a palette and transparency, 88 million pixels": ("a.png", _palette_bomb, False),
    "PNG of 80 million pixels, empty": ("a.png", lambda: png(9000, 9000, data=b""), True),
    "JPEG of 65535 x 65535": ("a.jpg", lambda: _jpeg_of(65_535, 65_535), True),
    "JPEG of 0 x 0": ("a.jpg", lambda: _jpeg_of(0, 0), True),
    "JPEG turned by 99": ("a.jpg", lambda: _exif(99), False),
    "JPEG with damaged EXIF": ("a.jpg", lambda: _exif(6).replace(b"Exif\0\0MM", b"Exif\0\0\xff\xff"), False),
    "JPEG of nothing but markers": ("a.jpg", lambda: b"\xff\xd8" + b"\xff\xd8" * 5_000 + b"\xff\xd9", True),
    "BMP of negative width": ("a.bmp", lambda: _bmp(-32, 32), True),
    "BMP of 2^31-1 a side": ("a.bmp", lambda: _bmp(2**31 - 1, 2**31 - 1), True),
    "GIF of 65535 x 65535": (
        "a.gif",
        lambda: encoded(picture(903), "GIF")[:6] + b"\xff\xff\xff\xff" + encoded(picture(903), "GIF")[10:],
        True,
    ),
    "PGM of 999999999 a side": ("a.pgm", lambda: b"P5 999999999 999999999 255\n" + b"\0" * 99, True),
    "PGM of maximum 0": ("a.pgm", lambda: b"P5 8 8 0\n" + b"\0" * 64, True),
    "PGM of words": ("a.pgm", lambda: b"P2 8 8 255\n" + b"many words " * 64, True),
    "PGM of a huge number": ("a.pgm", lambda: b"P5 " + b"9" * 6_000 + b" 8 255\n" + b"\0" * 64, True),
    "TIFF that points at itself": ("a.tif", lambda: _tiff_of(8, 8)[:-260] + struct.pack("<I", 8) + b"\0" * 256, False),
    "TIFF without tags": ("a.tif", lambda: _tiff([]), True),
    "TIFF of 10^9 pixels": ("a.tif", lambda: _tiff_of(40_000, 25_000), True),
    "TIFF with strips behind its end": ("a.tif", lambda: _tiff_of(8, 8, (273, 4, 1, 2**31)), True),
    "TIFF of 2^32-1 values": ("a.tif", lambda: _tiff_of(8, 8, (273, 4, 2**32 - 1, 8)), True),
    "TIFF of unknown compression": ("a.tif", lambda: _tiff_of(8, 8, (259, 3, 1, 4_242)), True),
    "TIFF of 3 pages": ("a.tif", lambda: _pages(3), False),
    "TIFF of floats, some NaN": ("a.tif", lambda: _array(np.array([[np.nan, 1.0], [np.inf, 0.5]], np.float32)), True),
    "TIFF of negative numbers": ("a.tif", lambda: _array(np.array([[-5, 1], [2, 3]], np.int32)), True),
    "WEBP of nothing": ("a.webp", lambda: b"RIFF\x1a\0\0\0WEBPVP8L\x0d\0\0\0\x2f\xff\xff\xff\x0f" + b"\0" * 8, True),
    "JP2 of 2^32-1 a side": (
        "a.jp2",
        lambda: encoded(picture(904), "JPEG2000").replace(b"ihdr" + struct.pack(">II", 32, 32), b"ihdr" + b"\xff" * 8),
        False,
    ),
    "PostScript named .png": ("a.png", _postscript, True),
    "PDF named .png": ("a.png", lambda: b"%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>", True),
    "SVG named .png": ("a.png", lambda: b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>", True),
    "XBM named .png": ("a.png", lambda: b"#define a_width 99999\n#define a_height 99999\nstatic char a[] = {0};", True),
    "ICO named .png": ("a.png", lambda: encoded(picture(905), "ICO"), False),
    "FITS named .png": ("a.png", lambda: b"SIMPLE  =                    T".ljust(80) + b"NAXIS = 9", True),
    "text named .png": ("a.png", lambda: b"this is no image\n", True),
    "nothing named .png": ("a.png", lambda: b"", True),
    "one byte named .jpg": ("a.jpg", lambda: b"\xff", True),
    "1 x 1": ("a.png", lambda: encoded(Image.new("L", (1, 1))), False),
    "60000 x 1": ("a.png", lambda: encoded(Image.new("L", (60_000, 1))), False),
    "CMYK": ("a.jpg", lambda: encoded(Image.new("CMYK", (32, 32)), "JPEG"), False),
    "12 bits in 16": ("a.png", lambda: _array(np.full((32, 32), 4_000, np.uint16), "PNG"), False),
}  # fmt: skip


def _bmp(width: int, height: int) -> bytes:
    content = encoded(picture(906), "BMP")
    return content[:18] + struct.pack("<ii", width, height) + content[26:]


def among_sound(file: str, content: Callable[[random.Random], bytes], *options: str) -> Callable[[Place], list[str]]:
    """The file as one more image of a sound folder, which is audited."""

    def make(place: Place) -> list[str]:
        images = copied(place.sound / "images", place.folder / "images")
        (images / "train" / "NORMAL" / file).write_bytes(content(place.rng))
        return ["audit", *SMALL, "--data", "images", *options]

    return make


def cases(rng: random.Random) -> list[Case]:
    found = []
    for suffix, kind in FORMATS.items():
        sound = encoded(picture(rng.randrange(10**6)), kind)
        for number in range(3):
            make = among_sound(f"bad.{suffix}", lambda own, sound=sound: cut(sound, own))  # type: ignore[misc]
            # Formats without compression miss rows at the end without a word of Pillow's: those may be taken.
            found.append(Case("image files, cut off", f"{suffix} {number}", make, mention="bad." if number else ""))
            make = among_sound(f"bad.{suffix}", lambda own, sound=sound: flipped(sound, own))  # type: ignore[misc]
            found.append(Case("image files, bits flipped", f"{suffix} {number}", make))
    for name, (file, content, refuse) in HEADERS.items():
        make = among_sound(file, lambda own, content=content: content())  # type: ignore[misc]
        found.append(Case("image files, absurd headers", name, make, refuse=refuse, mention=file if refuse else ""))
        if refuse and len(found) % 4 == 0:
            make = among_sound(file, lambda own, content=content: content(), "--skip-bad")  # type: ignore[misc]
            found.append(Case("image files, absurd headers", f"{name}, left out", make))
    for name, (file, content, refuse) in HEADERS.items():
        if name in (
            "PNG of 10^9 pixels",
            "PostScript named .png",
            "nothing named .png",
            "TIFF of floats, some NaN",
        ) or (name.startswith(("PNG with a palette and", "JPEG of 65535"))):
            found.append(Case("images to predict", name, _to_predict(file, content), refuse=refuse))
    found += [
        Case("images to predict", "no such file", lambda place: _predict(place, "none.png"), refuse=True),
        Case("images to predict", "a folder", lambda place: _predict(place, "."), refuse=True),
        Case("images to predict", "a pipe", _pipe_to_predict, refuse=True),
        Case("images to predict", "/dev/zero", lambda place: _predict(place, "/dev/zero"), refuse=True),
        Case("images to predict", "10,000 letters", lambda place: _predict(place, "x" * 10_000 + ".png"), refuse=True),
    ]  # fmt: skip
    return found


def _predict(place: Place, file: str) -> list[str]:
    copied(place.sound / "run", place.folder / "run")
    return ["predict", "run", file, "--maps", "all", "--maps-to", "pictures"]


def _to_predict(file: str, content: Callable[[], bytes]) -> Callable[[Place], list[str]]:
    def make(place: Place) -> list[str]:
        (place.folder / file).write_bytes(content())
        return _predict(place, file)

    return make


def _pipe_to_predict(place: Place) -> list[str]:
    os.mkfifo(place.folder / "pipe.png")
    return _predict(place, "pipe.png")
