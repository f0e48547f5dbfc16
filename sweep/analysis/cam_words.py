"""What the checks of the maps found, in sentences."""

from __future__ import annotations

import pandas as pd

from sweep.analysis.names import display_name

# A map that keeps this much rank correlation when the weights are random shows little of what was learnt.
TOO_ALIKE = 0.5
NEARLY_EQUAL = 0.9


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
            f"moves the decision beyond doubt more than a random order does for {_names(known[good])}, but not for "
            f"{_names(known[~good])}"
        )
    else:
        text += "moves the decision for no technique beyond doubt more than a random order does"
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
            f"{text}no network loses AUROC beyond doubt (the largest fall is {display_name(worst['technique'])}'s, "
            f"{_three(worst, 'auroc_drop')}): none is shown to need the edge."
        )
    named = "; ".join(f"{display_name(row['technique'])} by {_three(row, 'auroc_drop')}" for _, row in falls.iterrows())
    others = known.drop(falls.index)
    ending = "" if others.empty else f"; for {_names(others)} it falls by nothing that is beyond doubt"
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
    ranged = f"{_signed(low)}" if len(known) == 1 else f"{_signed(low)} to {_signed(high)}"
    text = (
        f"Against the same networks with random weights the maps' mean rank correlation is {ranged}; "
        f"{100 * known['above_half'].mean():.0f} % of images lie above {TOO_ALIKE:g} and "
        f"{100 * known['above_nine_tenths'].mean():.0f} % above {NEARLY_EQUAL:g}"
    )
    alike = known["correlation"] > TOO_ALIKE
    partly = ~alike & (known["above_half"] >= 0.5)
    if not (alike | partly).any():
        return f"{text}: the maps depend on what was learnt."
    text += "."
    if alike.any():
        text += (
            f" The maps of {_names(known[alike])} hardly depend on what was learnt; do not read them as its reasons."
        )
    if partly.any():
        text += (
            f" The maps of {_names(known[partly])} depend on what was learnt in part only: for many images they show "
            "what any network of this form would mark."
        )
    return text


def _names(rows: pd.DataFrame) -> str:
    names = [display_name(name) for name in rows["technique"]]
    return names[0] if len(names) == 1 else ", ".join(names[:-1]) + " and " + names[-1]


def _signed(value: float) -> str:
    return f"{value:.2f}".replace("-", "\N{MINUS SIGN}")


def _three(row: pd.Series, name: str) -> str:
    value, low, high = (
        f"{row[key]:.3f}".replace("-", "\N{MINUS SIGN}") for key in (name, f"{name}_low", f"{name}_high")
    )
    if pd.isna(row[f"{name}_low"]) or pd.isna(row[f"{name}_high"]):
        return f"{value}, too few patients for an interval"
    return f"{value} (95 % interval {low} to {high})"
