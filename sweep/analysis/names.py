"""How techniques and metrics are called and shown: one order, one colour, one marker each, everywhere."""

from __future__ import annotations

import re
from collections.abc import Iterable

from balancing.components.techniques import techniques

# Characters that no XML or HTML file may hold: most control characters, halves of pairs, two that are none.
_ILLEGIBLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")

METRIC_NAMES = {
    "balanced_accuracy": "Balanced accuracy",
    "recall": "Recall",
    "f1": "F1",
    "specificity": "Specificity",
    "precision": "Precision",
    "auroc": "AUROC",
}
# In the order of tables: those of the reference study first.
SHOWN_METRICS = tuple(METRIC_NAMES)

# Black text and lines of a figure; the report's page turns exactly this colour into the colour of its own text.
INK = "#1b1c1d"
# Okabe & Ito's colours for colour-blind readers; their black is the ink, their yellow too pale on white.
_PALETTE = (INK, "#0072b2", "#e69f00", "#009e73", "#d55e00", "#cc79a7", "#56b4e9", "#8c7a2b")
_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "p", "*", "h")
_UPPER = {"smote", "adasyn", "svm", "enn", "kmeans", "smoten", "ldam", "gan", "tomek", "nearmiss"}
_SPELT = {"kmeans": "k-means", "tomek": "Tomek", "nearmiss": "NearMiss"}


def display_name(technique: str) -> str:
    """The name people read: ``borderline_smote`` -> ``Borderline-SMOTE``."""
    words = [_SPELT.get(word) or (word.upper() if word in _UPPER else word) for word in technique.split("_")]
    joint = "-" if words[-1] in ("SMOTE", "ENN") else " "
    name = joint.join(words)
    return name[:1].upper() + name[1:]


def legible(text: str) -> str:
    """The text with what XML and HTML can't hold shown by its number: a NUL as ``\\x00``."""
    return _ILLEGIBLE.sub(lambda found: f"\\x{ord(found[0]):02x}", text)


def metric_name(metric: str) -> str:
    """``balanced_accuracy`` -> ``Balanced accuracy``; an unknown metric keeps its name, without underscores."""
    return METRIC_NAMES.get(metric, metric.replace("_", " "))


def inline_name(metric: str) -> str:
    """The metric's name inside a sentence: ``balanced accuracy``, but ``F1`` and ``AUROC``."""
    name = metric_name(metric)
    return name if name in ("F1", "AUROC") else name.lower()


def _ranks() -> dict[str, int]:
    return {technique.name: rank for rank, technique in enumerate(techniques())}


def in_order(names: Iterable[str]) -> list[str]:
    """Distinct techniques in the registry's order; those it doesn't know (an older run's) last, by name."""
    ranks = _ranks()
    return sorted(dict.fromkeys(names), key=lambda name: (ranks.get(name, len(ranks)), name))


def _rank(technique: str) -> int:
    ranks = _ranks()
    return ranks.get(technique, len(ranks) + sum(technique.encode()))


def colour(technique: str) -> str:
    """``#rrggbb``: the same for a technique in every figure, whichever others stand beside it."""
    return _PALETTE[_rank(technique) % len(_PALETTE)]


def marker(technique: str) -> str:
    """Matplotlib's marker: a second way, beside the colour, to tell techniques apart."""
    return _MARKERS[_rank(technique) % len(_MARKERS)]


def positive_name(class_names: list[str], positive: int | None) -> str:
    """The positive class's name; '' for more than two classes."""
    return class_names[positive] if positive is not None else ""
