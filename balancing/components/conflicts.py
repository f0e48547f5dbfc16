"""What does not go together: contradictions that are refused, and doubtful compositions that are warned about."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from balancing.components.axes import TrainingContext
from balancing.components.ledger import Ledger
from balancing.components.technique import Technique

# T may exceed 1 by what rounding of class counts does.
_ROUNDING = 0.02
_FEW_EPOCHS = 5


@dataclass(frozen=True)
class Conflict:
    """A contradiction within a technique.

    Args:
        refused: a sweep with it does not start; False: it is warned about.
        sentence: why, with the next step.
    """

    refused: bool
    sentence: str


def conflicts(technique: Technique) -> list[Conflict]:
    """The contradictions that a technique has whatever the data are."""
    names = {part.name: part.axis for part in technique.parts}
    return [Conflict(refused, f"technique '{technique.name}': {why}") for refused, why in _of_names(technique, names)]


def _of_names(technique: Technique, names: Mapping[str, str]) -> Iterator[tuple[bool, str]]:
    sampler, mixer = technique.part("sampler"), technique.part("mixer")
    if mixer is not None and sampler is not None:
        if mixer.name in ("balanced_mixup", "unimix"):
            yield (
                True,
                f"{mixer.label} draws its partners balanced by itself, so with {sampler.label} classes are balanced "
                "twice; leave the sampler out, or take mixup",
            )
        elif sampler.mixes and mixer.name == "cutmix":
            yield (
                True,
                f"boxes cut from {sampler.label}'s averages of images have no meaning; take mixup, or leave one out",
            )
        elif sampler.mixes:
            yield False, f"rows of {sampler.label} are mixtures already, and {mixer.label} mixes up to four images"
    if "cutmix" in names:
        yield (
            False,
            "CutMix may cut a finding away, or paste one into an image whose label does not say so; of findings with "
            "a place in the image take mixup",
        )
    if "aucm" in names and "pesg" not in names:
        yield True, "AUCM's margins are trained by PESG alone; write it as aucm+pesg"
    if "pesg" in names and "aucm" not in names:
        yield True, "PESG is the optimisation step of AUCM; write it as aucm+pesg, or leave it out"
    if "deep_svdd" in names and (sampler is not None or mixer is not None):
        yield True, "one-class training sees one class alone, so there is nothing to sample or mix; leave the other out"
    if "drw" in names and names.keys() & {"class_weights", "effective_number", "cb_focal"}:
        weighted = (names.keys() & {"class_weights", "effective_number", "cb_focal"}).pop()
        yield (
            True,
            f"DRW brings weights of its own, which '{weighted}' would double; leave one out, or take focal+drw or "
            "ldam+drw",
        )
    if "drw" in names and sampler is not None:
        yield False, f"DRW defers what {sampler.label} has done from the start, so little is left to defer"
    if "label_aware_smoothing" in names and mixer is not None:
        yield False, f"both {mixer.label} and the smoothing soften the targets"
    if "tau_norm" in names and any(part.head == "cosine" for part in technique.parts):
        yield (
            True,
            "a cosine head has unit weights, so there is no norm for tau-normalisation to divide by; leave it out",
        )


@dataclass(frozen=True)
class DoubleCorrection:
    """A technique that takes out more of the class prior than there is.

    Args:
        technique: its name.
        removed: T, above 1.
    """

    technique: str
    removed: float

    def __str__(self) -> str:
        return (
            f"technique '{self.technique}' takes out {self.removed:.2f} times the class prior, so it is corrected "
            "twice; leave a component out or weaken it, or ask for it with --allow-double-correction"
        )


def double_correction(
    technique: Technique, context: TrainingContext, parameters: Mapping[str, Any]
) -> DoubleCorrection | None:
    """What a technique corrects too much by design; None where it does not, or there is no closed form.

    Args:
        context: with ``split_counts``, and the class counts of the technique's plan.
        parameters: the technique's own.
    """
    found: Ledger = technique.ledger(context, **parameters)
    total = found.removed
    return DoubleCorrection(technique.name, total) if total is not None and total > 1 + _ROUNDING else None


Doubt = Callable[[Technique, np.ndarray, int, Mapping[str, Any]], str | None]


def doubts(technique: Technique, class_counts: np.ndarray, epochs: int, parameters: Mapping[str, Any]) -> list[str]:
    """What makes a technique pointless on such data; a sentence each.

    Args:
        class_counts: (C,) int64, training images.
        epochs: of a trial.
        parameters: the technique's own, complete.
    """
    own, found = {key.rpartition(".")[2]: value for key, value in parameters.items()}, []
    names = {part.name for part in technique.parts}
    ratio = class_counts.max() / class_counts.min()
    if "remix" in names and ratio < own.get("kappa", 0):
        found.append(
            f"technique '{technique.name}': the largest class is {ratio:.1f} times the smallest, below ReMix's kappa "
            f"of {own['kappa']:g}, so it never differs from mixup"
        )
    if names & {"drw", "drs"} and epochs < _FEW_EPOCHS:
        late = epochs * (1 - own.get("start", 0.8))
        found.append(f"technique '{technique.name}': of {epochs} epochs the balance comes in the last {late:.1f} alone")
    return found
