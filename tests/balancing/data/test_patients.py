"""Patients told from file names."""

from __future__ import annotations

import signal

import numpy as np
import pytest

import balancing.data.images
from balancing.data import patterns
from balancing.data.patients import patient_ids
from balancing.errors import UserError


def test_the_chest_xrays_names() -> None:
    names = [
        "person23_bacteria_100.jpeg",
        "person23_bacteria_101.jpeg",
        "person23_virus_7.jpeg",
        "person447_virus_921_1.jpeg",
        "IM-0115-0001.jpeg",
        "IM-0115-0001-0001.jpeg",
        "NORMAL2-IM-0587-0001-0002.jpeg",
        "NORMAL2-IM-0587-0001.jpeg",
        "NORMAL/IM-0115-0002.jpeg",
    ]
    ids, note = patient_ids(names, ["train"] * len(names))
    assert ids is not None
    assert ids.tolist() == [
        "person23_bacteria",
        "person23_bacteria",
        "person23_virus",
        "person447_virus",
        "IM-0115",
        "IM-0115",
        "NORMAL2-IM-0587",
        "NORMAL2-IM-0587",
        "IM-0115",
    ]
    assert "5 patients" in note


def test_an_id_in_two_splits_is_one_patient() -> None:
    """So that a patient whom somebody tore by dealing the images anew is found."""
    names = ["person1_virus_6.jpeg", "person1_virus_7.jpeg", "person1_bacteria_1.jpeg"]
    ids, _ = patient_ids(names, ["train", "test", "test"])
    assert ids is not None
    assert ids.tolist() == ["person1_virus", "person1_virus", "person1_bacteria"]


def test_the_built_in_pattern_needs_95_percent() -> None:
    names = [f"person{i}_virus_1.jpeg" for i in range(95)] + [f"other{i}.png" for i in range(5)]
    ids, note = patient_ids(names, ["train"] * 100)
    assert ids is not None
    assert len(set(ids)) == 100
    assert "5 names do not match and count as a patient each" in note
    ids, note = patient_ids([*names, "other5.png"], ["train"] * 101)
    assert ids is None
    assert "--patient-table or --patient-pattern would tell" in note
    assert patient_ids([], [])[0] is None


def test_a_users_pattern_means_the_same_patient_in_every_split() -> None:
    names = np.array(["p1-a.png", "p1-b.png", "p2-a.png", "stray.png"])
    ids, note = patient_ids(names, np.array(["train", "test", "train", "train"]), pattern=r"^(p\d+)-")
    assert ids is not None
    assert ids.tolist() == ["p1", "p1", "p2", "train/stray.png"]
    assert "1 names do not match" in note
    whole, _ = patient_ids(names, ["train"] * 4, pattern=r"p\d+")
    assert whole is not None
    assert whole.tolist()[:3] == ["p1", "p1", "p2"]


@pytest.mark.parametrize(
    ("pattern", "sentence"),
    [
        ("(", r"the patient pattern '\(' is no regular expression"),
        ("q(x)", r"matches none of the 1 file names.*a\.png"),
    ],
)
def test_a_pattern_that_cannot_help(pattern: str, sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        patient_ids(["a.png"], ["train"], pattern=pattern)


@pytest.mark.parametrize(
    "pattern", ["a{99999999999}", "(" * 5000, "(" * 5000 + ")" * 5000, "(?P<x>", "[", "x" * 3000 + "["]
)
def test_a_pattern_that_python_cannot_hold_is_told_before_anything_is_decoded(
    pattern: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(balancing.data.images, "open_source", lambda *_, **__: pytest.fail("the source was opened"))
    with pytest.raises(UserError, match="^the patient pattern .* is no regular expression: ") as caught:
        balancing.data.images.load_images("phantom", patient_pattern=pattern)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 300


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs interval timers")
def test_a_pattern_without_an_end_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patterns, "LIMIT_SECONDS", 0.05)
    before, timed = signal.getsignal(signal.SIGALRM), signal.getitimer(signal.ITIMER_REAL)[0] > 0
    names = ["a.png", "a" * 60 + "b"]  # 2 ** 60 ways
    with pytest.raises(UserError, match=r"was stopped after 0\.05 s at the name 'a{60}b': .*simplify it"):
        patient_ids(names, ["train"] * 2, pattern="(a+)+$")
    assert signal.getsignal(signal.SIGALRM) is before
    assert (signal.getitimer(signal.ITIMER_REAL)[0] > 0) == timed, "a timer of somebody else's was lost"
    assert patient_ids(["p1_a", "p1_b"], ["train"] * 2, pattern="(p[0-9])_")[0] is not None
