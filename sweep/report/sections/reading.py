"""How the data were read: what was decided, and a few images of each class."""

from __future__ import annotations

import numpy as np

from balancing.data.images import ImageSet
from balancing.data.look import MOST_CLASSES, PER_CLASS, Example
from sweep.analysis.figures.examples import examples_plot
from sweep.report.blocks import Block, Figures, Listing, Paragraph
from sweep.report.context import ReportContext
from sweep.report.registry import section
from sweep.report.section import SectionBody
from sweep.report.shared_names import own_places, without_folders
from sweep.report.words.opening import read


@section(
    "reading",
    "How the data were read",
    790,
    question="Were the files, classes, splits and patients taken as they are meant?",
    answers=(),
)
def reading_section(context: ReportContext) -> SectionBody:
    """What was decided when the images were read, and examples where they are at hand."""
    notes, places = context.run.info["notes"], own_places(context.run)
    blocks: list[Block] = []
    if notes:
        blocks.append(Listing([without_folders(note, places) for note in notes]))
    images = context.images
    if images is not None:
        blocks.append(Figures([examples_plot(examples_of(images))]))
        if images.n_classes > MOST_CLASSES:
            blocks.append(Paragraph(f"The first {MOST_CLASSES} of {images.n_classes} classes are shown."))
    return SectionBody(blocks, found=read(context.run))


def examples_of(images: ImageSet, per_class: int = PER_CLASS) -> list[Example]:
    """Some images of each class, spread over them in their order."""
    found = []
    for label, name in enumerate(images.class_names[:MOST_CLASSES]):
        rows = np.flatnonzero(images.labels == label)
        for row in rows[np.linspace(0, len(rows) - 1, min(per_class, len(rows))).round().astype(int)]:
            pixels = np.array(images.pixels[row])
            found.append(Example(name, str(images.splits[row]), str(images.names[row]), pixels))
    return found
