"""Numbers that a network draws in training, as dropout does: of its own, so that a trial's do not hang on others'."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any, TypeVar

import numpy as np
import torch

from sweep.training.networks.base import Network

T = TypeVar("T")
_DRAWS = 4  # tells them from others of the same seed


@contextmanager
def own_draws(network: Network, seed: int, epoch: int, device: torch.device) -> Iterator[None]:
    """Within it torch's global generators begin anew by the trial's seed and epoch, and are put back afterwards.

    Nothing is touched where the network draws nothing.
    """
    if not network.draws:
        yield
        return
    drawn = int(np.random.SeedSequence([seed, epoch, _DRAWS]).generate_state(1, dtype=np.uint64)[0])
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(drawn & (2**63 - 1))
        yield


def drawing_alone(train_epoch: Callable[..., T]) -> Callable[..., T]:
    """``train_epoch`` with ``own_draws``."""

    @wraps(train_epoch)
    def wrapped(
        network: Network, optimizer: Any, pixels: torch.Tensor, method: Any, spec: Any, epoch: int, device: torch.device
    ) -> T:
        with own_draws(network, spec.seed, epoch, device):
            return train_epoch(network, optimizer, pixels, method, spec, epoch, device)

    return wrapped
