"""A run of folds: one split a fold, all of the same images, each trained, selected and tested as a run of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from balancing.components.axes import TrainingData
from balancing.data.folds import Folds
from balancing.data.ingest import Bar, no_bar
from balancing.data.splits import Split
from balancing.quality.audit import audit
from sweep.config.size import trained
from sweep.planning.compositions import check_compositions
from sweep.planning.networks import starting
from sweep.planning.prepare import (
    SweepInputs,
    Tell,
    check_masks,
    check_train,
    fixed_of,
    folds_of,
    load_labelled,
    unheard,
    without_impossible,
)
from sweep.planning.room import require_room
from sweep.planning.views import notes_on_views

if TYPE_CHECKING:
    from balancing.data.images import ImageSet
    from sweep.config.config import Config
    from sweep.runs.run import Run


@dataclass(frozen=True)
class FoldedInputs:
    """All folds of a run, checked.

    Args:
        config: the run's, without what the data rule out in any fold.
        inputs: of the whole: every row is a test row.
        folds: how the images are cut.
        each: repeat by repeat, in each fold by fold; all share images and starting weights, and none is audited yet.
    """

    config: Config
    inputs: SweepInputs
    folds: Folds
    each: tuple[SweepInputs, ...]

    @cached_property
    def config_of_each(self) -> Config:
        """What every fold runs: the same draws and seeds."""
        return one_fold(self.config)

    def audited(self, number: int) -> SweepInputs:
        """The inputs of the fold of that number, from 1 on, with what was found in its data."""
        found = self.each[number - 1]
        return replace(found, audit=audit(found.images, found.split))

    def require_room(self, path: Path, done: int = 0, found: Run | None = None) -> None:
        """Raises UserError where the disk has no room for the next fold and what all keep.

        Args:
            path: the run folder.
            done: folds that have ended, whose networks lie there already.
            found: the fold that is next, where it has begun.
        """
        config = self.config_of_each
        chosen = len(trained(config)) * (config.space.confirm or config.space.seeds)
        require_room(path, config, found, kept=max(0, len(self.each) - done - 1) * chosen)


def one_fold(config: Config) -> Config:
    """The configuration of a single fold of a run of folds."""
    return config.model_copy(update={"data": config.data.model_copy(update={"folds": 0, "repeats": 1})})


def prepare_folds(config: Config, *, bar: Bar = no_bar, tell: Tell = unheard, run: Run | None = None) -> FoldedInputs:
    """Everything that can go wrong in any fold is asked for before the first begins.

    Args:
        config: with ``data.folds``.
        bar, tell, run: as of ``sweep.planning.prepare.prepare``.
    Raises:
        UserError: as ``prepare``, and see ``make_folds``.
    """
    check_train(config)
    mended: list[str] = []
    start = starting(config, mended.append)
    images, positive, told = load_labelled(config.data, bar=bar, run=run, tell=tell)
    folds = folds_of(config.data, images)
    for note in folds.notes:
        tell(note)
    check_masks(config, images)
    config, left_out = _without_impossible(config, images, folds.splits)
    whole = folds.whole
    first = TrainingData(images.pixels, images.labels, folds.splits[0].train, images.n_classes, images.class_names)
    warnings = check_compositions(config, first) + notes_on_views(config)
    for note in (*mended, *left_out, *warnings):
        tell(note)
    notes = (*told, *folds.notes, *mended, *left_out, *warnings)

    def of(split: Split) -> SweepInputs:
        fixed = fixed_of(config, images, split, positive, start)
        own = (*told, *split.notes, *mended, *left_out, *warnings)
        return SweepInputs(images, split, positive, own, start.state, fixed, None, one_fold(config))

    inputs = replace(of(whole), notes=notes, config=config, audit=audit(images, folds.splits[0]))
    return FoldedInputs(config, inputs, folds, tuple(map(of, folds.splits)))


def _without_impossible(config: Config, images: ImageSet, splits: Sequence[Split]) -> tuple[Config, list[str]]:
    """As ``without_impossible``: what the data rule out in one fold is left out of all."""
    notes: list[str] = []
    known: set[tuple[int, ...]] = set()
    for split in splits:
        counts = tuple(np.bincount(images.labels[split.train], minlength=images.n_classes).tolist())
        if counts not in known:
            known.add(counts)
            config, found = without_impossible(config, images, split)
            notes += found
    return config, list(dict.fromkeys(notes))
