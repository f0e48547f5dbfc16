"""How a source is to be read: every option of data, checked once, the same for Python, YAML and the command line."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, TypedDict

import numpy as np

from balancing.data.patterns import compile_pattern
from balancing.errors import UserError, suggestion

# What a number or an empty cell may stand for where labels are findings.
UNCERTAIN = ("drop", "positive", "negative", "class")
UNLABELLED = ("drop", "negative")
RESIZE = ("squash", "pad", "crop")
# What a level of folders may mean; "*" means nothing.
LEVELS = ("split", "fold", "class", "patient", "site", "part", "*")
SPLIT_WORDS = ("train", "validation", "test", "drop")
# The value of ``labels`` that says: the folders are the classes, whatever table lies beside them.
FOLDERS = "folders"
NONE = "none"


class Reading(TypedDict, total=False):
    """How a source is to be read; see ``Options`` for each, and docs/data.md."""

    layout: str | None
    labels: str | None
    images: str | None
    image_column: str | None
    label_column: str | None
    label_map: Mapping[str, str] | str | None
    label_pattern: str | None
    positive: str | None
    uncertain: str | None
    unlabelled: str | None
    merge: Mapping[str, str] | str | None
    min_class_images: int | None
    folders: str | None
    split_column: str | None
    split_map: Mapping[str, str] | str | None
    split_list: Mapping[str, str] | str | None
    fold_column: str | None
    test_fold: str | None
    patient_column: str | None
    patient_table: str | None
    patient_pattern: str | None
    config: str | None
    page: int | None
    resize: str
    skip_bad: bool
    phantom_images: int
    phantom_seed: int


@dataclass(frozen=True)
class Options:
    """How a source is to be read; None where it is to be found or does not matter.

    Args:
        layout: name of a known public layout, path of a user's own (``.yaml``), or ``none`` to recognise none.
        labels: table of labels beside or apart from the images (a path, relative to the data or to here), or
            ``folders``: the folders are the classes.
        images: glob below the data; files that don't match are not the images that are meant.
        image_column, label_column, split_column, fold_column: of the table.
        label_map: value of the label -> class, or ``drop``.
        label_pattern: regular expression on file names, whose group 1 is the class.
        positive: the positive class of two; where an image has several findings, the finding against the rest.
        uncertain: what -1 means among findings of 1 and 0.
        unlabelled: what an empty cell means.
        merge: class -> the class it becomes part of.
        min_class_images: classes with fewer images are left out.
        folders: what each level of folders means, from the outermost, such as ``site/split/class``.
        split_map: word for a split -> ``train``, ``validation``, ``test`` or ``drop``.
        split_list: ``train``, ``validation`` or ``test`` -> a text file that names its images, one a line.
        test_fold: the fold that is the test split.
        patient_column: of the table; ``none`` for no such column.
        patient_table: another table that tells the patient of each image.
        patient_pattern: regular expression on file names, whose group 1 is the patient; ``none`` for none.
        config: configuration of a Hub data set that has several.
        page: which page of files that hold several, counted from 1.
        resize: to a square: ``squash`` the sides, ``pad`` with black, or ``crop`` the middle.
        skip_bad: leave unreadable images out.
    """

    layout: str | None = None
    labels: str | None = None
    images: str | None = None
    image_column: str | None = None
    label_column: str | None = None
    label_map: Mapping[str, str] = field(default_factory=dict)
    label_pattern: str | None = None
    positive: str | None = None
    uncertain: str | None = None
    unlabelled: str | None = None
    merge: Mapping[str, str] = field(default_factory=dict)
    min_class_images: int | None = None
    folders: str | None = None
    split_column: str | None = None
    split_map: Mapping[str, str] = field(default_factory=dict)
    split_list: Mapping[str, str] = field(default_factory=dict)
    fold_column: str | None = None
    test_fold: str | None = None
    patient_column: str | None = None
    patient_table: str | None = None
    patient_pattern: str | None = None
    config: str | None = None
    page: int | None = None
    resize: str = "squash"
    skip_bad: bool = False

    @classmethod
    def of(cls, reading: Mapping[str, Any]) -> Options:
        """The options that were given, checked.

        Args:
            reading: see ``Reading``; what it says of the phantom is passed over.
        Raises:
            UserError: a value that an option can't have, or two options that contradict each other.
        """
        unknown = next((name for name in reading if name not in Reading.__annotations__), None)
        if unknown is not None:
            raise UserError(f"there is no option '{unknown}' of data{suggestion(unknown, Reading.__annotations__)}")
        given = {
            one.name: _word(one.name, reading[one.name]) for one in fields(cls) if reading.get(one.name) is not None
        }
        for name in ("label_map", "split_map", "split_list"):
            if name in given:
                given[name] = parse_pairs(given[name], name)
        if "merge" in given:
            given["merge"] = parse_merge(given["merge"])
        options = cls(**given)
        options._check()
        return options

    def _check(self) -> None:
        _one_of("uncertain", self.uncertain, UNCERTAIN)
        _one_of("unlabelled", self.unlabelled, UNLABELLED)
        _one_of("resize", self.resize, RESIZE)
        for word in self.split_map.values():
            _one_of("split_map", word, SPLIT_WORDS)
        for word in self.split_list:
            _one_of("split_list", word, SPLIT_WORDS[:3])
        if self.folders is not None:
            levels = self.folders.strip("/").split("/")
            for level in levels:
                _one_of("folders", level, LEVELS)
            if levels.count("class") > 1 or levels.count("split") > 1:
                raise UserError(f"{flag('folders')} {self.folders} names a level twice; give class and split once each")
        for name, least in (("page", 1), ("min_class_images", 1)):
            value = getattr(self, name)
            if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < least):
                raise UserError(f"{flag(name)} must be a whole number from {least} on, but is {value!r}")
        if self.patient_column not in (None, NONE) and self.patient_pattern not in (None, NONE):
            raise UserError("a patient column and a patient pattern were both given; keep one of them")
        for name in ("patient_pattern", "label_pattern"):
            pattern = getattr(self, name)
            if pattern is not None and not (name == "patient_pattern" and pattern == NONE):
                compile_pattern(pattern, what=name.replace("_", " "))  # before anything is decoded

    def given(self) -> dict[str, Any]:
        """Those that differ from the defaults, as JSON can write them."""
        usual = Options()
        found = {one.name: getattr(self, one.name) for one in fields(self)}
        return {
            name: dict(value) if isinstance(value, Mapping) else value
            for name, value in found.items()
            if value != getattr(usual, name)
        }


def _word(name: str, value: Any) -> Any:
    """A value as it is, but paths and numbers as words where words are wanted."""
    if name in ("page", "min_class_images", "skip_bad") or isinstance(value, str | Mapping):
        return value
    if isinstance(value, os.PathLike) or (isinstance(value, int | np.integer) and not isinstance(value, bool)):
        return os.fspath(value) if isinstance(value, os.PathLike) else str(value)
    raise UserError(f"{flag(name)} must be a word, but is {value!r}; give a word")


def flag(name: str) -> str:
    """How an option is written on the command line."""
    return "--" + name.replace("_", "-")


def parse_pairs(given: Mapping[Any, Any] | str, name: str) -> dict[str, str]:
    """``"1=sick,0=well"`` or a mapping, as words.

    Raises:
        UserError: a part without ``=``, or a key that is given twice.
    """
    if isinstance(given, Mapping):
        return {str(key): str(value) for key, value in given.items()}
    pairs: dict[str, str] = {}
    for part in str(given).split(","):
        key, sign, value = (word.strip() for word in part.partition("="))
        if not sign or not value:
            raise UserError(f"{flag(name)} is written KEY=VALUE,KEY=VALUE, but holds '{part.strip()}'; mend that part")
        if key in pairs:
            raise UserError(f"{flag(name)} gives '{key}' twice; keep one")
        pairs[key] = value
    return pairs


def parse_merge(given: Mapping[Any, Any] | str) -> dict[str, str]:
    """``"a+b=c,d+e=f"`` (classes of one name hold no comma) or ``{"c": ["a", "b"]}``, as class -> what it becomes.

    Raises:
        UserError: a part without ``=``, or a class that would become two.
    """
    if isinstance(given, Mapping):
        if all(isinstance(value, str) for value in given.values()):
            return _checked_merge({str(key): str(value) for key, value in given.items()})
        other = next((value for value in given.values() if not isinstance(value, str | list | tuple)), None)
        if other is not None:
            raise UserError(f"a merge names a class or a list of classes, but got {other!r}; write 'new: [a, b]'")
        parts = [(str(new), [old] if isinstance(old, str) else [str(one) for one in old]) for new, old in given.items()]
    else:
        parts = []
        for part in str(given).split(","):
            old, sign, new = part.rpartition("=")
            if not sign or not new.strip() or not old.strip():
                raise UserError(f"--merge is written 'a+b=c', but holds '{part.strip()}'; mend that part")
            parts.append((new.strip(), [one.strip() for one in re.split(r"\+", old)]))
    merged: dict[str, str] = {}
    for new, classes in parts:
        for one in classes:
            if merged.setdefault(one, new) != new:
                raise UserError(f"--merge makes {one} a part of both {merged[one]} and {new}; keep one")
    return _checked_merge(merged)


def _checked_merge(merged: dict[str, str]) -> dict[str, str]:
    """Raises UserError where what a class becomes is itself made a part of another, or is ``drop``."""
    for one, new in merged.items():
        if new == "drop":
            raise UserError(f"--merge makes classes of classes; leave {one} out by --label-map '{one}=drop'")
        if merged.get(new, new) != new:
            raise UserError(
                f"--merge makes {one} a part of {new}, and {new} a part of {merged[new]}; say what each becomes in the "
                f"end, such as --merge '{one}+{new}={merged[new]}'"
            )
    return merged


def _one_of(name: str, value: str | None, allowed: tuple[str, ...]) -> None:
    if value is not None and value not in allowed:
        raise UserError(f"{flag(name)} can't be '{value}'{suggestion(str(value), allowed)}")
