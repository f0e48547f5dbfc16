"""What the benchmarks share: their data, measuring in a fresh process, and the table they print."""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from balancing.data.images import ImageSet

ROOT = Path(__file__).parent.parent


def source() -> str:
    """``CHEST_XRAY_DIR`` where it is set, else the phantom."""
    return os.environ.get("CHEST_XRAY_DIR") or "phantom"


def load(image_size: int, phantom_images: int = 5856) -> ImageSet:
    """The benchmark's images at a size, decoded or from the cache."""
    from balancing.data.images import load_images

    return load_images(source(), image_size=image_size, phantom_images=phantom_images)


def cores() -> int:
    """Cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def peak_bytes() -> int:
    """The most memory that this process has held in RAM so far, pages of mapped files included (VmHWM).

    getrusage's figure would start from the parent's.
    """
    return _status("VmHWM")


def anonymous_bytes() -> int:
    """What this process holds in RAM now, without pages of mapped files (RssAnon)."""
    return _status("RssAnon")


def _status(name: str) -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * 1024
    return 0


@dataclass(frozen=True)
class Measured:
    """What a function in a fresh process took.

    Args:
        seconds: of the function's own clock where it returns one as ``{"seconds": ...}``, else of the whole call,
            imports excluded.
        peak: bytes, the process's most at any time, imports included.
        value: what it returned.
    """

    seconds: float
    peak: int
    value: Any


def in_fresh_process(module: str, function: str, *arguments: Any, env: dict[str, str] | None = None) -> Measured:
    """Calls ``module.function(*arguments)`` in a new Python process.

    Args:
        module: importable from the project's folder, e.g. ``benchmarks.resampling``.
        function: returns something JSON can hold.
        arguments: likewise.
        env: variables laid over this process's.
    Raises:
        RuntimeError: the process failed; its last lines of output.
    """
    code = (
        "import importlib, json, sys, time\n"
        "from benchmarks.common import peak_bytes\n"
        "function = getattr(importlib.import_module(sys.argv[1]), sys.argv[2])\n"
        "began = time.perf_counter()\n"
        "value = function(*json.loads(sys.argv[3]))\n"
        "seconds = time.perf_counter() - began\n"
        "print('\\n@@' + json.dumps([seconds, peak_bytes(), value]))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, module, function, json.dumps(arguments)],
        cwd=ROOT,
        env={**os.environ, **(env or {})},
        capture_output=True,
        text=True,
    )
    answers = [line for line in done.stdout.splitlines() if line.startswith("@@")]
    if done.returncode or not answers:
        raise RuntimeError(f"{module}.{function} failed:\n{(done.stderr or done.stdout)[-3000:]}")
    seconds, peak, value = json.loads(answers[-1][2:])
    if isinstance(value, dict) and "seconds" in value:
        seconds = value["seconds"]
    return Measured(seconds, peak, value)


def in_turn(repeats: int, *measures: Callable[[], Measured]) -> list[list[Measured]]:
    """Each measure ``repeats`` times, one after the other in turn, so that a slow spell hits all alike."""
    found: list[list[Measured]] = [[] for _ in measures]
    for _ in range(repeats):
        for results, measure in zip(found, measures, strict=True):
            results.append(measure())
    return found


def median_seconds(results: Sequence[Measured]) -> float:
    return statistics.median(result.seconds for result in results)


def median_peak(results: Sequence[Measured]) -> float:
    return statistics.median(result.peak for result in results)


@dataclass
class Memory:
    """Peaks over a while, in bytes (proportional set size: a page shared by n processes counts 1/n in each).

    Args:
        driver: the process that this one has started.
        largest_worker: of Ray's.
        total: of all processes together.
        object_store: bytes of shared memory in /dev/shm.
    """

    driver: int = 0
    largest_worker: int = 0
    total: int = 0
    object_store: int = 0


@contextmanager
def watching_memory(seconds: float = 0.5) -> Iterator[Memory]:
    """Samples everything beneath this process, and /dev/shm."""
    found, stop = Memory(), threading.Event()

    def watch() -> None:
        while not stop.wait(seconds):
            _sample(found)

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield found
    finally:
        stop.set()
        thread.join()


def _sample(found: Memory) -> None:
    import psutil

    me = psutil.Process()
    sizes, workers = [], []
    for process in me.children(recursive=True):
        try:
            size, name = process.memory_full_info().pss, " ".join(process.cmdline()[:1])
        except (psutil.Error, OSError):
            continue
        sizes.append(size)
        if name.startswith("ray::"):
            workers.append(size)
        if process.ppid() == me.pid:
            found.driver = max(found.driver, size)
    found.total = max(found.total, sum(sizes))
    found.largest_worker = max([found.largest_worker, *workers])
    shm = Path("/dev/shm")
    if shm.is_dir():
        used = os.statvfs(shm)
        found.object_store = max(found.object_store, (used.f_blocks - used.f_bfree) * used.f_frsize)


def machine() -> str:
    """One line: processor or GPU, cores, memory, versions, commit, data."""
    import torch

    model = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        names = [line.split(":", 1)[1].strip() for line in info.read_text().splitlines() if "model name" in line]
        model = names[0] if names else model
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    gpu = f", {torch.cuda.get_device_name()}" if torch.cuda.is_available() else ""
    data = "chest X-rays" if os.environ.get("CHEST_XRAY_DIR") else "phantom"
    return (
        f"{cores()} cores of {model}, {memory:.0f} GiB{gpu}; Python {platform.python_version()}, "
        f"torch {torch.__version__}; commit {commit()}; {data}; {time.strftime('%Y-%m-%d')}"
    )


def commit() -> str:
    """The short hash of the checked-out commit, with ``+`` where files differ from it."""
    try:
        found = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True)
        changed = subprocess.run(["git", "status", "--porcelain", "-uno"], cwd=ROOT, capture_output=True, text=True)
    except OSError:
        return "unknown"
    return (found.stdout.strip() or "unknown") + ("+" if changed.stdout.strip() else "")


def show(title: str, columns: Sequence[str], rows: Sequence[Sequence[Any]], notes: Sequence[str] = ()) -> None:
    """Prints a table as Markdown, which a terminal shows legibly too, with the machine beneath it."""
    cells = [list(map(str, columns)), *[[str(cell) for cell in row] for row in rows]]
    widths = [max(len(row[i]) for row in cells) for i in range(len(columns))]
    lines = ["| " + " | ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)) + " |" for row in cells]
    lines.insert(1, "|" + "|".join("-" * (w + 2) for w in widths) + "|")
    print(f"\n**{title}**\n")
    print("\n".join(lines))
    for note in notes:
        print(f"\n{note}")
    print(f"\n*{machine()}*\n", flush=True)


def gigabytes(size: float) -> str:
    return f"{size / 1e9:.2f} GB"


def seconds(value: float) -> str:
    return f"{value:.3f} s" if value < 0.1 else f"{value:.2f} s" if value < 100 else f"{value:.0f} s"


def times(ratio: float) -> str:
    return f"{ratio:.2f} x" if ratio < 10 else f"{ratio:.0f} x"
