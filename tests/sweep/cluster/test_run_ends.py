"""However a run ends, its folder tells so; and who is followed by another process leaves everything to that one."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from balancing.errors import UserError
from sweep import sweeps
from sweep.config.config import build_config, recorded_config
from sweep.runs.files import write_json
from sweep.runs.observer import Observer
from sweep.runs.owner import NotOwner
from sweep.runs.run import Run
from tests.sweep.fake_run import fake_images, fake_run

NEW = {
    "data": {"source": "phantom", "image_size": 32, "phantom_images": 300},
    "train": {"weights": "none", "stem": "imagenet"},
}


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("source")
    images = fake_images(folder / "images", size=16)
    return fake_run(folder / "run", images, techniques=("baseline",), failing=False)


@pytest.fixture
def run(source: Run, tmp_path: Path) -> Run:
    shutil.copytree(source.path, tmp_path / "run")
    found = Run(tmp_path / "run")
    found.update_info(status="running")
    return found


def while_preparing(monkeypatch: pytest.MonkeyPatch, happens: Callable[[], None]) -> None:
    def prepare(*given: Any, **options: Any) -> None:
        happens()

    monkeypatch.setattr("sweep.planning.prepare.prepare", prepare)
    monkeypatch.setattr("sweep.planning.resumable.check_versions", lambda *given, **options: [])


def follow(path: Path) -> None:
    """As another process that takes a run over and begins it."""
    write_json(path / "owner" / "2.json", {"id": "follower"})
    write_json(path / "owner" / "1.json", {"id": "", "followed_by": "follower"})
    (path / "config.yaml").write_text("the follower's")


def go_on(run: Run) -> None:
    sweeps.resume(run.path, recorded_config(run), Observer())


def test_a_start_that_was_followed_takes_nothing_of_the_follower_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A laptop that slept while it decoded; another start with --resume goes on in the same folder."""
    path = tmp_path / "new"

    def happens() -> None:
        follow(path)
        raise NotOwner("as the next write says")

    while_preparing(monkeypatch, happens)
    with pytest.raises(UserError, match="another process has taken run .* over"):
        sweeps.start(build_config(NEW), "x", path, Observer())
    assert (path / "config.yaml").read_text() == "the follower's"
    assert (path / "owner" / "2.json").exists()


def test_a_start_that_fails_by_itself_still_takes_its_own_beginning_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "new"

    def happens() -> None:
        (path / "config.yaml").write_text("its own")
        raise KeyboardInterrupt

    while_preparing(monkeypatch, happens)
    with pytest.raises(sweeps.Interrupted):
        sweeps.start(build_config(NEW), "x", path, Observer())
    assert not path.exists()


def test_a_resume_that_was_followed_says_so_and_changes_nothing(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def happens() -> None:
        follow(run.path)
        raise NotOwner("as the next write says")

    while_preparing(monkeypatch, happens)
    with pytest.raises(UserError, match="another process has taken run .* over"):
        go_on(run)
    assert run.info["status"] == "running", "it is the follower that runs"


@pytest.mark.parametrize(
    ("error", "raised"), [(KeyboardInterrupt(), sweeps.Interrupted), (UserError("no Ray"), UserError)]
)
def test_a_resume_that_ends_early_leaves_no_run_that_seems_to_run(
    run: Run, monkeypatch: pytest.MonkeyPatch, error: BaseException, raised: type[BaseException]
) -> None:
    def happens() -> None:
        raise error

    while_preparing(monkeypatch, happens)
    with pytest.raises(raised):
        go_on(run)
    assert run.info["status"] == "interrupted"
    assert not (run.path / "owner").exists()
