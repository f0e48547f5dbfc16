"""Bundles of head trials on Ray: what the driver tells and records; the trials are those of a sweep without Ray."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from sweep.planning.bundles import groups_of
from sweep.runs.interrupts import Interrupts
from sweep.runs.observer import Observer
from sweep.runs.run import Run
from sweep.training.many.bundle import BUNDLE, Ended
from tests.sweep.cluster.sweeping import RAYS_WARNINGS, call, start, wait_for
from tests.sweep.fake_run import fake_images, fake_run

pytestmark = RAYS_WARNINGS


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("source")
    return fake_run(folder / "run", fake_images(folder / "images"), techniques=("baseline",), failing=False)


@pytest.fixture
def run(source: Run, tmp_path: Path) -> Run:
    shutil.copytree(source.path, tmp_path / "run")
    return Run(tmp_path / "run")


class Hears(Observer):
    def __init__(self) -> None:
        self.heard: list[tuple[str, ...]] = []

    def started(self, trial_id: str) -> None:
        self.heard.append(("started", trial_id))

    def epoch(self, trial_id: str, numbers: Mapping[str, Any]) -> None:
        self.heard.append(("epoch", trial_id))

    def ended(self, trial_id: str, state: str, error: str = "") -> None:
        self.heard.append((state, trial_id))


def bundle_of(run: Run) -> Any:
    """A Tune trial that holds all trials of a run."""
    specs = run.specs()
    groups = groups_of(specs, {spec.trial_id for spec in specs})
    return SimpleNamespace(
        trial_id="b",
        config={"bundle": [group.to_dict() for group in groups]},
        get_error=lambda: "Traceback\nOSError: no room",
        max_failures=40,
        temporary_state=SimpleNamespace(ray_actor="actor"),
    )


def watcher(run: Run, observer: Observer) -> Any:
    from sweep.cluster.bundled import BundleWatcher

    return BundleWatcher(run, observer, Interrupts())


def test_each_trials_end_is_told_once(run: Run) -> None:
    hears, bundle = Hears(), bundle_of(run)
    watching, ended = watcher(run, hears), [Ended.of(run.trial(spec.trial_id)) for spec in run.specs()]
    watching.on_trial_start(0, [], bundle)
    for _ in range(2):  # a bundle whose worker was lost tells again what had ended
        watching.on_trial_result(0, [], bundle, {BUNDLE: [each.to_dict() for each in ended]})
    states = [word for word in hears.heard if word[0] not in ("started", "epoch")]
    assert states == [(each.state, each.trial_id) for each in ended]
    (first,) = [group for group in bundle.config["bundle"] if ended[0].trial_id in group["waiting"]]
    assert [trial_id for word, trial_id in hears.heard if word == "started"] == first["waiting"]


def test_of_a_bundle_that_is_given_up_only_those_fail_that_have_not_ended(run: Run) -> None:
    hears, first = Hears(), run.specs()[0].trial_id
    run.trial(first).write_status("running")
    watcher(run, hears).on_trial_error(0, [], bundle_of(run))
    status = run.trial(first).status()
    assert (status["status"], status["error"]) == ("failed", "OSError: no room")
    assert "Traceback" in (run.trial(first).path / "error.txt").read_text()
    assert [word for word, trial_id in hears.heard if trial_id == first] == ["epoch", "epoch", "failed"]
    assert {word for word, trial_id in hears.heard if trial_id != first} == {"epoch", "done"}


def test_of_a_bundle_that_hangs_those_that_train_are_ended_and_the_rest_goes_on(run: Run) -> None:
    from sweep.cluster.bundled import BundlePatience

    clock, bundle = SimpleNamespace(now=0.0), bundle_of(run)
    killed: list[str] = []
    waiting: Any = SimpleNamespace(over=lambda: None, look=lambda what: None)
    patience = BundlePatience(run, waiting, 100.0, kill=killed.append, clock=lambda: clock.now)
    first = run.specs()[0].trial_id
    run.trial(first).write_status("running")
    patience.on_trial_start(0, [], bundle)
    for now in (90.0, 180.0):  # each group has its own time
        clock.now = now
        patience.on_trial_result(0, [], bundle, {})
        patience.on_step_end(0, [bundle])
    assert not killed
    clock.now = 180.0 + 1.2 * 100 + 11
    patience.on_step_end(0, [bundle])
    assert killed == ["actor"]
    assert bundle.max_failures == 40  # it is tried again
    assert "--trial-timeout is 1 min 40 s: ended" in run.trial(first).status()["error"]
    assert [run.trial(spec.trial_id).status()["status"] for spec in run.specs()].count("failed") == 1
    patience.on_step_end(0, [bundle])
    assert len(killed) == 1


def test_of_seeds_that_train_one_after_the_other_each_has_its_own_time(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sweep.cluster import worker
    from sweep.cluster.bundled import BundlePatience
    from sweep.training.many import bundle as bundles

    clock, bundle = SimpleNamespace(now=0.0), bundle_of(run)
    killed: list[str] = []
    waiting: Any = SimpleNamespace(over=lambda: None, look=lambda what: None)
    patience = BundlePatience(run, waiting, 100.0, kill=killed.append, clock=lambda: clock.now)

    def train(groups: Any, place: Any) -> None:
        for group in groups:
            for trial_id in group.waiting:
                clock.now += 90.0  # which is less than it may take
                place.ended(Ended.of(run.trial(trial_id)))
                patience.on_step_end(0, [bundle])

    monkeypatch.setattr(worker, "time", SimpleNamespace(monotonic=lambda: clock.now), raising=False)
    monkeypatch.setattr(worker, "_open_shared", lambda shared, gpus: (None, run))
    monkeypatch.setattr(worker, "_clean_worker", lambda seed, cpus, gpus: torch.device("cpu"))
    monkeypatch.setattr(worker.tune, "report", lambda result: patience.on_trial_result(0, [], bundle, result))
    monkeypatch.setattr(bundles, "train_bundle", train)
    for group in bundle.config["bundle"]:
        assert len(group["waiting"]) > 1
    group = bundle.config["bundle"][0]
    bundle.config["bundle"] = [{**group, "waiting": group["waiting"] * 4}]
    shared: Any = SimpleNamespace(bundled=worker.Bundled(1, 100.0, "start"), resume_seconds=30.0, events=False)
    patience.on_trial_start(0, [], bundle)
    worker.train_bundle_on_worker(bundle.config, shared=shared, cpus=1, gpus=0)
    assert not killed


HEADS = """
data: {source: phantom, image_size: 32, phantom_images: 300}
space:
  techniques: [baseline, undersampling, smote@features, ldam]
  lr: 0.01
  epochs: 30
  seeds: 3
  batch_size: 1024
