"""Which configuration stands for each technique: chosen on validation alone, before the test split is opened."""

from __future__ import annotations

from typing import Any

import pandas as pd


def select(trials: pd.DataFrame, metric: str) -> list[dict[str, Any]]:
    """For each technique the configuration with the highest mean of its trials' metric over seeds, on validation.

    Configurations with a result of every seed come first; one that lost a seed (failed, diverged) is chosen only where
    no complete one is left, and says so. Among them those come first of which no seed was stopped early, for a network
    that was hardly trained must not stand for a technique; where none is left a stopped trial counts with its best
    epoch so far. Equal means: the earlier draw.

    Args:
        trials: ``Run.trials()``.
        metric: one of ``balancing.metrics.SELECTABLE``; a technique whose trials were to be chosen by another, as their
            column ``metric`` says, is chosen by that one.
    Returns:
        One dict per technique that has any finished trial, in order of first appearance: technique, configuration,
        trial_ids, seeds, mean, spread (standard deviation, ddof 1; None for one seed), complete, configurations
        (how many were compared), trials (how many were run for the technique: its budget).
    """
    chosen = []
    ended = trials[trials["status"].isin(("done", "stopped"))]
    own = {str(name): str(by) for name, by in zip(trials["technique"], trials.get("metric", []), strict=False)}
    for technique in trials["technique"].drop_duplicates():
        by = own.get(technique, metric)
        of_technique = ended[(ended["technique"] == technique) & ended[by].notna()]
        if of_technique.empty:
            continue
        candidates = []
        for order, (configuration, group) in enumerate(of_technique.groupby("configuration", sort=False)):
            planned = trials[trials["configuration"] == configuration]
            complete = len(group) == len(planned)
            whole = not (group["status"] == "stopped").any()
            candidates.append((complete, whole, float(group[by].mean()), -order, configuration, group))
        complete, _, mean, _, configuration, group = max(candidates, key=lambda c: c[:4])
        chosen.append(
            {
                "technique": technique,
                "configuration": configuration,
                "trial_ids": group["trial_id"].tolist(),
                "seeds": group["seed"].tolist(),
                "metric": by,
                "mean": mean,
                "spread": float(group[by].std(ddof=1)) if len(group) > 1 else None,
                "complete": complete,
                "configurations": len(candidates),
                "trials": int((trials["technique"] == technique).sum()),
            }
        )
    return chosen
