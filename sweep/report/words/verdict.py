"""The answer at the top of the report: one sentence, no bolder than the numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from balancing.data.patients import FEWEST
from sweep.analysis.comparison import fewest_test_patients, winners_and_losers
from sweep.analysis.names import display_name, in_order, inline_name
from sweep.analysis.results import Results
from sweep.analysis.run_images import is_phantom
from sweep.analysis.statistics.paired import BASELINE, RELEVANT
from sweep.analysis.statistics.power import POWER, detectable, seed_spread, seeds_needed, times_the_patients
from sweep.analysis.statistics.significance import significant
from sweep.report.text.intervals import INTERVAL, signed_limits
from sweep.report.text.lists import first_few, listed
from sweep.report.text.numbers import p_equals, percent, signed
from sweep.report.words.scores import scores_sentence

_MANY_SEEDS = 1000


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
    table = table[np.isfinite(table["difference"])]
    if table["seeds"].max() < 2:
        most = table.iloc[int(table["difference"].abs().to_numpy().argmax())]
        return (
            f"One run per technique decides nothing: the largest difference to the baseline in test {name} was "
            f"{signed(most['difference'])} ({display_name(most['technique'])}), and one seed cannot tell that from "
            "chance."
        )
    if (table["fewest_patients"] < FEWEST).any():
        return too_few_patients(run, name)
    better = significant(table)
    if len(better):
        sentence = (
            f"Statistically significant at the 5 % level (Holm-adjusted), over {_seeds(better['seeds'])} and "
            f"{_patients(run)}: in test {name} the baseline is beaten by {listed(first_few(_gains(better), 3))}."
        )
    else:
        sentence = _none_does(table, name) + " " + what_it_would_take(table)
    worse = significant(table, worse=True)
    if len(worse):
        sentence += f" Significantly behind it: {listed(first_few(_gains(worse), 3))}."
    return sentence


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
    return [
        f"{display_name(r['technique'])} by {signed(r['difference'])} ({_interval(r)}; {p_equals(r['p_holm'])})"
        for _, r in table.iterrows()
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
        adjusted = f"; p is {best['p_holm']:.2f} once adjusted for {len(table)} comparisons"
    return (
        f"No technique beat the baseline significantly: {lead} {signed(best['difference'])} "
        f"({display_name(best['technique'])}), {_interval(best)}, {many}{adjusted}."
    )


def what_it_would_take(table: pd.DataFrame) -> str:
    """How large the best technique's difference had to be to be told from chance, and how many seeds it would take.

    Args:
        table: ``Results.differences`` with two seeds or more.
    """
    several = table[table["seeds"] > 1]
    row = several.iloc[int(several["difference"].to_numpy().argmax())]
    nearest = table.iloc[int(table["difference"].to_numpy().argmax())]
    where = "There" if row["technique"] == nearest["technique"] else f"With {display_name(row['technique'])}"
    seeds, patient_se = int(row["seeds"]), float(row["patient_se"])
    seed_sd = seed_spread(float(row["seed_sd"]), patient_se, float(row["patient_sd"]), seeds)
    freedom = float(row["patient_freedom"])
    least = detectable(seed_sd, patient_se, seeds, len(table), freedom=freedom)
    power = f"at {percent(POWER)} power"
    if least < 1:
        text = f"{where}, differences up to {least:.3f} could not be told from chance with {seeds} seeds ({power})"
    else:  # two seeds that differ widely: more than a metric can differ
        text = f"{where}, no difference at all could have been told from chance with {seeds} seeds ({power})"
    wanted = float(row["difference"]) if row["difference"] >= RELEVANT / 2 else RELEVANT
    if wanted >= least:
        return text + "."
    needed = seeds_needed(wanted, seed_sd, patient_se, len(table), freedom)
    if needed is not None:
        return f"{text}; about {needed} seeds would be needed to see one of {wanted:.3f}."
    # With as many patients as one likes, so many seeds would do; twice as many leave room for the patients' part.
    enough = max(seeds, 2 * (seeds_needed(wanted, seed_sd, 0.0, len(table)) or _MANY_SEEDS))
    factor = times_the_patients(wanted, seed_sd, patient_se, enough, len(table), freedom)
    if not np.isfinite(factor):
        return f"{text}; to see one of {wanted:.3f} it would take many more test patients and thousands of seeds."
    return (
        f"{text}; to see one of {wanted:.3f} no number of seeds would do with these patients: it would take about "
        f"{factor:.1f} times as many test patients and {enough} seeds."
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


def answer_values(run: Results) -> dict[str, Any]:
    """The verdict for machines: ``sentence``, and the parts of ``winners_and_losers``."""
    return {"sentence": verdict(run), **winners_and_losers(run)}
