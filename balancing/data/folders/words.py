"""What the names of folders side by side are words for: splits, folds, parts, sites, patients, views, dates."""

from __future__ import annotations

import re
from collections.abc import Collection

from balancing.data.positive import means_healthy

_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")
_TOKEN = re.compile(r"[^\W\d_]+|\d+")
_NUMBER = re.compile(r"\d+")

_SPLIT = {
    **dict.fromkeys(
        "train training trn trainval entrenamiento entreno treino treinamento entraînement entrainement apprentissage "  # noqa: SIM905
        "addestramento".split(),
        "train",
    ),
    **dict.fromkeys(
        "val valid validate validation validating dev devel development validierung validacion validación validação "  # noqa: SIM905
        "validacao validazione".split(),
        "validation",
    ),
    **dict.fromkeys("test testing tst eval evaluation prueba pruebas teste testes".split(), "test"),  # noqa: SIM905
}
# Words for splits of which nothing needs to be said.
PLAIN = {word: _SPLIT[word] for word in ("train", "training", "val", "valid", "validation", "dev", "test", "testing")}
# What may stand beside the word for a split: train_set, Test Images, training-data.
_FILLERS = frozenset(
    "set sets data dataset datasets image images img imgs split folder sample samples subset cases input inputs photos "  # noqa: SIM905
    "pictures png jpg jpeg the part".split()
)
_GLUED = ("dataset", "images", "image", "imgs", "data", "set", "split")

# Folders of these names hold images and mean nothing else.
NEUTRAL = frozenset(
    "image images img imgs data dataset picture pictures photo photos jpg jpeg png bmp tif dicom dcm files original "  # noqa: SIM905
    "tiff originals input inputs raw cxr slices patches frames".split()
)
# Folders of these names beside such hold what was drawn on the images.
_DRAWN = frozenset("mask masks label labels gt gts groundtruth annotation annotations".split())  # noqa: SIM905
_FOLD = frozenset({"fold", "kfold", "cv", "folds", "crossval"})
_FOLD_OF_SEVERAL = frozenset({"split", "rep", "repeat", "repetition"})
_PART = frozenset(
    "part parts batch batches chunk shard images image imgs img pictures photos disc disk volume vol archive zip set "  # noqa: SIM905
    "subset folder dir data dataset section block package tar base".split()
)
_SITE = frozenset("site hospital hosp center centre clinic institution institute".split())  # noqa: SIM905
_SITE_NUMBERED = _SITE | frozenset("scanner vendor device machine lab laboratory cohort source".split())  # noqa: SIM905
_PATIENT = frozenset(
    "patient patients pat pt subject subj sub case person participant pid patientid volunteer mouse rat animal donor "  # noqa: SIM905
    "individual".split()
)
_SHORT_PATIENT = re.compile(r"[ps][\s_-]?\d+", re.I)
# Beside a number they name a class.
_CLASS = frozenset(["class", "grade", "type", "stage", "category", "label", "level", "birads", "score", "kl", "group"])
_STUDY = frozenset("study series view visit session ses scan exam acquisition acq timepoint tp".split())  # noqa: SIM905
_VIEW = frozenset(
    "left right od os l r cc mlo lcc rcc lmlo rmlo ap pa lateral frontal lat axial coronal sagittal t1 t2 flair t1c "  # noqa: SIM905
    "t1ce dwi baseline followup".split()
)
_MAGNIFICATION = re.compile(r"x\s*\d+|\d+\s*x", re.I)
_MAGNIFICATIONS = frozenset(map(str, (4, 5, 10, 20, 40, 50, 60, 63, 80, 100, 200, 400, 1000)))
_SIZES = frozenset(map(str, (28, 32, 64, 128, 224, 256, 299, 384, 512, 1024, 2048)))  # pixels a side
_SIZE = re.compile(r"\d{2,4}\s?[x×]\s?\d{2,4}(?:\s?px)?|\d{2,4}\s?px", re.I)
_DATE = re.compile(r"(?:19|20)\d\d(?:[-_.]?(?:0[1-9]|1[0-2])(?:[-_.]?[0-3]\d)?)?")
_LONG_HEX = re.compile(r"[0-9a-f-]{16,}", re.I)
_DIGITS = 300  # of a number that is looked at
_LONG, _FEWEST_CODES = 3, 4
_MANY, _FEW_STEMS, _MOST_CLASSES, _MEAN = 10, 5, 20, 10


