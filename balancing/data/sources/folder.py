"""Image folders, ``train|val|test/CLASS/*`` or ``CLASS/*``, on disk or in a .zip, where every image counts once."""

from __future__ import annotations

import os
import stat
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path, PurePosixPath

from balancing.data.imagefile import BrokenImageError, check_encoded
from balancing.data.sources.base import Content, Listing, Source, Unreadable, digest, files_identity, split_of
from balancing.data.sources.parquet import Part
from balancing.data.text import shown
from balancing.errors import UserError

_SUFFIXES = frozenset(
    ".bmp .dcm .dicom .gif .jfif .jp2 .jpe .jpeg .jpg .pbm .pgm .png .pnm .ppm .tif .tiff .webp".split()  # noqa: SIM905
)
# A member of a zip file larger than this many bytes must not be packed better than so many times.
_UNSUSPICIOUS, _MOST_RATIO = 1 << 24, 200
_IN_STEPS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # others give all that a block holds, however much that is
_RUBBISH = frozenset({"thumbs.db", "desktop.ini", "__macosx"})
_SPLIT_ORDER = {"train": 0, "validation": 1, "test": 2}


@dataclass(frozen=True)
class FolderContents:
    """An image in its place: split, class, file name below the class folder, path below the root, bytes."""

    split: str
    class_name: str
    name: str
    path: str
    size: int


def is_rubbish(path: str) -> bool:
    """Whether a path is a system's own: dot files, ``__MACOSX``, ``Thumbs.db``."""
    return any(part.startswith(".") or part.lower() in _RUBBISH for part in path.split("/"))


# What this tool itself writes, by the files in it: a run folder (whole, or begun), an entry of the cache.
_OWN = (frozenset({"run.json"}), frozenset({"config.yaml", "split.parquet"}), frozenset({"meta.json", "rows.parquet"}))


def walk(root: Path) -> tuple[list[str], list[str]]:
    """All files below a folder but the systems' own, and the folders that this tool wrote, which are passed over.

    ``runs`` is passed over whole where it holds a run folder. The root itself is always looked into.

    Returns:
        files and folders, as sorted paths below the root; links are followed, each folder once.
    """
    files: list[str] = []
    passed: list[str] = []
    visited = set()
    for folder, subfolders, names in os.walk(root, followlinks=True):
        real = os.path.realpath(folder)
        if real in visited:
            subfolders.clear()
            continue
        visited.add(real)
        below = Path(folder).relative_to(root).as_posix()
        prefix = "" if below == "." else f"{below}/"
        if prefix and (_is_own(names) or (Path(folder).name == "runs" and _holds_a_run(folder, subfolders))):
            passed.append(below)
            subfolders.clear()
            continue
        subfolders[:] = sorted(name for name in subfolders if not is_rubbish(name))
        files += [prefix + name for name in names if not is_rubbish(name)]
    return sorted(files), sorted(passed)


def _is_own(names: list[str]) -> bool:
    return any(own.issubset(names) for own in _OWN)


def _holds_a_run(folder: str, subfolders: list[str]) -> bool:
    return any(os.path.isfile(f"{folder}/{name}/run.json") for name in subfolders)


def passed_over(folders: list[str]) -> tuple[str, ...]:
    """The note on folders that ``walk`` passed over."""
    if not folders:
        return ()
    more = f" and {len(folders) - 3} more" if len(folders) > 3 else ""
    return (f"Folders that this tool wrote are no data and are passed over: {', '.join(folders[:3])}{more}.",)


def zip_parquet(source: str, path: Path) -> list[Part]:
    """The parquet files inside a zip file."""
    archive = _open_zip(source, path)
    changed = path.stat().st_mtime_ns
    parts = []
    for info in sorted(archive.infolist(), key=lambda info: info.filename):
        if info.filename.lower().endswith(".parquet") and not is_rubbish(info.filename):
            if info.compress_type not in _IN_STEPS:
                raise UserError(f"{source} is packed by another method than deflate; unpack it and give the folder")
            parts.append(Part(info.filename, partial(archive.open, info), (info.CRC, info.file_size + changed)))
    return parts


