"""What the numbers do not say."""

from __future__ import annotations

from balancing.data.patients import SPARSE
from sweep.analysis.comparison import fewest_test_patients
from sweep.analysis.run_images import is_phantom
from sweep.report.blocks import Listing
from sweep.report.context import ReportContext
from sweep.report.registry import section
from sweep.report.section import SectionBody
from sweep.report.words.choices import unequal_choices_of
from sweep.report.words.confirming import added_seeds_lines, confirmed_sentence, looks_lines
from sweep.report.words.folds import fold_places, whose_answer
from sweep.report.words.network import limits_of_frozen, network_of
from sweep.report.words.verdict import fewest_in_words


@section("limits", "Limitations", 1400, answers=("limits",))
def limits_section(context: ReportContext) -> SectionBody:
    """What the numbers do not say."""
    run = context.run
    lines = ["This is research software, not for diagnosis; no number here says how a network does on other patients."]
    if is_phantom(run):
        lines.append("The images are drawings made by a program, not patients; no result carries over to medicine.")
    lines += limits_of_frozen(network_of(run))
    tested = max((len(chosen["seeds"]) for chosen in run.selection()), default=0)
    chosen_before = confirmed_sentence(run)
    if tested == 1:
        lines.append("One seed: intervals hold the chance in which patients were tested, not that in training.")
    elif tested:
        but = "" if chosen_before else ", and not the choice of configuration"
        lines.append(
            f"Intervals hold the chance in training ({tested} seeds) and in which patients were tested, on one fixed "
            f"split: not that in which patients trained{but}."
            if not fold_places(run)
            else f"{whose_answer(run)} The configuration is chosen anew in each fold, so that choice is in them as "
            "far as folds choose differently."
        )
    lines += [said for said in (chosen_before, unequal_choices_of(run)) if said]
    lines += looks_lines(run) + added_seeds_lines(run)
    fewest, label = fewest_test_patients(run)
    if 0 < fewest < SPARSE:
        lines.append(
            f"Of class {run.class_names[label]} the test split holds {fewest_in_words(run)}: intervals are corrected "
            "for how few they are (Student's t over patients), as far as these are like the patients not seen."
        )
    if any(patient == "" for patient in run.split()["patient"]):
        lines.append("Not every image has a known patient; one without is taken for a patient of its own.")
    lines += [
        f"Equivalent means within {run.margin:g} of the baseline in the metric that decides, shown at the 5 % level of "
        "each technique by itself; whether that margin matters to patients is not for this report to say.",
        "Beside the deciding metric nothing is adjusted: of twenty differences that are none, one has an interval that "
        "leaves out zero.",
        "In the results and differences decisions are made for the most probable class; thresholds are tuned, on "
        "validation, only where the report says so.",
        "McNemar's and DeLong's tests take images of one patient as independent.",
        "A class activation map shows what spoke for a decision, coarsely; not why, nor that it was right.",
    ]
    return SectionBody([Listing(lines)])
