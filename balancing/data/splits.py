"""Which rows train, validate and test: patient-safe and stratified; the official test split is never touched."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from balancing.data.patients import FEWEST, patients_of_classes
from balancing.errors import UserError

# The parts of a split.
PARTS = ("train", "validation", "test")
_PASSES = 20  # over all groups; two or three are the rule
_NAMED = 5  # classes, in a sentence
_NEARER = 1e-9  # what counts as nearer, beyond rounding


@dataclass(frozen=True)
class Split:
    """Three disjoint sets of rows.

    Args:
        train, validation, test: (n,) int64, sorted rows of the image set.
        notes: sentences on what was taken from where and why; the run prints them.
    """

    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray
    notes: tuple[str, ...] = ()


class Splittable(Protocol):
    """What must be known of N images to split them; an ``ImageSet`` is one."""

    @property
    def labels(self) -> np.ndarray:
        """(N,) int, 0..C-1."""

    @property
    def splits(self) -> np.ndarray:
        """(N,) str, the source's own: ``train``, ``validation`` or ``test``."""

    @property
    def patients(self) -> np.ndarray | None:
        """(N,) str, or None where each image counts as a patient."""

    @property
    def sha256(self) -> np.ndarray:
        """(N,) str, equal for byte-identical images."""

    @property
    def class_names(self) -> Sequence[str]:
        """(C,) for the sentences."""


def make_split(images: Splittable, *, seed: int = 0, min_per_class: int = 50, fraction: float = 0.15) -> Split:
    """Training, validation and test rows from the source's own splits.

    The official test split is taken as it is; where there is none, ``fraction`` of the images that are not
    validation is cut for it. The official validation split is taken where it holds at least ``min_per_class`` images
    of every class; else its images join the training images (they are no test images, and too few to select by), and
    ``fraction`` of all these is cut for validation. A cut is stratified by class; no patient, and no two
    byte-identical images, lie on both sides of it.

    Args:
        images: see ``Splittable``.
        seed: of the order in which patients are tried; an equal seed gives an equal split.
        min_per_class: images of each class from which the official validation split is used.
        fraction: share of the images that a cut holds out, in (0, 0.5].
    Raises:
        UserError: no training images, a class without any, of two classes one without test images, or too few
            patients of a class for a cut.
    """
    if not 0 < fraction <= 0.5:
        raise UserError(f"the share of images held out must lie in (0, 0.5], but is {fraction}")
    labels, official, class_names = images.labels, images.splits, images.class_names
    n_classes = len(class_names)
    unknown = set(np.unique(official)) - set(PARTS)
    if unknown:
        raise UserError(f"splits must be train, validation or test, but there is {', '.join(sorted(unknown))}")
    rows = {name: np.flatnonzero(official == name) for name in PARTS}
    counts = {name: np.bincount(labels[r], minlength=n_classes) for name, r in rows.items()}
    for c in np.flatnonzero(counts["train"] == 0).tolist():
        where = ", ".join(f"{counts[name][c]} in {name}" for name in ("validation", "test"))
        raise UserError(
            f"the training split holds no image of class {class_names[c]} ({where}); every class needs some there"
        )
    sha256 = numbered(images.sha256)  # numbers are compared many times faster than words
    patients = None if images.patients is None else numbered(images.patients)
    keep_validation = bool((counts["validation"] >= min_per_class).all())
    pool = rows["train"] if keep_validation else np.union1d(rows["train"], rows["validation"])
    share = f"{100 * fraction:g} %"
    safe = "no patient on both sides" if patients is not None else "each image taken for a patient of its own"
    notes = []

    cuts = ["test"] * (len(rows["test"]) == 0) + ["validation"] * (not keep_validation)
    if cuts:
        _enough(pool, labels, patients, sha256, class_names, cuts)

    def describe(chosen: np.ndarray) -> str:
        per_class = np.bincount(labels[chosen], minlength=n_classes)
        parts = ", ".join(f"{count:,} {name}" for count, name in zip(per_class, class_names, strict=True))
        return f"{many(len(chosen), 'image')} ({parts})"

    def of_patients(chosen: np.ndarray) -> str:
        if patients is None:
            return ""
        per_class = patients_of_classes(labels[chosen], patients[chosen], n_classes)
        parts = ", ".join(f"{count:,} {name}" for count, name in zip(per_class, class_names, strict=True))
        return f" of {many(len(np.unique(patients[chosen])), 'patient')} ({parts})"

    def cut(pool: np.ndarray, seed_of: int, what: str) -> tuple[np.ndarray, np.ndarray]:
        groups = groups_of(patients[pool] if patients is not None else None, sha256[pool])
        rng = np.random.default_rng([seed, seed_of])
        held = hold_out(labels[pool], groups, n_classes, class_names, fraction, rng, what)
        return pool[~held], pool[held]

    test = rows["test"]
    if len(test) == 0:
        pool, test = cut(pool, 1, "test")
        notes.append(
            f"There is no official test split: test is {share} of the other images instead, "
            f"{describe(test)}{of_patients(test)}, stratified, {safe}."
        )
    if keep_validation:
        train, validation = pool, rows["validation"]
        notes.append(f"Validation is the official split: {describe(validation)}{of_patients(validation)}.")
    else:
        train, validation = cut(pool, 2, "validation")
        if len(rows["validation"]):
            why = (
                f"The official validation split holds {describe(rows['validation'])}, fewer than {min_per_class} of "
                "each class, so its images join the training images and"
            )
        else:
            why = "There is no official validation split:"
        notes.append(
            f"{why} validation is {share} of the training images instead, "
            f"{describe(validation)}{of_patients(validation)}, stratified, {safe}."
        )
    notes.append(
        f"Training holds {describe(train)}{of_patients(train)}; test holds {describe(test)}{of_patients(test)}."
    )
    notes += _few(test, labels, patients, n_classes, class_names, cut=not len(rows["test"]))
    notes += _leaks({"train": train, "validation": validation, "test": test}, patients, sha256)
    missing = [class_names[c] for c in range(n_classes) if not (labels[test] == c).any()]
    if missing and n_classes == 2:
        raise UserError(
            f"the test split holds no image of {missing[0]}, so nothing can be told of it there; test on images "
            "of both classes, or leave the test split out of the data, so that one is cut"
        )
    if missing:
        notes.append(
            f"The test split holds no image of {', '.join(missing)}: its recall there cannot be measured, "
            "and means are over the other classes."
        )
    return Split(np.sort(train), np.sort(validation), np.sort(test), tuple(notes))


