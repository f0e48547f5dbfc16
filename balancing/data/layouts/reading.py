"""Reads layouts, whose form is strict, and finds the one that files look like."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from balancing.data.globs import glob_pattern
from balancing.data.options import FOLDERS, NONE, Options
from balancing.data.patterns import search_all
from balancing.data.text import shown
from balancing.errors import UserError, suggestion
from balancing.strict_yaml import read_yaml

if TYPE_CHECKING:
    from balancing.data.sources.base import Listing

_FOLDER = Path(__file__).parent
_MOST_BYTES, _LOOKED_AT = 1 << 16, 4_000
_KEYS = ("title", "url", "citation", "told_by", "options", "findings", "masks", "note")
_TOLD = ("all", "any", "none")
# What a layout may say: how data are to be read, not how large or where.
_OPTIONS = [
    "labels",
    "images",
    "image_column",
    "label_column",
    "label_map",
    "label_pattern",
    "positive",
    "uncertain",
    "unlabelled",
    "merge",
    "folders",
    "split_column",
    "split_map",
    "split_list",
    "fold_column",
    "test_fold",
    "patient_column",
    "patient_table",
    "patient_pattern",
    "config",
    "page",
]
# Options of a table; where the user names another table, the layout's say nothing of it.
_OF_TABLE = [
    "image_column",
    "label_column",
    "label_map",
    "positive",
    "uncertain",
    "unlabelled",
    "split_column",
    "split_map",
    "fold_column",
    "patient_column",
]
_PATIENTS = ("patient_column", "patient_table", "patient_pattern")


@dataclass(frozen=True)
class Layout:
    """A data set's form, as an amount of options and what tells that files have it.

    Args:
        name: of the file without ``.yaml``, or the path of a user's own.
        title: what the data set is called.
        options: see ``Options``; those that the data set settles.
        all, any, none: globs; files must match each of ``all``, one of ``any`` (where there are any), none of ``none``.
        url, citation: where it comes from.
        findings: (K,) the names of the findings in an array of K columns of labels; empty for others.
        masks: glob of its masks; they are no images, and ``--masks`` takes their folder.
        note: what to know before one uses it.
    """

    name: str
    title: str
    options: Mapping[str, Any] = field(default_factory=dict)
    all: tuple[str, ...] = ()
    any: tuple[str, ...] = ()
    none: tuple[str, ...] = ()
    url: str = ""
    citation: str = ""
    findings: tuple[str, ...] = ()
    masks: str | None = None
    note: str = ""

    @property
    def said(self) -> str:
        """The note on what was recognised."""
        where = f" ({self.url})" if self.url else ""
        return f"This looks like {self.title}{where}, and is read as such. {self.note}".strip()

    def fitted(self, files: Sequence[str]) -> Layout:
        """The layout with its files named as they lie here; optional ones that are not here left out.

        Optional are the table of patients and the lists of splits.
        """
        options = dict(self.options)
        for key in ("labels", "patient_table"):
            found = _matching(options[key], files) if key in options and options[key] != FOLDERS else []
            if len(found) == 1:
                options[key] = found[0]
            elif key == "patient_table" and key in options and not found:
                del options[key]
                options.pop("patient_column", None)
        lists = {split: _matching(glob, files) for split, glob in options.get("split_list", {}).items()}
        if lists:
            here = {split: found[0] for split, found in lists.items() if len(found) == 1}
            options["split_list"] = here
            if len(here) < len(lists):
                del options["split_list"]
        return replace(self, options=options)

    def fill(self, options: Options) -> Options:
        """The user's options over the layout's own; the user's word drops what the layout says of the same thing."""
        own = dict(self.options)
        given = options.given()
        if "labels" in given and given["labels"] != own.get("labels"):
            own = {key: value for key, value in own.items() if key not in (*_OF_TABLE, "labels", "patient_table")}
        if "label_column" in given and given["label_column"] != own.get("label_column"):
            for key in ("label_map", "positive", "uncertain", "unlabelled"):
                own.pop(key, None)
        if any(key in given for key in ("label_map", "merge", "label_pattern")):  # other classes
            own.pop("positive", None)
        if any(key in given for key in _PATIENTS):
            for key in _PATIENTS:
                own.pop(key, None)
        if any(key in given for key in ("split_column", "split_list", "test_fold")):
            for key in ("split_column", "split_list"):
                own.pop(key, None)
        return Options.of({**own, **given, "layout": self.name})


def names() -> tuple[str, ...]:
    """The known layouts, sorted."""
    return tuple(sorted(path.stem for path in _FOLDER.glob("*.yaml")))


def load_layout(name_or_path: str) -> Layout:
    """A known layout by its name in any letter case, or a user's own by the path of its file.

    Raises:
        UserError: there is none, or the file has not the form of one.
    """
    known = {name.casefold(): name for name in names()}
    name = known.get(name_or_path.casefold().replace("-", "_"))
    if name is not None:
        return _known(name)
    path = Path(name_or_path).expanduser()
    if path.suffix.lower() not in (".yaml", ".yml"):
        raise UserError(
            f"there is no layout '{shown(name_or_path)}' (--layout){suggestion(name_or_path, names())}; your own "
            "is the path of a .yaml file"
        )
    return _read(path, name_or_path)


