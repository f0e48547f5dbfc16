"""The sweep without Ray: the same trials with the same numbers, stopped and gone on with, failing and recovering."""

from __future__ import annotations

import itertools
import json
import os
import random
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

import sweep.local as local
import sweep.sweeps as sweeps
from balancing.components.decorators import loss
from balancing.components.losses.cross_entropy import cross_entropy
from balancing.errors import UserError
from sweep.config.config import Config, build_config
from sweep.part_runs import new_run
from sweep.planning.prepare import prepare
from sweep.runs.files import no_guard
from sweep.runs.observer import Observer
from sweep.runs.owner import NotOwner
from sweep.runs.run import Run
from sweep.training.trial import Trial
from tests.balancing.components.registered import keep_registry
from tests.sweep.cluster.sweeping import WITHOUT_DASHBOARD

TINY: dict[str, dict[str, Any]] = {
    "data": {"source": "phantom", "image_size": 16, "phantom_images": 300},
    "space": {"techniques": ["baseline", "undersampling"], "lr": 0.001, "epochs": 2, "seeds": 2},
    "train": {"weights": "none", "stem": "imagenet", "resume_seconds": 0},
}


def tiny(**changes: Any) -> Config:
    """TINY with other values, ``section__key``."""
    return build_config(TINY, {key.replace("__", "."): value for key, value in changes.items()})


def sweep_here(path: Path, config: Config, observer: Observer | None = None) -> Run:
    """A run in ``path``, new or gone on with."""
    inputs = prepare(config)
    run = Run(path) if (path / "run.json").exists() else new_run(path, config, inputs, no_guard)
    local.run_locally(run, config, inputs, observer or Observer())
    return Run(path)


TIMES = ("seconds", "images_per_second")


def numbers(run: Run) -> dict[str, Any]:
    """Everything that a sweep found out, but for times."""
    found: dict[str, Any] = {"trials": json.loads((run.path / "trials.json").read_text()), "chosen": run.selection()}
    for spec in run.specs():
        folder = run.trial(spec.trial_id)
        epochs = [{k: v for k, v in epoch.items() if k not in TIMES} for epoch in folder.epochs()]
        parts = [part for part in ("validation", "test") if (folder.path / f"{part}.parquet").exists()]
        predictions = {part: folder.predictions(part).to_dict("list") for part in parts}
        found[spec.trial_id] = (folder.status()["status"], epochs, predictions)
    return found


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return sweep_here(tmp_path_factory.mktemp("local") / "run", tiny())


def test_ends_with_all_trials_and_the_test_split_opened_once(undisturbed: Run) -> None:
    trials = undisturbed.trials()
    assert trials["status"].tolist() == ["done"] * 4
    assert undisturbed.info["status"] == "finished"
    (opening,) = undisturbed.test_openings()
    assert sorted(opening["trials"]) == sorted(trials["trial_id"]), "two seeds of two configurations"
    assert not list(undisturbed.path.glob("trials/*/last.pt"))
    assert len(list(undisturbed.path.glob("tensorboard/*/events.*"))) == 4


def test_numbers_do_not_hang_on_the_threads_or_random_states_of_the_process(undisturbed: Run, tmp_path: Path) -> None:
    random.seed(5), np.random.seed(5), torch.manual_seed(5)
    before = random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        again = sweep_here(tmp_path / "run", tiny())
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(threads)
    assert numbers(again) == numbers(undisturbed)
    assert (random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()) == before


class Stops(Observer):
    """Stops the sweep in the middle of its second trial, as Ctrl-C would."""

    def __init__(self) -> None:
        self.epochs = 0

    def epoch(self, trial_id: str, numbers: Mapping[str, Any]) -> None:
        self.epochs += 1
        if self.epochs == 3:
            raise KeyboardInterrupt


