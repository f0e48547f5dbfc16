"""What one property tells of the class of images that were held out: for words, and for numbers no one cut tells by."""

from __future__ import annotations

import numpy as np

FOLDS = 5
# Numbers are sorted into so many groups of equal size.
_GROUPS = 10


def folds_by_group(labels: np.ndarray, groups: np.ndarray, rng: np.random.Generator, folds: int = FOLDS) -> np.ndarray:
    """(N,) int64: which fold holds each row out; a group lies in one fold, and folds have like shares of each class.

    Args:
        labels: (N,) int64 >= 0.
        groups: (N,) int64, e.g. the patient.
    """
    _, codes = np.unique(groups, return_inverse=True)
    codes = codes.reshape(-1)
    count = int(codes.max()) + 1
    # A group with several classes goes with its rarest, whose rows are the hardest to share out.
    rarity = np.argsort(np.argsort(-np.bincount(labels), kind="stable"))[labels]
    rarest = np.zeros(count, dtype=np.int64)
    np.maximum.at(rarest, codes, rarity)
    order = rng.permutation(count)
    order = order[np.argsort(rarest[order], kind="stable")]
    fold_of = np.empty(count, dtype=np.int64)
    fold_of[order] = np.arange(count) % folds
    return fold_of[codes]


def in_groups(values: np.ndarray) -> np.ndarray:
    """(N,) int64 0..: few different values as they are, many sorted into groups of about equal size."""
    distinct, codes = np.unique(values, return_inverse=True)
    if len(distinct) <= _GROUPS:
        return codes.reshape(-1)
    edges = np.unique(np.quantile(values, np.arange(1, _GROUPS) / _GROUPS))
    return np.unique(np.searchsorted(edges, values, side="left"), return_inverse=True)[1].reshape(-1)


def held_out_scores(codes: np.ndarray, labels: np.ndarray, n_classes: int, folds: np.ndarray) -> np.ndarray:
    """How much more often than usual each class has each row's value, told by the other folds (target encoding).

    The usual share of the same folds is taken off, since a fold with more of a class leaves fewer to the others: else
    noise would seem to tell the class, the wrong way round. One image more, of the usual share, steadies rare values.

    Args:
        codes: (N,) int64 >= 0, the value.
        labels: (N,) int64, 0..C-1.
        folds: (N,) int64, see ``folds_by_group``.
    Returns:
        (N, C) float64.
    """
    width = int(codes.max()) + 1
    found = np.zeros((len(codes), n_classes))
    for fold in np.unique(folds):
        other, own = folds != fold, folds == fold
        if not other.any():
            continue
        table = np.bincount(codes[other] * n_classes + labels[other], minlength=width * n_classes)
        table = table.reshape(width, n_classes)
        usual = table.sum(axis=0) / table.sum()
        shares = (table + usual) / (table.sum(axis=1, keepdims=True) + 1)
        found[own] = (shares - usual)[codes[own]]
    return found
