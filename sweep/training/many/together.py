"""Heads of many seeds of one configuration, trained at once.

Where a head is linear and an epoch is one step on all of its rows, the logits of every row are linear in the weights:
``Z = X [W_1 .. W_S]`` is one product for all seeds, synthetic rows are mixtures of logits as they are mixtures of
vectors, rows that train several times count several times, and Adam, AdamW and SGD work element by element. Cosines
are the same product of unit rows and weights, but no mixtures of each other. SAM's second gradient is a second product.
So the numbers are those of ``sweep.training.trial.Trial`` to rounding, at a fraction of its time.

Each planned seed has its place in the product, whether it trains or not: the numbers of a seed do not depend on which
others train along, bit for bit on one machine, so that a resume changes none.
"""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import nn

from balancing.components.losses.cross_entropy import cross_entropy
from balancing.metrics import told
from sweep.runs.files import now
from sweep.runs.owner import NotOwner
from sweep.runs.predictions import Predictions
from sweep.runs.spec import TrialSpec
from sweep.runs.trial_folder import TrialFolder
from sweep.training.batches import batches_by_part
from sweep.training.checkpoints import Progress, Records, best_of, go_on_from, save_last
from sweep.training.inputs import SplitImages
from sweep.training.many.metrics import evaluate_many
from sweep.training.many.rows import LocalRows, Share, Standard
from sweep.training.many.state import Stacked
from sweep.training.many.steps import Descent, take_step
from sweep.training.method import Method, Part, method_of, technique_of
from sweep.training.network import Network, new_network
from sweep.training.optimizer import lr_factor, new_optimizer, set_lr

COLUMNS = 96  # of one product: more are no faster


class NotOneStep(Exception):
    """An epoch of the trial is more than one step on all of its rows."""


@dataclass
class _Seed:
    """One trial among those that train together.

    Args:
        place: its columns in the product, as a number of heads.
        share: what its rows are, as they were last.
    """

    spec: TrialSpec
    place: int
    method: Method
    network: Network
    optimizer: torch.optim.Optimizer
    progress: Progress
    records: Records
    share: Share | None = None
    ended: str = ""

    @property
    def of_loss(self) -> list[nn.Parameter]:
        """The values of its loss that train too."""
        loss = self.method.module()
        return [] if loss is None else list(loss.parameters())


def train_together(
    planned: Sequence[TrialSpec],
    folders: Mapping[str, TrialFolder],
    images: SplitImages,
    standard: Standard,
    *,
    check: Callable[[], None] = lambda: None,
    resume_seconds: float = 30.0,
) -> dict[str, str | Exception]:
    """Trains some of the planned seeds of a configuration to their ends, or from where their folders say they stopped.

    Args:
        planned: the seeds of one configuration, those that train and others, always in the same order; at most
            ``COLUMNS`` / C.
        folders: trial id -> folder, of those to train.
        standard: the rows of the same images.
        check: called after each epoch; may raise to stop all of them.
        resume_seconds: least time between two files to go on from.
    Returns:
        Trial id -> ``done`` or ``diverged``; or what that trial alone failed by: ``NotOneStep``, where it is to be
        trained by ``Trial``.
    """
    found: dict[str, str | Exception] = {}
    seeds = []
    for place, spec in enumerate(planned):
        if spec.trial_id in folders:
            try:
                seeds.append(_begin(spec, place, folders[spec.trial_id], images, standard))
            except NotOwner:
                raise
            except Exception as error:  # its own, such as a plan that can't be made
                found[spec.trial_id] = error
    for done in sorted({len(seed.progress.epochs) for seed in seeds}):
        at_once = [seed for seed in seeds if len(seed.progress.epochs) == done]
        found |= _Together(at_once, len(planned), images, standard).run(check, resume_seconds)
    return found


def _begin(spec: TrialSpec, place: int, folder: TrialFolder, images: SplitImages, standard: Standard) -> _Seed:
    """As ``Trial.restore``."""
    folder.write_spec(spec)
    started = folder.status().get("started", now())
    folder.write_status("running", started=started, device=str(standard.device), error=None)
    method = method_of(spec, images)
    part, loss = _check(method.parts(1), spec), method.module()
    if loss is not None and part.step is None:
        raise NotOneStep
    new_loss = {} if loss is None else copy.deepcopy(loss.state_dict())

    def fresh() -> tuple[Network, torch.optim.Optimizer]:
        network = new_network(spec, len(images.class_names), method.head, None, images.vectors).to(standard.device)
        network.scale = method.scale()
        if loss is not None:
            loss.load_state_dict(new_loss)
            loss.to(standard.device)
        return network, _optimizer(network, spec, loss)

    network, optimizer, progress = go_on_from(folder, fresh, spec, standard.device, loss)
    return _Seed(spec, place, method, network, optimizer, progress, Records(folder, progress, held=True))


def _optimizer(heads: nn.Module, spec: TrialSpec, loss: nn.Module | None) -> torch.optim.Optimizer:
    return new_optimizer(heads, spec.lr, spec.weight_decay, loss, spec.optimizer, bias_decays=False)


