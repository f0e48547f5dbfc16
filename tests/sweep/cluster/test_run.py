"""The sweep on a real Ray: end to end, killed and resumed, early stopping, search, faults, cluster, watching."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from balancing.errors import UserError
from sweep.config.sections import ResourceConfig
from sweep.runs.run import Run

# Ray and its dependencies warn on import and leave sockets to the garbage collector.
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore:Tip.*:UserWarning"),
]

TINY = """
data: {source: phantom, image_size: 32, phantom_images: 300}
space: {techniques: [baseline, undersampling], lr: 0.001, epochs: 2, seeds: 2}
train: {weights: none, resume_seconds: 0}
"""
# A sweep of so many trials, one after the other, does not end by itself while a test looks at it, however slow that is.
ENDLESS = ("--seeds", "300", "--max-concurrent", "1")
PARTS = ("validation", "test")
PATIENCE = 1000.0  # for what must come; a busy machine may take its time


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.yaml"
    path.write_text(TINY)
    return path


def start(*arguments: object) -> subprocess.Popen[str]:
    """The command line as a process of its own, the leader of its own group."""
    return subprocess.Popen(
        [sys.executable, "-m", "sweep.cli", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        env={**os.environ, "COLUMNS": "200"},
    )


def call(*arguments: object) -> str:
    """Runs the command line to its end; returns what it printed."""
    process = start(*arguments)
    output, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, output
    assert "Traceback" not in output
    return output


def wait_for(condition: Callable[[], object], process: subprocess.Popen[str] | None = None) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        if process is not None and process.poll() is not None:
            output = process.communicate()[0]
            raise AssertionError(f"ended before it was waited for:\n{output}")
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.1)


def states(folder: Path) -> dict[str, dict]:
    """Trial id -> status.json of the trials that have begun."""
    return {path.parent.name: json.loads(path.read_text()) for path in folder.glob("trials/*/status.json")}


def ended(folder: Path) -> list[str]:
    return [trial_id for trial_id, status in states(folder).items() if status["status"] == "done"]


def numbers(folder: Path, trial_ids: Iterable[str] | None = None, parts: Sequence[str] = PARTS) -> dict[str, tuple]:
    """Everything of a run, or of some of its trials, that must not depend on when, where or in which order they ran."""
    run = Run(folder)
    return {
        trial_id: (
            [{k: v for k, v in e.items() if "second" not in k} for e in run.trial(trial_id).epochs()],
            *(run.trial(trial_id).predictions(part).to_dict("list") for part in parts),
        )
        for trial_id in (trial_ids or [spec.trial_id for spec in run.specs()])
    }


def stop(process: subprocess.Popen[str], number: int) -> str:
    """Stops a sweep that does not end by itself; returns what it printed."""
    process.send_signal(number)
    output, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130, output
    assert "Traceback" not in output
    return output


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A run that nothing interrupted, and what it printed."""
    folder = tmp_path_factory.mktemp("undisturbed")
    (folder / "tiny.yaml").write_text(TINY)
    output = call("run", folder / "tiny.yaml", "--out", folder / "run")
    return folder / "run", output


def test_a_sweep_ends_with_records_and_a_report(undisturbed: tuple[Path, str]) -> None:
    folder, output = undisturbed
    run = Run(folder)
    assert run.info["status"] == "finished"
    trials = run.trials()
    assert set(trials["status"]) == {"done"}
    assert len(trials) == 4
    assert (folder / "report" / "index.html").is_file()
    assert str(folder / "report" / "index.html") in output
    assert "drawings, not patients" in output
    assert "Traceback" not in output
    assert not (folder / "ray").exists(), "Tune's pickles are left behind"
    assert not list(folder.rglob("*.pkl"))


def test_the_test_split_is_opened_once_for_chosen_trials_after_selection(undisturbed: tuple[Path, str]) -> None:
    folder, _ = undisturbed
    run = Run(folder)
    chosen = {trial_id for choice in run.selection() for trial_id in choice["trial_ids"]}
    openings = run.test_openings()
    assert len(openings) == 1
    assert set(openings[0]["trials"]) == chosen
    last_end = max(status["finished"] for status in states(folder).values())
    assert openings[0]["time"] >= last_end
    assert {p.parent.name for p in folder.glob("trials/*/test.parquet")} == chosen
    assert {p.parent.name for p in folder.glob("trials/*/best.pt")} == chosen


def test_predictions_cover_exactly_the_split(undisturbed: tuple[Path, str]) -> None:
    run = Run(undisturbed[0])
    split = run.split()
    for spec in run.specs():
        for part in ("validation", "test"):
            table = run.trial(spec.trial_id).predictions(part)
            rows = split[split["split"] == part]
            assert table["row"].tolist() == rows["row"].tolist()
            assert table["label"].tolist() == rows["label"].tolist()
            np.testing.assert_allclose(table[["p_0", "p_1"]].sum(axis=1), 1, atol=1e-5)


