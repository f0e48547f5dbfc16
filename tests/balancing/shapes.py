"""Small drawings in the shapes in which people's data come: folders, tables beside images. Noise, no patients."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

Shape = Callable[[Path], Path]
SIDE = 20


def noise(name: str, *, side: int = SIDE, colour: bool = False) -> np.ndarray:
    """(side, side[, 3]) uint8 that follows from a name."""
    seed = [ord(letter) for letter in name]
    shape = (side, side, 3) if colour else (side, side)
    return np.random.default_rng(seed).integers(0, 200, shape, dtype=np.uint8)


def put(root: Path, *paths: str, **how: bool) -> None:
    """An image of its own at each path."""
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(noise(path, **how)).save(root / path)


def classes(root: Path, counts: Mapping[str, int], form: str = "{name}/{i:03d}.png") -> Path:
    """Images of each class at ``form``."""
    for name, count in counts.items():
        put(root, *(form.format(name=name, i=i) for i in range(count)))
    return root


def table(path: Path, rows: Iterable[Iterable[object]], columns: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pd.DataFrame([list(row) for row in rows], columns=columns.split()).to_csv(path, index=False)
    return path


def ham10000(root: Path) -> Path:
    kinds = ["nv"] * 20 + ["mel"] * 8 + ["bkl"] * 6
    ids = [f"ISIC_{30 + i:07d}" for i in range(len(kinds))]
    put(root, *(f"HAM10000_images_part_{1 + i % 2}/{name}.jpg" for i, name in enumerate(ids)), colour=True)
    rows = [(f"HAM_{i // 2:07d}", ids[i], kind, "histo", 50) for i, kind in enumerate(kinds)]
    table(root / "HAM10000_metadata.csv", rows, "lesion_id image_id dx dx_type age")
    return root


def imagefolder_metadata(root: Path) -> Path:
    for split, count in (("train", 24), ("test", 12)):
        put(root, *(f"{split}/{i:04d}.png" for i in range(count)))
        rows = [(f"{i:04d}.png", "tumour" if i % 4 == 0 else "normal", f"P{i // 2}") for i in range(count)]
        table(root / split / "metadata.csv", rows, "file_name label patient")
    return root


def one_hot(root: Path) -> Path:
    names, rows = ["MEL", "NV", "BCC", "UNK"], []
    for i in range(24):
        put(root, f"ISIC_2019_Training_Input/ISIC_{i:07d}.jpg", colour=True)
        rows.append([f"ISIC_{i:07d}", *(float(k == (i % 8) // 3) for k in range(4))])
    table(root / "ISIC_2019_Training_GroundTruth.csv", rows, "image " + " ".join(names))
    return root


def table_itself(root: Path) -> Path:
    put(root, *(f"img/{i:03d}.png" for i in range(20)))
    rows = [(f"img/{i:03d}.png", "malignant" if i % 4 == 0 else "benign") for i in range(20)]
    return table(root / "labels.csv", rows, "path label")


def class_in_file_name(root: Path) -> Path:
    put(root, *(f"images/{'mel' if i % 5 == 0 else 'nv'}_{i:03d}.png" for i in range(30)))
    return root


def folds(root: Path) -> Path:
    for fold in range(3):
        classes(root / f"fold_{fold}", {"all": 8, "hem": 4}, f"{{name}}/UID_{fold}_{{i}}.bmp")
    return root


def train_set_test_set(root: Path) -> Path:
    classes(root / "train_set", {"benign": 12, "malignant": 6})
    classes(root / "test_set", {"benign": 6, "malignant": 3})
    return root


def findings_tree(root: Path) -> Path:
    home = root / "CheXpert-v1.0-small"
    for split, first, count in (("train", 1, 16), ("valid", 900, 5)):
        rows = []
        for p in range(first, first + count):
            path = f"{split}/patient{p:05d}/study1/view1_frontal.jpg"
            put(home, path)
            rows.append((f"{home.name}/{path}", "Male", 60, [1.0, 0.0, -1.0, np.nan][p % 4], [np.nan, 1.0][p % 2]))
        table(home / f"{split}.csv", rows, "Path Sex Age Pneumonia Edema")
    return home


def masks_beside(root: Path) -> Path:
    home = root / "Dataset_BUSI_with_GT"
    for name, count in {"benign": 14, "malignant": 7}.items():
        for i in range(1, count + 1):
            put(home, f"{name}/{name} ({i}).png")
            Image.fromarray(255 * (noise(f"{name}{i}") > 99).astype(np.uint8)).save(
                home / name / f"{name} ({i})_mask.png"
            )
    return home


def class_above_split(root: Path) -> Path:
    for name, train, test in (("NORMAL", 16, 8), ("PNEUMONIA", 9, 5)):
        classes(root / name, {"train": train, "test": test}, f"{{name}}/{name}_{{name}}_{{i}}.png")
    return root


def case_of_class_names(root: Path) -> Path:
    classes(root / "train", {"Normal": 9, "Pneumonia": 6})
    classes(root / "test", {"NORMAL": 4, "PNEUMONIA": 3})
    return root


def unknown_split_word(root: Path) -> Path:
    for word, count in (("train", 12), ("test", 6), ("validate", 5), ("holdout_external", 4)):
        classes(root / word, {"normal": count, "tumour": count - 2}, f"{{name}}/{word}{{i}}.png")
    return root


def stray_csv(root: Path) -> Path:
    classes(root, {"normal": 14, "tumour": 8})
    (root / "labels.csv").write_text("image,label\n")
    (root / "README.txt").write_text("x")
    put(root, "overview.png")
    return root


def stray_parquet(root: Path) -> Path:
    classes(root, {"normal": 14, "tumour": 8})
    pd.DataFrame({"id": [1, 2], "embedding_0": [0.1, 0.2]}).to_parquet(root / "embeddings.parquet")
    return root


def two_sites(root: Path) -> Path:
    for site in ("siteA", "siteB"):
        for split, count in (("train", 10), ("test", 6)):
            classes(root / site / split, {"normal": count, "tumour": count // 2}, "{name}/{i:03d}.bmp")
            for name, n in (("normal", count), ("tumour", count // 2)):
                for i in range(n):  # of one size and one name at both sites, of other bytes
                    path = root / site / split / name / f"{i:03d}.bmp"
                    Image.fromarray(noise(f"{site}{path.name}{name}{split}")).save(path)
    return root


def oct_patients(root: Path) -> Path:
    for k, (name, count) in enumerate({"CNV": 8, "DRUSEN": 6, "NORMAL": 9}.items()):
        for p in range(count):
            for j in (1, 2, 3):
                split = "test" if j == 3 and p % 2 else "train"
                put(root, f"OCT2017 /{split}/{name}/{name}-{1016042 + 1000 * k + p}-{j}.jpeg")
    return root


def symlinks(root: Path) -> Path:
    store, home = root / "store", root / "data"
    for name, count in (("normal", 16), ("tumour", 8)):
        put(store, *(f"{name}{i:02d}.png" for i in range(count)))
        for i in range(count):
            link = home / ("test" if i % 4 == 3 else "train") / name / f"{name}{i:02d}.png"
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to((store / link.name).resolve())
    (home / "train" / "normal" / "lost.png").symlink_to("/nowhere/lost.png")
    return home


def read_only(root: Path) -> Path:
    home = classes(root / "ro", {"normal": 14, "tumour": 8})
    for path in [home, *home.rglob("*")]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    return home


def one_class_in_test(root: Path) -> Path:
    classes(root / "train", {"normal": 14, "tumour": 8})
    classes(root / "test", {"normal": 6})
    return root
