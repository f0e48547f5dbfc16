"""The AUC margin loss against LibAUC's, its game, and what it refuses."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from balancing.components.axes import TrainingContext
from balancing.components.losses.aucm import aucm
from balancing.components.registry import COMPONENTS
from balancing.components.techniques import get_technique
from balancing.errors import UserError
from tests.balancing.components.losses.recorded import ORACLES

RANKS = ORACLES["ranks"]


def recorded_loss(positive: int = 1) -> Any:
    """The loss of the recorded batch's class counts, with its a, b and alpha."""
    counts = [3, 3]
    counts[1 - positive] = 5
    loss: Any = aucm(TrainingContext(np.array(counts), positive=positive), margin=RANKS["margin"])
    with torch.no_grad():
        for name in ("a", "b", "alpha"):
            getattr(loss, name).fill_(RANKS[name])
    return loss


@pytest.mark.parametrize("positive", [0, 1])
def test_losses_and_gradients_are_libaucs_over_the_shares_of_both_classes(positive: int) -> None:
    x, weight = torch.tensor(RANKS["x"]), torch.tensor(RANKS["start"], requires_grad=True)
    loss, labels = recorded_loss(positive), torch.tensor(RANKS["labels"])
    scores = x @ weight
    logits = torch.stack([torch.zeros(8), scores], dim=1)
    targets = torch.eye(2)[labels]
    if positive == 0:
        logits, targets = logits.flip(1), targets.flip(1)
    theirs, both = RANKS["v1"], RANKS["share"] * (1 - RANKS["share"])
    mean = both * loss(logits, targets).mean()
    mean.backward()
    assert mean.item() == pytest.approx(theirs["loss"], rel=1e-5)
    torch.testing.assert_close(weight.grad, torch.tensor(theirs["weight"]), rtol=1e-4, atol=1e-6)
    assert loss.a.grad.item() == pytest.approx(theirs["a"], rel=1e-4)
    assert loss.b.grad.item() == pytest.approx(theirs["b"], rel=1e-4)
    # Turned round: a step down climbs.
    assert loss.alpha.grad.item() == pytest.approx(-theirs["alpha"], rel=1e-4)


def test_the_mean_over_all_rows_is_the_papers_expectations() -> None:
    loss, labels = recorded_loss(), torch.tensor(RANKS["labels"])
    h = torch.rand(8, generator=torch.Generator().manual_seed(0))
    logits = torch.stack([torch.zeros(8), h.logit()], dim=1)
    up, down = h[labels == 1], h[labels == 0]
    game = 2 * 0.4 * (0.8 + down.mean() - up.mean()) - 0.4**2
    wanted = ((up - 0.6) ** 2).mean() + ((down - 0.3) ** 2).mean() + game
    torch.testing.assert_close(loss(logits, torch.eye(2)[labels]).mean(), wanted)


def test_batches_of_one_class_have_the_mean_of_the_whole() -> None:
    loss, labels = recorded_loss(), torch.tensor(RANKS["labels"])
    logits, targets = torch.randn(8, 2, generator=torch.Generator().manual_seed(0)), torch.eye(2)[labels]
    parts = torch.cat([loss(logits[labels == label], targets[labels == label]) for label in (0, 1)])
    torch.testing.assert_close(parts.mean(), loss(logits, targets).mean())


@pytest.mark.parametrize("make", [torch.optim.SGD, torch.optim.Adam], ids=["sgd", "adam"])
def test_any_optimiser_finds_the_saddle_point(make: Any) -> None:
    # Scores that are what they are: a and b become their means, alpha how far the margin is missed.
    loss, labels = recorded_loss(), torch.tensor(RANKS["labels"])
    h = torch.linspace(0.2, 0.9, 8)
    logits = torch.stack([torch.zeros(8), h.logit()], dim=1)
    optimizer = make(loss.parameters(), lr=0.05)
    for _ in range(400):
        optimizer.zero_grad()
        loss(logits, torch.eye(2)[labels]).mean().backward()
        optimizer.step()
    up, down = h[labels == 1].mean().item(), h[labels == 0].mean().item()
    assert loss.a.item() == pytest.approx(up, abs=1e-3)
    assert loss.b.item() == pytest.approx(down, abs=1e-3)
    assert loss.alpha.item() == pytest.approx(0.8 + down - up, abs=1e-3)


def test_alpha_stays_at_nought_where_the_margin_is_kept() -> None:
    loss, labels = recorded_loss(), torch.tensor(RANKS["labels"])
    logits = torch.stack([torch.zeros(8), 20 * (2.0 * labels - 1)], dim=1)
    optimizer = torch.optim.SGD(loss.parameters(), lr=0.05)
    for _ in range(50):
        optimizer.zero_grad()
        losses = loss(logits, torch.eye(2)[labels])
        assert loss.alpha.item() >= 0
        losses.mean().backward()
        optimizer.step()
    loss(logits, torch.eye(2)[labels])
    assert loss.alpha.item() == 0


def test_its_answers_are_scores_of_two_classes() -> None:
    component = COMPONENTS.get("aucm")
    assert component is not None
    assert (component.gives, component.binary, component.batchwise) == ("scores", True, False)
    with pytest.raises(ValueError, match="AUCM ranks two classes, but there are 3"):
        aucm(TrainingContext(np.array([4, 5, 6])), margin=1.0)


def test_more_than_two_classes_are_refused_before_anything_starts() -> None:
    refusal = "loss 'aucm' works with two classes alone, but there are 3; leave it out, or keep two classes of the data"
    with pytest.raises(UserError, match=refusal):
        get_technique("aucm").check_feasible([4, 5, 6])
    get_technique("aucm").check_feasible([4, 5])
