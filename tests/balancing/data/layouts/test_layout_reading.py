"""Public data sets with tables or arrays, drawn small, are read whole: classes, splits, patients, positive class."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from balancing.data.images import ImageSet, load_images
from balancing.errors import UserError
from tests.balancing.samples import png, write_files

Files = tuple[list[str], dict[str, str]]


def csv(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    return "".join(",".join(map(str, row)) + "\n" for row in (columns, *rows))


def one_hot(ids: Sequence[str], columns: str) -> str:
    names = columns.split()
    rows = [(one, *(float(k == i % 2) for k in range(len(names)))) for i, one in enumerate(ids)]
    return csv(["image", *names], rows)


def ids(start: int, count: int = 12) -> list[str]:
    return [f"ISIC_{start + i:07d}" for i in range(count)]


def ham10000() -> Files:
    rows = [(f"HAM_{i // 2}", one, ("nv", "nv", "mel")[i % 3], "histo") for i, one in enumerate(ids(0))]
    table = csv(["lesion_id", "image_id", "dx", "dx_type"], rows)
    return [f"HAM10000_images_part_{1 + i % 2}/{one}.jpg" for i, one in enumerate(ids(0))], {
        "HAM10000_metadata.csv": table
    }


def isic2018() -> Files:
    kinds, tables, images = "MEL NV BCC AKIEC BKL DF VASC", {}, []
    for split, start in (("Training", 0), ("Test", 100)):
        name = f"ISIC2018_Task3_{split}_GroundTruth"
        tables[f"{name}/{name}.csv"] = one_hot(ids(start), kinds)
        images += [f"ISIC2018_Task3_{split}_Input/{one}.jpg" for one in ids(start)]
    rows = [(one, f"HAM_{i // 3}", "histopathology") for i, one in enumerate(ids(0))]
    tables["ISIC2018_Task3_Training_LesionGroupings.csv"] = csv(["image", "lesion_id", "diagnosis_confirm_type"], rows)
    return images, tables


def isic2019() -> Files:
    rows = [(one, 50, "torso", f"BCN_{i // 3}", "male") for i, one in enumerate(ids(0))]
    return [f"ISIC_2019_Training_Input/{one}.jpg" for one in ids(0)], {
        "ISIC_2019_Training_GroundTruth.csv": one_hot(ids(0), "MEL NV BCC AK BKL DF VASC SCC UNK"),
        "ISIC_2019_Training_Metadata.csv": csv(["image", "age_approx", "site", "lesion_id", "sex"], rows),
    }


def isic2020(top: str = "train", table: str = "ISIC_2020_Training_GroundTruth.csv") -> Files:
    columns = ["image_name", "patient_id", "sex", "age_approx", "diagnosis", "benign_malignant", "target"]
    rows = [
        (one, f"IP_{i // 2}", "male", 50, "unknown", ("benign", "malignant")[i % 4 == 0], int(i % 4 == 0))
        for i, one in enumerate(ids(0))
    ]
    return [f"{top}/{one}.jpg" for one in ids(0)], {table: csv(columns, rows)}


def isic2020_kaggle() -> Files:
    images, tables = isic2020("jpeg/train", "train.csv")
    return [*images, "jpeg/test/ISIC_0052060.jpg"], {**tables, "test.csv": "image_name,patient_id\nISIC_0052060,IP_9\n"}


def aptos2019() -> Files:
    rows = [(f"{i:012x}", i % 3) for i in range(12)]
    tables = {"train.csv": csv(["id_code", "diagnosis"], rows), "test.csv": "id_code\nffffffffffff\n"}
    return [*(f"train_images/{name}.png" for name, _ in rows), "test_images/ffffffffffff.png"], tables


def eyepacs() -> Files:
    rows = [(f"{10 + i // 2}_{('left', 'right')[i % 2]}", i % 3) for i in range(12)]
    return [f"train/{name}.jpeg" for name, _ in rows], {"trainLabels.csv": csv(["image", "level"], rows)}


def nih() -> Files:
    names = [f"{i // 2:08d}_{i % 2:03d}.png" for i in range(12)]
    findings = ("No Finding", "Pneumonia|Mass", "Mass")
    rows = [(name, findings[i % 3], 0, i // 2) for i, name in enumerate(names)]
    return [f"images_{1 + i % 2:03d}/images/{name}" for i, name in enumerate(names)], {
        "Data_Entry_2017.csv": csv(["Image Index", "Finding Labels", "Follow-up #", "Patient ID"], rows),
        "train_val_list.txt": "\n".join(names[:8]),
        "test_list.txt": "\n".join(names[8:]) + "\n",
    }


def chexpert() -> Files:
    images, tables = [], {}
    for split, start in (("train", 1), ("valid", 50)):
        rows = []
        for patient in range(start, start + 8):
            path = f"CheXpert-v1.0-small/{split}/patient{patient:05d}/study1/view1_frontal.jpg"
            rows.append((path, "Male", 60, "Frontal", "AP", ("1.0", "0.0", "-1.0", "")[patient % 4], "1.0"))
            images.append(path)
        columns = ["Path", "Sex", "Age", "Frontal/Lateral", "AP/PA", "Pneumonia", "Edema"]
        tables[f"CheXpert-v1.0-small/{split}.csv"] = csv(columns, rows)
    return images, tables


def rsna() -> Files:
    rows = [
        (f"id{i}", *((1, 2) if i % 3 == 0 else ("", "")), int(i % 3 == 0))
        for i in range(12)
        for _ in range(1 + (i % 3 == 0))
    ]
    images = [*(f"stage_2_train_images/id{i}.png" for i in range(12)), "stage_2_test_images/id99.png"]
    return images, {"stage_2_train_labels.csv": csv(["patientId", "x", "y", "Target"], rows)}


def cbis() -> Files:
    images, tables = [], {}
    for split, start in (("Training", 0), ("Test", 20)):
        rows = []
        for i in range(start, start + 8):
            images.append(f"Mass-{split}_P_{i:05d}_LEFT_CC/1.3.{i}/1.4.{i}/000000.png")
            kind = ("MALIGNANT", "BENIGN", "BENIGN_WITHOUT_CALLBACK", "BENIGN")[i % 4]
            rows += [(f"P_{i:05d}", "LEFT", kind, images[-1])] * (1 + i % 2)
        name = f"mass_case_description_{'train' if split == 'Training' else 'test'}_set.csv"
        tables[name] = csv(["patient_id", "left or right breast", "pathology", "image file path"], rows)
    return images, tables


def pcam_kaggle() -> Files:
    rows = [(f"{i:040x}", int(i % 3 == 0)) for i in range(12)]
    return [*(f"train/{name}.tif" for name, _ in rows), f"test/{99:040x}.tif"], {
        "train_labels.csv": csv(["id", "label"], rows)
    }


HALF = {"train": [6, 6]}
CASES: dict[str, tuple[Callable[[], Files], dict[str, Any], dict[str, list[int]], int | None, str | None]] = {
    "HAM10000": (ham10000, {}, {"train": [4, 8]}, 6, None),
    "ISIC 2018, task 3": (isic2018, {}, {"train": [6, 6], "test": [6, 6]}, 4 + 12, None),
    "ISIC 2019": (isic2019, {}, HALF, 4, None),
    "ISIC 2020": (isic2020, {}, {"train": [9, 3]}, 6, "malignant"),
    "ISIC 2020, as on Kaggle": (isic2020_kaggle, {}, {"train": [9, 3]}, 6, "malignant"),
    "APTOS 2019": (aptos2019, {}, {"train": [4, 4, 4]}, None, None),
    "EyePACS (Kaggle, diabetic retinopathy)": (eyepacs, {}, {"train": [4, 4, 4]}, 6, None),
    "NIH ChestX-ray14": (nih, {"positive": "Pneumonia"}, {"train": [3, 5], "test": [1, 3]}, 6, "Pneumonia"),
    "CheXpert": (
        chexpert,
        {"label_column": "Pneumonia", "uncertain": "drop", "unlabelled": "negative"},
        {"train": [4, 2], "validation": [4, 2]},
        12,
        "1",
    ),
    "RSNA Pneumonia Detection Challenge": (rsna, {}, {"train": [4, 8]}, None, "lung opacity"),
    "CBIS-DDSM": (cbis, {}, {"train": [6, 2], "test": [6, 2]}, 16, "malignant"),
    "PatchCamelyon, as on Kaggle": (pcam_kaggle, {}, {"train": [8, 4]}, None, "tumour"),
}


def counts(images: ImageSet) -> dict[str, list[int]]:
    found = Counter(zip(images.splits.tolist(), images.labels.tolist(), strict=True))
    return {split: [found[split, k] for k in range(images.n_classes)] for split in {one for one, _ in found}}


@pytest.mark.parametrize("title", CASES)
def test_a_set_with_tables_just_works(title: str, tmp_path: Path) -> None:
    draw, options, expected, patients, positive = CASES[title]
    files, tables = draw()
    root = write_files(tmp_path / "set", {path: png(i) for i, path in enumerate(files)})
    write_files(root, {path: text.encode() for path, text in tables.items()})
    images = load_images(str(root), image_size=8, cache_dir=tmp_path / "cache", **options)
    split = {name: sorted(count, reverse=True) for name, count in counts(images).items()}
    assert split == {name: sorted(count, reverse=True) for name, count in expected.items()}
    told = images.patients
    assert (None if told is None else len(set(told.tolist()))) == patients
    assert images.positive == positive
    assert positive is None or positive in images.class_names
    assert images.layout == title
    assert any(note.startswith(f"This looks like {title}") for note in images.notes)


@pytest.mark.parametrize(("draw", "option"), [(nih, "--positive"), (chexpert, "--label-column Pneumonia")])
def test_a_set_of_many_findings_asks_for_one(draw: Callable[[], Files], option: str, tmp_path: Path) -> None:
    files, tables = draw()
    root = write_files(tmp_path / "set", {path: png(i) for i, path in enumerate(files)})
    write_files(root, {path: text.encode() for path, text in tables.items()})
    with pytest.raises(UserError, match=option):
        load_images(str(root), image_size=8, cache_dir=tmp_path / "cache")


@pytest.mark.parametrize(
    ("name", "classes", "positive"),
    [
        ("breastmnist", ("malignant", "normal, benign"), "malignant"),
        ("pneumoniamnist_64", ("normal", "pneumonia"), "pneumonia"),
    ],
)
def test_arrays_of_medmnist_know_their_classes(
    name: str, classes: tuple[str, ...], positive: str, tmp_path: Path
) -> None:
    rng = np.random.default_rng(0)
    arrays: dict[str, np.ndarray] = {}
    for split in ("train", "val", "test"):
        arrays[f"{split}_images"] = rng.integers(0, 255, (8, 28, 28), dtype=np.uint8)
        arrays[f"{split}_labels"] = (np.arange(8) % 4 != 0).astype(np.uint8)[:, None]
    np.savez(tmp_path / f"{name}.npz", **arrays)  # type: ignore[arg-type]
    images = load_images(str(tmp_path / f"{name}.npz"), image_size=28, cache_dir=tmp_path / "cache")
    assert images.class_names == classes
    assert images.positive == positive
    assert np.bincount(images.labels).tolist() == [6, 18]
