"""What malformed inputs do to the command line: each is refused with a sentence, or taken; none ends in a traceback.

    python -m benchmarks.malformed                          # all, some minutes on two cores
    python -m benchmarks.malformed --only 'zip files/*'     # some, by name
    python -m benchmarks.malformed --seed 1                 # other places of damage

Inputs are made from sound ones: cut off, with flipped bits, absurd headers, wrong types or odd names, for every kind of
source, every option, every key of the configuration and every file of a run folder. ``sweep`` is called on each in a
process of its own, with bounded memory and time, a home and a cache of its own and no network. Ray is not started: a
command that gets as far has passed all that is checked before.

Refused means: exit code 2, one sentence after "error: ", no traceback, nothing left behind. Everything else is a fault,
and named: a traceback, a hang, too much memory, a file written elsewhere, a program started, the network asked, code in
the input run, control characters printed, or an input taken that must be refused.
"""

from __future__ import annotations

import argparse
import fnmatch
import importlib
import os
import random
import resource
import shlex
import shutil
import sys
import tempfile
import time
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.common import cores, show
from benchmarks.malformed_call import ACCEPTED, REFUSED, VERDICTS, Case, Outcome, Place, finished, kill, start, wait

_CASES = ("images", "names", "containers", "tables", "words", "settings", "runs", "places")
# What the commands import when first needed: once here, instead of in each process.
_IMPORTED = (
    "datasets",
    "pyarrow.dataset",
    "matplotlib.figure",
    "torchcam.methods",
    "ray.tune",
    "balancing.quality.audit",
    "balancing.data.sources.hub",
    "balancing.data.sources.medmnist",
    "balancing.data.sources.parquet",
    "sweep.cli.audit_view",
    "sweep.cli.main",
    "sweep.cli.compare",
    "sweep.planning.estimate",
    "sweep.predictions",
    "sweep.report.render",
    "sweep.cluster.tuner",
    "sweep.cli.terminal",
)


def all_cases(seed: int) -> list[Case]:
    """Every case, named once."""
    found: list[Case] = []
    for name in _CASES:
        module = importlib.import_module(f"benchmarks.malformed_{name}")
        found += module.cases(random.Random(seed))
    names = Counter(case.full_name for case in found)
    twice = [name for name, count in names.items() if count > 1]
    if twice:
        raise ValueError(f"two cases are named {twice[0]}")
    return found


def run_cases(
    cases: Sequence[Case], root: Path, *, seed: int, jobs: int, limit: float
) -> Iterator[tuple[Case, Outcome | str]]:
    """Calls the command line on each case, a few at a time.

    Args:
        root: a folder with the sound inputs in ``sound``.
        jobs: at once.
        limit: seconds for each.
    Yields:
        each case and what became of it, or why this machine cannot make it.
    """
    waiting = list(enumerate(cases))[::-1]
    running: dict[int, tuple[Case, Place, Path, float]] = {}
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    while waiting or running:
        while waiting and len(running) < jobs:
            number, case = waiting.pop()
            prefix = root / "cases" / f"{number:04d}"
            place = Place(prefix / "here", random.Random(zlib.crc32(case.full_name.encode()) + seed), root / "sound")
            prefix.mkdir(parents=True)
            place.folder.mkdir()
            running[start(case, place, prefix / "it")] = (case, place, prefix, time.monotonic())
        for pid, (case, place, prefix, began) in list(running.items()):
            seconds = time.monotonic() - began
            ended = wait(pid)
            if ended is None and seconds < limit:
                continue
            kill(pid)
            if ended is None:
                os.waitpid(pid, 0)
            status, usage = ended or (None, None)
            taken = usage.ru_maxrss * 1024 - before if usage else 0
            del running[pid]
            yield case, finished(case, place, prefix / "it", status, taken, seconds)
            shutil.rmtree(prefix, ignore_errors=True)
        time.sleep(0.005)


