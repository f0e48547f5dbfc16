"""TensorBoard event files of a trial: scalars, hyperparameters, confusion matrix and precision-recall curve.

They are for watching, so they decide nothing: what goes wrong here is told once, and the trial goes on without them.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from balancing.metrics import COUNTS, SELECTABLE, confusion_matrix, decide
from sweep.hyperparameters import shown
from sweep.runs.confusion import draw_confusion
from sweep.runs.predictions import class_values
from sweep.runs.spec import TrialSpec
from sweep.runs.trial_folder import TrialFolder

# Beyond so many classes cells hold no counts, ticks are left out, and only the rarest classes have curves: figures stay
# readable, and their cost bounded.
_MOST_CLASSES = 20
_LARGEST_SIDE = 12.0  # inches


class SafeEvents:
    """The event files of one trial, from its first epoch to its end, whose failure is no failure of the trial.

    Args:
        folder: the trial's own; its name is the run's name in TensorBoard. None: nothing is written.
    """

    def __init__(self, folder: Path | None):
        self._folder = folder
        self._events: TrialEvents | None = None
        self.error = ""

    def epoch(self, numbers: Mapping[str, Any]) -> None:
        """As ``TrialEvents.epoch``; the first one opens the files."""

        def draw() -> None:
            assert self._folder is not None
            self._events = self._events or TrialEvents(self._folder, numbers["epoch"])
            self._events.epoch(numbers)

        self._safely(draw)

    def finish_trial(self, spec: TrialSpec, folder: TrialFolder, class_names: Sequence[str]) -> None:
        """As ``TrialEvents.finish_trial``, and closes the files; opens them where no epoch did."""

        def draw() -> None:
            assert self._folder is not None
            self._events = self._events or TrialEvents(self._folder, first_epoch=None)
            self._events.finish_trial(spec, folder, class_names)

        self._safely(draw)
        self.close()

    def close(self) -> None:
        """Closes the files; more than once does no harm."""
        events, self._events = self._events, None
        if events is not None:
            self._safely(events.close)

    def _safely(self, draw: Callable[[], None]) -> None:
        if self.error or self._folder is None:
            return
        try:
            draw()
        except Exception as error:  # whatever it is, MemoryError too: watching must never decide
            self.error = f"{type(error).__name__}: {error}"[:300]
            events, self._events = self._events, None
            if events is not None:  # its thread would go on writing
                with contextlib.suppress(Exception):
                    events.close()


class TrialEvents:
    """Writes the event files of one trial; made anew when the trial goes on after an interruption.

    Args:
        folder: the trial's own; its name is the run's name in TensorBoard.
        first_epoch: what an interrupted attempt wrote from here on is taken back; None only adds.
    """

    def __init__(self, folder: Path, first_epoch: int | None = 1):
        from torch.utils.tensorboard import SummaryWriter

        # From epoch 1 too: an attempt that was interrupted before anything was saved starts anew.
        self._writer = SummaryWriter(str(folder), purge_step=first_epoch)

    def epoch(self, numbers: Mapping[str, Any]) -> None:
        """Scalars ``validation/<metric>``, ``train/loss``, ``speed/images_per_second`` at the epoch's step."""
        step = numbers["epoch"]
        for name in ("loss", *SELECTABLE, *COUNTS):
            if np.isfinite(numbers[name]):
                self._writer.add_scalar(f"validation/{name}", numbers[name], step)
        self._writer.add_scalar("train/loss", numbers["train_loss"], step)
        self._writer.add_scalar("speed/images_per_second", numbers["images_per_second"], step)
        self._writer.flush()

    def finish_trial(self, spec: TrialSpec, folder: TrialFolder, class_names: Sequence[str]) -> None:
        """``finish`` from a trial's records; nothing where it has no best epoch."""
        best = next((e for e in folder.epochs() if e["epoch"] == folder.status().get("best_epoch")), None)
        if best is not None:
            table = folder.predictions("validation")
            self.finish(spec, best, table["label"].to_numpy(), class_values(table, "p"), class_names)

    def finish(
        self,
        spec: TrialSpec,
        best: Mapping[str, Any],
        labels: np.ndarray,
        probabilities: np.ndarray,
        class_names: Sequence[str],
    ) -> None:
        """Hyperparameters with the best epoch's metrics, its confusion matrix and its precision-recall curves.

        Args:
            best: the best epoch's numbers, on validation.
            labels: (n,) int64, validation.
            probabilities: (n, C) float, of the best epoch.
        """
        from torch.utils.tensorboard.summary import hparams

        step = best["epoch"]
        if _is_known(best["tp"]):  # scores that rank alone decide nothing
            with _plain_text():
                figure = confusion_figure(labels, decide(probabilities), class_names)
                self._writer.add_figure("validation/confusion_matrix", figure, step)
        classes = _rarest(labels, len(class_names)) if spec.positive is None else [spec.positive]
        for label in classes:
            tag = f"validation/precision_recall/{class_names[label]}"
            self._writer.add_pr_curve(tag, labels == label, probabilities[:, label], step)
        values = {
            "technique": spec.technique,
            **{f"{spec.technique}.{k}": v for k, v in spec.parameters.items()},
            **{k: getattr(spec, k) for k in (*(h.name for h in shown([spec])), "seed", "weights", "precision")},
        }
        metrics = {f"best/{name}": best[name] for name in SELECTABLE if _is_known(best[name])}
        assert self._writer.file_writer is not None
        for summary in hparams(values, metrics):
            self._writer.file_writer.add_summary(summary)
        for name, value in metrics.items():
            self._writer.add_scalar(name, value, step)

    def close(self) -> None:
        self._writer.close()


def _is_known(number: float | None) -> bool:
    """Whether there is such a number: records have none for NaN."""
    return number is not None and bool(np.isfinite(number))


def _rarest(labels: np.ndarray, n_classes: int) -> list[int]:
    """The classes that get a curve: all, or the ``_MOST_CLASSES`` rarest, which are what imbalance is about."""
    counts = np.bincount(labels, minlength=n_classes)
    return sorted(np.argsort(counts, kind="stable")[:_MOST_CLASSES].tolist())


def _plain_text() -> Any:
    """Within it a class named ``$x$`` is drawn as it is written, not as mathematics."""
    import matplotlib

    return matplotlib.rc_context({"text.parse_math": False})


def confusion_figure(labels: np.ndarray, decisions: np.ndarray, class_names: Sequence[str]) -> Any:
    """A matplotlib figure of the confusion matrix, at most 12 inches a side.

    Colours are shares of the true class; up to 20 classes counts stand in the cells, and names beside them.
    """
    from matplotlib.figure import Figure

    matrix = confusion_matrix(labels, decisions, len(class_names))
    side = min(2.5 + 0.5 * len(class_names), _LARGEST_SIDE)
    figure = Figure(figsize=(side, side))
    named = len(class_names) <= _MOST_CLASSES
    # A fixed place: a layout engine would draw it twice, in every trial.
    axes = figure.add_axes((0.24, 0.36, 0.7, 0.6) if named else (0.1, 0.1, 0.85, 0.85))
    axes.set_xlabel("decided")
    axes.set_ylabel("true")
    axes.tick_params(labelsize=9)
    draw_confusion(axes, matrix, class_names, most_named=_MOST_CLASSES, most_counted=_MOST_CLASSES)
    if not named:
        axes.set_title(f"{len(class_names)} classes by number, shares of the true class", fontsize=9)
    return figure