def test_the_report_is_made_again_from_the_records_without_ray_and_without_data(
    undisturbed: tuple[Path, str], tmp_path: Path
) -> None:
    folder, _ = undisturbed
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    shutil.rmtree(copy / "report")
    program = (
        "import sys\n"
        "for name in ('ray', 'datasets', 'optuna', 'imblearn'): sys.modules[name] = None\n"
        f"sys.argv = ['sweep', 'report', {str(copy)!r}, '--no-cams']\n"
        "import sweep.cli.main; sweep.cli.main.main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "BALANCING_ACT_CACHE": str(tmp_path / "no-cache")},
    )
    assert done.returncode == 0, done.stderr
    for name in ("results.csv", "confusion.csv"):
        again, before = (root / "report" / "tables" / name for root in (copy, folder))
        assert again.read_text() == before.read_text()


def test_predict_decides_for_new_images(undisturbed: tuple[Path, str], tmp_path: Path) -> None:
    folder, _ = undisturbed
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (50, 40), dtype=np.uint8)).save(tmp_path / "new.png")
    output = call("predict", folder, tmp_path / "new.png", "--out", tmp_path / "maps")
    assert "clear" in output
    assert "lesion" in output
    (picture,) = (tmp_path / "maps").glob("*.png")
    with Image.open(picture) as image:
        assert min(image.size) >= 32


