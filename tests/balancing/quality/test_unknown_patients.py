"""Patients that nothing tells: said, and what file names would show of the split."""

from __future__ import annotations

import numpy as np

from balancing.quality.unknown_patients import unknown_patients
from tests.balancing.quality.drawn import image_set

NAMES = np.array([f"{p:08d}_{j:03d}.png" for p in range(20) for j in range(3)])
PARTS = np.array(["test" if j == 2 and p < 7 else "train" for p in range(20) for j in range(3)])


def test_a_split_that_tears_the_patients_of_the_names_is_a_warning_with_their_files() -> None:
    images = image_set(np.arange(60) % 2, names=NAMES, splits=PARTS)
    unknown, torn = unknown_patients(images, PARTS)
    assert unknown.check == "patients_unknown"
    assert torn.severity == "warning"
    assert "7 in both train and test of 20 patients" in torn.title
    assert r"--patient-pattern '^(\d+)_'" in torn.advice
    assert len(torn.files) == 7
    assert torn.files[0] == ("train/00000000_000.png", "train/00000000_001.png", "test/00000000_002.png")


def test_nothing_is_said_of_whole_patients_of_plain_names_or_where_it_was_denied() -> None:
    labels = np.arange(60) % 2
    whole = np.array(["test" if p < 5 else "train" for p in range(20) for _ in range(3)])
    assert len(unknown_patients(image_set(labels, names=NAMES), whole)) == 1
    assert len(unknown_patients(image_set(labels), PARTS)) == 1
    denied = image_set(labels, names=NAMES, reading={"patient_pattern": "none"})
    assert len(unknown_patients(denied, PARTS)) == 1
