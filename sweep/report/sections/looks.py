"""Where the networks look: the maps, their energy in numbers, the study's claim, and what the maps are worth."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal, NotRequired, TypedDict

import numpy as np
import pandas as pd

from sweep.analysis.names import display_name
from sweep.report.blocks import Block, Figures, Heading, Paragraph
from sweep.report.columns import interval, table_of, technique, value
from sweep.report.context import ReportContext
from sweep.report.registry import section
from sweep.report.section import SectionBody
from sweep.report.shared_names import data_name, run_name
from sweep.report.summary_types import CELLS, Count, Reason
from sweep.report.table import Cell, Table, number
from sweep.report.text.intervals import ranged
from sweep.report.text.numbers import NONE, decimals, percent
from sweep.report.words.bodies import ADVICE, fault_of_body
from sweep.report.words.folds import of_one_fold

if TYPE_CHECKING:
    from sweep.analysis.figures.style import Plot
    from sweep.analysis.maps.checks import SaliencyResults

_REGIONS = {"corners": "Corners", "border": "Border", "centre": "Centre", "mask": "In the mask"}


class EnergyRow(TypedDict):
    technique: str
    seeds: NotRequired[Count]
    images: Count
    corners: float | None
    border: float | None
    centre: float | None


class ChecksRow(TypedDict):
    technique: str
    seeds: NotRequired[Count]
    curve_images: Count
    blackout_images: Count
    sanity_images: Count
    deletion: float | None
    insertion: float | None
    auroc_drop: float | None
    correlation: float | None


class Sentences(TypedDict):
    claim: str
    faithfulness: str
    blackout: str
    sanity: str


class LooksSummary(TypedDict):
    """where the networks look"""

    method: Literal["smoothgradcampp", "gradcam", "layercam"]
    masks: str | None
    sentences: Annotated[Sentences, CELLS]
    energy: Annotated[
        list[Annotated[EnergyRow, CELLS]],
        "share of the maps' energy by region (NAME), the region's share of the area (NAME_area), and their ratio "
        "(NAME_ratio)",
    ]
    checks: list[Annotated[ChecksRow, CELLS]]


@section(
    "looks",
    "Saliency",
    700,
    question="Where do the networks look?",
    summary=Reason | LooksSummary,
    answers=("looks.maps", "looks.edges", "looks.checks"),
)
def looks_section(context: ReportContext) -> SectionBody:
    """The maps and all about them, or a sentence on why there are none.

    Raises:
        UserError: other images than the run's, an unknown method, masks that fit no image or can't be read.
    """
    run, images, options = context.run, context.images, context.options
    again = f"sweep report {run_name(run)}"
    if not options.cams:
        return _without(f"Class activation maps were not asked for; `{again}` without --no-cams adds them.")
    if images is None:
        return _without(
            "The images were not at hand when this report was written, so it has no class activation maps; add them by "
            f"`{again} --data {shlex.quote(data_name(run.info['data']))}` with the run's own data."
        )
    from balancing.data.masks import masks_of
    from sweep.analysis.figures.cams import cam_plot
    from sweep.analysis.maps.cases import case_maps
    from sweep.analysis.maps.checks import looks
    from sweep.report.words.maps import NO_NETWORKS, sentences_of
    from sweep.report.words.scores import no_maps

    method, device = options.cam_method, options.device
    masks = masks_of(images, options.masks)
    context, which = of_one_fold(context)
    run = context.run
    fault = fault_of_body(run)
    if fault:
        return _without(f"There are no activation maps, for {fault}; {ADVICE}.")
    shown = case_maps(run, images, method=method, device=device)
    found = looks(run, images, method=method, masks=masks, rng=context.rng, device=device, sizes=options.map_sizes)
    if shown is None or found is None:
        return _without(NO_NETWORKS)
    plot = cam_plot(shown, run.class_names, masks)
    sentences = sentences_of(found.table, found.checks, found.field)
    blocks, values = _blocks(plot, found, sentences), _values(found, sentences)
    ranking = no_maps(run)
    claim = "" if which else sentences["claim"]  # of one fold: after the sentence that says which
    which = [*which, *([Paragraph(sentences["claim"])] if which else [])]
    blocks = [*which, *blocks, *([Paragraph(ranking)] if ranking else [])]
    return SectionBody(blocks, values, references=references(method), answered=_answered(found), found=claim)


def _without(reason: str) -> SectionBody:
    return SectionBody([Paragraph(reason)], {"reason": reason}, references=())


def _answered(found: SaliencyResults) -> set[str]:
    checks = found.checks
    edges = {"looks.edges"} if checks["auroc_drop"].notna().any() else set()
    checked = checks[["deletion", "correlation"]].notna().any(axis=None)
    return {"looks.maps"} | edges | ({"looks.checks"} if checked else set())


def _blocks(plot: Plot, found: SaliencyResults, sentences: Mapping[str, str]) -> list[Block]:
    from sweep.analysis.figures.faithfulness import faithfulness_plot

    curves = faithfulness_plot(found.curves, found.checks)
    shares = [name for name in _REGIONS if name in found.table]
    return [
        Figures([plot]),
        Heading("The maps in numbers"),
        *([energy_table(found)] if found.table[shares].notna().any(axis=None) else []),
        Heading("Sanity checks", "Are the maps to be believed?"),
        Paragraph(sentences["blackout"]),
        Paragraph(sentences["faithfulness"]),
        *([Figures([curves])] if curves is not None else []),
        Paragraph(sentences["sanity"]),
        checks_table(found),
    ]


def references(method: str) -> tuple[tuple[str, str], ...]:
    """(what, where from) of the maps and their checks."""
    from sweep.analysis.maps.checks import REFERENCES
    from sweep.analysis.maps.methods import cam_method

    chosen = cam_method(method)
    return ((chosen.name, chosen.reference), *REFERENCES)


def _values(found: SaliencyResults, sentences: Mapping[str, str]) -> dict[str, Any]:
    """Plain numbers and strings; missing ones are None."""

    def records(table: pd.DataFrame) -> list[dict[str, Any]]:
        return [
            {str(k): (None if isinstance(v, float) and np.isnan(v) else v) for k, v in row.items()}
            for row in table.to_dict("records")
        ]

    return {
        "method": found.method,
        "masks": found.masks,
        "sentences": dict(sentences),
        "energy": records(found.table),
        "checks": records(found.checks),
    }


def energy_table(found: SaliencyResults) -> Table:
    """Share of the maps' energy by region and in the mask, and how it compares with the area's share."""
    from sweep.analysis.maps.methods import cam_method
    from sweep.analysis.maps.regions import MARGIN

    data = found.table
    names = [name for name in _REGIONS if name in data]
    rows = []
    for position, (_, row) in enumerate(data.iterrows()):
        cells = [Cell(display_name(row["technique"]), position)]
        cells += [number(_share(row, name), row[f"{name}_ratio"]) for name in names]
        if "pointing" in data:
            cells.append(number(ranged(row, "pointing", percent), row["pointing"]))
        rows.append([*cells, number(str(row["images"]), row["images"])])
    footer = [Cell("The area, for comparison"), *(Cell(percent(data[f"{name}_area"].max(), 1)) for name in names)]
    headers = ["Technique", *(_REGIONS[name] for name in names)]
    caption = (
        "Share of the maps' energy (their sum, less each map's least value; "
        f"{cam_method(found.method).name}, for the class decided on) in each "
        "part of the image, and after the dot that share over the part's share of the area, with its 95 % interval "
        "from drawing patients anew: 1 is what a map that knows of no place has. "
        f"The border is the outer {100 * MARGIN:.0f} % of each side without the four corners."
    )
    if "pointing" in data:
        headers.append("Pointing game")
        footer.append(Cell(percent(data["mask_area"].max(), 1)))
        caption += (
            f" The mask is {found.masks}; its columns are of the {_ranged(data['mask_images'])} images with one. "
            "Pointing game: how often the map's largest value lies in the mask; by chance as often as the mask's "
            "share of the area."
        )
    return Table("looks", caption, [*headers, "Images"], rows, data, footer=[[*footer, Cell("")]])


def checks_table(found: SaliencyResults) -> Table:
    """Deletion, insertion, black edge and random weights."""
    data = found.checks
    caption = (
        f"Deletion and insertion ({_ranged(data['curve_images'])} images): area under the probability of the decided "
        "class while pixels go to the image's mean, or come from it, in the map's order; a good map has a small first "
        "and a large second, and the random order (a random map as coarse) lies between. AUROC "
        f"({_ranged(data['blackout_images'])} test images, balanced over the classes) with the image whole and with "
        "corners and border black. Last, Spearman's rank correlation with the map of the same network with random "
        f"weights ({_ranged(data['sanity_images'])} images): mean, and how many images lie above 0.5 and 0.9; it "
        "should be low. Intervals are of 95 %, from drawing patients anew."
    )
    columns = [
        technique(),
        interval("deletion", "Deletion"),
        interval("insertion", "Insertion"),
        interval("floor", "Random order"),
        interval("auroc_before", "AUROC"),
        interval("auroc_after", "Edge black"),
        interval("auroc_drop", "Fall"),
        interval("correlation", "Correlation", _two),
        value("above_half", "Above 0.5", percent),
        value("above_nine_tenths", "Above 0.9", percent),
    ]
    return table_of("looks_checks", caption, data, columns)


def _ranged(counts: pd.Series) -> str:
    low, high = int(counts.min()), int(counts.max())
    return str(low) if low == high else f"{low} to {high}"


def _two(value: float) -> str:
    return decimals(value, 2)


def _share(row: pd.Series, name: str) -> str:
    if np.isnan(row[name]):
        return NONE
    return f"{percent(row[name], 1)} · {ranged(row, f'{name}_ratio', _two)}"
