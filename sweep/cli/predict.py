"""`sweep predict`: what a run's network says of new images. Research, not diagnosis."""

from __future__ import annotations

import dataclasses
import functools
import inspect
import typing
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from balancing.errors import UserError
from sweep.cli.options import RunFolder
from sweep.cli.printing import make_console

if TYPE_CHECKING:
    from rich.console import Console

    from sweep.inference.predicting import Predicted
    from sweep.predictions import Asked

_SHOWN = 20  # rows on the console

Images = Annotated[
    list[str],
    typer.Argument(
        metavar="IMAGE...",
        help="Image files (DICOM too), folders, 'patterns/**/*.png', or tables of paths (.csv, .parquet ...).",
    ),
]
_WHAT = "best, TECHNIQUE (its best trial), ensemble or ensemble:TECHNIQUE (the mean of all its seeds); best by default."


@dataclass(frozen=True)
class Options:
    """The options of ``predict``, as the command line shows them."""

    what: Annotated[str | None, typer.Option(help=_WHAT)] = None
    technique: Annotated[str | None, typer.Option(help="The same as --what TECHNIQUE.")] = None
    out: Annotated[
        Path | None, typer.Option(metavar="FILE.csv|.parquet", help="Write the table, one row an image, here.")
    ] = None
    force: Annotated[bool, typer.Option("--force", help="Write over --out where it is there already.")] = False
    column: Annotated[str | None, typer.Option(help="Column of a table that holds the images' paths.")] = None
    maps: Annotated[
        str | None, typer.Option(metavar="N|all", help="Draw activation maps of the first N images, or of all.")
    ] = None
    maps_to: Annotated[Path, typer.Option(metavar="FOLDER", help="Folder of the activation maps.")] = Path(
        "predictions"
    )
    strict: Annotated[bool, typer.Option("--strict", help="Stop at the first image that can't be read.")] = False
    distance: Annotated[
        bool, typer.Option(help="Measure how unlike the training images each is; needs the run's own images once.")
    ] = True
    data: Annotated[str | None, typer.Option(help="Where the run's own images lie now.")] = None

    def asked(self) -> Asked:
        """Raises UserError where two options contradict each other, or one is none."""
        from sweep.predictions import Asked

        if self.what is not None and self.technique is not None:
            raise UserError(f"--what {self.what} and --technique {self.technique} mean the same; give one of them")
        return Asked(
            what=self.what or self.technique or "best",
            column=self.column,
            data=self.data,
            distance=self.distance,
            maps=_number(self.maps),
            maps_folder=self.maps_to,
            strict=self.strict,
            out=self.out,
            force=self.force,
        )


def _with_options(command: Callable[..., None]) -> Callable[..., None]:
    """Gives a command the fields of ``Options`` as its options; it gets them as one, its last argument."""
    own = list(inspect.signature(command, eval_str=True).parameters.values())[:-1]
    hints = typing.get_type_hints(Options, include_extras=True)

    @functools.wraps(command)
    def called(**values: Any) -> None:
        options = Options(**{field.name: values.pop(field.name) for field in dataclasses.fields(Options)})
        command(**values, options=options)

    keyword = inspect.Parameter.KEYWORD_ONLY
    parameters = [p.replace(kind=keyword) for p in own]
    parameters += [
        inspect.Parameter(field.name, keyword, default=field.default, annotation=hints[field.name])
        for field in dataclasses.fields(Options)
    ]
    called.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined] # what Typer reads
    called.__annotations__ = {p.name: p.annotation for p in parameters}
    return called


@_with_options
def predict(run_folder: RunFolder, image: Images, options: Options) -> None:
    """Probability, decision and distance to the training images of new images. Research, not diagnosis."""
    from sweep.cli.decoding_bar import decoding_bar
    from sweep.predictions import predict_images
    from sweep.runs.interrupts import Interrupted
    from sweep.runs.run import Run

    asked = options.asked()
    console = make_console()
    try:
        made = predict_images(Run(run_folder), image, asked, decoding_bar)
    except KeyboardInterrupt:
        console.print("Stopped; no table was written.")
        raise Interrupted from None
    _show(made, asked.out, console)
    if made.broken:
        raise typer.Exit(1)


def _number(maps: str | None) -> int:
    """-1 for all."""
    if maps is None:
        return 0
    if maps == "all":
        return -1
    if not maps.isascii() or not maps.isdigit():
        raise UserError(f"--maps takes a number of images, or all, but is '{maps}'; give such as --maps 20")
    return int(maps)


def _show(made: Predicted, out: Path | None, console: Console) -> None:
    from sweep.cli.terminal import predictions
    from sweep.inference.predicting import broken_sentence, unusual_sentence
    from sweep.inference.words import deployed_sentence

    def say(text: str) -> None:
        if text:
            console.print(text, soft_wrap=True, markup=False)

    many = len(made.table) > _SHOWN
    say(deployed_sentence(made.found))
    if out is None or not many:
        console.print(predictions(made, _SHOWN))
    for text in (unusual_sentence(made), *made.notes, broken_sentence(made)):
        say(text)
    if out is not None:
        say(f"Table: {out}")
    elif many:
        say(f"The first {_SHOWN} of {len(made.table):,} images are shown; --out FILE.csv writes all.")
