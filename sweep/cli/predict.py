"""Single images through a run's best network: probability, decision, activation map. Research, not diagnosis."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch

from balancing.data.pixels.decoding import Decoded, Manner, decode_all
from balancing.data.pixels.dicom import require
from balancing.data.pixels.greybits import UNIT, holds
from balancing.data.text import shortened, shown
from balancing.errors import UserError, suggestion
from sweep.analysis.figures.cams import image_plot, outcome
from sweep.analysis.figures.style import png
from sweep.analysis.folds import results_of
from sweep.analysis.maps.methods import class_activation_map
from sweep.analysis.maps.networks import best_trials, deciding_trials
from sweep.analysis.names import gives_of
from sweep.runs.files import write_atomically
from sweep.runs.run import Run
from sweep.training.frozen.joining import whole_network
from sweep.training.inputs import to_input

_LONGEST_STEM = 200  # bytes


@dataclass(frozen=True)
class Prediction:
    """What a network says of one image.

    Args:
        path: the image file.
        probabilities: class name -> probability; they sum to 1.
        decision: the most probable class's name.
        technique, trial_id: whose network it was.
        picture: the activation map's PNG, or None where none was wanted.
        scores: class name -> logit, where the technique's answers are scores that rank images, the higher the likelier;
            then there are no probabilities and no decision, and the map is of the positive class.
    """

    path: Path
    probabilities: dict[str, float]
    decision: str
    technique: str
    trial_id: str
    picture: Path | None
    scores: dict[str, float] = field(default_factory=dict)


def best_trial(run: Run, technique: str | None = None) -> tuple[str, str]:
    """(technique, trial id) of the chosen trial with the highest selection metric on validation.

    Args:
        technique: look among its trials only; by default among those whose networks decide, not only rank, if any does.
    Raises:
        UserError: nothing was chosen yet, or not for this technique.
    """
    results = results_of(run)
    best = best_trials(results)
    if best.empty:
        raise UserError(f"run {run.path} has chosen no trial yet; go on with it by `sweep resume {run.path}`")
    if technique is not None:
        if technique not in set(best["technique"]):
            raise UserError(
                f"the run has no chosen trial of technique '{technique}'{suggestion(technique, best['technique'])}"
            )
        best = best[best["technique"] == technique]
    else:
        decides = deciding_trials(results)
        best = decides if len(decides) else best
    row = best.iloc[int(best["value"].to_numpy().argmax())]
    return str(row["technique"]), str(row["trial_id"])


def predict_images(
    run: Run, paths: Sequence[Path | str], *, technique: str | None = None, out: Path | None = None
) -> list[Prediction]:
    """Predicts image files with the best network of a run.

    Args:
        run: with a chosen trial that keeps its network.
        paths: image files in any format that training reads; decoded as the run's images were: the same page, scale of
            16-bit greys and floating-point pixels, and way to a square.
        technique: use the best trial of this one; the best of all by default.
        out: folder for one PNG an image (its name, then ``_cam``), made where missing; None draws none.
    Returns:
        One prediction a path, in order.
    Raises:
        UserError: files that can't be read (all are named), no chosen trial, or its network is gone.
    """
    name, trial_id = best_trial(run, technique)
    files = [Path(path) for path in paths]
    require(map(str, files))
    manner, deep, floating = _manner(run)
    decoded = [
        found if isinstance(found, str) else _of_this_scale(found, manner, deep=deep, floating=floating)
        for found in decode_all(files, manner)
    ]
    broken = [
        f"{shown(str(path))}: {found}" for path, found in zip(files, decoded, strict=True) if isinstance(found, str)
    ]
    if broken:
        raise UserError(
            f"{len(broken)} of {len(files)} images cannot be read; check or leave out\n  " + "\n  ".join(broken)
        )
    model, facts = whole_network(run.trial(trial_id).best)
    mean, std, classes = facts["spec"]["mean"], facts["spec"]["std"], list(facts["class_names"])
    found = []
    for path, picture, image in zip(files, _pictures(files, out), decoded, strict=True):
        assert not isinstance(image, str)
        batch = to_input(torch.from_numpy(np.array(image.pixels))[None], mean, std)
        with torch.no_grad():
            logits = model(batch)
        said = _said(logits, classes, facts["positive"], ranks=gives_of(name) == "scores")
        if picture is not None:
            heat = class_activation_map(model, batch, said.target)
            title = f"{shortened(shown(path.name), 40)}\n{said.title}"
            write_atomically(picture, png(image_plot(image.pixels, heat, title, name), dpi=150))
        found.append(Prediction(path, said.probabilities, said.decision, name, trial_id, picture, said.scores))
    return found


@dataclass(frozen=True)
class _Said:
    """Of one image: as ``Prediction`` has it, and the class and the title of its map."""

    probabilities: dict[str, float]
    decision: str
    scores: dict[str, float]
    target: int
    title: str


def _said(logits: torch.Tensor, classes: list[str], positive: int | None, *, ranks: bool) -> _Said:
    """What (1, C) logits say; ``ranks``: they are scores that rank images alone."""
    if ranks:
        scores = dict(zip(classes, logits[0].double().tolist(), strict=True))
        target = int(logits[0].argmax()) if positive is None else positive
        return _Said({}, "", scores, target, f"{classes[target]}, score {scores[classes[target]]:.3g}")
    probabilities = logits.softmax(dim=1)[0].double().numpy()
    decided = int(probabilities.argmax())
    named = {label: float(p) for label, p in zip(classes, probabilities, strict=True)}
    return _Said(named, classes[decided], {}, decided, outcome(probabilities, None, classes))


def _manner(run: Run) -> tuple[Manner, bool, bool]:
    """How the run's images were decoded, and whether any had 16-bit greys, and floating-point pixels."""
    data = run.info["data"]
    bits = data.get("grey_bits", 16)  # runs of before divided all 16-bit greys by 257
    floats = data.get("float_range")
    manner = Manner(
        int(data["shape"][1]), bits or 16, tuple(floats or UNIT), data.get("resize") or "squash", data.get("page")
    )
    return manner, bits is not None, bool(floats)


