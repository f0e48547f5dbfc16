"""What does not go together: contradictions that are refused, and doubtful compositions that are warned about."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from balancing.components.axes import Phase, TrainingContext
from balancing.components.technique import Technique

# Losses whose weights a schedule with weights of its own would double, and those that shift logits to the same end.
_WEIGHTED = ("class_weights", "effective_number", "cb_focal")
_SHIFTED = ("vs", "cdt")
# Mixers whose partners are drawn balanced.
_BALANCED = ("balanced_mixup", "unimix")
# A schedule is looked at with made-up counts: what trains in its stages does not depend on them.
_EXAMPLE = TrainingContext(np.array([90, 10]), 10, split_counts=np.array([90, 10]))


@dataclass(frozen=True)
class Conflict:
    """A contradiction within a technique.

    Args:
        refused: a sweep with it does not start; False: it is warned about.
        sentence: why, with the next step.
    """

    refused: bool
    sentence: str


# Of a technique, and axis by name of its components: whether it is refused, and why.
_Rule = Callable[[Technique, Mapping[str, str]], Iterator[tuple[bool, str]]]


def conflicts(technique: Technique) -> list[Conflict]:
    """The contradictions that a technique has whatever the data are."""
    names = {part.name: part.axis for part in technique.parts}
    return [
        Conflict(refused, f"technique '{technique.name}': {why}")
        for rule in _RULES
        for refused, why in rule(technique, names)
    ]


def _of_mixers(technique: Technique, names: Mapping[str, str]) -> Iterator[tuple[bool, str]]:
    sampler, mixer = technique.part("sampler"), technique.part("mixer")
    if mixer is None:
        return
    on_features = "mixer" in technique.on_features
    if on_features and mixer.name in _BALANCED and any(p.power == 0 and p.mixed for p in _phases(technique)):
        yield (
            True,
            f"{mixer.label} draws its partners balanced by itself, and the head's rows are drawn balanced too; take "
            "mixup@features",
        )
    if sampler is not None and on_features == ("sampler" in technique.on_features):
        if mixer.name in _BALANCED:
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
    if mixer.name == "cutmix" and not on_features:
        yield (
            False,
            "CutMix may cut a finding away, or paste one into an image whose label does not say so; of findings with "
            "a place in the image take mixup",
        )
    if "label_aware_smoothing" in names and any(phase.mixed and phase.weighted for phase in _phases(technique)):
        yield False, f"both {mixer.label} and the smoothing soften the targets"


def _of_losses(technique: Technique, names: Mapping[str, str]) -> Iterator[tuple[bool, str]]:
    loss = technique.part("loss")
    if "aucm" in names and "pesg" not in names:
        yield True, "AUCM's margins are trained by PESG alone; write it as aucm+pesg, or deep_auc"
    if "pesg" in names and "aucm" not in names:
        yield True, "PESG is the optimisation step of AUCM; write it as aucm+pesg, or leave it out"
    if loss is not None and loss.batchwise and "imbsam" in names:
        yield (
            True,
            f"ImbSAM takes the rows of rare classes apart, but {loss.label} is a loss of the batch as a whole; take "
            "sam, or another loss",
        )


def _of_spaces(technique: Technique, names: Mapping[str, str]) -> Iterator[tuple[bool, str]]:
    there = technique.still or any(phase.space == "features" for phase in _phases(technique))
    for part in technique.parts:
        if part.axis in technique.on_features and not there:
            yield (
                True,
                f"'{technique.written(part)}' works on the features that a head alone trains on, and here none does; "
                f"take a schedule that trains one, as in {technique.written(part)}+crt, or take '{part.name}'",
            )
        elif technique.still and part.axis == "mixer" and part.axis not in technique.on_features:
            yield (
                True,
                f"{part.label} mixes images in each step, and a frozen network has seen them once before; take "
                f"{part.name}@features",
            )
        elif part.name == "cutmix" and part.axis in technique.on_features:
            yield True, "CutMix cuts boxes out of images, and features have none; take mixup@features"
    if technique.still and any(phase.moving_statistics for phase in _phases(technique)):
        schedule = technique.part("schedule")
        assert schedule is not None
        yield (
            True,
            f"{schedule.label} lets batch-norm statistics follow balanced rows, and what trains behind a frozen "
            "network has none; take lws or crt",
        )
    loss = technique.part("loss")
    if loss is not None and loss.head == "cosine" and any(phase.heads > 1 for phase in _phases(technique)):
        yield (
            True,
            f"the heads of an ensemble are averaged, and the mean of {loss.label}'s cosines is the cosine of no head; "
            "take crt, or another loss",
        )


def _works_on_features(technique: Technique) -> bool:
    """Whether a stage trains on what its sampler makes of features."""
    return any(phase.space == "features" and phase.sampled for phase in _phases(technique))


def _of_schedules(technique: Technique, names: Mapping[str, str]) -> Iterator[tuple[bool, str]]:
    sampler, mixer, loss = technique.part("sampler"), technique.part("mixer"), technique.part("loss")
    schedule = technique.part("schedule")
    if schedule is None or any(True for _ in _of_spaces(technique, names)):
        return
    if "drw" in names and loss is not None:
        if loss.name in _WEIGHTED:
            yield (
                True,
                f"DRW brings weights of its own, which '{loss.name}' would double; leave one out, or take focal+drw or "
                "ldam+drw",
            )
        elif loss.name == "aucm" or loss.batchwise:
            yield (
                True,
                f"DRW weighs rows, but {loss.label} is a loss of the batch as a whole; leave one out, or take ldam+drw",
            )
        elif loss.name in _SHIFTED:
            yield False, f"both {loss.label} and DRW's weights favour rare classes, and how much together is not known"
    if schedule.head == "scaled" and any(part.head == "cosine" for part in technique.parts):
        yield (
            True,
            f"{schedule.label} trains factors of the classes' weights, which a head of cosines does not have; take "
            "crt, or another loss",
        )
    if "aucm" in names and "drw" not in names:
        yield (
            True,
            f"AUCM's margins know the class shares of one stage, and {schedule.label} changes them; leave one out",
        )
    if "drw" in names and "unimix" in names:
        yield False, "both UniMix and DRW's weights favour rare classes, and how much together is not known"
    for part, what, trains in (
        (sampler, "rows", lambda phase: phase.sampled and phase.power is None),
        (mixer, "mixtures", lambda phase: phase.mixed),
        (loss, "loss", lambda phase: phase.weighted),
    ):
        if part is not None and not any(trains(phase) for phase in _phases(technique)):
            other = technique.with_features("sampler")
            there = part is sampler and "sampler" not in technique.on_features and _works_on_features(other)
            otherwise = f"write it as {other.name}, or " if there else ""
            yield (
                True,
                f"{schedule.label} says what trains in each of its stages, and the {what} of {part.label} train in "
                f"none; {otherwise}leave one of them out",
            )
        elif part is not None and part is sampler and "drw" in names:
            yield False, f"DRW defers what {part.label} has done from the start, so little is left to defer"


def _phases(technique: Technique) -> list[Phase]:
    return [stage.phase for stage in technique.schedule(_EXAMPLE)]


def _trains_head_apart(technique: Technique) -> bool:
    return any(phase.trained != "all" for phase in _phases(technique))


def _of_scores(technique: Technique, names: Mapping[str, str]) -> Iterator[tuple[bool, str]]:
    decision = technique.part("decision")
    ranking = next((part for part in technique.parts if part.gives == "scores"), None)
    if ranking is None or technique.gives != "scores":
        return
    if decision is not None:
        yield (
            True,
            f"{decision.label} takes answers for probabilities, but those of {ranking.label} are scores that rank "
            "images, and their zero means nothing; take bcts or vector_scaling, which calibrate them, or threshold",
        )
    else:
        yield (
            False,
            f"answers of {ranking.label} are scores that rank images and no probabilities, so it is chosen by AUROC "
            f"and compared by AUROC and average precision alone; {technique.name}+threshold has decisions too, "
            f"{technique.name}+bcts probabilities",
        )


def _of_one_class(technique: Technique, names: Mapping[str, str]) -> Iterator[tuple[bool, str]]:
    if not technique.one_class:
        return
    alone = next(part for part in technique.parts if part.one_class)
    for part in technique.parts:
        if part.axis in ("sampler", "mixer", "schedule") or part.name == "imbsam":
            yield (
                True,
                f"{alone.label} trains on the rows of one class alone, which leaves {part.label} nothing to do; leave "
                "one of them out",
            )


def _of_decisions(technique: Technique, names: Mapping[str, str]) -> Iterator[tuple[bool, str]]:
    if "tau_norm" in names and technique.head == "cosine":
        loss = next(part.label for part in technique.parts if part.head == "cosine")
        yield True, f"tau-normalisation has nothing to do: the weights of {loss}'s head have length 1; take threshold"
    schedule = technique.part("schedule")
    if "tau_norm" in names and schedule is not None and _trains_head_apart(technique):
        yield (
            False,
            f"{schedule.label} has trained the head on balanced rows, so the norms of its weights tell little of how "
            "many images a class has, and tau-normalisation may do nothing",
        )
    if technique.gives == "scores" or "posthoc_logit_adjustment" not in names:
        return
    unknown = technique.ledger(_EXAMPLE).unknown
    blamed = [part.label for part in technique.parts if part.name in unknown and part.axis != "decision"]
    if blamed:
        yield (
            True,
            f"post-hoc logit adjustment takes out the class frequencies that answers carry, but what {blamed[0]} makes "
            "of them is not known; take threshold or bcts, which are fitted",
        )


_RULES: tuple[_Rule, ...] = (
    _of_mixers,
    _of_losses,
    _of_spaces,
    _of_schedules,
    _of_scores,
    _of_one_class,
    _of_decisions,
)