train: {network: frozen, weights: WEIGHTS, stem: imagenet}
report: {}
"""
CLOCKS = ("seconds", "images_per_second")


def found(run: Run) -> dict[str, Any]:
    """Everything that a sweep found out, but for times."""
    parts: dict[str, Any] = {"chosen": run.selection()}
    for spec in run.specs():
        folder = run.trial(spec.trial_id)
        epochs = [{k: v for k, v in epoch.items() if k not in CLOCKS} for epoch in folder.epochs()]
        predicted = [folder.predictions(part).to_dict("list") for part in ("validation", "test")]
        parts[spec.trial_id] = (folder.status()["status"], epochs, predicted)
    return parts


def test_a_sweep_killed_within_its_bundles_ends_as_one_without_ray(tmp_path: Path) -> None:
    from sweep.training.network import new_model

    weights, settings = tmp_path / "weights.pt", tmp_path / "heads.yaml"
    torch.save(new_model(2, 0).state_dict(), weights)
    settings.write_text(HEADS.replace("WEIGHTS", str(weights)))
    call("run", settings, "--local", "--out", tmp_path / "known")
    process = start("run", settings, "--out", tmp_path / "run")
    wait_for(lambda: list((tmp_path / "run").glob("trials/*/best.pt")), process)
    process.kill()
    process.communicate()
    call("resume", tmp_path / "run")
    known, run = Run(tmp_path / "known"), Run(tmp_path / "run")
    assert found(run) == found(known)
    assert set(run.trials()["status"]) == {"done"}
    assert not (run.path / "tensorboard").exists()
    assert not list(run.path.glob("trials/*/last.pt"))
    (opening,) = run.test_openings()
    assert len(opening["trials"]) == 12
