"""How often the audit accuses clean data, how often its intervals hold the truth, and what it finds of a planted fault.

python -m benchmarks.audit_false_alarms [--draws 400] [--parts coverage,shortcuts,shift]
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from balancing.data.images import ImageSet
from balancing.data.splits import Split
from balancing.quality.areas import clustered_area, standard_normal
from balancing.quality.properties import Property
from balancing.quality.shift import shift_findings
from balancing.quality.shortcuts import severity_of, shortcuts
from benchmarks.common import show

_TRUTH = 1_000_000


@dataclass(frozen=True)
class World:
    """Images of patients with one number each.

    Args:
        patients: (of the class, of the others).
        images: of a patient, in the mean; drawn from 1 to twice that less 1.
        alike: correlation of the numbers of one patient's images.
        apart: how far the class lies above the others, in standard deviations of these.
        tied: whether only whole numbers are seen (3 to 6 different values).
        spread: standard deviation of the class, where the others' is 1.
    """

    patients: tuple[int, int]
    images: int = 1
    alike: float = 0.0
    apart: float = 0.0
    tied: bool = False
    spread: float = 1.0

    def seen(self, values: np.ndarray) -> np.ndarray:
        return np.floor(values) if self.tied else values

    def draw(self, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(N,) whether of the class, its number, its patient."""
        sizes = rng.integers(1, 2 * self.images, sum(self.patients)) if self.images > 1 else 1
        patients = np.repeat(np.arange(sum(self.patients)), sizes)
        own = patients < self.patients[0]
        of_patient = rng.normal(size=sum(self.patients))[patients] * np.sqrt(self.alike)
        values = of_patient + rng.normal(size=len(patients)) * np.sqrt(1 - self.alike)
        return own, self.seen(np.where(own, values * self.spread + self.apart, values)), patients

    def truth(self) -> float:
        rng = np.random.default_rng(1)
        one, other = self.seen(rng.normal(size=_TRUTH) * self.spread + self.apart), self.seen(rng.normal(size=_TRUTH))
        return float((one > other).mean() + (one == other).mean() / 2)


WORLDS = [
    replace(World(patients, images, alike), **other)  # type: ignore[arg-type]
    for patients, images, alike in (
        ((200, 200), 1, 0.0),
        ((12, 12), 1, 0.0),
        ((6, 60), 1, 0.0),
        ((6, 60), 5, 0.9),
        ((6, 60), 5, 0.3),
        ((20, 40), 8, 0.9),
        ((20, 40), 8, 0.3),
    )
    for other in ({}, {"apart": 1.0}, {"apart": 2.5}, {"apart": 1.0, "tied": True}, {"spread": 3.0})
]


def coverage(draws: int) -> None:
    """Shares of intervals that hold the true AUROC."""
    rows, reach, rng = [], standard_normal(0.95), np.random.default_rng(0)
    for world in WORLDS:
        truth, areas = world.truth(), [clustered_area(*world.draw(rng), reach) for _ in range(draws)]
        low, high = (np.array([getattr(area, end) for area in areas]) for end in ("low", "high"))
        kind = "tied" if world.tied else "three times as spread" if world.spread > 1 else "plain"
        cells = ["{}:{}".format(*world.patients), world.images, world.alike, kind, f"{truth:.2f}"]
        held = np.mean((low <= truth) & (truth <= high))
        rows.append([*cells, f"{held:.3f}", f"{np.mean(truth < low):.3f}", f"{np.mean(high - low):.2f}"])
    columns = ["patients", "images each", "alike", "values", "true AUROC", "held", "truth below", "width"]
    show(f"AUROC over patients, {draws} draws: intervals of 95 %", columns, rows)


def _noise(labels: np.ndarray, patients: np.ndarray, alike: float, rng: np.random.Generator) -> list[Property]:
    """Eighteen properties as of files and pictures that know nothing of the class, some of them nearly the same."""
    n, count = len(labels), int(patients.max()) + 1

    def normal() -> np.ndarray:
        return rng.normal(size=count)[patients] * np.sqrt(alike) + rng.normal(size=n) * np.sqrt(1 - alike)

    common = normal()
    numbers = [Property(f"number {i}", "edges", normal()) for i in range(6)]
    near = [Property(f"like others {i}", "edges", common + 0.3 * normal()) for i in range(6)]
    sizes = [Property(f"size {i}", "file", np.floor(2 * normal())) for i in range(3)]
    words = [Property(f"word {i}", "source", np.floor(3 * normal()), ordered=False) for i in range(3)]
    return [*numbers, *near, *sizes, *words]


