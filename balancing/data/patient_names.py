"""File names that look as if they carried a patient: patterns to propose, never to use unasked."""

from __future__ import annotations

import itertools
import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

# Words that stand before a patient's number in names of files.
_PERSON = (
    "patientid", "patients", "patient", "pat", "pid", "subjects", "subject", "subj", "sub", "person", "case",
    "participant", "sujet", "proband",
)  # fmt: skip
_LETTER = r"(?<![A-Za-z0-9])([Pp]\d{2,})(?![A-Za-z0-9])"
_SIDE = r"^(\d{3,})[-_ ]?(?:[LlRr]|[Oo][DdSs])(?:\.\w+)?$"  # 9001234L.png, of knees and eyes
# And before numbers of what is no patient.
_NO_PERSON = re.compile(
    r"(?:fold|cv|class|cls|label|grade|level|site|cent(?:er|re)|hospital|clinic|scanner|device|batch|part|split|group"
    r"|set|size|epoch|page|tile|patch|crop|aug|x|y)s?\d+$",
    re.IGNORECASE,
)
_DATE = re.compile(r"^(?:19|20)\d\d(?:[01]\d[0-3]\d)?$")
_SEPARATORS = re.compile(r"([-_ .()]+)")
_RUNNING = re.compile(r"^[A-Za-z]{0,2}\d{1,5}$")
_HOLDS_DIGIT = re.compile(r"\d")
_ENOUGH = 0.9  # of the names must be of one form
_FEWEST_IDS = 5
_TRIED = 20_000  # names are looked at before all are
_MOST_TOKENS = 8


@dataclass(frozen=True)
class Proposal:
    """A pattern that would tell patients by file names.

    Args:
        pattern: for ``--patient-pattern``; its group 1 is the patient.
        ids: (N,) what it gives for each name, None where it does not match.
        splits: (N,) the source's own split of each.
    """

    pattern: str
    ids: Sequence[str | None]
    splits: Sequence[str]

    @cached_property
    def n_patients(self) -> int:
        return len({one for one in self.ids if one is not None})

    @cached_property
    def example(self) -> str:
        """A patient with several images."""
        counts = Counter(one for one in self.ids if one is not None)
        return counts.most_common(1)[0][0]

    def torn(self) -> dict[tuple[str, str], int]:
        """Patients that two of the source's own splits would share, of each pair that shares any."""
        members: dict[str, set[str]] = defaultdict(set)
        for one, split in zip(self.ids, self.splits, strict=True):
            if one is not None:
                members[split].add(one)
        pairs = itertools.combinations([p for p in ("train", "validation", "test") if p in members], 2)
        return {pair: n for pair in pairs if (n := len(members[pair[0]] & members[pair[1]]))}

    def sentence(self) -> str:
        """What it would tell, with the option."""
        shared = [f"{n:,} would lie in both {one} and {other}" for (one, other), n in self.torn().items()]
        leak = f", of whom {' and '.join(shared)}" if shared else ""
        return (
            f"File names look as if they carried a patient (such as {self.example}): --patient-pattern "
            f"'{self.pattern}' would tell {self.n_patients:,} patients of {len(self.ids):,} images{leak}"
        )


def proposals(names: Sequence[str], splits: Sequence[str], *, whole: bool = False) -> list[Proposal]:
    """Patterns by which the file names may tell patients, most telling first; at most two.

    A pattern is proposed where a word such as ``patient`` stands before a number in nearly all names, or where nearly
    all names have one form in which a part with a number repeats (at least five different ones, most names share
    theirs with another) and a number behind it counts on within each, or all have the same few endings behind it, such
    as views (``C_0007_LEFT_CC``), or which leads the name and is a number, no date.

    Args:
        names: (N,) file names, perhaps with folders.
        splits: (N,) the source's own split of each.
        whole: look for words in folders, too.
    """
    bare = [str(name) if whole else str(name).rpartition("/")[2] for name in names]
    found: dict[str, Proposal] = {}
    for pattern in (*(rf"(?i)(?<![a-z]){word}[-_ .]?(\d+)" for word in _PERSON), _LETTER, _SIDE):
        made = _tried(pattern, bare, splits)
        if made is not None:
            found[pattern] = made
            break
    by_form = None if whole else _by_form(bare, splits)
    if by_form is not None and not any(_same(by_form, other) for other in found.values()):
        found[by_form.pattern] = by_form
    return list(found.values())[:2]


