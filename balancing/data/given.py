"""Values that a program gives as arrays or lists, one a row, checked."""

from __future__ import annotations

from typing import Any

import numpy as np

from balancing.data.text import is_no_label
from balancing.errors import UserError


def as_array(name: str, values: Any, wanted: str, dtype: Any = None) -> np.ndarray:
    """``np.asarray``, whose refusals are a sentence.

    Args:
        name: of the argument.
        wanted: what it must be, such as ``of shape (N, H, W)``.
        dtype: as of ``np.asarray``.
    Raises:
        UserError: rows of different lengths, or nothing that an array can be made of.
    """
    try:
        return np.asarray(values, dtype=dtype)
    except (ValueError, TypeError, RuntimeError, OverflowError) as error:  # a tensor that has gradients is the third
        why = str(error).partition("\n")[0].rstrip(".")
        if "inhomogeneous" in why or "broadcast" in why:
            why = "its parts have different lengths"
        raise UserError(f"{name} must be {wanted}, but no array can be made of it ({why}); give one array") from None


def column(name: str, values: Any, count: int) -> list[Any]:
    """One value an image, as Python's own objects."""
    # As objects where it is no array yet: among words a missing one would else become the word "nan".
    given = isinstance(values, np.ndarray)
    found = values if given else as_array(name, values, f"one value for each of the {count} images", object)
    if found.shape != (count,):
        raise UserError(
            f"{name} must hold one value for each of the {count} images, but have shape {found.shape}; give ({count},)"
        )
    return [value.item() if isinstance(value, np.generic) else value for value in found.tolist()]


def checked_labels(labels: Any, count: int) -> list[int | str]:
    """One label an image: all whole numbers or all class names, none of them missing."""
    listed = column("labels", labels, count)
    wrong = [one for one in listed if not isinstance(one, int | str) or (isinstance(one, str) and is_no_label(one))]
    if wrong:
        raise UserError(
            f"labels must be whole numbers or class names, but hold {wrong[0]!r}; convert them by .astype(int), or "
            "leave images without a label out"
        )
    kinds = {isinstance(one, str): one for one in listed}
    if len(kinds) > 1:
        raise UserError(
            f"labels must be all numbers or all words, but hold {kinds[False]!r} and {kinds[True]!r}; convert them by "
            ".astype(str)"
        )
    return listed
