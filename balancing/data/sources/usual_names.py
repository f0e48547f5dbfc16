"""The names that columns and splits usually bear, and cells as words."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from balancing.data.folders.words import split_word
from balancing.data.options import NONE, Options
from balancing.data.sources.base import split_of
from balancing.data.text import is_no_label

# Columns of 0 and 1 of these names are labels, or one class of several such columns.
FINDING_NAMES = frozenset(("malignant", "malignancy", "cancer", "tumor", "tumour"))
LABEL_NAMES = FINDING_NAMES | frozenset((
    "label", "labels", "class", "classes", "classname", "target", "targets", "y", "category", "dx", "diagnosis",
    "finding", "findings", "findinglabels", "benignmalignant", "level", "grade", "severity", "disease",
    "condition", "pathology", "outcome", "groundtruth", "gt", "labelname", "classlabel", "diagnosislabel",
    "imagelabel", "tumortype", "tumourtype", "retinopathygrade", "klgrade", "diagnosticgrade", "classid",
    "labelid", "targetclass", "diagnostic", "choice", "classification",
))  # fmt: skip
# The first that there are is the patient: what is nearer to a person comes before what is nearer to an image.
PATIENT_NAMES = (
    "patient", "patientid", "patientids", "patientnumber", "patientno", "patientname", "patientcode", "ptid",
    "subject", "subjectid", "person", "personid", "individual", "individualid", "participant", "participantid",
    "mrn", "pid", "caseid", "casenumber", "lesion", "lesionid",
)  # fmt: skip
SPLIT_NAMES = frozenset((
    "split", "splits", "set", "subset", "partition", "phase", "datasplit", "splitname", "setname", "dataset",
    "usage",
))  # fmt: skip
# What tables say of images beside their label.
_NO_LABEL_NAMES = frozenset((
    "age", "sex", "gender", "patientage", "patientsex", "patientgender", "site", "anatomsite",
    "anatomsitegeneral", "localization", "location", "view", "viewposition", "laterality", "side", "eye",
    "width", "height", "rows", "columns", "date", "studydate", "year", "weight", "race", "ethnicity",
    "modality", "index", "number", "followup", "source", "url", "filesize", "size", "x", "xmin", "ymin", "xmax",
    "ymax", "confidence", "score", "quality", "camera", "device", "study", "studyid", "series", "seriesid",
    "seriesuid", "imageheight", "imagewidth", "originalimage",
))  # fmt: skip
FOLD_NAMES = frozenset(("fold", "folds", "cvfold", "kfold", "foldid", "stratfold"))


def may_be_label(column: str) -> bool:
    """Whether a column that nobody named could hold classes, by its name."""
    return plain(column) not in _NO_LABEL_NAMES


def plain(name: str) -> str:
    """A column's name without letter case and signs: ``Patient ID`` -> ``patientid``."""
    return re.sub(r"[^a-z0-9]", "", name.casefold())


def number_word(cell: Any) -> str:
    """A cell as a word, whole numbers in one form: 1, 1.0, "1.0" and True -> "1"; a blank one as ''."""
    if cell is None or isinstance(cell, list | tuple):
        return ""
    if isinstance(cell, bool):
        return str(int(cell))
    text = str(cell).strip()
    if re.fullmatch(r"-?\d{1,18}\.0*", text):
        text = text.partition(".")[0]
    return "" if is_no_label(text) else text


def quoted(word: str) -> str:
    """A word as a shell takes it."""
    return shlex.quote(word)


def split_of_word(word: str, split_map: Mapping[str, str]) -> str | None:
    """``train``, ``validation``, ``test`` or ``drop`` for a word of a split column; None for an unknown one."""
    if word in split_map:
        return split_map[word]
    lower = word.casefold()
    for key, value in split_map.items():
        if key.casefold() == lower:
            return value
    return split_of(lower) or split_word(word)


def find_patient(
    columns: Mapping[str, Sequence[Any]], options: Options, taken: Iterable[str | None] = (), least: int = 3
) -> str | None:
    """A column whose name means the patient, and whose cells tell at least so many apart."""
    if options.patient_column == NONE or options.patient_pattern is not None:
        return None
    by_name = {plain(column): column for column in columns if column not in taken}
    for name in PATIENT_NAMES:
        column = by_name.get(name)
        if column is not None and len({number_word(cell) for cell in columns[column]} - {""}) >= least:
            return column
    return None


def patient_note(column: str, where: str) -> str:
    """What is said of a patient column that was found by its name."""
    return f"Patients are told by column '{column}' of {where}; --patient-column none for no such column."
