"""From labels as a source gives them to class numbers and names."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from balancing.data.sources.base import Listing
from balancing.errors import UserError

MISSING = -1  # among numbers with names: what ``datasets`` writes for no label

# A column of patients, ages or dates taken for the label gives many classes of few images. Sets of many true classes
# (ISIC, HyperKvasir, 114 of Fitzpatrick17k, 198 of SD-198) have tens of images in each.
MOST_CLASSES = 1_000
FEW_CLASSES, IMAGES_A_CLASS = 20, 10


def encode_labels(listing: Listing) -> tuple[np.ndarray, tuple[str, ...], tuple[str, ...]]:
    """Class numbers, class names and notes of a listing.

    Returns:
        labels (N,) int64 in 0..C-1; C names; notes. Names without any image are left out.
    Raises:
        UserError: no image, an image without a label, a number without a name, or one class only.
    """
    if not listing.labels:
        raise UserError("the source holds no images; check the path or the split names")
    column = f"column '{listing.label_column}'" if listing.label_column else "the labels"
    names = listing.class_names
    if names is not None:
        _check_numbers(listing, column)
    missing = [i for i, label in enumerate(listing.labels) if label is None or (names is not None and label == MISSING)]
    if missing:
        where = Counter(listing.splits[i] for i in missing)
        raise UserError(
            f"{len(missing)} of {len(listing.labels)} images have no label "
            f"({', '.join(f'{count} in {split}' for split, count in where.items())}), such as "
            f"{listing.names[missing[0]]}; every image needs one: leave them out of the source"
        )
    notes: list[str] = []
    if names is None:
        values = set(listing.labels)
        if len({type(value) for value in values}) > 1:
            values = {str(value) for value in values}
            listing.labels[:] = map(str, listing.labels)
        index = {value: i for i, value in enumerate(sorted(values))}
        names = tuple(str(value) for value in index)
        labels = np.array([index[label] for label in listing.labels], dtype=np.int64)
        notes += _doubtful(names)
    else:
        labels = np.array(listing.labels, dtype=np.int64)
        present = np.bincount(labels, minlength=len(names)) > 0
        if not present.all():
            absent = [name for name, there in zip(names, present, strict=True) if not there]
            notes.append(f"No image has the class {', '.join(absent)}: left out of the classes.")
            labels = (np.cumsum(present) - 1)[labels]
            names = tuple(name for name, there in zip(names, present, strict=True) if there)
    if len(names) < 2:
        raise UserError(
            f"all {len(labels)} images are of one class, {names[0]}; at least two classes are needed: "
            "check the path or the label column"
        )
    _refuse_too_many(labels, names, listing.label_column)
    return labels, names, tuple(notes)


def _check_numbers(listing: Listing, column: str) -> None:
    """Raises UserError where class names are no names, or a label is not the number of one."""
    names = listing.class_names or ()
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise UserError(f"{column} names two classes '{twice[0]}', so they can't be told apart; rename one of them")
    if any(not name.strip() for name in names):
        raise UserError(f"{column} has a class without a name; name it")
    for label, name in zip(listing.labels, listing.names, strict=True):
        if label is not None and not isinstance(label, int):
            raise UserError(
                f"{column} has names for the numbers 0..{len(names) - 1}, but {name} has the label '{label}', which is "
                "no whole number; repair the labels"
            )
        if label is not None and label != MISSING and not 0 <= label < len(names):
            raise UserError(
                f"{name} has label {label}, but there are {len(names)} class names "
                f"(0..{len(names) - 1}: {', '.join(names[:20])}); repair the labels"
            )


def _doubtful(names: Sequence[str]) -> list[str]:
    """Notes on classes that may not be meant as such."""
    notes = []
    by_letters: dict[str, list[str]] = {}
    for name in names:
        by_letters.setdefault(name.casefold(), []).append(name)
    for alike in by_letters.values():
        if len(alike) > 1:
            notes.append(f"The classes {' and '.join(alike)} differ in upper and lower case alone: are they one?")
    if str(MISSING) in names:
        notes.append(f"Images with the label {MISSING} are taken for a class: leave them out if it means missing.")
    return notes


def _refuse_too_many(labels: np.ndarray, names: Sequence[str], column: str | None) -> None:
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
