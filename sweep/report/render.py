"""Writes the report: one HTML page, Markdown, tables as CSV and LaTeX, figures as PNG and SVG."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from markupsafe import Markup, escape

from balancing.errors import UserError
from sweep.analysis.figures.style import WIDTH, Plot, missing_signs, places, png, settle, svg
from sweep.analysis.folds import results_of
from sweep.analysis.names import INK, legible
from sweep.report.blocks import Block
from sweep.report.browser import FOLDER, files_of
from sweep.report.build import Content, gather, report_folder
from sweep.report.checklist import checklist
from sweep.report.context import USUAL_REPORT, ReportContext, ReportOptions
from sweep.report.plugins import sound
from sweep.report.section import plots_of, tables_of
from sweep.report.summary import plain, summary_json
from sweep.report.text.escape import code_block, html_prose, markdown, markdown_prose
from sweep.runs.files import write_atomically
from sweep.runs.run import Run

if TYPE_CHECKING:
    from balancing.data.images import ImageSet
    from sweep.analysis.results import Results

_TEMPLATES = Path(__file__).parent / "templates"
# Dots an inch of photographs inside the page; the files beside it are finer.
_PAGE_DPI = 110
# The page's size of a figure's inch: letters are as large in a wide figure as in the others, which are 34rem at most.
_REM_PER_INCH = 34 / WIDTH


@dataclass(frozen=True)
class _Drawn:
    """A figure with its markup for the page.

    Args:
        natural: the width, in rem, at which its letters are as large as in every other figure.
        axes: JSON of ``places`` where something in it is of a technique; "" elsewhere.
    """

    name: str
    title: str
    caption: str
    alt: str
    wide: bool
    raster: bool
    natural: float
    markup: Markup
    axes: str = ""


def warned(sentence: str) -> None:
    """Warns in Python's way."""
    warnings.warn(sentence, stacklevel=3)


def write_report(
    run: Run,
    images: ImageSet | None = None,
    options: ReportOptions = USUAL_REPORT,
    tell: Callable[[str], None] = warned,
    results: Results | None = None,
) -> Path:
    """Makes RUN/report from the records; the images are needed for activation maps and synthetic samples only.

    Writes index.html (one file, nothing loaded from elsewhere), report.md, summary.json, checklist.md, tables/*.csv and
    *.tex, figures/*.png and *.svg, and images/*.jpg where so many were asked for that they would make the page too
    large. What an earlier report left in those folders is removed.

    Args:
        run: finished or not; what is missing is said in its place.
        images: the run's own images, or None.
        options: what was asked for.
        tell: is given a sentence for each section from elsewhere that could not be made, when all is written.
        results: of this run with the options' margin, where they are read already.
    Returns:
        The path of index.html.
    Raises:
        UserError: the images are not those of the run, or the masks don't fit.
        ValueError: two sections, two tables or two figures of the tool's own have one name.
    """
    results = results_of(run, options.margin) if results is None else results
    folder = report_folder(results)
    _refuse_links(folder)
    content = sound(gather(ReportContext(results, images, options)), _rehearse, results)
    blocks = [block for section in content.sections for block in section.blocks]
    tables, plots = tables_of(blocks), plots_of(blocks)
    _check_names([section.name for section in content.sections])
    _check_names([table.name for table in tables])
    _check_names([plot.name for plot in plots])
    for kind, endings in (("tables", (".csv", ".tex")), ("figures", (".png", ".svg"))):
        for old in (folder / kind).glob("*"):
            if old.suffix in endings:
                old.unlink()
    for table in tables:
        write_atomically(folder / "tables" / f"{table.name}.csv", table.csv().encode())
        write_atomically(folder / "tables" / f"{table.name}.tex", legible(table.latex()).encode())
    drawn = {plot.name: _draw(plot, folder / "figures") for plot in plots}
    _write_pictures(folder / FOLDER, files_of(blocks))
    page = folder / "index.html"
    for path, text in (
        (folder / "report.md", _markdown(content)),
        (folder / "checklist.md", checklist(content)),
        (page, _html(content, drawn)),
    ):
        write_atomically(path, legible(text).encode())
    # JSON has escapes of its own for what can't be written.
    write_atomically(folder / "summary.json", summary_json(results, content).encode(errors="backslashreplace"))
    for fault in content.faults:
        tell(fault)
    if options.paper is not None:
        from sweep.report.paper.write import write_paper

        write_paper(results, content.sections, content.title, options.paper, page, tell)
    return page


def _write_pictures(folder: Path, files: Mapping[str, bytes]) -> None:
    for old in folder.glob("*.jpg"):
        old.unlink()
    for name, picture in files.items():
        write_atomically(folder / name, picture)


def page_html(content: Content) -> str:
    """One HTML page with its figures inside; nothing else is written."""
    plots = plots_of([block for section in content.sections for block in section.blocks])
    return legible(_html(content, {plot.name: _drawn(plot, _pictures(plot)[0]) for plot in plots}))


def _rehearse(content: Content) -> None:
    """All that is done to write the report but for the files; raises what that raises."""
    blocks = [block for section in content.sections for block in section.blocks]
    for table in tables_of(blocks):
        legible(table.csv() + table.latex()).encode()
    drawn = {plot.name: _drawn(plot, _pictures(plot)[0]) for plot in plots_of(blocks)}
    for text in (_markdown(content), checklist(content), _html(content, drawn)):
        legible(text).encode()
    json.dumps(plain([section.values for section in content.sections]), allow_nan=False)


