"""What is wrong with the data: leaks, duplicates, shortcuts, splits too small to tell anything.

A *leak* means that test results look better than they are: the test split shares a patient or an image with training
or validation, by which networks are chosen. A *warning* should be understood before results are believed; a *note* is
good to know.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from balancing.data.images import ImageSet
from balancing.data.patients import FEWEST, patients_of_classes
from balancing.data.splits import PARTS, Split
from balancing.quality.appearance import appearance
from balancing.quality.brightness import brightness, histograms, mean_and_contrast
from balancing.quality.duplicates import exact_groups, grouped, near_pairs, thumbnails
from balancing.quality.findings import SEVERITIES, Audit, Finding, Severity, Shortcut
from balancing.quality.properties import Property, of_files, of_pictures, of_sources
from balancing.quality.shift import shift_findings
from balancing.quality.shortcuts import shortcut_findings, shortcuts
from balancing.quality.unknown_patients import unknown_patients

__all__ = ["SEVERITIES", "Audit", "Finding", "audit"]

# Fewer images of a class than this, and its rate moves in steps of 0.02 or more.
FEW = 50


def audit(images: ImageSet, split: Split) -> Audit:
    """Looks at files, labels, patients and pixels; reads each pixel three times. Draws are the same each time.

    Args:
        images: decoded; pixels may be memory-mapped.
        split: which rows train, validate and test.
    """
    part_of = np.full(len(images), "", dtype=object)
    for part in PARTS:
        part_of[getattr(split, part)] = part
    used = np.flatnonzero(part_of != "")
    small = thumbnails(images.pixels)
    counts_of_levels = histograms(images.pixels)
    looks = of_pictures(*mean_and_contrast(counts_of_levels), appearance(images.pixels))
    told = _shortcuts(images, split, [*of_files(images), *of_sources(images), *looks])
    found = [
        *_patients_on_both_sides(images, part_of),
        *_exact(images, part_of),
        *_near(images, part_of, small),
        *_by_images_alone(images, split),
        *shortcut_findings(told),
        *shift_findings(images, split, small, [*of_files(images), *looks], np.random.default_rng(0)),
        *_small_parts(images, split),
        *_few_patients(images, split),
        *brightness(images, counts_of_levels),
        *_constant(images, small),
    ]
    rank = {severity: i for i, severity in enumerate(SEVERITIES)}
    counts = {
        part: np.bincount(images.labels[getattr(split, part)], minlength=images.n_classes).tolist() for part in PARTS
    }
    return Audit(
        tuple(images.class_names),
        counts,
        _patient_facts(images, split, used),
        _size_facts(images),
        tuple(sorted(found, key=lambda finding: rank[finding.severity])),
        tuple(told),
    )


def _shortcuts(images: ImageSet, split: Split, properties: Sequence[Property]) -> list[Shortcut]:
    """Held against the class on what networks learn from and are chosen by, not on test."""
    rows = np.sort(np.concatenate([split.train, split.validation]))
    patients = None if images.patients is None else images.patients[rows]
    own = [replace(one, values=one.values[rows]) for one in properties]
    return shortcuts(own, images.labels[rows], images.class_names, patients, np.random.default_rng(0))


def _names(images: ImageSet, groups: Sequence[np.ndarray]) -> tuple[tuple[str, ...], ...]:
    """File names behind the source's own split, since a name may stand in several."""
    return tuple(tuple(f"{images.splits[row]}/{images.names[row]}" for row in group) for group in groups)


def _count(n: int, one: str, many: str | None = None) -> str:
    return f"{n:,} {one if n == 1 else many or one + 's'}"


def _crossing(groups: Sequence[np.ndarray], part_of: np.ndarray) -> dict[tuple[str, str], list[np.ndarray]]:
    """Groups on both sides of each pair of parts."""
    found: dict[tuple[str, str], list[np.ndarray]] = {}
    for group in groups:
        parts = [part for part in PARTS if part in set(part_of[group])]
        for i, first in enumerate(parts):
            for second in parts[i + 1 :]:
                found.setdefault((first, second), []).append(group)
    return found


def _side(pair: tuple[str, str], exact: bool = True) -> Severity:
    """The test split must share nothing with what networks are trained on or chosen by."""
    return "leak" if pair[1] == "test" and exact else "warning"


