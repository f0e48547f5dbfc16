"""File names that look as if they carried a patient are told so; others are left in peace."""

from __future__ import annotations

import re

import pytest

from balancing.data.patient_names import proposals
from balancing.data.patients import patient_ids

_THREE = [(p, j) for p in range(30) for j in range(1, 4)]

CARRY = {
    "a word": [f"patient{p:05d}_study1_view{j}.png" for p, j in _THREE],
    "a short word": [f"sub-{p:03d}_T{j}.png" for p, j in _THREE],
    "a word behind": [f"view{j}_Subject {p}.png" for p, j in _THREE],
    "a letter": [f"P{p:03d}_{j}.png" for p, j in _THREE],
    "ChestX-ray14": [f"{p:08d}_{j:03d}.png" for p, j in _THREE],
    "BreakHis": [f"SOB_{'MB'[p % 2]}_A-14-{22549 + p}AB-40-{j:03d}.png" for p, j in _THREE],
    "two eyes": [f"{p}_{side}.jpeg" for p in range(10, 60) for side in ("left", "right")],
    "class in front": [f"{('flu', 'cold')[p % 2]}-{1016042 + p}-{j}.jpeg" for p, j in _THREE],
    "in folders": [f"a/b/patient_{p}_{j}.png" for p, j in _THREE],
}
SILENT = {
    "numbered": [f"{i:03d}.bmp" for i in range(90)],
    "class and number": [f"{('mel', 'nv')[i % 2]}_{i:03d}.png" for i in range(90)],
    "in brackets": [f"benign ({i}).png" for i in range(90)],
    "one id": [f"ISIC_{24306 + i:07d}.jpg" for i in range(90)],
    "a date": [f"IMG_20190{1 + i % 9}0{1 + i % 5}_{100000 + i * 371}.jpg" for i in range(90)],
    "a date in parts": [f"2019-0{1 + i % 9}-{10 + i % 12}-{i:04d}.jpeg" for i in range(90)],
    "class number": [f"{i % 3}_{i}.jpeg" for i in range(90)],
    "one image a patient": [f"patient{i:03d}.png" for i in range(90)],
    "few": ["a.png", "b.png"],
    "none": [],
}


@pytest.mark.parametrize("names", CARRY.values(), ids=CARRY)
def test_a_patient_in_the_name_is_proposed_with_its_pattern_and_count(names: list[str]) -> None:
    first = proposals(names, ["train"] * len(names))[0]
    truth = {re.sub(r"[_-]?(?:\d{1,3}|left|right)(?=\.\w+$)", "", name.rpartition("/")[2]) for name in names}
    if not names[0].startswith("view"):
        assert first.n_patients == len(truth)
    told, note = patient_ids(names, ["train"] * len(names), pattern=first.pattern)
    assert told is not None
    assert len(set(told)) == first.n_patients
    assert f"{first.n_patients} patients" in note


@pytest.mark.parametrize("names", SILENT.values(), ids=SILENT)
def test_names_that_carry_no_patient_lead_to_no_proposal(names: list[str]) -> None:
    assert proposals(names, ["train"] * len(names)) == []


def test_the_note_counts_the_patients_who_would_be_torn_and_can_be_silenced() -> None:
    names = CARRY["ChestX-ray14"]
    splits = ["test" if name.endswith("_003.png") and int(name[:8]) < 12 else "train" for name in names]
    told, note = patient_ids(names, splits)
    assert told is None
    assert r"--patient-pattern '^(\d+)_' would tell 30 patients of 90 images" in note
    assert "of whom 12 would lie in both train and test" in note
    told, note = patient_ids(names, splits, pattern="none")
    assert told is None
    assert "--patient-pattern none asks" in note


def test_the_oct_images_are_told_by_their_own_numbers() -> None:
    names = [f"{kind}-{1000 + p}-{j}.jpeg" for kind in ("CNV", "NORMAL") for p in range(5) for j in (1, 2)]
    told, note = patient_ids(names, ["train"] * 20)
    assert told is not None
    assert len(set(told)) == 5
    assert "OCT2017" in note


def test_a_folder_may_carry_the_patient() -> None:
    paths = [f"train/patient{p:05d}/study1/view{j}.jpg" for p, j in _THREE]
    names = [path.rpartition("/")[2] for path in paths]
    told, note = patient_ids(names, ["train"] * 90, paths=paths)
    assert told is None
    assert "would tell 30 patients of 90 images" in note
    told, _ = patient_ids(names, ["train"] * 90, pattern=r"patient(\d+)/", paths=paths)
    assert told is not None
    assert len(set(told)) == 30


@pytest.mark.parametrize(
    ("names", "pattern"),
    [
        ([f"OAS1_{p:04d}_MR1_mpr-{m}_{k}.jpg" for p in range(20) for m in (1, 2) for k in (100, 140)], r"^OAS1_(\d+)_"),
        ([f"C_{p:04d}_1.{side}_{view}.png" for p in range(20) for side in ("LEFT", "RIGHT") for view in ("CC", "MLO")],
         r"^C_(\d+)_"),
        ([f"bus_{p:04d}-{side}.png" for p in range(20) for side in "lr"], r"^bus_(\d+)-"),
        ([f"9{p * 37:06d}{side}.png" for p in range(20) for side in "LR"], None),
    ],
)  # fmt: skip
def test_views_and_sides_behind_a_number_tell_that_it_is_a_patient(names: list[str], pattern: str | None) -> None:
    first = proposals(names, ["train"] * len(names))[0]
    assert first.n_patients == 20
    assert pattern is None or first.pattern == pattern


@pytest.mark.parametrize("name", ["fold{a}_img_{i}.png", "class{a}_{b}.png", "site{a}-{b}.png", "grade{a}_{b}.png"])
def test_folds_sites_and_classes_are_no_patients(name: str) -> None:
    names = [name.format(a=i % 8, b=i // 8, i=i) for i in range(200)]
    assert proposals(names, ["train"] * 200) == []


def test_a_pattern_takes_one_part_of_a_name_alone() -> None:
    names = [f"s{i % 20}_lung_{i // 20}.png" for i in range(200)]
    (found,) = proposals(names, ["train"] * 200)
    assert (found.pattern, found.n_patients, found.example) == ("^([^-_ .()]+)_", 20, "s0")