def test_killed_and_resumed_ends_with_the_same_numbers(
    undisturbed: tuple[Path, str], tiny: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "killed"
    process = start("run", tiny, "--out", folder)
    wait_for(lambda: len(states(folder)) >= 1)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    call("resume", folder)
    assert Run(folder).info["status"] == "finished"
    assert numbers(folder) == numbers(undisturbed[0])


def test_killed_in_the_middle_goes_on_where_it_was(undisturbed: tuple[Path, str], tiny: Path, tmp_path: Path) -> None:
    folder = tmp_path / "killed"
    process = start("run", tiny, "--out", folder, *ENDLESS)
    wait_for(lambda: len(ended(folder)) >= 2, process)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    kept = {trial_id: states(folder)[trial_id] for trial_id in ended(folder)}
    process = start("resume", folder, "--max-concurrent", "1")
    shared = list(states(undisturbed[0]))  # the same trials: of the first two seeds
    wait_for(lambda: set(shared) <= set(ended(folder)) and len(ended(folder)) > len(kept), process)
    stop(process, signal.SIGINT)
    for trial_id, status in kept.items():
        assert states(folder)[trial_id] == status, "a finished trial was run again"
    assert numbers(folder, shared, ("validation",)) == numbers(undisturbed[0], shared, ("validation",))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_cleanly_and_says_how_to_go_on(tiny: Path, tmp_path: Path, number: int) -> None:
    folder = tmp_path / "interrupted"
    process = start("run", tiny, "--out", folder, *ENDLESS)
    wait_for(lambda: len(states(folder)) >= 1, process)
    output = stop(process, number)
    assert f"sweep resume {folder}" in output
    assert Run(folder).info["status"] == "interrupted"
    assert "failed" not in {status["status"] for status in states(folder).values()}
    assert not (folder / "owner").exists()
    other = start("run", tiny, "--out", folder, "--resume", "--epochs", "3", *ENDLESS)
    refusal, _ = other.communicate(timeout=PATIENCE)
    assert other.returncode == 2
    assert "was started with space.epochs = 2" in refusal


def test_a_run_that_another_process_works_on_is_left_to_it(tiny: Path, tmp_path: Path) -> None:
    folder = tmp_path / "owned"
    first = start("run", tiny, "--out", folder, *ENDLESS)
    wait_for(lambda: len(states(folder)) >= 1, first)
    for arguments in (("resume", folder), ("run", tiny, "--out", folder, "--resume", *ENDLESS)):
        second = start(*arguments)
        refusal, _ = second.communicate(timeout=PATIENCE)
        assert second.returncode == 2, refusal
        assert "Traceback" not in refusal
        assert f"error: process {first.pid} on " in refusal
        assert "wait until it has ended, or stop it first" in refusal
    known = len(states(folder))
    wait_for(lambda: len(states(folder)) > known, first)  # the first one was not disturbed
    assert all(status["attempts"] == 1 for status in states(folder).values())
    stop(first, signal.SIGTERM)


def test_a_chosen_trial_without_its_network_is_trained_again(undisturbed: tuple[Path, str], tmp_path: Path) -> None:
    folder = tmp_path / "run"
    shutil.copytree(undisturbed[0], folder)
    (first, *_) = Run(folder).selection()[0]["trial_ids"]
    (folder / "trials" / first / "best.pt").unlink()
    damaged = Run(folder).selection()[1]["trial_ids"][0]
    (folder / "trials" / damaged / "status.json").write_bytes(b"")
    (folder / "trials.json").write_bytes(b'[{"trial_id": "')
    (folder / "split.parquet").write_bytes(b"PAR1")
    output = call("resume", folder)
    assert "trials.json is damaged" in output
    assert "split.parquet was missing or damaged" in output
    assert f"Trial {first} was chosen, but" in output
    assert Run(folder).info["status"] == "finished"
    assert numbers(folder) == numbers(undisturbed[0])
    assert len(Run(folder).test_openings()) == 1, "the same networks came out: nothing is tested twice"
    assert {p.parent.name for p in folder.glob("trials/*/best.pt")} == set(states(undisturbed[0]))


def test_a_resume_by_another_torch_is_refused_or_told(undisturbed: tuple[Path, str], tmp_path: Path) -> None:
    folder = tmp_path / "run"
    shutil.copytree(undisturbed[0], folder)
    for path in folder.glob("trials/*/status.json"):
        status = json.loads(path.read_text())
        before = [{**known, "torch": "1.13.1"} for known in status["trained_with"]]
        path.write_text(json.dumps({**status, "trained_with": before}))
    process = start("resume", folder)
    refusal, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == 2
    assert "were trained with torch 1.13.1, but this is torch" in refusal
    assert "--allow-mixed" in refusal
    (folder / "trials" / Run(folder).selection()[0]["trial_ids"][0] / "status.json").unlink()
    output = call("resume", folder, "--allow-mixed")
    assert "from here on they are not, and the report says so" in output
    page = (folder / "report" / "index.html").read_text()
    assert "not all trained alike" in page
    assert "3 trial(s) were trained with balancing-act" in page


@pytest.mark.parametrize("retries", [0, 2])
def test_a_killed_worker_is_retried_or_listed_and_the_rest_goes_on(tiny: Path, tmp_path: Path, retries: int) -> None:
    folder = tmp_path / "faulty"
    more = ["--set", f"sweep.retries={retries}", "--techniques", "baseline", "--epochs", "4"]
    process = start("run", tiny, "--out", folder, *ENDLESS, *more)

    def running() -> list[dict]:
        return [status for status in states(folder).values() if status["status"] == "running" and "pid" in status]

    wait_for(running, process)
    os.kill(running()[0]["pid"], signal.SIGKILL)  # one worker runs all trials: whichever it is at, that one is hit
    if retries:
        wait_for(lambda: [s for s in states(folder).values() if (s["status"], s["attempts"]) == ("done", 2)], process)
    else:
        wait_for(lambda: [s for s in states(folder).values() if s["status"] == "failed"], process)
    before = len(ended(folder))
    wait_for(lambda: len(ended(folder)) > before, process)  # the rest goes on
    output = stop(process, signal.SIGINT)
    if not retries:
        (failed,) = [s for s in states(folder).values() if s["status"] == "failed"]
        assert failed["error"]
        assert failed["error"] in output
        assert list(folder.glob("trials/*/error.txt"))


def test_asha_stops_trials_that_are_behind_their_own_technique(tiny: Path, tmp_path: Path) -> None:
    folder = tmp_path / "asha"
    call(
        "run", tiny, "--out", folder, "--techniques", "undersampling", "--lr", "1e-3,1e-8,2e-8,4e-8",
        "--epochs", "4", "--seeds", "2", "--set", "sweep.grace=1", "--scheduler", "asha", "--max-concurrent", "1",
    )  # fmt: skip
    trials = Run(folder).trials()
    assert set(trials["status"]) <= {"done", "stopped"}
    stopped = trials[trials["status"] == "stopped"]
    assert len(stopped) >= 1
    assert (stopped["epochs_run"] < stopped["epochs"]).all()
    assert (trials[trials["status"] == "done"]["epochs_run"] == 4).all()
    full = trials[trials["epochs_run"] == 4]
    later = trials[trials["seed"] == 1].set_index("configuration")["epochs_run"]
    assert set(later) == {0, 4}, "a later seed is not begun, or not stopped"
    assert set(later.index[later == 4]) <= set(full[full["seed"] == 0]["configuration"])
    for trial in trials[trials["epochs_run"] > 0].itertuples():
        events = EventAccumulator(str(folder / "tensorboard" / f"{trial.technique}-{trial.trial_id}"))
        events.Reload()
        assert "validation/confusion_matrix" in events.Tags()["images"], f"{trial.status} trial without its matrix"


def test_optuna_gives_every_technique_the_same_budget(tiny: Path, tmp_path: Path) -> None:
    folder = tmp_path / "optuna"
    call(
        "run", tiny, "--out", folder, "--lr", "1e-4..1e-2", "--epochs", "1", "--trials", "2", "--search", "optuna"
    )  # fmt: skip
    trials = Run(folder).trials()
    assert set(trials["status"]) == {"done"}
    budget = trials.groupby("technique")["configuration"].agg(["nunique", "size"])
    assert (budget["nunique"] == 2).all()
    assert (budget["size"] == 4).all()
    first_round = trials[trials["draw"] == 0]
    assert first_round["lr"].nunique() == 1, "the first draw is the same for every technique"
    assert trials["lr"].between(1e-4, 1e-2).all()


def test_a_sweep_on_a_two_node_cluster_through_its_address(
    undisturbed: tuple[Path, str], tiny: Path, tmp_path: Path
) -> None:
    cluster_utils = pytest.importorskip("ray.cluster_utils")
    cluster = cluster_utils.Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    try:
        cluster.add_node(num_cpus=1)
        cluster.wait_for_nodes()
        folder = tmp_path / "cluster"
        output = call("run", tiny, "--out", folder, "--address", cluster.address)
        assert "2 at once" in output
        assert numbers(folder) == numbers(undisturbed[0])
    finally:
        cluster.shutdown()


def fetch(url: str, token: str | None = None) -> bytes:
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {token}"} if token else {})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return answer.read()


@pytest.fixture
def session() -> Iterator[str]:
    from sweep.cluster.session import ray_session

    with ray_session(ResourceConfig(gpus_per_trial=None)) as dashboard:
        yield dashboard


def test_the_dashboard_listens_on_this_machine_and_wants_the_token(session: str) -> None:
    assert session.startswith("http://127.0.0.1:")
    wait_for(lambda: _answers(session))
    with pytest.raises(urllib.error.HTTPError) as refused:
        fetch(f"{session}/api/cluster_status")
    assert refused.value.code in (401, 403)
    token = (Path.home() / ".ray" / "auth_token").read_text().strip()
    assert json.loads(fetch(f"{session}/api/cluster_status", token))["result"] is True


def _answers(url: str) -> bool:
    try:
        fetch(url)
    except urllib.error.HTTPError:
        return True
    except urllib.error.URLError:
        return False
    return True


@pytest.mark.parametrize(("asked", "name"), [({"gpus_per_trial": 64.0}, "GPUs"), ({"cpus_per_trial": 4096.0}, "CPUs")])
def test_asking_for_more_than_any_node_has(session: str, asked: dict, name: str) -> None:
    from sweep.cluster.session import fit_slots

    with pytest.raises(UserError, match=f"asks for more {name} than any node has"):
        fit_slots(ResourceConfig(**asked))
    assert fit_slots(ResourceConfig(**asked, autoscaling=True)).concurrent == 0


@pytest.mark.parametrize(
    ("address", "sentence"),
    [
        ("127.0.0.1:1", "no Ray cluster answers at --address 127.0.0.1:1"),
        ("nonsense", "--address must be 'auto' or HOST:PORT"),
        ("ray://127.0.0.1:10001", "ray job submit"),
    ],
)
def test_no_ray_at_the_address(address: str, sentence: str) -> None:
    from sweep.cluster.session import ray_session

    with pytest.raises(UserError, match=sentence), ray_session(ResourceConfig(address=address)):
        pass


def test_tensorboard_shows_the_trials(undisturbed: tuple[Path, str]) -> None:
    folder, _ = undisturbed
    port = 16006 + os.getpid() % 1000
    server = subprocess.Popen(
        [sys.executable, "-m", "tensorboard.main", "--logdir", str(folder / "tensorboard"), "--port", str(port),
         "--host", "127.0.0.1", "--load_fast=false"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    address = f"http://127.0.0.1:{port}"
    try:
        wait_for(lambda: _answers(address) and len(json.loads(fetch(f"{address}/data/runs"))) == 4)
        wait_for(lambda: len(json.loads(fetch(f"{address}/data/plugin/scalars/tags"))) == 4)
        tags = json.loads(fetch(f"{address}/data/plugin/scalars/tags"))
        for run in tags.values():
            assert {"validation/recall", "validation/balanced_accuracy", "train/loss"} <= set(run)
            assert not any(tag.startswith("ray") for tag in run)
        assert all(json.loads(fetch(f"{address}/data/plugin/images/tags")).values())
        assert all(json.loads(fetch(f"{address}/data/plugin/pr_curves/tags")).values())
    finally:
        server.terminate()
        server.wait(timeout=30)
