"""One malformed input: what it is, the command line called on it in a process of its own, and how that is judged."""

from __future__ import annotations

import contextlib
import errno
import os
import random
import re
import resource
import signal
import socket
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

# What a refused input may take: more than this, and a larger one would take the machine.
MOST_BYTES = 1_000_000_000
_ADDRESS_SPACE = 4_000_000_000
_LONGEST = 12_000  # characters of a refusal
TRACE = "Traceback (most recent call last)"
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
_ERROR = re.compile(r"^[A-Za-z_][\w.]*(:|$)")
# A file that only code hidden in an input makes.
MARKER = "code-ran"

ACCEPTED, REFUSED, TRACEBACK, HUNG, OTHER = "accepted", "refused", "traceback", "hung or out of memory", "other fault"
VERDICTS = (ACCEPTED, REFUSED, TRACEBACK, HUNG, OTHER)


class Skip(Exception):
    """This machine cannot make the input; the reason."""


class ReachedRay(BaseException):
    """Stands for a start of Ray: all that is checked before it has been passed."""


@dataclass(frozen=True)
class Place:
    """Where a case is made.

    Args:
        folder: its own, the working directory of the command.
        rng: of this case alone.
        sound: folder with the sound inputs that cases copy and damage (see ``benchmarks.malformed_sound``).
    """

    folder: Path
    rng: random.Random
    sound: Path

    @property
    def out(self) -> Path:
        """Of a run; must not be there after a refusal."""
        return self.folder / "out"


@dataclass(frozen=True)
class Case:
    """A malformed input.

    Args:
        kind: the line of the table it counts for.
        name: unique within the kind.
        make: writes the input; returns the arguments of ``sweep``.
        refuse: whether taking it would be a fault.
        mention: what a refusal must name.
        hub: whether the Hub (or a cluster) may be asked.
        env: variables for the command.
    """

    kind: str
    name: str
    make: Callable[[Place], list[str]]
    refuse: bool = False
    mention: str = ""
    hub: bool = False
    env: Mapping[str, str] = field(default_factory=dict)

    @property
    def full_name(self) -> str:
        return f"{self.kind}/{self.name}"


@dataclass(frozen=True)
class Outcome:
    """What became of a case.

    Args:
        case: which.
        verdict: one of ``VERDICTS``.
        why: in short.
        arguments: of ``sweep``.
        last: the last lines of its output.
        seconds: it took.
    """

    case: Case
    verdict: str
    why: str = ""
    arguments: tuple[str, ...] = ()
    last: str = ""
    seconds: float = 0.0


def call(arguments: list[str]) -> int:
    """``sweep``'s main, in this process; its exit code. Errors that it does not catch are printed as Python does."""
    from sweep.cli.main import main

    sys.argv = ["sweep", *arguments]
    try:
        main()
        return 0
    except ReachedRay:
        return 0
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except BaseException:
        traceback.print_exc()
        return 1


@contextlib.contextmanager
def no_ray() -> Iterator[None]:
    """Instead of starting Ray, ``ray.init`` says that it was reached."""
    import ray

    def init(*args: Any, **options: Any) -> NoReturn:
        raise ReachedRay

    real, ray.init = ray.init, init
    try:
        yield
    finally:
        ray.init = real


def start(case: Case, place: Place, prefix: Path) -> int:
    """Begins a case in a child; returns its process id.

    What it prints, its arguments and what it did that it should not do lie beside ``place.folder``, in ``prefix.*``.
    """
    pid = os.fork()
    if pid:
        return pid
    code = 70
    try:
        os.setsid()
        code = _child(case, place, prefix)
    except Skip as reason:
        prefix.with_suffix(".skip").write_text(str(reason))
    except BaseException:
        prefix.with_suffix(".broken").write_text(traceback.format_exc())
    finally:
        os._exit(code)


def _child(case: Case, place: Place, prefix: Path) -> int:
    home = place.folder / "home"
    home.mkdir(parents=True)
    arguments = case.make(place)
    prefix.with_suffix(".args").write_bytes(b"\0".join(os.fsencode(argument) for argument in arguments))
    os.chdir(place.folder)
    os.environ.update(environment(place.folder), **case.env)
    tempfile.tempdir = None
    sinks = []
    for number, name in ((1, ".out"), (2, ".err")):
        file = os.open(prefix.with_suffix(name), os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(file, number)
        errors = "strict" if number == 1 else "backslashreplace"  # as Python has them
        sinks.append(os.fdopen(number, "w", encoding="utf-8", errors=errors, closefd=False))
    sys.stdout, sys.stderr = sinks
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    _watch(place.folder.parent, prefix.with_suffix(".deeds"), hub=case.hub)
    size = int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    resource.setrlimit(resource.RLIMIT_AS, (size + _ADDRESS_SPACE,) * 2)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2_000_000_000,) * 2)
    with no_ray():
        code = call(arguments)
    for sink in sinks:
        sink.flush()
    return code


def environment(folder: Path) -> dict[str, str]:
    """Variables under which a command touches nothing outside of its folder."""
    return {
        "HOME": str(folder / "home"),
        "BALANCING_ACT_CACHE": str(folder / "cache"),
        "TORCH_HOME": str(folder / "torch"),
        "TMPDIR": str(folder / "home"),
        "COLUMNS": "80",
    }


