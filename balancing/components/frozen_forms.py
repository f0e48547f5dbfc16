"""What techniques become behind a frozen body, which sees each image once and hands on its features."""

from __future__ import annotations

from balancing.components.conflicts import conflicts
from balancing.components.registry import Component
from balancing.components.technique import Technique
from balancing.components.techniques import JOINS, get_technique
from balancing.errors import UserError


def in_features(component: Component) -> bool:
    """Whether it works on features behind a frozen body: a mixer, or a sampler that mixes or looks at distances.

    Samplers that only draw rows draw the same in either space.
    """
    looks = component.mixes or component.prior_effect == "unknown"
    return component.axis == "mixer" or (component.axis == "sampler" and looks)


def frozen_form(technique: Technique, *, views: int = 0) -> Technique:
    """The technique as a group stands for it behind a frozen body: ``smote`` becomes ``smote@features``.

    Args:
        views: augmented views of each training image that the body has seen.
    Raises:
        UserError: it can't be, and why.
    """
    for part in technique.parts:
        if part.axis == "augmentation" and not views:
            raise UserError("it changes images, which a frozen network sees once, without --views")
        if part.name == "cutmix":
            raise UserError("it cuts boxes out of images, and features have none")
    words = [f"{part.name}@features" if in_features(part) else technique.written(part) for part in technique.parts]
    changed = words != [technique.written(part) for part in technique.parts]
    found = get_technique(JOINS.join(words)) if changed else technique
    refused = next((one.sentence for one in conflicts(found.behind_frozen()) if one.refused), "")
    if refused:
        raise UserError(refused.partition(": ")[2].partition(";")[0])
    return found
