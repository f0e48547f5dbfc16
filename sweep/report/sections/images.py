"""Test images on which techniques disagree, with what each makes of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, TypedDict

import numpy as np

from sweep.analysis.disagreement import ImageAnswers, image_answers
from sweep.analysis.folds import FoldResults
from sweep.analysis.highlights import highlights
from sweep.analysis.names import display_name
from sweep.report.blocks import Block, Folded, Paragraph
from sweep.report.browser import Answer, Card, ImageBrowser, picture
from sweep.report.context import ReportContext
from sweep.report.registry import section
from sweep.report.section import SectionBody
from sweep.report.summary_types import Count
from sweep.report.words.bodies import fault_of_body

if TYPE_CHECKING:
    from sweep.analysis.maps.beside import MapsBeside

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
    places = _shown(kinds, context.options.browsed)
    maps = _maps(context, found, places)
    of_each = {} if maps is None else maps.maps
    cards = [
        _card(context, found, place, kinds[place], {name: own[at] for name, own in of_each.items()})
        for at, place in enumerate(places)
    ]
    told = ", ".join(f"{kind}: {_MEANINGS[kind]}" for kind in KINDS if counts[kind])
    blocks: list[Block] = [
        Paragraph(
            f"A technique errs on an image where more than half of its seeds do. {told[:1].upper()}{told[1:]}. "
            f"Beside a name: the mean probability of the true class. {len(cards)} of {len(kinds):,} test images are "
            f"shown, those of each kind first on which techniques disagree most.{_of_maps(maps)}"
        ),
    ]
    if cards:
        browser = ImageBrowser.of(cards, [(kind, counts[kind]) for kind in KINDS if counts[kind]])
        blocks.append(Folded("The images", [browser]))
    values = {"techniques": list(found.techniques), "kinds": {kind: counts[kind] for kind in KINDS}}
    return SectionBody(blocks, values=values, found=_opening(found, counts))


def _opening(found: ImageAnswers, counts: Counter[str]) -> str:
    total = len(found.rows)
    agreed = counts["right by all"] + counts["wrong by all"]
    return (
        f"{len(found.techniques)} techniques agree on {agreed:,} of {total:,} test images, of which all get "
        f"{counts['wrong by all']:,} wrong; of the baseline's mistakes another mends {counts['mended']:,}."
    )


def _shown(kinds: list[str], most: int) -> list[int]:
    """Places of cards: of each kind as many as there is room for, the first ones."""
    own = {kind: [place for place, one in enumerate(kinds) if one == kind] for kind in KINDS}
    room, shown = most, []
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


def _maps(context: ReportContext, found: ImageAnswers, places: list[int]) -> MapsBeside | None:
    """Of the baseline and of the technique that errs least, where maps are made at all; of folds none."""
    run, images, options = context.run, context.images, context.options
    if images is None or not options.cams or not places or isinstance(run, FoldResults) or fault_of_body(run):
        return None
    from sweep.analysis.maps.beside import maps_beside

    order = np.argsort(found.wrong.mean(axis=1), kind="stable")
    wanted = [found.techniques[at] for at in order]
    return maps_beside(run, images, found.rows[places], wanted, options.cam_method, options.device)


def _card(context: ReportContext, found: ImageAnswers, place: int, kind: str, heats: Mapping[str, np.ndarray]) -> Card:
    row, label = int(found.rows[place]), int(found.labels[place])
    images = context.images
    pictures = []
    if images is not None:
        pixels = np.array(images.pixels[row])
        pictures.append(picture(pixels))
        pictures += [picture(pixels, display_name(name), heat) for name, heat in heats.items()]
    return Card(
        str(images.names[row]) if images is not None else f"row {row}",
        context.run.class_names[label],
        kind,
        pictures,
        [
            Answer(name, display_name(name), float(found.probability[at, place]), float(found.wrong[at, place]))
            for at, name in enumerate(found.techniques)
        ],
    )


def _of_maps(maps: MapsBeside | None) -> str:
    if maps is None:
        return ""
    names = " and of ".join(display_name(name) for name in maps.maps)
    return (
        f" Beside each image: {maps.method_name} maps of the best trial of {names}, for the class that it decided on, "
        "each scaled to its own largest value."
    )
