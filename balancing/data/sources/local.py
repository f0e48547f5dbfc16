"""What a local path holds: tables of labels, class folders, images in columns or arrays; decided in one order."""

from __future__ import annotations

import re
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path

from balancing.data.globs import glob_pattern
from balancing.data.layouts import lay_over
from balancing.data.options import FOLDERS, NONE, Options
from balancing.data.sources.base import Source, split_of_path
from balancing.data.sources.filesets import DiskFiles, FileSet, ZippedFiles
from balancing.data.sources.folder import FolderSource, passed_over, walk, zip_parquet
from balancing.data.sources.hdf5 import SUFFIXES as HDF5
from balancing.data.sources.hdf5 import HDF5Source
from balancing.data.sources.layout import layout_of
from balancing.data.sources.parquet import ParquetSource, holds_images
from balancing.data.sources.table import TableSource, contradiction
from balancing.data.sources.tables.choosing import likely_labels, refuse_no_label
from balancing.data.sources.tables.finding import Beside, find_tables, named_tables, need_labels, place
from balancing.data.sources.tables.matching import ImageFiles, is_image_name
from balancing.data.sources.tables.reading import is_table
from balancing.data.sources.tables.settling import Placed
from balancing.data.sources.tables.telling import tell
from balancing.data.sources.told import with_tables
from balancing.data.sources.unpacking import unpack_tables
from balancing.data.sources.usual_names import quoted
from balancing.data.sources.walking import without_devices
from balancing.data.text import shown
from balancing.errors import UserError

_STORED = (".parquet", ".npz", ".arrow", "state.json", "dataset_info.json", *HDF5)
_ENOUGH = 0.5  # of the images in class folders must have a row, for a table to be asked whether it agrees


def open_path(source: str, path: Path, options: Options) -> Source:
    """The source that lies at a path.

    Args:
        source: what the user named.
        path: exists.
        options: how it is to be read.
    Raises:
        UserError: nothing there can be read, or several readings are possible.
    """
    if path.is_dir():
        return _open_folder(source, path, options)
    if not path.is_file():  # to read a device or a pipe would never end
        raise UserError(f"{source} is a device, a pipe or a socket; give a folder, or a .zip, .parquet or .npz file")
    if path.suffix.lower() == ".zip" or (not is_table(source) and zipfile.is_zipfile(path) and not _is_array(path)):
        return _open_zip(source, path, options)
    options, notes = lay_over(path.name, [], options) if not is_table(source) else (options, [])
    opened = _open_file(source, path, options)
    opened.notes = (*notes, *opened.notes)
    opened.options = options
    return with_tables(opened, path.parent, options)


def _is_array(path: Path) -> bool:
    return path.suffix.lower() in (".npz", ".xlsx")


def _open_file(source: str, path: Path, options: Options) -> Source:
    kind = path.suffix.lower()
    if options.labels not in (None, FOLDERS):
        raise UserError(
            f"the data {source} are one file, but --labels {options.labels} was given; give the folder as --data"
        )
    if kind == ".parquet" and holds_images(path) is not False:
        return ParquetSource.of_path(source, path, [path], options)
    if is_table(source):
        places = DiskFiles(path.parent, walk(path.parent)[0])
        images = ImageFiles(_meant(sorted(places.sizes), options))
        placed = [place(path, shown(path.name), "", images, options)]
        need_labels(placed)
        return TableSource(source, places, images, placed, options)
    if kind == ".npz":
        from balancing.data.sources.medmnist import MedMNISTSource

        _refuse_columns(options, f"the .npz file {source}")
        return MedMNISTSource(source, path, layout_of(options))
    if kind in HDF5:
        _refuse_columns(options, f"the HDF5 file {source}")
        stem = re.sub(r"_[xy]$", "", path.stem)
        pair = [path.with_name(f"{stem}_{end}{path.suffix}") for end in "xy"] if stem != path.stem else [path]
        return HDF5Source(source, [file for file in pair if file.exists()], layout_of(options))
    if kind == ".arrow":
        from balancing.data.sources.arrow import ArrowSource

        return ArrowSource.of_file(source, path, options)
    raise UserError(
        f"{source} cannot be read as data: give a folder of images or parquet files, a table (.csv, .tsv, .xlsx, "
        ".jsonl), or a .zip, .parquet, .arrow, .npz or .h5 file"
    )


