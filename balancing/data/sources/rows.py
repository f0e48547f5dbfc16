"""What a table's rows say of its images, gathered batch by batch, cells bounded and cleaned."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from balancing.data.sources.base import Listing
from balancing.data.sources.columns import Chosen, image_name
from balancing.data.text import check_length, one_label, one_patient


class TableRows:
    """Names, splits, labels and patients of the rows so far.

    Args:
        chosen: the columns that are read.
        where: the source's name, for messages.
    """

    def __init__(self, chosen: Chosen, where: str) -> None:
        self._chosen, self._where = chosen, where
        self._names: list[str] = []
        self._splits: list[str] = []
        self._labels: list[int | str | None] = []
        self._patients: list[str | None] = []
        self._spaced: set[str] = set()

    def add(
        self, split: str, labels: Sequence[Any], patients: Sequence[Any] | None, paths: Sequence[str | None]
    ) -> None:
        """Rows of one split.

        Args:
            split: of all of them.
            labels, patients: (n,) cells; patients None without such a column.
            paths: (n,) of the images, None where there is none.
        Raises:
            UserError: a text too long to be a name, or a label that is no class.
        """
        chosen, first = self._chosen, len(self._names)
        for column, values in ((chosen.label, labels), (chosen.patient, patients or ()), (chosen.image, paths)):
            for row, value in enumerate(values, first):
                check_length(value, f"column '{column}' of {self._where}", row)
        self._labels += map(one_label, labels)
        self._spaced.update(v.strip() for v in set(map(str, labels)) if v != v.strip() and v.strip())
        if patients is not None:
            self._patients += map(one_patient, patients)
        for path in paths:
            self._names.append(image_name(path, split, len(self._names)))
            self._splits.append(split)

    def listing(self, notes: Sequence[str] = ()) -> Listing:
        chosen = self._chosen
        spaced = sorted(self._spaced)
        if spaced:
            notes = [*notes, f"Spaces around labels are no part of the class: {', '.join(spaced[:5])}."]
        return Listing(
            self._names,
            self._splits,
            self._labels,
            chosen.class_names,
            self._patients if chosen.patient else None,
            tuple(notes),
            chosen.label,
        )