def _open_zip(source: str, path: Path) -> zipfile.ZipFile:
    try:
        archive = zipfile.ZipFile(path)
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise UserError(f"{source} cannot be read as a zip file ({error}); download it again") from None
    if any(info.flag_bits & 1 for info in archive.infolist()):
        raise UserError(f"{source} is encrypted; unpack it and give the folder")
    return archive


def read_member(archive: zipfile.ZipFile, name: str) -> bytes:
    """An image file in a zip file, bounded by what the archive states of it, and never more than it states.

    Raises:
        BrokenImageError: too large, packed too well to be an image, or in a way that can't be unpacked in steps.
        zipfile.BadZipFile, zlib.error, OSError, EOFError, ValueError, RuntimeError: damaged.
    """
    info = archive.getinfo(name)
    check_encoded(info.file_size)
    if info.compress_type not in _IN_STEPS:
        raise BrokenImageError("it is packed by another method than deflate; unpack the zip file and give the folder")
    if info.file_size > _UNSUSPICIOUS and info.file_size > _MOST_RATIO * info.compress_size:
        raise BrokenImageError(
            f"the zip file states {info.file_size:,} bytes for it, packed into {info.compress_size:,}, which no "
            "image is; unpack the zip file and give the folder if it is one all the same"
        )
    with archive.open(info) as member:
        return member.read(info.file_size)


class FolderSource(Source):
    """Images in class folders. Class names are the folders', sorted."""

    def __init__(
        self, name: str, root: Path, sizes: dict[str, int], identity: str, archive: zipfile.ZipFile | None
    ) -> None:
        self.name = name
        self._root = root
        self._sizes = sizes
        self._identity = identity
        self._archive = archive

    @classmethod
    def of_folder(cls, name: str, root: Path, files: list[str]) -> FolderSource:
        """The source of these files, given by their paths below ``root``."""
        stats = {}
        for path in files:  # text and one call a file: pathlib would take a warm start's time ten times over
            full = f"{root}/{path}"
            try:
                found = os.stat(full)
            except OSError:
                if os.path.islink(full):  # to nowhere
                    continue
                raise
            if stat.S_ISREG(found.st_mode):
                stats[path] = found
        identity = digest([[path, found.st_size, found.st_mtime_ns] for path, found in stats.items()])
        return cls(name, root, {path: found.st_size for path, found in stats.items()}, identity, None)

    @classmethod
    def of_zip(cls, name: str, path: Path) -> FolderSource:
        """The source of the files in a zip file, which is read where it lies."""
        archive = _open_zip(name, path)
        sizes = {
            info.filename: info.file_size
            for info in archive.infolist()
            if not info.is_dir() and not is_rubbish(info.filename)
        }
        return cls(name, path, sizes, files_identity(path.parent, [path]), archive)

    @cached_property
    def _arranged(self) -> tuple[list[FolderContents], list[str]]:
        root_name = self._root.stem if self._archive else self._root.resolve().name
        return arrange(self.name, root_name, self._sizes)

    def identity(self) -> str:
        return digest(["folder", self._identity])

    def listing(self) -> Listing:
        images, notes = self._arranged
        # File names alone where they tell images of a split apart, else with their class.
        alone = Counter((found.split, found.name) for found in images)
        full = any(count > 1 for count in alone.values())
        names = [f"{found.class_name}/{found.name}" if full else found.name for found in images]
        classes = sorted({found.class_name for found in images})
        index = {name: i for i, name in enumerate(classes)}
        labels = [index[found.class_name] for found in images]
        return Listing(
            [*map(shown, names)],
            [found.split for found in images],
            labels,
            tuple(map(shown, classes)),
            None,
            tuple(map(shown, notes)),
        )

    def contents(self) -> Iterator[Content]:
        for found in self._arranged[0]:
            if self._archive is None:
                yield self._root / found.path
            else:
                try:
                    yield read_member(self._archive, found.path)
                except BrokenImageError as error:
                    yield Unreadable(str(error))
                except (zipfile.BadZipFile, zlib.error, OSError, EOFError, ValueError, RuntimeError) as error:
                    yield Unreadable(f"it is damaged in the zip file: {error}")


