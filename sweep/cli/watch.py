"""``sweep watch``: a local page of a run while it trains."""

from __future__ import annotations

from typing import Annotated

import typer

from sweep.cli.options import RunFolder
from sweep.cli.printing import make_console


def watch(
    run_folder: RunFolder,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Of 127.0.0.1; 0 takes a free one.")] = 0,
    every: Annotated[float, typer.Option(min=0.5, max=3600, help="Seconds between two looks at the folder.")] = 2.0,
    show: Annotated[bool, typer.Option("--open/--no-open", help="Open the page in this machine's browser.")] = False,
) -> None:
    """A page of a run while it trains: trials, the best so far, curves, errors, time left. Needs no Ray.

    It reads the run folder alone, also on shared storage, and never the test split; Ctrl-C ends it, not the run.
    """
    import webbrowser

    from sweep.watch.server import WatchServer
    from sweep.watch.state import Watched

    server = WatchServer(Watched(run_folder), port, every)
    console = make_console()
    console.print(f"{server.url}", soft_wrap=True, markup=False, highlight=False)
    console.print("Ctrl-C ends this page, not the run.", soft_wrap=True, markup=False)
    try:
        with server.door() as door:
            if show:
                webbrowser.open(door.as_uri())
            server.serve()
    except KeyboardInterrupt:
        console.print("The page has ended.", markup=False)
