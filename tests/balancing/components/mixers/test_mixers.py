"""Mixers against torchvision's arithmetic and cases worked out by hand, and their draws."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from scipy.stats import beta as beta_distribution
from torchvision.transforms import v2

import balancing.components.mixers.drawing as drawing
from balancing.components.axes import Partnered, TrainingContext
from balancing.components.mixers import balanced_mixup as balanced_mixup_module
from balancing.components.mixers import mixup as mixup_module
from balancing.components.mixers import remix as remix_module
from balancing.components.mixers import unimix as unimix_module
from balancing.components.mixers.balanced_mixup import balanced_mixup
from balancing.components.mixers.mixup import mixup
from balancing.components.mixers.remix import remix
from balancing.components.mixers.unimix import unimix
from balancing.components.techniques import get_technique

EYE = torch.eye(2)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def context(*counts: int) -> TrainingContext:
    return TrainingContext(np.array(counts))


def fix_beta(monkeypatch: pytest.MonkeyPatch, module: Any, *draws: float) -> None:
    monkeypatch.setattr(module, "beta", lambda *_: torch.tensor(draws, dtype=torch.float64))


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_mixup_is_torchvisions_at_the_same_lambda(share: float, monkeypatch: pytest.MonkeyPatch) -> None:
    images, labels = torch.rand(6, 3, 5, 4, generator=generator()), torch.tensor([0, 1, 2, 2, 1, 0])
    theirs = v2.MixUp(num_classes=3)
    wanted = [
        theirs.transform(given, {"lam": share, "labels": labels, "batch_size": 6, "num_classes": 3})
        for given in (images, labels)
    ]
    fix_beta(monkeypatch, mixup_module, *[share] * 6)
    targets = torch.eye(3)[labels]
    found = mixup(context(2, 2, 2), alpha=1.0)(images, images.roll(1, 0), targets, targets.roll(1, 0), generator())
    torch.testing.assert_close(found[0], wanted[0])
    torch.testing.assert_close(found[1], wanted[1].to(found[1]))


@pytest.mark.parametrize(("a", "b"), [(0.05, 0.05), (0.2, 0.2), (1.0, 1.0), (0.2, 1.0)])
def test_shares_are_beta_distributed_and_follow_the_generator_alone(a: float, b: float) -> None:
    draws = drawing.beta(generator(1), a, b, 4000)
    for value in (0.001, 0.1, 0.5, 0.9, 0.999):  # five standard deviations of a share are 0.04
        assert (draws <= value).double().mean() == pytest.approx(beta_distribution(a, b).cdf(value), abs=0.04)
    before = torch.get_rng_state()
    assert torch.equal(draws, drawing.beta(generator(1), a, b, 4000))
    assert torch.equal(before, torch.get_rng_state())
    one = generator(1)
    assert not torch.equal(drawing.beta(one, a, b, 4000), drawing.beta(one, a, b, 4000))


def test_each_row_has_a_share_of_its_own() -> None:
    x, targets = torch.zeros(50, 4), torch.eye(2)[torch.arange(50) % 2]
    mixed, _ = mixup(context(25, 25), alpha=1.0)(x, x + 1, targets, targets, generator())
    assert len(mixed[:, 0].unique()) == 50
    assert (mixed == mixed[:, :1]).all()


def test_mixup_keeps_the_class_frequencies_of_a_batch_on_average() -> None:
    targets = torch.eye(2)[torch.tensor([0] * 45 + [1] * 5)]
    mean = torch.zeros(2)
    for seed in range(400):
        partner = torch.randperm(50, generator=generator(seed))
        mean += mixup(context(45, 5), alpha=1.0)(targets, targets[partner], targets, targets[partner], generator(seed))[
            1
        ].mean(dim=0)
    torch.testing.assert_close(mean / 400, torch.tensor([0.9, 0.1]), atol=0.005, rtol=0)


@pytest.mark.parametrize(
    ("share", "own", "partner", "of_target"),
    [
        (0.4, 0, 1, 0.0),  # common with rare, little of the common: the rare alone
        (0.6, 0, 1, 0.6),
        (0.6, 1, 0, 1.0),  # rare with common, little of the common: the rare alone
        (0.4, 1, 0, 0.4),
        (0.4, 0, 0, 0.4),
        (0.6, 1, 1, 0.6),
    ],
)
def test_remix_gives_the_target_to_the_rarer_class(
    share: float, own: int, partner: int, of_target: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    fix_beta(monkeypatch, remix_module, share)
    mix = remix(context(300, 100), alpha=1.0, kappa=3.0, tau=0.5)
    x, targets = mix(torch.ones(1, 2), torch.zeros(1, 2), EYE[[own]], EYE[[partner]], generator())
    torch.testing.assert_close(x, torch.full((1, 2), share))
    torch.testing.assert_close(targets, of_target * EYE[[own]] + (1 - of_target) * EYE[[partner]])


def test_remix_is_mixup_where_no_class_is_rare_enough() -> None:
    x, targets = torch.rand(8, 5, generator=generator()), EYE[torch.arange(8) % 2]
    given = (x, x.flip(0), targets, targets.flip(0))
    ours = remix(context(299, 100), alpha=0.7, kappa=3.0, tau=0.5)(*given, generator(3))
    plain = mixup(context(299, 100), alpha=0.7)(*given, generator(3))
    torch.testing.assert_close(ours[0], plain[0])
    torch.testing.assert_close(ours[1], plain[1])


def test_balanced_mixup_gives_its_share_to_the_balanced_partner(monkeypatch: pytest.MonkeyPatch) -> None:
    fix_beta(monkeypatch, balanced_mixup_module, 0.0, 0.25, 1.0)
    found = balanced_mixup(context(90, 10), alpha=0.2)
    assert isinstance(found, Partnered)
    assert found.power == 0
    x, targets = found.mix(torch.zeros(3, 2), torch.ones(3, 2), EYE[[0, 0, 0]], EYE[[1, 1, 1]], generator())
    torch.testing.assert_close(x[:, 0], torch.tensor([0.0, 0.25, 1.0]))
    torch.testing.assert_close(targets, torch.tensor([[1.0, 0.0], [0.75, 0.25], [0.0, 1.0]]))


@pytest.mark.parametrize("alpha", [0.1, 0.2, 1.0])
def test_balanced_mixups_class_masses_are_the_mean_target(alpha: float) -> None:
    counts = np.array([900, 100])
    found = get_technique("balanced_mixup").ledger(TrainingContext(counts, split_counts=counts), alpha=alpha)
    assert (found.removed, found.unknown) == (None, ("balanced_mixup",))
    assert found.masses is not None
    n = 40_000
    own, partner = EYE[torch.tensor([0] * 36_000 + [1] * 4_000)], EYE[torch.arange(n) % 2]
    mix = balanced_mixup(TrainingContext(counts), alpha=alpha)
    assert isinstance(mix, Partnered)
    _, targets = mix.mix(own, partner, own, partner, generator(2))
    np.testing.assert_allclose(np.exp(found.masses), targets.mean(dim=0), atol=0.005)


def test_balanced_classes_stay_so_in_balanced_mixups_ledger() -> None:
    shift = balanced_mixup_module.toward_balance(context(30, 30, 30), alpha=0.3)
    np.testing.assert_allclose(shift, 0, atol=1e-12)


def test_unimix_shifts_its_share_toward_the_rarer_of_two(monkeypatch: pytest.MonkeyPatch) -> None:
    fix_beta(monkeypatch, unimix_module, 0.05, 0.05, 0.05, 0.3)
    found = unimix(context(90, 10), alpha=0.8, tau=-1.0)
    assert isinstance(found, Partnered)
    assert found.power == -1
    own, partner = EYE[[0, 1, 0, 1]], EYE[[1, 0, 0, 0]]
    x, targets = found.mix(torch.ones(4, 2), torch.zeros(4, 2), own, partner, generator())
    # n_j / (n_i + n_j) = .1, .9, .5, .9, and the last leaves [0, 1) once.
    share = torch.tensor([0.15, 0.95, 0.55, 0.2])
    torch.testing.assert_close(x[:, 0], share)
    torch.testing.assert_close(targets, share[:, None] * own + (1 - share[:, None]) * partner)


def test_what_is_not_known_in_closed_form_is_said() -> None:
    counts = np.array([900, 100])
    removed = {
        name: get_technique(name).ledger(TrainingContext(counts, split_counts=counts)).removed
        for name in ("mixup", "cutmix", "remix", "unimix")
    }
    assert removed.pop("mixup") == removed.pop("cutmix") == pytest.approx(0)
    assert removed == {"remix": None, "unimix": None}
