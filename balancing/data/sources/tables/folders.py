"""What the folders of images that a table names tell beside it: splits and patients."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from balancing.data.folders.words import kind_of, split_words
from balancing.data.sources.base import split_of_path
from balancing.data.sources.usual_names import quoted
from balancing.data.text import shown


def folder_splits(paths: Sequence[str], split_map: Mapping[str, str]) -> tuple[list[str | None], list[str]]:
    """(N,) the split of each image's nearest folder that tells one, None where none does; and what is said of them.

    Args:
        paths: (N,) below the data's folder.
        split_map: folders -> the split that they are.
    """
    folders = {path.rpartition("/")[0] for path in paths}
    parts = {part for folder in folders for part in folder.split("/")}
    told = {**split_words(parts), **{part: split_map[part] for part in parts if part in split_map}}
    nearest = {f: next((told[part] for part in reversed(f.split("/")) if part in told), None) for f in folders}
    first = {f.partition("/")[0] for f in folders}
    others = sorted(
        f for f in first if f not in told and not any(nearest[g] for g in folders if g.partition("/")[0] == f)
    )
    notes = []
    if others and any(f in told for f in first):
        notes.append(
            f"The folders {', '.join(map(shown, others[:5]))} lie beside those of splits and name none: their images "
            f"train, but for those of which a column says otherwise; --split-map {quoted(shown(others[0]) + '=test')} "
            "would make one the test split."
        )
    return [nearest[path.rpartition("/")[0]] for path in paths], notes


def folder_patients(paths: Sequence[str]) -> tuple[list[str | None] | None, list[str]]:
    """(N,) the patient by whose name an image's folder is called, and what is said of it; None where none is."""
    folders = {path.rpartition("/")[0] for path in paths}
    levels: dict[int, set[str]] = defaultdict(set)
    for folder in folders:
        for place, part in enumerate(folder.split("/")):
            levels[place].add(part)
    depth = next((depth for depth, names in sorted(levels.items()) if kind_of(names) == "patient"), None)
    if depth is None or len(levels[depth]) < 3:
        return None, []
    note = (
        f"Patients are told by folders such as {shown(min(levels[depth]))}; --patient-pattern tells them in another "
        "way, --patient-column none not at all."
    )
    parts = [path.split("/")[:-1] for path in paths]
    return [shown(one[depth]) if len(one) > depth else None for one in parts], [note]


def table_split(name: str) -> str | None:
    """The split that a table's file name tells (``train.csv``), None where it tells none."""
    return split_of_path(name.rpartition("/")[2])
