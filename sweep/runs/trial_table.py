"""A run's trials and their epochs as tables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from statistics import harmonic_mean
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from balancing.metrics import SELECTABLE
from sweep.hyperparameters import shown
from sweep.runs.spec import TrialSpec


class TrialRecord(NamedTuple):
    """What a trial's folder says of it.

    Args:
        spec: of the trial.
        status: of ``TrialFolder.status``.
        epochs: of ``TrialFolder.epochs``.
        fresh: whether it confirms a configuration that was chosen before it trained.
    """

    spec: TrialSpec
    status: Mapping[str, Any]
    epochs: Sequence[Mapping[str, Any]]
    fresh: bool = False


def trial_table(trials: Iterable[TrialRecord]) -> pd.DataFrame:
    """One row a planned trial, in order: its spec, its state, and its best epoch's validation metrics.

    Columns: trial_id, configuration, technique, parameters (dict), lr, epochs, strength, batch_size and what else
    ``sweep.hyperparameters.shown`` names, seed, draw, seed_index, arithmetic (the spec's precision), fresh (whether
    it confirms a configuration that was chosen before it trained), status, error,
    best_epoch, epochs_run, seconds, images_per_second, attempts, and each metric of ``balancing.metrics.evaluate`` on
    validation at the best epoch (NaN where there is none).
    """
    rows, listed = [], list(trials)
    later = [h.name for h in shown(trial.spec for trial in listed) if h.later]
    for spec, status, epochs, fresh in listed:
        best = next((e for e in epochs if e["epoch"] == status.get("best_epoch")), {})
        named = spec.to_dict() | {name: getattr(spec, name) for name in later}
        # ``precision`` is a metric here; the spec's (float32, bfloat16) would stand in its column.
        named["arithmetic"] = named.pop("precision")
        rows.append(
            {
                "trial_id": spec.trial_id,
                "configuration": spec.configuration_id,
                **named,
                "fresh": fresh,
                "status": status["status"],
                "error": status.get("error"),
                "attempts": status.get("attempts", 0),
                "best_epoch": status.get("best_epoch"),
                "epochs_run": len(epochs),
                "seconds": sum(e["seconds"] for e in epochs),
                # Of the whole training: epochs of a head on features take no time to speak of.
                "images_per_second": harmonic_mean([e["images_per_second"] for e in epochs]) if epochs else None,
                **{k: v for k, v in best.items() if k not in ("epoch", "seconds", "images_per_second")},
            }
        )
    table = pd.DataFrame(rows)
    for metric in SELECTABLE:
        # A column of its own even where no trial has the number (null in JSON), so that readers may ask for it.
        table[metric] = pd.to_numeric(table[metric]) if metric in table else np.nan
    return table


def epoch_table(trials: Iterable[TrialRecord]) -> pd.DataFrame:
    """One row an epoch of every trial: trial_id, technique, configuration, seed, lr, epoch, and its numbers."""
    rows = []
    for spec, _, epochs, _ in trials:
        named = {
            "trial_id": spec.trial_id,
            "technique": spec.technique,
            "configuration": spec.configuration_id,
            "seed": spec.seed,
            "lr": spec.lr,
        }
        rows += [{**named, **epoch} for epoch in epochs]
    return pd.DataFrame(rows)
