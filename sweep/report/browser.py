"""A block of test images with what each technique makes of them."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar

import numpy as np
from PIL import Image

from sweep.analysis.figures.overlay import over
from sweep.report.blocks import Block

SIDE = 112  # pixels, at most
FOLDER = "images"  # in the report's, of pictures that would make its page too large
EMBEDDED = 1_500_000  # bytes of pictures, at most, inside the page


@dataclass(frozen=True)
class Answer:
    """A technique's on one image.

    Args:
        probability: of the true class, mean over seeds.
        wrong: the share of its seeds that err.
    """

    technique: str
    name: str
    probability: float
    wrong: float


@dataclass(frozen=True)
class Picture:
    """A small JPEG.

    Args:
        jpeg: the file's bytes.
        what: under it; "" for nothing.
        address: where the page finds it: inside itself, or a file beside it.
    """

    jpeg: bytes
    what: str = ""
    address: str = ""


@dataclass(frozen=True)
class Card:
    """One image.

    Args:
        name: of its file.
        class_name: its true class.
        kind: what it shows, by which cards are filtered.
        pictures: the image, then maps over it; none where images are not at hand.
        answers: of each technique.
    """

    name: str
    class_name: str
    kind: str
    pictures: Sequence[Picture]
    answers: Sequence[Answer]


@dataclass(frozen=True)
class ImageBrowser(Block):
    """Cards, and buttons that show those of one kind.

    Args:
        kinds: (kind, how many test images are of it), in the order of the buttons.
        files: name -> bytes, in the report's ``FOLDER``: empty where all pictures are inside the page.
    """

    html: ClassVar[str] = '{% include "browser.html.j2" %}'
    markdown: ClassVar[str] = (
        "| Image | Class | Shows | Wrong |\n| --- | --- | --- | --- |\n"
        "{% for card in block.cards %}"
        "| {{ card.name | md }} | {{ card.class_name | md }} | {{ card.kind | md }} | {{ block.wrong(card) | md }} |\n"
        "{% endfor %}"
    )

    cards: Sequence[Card]
    kinds: Sequence[tuple[str, int]]
    files: Mapping[str, bytes] = field(default_factory=dict)

    @classmethod
    def of(cls, cards: Sequence[Card], kinds: Sequence[tuple[str, int]]) -> ImageBrowser:
        """Pictures are inside the page as long as they are small enough together, else files beside it."""
        total = sum(len(one.jpeg) for card in cards for one in card.pictures)
        files: dict[str, bytes] = {}
        placed = []
        for number, card in enumerate(cards):
            pictures = []
            for place, one in enumerate(card.pictures):
                address = f"data:image/jpeg;base64,{base64.b64encode(one.jpeg).decode()}"
                if total > EMBEDDED:
                    name = f"{number:04d}-{place}.jpg"
                    files[name], address = one.jpeg, f"{FOLDER}/{name}"
                pictures.append(replace(one, address=address))
            placed.append(replace(card, pictures=pictures))
        return cls(placed, kinds, files)

    def wrong(self, card: Card) -> str:
        """Who errs on it with most seeds, in words."""
        names = [one.name for one in card.answers if one.wrong > 0.5]
        return ", ".join(names) if len(names) < len(card.answers) else "all"


def picture(pixels: np.ndarray, what: str = "", heat: np.ndarray | None = None) -> Picture:
    """A small picture, with a map over it where one is given.

    Args:
        pixels: (H, W) or (H, W, 3) uint8.
        what: as of ``Picture``.
        heat: (H, W) float in [0, 1].
    """
    shown = pixels if heat is None else over(pixels, heat)
    image = Image.fromarray(shown)
    image.thumbnail((SIDE, SIDE))
    buffer = io.BytesIO()
    image.save(buffer, format="JPEG", quality=82)
    return Picture(buffer.getvalue(), what)


def files_of(blocks: Sequence[Block]) -> dict[str, bytes]:
    """Name -> bytes of all pictures that are to stand beside the page."""
    found: dict[str, bytes] = {}
    for block in blocks:
        found |= dict(block.files) if isinstance(block, ImageBrowser) else files_of(block.inside())
    return found
