"""An ONNX file held against the networks that it was made of, before it is handed over."""

from __future__ import annotations

import hashlib
import io
import itertools
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from PIL import Image, ImageOps

from balancing.data.content import Content
from balancing.errors import UserError
from sweep.export.answers import CALIBRATED, DECISION, LOGITS, PROBABILITIES, SCORES
from sweep.export.needs import need
from sweep.export.pixels import INPUT
from sweep.inference.deployed import Answers, Deployed
from sweep.inference.rule import Rule
from sweep.runs.run import Run

if TYPE_CHECKING:
    import onnxruntime

    from balancing.data.images import ImageSet

# Most that a probability may differ by; of a logit or a score, of its size and one.
TOLERANCE = 1e-4
IMAGES = 64
# Images whose two highest scores are nearer are decided by rounding.
_TIED = 1e-3
# A network that says so much else than the run recorded of it, in the mean of the images, is another.
_OTHER = 0.05
_BATCH = 8
_NOISE_SEED = 0


@dataclass(frozen=True)
class Difference:
    """Of probabilities (of logits where there are none) between two ways to compute them."""

    images: int
    largest: float
    mean: float


@dataclass(frozen=True)
class Checked:
    """How near an ONNX file is.

    Args:
        on: ``test``, ``validation``, or ``noise`` where the run's images are not at hand.
        of_torch: to the networks in PyTorch, on the same pixels; within ``TOLERANCE``.
        of_records: to what the run recorded of the same images, in the precision that it was trained in; None where
            they are not at hand.
        of_decoder: from pictures as they are, resized in the graph, to the run's own decoder and PyTorch; None where
            pictures are not at hand, or are of the wanted size already.
    """

    on: str
    of_torch: Difference
    of_records: Difference | None = None
    of_decoder: Difference | None = None


def session_of(model: bytes) -> onnxruntime.InferenceSession:
    """ONNX Runtime on the CPU.

    Raises:
        UserError: the library is missing.
    """
    library = need("onnxruntime", "the check of an ONNX file")
    options = library.SessionOptions()
    options.log_severity_level = 3  # errors
    return library.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def said(session: onnxruntime.InferenceSession, pixels: np.ndarray) -> dict[str, np.ndarray]:
    """Output -> what it is of (B, H, W) or (B, H, W, 3) uint8 pictures."""
    names = [output.name for output in session.get_outputs()]
    given = pixels[..., None] if pixels.ndim == 3 else pixels
    return dict(zip(names, session.run(names, {INPUT: np.ascontiguousarray(given)}), strict=True))


def check(model: bytes, deployed: Deployed, images: ImageSet | None) -> Checked:
    """Compares.

    Args:
        model: of the ONNX file.
        images: the run's own; None where they are not at hand: noise takes their place.
    Raises:
        UserError: the file answers otherwise than PyTorch, or the networks otherwise than the run recorded.
    """
    session = session_of(model)
    on, rows = _rows(deployed) if images is not None else ("noise", np.arange(_BATCH))
    largest, total, records = 0.0, 0.0, []
    for start in range(0, len(rows), _BATCH):
        some = rows[start : start + _BATCH]
        pixels = _noise(deployed, len(some)) if images is None else np.array(images.pixels[some])
        answers = deployed.answers(deployed.logits(pixels))
        worst, summed = _differences(said(session, pixels), answers, deployed.rule)
        largest, total = max(largest, worst), total + summed
        records.append(_ranked(answers))
    recorded = None if images is None else _recorded(deployed, on, rows, np.concatenate(records))
    if recorded is not None and recorded.mean > _OTHER:
        raise UserError(
            f"the networks that the run kept answer otherwise than it recorded ({recorded.mean:.3f} in the mean of "
            f"{len(rows)} {on} images), so its numbers are not theirs; `sweep resume {deployed.run}` mends a run"
        )
    of_decoder = None if images is None else _of_decoder(session, deployed, images)
    return Checked(on, Difference(len(rows), largest, total / len(rows)), recorded, of_decoder)


def _rows(deployed: Deployed) -> tuple[str, np.ndarray]:
    """Which images, up to ``IMAGES`` and evenly over the part: the test images, or those of validation."""
    split = Run(deployed.run).split()
    for part in ("test", "validation"):
        rows = np.sort(split.loc[split["split"] == part, "row"].to_numpy(dtype=np.int64))
        if len(rows):
            return part, rows[np.unique(np.linspace(0, len(rows) - 1, min(IMAGES, len(rows))).astype(int))]
    raise UserError(f"run {deployed.run} has neither test nor validation images to check an export on")


def _noise(deployed: Deployed, n: int) -> np.ndarray:
    shape = (n, deployed.image_size, deployed.image_size)
    return np.random.default_rng(_NOISE_SEED).integers(0, 256, shape, dtype=np.uint8)


def _ranked(answers: Answers) -> np.ndarray:
    """(N, C): the probabilities, or the scores where there are none."""
    return answers.logits if answers.probabilities is None else answers.probabilities


