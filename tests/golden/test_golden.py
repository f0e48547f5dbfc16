"""Tiny runs of each preset's kind give the recorded ids, epochs, predictions, choices and tables (see ``record``)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.golden import drawings, kinds, taken
from tests.golden.compare import as_recorded, differences, is_recorded_machine, recorded
from tests.held_ray import held_ray


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """Every kind's run, made now."""
    folder = tmp_path_factory.mktemp("golden")
    cache = drawings.fill(folder / "cache")
    with held_ray(2, kinds.environment(cache)) as address:
        commands = {
            name: [*kinds.arguments(kind, folder / name), "--address", address] for name, kind in kinds.KINDS.items()
        }
        kinds.call_all(commands, cache)
    return {name: taken.run(folder / name) for name in kinds.KINDS}


@pytest.mark.parametrize("kind", kinds.KINDS)
def test_a_run_gives_the_recorded_trials_and_numbers(kind: str, runs: dict[str, dict[str, Any]]) -> None:
    before, now = recorded(kind), runs[kind]
    assert [spec["trial_id"] for spec in now["trials"]] == [spec["trial_id"] for spec in before["trials"]]
    assert as_recorded(before, now, exact=is_recorded_machine()) == []


def test_a_comparison_finds_what_changed() -> None:
    before = recorded("demo")
    trial = before["trials"][0]["trial_id"]
    now = recorded("demo")
    now["records"][trial]["epochs"][0]["train_loss"] += 1e-12
    now["trials"][0]["lr"] *= 2
    del now["report"]["tables"]["results"]["recall"]
    now["report"]["tables"]["results"]["new"] = [0.0]
    places = [line.split(" is ")[0] for line in differences(before, now)]
    assert places == ["/trials/0/lr", f"/records/{trial}/epochs/0/train_loss", "/report/tables/results/recall"]
    assert len(as_recorded(before, now, exact=False)) == 2, "the last bits are another processor's own"
    for epoch, share in ((0, 0.2), (1, 0.5)):
        now = recorded("demo")
        now["records"][trial]["epochs"][epoch]["train_loss"] *= 1 - share
        (line, *_) = as_recorded(before, now, exact=False)
        assert f"/{epoch}/train_loss" in line
    now = recorded("demo")
    now["records"][trial]["epochs"][1]["images"] += 1
    assert len(as_recorded(before, now, exact=False)) == 1


def test_fixtures_name_no_place_of_the_machine_that_made_them() -> None:
    texts = [path for path in Path(__file__).parent.rglob("*") if path.suffix in (".json", ".yaml", ".jsonl")]
    assert len(texts) > 40
    assert [path for path in texts if any(f'"{root}' in path.read_text() for root in ("/work", "/tmp", "/home"))] == []
    assert sum(path.stat().st_size for path in Path(__file__).parent.rglob("*") if path.is_file()) < 1.5e6
