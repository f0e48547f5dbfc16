"""Deep SVDD: its loss, the rows that train, and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from balancing.components.axes import TrainingContext
from balancing.components.conflicts import conflicts
from balancing.components.groups import expand
from balancing.components.laws.common import make_data
from balancing.components.losses.deep_svdd import deep_svdd
from balancing.components.techniques import get_technique
from balancing.errors import UserError

SVDD = get_technique("deep_svdd")


def test_its_loss_is_the_squared_distance_whichever_class_is_far() -> None:
    squared = torch.tensor([0.0, 0.25, 4.0])
    loss = deep_svdd(TrainingContext(np.array([5, 0])))
    for far in (0, 1):
        side = torch.eye(2)[far] * 2 - 1
        for targets in torch.eye(2):
            torch.testing.assert_close(loss(squared[:, None] / 2 * side, targets.expand(3, 2)), squared)


@pytest.mark.parametrize(("counts", "common"), [((40, 16), 0), ((16, 40), 1), ((20, 20), 0)])
def test_the_commonest_class_alone_trains_every_row_once(counts: tuple[int, int], common: int) -> None:
    data = make_data(counts)
    plan = SVDD.build(data, 0)
    assert set(plan.base) == set(data.rows[data.train_labels == common])
    assert len(plan) == counts[common]
    assert set(plan.labels) == {common}
    assert not plan.synthetic.any()
    assert len(get_technique("deep_svdd+sam").build(data, 0)) == counts[common]


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("undersampling+deep_svdd", "Undersampling"),
        ("deep_svdd+mixup", "mixup"),
        ("deep_svdd+crt", "cRT"),
        ("deep_svdd+imbsam", "ImbSAM"),
    ],
)
def test_what_needs_a_second_class_is_refused(name: str, other: str) -> None:
    said = [conflict.sentence for conflict in conflicts(get_technique(name)) if conflict.refused]
    assert any(f"trains on the rows of one class alone, which leaves {other} nothing to do" in one for one in said)


@pytest.mark.parametrize("name", ["deep_svdd+threshold", "deep_svdd+bcts", "deep_svdd+sam", "augmentation+deep_svdd"])
def test_what_needs_one_class_alone_is_taken(name: str) -> None:
    assert not [conflict for conflict in conflicts(get_technique(name)) if conflict.refused]


def test_it_gives_scores_of_no_known_prior_and_is_of_two_classes() -> None:
    assert (SVDD.gives, SVDD.head, SVDD.one_class) == ("scores", "distance", True)
    context = TrainingContext(np.array([90, 10]), split_counts=np.array([90, 10]))
    assert SVDD.ledger(context).removed is None
    assert get_technique("deep_svdd+bcts").gives == "probabilities"
    with pytest.raises(UserError, match="loss 'deep_svdd' works with two classes alone, but there are 3"):
        SVDD.check_feasible([30, 20, 10])
    with pytest.raises(ValueError, match="Deep SVDD tells one class from another, but there are 3"):
        deep_svdd(TrainingContext(np.array([30, 20, 10])))
    assert "deep_svdd" in expand(["all"])
