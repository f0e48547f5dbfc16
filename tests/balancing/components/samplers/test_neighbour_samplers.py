"""What is particular to samplers that look at neighbours: hand-computed cases, and what they refuse."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from balancing.components.axes import TrainingData
from balancing.components.laws.common import CLASS_COUNTS, make_data
from balancing.components.samplers.neighbourhood import Neighbourhood, first_smallest, most_frequent
from balancing.components.samplers.targets import rows_to_add
from balancing.components.techniques import get_technique
from balancing.errors import UserError

CLEANING = ("tomek_links", "enn", "repeated_enn", "all_knn", "ncr", "one_sided_selection")


def on_a_line(levels: list[int], labels: list[int]) -> TrainingData:
    """Images of one pixel."""
    pixels = np.array(levels, dtype=np.uint8).reshape(-1, 1, 1)
    names = ("WELL", "ILL")
    return TrainingData(pixels, np.array(labels, dtype=np.int64), np.arange(len(labels)), 2, names)


#       0   1   2   3    4    5    6    7    8    9   10
LINE = [0, 10, 21, 33, 100, 104, 109, 115, 200, 203, 207]
KINDS = [0, 0, 0, 0, 0, 1, 1, 1, 0, 0, 0]


@pytest.mark.parametrize(
    ("name", "parameters", "gone"),
    [
        ("tomek_links", {}, [4]),  # 100 and 104 are each other's nearest
        ("enn", {}, [4, 8, 9, 10]),  # the third neighbour of those around 200 is 115
        ("enn", {"kind_sel": "mode"}, [4]),
        ("enn", {"n_neighbors": 1}, [4]),
        ("all_knn", {"n_neighbors": 1}, [4]),
        ("all_knn", {}, [4, 8, 9, 10]),
        ("ncr", {}, [4]),
    ],
)
def test_images_that_their_neighbours_gainsay_go(name: str, parameters: dict[str, object], gone: list[int]) -> None:
    plan = get_technique(name).build(on_a_line(LINE, KINDS), 0, **parameters)
    assert sorted(set(range(11)) - set(plan.base)) == gone


def test_cleaning_leaves_the_smallest_class_whole_and_adds_nothing() -> None:
    for name in CLEANING:
        data = make_data(CLASS_COUNTS[:2], apart=26)
        plan = get_technique(name).build(data, 3)
        assert plan.class_counts(2)[1] == CLASS_COUNTS[1]
        assert len(np.unique(plan.base)) == len(plan)
        assert not plan.synthetic.any()


def test_an_emptied_class_is_refused_by_name() -> None:
    levels, labels = [*range(0, 20, 2), *range(1, 19, 2)], [0] * 10 + [1] * 9
    with pytest.raises(UserError) as error:
        get_technique("enn").build(on_a_line(levels, labels), 0)
    assert str(error.value) == (
        "enn would leave none of the 10 training images of class WELL, judged by their nearest neighbours; choose "
        "undersampling, or another sampler that cleans less"
    )


@pytest.mark.parametrize(
    ("name", "counts", "parameters", "said"),
    [
        ("enn", [2, 1], {}, "there are 3 training images, but enn with n_neighbors=3 needs at least 4"),
        ("smote_enn", [9, 5], {}, "smote_enn with k_neighbors=5 needs at least 6; lower smote_enn.k_neighbors to 4"),
        ("adasyn", [9, 5], {}, "adasyn with n_neighbors=5 needs at least 6; lower adasyn.n_neighbors to 4"),
        ("nearmiss", [9, 2], {}, "class 1 has 2 training images, but nearmiss with n_neighbors=3 needs at least 3"),
        ("nearmiss", [2, 1], {"version": 3, "n_neighbors": 1}, "class 0 has 2 training images, but nearmiss with ver"),
        ("instance_hardness", [9, 3], {}, "class 1 has 3 training images, but instance_hardness with cv=5 needs at"),
        ("svm_smote", [8, 2], {"k_neighbors": 1}, "10 training images, but svm_smote with m_neighbors=10 needs at"),
        (
            "kmeans_smote",
            [4, 3],
            {},
            "there are 7 training images, but kmeans_smote with n_clusters=8 needs at least 8",
        ),
    ],
)
def test_too_few_images_are_refused_by_counts(
    name: str, counts: list[int], parameters: dict[str, object], said: str
) -> None:
    with pytest.raises(UserError) as error:
        get_technique(name).check_feasible(counts, parameters=parameters)
    assert said in str(error.value)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("adasyn", "no image of class ILL has one of another class among its 5 nearest"),
        ("kmeans_smote", "none of the 8 clusters holds enough images of class ILL for kmeans_smote"),
    ],
)
def test_images_that_a_sampler_cannot_start_from_are_refused(name: str, said: str) -> None:
    apart = on_a_line([*range(0, 100, 4), *range(200, 224, 4)], [0] * 25 + [1] * 6)
    among = on_a_line([*range(0, 250, 5), 2, 48, 97, 148, 202, 243], [0] * 50 + [1] * 6)
    with pytest.raises(UserError, match=said):
        get_technique(name).build(apart if name == "adasyn" else among, 0)


def test_support_vectors_among_other_classes_alone_are_refused() -> None:
    among = on_a_line([*range(0, 250, 5), 2, 48, 97, 148, 202, 243], [0] * 50 + [1] * 6)
    with pytest.raises(UserError, match="all support vectors of class ILL have neighbours of other classes alone"):
        get_technique("svm_smote").build(among, 0, m_neighbors=5)


@pytest.mark.parametrize("ratio", [0.5, 0.75, 1.0])
def test_adasyn_misses_by_half_a_row_an_image_at_most(ratio: float) -> None:
    for seed in range(5):
        data = make_data((60, 13, 25), seed=seed, apart=10)
        counts = get_technique("adasyn").build(data, 0, sampling_strategy=ratio).class_counts(3)
        wanted = data.class_counts + rows_to_add(data.class_counts, ratio)
        assert (np.abs(counts - wanted) <= data.class_counts / 2).all()


def test_adasyn_starts_most_from_images_with_most_foreign_neighbours() -> None:
    """On the line: 104 has 1 of WELL among its 3 nearest, the third from 207 is 115, and 109's are of ILL but one."""
    levels = [0, 4, 8, 12, 16, 20, 24, 28, 100, 101, 103, 106, 30, 34]
    data = on_a_line(levels, [0] * 8 + [1] * 6)
    plan = get_technique("adasyn").build(data, 0, n_neighbors=3, sampling_strategy=1.0)
    # Only 30 and 34 have WELL neighbours: 28, 24, 34; and 30, 28, 24. Each has 2 of 3, so each starts one row.
    assert plan.base[plan.synthetic].tolist() == [12, 13]


