"""Where images come from: the phantom, local folders and files, or the Hub."""

from __future__ import annotations

import difflib
import os
import re
import zipfile
from pathlib import Path

from balancing.data.options import NONE, Options
from balancing.data.sources.base import Source
from balancing.errors import UserError

_FILE_KINDS = (".zip", ".parquet", ".npz")
_PATH_SUFFIXES = (*_FILE_KINDS, ".csv", ".jpg", ".jpeg", ".png", ".tar", ".gz", ".tgz", ".npy", ".arrow")
_REVISION = re.compile(r"^[^@\s]+$")
_HUB_ID = re.compile(r"^[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?$")


def open_source(
    source: str, options: Options, *, image_size: int, phantom_images: int = 900, phantom_seed: int = 0
) -> Source:
    """The source that a user's word means.

    Args:
        source: ``phantom``; a local path (folder, .zip, .parquet, .npz); or else a Hub id with optional @revision.
        options: the columns to read.
        image_size, phantom_images, phantom_seed: for the phantom, which is drawn in the wanted size.
    Raises:
        UserError: no such path, nothing there that can be read, or neither a path nor a Hub id.
    """
    if source == "phantom":
        from balancing.data.sources.drawn import PhantomSource

        refuse_columns(options, "the phantom")
        return PhantomSource(phantom_images, image_size, phantom_seed)
    path = local_path(source)
    if path is not None:
        return _open_path(source, path, options)

    repository, _, revision = source.partition("@")
    if looks_like_path(repository):
        raise UserError(f"no such path: {source} (looked in {Path.cwd()}); check its spelling")
    if not _HUB_ID.match(repository) or ("@" in source and not _REVISION.match(revision)):
        raise UserError(
            f"'{source}' is neither 'phantom', nor a path that exists, nor a Hub id such as "
            "hf-vision/chest-xray-pneumonia or hf-vision/chest-xray-pneumonia@main"
        )
    if difflib.get_close_matches(source.lower(), ["phantom"], cutoff=0.7):
        raise UserError(f"unknown data '{source}'; did you mean 'phantom'?")
    from balancing.data.sources.hub import HubSource, packaged_readers

    if repository in packaged_readers():
        raise UserError(
            f"the data '{source}' is the name of a reader of datasets, which would read whatever lies in this folder; "
            "give a path, or a Hub id with its owner, such as hf-vision/chest-xray-pneumonia"
        )
    return HubSource(repository, revision or None, options)


def local_path(source: str) -> Path | None:
    """The existing file or folder that a word names, or None.

    Raises:
        UserError: the system can't look there: a name too long, a folder without permission.
    """
    try:
        path = Path(source).expanduser()
        return path if source and path.exists() else None
    except (OSError, RuntimeError) as error:  # RuntimeError: ~ of nobody
        shown = source if len(source) <= 200 else f"{source[:200]}… ({len(source):,} letters)"
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise UserError(f"the data {shown} cannot be looked for ({reason}); check the path") from None


def looks_like_path(word: str) -> bool:
    """Whether a word that names no existing file was meant as a path rather than a Hub id."""
    return (
        word.startswith((".", "/", "~", os.sep))
        or "\\" in word
        or word.count("/") > 1
        or word.endswith("/")
        or Path(word).suffix.lower() in _PATH_SUFFIXES
    )


def refuse_columns(options: Options, what: str) -> None:
    """Raises UserError where a column was named for a source that has none."""
    for name in ("image_column", "label_column", "patient_column"):
        value = getattr(options, name)
        if value is not None and value != NONE:
            hint = "; use --patient-pattern" if name == "patient_column" and what != "the phantom" else ""
            raise UserError(
                f"{what} has no columns, but --{name.replace('_', '-')} {value} was given{hint or '; remove it'}"
            )


def _open_path(source: str, path: Path, options: Options) -> Source:
    from balancing.data.sources.folder import FolderSource, passed_over, walk, zip_parquet
    from balancing.data.sources.parquet import ParquetSource

    if path.is_dir():
        files, own = walk(path)
        parquet = [path / file for file in files if file.lower().endswith(".parquet")]
        opened: Source
        if parquet:
            opened = ParquetSource.of_path(source, path, parquet, options)
        else:
            refuse_columns(options, f"the image folder {source}")
            opened = FolderSource.of_folder(source, path, files, options)
        opened.notes = passed_over(own)
        return opened
    if not path.is_file():  # to read a device or a pipe would never end
        raise UserError(f"{source} is a device, a pipe or a socket; give a folder, or a .zip, .parquet or .npz file")
    kind = path.suffix.lower()
    if kind == ".parquet":
        return ParquetSource.of_path(source, path, [path], options)
    if kind == ".npz":
        from balancing.data.sources.medmnist import MedMNISTSource

        refuse_columns(options, f"the .npz file {source}")
        return MedMNISTSource(source, path)
    if kind == ".zip" or zipfile.is_zipfile(path):
        parts = zip_parquet(source, path)
        if parts:
            return ParquetSource(source, parts, options)
        refuse_columns(options, f"the zip file {source}")
        return FolderSource.of_zip(source, path, options)
    raise UserError(
        f"{source} cannot be read as data: give a folder of images or parquet files, or a .zip, .parquet or .npz file"
    )
