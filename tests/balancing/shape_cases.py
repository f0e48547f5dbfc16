"""What must come out of each shape in which people's data come."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.balancing import shapes, shapes_of_files
from tests.balancing.shapes import Shape, classes


@dataclass(frozen=True)
class Read:
    """What must come out.

    Args:
        counts: class -> images.
        splits: the source's own split -> images.
        patients: how many; None where they are unknown.
        positive: the positive class; ``ask`` where the run must ask; "" for more than two classes.
        notes: what must be said, one pattern each.
        reading: the options that are given.
    """

    counts: Mapping[str, int]
    splits: Mapping[str, int]
    patients: int | None = None
    positive: str = ""
    notes: tuple[str, ...] = ()
    reading: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Refused:
    """The sentence must match, and hold the option."""

    sentence: str
    reading: Mapping[str, Any] = field(default_factory=dict)


TWO = {"normal": 14, "tumour": 8}
ALL_TRAIN = {"train": 22}

CASES: list[tuple[str, Shape, Read | Refused]] = [
    (
        "ham10000",
        shapes.ham10000,
        Read({"bkl": 6, "mel": 8, "nv": 20}, {"train": 34}, 17, notes=("HAM10000", "lesion_id")),
    ),
    (
        "hf_imagefolder_metadata",
        shapes.imagefolder_metadata,
        Read({"normal": 27, "tumour": 9}, {"train": 24, "test": 12}, 12, "tumour", ("metadata.csv",)),
    ),
    ("isic2019_onehot", shapes.one_hot, Read({"BCC": 6, "MEL": 9, "NV": 9}, {"train": 24}, notes=("UNK|one-hot|1",))),
    ("csv_file_itself", shapes.table_itself, Read({"benign": 15, "malignant": 5}, {"train": 20}, None, "malignant")),
    ("class_in_file_name", shapes.class_in_file_name, Refused(r"--label-pattern '\(\[a-z\]\+\)_'")),
    (
        "class_in_file_name",
        shapes.class_in_file_name,
        Read({"mel": 6, "nv": 24}, {"train": 30}, None, "mel", reading={"label_pattern": "([a-z]+)_"}),
    ),
    ("cnmc_folds", shapes.folds, Read({"all": 24, "hem": 12}, {"train": 36}, None, "ask", ("[Ff]old.*--test-fold",))),
    (
        "cnmc_folds",
        shapes.folds,
        Read(
            {"all": 24, "hem": 12},
            {"train": 24, "test": 12},
            None,
            "all",
            (),
            {"test_fold": "fold_2", "positive": "all"},
        ),
    ),
    (
        "train_set_test_set",
        shapes.train_set_test_set,
        Read({"benign": 18, "malignant": 9}, {"train": 18, "test": 9}, None, "malignant"),
    ),
    ("chexpert_tree", shapes.findings_tree, Refused("--label-column")),
    ("chexpert_tree", shapes.findings_tree, Refused("--uncertain", {"label_column": "Pneumonia"})),
    (
        "chexpert_tree",
        shapes.findings_tree,
        Refused("--unlabelled", {"label_column": "Pneumonia", "uncertain": "drop"}),
    ),
    (
        "busi_masks",
        shapes.masks_beside,
        Read({"benign": 14, "malignant": 7}, {"train": 21}, None, "malignant", ("21 .*masks.*--masks",)),
    ),
    (
        "class_above_split",
        shapes.class_above_split,
        Read({"NORMAL": 24, "PNEUMONIA": 14}, {"train": 25, "test": 13}, None, "PNEUMONIA"),
    ),
    ("case_of_class_names", shapes.case_of_class_names, Refused("--merge")),
    (
        "case_of_class_names",
        shapes.case_of_class_names,
        Read(
            {"NORMAL": 13, "PNEUMONIA": 9},
            {"train": 15, "test": 7},
            None,
            "PNEUMONIA",
            reading={"merge": "Normal=NORMAL,Pneumonia=PNEUMONIA"},
        ),
    ),
    ("unknown_split_word", shapes.unknown_split_word, Refused("holdout_external.*--split-map")),
    (
        "unknown_split_word",
        shapes.unknown_split_word,
        Read(
            {"normal": 23, "tumour": 17},
            {"train": 22, "validation": 8, "test": 10},
            None,
            "tumour",
            reading={"split_map": "holdout_external=drop"},
        ),
    ),
    ("stray_csv", shapes.stray_csv, Read(TWO, ALL_TRAIN, None, "tumour", ("labels.csv", "overview.png"))),
    ("stray_parquet", shapes.stray_parquet, Read(TWO, ALL_TRAIN, None, "tumour", ("embeddings.parquet",))),
    (
        "two_sites_same_size_bmp",
        shapes.two_sites,
        Read({"normal": 32, "tumour": 16}, {"train": 30, "test": 18}, None, "tumour", ("site",)),
    ),
    (
        "oct2017_patients",
        shapes.oct_patients,
        Read({"CNV": 24, "DRUSEN": 18, "NORMAL": 27}, {"train": 58, "test": 11}, 23),
    ),
    (
        "patient_both_labels",
        shapes_of_files.patient_both_labels,
        Read({"healthy": 32, "sick": 16}, {"train": 48}, 16, "sick", reading={"patient_column": "patient"}),
    ),
    (
        "patient_int_and_float",
        shapes_of_files.patient_int_and_float,
        Read(
            {"healthy": 48, "sick": 16}, {"train": 44, "test": 20}, 21, "sick", reading={"patient_column": "patient_id"}
        ),
    ),
    (
        "classlabel_order_differs",
        shapes_of_files.classlabel_order_differs,
        Read({"MEL": 16, "NV": 48}, {"train": 44, "test": 20}, None, "MEL"),
    ),
    (
        "label_type_differs",
        shapes_of_files.label_type_differs,
        Read({"normal": 27, "tumour": 9}, {"train": 24, "test": 12}, None, "tumour"),
    ),
    (
        "parquet_string_label",
        shapes_of_files.string_label,
        Read({"normal": 18, "tumour": 6}, {"train": 24}, None, "tumour"),
    ),
    (
        "parquet_path_in_struct",
        shapes_of_files.path_in_struct,
        Read({"normal": 18, "tumour": 6}, {"train": 24}, None, "tumour"),
    ),
    (
        "parquet_path_only",
        shapes_of_files.path_only,
        Read({"normal": 18, "tumour": 6}, {"train": 24}, None, "tumour", reading={"image_column": "image_path"}),
    ),
    (
        "parquet_split_column",
        shapes_of_files.split_column,
        Read({"normal": 33, "tumour": 11}, {"train": 24, "validation": 8, "test": 12}, None, "tumour"),
    ),
    (
        "parquet_uncertain_minus_one",
        shapes_of_files.uncertain,
        Refused(r"-1.*--uncertain", {"label_column": "Pneumonia"}),
    ),
    (
        "parquet_uncertain_minus_one",
        shapes_of_files.uncertain,
        Read(
            {"0": 32, "1": 16},
            {"train": 48},
            None,
            "1",
            reading={"label_column": "Pneumonia", "uncertain": "positive"},
        ),
    ),
    ("parquet_blank_labels", shapes_of_files.blank, Refused("--unlabelled drop", {"label_column": "Pneumonia"})),
    (
        "parquet_blank_labels",
        shapes_of_files.blank,
        Read({"0": 32, "1": 8}, {"train": 40}, None, "1", ("8 ",), {"label_column": "Pneumonia", "unlabelled": "drop"}),
    ),
    ("parquet_multilabel_list", shapes_of_files.findings, Refused("--positive.*Effusion|Effusion.*--positive")),
    (
        "parquet_multilabel_list",
        shapes_of_files.findings,
        Read({"no Effusion": 10, "Effusion": 20}, {"train": 30}, None, "Effusion", reading={"positive": "Effusion"}),
    ),
    (
        "hf_save_to_disk",
        shapes_of_files.save_to_disk,
        Read({"normal": 27, "tumour": 9}, {"train": 24, "test": 12}, None, "tumour"),
    ),
    (
        "npz_breastmnist",
        shapes_of_files.breastmnist,
        Read({"malignant": 11, "*": 33}, {"train": 24, "validation": 8, "test": 12}, None, "malignant"),
    ),
    (
        "npz_of_no_known_name",
        shapes_of_files.rare_zero,
        Read({"0": 11, "1": 33}, {"train": 24, "validation": 8, "test": 12}, None, "ask"),
    ),
    ("npz_chestmnist_multilabel", shapes_of_files.chestmnist, Refused("--positive")),
    (
        "npz_float",
        shapes_of_files.floats,
        Read({"0": 33, "1": 11}, {"train": 24, "validation": 8, "test": 12}, None, "1"),
    ),
    (
        "dicom_class_folders",
        shapes_of_files.dicom_folders,
        Read({"normal": 14, "pneumonia": 8}, ALL_TRAIN, 22, "pneumonia", ("PatientID",)),
    ),
    (
        "dicom_and_png_mixed",
        shapes_of_files.dicom_and_png,
        Read({"normal": 15, "pneumonia": 13}, {"train": 28}, None, "pneumonia"),
    ),
    (
        "tiff_12_in_16_bit",
        shapes_of_files.twelve_of_16_bits,
        Read({"normal": 16, "tumour": 9}, {"train": 25}, None, "tumour", ("12",)),
    ),
    ("multipage_tiff", shapes_of_files.pages, Refused("--page")),
    ("multipage_tiff", shapes_of_files.pages, Read(TWO, ALL_TRAIN, None, "tumour", reading={"page": 3})),
    ("many_formats", shapes_of_files.many_formats, Read({"normal": 12, "tumour": 12}, {"train": 24}, None, "tumour")),
    ("broken_files", shapes_of_files.broken, Refused("4 of 26 images cannot be read.*--skip-bad")),
    (
        "broken_files",
        shapes_of_files.broken,
        Read(TWO, ALL_TRAIN, None, "tumour", ("--skip-bad",), {"skip_bad": True}),
    ),
    *(
        (
            "aspect_ratios",
            shapes_of_files.aspects,
            Read({"normal": 15, "tumour": 9}, {"train": 24}, None, "tumour", (), {"resize": way}),
        )
        for way in ("squash", "pad", "crop")
    ),
    ("symlinks", shapes.symlinks, Refused("lost.png: its link leads nowhere")),
    (
        "symlinks",
        shapes.symlinks,
        Read({"normal": 16, "tumour": 8}, {"train": 18, "test": 6}, None, "tumour", (), {"skip_bad": True}),
    ),
    ("read_only_folder", shapes.read_only, Read(TWO, ALL_TRAIN, None, "tumour")),
    (
        "class_of_two",
        lambda root: classes(root, {"normal": 14, "tumour": 8, "rare": 2}),
        Refused("--min-class-images 3"),
    ),
    (
        "class_of_two",
        lambda root: classes(root, {"normal": 14, "tumour": 8, "rare": 2}),
        Read(TWO, ALL_TRAIN, None, "tumour", ("rare",), {"min_class_images": 3}),
    ),
    (
        "odd_class_names",
        lambda root: classes(
            root, {"Viral Pneumonia": 6, "[bold]calc": 6, "A&E <5 mm": 6, "100% $x$ #2": 6, "正常": 6}
        ),
        Read({"Viral Pneumonia": 6, "[bold]calc": 6, "A&E <5 mm": 6, "100% $x$ #2": 6, "正常": 6}, {"train": 30}),
    ),
    (
        "disease_sorts_first",
        lambda root: classes(root, {"COVID": 8, "Normal": 14}),
        Read({"COVID": 8, "Normal": 14}, ALL_TRAIN, None, "COVID"),
    ),
    ("test_lacks_a_class_binary", shapes.one_class_in_test, Refused("test split holds no image of tumour")),
]
