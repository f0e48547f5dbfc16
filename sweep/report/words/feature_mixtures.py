"""Mixtures of features in words, a table and pictures, for the report's part on synthetic images."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from sweep.analysis.figures.feature_parents import feature_parents_plot
from sweep.analysis.figures.gallery import MOST_TECHNIQUES
from sweep.analysis.highlights import highlights
from sweep.analysis.names import display_name
from sweep.analysis.results import Results
from sweep.analysis.synthetic.in_features import COMPONENTS_SEEN, FeatureMixtures, feature_numbers
from sweep.analysis.synthetic.measure import SAMPLE
from sweep.analysis.synthetic.two_sample import FOLDS
from sweep.report.blocks import Block, Figures, Folded, Heading, Listing, Paragraph
from sweep.report.table import Cell, Table, number
from sweep.report.text.intervals import INTERVAL, limits, ranged
from sweep.report.text.numbers import NONE, decimals, percent
from sweep.report.words.two_sample import told_apart

if TYPE_CHECKING:
    from balancing.data.images import ImageSet


def _two(value: float) -> str:
    return decimals(value, 2)


# Where a classifier tells them from real ones.
_APART = "to the head that trains on them they are another kind of row than real ones"

_WRITTEN: dict[str, Callable[[float], str]] = {
    "distance": _two,
    "real_distance": _two,
    "distance_ratio": _two,
    "near_parent": percent,
    "accuracy": percent,
}


def feature_blocks(
    run: Results, images: ImageSet, mixtures: FeatureMixtures, rng: np.random.Generator
) -> tuple[list[Block], pd.DataFrame]:
    """What the report says of a run's mixtures of features, and the table behind it.

    Args:
        images: the run's own.
        rng: of samples, intervals and what is shown.
    """
    for_pictures, for_numbers = rng.spawn(2)
    data = feature_numbers(run, mixtures, images.labels, for_numbers)
    few = data["technique"].isin(highlights(run, data["technique"], MOST_TECHNIQUES))
    blocks: list[Block] = [Heading("Mixtures of features"), *_in_words(data[few])]
    if not few.all():
        blocks.append(Folded(f"The {int((~few).sum())} others in words", _in_words(data[~few])))
    plot = feature_parents_plot(run, images, mixtures, for_pictures)
    if plot is not None:
        blocks += [Figures([plot]), _table(data), Folded("How the numbers on features are made", [_method(data)])]
    return blocks, data


def _in_words(data: pd.DataFrame) -> list[Block]:
    paragraphs: list[Block] = []
    for _, row in data.iterrows():
        name = display_name(row["technique"])
        if not row["sample"]:
            text = f"{name} made no mixture here: no class was to grow, or none lay at the border."
            paragraphs.append(Paragraph(text))
            continue
        ratio = limits(row["distance_ratio_low"], row["distance_ratio_high"], _two)
        text = (
            f"{name}: {row['synthetic_rows']:,} of its {row['training_rows']:,} training rows are mixtures of two "
            f"images' features ({percent(row['synthetic_rows'] / row['training_rows'])}). They lie "
            f"{row['distance']:.2f} standard deviations from the nearest real training image, where a real one lies "
            f"{row['real_distance']:.2f} from the nearest other: {row['distance_ratio']:.2f} times as far ({INTERVAL} "
            f"{ratio})."
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
    headers = ["Technique", "Mixtures", "Distance", "Distance, real", "Ratio", "Near a parent", "C2ST"]
    caption = (
        "Mixtures of features beside the features of real images of the same classes, with 95\N{NO-BREAK SPACE}% "
        "intervals. Distance: to the nearest real training image, in standard deviations of a feature (root mean "
        "square); a ratio of 1 is as far as real ones lie from each other. Near a parent: share whose nearest real "
        "image is one it was made of. C2ST: accuracy of a classifier two-sample test, which tells the two apart; "
        "50\N{NO-BREAK SPACE}% is guessing."
    )
    return Table("feature_mixture_numbers", caption, headers, rows, data)


def _method(data: pd.DataFrame) -> Listing:
    return Listing(
        [
            f"Looked at: the training plan of the chosen configuration's first seed; a sample of at most {SAMPLE} "
            "mixtures and as many real training images, equally many in every class (here "
            f"{', '.join(str(n) for n in data['sample'])}); features standardised by the training images, as samplers "
            "and heads see them.",
            "Distance: over all training images of the run; a real image is not its own neighbour.",
            f"Classifier: logistic regression on the {COMPONENTS_SEEN} first principal components and on how the "
            f"values of a row are distributed (variance, mean magnitude, quantiles of it, ends), {FOLDS} folds. Images "
            "of one patient (without patients: an image and what starts from it) are held out together, and what "
            "shares a parent with a held-out row is left out of that fold's training.",
            "Intervals: patients (images, where patients are unknown) drawn anew, 1,000 times; a mixture goes with the "
            "image it starts from. The classifier is not trained again for them.",
        ]
    )
