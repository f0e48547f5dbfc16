"""Commands that list what there is: techniques and presets."""

from __future__ import annotations

from typing import Annotated

import typer

from sweep.cli.completing import preset_words, technique_words
from sweep.cli.printing import make_console


def techniques(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[NAMES]",
            help="Some alone: names, compositions, groups such as losses, or @FILE.",
            autocompletion=technique_words,
        ),
    ] = None,
) -> None:
    """Lists the techniques by axis: what each takes out of the prior, cost, parameters with ranges, reference."""
    from balancing.components.techniques import get_technique
    from balancing.components.techniques import techniques as registered
    from sweep.cli.techniques_view import techniques_view
    from sweep.config.technique_files import expand_names
    from sweep.config.values import parse_names

    console = make_console()
    found = map(get_technique, expand_names(parse_names(",".join(names)))) if names else registered()
    for block in techniques_view(found):
        console.print(block)


def presets(
    name: Annotated[
        str | None, typer.Argument(help="Print this one, to copy and change.", autocompletion=preset_words)
    ] = None,
) -> None:
    """Lists the presets, or prints one."""
    from sweep.config.files import PRESETS, preset_names, read_file

    if name is None:
        for known in preset_names():
            first = (PRESETS / f"{known}.yaml").read_text().splitlines()[0].lstrip("# ")
            typer.echo(f"{known:12} {first}")
        return
    read_file(name)
    typer.echo((PRESETS / f"{name}.yaml").read_text(), nl=False)
