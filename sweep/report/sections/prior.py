"""How much of the class prior each technique takes out, and whether a decision rule does the same."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypedDict

import pandas as pd

from sweep.analysis.decisions.ledger import ledger_table
from sweep.analysis.decisions.same_rule import METRIC, same_rule_table, trained_otherwise
from sweep.analysis.results import Results
from sweep.analysis.statistics.paired import BASELINE
from sweep.report.blocks import Block, Folded, Listing, Paragraph
from sweep.report.columns import Column, interval, signed_interval, table_of, technique, text, value
from sweep.report.context import ReportContext
from sweep.report.registry import section
from sweep.report.section import SectionBody
from sweep.report.summary_types import Bounds, Count, Share
from sweep.report.table import Table
from sweep.report.text.intervals import interval_sentence
from sweep.report.text.numbers import NONE, decimals
from sweep.report.words.prior import RULE_NAMES, nothing_but_t, other_than_designed, would_a_rule_do
from sweep.report.words.scores import scores_sentence

QUESTION = "Would a decision rule give the baseline the same?"
REFERENCES = (
    ("Bias that calibration fits", "Alexandari, Kundaje & Shrikumar, ICML 2020"),
    ("Logits less the prior they carry", "Menon et al., ICLR 2021"),
)


class LedgerRow(TypedDict):
    technique: str
    seeds: Count
    designed: Annotated[float | None, "T by design: 0 carries the training split's class frequencies, 1 none"]
    measured: Annotated[float | None, "T by the bias that calibration on validation fits, mean over seeds"]
    measured_low: Annotated[float | None, "95 % interval over validation patients and seeds"]
    measured_high: float | None
    moved: Annotated[float | None, "measured T less the baseline's, paired by seed and patient"]
    moved_low: float | None
    moved_high: float | None
    unknown: Annotated[str, "components without a closed form, for which nothing is designed"]


class SameRuleRow(TypedDict):
    rule: Literal["argmax", "threshold", "posthoc_logit_adjustment"]
    technique: str
    seeds: Count
    balanced_accuracy: Annotated[float | None, "test, mean over seeds"]
    balanced_accuracy_low: Annotated[float | None, "95 % interval over patients and seeds"]
    balanced_accuracy_high: float | None
    difference: Annotated[float | None, "to the baseline under the same rule, paired"]
    difference_low: float | None
    difference_high: float | None
    p_holm: Share
    p_adjusted: Annotated[float | None, "over the techniques of a rule: what is judged by", Bounds(0, 1)]
    fewest_patients: Annotated[float | None, "test patients of the class with the fewest"]


class PriorSummary(TypedDict):
    """how much of the class prior each technique takes out (T), and the same decision rule for all"""

    sentence: Annotated[str, "which techniques differ from the baseline in nothing but T"]
    answer: Annotated[str, "whether a decision rule gives the baseline the same"]
    ledger: list[LedgerRow]
    same_rule: list[SameRuleRow]


@section("prior", "Class prior", 420, question=QUESTION, summary=PriorSummary, references=REFERENCES)
def prior_section(context: ReportContext) -> SectionBody | None:
    """The ledger, and techniques and baseline under the same decision rules.

    Returns:
        None where the test split was not opened, or validation predictions are missing.
    """
    run = context.run
    ledger = ledger_table(run, context.rng)
    if ledger.empty:
        return None
    table = same_rule_table(run)
    answer = would_a_rule_do(table, "a threshold" if run.positive is not None else "weights of the classes", run.margin)
    differ = nothing_but_t(ledger, run.differences("auroc"), lambda name: trained_otherwise(run, name), run.margin)
    sentence = " ".join([differ, other_than_designed(ledger)]).rstrip()
    blocks: list[Block] = [Paragraph(answer), Paragraph(sentence), _ledger(ledger)]
    ranking = scores_sentence(run, "loss", "no T")
    blocks += [Paragraph(ranking)] if ranking else []
    if (table["technique"] != BASELINE).any():
        blocks.append(_same_rule(table))
    blocks.append(Folded("What T is, and how it is measured", [Listing(_method(run))]))
    values = {
        "sentence": sentence,
        "answer": answer,
        "ledger": ledger.to_dict("records"),
        "same_rule": table.to_dict("records"),
    }
    return SectionBody(blocks, values=values)


def _two(number: float | None) -> str:
    return decimals(number, 2)


def _ledger(data: pd.DataFrame) -> Table:
    columns: list[Column] = [
        technique(),
        value("designed", "T designed", _two),
        interval("measured", "T measured", _two),
    ]
    if data["unknown"].any():
        columns.append(text("unknown", "No closed form of", lambda names: str(names) or NONE))
    caption = (
        "How much of the training split's class prior is missing in a technique's answers: T = 0 none of it, T = 1 "
        f"all, as balanced accuracy rewards; above 1 it is corrected twice. Measured on validation. "
        f"{interval_sentence(data['seeds'])}"
    )
    return table_of("prior_ledger", caption, data, columns)


def _same_rule(table: pd.DataFrame) -> Table:
    rules = list(dict.fromkeys(table["rule"]))
    wide: list[dict[str, Any]] = []
    for name in dict.fromkeys(table["technique"]):
        row: dict[str, Any] = {"technique": name}
        for rule in rules:
            own = table[(table["technique"] == name) & (table["rule"] == rule)]
            found = own.iloc[0] if len(own) else pd.Series(dtype=float)
            for ending in ("", "_low", "_high"):
                row[f"{rule}{ending}"] = found.get(f"{METRIC}{ending}", float("nan"))
                row[f"difference_{rule}{ending}"] = found.get(f"difference{ending}", float("nan"))
            row[f"p_holm_{rule}"] = found.get("p_holm", float("nan"))
        wide.append(row)
    columns = [technique()]
    for rule in rules:
        columns += [interval(rule, RULE_NAMES[rule]), signed_interval(f"difference_{rule}", "Difference")]
    caption = (
        "Test balanced accuracy of the techniques and the baseline under one and the same decision rule. Difference: "
        f"to the baseline under that rule, paired. {interval_sentence(table['seeds'])}"
    )
    return table_of("same_rule", caption, pd.DataFrame(wide), columns)


def _method(run: Results) -> list[str]:
    of_two = run.positive is not None
    return [
        "A network that is trained by cross-entropy answers with the class frequencies of the rows that trained. T is "
        "1 minus the slope of the logarithms of the frequencies that its answers carry on those of the training split.",
        "Designed: what each component says that it does to these frequencies, added up; a dash where one has no "
        "closed form, or the records don't tell how many rows of each class trained.",
        "Measured: what the bias of bias-corrected temperature scaling, fitted on validation, has to add to the "
        "answers; its interval draws validation patients anew and fits again. The best epoch and the configuration "
        "were chosen on the same images, and decisions fitted on them. A dash where the answers tell validation's "
        "classes apart without a fault, or do so in more than one of forty draws: no bias is then the likeliest.",
        "Threshold: "
        + (
            "the one with the highest balanced accuracy on validation, for each network its own."
            if of_two
            else "weights of the classes with a high mean recall on validation, for each network its own."
        ),
        "Prior taken out: logits less the logarithms of the frequencies that they carry by design; only where these "
        "are known.",
        "Under every rule techniques and baseline have the epochs and configurations that were chosen as trained, not "
        "under the rule.",
        "Whether AUROC is the baseline's, or T another than designed, goes by each technique's own 95 % interval, not "
        "adjusted for how many techniques there are.",
    ]
