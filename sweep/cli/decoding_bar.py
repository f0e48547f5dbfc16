"""How the decoding of images gets on, or what else is done with each, as a bar on stderr."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn


@contextlib.contextmanager
def decoding_bar(total: int, doing: str = "decoding images") -> Iterator[Callable[[], None]]:
    """A bar where stderr is a terminal, else nothing; see ``balancing.data.ingest.Bar``."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda: None
        return
    columns = (TextColumn(doing), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as shown:
        task = shown.add_task("decode", total=total)
        yield lambda: shown.advance(task)
