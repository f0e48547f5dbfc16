"""A run's network, or an ensemble of its seeds, with all that it needs to answer for a new image.

From pixels to logits: ``Deployed.model``. From logits to probabilities, a decision and calibrated probabilities:
``Deployed.answers``. Everything fitted was fitted on the run's validation split, as its report does it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from balancing.components.decisions.scaling import log_probabilities
from balancing.components.decisions.temperature import fit_temperature, temper
from balancing.components.technique import after
from balancing.errors import UserError
from balancing.metrics import Gives
from sweep.analysis.statistics.predictions import Predictions
from sweep.inference.choice import BEST, Choice, chosen
from sweep.inference.networks import Together, whole_networks
from sweep.inference.reading import Reading
from sweep.inference.recorded import fitted, refuse_decision, validation_of
from sweep.inference.rule import Rule, most_probable, rule_of
from sweep.runs.folds import Place
from sweep.runs.run import Run
from sweep.training.inputs import Channels, to_input


@dataclass(frozen=True)
class Answers:
    """What is said of N images.

    Args:
        logits: (N, C) float64, as the network gave them; of an ensemble log mean probabilities.
        probabilities: (N, C) float64, softmax of the logits; None where the answers are no probabilities.
        decisions: (N,) int64, by the technique's rule; None where nothing decides.
        calibrated: (N, C) float64; None where the answers are no probabilities, and no decision makes them such.
    """

    logits: np.ndarray
    probabilities: np.ndarray | None
    decisions: np.ndarray | None
    calibrated: np.ndarray | None


@dataclass(frozen=True)
class Calibration:
    """Calibrated probabilities: softmax(log(max(p, 1e-12)) / temperature).

    Args:
        temperature: T > 0, fitted on validation.
        of_rule: whether p are the rule's (softmax of its scores, where its decision itself calibrates), not the
            network's.
    """

    temperature: float
    of_rule: bool = False


@dataclass(frozen=True)
class Deployed:
    """What answers for new images.

    Args:
        asked: ``best``, TECHNIQUE, ``ensemble`` or ``ensemble:TECHNIQUE``, as it was written.
        technique: by name, its decision included (``baseline+threshold``).
        trained: the technique that trained.
        trial_ids, seeds: of the trials whose networks these are, by seed; several are an ensemble.
        networks: in evaluation mode, float32, on the CPU: (B, 3, H, W) normalised -> (B, C) logits. Heads behind a
            frozen body share one ``body``.
        mean, std: of pixels in [0, 1], by which the networks' input is normalised.
        reading: how images are decoded to the networks' size.
        class_names: (C,).
        positive: index of the class that is looked for; None for more than two classes.
        network_gives: what the networks' own answers are: probabilities, or scores that rank images alone.
        gives: the same once the technique has decided.
        rule: how it decides; None where it doesn't: the answers are scores.
        calibration: None where nothing makes probabilities of the answers.
        facts: what is kept with the first network: ``spec`` of its trial, ``epoch`` and more.
        run: the folder of the run, or of the fold, that the trials belong to.
        fold: of a run of folds, which.
    """

    asked: str
    technique: str
    trained: str
    trial_ids: tuple[str, ...]
    seeds: tuple[int, ...]
    networks: tuple[nn.Module, ...] = field(repr=False)
    mean: Channels
    std: Channels
    reading: Reading
    class_names: tuple[str, ...]
    positive: int | None
    network_gives: Gives
    gives: Gives
    rule: Rule | None
    calibration: Calibration | None
    facts: Mapping[str, Any] = field(repr=False)
    run: Path
    fold: Place | None = None

    @property
    def is_ensemble(self) -> bool:
        return len(self.networks) > 1

    @property
    def image_size(self) -> int:
        """Pixels a side."""
        return self.reading.manner.size

    @cached_property
    def model(self) -> Together:
        """All networks as one: (B, 3, H, W) normalised -> (B, C) logits."""
        return Together(self.networks)

    def input_of(self, pixels: np.ndarray, device: torch.device | str = "cpu") -> torch.Tensor:
        """(B, 3, S, S) float32, normalised, from (B, S, S) or (B, S, S, 3) uint8 pixels of the wanted size."""
        return to_input(torch.from_numpy(np.array(pixels)).to(device), self.mean, self.std)

    def logits(self, pixels: np.ndarray) -> np.ndarray:
        """(B, C) float32 logits of (B, S, S) or (B, S, S, 3) uint8 pixels, on the CPU, in one batch."""
        with torch.inference_mode():
            found: np.ndarray = self.model(self.input_of(pixels)).numpy()
        return found

    def answers(self, logits: np.ndarray) -> Answers:
        """What (N, C) float logits mean."""
        logits = logits.astype(np.float64)
        own = np.exp(log_probabilities(logits))
        return Answers(
            logits,
            own if self.network_gives == "probabilities" else None,
            None if self.rule is None else self.rule.decide(logits),
            self._calibrated(logits, own),
        )

    def _calibrated(self, logits: np.ndarray, own: np.ndarray) -> np.ndarray | None:
        if self.calibration is None:
            return None
        if self.calibration.of_rule:
            assert self.rule is not None
            own = np.exp(log_probabilities(self.rule.scores(logits)))
        return temper(own, self.calibration.temperature)


def deployed(run: Run, what: str = BEST) -> Deployed:
    """What a run has for new images.

    Args:
        run: with chosen trials that keep their networks; of a run of folds one fold's are taken, see ``chosen``.
        what: ``best``, TECHNIQUE, ``ensemble`` (the mean of the probabilities of all seeds of the configuration chosen)
            or ``ensemble:TECHNIQUE``: see ``sweep.inference.choice.chosen``.
    Raises:
        UserError: nothing was chosen, there is no such technique, networks or validation predictions are gone, or the
            technique's decision can't be taken to new images.
    """
    choice = chosen(run, what)
    refuse_decision(choice)
    results = choice.results
    networks, facts = whole_networks([results.trial(trial_id).best for trial_id in choice.trial_ids])
    spec: Mapping[str, Any] = facts[0]["spec"]
    validation = validation_of(choice)
    gives = after(validation.gives, choice.decision)
    rule = None if gives == "scores" else fitted_rule(choice, validation)
    return Deployed(
        choice.asked,
        choice.technique,
        choice.trained,
        choice.trial_ids,
        choice.seeds,
        tuple(networks),
        spec["mean"],
        spec["std"],
        Reading.of(results.run),
        tuple(results.class_names),
        results.positive,
        validation.gives,
        gives,
        rule,
        _calibration(choice, validation, rule, gives),
        facts[0],
        results.path,
        choice.fold,
    )


def fitted_rule(choice: Choice, validation: Predictions) -> Rule:
    """How the technique decides, fitted on validation as in the run's report.

    Raises:
        UserError: the decision can't do without a prior or a head that is not known, or is no scale and shift a class.
    """
    decision, results = choice.decision, choice.results
    if decision is None:
        return most_probable(len(results.class_names), results.positive)
    logits = validation.logits
    apply = fitted(choice, validation)
    rule = rule_of(decision.name, apply, logits, results.positive)
    if rule is None:
        raise UserError(
            f"what {decision.name} makes of logits is no scale and shift for each class, and nothing else is taken to "
            f"new images; take --what {choice.trained}, or another decision"
        )
    return rule


def _calibration(choice: Choice, validation: Predictions, rule: Rule | None, gives: Gives) -> Calibration | None:
    """Temperature scaling as in the report: of the network's probabilities, or of those that a decision calibrated."""
    if gives != "probabilities":
        return None
    of_rule = rule is not None and choice.decision is not None and choice.decision.of_scores == "probabilities"
    p = validation.probabilities
    if of_rule and rule is not None:
        p = np.exp(log_probabilities(rule.scores(validation.logits)))
    return Calibration(fit_temperature(validation.labels, p), of_rule)
