"""What Ray Tune lacks for paired comparisons: early stopping within a technique, and Optuna with equal budgets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ray import tune
from ray.tune.experiment import Trial
from ray.tune.schedulers import FIFOScheduler, TrialScheduler
from ray.tune.search import Searcher

from balancing.components.ranges import Choice, FloatRange, Interval, IntRange
from balancing.components.techniques import get_technique
from balancing.errors import UserError
from sweep.hyperparameters import SHARED
from sweep.planning.halving import Halving, recorded_halvings, score_of
from sweep.planning.space import make_spec
from sweep.runs.run import ASKS, Run
from sweep.runs.spec import TrialSpec

if TYPE_CHECKING:
    from sweep.cli.progress import Progress
    from sweep.config.config import Config

GRID = "grid"


class _Values(list[dict[str, Any]]):
    """A grid's values, which nobody changes. Tune copies the whole grid for each trial: 5,000 times 5,000 specs."""

    def __deepcopy__(self, memo: dict[int, Any]) -> _Values:
        return self


def grid_of(specs: Sequence[TrialSpec]) -> dict[str, Any]:
    """Tune's space of the trials of a list, in its order."""
    return {"spec": tune.grid_search(_Values(spec.to_dict() for spec in specs))}


class PairedASHA(FIFOScheduler):
    """Asynchronous successive halving, one for each technique: trials are stopped for being behind their own kind.

    One for all would stop the techniques that learn slowly, and so decide the comparison before it is made. Within a
    technique configurations are halved by their first seeds; see ``sweep.planning.halving``.

    Args:
        metric: reported each epoch, better when higher.
        max_epochs: the most epochs any trial has.
        grace: epochs every trial gets.
        run: what it has recorded counts, so that a resumed sweep goes on where it was.
    """

    def __init__(self, metric: str, max_epochs: int, grace: int, run: Run):
        super().__init__()
        self._judged_by, self._max_epochs, self._grace = metric, max_epochs, grace
        self._of_technique = recorded_halvings(run, metric, max_epochs, grace)

    def _of(self, spec: TrialSpec) -> Halving:
        return self._of_technique.setdefault(spec.technique, Halving(self._max_epochs, self._grace))

    def on_trial_result(self, tune_controller: Any, trial: Trial, result: dict) -> str:
        spec = TrialSpec.from_dict(trial.config["spec"])
        halving = self._of(spec)
        if result.get(ASKS):  # before its first epoch
            if halving.starts(spec.configuration_id, spec.seed_index):
                return TrialScheduler.CONTINUE
            halving.ended(spec.configuration_id, spec.seed_index, stopped=True)
            return TrialScheduler.STOP
        # Tune hands schedulers results with nested names joined.
        numbers = {key.removeprefix("numbers/"): value for key, value in result.items() if key.startswith("numbers/")}
        if not numbers:  # a trial's last word has none
            return TrialScheduler.CONTINUE
        epoch = int(numbers["epoch"])
        score = score_of(numbers, self._judged_by)
        goes_on = halving.goes_on(spec.configuration_id, spec.seed_index, epoch, score)
        return TrialScheduler.CONTINUE if goes_on or epoch >= spec.epochs else TrialScheduler.STOP

    def on_trial_complete(self, tune_controller: Any, trial: Trial, result: dict) -> None:
        spec = TrialSpec.from_dict(trial.config["spec"])
        self._of(spec).ended(spec.configuration_id, spec.seed_index)


