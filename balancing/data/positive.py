"""Which of two classes is looked for: told by the data or by names, never by an index, and asked where in doubt."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence

from balancing.errors import UserError, suggestion

# Words that mean health, or that a thing looked for is not there, in whatever company ...
_HEALTHY = frozenset((
    "normal", "normals", "healthy", "health", "control", "controls", "negative", "negatives", "neg", "clear", "clean",
    "uninfected", "unaffected", "benign", "benigns", "absent", "absence", "nofinding", "nofindings", "nodisease",
    "noncancer", "noncancerous", "nontumor", "nontumour", "intact", "norm", "unremarkable", "nevus", "nevi", "nv",
    "gesund", "gesunde", "gesunder", "sano", "sanos", "sana", "sanas", "sain", "sains", "saine", "saines", "normale",
    "normales", "normaux", "normaal", "normali", "gezond", "saudavel", "saudável", "sağlıklı", "zdrowy", "zdrowe",
    "норма", "здоровый", "正常", "健康",
))  # fmt: skip
# ... and those that do alone: abbreviations (cognitively normal, healthy control, negative for intraepithelial lesion,
# within normal limits, no abnormality detected), and words of many meanings.
_ALONE = frozenset(("none", "no", "false", "without", "cn", "hc", "nilm", "wnl", "nad", "keine", "nein"))
_DENIES = frozenset(("no", "non", "not", "without", "ohne", "kein", "keine", "nicht", "sans", "sin", "senza", "geen"))
_GLUED_DENIAL = re.compile(
    r"(?:no|non|not|un)(?:covid|tumou?rs?|cancer(?:ous)?|findings?|diseased?|ulcers?|fracture[sd]?|infected|affected|"
    r"demented|glaucoma|pneumonia|lesions?|referable|patholog(?:y|ical)|polyps?|bleeding|diabetic|dr|tb|idc|metastas[ie]s)"
)
# What a denial makes another finding or a trait, and no health: non-small cell, non-Hodgkin, non-union, no response.
_STILL_SICK = frozenset((
    "small", "hodgkin", "hodgkins", "viable", "union", "proliferative", "response", "responder", "responders",
    "responding", "healed", "healing", "ischemic", "ischaemic", "ossifying", "light", "perception", "st", "stemi",
    "accidental", "tuberculous", "invasive", "muscle", "mass", "specific", "consent", "survivor", "survivors",
    "survival", "seminoma", "seminomatous", "alcoholic", "keratinizing", "obstructive", "epithelial", "gestational",
    "compliant", "diagnostic", "reactive", "functioning", "dominant", "contrast", "enhancing", "recovered", "cured",
    "alive", "pregnant",
))  # fmt: skip
# Words that name nothing of their own beside a denied one: non-tumour tissue.
_FILLERS = frozenset(
    "tissue tissues image images img case cases patient patients patch patches region regions area class group slide "  # noqa: SIM905
    "slides sample samples eye eyes skin lung lungs chest breast brain ct mri cxr xray x ray scan scans data".split()
)
# Beside "negative" they make it a trait of a disease, not health.
_TRAITS = frozenset(
    "triple er pr her her2 hr gram rh margin margins pressure receptor hormone egfr kras braf ki alk false rt".split()  # noqa: SIM905
)
_TRAIT_PAIRS = frozenset((
    ("normal", "pressure"), ("normal", "tension"), ("normal", "variant"), ("clear", "cell"), ("clear", "cells"),
))  # fmt: skip
_SICK = re.compile(
    r"(?:oma|omas|itis|[^n]osis|cephalus|cancer|tumou?r|disease|syndrome|lesion|infection|fracture|failure|loss|poor|"
    r"contaminated|false)"
)
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")
_WORDS = re.compile(r"[^\W\d_]+", re.UNICODE)
# Numbers and truth values say yes or no by custom, but not of what.
_NO, _YES = frozenset({"0", "false", "no", "n", "f", "0.0"}), frozenset({"1", "true", "yes", "y", "t", "1.0"})


def means_healthy(name: str) -> bool:
    """Whether a class name says that nothing was found.

    >>> [means_healthy(name) for name in ("NORMAL", "No Finding", "abnormal", "benign", "COVID", "non-tumour")]
    [True, True, False, True, False, True]
    """
    words = [word.casefold() for word in _WORDS.findall(_CAMEL.sub(" ", name))]
    if not words:
        return False
    if len(words) == 1:
        return words[0] in _HEALTHY or words[0] in _ALONE or _GLUED_DENIAL.fullmatch(words[0]) is not None
    if any(one in _DENIES or one == "un" for one in words):
        return _denies_sickness(words)
    if words[-1] == "free" or words[:2] == ["free", "of"] or any(map(_GLUED_DENIAL.fullmatch, words)):
        return True
    if "benign" in words:
        return True
    found = _HEALTHY.intersection(words)
    if found & {"negative", "negatives", "neg"}:
        return not _TRAITS.intersection(words)
    if not found or _TRAIT_PAIRS.intersection(itertools.pairwise(words)):
        return False
    return not any(map(_SICK.search, words))


def _denies_sickness(words: Sequence[str]) -> bool:
    """Whether a name with "no", "non", "not" says that nothing was found; not where it denies health, or a kind."""
    at = next(i for i, word in enumerate(words) if word in _DENIES or word == "un")
    denied = [word for word in words[at + 1 :] if word not in _FILLERS]
    if words[at] == "un" or not denied or any(word in _HEALTHY or word == "normal" for word in denied):
        return False
    if _STILL_SICK.intersection(denied):
        return False
    return words[at] != "non" or len(denied) == 1  # non-X Y is a Y of another kind


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
    if not any(healthy):
        healthy = [_denies(class_names[i], class_names[1 - i]) for i in (0, 1)]
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


def _denies(name: str, other: str) -> bool:
    """Whether a name is the other with a denial before it, glued: ``Nonulcer`` of ``Ulcer``."""
    ours, theirs = (re.sub(r"[\W_]", "", one).casefold() for one in (name, other))
    kinds = _STILL_SICK.intersection(word.casefold() for word in _WORDS.findall(_CAMEL.sub(" ", other)))
    if len(theirs) < 2 or kinds or means_healthy(other):
        return False
    return ours in {f"{no}{theirs}" for no in ("no", "non", "not", "un")}


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
