"""A block of test images with what each technique makes of them."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from PIL import Image

from sweep.report.blocks import Block

SIDE = 112  # pixels, at most


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
class Card:
    """One image.

    Args:
        name: of its file.
        class_name: its true class.
        kind: what it shows, by which cards are filtered.
        picture: a ``data:`` address; "" where images are not at hand.
        answers: of each technique.
    """

    name: str
    class_name: str
    kind: str
    picture: str
    answers: Sequence[Answer]


@dataclass(frozen=True)
class ImageBrowser(Block):
    """Cards, and buttons that show those of one kind.

    Args:
        kinds: (kind, how many test images are of it), in the order of the buttons.
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

    def wrong(self, card: Card) -> str:
        """Who errs on it with most seeds, in words."""
        names = [one.name for one in card.answers if one.wrong > 0.5]
        return ", ".join(names) if len(names) < len(card.answers) else "all"


def picture(pixels: np.ndarray) -> str:
    """A small picture as a ``data:`` address.

    Args:
        pixels: (H, W) or (H, W, 3) uint8.
    """
    image = Image.fromarray(pixels)
    image.thumbnail((SIDE, SIDE))
    buffer = io.BytesIO()
    image.save(buffer, format="JPEG", quality=82)
    return f"data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode()}"
