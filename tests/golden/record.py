"""Makes what the golden tests compare with: ``python -m tests.golden.record [--only resampled|report] [KIND ...]``.

Recorded by the code of commit b8b5aab, the last before the rooms moved, with the versions and the processor that
``data/machine.json`` names.

- ``data/<kind>.json``: one tiny run of each kind (see ``kinds``), as ``taken.run`` reads it.
- ``data/weights.pt``: starting weights of 60 KB, of which trial ids hold the hash: never made anew.
- ``format1/finished``, ``format1/interrupted``: the same eight trials, run to the end, and stopped by Ctrl-C; folders
  as on disk, without networks, event files and report. What they hold is format 1 for good: never made anew.
- ``data/quick.json``: what ``format1/finished`` held while it had its networks; ``data/format1.json``: its report
  without images.
- ``data/halfway.json``: what of the phantom's drawings hangs on the processor (see ``drawings``).

**When to record anew.** Never to make a failing test pass. Only where numbers change on purpose, said so in the
changelog; then by kind, in a commit of its own. ``--only report`` replaces what is told of the records, as where
intervals are made otherwise, and ``--only resampled`` the group ``resampled``, of every kind, of ``quick`` and of
``format1``: the sections that draw from a generator of their own (what networks look at, synthetic images, importance
of hyperparameters). Either refuses where anything else differs. A new version of torch or numpy, or another processor,
needs no new recording: there the tests compare what last bits leave alone (``compare``).
"""

from __future__ import annotations

import argparse
import json
import shutil
import signal
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.golden import drawings, kinds, taken
from tests.golden.compare import differences, is_recorded_machine, machine, recorded

_NOT_KEPT = ("*.pt", "tensorboard", "report", "owner", "ray", ".*")
_COMMAND = "sweep run quick"


def write(path: Path, value: Any) -> None:
    """JSON whose rows of numbers stand on one line each."""
    path.write_text(_text(value) + "\n", encoding="utf-8")


def _text(value: Any, indent: int = 0) -> str:
    pad = " " * (indent + 1)
    if isinstance(value, dict) and value:
        inner = (f"{pad}{json.dumps(k)}: {_text(v, indent + 1)}" for k, v in value.items())
        return "{\n" + ",\n".join(inner) + f"\n{' ' * indent}}}"
    if isinstance(value, list) and any(isinstance(v, dict) for v in value):
        return "[\n" + ",\n".join(pad + _text(v, indent + 1) for v in value) + f"\n{' ' * indent}]"
    return json.dumps(value)


def keep_folder(run: Path, kept: Path) -> None:
    """A run folder as a fixture: small, and without the names of the machine that made it."""
    shutil.copytree(run, kept, ignore=shutil.ignore_patterns(*_NOT_KEPT))
    info = json.loads((kept / "run.json").read_text())
    info.update(command=_COMMAND, machine={"system": "Linux", "cpus": 2})
    (kept / "run.json").write_text(json.dumps(info, indent=1))
    for path in kept.glob("trials/*/status.json"):
        status = json.loads(path.read_text())
        status.update(node="node", pid=1)
        path.write_text(json.dumps(status, indent=1))


def stop_after(run: Path, command: list[str], cache: Path, ended: int) -> None:
    """Runs a sweep, and stops it as a user does when so many trials have ended and another has begun."""
    process = kinds.start(command, cache)
    while process.poll() is None:
        states = [json.loads(path.read_text())["status"] for path in run.glob("trials/*/status.json")]
        if states.count("done") >= ended and "running" in states:
            process.send_signal(signal.SIGINT)
            break
        time.sleep(0.05)
    output, _ = process.communicate()
    assert process.returncode == 130, output


def format1(scratch: Path) -> None:
    """The run folders of format 1 and what their tests compare with."""
    cache = drawings.fill(scratch / "cache")
    shutil.rmtree(kinds.FORMAT1, ignore_errors=True)
    kinds.call(kinds.arguments(kinds.QUICK, scratch / "finished"), cache)
    write(kinds.DATA / "quick.json", taken.run(scratch / "finished"))
    keep_folder(scratch / "finished", kinds.FORMAT1 / "finished")
    stop_after(scratch / "interrupted", kinds.arguments(kinds.QUICK, scratch / "interrupted"), cache, 3)
    keep_folder(scratch / "interrupted", kinds.FORMAT1 / "interrupted")
    write(kinds.DATA / "format1.json", report_without_images(scratch))


def report_without_images(scratch: Path) -> dict[str, Any]:
    """What is reported of the finished run of format 1 from its records alone."""
    shutil.copytree(kinds.FORMAT1 / "finished", scratch / "copy")
    kinds.call(["report", scratch / "copy", "--no-cams", "--data", scratch / "nowhere"], scratch / "cache")
    return taken.report(scratch / "copy")


def again(name: str, found: dict[str, Any], only: str | None) -> None:
    """Writes what was found in place of what was recorded, all of it or one group.

    Raises:
        AssertionError: another group differs too.
    """
    path = kinds.DATA / f"{name}.json"
    if only:
        before = recorded(name)
        wrong = differences({**before, only: {}}, found)
        assert not wrong, "\n".join([f"{name}: more than the group '{only}' differs", *wrong[:20]])
        found = {**before, only: found[only]}
    write(path, found)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kinds", nargs="*", help=f"of {', '.join(kinds.KINDS)}; all by default")
    parser.add_argument("--only", choices=["resampled", "report"], help="replace this group alone")
    parser.add_argument("--drawings", action="store_true", help="where the phantom's drawing was changed on purpose")
    parser.add_argument("--format1", action="store_true", help="make the folders of format 1; done once, for good")
    options = parser.parse_args()
    assert not options.only or is_recorded_machine(), "record with the machine and versions of data/machine.json"
    wanted = {name: kinds.KINDS[name] for name in options.kinds or kinds.KINDS}
    if options.only and not options.kinds:
        wanted["quick"] = kinds.QUICK
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        if options.drawings:
            write(kinds.DATA / "halfway.json", {str(size): drawings.halfway(size) for size in drawings.SIZES})
        if options.format1:
            format1(scratch)
        cache = drawings.fill(scratch / "cache")
        kinds.call_all({name: kinds.arguments(kind, scratch / name) for name, kind in wanted.items()}, cache)
        for name in wanted:
            again(name, taken.run(scratch / name), options.only)
        if "quick" in wanted:
            again("format1", report_without_images(scratch), None if options.only == "report" else options.only)
    if not options.only:
        write(kinds.DATA / "machine.json", machine())


if __name__ == "__main__":
    main()
