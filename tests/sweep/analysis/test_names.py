"""Forty techniques are told apart; the study's look as they did, and a new one recolours nobody."""

from __future__ import annotations

import colorsys
import itertools
from typing import Any

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from balancing.components.axes import TrainingContext, TrainingData
from balancing.components.decorators import augmentation, loss, sampler
from balancing.components.named import STUDY
from sweep.analysis.figures.style import GRID, technique_legend
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


@pytest.mark.parametrize("lines", [True, False])
def test_the_legend_names_each_in_colour_and_counts_the_others(lines: bool, forty: list[str]) -> None:
    figure = Figure(layout="constrained")
    figure.subplots()
    technique_legend(figure, forty[:8], others=32, lines=lines)
    legend = figure.legends[0]
    assert [text.get_text() for text in legend.get_texts()] == [*map(display_name, forty[:8]), "32 others"]
    shown = [handle.get_color() for handle in legend.legend_handles]
    assert shown == [*map(colour, forty[:8]), GRID]