def test_stopped_and_gone_on_with_it_ends_as_undisturbed(undisturbed: Run, tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        sweep_here(tmp_path / "run", tiny(), Stops())
    halfway = Run(tmp_path / "run")
    assert [row["status"] for row in halfway.trials().to_dict("records")].count("done") == 1
    assert not halfway.test_openings()
    (under_way,) = halfway.path.glob("trials/*/last.pt")
    assert numbers(sweep_here(tmp_path / "run", tiny())) == numbers(undisturbed)
    assert Run(halfway.path).trial(under_way.parent.name).status()["attempts"] == 2


def test_a_trial_that_fails_is_tried_again_and_then_left(
    undisturbed: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_trial, failing, tries = Trial.run, undisturbed.specs()[1].trial_id, []

    def fails(trial: Trial, *arguments: Any) -> str:
        tries.append(trial.spec.trial_id)
        if trial.spec.trial_id == failing:
            raise RuntimeError("no luck\nat all")
        return run_trial(trial, *arguments)

    with monkeypatch.context() as patch:
        patch.setattr(Trial, "run", fails)
        run = sweep_here(tmp_path / "run", tiny(sweep__retries=1))
    assert tries.count(failing) == 2
    assert len(tries) == 5
    status = run.trial(failing).status()
    assert (status["status"], status["error"], status["attempts"]) == ("failed", "at all", 2)
    assert "RuntimeError: no luck" in (run.trial(failing).path / "error.txt").read_text()
    assert len(list(run.path.glob("trials/*/best.pt"))) == 3, "kept: a resume may choose another configuration"
    found = numbers(sweep_here(tmp_path / "run", tiny(sweep__retries=1)))
    assert found == numbers(undisturbed)


def test_another_owner_ends_the_sweep_and_no_trial_fails_by_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def robbed(*arguments: Any, **named: Any) -> str:
        raise NotOwner("taken")

    monkeypatch.setattr(Trial, "run", robbed)
    with pytest.raises(NotOwner):
        sweep_here(tmp_path / "run", tiny())
    assert "failed" not in set(Run(tmp_path / "run").trials()["status"])


def test_a_trial_that_takes_too_long_is_ended_after_its_epoch_and_not_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local, "time", SimpleNamespace(monotonic=itertools.count(0.0, 10.0).__next__))
    config = tiny(resources__trial_timeout=5, space__techniques=["baseline"], space__seeds=1)
    with pytest.raises(UserError, match="--trial-timeout"):
        sweep_here(tmp_path / "run", config)
    (trial,) = Run(tmp_path / "run").trials().to_dict("records")
    assert (trial["status"], trial["attempts"], trial["epochs_run"]) == ("failed", 1, 1)


def test_a_chosen_trial_without_its_network_is_trained_again(tmp_path: Path, undisturbed: Run) -> None:
    class Loses(Observer):
        lost = False

        def end(self) -> None:
            if not self.lost:
                self.lost = True
                next((tmp_path / "run").glob("trials/*/best.pt")).unlink()

    notes: list[str] = []
    observer = Loses()
    observer.note = notes.append  # type: ignore[method-assign]
    assert numbers(sweep_here(tmp_path / "run", tiny(), observer)) == numbers(undisturbed)
    assert sum("is trained again" in note for note in notes) == 1


def test_early_stopping_spares_epochs_and_keeps_every_seed_of_the_chosen(tmp_path: Path) -> None:
    config = tiny(
        sweep__scheduler="asha", sweep__grace=1, space__techniques=["baseline"], space__lr="1e-4..1e-2",
        space__trials=4, space__epochs=3,
    )  # fmt: skip
    run = sweep_here(tmp_path / "run", config)
    trials = run.trials()
    assert set(trials["status"]) == {"done", "stopped"}
    assert trials["epochs_run"].sum() < 8 * 3
    (choice,) = run.selection()
    assert len(choice["trial_ids"]) == 2
    found = trials.set_index("trial_id").loc[choice["trial_ids"]]
    assert found["epochs_run"].tolist() == [3, 3]
    assert (trials.loc[trials["epochs_run"] == 0, "status"] == "stopped").all(), "not begun"


def test_optuna_asks_in_rounds_and_a_resume_asks_the_same(tmp_path: Path) -> None:
    config = tiny(sweep__search="optuna", space__lr="1e-4..1e-2", space__trials=2, space__epochs=1, space__seeds=1)
    run = sweep_here(tmp_path / "run", config)
    whole = numbers(run)
    assert [spec.draw for spec in run.specs()] == [0, 0, 1, 1]
    lrs = pd.DataFrame([(spec.technique, spec.lr) for spec in run.specs()])
    assert lrs[1].nunique() > 1
    run.trial(run.specs()[-1].trial_id).reopen("for a test")
    assert numbers(sweep_here(tmp_path / "run", config)) == whole


FACTOR = 1.0


class Edits(Observer):
    """Edits a component when the trials begin, as another cell of a notebook could."""

    def begin(self, *given: Any) -> None:
        global FACTOR
        FACTOR = 2.0


def test_a_component_that_is_no_longer_what_was_planned_trains_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep_registry(monkeypatch)

    @loss(label="Edited", reference="here")
    def edited(context: Any) -> Any:
        """Cross-entropy times a factor."""
        return lambda logits, targets: FACTOR * cross_entropy(logits, targets)

    monkeypatch.setattr(f"{__name__}.FACTOR", 1.0)
    run = sweep_here(tmp_path / "run", tiny(space__techniques=["baseline", "edited"], space__seeds=1), Edits())
    trials = run.trials().set_index("technique")
    assert trials["status"].to_dict() == {"baseline": "done", "edited": "failed"}
    folder = run.trial(trials.loc["edited", "trial_id"])
    assert folder.epochs() == []
    sentence = r"was planned with the loss 'edited@\w{12}', but on \S+ it is 'edited@\w{12}' "
    assert re.search(sentence, folder.status()["error"])


def test_asks_for_no_more_than_this_machine_has() -> None:
    with pytest.raises(UserError, match="more CPUs than there are"):
        local.check_local(tiny(resources__cpus_per_trial=4_000))
    if not torch.cuda.is_available():
        with pytest.raises(UserError, match="has none"):
            local.check_local(tiny(resources__gpus_per_trial=1))


def test_a_sweep_on_ray_gives_the_same_trials_and_numbers(undisturbed: Run, tmp_path: Path) -> None:
    _command("run", _file(tmp_path), "--out", tmp_path / "ray")
    assert numbers(Run(tmp_path / "ray")) == numbers(undisturbed)


def test_the_command_line_runs_resumes_and_reports_without_ray_and_with_the_same_numbers(
    undisturbed: Run, tmp_path: Path
) -> None:
    """Any import of Ray fails."""
    _command("run", _file(tmp_path), "--out", tmp_path / "run", "--local", ray=False)
    run = Run(tmp_path / "run")
    assert numbers(run) == numbers(undisturbed)
    assert (run.path / "report" / "index.html").is_file()
    run.trial(run.specs()[0].trial_id).reopen("for a test")
    printed = _command("resume", run.path, "--local", ray=False)
    assert "one after the other" in printed
    assert numbers(Run(run.path)) == numbers(undisturbed)


def test_this_process_and_a_cluster_cannot_both_be_asked_for(tmp_path: Path) -> None:
    printed = _command("run", "demo", "--local", "--out", tmp_path / "run", "--address", "auto", code=2)
    assert "give one of them" in printed
    assert not (tmp_path / "run").exists()


def _file(folder: Path) -> Path:
    path = folder / "tiny.yaml"
    path.write_text(tiny().to_yaml())
    return path


def _command(*arguments: object, ray: bool = True, code: int = 0) -> str:
    """Runs the command line; returns what it printed."""
    before = WITHOUT_DASHBOARD if ray else "import sys; sys.modules['ray'] = None; "
    script = f"{before}from sweep.cli.main import program; program()"
    done = subprocess.run(
        [sys.executable, "-c", script, *map(str, arguments)],
        env={**os.environ, "COLUMNS": "200"},
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert done.returncode == code, done.stdout
    assert "Traceback" not in done.stdout
    return done.stdout


def test_a_clusters_address_in_a_file_is_told_to_mean_nothing_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "run_locally", lambda *given, **more: None)
    notes: list[str] = []
    observer: Any = SimpleNamespace(note=notes.append)
    work: Any = sweeps._Work("local", observer, None, None, ())  # type: ignore[arg-type]
    work.do(None, tiny(resources__address="10.0.0.7:6379"), None)
    assert notes == ["Trials train in this process: resources.address = 10.0.0.7:6379 is not looked at."]
    work.do(None, tiny(), None)
    assert len(notes) == 1
