"""The record of a trial that was stopped; a sweep from its trials to selection, fresh seeds, opened test split."""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Protocol

from balancing.errors import UserError
from sweep.planning.confirming import begun, chosen_of, confirmed, exploring_specs, next_round
from sweep.planning.prepare import SweepInputs
from sweep.planning.space import exploring_seeds
from sweep.runs.confirming import ADDED, Confirming, confirming_if_there, confirming_of, write_confirming
from sweep.runs.events import SafeEvents
from sweep.runs.files import now
from sweep.runs.openings import seen_by_look
from sweep.runs.run import Run
from sweep.runs.spec import TrialSpec

if TYPE_CHECKING:
    from sweep.config.config import Config

# How often chosen trials may turn out to have lost their networks before somebody is told.
_ROUNDS = 3


def record_stop(run: Run, spec: TrialSpec, epoch: int) -> str:
    """Records the end of a trial that early stopping ended; returns its state, done or stopped.

    Args:
        epoch: its last one; 0 where it was not begun.
    """
    ended = "done" if epoch >= spec.epochs else "stopped"
    folder = run.trial(spec.trial_id)
    folder.write_spec(spec)  # one that was not begun has none yet
    folder.write_status(ended, finished=now())
    folder.tidy()
    events_folder = run.events_folder(spec)
    if epoch and events_folder.exists():
        events = SafeEvents(events_folder)
        events.finish_trial(spec, folder, run.class_names)
        if events.error:
            folder.write_status(ended, events_error=events.error)
    return ended


class Tester(Protocol):
    """Where networks are looked at and the test split is predicted: on Ray's workers, or here."""

    def faults(self, trial_ids: Sequence[str]) -> dict[str, str]:
        """Trial id -> why its best network can't stand for its record; of those that can't."""

    def open_test(self, trial_ids: Sequence[str]) -> None:
        """Predicts the test split with the best networks of trials that have not done so."""


Train = Callable[[Sequence[TrialSpec] | None], None]


def sweep_until_whole(
    run: Run,
    config: Config,
    inputs: SweepInputs,
    train: Train,
    tester: Tester,
    say: Callable[[str], None],
) -> None:
    """Trains, selects, confirms what was selected where that is asked for, opens the test split, and tidies up.

    Args:
        config: its metric chooses, on validation.
        inputs: of the same configuration.
        train: runs those of some trials that have not ended, as they are; None: of all that explore, as the
            configuration says how.
        say: shows a sentence.
    Raises:
        UserError: no trial ended with a result, or networks keep getting lost.
    """
    found = confirming_if_there(run)
    if found is None and not (config.space.confirm or run.info.get(ADDED)):
        metric = config.sweep.metric

        def choose() -> list[dict[str, Any]]:
            return chosen_of(run, exploring_specs(run, config, inputs), metric)

        chosen = _until_whole(run, lambda: train(None), choose, tester, say)
        # A failed trial may still be run by a resume, and then another configuration be chosen: keep its network.
        _tidy(run, chosen, keep=bool((run.trials()["status"] == "failed").any()))
        return
    if exploring_seeds(config) and _explores_on(run, found, exploring_specs(run, config, inputs), config):
        train(None)
    explored = exploring_specs(run, config, inputs)
    if found is None:
        found = begun(run, config, inputs)
        write_confirming(run, found)
        run.write_specs([*explored, *found.specs()])
        found = confirming_of(run) or found  # with seeds that were added
    say(confirming_sentence(found))
    if found.alone and not any(one.added for one in found.rounds):
        _drop_networks(run, [spec.trial_id for spec in explored])  # what was chosen stands, so nothing asks for them
    trained = {0}  # what explored has ended, once for all
    while True:
        chosen = _confirm(run, found, explored, trained, train, tester, say)
        if inputs.judge is None or len(found.rounds) >= len(found.looks) or found.rounds[-1].added:
            break
        techniques, answers = inputs.judge(run, found)
        say(look_sentence(found, answers))
        more = next_round(found, techniques)
        if more is None:
            break
        found = replace(found, rounds=(*found.rounds[:-1], replace(found.rounds[-1], answers=answers), more))
        write_confirming(run, found)
    _tidy(run, chosen)


def _explores_on(run: Run, found: Confirming | None, explored: Sequence[TrialSpec], config: Config) -> bool:
    """Whether trials that explore are left to train, before anything is confirmed.

    What was chosen once stands: where only its record is lost, a trial that failed is not run again, which could change
    the choice.
    """
    if found is not None or not explored:
        return not explored  # a search whose plan is lost finds its trials again
    if not run.info.get(ADDED) and all(spec.seed_index < exploring_seeds(config) for spec in run.specs()):
        return True
    return any(run.trial(spec.trial_id).status()["status"] == "waiting" for spec in explored)


