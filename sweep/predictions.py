"""What a run says of new images, as it was asked for: on the command line and from Python."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import pandas as pd

from balancing.errors import UserError, suggestion
from sweep.config.localpaths import require_writable, written
from sweep.inference.choice import BEST
from sweep.inference.deployed import Deployed, deployed
from sweep.inference.inputs import gathered
from sweep.inference.predicting import Predicted, Wanted, broken_sentence, nothing, predicted
from sweep.inference.stream import Stream
from sweep.inference.unusual import FEWEST_HELD_OUT, Reference, kept_reference, new_reference, to_look_at
from sweep.report.csvfile import csv_text
from sweep.reports import recorded_images
from sweep.runs.run import Run

ENDINGS = (".csv", ".parquet")
Bar = Callable[[int, str], AbstractContextManager[Callable[[], None]]]


def no_bar(total: int, doing: str) -> AbstractContextManager[Callable[[], None]]:
    """Shows nothing."""
    return nullcontext(nothing)


@dataclass(frozen=True)
class Asked:
    """How new images shall be predicted.

    Args:
        what: as of ``sweep.inference.deployed.deployed``.
        column: as of ``sweep.inference.inputs.gathered``.
        data: where the run's own images lie now, by which distances are measured; where the run had them by default.
        distance: whether the distance to the training images is measured.
        maps, maps_folder, strict: as of ``sweep.inference.predicting.Wanted``; ``maps`` -1 stands for all.
        out: .csv or .parquet; None writes none.
        force: ``out`` may be written over.
    """

    what: str = BEST
    column: str | None = None
    data: str | None = None
    distance: bool = True
    maps: int = 0
    maps_folder: Path = Path("predictions")
    strict: bool = False
    out: Path | None = None
    force: bool = False


def predict_images(
    run: Run, given: Sequence[str | os.PathLike[str]], asked: Asked | None = None, bar: Bar = no_bar
) -> Predicted:
    """Predicts images with what a run deploys, and writes the table where one is asked for.

    Args:
        run: with chosen trials that keep their networks.
        given: files, folders, patterns and tables: see ``gathered``.
        bar: shows how it gets on.
    Raises:
        UserError: a mistake, before any image is decoded; no image can be read; with ``strict``, one can't.
    """
    asked = asked or Asked()
    if asked.out is not None:
        check_out(asked.out, force=asked.force)
    if asked.maps:
        require_writable(asked.maps_folder / "image_cam.png", "--maps-to")
    found = deployed(run, asked.what)
    inputs = gathered(given, asked.column)
    stream = Stream(found)
    reference, why = reference_of(found, stream, asked.data, bar) if asked.distance else (None, "")
    maps = len(inputs) if asked.maps < 0 else asked.maps
    wanted = Wanted(reference, maps, asked.maps_folder, asked.strict)
    with bar(len(inputs), "predicting") as done:
        made = predicted(stream, found, inputs, wanted, done)
    if made.broken == len(inputs):
        raise UserError(broken_sentence(made))
    if asked.out is not None:
        write_table(made.table, asked.out)
    return replace(made, notes=(*made.notes, why) if why else made.notes)


def asked_from(images: Any, what: str, how: Mapping[str, Any]) -> tuple[list[str], Asked]:
    """What a program asks for, as ``predict_images`` takes it.

    Raises:
        UserError: no paths, or no such argument.
    """
    given = [images] if isinstance(images, str | os.PathLike) else images
    if isinstance(given, Mapping) or not isinstance(given, Iterable):
        raise UserError(f"images must be a path or a list of paths, but are of type {type(images).__name__}; give them")
    words = list(given)
    wrong = next((word for word in words if not isinstance(word, str | os.PathLike)), None)
    if wrong is not None or not words:
        what_they_are = "are none" if not words else f"one is of type {type(wrong).__name__}"
        raise UserError(f"images must be paths of files, folders, patterns or tables, but {what_they_are}; give some")
    names = {field.name for field in fields(Asked)} - {"what"}
    for name in how:
        if name not in names:
            raise UserError(f"predict has no argument '{name}'{suggestion(name, sorted(names))}")
    paths = {name: Path(how[name]) for name in ("out", "maps_folder") if how.get(name) is not None}
    return [os.fspath(word) for word in words], Asked(what, **{**how, **paths})


def reference_of(found: Deployed, stream: Stream, data: str | None, bar: Bar) -> tuple[Reference | None, str]:
    """What images are measured by: kept from before, or made of the run's own images; None and why where it can't be.

    Args:
        data: where the run's images lie now; where the run had them by default.
    """
    kept = kept_reference(found)
    if kept is not None:
        return kept, ""
    own = Run(found.run)
    try:
        images = recorded_images(own, data)
    except UserError as error:
        return None, (
            f"How far images lie from the training images is not told, for the run's own are not at hand: {error}"
        )
    parts = own.split_of_rows()
    split = {"train": parts.train, "validation": parts.validation}
    with bar(to_look_at(split), "looking at the training images, once") as done:
        made = new_reference(found, stream, images, split, done)
    if made is None:
        return None, (
            "How far images lie from the training images is not told, for the run has fewer than "
            f"{FEWEST_HELD_OUT} validation images to say what is usual."
        )
    return made, ""


def check_out(path: Path, *, force: bool) -> None:
    """Raises UserError where a table can't be written to a path, before anything long starts."""
    if path.suffix.lower() not in ENDINGS:
        raise UserError(
            f"--out is a table, FILE.csv or FILE.parquet, but is {path}; activation maps go to a folder by --maps N "
            "--maps-to FOLDER"
        )
    if path.exists() and not force:
        raise UserError(f"--out {path} is there already; give --force to write over it, or another name")
    require_writable(path, "--out")


def write_table(table: pd.DataFrame, path: Path) -> None:
    """Whole or not at all, for its owner alone; in a .csv no text that a spreadsheet would run."""
    if path.suffix.lower() == ".csv":
        written(path, csv_text(table), "--out", private=True)
        return
    import io

    buffer = io.BytesIO()
    _of_one_kind(table).to_parquet(buffer, index=False)
    written(path, buffer.getvalue(), "--out", private=True)


def _of_one_kind(table: pd.DataFrame) -> pd.DataFrame:
    """Columns of a user's table may hold numbers and texts among each other, which parquet can't."""
    table = table.copy()
    for name in table.columns:
        kinds = {type(cell) for cell in table[name] if cell is not None} if table[name].dtype == object else set()
        if len(kinds) > 1:
            table[name] = [None if cell is None else str(cell) for cell in table[name]]
    return table