def prepare(root: Path) -> None:
    """Imports all that is needed, and makes the sound inputs."""
    from benchmarks.malformed_call import environment
    from benchmarks.malformed_sound import make_sound

    os.environ.update(HF_HOME=str(root / "hf"))  # read when datasets is imported
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    for name in _IMPORTED:
        importlib.import_module(name)
    os.environ.update(environment(root))
    from PIL import Image

    Image.preinit()
    Image.init()
    pid = os.fork()  # training starts threads, which forks of this process would lack
    if not pid:
        try:
            make_sound(root / "sound")
            os._exit(0)
        except BaseException:
            import traceback

            traceback.print_exc()
        finally:
            os._exit(1)
    if os.waitpid(pid, 0)[1]:
        raise SystemExit("the sound inputs could not be made")


def table(outcomes: Sequence[Outcome]) -> list[list[str]]:
    """A line a kind and one for all: tried, and how many of each verdict."""
    kinds = list(dict.fromkeys(outcome.case.kind for outcome in outcomes))
    rows = []
    for kind in [*kinds, "all"]:
        of_kind = [outcome.verdict for outcome in outcomes if kind in (outcome.case.kind, "all")]
        rows.append([kind, str(len(of_kind)), *(str(of_kind.count(verdict)) for verdict in VERDICTS)])
    return rows


def explain(outcome: Outcome) -> str:
    """A fault: what, on which input, with which arguments, and its last words."""
    command = shlex.join(
        ["sweep", *(a if len(a) < 200 else f"{a[:80]}... ({len(a):,} characters)" for a in outcome.arguments)]
    )
    shown = "\n".join(f"    {line[:300]}" for line in outcome.last.splitlines())
    name = outcome.case.full_name
    return (
        f"{outcome.verdict.upper()}: {name}: {outcome.why} [{outcome.seconds:.1f} s]\n    {command}\n{shown}\n"
        f"    again: python -m benchmarks.malformed --only {shlex.quote(name)}"
    )


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seed", type=int, default=0, help="of the places of damage")
    parser.add_argument("--only", action="append", metavar="NAME", help="these cases; * stands for anything")
    parser.add_argument("--jobs", type=int, default=cores(), help="processes at once")
    parser.add_argument("--limit", type=float, default=60.0, help="seconds for each")
    parser.add_argument("--nth", type=int, default=1, metavar="N", help="every N-th case of these alone")
    parser.add_argument("--every", action="store_true", help="print each case with what became of it")
    given = parser.parse_args(arguments)
    cases = [
        case
        for case in all_cases(given.seed)
        if given.only is None or any(fnmatch.fnmatch(case.full_name, wanted) for wanted in given.only)
    ]
    cases = cases[:: given.nth]
    outcomes: list[Outcome] = []
    skipped: list[str] = []
    with tempfile.TemporaryDirectory(prefix="malformed-") as folder:
        root = Path(folder).resolve()
        prepare(root)
        for case, found in run_cases(cases, root, seed=given.seed, jobs=given.jobs, limit=given.limit):
            if isinstance(found, str):
                skipped.append(f"{case.full_name} ({found})")
                continue
            outcomes.append(found)
            bad = found.verdict not in (ACCEPTED, REFUSED)
            if bad or given.every:
                print(explain(found).encode("utf-8", "backslashreplace").decode() + "\n", flush=True)
    order = {case.full_name: number for number, case in enumerate(cases)}
    outcomes.sort(key=lambda outcome: order[outcome.case.full_name])
    notes = [f"Seed {given.seed}. A refusal: exit code 2, one sentence, nothing left behind."]
    notes += [f"Left out on this machine: {'; '.join(skipped)}."] if skipped else []
    show(
        "Malformed inputs",
        [
            "kind of input",
            "tried",
            "accepted",
            "refused with a sentence",
            *(f"{name}s" if name == "traceback" else name for name in VERDICTS[2:]),
        ],
        table(outcomes),
        notes,
    )
    return int(any(outcome.verdict not in (ACCEPTED, REFUSED) for outcome in outcomes))


if __name__ == "__main__":
    sys.exit(main())
