"""Progress: what it counts, how it says the time left, and where."""

from __future__ import annotations

import io
from typing import Any

import pytest
from rich.console import Console

from sweep.cli import progress as room
from sweep.cli.progress import Progress
from sweep.runs.spec import TrialSpec

SPECS = [TrialSpec(name, 0.01, 4, seed, metric="recall") for seed in (0, 1) for name in ("baseline", "smote")]
IDS = [spec.trial_id for spec in SPECS]


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    found = Clock()
    monkeypatch.setattr(room, "time", found)
    return found


def made(
    *, terminal: bool = False, ended: Any = None, specs: Any = None, slots: int = 2
) -> tuple[Progress, io.StringIO]:
    file = io.StringIO()
    console = Console(file=file, force_terminal=terminal, width=120, color_system=None)
    found = Progress(console)
    found.begin(SPECS if specs is None else specs, ended or {}, "recall", slots)
    return found, file


def table_of(found: Progress) -> dict[str, list[str]]:
    """Technique -> the words of its line; '' -> the line beneath."""
    console = Console(file=io.StringIO(), width=120, color_system=None)
    console.print(found.render())
    _, *lines, last = console.file.getvalue().splitlines()  # type: ignore[attr-defined]
    return {line.split()[0]: line.split()[1:] for line in lines} | {"": [last]}


def test_the_table_counts_states_by_technique() -> None:
    found, _ = made()
    assert table_of(found) == {
        "baseline": ["0", "0", "2", "0"],
        "smote": ["0", "0", "2", "0"],
        "": ["0 of 4 trials ended, 0 running on 2 slots, time left not known yet"],
    }
    for trial_id in IDS[:3]:
        found.started(trial_id)
    found.epoch(IDS[0], {"epoch": 1, "recall": 0.5})
    found.ended(IDS[0], "done")
    found.ended(IDS[1], "diverged", "the loss became nan")
    counted = table_of(found)
    assert counted["baseline"] == ["1", "1", "0", "0", "0.500"]
    assert counted["smote"] == ["0", "0", "1", "1"]
    assert counted[""][0].startswith("2 of 4 trials ended, 1 running on 2 slots")
    found.ended(IDS[2], "stopped")
    found.ended(IDS[3], "failed", "broken")
    assert table_of(found)["baseline"][:4] == ["2", "0", "0", "0"]
    assert table_of(found)["smote"][:4] == ["0", "0", "0", "2"]


def test_of_many_techniques_those_at_work_are_shown_and_the_last_line_is_kept() -> None:
    specs = [TrialSpec(f"technique_{place:02}", 0.01, 4, 0) for place in range(40)]
    found, _ = made(specs=specs)
    for spec in specs[:30]:
        found.started(spec.trial_id)
        found.ended(spec.trial_id, "done")
    found.started(specs[35].trial_id)
    console = Console(file=io.StringIO(), width=80, height=24, color_system=None, force_terminal=True)
    found.console = console
    console.print(found.render())
    lines = console.file.getvalue().splitlines()  # type: ignore[attr-defined]
    assert len(lines) < 24
    assert any(line.startswith("technique_35") for line in lines)
    shown = sum(line.startswith("technique_") for line in lines)
    assert lines[-2] == f"{40 - shown} techniques more: {30 - shown + 1} ended, 9 not yet"
    assert lines[-1].startswith("30 of 40 trials ended")


def test_the_best_is_the_highest_of_a_technique_and_no_other() -> None:
    found, _ = made()
    for trial_id, value in ((IDS[0], 0.5), (IDS[2], 0.75), (IDS[0], 0.625), (IDS[2], None), (IDS[0], float("nan"))):
        found.epoch(trial_id, {"epoch": 1, "recall": value})
    assert found.best == {"baseline": 0.75}


