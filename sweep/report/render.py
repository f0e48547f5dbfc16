"""Writes the report: one HTML page, Markdown, tables as CSV and LaTeX, figures as PNG and SVG."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from markupsafe import Markup, escape

from sweep.analysis.figure import Plot, png, settle, svg
from sweep.analysis.naming import INK
from sweep.analysis.snapshot import Snapshot
from sweep.records import Run, write_atomically
from sweep.report.content import gather, report_folder
from sweep.report.shown import Table
from sweep.report.text import code_block, markdown

if TYPE_CHECKING:
    from balancing.images import ImageSet

_TEMPLATES = Path(__file__).parent / "templates"
# Dots an inch of photographs inside the page; the files beside it are finer.
_PAGE_DPI = 110


@dataclass(frozen=True)
class _Drawn:
    """A figure with its markup for the page."""

    name: str
    title: str
    caption: str
    alt: str
    wide: bool
    raster: bool
    markup: Markup


def write_report(run: Run, images: ImageSet | None = None, *, cams: bool = True) -> Path:
    """Makes RUN/report from the records alone; the images are needed for the class activation maps only.

    Writes index.html (one file, nothing loaded from elsewhere), report.md, tables/*.csv and *.tex, figures/*.png and
    *.svg. What an earlier report left in those two folders is removed.

    Args:
        run: finished or not; what is missing is said in its place.
        images: the run's own images, or None.
        cams: whether to draw class activation maps where ``images`` are given.
    Returns:
        The path of index.html.
    Raises:
        UserError: the images are not those of the run.
    """
    run = Snapshot(run.path)
    content = gather(run, images, cams)
    folder = report_folder(run)
    for kind, endings in (("tables", (".csv", ".tex")), ("figures", (".png", ".svg"))):
        for old in (folder / kind).glob("*"):
            if old.suffix in endings:
                old.unlink()
    for table in (value for value in content.values() if isinstance(value, Table)):
        write_atomically(folder / "tables" / f"{table.name}.csv", table.csv().encode())
        write_atomically(folder / "tables" / f"{table.name}.tex", table.latex().encode())
    drawn = {plot.name: _draw(plot, folder / "figures") for plot in [*content["plots"], content["cams"]] if plot}
    content["plots"] = [drawn[plot.name] for plot in content["plots"]]
    content["cams"] = drawn[content["cams"].name] if content["cams"] else None
    write_atomically(folder / "report.md", _markdown(content).encode())
    page = folder / "index.html"
    write_atomically(page, _html(content).encode())
    return page


def _draw(plot: Plot, folder: Path) -> _Drawn:
    """Writes a figure's files and returns its markup for the page."""
    settle(plot.figure)
    vector = svg(plot.figure)
    write_atomically(folder / f"{plot.name}.svg", vector.encode())
    write_atomically(folder / f"{plot.name}.png", png(plot.figure))
    if plot.raster:
        encoded = base64.b64encode(png(plot.figure, _PAGE_DPI)).decode()
        markup = Markup('<img src="data:image/png;base64,{}" alt="{}">').format(encoded, plot.alt)
    else:
        markup = inline_svg(vector, plot.name, plot.alt)
    return _Drawn(plot.name, plot.title, plot.caption, plot.alt, plot.wide, plot.raster, markup)


def inline_svg(text: str, name: str, alt: str) -> Markup:
    """A figure's SVG as part of the page.

    Its ids get the figure's name in front (they must be unique in the page), the ink takes the colour of the page's
    text, and the white behind it goes, so that it follows light and dark.

    Args:
        text: what ``sweep.analysis.figure.svg`` wrote; it has escaped every text inside.
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


def _html(content: dict[str, Any]) -> str:
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=select_autoescape(default=True, default_for_string=True),
        undefined=StrictUndefined,
        trim_blocks=False,
    )
    script = (_TEMPLATES / "table.js").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return environment.get_template("index.html.j2").render(
        **content,
        style=Markup((_TEMPLATES / "style.css").read_text(encoding="utf-8")),
        script=Markup(script),
        script_hash=f"sha256-{digest}",
    )


def _markdown(content: dict[str, Any]) -> str:
    # Not HTML: every value goes through the ``md`` filter or into a code block instead.
    environment = Environment(loader=FileSystemLoader(_TEMPLATES), autoescape=False, undefined=StrictUndefined)
    environment.filters |= {"md": markdown, "code": code_block}
    text = environment.get_template("report.md.j2").render(**content)
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"
