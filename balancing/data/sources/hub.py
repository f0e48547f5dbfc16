"""A data set of the Hugging Face Hub, through ``datasets``; code that comes with a data set is never run."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from balancing.data.options import Options
from balancing.data.sources.base import Content, Listing, Source, digest, split_of
from balancing.data.sources.columns import Chosen, choose_columns, columns_of, image_content, refuse_twins
from balancing.data.sources.rows import TableRows
from balancing.data.splits import PARTS
from balancing.errors import UserError

if TYPE_CHECKING:
    import datasets
    import pyarrow as pa

_BATCH = 64
# Words that datasets takes for readers of its own instead of Hub ids; that of pandas unpickles.
_READERS = frozenset((
    "arrow", "audiofolder", "cache", "conll", "csv", "eval", "fasta", "fastq", "generator", "genbank", "harbor",
    "hdf5", "iceberg", "imagefolder", "json", "lance", "meshfolder", "mmcif", "niftifolder", "pandas", "parquet",
    "pdb", "pdffolder", "spark", "sql", "text", "tsfile", "videofolder", "vortex", "webdataset", "xml",
))  # fmt: skip
_COMMIT = re.compile(r"^[0-9a-f]{40}$")


@dataclass
class HubSource(Source):
    """A Hub id, or a local folder that ``datasets`` reads the same way.

    Args:
        repository: such as ``hf-vision/chest-xray-pneumonia``.
        revision: branch, tag or commit; None takes the newest.
        options: the columns to read.
    """

    repository: str
    revision: str | None
    options: Options
    _splits: dict[str, datasets.Dataset] | None = field(default=None, init=False)
    _left_out: tuple[str, ...] = field(default=(), init=False)
    _ask: bool = field(default=False, init=False)  # whether the Hub is asked which commit is meant
    _commit: str | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        self.name = f"{self.repository}@{self.revision}" if self.revision else self.repository
        self.remembered = True
        self.kind = "hub"
        offline = os.environ.get("HF_HUB_OFFLINE", "").upper() in {"1", "ON", "YES", "TRUE"}
        self.pinned = offline or bool(_COMMIT.match(self.revision or ""))
        if not offline and not Path(self.repository).is_dir():
            self._ask = True

    def identity(self) -> str:
        if self._ask and self._commit is None:
            self._commit = _commit_of(self.repository, self.revision)
        if self._commit is not None:
            return digest(["hub", self.repository, self._commit])
        # Offline or local: a fingerprint of datasets hashes the commit or the files of each split.
        return digest([self.repository, {split: table._fingerprint for split, table in self._load().items()}])

    def listing(self) -> Listing:
        chosen = self._choose()
        found = TableRows(chosen, self.name)
        for split, table in self._load().items():
            for batch in _batches(table, 4096):
                patients = _cells(batch, chosen.patient, self.name) if chosen.patient else None
                paths = _paths(batch.column(chosen.image))
                found.add(split, _cells(batch, chosen.label, self.name), patients, paths)
        return found.listing(self._left_out_notes())

    def contents(self) -> Iterator[Content]:
        chosen, roots = self._choose(), self._roots()
        for table in self._load().values():
            for batch in _batches(table, _BATCH):
                for cell in batch.column(chosen.image):
                    yield image_content(cell.as_py(), None, roots)

    def _roots(self) -> list[Path]:
        """Where the files of this data set lie: its folder, or what was fetched and unpacked from the Hub."""
        local = Path(self.repository)
        if local.is_dir():
            return [local]
        import datasets
        from huggingface_hub import constants

        config = datasets.config
        unpacked = (config.HF_DATASETS_CACHE, config.DOWNLOADED_DATASETS_PATH, config.EXTRACTED_DATASETS_PATH)
        fetched = Path(constants.HF_HUB_CACHE, f"datasets--{self.repository.replace('/', '--')}")
        return [fetched, *map(Path, unpacked)]

    def _left_out_notes(self) -> tuple[str, ...]:
        if not self._left_out:
            return ()
        return (f"Splits that are neither train, validation nor test are left out: {', '.join(self._left_out)}.",)

    def _choose(self) -> Chosen:
        first = next(iter(self._load().values()))
        chosen = choose_columns(columns_of(first.features.arrow_schema), self.options, self.name)
        refuse_twins(first.column_names, chosen, self.name)
        return chosen

    def _load(self) -> dict[str, datasets.Dataset]:
        """The splits, train first; loaded once."""
        if self._splits is None:
            loaded = _load_dataset(self.repository, self._commit or self.revision)
            known: dict[str, datasets.Dataset] = {}
            left_out = []
            for key, table in loaded.items():
                split = "train" if len(loaded) == 1 and split_of(str(key)) is None else split_of(str(key))
                if split is None or split in known:
                    left_out.append(f"{key} ({len(table):,} images)")
                else:
                    known[split] = _undecoded(table)
            if not known:
                raise UserError(
                    f"{self.name} has no split named train, validation or test, but {', '.join(map(str, loaded))}; "
                    "download the wanted one as parquet and give its path"
                )
            self._splits = {split: known[split] for split in PARTS if split in known}
            self._left_out = tuple(left_out)
        return self._splits


def packaged_readers() -> frozenset[str]:
    """The words that ``datasets`` takes for readers of its own, those of the installed version too."""
    try:
        from datasets import packaged_modules
    except ImportError:
        return _READERS
    return _READERS | frozenset(getattr(packaged_modules, "_PACKAGED_DATASETS_MODULES", ()))


def _commit_of(repository: str, revision: str | None) -> str:
    """The commit that a revision means now: one request, so that an unreachable Hub is known at once.

    Raises:
        UserError: no such data set or revision, no access, or no way to the Hub.
    """
    import huggingface_hub
    from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError, RevisionNotFoundError

    name = f"{repository}@{revision}" if revision else repository
    try:
        commit = huggingface_hub.HfApi().dataset_info(repository, revision=revision, timeout=10).sha
    except GatedRepoError:
        raise UserError(
            f"the data set '{name}' is gated: ask for access on its page of the Hub, then log in with `hf auth login`"
        ) from None
    except RevisionNotFoundError:
        raise UserError(f"the data set '{repository}' has no revision '{revision}'; check its spelling") from None
    except RepositoryNotFoundError:
        raise _not_found(name) from None
    except Exception as error:
        text = _first_line(error)
        raise UserError(
            f"the Hub cannot be reached for '{name}' ({text}); {_elsewhere(repository, revision)}"
        ) from None
    return str(commit)


def _not_found(name: str) -> UserError:
    return UserError(
        f"the Hub has no data set '{name}' that can be read, and no such path exists here; check the spelling and "
        "the revision, log in with `hf auth login` if it is private or gated, or give a local folder"
    )


def _elsewhere(repository: str, revision: str | None) -> str:
    pinned = f" --revision {revision}" if revision else ""
    return (
        f"download it on a machine that can (hf download --repo-type dataset {repository}{pinned} --local-dir FOLDER) "
        "and give the folder, or set HF_HUB_OFFLINE=1 if datasets has it from before"
    )


def _load_dataset(repository: str, revision: str | None) -> dict[str, datasets.Dataset]:
    import datasets

    name = f"{repository}@{revision}" if revision else repository
    elsewhere = _elsewhere(repository, revision)
    try:
        return dict(datasets.load_dataset(repository, revision=revision))
    except datasets.exceptions.DatasetNotFoundError:
        raise _not_found(name) from None
    except datasets.exceptions.DataFilesNotFoundError as error:
        raise UserError(f"{name} holds no data files that datasets can read ({_first_line(error)})") from None
    except Exception as error:
        text = _first_line(error)
        if "Dataset scripts are no longer supported" in str(error) or "trust_remote_code" in str(error):
            raise UserError(
                f"{name} needs code of its own to be run, which is never done here; give its data as parquet files, "
                "an image folder or a .npz"
            ) from None
        if "Config name is missing" in str(error):
            raise UserError(
                f"{name} holds several data sets (configurations); download the wanted one and give its folder"
            ) from None
        if _is_connection(error):
            raise UserError(f"the Hub cannot be reached for '{name}' ({text}); {elsewhere}") from None
        raise UserError(f"datasets cannot load '{name}' ({type(error).__name__}: {text}); {elsewhere}") from None


def _is_connection(error: BaseException | None) -> bool:
    """Whether an error, or one that led to it, is about the network."""
    words = ("connect", "timeout", "timed out", "offline", "unreachable", "resolve", "proxy", "ssl", "httperror")
    for _ in range(10):
        if error is None:
            return False
        if isinstance(error, ConnectionError | TimeoutError):
            return True
        if any(word in f"{type(error).__name__} {error}".lower() for word in words):
            return True
        error = error.__cause__ or error.__context__
    return False


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0][:200] if lines else type(error).__name__


def _undecoded(table: datasets.Dataset) -> datasets.Dataset:
    """The table with every image column as bytes and path."""
    import datasets

    for column, feature in table.features.items():
        if isinstance(feature, datasets.Image):
            table = table.cast_column(column, datasets.Image(decode=False))
    return table


def _batches(table: datasets.Dataset, rows: int) -> Iterator[pa.Table]:
    """Arrow tables of a few rows; they are memory-mapped, so columns that nobody reads cost nothing."""
    yield from table.with_format("arrow").iter(batch_size=rows)


def _cells(batch: pa.Table, column: str, where: str) -> list[Any]:
    try:
        values: list[Any] = batch.column(column).to_pylist()
    except (ValueError, OverflowError) as error:  # texts that are no UTF-8
        raise UserError(f"column '{column}' of {where} holds what cannot be read ({error}); repair it") from None
    return values


def _paths(column: pa.ChunkedArray) -> list[str | None]:
    """The path of each image, None where there is none."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if not pa.types.is_struct(column.type) or column.type.get_field_index("path") < 0:
        return [None] * len(column)
    paths: list[str | None] = pc.struct_field(column, "path").to_pylist()
    return [path if path is None or not path.startswith("hf://") else str(Path(path).name) for path in paths]
