"""Successive halving of one technique's configurations; no Ray in it, so that recorded sweeps can be replayed."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections import defaultdict
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from sweep.config.size import span
from sweep.runs.run import Run
from sweep.runs.spec import TrialSpec
from sweep.runs.trial_folder import ENDED

if TYPE_CHECKING:
    from sweep.config.config import Config

# What an epoch is judged by: the selection metric, then AUROC, which still tells networks apart that call everything
# one class.
Score = tuple[float, float]


# An epoch of fewer optimisation steps tells little: on 240 images, 8 steps, what one epoch chose was mostly chance.
GRACE_STEPS = 40


def grace_epochs(train_images: int, batch_size: int) -> int:
    """Epochs that ``GRACE_STEPS`` optimisation steps take, at least 1."""
    return max(1, -(-GRACE_STEPS * batch_size // max(1, train_images)))


def halving_epochs(run: Run, config: Config) -> tuple[int, int]:
    """The most epochs of any trial, and the epochs that every trial gets."""
    train, batch = sum(run.info["data"]["class_counts"]["train"]), int(span(config.space.batch_size)[1])
    return int(span(config.space.epochs)[1]), config.sweep.grace or grace_epochs(train, batch)


def score_of(numbers: Mapping[str, Any], metric: str) -> Score:
    """An epoch's score from its validation numbers; missing ones count as the worst."""
    first, second = (numbers.get(name) for name in (metric, "auroc"))
    return (-1.0 if first is None else float(first), -1.0 if second is None else float(second))


def judged_epoch(numbers: Mapping[str, Any]) -> int:
    """The number by which an epoch stands on a rung; 0 where it stands on none.

    Of a technique with several stages, epochs count from the first whose network may be kept: before, all
    configurations train alike, or something else than what is compared, so nothing is judged or stopped by it.
    """
    return int(numbers.get("kept_epochs", numbers["epoch"]))


class _Ranking:
    """Scores by name, counted from the best down without going through them all."""

    def __init__(self) -> None:
        self._scores: dict[str, Score] = {}
        self._sorted: list[Score] = []

    def __len__(self) -> int:
        return len(self._scores)

    def put(self, name: str, score: Score) -> None:
        self.drop(name)
        self._scores[name] = score
        insort(self._sorted, score)

    def drop(self, name: str) -> None:
        score = self._scores.pop(name, None)
        if score is not None:
            del self._sorted[bisect_left(self._sorted, score)]

    def of(self, name: str) -> Score:
        return self._scores[name]

    def at_least(self, score: Score) -> int:
        return len(self._sorted) - bisect_left(self._sorted, score)

    def above(self, score: Score) -> int:
        return len(self._sorted) - bisect_right(self._sorted, score)


