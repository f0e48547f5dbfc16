"""Which images belong to one patient, told from file names."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from balancing.data.options import NONE
from balancing.data.patient_names import proposals
from balancing.data.patterns import search_all
from balancing.data.text import text_array
from balancing.errors import UserError

# person23_bacteria_100.jpeg -> person23_bacteria; IM-0115-0001.jpeg -> IM-0115;
# NORMAL2-IM-0587-0001-0002.jpeg -> NORMAL2-IM-0587: the names of Kermany, Zhang and Goldbaum's chest X-rays.
_CHEST_XRAYS = re.compile(
    r"^(?:(person\d+_[a-z]+)(?:_\d+)+|((?:NORMAL\d*-)?IM-\d+)(?:-\d+)+)\.\w+(?:#\d+)?$", re.IGNORECASE
)
# CNV-1016042-1.jpeg -> 1016042: the OCT images of the same publication.
_OCT = re.compile(r"^(?:CNV|DME|DRUSEN|NORMAL)-(\d{3,})-\d+\.\w+(?:#\d+)?$", re.IGNORECASE)
_KNOWN = ((_CHEST_XRAYS, "in the way of the chest X-ray data set"), (_OCT, "in the way of the OCT2017 data set"))
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
    names: Sequence[str] | np.ndarray,
    splits: Sequence[str] | np.ndarray,
    *,
    pattern: str | None = None,
    paths: Sequence[str] = (),
) -> tuple[np.ndarray | None, str]:
    """Patient ids from file names.

    Args:
        names: (N,) file names.
        splits: (N,) the source's own split of each image.
        pattern: a regular expression, searched in each name; its first group, or else all it matches, is the
            patient, the same one in every split. None tries the patterns of the chest X-rays and of the OCT images of
            Kermany, Zhang and Goldbaum, which are used only if one matches at least 95 % of the names. (The
            numbering of the X-rays restarts for each kind of image, which is part of the id; no id occurs in two of
            the official splits, so one that does is a patient who was torn.) Others that the names suggest are
            proposed in the sentence. ``none`` tries and proposes nothing.
        paths: (N,) of the files below the data, where there are any; a pattern that matches no name is searched there.
    Returns:
        (N,) str ids, or None where nothing tells patients apart; and a sentence that says how. A name that does
        not match is a patient of its own.
    Raises:
        UserError: the pattern is no regular expression, takes too long, or matches no name.
    """
    how = ""
    if pattern == NONE:
        return None, "Each image counts as a patient of its own, as --patient-pattern none asks."
    if pattern is None:
        bare = [str(name).rpartition("/")[2] for name in names]
        for known, said in _KNOWN:
            found = [_first_group(known.match(name)) for name in bare]
            matched = sum(value is not None for value in found)
            if found and matched >= _ENOUGH * len(found):
                how = said
                break
        else:
            return None, _nothing_tells(bare, paths, splits)
    else:
        matched = 0
        for words in (names, paths):
            found = [_first_group(match) for match in search_all(pattern, [str(word) for word in words])]
            matched = sum(value is not None for value in found)
            if matched:
                break
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


def _nothing_tells(names: Sequence[str], paths: Sequence[str], splits: Sequence[str] | np.ndarray) -> str:
    alone = "Nothing tells which images are of one patient, so each counts as a patient of its own"
    words = [str(split) for split in splits]
    found = [one.sentence() for one in proposals(names, words) or proposals(paths, words, whole=True)]
    if not found:
        return f"{alone}; --patient-column, --patient-table or --patient-pattern would tell."
    return f"{alone}. {'. '.join(found)}; --patient-pattern none says that they don't."


def _first_group(match: re.Match[str] | None) -> str | None:
    """The first group that took part, or all that was matched; None for no match or an empty one."""
    if match is None:
        return None
    for group in match.groups():
        if group and group.strip():
            return group
    return match[0] if match[0].strip() else None
