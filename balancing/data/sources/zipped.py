"""Files in a .zip, which is read where it lies, bounded by what it states of each."""

from __future__ import annotations

import zipfile
from functools import partial
from pathlib import Path

from balancing.data.pixels.imagefile import BrokenImageError, check_encoded
from balancing.data.sources.parquet import Part
from balancing.data.sources.walking import is_rubbish
from balancing.errors import UserError

# A member of a zip file larger than this many bytes must not be packed better than so many times.
_UNSUSPICIOUS, _MOST_RATIO = 1 << 24, 200
IN_STEPS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # others give all that a block holds, however much that is


def zip_parquet(source: str, path: Path) -> list[Part]:
    """The parquet files inside a zip file."""
    archive = open_zip(source, path)
    changed = path.stat().st_mtime_ns
    parts = []
    for info in sorted(archive.infolist(), key=lambda info: info.filename):
        if info.filename.lower().endswith(".parquet") and not is_rubbish(info.filename):
            if info.compress_type not in IN_STEPS:
                raise UserError(f"{source} is packed by another method than deflate; unpack it and give the folder")
            parts.append(Part(info.filename, partial(archive.open, info), (info.CRC, info.file_size + changed)))
    return parts


def open_zip(source: str, path: Path) -> zipfile.ZipFile:
    """A zip file, its list of members read.

    Raises:
        UserError: it is none, damaged or encrypted.
    """
    try:
        archive = zipfile.ZipFile(path)
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise UserError(f"{source} cannot be read as a zip file ({error}); download it again") from None
    if any(info.flag_bits & 1 for info in archive.infolist()):
        raise UserError(f"{source} is encrypted; unpack it and give the folder")
    return archive


def read_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    """An image file in a zip file, bounded by what the archive states of it, and never more than it states.

    Raises:
        BrokenImageError: too large, packed too well to be an image, or in a way that can't be unpacked in steps.
        zipfile.BadZipFile, zlib.error, OSError, EOFError, ValueError, RuntimeError: damaged.
    """
    check_encoded(info.file_size)
    if info.compress_type not in IN_STEPS:
        raise BrokenImageError("it is packed by another method than deflate; unpack the zip file and give the folder")
    if info.file_size > _UNSUSPICIOUS and info.file_size > _MOST_RATIO * info.compress_size:
        raise BrokenImageError(
            f"the zip file states {info.file_size:,} bytes for it, packed into {info.compress_size:,}, which no "
            "image is; unpack the zip file and give the folder if it is one all the same"
        )
    with archive.open(info) as member:
        return member.read(info.file_size)
