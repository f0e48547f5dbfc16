"""The heads of many seeds as one, with the state of their optimizer: put together, and taken apart again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn
from torch.nn.functional import normalize

from balancing.components.axes import Head
from sweep.training.network import Network
from sweep.training.networks.heads import Scaled


class Stacked(nn.Module):
    """Heads of S places: weights (S * C, D) and biases (S * C,), float32; 0 where nothing trains.

    Args:
        places: S.
        n_classes: C.
        dimensions: D.
        head: ``linear``; ``cosine``, whose biases stay 0; or ``scaled``, with factors (S * C,).
    """

    def __init__(self, places: int, n_classes: int, dimensions: int, head: Head = "linear"):
        super().__init__()
        self._places, self._n_classes, self._cosine = places, n_classes, head == "cosine"
        self.weight = nn.Parameter(torch.zeros(places * n_classes, dimensions))
        self.bias = nn.Parameter(torch.zeros(places * n_classes))
        self.scales = nn.Parameter(torch.zeros(places * n_classes)) if head == "scaled" else None

    @property
    def _values(self) -> list[nn.Parameter]:
        """In the order in which a head's own optimizer numbers them."""
        return [self.weight, *([] if self._cosine else [self.bias]), *([] if self.scales is None else [self.scales])]

    def rows(self, vectors: torch.Tensor) -> torch.Tensor:
        """(T, D) standardised vectors as the heads multiply them."""
        return normalize(vectors, dim=1) if self._cosine else vectors

    @torch.no_grad()
    def logits(self, rows: torch.Tensor) -> torch.Tensor:
        """(T, S * C) float32 of ``rows``."""
        if self._cosine:
            return rows @ normalize(self.weight, dim=1).t()
        logits = torch.addmm(self.bias, rows, self.weight.t())
        return logits if self.scales is None else logits.mul_(self.scales)

    @torch.no_grad()
    def backward(
        self, gradient: torch.Tensor, rows: torch.Tensor, *, linear: bool = True, scales: bool = False
    ) -> None:
        """Sets the gradients of what trains, those of the rest to None, from (T, S * C), that of the logits.

        Args:
            linear: the weights and biases train.
            scales: the factors do.
        """
        found = gradient.t() @ rows
        if not self._cosine:
            of_bias = gradient.sum(dim=0)
            self.weight.grad, self.bias.grad = (found, of_bias) if linear else (None, None)
            if self.scales is not None:
                self.scales.grad = (found * self.weight).sum(dim=1) + of_bias * self.bias if scales else None
                if linear:
                    self.weight.grad, self.bias.grad = self.scales[:, None] * found, self.scales * of_bias
            return
        length = self.weight.norm(dim=1, keepdim=True).clamp_min(1e-12)  # as ``normalize`` has it
        unit = self.weight / length
        self.weight.grad = (found - (found * unit).sum(dim=1, keepdim=True) * unit) / length

    @contextmanager
    def moved(self, distance: float) -> Iterator[None]:
        """Within it the head of each place lies that distance along its own gradient; afterwards where it was."""
        train = [(values, values.grad) for values in self._values if values.grad is not None]
        kept = [values.detach().clone() for values, _ in train]
        squares = [gradient.pow(2).view(self._places, -1).sum(dim=1) for _, gradient in train]
        share = (distance / (torch.stack(squares).sum(dim=0).sqrt() + 1e-12)).repeat_interleave(self._n_classes)
        with torch.no_grad():
            for values, gradient in train:
                values.add_(gradient * (share[:, None] if values.ndim == 2 else share))
        try:
            yield
        finally:
            with torch.no_grad():
                for (values, _), before in zip(train, kept, strict=True):
                    values.copy_(before)

    def _columns(self, place: int) -> slice:
        return slice(place * self._n_classes, (place + 1) * self._n_classes)

    def put(self, place: int, network: Network) -> None:
        """A network's head goes to its place."""
        with torch.no_grad():
            self.weight[self._columns(place)] = network.fc.weight
            if not self._cosine:
                self.bias[self._columns(place)] = network.fc.bias
            if self.scales is not None:
                assert isinstance(network.fc, Scaled)
                self.scales[self._columns(place)] = network.fc.scales

    def take(self, place: int, network: Network) -> None:
        """What stands at a place becomes the network's head."""
        with torch.no_grad():
            network.fc.weight.copy_(self.weight[self._columns(place)])
            if not self._cosine:
                network.fc.bias.copy_(self.bias[self._columns(place)])
            if self.scales is not None:
                assert isinstance(network.fc, Scaled)
                network.fc.scales.copy_(self.scales[self._columns(place)])

    def put_optimizer(
        self,
        place: int,
        own: torch.optim.Optimizer,
        whole: torch.optim.Optimizer,
        more: Sequence[nn.Parameter] = (),
    ) -> None:
        """The state of a head's optimizer goes to its place in that of all, which stand at the same step.

        Args:
            more: what trains beside the head, the last of both optimizers' values: those of its loss.
        """
        states = own.state_dict()["state"]
        for number, values in enumerate(self._values):
            for name, was in states.get(number, {}).items():
                if not _is_like(was, values):  # such as the step
                    whole.state[values][name] = _copy(was)
                    continue
                whole.state[values].setdefault(name, torch.zeros_like(values))[self._columns(place)] = was
        for number, values in enumerate(more, start=len(self._values)):
            if number in states:
                whole.state[values] = {name: _copy(was) for name, was in states[number].items()}

    def take_optimizer(
        self,
        place: int,
        whole: torch.optim.Optimizer,
        own: torch.optim.Optimizer,
        more: Sequence[nn.Parameter] = (),
    ) -> None:
        """A head's part of the state of all becomes that of its own optimizer."""
        states = {
            number: {
                name: _copy(state[self._columns(place)] if _is_like(state, values) else state)
                for name, state in whole.state.get(values, {}).items()
            }
            for number, values in enumerate(self._values)
        }
        for number, values in enumerate(more, start=len(self._values)):
            states[number] = {name: _copy(state) for name, state in whole.state.get(values, {}).items()}
        known = {number: state for number, state in states.items() if state}
        own.load_state_dict({**own.state_dict(), "state": known})

    def empty(self, place: int, optimizer: torch.optim.Optimizer) -> None:
        """Nothing stands at a place any more."""
        with torch.no_grad():
            for values in self._values:
                values[self._columns(place)] = 0
                for state in optimizer.state.get(values, {}).values():
                    if _is_like(state, values):
                        state[self._columns(place)] = 0


def _is_like(state: Any, values: torch.Tensor) -> bool:
    """Whether part of an optimizer's state is a number for each of the values."""
    return isinstance(state, torch.Tensor) and state.ndim == values.ndim


def _copy(state: Any) -> Any:
    return state.clone() if isinstance(state, torch.Tensor) else state