def _patients_on_both_sides(images: ImageSet, part_of: np.ndarray) -> list[Finding]:
    if images.patients is None:
        return unknown_patients(images, part_of)
    rows: dict[str, list[int]] = {}
    for row, patient in enumerate(images.patients.tolist()):
        rows.setdefault(patient, []).append(row)
    groups = [np.array(group) for group in rows.values() if len(group) > 1]
    return [
        Finding(
            "patients_across_splits",
            _side(pair),
            f"{_count(len(crossing), 'patient')} {'has' if len(crossing) == 1 else 'have'} images both in {pair[0]} "
            f"and in {pair[1]}.",
            "Move all images of a patient to one side, or give a folder without splits: the tool cuts by patient.",
            _names(images, crossing),
            {"parts": list(pair), "patients": len(crossing), "images": int(sum(map(len, crossing)))},
        )
        for pair, crossing in _crossing(groups, part_of).items()
    ]


def _exact(images: ImageSet, part_of: np.ndarray) -> list[Finding]:
    groups = exact_groups(images.sha256)
    found = []
    for pair, crossing in _crossing(groups, part_of).items():
        found.append(
            Finding(
                "duplicates_across_splits",
                _side(pair),
                f"{_count(len(crossing), 'image')} {'is' if len(crossing) == 1 else 'are'} byte for byte both in "
                f"{pair[0]} and in {pair[1]}.",
                f"Remove the copies from {pair[0]}.",
                _names(images, crossing),
                {"parts": list(pair), "groups": len(crossing)},
            )
        )
    inside = [group for group in groups if len(set(part_of[group])) == 1]
    if inside:
        where = {part: sum(part_of[group[0]] == part for group in inside) for part in PARTS}
        named = ", ".join(f"{n} in {part}" for part, n in where.items() if n)
        found.append(
            Finding(
                "duplicates",
                "note",
                f"{_count(len(inside), 'group')} of byte-identical images within one split ({named}).",
                "They count twice in training or in the rates; remove the copies where that matters.",
                _names(images, inside),
                {"groups": len(inside), **where},
            )
        )
    return found + _other_labels(images, groups, "byte-identical images")


def _other_labels(images: ImageSet, groups: Sequence[np.ndarray], what: str) -> list[Finding]:
    torn = [group for group in groups if len(set(images.labels[group].tolist())) > 1]
    if not torn:
        return []
    return [
        Finding(
            "label_conflicts",
            "warning",
            f"{_count(len(torn), 'group')} of {what} {'has' if len(torn) == 1 else 'have'} different labels.",
            "One of the labels is wrong: look at the files, and mend or remove them.",
            _names(images, torn),
            {"groups": len(torn)},
        )
    ]


def _near(images: ImageSet, part_of: np.ndarray, small: np.ndarray) -> list[Finding]:
    pairs = near_pairs(small)
    pairs = pairs[images.sha256[pairs[:, 0]] != images.sha256[pairs[:, 1]]]
    groups = grouped(pairs)
    found = []
    for pair, crossing in _crossing(groups, part_of).items():
        found.append(
            Finding(
                "near_duplicates_across_splits",
                _side(pair, exact=False),
                f"{_count(len(crossing), 'group')} of images that look the same (another file of one picture) lie both "
                f"in {pair[0]} and in {pair[1]}.",
                "Look at the files; where they are copies, keep them on one side.",
                _names(images, crossing),
                {"parts": list(pair), "groups": len(crossing)},
            )
        )
    inside = [group for group in groups if len(set(part_of[group])) == 1]
    if inside:
        found.append(
            Finding(
                "near_duplicates",
                "note",
                f"{_count(len(inside), 'group')} of different files that look the same, within one split.",
                "Look at the files; remove copies where they matter.",
                _names(images, inside),
                {"groups": len(inside)},
            )
        )
    return found + _other_labels(images, groups, "images that look the same")


def _by_images_alone(images: ImageSet, split: Split) -> list[Finding]:
    """How many patients a split by images would put on both sides of a cut: parts as large, drawn within classes."""
    if images.patients is None:
        return []
    rng = np.random.default_rng(0)
    rows = np.concatenate([split.train, split.validation, split.test])
    part = np.repeat(np.arange(3), [len(split.train), len(split.validation), len(split.test)])
    for label in range(images.n_classes):
        own = images.labels[rows] == label
        part[own] = rng.permutation(part[own])
    parts_of: dict[str, set[int]] = {}
    for patient, drawn in zip(images.patients[rows].tolist(), part.tolist(), strict=True):
        parts_of.setdefault(patient, set()).add(drawn)
    torn = sum(len(parts) > 1 for parts in parts_of.values())
    return [
        Finding(
            "split_by_images",
            "note",
            f"A split of this size drawn by images alone would put {_count(torn, 'patient')} on both sides of a cut.",
            "Nothing to do: the splits that the tool cuts are by patient.",
            values={"patients": torn},
        )
    ]