class Halving:
    """Which trials of one technique go on, told epoch by epoch.

    The first seed of each configuration is halved asynchronously: at epochs ``grace``, ``grace * reduction``, ... it
    goes on only among the best ``1 / reduction`` of those that got there. Seed number s (from 0) of a configuration
    goes on where no earlier one was stopped and, by the mean of their best epochs, it is among the best
    ``1 / reduction ** s`` of all configurations, one at least; else it is not begun, or, where that is known only
    after it began, stops after ``grace`` epochs. So the configuration that is chosen has all its seeds in full, and few
    others have.

    Args:
        max_epochs: the most epochs any trial has; nothing is stopped at or after it.
        grace: epochs every trial gets, >= 1.
        reduction: > 1.
    Reference: Li et al., A System for Massively Parallel Hyperparameter Tuning, MLSys 2020 (its stopping variant).
    """

    def __init__(self, max_epochs: int, grace: int = 1, reduction: int = 3):
        self._grace, self._reduction = grace, reduction
        self._rungs: dict[int, _Ranking] = {}
        epoch = grace
        while epoch < max_epochs:
            self._rungs[epoch] = _Ranking()
            epoch *= reduction
        self._best: dict[tuple[str, int], Score] = {}
        self._names: set[str] = set()  # of which a first seed has been seen
        self._stopped: set[str] = set()
        self._ended: set[tuple[str, int]] = set()
        # Number of a seed -> the means of the earlier seeds, where those have all ended and none was stopped.
        self._means: dict[int, _Ranking] = defaultdict(_Ranking)

    def record(self, configuration: str, seed: int, epoch: int, score: Score) -> None:
        """An epoch with nothing to decide."""
        key = (configuration, seed)
        self._best[key] = max(score, self._best.get(key, score))
        if seed == 0:
            self._names.add(configuration)
            if epoch in self._rungs:
                self._rungs[epoch].put(configuration, score)
        if key in self._ended:  # a lost trial that runs again
            self._rank(configuration, seed)

    def ended(self, configuration: str, seed: int, *, stopped: bool = False) -> None:
        """A trial will report no more."""
        self._ended.add((configuration, seed))
        if stopped:
            self._stop(configuration)
        else:
            self._rank(configuration, seed)

    def _stop(self, configuration: str) -> None:
        self._stopped.add(configuration)
        for ranking in self._means.values():
            ranking.drop(configuration)

    def _rank(self, configuration: str, seed: int) -> None:
        """Where a configuration stands for its seeds after this one."""
        if configuration in self._stopped:
            return
        later = seed + 1
        while (mean := self._mean_before(configuration, later)) is not None:
            self._means[later].put(configuration, mean)
            later += 1

    def goes_on(self, configuration: str, seed: int, epoch: int, score: Score) -> bool:
        """Whether a trial goes on after this epoch.

        Args:
            configuration: its id, the same for all seeds.
            seed: number of its seed, from 0.
            epoch: from 1.
            score: of ``score_of``.
        """
        self.record(configuration, seed, epoch, score)
        on = self._first_goes_on(configuration, epoch) if seed == 0 else self._later_goes_on(configuration, seed, epoch)
        if not on:
            self._stop(configuration)
        return on

    def starts(self, configuration: str, seed: int) -> bool:
        """Whether a trial is worth beginning, by what is known now."""
        return seed == 0 or self._among_the_best(configuration, seed)

    def _first_goes_on(self, configuration: str, epoch: int) -> bool:
        rung = self._rungs.get(epoch)
        if rung is None:
            return True
        ahead = rung.at_least(rung.of(configuration)) - 1  # itself
        return ahead < max(1, len(rung) // self._reduction)

    def _later_goes_on(self, configuration: str, seed: int, epoch: int) -> bool:
        return epoch < self._grace or self._among_the_best(configuration, seed)

    def _among_the_best(self, configuration: str, seed: int) -> bool:
        """Whether a later seed is called for: no earlier one was stopped, and few are better by those."""
        if configuration in self._stopped:
            return False
        own = self._mean_before(configuration, seed)
        if own is None:  # an earlier seed still runs, or was lost: nothing to judge by
            return True
        return self._means[seed].above(own) < max(1, len(self._names) // self._reduction**seed)

    def _mean_before(self, configuration: str, seed: int) -> Score | None:
        earlier = [(configuration, number) for number in range(seed)]
        if not all(key in self._ended and key in self._best for key in earlier):
            return None
        metrics, aurocs = zip(*(self._best[key] for key in earlier), strict=True)
        return sum(metrics) / seed, sum(aurocs) / seed


def recorded_halvings(run: Run, max_epochs: int, grace: int) -> dict[str, Halving]:
    """Technique -> what is known from a run's records, of trials that ended and of those under way.

    Reads two files a trial, so it is asked once, when a sweep starts or goes on; then its scheduler is told each epoch.

    Args:
        run: with its specs written.
        max_epochs, grace: see ``Halving``.
    """
    found: dict[str, Halving] = {}
    for spec in run.specs():
        halving = found.setdefault(spec.technique, Halving(max_epochs, grace))
        folder = run.trial(spec.trial_id)
        for numbers in folder.epochs():
            if epoch := judged_epoch(numbers):
                halving.record(spec.configuration_id, spec.seed_index, epoch, score_of(numbers, spec.metric))
        status = folder.status()["status"]
        if status in ENDED:
            halving.ended(spec.configuration_id, spec.seed_index, stopped=status == "stopped")
    return found


class PairedHalving:
    """Successive halving, one for each technique: trials are stopped for being behind their own kind.

    One for all would stop the techniques that learn slowly, and so decide the comparison before it is made. Rungs lie
    in the stages whose networks may be kept: see ``judged_epoch``.

    Args:
        run: what it has recorded counts, so that a resumed sweep goes on where it was.
        max_epochs, grace: see ``Halving``.
    """

    def __init__(self, run: Run, max_epochs: int, grace: int):
        self._max_epochs, self._grace = max_epochs, grace
        self._of_technique = recorded_halvings(run, max_epochs, grace)

    def _of(self, spec: TrialSpec) -> Halving:
        return self._of_technique.setdefault(spec.technique, Halving(self._max_epochs, self._grace))

    def starts(self, spec: TrialSpec) -> bool:
        """Whether a trial is worth beginning; asked before its first epoch."""
        halving = self._of(spec)
        if halving.starts(spec.configuration_id, spec.seed_index):
            return True
        halving.ended(spec.configuration_id, spec.seed_index, stopped=True)
        return False

    def goes_on(self, spec: TrialSpec, numbers: Mapping[str, Any]) -> bool:
        """Whether a trial goes on after an epoch, by its validation numbers; one with its last epoch always does."""
        epoch = judged_epoch(numbers)
        if not epoch:
            return True
        score = score_of(numbers, spec.metric)
        goes_on = self._of(spec).goes_on(spec.configuration_id, spec.seed_index, epoch, score)
        return goes_on or int(numbers["epoch"]) >= spec.epochs

    def ended(self, spec: TrialSpec) -> None:
        """A trial will report no more."""
        self._of(spec).ended(spec.configuration_id, spec.seed_index)
