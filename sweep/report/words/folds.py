"""What a report says of folds: whose answer it gives, how numbers are put together, and what is not there."""

from __future__ import annotations

from dataclasses import replace

from sweep.analysis.folds import FoldResults
from sweep.analysis.results import Results
from sweep.report.blocks import Block, Paragraph
from sweep.report.context import ReportContext
from sweep.runs.folds import Place, places_of


def fold_places(run: Results) -> list[Place]:
    """The folds that a run is made of, begun or not; [] of one split, and of plain arrays."""
    return places_of(run.run) if isinstance(run, FoldResults) else []


def tested_on(run: Results) -> str:
    """What a test number is of: ``Test split``, or all folds."""
    places = fold_places(run)
    return f"All {places[0].folds} folds together" if places else "Test split"


def whose_answer(run: Results) -> str:
    """Whether numbers are of this split or of the population; "" of plain arrays, which don't tell."""
    if not run.is_of_run:
        return ""
    places = fold_places(run)
    if not places:
        return (
            "Asked is what techniques do when trained again on these very training patients and tested on other "
            "patients: one split, so intervals do not hold the chance in which patients trained (--folds does)."
        )
    again = f", in {places[0].repeats} repeats" if places[0].repeats > 1 else ""
    return (
        "Asked is the population's answer: what a technique would do, trained on another data set of this size and "
        f"kind. Every patient was tested once{again}, by networks that had not seen them; intervals hold which "
        "patients were tested, which trained, and training's own chance."
    )


def unfinished(run: Results) -> str:
    """A sentence where not all folds were tested; "" else."""
    places = fold_places(run)
    if not isinstance(run, FoldResults) or len(run.counted) == len(places):
        return ""
    begun, counted = len(run.folds), [str(place) for place in run.counted]
    said = f"the numbers are of {', '.join(counted)} alone" if counted else "none is tested yet"
    return f"This run is unfinished: {begun} of {len(places)} folds have begun, and {said}; `sweep resume` goes on."


def audited_fold(run: Results) -> str:
    """That the audit looked at the first fold's parts, whose counts stand for all; "" of one split."""
    places = fold_places(run)
    if not places:
        return ""
    return (
        f"The data were audited as {places[0]} cuts them; the counts of every fold are under Folds, and each fold's "
        "own report has its audit."
    )


def of_one_fold(context: ReportContext) -> tuple[ReportContext, list[Block]]:
    """What a section that needs one network or split reads: of folds the best one's, with a sentence that says so."""
    run = context.run
    if not isinstance(run, FoldResults) or run.best is None:
        return context, []
    place, results = run.best
    said = f"Shown for {place} alone, whose chosen networks did best on their validation images."
    return replace(context, results=results), [Paragraph(said)]


def method_lines(run: FoldResults) -> list[str]:
    """How numbers of several folds are put together, a sentence each."""
    narrow = ""
    if fold_places(run)[0].repeats > 1:  # they average out what each network errs on, which is not enlarged
        narrow = " In simulations intervals of large differences then held the truth in 91 to 93 %."
    return [
        "Each fold is a run of its own: configuration, epoch, threshold and temperature are chosen on its own "
        "validation images, and its test images are opened once, after that.",
        "Rates (recall, specificity, balanced accuracy, F1, calibration) are of all folds' decisions and probabilities "
        "together. Scores of different networks have no common scale, so AUROC, average precision, curves and "
        "operating points are the mean over folds.",
        "The bootstrap draws all patients. They also trained the other folds' networks, so their part of every "
        "variance is enlarged by a quarter (docs/statistics.md says why); repeats add no patients." + narrow,
        "Activation maps, synthetic samples and class averages are those of one fold, named there.",
    ]
