"""The answer at the top of the report: one sentence, no bolder than the numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from balancing.data.patients import FEWEST
from sweep.analysis.comparison import fewest_test_patients, winners_and_losers
from sweep.analysis.looks import level_of
from sweep.analysis.names import display_name, in_order, inline_name
from sweep.analysis.results import Results
from sweep.analysis.run_images import is_phantom
from sweep.analysis.statistics.paired import BASELINE, CONFIDENCE, RELEVANT
from sweep.analysis.statistics.significance import EQUIVALENT, OPEN, answers, significant
from sweep.report.text.intervals import INTERVAL, signed_limits
from sweep.report.text.lists import listed
from sweep.report.text.numbers import p_equals, signed
from sweep.report.words.needed import what_it_would_take
from sweep.report.words.scores import scores_sentence

_MOST = 3


def _interval(row: pd.Series) -> str:
    return f"{INTERVAL} {signed_limits(row['low'], row['high'])}"


def verdict(run: Results) -> str:
    """The answer in one sentence, no bolder than the numbers; a second one where the data are drawings."""
    sentence = _verdict(run)
    if is_phantom(run):
        sentence += (
            " The data are drawings, not patients: this shows how the tool works and says nothing about medicine."
        )
    return sentence


def _verdict(run: Results) -> str:
    none = unjudged(run)
    if none:
        return none
    names, table = in_order(run.test_table()["technique"]), judged_rows(run)
    return judged(run, table, inline_name(run.metric), every=set(table["technique"]) == set(names) - {BASELINE})


def judged_rows(run: Results) -> pd.DataFrame:
    """The rows of ``Results.differences`` whose difference is a number."""
    table = run.differences()
    return table[np.isfinite(table["difference"])]


def unjudged(run: Results) -> str:
    """Why nothing can be said of the techniques, in a sentence; "" where something can."""
    metric = run.metric
    name = inline_name(metric)
    tested = run.test_table()
    if tested.empty:
        return "No answer yet: the test split has not been opened in this run."
    names = in_order(tested["technique"])
    if len(names) < 2:
        return f"No comparison: this run tested {display_name(names[0])} alone, so there is nothing to set beside it."
    if BASELINE not in names:
        return f"No comparison with doing nothing: this run has no tested baseline among its {len(names)} techniques."
    table = run.differences()
    if set(names) - {BASELINE} <= set(run.without(metric)):
        return f"No comparison in test {name}: " + scores_sentence(run, metric, "none")
    if table.empty:
        return "No paired comparison: no seed was tested both with the baseline and with another technique."
    if not np.isfinite(table["difference"]).any():
        return (
            f"No answer: test {name} cannot be computed, for the test split lacks what it needs "
            "(images of every class)."
        )
    table = judged_rows(run)
    if table["seeds"].max() < 2:
        most = table.iloc[int(table["difference"].abs().to_numpy().argmax())]
        return (
            f"One run per technique decides nothing: the largest difference to the baseline in test {name} was "
            f"{signed(most['difference'])} ({display_name(most['technique'])}), and one seed cannot tell that from "
            "chance."
        )
    if (table["fewest_patients"] < FEWEST).any():
        return too_few_patients(run, name)
    return ""


def judged(run: Results, table: pd.DataFrame, name: str, *, every: bool = True) -> str:
    """The answers for all techniques: which help, which harm, which don't matter, which can't be told yet.

    Args:
        run: of which ``table`` is.
        table: of ``Results.differences``, every difference finite, two seeds or more somewhere, and enough patients.
        name: of the metric, as spoken.
        every: whether all tested techniques are in the table.
    """
    found = answers(table)
    better, worse = significant(table), significant(table, worse=True)
    same, unknown = table[found == EQUIVALENT], table[found == OPEN]
    over = f"over {_seeds(table['seeds'])} and {_patients(run)}"
    if len(better):
        over = f"over {_seeds(better['seeds'])} and {_patients(run)}"
        sentences = [
            f"Statistically significant at the 5 % level{adjusted_words(table)}, {over}: in test {name} the baseline "
            f"is beaten by {_of_many(better, table)}{listed(_some(_gains(better)))}.",
            _small_gains(better, run.margin),
            _behind(worse),
            _of_the_others(same, unknown, run.margin, len(table)),
        ]
    elif all_within(table):
        whose = "No technique differs" if every else f"None of the {len(table)} techniques compared differs"
        sentences = [
            f"{whose} from the baseline by more than {run.margin:g} in test {name}, {over}: two one-sided tests at the "
            f"5 % level{_of_each(table)}.",
            _behind(worse, " all the same, within that margin"),
        ]
    else:
        several = unknown[unknown["seeds"] > 1]
        rest = f"Can't be told yet: {_named(unknown, len(table))}." if 0 < len(unknown) < len(table) else ""
        sentences = [
            _none_does(table, name),
            what_it_would_take(table, several, level_of(run.confirming)) if len(several) else "",
            _behind(worse),
            _equivalent(same, run.margin),
            rest,
        ]
    return " ".join(sentence for sentence in sentences if sentence)


def adjusted_words(table: pd.DataFrame) -> str:
    """`` (adjusted for all 5 comparisons, Holm)``; "" of one comparison.

    Args:
        table: of ``Results.differences``.
    """
    if len(table) < 2:
        return ""
    return f" (adjusted for all {len(table)} comparisons, {how_adjusted(table)})"


def how_adjusted(table: pd.DataFrame) -> str:
    """``Holm``, ``max-t``: how the p-values that are judged by were adjusted."""
    return listed([ADJUSTMENTS.get(how, str(how)) for how in dict.fromkeys(table["adjustment"])])


ADJUSTMENTS = {"holm": "Holm", "max-t": "max-t"}


def within(table: pd.DataFrame) -> pd.DataFrame:
    """The rows whose differences are shown to lie within the margin, whatever else they are."""
    return table[(table["equivalence_p"] < 1 - CONFIDENCE) & ~(table["fewest_patients"] < FEWEST)]


def all_within(table: pd.DataFrame) -> bool:
    """An intersection-union test: of a claim about all, each part at the level, nothing is adjusted (Berger 1982)."""
    return len(within(table)) == len(table)


def _of_each(table: pd.DataFrame) -> str:
    return (
        "" if len(table) == 1 else f" for each of the {len(table)}, and a claim about all of them needs no adjustment"
    )


def _of_many(rows: pd.DataFrame, table: pd.DataFrame) -> str:
    return f"{len(rows)} of {len(table)} techniques: " if len(rows) > _MOST + 1 else ""


def _some(parts: list[str]) -> list[str]:
    """Up to four parts; of more the first three, and how many more there are."""
    return parts if len(parts) <= _MOST + 1 else [*parts[:_MOST], f"{len(parts) - _MOST} more"]


def _named(table: pd.DataFrame, of: int = 0) -> str:
    """The techniques of up to four rows; of more three, and how many more, or how many of all there are.

    Args:
        of: how many there are in all, where that tells more.
    """
    names = [display_name(name) for name in table["technique"]]
    return f"{len(names)} of {of}" if of and len(names) > _MOST + 1 else listed(_some(names))


def _small_gains(better: pd.DataFrame, margin: float) -> str:
    """Which of the winners gain less than matters; "" for none."""
    small = within(better)
    if small.empty:
        return ""
    if len(small) == len(better):
        whose = "That gain is" if len(better) == 1 else "All of these gains are"
    else:
        several = len(small) > 1
        whose = f"The gain{'s' * several} of {_named(small)} {'are' if several else 'is'}"
    return f"{whose} smaller than {margin:g}, the margin within which a difference does not matter here."


def _behind(worse: pd.DataFrame, how: str = "") -> str:
    return f"Significantly behind it{how}: {listed(_some(_gains(worse)))}." if len(worse) else ""


def _equivalent(same: pd.DataFrame, margin: float) -> str:
    if same.empty:
        return ""
    each = "at the 5 % level" if len(same) == 1 else "each at the 5 % level, not adjusted for their number"
    return f"Equivalent to it within {margin:g}: {_named(same)} ({each})."


def _of_the_others(same: pd.DataFrame, unknown: pd.DataFrame, margin: float, of: int) -> str:
    """Beside winners: who doesn't matter and who can't be told, in one sentence."""
    if same.empty:
        return f"Can't be told yet: {_named(unknown, of)}." if len(unknown) else ""
    rest = f"; can't be told yet: {_named(unknown, of)}" if len(unknown) else ""
    return f"{_equivalent(same, margin).removesuffix('.')}{rest}."


def too_few_patients(run: Results, metric: str) -> str:
    """That nothing is declared, why, and what to do; ``metric`` as spoken."""
    label = fewest_test_patients(run)[1]
    return (
        f"No verdict: the test split holds {fewest_in_words(run)} of class {run.class_names[label]}, and with fewer "
        f"than {FEWEST} of a class nobody can tell a difference in test {metric} from who happened to be tested, "
        "however many images and seeds there are; test on more patients of that class."
    )


def fewest_in_words(run: Results) -> str:
    """``3 patients``; ``3 images (patients unknown)`` where no patient of the run is known."""
    count = fewest_test_patients(run)[0]
    ending = "" if count == 1 else "s"
    unknown = (run.split()["patient"] == "").all()
    return f"{count} image{ending} (patients unknown)" if unknown else f"{count} patient{ending}"


def _gains(table: pd.DataFrame) -> list[str]:
    """Each technique with its difference; of more than three the first alone has interval and p, to be short."""
    rows = [row for _, row in table.iterrows()]
    full = len(rows) if len(rows) <= _MOST else 1
    return [
        f"{display_name(r['technique'])} by {signed(r['difference'])}"
        + (f" ({_interval(r)}; {p_equals(r['p_adjusted'])})" if place < full else "")
        for place, r in enumerate(rows)
    ]


def _none_does(table: pd.DataFrame, name: str) -> str:
    best = table.iloc[int(table["difference"].to_numpy().argmax())]
    many = f"with {best['seeds']} seeds" if best["seeds"] > 1 else "from one seed alone"
    if best["difference"] > 0:
        lead = f"the largest gain in test {name} was"
    else:
        lead = f"none was ahead of it, and the nearest in test {name} was at"
    adjusted = ""
    if best["low"] > 0 and best["seeds"] > 1:  # the interval alone would look like a gain
        adjusted = f"; p is {best['p_adjusted']:.2f} once adjusted for {len(table)} comparisons"
    return (
        f"No technique beat the baseline significantly: {lead} {signed(best['difference'])} "
        f"({display_name(best['technique'])}), {_interval(best)}, {many}{adjusted}."
    )


def _patients(run: Results) -> str:
    table = run.split()
    rows = np.unique(np.concatenate([trial.rows for trial in run.predictions]))
    known = table.set_index("row").loc[rows, "patient"]
    if (known == "").all():
        return f"{len(rows):,} test images (patients unknown)"
    count = int(known[known != ""].nunique() + (known == "").sum())
    return f"{count:,} test patients"


def _seeds(counts: pd.Series) -> str:
    low, high = int(counts.min()), int(counts.max())
    return f"{low} seeds" if low == high else f"{low} to {high} seeds"


def margin_note(run: Results) -> str:
    """That the margin is not the one stated before the run; "" where it is, and of plain arrays.

    Of a run that states none nothing is said where it is judged by the usual margin.
    """
    stated, usual = run.stated_margin, run.stated_margin or RELEVANT
    if not run.is_of_run or run.margin == usual:
        return ""
    before = f"was {stated:g} when this run began" if stated is not None else "was not stated before this run"
    return (
        f"The margin within which a difference does not matter {before} and is {run.margin:g} here: what is called "
        "equivalent was judged anew, with the results known."
    )


def answer_values(run: Results) -> dict[str, Any]:
    """The verdict for machines: ``sentence``, and the parts of ``winners_and_losers``."""
    return {"sentence": verdict(run), **winners_and_losers(run)}
