"""Which images belong to one patient, told from file names."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from balancing.data.patterns import search_all
from balancing.data.text import text_array
from balancing.errors import UserError

# person23_bacteria_100.jpeg -> person23_bacteria; IM-0115-0001.jpeg -> IM-0115;
# NORMAL2-IM-0587-0001-0002.jpeg -> NORMAL2-IM-0587: the names of Kermany, Zhang and Goldbaum's chest X-rays.
_CHEST_XRAYS = re.compile(
    r"^(?:(person\d+_[a-z]+)(?:_\d+)+|((?:NORMAL\d*-)?IM-\d+)(?:-\d+)+)\.\w+(?:#\d+)?$", re.IGNORECASE
)
_ENOUGH = 0.95
# With fewer test patients of a class nothing is declared; docs/statistics.md has the simulation that says why.
FEWEST = 5
# From fewer a verdict is one on patients like those tested; the same simulation.
SPARSE = 30


def patients_of_classes(labels: np.ndarray, patients: np.ndarray | None, n_classes: int) -> list[int]:
    """(C,) how many patients have an image of each class; images, where patients are unknown (None).

    Args:
        labels: (N,) int.
        patients: (N,) any kind of id, or None.
        n_classes: C.
    """
    if patients is None:
        return [int(n) for n in np.bincount(labels, minlength=n_classes)]
    return [len(np.unique(patients[labels == label])) for label in range(n_classes)]


def patient_ids(
    names: Sequence[str] | np.ndarray, splits: Sequence[str] | np.ndarray, *, pattern: str | None = None
) -> tuple[np.ndarray | None, str]:
    """Patient ids from file names.

    Args:
        names: (N,) file names.
        splits: (N,) the source's own split of each image.
        pattern: a regular expression, searched in each name; its first group, or else all it matches, is the
            patient, the same one in every split. None tries the chest X-rays' own pattern, which is used only if it
            matches at least 95 % of the names. (Their numbering restarts for each kind of image, which is part of the
            id; no id occurs in two of the official splits, so one that does is a patient who was torn.)
    Returns:
        (N,) str ids, or None where nothing tells patients apart; and a sentence that says how. A name that does
        not match is a patient of its own.
    Raises:
        UserError: the pattern is no regular expression, takes too long, or matches no name.
    """
    if pattern is None:
        found = [_first_group(_CHEST_XRAYS.match(str(name).rpartition("/")[2])) for name in names]
        matched = sum(value is not None for value in found)
        if not found or matched < _ENOUGH * len(found):
            return None, (
                "Nothing tells which images are of one patient, so each counts as a patient of its own; "
                "--patient-column or --patient-pattern would tell."
            )
        how = "in the way of the chest X-ray data set"
    else:
        found = [_first_group(match) for match in search_all(pattern, [str(name) for name in names])]
        matched = sum(value is not None for value in found)
        if matched == 0:
            example = f", such as {names[0]}" if len(names) else ""
            raise UserError(f"the patient pattern {pattern!r} matches none of the {len(names)} file names{example}")
        how = f"by the pattern {pattern!r}"
    ids = [
        f"{split}/{name}" if value is None else value for value, name, split in zip(found, names, splits, strict=True)
    ]
    single = len(found) - matched
    rest = f" {single} names do not match and count as a patient each." if single else ""
    return text_array(ids), f"Patients are told from file names {how}: {len(set(ids))} patients.{rest}"


def _first_group(match: re.Match[str] | None) -> str | None:
    """The first group that took part, or all that was matched; None for no match or an empty one."""
    if match is None:
        return None
    for group in match.groups():
        if group and group.strip():
            return group
    return match[0] if match[0].strip() else None
