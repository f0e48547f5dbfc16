"""A run's network, or ensemble, as a folder for others: model.onnx, model.safetensors, config.json, README.md."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from balancing.errors import UserError, suggestion
from sweep.analysis.results import Results
from sweep.export.card import card
from sweep.export.card_facts import CardFacts
from sweep.export.card_front import check_license
from sweep.export.check import Checked, check
from sweep.export.folder import CARD, CONFIG, GRAPH, TENSORS, check_out, write_export
from sweep.export.graph import check_opset, onnx_model
from sweep.export.needs import need
from sweep.export.numbers import Numbers, numbers_of
from sweep.export.pixels import FIRST_OPSET
from sweep.export.tensors import config_of, safetensors_bytes
from sweep.inference.choice import BEST, chosen
from sweep.inference.deployed import Deployed, deployed
from sweep.runs.run import Run

if TYPE_CHECKING:
    from balancing.data.images import ImageSet

FORMATS = ("onnx", "safetensors", "card")
_LIBRARIES = {"onnx": ("onnx", "onnxscript", "onnxruntime"), "safetensors": ("safetensors",), "card": ()}


@dataclass(frozen=True)
class Wanted:
    """What an export shall be.

    Args:
        what: ``best``, TECHNIQUE, ``ensemble`` or ``ensemble:TECHNIQUE``: see ``sweep.inference.choice.chosen``.
        formats: of ``FORMATS``.
        opset: of ONNX's operators.
        license: as the Hub names licences.
    """

    what: str = BEST
    formats: tuple[str, ...] = FORMATS
    opset: int = FIRST_OPSET
    license: str = "other"

    def check(self) -> None:
        """Raises UserError where it can't be, before anything long."""
        for name in self.formats:
            if name not in FORMATS:
                raise UserError(f"unknown format {name[:60]!r} in --formats{suggestion(name, FORMATS)}")
        if not self.formats:
            raise UserError(f"--formats names none; give some of {', '.join(FORMATS)}")
        check_opset(self.opset)
        check_license(self.license)
        for name in self.formats:
            for library in _LIBRARIES[name]:
                need(library, f"--formats {name}")

    def before(self, run: Run, out: Path, *, force: bool = False) -> None:
        """``check``, and of the place and of what is asked for, before anything is decoded.

        Raises:
            UserError: it can't be made, can't go there, or the run has no such network.
        """
        self.check()
        check_out(out, run.path, force=force)
        chosen(run, self.what)


@dataclass(frozen=True)
class Made:
    """An export that was written.

    Args:
        folder: where.
        sizes: file -> bytes.
        deployed: what it is.
        numbers: what its card says.
        checked: how near its ONNX file is; None without one.
    """

    folder: Path
    sizes: dict[str, int]
    deployed: Deployed
    numbers: Numbers
    checked: Checked | None


def formats_of(written: str | Sequence[str]) -> tuple[str, ...]:
    """``onnx,card`` -> its formats, each once."""
    words = written.split(",") if isinstance(written, str) else written
    return tuple(dict.fromkeys(word.strip() for word in words if word.strip()))


def default_out(run: Run, what: str) -> Path:
    """``exports/RUN-best``, in the folder that the program runs in."""
    word = "".join(c if c.isalnum() or c in "._+@-" else "-" for c in what)
    return Path("exports") / f"{run.path.resolve().name}-{word[:100]}"


def export_run(
    run: Run,
    out: Path,
    wanted: Wanted,
    images: ImageSet | None,
    *,
    force: bool = False,
    say: Callable[[str], None] = lambda note: None,
) -> Made:
    """Writes an export, whole or not at all; the ONNX file only after it answered as PyTorch does.

    Args:
        run: with chosen trials that keep their networks.
        out: a new folder, or with ``force`` an export, which is replaced.
        images: the run's own, on which the ONNX file is checked; None checks it on noise, and the card says so.
        say: told what is being done.
    Raises:
        UserError: see ``Wanted.before``, ``deployed``, ``onnx_model`` and ``check``.
    """
    wanted.before(run, out, force=force)
    found = deployed(run, wanted.what)
    own = Results(Run(found.run))
    if images is not None and images.fingerprint != own.info["data"]["fingerprint"]:
        raise UserError(f"these are not the images of run {found.run}; give those by --data, or none")
    files: dict[str, bytes] = {}
    checked = None
    if "onnx" in wanted.formats:
        say("Writing the ONNX graph")
        files[GRAPH] = onnx_model(found, own.info["id"], wanted.opset).SerializeToString()
        say("Holding it against PyTorch")
        checked = check(files[GRAPH], found, images)
    if "safetensors" in wanted.formats:
        files[TENSORS] = safetensors_bytes(found)
    files[CONFIG] = (json.dumps(config_of(found, own.info["id"]), indent=1, ensure_ascii=False) + "\n").encode()
    say("Computing the card's numbers")
    numbers = numbers_of(run, found)
    if "card" in wanted.formats:
        opset = wanted.opset if checked is not None else None
        facts = CardFacts(found, own, numbers, (*files, CARD), wanted.license, checked, opset)
        files[CARD] = card(facts).encode()
    try:
        write_export(out, files)
    except OSError as error:
        raise UserError(
            f"--out {out} can't be written ({(error.strerror or str(error)).lower()}); give another place"
        ) from error
    return Made(out, {name: len(content) for name, content in files.items()}, found, numbers, checked)
