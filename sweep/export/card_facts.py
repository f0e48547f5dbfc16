"""What a model card is written from."""

from __future__ import annotations

from dataclasses import dataclass

from balancing.components.technique import Technique
from balancing.components.techniques import get_technique
from balancing.errors import UserError
from sweep.analysis.names import legible
from sweep.analysis.results import Results
from sweep.export.check import Checked
from sweep.export.numbers import Numbers
from sweep.inference.deployed import Deployed
from sweep.report.shared_names import data_name
from sweep.report.text.escape import markdown


@dataclass(frozen=True)
class CardFacts:
    """All of it.

    Args:
        deployed: what is exported.
        results: of the run, or of the fold, that its trials belong to.
        numbers: of what is exported.
        files: the names of what lies beside the card.
        license: as the Hub names licences.
        checked: of the ONNX file; None without one.
        opset: the same.
    """

    deployed: Deployed
    results: Results
    numbers: Numbers
    files: tuple[str, ...]
    license: str = "other"
    checked: Checked | None = None
    opset: int | None = None

    @property
    def data(self) -> str:
        """What the data are called, on one line, without folders."""
        return one_line(data_name(self.results.info["data"]))

    @property
    def classes(self) -> list[str]:
        """(C,) class names for Markdown."""
        return [shown(name) for name in self.deployed.class_names]


def one_line(text: object) -> str:
    """A user's text on one line, without what no file of text can hold."""
    return " ".join(legible(str(text)).split())


def shown(text: object) -> str:
    """A user's text within Markdown: it is shown as it is, and sets nothing else."""
    # What begins a heading, a list or a table elsewhere stands within a sentence here, and autolinks need their colon.
    return markdown(one_line(text)).replace("://", ":&#47;&#47;").replace("#", "\\#")


def code(name: object) -> str:
    """A name of a record as code within Markdown; nothing in it ends the code."""
    return f"`{one_line(str(name).replace('`', ''))}`"


def known_technique(name: str) -> Technique | None:
    """None of one that is not known here."""
    try:
        return get_technique(name)
    except UserError:
        return None
