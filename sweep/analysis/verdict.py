"""The answer at the top of the report: one sentence, no bolder than the numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from balancing.data.patients import FEWEST, patients_of_classes
from sweep.analysis.names import display_name, in_order, inline_name
from sweep.analysis.results import Results
from sweep.analysis.statistics.paired import BASELINE, CONFIDENCE
from sweep.analysis.statistics.power import POWER, RELEVANT, detectable, seed_spread, seeds_needed, times_the_patients

_MANY_SEEDS = 1000


def signed(value: float) -> str:
    """Three decimals, always with a sign; a true minus."""
    return f"{value:+.3f}".replace("-", "\N{MINUS SIGN}")


def _interval(row: pd.Series) -> str:
    return f"95\N{NO-BREAK SPACE}% interval {signed(row['low'])} to {signed(row['high'])}"


def _listed(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else ", ".join(parts[:-1]) + " and " + parts[-1]


def verdict(run: Results) -> str:
    """The answer in one sentence, no bolder than the numbers; a second one where the data are drawings."""
    sentence = _verdict(run)
    if is_phantom(run):
        sentence += (
            " The data are drawings, not patients: this shows how the tool works and says nothing about medicine."
        )
    return sentence


def is_phantom(run: Results) -> bool:
    """Whether the run's images are the built-in drawings."""
    source = str(run.info["data"]["source"])
    return source.split(":")[0].split("@")[0] == "phantom"


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
    sure = beyond_doubt(table)
    if len(sure):
        sentence = (
            f"Beyond doubt at the 5 % level (Holm-adjusted), over {_seeds(sure['seeds'])} and {_patients(run)}: in "
            f"test {name} the baseline is beaten by {_listed(_gains(sure))}."
        )
    else:
        sentence = _none_does(table, name) + " " + what_it_would_take(table)
    worse = beyond_doubt(table, worse=True)
    if len(worse):
        sentence += f" Behind it beyond doubt: {_listed(_gains(worse))}."
    return sentence


def beyond_doubt(table: pd.DataFrame, *, worse: bool = False) -> pd.DataFrame:
    """The rows of ``paired_differences`` that beat the baseline (or are beaten by it) at the 5 % level, best first.

    None with fewer than ``balancing.data.patients.FEWEST`` test patients of a class.
    """
    low, high = table["low"], table["high"]
    apart = (high < 0 if worse else low > 0) & ~(table["fewest_patients"] < FEWEST)
    return table[(table["p_holm"] < 1 - CONFIDENCE) & apart].sort_values("difference", ascending=worse)


def too_few_patients(run: Results, metric: str) -> str:
    """That nothing is declared, why, and what to do; ``metric`` as spoken."""
    label = fewest_test_patients(run)[1]
    return (
        f"No verdict: the test split holds {fewest_in_words(run)} of class {run.class_names[label]}, and with fewer "
        f"than {FEWEST} of a class nobody can tell a difference in test {metric} from who happened to be tested, "
        "however many images and seeds there are; test on more patients of that class."
    )


def fewest_test_patients(run: Results) -> tuple[int, int]:
    """Test patients (images, where patients are unknown) of the class with the fewest, and that class; (0, 0) if none.

    Classes without a test image are left out.
    """
    split = run.split()
    tested = split[split["split"] == "test"]
    if tested.empty:
        return 0, 0
    labels = tested["label"].to_numpy(dtype=np.int64)
    patients = run.patients_of(tested["row"].to_numpy())
    counts = patients_of_classes(labels, patients, len(run.class_names))
    fewest = min(count for count in counts if count)
    return fewest, counts.index(fewest)


def fewest_in_words(run: Results) -> str:
    """``3 patients``; ``3 images (patients unknown)`` where no patient of the run is known."""
    count = fewest_test_patients(run)[0]
    ending = "" if count == 1 else "s"
    unknown = (run.split()["patient"] == "").all()
    return f"{count} image{ending} (patients unknown)" if unknown else f"{count} patient{ending}"


def _gains(table: pd.DataFrame) -> list[str]:
    return [
        f"{display_name(r['technique'])} by {signed(r['difference'])} ({_interval(r)}; {_adjusted(r['p_holm'])})"
        for _, r in table.iterrows()
    ]


def _adjusted(p: float) -> str:
    """``p = 0.012``, ``p < 0.001``; ``p < 0.050`` for what lies below the level and rounds to it."""
    text = "0.001" if p < 0.001 else f"{p:.3f}"
    below = p < float(text) and text in ("0.001", "0.050")
    return f"p {'<' if below else '='} {text}".replace(" ", "\N{NO-BREAK SPACE}")


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
        f"No technique beat the baseline beyond doubt: {lead} {signed(best['difference'])} "
        f"({display_name(best['technique'])}), {_interval(best)}, {many}{adjusted}."
    )


def what_it_would_take(table: pd.DataFrame) -> str:
    """How large the best technique's difference had to be to be told from chance, and how many seeds it would take.

    Args:
        table: ``paired_differences`` with two seeds or more.
    """
    several = table[table["seeds"] > 1]
    row = several.iloc[int(several["difference"].to_numpy().argmax())]
    nearest = table.iloc[int(table["difference"].to_numpy().argmax())]
    where = "There" if row["technique"] == nearest["technique"] else f"With {display_name(row['technique'])}"
    seeds, patient_se = int(row["seeds"]), float(row["patient_se"])
    seed_sd = seed_spread(float(row["seed_sd"]), patient_se, float(row["patient_sd"]), seeds)
    freedom = float(row["patient_freedom"])
    least = detectable(seed_sd, patient_se, seeds, len(table), freedom=freedom)
    power = f"at {100 * POWER:.0f}\N{NO-BREAK SPACE}% power"
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
    """The verdict in parts, for machines: sentence, metric, winners, losers, differences."""
    table = run.differences()
    judged = table if len(table) and table["seeds"].max() > 1 else table.iloc[:0]
    return {
        "sentence": verdict(run),
        "metric": run.metric,
        "beats_baseline": beyond_doubt(judged)["technique"].tolist(),
        "behind_baseline": beyond_doubt(judged, worse=True)["technique"].tolist(),
        "differences": table.to_dict("records"),
    }