def _open_folder(source: str, path: Path, options: Options) -> Source:
    files, own = walk(path)
    files = without_devices(path, files, _STORED)
    options, notes = lay_over(path.resolve().name, files, options)
    opened, patients = _of_folder(source, path, files, options)
    opened.notes = (*passed_over(own), *notes, *opened.notes, *_lists(files, options))
    opened.options = options
    return with_tables(opened, path, options, patients)


def _lists(files: Sequence[str], options: Options) -> list[str]:
    """The note on lists of splits that lie here and are not used."""
    lists = {split: file for file in files if file.lower().endswith("list.txt") and (split := split_of_path(file))}
    if not lists or options.split_list:
        return []
    given = quoted(",".join(f"{split}={file}" for split, file in sorted(lists.items())))
    named = ", ".join(map(shown, sorted(lists.values())))
    return [f"By their names {named} list images of splits, and are not used; --split-list {given} would use them."]


def _open_zip(source: str, path: Path, options: Options) -> Source:
    """Parquet, class folders or images and a table in a zip file, which is read where it lies."""
    parts = zip_parquet(source, path)
    if parts:
        return with_tables(ParquetSource(source, parts, options), path.parent, options)
    files = ZippedFiles(source, path)
    options, notes = lay_over(path.stem, sorted(files.sizes), options)
    folder = FolderSource.of_zip(source, path, options)
    with tempfile.TemporaryDirectory() as unpacked:  # of tables alone, which are read at once
        unpack_tables(source, path, Path(unpacked))
        opened, patients = _folders_or_table(folder, source, Path(unpacked), files, options)
        told = with_tables(opened, Path(unpacked), options, patients)
    opened.notes = (*notes, *opened.notes)
    opened.options = options
    told.notes = opened.notes
    return told


def _meant(files: Sequence[str], options: Options) -> list[str]:
    """The files but the images that ``--images`` does not mean.

    Raises:
        UserError: it means none.
    """
    if options.images is None:
        return list(files)
    pattern = glob_pattern(options.images)
    meant = [path for path in files if is_table(path) or pattern.fullmatch(path)]
    if all(map(is_table, meant)):
        example = next(filter(is_image_name, files), None)
        raise UserError(
            f"--images {options.images} matches none of the {len(files):,} files"
            + (f", such as {shown(example)}" if example else "")
            + "; write a glob below the data's folder, such as 'images/*.png'"
        )
    return meant


def _of_folder(source: str, path: Path, files: list[str], options: Options) -> tuple[Source, Path | None]:
    """The source in a folder; and a table beside it that tells its patients."""
    if options.labels is None:
        stored = _stored(source, path, files, options)
        if stored is not None:
            return stored, None
    places = DiskFiles(path, files)
    return _folders_or_table(FolderSource(source, places, options), source, path, places, options)


def _stored(source: str, path: Path, files: list[str], options: Options) -> Source | None:
    """Images in columns or arrays: of ``save_to_disk``, parquet with images, .h5, or one .npz; None without any."""
    from balancing.data.sources.arrow import ArrowSource, is_saved

    if is_saved(files):
        return ArrowSource.of_folder(source, path, files, options)
    parquet = [file for file in files if file.lower().endswith(".parquet")]
    loose = any(map(is_image_name, files))
    parts: list[str] = []
    if not all(holds_images(path / file) is False for file in parquet):
        # Those of a split belong to the set, whatever they hold; of others a damaged one may be anything.
        parts = [file for file in parquet if split_of_path(file) or holds_images(path / file) is not False]
    holding = [path / file for file in parts if not (loose and holds_images(path / file) is None)]
    if holding:
        opened = ParquetSource.of_path(source, path, holding, options)
        others = [file for file in parquet if path / file not in holding]
        if others:
            opened.notes = (f"Parquet files without images are not read: {', '.join(map(shown, others[:5]))}.",)
        return opened
    packed = [path / file for file in files if file.lower().endswith(HDF5)]
    if packed and not loose:
        _refuse_columns(options, f"the folder of HDF5 files {source}")
        return HDF5Source(source, packed, layout_of(options))
    arrays = [file for file in files if file.lower().endswith(".npz")]
    if arrays and not loose:
        if len(arrays) > 1:
            raise UserError(
                f"{source} holds {len(arrays)} .npz files: {', '.join(arrays[:10])}; give one of them as --data"
            )
        return _open_file(f"{source}/{arrays[0]}", path / arrays[0], options)
    return None


