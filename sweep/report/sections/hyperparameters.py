"""The report's part on hyperparameters: what the result hangs on besides the technique."""

from __future__ import annotations

from typing import Annotated, Any, TypedDict

from sweep.analysis.figures.importance import importance_plot
from sweep.analysis.figures.learning_rate import learning_rate_plot
from sweep.analysis.figures.parallel import parallel_plot
from sweep.analysis.hyperparameters.factors import ended_trials, factor_name
from sweep.analysis.hyperparameters.importance import FEW_CONFIGURATIONS, LITTLE, Importance, importance
from sweep.analysis.names import inline_name
from sweep.hyperparameters import shown_in
from sweep.report.blocks import Block, Figures, Paragraph
from sweep.report.context import ReportContext
from sweep.report.registry import section
from sweep.report.section import SectionBody
from sweep.report.summary_types import Count
from sweep.report.text.numbers import percent
from sweep.report.words.confirming import confirmed_sentence

REFERENCES = (
    (
        "Importance of hyperparameters",
        "Breiman, Machine Learning 45, 2001 (permutation in forests); Gregorutti et al., Statistics and Computing 27, "
        "2017; Hutter et al., ICML 2014",
    ),
)


class ImportanceRow(TypedDict):
    factor: str
    importance: float | None
    low: float | None
    high: float | None


class HyperparametersSummary(TypedDict):
    """what the validation metric hangs on"""

    explained: Annotated[float | None, "R2 of the forest on held-out configurations"]
    trials: Count
    configurations: Count
    importance: list[ImportanceRow]


@section(
    "hyperparameters",
    "Hyperparameters",
    1000,
    question="What does the result hang on besides the technique?",
    summary=HyperparametersSummary,
    answers=("hyperparameters",),
    references=REFERENCES,
)
def hyperparameters_section(context: ReportContext) -> SectionBody | None:
    """What the validation metric hangs on, and every configuration beside the others.

    Returns:
        None where no trial has ended with a result. With one configuration a technique, a paragraph that says so.
    """
    run = context.run
    trials = ended_trials(run)
    if trials.empty:
        return None
    configurations = trials.groupby("technique")["configuration"].nunique()
    if configurations.max() < 2:
        one = trials.iloc[0]
        later = [f", {h.label.lower()} {h.text.format(one[h.name])}" for h in shown_in(trials.columns) if h.later]
        text = (
            "Each technique was tried with one configuration alone (learning rate "
            f"{_either(trials['lr'])}, {one['epochs']} epochs, batch size {one['batch_size']}{''.join(later)}), so "
            "nothing can be said about how much the result hangs on its hyperparameters; a comparison at other "
            "settings may end otherwise. Several learning rates (`--lr 1e-4..1e-2 --trials 8`) would tell."
        )
        return SectionBody([Paragraph(text)], references=())
    metric, said = run.metric, confirmed_sentence(run)
    blocks: list[Block] = [Paragraph(f"{said} What follows is of the trials that explored.")] if said else []
    found = importance(run, context.rng)
    if found is None:
        blocks.append(Paragraph(f"{len(trials)} trials are too few to rank the hyperparameters by importance."))
    else:
        blocks.append(Paragraph(_in_words(found, metric)))
        if found.explained >= LITTLE:  # else its bars would show noise
            blocks.append(Figures([importance_plot(found, metric)]))
    plots = [plot for plot in (learning_rate_plot(run), parallel_plot(run)) if plot is not None]
    blocks += [Figures([plot]) for plot in plots]
    values: dict[str, Any] | None = None
    if found is not None:
        values = {"explained": found.explained, "trials": found.trials, "configurations": found.configurations}
        values |= {"importance": found.table.to_dict("records")}
    return SectionBody(blocks, values, references=REFERENCES if found is not None else ())


def _either(values: object) -> str:
    rates = sorted({float(v) for v in values})  # type: ignore[attr-defined]
    return f"{rates[0]:g}" if len(rates) == 1 else f"{rates[0]:g} to {rates[-1]:g}"


def _in_words(found: Importance, metric: str) -> str:
    name = inline_name(metric)
    table = found.table
    if found.explained < LITTLE:
        text = (
            f"A random forest that knows a trial's technique and hyperparameters hardly tells its validation {name} "
            f"(R² {found.explained:.2f} on trials held out): what differs between trials is mostly chance, or too few "
            "trials are there to see more."
        )
    else:
        matter = table[table["low"] > 0]
        text = (
            f"A random forest that knows a trial's technique and hyperparameters explains "
            f"{percent(max(found.explained, 0.0))} of the variance of validation {name} (on trials held out)."
        )
        if len(matter):
            first = [
                f"{factor_name(r['factor'])} ({percent(max(r['importance'], 0.0))})"
                for _, r in matter.iloc[:3].iterrows()
            ]
            text += f" The shares of it: {', '.join(first)}."
        if "technique" in set(table["factor"]) and table["factor"].iloc[0] != "technique":
            rank = int(table.index[table["factor"] == "technique"][0]) + 1
            text += f" The technique itself comes {_ordinal(rank)} of {len(table)}."
    if found.configurations < FEW_CONFIGURATIONS:
        text += (
            f" Caution: {found.configurations} configurations are few; hyperparameters that varied together can't be "
            "told apart."
        )
    if found.constant:
        text += f" The same in every trial: {', '.join(_inline(c) for c in found.constant)}."
    return text


def _inline(factor: str) -> str:
    """A factor's name inside a sentence; a technique's name stays as it is."""
    return factor_name(factor) if "." in factor else factor_name(factor).lower()


def _ordinal(n: int) -> str:
    return {1: "first", 2: "second", 3: "third"}.get(n, f"{n}th")