def tokens(name: str) -> list[str]:
    """Words and numbers of a name, in lower case.

    >>> tokens("TrainSet_01"), tokens("images part-2")
    (['train', 'set', '01'], ['images', 'part', '2'])
    """
    return _TOKEN.findall(_CAMEL.sub(" ", name).casefold())


def _split_token(word: str) -> str | None:
    found = _SPLIT.get(word)
    for glued in _GLUED if found is None else ():
        if word.endswith(glued) and word != glued:
            found = found or _SPLIT.get(word.removesuffix(glued))
    return found


def split_word(name: str) -> str | None:
    """The split that a name means, whatever its spelling, or None.

    >>> [split_word(name) for name in ("Training Set", "valset", "TestImages", "train_1", "holdout", "test_positive")]
    ['train', 'validation', 'test', 'train', None, None]
    """
    words = [word for word in tokens(name) if not word.isdigit()]
    if any(_split_token(word) is None and word not in _FILLERS for word in words):
        return None
    return _one_split(words)


def _one_split(words: Collection[str]) -> str | None:
    found = {split for word in words if (split := _split_token(word))}
    if found == {"train", "validation"}:  # train_val: what is trained on before a test
        return "train"
    return found.pop() if len(found) == 1 else None


def split_words(names: Collection[str]) -> dict[str, str]:
    """Folders side by side -> their splits; those that are none are left out.

    Words that mean something else may stand beside the split's only where two splits are told so:
    ``C-NMC_training_data`` beside ``C-NMC_test_prelim_phase_data``; and not beside a plain word for the same split, for
    ``auto_test`` beside ``test`` may be another view of it, and ``train_augmented`` copies of ``train``.
    """
    plain = {name: split for name in names if (split := split_word(name))}
    hinted = {name: split for name in names if name not in plain and (split := _one_split(tokens(name)))}
    told = set(plain.values())
    hinted = {name: split for name, split in hinted.items() if split not in told}
    both = {**plain, **hinted}
    if len(set(both.values())) > 1 and not (hinted and any(map(means_healthy, hinted))):
        return both
    return plain


def hinted_split(name: str) -> str | None:
    """The one split that some word of a name means: ``CRC-VAL-HE-7K`` -> ``validation``."""
    return _one_split(tokens(name))


def split_and_class(names: Collection[str]) -> dict[str, tuple[str, str]] | None:
    """Folders that tell both their split and their class -> these; None for others.

    >>> split_and_class(["train_cat", "train_dog", "test_cat", "test_dog"])["test_dog"]
    ('test', 'dog')
    """
    told: dict[str, tuple[str, str]] = {}
    for name in names:
        words = re.findall(r"[^\W_]+|[\W_]+", name)
        at = [i for i, word in enumerate(words) if _split_token(word.casefold())]
        if len(at) != 1:
            return None
        rest = "".join([*words[: at[0]], *words[at[0] + 1 :]]).strip(" _-.")
        if not rest:
            return None
        told[name] = _split_token(words[at[0]].casefold()) or "", rest
    often = [sum(one == rest for _, one in told.values()) for rest in {rest for _, rest in told.values()}]
    both = len(often) > 1 and len({split for split, _ in told.values()}) > 1
    return told if both and 2 * sum(count > 1 for count in often) > len(often) else None


def class_in_study(names: Collection[str]) -> str | None:
    """A pattern for the class in the names of studies, such as ``study1_positive``; None where they tell none."""
    found = [re.fullmatch(r"([A-Za-z]+)[\s_-]?\d+[_-]([A-Za-z]+)", name) for name in names]
    classes = {match[2].casefold() for match in found if match}
    healthy = sum(map(means_healthy, classes))
    first = found[0] if found else None
    return f"{first[1]}[0-9]+[_-]([A-Za-z]+)" if all(found) and first and 0 < healthy < len(classes) else None


