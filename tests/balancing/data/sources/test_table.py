"""Tables of labels in the shapes of public sets: found, matched, refused with the option that helps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from balancing.errors import UserError
from tests.balancing.data.sources.drawn import counts, draw, label_of, load, noted, patient_of, table
from tests.balancing.samples import png, write_files


def dermatoscopy(root: Path, kinds: str = "nnnnmmbb") -> Path:
    """Images in two folders that say nothing, and a table with lesions of two images each."""
    ids = [f"ISIC_{4000 + i:07d}" for i in range(len(kinds))]
    draw(root, [f"pictures_part_{1 + i % 2}/{one}.jpg" for i, one in enumerate(ids)])
    words = {"n": "nv", "m": "mel", "b": "bkl"}
    rows = [(f"L{i // 2}", one, words[kinds[i]], "histo", 40 + i) for i, one in enumerate(ids)]
    table(root / "metadata_all.csv", ["lesion_id", "image_id", "dx", "dx_type", "age"], rows)
    return root


def test_a_table_beside_folders_that_say_nothing(tmp_path: Path) -> None:
    images = load(dermatoscopy(tmp_path))
    assert counts(images) == {"bkl": 2, "mel": 2, "nv": 4}
    assert label_of(images)["pictures_part_2/ISIC_0004005.jpg"] == "mel"
    patients = patient_of(images)
    assert patients["pictures_part_1/ISIC_0004000.jpg"] == patients["pictures_part_2/ISIC_0004001.jpg"] == "L0"
    assert len(set(patients.values())) == 4
    assert noted(images, "Labels are told by column 'dx' of metadata_all.csv, images by column 'image_id'")
    assert noted(images, "Patients are told by column 'lesion_id' of metadata_all.csv; --patient-column none")
    assert load(tmp_path, patient_column="none").patients is None


def test_a_table_in_each_folder_names_files_from_there(tmp_path: Path) -> None:
    for split, n in (("train", 6), ("test", 4)):
        draw(tmp_path, [f"{split}/{i:03d}.png" for i in range(n)], first=len(split) * 10)
        rows = [(f"{i:03d}.png", ["healthy", "ill"][i % 2 if split == "train" else (i + 1) % 2]) for i in range(n)]
        table(tmp_path / split / "metadata.csv", ["file_name", "label"], rows)
    images = load(tmp_path)
    assert counts(images, "train") == {"healthy": 3, "ill": 3}
    assert counts(images, "test") == {"healthy": 2, "ill": 2}
    assert label_of(images)["train/000.png"] == "healthy"
    assert label_of(images)["test/000.png"] == "ill"  # by the table in its own folder, not by the equal name


def one_hot(root: Path, extra: list[tuple[Any, ...]]) -> Path:
    draw(root, [f"Input/I{i}.jpg" for i in range(40)])
    rows = [(f"I{i}", float(i % 4 == 0), float(i % 4 in (1, 2)), float(i % 4 == 3)) for i in range(40 - len(extra))]
    table(root / "GroundTruth.csv", ["image", "MEL", "NV", "UNK"], [*rows, *extra])
    return root


def test_columns_with_one_1_a_row_are_classes(tmp_path: Path) -> None:
    assert counts(load(one_hot(tmp_path, []))) == {"MEL": 10, "NV": 20, "UNK": 10}


def test_rows_with_no_or_several_ones_are_named_and_left_out_as_asked(tmp_path: Path) -> None:
    one_hot(tmp_path, [("I38", 1, 1, 0), ("I39", 0, 0, 0)])
    with pytest.raises(UserError, match="2 of 40 images have no label .* --unlabelled drop"):
        load(tmp_path)
    images = load(tmp_path, unlabelled="drop")
    assert len(images) == 38
    assert noted(images, "2 rows of GroundTruth.csv have no 1, or several, in the columns of classes")
    assert noted(images, "I38, I39")


def test_a_second_table_that_tells_lesions_alone_tells_patients(tmp_path: Path) -> None:
    one_hot(tmp_path, [])
    table(tmp_path / "Metadata.csv", ["image", "age", "lesion_id"], [(f"I{i}", i, f"L{i // 4}") for i in range(40)])
    images = load(tmp_path)
    assert patient_of(images)["Input/I7.jpg"] == "L1"
    assert counts(images) == {"MEL": 10, "NV": 20, "UNK": 10}


def test_the_table_itself_is_given(tmp_path: Path) -> None:
    draw(tmp_path, [f"img/{i}.png" for i in range(8)])
    file = table(tmp_path / "labels.csv", ["path", "label"], [(f"img/{i}.png", "ab"[i % 2]) for i in range(8)])
    images = load(file)
    assert label_of(images)["img/3.png"] == "b"
    outside = table(tmp_path / "sub" / "labels.csv", ["path", "label"], [(f"../img/{i}.png", "a") for i in range(8)])
    with pytest.raises(
        UserError, match=r"no file is read from outside of the data's folder: give the folder that holds"
    ):
        load(outside)
    assert len(load(tmp_path, labels="labels.csv")) == 8
    assert label_of(load(tmp_path / "img", labels=str(file)))["3.png"] == "b"  # a prefix that isn't there


def radiographs(root: Path) -> Path:
    draw(root, [f"images_00{1 + i % 3}/images/{i:08d}_000.png" for i in range(12)])
    findings = ["No Finding", "Effusion", "Effusion|Pneumonia"]
    rows = [(f"{i:08d}_000.png", findings[i % 3], 100 + i // 2) for i in range(12)]
    table(root / "Data_Entry.csv", ["Image Index", "Finding Labels", "Patient ID"], rows)
    return root


def test_several_findings_are_refused_until_one_is_named(tmp_path: Path) -> None:
    radiographs(tmp_path)
    with pytest.raises(
        UserError, match=r"several findings in column 'Finding Labels'.*--positive Effusion, of: Effusion"
    ):
        load(tmp_path)
    images = load(tmp_path, positive="pneumonia")
    assert counts(images) == {"Pneumonia": 4, "no Pneumonia": 8}
    assert images.positive == "Pneumonia"
    assert len(set(patient_of(images).values())) == 6
    with pytest.raises(UserError, match="no image has the finding 'Pneumo' .* did you mean 'Pneumonia'"):
        load(tmp_path, positive="Pneumo")


def test_official_lists_of_names_make_the_splits(tmp_path: Path) -> None:
    radiographs(tmp_path)
    (tmp_path / "test_list.txt").write_text("".join(f"{i:08d}_000.png\n" for i in (0, 1, 2, 3, 4, 5)))
    images = load(tmp_path, positive="Effusion", split_list="test=test_list.txt")
    assert counts(images, "test") == {"Effusion": 4, "no Effusion": 2}
    assert (images.splits == "train").sum() == 6


def uncertain(root: Path) -> Path:
    cells = ["1.0", "0.0", "-1.0", ""]
    for split, first, n in (("train", 0, 24), ("valid", 100, 8)):
        paths = [f"{split}/patient{first + i // 2:05d}/study1/view{1 + i % 2}_frontal.jpg" for i in range(n)]
        draw(root, paths, first=first)
        rows = [(f"Set-v1/{path}", 60, cells[i % 4], cells[(i // 2) % 4]) for i, path in enumerate(paths)]
        table(root / f"{split}.csv", ["Path", "Age", "Pneumonia", "Edema"], rows)
    return root


def test_findings_of_1_0_minus_1_and_blank(tmp_path: Path) -> None:
    uncertain(tmp_path)
    with pytest.raises(UserError, match="name one of Pneumonia, Edema, such as --label-column Pneumonia"):
        load(tmp_path)
    with pytest.raises(UserError, match=r"8 images have the label -1 among 1 and 0 .*--uncertain drop"):
        load(tmp_path, label_column="Pneumonia")
    with pytest.raises(UserError, match="8 of 32 images have no label .*--unlabelled drop"):
        load(tmp_path, label_column="Pneumonia", uncertain="drop")
    images = load(tmp_path, label_column="Pneumonia", uncertain="positive", unlabelled="drop")
    assert counts(images, "train") == {"0": 6, "1": 12}
    assert counts(images, "validation") == {"0": 2, "1": 4}
    assert images.positive == "1"
    assert patient_of(images)["train/patient00003/study1/view1_frontal.jpg"] == "patient00003"
    named = load(tmp_path, positive="Edema", uncertain="negative", unlabelled="negative")
    assert counts(named, "train") == {"Edema": 6, "no Edema": 18}
    assert named.positive == "Edema"
    as_class = load(tmp_path, label_column="Edema", label_map="1=sick,0=well,-1=doubt,=drop")
    assert counts(as_class) == {"doubt": 8, "sick": 8, "well": 8}


def competition(root: Path) -> Path:
    draw(root, [f"train_images/{i:04x}.png" for i in range(12)])
    draw(root, [f"test_images/{i:04x}.png" for i in range(100, 104)], first=50)
    table(root / "train.csv", ["id_code", "diagnosis"], [(f"{i:04x}", i % 3) for i in range(12)])
    table(root / "test.csv", ["id_code"], [(f"{i:04x}",) for i in range(100, 104)])
    table(root / "sample_submission.csv", ["id_code", "diagnosis"], [(f"{i:04x}", 0) for i in range(100, 104)])
    return root


def test_a_form_for_answers_tells_no_labels(tmp_path: Path) -> None:
    images = load(competition(tmp_path))
    assert counts(images) == {"0": 4, "1": 4, "2": 4}
    assert noted(images, "sample_submission.csv is not used")
    assert noted(images, "4 images have no row in train.csv and are left out (4 in test_images)")


def test_equal_rows_of_an_image_count_once_and_others_are_refused(tmp_path: Path) -> None:
    draw(tmp_path, [f"stage/{i}.jpg" for i in range(10)])
    rows = [(str(i), 5, 5, int(i % 5 == 0)) for i in range(10)] + [("0", 9, 9, 1)]
    table(tmp_path / "boxes.csv", ["patientId", "x", "y", "Target"], rows)
    images = load(tmp_path)
    assert counts(images) == {"0": 8, "1": 2}
    assert noted(images, "1 images stand in several rows that say the same label, and count once")
    table(tmp_path / "boxes.csv", ["patientId", "x", "y", "Target"], [*rows, ("1", 2, 2, 1)])
    with pytest.raises(
        UserError, match=r"1 images stand in several rows with different labels, such as stage/1.jpg \(0, 1\)"
    ):
        load(tmp_path)


def test_one_row_a_finding_is_a_list_of_findings(tmp_path: Path) -> None:
    draw(tmp_path, [f"{i}.png" for i in range(6)])
    rows = [(f"{i}", word) for i in range(6) for word in (["Mass"], ["Mass", "Edema"], ["No finding"])[i % 3]]
    table(tmp_path / "train.csv", ["image_id", "class_name"], rows)
    with pytest.raises(UserError, match="2 images stand in several rows with different labels"):
        load(tmp_path)
    assert counts(load(tmp_path, positive="Edema")) == {"Edema": 2, "no Edema": 4}


def test_two_tables_that_could_tell_are_refused(tmp_path: Path) -> None:
    draw(tmp_path, [f"{i}.png" for i in range(6)])
    table(tmp_path / "a.csv", ["id", "label"], [(i, "xy"[i % 2]) for i in range(6)])
    table(tmp_path / "b.csv", ["id", "class"], [(i, "uvw"[i % 3]) for i in range(6)])
    with pytest.raises(
        UserError, match=r"2 tables could tell the labels: a.csv, b.csv; name one, such as --labels a.csv"
    ):
        load(tmp_path)
    assert counts(load(tmp_path, labels="b.csv")) == {"u": 2, "v": 2, "w": 2}


def test_columns_that_say_the_same_are_one_and_others_are_refused(tmp_path: Path) -> None:
    draw(tmp_path, [f"{i}.jpg" for i in range(6)])
    rows = [(str(i), ["benign", "malignant"][i % 2], i % 2, "abc"[i % 3]) for i in range(6)]
    file = table(tmp_path / "t.csv", ["image_name", "benign_malignant", "target", "site"], rows)
    assert counts(load(tmp_path)) == {"benign": 3, "malignant": 3}
    table(file, ["image_name", "benign_malignant", "target", "diagnosis"], rows)
    with pytest.raises(UserError, match="3 columns of t.csv could be the label: benign_malignant, target, diagnosis"):
        load(tmp_path)


@pytest.mark.parametrize(
    ("ids", "files"),
    [
        (["1", "2", "3", "4"], ["img_0001.png", "img_0002.png", "img_0003.png", "img_0004.png"]),
        (["1.0", "2.0", "3.0", "4.0"], ["1.png", "2.png", "3.png", "4.png"]),
        (["007", "008", "009", "010"], ["7.png", "8.png", "9.png", "10.png"]),
        (["A.jpg", "b.JPG", "C.jpg", "d.jpg"], ["a.png", "B.png", "c.png", "d.png"]),
        (["x\\a.png", "x\\b.png", "y\\a.png", "y\\b.png"], ["x/a.png", "x/b.png", "y/a.png", "y/b.png"]),
        (["/home/me/s/a.png", "/home/me/s/b.png", "/home/me/t/a.png", "/home/me/t/b.png"],
         ["s/a.png", "s/b.png", "t/a.png", "t/b.png"]),
        (["img/a.png", "img/b.png", "img/c.png", "img/d.png"], ["new/a.png", "new/b.png", "new/c.png", "new/d.png"]),
        (["a", "b", "c", "d"], ["deep/er/a.png", "deep/er/b.png", "deep/c.png", "d.png"]),
    ],
)  # fmt: skip
def test_names_are_matched_in_any_spelling(tmp_path: Path, ids: list[str], files: list[str]) -> None:
    draw(tmp_path / "set", [f"pics/{file}" for file in files])
    rows = [(30 + i, one, "uv"[i % 2]) for i, one in enumerate(ids)]
    table(tmp_path / "set" / "labels.csv", ["age", "pic", "class"], rows)
    assert label_of(load(tmp_path / "set", labels="labels.csv")) == {
        f"pics/{file}": "uv"[i % 2] for i, file in enumerate(files)
    }


def test_what_does_not_fit_is_counted_and_named(tmp_path: Path) -> None:
    draw(tmp_path, [f"in/{i}.png" for i in range(6)] + ["in/loose.png"])
    rows = [(f"{i}.png", "ab"[i % 2]) for i in range(6)] + [("gone.png", "a"), ("", "b")]
    table(tmp_path / "t.csv", ["file", "label"], rows)
    images = load(tmp_path)
    assert len(images) == 6
    assert noted(
        images, "2 of 8 rows of t.csv name no image that is here and are left out, such as gone.png, a blank one"
    )
    assert noted(images, "1 images have no row in t.csv and are left out (1 in in), such as in/loose.png")


def test_a_row_that_leads_out_of_the_data_is_refused(tmp_path: Path) -> None:
    draw(tmp_path, [f"in/{i}.png" for i in range(6)])
    rows = [(f"{i}.png", "ab"[i % 2]) for i in range(6)] + [("../../etc/passwd", "b")]
    table(tmp_path / "t.csv", ["file", "label"], rows)
    with pytest.raises(
        UserError, match=r"1 of 7 rows of t.csv lead out of the data's folder, such as ../../etc/passwd"
    ):
        load(tmp_path)


def test_no_match_at_all_shows_both(tmp_path: Path) -> None:
    draw(tmp_path, ["in/a.png", "in/b.png"])
    table(tmp_path / "t.csv", ["file", "label"], [("x1", "u"), ("x2", "v")])
    with pytest.raises(UserError, match=r"the data hold in/a.png, the table has 'file' = 'x1'; name the column"):
        load(tmp_path, labels="t.csv")
    with pytest.raises(
        UserError, match=r"no row of t.csv names an image: column 'label' has u, the data hold in/a.png"
    ):
        load(tmp_path / ".", labels="t.csv", image_column="label")


def test_one_id_of_two_files(tmp_path: Path) -> None:
    files = {f"{folder}/{i}.png": png(10 * len(folder) + i) for folder in ("raw", "cropped") for i in range(4)}
    write_files(tmp_path, files)
    table(tmp_path / "t.csv", ["id", "label"], [(f"{i}", "ab"[i % 2]) for i in range(4)])
    with pytest.raises(UserError, match=r"'0' of t.csv could be cropped/0.png or raw/0.png; .* --images 'cropped/\*'"):
        load(tmp_path)
    assert set(label_of(load(tmp_path, images="raw/*"))) == {f"raw/{i}.png" for i in range(4)}
    write_files(tmp_path, {path: png(int(path[-5])) for path in files})
    images = load(tmp_path, labels="t.csv")
    assert len(images) == 4
    assert noted(images, "lie here more than once, with equal bytes; one of each is taken")


def test_numbers_that_repeat_name_no_images(tmp_path: Path) -> None:
    draw(tmp_path, [f"p{p}/image{i}.png" for p in range(6) for i in range(2)])
    table(tmp_path / "studies.csv", ["study", "label"], [(f"p{p}/", p % 2) for p in range(6)])
    with pytest.raises(UserError, match=r"no column of the table studies.csv names the images"):
        load(tmp_path, labels="studies.csv")


def test_masks_beside_are_no_images(tmp_path: Path) -> None:
    draw(tmp_path, [f"images/{i}.png" for i in range(4)] + [f"masks/{i}.png" for i in range(4)])
    table(tmp_path / "t.csv", ["id", "label"], [(f"{i}", "ab"[i % 2]) for i in range(4)])
    assert set(label_of(load(tmp_path))) == {f"images/{i}.png" for i in range(4)}
