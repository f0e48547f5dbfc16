"""Where images come from: the phantom, local folders and files, or the Hub."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Collection
from pathlib import Path

from balancing.data.options import NONE, Options, flag
from balancing.data.sources.base import Source
from balancing.errors import UserError

_PATH_SUFFIXES = (
    ".zip", ".parquet", ".npz", ".csv", ".tsv", ".xlsx", ".jsonl", ".ndjson", ".h5", ".hdf5", ".jpg", ".jpeg", ".png",
    ".dcm", ".tar", ".gz", ".tgz", ".npy", ".arrow",
)  # fmt: skip
_REVISION = re.compile(r"^[^@\s]+$")
_HUB_ID = re.compile(r"^[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?$")


def open_source(
    source: str, options: Options, *, image_size: int, phantom_images: int = 900, phantom_seed: int = 0
) -> Source:
    """The source that a user's word means.

    Args:
        source: ``phantom``; a local path (folder, table, .zip, .parquet, .arrow, .npz); or else a Hub id with optional
            @revision.
        options: how it is to be read.
        image_size, phantom_images, phantom_seed: for the phantom, which is drawn in the wanted size.
    Raises:
        UserError: no such path, nothing there that can be read, or neither a path nor a Hub id.
    """
    opened = _opened(source, options, image_size, phantom_images, phantom_seed)
    refuse_options(options, opened.passes_over, opened.what)
    return opened


def _opened(source: str, options: Options, image_size: int, phantom_images: int, phantom_seed: int) -> Source:
    if source == "phantom":
        from balancing.data.sources.drawn import PhantomSource

        refuse_columns(options, "the phantom")
        return PhantomSource(phantom_images, image_size, phantom_seed)
    path = local_path(source)
    if path is not None:
        from balancing.data.sources.local import open_path

        return open_path(source, path, options)

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
    from balancing.data.sources.told import with_tables

    return with_tables(HubSource(repository, revision or None, options), Path.cwd(), options)


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


def refuse_options(options: Options, names: Collection[str], what: str) -> None:
    """Raises UserError where an option was given that means nothing for a kind of source.

    Args:
        names: of such options.
        what: the kind.
    """
    for name, value in options.given().items():
        if name in names and value != NONE:
            told = ",".join(f"{key}={word}" for key, word in value.items()) if isinstance(value, dict) else value
            raise UserError(f"{flag(name)} {told} means nothing for {what}; remove it")


def refuse_columns(options: Options, what: str) -> None:
    """Raises UserError where a column was named for a source that has none."""
    for name in ("image_column", "label_column", "patient_column", "split_column", "fold_column"):
        value = getattr(options, name)
        if value is not None and value != NONE:
            hint = (
                "; use --patient-pattern or --patient-table"
                if name == "patient_column" and what != "the phantom"
                else ""
            )
            raise UserError(
                f"{what} has no columns, but --{name.replace('_', '-')} {value} was given{hint or '; remove it'}"
            )
