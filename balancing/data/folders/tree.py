"""The folders that hold images, level by level, and what is known of each as its levels are read."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field


@dataclass
class Place:
    """A folder that holds images, and what the folders on its way mean.

    Args:
        folders: their names from the outside in, without blanks around them.
        images: how many lie directly in it.
        at: how many of the folders have been read.
        label: the class; None before it is found.
        inside: the folders below the class that are part of an image's name.
        out: its images are left out: ``stray`` (in no class folder) or ``drop`` (as ``--split-map`` asks).
    """

    folders: tuple[str, ...]
    images: int
    at: int = 0
    split: str | None = None
    fold: str | None = None
    label: str | None = None
    patient: str | None = None
    inside: tuple[str, ...] = ()
    out: str | None = None

    @property
    def here(self) -> str:
        return self.folders[self.at]

    @property
    def deeper(self) -> bool:
        return len(self.folders) > self.at + 1


@dataclass
class Level:
    """The folders at one depth, under all parents together.

    Args:
        places: those that have a folder here.
        images: of each name, how many lie in or below it.
        below: of each name, the names one level deeper.
    """

    places: list[Place]
    images: Counter[str] = field(default_factory=Counter)
    below: dict[str, set[str]] = field(default_factory=dict)
    deep: int = 0

    def __post_init__(self) -> None:
        for place in self.places:
            self.images[place.here] += place.images
            below = self.below.setdefault(place.here, set())
            if place.deeper:
                below.add(place.folders[place.at + 1])
                self.deep += place.images

    def leave_out(self, names: Collection[str]) -> None:
        """Leaves the images below folders of these names out, as was asked."""
        for place in self.places:
            place.out = "drop" if place.here in names else place.out

    @property
    def names(self) -> list[str]:
        return sorted(self.images)

    @property
    def leads_on(self) -> bool:
        """Whether most of the images lie deeper."""
        return 2 * self.deep >= sum(self.images.values())


def cleaned(name: str) -> str:
    """A folder's name without blanks around it, its letters composed (macOS takes them apart)."""
    return unicodedata.normalize("NFC", name).strip()
