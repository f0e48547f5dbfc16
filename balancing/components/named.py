"""The techniques that are more, or less, than one component of their own name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Augmented = Literal["as asked", "never", "always"]


@dataclass(frozen=True)
class Named:
    """A named composition.

    Args:
        label: as people read it.
        summary: one line.
        reference: where it comes from.
        parts: names of components, one an axis at most.
        augmented: what becomes of the augmentation strength that the sweep asks for: ``never`` sets it to 0, ``always``
            replaces 0 by 1.
        colour: ``#rrggbb`` in figures; "" leaves the choice to them.
    """

    label: str
    summary: str
    reference: str
    parts: tuple[str, ...] = ()
    augmented: Augmented = "as asked"
    colour: str = ""


NAMED = {
    "baseline": Named(
        "Baseline",
        "Every training image once, never augmented.",
        "none: the data as they are",
        augmented="never",
        colour="#1b1c1d",
    ),
    "augmentation": Named(
        "Augmentation",
        "Every training image once, rotated and flipped anew in each epoch.",
        "Shorten & Khoshgoftaar, Journal of Big Data 6:60, 2019",
        ("rotate_flip",),
        "always",
        "#009e73",
    ),
}

# The study's techniques: what a sweep compares where nothing else is asked for, and first in tables and figures.
STUDY = ("baseline", "undersampling", "oversampling", "augmentation", "smote", "borderline_smote")
