"""Why techniques whose answers are no probabilities have no number somewhere, and what gives them one."""

from __future__ import annotations

from balancing.components.techniques import get_technique, training_of
from sweep.analysis.results import Results
from sweep.report.text.lists import techniques_listed


def scores_sentence(run: Results, number: str, has: str) -> str:
    """Which tested techniques have no such number since their answers are scores, why, and the next step; "" for none.

    Args:
        number: ``loss`` stands for all that takes probabilities, any other metric for itself.
        has: what is said of them: ``no calibration``.
    """
    found = run.without(number)
    if not found:
        return ""
    have, their = ("has", "its") if len(found) == 1 else ("have", "their")
    trained = training_of(get_technique(found[0])).name
    such = "" if len({training_of(get_technique(name)).name for name in found}) == 1 else "such as "
    why = (
        f"no probabilities before they are calibrated ({such}{trained}+bcts)"
        if number == "loss"
        else f"nothing says where a class begins before a threshold is fitted ({such}{trained}+threshold)"
    )
    return f"{techniques_listed(found)} {have} {has}: {their} answers are scores that rank images, and {why}."


def no_maps(run: Results) -> str:
    """Which tested techniques have no maps since they decide for no class; "" for none.

    Maps are of trained networks, so a threshold that is fitted afterwards changes nothing.
    """
    found = [name for name in run.without("balanced_accuracy") if name not in run.decisions]
    if not found:
        return ""
    return (
        f"Without maps, which are of the class that a network decides on: {techniques_listed(found)}, whose answers "
        "are scores that rank images; `sweep predict --technique` draws those of the positive class."
    )
