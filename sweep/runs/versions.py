"""The versions that a trial's numbers hang on, and whether the trials of one run were trained alike."""

from __future__ import annotations

import platform
import re
from collections.abc import Iterable, Mapping
from importlib import metadata

from balancing.version import VERSION

_PACKAGES = ("torch", "torchvision", "ray", "numpy", "scikit-learn", "imbalanced-learn", "torchcam")
# Those that train, and so make two halves of one comparison unlike.
TRAINING = ("balancing-act", "torch", "ray")


def versions() -> dict[str, str]:
    """Python, this code, and the packages that decide a trial's numbers; those not installed are left out."""
    found = {"python": platform.python_version(), "balancing-act": VERSION}
    for package in _PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found


def release(version: str) -> str:
    """Major and minor version: ``2.14.1+cpu`` -> ``2.14``."""
    numbers = re.match(r"\d+(?:\.\d+)?", version)
    return numbers[0] if numbers else version


def differing(one: Mapping[str, str], other: Mapping[str, str], names: Iterable[str] = TRAINING) -> list[str]:
    """The packages that two sets of versions both tell of, and differently: ``torch 2.14.1, not 2.13.0``."""
    return [
        f"{name} {other[name]}, not {one[name]}"
        for name in names
        if name in one and name in other and one[name] != other[name]
    ]
