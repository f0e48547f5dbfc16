"""Activation maps of new images, as pictures in a folder."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from balancing.data.text import shortened, shown
from sweep.analysis.figures.cams import image_plot, outcome
from sweep.analysis.figures.style import png
from sweep.analysis.maps.methods import class_activation_map
from sweep.inference.deployed import Answers, Deployed
from sweep.inference.stream import Stream
from sweep.runs.files import write_atomically

_LONGEST_STEM = 200  # bytes


def draw(stream: Stream, found: Deployed, path: Path, pixels: np.ndarray, said: Answers, picture: Path) -> None:
    """Writes the map of one image: of the class that was decided for; of scores, of the positive class.

    Of an ensemble it is its first network's.

    Args:
        path: the image, for its name.
        pixels: (S, S) or (S, S, 3) uint8.
        said: of this image alone.
        picture: the PNG.
    """
    names = list(found.class_names)
    if said.decisions is not None:
        target = int(said.decisions[0])
    else:
        target = int(said.logits[0].argmax()) if found.positive is None else found.positive
    if said.probabilities is None:
        title = f"{names[target]}, score {said.logits[0, target]:.3g}"
    elif said.decisions is not None and target == int(said.probabilities[0].argmax()):
        title = outcome(said.probabilities[0], None, names)
    else:
        title = f"{names[target]} ({found.technique}), probability {said.probabilities[0, target]:.2f}"
    image = found.input_of(pixels[None], stream.device)
    heat = class_activation_map(found.networks[0], image, target)
    name = f"{shortened(shown(path.name), 40)}\n{title}"
    write_atomically(picture, png(image_plot(pixels, heat, name, found.technique), dpi=150), private=True)


def pictures(files: Sequence[Path], out: Path) -> list[Path]:
    """A PNG's path for each file, never that of one of the files; equal names get numbers, long ones are shortened."""
    taken = {os.path.realpath(path) for path in files if _can_be(path)}
    numbers: dict[str, int] = {}
    found: list[Path] = []
    for path in files:
        stem = _cut(path.stem) if _can_be(path) else "none"  # a table may name what is no file anywhere
        number = numbers.get(stem, 0) + 1
        while os.path.realpath(picture := _picture(out, stem, number)) in taken:
            number += 1
        numbers[stem] = number
        taken.add(os.path.realpath(picture))
        found.append(picture)
    return found


def _can_be(path: Path) -> bool:
    """Whether the system could hold a file of that name."""
    try:
        return b"\0" not in os.fsencode(path)
    except ValueError:  # half of a pair
        return False


def _picture(out: Path, stem: str, number: int) -> Path:
    return out / (f"{stem}_cam.png" if number == 1 else f"{stem}_{number}_cam.png")


def _cut(stem: str) -> str:
    """The beginning of a file's name that leaves room, of the 255 bytes of a name, for what is put around it."""
    while len(os.fsencode(stem)) > _LONGEST_STEM:
        stem = stem[:-1]
    return stem
