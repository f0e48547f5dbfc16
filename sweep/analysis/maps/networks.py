"""The networks that a run kept, ready to look at images: each technique's best trial that was tested."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Protocol, runtime_checkable

import numpy as np
import pandas as pd
import torch
from torch import nn

from sweep.analysis.highlights import highlights
from sweep.analysis.maps.methods import class_activation_maps
from sweep.analysis.maps.shared import Kept, shared
from sweep.analysis.names import gives_of, in_order
from sweep.analysis.results import Results
from sweep.runs.spec import TrialSpec
from sweep.training.frozen.joining import whole_network
from sweep.training.inputs import to_input
from sweep.training.network import field_of
from sweep.training.networks.catalogue import seen_as, shown_name
from sweep.training.predict import predict


def best_trials(run: Results) -> pd.DataFrame:
    """The chosen trial of each technique with the highest of the metric that it was chosen by, on validation.

    A column ``value`` has that number. Equal: the earlier seed.
    """
    chosen = run.chosen_trials()
    if chosen.empty:
        return chosen
    chosen = chosen.assign(value=[row[row["metric"]] for _, row in chosen.iterrows()])
    chosen = chosen[chosen["value"].notna()]  # a damaged record has no number
    best = chosen.groupby("technique")["value"].idxmax()
    return chosen.loc[[best[technique] for technique in in_order(chosen["technique"])]].reset_index(drop=True)


def deciding_trials(run: Results) -> pd.DataFrame:
    """Those of ``best_trials`` whose networks decide for a class; scores rank alone."""
    best = best_trials(run)
    decides = [gives_of(name) != "scores" for name in best["technique"]] if len(best) else []
    return best[decides] if len(best) else best


def shown_trials(run: Results) -> pd.DataFrame:
    """Those of ``deciding_trials`` whose maps are made: of many techniques, the few of ``highlights`` among them."""
    best = deciding_trials(run)
    return best[best["technique"].isin(highlights(run, best["technique"]))] if len(best) else best


@runtime_checkable
class WithFields(Protocol):
    """A network that tells how fine its last block sees."""

    def field_at(self, size: int) -> int:
        """Pixels a side of one field, of images of a size."""


@dataclass(frozen=True)
class Network:
    """A technique's best trial whose network was kept and that was tested.

    Args:
        technique, trial_id: which one.
        model: in evaluation mode, float32, on the device that was asked for.
        spec: of its trial.
        rows: (N,) int64, the tested rows of the image set.
        labels: (N,) int64, their true classes.
        probabilities: (N, C) float64, as recorded.
        kept: what frozen bodies made of images, for all techniques.
    """

    technique: str
    trial_id: str
    model: nn.Module
    spec: TrialSpec
    rows: np.ndarray
    labels: np.ndarray
    probabilities: np.ndarray
    kept: Kept = field(default_factory=Kept, repr=False, compare=False)

    @cached_property
    def looks(self) -> nn.Module:
        """The model, with what its frozen body makes of an image computed once for all techniques."""
        return shared(self.model, self.kept)

    @cached_property
    def field(self) -> int:
        """Pixels a side of one field of the last block."""
        if isinstance(self.model, WithFields):
            return self.model.field_at(self.spec.image_size)
        return field_of(self.spec.stem)

    @property
    def block(self) -> str:
        """The last block in words, by the name that the network gives it."""
        return block_in_words(str(self.model.last_block), self.spec.architecture)

    def of_rows(self, rows: np.ndarray) -> np.ndarray:
        """(n, C) recorded probabilities of some tested rows."""
        order = np.argsort(self.rows, kind="stable")
        return self.probabilities[order[np.searchsorted(self.rows, rows, sorter=order)]]

    def inputs(self, pixels: np.ndarray) -> torch.Tensor:
        """(N, H, W) or (N, H, W, 3) pixels in 0..255 -> (N, 3, H, W) float32, normalised as in training."""
        return to_input(torch.from_numpy(np.array(pixels)), self.spec.mean, self.spec.std)

    def predict(self, pixels: np.ndarray) -> np.ndarray:
        """(N, H, W) or (N, H, W, 3) pixels in 0..255 -> (N, C) float32 probabilities, computed in float32."""
        device = next(self.model.parameters()).device
        spec = replace(self.spec, precision="float32")
        return predict(self.looks, torch.from_numpy(np.array(pixels)), np.arange(len(pixels)), spec, device)

    def maps(self, pixels: np.ndarray, targets: np.ndarray, seeds: np.ndarray, method: str) -> np.ndarray:
        """(N, H, W) float32 maps of pixels in 0..255, see ``class_activation_maps``."""
        return class_activation_maps(
            self.looks, self.inputs(pixels), [int(t) for t in targets], [int(s) for s in seeds], method
        )


def block_in_words(last_block: str, architecture: str) -> str:
    """``the last block (layer4) of ResNet18``.

    Args:
        last_block: dotted name, as the whole network has it.
        architecture: as of ``TrialSpec.architecture``.
    """
    name = last_block.removeprefix("body.").removeprefix("body.")  # behind a frozen body, and torchvision's own
    seen = seen_as(architecture) or "the last block"
    return f"{seen} ({name}) of {shown_name(architecture)}"


def kept_trials(run: Results) -> dict[str, tuple[str, tuple[np.ndarray, np.ndarray, np.ndarray]]]:
    """Technique -> (trial id, test predictions) of ``shown_trials`` that were tested and kept their network."""
    best = shown_trials(run)
    found = {}
    for technique, trial_id in zip(best["technique"], best["trial_id"], strict=True):
        tested = run.predictions_of(trial_id, "test") if run.trial(trial_id).best.is_file() else None
        if tested is not None:
            found[str(technique)] = (str(trial_id), (tested.rows, tested.labels, tested.probabilities))
    return found


def networks(
    run: Results, device: str | torch.device = "cpu", only: Collection[str] | None = None
) -> Iterator[Network]:
    """The networks of ``kept_trials``, one at a time.

    Args:
        only: techniques; all by default.
    """
    kept = Kept()
    for technique, (trial_id, (rows, labels, probabilities)) in kept_trials(run).items():
        if only is not None and technique not in only:
            continue
        model, facts = whole_network(run.trial(trial_id).best)
        spec = TrialSpec.from_dict(facts["spec"])
        yield Network(technique, trial_id, model.to(device), spec, rows, labels, probabilities, kept)
