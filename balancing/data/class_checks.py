"""What is refused of labels and class names: numbers without a name, names that are one, ids taken for classes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from balancing.data.sources.base import Listing
from balancing.data.sources.usual_names import quoted
from balancing.errors import UserError

MISSING = -1  # among numbers with names: what ``datasets`` writes for no label

# A column of patients, ages or dates taken for the label gives many classes of few images. Sets of many true classes
# (ISIC, HyperKvasir, 114 of Fitzpatrick17k, 198 of SD-198) have tens of images in each.
MOST_CLASSES = 1_000
FEW_CLASSES, IMAGES_A_CLASS = 20, 10


def refuse_letter_case(present: set[str]) -> None:
    """Raises UserError where two classes differ in letter case and blanks alone."""
    by_letters: dict[str, list[str]] = {}
    for name in sorted(present):
        by_letters.setdefault(" ".join(name.casefold().split()), []).append(name)
    alike = [names for names in by_letters.values() if len(names) > 1]
    if alike:
        merges = ",".join(f"{'+'.join(names[:-1])}={names[-1]}" for names in alike)
        raise UserError(
            f"the classes {' and '.join(alike[0])} differ in upper and lower case alone; make one of them with --merge "
            f"{quoted(merges)}"
        )


def check_names(names: Sequence[str], column: str) -> None:
    """Raises UserError where class names are no names."""
    twice = [name for name, count in Counter(name.strip() for name in names).items() if count > 1]
    if any(not name.strip() for name in names):
        raise UserError(f"{column} has a class without a name; name it")
    if twice:
        raise UserError(f"{column} names two classes '{twice[0]}', so they can't be told apart; rename one of them")


def check_numbers(labels: Sequence[Any], listing: Listing, names: Sequence[str], column: str) -> None:
    """Raises UserError where a label is not the number of a name."""
    for label, name in zip(labels, listing.names, strict=True):
        if label is not None and not isinstance(label, int):
            raise UserError(
                f"{column} has names for the numbers 0..{len(names) - 1}, but {name} has the label '{label}', which is "
                "no whole number and no name of them; repair the labels"
            )
        if label is not None and label != MISSING and not 0 <= label < len(names):
            raise UserError(
                f"{name} has label {label}, but there are {len(names)} class names "
                f"(0..{len(names) - 1}: {', '.join(names[:20])}); repair the labels"
            )


def refuse_too_many(labels: np.ndarray, names: Sequence[str], column: str | None) -> None:
    """Raises UserError where the classes are so many, or so small, that the labels will be ids or measured values."""
    n, a_class = len(names), len(labels) / len(names)
    if n <= MOST_CLASSES and (n <= FEW_CLASSES or a_class >= IMAGES_A_CLASS):
        return
    where, step = (
        (f"column '{column}'", "name the column of classes with --label-column")
        if column
        else ("the source", "check that its folders or labels are classes, not patients")
    )
    raise UserError(
        f"{where} gives {n:,} classes for {len(labels):,} images, {a_class:.1f} images a class; at most "
        f"{MOST_CLASSES:,} classes are taken, and more than {FEW_CLASSES} only with {IMAGES_A_CLASS} images a class on "
        f"average: {step}"
    )
