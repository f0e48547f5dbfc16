"""Finds split, class and place of each image among the files of a folder; leaves out masks and second copies."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, replace

from balancing.data.folders.levels import read_levels
from balancing.data.folders.notes import Hint, letter_case, other_classes, quoted, some
from balancing.data.folders.words import alike, copied_from, natural_order
from balancing.data.globs import glob_pattern
from balancing.data.label_patterns import labels_by_pattern, propose
from balancing.data.mask_names import masks_among
from balancing.data.options import Options
from balancing.data.sources.filesets import LOST, FileSet
from balancing.data.text import shown
from balancing.errors import UserError

SUFFIXES = frozenset(
    ".bmp .dcm .dicom .gif .jfif .jp2 .jpe .jpeg .jpg .pbm .pgm .png .pnm .ppm .tif .tiff .webp".split()  # noqa: SIM905
)
_TABLES = frozenset(".csv .tsv .xlsx .jsonl .json .xls .txt".split())  # noqa: SIM905
# Images of kinds that are not read, and what to do with them: never dropped without a word.
_NOT_READ = {
    **dict.fromkeys((".nii", ".nii.gz"), "a NIfTI file is a volume; convert the slices that are meant to PNG"),
    **dict.fromkeys((".mha", ".mhd", ".nrrd"), "it is a volume; convert the slices that are meant to PNG"),
    **dict.fromkeys((".heic", ".heif", ".avif"), "HEIC and AVIF are not read; convert it to PNG"),
    **dict.fromkeys((".svs", ".ndpi", ".mrxs", ".scn"), "a whole slide is too large; convert it to tiles as PNG"),
}
_DICOM_AT, _DICOM = 128, b"DICM"
_SPLIT_ORDER = {"train": 0, "validation": 1, "test": 2}


@dataclass(frozen=True)
class FolderContents:
    """An image in its place.

    Args:
        split, class_name: of it.
        name: the file's, with the folders below the class.
        path: below the root.
        size: bytes.
        patient, fold: where folders tell them.
    """

    split: str
    class_name: str
    name: str
    path: str
    size: int
    patient: str | None = None
    fold: str | None = None


def _suffix(path: str) -> str:
    """The end of a file's name that tells its kind, in lower case: ``.png``, ``.nii.gz``, or ``""``."""
    name = path.rpartition("/")[2].lower()
    stem, dot, end = name.rpartition(".")
    if not dot or not stem or end.isdigit():  # the last part of a DICOM's UID is no suffix
        return ""
    return ".nii.gz" if name.endswith(".nii.gz") else f".{end}"


def unread(path: str) -> str | None:
    """Why a listed image is of a kind that is not read; None for those that are."""
    return _NOT_READ.get(_suffix(path))


def arrange(source: str, files: FileSet, options: Options, unfit: str = "") -> tuple[list[FolderContents], list[str]]:
    """Finds split and class of each image, and leaves masks and second copies out.

    Args:
        unfit: why the tables beside the images can't be used, for a refusal; "" where one may.
    Returns:
        the images, sorted by split, class and name; and notes on what was decided and left out.
    Raises:
        UserError: there are no images in class folders; or what folders mean is in doubt.
    """
    notes: list[str] = []
    images, kinds = _images(source, files, options, notes)
    masks = masks_among(images)
    if masks:
        notes.append(_mask_note(files, masks))
        images = [path for path in images if path not in masks]
    if not images:
        held = ", ".join(f"{count:,} {kind}" for kind, count in kinds.most_common(5)) or "nothing"
        raise UserError(
            f"{shown(source)} holds neither parquet files nor images in class folders (train/CLASS/* or CLASS/*), but "
            f"{held}; "
            + (
                "unpack what is packed, or give that file as --data"
                if ".zip" in kinds
                else f"images are read as {', '.join(sorted(SUFFIXES))}"
            )
        )
    by_folder: dict[str, list[str]] = defaultdict(list)
    for path in images:
        by_folder[path.rpartition("/")[0]].append(path)
    counts = {folder: len(paths) for folder, paths in by_folder.items()}
    places, said = read_levels(source, files.root_name, counts, options, _hint(files, images, unfit))
    notes += said
    found, strays = [], []
    for folder, paths in by_folder.items():
        place = places[folder]
        strays += paths if place.out == "stray" else []
        for path in paths if place.out is None else ():
            name = "/".join([*place.inside, path.rpartition("/")[2]])
            split, label = place.split or "train", place.label or ""
            found.append(FolderContents(split, label, name, path, files.sizes[path], place.patient, place.fold))
    if strays:
        notes.append(f"{len(strays):,} images outside of class folders are left out, such as {min(strays)}.")
    if options.label_pattern is not None:
        found = _by_pattern(source, found, options, notes)
    _refuse_kinds(source, found, options)
    found = _first_copies(found, files.fingerprints, notes)
    found = _with_test_fold(source, found, options, notes)
    _check_classes(source, found, options, notes)
    return sorted(found, key=lambda f: (_SPLIT_ORDER[f.split], f.class_name, f.name, f.path)), notes


