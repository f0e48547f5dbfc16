"""Successive halving of one technique's configurations; no Ray in it, so that recorded sweeps can be replayed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# What an epoch is judged by: the selection metric, then AUROC, which still tells networks apart that call everything
# one class.
Score = tuple[float, float]


def score_of(numbers: Mapping[str, Any], metric: str) -> Score:
    """An epoch's score from its validation numbers; missing ones count as the worst."""
    first, second = (numbers.get(name) for name in (metric, "auroc"))
    return (-1.0 if first is None else float(first), -1.0 if second is None else float(second))


class Halving:
    """Which trials of one technique go on, told epoch by epoch.

    The first seed of each configuration is halved asynchronously: at epochs ``grace``, ``grace * reduction``, ... it
    goes on only among the best ``1 / reduction`` of those that got there. A later seed goes on where its
    configuration's first seed did: it stops after ``grace`` epochs where that one was stopped, or where it ended
    behind enough others. So a configuration that is worth it has all its seeds in full, and no other has.

    Args:
        max_epochs: the most epochs any trial has; nothing is stopped at or after it.
        grace: epochs every trial gets, >= 1.
        reduction: > 1.
    Reference: Li et al., A System for Massively Parallel Hyperparameter Tuning, MLSys 2020 (its stopping variant).
    """

    def __init__(self, max_epochs: int, grace: int = 1, reduction: int = 3):
        self._grace, self._reduction = grace, reduction
        self._rungs: dict[int, dict[str, Score]] = {}
        epoch = grace
        while epoch < max_epochs:
            self._rungs[epoch] = {}
            epoch *= reduction
        self._best: dict[str, Score] = {}
        self._stopped: set[str] = set()
        self._ended: set[str] = set()

    def record(self, configuration: str, epoch: int, score: Score) -> None:
        """An epoch of a configuration's first seed, with nothing to decide."""
        self._best[configuration] = max(score, self._best.get(configuration, score))
        if epoch in self._rungs:
            self._rungs[epoch][configuration] = score

    def first_seed(self, configuration: str, epoch: int, score: Score) -> bool:
        """Whether a configuration's first seed goes on after this epoch."""
        self.record(configuration, epoch, score)
        rung = self._rungs.get(epoch)
        if rung is None:
            return True
        ahead = sum(other >= score for name, other in rung.items() if name != configuration)
        if ahead < self._places(len(rung)):
            return True
        self._stopped.add(configuration)
        return False

    def first_seed_ended(self, configuration: str, *, stopped: bool = False) -> None:
        """A configuration's first seed will report no more."""
        (self._stopped if stopped else self._ended).add(configuration)

    def later_seed(self, configuration: str, epoch: int) -> bool:
        """Whether another seed of a configuration goes on after this epoch."""
        if epoch < self._grace or configuration not in self._best:
            return True
        if configuration in self._stopped:
            return False
        if configuration not in self._ended:
            return True
        rivals = self._ended - self._stopped - {configuration}
        ahead = sum(self._best[name] > self._best[configuration] for name in rivals if name in self._best)
        return ahead < self._places(len(self._best))

    def _places(self, rivals: int) -> int:
        return max(1, rivals // self._reduction)
