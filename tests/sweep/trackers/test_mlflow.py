"""An MLflow store is opened and read back by MLflow's own client."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from balancing.errors import UserError
from sweep.runs.run import Run
from sweep.trackers.asked import Asked
from sweep.trackers.log import log_run
from sweep.trackers.mlflow import _known_warnings

_ASKED = Asked("mlflow")


def _client(folder: Path) -> tuple[Any, str]:
    from mlflow import MlflowClient

    client = MlflowClient(tracking_uri=f"sqlite:///{folder / 'mlflow.db'}")
    return client, client.get_experiment_by_name("balancing-act").experiment_id


def _read(folder: Path) -> tuple[Any, dict[str, Any], Any]:
    """(client, trial id -> MLflow's run, the sweep's run)."""
    client, experiment = _client(folder)
    found = client.search_runs([experiment], max_results=1000)
    trials = {one.data.tags["trial"]: one for one in found if one.data.tags["kind"] == "trial"}
    (sweep,) = [one for one in found if one.data.tags["kind"] == "sweep"]
    assert len(trials) + 1 == len(found)
    return client, trials, sweep


def test_the_store_holds_what_the_records_say_and_nothing_else(run: Run) -> None:
    logged = log_run(run.path, _ASKED)
    table = run.trials().set_index("trial_id")
    assert (logged.new, logged.changed, logged.same) == (len(table), 0, 0)
    with _known_warnings():
        client, trials, sweep = _read(run.path.parent)
        assert set(trials) == set(table.index)
        chosen = {trial_id for one in run.selection() for trial_id in one["trial_ids"]}
        for spec in run.specs():
            one, row = trials[spec.trial_id], table.loc[spec.trial_id]
            assert one.data.tags["mlflow.parentRunId"] == sweep.info.run_id
            assert one.data.tags["technique"] == spec.technique
            assert one.data.tags["chosen"] == ("yes" if spec.trial_id in chosen else "no")
            assert one.data.tags["status"] == row["status"]
            assert one.info.status == ("FAILED" if row["status"] in ("failed", "diverged") else "FINISHED")
            assert float(one.data.params["lr"]) == spec.lr
            assert int(one.data.params["seed"]) == spec.seed
            assert {
                f"parameters.{key}": str(v) for key, v in spec.parameters.items()
            }.items() <= one.data.params.items()
            told = [epoch["balanced_accuracy"] for epoch in run.trial(spec.trial_id).epochs()]
            if told:
                history = client.get_metric_history(one.info.run_id, "validation/balanced_accuracy")
                assert [(m.step, m.value) for m in sorted(history, key=lambda m: m.step)] == list(enumerate(told, 1))
            if row["status"] == "done":
                assert one.data.metrics["best/validation/balanced_accuracy"] == row["balanced_accuracy"]
        tested = {trial for trial, one in trials.items() if any(name.startswith("test/") for name in one.data.metrics)}
        assert tested == chosen
        baseline = next(one for one in trials.values() if one.data.tags["technique"] == "baseline")
        assert baseline.data.tags["T"] == "0"
        focal = next(one for one in trials.values() if one.data.tags["technique"] == "focal")
        assert focal.data.tags["axis.loss"] == "focal"
        names = {file.path for file in client.list_artifacts(sweep.info.run_id)}
        assert {"config.yaml", "summary.json", "tables", "figures"} <= names
        figures = {Path(file.path).name for file in client.list_artifacts(sweep.info.run_id, "figures")}
        assert "forest.svg" in figures
        assert not {"examples.svg", "class_averages.svg", "cams.svg"} & figures
    everything = b"".join(path.read_bytes() for path in (run.path.parent / "mlflow-artifacts").rglob("*.*"))
    assert b"image1.png" not in everything
    for one in [*trials.values(), sweep]:
        assert "home-of-ada" not in str(one.data.to_dictionary())


def test_told_again_nothing_doubles_and_what_changed_is_brought_up_to_date(stored: Run) -> None:
    log_run(stored.path, _ASKED)
    again = log_run(stored.path, _ASKED)
    assert (again.new, again.changed) == (0, 0)
    spec = stored.specs()[0]
    folder = stored.trial(spec.trial_id)
    epochs = folder.epochs()
    folder.write_epochs([*epochs, {**epochs[-1], "epoch": len(epochs) + 1, "balanced_accuracy": 0.75}])
    assert log_run(stored.path, _ASKED).changed == 1
    with _known_warnings():
        client, trials, _ = _read(stored.path.parent)
        assert len(trials) == len(stored.specs())
        history = client.get_metric_history(trials[spec.trial_id].info.run_id, "validation/balanced_accuracy")
        assert sorted(m.step for m in history) == list(range(1, len(epochs) + 2))
    folder.write_epochs([{**epochs[0], "loss": 9.0}])  # trained anew, from the beginning
    log_run(stored.path, _ASKED)
    with _known_warnings():
        client, trials, _ = _read(stored.path.parent)
        assert len(trials) == len(stored.specs())
        history = client.get_metric_history(trials[spec.trial_id].info.run_id, "validation/loss")
        assert [m.value for m in history] == [9.0]


def test_what_was_told_in_part_is_told_whole_and_once(stored: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    from mlflow import MlflowClient

    real, calls = MlflowClient.set_terminated, []

    def stops(self: Any, *given: Any, **more: Any) -> None:
        calls.append(given)
        if len(calls) == 3:
            raise OSError("no space left on device")
        real(self, *given, **more)

    with monkeypatch.context() as patched:
        patched.setattr(MlflowClient, "set_terminated", stops)
        with pytest.raises(UserError, match=r"mlflow failed \(OSError: no space left on device\); nothing of the run"):
            log_run(stored.path, _ASKED)
    found = log_run(stored.path, _ASKED)
    assert found.same == 1
    with _known_warnings():
        client, trials, _ = _read(stored.path.parent)
        assert len(trials) == len(stored.specs())
        for trial_id, one in trials.items():
            epochs = stored.trial(trial_id).epochs()
            if epochs:
                assert len(client.get_metric_history(one.info.run_id, "train/loss")) == len(epochs)


@pytest.mark.parametrize(
    ("uri", "said"),
    [
        ("file:/tmp/somewhere", "retired stores of plain files"),
        ("postgresql://ada:s3cr3t@127.0.0.1:1/runs", "can't be opened"),
        ("/tmp/what?/runs", r"holds a \? or a %"),
    ],
)
def test_a_store_that_can_not_be_is_one_sentence_without_secrets(stored: Run, uri: str, said: str) -> None:
    with pytest.raises(UserError, match=said) as told:
        log_run(stored.path, Asked("mlflow", uri=uri))
    assert "s3cr3t" not in str(told.value)
    assert "\n" not in str(told.value)
