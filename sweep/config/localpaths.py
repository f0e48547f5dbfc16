"""Local paths: absolute in the records, so that they mean the same everywhere; and what was local stays local."""

from __future__ import annotations

import contextlib
import errno
import glob
import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

from balancing.data.sources import local_path, looks_like_path
from balancing.errors import UserError

if TYPE_CHECKING:
    from sweep.config.config import Config
    from sweep.config.sections import DataConfig
    from sweep.runs.run import Run

PHANTOM = "phantom"
# Starting weights that are no file and no run.
NAMED_WEIGHTS = ("imagenet", "none")


def absolute(path: str | Path) -> str:
    """The path from the root; links stay as they are named."""
    return os.path.abspath(os.path.expanduser(path))


def absolute_weights(weights: str) -> str:
    """Starting weights with their path, or their run's, from the root; a name as it is."""
    run, path = ("run:", weights[4:]) if weights.startswith("run:") else ("", weights)
    return weights if weights in NAMED_WEIGHTS or not path.strip() else run + absolute(path)


def with_absolute_paths(config: Config) -> Config:
    """The configuration with data, their tables, lists and layout, weights and masks as absolute paths, where they are
    local; an equal one elsewhere.

    A data source is local where such a path exists; it is a Hub id only where none does.
    """
    data, train, report = config.data, config.train, config.report
    if data.source != PHANTOM and local_path(data.source) is not None:
        places = _of_tables(data)
        data = data.model_copy(update={"source": absolute(data.source), **places})
    train = train.model_copy(update={"weights": absolute_weights(train.weights)})
    if report.masks is not None:
        report = report.model_copy(update={"masks": absolute(report.masks)})
    whole = config.model_copy(update={"data": data, "train": train, "report": report})
    own = config.funnel.first.get("train", {}).get("weights") if config.funnel else None
    if config.funnel is None or own is None:
        return whole
    first = {**config.funnel.first, "train": {**config.funnel.first["train"], "weights": absolute_weights(own)}}
    return whole.model_copy(update={"funnel": config.funnel.model_copy(update={"first": first})})


def _of_tables(data: DataConfig) -> dict[str, Any]:
    """The tables, lists and the layout of local data that lie where the program runs and not below the data.

    As they are looked for: below the data first.
    """
    root = Path(absolute(data.source))

    def whole(word: str) -> str:
        try:
            below, here = root / Path(word).expanduser(), Path(word).expanduser()
            if any(sign in word for sign in "*?[") and not here.is_file():
                return word if glob.glob(str(below), recursive=True) or not glob.glob(str(here)) else absolute(word)
            return absolute(word) if here.is_file() and not below.is_file() else word
        except (OSError, ValueError, RuntimeError):
            return word

    found: dict[str, Any] = {
        name: whole(value) for name in ("labels", "patient_table") if (value := getattr(data, name)) is not None
    }
    if data.layout is not None and data.layout.lower().endswith((".yaml", ".yml")):
        found["layout"] = absolute(data.layout)
    if data.split_list:
        found["split_list"] = {split: whole(word) for split, word in data.split_list.items()}
    return found


def is_local(section: str, key: str, value: object) -> bool:
    """Whether a key's value is local data or weights: those are compared by their content, not by their name."""
    if (section, key) == ("data", "source"):
        return isinstance(value, str) and value != PHANTOM and local_path(value) is not None
    return (section, key) == ("train", "weights") and isinstance(value, str) and value not in NAMED_WEIGHTS


def recorded_source(run: Run) -> str:
    """The run's data as they can be opened from here; a name that was local is never taken for a Hub id.

    Raises:
        UserError: they were local and are gone; or a version that recorded relative paths leaves open what they were.
    """
    data = run.info["data"]
    source, kind = str(data["source"]), data.get("kind")
    if source == PHANTOM or kind in ("hub", "arrays"):
        return source
    if local_path(source) is not None:
        return absolute(source)
    if kind == "local" or looks_like_path(source):
        raise UserError(
            f"the data of run {run.path} were {source}, where nothing is now; put them back, or give their new place "
            "by --data PATH"
        )
    raise UserError(
        f"run {run.path} was made by a version that did not record whether its data, {source}, were a folder or of the "
        f"Hub, and there is no such folder in {Path.cwd()}; give the folder's place by --data PATH, or confirm the Hub "
        f"by --data {shlex.quote(source)}"
    )


def require_writable(path: Path, option: str) -> None:
    """Raises UserError where a file can't be written, before the work whose result it shall hold; leaves nothing.

    Args:
        path: of the file.
        option: that named it, such as ``--csv``.
    """
    import tempfile

    made: list[Path] = []
    try:
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, "it is a folder")
        if path.exists() and not path.is_file():
            raise FileExistsError(errno.EEXIST, "a device, a pipe or a socket is there")
        if path.exists() and not os.access(path, os.W_OK):
            raise PermissionError(errno.EACCES, "the file there is write-protected")
        made = [folder for folder in path.parents if not folder.exists()]
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".try-"):
            pass
    except FileNotFoundError:
        raise _unwritable(path, option, "its folder cannot be made") from None
    except OSError as error:
        raise _unwritable(path, option, error.strerror or str(error)) from None
    finally:
        for folder in made:
            with contextlib.suppress(OSError):
                folder.rmdir()


def written(path: Path, text: str | bytes, option: str, *, private: bool = False) -> None:
    """Writes a file that was asked for by ``require_writable``, whole or not at all; ``private``: for its owner alone.

    Raises:
        UserError: it can't be written any more, for instance as the disk is full.
    """
    from sweep.runs.files import write_atomically

    try:
        write_atomically(path, text.encode() if isinstance(text, str) else text, private=private)
    except OSError as error:
        raise _unwritable(path, option, error.strerror or str(error)) from None


def _unwritable(path: Path, option: str, reason: str) -> UserError:
    shown = str(path) if len(str(path)) <= 200 else f"{str(path)[:200]}… ({len(str(path)):,} letters)"
    return UserError(f"{option} {shown} cannot be written ({reason}); give another place")