def _small_parts(images: ImageSet, split: Split) -> list[Finding]:
    found = []
    for part in PARTS:
        counts = np.bincount(images.labels[getattr(split, part)], minlength=images.n_classes)
        few = [label for label in range(images.n_classes) if counts[label] < FEW]
        for label in few:
            n = int(counts[label])
            step = f"its rate there moves in steps of {1 / n:.3f}" if n else "its rate there can't be told"
            if part == "train":
                step = "a network can hardly learn it"
            found.append(
                Finding(
                    "few_images",
                    "warning",
                    f"Class {images.class_names[label]} has {_count(n, 'image')} in {part}: {step}.",
                    ("Expect wide swings between seeds" if part == "train" else "Intervals will be wide")
                    + "; more images of that class are the only remedy.",
                    values={"part": part, "class": images.class_names[label], "images": n},
                )
            )
    official = np.flatnonzero(images.splits == "validation")
    if len(official) and not np.isin(official, split.validation).all():
        counts = np.bincount(images.labels[official], minlength=images.n_classes)
        named = ", ".join(f"{n} {name}" for name, n in zip(images.class_names, counts, strict=True))
        found.append(
            Finding(
                "official_validation",
                "note",
                f"The data set's own validation split is too small to choose by ({named}): it is not used as it is.",
                "Nothing to do.",
                values={"counts": counts.tolist()},
            )
        )
    return found


def _few_patients(images: ImageSet, split: Split) -> list[Finding]:
    """By patients, for many images of one of them tell little more than one; images stand for unknown patients."""
    thing = "patient" if images.patients is not None else "image"
    found = []
    for part in ("validation", "test"):
        for label, n in enumerate(_patients_per_class(images, getattr(split, part))):
            if not 0 < n < FEWEST:
                continue
            name = images.class_names[label]
            why = "no verdict is given" if part == "test" else "networks and configurations are chosen by hardly any"
            found.append(
                Finding(
                    "few_patients",
                    "warning",
                    f"Class {name} has {_count(n, thing)} in {part}: with fewer than {FEWEST} of a class {why}.",
                    "More patients of that class are the only remedy; more images of the same ones are none.",
                    values={"part": part, "class": name, "patients": n, "known": images.patients is not None},
                )
            )
    return found


def _patients_per_class(images: ImageSet, rows: np.ndarray) -> list[int]:
    """(C,) patients with an image of each class among the rows; images, where patients are unknown."""
    patients = None if images.patients is None else images.patients[rows]
    return patients_of_classes(images.labels[rows], patients, images.n_classes)


def _constant(images: ImageSet, small: np.ndarray) -> list[Finding]:
    rows = np.flatnonzero(~small.any(axis=1))
    if not len(rows):
        return []
    return [
        Finding(
            "constant",
            "warning",
            f"{_count(len(rows), 'image')} {'shows' if len(rows) == 1 else 'show'} one grey level and nothing else.",
            "Look at the files and remove them.",
            _names(images, [np.array([row]) for row in rows]),
            {"images": len(rows)},
        )
    ]


def _patient_facts(images: ImageSet, split: Split, used: np.ndarray) -> dict[str, Any]:
    if images.patients is None:
        return {"known": False}
    _, counts = np.unique(images.patients[used], return_counts=True)
    per_part = {part: len(set(images.patients[getattr(split, part)].tolist())) for part in PARTS}
    return {
        "known": True,
        "total": len(counts),
        "per_part": per_part,
        "per_class": {part: _patients_per_class(images, getattr(split, part)) for part in PARTS},
        "median_images": float(np.median(counts)) if len(counts) else 0.0,
        "most_images": int(counts.max(initial=0)),
    }


def _size_facts(images: ImageSet) -> dict[str, dict[str, Any]]:
    facts = {}
    for label, name in enumerate(images.class_names):
        own = images.labels == label
        facts[name] = {
            "width": [int(images.widths[own].min()), int(images.widths[own].max())],
            "height": [int(images.heights[own].min()), int(images.heights[own].max())],
            "channels": sorted({int(n) for n in images.channels[own]}),
        }
    return facts
