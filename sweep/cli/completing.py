"""What the shell offers where a word is begun: techniques, presets, and the values of options that take a few words.

Nothing here loads torch: a shell asks anew at each press of the tab key. Where a word is none of ours (a path, say) it
is offered nothing, and offers its files itself.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Literal, get_args, get_origin

# What ends one name and begins the next in `--techniques`: a comma between techniques, a plus sign within one.
_BEFORE = re.compile(r".*[,+:]")


def technique_words(incomplete: str) -> list[str]:
    """Techniques, components and groups of which the last begun name may become one, with what stands before it.

    Args:
        incomplete: as typed so far, such as ``baseline,smote+fo``.
    """
    from balancing.components.groups import AROUND, GROUPS
    from balancing.components.techniques import techniques

    found = _BEFORE.match(incomplete)
    before = found.group() if found else ""
    names = [technique.name for technique in techniques()]
    if not before.endswith(("+", ":")):
        names += [*GROUPS, AROUND]
    return [before + name for name in names if (before + name).startswith(incomplete)]


def preset_words(incomplete: str) -> list[str]:
    """Presets whose name begins so."""
    from sweep.config.files import preset_names

    return [name for name in preset_names() if name.startswith(incomplete)]


def config_words(key: str) -> Callable[[str], list[str]]:
    """Completes an option by the words that its key in the configuration takes: none where that is any text.

    Args:
        key: ``section.name``.
    """

    def words(incomplete: str) -> list[str]:
        return [word for word in words_of(key) if word.startswith(incomplete)]

    return words


def words_of(key: str) -> list[str]:
    """The words that a key of the configuration takes, in its order; [] where that is any text."""
    from balancing.metrics import SELECTABLE
    from sweep.config.config import Config

    if key == "sweep.metric":
        return list(SELECTABLE)
    section, _, name = key.partition(".")
    model = Config.model_fields[section].annotation
    field = getattr(model, "model_fields", {}).get(name)
    kind = field.annotation if field is not None else None
    return [str(word) for word in get_args(kind)] if get_origin(kind) is Literal else []