def _enough(
    pool: np.ndarray,
    labels: np.ndarray,
    patients: np.ndarray | None,
    sha256: np.ndarray,
    class_names: Sequence[str],
    cuts: Sequence[str],
) -> None:
    """Raises UserError where a class can't lie on all sides of the cuts, before any is made."""
    needed = 1 + len(cuts)
    groups = groups_of(patients[pool] if patients is not None else None, sha256[pool])
    for c, name in enumerate(class_names):
        of_class = groups[labels[pool] == c]
        have = len(np.unique(of_class))
        if have < needed:
            images = many(len(of_class), "image")
            of = "" if have == len(of_class) else f" of {many(have, 'patient')} (or of identical bytes)"
            less = (
                f", join it with another by --merge '{name}+OTHER=NAME', or leave out classes with fewer than "
                f"{len(of_class) + 1} images by --min-class-images {len(of_class) + 1}"
            )
            raise UserError(
                f"class {name} has {images}{of} to be cut for {' and '.join(cuts)}, but {needed} patients are needed, "
                f"one on each side; give more of it{less if len(class_names) > 2 else ''}"
            )


def _few(
    test: np.ndarray,
    labels: np.ndarray,
    patients: np.ndarray | None,
    n_classes: int,
    class_names: Sequence[str],
    *,
    cut: bool,
) -> list[str]:
    """A sentence where classes have too few test patients for a verdict; ``cut``: the tool made the test split."""
    counts = patients_of_classes(labels[test], None if patients is None else patients[test], n_classes)
    few = [f"{count} of {name}" for count, name in zip(counts, class_names, strict=True) if 0 < count < FEWEST]
    if not few:
        return []
    named = ", ".join(few[:_NAMED]) + (f" and as few of {len(few) - _NAMED} other classes" if few[_NAMED:] else "")
    thing = "patients" if patients is not None else "images (patients are unknown, so images stand for them)"
    what = (
        "give more patients of them, or a test split of your own that holds as many"
        if cut
        else "test on more patients of them, or leave the test split out of the data, so that one is cut"
    )
    return [
        f"Too few to judge: test holds fewer than {FEWEST} {thing} of some classes ({named}), and then no verdict is "
        f"given; {what}."
    ]


