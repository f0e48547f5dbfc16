"""From labels as a source gives them to class numbers and names: what each value means, and which images are kept."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from balancing.data.class_checks import MISSING, check_names, check_numbers, refuse_letter_case, refuse_too_many
from balancing.data.findings import against_the_rest, as_findings, rest_of
from balancing.data.options import Options
from balancing.data.positive import means_healthy
from balancing.data.sources.base import Listing
from balancing.data.sources.usual_names import LABEL_NAMES, number_word, plain
from balancing.data.text import shown
from balancing.errors import UserError, suggestion

DROP = "drop"
UNCERTAIN_CLASS = "uncertain"


@dataclass(frozen=True)
class Encoded:
    """The classes of a listing.

    Args:
        listing: without the images that are left out.
        rows: (N,) int64, the kept images' places in the listing that was given, ascending.
        labels: (N,) int64 in 0..C-1.
        class_names: (C,); names without any image are left out.
        positive: the class of two that the data or a finding say is looked for, else None.
        notes: sentences on what was left out or assumed.
    """

    listing: Listing
    rows: np.ndarray
    labels: np.ndarray
    class_names: tuple[str, ...]
    positive: str | None
    notes: tuple[str, ...]


class _Words:
    """The label of each image as a word, None where there is none, with the images that are left out so far."""

    def __init__(self, listing: Listing, options: Options) -> None:
        self.listing, self.options = listing, options
        self.column = f"column '{listing.label_column}'" if listing.label_column else "the labels"
        self.words: list[Any] = []
        self.kept = [split != DROP for split in listing.splits]
        self.notes: list[str] = []
        dropped = len(self.kept) - sum(self.kept)
        if dropped:
            self.notes.append(f"{dropped:,} images are of a part that is left out, as asked.")

    def leave_out(self, words: Iterable[str | None], why: str) -> None:
        """Leaves out the images of some words."""
        gone = set(words)
        count = 0
        for row, word in enumerate(self.words):
            if self.kept[row] and word in gone:
                self.kept[row] = False
                count += 1
        if count:
            self.notes.append(f"{count:,} images {why} are left out, as asked.")

    def change(self, to: Mapping[str, str]) -> None:
        self.words = [to.get(word, word) if isinstance(word, str) else word for word in self.words]

    def present(self) -> set[str]:
        return {word for word, kept in zip(self.words, self.kept, strict=True) if kept and word is not None}

    def rows(self, wanted: str | None) -> list[int]:
        return [row for row, word in enumerate(self.words) if self.kept[row] and word == wanted]


def encode_labels(listing: Listing, options: Options | None = None) -> Encoded:
    """Classes of a listing, by what the options say of its labels.

    In this order: numbers of ``class_names`` become names, lists of findings are read; ``label_map``; one
    finding against the rest; -1 among 1 and 0; blank ones; ``merge``; ``min_class_images``.

    Raises:
        UserError: no image, an image without a label, a number without a name, a value whose meaning must be told,
            classes that differ in letter case alone, or one class only.
    """
    if not listing.labels:
        raise UserError("the source holds no images; check the path or the split names")
    found = _Words(listing, options or Options())
    order = _named(found)
    _map(found)
    positive = _findings(found) or listing.positive
    _uncertain(found)
    _blank(found)
    positive = _single_finding(found) or positive
    order = _merge(found, order)
    refuse_letter_case(found.present())
    _rare(found)
    return _encoded(found, order, positive)


def _named(found: _Words) -> list[str] | None:
    """Makes words of all labels; returns the order of classes where names give one."""
    listing = found.listing
    names = listing.class_names
    if names is None:
        as_words = [one if one is None or isinstance(one, tuple) else str(one) for one in listing.labels]
        found.words = as_findings(as_words)
        return None
    check_names(names, found.column)
    stripped = [name.strip() for name in names]
    index = {name: i for i, name in enumerate(stripped)}
    labels = [_number(label, index) for label in listing.labels]
    check_numbers(labels, listing, stripped, found.column)
    found.words = [None if label is None or label == MISSING else stripped[label] for label in labels]
    return stripped


def _number(label: Any, index: Mapping[str, int]) -> Any:
    """A label over named numbers: a name as its number, a truth value as 0 or 1."""
    if label in ("False", "True") and label not in index:
        return int(label == "True")
    return index.get(label.strip(), label) if isinstance(label, str) else label


def _map(found: _Words) -> None:
    """``label_map``: words, numbers in any form, and '' for a blank one."""
    given = found.options.label_map
    if not given:
        return
    by_word = {number_word(key): value for key, value in given.items()}
    by_case = {key.casefold(): value for key, value in by_word.items()}
    seen: set[str] = set()
    drops = object()
    changed: list[Any] = []
    for word in found.words:
        key = "" if word is None else word
        key = number_word(key) if isinstance(key, str) else key
        if isinstance(key, tuple):  # findings, of which each has its name
            named = [by_word.get(one, by_case.get(one.casefold(), one)) for one in key]
            seen.update(one.casefold() for one in key)
            changed.append(tuple(one for one in named if one != DROP))
            continue
        to = by_word.get(key, by_case.get(key.casefold()))
        if to is not None:
            seen.add(key.casefold())
        changed.append(word if to is None else drops if to == DROP else to)
    found.words = changed
    found.leave_out([drops], "whose label --label-map drops")  # type: ignore[list-item]
    found.words = [None if word is drops else word for word in found.words]
    unused = [key for key in by_word if key.casefold() not in seen]
    if unused:
        found.notes.append(f"No image has the label {', '.join(map(repr, unused[:5]))}, of which --label-map speaks.")


def _findings(found: _Words) -> str | None:
    """One finding against the rest, where images have lists of them."""
    if not any(isinstance(word, tuple) for word in found.words):
        return None
    found.words, finding = against_the_rest(found.words, found.options.positive, found.column)
    return finding


def _uncertain(found: _Words) -> None:
    """What -1 means among 1 and 0."""
    choice, present = found.options.uncertain, found.present()
    if found.listing.class_names is not None or str(MISSING) not in present:
        return
    count = len(found.rows(str(MISSING)))
    if choice is None:
        if present == {"1", "0", str(MISSING)}:
            raise UserError(
                f"{count:,} images have the label -1 among 1 and 0 in {found.column}; say what it means: --uncertain "
                "drop (leave them out), --uncertain positive, --uncertain negative or --uncertain class"
            )
        found.notes.append(
            f"Images with the label {MISSING} are taken for a class: leave them out by --uncertain drop if it means "
            "missing."
        )
    elif choice == DROP:
        found.leave_out([str(MISSING)], "with the label -1")
    else:
        means = {"positive": "1", "negative": "0", "class": UNCERTAIN_CLASS}[choice]
        found.change({str(MISSING): means})
        found.notes.append(f"{count:,} images with the label -1 count as {means}, as --uncertain asks.")


def _blank(found: _Words) -> None:
    """What no label means."""
    rows = found.rows(None)
    if not rows:
        return
    choice = found.options.unlabelled
    if choice == DROP:
        found.leave_out([None], "without a label")
        return
    listing = found.listing
    if choice is None:
        where = Counter(listing.splits[i] for i in rows)
        raise UserError(
            f"{len(rows)} of {len(listing.labels)} images have no label "
            f"({', '.join(f'{count} in {split}' for split, count in where.items())}), such as "
            f"{listing.names[rows[0]]}; every image needs one: leave them out with --unlabelled drop, or count them as "
            "negative with --unlabelled negative"
        )
    present = found.present()
    negative = ["0"] if "0" in present else [word for word in sorted(present) if means_healthy(word)]
    if len(negative) != 1:
        raise UserError(
            f"which class is the negative one can't be told of {', '.join(sorted(present)[:10])} (--unlabelled "
            f"negative); name it by --label-map '={sorted(present)[0] if present else 'CLASS'}'"
        )
    for row in rows:
        found.words[row] = negative[0]
    found.notes.append(f"{len(rows):,} images without a label count as {negative[0]}, as --unlabelled asks.")


def _single_finding(found: _Words) -> str | None:
    """Where a column says 1 and 0 of one finding: its name for the 1, if that is the positive class that was named."""
    column, wanted = found.listing.label_column, found.options.positive
    present = found.present()
    if column is None or not {"0", "1"} <= present <= {"0", "1", UNCERTAIN_CLASS}:
        return None
    if wanted is not None and plain(wanted) == plain(column):
        found.change({"1": wanted, "0": rest_of(wanted)})
        return wanted
    named = found.options.label_column is not None and plain(column) not in LABEL_NAMES
    return "1" if named else None


def _merge(found: _Words, order: list[str] | None) -> list[str] | None:
    """``merge``: classes that become part of others, which take the place of the first of them."""
    merge = found.options.merge
    if not merge:
        return order
    known = found.present() | set(order or ())
    for name in merge:
        if name not in known:
            raise UserError(f"no class is named '{name}' (--merge){suggestion(name, known)}")
    found.change(merge)
    made = [f"{' and '.join(old for old, to in merge.items() if to == new)} are {new}" for new in _once(merge.values())]
    found.notes.append(f"Classes are merged, as asked: {'; '.join(made)}.")
    return None if order is None else _once(merge.get(name, name) for name in order)


def _once(words: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(words))


def _rare(found: _Words) -> None:
    least = found.options.min_class_images
    if least is None:
        return
    counts = Counter(word for word, kept in zip(found.words, found.kept, strict=True) if kept)
    rare = [word for word, count in counts.items() if count < least]
    if rare:
        named = ", ".join(f"{word} ({counts[word]})" for word in sorted(rare)[:20])
        found.leave_out(rare, f"of classes with fewer than {least}, {named},")


def _encoded(found: _Words, order: list[str] | None, positive: str | None) -> Encoded:
    rows = np.flatnonzero(np.array(found.kept, dtype=bool))
    words = [found.words[row] for row in rows]
    present = set(words)
    if not words:
        raise UserError(f"no image is left: {' '.join(found.notes)} Drop fewer of them")
    if order is None:
        names = tuple(sorted(present, key=natural))
    else:
        absent = [name for name in order if name not in present]
        if absent and found.listing.class_names is not None:
            found.notes.append(f"No image has the class {', '.join(absent)}: left out of the classes.")
        extra = sorted(present - set(order), key=natural)
        names = tuple([name for name in order if name in present] + extra)
        if all(re.fullmatch(r"-?\d+", name) for name in names):
            names = tuple(sorted(names, key=int))
    if len(names) < 2:
        raise UserError(
            f"all {len(words)} images are of one class, {names[0]}; at least two classes are needed: "
            "check the path or the label column"
        )
    index = {name: i for i, name in enumerate(names)}
    labels = np.array([index[word] for word in words], dtype=np.int64)
    refuse_too_many(labels, names, found.listing.label_column)
    if positive is not None and positive not in index:
        positive = next((name for name in names if name.casefold() == positive.casefold()), None)
    positive = positive if len(names) == 2 else None
    listing = found.listing if len(rows) == len(found.kept) else _subset(found.listing, rows.tolist())
    return Encoded(listing, rows, labels, tuple(map(shown, names)), positive, tuple(found.notes))


def natural(word: str) -> tuple[Any, ...]:
    """A key that sorts whole numbers within words as numbers: ``grade 9`` before ``grade 10``."""
    if re.fullmatch(r"-\d{1,18}", word):
        return ("", int(word))
    parts = re.split(r"(\d{1,18})", word)
    return tuple(int(part) if i % 2 else part for i, part in enumerate(parts))


def _subset(listing: Listing, rows: Sequence[int]) -> Listing:
    def of(values: list[Any] | None) -> Any:
        return None if values is None else [values[row] for row in rows]

    return replace(
        listing, names=of(listing.names), splits=of(listing.splits), labels=of(listing.labels),
        patients=of(listing.patients), folds=of(listing.folds), paths=of(listing.paths),
    )  # fmt: skip
