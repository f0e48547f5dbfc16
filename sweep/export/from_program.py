"""An export asked for by a program, not by the command line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from balancing.data.images import ImageSet
from balancing.errors import UserError, suggestion
from sweep.export.exporting import FORMATS, Wanted, export_run, formats_of
from sweep.export.pixels import FIRST_OPSET
from sweep.reports import recorded_images
from sweep.runs.run import Run

_DEFAULTS: dict[str, Any] = {
    "formats": FORMATS,
    "opset": FIRST_OPSET,
    "license": "other",
    "force": False,
    "images": None,
}


def exported(run: Run, out: Path, what: str, **asked: Any) -> Path:
    """Writes the folder; returns it.

    Args:
        asked: formats: some of ``onnx``, ``safetensors`` and ``card``, by default all. opset: of ONNX's operators.
            license: as the Hub names it. force: replace an export that is there. images: the run's own, on which the
            ONNX file is held against PyTorch; by default they are read again from where the run had them, and where
            they are gone noise takes their place, and the card says so.
    Raises:
        UserError: an unknown wish, or as ``export_run``.
    """
    for name in asked:
        if name not in _DEFAULTS:
            raise UserError(f"export has no setting '{name}'{suggestion(name, _DEFAULTS)}")
    given = {**_DEFAULTS, **asked}
    images: ImageSet | None = given["images"]
    if images is not None and not isinstance(images, ImageSet):
        raise UserError(f"images must be the run's ImageSet, but are of type {type(images).__name__}; give it, or None")
    if not isinstance(what, str):
        raise UserError(f"what must be 'best', a technique's name or 'ensemble', but is {what!r}; give one")
    if not isinstance(given["opset"], int):
        raise UserError(f"opset must be a whole number, but is {given['opset']!r}; leave it out for {FIRST_OPSET}")
    wanted = Wanted(what, formats_of(given["formats"]), given["opset"], str(given["license"]))
    wanted.before(run, out, force=given["force"])
    if images is None and "onnx" in wanted.formats:
        try:
            images = recorded_images(run)
        except UserError:
            images = None  # the card says that they were not at hand
    return export_run(run, out, wanted, images, force=given["force"]).folder