def _images(source: str, files: FileSet, options: Options, notes: list[str]) -> tuple[list[str], Counter[str]]:
    """Paths of images, also of kinds that are not read; and how many others there are of each kind."""
    images, kinds = [], Counter[str]()
    for path in files.sizes:
        suffix = _suffix(path)
        if suffix in SUFFIXES or suffix in _NOT_READ or (not suffix and _is_dicom(files, path)):
            images.append(path)
        else:
            kinds[suffix or "no suffix"] += 1
    if images and kinds:
        told = ", ".join(f"{count:,} {kind}" for kind, count in kinds.most_common(5))
        notes.append(f"Files that are no images are left out: {told}.")
    if options.images is not None and images:
        pattern = glob_pattern(options.images)
        meant = [path for path in images if pattern.fullmatch(path)]
        if not meant:
            raise UserError(
                f"none of the {len(images):,} images of {shown(source)} is meant by --images {options.images}, such as "
                f"{shown(images[0])}; mend the pattern"
            )
        if len(meant) < len(images):
            left = len(images) - len(meant)
            notes.append(f"{left:,} images are left out, for --images {options.images} does not mean them.")
        images = meant
    return images, kinds


def _is_dicom(files: FileSet, path: str) -> bool:
    if path.rpartition("/")[2].upper() == "DICOMDIR":
        return False
    return files.sizes[path] == LOST or files.head(path, _DICOM_AT + len(_DICOM))[_DICOM_AT:] == _DICOM


def _mask_note(files: FileSet, masks: set[str]) -> str:
    folders = [path.split("/")[:-1] for path in masks]
    common = []
    for parts in zip(*folders, strict=False):
        if len(set(parts)) > 1:
            break
        common.append(parts[0])
    where = quoted("/".join([str(files.root), *common]))
    use = "unpack them and give their folder by --masks" if files.packed else f"--masks {where} would use them"
    return f"{len(masks):,} masks are no images of their own and are left out, such as {min(masks)}: {use}."


def _hint(files: FileSet, images: Sequence[str], unfit: str) -> Hint:
    proposed = propose([path.rpartition("/")[2] for path in images])
    tables = sorted(
        (path for path in files.sizes if _suffix(path) in _TABLES - {".txt", ".json"}),
        key=lambda path: (path.count("/"), path),
    )
    pattern, examples = proposed or (None, "")
    return Hint(pattern, examples, tuple(tables[:3]), unfit)


def _by_pattern(
    source: str, found: Sequence[FolderContents], options: Options, notes: list[str]
) -> list[FolderContents]:
    """The images with the class that ``--label-pattern`` finds in their names."""
    pattern = options.label_pattern or ""
    names, paths = [one.name for one in found], [one.path for one in found]
    labels = labels_by_pattern(source, pattern, names, paths, options.unlabelled)
    told = [(one, label) for one, label in zip(found, labels, strict=True) if label is not None]
    left = len(found) - len(told)
    more = f"; {left:,} names without one are left out" if left else ""
    notes.append(f"Classes are told from file names by the pattern {pattern!r}{more}.")
    return [replace(one, class_name=label) for one, label in told]


def _refuse_kinds(source: str, found: Sequence[FolderContents], options: Options) -> None:
    """Raises UserError for files of kinds that are not read; --skip-bad takes them for bad images."""
    kinds = Counter(suffix for one in found if (suffix := _suffix(one.path)) in _NOT_READ)
    if kinds and (not options.skip_bad or sum(kinds.values()) == len(found)):
        reasons = list(dict.fromkeys(_NOT_READ[kind] for kind, _ in kinds.most_common()))
        told = "; ".join(
            ", ".join(f"{count:,} {kind}" for kind, count in kinds.most_common() if _NOT_READ[kind] == reason)
            + f" ({reason})"
            for reason in reasons
        )
        step = "" if sum(kinds.values()) == len(found) else ", or leave them out by --skip-bad"
        raise UserError(f"{shown(source)} holds images of a kind that is not read: {told}{step}")