def _tried(pattern: str, names: Sequence[str], splits: Sequence[str]) -> Proposal | None:
    compiled = re.compile(pattern)
    sample = names[:: max(1, len(names) // _TRIED)]
    if sum(compiled.search(name) is not None for name in sample) < _ENOUGH * len(sample):
        return None
    ids = [match.group(1) if (match := compiled.search(name)) else None for name in names]
    return Proposal(pattern, ids, splits) if _several_each(ids) else None


def _several_each(ids: Sequence[str | None]) -> bool:
    """Whether ids are many, and images share them, as patients do."""
    counts = Counter(one for one in ids if one is not None)
    sharing = sum(n for n in counts.values() if n > 1)
    return len(counts) >= _FEWEST_IDS and sharing >= 0.2 * len(ids) and max(counts.values()) <= 0.2 * len(ids)


def _by_form(names: Sequence[str], splits: Sequence[str]) -> Proposal | None:
    """A part that repeats with a number behind it that counts on, in names of one form."""
    tokens = [_SEPARATORS.split(name.rpartition(".")[0] or name) for name in names]
    width, n_of_width = Counter(map(len, tokens)).most_common(1)[0] if tokens else (0, 0)
    if n_of_width < _ENOUGH * len(names) or width < 3 or width > 2 * _MOST_TOKENS:
        return None
    of_form = [one for one in tokens if len(one) == width]
    columns = list(zip(*of_form, strict=True))
    dated = [sum(bool(_DATE.match(word)) for word in column) > 0.5 * len(column) for column in columns]
    for place in range(0, width - 2, 2):
        if any(dated[max(0, place - 4) : place + 1]):  # a date, or the month and day behind a year
            continue
        if not all(_HOLDS_DIGIT.search(word) for word in columns[place]):
            continue
        ids = columns[place]
        if not _several_each(ids) or all(_NO_PERSON.match(word) for word in ids):
            continue
        leads = place == 0 and all(word.isdigit() for word in ids)
        if (
            leads
            or _crossed(ids, ["".join(one[place + 1 :]) for one in of_form])
            or any(_counts_on(ids, columns[later]) for later in range(place + 2, width, 2))
        ):
            pattern = _pattern_of(columns, place)
            made = _tried(pattern, names, splits)
            if made is not None:
                return made
    return None


def _crossed(ids: Sequence[str], rests: Sequence[str]) -> bool:
    """Whether what stands behind the ids are the same few endings for nearly all of them, each once."""
    of_id = Counter(ids)
    each_once = len(set(zip(ids, rests, strict=True))) == len(ids)
    return each_once and len(set(rests)) <= 1.5 * np.median(list(of_id.values()))


def _counts_on(ids: Sequence[str], numbers: Sequence[str]) -> bool:
    """Whether a part is a running number within each id: short numbers, different in nearly all images of an id.

    A number that runs through the whole set (``IM-0001-0115``) tells nothing of patients: within ids it must be small.
    """
    if not all(_RUNNING.match(number) for number in numbers):
        return False
    of_id: dict[str, list[int]] = defaultdict(list)
    for one, number in zip(ids, numbers, strict=True):
        of_id[one].append(int(re.sub(r"\D", "", number)))
    several = [values for values in of_id.values() if len(values) > 1]
    different = sum(len(set(values)) == len(values) for values in several)
    small = np.median([max(values) / len(values) for values in several])
    return different >= _ENOUGH * len(several) and bool(small <= 10)


def _pattern_of(columns: Sequence[Sequence[str]], place: int) -> str:
    """A regular expression for the part at ``place``: what stands before it, in general terms."""
    before = "".join(_general(column) for column in columns[:place])
    after = _general(columns[place + 1])
    return f"^{before}({_general(columns[place])}){after}"


def _general(column: Sequence[str]) -> str:
    """What all words of a column match."""
    words = set(column)
    if len(words) == 1:
        return re.escape(next(iter(words))).replace(r"\-", "-").replace(r"\ ", " ").replace(r"\_", "_")
    if all(word.isascii() and word.isdigit() for word in words):
        return r"\d+"
    if all(word.isalpha() for word in words):
        return "[A-Za-z]+" if all(word.isascii() for word in words) else r"\w+"
    if all(set(word) <= set("_-. ()") for word in words):
        return r"[-_ .()]+"
    return r"[^-_ .()]+"  # a part between separators, as names were cut: one way alone to match


def _same(one: Proposal, other: Proposal) -> bool:
    """Whether two patterns group the images alike."""
    pairs = set(zip(one.ids, other.ids, strict=True))
    return len(pairs) == len({a for a, _ in pairs}) == len({b for _, b in pairs})