def _watch(root: Path, deeds: Path, *, hub: bool) -> None:
    """Writes down what must not happen: files changed elsewhere, programs started, the network asked (which fails)."""
    allowed = (str(root.resolve()), "/dev/null", "/dev/pts", "/proc")  # in /proc nothing can be made
    writing = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
    journal = os.open(deeds, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def note(deed: str) -> None:
        os.write(journal, f"{deed}\n".encode(errors="backslashreplace"))

    def outside(path: Any) -> bool:
        return isinstance(path, str | bytes) and not os.path.realpath(os.fsdecode(path)).startswith(allowed)

    def hook(event: str, values: tuple[Any, ...]) -> None:
        if event == "open":
            flags = values[2] if isinstance(values[2], int) else 0
            if flags & writing and outside(values[0]):
                note(f"wrote {os.fsdecode(values[0])}")
        elif event in ("os.remove", "os.rename", "os.mkdir", "os.rmdir", "os.chmod", "shutil.rmtree"):
            for path in values[:2]:
                if event == "os.mkdir" and os.path.exists(path):
                    continue  # whoever makes what is there already changes nothing
                if outside(path):
                    note(f"{event} {os.fsdecode(path)}")
        elif event in ("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn"):
            if os.fsdecode(values[0]) != "uname":  # which Python's own ``platform`` asks
                note(f"started the program {values[0]}")
        elif event in ("socket.getaddrinfo", "socket.connect", "socket.gethostbyname"):
            host = values[0] if event != "socket.connect" else values[1]
            host = host[0] if isinstance(host, tuple) else host
            if str(host) in ("localhost", "127.0.0.1", "::1"):
                return
            if not hub:
                note(f"asked the network for {host}")
            raise socket.gaierror(socket.EAI_NONAME, "no network in this benchmark")

    sys.addaudithook(hook)


def finished(case: Case, place: Place, prefix: Path, status: int | None, taken: int, seconds: float) -> Outcome | str:
    """Judges a child that ended (status) or was killed for its time (None).

    Args:
        taken: bytes of memory beyond what it began with.
    Returns:
        the outcome, or why there is none: this machine cannot make the input.
    """
    if (skipped := prefix.with_suffix(".skip")).exists():
        return skipped.read_text()
    if (broken := prefix.with_suffix(".broken")).exists():
        return f"IT COULD NOT BE MADE: {broken.read_text()}"
    arguments = tuple(map(os.fsdecode, prefix.with_suffix(".args").read_bytes().split(b"\0")))
    out, err = (_text(prefix.with_suffix(name)) for name in (".out", ".err"))
    last = "\n".join((err.strip() or out.strip()).splitlines()[-4:])[-1200:]

    def outcome(verdict: str, why: str = "") -> Outcome:
        return Outcome(case, verdict, why, arguments, last, seconds)

    if status is None:
        return outcome(HUNG, f"killed after {seconds:.0f} s")
    if os.WIFSIGNALED(status):
        return outcome(HUNG, f"ended by {signal.Signals(os.WTERMSIG(status)).name}")
    deeds = prefix.with_suffix(".deeds").read_text(errors="replace").split("\n")[:-1]
    leftover = [MARKER] if list(place.folder.rglob(MARKER)) else []
    verdict, why = judge(case, os.waitstatus_to_exitcode(status), out, err)
    if verdict in (ACCEPTED, REFUSED):
        if taken > MOST_BYTES:
            return outcome(HUNG, f"took {taken / 1e9:.1f} GB")
        if leftover or deeds:
            return outcome(
                OTHER, "; ".join(["code in the input ran"] * bool(leftover) + list(dict.fromkeys(deeds))[:3])
            )
        if verdict == REFUSED and os.path.lexists(place.out):
            return outcome(OTHER, "refused, but a run folder was left behind")
        if verdict == REFUSED and list(place.folder.glob("cache/.tmp-*")):
            return outcome(OTHER, "refused, but left a half-made entry in the cache")
    return outcome(verdict, why)


def judge(case: Case, code: int, out: str, err: str) -> tuple[str, str]:
    """The verdict on an exit code and what was printed, and why."""
    if TRACE in err or TRACE in out:
        error = ([line for line in (err + out).splitlines() if _ERROR.match(line)] or [TRACE])[-1]
        memory = error.startswith(("MemoryError", "numpy._core._exceptions._ArrayMemoryError", "std::bad_alloc"))
        return (HUNG if memory else TRACEBACK), error[:200]
    escapes = _CONTROL.search(out + err)
    if escapes:
        return OTHER, f"prints the control character {escapes[0]!r}"
    if code == 0 or (code == 1 and not err):  # 1: the audit found that training and test share something
        return (OTHER, "taken, but should be refused") if case.refuse else (ACCEPTED, "")
    if code != 2:
        return OTHER, f"exit code {code}"
    lines = err.rstrip().splitlines()
    begins = [number for number, line in enumerate(lines) if line.startswith("error: ")]
    if not begins:
        words = ("Invalid value", "No such option", "Missing argument", "requires an argument", "unexpected extra")
        usage = err.startswith("Usage: ") and any(word in err for word in words)
        return (REFUSED, "usage") if usage else (OTHER, "exit code 2 without a sentence")
    sentence = lines[begins[-1] :]
    if any(not line.startswith("  ") for line in sentence[1:]):
        return OTHER, "the sentence is torn into lines"
    if len(sentence[0]) < len("error: ") + 15:
        return OTHER, "no sentence"
    if len(err) > _LONGEST:
        return OTHER, f"the refusal has {len(err):,} characters"
    if case.mention and case.mention not in "\n".join(sentence):
        return OTHER, f"the refusal does not name {case.mention!r}"
    return REFUSED, ""


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""


def kill(pid: int) -> None:
    """Ends a child and all it started."""
    with contextlib.suppress(OSError):
        os.killpg(pid, signal.SIGKILL)


def wait(pid: int) -> tuple[int, Any] | None:
    """(status, resources) of a child that has ended, else None."""
    try:
        found, status, usage = os.wait4(pid, os.WNOHANG)
    except OSError as error:
        if error.errno != errno.ECHILD:
            raise
        return None
    return (status, usage) if found else None
