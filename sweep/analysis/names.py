"""How techniques and metrics are called and shown: one order, one colour, one marker each, everywhere."""

from __future__ import annotations

import colorsys
import hashlib
import re
from collections.abc import Iterable

from balancing.components.named import STUDY
from balancing.components.techniques import Technique, get_technique, order_of
from balancing.errors import UserError
from balancing.metrics import Gives

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
# Names of sections, tables and figures: file names, anchors of a page and keys of summary.json.
_NAME = re.compile(r"[a-z][a-z0-9_]*")
_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "p", "*", "h", "<", ">", "d", "H", "8")
# The hue, in degrees, of techniques that declare no colour, by the axis of their last component.
_HUES = {
    "sampler": 215,
    "augmentation": 145,
    "mixer": 280,
    "loss": 355,
    "schedule": 180,
    "optimizer": 85,
    "decision": 45,
}
_SEVERAL = 320  # of compositions


def _known(technique: str) -> Technique | None:
    """The technique; None where it is one of another version or machine."""
    try:
        return get_technique(technique)
    except UserError:
        return None


def gives_of(technique: str) -> Gives:
    """What a technique's answers are; of one that is not known here probabilities."""
    known = _known(technique)
    return "probabilities" if known is None else known.gives


def display_name(technique: str) -> str:
    """The name people read, ``borderline_smote`` -> ``Borderline-SMOTE``: its label, or its name in words."""
    known = _known(technique)
    if known is not None:
        return known.label
    words = technique.replace("+", " + ").replace("_", " ")
    return words[:1].upper() + words[1:]


def check_name(kind: str, name: str) -> None:
    """Raises ValueError where a section, a table or a figure can't have a name."""
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise ValueError(
            f"a {kind} can't be named {name!r}: small letters, digits and underscores alone, a letter first, since it "
            "names files and anchors"
        )


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


def in_order(names: Iterable[str]) -> list[str]:
    """Distinct techniques, the study's first and in its order, the others by name."""
    return sorted(dict.fromkeys(names), key=order_of)


def _fractions(technique: str) -> list[float]:
    """Four numbers in [0, 1] that follow from the name alone."""
    digest = hashlib.sha256(technique.encode()).digest()
    return [int.from_bytes(digest[4 * i : 4 * i + 4], "little") / 2**32 for i in range(4)]


def colour(technique: str) -> str:
    """``#rrggbb``: the one it declares, else one of its axis' hue that follows from its name alone.

    So it is the same in every figure, whichever others stand beside it or are added later. The study's are Okabe &
    Ito's for colour-blind readers. Beyond eight techniques a hue tells the axis; marker and label tell the technique.
    """
    known = _known(technique)
    if known is not None and known.colour:
        return known.colour
    hue, lightness, saturation, _ = _fractions(technique)
    if known is None or not known.parts:
        saturation = -1.2  # grey
    axes = known.axes if known is not None else ()
    degrees = _SEVERAL if len(axes) > 1 else _HUES.get(axes[-1] if axes else "", 0)
    rgb = colorsys.hls_to_rgb(
        (degrees + 40 * (hue - 0.5)) % 360 / 360, 0.32 + 0.24 * lightness, max(0.0, 0.5 + 0.45 * saturation)
    )
    return "#" + "".join(f"{round(255 * part):02x}" for part in rgb)


def marker(technique: str) -> str:
    """Matplotlib's marker: a second way, beside the colour, to tell techniques apart."""
    if technique in STUDY:
        return _MARKERS[STUDY.index(technique)]
    return _MARKERS[int(_fractions(technique)[3] * len(_MARKERS))]
