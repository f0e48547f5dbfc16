"""Figures draw for every shape of run, say what they show, and come out the same each time."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import matplotlib
import pytest

from sweep.analysis.figures.confusion import confusion_plot
from sweep.analysis.figures.epochs import epochs_plot
from sweep.analysis.figures.learning_rate import learning_rate_plot
from sweep.analysis.figures.recall_specificity import recall_specificity_plot
from sweep.analysis.figures.records import number_plots
from sweep.analysis.figures.style import png, style, svg
from sweep.analysis.results import Results
from sweep.analysis.tables import confusion_matrices, confusion_matrices_table
from tests.sweep.fake_run import SIX, fake_images, fake_run

HOSTILE = ("--><script>alert(1)</script>", "$\\frac{1$ & 50 % _x_", "c")


@pytest.mark.parametrize(
    ("classes", "arguments", "names"),
    [
        (2, {}, {"recall_specificity", "confusion", "balanced_accuracy_by_epoch", "recall_by_epoch", "learning_rate"}),
        (
            2,
            {"techniques": ("baseline",), "seeds": 1, "epochs": 1, "lrs": (0.001,), "failing": False},
            {"recall_specificity", "confusion", "balanced_accuracy_by_epoch", "recall_by_epoch", "learning_rate"},
        ),
        (
            5,
            {"lrs": (1e-4, 1e-3, 1e-2)},
            {"recall_specificity", "confusion", "balanced_accuracy_by_epoch", "learning_rate"},
        ),
        (
            10,
            {"techniques": SIX[:4], "lrs": (0.001,), "failing": False},
            {"recall_specificity", "confusion", "balanced_accuracy_by_epoch", "learning_rate"},
        ),
    ],
)
def test_every_shape_of_run_has_its_figures(
    tmp_path: Path, classes: int, arguments: dict[str, Any], names: set[str]
) -> None:
    images = fake_images(tmp_path / "images", tuple(f"class {i}" for i in range(classes)), size=8)
    plots = number_plots(Results(fake_run(tmp_path / "run", images, **arguments)))
    assert {plot.name for plot in plots} == names
    for plot in plots:
        assert plot.caption.endswith(".")
        assert plot.alt
        assert png(plot.figure, 40).startswith(b"\x89PNG")


def test_a_name_is_text_in_every_figure_and_equal_runs_give_equal_files(tmp_path: Path) -> None:
    run = fake_run(tmp_path / "run", fake_images(tmp_path / "images", HOSTILE, size=8), lrs=(0.001,))
    before = dict(matplotlib.rcParams)
    first, second = ([svg(plot.figure) for plot in number_plots(Results(run))] for _ in range(2))
    assert first == second
    assert dict(matplotlib.rcParams) == before
    everything = ""
    for text in first:
        root = ET.fromstring(text)
        assert not [element for element in root.iter() if element.tag.endswith("script")]
        everything += " ".join(root.itertext())
    assert "--><script>" in everything
    assert "$\\frac{1$ & " in everything


def test_epoch_lines_are_means_over_the_chosen_configurations_seeds(tmp_path: Path) -> None:
    run = fake_run(tmp_path / "run", fake_images(tmp_path / "images", size=8))
    plot = epochs_plot(Results(run), "recall")
    assert plot is not None
    epochs = run.epochs()
    chosen = Results(run).chosen_trials()
    axes = plot.figure.axes[0]
    for line, technique in zip(axes.get_lines(), SIX, strict=True):
        ids = chosen[chosen["technique"] == technique]["trial_id"]
        expected = epochs[epochs["trial_id"].isin(ids)].groupby("epoch")["recall"].mean()
        assert list(line.get_ydata()) == pytest.approx(list(expected))


def test_nothing_to_draw_is_no_figure(tmp_path: Path) -> None:
    images = fake_images(tmp_path / "images", size=8)
    run = fake_run(tmp_path / "run", images, opened=False)
    assert recall_specificity_plot(Results(run)) is None
    run.write_selection([])
    assert epochs_plot(Results(run), "recall") is None
    assert learning_rate_plot(Results(run)) is not None
    run.write_specs([])
    assert number_plots(Results(run)) == []


def test_style_does_not_leak() -> None:
    before = matplotlib.rcParams["svg.fonttype"]
    with style():
        assert matplotlib.rcParams["svg.fonttype"] == "none"
    assert matplotlib.rcParams["svg.fonttype"] == before


def test_many_classes_keep_the_confusion_figure_and_its_table_small(tmp_path: Path) -> None:
    names = tuple(f"class {i}" for i in range(40))
    images = fake_images(tmp_path / "images", names, per_class=[8] * 40, size=4)
    run = fake_run(tmp_path / "run", images, techniques=SIX[:2], lrs=(0.001,), failing=False, epochs=1)
    plot = confusion_plot(Results(run))
    assert plot is not None
    written = svg(plot.figure)
    assert "class 17" not in written + plot.caption + plot.alt
    assert "80 images of 40 classes" in plot.caption
    assert max(plot.figure.get_size_inches()) < 20
    table = confusion_matrices_table(Results(run))
    assert list(table.columns) == ["technique", "seed", "true class", "decided class", "images"]
    counts = confusion_matrices(Results(run))
    assert table["images"].sum() == sum(int(matrix.sum()) for matrix in counts.values())
    assert len(table) == sum(int((matrix > 0).sum()) for matrix in counts.values())
