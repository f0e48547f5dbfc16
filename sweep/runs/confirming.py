"""confirming.json of a run: which configuration was chosen for each technique, and the fresh seeds that confirm it.

It is written before the first of them trains, so that a run that was stopped goes on with the same. What was added when
the run had ended stands in run.json (``seeds_added``), for that is a fact of the run and not to be decided anew.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from balancing.errors import UserError
from sweep.runs.contradictions import of_confirming
from sweep.runs.files import DamagedFile, now, read_json, write_json
from sweep.runs.openings import OPENINGS, read_openings
from sweep.runs.shapes import CONFIRMING, SELECTION
from sweep.runs.spec import TrialSpec

if TYPE_CHECKING:
    from sweep.runs.run import Run

FILE = "confirming.json"
ADDED = "seeds_added"  # of run.json


@dataclass(frozen=True)
class Round:
    """Fresh seeds that train together.

    Args:
        seeds: their numbers (``TrialSpec.seed_index``), the same for all techniques.
        techniques: that train with them.
        time: when that was decided.
        added: by a person, after the run had ended.
        answers: technique -> what was then settled of it; {} where nobody looked.
    """

    seeds: tuple[int, ...]
    techniques: tuple[str, ...]
    time: str
    added: bool = False
    answers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Confirming:
    """What is confirmed, and by what.

    Args:
        chosen: of each technique what ``sweep.runs.selection.select`` says, and ``spec``: one of its trials'. Where
            there was nothing to explore: no trial_ids, no mean.
        alone: whether fresh seeds alone speak: configurations were compared by the others.
        rounds: in the order in which they train.
        looks: seeds of each technique at each look at the answers, rising; () where there is none before the end.
    """

    chosen: tuple[Mapping[str, Any], ...]
    alone: bool
    rounds: tuple[Round, ...] = ()
    looks: tuple[int, ...] = ()

    def specs_of(self, one: Round) -> list[TrialSpec]:
        """The trials of a round, all techniques of a seed together."""
        templates = [TrialSpec.from_dict(c["spec"]) for c in self.chosen if c["technique"] in one.techniques]
        return [
            replace(spec, seed=spec.seed - spec.seed_index + seed, seed_index=seed)
            for seed in one.seeds
            for spec in templates
        ]

    def specs(self) -> list[TrialSpec]:
        """Every confirming trial, round by round."""
        return [spec for one in self.rounds for spec in self.specs_of(one)]


def confirming_in(path: Path, info: Mapping[str, Any], planned: Sequence[TrialSpec]) -> Confirming | None:
    """What a run's folder says of it; None where nothing is confirmed, or not yet.

    Args:
        path: the run's folder.
        info: its run.json.
        planned: its trials.json.
    Raises:
        UserError: the file is damaged, or gone although fresh seeds spoke.
    """
    added = [seed for entry in info.get(ADDED, []) for seed in entry["seeds"]]
    try:
        found = read_json(path / FILE, dict, CONFIRMING)
        if wrong := _wrong(found, planned, added, read_openings(path / OPENINGS)):
            raise DamagedFile(path / FILE, wrong)
    except FileNotFoundError:
        if added or _confirmed_before(path):
            raise UserError(f"{path / FILE} is missing; {_anew(path)}") from None
        return None
    except DamagedFile as error:
        raise UserError(f"{error}; {_anew(path)}") from error
    names = tuple(choice["technique"] for choice in found["chosen"])
    given = found["rounds"]
    rounds = [Round(tuple(r["seeds"]), tuple(r["techniques"]), r["time"], False, r.get("answers", {})) for r in given]
    rounds += [Round(tuple(r["seeds"]), names, r["time"], added=True) for r in info.get(ADDED, [])]
    return Confirming(tuple(found["chosen"]), found["alone"], tuple(rounds), tuple(found.get("looks", [])))


def _anew(path: Path) -> str:
    return f"`sweep resume {shlex.quote(str(path))}` writes it anew"


def _wrong(found: Mapping[str, Any], planned: Sequence[TrialSpec], *more: Sequence[Any]) -> str:
    try:
        return of_confirming(found, planned, *more)
    except UserError as error:  # a key of a trial that this version does not know
        return str(error).partition(";")[0]


def _confirmed_before(path: Path) -> bool:
    """Whether selection.json is of a run whose fresh seeds spoke, which only confirming.json tells of."""
    try:
        found = read_json(path / "selection.json", list, SELECTION)
    except (FileNotFoundError, DamagedFile):
        return False
    return any("planned" in choice for choice in found)


def fresh_ids(path: Path, info: Mapping[str, Any], planned: Sequence[TrialSpec]) -> set[str]:
    """Trial ids of the fresh seeds; see ``confirming_in``."""
    found = confirming_in(path, info, planned)
    return {spec.trial_id for spec in found.specs()} if found else set()


def confirming_of(run: Run) -> Confirming | None:
    """As ``confirming_in``, of a run."""
    return confirming_in(run.path, run.info, run.specs())


def confirming_if_there(run: Run) -> Confirming | None:
    """As ``confirming_of``; None, too, where the file is gone and a resume is about to write it anew."""
    return confirming_of(run) if (run.path / FILE).exists() else None


def write_confirming(run: Run, found: Confirming) -> None:
    """Records all but what was added to the run after its end."""
    rounds = [
        {"time": one.time, "seeds": list(one.seeds), "techniques": list(one.techniques), "answers": dict(one.answers)}
        for one in found.rounds
        if not one.added
    ]
    values = {"chosen": list(found.chosen), "alone": found.alone, "rounds": rounds, "looks": list(found.looks)}
    write_json(run.path / FILE, values, run.guard)


def add_round(run: Run, seeds: Sequence[int]) -> None:
    """Notes that fresh seeds are added to a run that has ended, which is then no more ended."""
    entry = {"time": now(), "seeds": list(seeds), "openings": len(run.test_openings())}
    run.update_info(status="running", **{ADDED: [*run.info.get(ADDED, []), entry]})
