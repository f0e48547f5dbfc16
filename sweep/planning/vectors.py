"""Before heads train: the frozen body looks at all images once, and at views of the training images where asked."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import torch

from balancing.errors import UserError
from sweep.planning.prepare import SweepInputs
from sweep.runs.folds import whole_path
from sweep.runs.observer import Observer, tell
from sweep.runs.run import Run
from sweep.runs.spec import TrialSpec
from sweep.training.frozen.extract import Eye, Looks, Views, all_cores, body_of
from sweep.training.frozen.joining import save_body
from sweep.training.frozen.rows import train_looks
from sweep.training.frozen.store import FOLDER, Stored, VectorStore, key_of, store_of
from sweep.training.hardware import on_device
from sweep.training.inputs import SplitImages
from sweep.training.vectors import Source, Vectors

if TYPE_CHECKING:
    from sweep.config.config import Config

# Who looks where it is not this process: (a trial's spec, at what) -> vectors in their order, (B, D) float32 at a time.
Elsewhere = Callable[[TrialSpec, Looks], Iterable[np.ndarray]]


def with_vectors(
    run: Run,
    config: Config,
    inputs: SweepInputs,
    observer: Observer,
    *,
    cuda: bool = False,
    elsewhere: Elsewhere | None = None,
) -> SweepInputs:
    """The inputs with what a frozen body makes of the images; as they are where no body is frozen.

    Test images are looked at with the others: no label is, and nothing is decided, so the test split stays closed.

    Args:
        run: gets the body, so that its networks can be joined anywhere.
        config: of the run.
        inputs: with the precision settled.
        observer: told what happens, and shown how far it is.
        cuda: whether trials have a GPU.
        elsewhere: who looks; this process, on all its cores or its GPU, by default.
    Raises:
        UserError: what the body makes of the images is no number or the same for all, or there is no room.
        KeyboardInterrupt: the user stopped it; nothing that is half is kept.
    """
    if not config.network.frozen:
        return inputs
    assert inputs.start is not None
    say = partial(tell, observer.note)
    save_body(run.path, config.train.network, inputs.start, run.guard)
    specs = inputs.specs(config)
    pass_ = _Pass(run, inputs, observer, "cuda" if cuda else "cpu", elsewhere)
    store = store_of(inputs.images.pixels_path, whole_path(run))
    name, images = config.network.architecture, len(inputs.images)
    stored = pass_.opened(store, specs[0], Looks.at_all(images), f"{images:,} images", name)
    _check_apart(stored.rows[inputs.split.train], name)
    _same_as_before(run, stored, say)
    # On a cluster every node sees the run folder, and perhaps no cache but its own.
    if config.resources.address:
        store = VectorStore(str(whole_path(run) / FOLDER))
    source = Source(str(run.path.resolve()), store.folder, pass_.device, store.also)
    vectors = Vectors.of(stored.rows, inputs.split.train, source)
    for views, spec in _all_views(specs, inputs).items():
        looks = train_looks(_split_images(inputs), views)
        what = f"{views.count} views of {len(inputs.split.train):,} training images ({views.augmentation})"
        pass_.opened(replace(store, notes=[]), spec, looks, what, name, first=stored.rows)
    return replace(inputs, vectors=vectors, vectors_path=stored.path)


def _check_apart(rows: np.ndarray, name: str) -> None:
    """Raises UserError where a body makes the same of all images: no head could tell any of them apart.

    Args:
        rows: (T, D) float32, of the training images.
        name: of the architecture.
    """
    if (np.ptp(rows, axis=0) <= 1e-5 * np.maximum(1.0, np.abs(rows[0]))).all():
        raise UserError(
            f"what the frozen {name} makes of the training images is the same for all of them, so no head could tell "
            "them apart; give other --weights"
        )


def _same_as_before(run: Run, stored: Stored, say: Callable[[str], None]) -> None:
    """Notes which vectors a run's trials see; another machine or device may make others of the same images."""
    before = run.info.get("vectors")
    if before not in (None, stored.fingerprint):
        say(
            "What the frozen network makes of the images differs in its last digits from what earlier trials of this "
            "run saw: it was made anew, on another machine or device."
        )
    if before != stored.fingerprint:
        run.update_info(vectors=stored.fingerprint)


def _split_images(inputs: SweepInputs) -> SplitImages:
    images, split = inputs.images, inputs.split
    return SplitImages(images.pixels, images.labels, images.class_names, split.train, split.validation, split.test)


def _all_views(specs: Iterable[TrialSpec], inputs: SweepInputs) -> dict[Views, TrialSpec]:
    """Each kind of views with a trial that trains on it; those that a search asks for later make theirs themselves."""
    counts = np.bincount(inputs.images.labels[inputs.split.train], minlength=inputs.images.n_classes).tolist()
    kinds: dict[Views, TrialSpec] = {}
    for spec in specs:
        views = Views.of(spec, counts)
        if views is not None:
            kinds.setdefault(views, spec)
    return kinds


@dataclass(frozen=True)
class _Pass:
    """A frozen body that looks at images, or has looked; arguments as of ``with_vectors``."""

    run: Run
    inputs: SweepInputs
    observer: Observer
    device: str
    elsewhere: Elsewhere | None

    def opened(
        self, store: VectorStore, spec: TrialSpec, looks: Looks, what: str, name: str, first: np.ndarray | None = None
    ) -> Stored:
        """The vectors, made where they are not there yet, and what a person should know of them said.

        Args:
            store: where they are kept.
            spec: of a trial that sees them.
            looks: at what.
            what, name: at what and through which body, in words.
            first: as of ``VectorStore.opened``.
        """
        say, looked = partial(tell, self.observer.note), False

        def made() -> Generator[np.ndarray]:
            nonlocal looked
            looked = True
            for note in store.notes:
                say(note)
            if store.also:
                say(
                    f"The cache {store.also} can't be written, so what the frozen network makes of the images is kept "
                    "in the run."
                )
            say(f"Looking at {what} through {name}, once ...")
            threads = nullcontext() if self.elsewhere else all_cores()
            with threads, self.observer.bar(len(looks), "looking at images") as seen:
                for rows in (self.elsewhere or self._here)(spec, looks):
                    yield rows
                    for _ in rows:
                        tell(seen)

        found = store.opened(key_of(spec, self.device, None if first is None else looks), len(looks), made, first)
        if not looked:
            say(f"What {name} makes of {what} is known from before.")
        return found

    def _here(self, spec: TrialSpec, looks: Looks) -> Iterator[np.ndarray]:
        assert self.inputs.start is not None
        device = torch.device(self.device)
        pixels = on_device(self.inputs.images.pixels, device)
        return Eye(body_of(spec, self.inputs.start), pixels, spec, device).vectors(looks)
