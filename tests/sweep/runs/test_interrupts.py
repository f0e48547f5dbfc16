"""A stop that is asked for is not lost, wherever the main thread happens to be."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from sweep.runs import interrupts as interrupts_module
from sweep.runs.interrupts import EXIT_CODE, Interrupts
from sweep.runs.observer import Observer

NUMBERS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]


class Finalised:
    """Asks for a stop while it is being finalised: what is raised then is printed and dropped."""

    def __init__(self, number: int):
        self.number = number

    def __del__(self) -> None:
        signal.raise_signal(self.number)


def _go_on() -> None:
    """As a sweep that nobody stops."""
    while True:
        time.sleep(0.01)


@pytest.mark.parametrize("number", NUMBERS)
def test_a_signal_stops_the_main_thread(number: int) -> None:
    with Interrupts() as interrupts:
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(number)
        interrupts.stop()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("number", NUMBERS)
def test_a_stop_that_a_finaliser_swallows_is_raised_again(number: int) -> None:
    with Interrupts(again=0.05) as interrupts:
        Finalised(number)
        assert interrupts.asked
        with pytest.raises(KeyboardInterrupt):
            _go_on()
        interrupts.stop()


def test_none_comes_after_it_was_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """It was decided to ask again just before the program said that it stops, and is done just after."""
    decided, stopped = threading.Event(), threading.Event()
    real = interrupts_module.interrupt_main

    def late() -> None:
        decided.set()
        stopped.wait()
        time.sleep(0.1)  # by then, the handlers were those of before
        real()

    monkeypatch.setattr(interrupts_module, "interrupt_main", late)
    with Interrupts(again=0.01) as interrupts:
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGTERM)
        decided.wait()
        interrupts.stop()
        stopped.set()
    try:
        time.sleep(0.3)
    except KeyboardInterrupt:
        pytest.fail("an interrupt came after all was over")


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_it_is_raised_again_where_another_signal_is_ignored() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # a shell's background job
    try:
        with Interrupts(again=0.05) as interrupts:
            Finalised(signal.SIGTERM)
            with pytest.raises(KeyboardInterrupt):
                _go_on()
            interrupts.stop()
    finally:
        signal.signal(signal.SIGINT, before)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_check_raises_what_was_swallowed() -> None:
    with Interrupts(again=3600) as interrupts:
        interrupts.check()
        Finalised(signal.SIGTERM)
        with pytest.raises(KeyboardInterrupt):
            interrupts.check()
        interrupts.stop()
        interrupts.check()


def test_who_is_stopping_is_left_in_peace() -> None:
    with Interrupts(again=0.01) as interrupts:
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
        interrupts.stop()
        for number in NUMBERS:
            signal.raise_signal(number)
        time.sleep(0.1)


def test_what_was_ignored_stays_ignored_and_handlers_come_back() -> None:
    before = {number: signal.getsignal(number) for number in NUMBERS}
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # nohup
    try:
        with Interrupts() as interrupts:
            signal.raise_signal(signal.SIGHUP)
            assert not interrupts.asked
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before[signal.SIGHUP])
    assert {number: signal.getsignal(number) for number in NUMBERS} == before


def test_a_handler_that_a_library_put_in_is_replaced() -> None:
    with Interrupts() as interrupts:
        signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(number))  # as Ray does
        interrupts.install()
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGTERM)
        interrupts.stop()


def test_within_kept_a_library_puts_in_no_handler_of_its_own() -> None:
    with Interrupts() as interrupts:
        with interrupts.kept():
            signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(number))  # as Ray does while it starts
            with pytest.raises(KeyboardInterrupt):
                signal.raise_signal(signal.SIGTERM)
        interrupts.stop()
        other = signal.signal(signal.SIGTERM, signal.SIG_DFL)  # without, as ever
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
        signal.signal(signal.SIGTERM, other)


def test_a_sigterm_while_ray_starts_stops_as_any_other(monkeypatch: pytest.MonkeyPatch) -> None:
    from sweep.cluster import session
    from sweep.cluster import tuner as run

    @contextlib.contextmanager
    def starting(*args: Any, **kwargs: Any) -> Iterator[str]:
        signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(number))  # as ray.init does first
        signal.raise_signal(signal.SIGTERM)
        yield ""

    monkeypatch.setattr(session, "ray_session", starting)
    nothing: Any = SimpleNamespace(resources=None)
    with Interrupts() as interrupts:
        with pytest.raises(KeyboardInterrupt):
            run.run_sweep(nothing, nothing, nothing, Observer(), interrupts=interrupts)
        interrupts.stop()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_background_job_that_ignores_ctrl_c_hears_a_swallowed_sigterm_again() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # as a shell does for `sweep run ... &` in a script
    try:
        with Interrupts(again=0.05) as interrupts:
            Finalised(signal.SIGTERM)
            with pytest.raises(KeyboardInterrupt):
                _go_on()
            interrupts.stop()
    finally:
        signal.signal(signal.SIGINT, before)


def test_what_never_listens_is_ended_at_last() -> None:
    program = (
        "import signal, threading\n"
        "from sweep.runs.interrupts import Interrupts\n"
        "with Interrupts(again=0.01, last_resort=0.2):\n"
        "    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])\n"
        "    while True:\n"
        "        try: signal.raise_signal(signal.SIGTERM) or threading.Event().wait(0.01)\n"
        "        except KeyboardInterrupt: pass\n"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=250)
    assert ended.returncode == EXIT_CODE
    assert "It does not stop by itself" in ended.stderr
