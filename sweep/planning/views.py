"""Where augmentation has no effect: a frozen network sees each image once, unless views are asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from balancing.components.ranges import Interval
from balancing.components.technique import Technique
from balancing.components.techniques import training_of
from balancing.errors import UserError

if TYPE_CHECKING:
    from sweep.config.config import Config

_NEXT = "give --views 4"


def check_views(config: Config, technique: Technique) -> None:
    """Raises UserError where all that a technique does in training is to augment, and nothing is augmented."""
    trained = training_of(technique)
    if _sees_once(config) and trained.axes == ("augmentation",):
        raise UserError(
            f"technique '{technique.name}': augmentation changes images, which a frozen network sees once; {_NEXT} or "
            "leave it out"
        )


def notes_on_views(config: Config) -> list[str]:
    """What a user should know of augmentation, views or a hidden layer that have no effect; a sentence each.

    Args:
        config: whose techniques passed ``check_views``.
    """
    trained = [training_of(config.technique(name)) for name in config.space.techniques]
    asked = _strongest(config)
    if _sees_once(config):
        augmented = [technique.name for technique in trained if technique.part("augmentation")]
        found = [
            f"technique '{name}': its augmentation has no effect, for a frozen network sees each image once; {_NEXT}."
            for name in dict.fromkeys(augmented)
        ]
        if asked > 0 and any(technique.strength(asked) > 0 for technique in trained):
            found.append(
                f"The augmentation strength of {asked:g} has no effect, for a frozen network sees each image once; "
                f"{_NEXT}."
            )
        return found
    if config.network.frozen and not any(t.part("augmentation") or t.strength(asked) > 0 for t in trained):
        return ["--views has no effect: nothing here augments; give --strength, or a technique that does."]
    found = []
    if config.train.views and not config.network.frozen:
        found.append("--views has no effect: a network that trains as a whole sees each image anew in each epoch.")
    if config.train.hidden and not config.network.frozen:
        found.append("--hidden has no effect: that layer is part of a frozen network's head, and no network is frozen.")
    return found


def _sees_once(config: Config) -> bool:
    return config.network.frozen and config.train.views == 0


def _strongest(config: Config) -> float:
    values = config.space.strength
    if isinstance(values, Interval):
        return float(values.high)
    return float(max(values)) if isinstance(values, list) else float(values)
