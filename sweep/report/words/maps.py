"""What the maps and the checks of them say, in sentences."""

from __future__ import annotations

import pandas as pd

from sweep.analysis.maps.checks import NEARLY_EQUAL, TOO_ALIKE
from sweep.analysis.maps.methods import FIELD
from sweep.analysis.maps.regions import FEWEST_FIELDS
from sweep.analysis.names import display_name
from sweep.analysis.reference_study.claim import AGAINST, CLAIMED, claim_missing, judge_claim
from sweep.report.text.intervals import explained
from sweep.report.text.lists import techniques_listed
from sweep.report.text.numbers import decimals, percent, signed

NO_NETWORKS = "No class activation maps: the run keeps no network of a trial that was tested."

_JUDGED = {
    "unknown": ": whether other patients' maps bear it out can't be told",
    "holds": ": that speaks for what the study says of these two networks",
    "divided": ": the two speak against each other",
    "in part": ": that speaks in part for what the study says of these two networks",
    "reversed": ": for these two networks it is rather the other way round",
    "not borne out": ": these maps do not bear it out",
}


def sentences_of(table: pd.DataFrame, checks: pd.DataFrame, field: int = FIELD) -> dict[str, str]:
    """Name -> sentence: ``claim`` (the study's), ``faithfulness``, ``blackout``, ``sanity``.

    Args:
        table: of ``sweep.analysis.maps.regions.numbers_of``.
        checks: the table of ``sweep.analysis.maps.checks.Checks``.
        field: pixels a side of one field of the networks' last block.
    """
    return {
        "claim": claim_sentence(table, field),
        "faithfulness": faithfulness_sentence(checks),
        "blackout": blackout_sentence(checks),
        "sanity": sanity_sentence(checks),
    }


def claim_sentence(table: pd.DataFrame, field: int = FIELD) -> str:
    """Whether the maps bear out the study's "SMOTE looks at the background, oversampling at the lung".

    Args:
        table: of ``sweep.analysis.maps.regions.numbers_of``.
        field: pixels a side of one field of the networks' last block.
    """
    claim = "The study says of its maps that SMOTE looks at the background and oversampling at the lung."
    missing = claim_missing(table)
    if missing:
        return f"{claim} That can't be tried here: there are no maps of {techniques_listed(missing)}."
    judged = judge_claim(table)
    if judged == "untold":
        return (
            f"{claim} That can't be tried here: the maps of the two do not tell the centre from the edge (which takes "
            f"images of more than {field * (FEWEST_FIELDS - 1)} pixels a side)."
        )
    row, other = (table[table["technique"] == name].iloc[0] for name in (CLAIMED, AGAINST))
    text = (
        f"{claim} Here corners and border hold {percent(row['edge'])} of SMOTE's maps and {percent(other['edge'])} "
        f"of oversampling's ({percent(row['edge_area'])} of the area), a difference of {_points(row, 'edge_gap')}"
    )
    if "mask_gap" in row and not pd.isna(row["mask_gap"]):
        text += (
            f"; the masks hold {percent(row['mask'])} and {percent(other['mask'])} ({percent(row['mask_area'])} of "
            f"the area), a difference of {_points(row, 'mask_gap')}"
        )
    return (
        f"{text}{_JUDGED[judged]}. The frame stands for the background here, which lies between the lungs too; only "
        "masks of the lungs (--masks) would tell them apart. One network stands for each technique, so this says "
        "nothing of the techniques in general."
    )


def _points(row: pd.Series, name: str) -> str:
    return explained(row, name, lambda share: signed(100 * share, 1), " percentage points")


def faithfulness_sentence(checks: pd.DataFrame) -> str:
    """For which techniques deletion and insertion both beat the random order."""
    known = checks[checks["deletion_gain"].notna()]
    if known.empty:
        return "Deletion and insertion could not be tried: no map tells a place."
    good = (known["deletion_gain_low"] > 0) & (known["insertion_gain_low"] > 0)
    text = "Deletion and insertion: taking away what a map marks, and putting it in, "
    if good.all():
        text += "moves the decision more than a random order does, for every technique"
    elif good.any():
        text += (
            "moves the decision significantly more than a random order does for "
            f"{techniques_listed(known[good]['technique'])}, but not for "
            f"{techniques_listed(known[~good]['technique'])}"
        )
    else:
        text += "moves the decision for no technique significantly more than a random order does"
    low, high = int(known["curve_images"].min()), int(known["curve_images"].max())
    return f"{text} ({low if low == high else f'{low} to {high}'} images each)."


def blackout_sentence(checks: pd.DataFrame) -> str:
    """Which networks lose AUROC when corners and border are black."""
    count = int(checks["blackout_images"].max())
    text = f"With corners and border made black in {count} test images, "
    known = checks[checks["auroc_drop"].notna()]
    if known.empty:
        return f"{text}AUROC could not be told: a class is missing."
    falls = known[known["auroc_drop_low"] > 0].sort_values("auroc_drop", ascending=False)
    if falls.empty:
        worst = known.iloc[int(known["auroc_drop"].to_numpy().argmax())]
        return (
            f"{text}no network loses AUROC significantly (the largest fall is {display_name(worst['technique'])}'s, "
            f"{explained(worst, 'auroc_drop')}): none is shown to need the edge."
        )
    named = "; ".join(
        f"{display_name(row['technique'])} by {explained(row, 'auroc_drop')}" for _, row in falls.iterrows()
    )
    others = known.drop(falls.index)
    ending = "" if others.empty else f"; for {techniques_listed(others['technique'])} it does not fall significantly"
    return (
        f"{text}AUROC falls for {named}{ending}. A network that falls used what lies there, or was thrown by a black "
        "frame that it had never seen; of one that doesn't fall, no need of it is shown."
    )


def sanity_sentence(checks: pd.DataFrame) -> str:
    """Whether the maps change when the weights are random."""
    known = checks[checks["correlation"].notna()]
    if known.empty:
        return "The maps could not be held against those of random weights: they tell too few places."
    low, high = known["correlation"].min(), known["correlation"].max()
    ranged = decimals(low, 2) if len(known) == 1 else f"{decimals(low, 2)} to {decimals(high, 2)}"
    text = (
        f"Against the same networks with random weights the maps' mean rank correlation is {ranged}; "
        f"{percent(known['above_half'].mean())} of images lie above {TOO_ALIKE:g} and "
        f"{percent(known['above_nine_tenths'].mean())} above {NEARLY_EQUAL:g}"
    )
    alike = known["correlation"] > TOO_ALIKE
    partly = ~alike & (known["above_half"] >= 0.5)
    if not (alike | partly).any():
        return f"{text}: the maps depend on what was learnt."
    text += "."
    if alike.any():
        text += (
            f" The maps of {techniques_listed(known[alike]['technique'])} hardly depend on what was learnt; do not "
            "read them as its reasons."
        )
    if partly.any():
        text += (
            f" The maps of {techniques_listed(known[partly]['technique'])} depend on what was learnt in part only: for "
            "many images they show what any network of this form would mark."
        )
    return text
