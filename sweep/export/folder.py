"""An export's folder: written whole or not at all, and what may lie in it."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from balancing.errors import UserError
from sweep.runs.files import write_atomically

GRAPH, TENSORS, CONFIG, CARD = "model.onnx", "model.safetensors", "config.json", "README.md"
FORMAT = "balancing-act-export-1"  # of config.json
# All that an export holds, and all that is ever uploaded.
FILES = (GRAPH, TENSORS, CONFIG, CARD)


def check_out(out: Path, run: Path, *, force: bool) -> None:
    """Raises UserError where an export can't go, before anything long.

    Args:
        out: the folder that is asked for.
        run: the run's folder.
        force: whether an export that is there may be replaced.
    """
    if out.is_symlink():
        raise UserError(
            f"--out {out} is a link, and an export is put in its place as a whole; give its target, or a new folder"
        )
    whole, of_run = out.resolve(), run.resolve()
    if whole == of_run or of_run in whole.parents:
        raise UserError(f"--out {out} lies in the run's own folder; give another place")
    here = Path.cwd()
    if whole in (here, *here.parents):
        raise UserError(f"--out {out} is a folder that you are in, and an export takes its place; give a new folder")
    if not out.exists():
        return
    if not out.is_dir():
        raise UserError(f"--out {out} is a file; give a folder")
    if not any(out.iterdir()):
        return
    if not force:
        raise UserError(f"--out {out} is not empty; give a new folder, or --force, which replaces an export there")
    foreign = sorted(entry.name for entry in out.iterdir() if entry.name not in FILES)
    if foreign or not is_export(out):
        held = f"holds {foreign[0]!r}" if foreign else f"has no {CONFIG} of an export"
        raise UserError(f"--force replaces an export alone, but --out {out} {held}; give a new folder")


def read_config(folder: Path) -> dict[str, Any]:
    """config.json of an export.

    Raises:
        UserError: it is none, or damaged.
    """
    try:
        config = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"{folder / CONFIG} can't be read; give a folder that `sweep export` wrote") from error
    if not isinstance(config, dict) or config.get("format") != FORMAT:
        raise UserError(f"{folder / CONFIG} is not of an export of format {FORMAT}; export the run anew")
    return config


def is_export(folder: Path) -> bool:
    """Whether a folder was written by ``sweep export``."""
    if not (folder / CONFIG).is_file():
        return False
    try:
        read_config(folder)
    except UserError:
        return False
    return True


def write_export(out: Path, files: Mapping[str, bytes]) -> Path:
    """Writes all files beside the folder, then puts them in its place at once.

    Args:
        out: checked by ``check_out``; what it holds is replaced.
        files: name, of ``FILES``, -> content.
    Returns:
        ``out``.
    Raises:
        OSError: no room, or no right to write there.
    """
    assert set(files) <= set(FILES)
    out.parent.mkdir(parents=True, exist_ok=True)
    fresh, old = (out.with_name(f".{out.name}.{os.getpid()}.{uuid.uuid4().hex[:8]}") for _ in range(2))
    try:
        fresh.mkdir()
        for name, content in files.items():
            write_atomically(fresh / name, content)
        if out.exists():
            os.replace(out, old)
        try:
            os.replace(fresh, out)
        except OSError:
            if old.exists():
                os.replace(old, out)
            raise
    finally:
        for left in (fresh, old):
            with contextlib.suppress(OSError):
                shutil.rmtree(left)
    return out
