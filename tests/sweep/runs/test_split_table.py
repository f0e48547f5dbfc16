"""The split as a table, and its fingerprint."""

from __future__ import annotations

import numpy as np

from balancing.data.splits import Split
from sweep.runs.split_table import split_fingerprint, split_table
from tests.sweep.runs.small import SPLIT, image_set


def test_the_split_table_has_a_row_an_image_with_its_patient() -> None:
    images = image_set()
    table = split_table(images, SPLIT)
    assert table["row"].tolist() == list(range(len(images)))
    assert table["patient"].tolist() == list(images.patients if images.patients is not None else [])
    assert table["label"].tolist() == images.labels.tolist()
    assert [images.class_names[label] for label in table["label"]] == table["class_name"].tolist()
    assert table["name"].tolist() == images.names.tolist()
    assert table["official"].tolist() == images.splits.tolist()
    for part in ("train", "validation", "test"):
        np.testing.assert_array_equal(table.loc[table["split"] == part, "row"], getattr(SPLIT, part))
    assert table.loc[table["split"] == "unused", "row"].tolist() == [8]
    assert set(split_table(image_set(patients=False), SPLIT)["patient"]) == {""}


def test_the_fingerprint_changes_with_any_row_moved() -> None:
    parts = {"train": SPLIT.train, "validation": SPLIT.validation, "test": SPLIT.test}
    prints = {split_fingerprint(SPLIT)}
    for source in parts:
        for row in parts[source]:
            left = {**parts, source: parts[source][parts[source] != row]}
            prints.add(split_fingerprint(Split(**left)))
            for target in set(parts) - {source}:
                moved = {**left, target: np.sort(np.append(left[target], row))}
                prints.add(split_fingerprint(Split(**moved)))
    assert len(prints) == 1 + 3 * sum(len(rows) for rows in parts.values())


def test_the_fingerprint_tells_where_one_part_ends_and_the_next_begins() -> None:
    one = Split(np.array([0, 1]), np.array([2]), np.array([3]))
    other = Split(np.array([0]), np.array([1, 2]), np.array([3]))
    assert split_fingerprint(one) != split_fingerprint(other)


def test_the_fingerprint_forgets_notes_and_integer_widths() -> None:
    narrow = Split(*(rows.astype(np.int32) for rows in (SPLIT.train, SPLIT.validation, SPLIT.test)), notes=("n",))
    assert split_fingerprint(narrow) == split_fingerprint(SPLIT)
