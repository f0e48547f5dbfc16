"""What every figure shares: fonts, colours, size, and how it is written. No pyplot, no lasting global state."""

from __future__ import annotations

import base64
import io
import re
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from html import escape
from textwrap import wrap
from typing import Any

import matplotlib
from matplotlib import font_manager
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.text import Text

from sweep.analysis.names import INK, check_name, colour, display_name, legible, marker

# Inches. Narrow enough that a phone shows the letters at a readable size; two stand side by side on a wide page.
WIDTH = 4.7
GRID = "#9a9a9a"
# Families that have what DejaVu Sans has not (Chinese, Japanese, Korean, Indian scripts ...), where they are installed.
_OTHER_SCRIPTS = (
    "Noto Sans CJK SC", "Noto Sans CJK JP", "Noto Sans CJK KR", "Noto Sans SC", "Source Han Sans SC",
    "WenQuanYi Zen Hei", "WenQuanYi Micro Hei", "PingFang SC", "Hiragino Sans GB", "Microsoft YaHei", "SimHei",
    "Arial Unicode MS", "Noto Sans Devanagari", "Noto Sans Thai", "Noto Sans Bengali", "Noto Sans Tamil",
    "Noto Sans", "Unifont",
)  # fmt: skip
_OF = "of-technique:"  # begins the id of a group that is of one technique
# How lines and points of techniques look that are not among the few in colour.
OTHER: Any = {"color": GRID, "alpha": 0.5, "zorder": 1.5}

_STYLE: Any = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 9.5,
    "axes.titlesize": 9.5,
    "axes.labelsize": 9.5,
    "xtick.labelsize": 8.5,
    "ytick.labelsize": 8.5,
    "legend.fontsize": 8.5,
    "text.color": INK,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.titlecolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.linewidth": 0.7,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": False,
    "lines.linewidth": 1.8,
    "legend.frameon": False,
    "figure.facecolor": "white",
    "axes.facecolor": "none",
    # Names of classes and files are text, whatever dollar signs they hold.
    "text.parse_math": False,
    # Text stays text: small files, searchable; and equal input gives equal bytes.
    "svg.fonttype": "none",
    "svg.hashsalt": "balancing-act",
    "axes.unicode_minus": True,
}


@dataclass(frozen=True)
class Plot:
    """A figure with what is said about it.

    Args:
        name: of its files, without ending.
        title: a few words.
        figure: matplotlib's, drawn under ``style()``.
        caption: says what to see; every number in it is computed from the run.
        alt: what the figure shows, for those who don't see it.
        wide: takes the page's whole width.
        raster: shown as PNG even in the page (images inside).
    Raises:
        ValueError: the name is not of small letters, digits and underscores.
    """

    name: str
    title: str
    figure: Figure
    caption: str
    alt: str
    wide: bool = False
    raster: bool = False

    def __post_init__(self) -> None:
        check_name("figure", self.name)

    def _repr_html_(self) -> str:
        """For notebooks."""
        return plot_html(self)


@contextmanager
def style() -> Iterator[None]:
    """Matplotlib's settings for this project's figures, within the block only."""
    with matplotlib.rc_context({**_STYLE, "font.sans-serif": list(families())}), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from")  # ``missing_signs`` says it
        yield


@cache
def families() -> tuple[str, ...]:
    """DejaVu Sans, and behind it the installed fonts that have the signs of other scripts."""
    installed = {font.name for font in font_manager.fontManager.ttflist}
    return ("DejaVu Sans", *(name for name in _OTHER_SCRIPTS if name in installed))


@cache
def _signs() -> frozenset[int]:
    """All that these fonts have."""
    found: set[int] = set()
    for name in families():
        path = font_manager.findfont(name, fallback_to_default=False)
        found.update(font_manager.get_font(path).get_charmap())
    return frozenset(found)


def missing_signs(figure: Figure) -> str:
    """Signs in a figure's texts that no font here has, each once: the PNG shows boxes for them; "" where it has all."""
    texts = "".join(text.get_text() for text in figure.findobj(Text))
    return "".join(sign for sign in dict.fromkeys(texts) if sign.isprintable() and ord(sign) not in _signs())


def settle(figure: Figure) -> None:
    """Lays the figure out once, so that writing it in several formats doesn't do it again."""
    with style():
        figure.draw_without_rendering()
        figure.set_layout_engine(None)  # with "none" each savefig would draw twice