def _labelled(patients: tuple[int, int], images: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    sizes = rng.integers(1, 2 * images, sum(patients)) if images > 1 else 1
    of_each = np.repeat(np.arange(sum(patients)), sizes)
    return (of_each < patients[0]).astype(np.int64), of_each


def false_shortcuts(draws: int) -> None:
    """How often one property or more of clean data is told of, and a planted word is found."""
    rows, rng = [], np.random.default_rng(0)
    for patients, images, alike in (
        ((300, 300), 1, 0.0),
        ((30, 30), 1, 0.0),
        ((6, 60), 1, 0.0),
        ((6, 60), 5, 0.9),
        ((20, 40), 8, 0.9),
    ):
        above, told, found = 0, 0, 0
        for _ in range(draws):
            labels, groups = _labelled(patients, images, rng)
            properties = _noise(labels, groups, alike, rng)
            clean = shortcuts(properties, labels, ("others", "class"), groups, rng)
            above += any(one.low > 0.5 for one in clean)
            told += any(severity_of(one) for one in clean)
            planted = Property("format", "file", labels.astype(float), ordered=False)
            both = shortcuts([planted, *properties], labels, ("others", "class"), groups, rng)
            found += any(severity_of(one) == "warning" for one in both if one.property == "format")
        cells = ["{}:{}".format(*patients), images, alike]
        rows.append([*cells, f"{above / draws:.3f}", f"{told / draws:.3f}", f"{found / draws:.3f}"])
    columns = ["patients", "images each", "alike", "any interval above 0.5", "any finding", "planted format: warned"]
    show(f"Eighteen properties that know nothing of the class, {draws} draws", columns, rows)


def _images(labels: np.ndarray, patients: np.ndarray) -> ImageSet:
    n, one = len(labels), np.ones(len(labels), dtype=np.int64)
    names = np.array([f"{i}.png" for i in range(n)])
    return ImageSet(
        pixels=np.zeros((n, 8, 8), dtype=np.uint8),
        labels=labels,
        class_names=("others", "class"),
        splits=np.full(n, "train"),
        names=names,
        patients=np.char.add("p", patients.astype(str)),
        sha256=names,
        widths=one,
        heights=one,
        channels=one,
        masks_path=None,
        source="drawn",
        fingerprint="0",
        pixels_path=Path("none"),
    )


def false_shifts(draws: int) -> None:
    """How often a split cut at random is called different, and one whose test images are brighter by a half."""
    rows, rng = [], np.random.default_rng(0)
    for patients, images, alike in (((300, 300), 1, 0.0), ((30, 30), 1, 0.0), ((6, 60), 5, 0.9), ((40, 80), 8, 0.9)):
        alarms = {"split_differs": 0, "class_shares_differ": 0, "shifted": 0}
        for _ in range(draws):
            labels, groups = _labelled(patients, images, rng)
            part = rng.choice(3, sum(patients), p=(0.6, 0.2, 0.2))[groups]
            train, validation, test = (np.flatnonzero(part == one) for one in range(3))
            split = Split(train, validation, test)
            of_patient, own = rng.normal(size=(sum(patients), 24)), rng.normal(size=(len(labels), 24))
            waves = (of_patient[groups] * np.sqrt(alike) + own * np.sqrt(1 - alike)) @ rng.normal(size=(24, 1024))
            properties = _noise(labels, groups, alike, rng)
            found = shift_findings(_images(labels, groups), split, waves, properties, rng)
            for check in {one.check for one in found}:
                alarms[check] += 1
            shifted = [Property("brightness", "edges", own[:, 0] + (part == 2)), *properties]
            found = shift_findings(_images(labels, groups), split, waves, shifted, rng)
            alarms["shifted"] += any(one.check == "split_differs" for one in found)
        cells = ["{}:{}".format(*patients), images, alike]
        rows.append([*cells, *(f"{count / draws:.3f}" for count in alarms.values())])
    columns = ["patients", "images each", "alike", "split differs", "class shares differ", "shifted: found"]
    show(f"Test, validation and training cut at random by patient, {draws} draws", columns, rows)


PARTS = {"coverage": coverage, "shortcuts": false_shortcuts, "shift": false_shifts}


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--draws", type=int, default=400)
    parser.add_argument("--parts", default=",".join(PARTS))
    given = parser.parse_args(arguments)
    for part in given.parts.split(","):
        PARTS[part](given.draws)


if __name__ == "__main__":
    main()
