"""What an audit of data says: findings, each with a severity, and the facts beside them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

Severity = Literal["leak", "warning", "note"]
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
class Audit:
    """What was looked at and what was found.

    Args:
        class_names: (C,).
        counts: part -> images of each class.
        patients: facts about patients: ``known``, and where they are known ``total``, ``per_part``, ``per_class``
            (part -> patients of each class), ``most_images``, ``median_images``.
        sizes: class -> smallest and largest width and height of the files, and their channel counts.
        findings: worst first.
    """

    class_names: tuple[str, ...]
    counts: Mapping[str, Sequence[int]]
    patients: Mapping[str, Any]
    sizes: Mapping[str, Mapping[str, Any]]
    findings: tuple[Finding, ...]

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
        return cls(**{**values, "class_names": tuple(values["class_names"]), "findings": findings})
