"""Every figure of numbers that a run's records can fill."""

from __future__ import annotations

from sweep.analysis.figures.confusion import confusion_plot
from sweep.analysis.figures.epochs import epochs_plot
from sweep.analysis.figures.learning_rate import learning_rate_plot
from sweep.analysis.figures.recall_specificity import recall_specificity_plot
from sweep.analysis.figures.style import Plot
from sweep.analysis.results import Results


def number_plots(run: Results) -> list[Plot]:
    """Every figure that this run's records can fill, in the report's order."""
    plots = [
        recall_specificity_plot(run),
        confusion_plot(run),
        epochs_plot(run, "balanced_accuracy"),
        # Over more than two classes mean recall is balanced accuracy.
        epochs_plot(run, "recall") if run.positive is not None else None,
        learning_rate_plot(run),
    ]
    return [plot for plot in plots if plot is not None]
