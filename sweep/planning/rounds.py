"""Optuna with equal budgets: one study a technique, asked in rounds, of which the records are the truth."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

from balancing.components.ranges import Choice, FloatRange, Interval, IntRange
from balancing.components.techniques import get_technique
from balancing.errors import UserError
from sweep.config.size import trained
from sweep.hyperparameters import HYPERPARAMETERS
from sweep.planning.space import make_spec
from sweep.runs.run import Run
from sweep.runs.spec import TrialSpec
from sweep.runs.trial_folder import may_be_best

if TYPE_CHECKING:
    from sweep.config.config import Config


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
        space, names = config.space, trained(config)
        self.rounds, self.total = space.trials, space.trials * len(names) * space.seeds
        self._studies = {
            name: optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=space.seed))
            for name in names
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
            shared = {
                h.name: _suggest(asked, h.name, getattr(space, h.name), whole=h.kind is int) for h in HYPERPARAMETERS
            }
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


def _suggest(asked: Any, name: str, values: Any, *, whole: bool) -> Any:
    if isinstance(values, list):
        return asked.suggest_categorical(name, values)
    if not isinstance(values, Interval):
        return values
    if whole:
        return asked.suggest_int(name, int(values.low), int(values.high))
    return asked.suggest_float(name, values.low, values.high, log=values.log)


class Rounds(Protocol):
    """What ``RecordedRounds`` needs of ``OptunaRounds``."""

    def next_round(self) -> list[TrialSpec]: ...

    def tell(self, technique: str, value: float | None) -> None: ...


class RecordedRounds:
    """Rounds one after the other, as far as the records don't hold them: what has ended is told, not run.

    Args:
        rounds: asked for the next round when the last one has ended.
        run: where planned trials are recorded and results are read.
    """

    def __init__(self, rounds: Rounds, run: Run):
        self._rounds, self._run = rounds, run
        self._round: list[TrialSpec] = []
        self._known: dict[str, TrialSpec] = {}
        self._recorded = [spec.trial_id for spec in run.specs()]

    def begin(self) -> tuple[list[TrialSpec], list[TrialSpec]]:
        """Tells how the last round ended and asks for the next one.

        Returns:
            All specs of the round, [] after the last; and those of them that have not ended, each once.
        """
        if self._round:
            self._tell()
        self._round = self._rounds.next_round()
        unique = {spec.trial_id: spec for spec in self._round}
        self._known |= unique
        if self._round:
            self._record()
        return self._round, [spec for spec in unique.values() if self._run.trial(spec.trial_id).fault()]

    def _record(self) -> None:
        """Adds to the planned trials; while known rounds come again, those after them stay on record."""
        known = list(self._known.values())
        if self._recorded[: len(known)] != [spec.trial_id for spec in known]:
            self._run.write_specs(known)
            self._recorded = [spec.trial_id for spec in known]

    def _tell(self) -> None:
        """Tells each study the mean over seeds of its best validation values, from the records."""
        for technique in {spec.technique: None for spec in self._round}:
            values = []
            for spec in self._round:
                if spec.technique == technique:
                    epochs = self._run.trial(spec.trial_id).epochs()
                    metrics = [e[spec.metric] for e in epochs if may_be_best(e)]
                    values += [max(m for m in metrics if m is not None)] if any(m is not None for m in metrics) else []
            self._rounds.tell(technique, sum(values) / len(values) if values else None)
