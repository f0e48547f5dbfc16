"""The report's part on synthetic images: what the networks were shown instead of real ones."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from typing import Annotated, Any, NotRequired, TypedDict

import numpy as np
import pandas as pd

from sweep.analysis.figures.gallery import MOST_TECHNIQUES, gallery_plot
from sweep.analysis.highlights import highlights
from sweep.analysis.names import display_name
from sweep.analysis.synthetic.in_features import feature_mixtures, feature_specs
from sweep.analysis.synthetic.measure import SAMPLE, chosen_specs, synthetic_numbers
from sweep.analysis.synthetic.two_sample import FOLDS
from sweep.report.blocks import Block, Figures, Folded, Listing, Paragraph
from sweep.report.context import ReportContext
from sweep.report.registry import section
from sweep.report.section import SectionBody
from sweep.report.shared_names import data_name, run_name
from sweep.report.summary_types import CELLS, Count, Reason
from sweep.report.table import Cell, Table, number
from sweep.report.text.intervals import INTERVAL, limits, ranged
from sweep.report.text.lists import techniques_listed
from sweep.report.text.numbers import NONE, decimals, percent
from sweep.report.words.feature_mixtures import feature_blocks
from sweep.report.words.folds import of_one_fold
from sweep.report.words.two_sample import told_apart


def _one(value: float) -> str:
    return decimals(value, 1)


def _two(value: float) -> str:
    return decimals(value, 2)


# Where a classifier tells them from real ones.
_APART = "only grown classes have them, so a network may take how they look for a sign of the class"

_WRITTEN: dict[str, Callable[[float], str]] = {
    "sharpness_ratio": _two,
    "distance": _one,
    "real_distance": _one,
    "near_parent": percent,
    "accuracy": percent,
}

REFERENCES = (
    ("Sharpness", "Pech-Pacheco et al., Diatom autofocusing in brightfield microscopy, ICPR 2000"),
    ("Classifier two-sample test", "Lopez-Paz & Oquab, Revisiting classifier two-sample tests, ICLR 2017"),
)


class SyntheticRow(TypedDict):
    technique: str
    trial_id: str
    seeds: NotRequired[Count]
    training_rows: Count
    synthetic_rows: Count
    sample: Count


class SyntheticSummary(TypedDict):
    """how real synthetic training images look"""

    techniques: list[Annotated[SyntheticRow, CELLS]]
    features: NotRequired[Annotated[list[Annotated[SyntheticRow, CELLS]], "of mixtures of features"]]


@section(
    "synthetic",
    "Synthetic images",
    900,
    question="What were the networks shown instead of real images?",
    summary=Reason | SyntheticSummary,
    answers=("synthetic",),
    references=REFERENCES,
)
def synthetic_section(context: ReportContext) -> SectionBody | None:
    """What the techniques that mix images, or features behind a frozen body, made.

    Returns:
        None where no chosen technique mixes any.
    Raises:
        UserError: other images than the run's.
    """
    again = f"sweep report {run_name(context.run)} --data {shlex.quote(data_name(context.run.info['data']))}"
    context, which = of_one_fold(context)
    run, images = context.run, context.images
    specs, on_features = chosen_specs(run), feature_specs(run)
    if not specs and not on_features:
        return None
    if images is None:
        names = techniques_listed([*specs, *on_features])
        text = (
            f"{names} trained with mixtures of images{' or of their features' if on_features else ''}. The images were "
            f"not at hand when this report was written; add this part by `{again}` with the run's own data."
        )
        return SectionBody([Paragraph(text)], {"reason": text}, references=())
    for_gallery, for_numbers, for_features = context.rng.spawn(3)
    blocks: list[Block] = []
    values: dict[str, Any] = {"techniques": []}
    if specs:
        data = synthetic_numbers(run, images, for_numbers)
        few = data["technique"].isin(highlights(run, data["technique"], MOST_TECHNIQUES))
        blocks, values = _in_words(data[few]), {"techniques": data.to_dict("records")}
        if not few.all():
            blocks.append(Folded(f"The {int((~few).sum())} others in words", _in_words(data[~few])))
        plot = gallery_plot(run, images, for_gallery)
        if plot is not None:
            blocks.append(Figures([plot]))
            blocks.append(_table(data))
            blocks.append(Folded("How these numbers are made", [Listing(_method(data))]))
    from sweep.training.frozen.joining import BODY, NoBody

    mixtures = None
    try:
        mixtures = feature_mixtures(run, images)
    except NoBody:
        text = (
            f"Mixtures of features are not described: {BODY}, the frozen network's weights, is missing or damaged, and "
            "what it made of the images is no longer kept; `sweep resume` makes both anew."
        )
        if not blocks:
            return SectionBody([Paragraph(text)], {"reason": text}, references=())
        blocks.append(Paragraph(text))
    if mixtures is not None:
        more, numbers = feature_blocks(run, images, mixtures, for_features)
        blocks += more
        values["features"] = numbers.to_dict("records")
    return SectionBody([*which, *blocks], values)


def _in_words(data: pd.DataFrame) -> list[Block]:
    """A paragraph a technique."""
    paragraphs: list[Block] = []
    for _, row in data.iterrows():
        name = display_name(row["technique"])
        if not row["sample"]:
            text = f"{name} made no synthetic image here: no class was to grow, or none lay at the border."
            paragraphs.append(Paragraph(text))
            continue
        sharpness = limits(row["sharpness_ratio_low"], row["sharpness_ratio_high"], _two)
        text = (
            f"{name}: {row['synthetic_rows']:,} of its {row['training_rows']:,} training images are synthetic "
            f"({percent(row['synthetic_rows'] / row['training_rows'])}). They have {row['sharpness_ratio']:.2f} of "
            f"the sharpness of real ones ({INTERVAL} {sharpness}), and lie {row['distance']:.1f} grey levels from "
            f"the nearest real training image, where a real one lies {row['real_distance']:.1f} from the nearest other."
        )
        paragraphs.append(Paragraph(f"{text} {told_apart(row, _APART)}"))
    return paragraphs


def _table(data: pd.DataFrame) -> Table:
    rows = []
    for position, (_, row) in enumerate(data.iterrows()):
        cells = [Cell(display_name(row["technique"]), position)]
        cells.append(number(f"{row['synthetic_rows']:,}", row["synthetic_rows"]))
        for name in _WRITTEN:
            value = row.get(name, np.nan)
            cells.append(number(ranged(row, name, _WRITTEN[name]), value) if pd.notna(value) else number(NONE, None))
        rows.append(cells)
    headers = ["Technique", "Synthetic", "Sharpness ratio", "Distance", "Distance, real", "Near a parent", "C2ST"]
    caption = (
        "Synthetic training images beside real ones of the same classes, with 95\N{NO-BREAK SPACE}% intervals. "
        "Sharpness ratio: 1 is as sharp as real. Distance: to the nearest real training image, in grey levels (root "
        "mean square). Near a parent: share whose nearest real image is one it was made of. C2ST: accuracy of a "
        "classifier two-sample test, which tells the two apart; 50\N{NO-BREAK SPACE}% is guessing."
    )
    return Table("synthetic_numbers", caption, headers, rows, data)


def _method(data: pd.DataFrame) -> list[str]:
    return [
        f"Looked at: the training plan of the chosen configuration's first seed, before augmentation; a sample of at "
        f"most {SAMPLE} synthetic images and as many real training images, equally many in every class (here "
        f"{', '.join(str(n) for n in data['sample'])}).",
        "Sharpness: variance of the 3 x 3 Laplacian (Pech-Pacheco et al., ICPR 2000); the ratio is of medians. "
        "A mixture is never sharper than the mean of its parents' values, weighted as they are.",
        "Distance: over all training images of the run, at full size; a real image is not its own neighbour.",
        f"Classifier: logistic regression on 8 x 8 means and on how the Laplacian is distributed at two scales, "
        f"{FOLDS} folds. Images of one patient (without patients: an image and what starts from it) are held out "
        "together, and what shares a parent with a held-out image is left out of that fold's training.",
        "Intervals: patients (images, where patients are unknown) drawn anew, 1,000 times; a mixture goes with the "
        "image it starts from. The classifier is not trained again for them.",
    ]
