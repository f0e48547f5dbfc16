"""Tables beside images: which of those that lie there tells of them, and which is named by the user."""

from __future__ import annotations

import glob
import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from balancing.data.options import Options, flag
from balancing.data.sources.tables.choosing import choose_roles, find_image, named_column, refuse_no_label
from balancing.data.sources.tables.matching import ImageFiles, Matched
from balancing.data.sources.tables.reading import Table, is_table, read_table
from balancing.data.sources.tables.settling import Placed
from balancing.data.sources.tables.telling import refuse_no_match
from balancing.data.sources.usual_names import find_patient, patient_note, plain
from balancing.data.text import one_patient, shown
from balancing.errors import UserError

_MOST_TABLES = 200
_LOOK = 500  # rows of a first look
_NAMED = 3


@dataclass
class Beside:
    """The tables that lie beside images.

    Args:
        labels: those that tell labels, of equal columns; empty where none does.
        patients: one that tells patients alone, and its column.
        without: those that name images, but no label that could be told.
        unused: sentences on tables that are not used.
        doubt: why a table that names images can't be used as it is, and the option that settles it; "" for none.
    """

    labels: list[Placed] = field(default_factory=list)
    patients: Path | None = None
    without: list[Placed] = field(default_factory=list)
    unused: list[str] = field(default_factory=list)
    doubt: str = ""


def find_tables(root: Path, paths: Sequence[str], files: ImageFiles, options: Options) -> Beside:
    """The tables among these files that tell of the images.

    Args:
        root: of the paths.
        paths: all files below it.
        files: those that may be images.
    Raises:
        UserError: two tables could be meant.
    """
    beside = Beside()
    candidates = [path for path in paths if is_table(path)]
    seen: dict[tuple[str, ...], list[str]] = {}
    for path in candidates[:_MOST_TABLES]:
        try:
            if "submission" in path.rpartition("/")[2].casefold():
                raise UserError("its name says that it is a form for answers")
            table = read_table(root / path, shown(path), _LOOK)
            if not len(table):
                raise UserError("it has no rows")
            own = any(plain(column) == plain(options.image_column or "") for column in table.columns)
            loose = options if own else replace(options, image_column=None)
            try:
                found = find_image(table, files, path.rpartition("/")[0], loose)
            except UserError as error:  # it names images, but which can't be told
                beside.doubt = beside.doubt or str(error)
                raise
            if found is None:
                raise UserError("none of its columns names the images")
            if _lacks_names(found, files, path.rpartition("/")[0]):
                table = read_table(root / path, shown(path), _LOOK, named=False)
            seen.setdefault(tuple(table.columns), []).append(path)
        except UserError as error:
            beside.unused.append(_unused(path, str(error)))
    groups = []
    for members in seen.values():
        placed, refusal = [], None
        for path in members:
            try:
                placed.append(place(root / path, shown(path), path.rpartition("/")[0], files, options))
            except UserError as error:
                refusal = str(error)
                if len(seen) == 1:
                    raise
        if placed:
            groups.append(placed)
        elif refusal:
            beside.unused.append(_unused(members[0], refusal))
    telling = [group for group in groups if group[0].roles.label or group[0].roles.one_hot]
    _take(telling, beside)
    for group in groups:
        if any(group is one for one in telling):
            continue
        beside.without += group
        if group[0].roles.patient and beside.patients is None:
            beside.patients = root / group[0].table.name
        else:
            beside.unused.append(_unused(group[0].table.name, "it tells neither labels nor patients"))
    return beside


def _take(telling: list[list[Placed]], beside: Beside) -> None:
    """The group that tells of the most images; the others are said."""
    if not telling:
        return
    counted = sorted(telling, key=_reach, reverse=True)
    most = _reach(counted[0])
    rivals = [group for group in counted[1:] if _reach(group) > 0.9 * most]
    if rivals:
        names = [group[0].table.name for group in (counted[0], *rivals)]
        raise UserError(
            f"{len(names)} tables could tell the labels: {', '.join(names[:5])}; name one, such as --labels {names[0]}"
        )
    beside.labels = counted[0]
    for group in counted[1:]:
        beside.unused.append(_unused(group[0].table.name, f"{counted[0][0].table.name} tells of more images"))


def _reach(group: Sequence[Placed]) -> int:
    return sum(one.matched.distinct for one in group)


def _unused(path: str, why: str) -> str:
    return f"The table {shown(path)} is not used ({why.rstrip('.')[:300]})."


