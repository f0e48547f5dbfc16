"""How large a sweep will be is told from its configuration alone, and bounded."""

from __future__ import annotations

import pytest

from balancing.errors import UserError
from sweep.config.bounds import MOST_TRIALS
from sweep.config.size import n_trials, span
from sweep.planning.space import trial_specs
from sweep.runs.spec import TrialSpec
from tests.sweep.planning.spaces import ALL, RANGES, config_of


@pytest.mark.parametrize(
    ("text", "ends"), [("0.5", (0.5, 0.5)), ("0.5,0.25,1", (0.25, 1.0)), ("0.5..0.75", (0.5, 0.75))]
)
def test_span_is_the_smallest_and_largest_value(text: str, ends: tuple[float, float]) -> None:
    assert span(config_of(f"space.strength={text}").space.strength) == ends


@pytest.mark.parametrize(
    "options",
    [
        ("space.seeds=2",),
        ("space.lr=0.001,0.01", "space.epochs=1,2,3", "space.seeds=2"),
        (*RANGES, "space.trials=7", "space.seeds=3"),
        ("space.lr=1e-4..1e-2", "space.batch_size=8,16", "space.trials=5", "space.techniques=smote,baseline"),
    ],
)
def test_how_many_trials_there_are_is_known_without_making_them(options: tuple[str, ...]) -> None:
    config = config_of(*options)
    assert n_trials(config) == len(trial_specs(config))


def test_equal_trials_are_counted_as_often_as_they_are_asked_for() -> None:
    config = config_of("space.strength=0,0.5,1", "space.seeds=2")
    assert n_trials(config) == 2 * 3 * len(ALL) > len(trial_specs(config))


@pytest.mark.parametrize(
    "options",
    [
        ("space.lr=1e-4..1e-2", "space.trials=10000", "space.seeds=1000"),
        ("space.lr=1e-4..1e-2", "space.trials=10000", "space.seeds=1000", "sweep.search=optuna"),
        tuple(f"space.{name}={','.join(['0.5'] * 100 if name != 'batch_size' else ['8'] * 100)}" for name in
              ("lr", "strength", "batch_size")),
    ],
)  # fmt: skip
def test_more_trials_than_a_sweep_can_hold_are_refused_before_any_is_made(
    options: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(TrialSpec, "__init__", lambda *a, **k: pytest.fail("a trial was made"))
    with pytest.raises(UserError, match=rf"at most {MOST_TRIALS:,} trials, but this space has [\d,]+ .*give fewer"):
        config_of(*options)


def test_the_most_trials_are_accepted() -> None:
    config = config_of("space.lr=1e-4..1e-2", "space.trials=10000", "space.seeds=5", "space.techniques=baseline")
    assert n_trials(config) == MOST_TRIALS
