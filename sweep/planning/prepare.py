"""Everything that can go wrong is asked for here, before anything long starts: data, split, weights, space, room."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from balancing.components.axes import TrainingContext, TrainingData
from balancing.components.registry import check_feasible
from balancing.components.techniques import Technique, training_of
from balancing.data.classes import Encoded
from balancing.data.folds import Folds, make_folds
from balancing.data.images import ImageSet, load_images, resolve_positive
from balancing.data.ingest import Bar, no_bar
from balancing.data.splits import Split, make_split
from balancing.errors import UserError
from balancing.quality.audit import Audit, audit
from sweep.config.size import n_draws
from sweep.config.values import decision_parameters
from sweep.planning.compositions import check_compositions
from sweep.planning.networks import Start, check_network, fixed_by, starting
from sweep.planning.space import shared_grid, technique_parameters, trial_specs
from sweep.planning.views import check_views, notes_on_views
from sweep.runs.confirming import Confirming
from sweep.runs.spec import TrialSpec
from sweep.training.dtype import BFLOAT16_FROM
from sweep.training.stages import check_last, steps_of

if TYPE_CHECKING:
    from sweep.config.config import Config
    from sweep.config.sections import DataConfig
    from sweep.runs.run import Run
    from sweep.training.vectors import Vectors


# By what the test split says so far: the techniques that train more seeds, and technique -> answer of the others.
Judge = Callable[["Run", Confirming], tuple[Sequence[str], Mapping[str, str]]]


@dataclass(frozen=True)
class SweepInputs:
    """A sweep that can start.

    Args:
        images: decoded.
        split: which rows train, validate and test.
        positive: index of the positive class; None for more than two.
        notes: sentences a user should read.
        start: starting weights without a head, or None.
        fixed: what every trial's spec takes from the data and the weights.
        audit: what was found in the data; None where nobody looked.
        config: what was asked for, without what groups stand for and the data rule out; None where nobody asked.
        vectors: what a frozen body made of the images, once it did; see ``sweep.planning.vectors``.
        vectors_path: where they lie.
        judge: says after a round of confirming seeds which techniques train more; None: nobody does.
    """

    images: ImageSet
    split: Split
    positive: int | None
    notes: tuple[str, ...]
    start: Mapping[str, Any] | None
    fixed: Mapping[str, Any]
    audit: Audit | None = None
    config: Config | None = None
    vectors: Vectors | None = None
    vectors_path: Path | None = None
    judge: Judge | None = None

    def specs(self, config: Config) -> list[TrialSpec]:
        return trial_specs(config, **self.fixed)

    def in_precision(self, precision: str) -> SweepInputs:
        """The same with ``float32`` or ``bfloat16`` in every spec, whatever the configuration says."""
        return replace(self, fixed={**self.fixed, "precision": precision})


Tell = Callable[[str], None]


def unheard(note: str) -> None:
    """Tells nobody."""


def load_data(
    data: DataConfig, *, bar: Bar = no_bar, run: Run | None = None, ask: bool = True, tell: Tell = unheard
) -> tuple[ImageSet, Split, int | None, tuple[str, ...]]:
    """Images, split (of folds the first one's), positive class and what to tell the user about them.

    Arguments as of ``load_labelled``.

    Raises:
        UserError: see ``load_labelled``, ``make_split`` and ``make_folds``.
    """
    images, positive, notes = load_labelled(data, bar=bar, run=run, ask=ask, tell=tell)
    if data.folds:
        folds = folds_of(data, images)
        split = replace(folds.splits[0], notes=(*folds.notes, *folds.splits[0].notes))
    else:
        split = make_split(images, seed=data.split_seed)
    for note in split.notes:
        tell(note)
    return images, split, positive, (*notes, *split.notes)


def folds_of(data: DataConfig, images: ImageSet) -> Folds:
    """The folds that a configuration asks for; see ``make_folds``."""
    own = True if data.fold_column is not None else None
    return make_folds(images, data.folds, data.repeats, seed=data.split_seed, own=own)


def load_labelled(
    data: DataConfig, *, bar: Bar = no_bar, run: Run | None = None, ask: bool = True, tell: Tell = unheard
) -> tuple[ImageSet, int | None, tuple[str, ...]]:
    """Images, positive class and what to tell the user about them.

    Args:
        data: which images, and how they are read.
        bar: shows how decoding gets on.
        run: whose images they are, so that its positive class is known; None of a new one.
        ask: refuse where names leave a doubt which class is positive; else that is among what to tell.
        tell: is given each note as soon as it is known, so that a refusal stands below how the data were read.
    Raises:
        UserError: see ``load_images`` and ``resolve_positive``.
    """

    def settled(encoded: Encoded) -> None:  # before anything is decoded
        counts = np.bincount(encoded.labels, minlength=len(encoded.class_names)).tolist()
        _positive(encoded.class_names, counts, encoded.positive, data, run, ask)

    images = load_images(data.source, image_size=data.image_size, bar=bar, check=settled, **data.reading())
    counts = np.bincount(images.labels, minlength=images.n_classes).tolist()
    of_class = ", ".join(f"{count:,} {name}" for count, name in zip(counts, images.class_names, strict=True))
    for note in (f"{len(images):,} images: {of_class}.", *images.notes):
        tell(note)
    positive, positive_note = _positive(images.class_names, counts, images.positive, data, run, ask)
    tell(positive_note)
    return images, positive, (*images.notes, positive_note)


def _positive(
    class_names: Sequence[str], counts: Sequence[int], told: str | None, data: DataConfig, run: Run | None, ask: bool
) -> tuple[int | None, str]:
    if run is not None and run.positive is not None:
        told = run.class_names[run.positive]
    wanted = data.positive
    if told is not None and wanted is not None and wanted.isdigit() and wanted not in class_names:
        wanted = None  # one of several findings, asked for by its number, whose name the data told
    try:
        return resolve_positive(class_names, wanted, counts=counts, told=told)
    except UserError as error:
        if ask or wanted is not None:
            raise
        return None, f"To be settled before a run: {error}."


def prepare(config: Config, *, bar: Bar = no_bar, run: Run | None = None, tell: Tell = unheard) -> SweepInputs:
    """Loads data and weights, and checks that every technique can be built on the training rows.

    Args:
        config: of the run.
        bar: shows how decoding gets on.
        run: that is gone on with; None of a new one.
        tell: is given each note as soon as it is known; all of them are in the result, too.
    Raises:
        UserError: one sentence: the rule, the value, the next step.
    """
    check_train(config)
    mended: list[str] = []
    start = starting(config, mended.append)
    images, split, positive, notes = load_data(config.data, bar=bar, run=run, tell=tell)
    found = audit(images, split)
    refuse_leaks(found, config.data)
    check_masks(config, images)
    config, left_out = without_impossible(config, images, split)
    rows = TrainingData(images.pixels, images.labels, split.train, images.n_classes, images.class_names)
    warnings = check_compositions(config, rows) + notes_on_views(config)
    for note in (*mended, *left_out, *warnings):
        tell(note)
    notes = (*notes, *mended, *left_out, *warnings)
    fixed = fixed_of(config, images, split, positive, start)
    return SweepInputs(images, split, positive, notes, start.state, fixed, found, config)


def check_train(config: Config) -> None:
    """Raises UserError where the network, or the precision, can't be had."""
    if config.train.precision == "bfloat16" and config.data.image_size < BFLOAT16_FROM:
        raise UserError(
            f"train.precision=bfloat16 needs images of at least {BFLOAT16_FROM} pixels a side (a gradient of smaller "
            f"ones is not reliable on processors with AMX), but they have {config.data.image_size}; take float32"
        )
    check_network(config)


def check_masks(config: Config, images: ImageSet) -> None:
    """Raises UserError where masks don't fit: that is known before anything long starts."""
    if config.report.masks is not None:
        from balancing.data.masks import load_masks

        load_masks(Path(config.report.masks), images)


def fixed_of(config: Config, images: ImageSet, split: Split, positive: int | None, start: Start) -> dict[str, Any]:
    """What every trial's spec takes from the data and the weights."""
    from sweep.runs.split_table import split_fingerprint

    return {
        "data": images.fingerprint[:16],
        "split": split_fingerprint(split),
        "positive": positive,
        **fixed_by(config, start),
    }


def refuse_leaks(found: Audit, data: DataConfig) -> None:
    """Raises UserError where the test split shares something with the others, unless the user allows it."""
    if found.leaks and not data.allow_leak:
        command = shlex.join(["sweep", "audit", "--data", data.source, "--files", "files.csv"])
        raise UserError(
            f"{' '.join(finding.title for finding in found.leaks)} Test results would look better than they are; "
            f"`{command}` lists the files; mend the split, or go on all the same by --allow-leak"
        )


def without_impossible(config: Config, images: ImageSet, split: Split) -> tuple[Config, list[str]]:
    """The configuration without techniques that these data rule out, and a sentence that says so.

    Those that a group stands for are left out; others only with ``space.skip_infeasible``.

    Raises:
        UserError: a technique that was asked for by name can't be built on these class counts, or its last stage has no
            step, with any parameters it will get, any number of epochs and any batch size.
    """
    counts = np.bincount(images.labels[split.train], minlength=images.n_classes)
    ruled_out: dict[str, str] = {}
    for name in config.space.techniques:
        try:
            _check_technique(config, config.technique(name), counts, images.class_names)
        except UserError as error:
            if name not in config.space.of_groups and not config.space.skip_infeasible:
                said = _with_option(str(error), name)
                raise UserError(f"{said}; or go on without such techniques by --skip-infeasible") from None
            ruled_out[name] = str(error).partition(";")[0]
    kept = [name for name in config.space.techniques if name not in ruled_out]
    if not ruled_out:
        return config, []
    parameters = {name: own for name, own in config.space.parameters.items() if name not in ruled_out}
    space = config.space.model_copy(update={"techniques": kept, "parameters": parameters})
    named = ", ".join(f"{name} ({why})" for name, why in ruled_out.items())
    if not kept:
        raise UserError(f"these data rule out every technique that was asked for: {named}; ask for others")
    note = f"Techniques left out, since these data rule them out: {named}."
    return config.model_copy(update={"space": space}), [note]


def _with_option(sentence: str, technique: str) -> str:
    """The sentence with the whole option behind "lower smote.k_neighbors to 3"."""

    def spelled(found: re.Match[str]) -> str:
        component, parameter, value = found.groups()
        own = parameter if component == technique else f"{component}.{parameter}"
        return f"{found[0]} (--set {shlex.quote(f'space.parameters.{technique}.{own}={value}')})"

    return re.sub(r"lower (\w+)\.(\w+) to (\d+)", spelled, sentence)


def _check_technique(config: Config, technique: Technique, counts: np.ndarray, class_names: Sequence[str]) -> None:
    check_views(config, technique)
    decision = technique.part("decision")
    if decision is not None:
        own = decision_parameters(technique, config.space.parameters)
        check_feasible([(decision, own)], counts, class_names)
        technique = training_of(technique)
    for draw in range(n_draws(config)):
        own = technique_parameters(config, technique.name, draw)
        technique.check_feasible(counts, class_names, own)
        if technique.part("schedule") and config.space.budget == "steps":  # else a trial tells, by its plan
            for shared in shared_grid(config, draw):
                _check_stages(technique, counts, own, int(shared["epochs"]), int(shared["batch_size"]))


def _check_stages(
    technique: Technique, counts: np.ndarray, own: Mapping[str, Any], epochs: int, batch_size: int
) -> None:
    context = TrainingContext(counts, epochs, split_counts=counts, batch_size=batch_size)
    steps = steps_of(int(counts.sum()), batch_size)
    check_last(technique.name, technique.schedule(context, **own), epochs, steps)


def free_run_folder(root: Path, preset: str) -> Path:
    """A new folder name under ``root``: preset, date and time; a number behind it where that is taken."""
    from datetime import datetime

    name = f"{preset}-{datetime.now():%Y%m%d-%H%M%S}"
    path, number = root / name, 2
    while path.exists():
        path, number = root / f"{name}-{number}", number + 1
    return path
