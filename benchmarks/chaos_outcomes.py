"""What became of each kill: kept a line a case, and counted in one table."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

KINDS = {
    "driver": "the driver, -9",
    "worker": "a trial's worker, -9",
    "raylet": "a raylet, -9",
    "sigterm": "the driver, SIGTERM",
    "two": "the driver, -9; then two resumes at once",
    "disk": "the disk: full",
}
PLACES = {"local": "a local Ray", "cluster": "two nodes"}
COLUMNS = [
    "killed", "on", "kills", "finished trials lost", "trained twice", "tables equal", "resumes that failed",
    "ended badly", "processes left", "files left", "longest to the end",
]  # fmt: skip
MEANING = (
    "Killed: at a moment drawn uniformly over the undisturbed sweep. Lost: a trial had ended, and its records are "
    "gone or others at the end. Trained twice: it had ended, and was begun again. Tables: selection, epochs, "
    "predictions and the report's CSV, but for times, against an undisturbed sweep's. Ended badly: a hang, a "
    "traceback, another exit code than promised, or not one of two resumes refused. Left: Ray's processes half a "
    "minute after the last command, files of killed writers in the finished run."
)


@dataclass
class Outcome:
    """What became of one case.

    Args:
        moment: seconds after the start at which it was to be killed.
        struck: there was something to kill.
        lost, twice, differing: see ``benchmarks.chaos_records``; names of trials, and of tables.
        resumes, failed_resumes: how many were needed, and how many of them did not end with 0.
        badly: what ended otherwise than promised, in words.
        processes, files: left behind.
        seconds: from the start to the end of the last resume, what was waited for in between left out.
        codes: exit codes in order, minus the signal where one killed it; None of one that hung.
    """

    kind: str
    place: str
    number: int
    moment: float
    struck: bool = False
    lost: list[str] = field(default_factory=list)
    twice: list[str] = field(default_factory=list)
    differing: list[str] = field(default_factory=list)
    resumes: int = 0
    failed_resumes: int = 0
    badly: list[str] = field(default_factory=list)
    processes: list[str] = field(default_factory=list)
    files: list[str] = field(default_factory=list)
    seconds: float = 0.0
    codes: list[int | None] = field(default_factory=list)

    @property
    def clean(self) -> bool:
        bad = (self.lost, self.twice, self.differing, self.failed_resumes, self.badly, self.processes, self.files)
        return not any(bad)

    def line(self) -> str:
        """For the terminal."""
        what = "as promised" if self.clean else "; ".join(
            f"{name}: {value}"
            for name, value in (
                ("lost", self.lost),
                ("trained twice", self.twice),
                ("tables differ", self.differing),
                ("resumes failed", self.failed_resumes),
                ("badly", self.badly),
                ("processes left", self.processes),
                ("files left", self.files),
            )
            if value
        )  # fmt: skip
        struck = f"at {self.moment:.1f} s" if self.struck else "not struck"
        return f"{self.kind} {self.place} {self.number}: {struck}, codes {self.codes}, {self.seconds:.0f} s: {what}"


def table(outcomes: Sequence[Outcome]) -> list[list[object]]:
    """A row a kind and place, in their order. Cases that found nothing to kill don't count."""
    rows: list[list[object]] = []
    for kind in KINDS:
        for place in PLACES:
            of = [outcome for outcome in outcomes if (outcome.kind, outcome.place) == (kind, place) and outcome.struck]
            if not of:
                continue
            rows.append(
                [
                    KINDS[kind],
                    PLACES[place],
                    len(of),
                    sum(len(outcome.lost) for outcome in of),
                    sum(len(outcome.twice) for outcome in of),
                    f"{sum(not outcome.differing for outcome in of)} of {len(of)}",
                    sum(outcome.failed_resumes for outcome in of),
                    sum(bool(outcome.badly) for outcome in of),
                    sum(len(outcome.processes) for outcome in of),
                    sum(len(outcome.files) for outcome in of),
                    f"{max(outcome.seconds for outcome in of):.0f} s",
                ]
            )
    return rows


def read_results(path: Path) -> list[Outcome]:
    """The cases in a file of results; a last line cut short by a kill is left out."""
    found = []
    for line in path.read_text().splitlines() if path.exists() else []:
        try:
            found.append(Outcome(**json.loads(line)))
        except ValueError:
            continue
    return found


def add_result(path: Path, outcome: Outcome) -> None:
    """Adds a line, on a line of its own even after half a one."""
    torn = path.exists() and not path.read_bytes().endswith(b"\n") and path.stat().st_size > 0
    with open(path, "a") as file:
        file.write("\n" * torn + json.dumps(asdict(outcome)) + "\n")
