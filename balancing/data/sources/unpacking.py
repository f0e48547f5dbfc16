"""Tables and lists of names out of a zip file, into a folder of their own, bounded by what the archive states."""

from __future__ import annotations

import shutil
import zipfile
import zlib
from pathlib import Path

from balancing.data.sources.tables.reading import SUFFIXES
from balancing.data.sources.walking import is_rubbish
from balancing.data.sources.zipped import IN_STEPS, open_zip
from balancing.data.text import shortened, shown
from balancing.errors import UserError

_MOST_BYTES, _MOST_FILES = 1 << 29, 400  # of all tables together


def unpack_tables(source: str, path: Path, into: Path) -> None:
    """Writes the tables of a zip file below ``into``, at their own paths; what is too large is left out.

    Raises:
        UserError: the archive is damaged.
    """
    archive = open_zip(source, path)
    left = _MOST_BYTES
    found = [info for info in archive.infolist() if info.filename.lower().endswith(SUFFIXES) and not info.is_dir()]
    for info in found[:_MOST_FILES]:
        name = info.filename.lstrip("/")
        inside = ".." not in name.split("/") and "\\" not in name
        if is_rubbish(name) or not inside or info.compress_type not in IN_STEPS or info.file_size > left:
            continue
        left -= info.file_size
        file = into / name
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            with archive.open(info) as member, file.open("wb") as copy:
                shutil.copyfileobj(member, copy)
        except (zipfile.BadZipFile, zlib.error, OSError, EOFError, ValueError, RuntimeError) as error:
            reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
            raise UserError(
                f"{shown(shortened(info.filename, 80))} in {source} cannot be unpacked ({reason}); unpack the zip file "
                "and give the folder"
            ) from None