def many(count: int, thing: str) -> str:
    return f"{count:,} {thing}" if count == 1 else f"{count:,} {thing}s"


def numbered(words: np.ndarray) -> np.ndarray:
    """(n,) int64, equal where the words are equal."""
    number: dict[str, int] = {}
    return np.array([number.setdefault(word, len(number)) for word in words.tolist()], dtype=np.int64)


def groups_of(patients: np.ndarray | None, sha256: np.ndarray) -> np.ndarray:
    """(n,) int group of each image: images of a patient, and byte-identical ones, are together, and so on along."""
    parent = list(range(len(sha256)))

    def root(i: int) -> int:
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = parent[i]
        return i

    for keys in (sha256,) if patients is None else (patients, sha256):
        _, first, inverse = np.unique(keys, return_index=True, return_inverse=True)
        for i, j in enumerate(first[inverse].tolist()):
            a, b = root(i), root(j)
            parent[max(a, b)] = min(a, b)
    groups: np.ndarray = np.unique([root(i) for i in range(len(sha256))], return_inverse=True)[1]
    return groups


def hold_out(
    labels: np.ndarray,
    groups: np.ndarray,
    n_classes: int,
    class_names: Sequence[str],
    fraction: float,
    rng: np.random.Generator,
    what: str,
) -> np.ndarray:
    """(n,) bool: the images to hold out, whole groups only.

    Groups are tried in random order; one changes sides if that brings the class counts nearer to the target (sum of
    squared relative deviations), until none does. Large groups are neither sought nor avoided until the target is
    near.
    """
    n_groups = int(groups.max()) + 1
    counts_GC = np.zeros((n_groups, n_classes), dtype=np.int64)
    np.add.at(counts_GC, (groups, labels), 1)
    totals = counts_GC.sum(axis=0)
    for c in np.flatnonzero((counts_GC > 0).sum(axis=0) < 2).tolist():
        raise UserError(
            f"class {class_names[c]} has {many(int(totals[c]), 'image')} of one patient (or of identical bytes), "
            f"which cannot lie on both sides of a cut for {what}; at least two patients of each class are needed"
        )
    target = (fraction * totals).tolist()
    counts = counts_GC.tolist()
    held = [False] * n_groups
    have, now, classes = [0.0] * n_classes, float(n_classes), range(n_classes)
    order = rng.permutation(n_groups).tolist()
    for _ in range(_PASSES):
        changed = False
        for g in order:
            sign = -1 if held[g] else 1
            own, deviation = counts[g], 0.0
            # A plain loop over plain numbers: with a few classes, numpy would take twenty times as long.
            for c in classes:
                deviation += ((have[c] + sign * own[c] - target[c]) / target[c]) ** 2
            if deviation < now - _NEARER:
                have = [h + sign * n for h, n in zip(have, own, strict=True)]
                held[g], now, changed = not held[g], deviation, True
        if not changed:
            break
    for c in range(n_classes):
        if have[c] == 0:  # tiny or lumpy classes: the smallest group that has it
            g = min((g for g in order if counts_GC[g, c]), key=lambda g: counts_GC[g].sum())
            held[g] = True
            have = [h + n for h, n in zip(have, counts[g], strict=True)]
    left = totals - np.array(have)
    if (left == 0).any():
        short = class_names[int(np.argmin(left))]
        raise UserError(
            f"class {short} has too few patients for a cut for {what} that leaves some on both sides; "
            "more patients of it are needed"
        )
    chosen: np.ndarray = np.array(held)[groups]
    return chosen


def _leaks(rows: dict[str, np.ndarray], patients: np.ndarray | None, sha256: np.ndarray) -> list[str]:
    """Sentences on patients and byte-identical images that the official splits share."""
    notes = []
    for one, other in itertools.combinations(PARTS, 2):
        same = int(np.isin(sha256[rows[other]], sha256[rows[one]]).sum())
        if same:
            notes.append(
                f"Leak: {many(same, f'{other} image')} byte-identical to {one} images, as the source has them."
            )
        if patients is not None:
            shared = len(np.intersect1d(patients[rows[one]], patients[rows[other]]))
            if shared:
                notes.append(f"Leak: {many(shared, 'patient')} in both {one} and {other}, as the source has them.")
    return notes
