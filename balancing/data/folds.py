"""Folds: every image is tested once, in one of K parts by patient; the rest of each trains and validates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from balancing.data.folders.words import natural_order
from balancing.data.splits import PARTS, Split, Splittable, groups_of, hold_out, many, numbered
from balancing.errors import UserError

FEWEST_FOLDS, MOST_FOLDS, MOST_REPEATS = 2, 100, 100
_PASSES = 20  # over all groups; two or three are the rule
_OTHERS = "where --fold-column (or 'fold' in --folders) is left away, others are cut"
_NEARER = 1e-9  # what counts as nearer, beyond rounding


class Foldable(Splittable, Protocol):
    """What must be known of N images to fold them; an ``ImageSet`` is one."""

    @property
    def folds(self) -> np.ndarray | None:
        """(N,) of str or None, the source's own folds; None without any."""

    @property
    def names(self) -> np.ndarray:
        """(N,) str, for the sentences."""


@dataclass(frozen=True)
class Folds:
    """K splits of the same images a repeat, whose test parts hold each image once.

    Args:
        splits: repeat by repeat, in each fold by fold; each with what to tell of it.
        folds: K.
        repeats: R.
        fold_of: (R, N) int64, 1..K, in which fold each image is tested.
        notes: sentences on how they were cut; the run prints them.
    """

    splits: tuple[Split, ...]
    folds: int
    repeats: int
    fold_of: np.ndarray
    notes: tuple[str, ...] = ()

    @property
    def whole(self) -> Split:
        """All rows as test rows: what the folds are together."""
        none = np.zeros(0, dtype=np.int64)
        return Split(none, none, np.arange(self.fold_of.shape[1], dtype=np.int64), self.notes)


def make_folds(
    images: Foldable,
    folds: int,
    repeats: int = 1,
    *,
    seed: int = 0,
    fraction: float = 0.15,
    own: bool | None = None,
) -> Folds:
    """K folds by patient, stratified by class; in each, validation is cut from the rest as ``make_split`` cuts it.

    No patient, and no two byte-identical images, lie on both sides of any cut. The source's own folds are used where it
    tells as many; its official split is set aside, and that is said.

    Args:
        images: see ``Foldable``.
        folds: K, 2..100.
        repeats: R, how often all images are cut anew.
        seed: of the order in which patients are tried; an equal seed gives equal folds.
        fraction: share of the rest that validates, in (0, 0.5].
        own: whether the source's folds must be used; None: where it tells as many.
    Raises:
        UserError: fewer patients of a class than folds need, or folds of the source that don't fit or share patients.
    """
    labels, class_names = images.labels, images.class_names
    n_classes = len(class_names)
    for name, value, low, high in (("folds", folds, FEWEST_FOLDS, MOST_FOLDS), ("repeats", repeats, 1, MOST_REPEATS)):
        if not low <= value <= high:
            raise UserError(f"{name} must be {low} to {high}, but are {value}; give such a number")
    patients = None if images.patients is None else numbered(images.patients)
    groups = groups_of(patients, numbered(images.sha256))
    given = _given(images, folds, own)
    if given is not None:
        _check_given(given, groups, images, repeats)
        fold_of = given[None]
    else:
        _enough(labels, groups, class_names, folds, patients is not None)
        fold_of = np.stack(
            [_cut(labels, groups, n_classes, folds, np.random.default_rng([seed, 3, r])) for r in range(repeats)]
        )
    splits = []
    for repeat in range(repeats):
        for fold in range(1, folds + 1):
            test, rest = (np.flatnonzero((fold_of[repeat] == fold) == is_test) for is_test in (True, False))
            what = f"fold {fold} of {folds}" + (f" (repeat {repeat + 1})" if repeats > 1 else "")
            _check_parts(labels, test, rest, groups, class_names, what)
            rng = np.random.default_rng([seed, 4, repeat, fold])
            own_groups = np.unique(groups[rest], return_inverse=True)[1]
            held = hold_out(labels[rest], own_groups, n_classes, class_names, fraction, rng, f"validation of {what}")
            parts = (rest[~held], rest[held], test)
            said = "; ".join(
                f"{name} {_describe(labels[rows], class_names)}" for name, rows in zip(PARTS, parts, strict=True)
            )
            note = f"{what.capitalize()}: {said}."
            splits.append(Split(*parts, (note,)))
    return Folds(
        tuple(splits), folds, repeats, fold_of, tuple(_notes(images, folds, repeats, given is not None, fold_of))
    )


def _describe(labels: np.ndarray, class_names: Sequence[str]) -> str:
    counts = np.bincount(labels, minlength=len(class_names))
    return f"{len(labels):,} (" + ", ".join(f"{n:,} {c}" for n, c in zip(counts, class_names, strict=True)) + ")"


def _notes(images: Foldable, folds: int, repeats: int, given: bool, fold_of: np.ndarray) -> list[str]:
    notes = []
    there = [name for name in PARTS if (images.splits == name).any()]
    if len(there) > 1 and not given:
        notes.append(
            f"The official split ({', '.join(f'{int((images.splits == name).sum()):,} {name}' for name in there)}) is "
            "set aside: with folds every image is tested."
        )
    sizes = np.bincount(fold_of[0], minlength=folds + 1)[1:]
    how = "the data's own" if given else "stratified by class"
    safe = "no patient on two sides" if images.patients is not None else "each image taken for a patient of its own"
    size = f"{sizes.min():,}" if sizes.min() == sizes.max() else f"{sizes.min():,} to {sizes.max():,}"
    again = f", cut anew {repeats} times" if repeats > 1 else ""
    notes.append(
        f"{folds} folds, {how}, {safe}{again}: each of {len(images.labels):,} images is tested once"
        f"{' a repeat' if repeats > 1 else ''}, {size} in a fold."
    )
    return notes


