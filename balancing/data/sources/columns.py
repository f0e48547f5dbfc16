"""Which columns of a table hold the image, the label and the patient."""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from balancing.data.content import Content, Unreadable
from balancing.data.options import NONE, Options
from balancing.data.sources.usual_names import FOLD_NAMES, LABEL_NAMES, PATIENT_NAMES, SPLIT_NAMES, plain
from balancing.data.text import shown
from balancing.errors import UserError, suggestion

if TYPE_CHECKING:
    import pyarrow as pa

Kind = Literal["image", "binary", "class", "value", "list", "other"]

_IMAGE_NAMES = ("image", "images", "img", "picture", "photo", "pixel_values", "file", "scan", "xray", "x_ray")


@dataclass(frozen=True)
class Column:
    """A column as the choice needs it.

    Args:
        kind: image (bytes and path), binary, class (numbers with names), value (number or word), list, other.
        class_names: the names of a class column's numbers, or of those in its lists.
    """

    kind: Kind
    class_names: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Chosen:
    """The columns to read, and the class names where the table knows them.

    Args:
        image, label: their columns.
        patient, split, fold: their columns, None without one.
        class_names: of the label's numbers.
        found: those of patient and split that nobody named, so that their cells must bear their names out.
    """

    image: str
    label: str
    patient: str | None
    class_names: tuple[str, ...] | None
    split: str | None = None
    fold: str | None = None
    found: frozenset[str] = frozenset()

    def columns(self) -> list[str]:
        """All but the image's, each once."""
        named = (self.label, self.patient, self.split, self.fold)
        return list(dict.fromkeys(one for one in named if one is not None))


def columns_of(schema: pa.Schema) -> dict[str, Column]:
    """The columns of an Arrow schema, with what ``datasets`` noted in its metadata."""
    import pyarrow as pa

    noted = _features(schema)
    columns = {}
    for field in schema:
        feature = noted.get(field.name, {})
        feature_type = feature.get("_type")
        kind = field.type
        if pa.types.is_dictionary(kind):
            kind = kind.value_type
        if _is_image(kind):
            columns[field.name] = Column("image")
        elif pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
            columns[field.name] = Column("image" if feature_type == "Image" else "binary")
        elif feature_type == "ClassLabel" and isinstance(feature.get("names"), list) and feature["names"]:
            columns[field.name] = Column("class", tuple(shown(str(name)) for name in feature["names"]))
        elif pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
            columns[field.name] = Column("list", _names_in_lists(feature))
        elif pa.types.is_nested(kind) or pa.types.is_temporal(kind):
            columns[field.name] = Column("other")
        else:
            columns[field.name] = Column("value")
    return columns


def _names_in_lists(feature: Any) -> tuple[str, ...] | None:
    """The names of class numbers in lists, which ``datasets`` notes in one of two ways."""
    inner = feature.get("feature") if isinstance(feature, dict) else None
    if isinstance(inner, dict) and inner.get("_type") == "ClassLabel" and isinstance(inner.get("names"), list):
        return tuple(shown(str(name)) for name in inner["names"])
    return None


def _is_image(kind: pa.DataType) -> bool:
    """Whether cells are bytes, perhaps with a path."""
    import pyarrow as pa

    if not pa.types.is_struct(kind) or kind.get_field_index("bytes") < 0:
        return False
    path = kind.get_field_index("path")
    return (pa.types.is_binary(kind.field("bytes").type) or pa.types.is_large_binary(kind.field("bytes").type)) and (
        path < 0 or pa.types.is_string(kind.field(path).type) or pa.types.is_large_string(kind.field(path).type)
    )


def _features(schema: pa.Schema) -> dict[str, dict[str, Any]]:
    """What ``datasets`` noted of each column, {} where it wrote nothing that can be read."""
    try:
        features = json.loads((schema.metadata or {})[b"huggingface"])["info"]["features"]
        return {name: feature for name, feature in features.items() if isinstance(feature, dict)}
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError):
        return {}


