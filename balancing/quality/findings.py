"""What an audit of data says: findings, each with a severity, and the facts beside them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

Severity = Literal["leak", "warning", "note"]
# What kind of thing a property is: of the file, of where it came from, of the whole picture, of its edges.
Family = Literal["file", "source", "brightness", "edges"]
SEVERITIES: tuple[Severity, ...] = ("leak", "warning", "note")


@dataclass(frozen=True)
class Finding:
    """One thing that was found.

    Args:
        check: its key, e.g. ``patients_across_splits``.
        severity: ``leak``, ``warning`` or ``note``.
        title: one sentence with the numbers.
        advice: what to do, one sentence.
        files: groups of files that belong together, each as ``split/name`` by the source's own split; complete.
        values: plain numbers.
    """

    check: str
    severity: Severity
    title: str
    advice: str
    files: tuple[tuple[str, ...], ...] = ()
    values: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Shortcut:
    """How well one property that is no disease tells a class from the rest.

    Args:
        property: in words, e.g. ``file format``.
        family: what kind of thing it is; properties of a family are reported together.
        class_name: the class that it tells best.
        auroc: in [0, 1]; of numbers as they are at least 0.5, whichever way they point.
        low, high: its interval over patients; those of all properties hold together.
        held_out: whether the AUROC is of images whose patients were held out; else of numbers as they are.
        images: of which it is known.
    """

    property: str
    family: Family
    class_name: str
    auroc: float
    low: float
    high: float
    held_out: bool
    images: int


@dataclass(frozen=True)
class Audit:
    """What was looked at and what was found.

    Args:
        class_names: (C,).
        counts: part -> images of each class.
        patients: facts about patients: ``known``, and where they are known ``total``, ``per_part``, ``per_class``
            (part -> patients of each class), ``most_images``, ``median_images``.
        sizes: class -> smallest and largest width and height of the files, and their channel counts.
        findings: worst first.
        shortcuts: every property that was held against the class, worst first; () of older versions, or with nothing
            to hold.
    """

    class_names: tuple[str, ...]
    counts: Mapping[str, Sequence[int]]
    patients: Mapping[str, Any]
    sizes: Mapping[str, Mapping[str, Any]]
    findings: tuple[Finding, ...]
    shortcuts: tuple[Shortcut, ...] = ()

    @property
    def leaks(self) -> tuple[Finding, ...]:
        return tuple(finding for finding in self.findings if finding.severity == "leak")

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Audit:
        findings = tuple(
            Finding(**{**found, "files": tuple(tuple(group) for group in found["files"])})
            for found in values["findings"]
        )
        shortcuts = tuple(Shortcut(**one) for one in values.get("shortcuts", ()))
        names = tuple(values["class_names"])
        return cls(**{**values, "class_names": names, "findings": findings, "shortcuts": shortcuts})
