"""What is said while nodes are missing, and trials that take too long or too much memory, on a real Ray."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from sweep.cluster.session import Slots
from sweep.cluster.waiting import Patience, Waiting
from sweep.runs.run import Run
from tests.sweep.cluster.sweeping import PATIENCE, WITHOUT_DASHBOARD

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
]

HEAD, WORKER = {"CPU": 0.0, "memory": 8e9}, {"CPU": 4.0, "GPU": 1.0}


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def waiting_for(slots: Slots, nodes: list[dict[str, float]]) -> tuple[Waiting, list[str], Clock]:
    said: list[str] = []
    clock = Clock()
    return Waiting(slots, said.append, lambda: nodes, clock), said, clock


def test_a_missing_node_is_said_at_once_and_every_minute_with_what_is_there() -> None:
    nodes: list[dict[str, float]] = [HEAD, {"CPU": 2.0}, {"CPU": 2.0}]
    waiting, said, clock = waiting_for(Slots(4, 1, 0), nodes)
    for clock.now in range(301):
        waiting.look("36 trials wait")
    assert [sentence.partition(":")[0] for sentence in said] == [
        "Waiting for a node with 1 GPU and 4 CPUs",
        *(f"Waiting for a node with 1 GPU and 4 CPUs, for {minutes} min 00 s so far" for minutes in range(1, 6)),
    ]
    assert all("the cluster's nodes have no CPU, 2 x 2 CPUs; 36 trials wait." in sentence for sentence in said)
    nodes.append(WORKER)
    for clock.now in range(301, 600):
        waiting.look("36 trials wait")
    assert len(said) == 6
    nodes.pop()
    clock.now = 600.0
    waiting.look("2 trials wait")
    assert len(said) == 7
    assert "so far" not in said[-1], "a new waiting"


@pytest.mark.parametrize(
    ("slots", "fits"),
    [(Slots(4, 1, 0), True), (Slots(4.5, 1, 0), False), (Slots(1, 2, 0), False), (Slots(1, 0, 0), True)],
)
def test_nothing_is_said_where_some_node_could_hold_a_trial(slots: Slots, fits: bool) -> None:
    waiting, said, _ = waiting_for(slots, [HEAD, WORKER])
    waiting.look("1 trial waits")
    assert len(said) == (not fits)


class _Trial(SimpleNamespace):
    """What is looked at of Tune's trial."""

    def __init__(self, name: str):
        super().__init__(trial_id=name, temporary_state=SimpleNamespace(ray_actor=f"actor of {name}"), max_failures=2)


def test_a_trial_is_ended_once_when_its_time_is_over_and_not_tried_again() -> None:
    waiting, said, clock = waiting_for(Slots(1, 0, 0), [])
    killed: list[Any] = []
    patience = Patience(waiting, 60.0, killed.append, clock)
    trials: Any = [_Trial(name) for name in "abc"]
    patience.on_step_end(0, trials)
    assert "3 trials wait" in said[0]
    patience.on_trial_start(0, trials, trials[0])
    clock.now = 50.0
    patience.on_trial_start(0, trials, trials[1])
    for clock.now in (60.0, 61.0, 62.0):
        patience.on_step_end(0, trials)
    assert killed == ["actor of a"]
    assert (trials[0].max_failures, trials[1].max_failures) == (0, 2)
    assert list(patience.reasons) == ["a"]
    assert patience.reasons["a"].startswith(
        "it ran for 1 min 01 s, and --trial-timeout is 1 min 00 s: ended; give more"
    )
    patience.on_trial_error(0, trials, trials[0])
    patience.on_trial_recover(0, trials, trials[1])  # its node was lost: what it ran there doesn't count
    clock.now = 200.0
    patience.on_step_end(0, trials)
    assert killed == ["actor of a"]
    assert "2 trials wait" in said[-1]
    patience.on_trial_start(0, trials, trials[2])
    assert len(said) == 2
    patience.on_trial_complete(0, trials, trials[2])
    clock.now = 500.0
    patience.on_step_end(0, trials)
    assert killed == ["actor of a"]
    assert "1 trial waits" in said[-1]


def test_without_a_limit_nothing_is_ended() -> None:
    waiting, _, clock = waiting_for(Slots(1, 0, 0), [])
    killed: list[Any] = []
    patience = Patience(waiting, None, killed.append, clock)
    trials: Any = [_Trial("a")]
    patience.on_trial_start(0, trials, trials[0])
    clock.now = 1e9
    patience.on_step_end(0, trials)
    assert killed == []