def _given(images: Foldable, folds: int, own: bool | None) -> np.ndarray | None:
    """(N,) int64, 1..K: the source's own folds in natural order; None where the tool cuts."""
    told = images.folds
    names = [] if told is None else natural_order({fold for fold in told.tolist() if fold is not None})
    if told is None or len(names) < FEWEST_FOLDS:
        if own:
            raise UserError("a column of folds was named, but these data tell no folds; leave --fold-column away")
        return None
    if len(names) != folds:
        raise UserError(
            f"the data tell {len(names)} folds of their own ({', '.join(names[:6])}{' ...' if names[6:] else ''}), but "
            f"{folds} were asked for; give --folds {len(names)} to use them; {_OTHERS}"
        )
    missing = sum(fold is None for fold in told.tolist())
    if missing:
        raise UserError(
            f"{many(missing, 'image')} of these data are in no fold, and with folds every image is tested; tell "
            f"theirs; {_OTHERS}"
        )
    number = {name: place + 1 for place, name in enumerate(names)}
    return np.array([number[fold] for fold in told.tolist()], dtype=np.int64)


def _check_given(given: np.ndarray, groups: np.ndarray, images: Foldable, repeats: int) -> None:
    if repeats > 1:
        raise UserError(
            f"the data's own folds are one way to cut them, so they can't be repeated {repeats} times; leave --repeats "
            f"away; {_OTHERS}"
        )
    pairs = np.unique(np.stack([groups, given]), axis=1)
    torn = len(pairs[0]) - len(np.unique(groups))
    if torn:
        example = pairs[0][np.flatnonzero(np.diff(pairs[0]) == 0)[0]]
        name = images.names[np.flatnonzero(groups == example)[0]]
        raise UserError(
            f"the data's own folds share patients (or images of identical bytes), such as that of {name}: "
            f"results would look better than they are; mend them; {_OTHERS}"
        )


def _enough(labels: np.ndarray, groups: np.ndarray, class_names: Sequence[str], folds: int, of_patients: bool) -> None:
    """Raises UserError where a class can't be in every fold and in both parts of the rest."""
    needed = max(folds, 4 if folds == FEWEST_FOLDS else 3)
    for c, name in enumerate(class_names):
        have = len(np.unique(groups[labels == c]))
        if have < needed:
            less = (
                f"take --folds {have} or fewer" if have >= 3 else "give more of it, or join it with another by --merge"
            )
            raise UserError(
                f"class {name} has {many(have, 'patient' if of_patients else 'image')}, but {folds} folds need "
                f"{needed}: one in each fold, and in each the rest trains and validates; {less}"
            )


def _check_parts(
    labels: np.ndarray,
    test: np.ndarray,
    rest: np.ndarray,
    groups: np.ndarray,
    class_names: Sequence[str],
    what: str,
) -> None:
    for c, name in enumerate(class_names):
        here, there = (len(np.unique(groups[rows][labels[rows] == c])) for rows in (test, rest))
        if here < 1 or there < 2:
            raise UserError(
                f"{what} has {many(here, 'patient')} of class {name} to test and {there} beside, but one and two are "
                "needed; take fewer --folds, or give more of that class"
            )


def _cut(labels: np.ndarray, groups: np.ndarray, n_classes: int, folds: int, rng: np.random.Generator) -> np.ndarray:
    """(N,) int64, 1..K: whole groups, each fold's class counts as near to equal as they come.

    Groups go, large ones first and else in random order, where they bring the counts nearest to equal (sum of squared
    relative deviations); then single ones change folds while that brings them nearer.
    """
    n_groups = int(groups.max()) + 1
    counts_GC = np.zeros((n_groups, n_classes), dtype=np.int64)
    np.add.at(counts_GC, (groups, labels), 1)
    share = (counts_GC.sum(axis=0) / folds).tolist()
    order = rng.permutation(n_groups)
    order = order[np.argsort(-counts_GC.sum(axis=1)[order], kind="stable")].tolist()
    counts, classes = counts_GC.tolist(), range(n_classes)
    have = [[0.0] * n_classes for _ in range(folds)]
    of = [-1] * n_groups

    def gain(fold: int, own: list[int]) -> float:
        """By how much a group more takes a fold away from its share, less its own part: to be small."""
        held = have[fold]
        return sum(own[c] * (2 * (held[c] - share[c]) + own[c]) / share[c] ** 2 for c in classes)

    def move(g: int, to: int) -> None:
        for c in classes:
            if of[g] >= 0:
                have[of[g]][c] -= counts[g][c]
            have[to][c] += counts[g][c]
        of[g] = to

    for g in order:
        start = int(rng.integers(folds))
        move(g, min(((start + k) % folds for k in range(folds)), key=lambda fold: gain(fold, counts[g])))
    for _ in range(_PASSES):
        changed = False
        for g in order:
            was = of[g]
            for c in classes:
                have[was][c] -= counts[g][c]
            best = min(range(folds), key=lambda fold: (gain(fold, counts[g]), fold != was))
            if gain(best, counts[g]) > gain(was, counts[g]) - _NEARER:
                best = was
            for c in classes:
                have[best][c] += counts[g][c]
            of[g], changed = best, changed or best != was
        if not changed:
            break
    found: np.ndarray = np.array(of, dtype=np.int64)[groups] + 1
    return found
