"""What is deployed, in a sentence or two."""

from __future__ import annotations

from sweep.analysis.names import display_name
from sweep.inference.deployed import Deployed


def deployed_sentence(found: Deployed) -> str:
    """Whose answers these are, and how they decide."""
    name = display_name(found.technique)
    if found.is_ensemble:
        whose = f"The mean of {len(found.networks)} networks of {name} (seeds {', '.join(map(str, found.seeds[:10]))}"
        whose += ", ...)" if len(found.seeds) > 10 else ")"
    else:
        whose = f"The network of {name}, trial {found.trial_ids[0]}"
    if found.fold is not None:
        whose += f", {found.fold}"
    return f"{whose}. {rule_sentence(found)}"


def rule_sentence(found: Deployed) -> str:
    """How decisions are made."""
    if found.rule is None:
        return "Its scores rank images, the higher the likelier; nothing says where a class begins."
    if found.positive is not None and found.rule.threshold is not None:
        label = found.class_names[found.positive]
        of = "" if found.network_gives == "probabilities" else ", softmax of its scores,"
        return f"{label} is decided for from a probability{of} of {found.rule.threshold:.3g} on."
    if found.rule.decision:
        return f"Decided by {display_name(found.rule.decision)}, as fitted on validation."
    return "The most probable class is decided for."
