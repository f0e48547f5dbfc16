"""The heads of many seeds as one, with the state of their optimizer: put together, and taken apart again."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import nn
from torch.nn.functional import normalize

from balancing.components.axes import Head
from sweep.training.network import Network


class Stacked(nn.Module):
    """Heads of S places: weights (S * C, D) and biases (S * C,), float32; 0 where nothing trains.

    Args:
        places: S.
        n_classes: C.
        dimensions: D.
        head: ``linear``, or ``cosine``, whose biases stay 0.
    """

    def __init__(self, places: int, n_classes: int, dimensions: int, head: Head = "linear"):
        super().__init__()
        self._n_classes, self._cosine = n_classes, head == "cosine"
        self.weight = nn.Parameter(torch.zeros(places * n_classes, dimensions))
        self.bias = nn.Parameter(torch.zeros(places * n_classes))

    def rows(self, vectors: torch.Tensor) -> torch.Tensor:
        """(T, D) standardised vectors as the heads multiply them."""
        return normalize(vectors, dim=1) if self._cosine else vectors

    @torch.no_grad()
    def logits(self, rows: torch.Tensor) -> torch.Tensor:
        """(T, S * C) float32 of ``rows``."""
        if self._cosine:
            return rows @ normalize(self.weight, dim=1).t()
        return torch.addmm(self.bias, rows, self.weight.t())

    @torch.no_grad()
    def backward(self, gradient: torch.Tensor, rows: torch.Tensor) -> None:
        """Sets the gradients of the weights and biases from (T, S * C), that of the logits."""
        found = gradient.t() @ rows
        if not self._cosine:
            self.weight.grad, self.bias.grad = found, gradient.sum(dim=0)
            return
        length = self.weight.norm(dim=1, keepdim=True).clamp_min(1e-12)  # as ``normalize`` has it
        unit = self.weight / length
        self.weight.grad = (found - (found * unit).sum(dim=1, keepdim=True) * unit) / length

    def _columns(self, place: int) -> slice:
        return slice(place * self._n_classes, (place + 1) * self._n_classes)

    def put(self, place: int, network: Network) -> None:
        """A network's head goes to its place."""
        with torch.no_grad():
            self.weight[self._columns(place)] = network.fc.weight
            if not self._cosine:
                self.bias[self._columns(place)] = network.fc.bias

    def take(self, place: int, network: Network) -> None:
        """What stands at a place becomes the network's head."""
        with torch.no_grad():
            network.fc.weight.copy_(self.weight[self._columns(place)])
            if not self._cosine:
                network.fc.bias.copy_(self.bias[self._columns(place)])

    def put_optimizer(self, place: int, own: torch.optim.Optimizer, whole: torch.optim.Optimizer) -> None:
        """The state of a head's optimizer goes to its place in that of all, which stand at the same step."""
        for number, values in enumerate((self.weight, self.bias)):
            for name, was in own.state_dict()["state"].get(number, {}).items():
                if was.ndim != values.ndim:  # of no element, such as the step
                    whole.state[values][name] = was.clone()
                    continue
                whole.state[values].setdefault(name, torch.zeros_like(values))[self._columns(place)] = was

    def take_optimizer(self, place: int, whole: torch.optim.Optimizer, own: torch.optim.Optimizer) -> None:
        """A head's part of the state of all becomes that of its own optimizer."""
        states = {
            number: {
                name: (state[self._columns(place)] if state.ndim == values.ndim else state).clone()
                for name, state in whole.state.get(values, {}).items()
            }
            for number, values in enumerate((self.weight, self.bias))
        }
        known = {number: state for number, state in states.items() if state}
        own.load_state_dict({**own.state_dict(), "state": known})

    def empty(self, place: int, optimizer: torch.optim.Optimizer) -> None:
        """Nothing stands at a place any more."""
        with torch.no_grad():
            for values in self._with_states(optimizer):
                values[self._columns(place)] = 0

    def _with_states(self, optimizer: torch.optim.Optimizer) -> Iterator[torch.Tensor]:
        for values in (self.weight, self.bias):
            yield values
            yield from (state for state in optimizer.state.get(values, {}).values() if state.ndim == values.ndim)
