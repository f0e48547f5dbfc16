"""New images through a run's network: one row an image, with what is said of it or why it was not read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from balancing.data.pixels.dicom import require
from balancing.data.text import shown
from balancing.errors import UserError
from sweep.inference.deployed import Answers, Deployed
from sweep.inference.inputs import Inputs
from sweep.inference.pictures import draw, pictures
from sweep.inference.stream import Batch, Stream
from sweep.inference.unusual import UNUSUAL_FROM, Reference

_LISTED = 20  # broken images that a message names


def nothing() -> None:
    """Tells nobody."""


@dataclass(frozen=True)
class Wanted:
    """What is made beside the numbers.

    Args:
        reference: by which the distance to the training images is measured; None leaves it out.
        maps: of how many images, the first ones, an activation map is drawn.
        maps_folder: where to.
        strict: the first image that can't be read ends it all.
    """

    reference: Reference | None = None
    maps: int = 0
    maps_folder: Path = Path("predictions")
    strict: bool = False


@dataclass(frozen=True)
class Predicted:
    """What was said of N images.

    Args:
        table: one row an image, see ``predicted``.
        found: what answered.
        broken: how many images could not be read.
        unusual: how many are unlike the training images; None where that was not measured.
        notes: sentences.
    """

    table: pd.DataFrame
    found: Deployed
    broken: int
    unusual: int | None
    notes: tuple[str, ...] = ()


@dataclass
class _Columns:
    """What the batches said, by image."""

    errors: list[str] = field(default_factory=list)
    logits: list[np.ndarray] = field(default_factory=list)
    distances: list[np.ndarray] = field(default_factory=list)
    drawn: dict[int, str] = field(default_factory=dict)

    def add(self, batch: Batch, n_classes: int, reference: Reference | None) -> None:
        n = len(batch.errors)
        logits, distances = np.full((n, n_classes), np.nan), np.full(n, np.nan)
        if len(batch.read):
            logits[batch.read] = batch.logits
            if reference is not None:
                distances[batch.read] = reference.distances(batch.features)
        self.errors += batch.errors
        self.logits.append(logits)
        self.distances.append(distances)


def predicted(
    stream: Stream,
    found: Deployed,
    inputs: Inputs,
    wanted: Wanted,
    done: Callable[[], None] = nothing,
) -> Predicted:
    """Predicts images in batches; memory grows by a row an image, not by its pixels.

    Args:
        done: called after each image.
    Returns:
        ``table`` with ``path``; a table's own columns (with ``_given`` behind a name that is taken);
        ``p_CLASS`` of each class, the network's probability (``score_CLASS`` where its answers only rank);
        ``decision``, a class's name by the technique's rule; ``calibrated_CLASS``; ``distance`` to the training images
        and ``distance_quantile``, the share of the run's validation images that lie less far off; ``unusual``, whether
        that is 99 % or more; ``map``, a picture's path; ``error``, why an image was not read, "" where it was. What is
        not known of an image is empty; columns that nothing is known of are there all the same, but for probabilities
        or scores and maps.
    Raises:
        UserError: ``strict``, and an image can't be read; or DICOM images without pydicom.
    """
    require(map(str, inputs.paths))
    told = _Columns()
    drawn = pictures(inputs.paths[: wanted.maps], wanted.maps_folder) if wanted.maps else []
    for batch in stream.files(inputs.paths):
        if wanted.strict and any(batch.errors):
            place = next(place for place, error in enumerate(batch.errors) if error)
            raise UserError(
                f"{shown(str(inputs.paths[batch.first + place]))} can't be read: {batch.errors[place]}; repair it, or "
                "leave --strict away, and it has its reason in the column 'error'"
            )
        told.add(batch, len(found.class_names), wanted.reference)
        for place, pixels, logits in zip(batch.read.tolist(), batch.pixels, batch.logits, strict=True):
            number = batch.first + place
            if number < len(drawn):
                draw(stream, found, inputs.paths[number], pixels, found.answers(logits[None]), drawn[number])
                told.drawn[number] = str(drawn[number])
        for _ in batch.errors:
            done()
    table = _table(found, inputs, told, wanted)
    unusual = None if wanted.reference is None else int((table["unusual"] == "yes").sum())
    return Predicted(table, found, sum(map(bool, told.errors)), unusual, inputs.notes)


def _table(found: Deployed, inputs: Inputs, told: _Columns, wanted: Wanted) -> pd.DataFrame:
    n_classes = len(found.class_names)
    logits = np.concatenate([np.zeros((0, n_classes)), *told.logits])
    read = np.array([not error for error in told.errors], dtype=bool)
    own = {"path": [shown(str(path)) for path in inputs.paths], **_numbers(found, logits, read)}
    own |= _distances(np.concatenate([np.zeros(0), *told.distances]), read, wanted.reference)
    if wanted.maps:
        own["map"] = [shown(told.drawn.get(number, "")) for number in range(len(inputs))]
    own["error"] = told.errors
    carried: dict[str, object] = {}
    for name, cells in inputs.columns.items():
        free = name
        while free in own or free in carried:
            free += "_given"
        carried[free] = [shown(cell) if isinstance(cell, str) else cell for cell in cells]
    path = {"path": own.pop("path")}
    return pd.DataFrame(path | carried | own)


def _numbers(found: Deployed, logits: np.ndarray, read: np.ndarray) -> dict[str, object]:
    said: Answers = found.answers(logits[read])

    def spread(values: np.ndarray) -> np.ndarray:
        whole = np.full((len(read), values.shape[1]), np.nan)
        whole[read] = values
        return whole

    columns: dict[str, object] = {}
    shown_values, kind = (said.probabilities, "p") if said.probabilities is not None else (said.logits, "score")
    whole = spread(shown_values)
    columns |= {f"{kind}_{name}": whole[:, label] for label, name in enumerate(found.class_names)}
    names = np.full(len(read), "", dtype=object)
    if said.decisions is not None:
        names[read] = np.array(found.class_names, dtype=object)[said.decisions]
    columns["decision"] = names
    if said.calibrated is not None:
        whole = spread(said.calibrated)
        columns |= {f"calibrated_{name}": whole[:, label] for label, name in enumerate(found.class_names)}
    return columns


def _distances(distances: np.ndarray, read: np.ndarray, reference: Reference | None) -> dict[str, object]:
    quantiles, unusual = np.full(len(read), np.nan), np.full(len(read), "", dtype=object)
    if reference is not None:
        quantiles[read] = reference.quantiles(distances[read])
        unusual[read] = np.where(quantiles[read] >= UNUSUAL_FROM, "yes", "no")
    return {"distance": distances, "distance_quantile": quantiles, "unusual": unusual}


def broken_sentence(made: Predicted) -> str:
    """How many images were not read, and the first of them by name; "" where all were."""
    if not made.broken:
        return ""
    rows = made.table[made.table["error"] != ""]
    lines = [f"  {path}: {error}" for path, error in zip(rows["path"], rows["error"], strict=True)]
    if len(lines) > _LISTED:
        lines = [*lines[:_LISTED], f"  ... and {len(lines) - _LISTED:,} more"]
    total = len(made.table)
    return f"{made.broken:,} of {total:,} images could not be read and have no answer:\n" + "\n".join(lines)


def unusual_sentence(made: Predicted) -> str:
    """How many images are unlike the training images; "" where that was not measured."""
    if made.unusual is None:
        return ""
    total = len(made.table) - made.broken
    if not made.unusual:
        return f"None of {total:,} images is unlike the training images."
    verb = "is" if made.unusual == 1 else "are"
    return (
        f"{made.unusual:,} of {total:,} images {verb} unlike the training images (further from them than 99 % of "
        "the run's validation images): the network was not made for such, whatever it says of them."
    )
