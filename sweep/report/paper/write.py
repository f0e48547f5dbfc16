"""Writes the folder ``paper``: what an author edits stays as the author left it."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from balancing.errors import UserError
from sweep.analysis.figures.journal import JournalFigure, journal_figures
from sweep.analysis.names import legible
from sweep.analysis.results import Results
from sweep.report.paper.bibliography import Bibliography, in_latex
from sweep.report.paper.guideline import all_filled
from sweep.report.paper.methods import methods
from sweep.report.paper.results import results_tex
from sweep.report.section import Section
from sweep.report.text.escape import latex, markdown
from sweep.runs.files import DamagedFile, read_json, write_atomically, write_json

_WRITTEN = "written.json"  # name -> digest of what the tool wrote there


def write_paper(
    run: Results,
    sections: Sequence[Section],
    title: str,
    folder: Path,
    page: Path,
    tell: Callable[[str], None],
) -> None:
    """Makes the folder: results.tex, methods.md and .tex, references.bib, the guidelines, and figures.

    A file that was changed since it was written here is left as it is; what would stand in it now goes beside it.

    Args:
        run: whose numbers they are.
        sections: of the report, which the guidelines' items lead to.
        title: of the report.
        folder: where to.
        page: the report's page.
        tell: is given a sentence for each file that somebody has changed.
    Raises:
        UserError: the folder is a link, or can't be written.
    """
    if folder.is_symlink() or (folder / "figures").is_symlink():
        raise UserError(f"{folder} is or holds a link, and nothing is written through links; remove it")
    inside = folder.resolve().is_relative_to(page.parent.resolve())
    link = Path(os.path.relpath(page, folder)).as_posix() if inside else page.name
    cited = Bibliography()
    paragraphs = methods(run, cited)
    texts = {
        "results.tex": results_tex(run),
        "methods.md": _methods_md(paragraphs),
        "methods.tex": _methods_tex(paragraphs),
        "references.bib": cited.bibtex(),
        **all_filled(sections, link, title),
    }
    figures = journal_figures(run)
    texts["figures.md"] = _captions(figures)
    files = {name: legible(text).encode() for name, text in texts.items()}
    for figure in figures:
        files |= {f"figures/{figure.name}.pdf": figure.pdf, f"figures/{figure.name}.png": figure.png}
    write_files(folder, files, tell)


def write_files(folder: Path, files: Mapping[str, bytes], tell: Callable[[str], None]) -> None:
    """Writes files that nobody has changed since they were written here, and removes those that are no more.

    Args:
        folder: made where missing.
        files: name within it -> content.
        tell: as of ``write_paper``.
    Raises:
        UserError: a file is a link.
    """
    try:
        before = read_json(folder / _WRITTEN, dict)
    except (FileNotFoundError, DamagedFile):
        before = {}
    digests = {}
    for name, content in files.items():
        path = folder / name
        if path.is_symlink():
            raise UserError(f"{path} is a link, and nothing is written through links; remove it")
        now = _digest(path.read_bytes()) if path.is_file() else None
        new = _digest(content)
        if now not in (None, new) and now != before.get(name):
            beside = path.with_name(f"{path.stem}.new{path.suffix}")
            write_atomically(beside, content)
            digests[name] = before.get(name, "")
            tell(f"{path} was changed by hand and is left as it is; what the run says now is in {beside.name}.")
            continue
        write_atomically(path, content)
        digests[name] = new
    for name in set(before) - set(files):  # a figure that this run has no more, if nobody changed it
        path = folder / name
        own = path.resolve().is_relative_to(folder.resolve()) and path.is_file() and not path.is_symlink()
        if own and _digest(path.read_bytes()) == before[name]:
            path.unlink()
    write_json(folder / _WRITTEN, digests)


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _methods_md(paragraphs: Sequence[tuple[str, str]]) -> str:
    lines = ["# Methods", ""]
    for heading, text in paragraphs:
        lines += [f"**{heading}.** {_prose(text)}", ""]
    lines += ["Citations are of `references.bib`; `pandoc --citeproc --bibliography references.bib` sets them.", ""]
    return "\n".join(lines)


def _prose(text: str) -> str:
    """Names as they are, and citations as Pandoc reads them."""
    escaped = markdown(text)
    return escaped.replace(r"\[@", "[@").replace(r"\[AUTHORS", "[AUTHORS").replace(r"\]", "]")


def _methods_tex(paragraphs: Sequence[tuple[str, str]]) -> str:
    lines = ["% Needs the package textcomp; citations are of references.bib.", ""]
    for heading, text in paragraphs:
        lines += [rf"\paragraph{{{latex(heading)}.}} {in_latex(text)}", ""]
    return "\n".join(lines)


def _captions(figures: Sequence[JournalFigure]) -> str:
    """Each figure's caption, beneath its file's name."""
    lines = ["# Figures", ""]
    for figure in figures:
        lines += [f"**figures/{figure.name}.pdf** {markdown(figure.plot.title)}. {markdown(figure.plot.caption)}", ""]
    return "\n".join(lines)
