"""The ledger's law: what a technique is designed to take out of the class prior is what it takes out.

Measured on Gaussians of one variance, of which logistic regression finds the answers that a loss asks for exactly. The
densities stand on a grid, so nothing is drawn and no measurement has noise.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from balancing.components.axes import Loss, Partnered, TrainingContext
from balancing.components.decisions.bcts import removed_prior
from balancing.components.laws.common import make_data
from balancing.components.ledger import log_frequencies, removed
from balancing.components.losses.adjusted import adjusted_entropy
from balancing.components.losses.cross_entropy import cross_entropy
from balancing.components.losses.effective_number import effective_weights
from balancing.components.losses.terms import PerClass
from balancing.components.technique import Technique
from balancing.components.techniques import get_technique

SPLIT = (1800, 200)  # 9 to 1
GRID = torch.linspace(-8, 12, 301, dtype=torch.float64)
TOLERANCE = 0.01
# Sampling to q: class shares in proportion to n^q, so the smaller has (1/9)^q rows of the larger.
SQUARE_ROOT = {"sampling_strategy": 1 / 3}


def densities(n_classes: int) -> torch.Tensor:
    """(C, G) of Gaussians at 0, 2, 4 ..., each summing to 1 over the grid."""
    means = 2 * torch.arange(n_classes, dtype=torch.float64)
    found = torch.exp(-((GRID - means[:, None]) ** 2) / 2)
    return found / found.sum(dim=1, keepdim=True)


def minimised(value: Callable[[], torch.Tensor], *parameters: torch.Tensor) -> None:
    """Newton-like steps to the minimum of a convex function."""
    lbfgs = torch.optim.LBFGS(
        parameters, max_iter=200, tolerance_grad=1e-9, tolerance_change=1e-13, line_search_fn="strong_wolfe"
    )

    def closure() -> torch.Tensor:
        lbfgs.zero_grad()
        found = value()
        found.backward()
        return found

    for _ in range(3):
        lbfgs.step(closure)


def carried_prior(loss: Loss, shares: np.ndarray, split: np.ndarray) -> np.ndarray:
    """The log class frequencies, (C,), that answers carry when a loss has trained on classes of these shares.

    As a calibration would find them: the bias that a network's logits need to be right of the split's classes.
    """
    n_classes = len(shares)
    targets = torch.eye(n_classes, dtype=torch.float64).repeat_interleave(len(GRID), dim=0)

    def expected(loss: Loss, of_classes: np.ndarray, logits: torch.Tensor) -> torch.Tensor:
        mass = torch.tensor(of_classes / of_classes.sum())[:, None] * densities(n_classes)
        return (mass.flatten() * loss(logits.repeat(n_classes, 1), targets)).sum()

    line = torch.zeros(2, n_classes, dtype=torch.float64, requires_grad=True)
    minimised(lambda: expected(loss, shares, GRID[:, None] * line[0] + line[1]), line)
    answers = (GRID[:, None] * line[0] + line[1]).detach()
    bias = torch.zeros(n_classes, dtype=torch.float64, requires_grad=True)
    minimised(lambda: expected(cross_entropy, split, answers + bias), bias)
    found: np.ndarray = log_frequencies(split) - bias.detach().numpy()
    return found


def context_of(technique: Technique, parameters: dict[str, Any], split: tuple[int, ...]) -> TrainingContext:
    """What a trial hands to the technique: the counts of the plan that its sampler makes, and of the split."""
    data = make_data(split, size=1)
    counts = technique.build(data, 0, **parameters).class_counts(len(split))
    return TrainingContext(counts, epochs=10, split_counts=np.array(split))


def last_stage(technique: Technique, context: TrainingContext, parameters: dict[str, Any]) -> tuple[Loss, np.ndarray]:
    """The loss and the class shares that train in the last stage, as ``Phase`` says them."""
    assert context.split_counts is not None
    phase = technique.schedule(context, **parameters)[-1].phase
    counts = context.class_counts if phase.sampled else context.split_counts
    if phase.power is not None:
        shares = context.split_counts**phase.power
        counts = shares / shares.sum() * context.split_counts.sum()
    seen = TrainingContext(counts, split_counts=context.split_counts)
    loss = technique.loss(seen, **parameters) if phase.weighted else cross_entropy
    if phase.reweight is None:
        return loss, counts
    weights = PerClass(effective_weights(counts, phase.reweight))
    return lambda logits, targets: loss(logits, targets) * (targets @ weights.like(targets)), counts


def designed_and_measured(name: str, parameters: dict[str, Any]) -> tuple[float, float]:
    technique = get_technique(name)
    context = context_of(technique, parameters, SPLIT)
    designed = technique.ledger(context, **parameters).removed
    loss, counts = last_stage(technique, context, parameters)
    split = np.array(SPLIT)
    measured = removed(log_frequencies(split), carried_prior(loss, counts, split))
    assert designed is not None
    assert measured is not None
    return designed, measured


HALF, FULL = {"power": 0.5}, {"power": 1.0}


@pytest.mark.parametrize(
    ("name", "parameters", "taken_out"),
    [
        ("baseline", {}, 0.0),
        ("undersampling", SQUARE_ROOT, 0.5),
        ("undersampling", {}, 1.0),
        ("oversampling", {}, 1.0),
        ("class_weights", HALF, 0.5),
        ("class_weights", FULL, 1.0),
        ("undersampling+class_weights", SQUARE_ROOT | HALF, 0.75),
        ("undersampling+class_weights", SQUARE_ROOT | FULL, 1.0),
        ("undersampling+class_weights", HALF, 1.0),
        ("oversampling+class_weights", FULL, 1.0),
        ("logit_adjusted", {"tau": 1.0}, 1.0),
        ("logit_adjusted", {"tau": 0.5}, 0.5),
        ("logit_adjusted", {"tau": 2.0}, 2.0),
        ("undersampling+logit_adjusted", SQUARE_ROOT | {"tau": 1.0}, 1.0),
        ("undersampling+logit_adjusted", SQUARE_ROOT | {"tau": 2.0}, 1.5),
        ("undersampling+logit_adjusted", {"tau": 1.0}, 1.0),
        ("balanced_softmax", {}, 1.0),
        ("oversampling+balanced_softmax", SQUARE_ROOT, 1.0),
        ("effective_number", {"one_minus_beta": 1e-2}, None),
        ("undersampling+effective_number", SQUARE_ROOT | {"one_minus_beta": 1e-3}, None),
        ("focal", {"gamma": 0.0, "alpha": 0.5}, 0.5),
        ("vs", {"gamma": 0.0, "tau": 1.25}, 1.25),
        ("cdt", {"gamma": 0.0}, 0.0),
        ("drs", {}, 1.0),
        ("drw", {"one_minus_beta": 1e-3}, None),
        ("crt", {}, 1.0),
        ("balanced_softmax+crt", {}, 1.0),
    ],
)
def test_what_is_designed_is_what_is_measured(name: str, parameters: dict[str, Any], taken_out: float | None) -> None:
    designed, measured = designed_and_measured(name, parameters)
    assert abs(designed - measured) < TOLERANCE
    # Rounding to whole rows may shift the shares a little.
    assert taken_out is None or designed == pytest.approx(taken_out, abs=0.005)


def test_of_three_classes_each_ones_share_is_measured_as_designed() -> None:
    split, parameters = (900, 300, 60), {"sampling_strategy": 0.2, "one_minus_beta": 1e-2}
    technique = get_technique("undersampling+effective_number")
    context = context_of(technique, parameters, split)
    ledger = technique.ledger(context, **parameters)
    found = carried_prior(technique.loss(context, **parameters), context.class_counts, np.array(split))
    shares = np.exp(found) / np.exp(found).sum()
    np.testing.assert_allclose(ledger.prior, shares, atol=1e-3)
    assert abs(ledger.prior - 1 / 3).max() > 0.05


@pytest.mark.parametrize(("parameters", "q"), [({"sampling_strategy": 1 / 9}, 1.0), (SQUARE_ROOT, 0.5), ({}, 0.0)])
def test_the_wrong_sign_of_tau_is_caught(parameters: dict[str, Any], q: float) -> None:
    technique = get_technique("undersampling+logit_adjusted")
    context = context_of(technique, parameters, SPLIT)
    wrong = adjusted_entropy(np.ones(2), -log_frequencies(context.class_counts))
    split = np.array(SPLIT)
    measured = removed(log_frequencies(split), carried_prior(wrong, context.class_counts, split))
    designed = technique.ledger(context, **parameters, tau=1.0).removed
    assert designed == pytest.approx(1, abs=1e-6)
    # The answers carry the rows' prior twice: -1 where nothing is sampled.
    assert measured == pytest.approx(1 - 2 * q, abs=TOLERANCE)
    if q > 0:  # of equal classes the prior has no sign
        assert abs(measured - designed) > TOLERANCE


@pytest.mark.parametrize(("parameters", "q"), [(SQUARE_ROOT, 0.5), ({}, 0.0)])
def test_the_splits_prior_in_place_of_the_plans_is_caught(parameters: dict[str, Any], q: float) -> None:
    split = np.array(SPLIT)
    for name, corrected in (("logit_adjusted", {"tau": 1.0}), ("class_weights", FULL)):
        technique = get_technique(f"undersampling+{name}")
        context = context_of(technique, parameters, SPLIT)
        wrong = technique.loss(TrainingContext(split), **corrected)
        measured = removed(log_frequencies(split), carried_prior(wrong, context.class_counts, split))
        designed = technique.ledger(context, **parameters, **corrected).removed
        assert designed == pytest.approx(1, abs=1e-6)
        assert measured == pytest.approx(2 - q, abs=TOLERANCE)
        assert abs(measured - designed) > TOLERANCE


@pytest.mark.parametrize(
    "name",
    [
        *("focal", "cb_focal", "vs", "cdt", "ldam", "asymmetric"),
        *("label_aware_smoothing", "soft_f_beta", "tversky", "aucm+pesg", "undersampling+focal"),
    ],
)
def test_losses_without_a_closed_form_say_so_and_are_named(name: str) -> None:
    technique = get_technique(name)
    ledger = technique.ledger(context_of(technique, {}, SPLIT))
    assert (ledger.removed, ledger.prior) == (None, None)
    assert ledger.unknown == (technique.part("loss").name,)  # type: ignore[union-attr]


def measured_of_mixed(name: str, parameters: dict[str, Any], apart: float = 3.0) -> float:
    """T of a line that has learnt mixed rows of two Gaussians, 9 to 1, as calibration on rows as they are finds it."""
    technique, counts = get_technique(name), np.array([9000, 1000])
    context = TrainingContext(counts, split_counts=counts)
    quantiles = [torch.special.ndtri((torch.arange(n, dtype=torch.float64) + 0.5) / n) for n in counts.tolist()]
    x = torch.cat([own + apart * label for label, own in enumerate(quantiles)])[:, None]
    targets = torch.eye(2, dtype=torch.float64).repeat_interleave(torch.tensor(counts), dim=0)
    draws = torch.Generator().manual_seed(0)
    mix = technique.mix(context, **parameters)
    assert mix is not None
    if isinstance(mix, Partnered):
        partner = torch.cat([torch.randint(9000, (5000,), generator=draws), torch.arange(9000, 10_000).repeat(5)])
        partner, mix = partner[torch.randperm(10_000, generator=draws)], mix.mix
    else:
        partner = torch.randperm(10_000, generator=draws)
    mixed, shares = mix(x, x[partner], targets, targets[partner], draws)
    reweight = technique.schedule(context, **parameters)[-1].phase.reweight
    weights = torch.ones(2) if reweight is None else torch.as_tensor(effective_weights(counts, reweight))
    line = torch.zeros(2, 2, dtype=torch.float64, requires_grad=True)
    loss = technique.loss(context, **parameters)
    minimised(lambda: ((shares @ weights.double()) * loss(mixed * line[0] + line[1], shares)).mean(), line)
    return removed_prior((x * line[0] + line[1]).detach().numpy(), targets.argmax(dim=1).numpy(), counts / counts.sum())


@pytest.mark.parametrize(
    ("name", "parameters", "adds_up_to", "is_"),
    [
        ("mixup+balanced_softmax", {"alpha": 1.0}, 1.0, 1.7),
        ("mixup_drw", {"alpha": 1.0, "one_minus_beta": 1e-8}, 1.0, 0.7),
        ("balanced_mixup", {"alpha": 0.2}, 0.27, 0.19),
    ],
)
def test_of_mixed_rows_class_masses_do_not_say_what_answers_carry(
    name: str, parameters: dict[str, Any], adds_up_to: float, is_: float
) -> None:
    counts = np.array([9000, 1000])
    ledger = get_technique(name).ledger(TrainingContext(counts, split_counts=counts), **parameters)
    assert (ledger.removed, ledger.unknown) == (None, (name.partition("+")[0].replace("_drw", ""),))
    assert ledger.masses is not None
    assert removed(ledger.split, ledger.masses) == pytest.approx(adds_up_to, abs=0.01)
    assert measured_of_mixed(name, parameters) == pytest.approx(is_, abs=0.05)


def test_mixing_alone_keeps_the_prior_that_rows_have_but_for_a_little() -> None:
    counts = np.array([9000, 1000])
    context = TrainingContext(counts, split_counts=counts)
    assert get_technique("mixup").ledger(context).removed == pytest.approx(0, abs=1e-12)
    assert measured_of_mixed("mixup", {"alpha": 0.2}) == pytest.approx(0, abs=0.05)
    # A shift of answers that are less sure than they should be is none by as much as it says; a fitted one is.
    removed_by = {name: get_technique(f"mixup+{name}").ledger(context) for name in ("bcts", "temperature")}
    assert [found.removed for found in removed_by.values()] == pytest.approx([0, 0], abs=1e-12)
    shifted = get_technique("mixup+posthoc_logit_adjustment").ledger(context)
    assert (shifted.removed, shifted.unknown) == (None, ("posthoc_logit_adjustment",))
    assert get_technique("mixup+drs+posthoc_logit_adjustment").ledger(context).removed == pytest.approx(1)