def svg(figure: Figure) -> str:
    """The figure as SVG text; equal for equal figures.

    What is drawn ``of_technique`` has its name as ``data-technique``.
    """
    buffer = io.BytesIO()
    with style():
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    return re.sub(rf' id="{_OF}([^"]*)"', r' data-technique="\1"', legible(buffer.getvalue().decode()))


def of_technique(technique: str) -> dict[str, Any]:
    """Colour and group of what is drawn of a technique, as keywords of ``plot``, ``scatter`` and the like."""
    return {"color": colour(technique), "gid": f"{_OF}{technique}"}


def places(figure: Figure) -> list[dict[str, Any]]:
    """Where the axes are in the figure's SVG, and what they measure, for a page that says values.

    Args:
        figure: settled, see ``settle``.
    Returns:
        Of each visible axes with linear or logarithmic scales: ``box`` (left, top, right, bottom, in points from the
        upper left), ``x`` and ``y`` (value at the box's left and right, bottom and top), ``log`` (of x, of y) and
        ``names`` (of both, "" where the axes have none).
    """
    height = figure.get_figheight() * 72
    found = []
    for axes in figure.axes:
        scales = axes.get_xscale(), axes.get_yscale()
        if not axes.get_visible() or not set(scales) <= {"linear", "log"}:
            continue
        box = axes.get_window_extent().transformed(figure.dpi_scale_trans.inverted())
        edges = [72 * box.x0, height - 72 * box.y1, 72 * box.x1, height - 72 * box.y0]
        found.append(
            {
                "box": [round(edge, 2) for edge in edges],
                "x": [float(f"{value:.6g}") for value in axes.get_xlim()],
                "y": [float(f"{value:.6g}") for value in axes.get_ylim()],
                "log": [scale == "log" for scale in scales],
                "names": [
                    axes.get_xlabel() or figure.get_supxlabel() or _common(one.get_xlabel() for one in figure.axes),
                    axes.get_ylabel() or figure.get_supylabel() or _common(one.get_ylabel() for one in figure.axes),
                ],
            }
        )
    return found


def _common(names: Iterable[str]) -> str:
    """The one name that axes which share a scale have; "" where there are several."""
    known = set(filter(None, names))
    return known.pop() if len(known) == 1 else ""


def png(figure: Figure, dpi: int = 200) -> bytes:
    """The figure as PNG on white."""
    buffer = io.BytesIO()
    with style():
        figure.savefig(buffer, format="png", dpi=dpi, metadata={"Software": None})
    return buffer.getvalue()


def technique_legend(
    figure: Figure, techniques: Sequence[str], *, others: int = 0, lines: bool = True, columns: int = 3
) -> None:
    """A legend beneath the axes, the same for every figure that tells techniques apart.

    Args:
        techniques: in colour.
        others: how many more are drawn in grey.
        lines: whether they are lines.
    """
    handles = [
        Line2D([], [], color=colour(t), marker=marker(t), markersize=5, linestyle="-" if lines else "none")
        for t in techniques
    ]
    names = [display_name(t) for t in techniques]
    if others:
        handles.append(
            Line2D([], [], color=GRID, marker="" if lines else "o", markersize=4, linestyle=handles[0].get_linestyle())
        )
        names.append(f"{others} other{'s' if others > 1 else ''}")
    if max(map(len, names)) > 20:
        columns = 2
    figure.legend(
        handles, names, loc="outside lower center", ncols=min(columns, len(names)), columnspacing=1.2, handlelength=1.8
    )


def panel_title(axes: Axes, technique: str, *, pad: float = 3) -> None:
    """The technique's name above its panel, on two lines where it is long."""
    axes.set_title("\n".join(wrap(display_name(technique), 26)), loc="left", pad=pad)


def light_grid(axes: Axes, axis: str = "both") -> None:
    """Faint lines to read values by."""
    axes.grid(True, axis=axis, color=GRID, alpha=0.35, linewidth=0.5)  # type: ignore[arg-type]
    axes.set_axisbelow(True)


def plot_html(plot: Plot) -> str:
    """A figure with its title and caption."""
    kind, content = ("png", png(plot.figure)) if plot.raster else ("svg+xml", svg(plot.figure).encode())
    source = f"data:image/{kind};base64,{base64.b64encode(content).decode()}"
    picture = f'<img src="{source}" alt="{escape(plot.alt)}" style="max-width: 100%">'
    caption = f"<b>{escape(plot.title)}.</b> {escape(plot.caption)}"
    return f"<figure>{picture}<figcaption>{caption}</figcaption></figure>"