class OptunaRounds:
    """One Optuna study per technique, asked in rounds: a round is one new configuration of every technique, each with
    all seeds. The next round is asked when the last one has ended, so equal seeds give equal rounds and every
    technique gets the same budget.

    Args:
        config: with ``search: optuna``.
        fixed: what every spec takes from the data and the weights.
    Raises:
        UserError: Optuna is not installed.
    Reference: Akiba et al., KDD 2019; Watanabe, arXiv:2304.11127 (TPE).
    """

    def __init__(self, config: Config, fixed: Mapping[str, Any]):
        try:
            import optuna
        except ImportError as error:
            raise UserError(
                "search 'optuna' needs Optuna; install it by `pip install 'balancing-act[optuna]'`"
            ) from error
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._config, self._fixed = config, fixed
        space = config.space
        self.rounds, self.total = space.trials, space.trials * len(space.techniques) * space.seeds
        self._studies = {
            name: optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=space.seed))
            for name in space.techniques
        }
        self._asked: dict[str, Any] = {}
        self._round = 0

    def next_round(self) -> list[TrialSpec]:
        """The specs of the next round, seeds outermost; [] after the last."""
        if self._round == self.rounds:
            return []
        space = self._config.space
        configured = {}
        for name, study in self._studies.items():
            asked = study.ask()
            shared = {key: _suggest(asked, key, getattr(space, key)) for key in SHARED}
            configured[name] = (shared, self._own_parameters(asked, name))
            self._asked[name] = asked
        specs = [
            make_spec(self._config, name, shared, own, seed_index, self._round, self._fixed)
            for seed_index in range(space.seeds)
            for name, (shared, own) in configured.items()
        ]
        self._round += 1
        return specs

    def _own_parameters(self, asked: Any, name: str) -> dict[str, Any]:
        technique = get_technique(name)
        wanted = self._config.space.parameters.get(technique.name, {})
        chosen = {}
        for key, spec in technique.parameters.items():
            if key in wanted:
                chosen[key] = _suggest(asked, f"own.{key}", wanted[key], whole=isinstance(spec, IntRange))
            elif self._config.space.search_parameters and isinstance(spec, IntRange):
                chosen[key] = asked.suggest_int(f"own.{key}", spec.low, spec.high)
            elif self._config.space.search_parameters and isinstance(spec, FloatRange):
                chosen[key] = asked.suggest_float(f"own.{key}", spec.low, spec.high, log=spec.log)
            elif self._config.space.search_parameters and isinstance(spec, Choice):
                chosen[key] = asked.suggest_categorical(f"own.{key}", list(spec.options))
        return technique.complete(chosen)

    def tell(self, technique: str, value: float | None) -> None:
        """The mean over seeds of a technique's configuration in this round; None where none gave a result."""
        import optuna

        if value is None:
            self._studies[technique].tell(self._asked[technique], state=optuna.trial.TrialState.FAIL)
        else:
            self._studies[technique].tell(self._asked[technique], value)


def _suggest(asked: Any, name: str, values: Any, *, whole: bool = False) -> Any:
    if isinstance(values, list):
        return asked.suggest_categorical(name, values)
    if not isinstance(values, Interval):
        return values
    if whole or name in ("epochs", "batch_size"):
        return asked.suggest_int(name, int(values.low), int(values.high))
    return asked.suggest_float(name, values.low, values.high, log=values.log)


class RoundSearcher(Searcher):
    """Hands Optuna's rounds to Tune trial by trial; what ended in an earlier start is told, not run."""

    def __init__(self, rounds: OptunaRounds, run: Run, progress: Progress):
        super().__init__(metric=None, mode=None)
        self._rounds, self._run, self._progress = rounds, run, progress
        self._round: list[TrialSpec] = []
        self._waiting: list[TrialSpec] = []
        self._running: dict[str, TrialSpec] = {}
        self._known: dict[str, TrialSpec] = {}
        self._recorded = [spec.trial_id for spec in run.specs()]

    def __reduce__(self) -> tuple[Any, ...]:
        """Tune pickles its searcher for a restore that is never made; an empty one stands in."""
        return Searcher, ()

    def suggest(self, trial_id: str) -> Any:
        """The next trial; None while the round has none left to start; FINISHED after the last round."""
        while not self._waiting:
            if self._running:
                return None
            if self._round:
                self._tell()
            self._round = self._rounds.next_round()
            if not self._round:
                return Searcher.FINISHED
            self._known |= {spec.trial_id: spec for spec in self._round}
            self._record()
            self._progress.add(self._round)
            unique = {spec.trial_id: spec for spec in self._round}
            self._waiting = [spec for spec in unique.values() if self._run.trial(spec.trial_id).fault()]
        spec = self._waiting.pop(0)
        self._running[trial_id] = spec
        return {"spec": spec.to_dict()}

    def _record(self) -> None:
        """Adds to the planned trials; while known rounds come again, those after them stay on record."""
        known = list(self._known.values())
        if self._recorded[: len(known)] != [spec.trial_id for spec in known]:
            self._run.write_specs(known)
            self._recorded = [spec.trial_id for spec in known]

    def on_trial_complete(self, trial_id: str, result: dict | None = None, error: bool = False) -> None:
        self._running.pop(trial_id, None)

    def _tell(self) -> None:
        """Tells each study the mean over seeds of its best validation values, from the records."""
        for technique in {spec.technique: None for spec in self._round}:
            values = []
            for spec in self._round:
                if spec.technique == technique:
                    metrics = [e[spec.metric] for e in self._run.trial(spec.trial_id).epochs()]
                    values += [max(m for m in metrics if m is not None)] if any(m is not None for m in metrics) else []
            self._rounds.tell(technique, sum(values) / len(values) if values else None)

    def save(self, checkpoint_path: str) -> None:
        """Nothing: the records hold it all."""

    def restore(self, checkpoint_path: str) -> None:
        """Nothing: the records hold it all."""
