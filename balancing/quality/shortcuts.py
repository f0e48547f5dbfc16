"""Properties that give the class away: a network can learn them instead of the disease.

Clean data are seldom accused: of eighteen properties that know nothing of the class, with 300 against 300 patients, 30
against 30, 6 against 60, or 20 against 40 with eight images each, one interval or more lies above 0.5 in at most 5 % of
the draws, and a finding is made in at most 1 %; ``python -m benchmarks.audit_false_alarms`` prints the table.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from balancing.data.patients import FEWEST
from balancing.quality.areas import Area, clustered_area, group_codes, standard_normal
from balancing.quality.findings import Family, Finding, Severity, Shortcut
from balancing.quality.heldout import folds_by_group, held_out_scores, in_groups
from balancing.quality.properties import Property

LEVEL = 0.95
# What the interval must lie above to be a note, and a warning. Diseases change how bright an image is, so of that only
# what tells the class nearly alone is a warning.
LIMITS: dict[Family, tuple[float, float]] = {
    "file": (0.55, 0.65),
    "source": (0.55, 0.65),
    "brightness": (0.6, 0.8),
    "edges": (0.6, 0.7),
}
# What tells all but these apart is a warning wherever a note would be: few images make a wide interval.
_NEARLY_ALL = 0.95
# Of many classes so many are looked at closely.
_CLOSELY = 8
# In a sentence, beside the worst.
_NAMED = 3
_FILES = (
    "Decoding and resizing hide it only in part (sharpness, borders, distortion stay): write and crop the files of all "
    "classes alike, and look at the activation maps."
)
_ADVICE: dict[Family, str] = {
    "file": _FILES,
    "source": "A network may learn the place instead of the disease: test it on each place alone, or leave out places "
    "that have one class only.",
    "brightness": "A disease may do this, and so do another machine or export for one class: look at images of each "
    "class side by side, and hold results against this number.",
    "edges": "Look at the images' edges side by side (markers, burnt-in text, tubes, borders): cover or crop what is "
    "no anatomy, and look at the activation maps.",
}


@dataclass(frozen=True)
class _Look:
    """One way to hold one property against one class."""

    property: Property
    label: int
    positive: np.ndarray
    scores: np.ndarray
    groups: np.ndarray
    held_out: bool

    def area(self, reach: float) -> Area:
        found = clustered_area(self.positive, self.scores, self.groups, reach)
        return found.turned() if not self.held_out and found.value < 0.5 else found


def shortcuts(
    properties: Sequence[Property],
    labels: np.ndarray,
    class_names: Sequence[str],
    patients: np.ndarray | None,
    rng: np.random.Generator,
) -> list[Shortcut]:
    """How well each property alone tells a class from the rest: of its classes the one it tells best, worst first.

    Numbers are taken as they are (more or less of them means the class), and like words by how often each class has
    them in other patients' images; the better of the two counts. All intervals of a data set hold together with
    chance ``LEVEL`` (Bonferroni over all that was looked at).

    Args:
        properties: of N images each.
        labels: (N,) int64, 0..C-1.
        class_names: (C,).
        patients: (N,), or None where each image counts as one. Of a class with fewer than ``FEWEST``, or with fewer
            others, nothing is told.
        rng: shares patients out among folds.
    """
    held = [_looks(one, labels, class_names, patients, rng) for one in properties]
    looks = [look for some, _ in held for look in some]
    if not looks:
        return []
    reach = standard_normal(1 - (1 - LEVEL) / sum(count for _, count in held))
    best: dict[str, tuple[_Look, Area]] = {}
    for look in looks:
        area, known = look.area(reach), best.get(look.property.name)
        if known is None or (area.low, area.value) > (known[1].low, known[1].value):
            best[look.property.name] = (look, area)
    found = [
        Shortcut(
            look.property.name,
            look.property.family,
            class_names[int(look.label)],
            area.value,
            area.low,
            area.high,
            look.held_out,
            len(look.scores),
        )
        for look, area in best.values()
    ]
    # Of equals the one that was given first: a corner before the border that it is part of.
    return sorted(found, key=lambda one: (-round(one.low, 3), -round(one.auroc, 3)))


def _looks(
    one: Property, labels: np.ndarray, class_names: Sequence[str], patients: np.ndarray | None, rng: np.random.Generator
) -> tuple[list[_Look], int]:
    """The ways to hold a property against classes, and how many there were to choose from: of many classes only those
    are looked at closely that it tells best at first sight.
    """
    known = np.flatnonzero(~np.isnan(one.values))
    values, labels = one.values[known], labels[known]
    distinct, places = np.unique(values, return_inverse=True)
    if len(distinct) < 2:
        return [], 0
    groups = group_codes(None if patients is None else patients[known], len(known))
    told = _told_classes(labels, groups, len(class_names))
    if not len(told):
        return [], 0
    looks, ways = [], 0
    if one.ordered:
        ways += 1
        for label in _at_first_sight(places.reshape(-1, 1), labels, told):
            looks.append(_Look(one, label, labels == label, values, groups, held_out=False))
    if not one.ordered or len(distinct) > 2:
        ways += 1
        codes = in_groups(values)
        scores = held_out_scores(codes, labels, len(class_names), folds_by_group(labels, groups, rng))
        for label in _at_first_sight(codes[:, None] == np.arange(codes.max() + 1), labels, told):
            looks.append(_Look(one, label, labels == label, scores[:, label], groups, held_out=True))
    return looks, ways * len(told)


def _told_classes(labels: np.ndarray, groups: np.ndarray, n_classes: int) -> np.ndarray:
    """Classes with enough patients, and enough others; of two the second stands for both."""
    pairs = np.unique(np.stack([labels, groups]), axis=1)[0]
    of_class, total = np.bincount(pairs, minlength=n_classes), len(np.unique(groups))
    if n_classes == 2:
        return np.array([1] if of_class.min() >= FEWEST else [], dtype=np.int64)
    return np.flatnonzero((of_class >= FEWEST) & (total - of_class >= FEWEST))


def _at_first_sight(columns: np.ndarray, labels: np.ndarray, told: np.ndarray) -> np.ndarray:
    """The classes whose means of the (N, K) columns lie farthest from everyone's, in standard errors."""
    if len(told) <= _CLOSELY:
        return told
    columns = columns - columns.mean(axis=0)
    sums = np.stack([np.bincount(labels, weights=column) for column in columns.T], axis=1)
    counts, spread = np.maximum(np.bincount(labels), 1), np.maximum((columns**2).mean(axis=0), 1e-12)
    apart = (sums**2 / (counts[:, None] * spread)).sum(axis=1)
    return told[np.argsort(-apart[told], kind="stable")[:_CLOSELY]]