def _of_this_scale(image: Decoded, manner: Manner, *, deep: bool, floating: bool) -> Decoded | str:
    """The image, or why its greys can't be brought to the scale of the images that the network learned from.

    Args:
        deep, floating: whether any of those had 16-bit greys, or floating-point pixels.
    """
    if image.floats is not None:
        black, white = manner.floats
        if not floating:
            return (
                "it has floating-point pixels, but the run's images had none, so nothing tells how bright they should "
                "be; convert it to 8 bits as those were"
            )
        if not holds(manner.floats, *image.floats):
            return (
                f"its pixels reach from {image.floats[0]:g} to {image.floats[1]:g}, but those of the run's images lie "
                f"in {black:g}..{white:g}; convert it to their scale"
            )
    if image.brightest is None:
        return image
    if not deep:
        return (
            "it has 16-bit greys, but the run's images had 8 bits, so nothing tells how bright they should be; "
            "convert it to 8 bits as those were"
        )
    if image.brightest >= 1 << manner.bits:
        return (
            f"its brightest grey is {image.brightest:,}, but the 16-bit greys of the run's images use {manner.bits} "
            f"bits, 0..{(1 << manner.bits) - 1:,}; convert it to their scale"
        )
    return image


def _pictures(files: list[Path], out: Path | None) -> list[Path | None]:
    """A PNG's path for each file, never that of one of the files; equal names get numbers, long ones are shortened."""
    if out is None:
        return [None] * len(files)
    taken = {os.path.realpath(path) for path in files}
    pictures: list[Path | None] = []
    for path in files:
        stem = _cut(path.stem)
        picture, number = out / f"{stem}_cam.png", 1
        while os.path.realpath(picture) in taken:
            number += 1
            picture = out / f"{stem}_{number}_cam.png"
        taken.add(os.path.realpath(picture))
        pictures.append(picture)
    return pictures


def _cut(stem: str) -> str:
    """The beginning of a file's name that leaves room, of the 255 bytes of a name, for what is put around it."""
    while len(os.fsencode(stem)) > _LONGEST_STEM:
        stem = stem[:-1]
    return stem
