"""The order in which rows train: passes through a plan, of seed and place alone, so that a resume needs no state."""

from __future__ import annotations

import numpy as np
import torch


def epoch_generator(seed: int, epoch: int) -> torch.Generator:
    """The generator of one epoch's draws; on the CPU, so that every device draws the same."""
    state = np.random.SeedSequence([seed, epoch]).generate_state(1, dtype=np.uint64)[0]
    return torch.Generator().manual_seed(int(state) & (2**63 - 1))


def stream(rows: int, seed: int, start: int, count: int) -> torch.Tensor:
    """A stretch of the endless stream that passes through all rows again and again, each time in another order.

    Where a pass is as long as an epoch, it is in the order of that epoch, whatever the technique.

    Args:
        rows: of the plan, >= 1.
        start: place in the stream, from 0.
        count: how many.
    Returns:
        (count,) int64 in 0..rows-1.
    """
    found = [torch.zeros(0, dtype=torch.int64)]
    while count > 0:
        passes, at = divmod(start, rows)
        order = torch.randperm(rows, generator=epoch_generator(seed, passes + 1))
        found.append(order[at : at + count])
        start, count = start + len(found[-1]), count - len(found[-1])
    return torch.cat(found)