def severity_of(one: Shortcut) -> Severity | None:
    """By where its interval begins; None where it is nothing to speak of."""
    note, warning = LIMITS[one.family]
    if one.low <= note:
        return None
    return "warning" if one.low > warning or one.auroc >= _NEARLY_ALL else "note"


def shortcut_findings(found: Sequence[Shortcut]) -> list[Finding]:
    """A finding for each family of properties that give the class away, with the worst of them; the others named."""
    findings = []
    of_family = [[one for one in found if one.family == family and severity_of(one)] for family in LIMITS]
    for told in sorted(filter(None, of_family), key=lambda told: -round(told[0].low, 3)):
        worst, family = told[0], told[0].family
        whose = "The files'" if family == "file" else "The images'"
        title = f"{whose} {worst.property} alone tells {worst.class_name} from the rest with an AUROC of "
        title += f"{worst.auroc:.2f} ({worst.low:.2f} to {worst.high:.2f})"
        if told[1:]:
            named = [_in_brief(one, worst) for one in told[1 : 1 + _NAMED]]
            more = len(told) - 1 - len(named)
            title += f"; also {_listed([*named, *([f'{more} more'] if more else [])])}"
        title += "."
        values = {
            "family": family,
            "property": worst.property,
            "class": worst.class_name,
            "auroc": worst.auroc,
            "low": worst.low,
            "high": worst.high,
            "properties": {one.property: one.auroc for one in told},
        }
        check = "brightness_tells_class" if family == "brightness" else "shortcut"
        findings.append(Finding(check, _worst(told), title, _ADVICE[family], values=values))
    return findings


def _worst(told: Sequence[Shortcut]) -> Severity:
    return "warning" if any(severity_of(one) == "warning" for one in told) else "note"


def _in_brief(one: Shortcut, worst: Shortcut) -> str:
    whom = "" if one.class_name == worst.class_name else f", {one.class_name}"
    return f"{one.property} ({one.auroc:.2f}{whom})"


def _listed(parts: Sequence[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
