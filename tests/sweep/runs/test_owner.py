"""A run has one owner: a second one is refused while the first lives, and takes over when it is gone."""

from __future__ import annotations

import errno
import json
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from balancing.errors import UserError
from sweep.runs import owner as owner_module
from sweep.runs.files import write_json
from sweep.runs.owner import Claim, NotOwner, Owner

HOLD = """
import sys, time
from pathlib import Path
from sweep.runs.owner import Owner
owner = Owner(Path(sys.argv[1]))
print("mine", flush=True)
time.sleep(600)
"""


@pytest.fixture
def holder(tmp_path: Path) -> Any:
    """Another process that owns the run."""
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path / "run")], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "mine\n"
    yield process
    process.kill()
    process.communicate()


def elsewhere(run: Path, number: int = 1) -> Path:
    """Makes the file of an owner on another machine."""
    path = run / "owner" / f"{number}.json"
    write_json(
        path, {"id": "other", "host": "far", "boot": "b", "namespace": "n", "pid": 7, "began": "1", "since": "t"}
    )
    return path


def test_a_second_owner_is_refused_while_the_first_lives(tmp_path: Path, holder: Any) -> None:
    began = time.monotonic()
    with pytest.raises(UserError, match=rf"process {holder.pid} on .* works on run .*run .*wait until it has ended"):
        Owner(tmp_path / "run", patience=1e6)
    assert time.monotonic() - began < 1e3, "a process of this machine is asked for, not waited for"
    os.kill(holder.pid, 0)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_it_takes_over_at_once_from_a_process_that_is_gone(tmp_path: Path, holder: Any, number: int) -> None:
    (file,) = (tmp_path / "run" / "owner").glob("*.json")
    before = Claim(str(file), json.loads(file.read_text())["id"])
    before.check()
    holder.send_signal(number)
    holder.wait()
    with Owner(tmp_path / "run", patience=1e6) as owner:
        owner.claim.check()
        with pytest.raises(NotOwner, match="another process"):
            before.check()
    with pytest.raises(NotOwner):  # nobody owns it now, and the first one does not again
        before.check()


def test_a_process_that_was_given_the_number_of_a_dead_one_is_not_taken_for_it(tmp_path: Path) -> None:
    owner = Owner(tmp_path / "run")
    file = Path(owner.claim.file)
    about = json.loads(file.read_text())
    owner.release()
    write_json(file, {**about, "began": str(int(about["began"]) - 1)})  # this process, but begun earlier
    with Owner(tmp_path / "run", patience=1e6) as again:
        again.claim.check()


def test_it_is_free_as_soon_as_it_is_released(tmp_path: Path) -> None:
    for _ in range(3):
        with Owner(tmp_path / "run") as owner:
            owner.claim.check()
        assert list((tmp_path / "run").iterdir()) == []


def test_an_owner_elsewhere_that_goes_on_touching_its_file_is_not_disturbed(tmp_path: Path) -> None:
    file, ended = elsewhere(tmp_path / "run"), threading.Event()

    def beat() -> None:
        while not ended.wait(0.02):
            os.utime(file)

    thread = threading.Thread(target=beat)
    thread.start()
    said: list[str] = []
    try:
        with pytest.raises(UserError, match="process 7 on far works on run"):
            Owner(tmp_path / "run", said.append, patience=600)
    finally:
        ended.set()
        thread.join()
    assert "process 7 on far worked on" in said[0]


def test_an_owner_elsewhere_that_stopped_touching_its_file_is_taken_over(tmp_path: Path) -> None:
    first = elsewhere(tmp_path / "run")
    with Owner(tmp_path / "run", patience=0.3) as owner:  # touched just now: looked at for a while
        with pytest.raises(NotOwner):
            Claim(str(first), "other").check()
        Path(owner.claim.file)
    second = elsewhere(tmp_path / "run", 5)
    long_ago = time.time() - 1000
    os.utime(second, (long_ago, long_ago))
    said: list[str] = []
    with Owner(tmp_path / "run", said.append, patience=900) as owner:
        owner.claim.check()
    assert said == [], "nothing to wait for"


def test_a_damaged_file_of_an_owner_is_waited_for_and_then_taken_over(tmp_path: Path) -> None:
    file = elsewhere(tmp_path / "run")
    file.write_bytes(b"")
    with Owner(tmp_path / "run", patience=0.3) as owner:
        owner.claim.check()


def _race(run: Path, barrier: Any, won: Any) -> None:
    barrier.wait()
    try:
        owner = Owner(run, patience=600)
    except UserError:
        won.put(0)
    else:
        won.put(1)
        time.sleep(600)  # until it is killed
        owner.release()


