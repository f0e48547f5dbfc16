"""``sweep export`` and ``sweep push``: a run's network for others."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sweep.cli.options import OPTIONS, Given, RunFolder, named, takes
from sweep.cli.printing import make_console

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import Console

    from balancing.data.images import ImageSet
    from sweep.export.exporting import Made, Wanted
    from sweep.export.hub import Upload
    from sweep.runs.run import Run

What = Annotated[
    str,
    typer.Option(help="best, TECHNIQUE (also with a decision: baseline+threshold), ensemble, or ensemble:TECHNIQUE."),
]
_OUT = replace(OPTIONS["out"], help="A new folder; exports/RUN-WHAT by default.")


@takes(*named("data"), _OUT)
def export(
    given: Given,
    run_folder: RunFolder,
    what: What = "best",
    formats: Annotated[str, typer.Option(help="With commas.")] = "onnx,safetensors,card",
    opset: Annotated[int, typer.Option(help="Of ONNX's operators, 18 to 23.")] = 18,
    license_: Annotated[str, typer.Option("--license", help="As the Hub names it, for the card.")] = "other",
    force: Annotated[bool, typer.Option("--force", help="Replace an export that is there.")] = False,
) -> None:
    """A run's network as ONNX (bytes in, calibrated probabilities out), safetensors and a model card.

    The ONNX file is held against PyTorch on the run's own images before it is handed over. Research, not diagnosis.
    """
    from sweep.export.exporting import Wanted, default_out, export_run, formats_of
    from sweep.runs.run import Run

    found, console = Run(run_folder), make_console()
    wanted = Wanted(what, formats_of(formats), opset, license_)
    out = given.out or default_out(found, what)
    wanted.before(found, out, force=force)
    images = _images(found, wanted, given, console)
    made = export_run(found, out, wanted, images, force=force, say=_sayer(console))
    _show(made, console)
    _say(console, f"Export: {out}")


@takes(*named("data"))
def push(
    given: Given,
    folder: Annotated[Path, typer.Argument(metavar="RUN|EXPORT", help="A run, or a folder of `sweep export`.")],
    hub_id: Annotated[str, typer.Argument(metavar="HUB_ID", help="NAMESPACE/NAME on the Hugging Face Hub.")],
    what: What = "best",
    private: Annotated[bool, typer.Option("--private/--public", help="Of a new repository.")] = True,
    revision: Annotated[str | None, typer.Option(help="A branch, made where missing.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would go where; no network.")] = False,
) -> None:
    """Uploads an export to the Hugging Face Hub, as a private repository unless told otherwise.

    Its own files go up and nothing else: never the run folder, images, or names of patients. The token is that of
    `hf auth login` or HF_TOKEN.
    """
    import tempfile

    from sweep.export.folder import is_export
    from sweep.export.hub import check_hub_id, planned

    check_hub_id(hub_id, revision)
    console = make_console()
    if is_export(folder):
        _push(planned(folder, hub_id, private=private, revision=revision), console, dry_run=dry_run)
        return
    from sweep.export.exporting import Wanted, export_run
    from sweep.runs.run import Run

    found, wanted = Run(folder), Wanted(what)
    with tempfile.TemporaryDirectory(prefix="sweep-push-") as temporary:
        out = Path(temporary) / "export"
        wanted.before(found, out)
        images = _images(found, wanted, given, console)
        _show(export_run(found, out, wanted, images, say=_sayer(console)), console)
        _push(planned(out, hub_id, private=private, revision=revision), console, dry_run=dry_run)


def _images(found: Run, wanted: Wanted, given: Given, console: Console) -> ImageSet | None:
    """The run's images where the ONNX file is checked on them and they are at hand, else None, saying why."""
    from balancing.errors import UserError
    from sweep.cli.decoding_bar import decoding_bar
    from sweep.reports import recorded_images

    if "onnx" not in wanted.formats:
        return None
    data = given.settings.get("data.source")
    try:
        return recorded_images(found, data, decoding_bar)
    except UserError as error:
        if data is not None:
            raise
        _say(console, f"The ONNX file will be checked on noise alone: {error}")
        return None


def _sayer(console: Console) -> Callable[[str], None]:
    return lambda note: _say(console, f"{note} ...")


def _say(console: Console, text: str) -> None:
    console.print(text, soft_wrap=True, markup=False, highlight=False)


def _show(made: Made, console: Console) -> None:
    """What was exported, how large it is, and how near the ONNX file is."""
    found = made.deployed
    _say(console, f"{found.technique}, trial {', '.join(found.trial_ids)}" + (f", {found.fold}" if found.fold else ""))
    for name, size in made.sizes.items():
        _say(console, f"  {name}  {_size(size)}")
    if made.checked is not None:
        checked = made.checked
        _say(
            console,
            f"ONNX against PyTorch on {checked.of_torch.images} images ({checked.on}): at most "
            f"{checked.of_torch.largest:.2g} apart",
        )
        if checked.of_decoder is not None:
            _say(
                console,
                f"The graph's resize against the run's decoder on {checked.of_decoder.images} pictures: at most "
                f"{checked.of_decoder.largest:.2g} apart, {checked.of_decoder.mean:.2g} in the mean",
            )
    _say(console, "Research software, not for diagnosis.")


def _push(wanted: Upload, console: Console, *, dry_run: bool) -> None:
    from sweep.export.hub import upload

    for name, size in wanted.files.items():
        _say(console, f"  {name}  {_size(size)}  ->  {wanted.hub_id}/{name}")
    total = _size(sum(wanted.files.values()))
    if dry_run:
        _say(console, f"Would upload {len(wanted.files)} files, {total}, to {wanted.place}. Nothing was sent.")
        return
    _say(console, f"Uploaded: {upload(wanted, _sayer(console))}")


def _size(size: int) -> str:
    return f"{size / 1e6:,.1f} MB" if size >= 100_000 else f"{size:,} bytes"