def _lacks_names(found: tuple[str, Matched], files: ImageFiles, folder: str) -> bool:
    """Whether what should be the name of the column of images names an image itself."""
    return files.match([found[0]], folder).files[0] >= 0


def place(path: Path, name: str, folder: str, files: ImageFiles, options: Options, *, named: bool = True) -> Placed:
    """A table, read whole, with what its columns are; they are numbered where no line names them.

    Raises:
        UserError: it can't be read, no column names the images, or two columns could be meant.
    """
    table = read_table(path, name, named=named)
    if not table.columns or not len(table):
        raise UserError(f"the table {name} has no rows; give another with --labels")
    numbered = named and (options.image_column or "").startswith("column ")  # of a table that names none, perhaps
    loose = numbered and options.image_column not in table.columns
    found = find_image(table, files, folder, replace(options, image_column=None) if loose else options)
    if found is None:
        raise refuse_no_match(table, None, files)
    if named and _lacks_names(found, files, folder):
        if path.suffix.lower() in (".csv", ".tsv", ".txt"):
            return place(path, name, folder, files, options, named=False)
        raise UserError(
            f"the table {name} has no line with the names of its columns, for its first line names the image "
            f"{shown(found[0])}; write such a line above"
        )
    return Placed(table, folder, choose_roles(table, found[0], options), found[1])


def named_tables(root: Path, options: Options, files: ImageFiles) -> list[Placed]:
    """The tables that ``--labels`` names, all with labels.

    Raises:
        UserError: there is none, or one tells no labels.
    """
    assert options.labels is not None
    paths = named_files(root, options.labels, "labels")
    placed = []
    for path in paths:
        below = os.path.relpath(path, root)
        inside = not below.startswith("..")
        name = shown(below.replace(os.sep, "/") if inside else options.labels if len(paths) == 1 else path.name)
        folder = os.path.dirname(below).replace(os.sep, "/") if inside else ""
        placed.append(place(path, name, folder, files, options))
    need_labels(placed)
    return placed


def need_labels(placed: Sequence[Placed]) -> None:
    """Raises UserError where a table has no label that could be told."""
    for one in placed:
        if one.roles.label is None and not one.roles.one_hot:
            roles = one.roles
            raise refuse_no_label(one.table, (roles.image, roles.patient, roles.split, roles.fold))


def named_files(root: Path, word: str, option: str) -> list[Path]:
    """The files that an option names: below the data's folder, or from where the program runs; a glob names several.

    Raises:
        UserError: there is none.
    """
    for base in (root, Path.cwd()):
        try:
            path = base / Path(word).expanduser()
            if path.is_file():
                return [path]
            if any(sign in word for sign in "*?["):
                found = sorted(p for p in map(Path, glob.glob(str(path), recursive=True)) if p.is_file())
                if found:
                    return found[:_MOST_TABLES]
        except (OSError, ValueError, RuntimeError):
            continue
    raise UserError(f"no such file: {word} ({flag(option)}; looked in {root} and {Path.cwd()}); check its spelling")


def patients_by_file(table: Table, files: ImageFiles, options: Options) -> tuple[dict[int, str], list[str]]:
    """The patient of each file that a table names.

    Returns:
        index of a file -> patient; and sentences.
    Raises:
        UserError: no column names images or patients, or an image has two patients.
    """
    found = find_image(table, files, "", replace(options, image_column=None))
    if found is None:
        raise refuse_no_match(table, None, files)
    image, matched = found
    own = options if options.patient_column in table.columns else replace(options, patient_column=None)
    column = named_column(table, own, "patient_column") or find_patient(table.columns, own, (image,), least=1)
    others = [one for one in table.columns if one != image]
    column = others[0] if column is None and len(others) == 1 else column
    if column is None:
        raise UserError(
            f"which column of {table.name} is the patient can't be told; name one of "
            f"{', '.join(others[:30]) or 'none'} with --patient-column"
        )
    told: dict[int, str] = {}
    for file, cell in zip(matched.files, table.columns[column], strict=True):
        patient = one_patient(cell)
        if file < 0 or patient is None:
            continue
        if told.setdefault(file, patient) != patient:
            raise UserError(
                f"{shown(files.paths[file])} has the patients {told[file]} and {patient} in {table.name}; keep one "
                "row an image"
            )
    return told, [patient_note(column, table.name)]
