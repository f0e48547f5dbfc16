"""Test images on which techniques disagree, with what each makes of them."""

from __future__ import annotations

from collections import Counter
from typing import Annotated, TypedDict

import numpy as np

from sweep.analysis.disagreement import ImageAnswers, image_answers
from sweep.analysis.highlights import highlights
from sweep.analysis.names import display_name
from sweep.report.blocks import Block, Folded, Paragraph
from sweep.report.browser import Answer, Card, ImageBrowser, picture
from sweep.report.context import ReportContext
from sweep.report.registry import section
from sweep.report.section import SectionBody
from sweep.report.summary_types import Count

# Cards of a page: some hundred kilobytes of pictures.
MOST = 60
KINDS = ("mended", "broken", "disputed", "wrong by all", "right by all")
_MEANINGS = {
    "mended": "the baseline errs, another technique does not",
    "broken": "the baseline is right, half of the others or more err",
    "disputed": "the baseline is right, some others err",
    "wrong by all": "every technique errs",
    "right by all": "none does",
}


class ImagesSummary(TypedDict):
    """test images by who errs on them, with more than half of its seeds"""

    techniques: list[str]
    kinds: Annotated[dict[str, Count], "how many test images are of each kind"]


@section(
    "images",
    "Image by image",
    660,
    question="On which images do the techniques disagree?",
    summary=ImagesSummary,
    answers=(),
)
def images_section(context: ReportContext) -> SectionBody | None:
    """None where the test split was not opened, or one technique alone was tested."""
    run = context.run
    names = highlights(run)
    found = image_answers(run, names)
    if found is None or len(found.techniques) < 2:
        return None
    kinds: list[str] = [found.kind(place) for place in range(len(found.rows))]
    counts = Counter(kinds)
    cards = [_card(context, found, place, kinds[place]) for place in _shown(kinds)]
    told = ", ".join(f"{kind}: {_MEANINGS[kind]}" for kind in KINDS if counts[kind])
    blocks: list[Block] = [
        Paragraph(
            f"A technique errs on an image where more than half of its seeds do. {told[:1].upper()}{told[1:]}. "
            f"Beside a name: the mean probability of the true class. {len(cards)} of {len(kinds):,} test images are "
            "shown, those of each kind first on which techniques disagree most."
        ),
        Folded("The images", [ImageBrowser(cards, [(kind, counts[kind]) for kind in KINDS if counts[kind]])]),
    ]
    values = {"techniques": list(found.techniques), "kinds": {kind: counts[kind] for kind in KINDS}}
    return SectionBody(blocks, values=values, found=_opening(found, counts))


def _opening(found: ImageAnswers, counts: Counter[str]) -> str:
    total = len(found.rows)
    agreed = counts["right by all"] + counts["wrong by all"]
    return (
        f"{len(found.techniques)} techniques agree on {agreed:,} of {total:,} test images, of which all get "
        f"{counts['wrong by all']:,} wrong; {counts['mended']:,} mistakes of the baseline another mends."
    )


def _shown(kinds: list[str]) -> list[int]:
    """Places of cards: of each kind as many as there is room for, the first ones."""
    own = {kind: [place for place, one in enumerate(kinds) if one == kind] for kind in KINDS}
    room, shown = MOST, []
    waiting = [kind for kind in KINDS if own[kind]]
    while waiting and room:
        each = max(1, room // len(waiting))
        for kind in list(waiting):
            taken = own[kind][: min(each, room)]
            shown += taken
            own[kind] = own[kind][len(taken) :]
            room -= len(taken)
            if not own[kind]:
                waiting.remove(kind)
    return sorted(shown)


def _card(context: ReportContext, found: ImageAnswers, place: int, kind: str) -> Card:
    row, label = int(found.rows[place]), int(found.labels[place])
    images = context.images
    return Card(
        str(images.names[row]) if images is not None else f"row {row}",
        context.run.class_names[label],
        kind,
        picture(np.array(images.pixels[row])) if images is not None else "",
        [
            Answer(name, display_name(name), float(found.probability[at, place]), float(found.wrong[at, place]))
            for at, name in enumerate(found.techniques)
        ],
    )
