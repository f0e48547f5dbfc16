"""What every figure shares."""

from __future__ import annotations

import warnings

from matplotlib.figure import Figure

from sweep.analysis.figures.style import Plot, families, missing_signs, png, style
from sweep.report.render import caption_of


def drawn(title: str) -> Plot:
    with style():
        figure = Figure(figsize=(2, 1))
        figure.add_subplot().set_title(title)
    return Plot("one", "One", figure, "It is one.", "One.")


def test_signs_that_no_font_here_has_are_said_beneath_the_picture() -> None:
    rare = "\U00013080"  # a hieroglyph, which none of the fonts that are looked for has
    plot = drawn(f"class {rare}{rare} é ü ≥")
    assert missing_signs(plot.figure) == rare
    assert caption_of(plot).startswith(f"It is one. No font of the machine that drew this has the signs {rare}, so")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert png(plot.figure).startswith(b"\x89PNG")


def test_latin_greek_and_mathematical_signs_need_no_note() -> None:
    plot = drawn("A&E <5 mm, 100% $x_1$ #2, Müdigkeit, αβγ, κ ≤ 0.5")
    assert missing_signs(plot.figure) == ""
    assert caption_of(plot) == "It is one."
    assert families()[0] == "DejaVu Sans"
