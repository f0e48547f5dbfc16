"""Commands that list what there is: techniques and presets."""

from __future__ import annotations

from typing import Annotated

import typer

from sweep.cli.printing import make_console


def techniques() -> None:
    """Lists the techniques, their parameters with searched ranges, and where they come from."""
    from sweep.cli.terminal import techniques_list

    console = make_console()
    for block in techniques_list():
        console.print(block)


def presets(
    name: Annotated[str | None, typer.Argument(help="Print this one, to copy and change.")] = None,
) -> None:
    """Lists the presets, or prints one."""
    from sweep.config.config import PRESETS, preset_names, read_file

    if name is None:
        for known in preset_names():
            first = (PRESETS / f"{known}.yaml").read_text().splitlines()[0].lstrip("# ")
            typer.echo(f"{known:8} {first}")
        return
    read_file(name)
    typer.echo((PRESETS / f"{name}.yaml").read_text(), nl=False)