def _confirm(
    run: Run,
    found: Confirming,
    explored: Sequence[TrialSpec],
    trained: set[int],
    train: Train,
    tester: Tester,
    say: Callable[[str], None],
) -> list[str]:
    """Trains the fresh seeds and opens the test split for what speaks; returns the trial ids of that.

    Args:
        trained: numbers of the rounds that this process has trained, from 1 on; those of ``found`` are added.
    """
    specs = [*explored, *found.specs()]
    if specs != run.specs():
        run.write_specs(specs)
    parts = [explored, *(found.specs_of(one) for one in found.rounds)]

    def training() -> None:
        for number, part in enumerate(parts):
            # Part by part, so that seeds train together with the same others whenever that is.
            if number not in trained or any(run.trial(spec.trial_id).status()["status"] == "waiting" for spec in part):
                train(part)
                trained.add(number)

    about: dict[str, Any] = {"added": True} if found.rounds[-1].added else {}
    if found.looks and not about:
        about = {"look": len(found.rounds)}
    return _until_whole(run, training, lambda: confirmed(run, found), tester, say, about)


def look_sentence(found: Confirming, answers: Mapping[str, str]) -> str:
    """What a look at the answers came to."""
    done = len(found.rounds)
    told = [f"{len(names)} {answer}" for answer in dict.fromkeys(answers.values()) if (names := _with(answers, answer))]
    return f"Look {done} of {len(found.looks)}, {found.looks[done - 1]} seeds: {', '.join(told) or 'nothing settled'}."


def _with(answers: Mapping[str, str], answer: str) -> list[str]:
    return [name for name, own in answers.items() if own == answer]


def confirming_sentence(found: Confirming) -> str:
    """What is about to be confirmed, by how many fresh seeds."""
    configurations = max((choice.get("configurations", 1) for choice in found.chosen), default=1)
    seeds = sum(len(one.seeds) for one in found.rounds)
    if found.looks:
        seeds = found.looks[-1]
    of = f"the configuration chosen among {configurations}" if configurations > 1 else "the one configuration"
    many = f"for each of {len(found.chosen)} techniques"
    if found.looks:
        return f"At most {seeds} fresh seeds of {of}, {many}, in rounds: no more where the answer stands or can't come."
    return f"{seeds} fresh seed{'s' if seeds > 1 else ''} of {of}, {many}: {len(found.specs())} trials."


def _until_whole(
    run: Run,
    train: Callable[[], None],
    choose: Callable[[], list[dict[str, Any]]],
    tester: Tester,
    say: Callable[[str], None],
    about: Mapping[str, Any] = MappingProxyType({}),
) -> list[str]:
    """Trains, chooses, and opens the test split for those that speak; one whose network is gone is trained again.

    Args:
        about: what is noted with the opening: the ``look`` that follows, from 1 on; or that seeds were ``added``.
    Returns:
        The trial ids of those.
    """
    for _ in range(_ROUNDS):
        train()
        selection = choose()
        chosen = [trial_id for choice in selection for trial_id in choice["trial_ids"]]
        faults = tester.faults(chosen)
        if not faults:
            run.write_selection(selection)
            _open(run, chosen, tester, about)
            return chosen
        for trial_id, fault in faults.items():
            run.trial(trial_id).reopen(fault)
            say(f"Trial {trial_id} was chosen, but {fault}: it counts as not ended and is trained again.")
    run.update_info(status="failed")
    raise UserError(
        f"chosen trials of {run.path} keep losing their networks ({next(iter(faults.values()))}); make sure that "
        f"nothing else writes there, then `sweep resume {shlex.quote(str(run.path))}`"
    )


def _open(run: Run, chosen: Sequence[str], tester: Tester, about: Mapping[str, Any]) -> None:
    """The test split, for those for which it was not opened yet; ``about`` is noted with that.

    A look was at what it was opened for. A trial that failed then, and gave a result later, is opened for no look.
    """
    unopened = [trial_id for trial_id in chosen if not run.trial(trial_id).is_tested()]
    if not unopened or not sum(run.info["data"]["class_counts"]["test"]):
        return
    looked_at = seen_by_look(run.test_openings(), about["look"]) if "look" in about else None
    late = [] if looked_at is None else [trial_id for trial_id in unopened if trial_id not in looked_at]
    if of_look := [trial_id for trial_id in unopened if trial_id not in late]:
        run.record_test_opening(of_look, **about)
    if late:
        run.record_test_opening(late)
    tester.open_test(unopened)


def _tidy(run: Run, chosen: Sequence[str], *, keep: bool = False) -> None:
    """The end of a sweep.

    Args:
        keep: the networks of trials that were not chosen.
    """
    if not keep:
        _drop_networks(run, set(run.trials()["trial_id"]) - set(chosen))
    run.guard()
    shutil.rmtree(run.path / "ray", ignore_errors=True)  # Tune's own state: the records hold all that is needed
    run.update_info(status="finished", finished=now())


def _drop_networks(run: Run, trial_ids: Iterable[str]) -> None:
    for trial_id in trial_ids:
        run.guard()
        run.trial(trial_id).best.unlink(missing_ok=True)