def is_fold(name: str, of_several: bool = False) -> bool:
    """Whether a name is a fold's: ``fold_0``, ``cv2``, ``Fold 3``; ``split_1`` where there are several."""
    words = tokens(name)
    if len(words) < 2 or not (words[-1].isdigit() or (len(words[-1]) == 1 and words[-2] == "fold")):
        return False
    return words[-2] in _FOLD or (of_several and len(words) == 2 and words[0] in _FOLD_OF_SEVERAL)


def numbered_alike(names: Collection[str]) -> str | None:
    """The common stem of names that differ in one number alone, ``#`` for the number; None for others.

    >>> numbered_alike(["images_1", "images_2"]), numbered_alike(["T1", "B2"])
    ('images_#', None)
    """
    stems = {_last_number_out(name) for name in names}
    if len(stems) == 2:  # "images" beside "images_2"
        bare, numbered = sorted(stems, key=lambda stem: "#" in stem)
        stems = {numbered} if numbered.replace("#", "").rstrip(" _-()") == bare else stems
    return stems.pop() if len(names) > 1 and len(stems) == 1 and "#" in next(iter(stems)) else None


def numbered_series(names: Collection[str]) -> bool:
    """Whether folders within patients differ in a number alone and none says class or grade: ``CR chest 1``."""
    stem = numbered_alike(names)
    return stem is not None and len(tokens(stem)) > 0 and not _CLASS.intersection(tokens(stem))


def _last_number_out(name: str) -> str:
    found = list(_NUMBER.finditer(name))
    return (name if not found else f"{name[: found[-1].start()]}#{name[found[-1].end() :]}").casefold()


def _are_parts(names: Collection[str]) -> bool:
    stem = numbered_alike(names)
    if stem is not None:
        return any(word in _PART for word in tokens(stem))
    words = [tokens(name) for name in names]
    return len(names) > 1 and all(len(one) > 1 and one[-2] == "part" and len(one[-1]) == 1 for one in words)


def _is_site(name: str) -> bool:
    words = tokens(name)
    if not words:
        return False
    marked = len(words) == 2 and (words[1].isdigit() or len(words[1]) == 1)
    return words[0] in _SITE or (marked and words[0] in _SITE_NUMBERED)


def _is_patient(name: str) -> bool:
    words = tokens(name)
    if words and len(words) > 2 and words[-2].isdigit() and len(words[-1]) == 1:
        words = words[:-1]  # patient12b
    return len(words) > 1 and words[-1].isdigit() and words[-2] in _PATIENT and len(words) <= 3


def _are_patients(names: Collection[str]) -> bool:
    if len(names) > 1 and all(map(_is_patient, names)):
        return True
    return len(names) > 1 and all(_SHORT_PATIENT.fullmatch(name) for name in names)