# The command line with two techniques that go wrong on the worker: one hangs in C code that holds the interpreter's
# lock, the other's GPU is full. The clock jumps when the one hangs, so no speed matters.
_GOES_WRONG = """
import functools, sys
from pathlib import Path
import sweep.cluster.tuner
from sweep.cli.main import main
from sweep.cluster.waiting import Patience

marker = Path(sys.argv.pop(1))

def goes_wrong(config, *, shared, cpus, gpus):
    import re, torch
    import sweep.training.trial
    from sweep.cluster.worker import train_on_worker
    technique = config["spec"]["technique"]
    def full(*args, **kwargs):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
    true = sweep.training.trial.train_epoch
    try:
        if technique == "undersampling":
            sweep.training.trial.train_epoch = full
        if technique == "augmentation":
            marker.touch()
            re.match("(a+)+$", "a" * 200 + "b")
        train_on_worker(config, shared=shared, cpus=cpus, gpus=gpus)
    finally:
        sweep.training.trial.train_epoch = true

sweep.cluster.tuner.train_on_worker = goes_wrong
sweep.cluster.tuner.Patience = functools.partial(Patience, clock=lambda: 1e6 if marker.exists() else 0.0)
main()
"""


def test_a_sweep_goes_on_past_a_trial_that_hangs_and_one_that_does_not_fit(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_DASHBOARD + _GOES_WRONG, str(tmp_path / "hangs"),
         "run", "demo", "--out", str(folder), "--set", "data.phantom_images=300",
         "--image-size", "32", "--lr", "0.001", "--epochs", "1", "--seeds", "1",
         "--batch-size", "48", "--strength", "0.5", "--max-concurrent", "1",
         "--techniques", "undersampling,augmentation,baseline", "--trial-timeout", "10m"],
        capture_output=True, text=True, timeout=PATIENCE, check=False, env={**os.environ, "COLUMNS": "200"},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    trials = Run(folder).trials().set_index("technique")
    assert trials["status"].to_dict() == {"undersampling": "failed", "augmentation": "failed", "baseline": "done"}
    full, hung = trials["error"]["undersampling"], trials["error"]["augmentation"]
    assert "a batch of 48 images of 32 px did not fit" in full
    assert "--batch-size 16 should fit" in full
    assert re.search(r"it ran for .*, and --trial-timeout is 10 min 00 s: ended", hung)
    assert trials["attempts"]["undersampling"] == 1
    for sentence in (full, hung):
        assert done.stdout.count(f"failed: {sentence}") >= 1, done.stdout
    assert "Waiting for a node" not in done.stdout


# What the command line does in its own process: Ray leaves sockets to the garbage collector.
_WAITS = """
import ray
from balancing.errors import UserError
from sweep.config.sections import ResourceConfig
from sweep.cluster.session import Slots, fit_slots, ray_session
from sweep.cluster.waiting import Waiting, get

class Enough(Exception):
    pass

def say(sentence):
    print("said", sentence)
    raise Enough

def mistaken():
    raise UserError("one sentence")

resources = ResourceConfig(cpus_per_trial=4000, gpus_per_trial=0, autoscaling=True)
with ray_session(resources):
    slots = fit_slots(resources)
    try:
        get(ray.remote(num_cpus=slots.cpus)(lambda: 1).remote(), Waiting(slots, say), "all trials wait")
    except Enough:
        print("waited")
    print("got", get([ray.put(1), ray.put(2)], Waiting(slots, say), ""))
    try:
        get(ray.remote(mistaken).remote(), Waiting(Slots(1, 0, 1), say), "")
    except UserError as error:
        print("mistake", error)
"""


def test_what_no_node_can_hold_is_said_at_once_and_a_users_mistake_comes_without_rays_traceback() -> None:
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_DASHBOARD + _WAITS],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
        env=dict(os.environ),
    )
    assert done.returncode == 0, done.stderr[-2000:]
    said, *rest = done.stdout.splitlines()
    assert said.startswith("said Waiting for a node with 4000 CPUs: the cluster's nodes have ")
    assert "all trials wait" in said
    assert rest == ["waited", "got [1, 2]", "mistake one sentence"]
