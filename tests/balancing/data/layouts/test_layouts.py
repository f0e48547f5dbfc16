"""Known public data sets: each is recognised by a small drawing of its files, and by no other's."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from balancing.data.layouts import lay_over, load_layout, names, recognise
from balancing.data.options import Options
from balancing.data.sources.base import Listing
from balancing.data.sources.folder import FolderSource, walk
from balancing.errors import UserError
from tests.balancing.samples import png, write_files

HEX12, HEX40 = "0a74c92e287c", "00001b2b5609af42ab0ab276dd4cd41c3e7745b5"
SHAPES: dict[str, list[str]] = {
    "aptos2019": ["train.csv", "test.csv", f"train_images/{HEX12}.png", f"test_images/{HEX12[::-1]}.png"],
    "breakhis": [
        "BreaKHis_v1/histology_slides/breast/benign/SOB/adenosis/SOB_B_A_14-22549AB/40X/SOB_B_A-14-22549AB-40-001.png",
        "BreaKHis_v1/histology_slides/breast/malignant/SOB/lobular_carcinoma/SOB_M_LC_14-12204/40X/SOB_M_LC-14-12204-40-001.png",
    ],
    "busi": [
        f"Dataset_BUSI_with_GT/{kind}/{kind} (1){end}.png"
        for kind in ("benign", "malignant", "normal")
        for end in ("", "_mask")
    ],
    "cbis_ddsm": ["mass_case_description_train_set.csv", "mass_case_description_test_set.csv", "x/y/000000.dcm"],
    "chest_xray_pneumonia": ["x/train/NORMAL/IM-0115-0001.jpeg", "x/train/PNEUMONIA/person1_virus_6.jpeg"],
    "chexpert": [
        f"CheXpert-v1.0-small/{path}"
        for path in ("train.csv", "valid.csv", "train/patient00001/study1/view1_frontal.jpg")
    ],
    "covid19_radiography": [
        f"COVID-19_Radiography_Dataset/{name}"
        for kind in ("COVID", "Normal", "Lung_Opacity", "Viral Pneumonia")
        for name in (f"{kind}/images/{kind}-1.png", f"{kind}/masks/{kind}-1.png", f"{kind}.metadata.xlsx")
    ],
    "eyepacs": ["trainLabels.csv", "train/10_left.jpeg", "train/10_right.jpeg"],
    "ham10000": ["HAM10000_metadata.csv", *(f"HAM10000_images_part_{i}/ISIC_002741{i}.jpg" for i in (1, 2))],
    "idc": ["8863/0/8863_idx5_x1001_y1001_class0.png", "8863/1/8863_idx5_x801_y1001_class1.png"],
    "isic2018": ["ISIC2018_Task3_Training_GroundTruth/ISIC2018_Task3_Training_GroundTruth.csv"],
    "isic2019": ["ISIC_2019_Training_GroundTruth.csv", "ISIC_2019_Training_Input/ISIC_0000000.jpg"],
    "isic2020": ["ISIC_2020_Training_GroundTruth_v2.csv", "train/ISIC_0015719.jpg"],
    "isic2020_kaggle": ["train.csv", "test.csv", "jpeg/train/ISIC_0015719.jpg", "jpeg/test/ISIC_0052060.jpg"],
    "nih_chestxray14": ["Data_Entry_2017.csv", "train_val_list.txt", "test_list.txt", "images_001/images/1_000.png"],
    "oct2017": [f"OCT2017 /train/{kind}/{kind}-1016042-1.jpeg" for kind in ("CNV", "DME", "DRUSEN", "NORMAL")],
    "patch_camelyon": [f"camelyonpatch_level_2_split_{s}_{part}.h5" for s in ("train", "test") for part in "xy"],
    "patch_camelyon_kaggle": ["train_labels.csv", f"train/{HEX40}.tif", f"test/{HEX40[::-1]}.tif"],
    "rsna_pneumonia": ["stage_2_train_labels.csv", "stage_2_train_images/x.dcm", "stage_2_test_images/y.dcm"],
}  # fmt: skip
MEDMNIST = tuple(name for name in names() if name.endswith("mnist"))


def test_every_layout_has_its_drawing() -> None:
    assert set(SHAPES) | set(MEDMNIST) == set(names())
    assert len(MEDMNIST) == 12


@pytest.mark.parametrize("name", SHAPES)
def test_each_is_recognised_by_its_files_alone(name: str) -> None:
    files = SHAPES[name]
    found = recognise("data", files)
    assert found is not None
    assert found.name == name
    for wrapped in ([f"some/folder/{path}" for path in files], [path.removeprefix("OCT2017 /") for path in files]):
        again = recognise("data", wrapped)
        assert again is not None
        assert again.name == name
    many = [*files, *(f"zz/{i:06d}.txt" for i in range(9_000)), *(f"zz/{i:06d}.png" for i in range(9_000))]
    assert recognise("data", many) == found
    for other, shape in SHAPES.items():
        assert (recognise("data", shape) == found) == (other == name)


@pytest.mark.parametrize("name", MEDMNIST)
def test_arrays_are_recognised_by_their_file(name: str) -> None:
    for file in (f"{name}.npz", f"{name}_64.npz"):
        found = recognise(file, [])
        assert found is not None
        assert found.name == name
    layout = load_layout(name)
    assert bool(layout.findings) == (name == "chestmnist")
    classes = layout.options.get("label_map", {})
    assert [*classes] == [str(i) for i in range(len(classes))]
    two = {"breastmnist": "malignant", "pneumoniamnist": "pneumonia"}
    assert layout.options.get("positive") == two.get(name)
    assert two.get(name) is None or two[name] in classes.values()


@pytest.mark.parametrize(
    "files",
    [
        ["train/NORMAL/1.png", "train/PNEUMONIA/2.png"],
        ["train.csv", "images/1.png"],
        ["metadata.csv", "a/ISIC_0000001.jpg"],
        ["benign/1.png", "malignant/1.png"],
        ["mynist.npz"],
    ],
)
def test_other_data_are_not_recognised(files: list[str]) -> None:
    assert recognise("HAM10000", files) is None


@pytest.mark.parametrize("name", names())
def test_every_layout_fills_options_that_hold(name: str) -> None:
    layout = load_layout(name)
    filled = layout.fill(Options())
    assert filled.layout == name
    assert layout.url.startswith("https://")
    assert layout.citation
    assert layout.note.endswith(".")
    for key, value in layout.options.items():
        assert (
            dict(getattr(filled, key)) == dict(value) if isinstance(value, Mapping) else getattr(filled, key) == value
        )
    assert load_layout(name.upper()) is layout


def test_files_are_named_as_they_lie_and_optional_ones_may_lack() -> None:
    files = ["in/ISIC_2019_Training_GroundTruth.csv", "in/ISIC_2019_Training_Input/ISIC_0000000.jpg"]
    found = recognise("x", files)
    assert found is not None
    assert {"labels": files[0], "image_column": "image"} == found.fitted(files).options
    more = [*files, "meta/ISIC_2019_Training_Metadata.csv"]
    assert found.fitted(more).options["patient_table"] == more[-1]
    nih = SHAPES["nih_chestxray14"]
    assert load_layout("nih_chestxray14").fitted(nih).options["split_list"] == {"train": nih[1], "test": nih[2]}
    assert "split_list" not in load_layout("nih_chestxray14").fitted(nih[:1]).options


def test_the_users_word_comes_first() -> None:
    ham = load_layout("ham10000")
    assert ham.fill(Options(patient_pattern="x([0-9]+)")).patient_column is None
    assert ham.fill(Options(label_column="dx_type")).label_column == "dx_type"
    other = ham.fill(Options(labels="mine.csv"))
    assert (other.labels, other.label_column, other.image_column, other.patient_column) == (
        "mine.csv",
        None,
        None,
        None,
    )
    isic = load_layout("isic2020")
    assert isic.fill(Options(label_column="diagnosis")).positive is None
    assert isic.fill(Options(positive="benign")).positive == "benign"
    assert load_layout("breastmnist").fill(Options(label_map={"0": "ill", "1": "well"})).positive is None
    assert load_layout("nih_chestxray14").fill(Options(test_fold="1")).split_list == {}


def test_what_is_said_and_how_it_is_turned_off() -> None:
    options, said = lay_over("x", SHAPES["ham10000"], Options())
    assert options.label_column == "dx"
    assert said[0].startswith("This looks like HAM10000 (https://doi.org/10.7910/DVN/DBW86T), and is read as such.")
    assert said[0].endswith("--layout none reads them as any other data.")
    assert lay_over("x", SHAPES["ham10000"], Options(layout="none")) == (Options(layout="none"), [])
    assert lay_over("x", ["a/1.png"], Options()) == (Options(), [])
    asked, said = lay_over("x", ["a/1.png"], Options(layout="OCT2017"))
    assert asked.patient_pattern is not None
    assert said[0].startswith("The data are read as OCT2017 (Kermany).")


def listed(root: Path, files: list[str], **options: Any) -> Listing:
    write_files(root, {path: png(i) for i, path in enumerate(files)})
    found = walk(root)[0]
    filled, _ = lay_over(root.name, found, Options.of(options))
    return FolderSource.of_folder(root.name, root, found, filled).listing()


def by_class(listing: Listing) -> dict[tuple[str, str], int]:
    assert listing.class_names is not None
    return dict(Counter((s, listing.class_names[k]) for s, k in zip(listing.splits, listing.labels, strict=True)))


def test_oct2017_tells_patients(tmp_path: Path) -> None:
    files = [
        f"OCT2017 /{split}/{kind}/{kind}-{number}-{i}.jpeg"
        for kind in ("CNV", "DME", "DRUSEN", "NORMAL")
        for split, number, i in (("train", 7, 1), ("train", 8, 1), ("val", 8, 2), ("test", 7, 2))
    ]
    read = listed(tmp_path / "oct", files)
    assert by_class(read)["test", "DME"] == 1
    assert read.patients is not None
    assert len(set(read.patients)) == 8
    assert read.patients[read.paths.index(files[0])] == "CNV-7"  # type: ignore[union-attr]
    assert read.layout == "OCT2017 (Kermany)"


def test_busi_and_covid_without_their_masks(tmp_path: Path) -> None:
    busi = listed(tmp_path / "busi", SHAPES["busi"])
    assert by_class(busi) == {("train", kind): 1 for kind in ("benign", "malignant", "normal")}
    images = [path for path in SHAPES["covid19_radiography"] if path.endswith(".png")]
    covid = listed(tmp_path / "covid", images)
    kinds = ("COVID", "Lung_Opacity", "Normal", "Viral Pneumonia")
    assert by_class(covid) == {("train", kind): 1 for kind in kinds}
    assert covid.layout == "COVID-19 radiography database"


def test_breakhis_and_idc_know_their_patients(tmp_path: Path) -> None:
    top = "BreaKHis_v1/histology_slides/breast"
    slides = {
        "14-22549AB": ("benign", "adenosis", "B_A"),
        "14-12204": ("malignant", "lobular_carcinoma", "M_LC"),
        "14-13412": ("malignant", "ductal_carcinoma", "M_DC"),
    }
    files = [
        f"{top}/{kind}/SOB/{sub}/SOB_{code}_{slide}/{zoom}X/SOB_{code}-{slide}-{zoom}-00{i}.png"
        for slide, (kind, sub, code) in slides.items()
        for zoom in (40, 100)
        for i in (1, 2)
    ]
    read = listed(tmp_path / "bh", files)
    assert by_class(read) == {("train", "benign"): 4, ("train", "malignant"): 8}
    assert set(read.patients or []) == set(slides)
    assert read.positive == "malignant"
    assert len(listed(tmp_path / "bh", files, images="*/40X/*").names) == 6
    patches = [
        f"{top}{patient}/{k}/{patient}_idx5_x{x}_y1_class{k}.png"
        for top in ("", "all/")
        for patient in (8863, 8864, 9023)
        for k in "01"
        for x in (1, 2)
    ]
    once = {path: png(i % 12) for i, path in enumerate(patches)}
    write_files(tmp_path / "idc", once)
    idc = listed(tmp_path / "idc", [])
    assert by_class(idc) == {("train", "0"): 6, ("train", "1"): 6}
    assert set(idc.patients or []) == {"8863", "8864", "9023"}


def test_a_users_own_layout(tmp_path: Path) -> None:
    own = tmp_path / "mine.yaml"
    own.write_text("title: Our clinic\noptions:\n  folders: site/class\n  label_map: {a: sick, b: well}\n")
    files = [f"{site}/{label}/{i}.png" for site in ("x", "y") for label in "ab" for i in range(2)]
    read = listed(tmp_path / "set", files, layout=str(own))
    assert by_class(read) == {("train", "a"): 4, ("train", "b"): 4}
    assert read.layout == "Our clinic"
    assert load_layout(str(own)).options["label_map"] == {"a": "sick", "b": "well"}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("title: x\nlabel: y\n", "unknown key 'label'"),
        ("title: x\noptions: {label_colum: y}\n", "did you mean 'label_column'"),
        ("title: x\noptions: {skip_bad: true}\n", "unknown key 'skip_bad'"),
        ("title: x\noptions: {label_map: {a: [1]}}\n", "label_map in options of .* must be a word or pairs of words"),
        ("title: x\noptions: {folders: class/town}\n", "--folders can't be 'town'"),
        ("title: x\ntold_by: {all: train.csv}\n", "must be a list of words"),
        ("title: ''\n", "has no title"),
        ("title: [x]\n", "title of .* must be a text"),
        ("- x\n", "must be pairs of KEY: VALUE"),
        ("!!python/object/apply:os.system [ls]\n", "is no valid YAML"),
        ("[" * 2000, "is no valid YAML: it is nested too deeply"),
        ("title: x\noptions: {label_map: {yes: sick}}\n", "YAML reads yes as true"),
        ("title: x\noptions: {positive: true}\n", "positive in options of .* must be a word"),
        ("title: x\ntitle: y\n", "'title' is given twice"),
        (
            "a: &a {x: 1}\n"
            + "".join(
                f"{n}: &{n} {{<<: [{', '.join(['*' + m] * 20)}]}}\n" for m, n in zip("abcd", "bcde", strict=True)
            ),
            "its anchors stand for more than 200,000 values",
        ),
        ("x" * 70_000, "larger than 64 KiB"),
    ],
)
def test_a_layout_of_another_form_is_refused(tmp_path: Path, text: str, sentence: str) -> None:
    own = tmp_path / "mine.yaml"
    own.write_text(text)
    with pytest.raises(UserError, match=sentence) as caught:
        load_layout(str(own))
    assert "\n" not in str(caught.value)


def test_no_such_layout(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="there is no layout 'ham1000' .*did you mean 'ham10000'"):
        load_layout("ham1000")
    with pytest.raises(UserError, match=r"mine\.yaml cannot be read"):
        load_layout(str(tmp_path / "mine.yaml"))
    os.mkfifo(tmp_path / "pipe.yaml")
    with pytest.raises(UserError, match="it is a folder, a device or a pipe"):
        load_layout(str(tmp_path / "pipe.yaml"))