def test_what_ended_before_this_start_counts_but_says_nothing_of_the_pace(clock: Clock) -> None:
    found, _ = made(ended={IDS[0]: ("done", 0.75), IDS[1]: ("diverged", None)})
    assert found.best == {"baseline": 0.75}
    assert table_of(found)["baseline"][:4] == ["1", "0", "1", "0"]
    assert table_of(found)["smote"][:4] == ["0", "0", "1", "1"]
    assert found.time_left() == "time left not known yet"
    clock.now += 10
    found.epoch(IDS[2], {"epoch": 1, "recall": 0.5})
    # One epoch in 10 s; 3 of this trial and 4 of the last one are left.
    assert found.time_left() == "about 1 min 10 s left"


def test_the_time_left_follows_the_pace(clock: Clock) -> None:
    found, _ = made()
    clock.now += 6
    for epoch in (1, 2):
        found.epoch(IDS[0], {"epoch": epoch, "recall": 0.5})
        found.epoch(IDS[1], {"epoch": epoch, "recall": 0.5})
    # 4 epochs in 6 s; 2 + 2 + 4 + 4 are left.
    assert found.time_left() == "about 18 s left"
    found.ended(IDS[1], "stopped")  # early: its other two are not waited for
    assert found.time_left() == "about 15 s left"
    for trial_id in IDS:
        found.ended(trial_id, "done")
    assert found.time_left() == "6 s so far"


def test_trials_that_a_search_asks_for_are_added() -> None:
    found, _ = made(specs=SPECS[:2])
    assert table_of(found)[""][0].startswith("0 of 2")
    found.add(SPECS)
    assert table_of(found)[""][0].startswith("0 of 4")


def test_a_log_gets_one_plain_line_for_each_trial_that_ended() -> None:
    found, file = made()
    found.started(IDS[0])
    found.epoch(IDS[0], {"epoch": 1, "recall": 0.5})
    assert file.getvalue() == ""
    found.ended(IDS[0], "done")
    found.started(IDS[1])
    found.ended(IDS[1], "failed", "[bold]broken[/bold] " + "x" * 200)
    found.end()
    lines = file.getvalue().splitlines()
    assert len(lines) == 2
    assert lines[0].startswith("[1/4] baseline lr 0.01 seed 0 done, best recall of baseline so far 0.500; about ")
    assert lines[1].startswith("[2/4] smote lr 0.01 seed 0 failed: [bold]broken[/bold] xxx")
    assert "\x1b" not in file.getvalue()


def test_a_terminal_gets_a_live_table_and_lines_for_trouble_alone() -> None:
    found, file = made(terminal=True)
    found.epoch(IDS[0], {"epoch": 4, "recall": 0.5})
    found.ended(IDS[0], "done")
    assert "[1/4]" not in file.getvalue()
    found.ended(IDS[1], "diverged", "the loss became nan")
    assert f"trial {IDS[1]} (smote) diverged: the loss became nan" in file.getvalue()
    found.end()
    shown = file.getvalue()
    assert "\x1b[" in shown
    assert "best recall (validation)" in shown
    assert "2 of 4 trials ended" in shown.splitlines()[-1] or "2 of 4 trials ended" in shown


def test_the_live_table_ends_with_the_training_and_comes_again_with_the_next() -> None:
    found, file = made(terminal=True)
    found.end()
    found.begin(SPECS, {}, "recall", 2)
    found.end()
    assert file.getvalue().count("\x1b[?25l") == file.getvalue().count("\x1b[?25h") == 2  # the cursor is back


def test_scores_are_watched_by_how_they_rank() -> None:
    specs = [TrialSpec("baseline", 0.01, 2, 0, metric="recall"), TrialSpec("deep_auc", 0.01, 2, 0, metric="auroc")]
    found, _ = made(specs=specs)
    for spec in specs:
        found.epoch(spec.trial_id, {"epoch": 1, "recall": 0.5, "auroc": 0.75})
    counted = table_of(found)
    assert counted["baseline"][-1] == "0.500"
    assert counted["deep_auc"][-2:] == ["0.750", "(auroc)"]