def choose_columns(columns: Mapping[str, Column], options: Options, where: str) -> Chosen:
    """The image, label and patient column: those named, or those found.

    Args:
        columns: all columns there are.
        options: what the user named.
        where: the source's name, for the messages.
    Raises:
        UserError: a named column does not exist or holds something else; none or several could be meant.
    """
    image = options.image_column
    if image is None:
        of_kind = [name for name, column in columns.items() if column.kind == "image"]
        of_kind = of_kind or [name for name, column in columns.items() if column.kind == "binary"]
        image = _only(of_kind, _IMAGE_NAMES, columns, where, "image")
    _check_named(image, columns, where, "image", ("image", "binary"), "images")

    label = options.label_column
    if label is None and options.positive is not None:
        named = [n for n, c in columns.items() if c.kind in ("value", "list") and plain(n) == plain(options.positive)]
        label = named[0] if len(named) == 1 else None
    if label is None:
        of_kind = [name for name, column in columns.items() if column.kind == "class"]
        if not of_kind:
            of_kind = [n for n, c in columns.items() if c.kind in ("value", "list") and plain(n) in LABEL_NAMES]
        label = _only(of_kind, LABEL_NAMES, columns, where, "label")
    _check_named(label, columns, where, "label", ("class", "value", "list"), "labels")

    found: set[str] = set()
    others: dict[str, str | None] = {}
    for what, usual in (("patient", PATIENT_NAMES), ("split", sorted(SPLIT_NAMES)), ("fold", sorted(FOLD_NAMES))):
        given = getattr(options, f"{what}_column")
        if given == NONE:
            others[what] = None
            continue
        if given is not None:
            _check_named(
                given, columns, where, what, ("class", "value"), "patient ids" if what == "patient" else "words"
            )
        elif what != "fold" or options.test_fold is not None:
            by_name = {plain(name): name for name, column in columns.items() if column.kind in ("class", "value")}
            given = next((by_name[name] for name in usual if name in by_name and by_name[name] != label), None)
            found |= {given} if given is not None else set()
        others[what] = given
    if options.patient_pattern is not None:
        others["patient"] = None
    if others["patient"] == label:
        raise UserError(
            f"column '{label}' of {where} can't be the label and the patient; name the column of classes with "
            "--label-column"
        )
    return Chosen(
        image, label, others["patient"], columns[label].class_names, others["split"], others["fold"], frozenset(found)
    )


def _listed(columns: Mapping[str, Column]) -> str:
    return ", ".join(columns)


def _only(
    candidates: Sequence[str], usual: Collection[str], columns: Mapping[str, Column], where: str, what: str
) -> str:
    if len(candidates) > 1:
        named = [name for name in candidates if plain(name) in usual]
        candidates = named if len(named) == 1 else candidates
    if len(candidates) == 1:
        return candidates[0]
    if not candidates:
        raise UserError(f"no {what} column found in {where}; name it with --{what}-column, of: {_listed(columns)}")
    raise UserError(
        f"{len(candidates)} columns of {where} could be the {what}: {', '.join(candidates)}; "
        f"name one with --{what}-column"
    )


def _check_named(
    name: str, columns: Mapping[str, Column], where: str, what: str, kinds: Sequence[Kind], content: str
) -> None:
    if name not in columns:
        raise UserError(f"{where} has no column '{name}' (--{what}-column){suggestion(name, columns)}")
    if columns[name].kind not in kinds:
        raise UserError(
            f"column '{name}' of {where} holds no {content}; name another with --{what}-column, of: {_listed(columns)}"
        )


def image_content(cell: Any, folder: Path | None, roots: Sequence[Path]) -> Content:
    """The encoded image of a cell: bytes, or ``{"bytes": ..., "path": ...}`` with one of them missing.

    A table may come from anywhere, so its words must not choose which files of this machine are read: a path has to lie
    below one of ``roots``, as it is written. Links that lie there are followed, as they are in image folders.

    Args:
        cell: of the image column.
        folder: that paths are relative to; None where only whole paths can be meant.
        roots: folders of the data.
    """
    if isinstance(cell, dict):
        data, path = cell.get("bytes"), cell.get("path")
        if data is None and path and (folder is not None or os.path.isabs(path)):
            file = os.path.abspath(os.path.join(folder or "", path))
            if any(file.startswith(os.path.join(os.path.abspath(root), "")) for root in roots):
                return Path(file)
            return Unreadable(
                f"its path '{shown(path)}' leads out of the data's folder, and no file is read from elsewhere; "
                "put the file there, or its bytes into the table"
            )
        cell = data
    if cell is None:
        return b""
    return bytes(cell) if isinstance(cell, bytes | bytearray | memoryview) else Unreadable("its cell holds no bytes")


def image_name(path: str | None, split: str, row: int) -> str:
    """The file name of a path, shown as one line, or split and row where there is none."""
    return shown(path.replace("\\", "/").rsplit("/", 1)[-1]) if path else f"{split}-{row:06d}"


def refuse_twins(names: Sequence[str], chosen: Chosen, where: str) -> None:
    """Raises UserError where two columns bear the name of one that is read."""
    for name in (chosen.image, *chosen.columns()):
        if list(names).count(name) > 1:
            raise UserError(
                f"{where} has {list(names).count(name)} columns named '{name}', so which is meant can't be told; "
                "rename all but one"
            )