def _differences(found: dict[str, np.ndarray], wanted: Answers, rule: Rule | None) -> tuple[float, float]:
    """The largest difference of any probability (or score), and the sum over images of each one's largest.

    Raises:
        UserError: a number differs by more than ``TOLERANCE``, or a decision is another.
    """
    worst = 0.0
    each = np.zeros(len(wanted.logits))
    logits = found.get(LOGITS, found.get(SCORES))
    pairs = [(PROBABILITIES, wanted.probabilities), (CALIBRATED, wanted.calibrated)]
    known = [(name, found[name], exact) for name, exact in pairs if exact is not None]
    own = np.abs(logits - wanted.logits) / (1 + np.abs(wanted.logits))
    for name, got, exact in [*known, ("logits", own, np.zeros_like(own))]:
        apart = np.abs(got.astype(np.float64) - exact)
        if not apart.max() <= TOLERANCE:  # NaN is not
            raise UserError(
                f"the ONNX file answers otherwise than PyTorch: {name} differ by up to {apart.max():.2g}, and "
                f"{TOLERANCE:g} is allowed; nothing was written; try another --opset, or --formats safetensors,card"
            )
        if name != "logits" or not known:
            worst, each = max(worst, float(apart.max())), np.maximum(each, apart.max(axis=1))
    if rule is not None:
        ordered = np.sort(rule.scores(wanted.logits), axis=1)
        near_tie = ordered[:, -1] - ordered[:, -2] < _TIED
        other = (found[DECISION] != wanted.decisions) & ~near_tie
        if other.any():
            raise UserError(
                f"the ONNX file decides otherwise than PyTorch on {int(other.sum())} of {len(other)} images; nothing "
                "was written; try another --opset, or --formats safetensors,card"
            )
    return worst, float(each.sum())


def _recorded(deployed: Deployed, part: str, rows: np.ndarray, answers: np.ndarray) -> Difference | None:
    """To the mean of the trials' recorded predictions; None of scores, whose record is no probability."""
    if deployed.network_gives != "probabilities":
        return None
    found = []
    for trial_id in deployed.trial_ids:
        try:
            table: pd.DataFrame = Run(deployed.run).trial(trial_id).predictions(part).set_index("row")
            columns = [f"p_{label}" for label in range(len(deployed.class_names))]
            found.append(table.loc[rows, columns].to_numpy(dtype=np.float64))
        except (OSError, UserError, KeyError):  # never opened, damaged, or of other rows
            return None
    apart = np.abs(np.mean(found, axis=0) - answers).max(axis=1)
    return Difference(len(rows), float(apart.max()), float(apart.mean()))


def _of_decoder(session: onnxruntime.InferenceSession, deployed: Deployed, images: ImageSet) -> Difference | None:
    """Pictures as they are through the graph, against the pixels that the run's decoder made of them."""
    row_of = {sha256: row for row, sha256 in enumerate(images.sha256)}
    rows, got = [], []
    for content in _contents(images):
        encoded = content.read_bytes() if isinstance(content, Path) else content
        if not isinstance(encoded, bytes) or (row := row_of.get(hashlib.sha256(encoded).hexdigest())) is None:
            continue
        picture = _picture(encoded)
        if picture is None or picture.shape[:2] == (deployed.image_size,) * 2:
            continue
        found = said(session, picture[None])
        rows.append(row)
        got.append(found[PROBABILITIES if PROBABILITIES in found else SCORES])
    apart: list[float] = []
    for start in range(0, len(rows), _BATCH):
        pixels = np.array(images.pixels[rows[start : start + _BATCH]])
        own = _ranked(deployed.answers(deployed.logits(pixels)))
        apart += np.abs(np.concatenate(got[start : start + _BATCH]) - own).max(axis=1).tolist()
    return Difference(len(apart), max(apart), float(np.mean(apart))) if apart else None


def _contents(images: ImageSet) -> list[Content]:
    """A few of the encoded images: evenly over a folder's; of another local source the first ones."""
    from balancing.data.options import Options
    from balancing.data.sources import open_source

    if images.kind != "local" or images.reading is None:
        return []
    try:
        source = open_source(images.source, Options.of(images.reading), image_size=images.image_size)
        source.listing()
        contents = source.contents()
        first = list(itertools.islice(contents, 1))
        if not first or not isinstance(first[0], Path):
            return [*first, *itertools.islice(contents, IMAGES - 1)]
        every = [*first, *contents]
        return [every[place] for place in np.unique(np.linspace(0, len(every) - 1, IMAGES).astype(int))]
    except (UserError, OSError):
        return []


def _picture(encoded: bytes) -> np.ndarray | None:
    """(H, W, 3) uint8, upright, as users of the file are told to read a picture; None of what is not 8 bits."""
    try:
        with Image.open(io.BytesIO(encoded)) as opened:
            if opened.mode not in ("L", "RGB", "P", "1"):
                return None
            return np.asarray(ImageOps.exif_transpose(opened).convert("RGB"))
    except Exception:  # a format that Pillow does not read: DICOM, floats
        return None