def recognise(root_name: str, files: Sequence[str]) -> Layout | None:
    """The known layout that files look like, by their names alone; None for none.

    Args:
        root_name: of the folder, or of the file that is the data itself.
        files: paths below the folder, with ``/``; none where the data are one file.
    """
    files = files or [root_name]
    tables = [path for path in files if not path.lower().endswith((".png", ".jpg", ".jpeg", ".tif", ".dcm", ".bmp"))]
    images = len(files) - len(tables)
    # Large sets repeat themselves: some of the images show their form.
    step = max(1, images // _LOOKED_AT)
    some = [*tables[:_LOOKED_AT], *files[::step], *_first_of_folders(files)]
    for name in names():
        layout = _known(name)
        if layout.all and all(_matches(glob, some) for glob in layout.all):
            told = not layout.any or any(_matches(glob, some) for glob in layout.any)
            if told and not any(_matches(glob, some) for glob in layout.none):
                return layout
    return None


def lay_over(root_name: str, files: Sequence[str], options: Options) -> tuple[Options, list[str]]:
    """The options with those of the layout that is named or recognised, and what is said of it.

    Raises:
        UserError: no such layout.
    """
    if options.layout == NONE:
        return options, []
    layout = recognise(root_name, files) if options.layout is None else load_layout(options.layout)
    if layout is None:
        return options, []
    layout = layout.fitted(files)
    said = layout.said if options.layout is None else f"The data are read as {layout.title}. {layout.note}".strip()
    if layout.options and options.layout is None:
        said += " --layout none reads them as any other data."
    return layout.fill(options), [said]


def with_layout(listing: Listing, options: Options) -> Listing:
    """A listing with what the options of a layout tell: its title, the class looked for, patients by its pattern.

    Args:
        listing: of any source.
        options: as ``lay_over`` gave them; without a layout, the listing stays but for ``positive``.
    """
    listing = replace(listing, positive=listing.positive or options.positive)
    if options.layout in (None, NONE):
        return listing
    patients = listing.patients
    if patients is None and options.patient_pattern not in (None, NONE):
        where = listing.paths or listing.names
        matches = search_all(str(options.patient_pattern), where)
        patients = [None if match is None else shown(match[1] if match.re.groups else match[0]) for match in matches]
        patients = patients if any(patients) else None
    return replace(listing, patients=patients, layout=load_layout(str(options.layout)).title)


def _first_of_folders(files: Sequence[str]) -> list[str]:
    """One file of each folder, so that small ones are not missed."""
    first: dict[str, str] = {}
    for path in files:
        first.setdefault(path.rpartition("/")[0], path)
    return list(first.values())[:_LOOKED_AT]


def _matches(glob: str, files: Sequence[str]) -> bool:
    pattern = glob_pattern(glob)
    return any(pattern.fullmatch(path) for path in files)


def _matching(glob: str, files: Sequence[str]) -> list[str]:
    pattern = glob_pattern(glob)
    return [path for path in files if pattern.fullmatch(path)]


@cache
def _known(name: str) -> Layout:
    return _read(_FOLDER / f"{name}.yaml", name)


def _read(path: Path, name: str) -> Layout:
    try:
        if path.exists() and not path.is_file():
            raise OSError("it is a folder, a device or a pipe")
        if path.stat().st_size > _MOST_BYTES:
            raise UserError(f"the layout {shown(str(path))} is larger than {_MOST_BYTES >> 10} KiB; give a smaller one")
        text = path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise UserError(f"the layout {shown(str(path))} cannot be read ({shown(reason)}); mend the file") from None
    content = read_yaml(text, f"the layout {shown(str(path))}")
    where = f"the layout {shown(name)}"
    content = _mapping(content, where, _KEYS)
    told = _mapping(content.get("told_by", {}), f"told_by of {where}", _TOLD)
    options = _mapping(content.get("options", {}), f"options of {where}", _OPTIONS)
    for key, value in options.items():
        pairs = value if isinstance(value, Mapping) else {key: value}
        words = [one for pair in pairs.items() for one in pair]
        if not all(isinstance(one, str | int | float) and not isinstance(one, bool) for one in words):
            raise UserError(
                f"{key} in options of {where} must be a word or pairs of words (true and false in quotes); mend "
                "the file"
            )
    options = {key: value if isinstance(value, Mapping | int) else str(value) for key, value in options.items()}
    Options.of(options)
    texts = {key: content.get(key, "") for key in ("title", "url", "citation", "note", "masks")}
    for key, value in texts.items():
        if not isinstance(value, str):
            raise UserError(f"{key} of {where} must be a text; mend the file")
    if not texts["title"].strip():
        raise UserError(f"{where} has no title; give it one")
    return Layout(
        name,
        " ".join(texts["title"].split()),
        options,
        all=_words(told.get("all", []), f"all in told_by of {where}"),
        any=_words(told.get("any", []), f"any in told_by of {where}"),
        none=_words(told.get("none", []), f"none in told_by of {where}"),
        url=texts["url"].strip(),
        citation=" ".join(texts["citation"].split()),
        findings=_words(content.get("findings", []), f"findings of {where}"),
        masks=texts["masks"] or None,
        note=" ".join(texts["note"].split()),
    )


def _mapping(value: Any, where: str, keys: Sequence[str]) -> dict[str, Any]:
    """Raises UserError for anything but pairs of known keys."""
    if not isinstance(value, dict):
        raise UserError(f"{where} must be pairs of KEY: VALUE, with the keys {', '.join(keys)}; mend the file")
    unknown = next((key for key in value if key not in keys), None)
    if unknown is not None:
        raise UserError(f"{where} has the unknown key '{shown(str(unknown))}'{suggestion(str(unknown), keys)}")
    return value


def _words(value: Any, where: str) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(one, str) and one for one in value):
        raise UserError(f"{where} must be a list of words; mend the file")
    return tuple(value)