def arrange(source: str, root_name: str, sizes: dict[str, int]) -> tuple[list[FolderContents], list[str]]:
    """Finds split and class of each image, and leaves second copies out.

    Args:
        source: what the user named, for the messages.
        root_name: the name of the folder or zip file, which a nested copy repeats.
        sizes: path below the root -> bytes.
    Returns:
        the images, sorted by split, class and name; and notes on what was left out.
    Raises:
        UserError: there are no images in class folders.
    """
    images = {path: size for path, size in sizes.items() if PurePosixPath(path).suffix.lower() in _SUFFIXES}
    notes = []
    others = Counter(PurePosixPath(path).suffix.lower() or "no suffix" for path in sizes if path not in images)
    if images and others:
        kinds = ", ".join(f"{count:,} {suffix}" for suffix, count in others.most_common(5))
        notes.append(f"Files that are no images are left out: {kinds}.")
    placed = {path: _place(path) for path in images}
    if not any(placed.values()):
        placed = _without_splits(list(images), root_name)
    strays = [path for path, place in placed.items() if place is None]
    if strays:
        notes.append(f"{len(strays):,} images outside of class folders are left out, such as {strays[0]}.")

    kept: dict[tuple[str, str, str, int], str] = {}
    copies = 0
    for path in sorted(images, key=lambda path: (path.count("/"), path)):  # the shallowest place wins
        place = placed[path]
        if place is not None:
            key = (*place, images[path])
            copies += key in kept
            kept.setdefault(key, path)
    if copies:
        notes.append(
            f"{copies:,} second cop{'y' if copies == 1 else 'ies'} left out: same split, class, file name and size "
            "as an image in a folder above or beside."
        )
    if not kept:
        held = ", ".join(f"{count} {suffix}" for suffix, count in others.most_common(5)) or "nothing"
        raise UserError(
            f"{source} holds neither parquet files nor images in class folders (train/CLASS/* or CLASS/*), but "
            f"{f'{len(images)} images outside of any' if images else held}; "
            f"images are read as {', '.join(sorted(_SUFFIXES))}"
        )
    found = [FolderContents(split, label, name, path, size) for (split, label, name, size), path in kept.items()]
    return sorted(found, key=lambda f: (_SPLIT_ORDER[f.split], f.class_name, f.name, f.path)), notes


def _place(path: str) -> tuple[str, str, str] | None:
    """(split, class, name) of a path with a split folder above a class folder, else None."""
    *folders, name = path.split("/")
    for i, folder in enumerate(folders[:-1]):
        split = split_of(folder)
        if split is not None and split_of(folders[i + 1]) != split:
            return split, folders[i + 1], "/".join([*folders[i + 2 :], name])
    return None


def _without_splits(paths: list[str], root_name: str) -> dict[str, tuple[str, str, str] | None]:
    """All images in train; the class is the first folder below whatever wraps all of them."""
    folders = [path.split("/")[:-1] for path in paths]
    wrapper: list[str] = []
    while len(folders) > 1 and all(f[: len(wrapper) + 1] == folders[0][: len(wrapper) + 1] for f in folders):
        if len(folders[0]) <= len(wrapper) + 1:
            break  # all images lie in one folder: that one is their class
        wrapper = folders[0][: len(wrapper) + 1]
    repeated = wrapper[-1] if wrapper else root_name
    placed: dict[str, tuple[str, str, str] | None] = {}
    for path in paths:
        *inner, name = path.split("/")[len(wrapper) :]
        while len(inner) > 1 and inner[0] == repeated:
            inner = inner[1:]
        placed[path] = ("train", inner[0], "/".join([*inner[1:], name])) if inner else None
    return placed
