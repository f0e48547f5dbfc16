"""What a run recorded of the trials that are deployed: their predictions as one network's, and what they were told."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from balancing.components.deciding import Apply, DecidedNetwork
from balancing.errors import UserError
from sweep.analysis.decided import decided, needs_network
from sweep.analysis.statistics.predictions import Predictions, TrialPredictions
from sweep.inference.choice import Choice


def mean_of(parts: list[Predictions]) -> Predictions:
    """Several networks' predictions of the same images as one: the mean of their probabilities.

    One network's are left as they are. Of several no logits are kept: the logarithms of the mean stand for them.
    """
    if len(parts) == 1:
        return parts[0]
    mean = np.mean([part.probabilities for part in parts], axis=0)
    return replace(parts[0], probabilities=mean, kept_logits=None, log_odds=None)


def together(choice: Choice, part: str) -> Predictions | None:
    """The chosen trials' recorded predictions of a part of the split as one network's.

    Args:
        part: ``validation`` or ``test``.
    Returns:
        None where a trial has none.
    """
    found = [choice.results.predictions_of(trial_id, part) for trial_id in choice.trial_ids]
    known = [one for one in found if one is not None]
    return mean_of(known) if len(known) == len(found) else None


def validation_of(choice: Choice) -> Predictions:
    """``together`` on validation.

    Raises:
        UserError: they are missing or damaged.
    """
    found = together(choice, "validation")
    if found is None:
        raise UserError(
            f"validation predictions of technique '{choice.trained}' are missing or damaged, and the decision and the "
            f"calibration are fitted on them; `sweep resume {choice.results.path}` makes them anew"
        )
    return found


def prior_of(choice: Choice) -> np.ndarray | None:
    """(C,) class frequencies that the answers carry: the geometric mean over the trials; None where not known."""
    ledgers = [choice.results.ledger_of(trial_id) for trial_id in choice.trial_ids]
    priors = [None if ledger is None else ledger.prior for ledger in ledgers]
    known = [prior for prior in priors if prior is not None]
    if not known or len(known) < len(priors):
        return None
    if len(known) == 1:
        return known[0]
    mean = np.exp(np.mean([np.log(prior) for prior in known], axis=0))
    return np.asarray(mean / mean.sum())


def fitted(choice: Choice, validation: Predictions) -> Apply:
    """The technique's decision fitted on validation, as ``sweep.analysis.decided`` fits it.

    Raises:
        UserError: it can't do without a prior or a head that is not known.
    """
    decision = choice.decision
    assert decision is not None
    network = _network_of(choice)
    if decision.asks_network and network is None:
        raise UserError(needs_network(decision.name))
    more = [network] if decision.asks_network else []
    own = choice.results.decisions[choice.technique]
    found: Apply = decision.build(**own)(validation.logits, validation.labels, prior_of(choice), *more)
    return found


def as_decided(choice: Choice, validation: Predictions, test: Predictions) -> TrialPredictions:
    """Recorded predictions as the technique decides on them, its decision fitted on validation.

    Raises:
        UserError: as of ``fitted``.
    """
    trial = TrialPredictions(choice.trained, choice.seeds[0], test, validation, choice.trial_ids[0])
    decision = choice.decision
    if decision is None:
        return trial
    own = choice.results.decisions[choice.technique]
    return decided(trial, choice.technique, decision, own, prior_of(choice), _network_of(choice))


def _network_of(choice: Choice) -> DecidedNetwork | None:
    if choice.is_ensemble:
        return None
    return choice.results.decided_network(choice.trial_ids[0], choice.results.metric)


def refuse_decision(choice: Choice) -> None:
    """Raises UserError where a technique's decision can't be taken to new images."""
    decision = choice.decision
    if decision is None:
        return
    other = f"take --what {choice.trained}, or a threshold: `sweep report {choice.results.path} --decisions "
    other += f"{choice.trained}+threshold` adds it without training"
    if decision.transductive:
        raise UserError(
            f"{decision.name} decides on many images together, so that what it says of one depends on the others, and "
            f"is no rule for new ones; {other}"
        )
    if decision.asks_network and choice.is_ensemble:
        raise UserError(
            f"{decision.name} is a rule for one network's head, and an ensemble has {len(choice.trial_ids)}; {other}"
        )
