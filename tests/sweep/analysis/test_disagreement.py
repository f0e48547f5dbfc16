"""Who errs on which image, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from sweep.analysis.disagreement import image_answers
from sweep.analysis.results import Results


def results(right: dict[str, list[list[float]]]) -> Results:
    """Of six images of class 1 and one of class 0, technique -> seeds -> probability of the true class."""
    labels = np.array([1, 1, 1, 1, 1, 1, 0])
    made = {}
    for technique, seeds in right.items():
        true = np.array(seeds)
        both = np.stack([1 - true, true], axis=2)
        both[:, labels == 0] = both[:, labels == 0][..., ::-1]
        made[technique] = both
    given = (labels, made)
    return Results.from_predictions(*given, class_names=("well", "ill"), positive="ill", validation=given)


TWO = {
    #            mended        broken        wrong by all  right by all  half of the seeds
    "baseline": [[0.2, 0.9, 0.1, 0.8, 0.9, 0.9, 0.9], [0.4, 0.9, 0.1, 0.9, 0.9, 0.9, 0.9]],
    "smote": [[0.9, 0.2, 0.2, 0.7, 0.4, 0.9, 0.9], [0.8, 0.1, 0.3, 0.7, 0.9, 0.9, 0.9]],
}


def test_each_image_is_of_the_kind_that_hand_and_eye_find() -> None:
    found = image_answers(results(TWO))
    assert found is not None
    kinds = {int(row): found.kind(place) for place, row in enumerate(found.rows)}
    assert kinds == {
        0: "mended",
        1: "broken",
        2: "wrong by all",
        3: "right by all",
        4: "right by all",  # half of the seeds are not more than half
        5: "right by all",
        6: "right by all",
    }


def test_the_most_disputed_come_first_and_the_unsure_before_the_sure() -> None:
    found = image_answers(results(TWO))
    assert found is not None
    assert set(found.rows[:2].tolist()) == {0, 1}
    assert found.rows[2] == 4
    at = found.rows.tolist().index
    assert at(3) < at(5)  # 0.775 on average is nearer to a half than 0.9
    assert found.probability[0, at(0)] == pytest.approx(0.3)
    assert found.wrong[1, at(4)] == pytest.approx(0.5)
    assert found.labels[at(6)] == 0


def test_some_of_three_that_err_where_the_baseline_is_right_dispute_it() -> None:
    three = TWO | {"focal": TWO["baseline"], "mixup": TWO["baseline"]}
    found = image_answers(results(three))
    assert found is not None
    assert found.kind(found.rows.tolist().index(1)) == "disputed"
    few = image_answers(results(three), among=["baseline", "smote"])
    assert few is not None
    assert few.techniques == ("baseline", "smote")
