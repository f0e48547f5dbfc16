"""Which hyperparameter matters, against results that were made to hang on one; and what each technique was given."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sweep.analysis.figures.importance import importance_plot
from sweep.analysis.figures.parallel import parallel_plot
from sweep.analysis.figures.style import png, svg
from sweep.analysis.hyperparameters.factors import ended_trials, factor_name, factors
from sweep.analysis.hyperparameters.importance import FEW_CONFIGURATIONS, Importance, importance
from sweep.analysis.results import Results
from sweep.report.blocks import Figures, Paragraph
from sweep.report.context import ReportContext
from sweep.report.sections.hyperparameters import hyperparameters_section
from sweep.runs.run import Run
from sweep.runs.selection import select
from sweep.runs.spec import TrialSpec
from tests.sweep.fake_run import SIX, fake_images, fake_run

Result = Callable[[TrialSpec, np.random.Generator], float]
LRS = tuple(10.0 ** np.linspace(-4, -2, 8))


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def made(folder: Path, result: Result, draws: int = 8) -> Run:
    """A run of six techniques, ``draws`` learning rates, two seeds, whose validation metric is ``result``."""
    run = fake_run(folder / "run", fake_images(folder / "images", size=8), lrs=LRS[:draws], failing=False, epochs=1)
    draw = np.random.default_rng(1)
    strengths = draw.permutation(np.linspace(0, 1, draws)).round(2)
    specs = []
    for old in run.specs():
        own = {"k_neighbors": 3 + old.draw % 5} if "smote" in old.technique else {}
        strength = 0.0 if old.technique == "baseline" else float(strengths[old.draw])
        new = replace(old, strength=strength, parameters=own)
        (run.path / "trials" / old.trial_id).rename(run.path / "trials" / new.trial_id)
        specs.append(new)
        epochs = run.trial(new.trial_id).epochs()
        epochs[0]["balanced_accuracy"] = result(new, draw)
        run.trial(new.trial_id).write_epochs(epochs)
        run.trial(new.trial_id).write_status("done", best_epoch=1)
    run.write_specs(specs)
    run.write_selection(select(run.trials(), "balanced_accuracy"))
    return run


def by_learning_rate(spec: TrialSpec, draw: np.random.Generator) -> float:
    return 0.8 - 0.1 * abs(np.log10(spec.lr) + 3) + 0.004 * draw.normal()


def by_technique(spec: TrialSpec, draw: np.random.Generator) -> float:
    return 0.6 + 0.04 * SIX.index(spec.technique) + 0.004 * draw.normal()


def by_chance(spec: TrialSpec, draw: np.random.Generator) -> float:
    return 0.7 + 0.05 * draw.normal()


def by_own_parameter(spec: TrialSpec, draw: np.random.Generator) -> float:
    return 0.6 + 0.05 * (spec.parameters["k_neighbors"] if spec.technique == "smote" else 5) + 0.004 * draw.normal()


def by_configuration(spec: TrialSpec, draw: np.random.Generator) -> float:
    """Its seeds agree, but no hyperparameter says why."""
    own = np.random.default_rng(int(spec.configuration_id, 16))
    return 0.7 + 0.05 * own.normal() + 0.004 * draw.normal()


@pytest.fixture(scope="module")
def run_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Result], Run]:
    """The run of a kind of result, made once; only read."""
    return functools.cache(lambda result: made(tmp_path_factory.mktemp(result.__name__), result))


@pytest.fixture(scope="module")
def importance_of(run_of: Callable[[Result], Run]) -> Callable[[Result], Importance]:
    """Its importances, computed once."""

    def found(result: Result) -> Importance:
        known = importance(Results(run_of(result)), rng())
        assert known is not None
        return known

    return functools.cache(found)


@pytest.mark.parametrize(("result", "factor"), [(by_learning_rate, "lr"), (by_technique, "technique")])
def test_what_the_result_hangs_on_comes_first(
    importance_of: Callable[[Result], Importance], result: Result, factor: str
) -> None:
    found = importance_of(result)
    table = found.table.set_index("factor")
    assert table.index[0] == factor
    # The only thing that matters accounts for what the forest explains; shuffles are noisy.
    assert table.loc[factor, "importance"] == pytest.approx(found.explained, abs=0.25)
    assert found.explained > 0.6
    assert (table["importance"].drop(factor) < 0.2).all()
    assert found.constant == ["epochs", "batch_size"]
    assert (found.trials, found.configurations) == (96, 48)


def test_an_own_parameter_concerns_its_technique_alone(
    run_of: Callable[[Result], Run], importance_of: Callable[[Result], Importance]
) -> None:
    run = run_of(by_own_parameter)
    trials = ended_trials(Results(run))
    known = factors(trials)
    smote = (trials["technique"] == "smote").to_numpy()
    np.testing.assert_array_equal(known.rows["smote.k_neighbors"], smote)
    column = known.x[:, known.columns["smote.k_neighbors"][0]]
    assert len(np.unique(column[~smote])) == 1
    assert set(column[smote]) == {3, 4, 5, 6, 7}
    assert len(known.columns["technique"]) == 6
    found = importance_of(by_own_parameter)
    shares = found.table.set_index("factor")["importance"]
    assert shares["smote.k_neighbors"] > shares["borderline_smote.k_neighbors"] + 0.1


@pytest.mark.parametrize("result", [by_chance, by_configuration])
def test_chance_is_called_chance(result: Result, run_of: Callable[[Result], Run]) -> None:
    run = run_of(result)
    section = hyperparameters_section(ReportContext(Results(run), rng=rng()))
    assert section is not None
    assert "mostly chance" in section.blocks[0].text  # type: ignore[union-attr]
    drawn = [plot.name for block in section.blocks if isinstance(block, Figures) for plot in block.plots]
    assert drawn == ["learning_rate", "parallel_coordinates"]


def test_the_section_and_its_figures(
    run_of: Callable[[Result], Run], importance_of: Callable[[Result], Importance]
) -> None:
    run = run_of(by_learning_rate)
    section = hyperparameters_section(ReportContext(Results(run), rng=rng()))
    assert section is not None
    assert section.values["importance"] == importance_of(by_learning_rate).table.to_dict("records")  # type: ignore[index]
    assert isinstance(section.blocks[0], Paragraph)
    plots = [plot for block in section.blocks if isinstance(block, Figures) for plot in block.plots]
    assert [plot.name for plot in plots] == ["hyperparameter_importance", "learning_rate", "parallel_coordinates"]
    for plot in plots:
        assert plot.caption.endswith(".")
        assert plot.alt
        assert png(plot.figure, 40).startswith(b"\x89PNG")
    assert "48 configurations" in plots[2].caption
    first, second = parallel_plot(Results(run)), parallel_plot(Results(run))
    assert first is not None
    assert second is not None
    assert svg(first.figure) == svg(second.figure)


def test_few_configurations_are_warned_of(tmp_path: Path) -> None:
    few = made(tmp_path, by_learning_rate, draws=2)
    section = hyperparameters_section(ReportContext(Results(few), rng=rng()))
    assert section is not None
    assert FEW_CONFIGURATIONS > 12
    assert "Caution: 12 configurations are few" in section.blocks[0].text  # type: ignore[union-attr]


def test_lines_end_at_their_configurations_mean(run_of: Callable[[Result], Run]) -> None:
    run = run_of(by_learning_rate)
    plot = parallel_plot(Results(run))
    assert plot is not None
    trials = ended_trials(Results(run))
    means = trials.groupby("configuration", sort=False)["value"].mean()
    expected = np.sort((means - means.min()) / np.ptp(means))
    curves = [line for line in plot.figure.axes[0].get_lines() if len(line.get_xdata()) > 10]  # type: ignore[arg-type]
    assert np.sort([np.asarray(line.get_ydata())[-1] for line in curves]) == pytest.approx(expected)


def test_one_configuration_says_so_and_no_result_is_no_section(tmp_path: Path) -> None:
    images = fake_images(tmp_path / "images", size=8)
    run = fake_run(tmp_path / "run", images, lrs=(0.001,))
    section = hyperparameters_section(ReportContext(Results(run), rng=rng()))
    assert section is not None
    assert len(section.blocks) == 1
    assert "one configuration alone" in section.blocks[0].text  # type: ignore[union-attr]
    run.write_specs([])
    assert parallel_plot(Results(run)) is None
    assert hyperparameters_section(ReportContext(Results(run), rng=rng())) is None
    assert importance(Results(run), rng()) is None


def test_names_of_factors() -> None:
    assert factor_name("lr") == "Learning rate"
    assert factor_name("smote.k_neighbors") == "SMOTE: k neighbors"


def test_importance_figure_draws_a_bar_a_factor(importance_of: Callable[[Result], Importance]) -> None:
    found = importance_of(by_technique)
    plot = importance_plot(found, "balanced_accuracy")
    widths = [patch.get_width() for patch in plot.figure.axes[0].patches]  # type: ignore[attr-defined]
    assert widths == pytest.approx(list(found.table["importance"]))
