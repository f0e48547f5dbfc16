"""Several heads behind a frozen body: each trains as one head does."""

from __future__ import annotations

from pathlib import Path

import pytest

from sweep.runs.trial_folder import TrialFolder
from sweep.training.trial import Trial
from tests.sweep.training.many.heads import make_vectors, specs_of
from tests.sweep.training.small import CPU


@pytest.mark.parametrize("technique", ["baseline", "crt", "easy_ensemble"])
@pytest.mark.parametrize("hidden", [0, 5])
def test_weights_decay_and_biases_do_not(technique: str, hidden: int, tmp_path: Path) -> None:
    lr = 1e-4  # a step leaves nothing of what decays, and moves nothing else by more than about this
    (spec,) = specs_of(technique, seeds=1, optimizer="adamw", lr=lr, weight_decay=1 / lr, hidden=hidden)
    trial = Trial(spec, make_vectors(), TrialFolder(tmp_path), device=CPU)
    trial.restore()
    for _ in range(spec.epochs):
        trial.epoch()
    assert trial.network.fc.weight.abs().max() < 10 * lr
    assert trial.network.fc.bias.abs().max() > 100 * lr