def _check(parts: Sequence[Part], spec: TrialSpec) -> Part:
    """The one part of an epoch."""
    (part, *more) = parts
    passes = part.step is not None and len(part.plan) > spec.batch_size  # a step of its own may count them
    if more or part.steps != 1 or part.phase.space != "pixels" or part.members or passes:
        raise NotOneStep
    return part


class _Together:
    """Seeds that stand at the same epoch.

    Args:
        seeds: those that train.
        places: how many heads the product has.
    """

    def __init__(self, seeds: Sequence[_Seed], places: int, images: SplitImages, standard: Standard):
        self.seeds, self.images, self.standard = list(seeds), images, standard
        self.places, self.n_classes = places, len(images.class_names)
        self.spec = seeds[0].spec
        first = seeds[0].method
        self.heads = Stacked(places, self.n_classes, standard.train.shape[1], first.head).to(standard.device)
        self.rows, self.scale = self.heads.rows(standard.train), first.scale()
        self.validation = self.heads.rows(standard.validation)
        losses = nn.ModuleList(loss for seed in seeds if (loss := seed.method.module()) is not None)
        self.optimizer = _optimizer(self.heads, self.spec, losses if len(losses) else None)
        self.labels = torch.from_numpy(images.labels[images.train]).to(standard.device)
        self.eye = torch.eye(self.n_classes, device=standard.device)
        self.targets = self.eye[self.labels].repeat_interleave(places, dim=0)
        self.whole = any(part.batchwise for part in technique_of(self.spec).parts)  # rows' losses depend on each other
        for seed in self.seeds:
            self.heads.put(seed.place, seed.network)
            self.heads.put_optimizer(seed.place, seed.optimizer, self.optimizer, seed.of_loss)

    def run(self, check: Callable[[], None], resume_seconds: float) -> dict[str, str | Exception]:
        """See ``train_together``."""
        found: dict[str, str | Exception] = {}
        saved = time.monotonic()
        for epoch in range(len(self.seeds[0].progress.epochs) + 1, self.spec.epochs + 1):
            self._epoch(epoch, found)
            if not self.seeds:
                return found
            if epoch < self.spec.epochs and time.monotonic() - saved >= resume_seconds:
                self._save()
                saved = time.monotonic()
            check()
        for seed in self.seeds:
            self._each(seed, found, lambda seed: seed.records.end("done"))
        return found

    def _each(self, seed: _Seed, found: dict[str, str | Exception], end: Callable[[_Seed], str]) -> None:
        """Ends a trial; what goes wrong there is its own."""
        try:
            found[seed.spec.trial_id] = end(seed)
        except NotOwner:
            raise
        except Exception as error:
            found[seed.spec.trial_id] = error

    def _leave(self, seed: _Seed, found: dict[str, str | Exception], end: Callable[[_Seed], str]) -> None:
        """A trial that trains no more; its place is empty from now on."""
        self._each(seed, found, end)
        self.seeds = [other for other in self.seeds if other is not seed]
        self.heads.empty(seed.place, self.optimizer)

    def _diverge(self, seed: _Seed, found: dict[str, str | Exception], what: str) -> None:
        message = f"{what}; a lower learning rate than {self.spec.lr:g} may help"
        self._leave(seed, found, lambda seed: seed.records.end("diverged", error=message))

    def _epoch(self, epoch: int, found: dict[str, str | Exception]) -> None:
        """See ``Trial.epoch``."""
        began = time.perf_counter()
        parts: dict[str, Part] = {}
        for seed in list(self.seeds):
            try:
                parts[seed.spec.trial_id] = _check(seed.method.parts(epoch), self.spec)
            except NotOneStep as error:
                self._leave(seed, {}, lambda seed: "")
                found[seed.spec.trial_id] = error
        if not self.seeds:
            return
        losses = self._step(epoch, parts)
        trained = (time.perf_counter() - began) / len(self.seeds)
        for seed in list(self.seeds):
            loss = losses[seed.place]
            if not math.isfinite(loss):
                self._diverge(seed, found, f"the training loss became {loss} in epoch {epoch}")
        logits, probabilities = self._validated()
        for seed in list(self.seeds):
            if not np.isfinite(probabilities[seed.place]).all():
                self._diverge(seed, found, f"the network's outputs were no numbers after epoch {epoch}")
        if not self.seeds:
            return
        rows = self.images.validation
        labels, at = self.images.labels[rows], [seed.place for seed in self.seeds]
        evaluated = evaluate_many(labels, probabilities[at], self.spec.positive)
        for seed, values in zip(self.seeds, evaluated, strict=True):
            part = parts[seed.spec.trial_id]
            numbers: dict[str, Any] = {
                "epoch": epoch,
                **told(values, seed.method.gives),
                "train_loss": losses[seed.place],
                "images": part.rows,
                "steps": 1,
                "images_per_second": part.rows / trained,
            }
            if part.stages > 1 or self.spec.keep_from:
                kept = sum(e["kept_epochs"] > 0 for e in seed.progress.epochs) + 1
                numbers |= {"stage": part.stage + 1, "kept_epochs": kept if part.kept else 0}
            value = numbers[self.spec.metric]
            if part.kept and (value > seed.progress.best_value or seed.progress.best_epoch is None):
                self.heads.take(seed.place, seed.network)
                network = copy.deepcopy(seed.network)
                head = network.head_numbers()
                said = Predictions(rows, labels, probabilities[seed.place], logits[seed.place], head)
                best = best_of(network, seed.spec, self.images.class_names, numbers, said)
                counts = part.plan.class_counts(self.n_classes)
                seed.records.keep(best, epoch, value, counts.tolist())
            numbers["seconds"] = (time.perf_counter() - began) / len(self.seeds)
            seed.records.add(numbers)

    def _step(self, epoch: int, parts: Mapping[str, Part]) -> list[float]:
        """One step of all heads; returns the loss of each place before it."""
        first = parts[self.seeds[0].spec.trial_id]
        if first.begins:
            for seed in self.seeds:
                if first.phase.new_head and first.stage > 0:
                    seed.network.renew_head(seed.spec.seed, first.stage)
                    self.heads.put(seed.place, seed.network)
            if first.forgets:
                self.optimizer.state.clear()
        rate, scales = self.spec.lr * lr_factor(self.spec, epoch, 0, 1), first.phase.scales_lr
        set_lr(self.optimizer, rate * first.phase.lr_factor, None if scales is None else rate * scales)
        descent = Descent(self.heads, self.rows, lambda logits: self._means(logits, epoch, parts), first.phase)
        return list(take_step(self.optimizer, descent, self.spec, first.step).tolist())

    def _means(self, logits: torch.Tensor, epoch: int, parts: Mapping[str, Part]) -> torch.Tensor:
        """(S,) float32: the mean loss of the rows of each place.

        Args:
            logits: (T, S * C) float32, of the training rows.
        """
        rows, means = len(logits), torch.zeros(self.places, device=logits.device)
        of_places = logits.view(rows, self.places, -1)
        alike: dict[Any, tuple[Part, list[_Seed]]] = {}
        added: list[tuple[int, torch.Tensor]] = []
        for seed in self.seeds:
            part = parts[seed.spec.trial_id]
            if part.mix is not None or self.whole:
                added.append((seed.place, self._ordered(of_places[:, seed.place], seed, epoch)))
                continue
            if seed.share is None or not seed.share.is_of(part):
                seed.share = Share.of(part, seed.spec, self.standard)
            mixed = seed.share.mixed
            if isinstance(part.loss, nn.Module) and seed.of_loss:  # its own
                of_rows = part.loss(of_places[:, seed.place], self.eye[self.labels])
                added.append((seed.place, (of_rows * seed.share.times).sum()))
            else:
                key = 0 if part.loss is cross_entropy else tuple(part.plan.class_counts(self.n_classes).tolist())
                alike.setdefault(key, (part, []))[1].append(seed)
            if mixed is not None:
                own = of_places[:, seed.place]
                made = torch.lerp(own[mixed.base], own[mixed.mate], mixed.weight)
                losses = part.loss(made, self.eye[mixed.labels])
                added.append((seed.place, (losses * mixed.times).sum()))
        # All of them at once, so that each has its place among the others whichever train.
        for part, seeds in alike.values():
            losses = part.loss(logits.view(-1, self.n_classes), self.targets).view(rows, self.places)
            times = torch.zeros(rows, self.places, device=logits.device)
            for seed in seeds:
                assert seed.share is not None
                times[:, seed.place] = seed.share.times
            means = means + (losses * times).sum(dim=0)
        for place, mean in added:
            means = means.index_add(0, torch.tensor([place], device=means.device), mean.view(1))
        return means

    def _ordered(self, logits: torch.Tensor, seed: _Seed, epoch: int) -> torch.Tensor:
        """() float32: the mean loss of a seed's rows in their order, as those need that mix with partners.

        What is done to vectors is done to their logits.

        Args:
            logits: (T, C) float32, the seed's.
        """
        local = LocalRows(self.standard)
        method = seed.method.with_parts(
            lambda epoch, part: replace(
                part, plan=local(part.plan), partners=None if part.partners is None else local(part.partners)
            )
        )
        ((part, batches),) = batches_by_part(logits, method, seed.spec, epoch, logits.device)
        ((made, targets),) = batches
        return part.loss(made, targets).mean()

    def _validated(self) -> tuple[np.ndarray, np.ndarray]:
        """(S, V, C) float32 each: logits and probabilities of the validation rows."""
        logits = self.heads.logits(self.validation) * self.scale
        by_place = logits.view(len(logits), self.places, self.n_classes).transpose(0, 1).contiguous()
        return by_place.cpu().numpy(), by_place.softmax(dim=2).cpu().numpy()

    def _save(self) -> None:
        """As ``Trial.save``, of each."""
        for seed in self.seeds:
            seed.records.flush()
            self.heads.take(seed.place, seed.network)
            self.heads.take_optimizer(seed.place, self.optimizer, seed.optimizer, seed.of_loss)
            save_last(seed.records.folder, seed.network, seed.optimizer, seed.progress, seed.method.module())
