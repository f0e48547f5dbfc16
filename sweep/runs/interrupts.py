"""Ctrl-C and its kin (SIGTERM of Slurm, docker and `ray job stop`; SIGHUP of a closed terminal), none of them lost.

Python raises KeyboardInterrupt wherever the main thread happens to be. Where that is a finaliser or a callback from C,
the exception is printed and dropped, and the program goes on as if nobody had asked. So a request is remembered here,
and raised again each second until the program says that it is stopping.
"""

from __future__ import annotations

import _thread
import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from types import FrameType, TracebackType
from typing import Any

_AGAIN = 1.0  # seconds
_LAST_RESORT = 60.0  # seconds from the request on, after which the process ends whatever it does
EXIT_CODE = 130


class Interrupted(Exception):
    """The user stopped the run; what to do next has been said."""


class Interrupts:
    """Turns signals into KeyboardInterrupt in the main thread, surely, while it is entered.

    Signals that were ignored when it is entered (``nohup``, a shell's background job) stay ignored.

    Args:
        again: seconds between two tries.
        last_resort: seconds after which the process is ended where it doesn't stop by itself.
    """

    def __init__(self, again: float = _AGAIN, last_resort: float = _LAST_RESORT):
        self.asked = False
        self.stopping = False
        self._again, self._last_resort = again, last_resort
        self._since = 0.0
        self._handlers: dict[int, Any] = {}
        self._wake, self._left = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._insist, name="interrupts", daemon=True)

    def __enter__(self) -> Interrupts:
        if threading.current_thread() is threading.main_thread():  # elsewhere there is nothing to turn
            for number in _signals():
                before = signal.getsignal(number)
                if before is not signal.SIG_IGN:
                    self._handlers[number] = before
            self.install()
            self._thread.start()
        return self

    def install(self) -> None:
        """Once more, where a library has put in its own handlers meanwhile (Ray does, when it starts)."""
        for number in self._handlers:
            signal.signal(number, self._handle)

    @contextlib.contextmanager
    def kept(self) -> Iterator[None]:
        """Within it, a library that puts in handlers of its own changes nothing: while Ray starts, SIGTERM would else
        end the program at once, by ``sys.exit``."""
        replace = signal.signal

        def keep(number: int, handler: Any) -> Any:
            if number in self._handlers and number != signal.SIGINT:  # Ray only defers that one, and puts it back
                return signal.getsignal(number)
            return replace(number, handler)

        signal.signal = keep  # type: ignore[assignment]
        try:
            yield
        finally:
            signal.signal = replace

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stopping = True
        self._left.set()
        self._wake.set()
        if self._thread.ident is not None:
            self._thread.join()  # what it has just asked for comes to our handler, not to the one before it
        for number, before in self._handlers.items():
            signal.signal(number, before if before is not None else signal.SIG_DFL)

    def check(self) -> None:
        """Raises KeyboardInterrupt where a stop was asked for and the program is not stopping yet."""
        if self.asked and not self.stopping:
            raise KeyboardInterrupt

    def stop(self) -> None:
        """From now on the program is stopping: nothing is raised any more while it tidies up."""
        self.asked = self.stopping = True
        self._since = self._since or time.monotonic()
        self._wake.set()

    def _handle(self, number: int, frame: FrameType | None) -> None:
        self.asked = True
        self._since = self._since or time.monotonic()
        self._wake.set()
        self.check()

    def _insist(self) -> None:
        self._wake.wait()
        while not self._left.wait(self._again):
            if time.monotonic() - self._since > self._last_resort:
                print("It does not stop by itself; ended. Every epoch that was recorded is kept.", file=sys.stderr)
                sys.stderr.flush()
                os._exit(EXIT_CODE)
            if not self.stopping:
                interrupt_main()


def interrupt_main() -> None:
    """As Ctrl-C does; by another signal where that one is ignored, as in a background job of a script."""
    for number in _signals():
        if callable(signal.getsignal(number)):
            _thread.interrupt_main(number)
            return


def _signals() -> list[signal.Signals]:
    return [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
