"""What Ray Tune lacks for paired comparisons, handed to it: early stopping within a technique, and Optuna's rounds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ray import tune
from ray.tune.experiment import Trial
from ray.tune.schedulers import FIFOScheduler, TrialScheduler
from ray.tune.search import Searcher

from sweep.planning.halving import PairedHalving
from sweep.planning.rounds import RecordedRounds, Rounds
from sweep.runs.observer import Observer, tell
from sweep.runs.run import ASKS, Run
from sweep.runs.spec import TrialSpec

GRID = "grid"


class Values(list[Any]):
    """A grid's values, which nobody changes. Tune copies the whole grid for each trial: 5,000 times 5,000 specs."""

    def __deepcopy__(self, memo: dict[int, Any]) -> Values:
        return self


def grid_of(specs: Sequence[TrialSpec]) -> dict[str, Any]:
    """Tune's space of the trials of a list, in its order."""
    return {"spec": tune.grid_search(Values(spec.to_dict() for spec in specs))}


class PairedASHA(FIFOScheduler):
    """``sweep.planning.halving.PairedHalving`` as a scheduler of Tune."""

    def __init__(self, max_epochs: int, grace: int, run: Run):
        super().__init__()
        self._halving = PairedHalving(run, max_epochs, grace)

    def on_trial_result(self, tune_controller: Any, trial: Trial, result: dict) -> str:
        spec = TrialSpec.from_dict(trial.config["spec"])
        if result.get(ASKS):  # before its first epoch
            return TrialScheduler.CONTINUE if self._halving.starts(spec) else TrialScheduler.STOP
        # Tune hands schedulers results with nested names joined.
        numbers = {key.removeprefix("numbers/"): value for key, value in result.items() if key.startswith("numbers/")}
        goes_on = not numbers or self._halving.goes_on(spec, numbers)  # a trial's last word has none
        return TrialScheduler.CONTINUE if goes_on else TrialScheduler.STOP

    def on_trial_complete(self, tune_controller: Any, trial: Trial, result: dict) -> None:
        self._halving.ended(TrialSpec.from_dict(trial.config["spec"]))


class RoundSearcher(Searcher):
    """Hands Optuna's rounds to Tune trial by trial."""

    def __init__(self, rounds: Rounds, run: Run, observer: Observer):
        super().__init__(metric=None, mode=None)
        self._rounds, self._observer = RecordedRounds(rounds, run), observer
        self._waiting: list[TrialSpec] = []
        self._running: dict[str, TrialSpec] = {}

    def __reduce__(self) -> tuple[Any, ...]:
        """Tune pickles its searcher for a restore that is never made; an empty one stands in."""
        return Searcher, ()

    def suggest(self, trial_id: str) -> Any:
        """The next trial; None while the round has none left to start; FINISHED after the last round."""
        while not self._waiting:
            if self._running:
                return None
            specs, self._waiting = self._rounds.begin()
            if not specs:
                return Searcher.FINISHED
            tell(self._observer.add, specs)
        spec = self._waiting.pop(0)
        self._running[trial_id] = spec
        return {"spec": spec.to_dict()}

    def on_trial_complete(self, trial_id: str, result: dict | None = None, error: bool = False) -> None:
        self._running.pop(trial_id, None)

    def save(self, checkpoint_path: str) -> None:
        """Nothing: the records hold it all."""

    def restore(self, checkpoint_path: str) -> None:
        """Nothing: the records hold it all."""