def test_svm_smote_goes_outwards_from_safe_support_vectors() -> None:
    plan = get_technique("svm_smote").build(make_data((70, 24), size=12, apart=18), 0)
    assert plan.weight.min() < 0 < plan.weight.max()
    assert plan.weight.min() >= -0.5


def test_nearmiss_3_may_keep_fewer_than_asked_and_says_so() -> None:
    """100 is the nearest to each of the smallest class, so it alone is left of eight where three were asked for."""
    plan = get_technique("nearmiss").build(on_a_line(LINE, KINDS), 0, version=3, n_neighbors_ver3=1)
    assert plan.base.tolist() == [4, 5, 6, 7]
    assert get_technique("nearmiss").parts[0].follows == "loosely"


def test_neighbours_among_what_is_left_are_those_of_a_new_search(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many neighbours were looked up at first."""
    data, rng = make_data((25, 20)), np.random.default_rng(0)
    for depth in (3, 6, 16):
        monkeypatch.setattr("balancing.components.samplers.neighbourhood._DEPTH", depth)
        hood, kept = Neighbourhood(data), np.arange(45)
        while len(kept) > 4:
            rows = data.rows[np.sort(kept)]
            wanted = data.nearest(data.rows[kept], rows, 3)
            np.testing.assert_array_equal(data.rows[hood.nearest(kept, 3)], wanted)
            kept = rng.permutation(kept)[: len(kept) * 2 // 3]


def test_of_equally_frequent_classes_the_lowest_and_of_equally_small_ones_the_first_counts() -> None:
    assert most_frequent(np.array([[2, 1, 0], [2, 2, 1], [1, 2, 2], [2, 1, 1]])).tolist() == [0, 2, 2, 1]
    assert first_smallest(np.array([1, 1, 2, 0, 1, 0, 2])) == 2


def test_samplers_work_on_vectors_though_all_pixels_are_alike() -> None:
    data = make_data(CLASS_COUNTS[:2], apart=26)
    vectors = data.pixels.reshape(len(data.pixels), -1).astype(np.float32)
    blank = replace(data, pixels=np.zeros_like(data.pixels))
    for name in ("smote", "enn", "smote_enn", "nearmiss"):
        plan, other = (get_technique(name).build(given, 0) for given in (replace(blank, vectors=vectors), data))
        np.testing.assert_array_equal(plan.base, other.base)
