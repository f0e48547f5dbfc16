"""What the folders of images that a table names tell beside it: splits and patients."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from balancing.data.folder_words import kind_of, split_words
from balancing.data.sources.base import split_of_path
from balancing.data.text import shown


def folder_splits(paths: Sequence[str]) -> list[str | None]:
    """(N,) the split of each image's nearest folder that tells one, None where none does."""
    folders = {path.rpartition("/")[0] for path in paths}
    told = split_words({part for folder in folders for part in folder.split("/")})
    nearest = {f: next((told[part] for part in reversed(f.split("/")) if part in told), None) for f in folders}
    return [nearest[path.rpartition("/")[0]] for path in paths]


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
