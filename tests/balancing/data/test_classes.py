"""What labels mean, whatever source they come from."""

from __future__ import annotations

from typing import Any

import pytest

from balancing.data.classes import Encoded, encode_labels
from balancing.data.findings import as_findings
from balancing.data.options import Options
from balancing.data.sources.base import Listing
from balancing.errors import UserError


def encode(labels: list[Any], column: str | None = None, names: tuple[str, ...] | None = None, **given: Any) -> Encoded:
    rows = [f"i{row}" for row in range(len(labels))]
    listing = Listing(rows, ["train"] * len(rows), list(labels), names, label_column=column, paths=rows)
    return encode_labels(listing, Options.of(given))


def words(found: Encoded) -> list[str]:
    return [found.class_names[label] for label in found.labels]


def test_numbers_sort_as_numbers_within_words_too() -> None:
    assert encode([10, 9, 10, 2]).class_names == ("2", "9", "10")
    assert encode(["10", "9", "10", "2"]).class_names == ("2", "9", "10")
    assert encode(["grade 10", "grade 9", "grade 2"]).class_names == ("grade 2", "grade 9", "grade 10")
    assert encode([0, 2, 1], names=("0", "10", "9")).class_names == ("0", "9", "10")
    assert encode([0, 1], names=("b", "a")).class_names == ("b", "a")  # names keep the order they were given


def test_a_map_of_labels_names_drops_and_says_what_it_does_not_find() -> None:
    found = encode([1, 0, -1, None, "2.0"], label_map={"1": "sick", "0": "well", "-1": "drop", "": "well", "2": "sick"})
    assert words(found) == ["sick", "well", "well", "sick"]
    assert found.rows.tolist() == [0, 1, 3, 4]
    assert found.listing.names == ["i0", "i1", "i3", "i4"]
    assert found.notes == ("1 images whose label --label-map drops are left out, as asked.",)
    unused = encode(["a", "b"], label_map="A=c,zzz=d")
    assert words(unused) == ["c", "b"]
    assert unused.notes == ("No image has the label 'zzz', of which --label-map speaks.",)


@pytest.mark.parametrize(
    ("choice", "expected"),
    [("drop", ["1", "0"]), ("positive", ["1", "0", "1"]), ("negative", ["1", "0", "0"]),
     ("class", ["1", "0", "uncertain"])],
)  # fmt: skip
def test_minus_one_among_one_and_zero_must_be_told(choice: str, expected: list[str]) -> None:
    for labels in ([1, 0, -1], [1.0, 0.0, -1.0], ["1", "0", "-1"]):
        whole = [int(one) if isinstance(one, float) else one for one in labels]
        with pytest.raises(UserError, match=r"1 images have the label -1 among 1 and 0 .*--uncertain drop"):
            encode(whole)
        assert words(encode(whole, uncertain=choice)) == expected


def test_minus_one_among_others_is_a_class_and_said() -> None:
    found = encode([-1, 1, 2])
    assert found.class_names == ("-1", "1", "2")
    assert "taken for a class" in found.notes[0]


def test_blank_labels_must_be_told() -> None:
    with pytest.raises(UserError, match="1 of 3 images have no label .*--unlabelled drop"):
        encode([1, 0, None])
    assert words(encode([1, 0, None], unlabelled="drop")) == ["1", "0"]
    assert words(encode([1, 0, None], unlabelled="negative")) == ["1", "0", "0"]
    assert words(encode(["mass", "normal", None], unlabelled="negative")) == ["mass", "normal", "normal"]
    with pytest.raises(UserError, match=r"which class is the negative one .* --label-map '=CNV'"):
        encode(["DME", "CNV", None], unlabelled="negative")


def test_one_finding_by_its_columns_name() -> None:
    named = encode([1, 0, 0], column="Lung Opacity", positive="lung_opacity")
    assert (named.class_names, named.positive) == (("lung_opacity", "no lung_opacity"), "lung_opacity")
    asked = encode([1, 0, 0], column="Edema", label_column="Edema")
    assert (asked.class_names, asked.positive) == (("0", "1"), "1")
    assert encode([1, 0, 0], column="label", label_column="label").positive is None  # may be 0 for malignant


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (["a|b", "c"], [("a", "b"), ("c",)]),
        (["a;b", "a"], [("a", "b"), ("a",)]),
        (["a, b", "b"], [("a", "b"), ("b",)]),
        (["Paget's disease, early", "late"], ["Paget's disease, early", "late"]),
        (["['a', 'b']", "[]"], [("a", "b"), ()]),
        (["[bold]calc", "x"], ["[bold]calc", "x"]),
        ([1, None, "x"], [1, None, "x"]),
    ],
)
def test_texts_that_list_findings(labels: list[Any], expected: list[Any]) -> None:
    assert as_findings(labels) == expected


def test_lists_of_one_are_classes_and_of_several_are_refused() -> None:
    assert words(encode([("a",), ("b",)])) == ["a", "b"]
    assert words(encode([("a", "b"), (), ("b",)], positive="A")) == ["a", "no a", "no a"]
    with pytest.raises(UserError, match=r"--positive b, of: b \(2\), No Finding \(1\), a \(1\)|--positive b"):
        encode([("a", "b"), ("No Finding",), ("b",)])


def test_merged_classes() -> None:
    found = encode([0, 1, 2], names=("MEL", "BCC", "NV"), merge="MEL+BCC=malignant")
    assert words(found) == ["malignant", "malignant", "NV"]
    assert found.class_names == ("malignant", "NV")
    with pytest.raises(UserError, match=r"no class is named 'ME' \(--merge\); did you mean 'MEL'"):
        encode([0, 1, 2], names=("MEL", "BCC", "NV"), merge="ME+BCC=malignant")


def test_letter_case_alone_makes_no_class() -> None:
    with pytest.raises(
        UserError, match=r"NORMAL and Normal differ in upper and lower case alone; .* --merge NORMAL=Normal"
    ):
        encode(["Normal", "NORMAL", "x"])
    assert words(encode(["Normal", "NORMAL", "x"], merge="NORMAL=Normal")) == ["Normal", "Normal", "x"]


def test_rare_classes_are_left_out_as_asked() -> None:
    found = encode(["a"] * 5 + ["b"] * 4 + ["c"], min_class_images=3)
    assert found.class_names == ("a", "b")
    assert found.notes == ("1 images of classes with fewer than 3, c (1), are left out, as asked.",)


def test_a_part_that_is_dropped() -> None:
    listing = Listing(["x", "y", "z"], ["train", "drop", "test"], ["a", "b", "b"], patients=["p", "q", None])
    found = encode_labels(listing)
    assert (found.listing.names, found.listing.patients) == (["x", "z"], ["p", None])
    assert found.rows.tolist() == [0, 2]
