"""Two stages: what the first found and decided, what went on, and whether the second agrees."""

from __future__ import annotations

from typing import Annotated, TypedDict

import numpy as np

from sweep.analysis.names import display_name, inline_name
from sweep.analysis.stages import FEWEST_PAIRS, Agreement, TwoStages
from sweep.report.blocks import Block, Heading, Listing, PageLink, Paragraph
from sweep.report.columns import interval, signed_interval, table_of, technique, text, value
from sweep.report.context import ReportContext
from sweep.report.registry import section
from sweep.report.section import SectionBody
from sweep.report.summary_types import CELLS, Bounds, Count
from sweep.report.text.intervals import INTERVAL, signed_limits
from sweep.report.text.lists import listed, techniques_listed
from sweep.report.text.numbers import NONE, signed
from sweep.report.words.verdict import verdict

_PAGE = "first/report/index.html"


class StageRow(TypedDict):
    technique: str
    goes_on_as: Annotated[str, "its name in the second stage; empty where it did not go on"]
    why: str
    validation: Annotated[float | None, "mean over seeds of the chosen configuration, by which techniques went on"]
    test: Annotated[float | None, "first stage"]
    second_test: float | None


class StagesSummary(TypedDict):
    """two stages: what went on, and whether both agree"""

    metric: str
    first_verdict: str
    techniques: Annotated[list[str], "of the second stage"]
    rows: list[Annotated[StageRow, CELLS]]
    agreement_techniques: Count
    agreement: Annotated[float | None, "rank correlation of the gains over the baseline", Bounds(-1, 1)]
    agreement_low: float | None
    agreement_high: float | None
    openings_first: Count
    openings_second: Count


@section(
    "stages",
    "Two stages",
    150,
    question="What did each stage decide, and do they agree?",
    summary=StagesSummary,
    references=(("Rank correlation's interval", "Bonett & Wright, Psychometrika 65, 2000"),),
)
def stages_section(context: ReportContext) -> SectionBody | None:
    """The first stage's table and verdict, what went on and why, agreement, openings of the test split."""
    stages = TwoStages.of(context.run)
    if stages is None:
        return None
    first_verdict = verdict(stages.first)
    blocks: list[Block] = [
        Paragraph(_opening(stages)),
        Heading("The first stage"),
        Paragraph(first_verdict),
    ]
    table = stages.table
    if len(table):
        name = inline_name(stages.metric)
        shown = table.assign(
            goes_on_as=[display_name(one) if one else NONE for one in table["goes_on_as"]],
        )
        blocks.append(
            table_of(
                "stages",
                f"Each technique of the first stage by {name}, the highest on validation first, by which alone "
                "it was decided what went on (bold); beside its test result that of what it went on as, each with its "
                f"gain over the same stage's baseline. {INTERVAL}s are over patients and seeds.",
                shown,
                [
                    technique(),
                    value("validation", "Validation"),
                    interval("test", "Test"),
                    signed_interval("difference", "Gain"),
                    text("goes_on_as", "Went on as"),
                    interval("second_test", "Test, second"),
                    signed_interval("second_difference", "Gain, second"),
                    text("why", "Why"),
                ],
                strong=[bool(one) for one in table["goes_on_as"]],
            )
        )
    if (stages.first.path / "report" / "index.html").is_file():
        blocks.append(PageLink(f"The first stage's own report ({_PAGE} in the run's folder)", f"../{_PAGE}"))
    blocks += [Heading("Do both stages agree?"), Paragraph(agreement_sentence(stages.agreement))]
    blocks += [Heading("Openings of the test split"), Listing(_openings(stages))]
    openings = stages.openings()
    agreed = stages.agreement
    values = {
        "metric": stages.metric,
        "first_verdict": first_verdict,
        "techniques": [] if stages.decision is None else stages.decision["techniques"],
        "rows": table[["technique", "goes_on_as", "why", "validation", "test", "second_test"]].to_dict("records"),
        "agreement_techniques": agreed.techniques,
        "agreement": _number(agreed.correlation),
        "agreement_low": _number(agreed.low),
        "agreement_high": _number(agreed.high),
        "openings_first": len(openings["first"]),
        "openings_second": len(openings["second"]),
    }
    return SectionBody(blocks, values=values)


def _number(given: float) -> float | None:
    return given if np.isfinite(given) else None


def _opening(stages: TwoStages) -> str:
    if stages.decision is None:
        return "The first stage has not decided yet what goes on; `sweep resume` goes on with it."
    ranked, keep = stages.decision["ranked"], stages.decision["keep"]
    on = [row["technique"] for row in ranked if row["as"] and row["as"] != "baseline"]
    went = listed([display_name(name) for name in on]) if len(on) <= 8 else techniques_listed(on)
    changed = [(row["technique"], row["as"]) for row in ranked if row["as"] and row["as"] != row["technique"]]
    as_what = "".join(f" {display_name(one)} went on as {display_name(other)}." for one, other in changed)
    several = len(on) != 1
    return (
        f"The first stage compared {len(ranked)} techniques and decided which go on: beside the baseline the best "
        f"{keep}{'' if len(on) == keep else f', of which there were {len(on)}'}, by validation results alone. "
        f"{went or 'None'} {'were' if several else 'was'} trained anew in the second stage, whose results are those of "
        f"this report.{as_what}"
    )


def agreement_sentence(found: Agreement) -> str:
    """Whether both stages rank alike, no bolder than the number of techniques allows."""
    n = found.techniques
    if not n:
        return "No technique was tested in both stages, so nothing tells whether they agree."
    signs = f"Of {n} technique{'' if n == 1 else 's'} tested in both, {found.same_sign} gained in both or in neither."
    chosen = "These were chosen for their results in the first, which narrows what can be seen."
    if not np.isfinite(found.correlation):
        return f"{signs} Too few to say whether both stages rank them alike."
    if not np.isfinite(found.low):
        return (
            f"{signs} Too few to say whether both stages rank them alike (fewer than {FEWEST_PAIRS}; the rank "
            f"correlation of their gains is {signed(found.correlation)}). {chosen}"
        )
    said = (
        "the stages agree"
        if found.low > 0
        else "they rank the other way round"
        if found.high < 0
        else "that is too wide to say whether they agree"
    )
    return (
        f"{signs} The rank correlation of their gains is {signed(found.correlation)} "
        f"({INTERVAL} {signed_limits(found.low, found.high)}): {said}. {chosen}"
    )


def _openings(stages: TwoStages) -> list[str]:
    lines = []
    for name, found in stages.openings().items():
        if not found:
            lines.append(f"By the {name} stage: not yet.")
            continue
        trials = sum(len(one["trials"]) for one in found)
        times = "once" if len(found) == 1 else f"{len(found)} times"
        lines.append(f"By the {name} stage: {times}, for {trials} chosen trials.")
    lines.append(
        "What went on was decided before the second opening and on validation alone; but who reads both stages' test "
        "results has looked at the same patients twice."
    )
    return lines
