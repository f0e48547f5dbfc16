"""The command line: sweep demo | run | resume | more | look | audit | plan | report | compare | predict ..

Heavy imports wait inside the commands, so that ``--help`` answers at once.
"""

from __future__ import annotations

import errno
import signal
import sys

import typer

from balancing.errors import UserError
from sweep.cli import data, export, listing, log, predict, report, run, watch
from sweep.runs.interrupts import Interrupted

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="A paired comparison of techniques for class imbalance in medical images, as one Ray Tune sweep.",
)
for command in (
    run.demo,
    run.run,
    run.resume,
    run.more,
    run.plan,
    watch.watch,
    log.log,
    data.audit,
    data.look,
    report.report,
    report.compare,
    predict.predict,
    export.export,
    export.push,
):
    app.command()(command)
for command in (listing.techniques, listing.presets):
    app.command()(command)

# What the system says of places that a user named, whichever command or option: no names so long, no right, no room.
_NO_BUGS = {errno.ENAMETOOLONG, errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT}


def main() -> None:
    """Runs the command line; a user's mistake ends with one sentence and exit code 2."""
    from sweep.cli.printing import error_text, never_fail_to_print

    never_fail_to_print()
    try:
        app()
    except UserError as error:
        print(f"error: {error_text(str(error))}", file=sys.stderr)
        sys.exit(2)
    except Interrupted:
        sys.exit(130)
    except OSError as error:
        if error.errno not in _NO_BUGS:
            raise
        named = f": {_short(str(error.filename))}" if error.filename is not None else ""
        print(f"error: {error.strerror}{named}; mend that and give the command again", file=sys.stderr)
        sys.exit(2)


def program() -> None:
    """The command line as a process of its own.

    When all is said and done, Python still takes seconds to tear its libraries down: a signal that comes then changes
    the exit code no more.
    """
    try:
        main()
    finally:
        for name in ("SIGINT", "SIGTERM", "SIGHUP"):
            if hasattr(signal, name):
                signal.signal(getattr(signal, name), signal.SIG_IGN)


def _short(text: str) -> str:
    return text if len(text) <= 200 else f"{text[:200]}… ({len(text):,} letters)"