def look_like_ids(names: Collection[str], images: int) -> bool:
    """Whether folders are named by numbers or codes, as patients are, and classes are not.

    Numbers of three digits or more are ids; so are numbers with gaps that are above 20 or ten or more, and ten or more
    with leading zeros. Those from 0 or 1 without a gap are grades, unless they are many and small. Names that say
    ``grade`` or ``class`` are none.

    Args:
        images: how many lie in all of these folders together.
    """
    words = [tokens(name) for name in names]
    if len(names) < 2 or any(word in _CLASS for one in words for word in one):
        return False
    if all(name.isdecimal() and len(name) <= _DIGITS for name in names):
        padded = any(name[0] == "0" and len(name) > 1 for name in names)
        small = len(names) > _MOST_CLASSES and images < _MEAN * len(names)
        long = all(len(name) >= _LONG for name in names)
        gaps = not _are_dense(names) and (len(names) >= _MANY or max(map(int, names)) > _MOST_CLASSES)
        return long or gaps or (len(names) >= _MANY and (padded or small))
    hexes = sum(_LONG_HEX.fullmatch(name) is not None for name in names)
    if len(names) >= _FEWEST_CODES and hexes >= 0.9 * len(names):
        return True
    stems = {_NUMBER.sub("#", name) for name in names}
    longest = [max((len(run) for run in _NUMBER.findall(name)), default=0) for name in names]
    if len(names) >= _FEWEST_CODES and min(longest) >= _LONG and len(stems) <= _FEWEST_CODES - 1:
        return True
    coded = sum(sum(map(str.isdigit, name)) >= 2 for name in names)
    many = len(names) >= _MANY and coded >= 0.9 * len(names)
    return many and len(stems) <= max(_FEW_STEMS, len(names) // 5) and not _are_dense(names)


def _are_dense(names: Collection[str]) -> bool:
    """Whether numbers at the end run from 0 or 1 without a gap."""
    numbers = sorted(int((_NUMBER.findall(name) or ["-1"])[-1][:_DIGITS]) for name in names)
    return numbers[0] in (0, 1) and numbers[-1] - numbers[0] + 1 == len(numbers)


def name_nothing(names: Collection[str]) -> bool:
    """Whether folders are called images and the like, perhaps with masks or labels beside: none is a class."""
    said = {name.casefold() for name in names}
    return said <= NEUTRAL | _DRAWN and bool(said & NEUTRAL)


def name_sets(names: Collection[str]) -> bool:
    """Whether folders side by side are called sets of images, which no class is: ``lung_image_sets``.

    >>> name_sets(["lung_image_sets", "colon_image_sets"]), name_sets(["lung", "colon"])
    (True, False)
    """
    said = NEUTRAL | {"set", "sets", "datasets"}
    return len(names) > 1 and all(said.intersection(tokens(name)) and not means_healthy(name) for name in names)


def kind_of(names: Collection[str]) -> str | None:
    """What all folders of a level are, by their words: ``fold``, ``date``, ``size``, ``magnification``, ``part``,
    ``site``, ``patient``, ``study`` or ``view``; None for words that mean none of these.

    Splits are told by ``split_words``, for they may stand beside others.
    """
    several = len(names) > 1
    if all(is_fold(name, several) for name in names):
        return "fold"
    if several and all(_DATE.fullmatch(name) for name in names):
        return "date"
    if several and (all(_SIZE.fullmatch(name) for name in names) or _SIZES.issuperset(names)):
        return "size"
    if all(_MAGNIFICATION.fullmatch(name) for name in names) or (several and _MAGNIFICATIONS.issuperset(names)):
        return "magnification"
    if _are_parts(names):
        return "part"
    if not any(map(means_healthy, names)) and all(map(_is_site, names)):
        return "site"
    if _are_patients(names):
        return "patient"
    if all((words := tokens(name)) and words[0] in _STUDY for name in names):
        return "study"
    if all(name.strip().casefold() in _VIEW for name in names):
        return "view"
    return None


def alike(name: str) -> str:
    """A class name without letter case, blanks, ``_`` and ``-``, which people don't mean as a difference."""
    return re.sub(r"(?<!\d)[\s_-]+|[\s_-]+(?!\d)", "", name.casefold())


def copied_from(name: str) -> str:
    """The name that a copied folder had, by systems' ways: ``normal - Copy``, ``normal (1)``, ``copy of normal``."""
    return re.sub(r"(?i)^copy of |[\s_-]+(?:copy|kopie|copie)(?:[\s_]?\(?\d+\)?)?$|\s*\(\d+\)$", "", name)


def natural_order(names: Collection[str]) -> list[str]:
    """Sorted: by number where all are numbers, or alike but for one; else by letters."""
    if all(name.isdecimal() for name in names) or numbered_alike(names) is not None:
        return sorted(names, key=lambda name: (int((_NUMBER.findall(name) or ["0"])[-1][:_DIGITS]), name))
    return sorted(names)