def _folders_or_table(
    folder: FolderSource, source: str, path: Path, files: FileSet, options: Options
) -> tuple[Source, Path | None]:
    """Class folders, or the table that is named or lies beside the images; and a table that tells patients alone.

    Args:
        path: where the tables lie.
        files: all of them.

    Raises:
        UserError: both tell classes, and other ones.
    """
    paths = sorted(files.sizes)
    if options.labels not in (None, FOLDERS):
        images = ImageFiles(_meant(paths, options))
        return TableSource(source, files, images, named_tables(path, options, images), options), None
    if options.labels == FOLDERS:
        _refuse_columns(options, f"the image folder {source}")
        return folder, None
    named = [one for one in ("image_column", "label_column", "split_column", "fold_column") if getattr(options, one)]
    if not any(map(is_table, paths)):
        _refuse_columns(options, f"the image folder {source}")
        return folder, None
    images = ImageFiles(_meant(paths, options))
    classes = {} if named else _classes(folder)
    try:
        beside = find_tables(path, paths, images, options)
    except UserError as error:
        if not classes or options.patient_column not in (None, NONE):
            raise
        beside = Beside(unused=[f"The tables beside the class folders are not used ({str(error)[:300]})."])
    if beside.doubt and not beside.labels and not beside.patients:
        raise UserError(f"{beside.doubt}; or give --labels folders, if the folders are the classes")
    if not classes:
        if beside.labels:
            opened = TableSource(source, files, images, beside.labels, options, _said(beside))
            return opened, beside.patients if beside.labels[0].roles.patient is None else None
        if beside.without:
            told = [one for one in beside.without if likely_labels(one.table, _taken(one))]
            if told or named or options.label_pattern is None:
                first = max(told or beside.without, key=lambda one: one.matched.distinct)
                raise _said_by_folders(folder) or refuse_no_label(first.table, _taken(first))
        if named:
            raise UserError(f"no table in {source} names its images: {' '.join(beside.unused)} Give it with --labels")
        folder.notes = tuple(beside.unused)
        folder.unfit = next(
            (one[:1].lower() + one[1:].rstrip(".") for one in beside.unused if "form for answers" not in one), ""
        )
        return folder, None
    return _agreeing(folder, source, path, images, options, beside, classes)


def _said_by_folders(folder: FolderSource) -> UserError | None:
    """What the folders refuse with where they name what would read them: studies whose names tell the class."""
    try:
        folder.listing()
    except UserError as error:
        return error if "tell the class: read it by" in str(error) else None
    return None


def _taken(one: Placed) -> tuple[str | None, ...]:
    roles = one.roles
    return roles.image, roles.patient, roles.split, roles.fold


def _said(beside: Beside) -> list[str]:
    labels = beside.labels[0].table.name
    return [f"The table {labels} was found beside the images; --labels names another.", *beside.unused]


def _agreeing(
    folder: FolderSource,
    source: str,
    path: Path,
    images: ImageFiles,
    options: Options,
    beside: Beside,
    classes: dict[str, str],
) -> tuple[Source, Path | None]:
    """The folders, where a table beside them agrees or tells of few images; the table where they are no classes."""
    patients, notes = beside.patients, list(beside.unused)
    if beside.labels:
        name = beside.labels[0].table.name
        told = None
        try:
            told = tell(beside.labels, images, path, options)
        except UserError as error:
            if sum(one.matched.distinct for one in beside.labels) >= _ENOUGH * len(classes):
                raise UserError(f"{error}; or give --labels folders, if the folders are the classes") from None
            notes.append(f"The table {name} is not used ({str(error)[:300]}).")
        if told is not None:
            covered = sum(images.paths[file] in classes for file in told.files)
            differs = contradiction(beside.labels, images, told, classes)
            if differs and covered >= _ENOUGH * len(classes):
                raise UserError(differs)
            adds = told.patients is not None and covered >= _ENOUGH * len(classes) and len(beside.labels) == 1
            patients = path / name if adds else patients
            what = "tells patients, but its labels are not used" if adds else "is not used"
            notes.append(
                f"The folders are the classes; the table {name} beside them {what}: --labels {quoted(name)} would take "
                "its labels."
            )
    folder.notes = tuple(notes)
    if patients is None and options.patient_column not in (None, NONE):
        _refuse_columns(options, f"the image folder {source}")
    return folder, patients


def _classes(folder: FolderSource) -> dict[str, str]:
    """The class of each image's folder by its path; {} where folders tell no classes."""
    try:
        listing = folder.listing()
    except UserError:
        return {}
    names = listing.class_names or ()
    return {path: names[label] for path, label in zip(listing.paths or (), listing.labels, strict=False)}


def _refuse_columns(options: Options, what: str) -> None:
    from balancing.data.sources import refuse_columns

    refuse_columns(options, what)
