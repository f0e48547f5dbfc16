"""Which of two classes is looked for: told by the data or by names, never by an index, and asked where in doubt."""

from __future__ import annotations

import re
from collections.abc import Sequence

from balancing.errors import UserError, suggestion

# Words that mean health, or that a thing looked for is not there. A name that is one of them, or a list of them, is
# negative; "no X", "non-X", "not X", "without X" are negative where X is anything.
_HEALTHY = frozenset((
    "normal", "normals", "healthy", "health", "control", "controls", "negative", "neg", "clear", "clean", "uninfected",
    "unaffected", "benign", "absent", "none", "nofinding", "nofindings", "nodisease", "noncancer", "noncancerous",
    "nontumor", "nontumour", "no", "false", "without", "intact", "norm", "unremarkable", "nevus", "nevi", "nv",
    "gesund", "sano", "sain", "normale",
))  # fmt: skip
_DENIED = re.compile(
    r"^(?:no|non|not|without|ohne|sans|sin|free of)(?:[\s_\-.]+\w)|^(?:[Nn]o|NO|[Nn]on|[Nn]ot)[A-Z][a-z]", re.ASCII
)
_WORDS = re.compile(r"[^\W\d_]+", re.UNICODE)
# "normal" is part of these, which mean the contrary.
_CONTRARY = re.compile(
    r"abnormal|non?[\s_\-]?(?:normal|healthy|benign|negative|clear)|(?:un|not )healthy|not[\s_]normal", re.I
)
# Numbers and truth values say yes or no by custom, but not of what.
_NO, _YES = frozenset({"0", "false", "no", "n", "f", "0.0"}), frozenset({"1", "true", "yes", "y", "t", "1.0"})


def means_healthy(name: str) -> bool:
    """Whether a class name says that nothing was found.

    >>> [means_healthy(name) for name in ("NORMAL", "No Finding", "abnormal", "benign", "COVID", "non-tumour")]
    [True, True, False, True, False, True]
    """
    name = name.strip()
    if _CONTRARY.search(name):
        return False
    if _DENIED.match(name) or _DENIED.match(name.casefold()):
        return True
    words = [word.casefold() for word in _WORDS.findall(name)]
    return bool(words) and any(word in _HEALTHY for word in words)


def resolve_positive(
    class_names: Sequence[str],
    wanted: str | None,
    *,
    counts: Sequence[int] | None = None,
    told: str | None = None,
) -> tuple[int | None, str]:
    """Which class is looked for, in a task of two.

    Args:
        class_names: (C,) all classes.
        wanted: the user's choice in any letter case.
        counts: (C,) images of each class, for the proposal.
        told: the class that the data themselves (a known layout, a finding) say is looked for.
    Returns:
        its index, or None for more than two classes; and a sentence that says which and why.
    Raises:
        UserError: no such class; one was wanted among more than two; or the names leave a doubt.
    """
    if len(class_names) > 2:
        if wanted is not None:
            raise UserError(
                f"a positive class was named ({wanted}), but there are {len(class_names)} classes "
                f"({', '.join(class_names)}), for which all figures are means over the classes; remove --positive, or "
                f"make two classes of them, such as --merge '{_rest(class_names, wanted)}'"
            )
        return None, f"There are {len(class_names)} classes: all figures are means over the classes."
    if wanted is not None:
        found = _named(class_names, wanted)
        if found is None:
            raise UserError(f"no class is named '{wanted}' (--positive){suggestion(wanted, class_names)}")
        return found, f"The positive class is {class_names[found]}, as asked."
    if told is not None:
        found = _named(class_names, told)
        if found is not None:
            return found, f"The positive class is {class_names[found]}, as this data set has it."
    return _by_names(class_names, counts)


def _by_names(class_names: Sequence[str], counts: Sequence[int] | None) -> tuple[int, str]:
    rarer = None
    if counts is not None and counts[0] != counts[1]:
        rarer = 0 if counts[0] < counts[1] else 1
    lower = [name.strip().casefold() for name in class_names]
    if (lower[0] in _NO and lower[1] in _YES) or (lower[1] in _NO and lower[0] in _YES):
        yes = 1 if lower[1] in _YES else 0
        if rarer in (None, yes) or not lower[yes][0].isdigit():
            return yes, f"The positive class is {class_names[yes]}, by custom; --positive names another."
        no = 1 - yes
        raise UserError(
            f"which class is positive can't be told: {class_names[yes]} would be by custom, but {class_names[no]} is "
            f"the rarer one; name it with --positive {class_names[no]} or --positive {class_names[yes]}"
        )
    healthy = [means_healthy(name) for name in class_names]
    if sum(healthy) == 1:
        positive = healthy.index(False)
        negative = 1 - positive
        return positive, (
            f"The positive class is {class_names[positive]}, for {class_names[negative]} means that nothing was found; "
            "--positive names another."
        )
    proposed = class_names[rarer] if rarer is not None else class_names[1]
    why = f"; {proposed} is the rarer one, so perhaps --positive {_quoted(proposed)}" if rarer is not None else ""
    raise UserError(
        f"which class is positive can't be told from the names {class_names[0]} and {class_names[1]}{why}; name it "
        f"with --positive {_quoted(class_names[0])} or --positive {_quoted(class_names[1])}"
    )


def _named(class_names: Sequence[str], wanted: str) -> int | None:
    if wanted in class_names:
        return list(class_names).index(wanted)
    return {name.casefold(): i for i, name in enumerate(class_names)}.get(wanted.casefold())


def _rest(class_names: Sequence[str], wanted: str) -> str:
    others = [name for name in class_names if name.casefold() != wanted.casefold()]
    return "+".join(others) + "=rest"


def _quoted(word: str) -> str:
    import shlex

    return shlex.quote(word)
