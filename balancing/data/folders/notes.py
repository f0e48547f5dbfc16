"""What is said of folders: the notes on what was decided, and the refusals, each with the option that settles it."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from balancing.data.folders.tree import Level, Place
from balancing.data.folders.words import PLAIN
from balancing.data.text import shown
from balancing.errors import UserError

_LIKE = {
    "split": "splits",
    "fold": "folds",
    "part": "parts of one set",
    "date": "dates",
    "site": "sites",
    "patient": "patients, or ids",
    "study": "studies or views",
    "view": "views",
    "magnification": "magnifications",
    "size": "sizes of images",
}
_NOTED = {
    "part": "are parts of one set, whose images are joined",
    "date": "are dates, and mean nothing here",
    "site": "are sites: their images are joined, and each image's path keeps its site",
    "study": "are studies, series or views, and mean nothing here",
    "view": "are views, and mean nothing here",
    "magnification": "are magnifications, and mean nothing here",
}


@dataclass(frozen=True)
class Hint:
    """What a refusal can name beside the folders.

    Args:
        label_pattern: a regular expression that would tell the class from file names; None where none is seen.
        examples: what it would find, such as ``mel: 9, nv: 35``.
        tables: files beside the images that may hold labels.
        unfit: why none of these can be used; "" where one may.
    """

    label_pattern: str | None = None
    examples: str = ""
    tables: tuple[str, ...] = ()
    unfit: str = ""

    @property
    def steps(self) -> str:
        """How the classes can be told without folders."""
        why = f"; {self.unfit}" if self.unfit else ""
        given = self.tables and not self.unfit
        table = f"--labels {quoted(self.tables[0])}" if given else f"--labels TABLE (a table beside the images{why})"
        if self.label_pattern is None:
            return f"give {table}, or --label-pattern REGEX where file names tell the class"
        return f"give {table}, or --label-pattern {shlex.quote(self.label_pattern)} ({self.examples})"


def quoted(word: str) -> str:
    return shlex.quote(shown(word))


def some(names: Collection[str], most: int = 3) -> str:
    """The first few of some names, and how many more there are."""
    first = [shown(name) for name in list(names)[:most]]
    more = len(names) - len(first)
    if more == 1:
        first, more = [*first, shown(list(names)[most])], 0
    if more:
        return f"{', '.join(first)} and {more:,} more"
    return " and ".join(filter(None, [", ".join(first[:-1]), *first[-1:]]))


def reading(levels: Sequence[str]) -> str:
    """An option for what each level means; those that mean nothing at the end are left out."""
    levels = list(levels)
    while levels and levels[-1] == "*":
        levels.pop()
    return f"--folders {shlex.quote('/'.join(levels))}"


def level_note(kind: str, names: Collection[str]) -> str:
    return f"Folders {some(names)} {_NOTED[kind]}."


def split_words_note(splits: Mapping[str, str]) -> str:
    unusual = [(name, split) for name, split in sorted(splits.items()) if PLAIN.get(name.casefold()) != split]
    told = [f"{shown(name)} is {'left out' if split == 'drop' else split}" for name, split in unusual]
    return f"Folders are taken for splits: {', '.join(told)}."


def split_below_class(names: Collection[str]) -> str:
    return f"The splits lie below the classes, in folders {some(names)}."


def patients(found: Collection[str], places: Sequence[Place]) -> str:
    """The note on patients told by folders; those of several classes or splits are one."""
    classes = Counter(patient for patient, _ in {(place.patient, place.label) for place in places if place.patient})
    several = sum(count > 1 for count in classes.values())
    more = f" The {several:,} that stand under several classes count as one patient each." if several else ""
    return f"Patients are told by their folders, such as {shown(min(found))}: {len(found):,} patients.{more}"


def above_class(outer: Collection[str], inner: Collection[str], readings: Sequence[Sequence[str]]) -> str:
    return (
        f"Folders {some(outer)} above the classes {some(inner)} mean nothing here, and paths keep them; "
        f"{reading(readings[0])} would take them for the classes."
    )


def below_class(outer: Collection[str], inner: Collection[str], readings: Sequence[Sequence[str]]) -> str:
    return (
        f"Folders {some(inner)} below the classes {some(outer)} mean nothing here; {reading(readings[1])} would take "
        "them for the classes."
    )


def subtypes(names: Collection[str], levels: Sequence[str]) -> str:
    return (
        f"Folders below the classes ({some(names)}) are no classes of their own; {reading(levels)} would take them for "
        "the classes."
    )


def no_classes(source: str, names: Collection[str], kind: str, meanings: Sequence[str], hint: Hint) -> UserError:
    return UserError(
        f"what would be the classes of {shown(source)}, the folders {some(names)}, look like {_LIKE[kind]}: "
        f"{hint.steps}; if they are the classes all the same, give {reading([*meanings, 'class'])}"
    )


def flat(source: str, places: Sequence[Place], hint: Hint) -> UserError:
    count = sum(place.images for place in places)
    where = max(places, key=lambda place: place.images).folders if places else ()
    lie = f", most of them in {shown('/'.join(where))}/" if where else ""
    return UserError(
        f"{shown(source)} holds neither parquet files nor images in class folders (train/CLASS/* or CLASS/*), but "
        f"{count:,} images outside of any{lie}, so nothing tells their classes: {hint.steps}"
    )


def all_dropped(source: str) -> UserError:
    return UserError(f"no image of {shown(source)} is left after --split-map; keep a split")


def unknown_split(source: str, names: Sequence[str], splits: Mapping[str, str]) -> UserError:
    what, means = ("a folder", "its name is") if len(names) == 1 else ("folders", "their names are")
    option = quoted(",".join(f"{name}=test" for name in names))
    return UserError(
        f"{shown(source)} has {what} {some(names)} beside the splits {some(sorted(splits))}, and {means} no "
        f"split's: say what to read by --split-map {option} (or train, validation; drop leaves one out)"
    )


def class_beside_splits(source: str, name: str, splits: Mapping[str, str]) -> UserError:
    split = sorted(splits)[0]
    return UserError(
        f"{shown(source)} has images of class {shown(name)} in a folder beside {some(sorted(splits))}, so their split "
        f"is unknown: move the classes' folders into a folder train, or leave the split out by --split-map "
        f"{quoted(f'{split}=drop')}"
    )


def split_map_unused(source: str, word: str, places: Sequence[Place]) -> UserError:
    seen = Counter(name for place in places for name in place.folders)
    return UserError(
        f"--split-map names '{shown(word)}', but no folder of {shown(source)} is called so; its folders are "
        f"{some([name for name, _ in seen.most_common(6)], 6) if seen else 'none'}"
    )


def splits_in_folds(source: str, folds: Sequence[str]) -> UserError:
    return UserError(
        f"each of the folds {some(folds)} of {shown(source)} has its own splits, so one's training images may be "
        f"another's test images: read one fold by --images {quoted(f'{folds[0]}/*')}"
    )


def splits_in_several(source: str, level: Level, levels: Sequence[str]) -> UserError:
    """Folders that each hold a whole set with its splits, which may be one set split in several ways."""
    above = "/".join(level.places[0].folders[: level.places[0].at])
    glob = "/".join(filter(None, [above, level.names[0], "*"]))
    return UserError(
        f"each of the folders {some(level.names)} of {shown(source)} has its own splits, so one's training images may "
        f"be another's test images: read one by --images {quoted(glob)}, or join them by {reading(levels)}"
    )


def copies(source: str, level: Level, levels: Sequence[str]) -> UserError:
    """Folders that by their names hold the same images in several forms."""
    above = "/".join(level.places[0].folders[: level.places[0].at])
    glob = "/".join(filter(None, [above, level.names[0], "*"]))
    return UserError(
        f"the folders {some(level.names)} of {shown(source)} look like the same images in several forms, which would "
        f"stand in several splits: read one by --images {quoted(glob)}, or all of them by {reading(levels)}"
    )


def may_be_splits(source: str, names: Collection[str], hinted: Mapping[str, str], levels: Sequence[str]) -> UserError:
    """Sets of the same classes, of which one is named like a split and another like none."""
    given = ",".join(f"{name}={hinted.get(name, 'train')}" for name in sorted(names))
    return UserError(
        f"of the folders {some(sorted(names))} of {shown(source)}, {some(sorted(hinted))} may be a split by its name: "
        f"say so by --split-map {quoted(given)}, or join them by {reading(levels)}"
    )


def split_beside_classes(source: str, split: str, others: Sequence[str]) -> UserError:
    """A folder of unlabelled test images beside folders that are no splits."""
    return UserError(
        f"{shown(source)} has a folder {shown(split)}, which holds no class folders, beside {some(others)}: leave it "
        f"out by --split-map {quoted(f'{split}=drop')}; if all are the classes, give --folders class"
    )


def sizes(source: str, names: Sequence[str]) -> UserError:
    return UserError(
        f"the folders {some(names)} of {shown(source)} look like the same images in several sizes, which would "
        f"stand in several splits: read one size by --images {quoted(f'{names[-1]}/*')}"
    )


def class_in_study(source: str, names: Sequence[str], pattern: str) -> UserError:
    return UserError(
        f"the folders {some(names)} of {shown(source)} look like studies whose names tell the class: read it by "
        f"--label-pattern {shlex.quote(pattern)}"
    )


def two_readings(
    source: str, outer: Collection[str], inner: Collection[str], readings: Sequence[Sequence[str]]
) -> UserError:
    return UserError(
        f"{shown(source)} has two levels of folders that could be the classes, {some(outer)} above {some(inner)}: say "
        f"which by {reading(readings[0])} or {reading(readings[1])}"
    )


def augmented(
    source: str, outer: Collection[str], inner: Collection[str], readings: Sequence[Sequence[str]]
) -> UserError:
    is_outer = any("augment" in name.casefold() for name in outer)
    level, classes = (outer, readings[1]) if is_outer else (inner, readings[0])
    original = next((name for name in sorted(level) if "augment" not in name.casefold()), "ORIGINAL")
    glob = f"{original}/*" if is_outer else f"*/{original}/*"
    return UserError(
        f"{shown(source)} holds augmented copies of images ({some(sorted(level))}), which would stand in several "
        f"splits: read the originals alone by --images {quoted(glob)}, or all of them by {reading(classes)}"
    )


def letter_case(source: str, groups: Sequence[Sequence[str]]) -> UserError:
    """Classes whose names differ in letter case or blanks alone; the first of each group is the commonest."""
    merge = ",".join(f"{'+'.join(group[1:])}={group[0]}" for group in groups)
    return UserError(
        f"{shown(source)} has classes whose names differ in letter case or blanks alone, "
        f"{'; '.join(some(sorted(group)) for group in groups)}: if they are one, give --merge {quoted(merge)}, or else "
        "rename them"
    )


def other_classes(source: str, split: str, names: Collection[str], train: Collection[str]) -> UserError:
    """Classes of a split that the training split lacks.

    Args:
        names: those classes.
        train: the classes that only the training split has.
    """
    same = {
        name: next((one for one in sorted(train) if one.casefold().startswith(name.casefold())), None) for name in names
    }
    pairs = [f"{one}={name}" for name, one in sorted(same.items()) if one]
    merge = ",".join(pairs) if pairs else f"{min(names)}={min(train)}" if train else ""
    step = f"where they are the same, make them one by --merge {quoted(merge)}; " if merge else ""
    drop = ",".join(f"{name}=drop" for name in sorted(names))
    return UserError(
        f"the {split} split of {shown(source)} has classes that the training split lacks, {some(sorted(names))}: "
        f"{step}--label-map {quoted(drop)} leaves them out"
    )
