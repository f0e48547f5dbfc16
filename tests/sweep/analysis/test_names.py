"""Forty techniques are told apart; the study's look as they did, and a new one recolours nobody."""

from __future__ import annotations

import colorsys
import itertools
from typing import Any

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.text import Text

from balancing.components.axes import TrainingContext, TrainingData
from balancing.components.decorators import augmentation, loss, sampler
from balancing.components.named import STUDY
from sweep.analysis.figures.direct_labels import _apart
from sweep.analysis.figures.style import MOST_IN_LEGEND, style, technique_legend
from sweep.analysis.names import INK, colour, display_name, in_order, marker
from tests.balancing.components.registered import keep_registry

WORDS = ("focal", "margin", "tail", "soft", "ridge", "prior", "logit", "ring", "mean", "far", "near", "deep")
INVENTED = [f"{axis}_of_{word}" for axis in ("sampler", "loss", "augmentation") for word in WORDS]
FORTY = [*STUDY, *INVENTED][:40]


def invent(names: list[str]) -> None:
    for name in names:
        axis = name.partition("_")[0]

        def build(context: TrainingContext) -> Any:
            """Invented."""

        def draw(data: TrainingData, random_state: int) -> Any:
            """Invented."""

        made = draw if axis == "sampler" else build
        made.__name__ = name
        made.__code__ = made.__code__.replace(co_firstlineno=1000 + INVENTED.index(name))
        decorator = {"sampler": sampler, "loss": loss, "augmentation": augmentation}[axis]
        decorator(label=name.replace("_", " ").title(), reference="here")(made)


@pytest.fixture
def forty(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    keep_registry(monkeypatch)
    invent(INVENTED)
    return FORTY


def test_the_study_keeps_its_colours_and_markers() -> None:
    assert [colour(name) for name in STUDY] == ["#1b1c1d", "#0072b2", "#e69f00", "#009e73", "#d55e00", "#cc79a7"]
    assert [marker(name) for name in STUDY] == ["o", "s", "^", "D", "v", "P"]
    assert colour("baseline") == INK


def test_no_colour_serves_twice(forty: list[str]) -> None:
    shown = {name: colour(name) for name in (*forty, "class_weights", "smote+loss_of_tail", "smote+class_weights")}
    assert len(shown) == 43
    assert len(set(shown.values())) == len(shown)
    near = [
        (a, b)
        for a, b in itertools.combinations(shown, 2)
        if np.abs(np.subtract(to_rgb(shown[a]), to_rgb(shown[b]))).max() < 0.03 and marker(a) == marker(b)
    ]
    assert not near, "neither colour nor marker tells these apart"


def test_a_hue_tells_the_axis(forty: list[str]) -> None:
    hues = {name: 360 * colorsys.rgb_to_hls(*to_rgb(colour(name)))[0] for name in INVENTED}
    for axis, middle in (("sampler", 215), ("loss", 355), ("augmentation", 145)):
        own = [hue for name, hue in hues.items() if name.startswith(axis)]
        assert all(abs((hue - middle + 180) % 360 - 180) <= 21 for hue in own)


def test_a_new_name_recolours_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    keep_registry(monkeypatch)
    invent(INVENTED[::2])
    before = {name: (colour(name), marker(name)) for name in (*STUDY, *INVENTED[::2])}
    invent(INVENTED[1::2])
    assert {name: (colour(name), marker(name)) for name in before} == before


def test_labels_come_with_the_component(forty: list[str]) -> None:
    assert display_name("loss_of_tail") == "Loss Of Tail"
    assert display_name("smote+loss_of_tail") == "SMOTE + Loss Of Tail"
    assert display_name("one_of_another_version") == "One of another version"
    assert display_name("gone+smote_2") == "Gone + smote 2"
    assert in_order(reversed(forty))[: len(STUDY)] == list(STUDY)


@pytest.mark.parametrize("n", [MOST_IN_LEGEND, MOST_IN_LEGEND + 1, 40])
@pytest.mark.parametrize("lines", [True, False])
def test_many_techniques_are_labelled_where_they_are(n: int, lines: bool, forty: list[str]) -> None:
    with style():
        figure = Figure(figsize=(4.7, 3), layout="constrained")
        axes = figure.subplots()
        for place, name in enumerate(forty[:n]):
            x, y = [0, 1], [place % 3, place % 5]
            if lines:
                axes.plot(x, y, color=colour(name), marker=marker(name))
            else:
                axes.scatter(x, y, color=colour(name), marker=marker(name))
        technique_legend(figure, forty[:n], lines=lines)
        figure.draw_without_rendering()
    texts = [text for text in axes.texts if text.get_text()]
    if n <= MOST_IN_LEGEND:
        assert not texts
        assert [text.get_text() for text in figure.legends[0].get_texts()] == [display_name(t) for t in forty[:n]]
        return
    assert not figure.legends
    assert {text.get_text(): text.get_color() for text in texts} == {display_name(t): colour(t) for t in forty[:n]}
    extents = [Text.get_window_extent(text) for text in texts]  # without the line to the point
    boxes = sorted((extent.y0, extent.y1) for extent in extents)
    overlaps = [before[1] - after[0] for before, after in itertools.pairwise(boxes)]
    assert max(overlaps) < 2, "pixels by which a name lies over another"


def test_what_no_axes_show_stays_in_the_legend(forty: list[str]) -> None:
    with style():
        figure = Figure(layout="constrained")
        axes = figure.subplots()
        for name in forty[:12]:
            axes.plot([0, 1], [0, 1], color=colour(name))
        technique_legend(figure, forty[:14])
    assert [text.get_text() for text in figure.legends[0].get_texts()] == [display_name(t) for t in forty[12:14]]


@pytest.mark.parametrize("heights", [[0.5] * 12, [0.0, 0.01, 0.99, 1.0], [-1.0, 3.0], [0.2]])
def test_labels_keep_apart_in_their_order(heights: list[float]) -> None:
    places = _apart(heights)
    assert (places > -1e-9).all()
    assert (places <= 1).all()
    assert (np.diff(places) >= min(1 / len(heights), 0.05) - 1e-9).all()