@pytest.mark.parametrize("stale", [False, True])
def test_of_many_that_come_at_once_one_gets_it(tmp_path: Path, stale: bool) -> None:
    if stale:
        long_ago = time.time() - 1000
        os.utime(elsewhere(tmp_path / "run"), (long_ago, long_ago))
    context = multiprocessing.get_context("spawn")
    barrier, won = context.Barrier(4), context.Queue()
    racers = [context.Process(target=_race, args=(tmp_path / "run", barrier, won)) for _ in range(4)]
    for racer in racers:
        racer.start()
    assert sorted(won.get(timeout=120) for _ in racers) == [0, 0, 0, 1]
    for racer in racers:
        racer.kill()
        racer.join()


def test_an_owner_learns_that_it_was_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    interrupted = threading.Event()
    monkeypatch.setattr("sweep.runs.owner.interrupt_main", interrupted.set)
    with Owner(tmp_path / "run", beat=0.02) as owner:
        assert not owner.lost
        write_json(Path(owner.claim.file), {"id": "", "followed_by": "other"})
        assert interrupted.wait(60)
        assert owner.lost


def test_without_hard_links_one_gets_it_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*paths: Any) -> None:
        raise PermissionError("no hard links here")

    monkeypatch.setattr(os, "link", refuse)
    with Owner(tmp_path / "run") as owner:
        owner.claim.check()
        with pytest.raises(UserError, match="works on run"):
            Owner(tmp_path / "run")


def test_where_the_file_can_not_be_read_nobody_is_said_to_have_taken_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def exhausted(*args: Any, **kwargs: Any) -> Any:
        raise OSError(errno.EMFILE, "Too many open files")

    with Owner(tmp_path / "run", beat=0.01) as owner:
        with monkeypatch.context() as patched:
            patched.setattr(Path, "read_text", exhausted)
            with pytest.raises(OSError, match="Too many open files"):
                owner.claim.check()
            time.sleep(0.1)  # some beats
        assert not owner.lost
        owner.claim.check()


def test_who_is_followed_on_a_full_disk_learns_it_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = elsewhere(tmp_path / "run")
    os.utime(first, (1, 1))

    def full(path: Path, value: Any, *rest: Any) -> None:
        if path == first.resolve():
            raise OSError(errno.ENOSPC, "No space left on device")
        write_json(path, value)

    monkeypatch.setattr("sweep.runs.owner.write_json", full)
    with Owner(tmp_path / "run") as owner:
        owner.claim.check()
        with pytest.raises(NotOwner):
            Claim(str(first), "other").check()


def test_a_link_whose_answer_was_lost_is_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    link = os.link

    def twice(source: Any, target: Any) -> None:  # as over NFS, where a request is repeated
        link(source, target)
        link(source, target)

    monkeypatch.setattr(os, "link", twice)
    with Owner(tmp_path / "run") as owner:
        owner.claim.check()


def test_a_process_that_the_system_hides_is_judged_by_its_touches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With hidepid, as on clusters, /proc tells nothing of other users' processes."""
    owner = Owner(tmp_path / "run", beat=0.02)
    monkeypatch.setattr("sweep.runs.owner._process_start", lambda pid: "")

    def not_mine(pid: int, number: int) -> None:
        raise PermissionError

    monkeypatch.setattr("sweep.runs.owner.os.kill", not_mine)
    with pytest.raises(UserError, match="works on run"):
        Owner(tmp_path / "run", patience=600)
    assert not owner.lost
    owner.release()


def test_a_run_that_is_let_go_while_somebody_looks_is_free(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    numbers, seen = owner_module._numbers, iter([[1]])

    def let_go(folder: Path) -> list[int]:
        for found in seen:  # once: what was there a moment ago is gone, with its folder
            folder.rmdir()
            return found
        return numbers(folder)

    monkeypatch.setattr("sweep.runs.owner._numbers", let_go)
    with Owner(tmp_path / "run") as owner:
        owner.claim.check()


def test_who_looked_while_others_came_and_went_does_not_stand_beside_one_that_lives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its listing of the folder can be old, on shared storage or after a long look."""
    living = Owner(tmp_path / "run", beat=1e6)  # it would interrupt the tests when it misses its file
    file = Path(living.claim.file)
    os.replace(file, file.with_name("4.json"))
    seen = iter([[1]])
    numbers = owner_module._numbers
    monkeypatch.setattr("sweep.runs.owner._numbers", lambda folder: next(seen, None) or numbers(folder))
    with pytest.raises(UserError, match=f"process {os.getpid()} on .* works on run"):
        Owner(tmp_path / "run")
    assert [path.name for path in file.parent.iterdir()] == ["4.json"]
    living.release()