def _first_copies(
    found: Sequence[FolderContents],
    fingerprints: Callable[[Sequence[str]], list[Hashable]],
    notes: list[str],
) -> list[FolderContents]:
    """The images without second copies: same split, class, patient, file name and bytes; the shallowest one stays."""
    alike_in_name: dict[tuple[object, ...], list[FolderContents]] = defaultdict(list)
    for one in sorted(found, key=lambda one: (one.path.count("/"), one.path)):
        alike_in_name[one.split, one.class_name, one.patient, one.name, one.size].append(one)
    doubtful = [one for group in alike_in_name.values() if len(group) > 1 for one in group if one.size != LOST]
    if not doubtful:
        return list(found)
    bytes_of = dict(zip([one.path for one in doubtful], fingerprints([one.path for one in doubtful]), strict=True))
    kept, copies = [], 0
    for group in alike_in_name.values():
        seen = set()
        for one in group:
            print_of = bytes_of.get(one.path, one.path)
            copies += print_of in seen
            if print_of not in seen:
                kept.append(one)
            seen.add(print_of)
    if copies:
        notes.append(
            f"{copies:,} second cop{'y' if copies == 1 else 'ies'} left out: same split, class, file name and bytes as "
            "an image in a folder above or beside."
        )
    return kept


def _with_test_fold(
    source: str, found: list[FolderContents], options: Options, notes: list[str]
) -> list[FolderContents]:
    """The images, with the fold that ``--test-fold`` names as test split."""
    splits = [one.split for one in found]
    folds = natural_order({one.fold for one in found if one.fold is not None})
    if options.test_fold is not None:
        splits = _test_fold(source, found, splits, folds, options.test_fold)
        notes.append(f"The fold {options.test_fold} is the test split, as asked.")
    elif len(folds) > 1:
        notes.append(
            f"Folders {some(folds)} are folds, which are known and not used; --test-fold {quoted(folds[0])} would make "
            "one the test split."
        )
    return [replace(one, split=split) for one, split in zip(found, splits, strict=True)]


def _test_fold(
    source: str, found: Sequence[FolderContents], splits: Sequence[str], folds: Sequence[str], wanted: str
) -> list[str]:
    named = [fold for fold in folds if alike(fold) == alike(wanted)]
    named = named or [fold for fold in folds if fold.rstrip("0123456789") + wanted == fold]
    if len(named) != 1:
        known = (
            f"its folds are {some(folds, 12)}" if folds else "its folders are no folds; say so by --folders fold/class"
        )
        raise UserError(f"{shown(source)} has no fold '{wanted}' (--test-fold): {known}")
    if "test" in splits:
        raise UserError(
            f"{shown(source)} has a test split already, so no fold can be it as well; remove --test-fold, or give "
            "--split-map test=drop"
        )
    return ["test" if one.fold == named[0] else split for one, split in zip(found, splits, strict=True)]


def _check_classes(source: str, found: Sequence[FolderContents], options: Options, notes: list[str]) -> None:
    """Refuses class names that people mean as one, and splits that share no class.

    Raises:
        UserError: as said; ``--merge`` settles both.
    """
    by_split: dict[str, set[str]] = defaultdict(set)
    counts: Counter[str] = Counter()
    for one in found:
        name = options.label_map.get(one.class_name, one.class_name)
        if name == "drop":
            continue
        name = options.merge.get(name, name)
        counts[name] += 1
        by_split[one.split].add(name)
    groups: dict[str, list[str]] = defaultdict(list)
    for name in sorted(counts, key=lambda name: (-counts[name], name not in by_split["train"], name)):
        groups[alike(copied_from(name) if copied_from(name) in counts else name)].append(name)
    same = [group for group in groups.values() if len(group) > 1]
    if same:
        raise letter_case(source, sorted(same))
    for split in ("validation", "test"):
        names, train = by_split.get(split, set()), by_split.get("train", set())
        if train and names - train:
            raise other_classes(source, split, names - train, train - names)
    blank = {part for one in found for part in one.path.split("/")[:-1] if part.strip() != part}
    blank = {part for part in blank if part.strip() in counts}
    if blank:
        notes.append(f"Blanks around the names of classes are passed over: {some([repr(b) for b in sorted(blank)])}.")
