"""Sharpness-aware steps against a quadratic computed by hand, and against the plain step where they must equal it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from balancing.components.axes import TrainingContext
from balancing.components.optimizers.sam import imbsam, sam

UNEQUAL, EQUAL = TrainingContext(np.array([30, 10])), TrainingContext(np.array([20, 20]))
TARGETS = torch.eye(2)[torch.tensor([0, 0, 0, 1])]


def quadratic(
    start: float,
) -> tuple[torch.nn.Parameter, torch.optim.Optimizer, Callable[[], torch.Tensor], list[float]]:
    """Losses a_i w^2 / 2 of four rows, in double precision: the mean has the gradient w mean(a); places asked for."""
    weight = torch.nn.Parameter(torch.tensor([start], dtype=torch.float64))
    steepness, asked = torch.tensor([1.0, 2.0, 3.0, 6.0], dtype=torch.float64), list[float]()

    def losses() -> torch.Tensor:
        asked.append(float(weight.detach()))
        return steepness * weight**2 / 2

    return weight, torch.optim.SGD([weight], lr=0.1), losses, asked


def test_sam_takes_the_gradient_a_distance_of_rho_up_the_slope() -> None:
    weight, sgd, losses, asked = quadratic(2.0)
    mean = sam(UNEQUAL, rho=0.5)(sgd, losses, TARGETS.double())
    assert asked == pytest.approx([2.0, 2.5])
    assert float(mean) == pytest.approx(3.0 * 2**2 / 2)
    assert float(weight.detach()) == pytest.approx(2.0 - 0.1 * 3.0 * 2.5)


def test_imbsam_does_so_for_the_rows_of_rare_classes_alone() -> None:
    weight, sgd, losses, asked = quadratic(2.0)
    imbsam(UNEQUAL, rho=0.5, tail=1.0)(sgd, losses, TARGETS.double())
    assert asked == pytest.approx([2.0, 2.5])
    frequent, rare = (1 + 2 + 3) / 4 * 2.0, 6 / 4 * 2.5
    assert float(weight.detach()) == pytest.approx(2.0 - 0.1 * (frequent + rare))


def test_imbsam_goes_up_the_slope_of_the_rare_rows_alone() -> None:
    """Two weights, of which each kind of row knows one: the ascent leaves the frequent rows' weight where it is."""
    weight = torch.nn.Parameter(torch.tensor([3.0, 4.0], dtype=torch.float64))
    asked = []

    def losses() -> torch.Tensor:
        asked.append(weight.detach().clone())
        return torch.stack([weight[0] ** 2, weight[0] ** 2, weight[0] ** 2, weight[1] ** 2])

    imbsam(UNEQUAL, rho=0.5, tail=1.0)(torch.optim.SGD([weight], lr=0.1), losses, TARGETS.double())
    torch.testing.assert_close(asked[1], torch.tensor([3.0, 4.5], dtype=torch.float64))
    wanted = torch.tensor([3.0 - 0.1 * 3 / 4 * 2 * 3.0, 4.0 - 0.1 / 4 * 2 * 4.5], dtype=torch.float64)
    torch.testing.assert_close(weight.detach(), wanted)


def test_half_a_row_of_a_rare_class_counts_half() -> None:
    weight, sgd, losses, _ = quadratic(2.0)
    targets = torch.tensor([[1.0, 0.0], [1.0, 0.0], [1.0, 0.0], [0.5, 0.5]], dtype=torch.float64)
    imbsam(UNEQUAL, rho=0.5, tail=1.0)(sgd, losses, targets)
    frequent, rare = (1 + 2 + 3 + 3) / 4 * 2.0, 3 / 4 * 2.5
    assert float(weight.detach()) == pytest.approx(2.0 - 0.1 * (frequent + rare))


def problem() -> tuple[torch.nn.Linear, Callable[[], torch.Tensor]]:
    generator = torch.Generator().manual_seed(3)
    model = torch.nn.Linear(3, 2).double()
    with torch.no_grad():
        for weight in model.parameters():
            weight.copy_(torch.randn(weight.shape, generator=generator, dtype=torch.float64))
    x = torch.randn(4, 3, generator=generator, dtype=torch.float64)
    return model, lambda: torch.nn.functional.cross_entropy(model(x), TARGETS.double(), reduction="none")


def after(step: object, steps: int = 3) -> torch.Tensor:
    model, losses = problem()
    adam = torch.optim.Adam(model.parameters(), lr=0.05)
    for _ in range(steps):
        if step is None:
            adam.zero_grad()
            losses().mean().backward()
            adam.step()
        else:
            step(adam, losses, TARGETS.double())  # type: ignore[operator]
    return torch.cat([weight.detach().flatten() for weight in model.parameters()])


@pytest.mark.parametrize(
    "step",
    [
        sam(UNEQUAL, rho=0.0),
        imbsam(UNEQUAL, rho=0.0, tail=1.0),
        imbsam(EQUAL, rho=0.5, tail=1.0),  # no class is rare
        imbsam(UNEQUAL, rho=0.5, tail=0.5),  # 10 is no less than half of 20
    ],
    ids=["sam", "imbsam", "equal classes", "none rare enough"],
)
def test_without_a_distance_or_a_rare_class_it_is_the_plain_step(step: object) -> None:
    torch.testing.assert_close(after(step), after(None), rtol=1e-10, atol=1e-12)


def test_a_distance_makes_another_step_and_nearly_none_nearly_the_plain_one() -> None:
    plain = after(None, 1)
    for far, near in ((sam(UNEQUAL, rho=0.5), sam(UNEQUAL, rho=1e-7)),):
        assert not torch.allclose(after(far), after(None), atol=1e-3)
        torch.testing.assert_close(after(near, 1), plain, rtol=1e-5, atol=1e-6)


def test_where_all_classes_are_rare_imbsam_is_sam() -> None:
    torch.testing.assert_close(after(imbsam(UNEQUAL, rho=0.3, tail=1.0)), after(imbsam(UNEQUAL, rho=0.3, tail=0.9)))
    everything = imbsam(EQUAL, rho=0.3, tail=1.0 + 1e-9)
    torch.testing.assert_close(after(everything), after(sam(EQUAL, rho=0.3)), rtol=1e-10, atol=1e-12)