def _refuse_links(folder: Path) -> None:
    """A link would have the report remove and write files that are not the run's.

    Raises:
        UserError: the report's folder, or one in it, is a link.
    """
    for path in (folder, folder / "tables", folder / "figures", folder / FOLDER):
        if path.is_symlink():
            raise UserError(
                f"{path} is a link, and a report is written into its run's own folders alone; remove the link"
            )


def _check_names(names: list[str]) -> None:
    for name in names:
        if names.count(name) > 1:
            raise ValueError(
                f"two parts of the report are called {name}; names of sections, tables and figures must be unique"
            )


def _draw(plot: Plot, folder: Path) -> _Drawn:
    """Writes a figure's files and returns its markup for the page."""
    vector, picture = _pictures(plot)
    write_atomically(folder / f"{plot.name}.svg", vector.encode())
    write_atomically(folder / f"{plot.name}.png", picture)
    return _drawn(plot, vector)


def _pictures(plot: Plot) -> tuple[str, bytes]:
    """As SVG and as PNG."""
    settle(plot.figure)
    return svg(plot.figure), png(plot.figure)


def _drawn(plot: Plot, vector: str) -> _Drawn:
    """With its markup for the page.

    Args:
        vector: its SVG.
    """
    axes = ""
    if plot.raster:
        encoded = base64.b64encode(png(plot.figure, _PAGE_DPI)).decode()
        markup = Markup('<img src="data:image/png;base64,{}" alt="{}">').format(encoded, plot.alt)
    else:
        markup = inline_svg(vector, plot.name, plot.alt)
        axes = json.dumps(places(plot.figure), allow_nan=False) if " data-technique=" in vector else ""
    natural = round(plot.figure.get_figwidth() * _REM_PER_INCH, 1)
    return _Drawn(plot.name, plot.title, caption_of(plot), plot.alt, plot.wide, plot.raster, natural, markup, axes)


def caption_of(plot: Plot) -> str:
    """The caption; with a sentence where no font here has a sign that the picture needs."""
    missing = missing_signs(plot.figure)
    if not missing:
        return plot.caption
    return (
        f"{plot.caption} No font of the machine that drew this has the signs {' '.join(missing[:12])}, so the picture "
        "shows boxes for them; with Noto Sans CJK installed a new report has them."
    )


def inline_svg(text: str, name: str, alt: str) -> Markup:
    """A figure's SVG as part of the page.

    Its ids get the figure's name in front (they must be unique in the page), the ink takes the colour of the page's
    text, and the white behind it goes, so that it follows light and dark.

    Args:
        text: what ``sweep.analysis.figures.style.svg`` wrote; it has escaped every text inside.
    """
    body = text[text.index("<svg") :]
    body = re.sub(r"<metadata>.*?</metadata>", "", body, flags=re.DOTALL)
    body = re.sub(r'(<g id="patch_1">\s*<path d="[^"]*" style="fill: )#ffffff', r"\1none", body)
    body = re.sub(r'(\sid="|url\(#|href="#)', rf"\g<1>{name}-", body)
    body = _without_repeated_ids(body)
    body = re.sub(rf"((?:fill|stroke): ){INK}", r"\1currentColor", body)
    body = re.sub(r'(<svg[^>]*?)\swidth="[^"]*"', r"\1", body, count=1)
    body = re.sub(r'(<svg[^>]*?)\sheight="[^"]*"', r"\1", body, count=1)
    return Markup(body.replace("<svg", f'<svg role="img" aria-label="{escape(alt)}"', 1))


def _without_repeated_ids(body: str) -> str:
    """Equal images and paths get equal ids from matplotlib; the page may hold each id once."""
    seen: set[str] = set()

    def keep_first(found: re.Match[str]) -> str:
        repeated = found[0] in seen
        seen.add(found[0])
        return "" if repeated else found[0]

    return re.sub(r'\sid="[^"]*"', keep_first, body)


def _html(content: Content, drawn: Mapping[str, _Drawn]) -> str:
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=select_autoescape(default=True, default_for_string=True),
        undefined=StrictUndefined,
        trim_blocks=False,
    )
    environment.filters["prose"] = html_prose
    script = "\n".join((_TEMPLATES / f"{name}.js").read_text(encoding="utf-8") for name in ("table", "figures"))
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()

    def show(block: Block) -> Markup:
        return Markup(environment.from_string(block.html).render(block=block, show=show, drawn=drawn))

    blocks = [block for section in content.sections for block in section.blocks]
    return environment.get_template("index.html.j2").render(
        content=content,
        beside="'self' file:" if files_of(blocks) else "",
        show=show,
        style=Markup((_TEMPLATES / "style.css").read_text(encoding="utf-8")),
        script=Markup(script),
        script_hash=f"sha256-{digest}",
    )


def _markdown(content: Content) -> str:
    # Not HTML: every value goes through the ``md`` filter or into a code block instead.
    environment = Environment(loader=FileSystemLoader(_TEMPLATES), autoescape=False, undefined=StrictUndefined)
    environment.filters |= {"md": markdown, "prose": markdown_prose, "code": code_block}

    def show(block: Block) -> str:
        return environment.from_string(block.markdown).render(block=block, show=show)

    text = environment.get_template("report.md.j2").render(content=content, show=show)
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"
