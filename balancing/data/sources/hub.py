"""A data set of the Hugging Face Hub, through ``datasets``; code that comes with a data set is never run."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from balancing.data.options import Options
from balancing.data.sources.base import digest
from balancing.data.sources.columnar import ColumnarSource, Shelf
from balancing.data.sources.tables.splitting import DROP
from balancing.data.sources.usual_names import split_of_word
from balancing.data.splits import PARTS
from balancing.data.text import shown
from balancing.errors import UserError

if TYPE_CHECKING:
    import datasets
    import pyarrow as pa

# Words that datasets takes for readers of its own instead of Hub ids; that of pandas unpickles.
_READERS = frozenset((
    "arrow", "audiofolder", "cache", "conll", "csv", "eval", "fasta", "fastq", "generator", "genbank", "harbor",
    "hdf5", "iceberg", "imagefolder", "json", "lance", "meshfolder", "mmcif", "niftifolder", "pandas", "parquet",
    "pdb", "pdffolder", "spark", "sql", "text", "tsfile", "videofolder", "vortex", "webdataset", "xml",
))  # fmt: skip
_COMMIT = re.compile(r"^[0-9a-f]{40}$")


class _Split(Shelf):
    """A split as ``datasets`` loaded it: Arrow tables of a few rows; columns that nobody reads cost nothing."""

    def __init__(self, split: str, table: datasets.Dataset, name: str) -> None:
        self.path = self.split = split
        self._table = table

    def schema(self) -> pa.Schema:
        return self._table.features.arrow_schema

    def batches(self, columns: Sequence[str], rows: int, images: Sequence[str] = ()) -> Iterator[pa.Table]:
        yield from self._table.with_format("arrow").iter(batch_size=rows)


class HubSource(ColumnarSource):
    """A Hub id, or a local folder that ``datasets`` reads the same way.

    Args:
        repository: such as ``hf-vision/chest-xray-pneumonia``.
        revision: branch, tag or commit; None takes the newest.
        options: the columns to read, and the configuration where there are several.
    """

    what = "a data set of the Hub"
    passes_over = ("labels", "images", "label_pattern", "folders", "layout")

    def __init__(self, repository: str, revision: str | None, options: Options) -> None:
        self.repository, self.revision, self.options = repository, revision, options
        self.name = f"{repository}@{revision}" if revision else repository
        self.remembered = True
        self.kind = "hub"
        offline = os.environ.get("HF_HUB_OFFLINE", "").upper() in {"1", "ON", "YES", "TRUE"}
        self.pinned = offline or bool(_COMMIT.match(revision or ""))
        # Whether the Hub is asked which commit is meant.
        self._ask = not offline and not Path(repository).is_dir()
        self._commit: str | None = None
        self._splits: dict[str, datasets.Dataset] | None = None
        self._unknown: tuple[str, ...] = ()

    def identity(self) -> str:
        if self._ask and self._commit is None:
            self._commit = _commit_of(self.repository, self.revision)
        if self._commit is not None:
            return digest(["hub", self.repository, self._commit])
        # Offline or local: a fingerprint of datasets hashes the commit or the files of each split.
        return digest([self.repository, {split: table._fingerprint for split, table in self._load().items()}])

    def _shelves(self) -> list[Shelf]:
        return [_Split(split, table, self.name) for split, table in self._load().items()]

    def _roots(self) -> Sequence[Path]:
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

    def _left_out(self) -> Sequence[str]:
        self._load()
        if not self._unknown:
            return ()
        return (
            f"Splits that are neither train, validation nor test are left out: {', '.join(self._unknown)}; "
            "--split-map NAME=test says what one is.",
        )

    def _load(self) -> dict[str, datasets.Dataset]:
        """The splits, train first; loaded once."""
        if self._splits is None:
            loaded = _load_dataset(self.repository, self._commit or self.revision, self.options.config)
            known: dict[str, datasets.Dataset] = {}
            left_out = []
            for key, table in loaded.items():
                split = split_of_word(str(key), self.options.split_map)
                split = "train" if len(loaded) == 1 and split is None else split
                if split is None or split in known or split == DROP:
                    left_out.append(f"{key} ({len(table):,} images)")
                else:
                    known[split] = _undecoded(table)
            if not known:
                raise UserError(
                    f"{self.name} has no split named train, validation or test, but {', '.join(map(str, loaded))}; "
                    f"say what one is, such as --split-map {next(iter(loaded))}=train"
                )
            self._splits = {split: known[split] for split in PARTS if split in known}
            self._unknown = tuple(left_out)
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


def _load_dataset(repository: str, revision: str | None, config: str | None = None) -> dict[str, datasets.Dataset]:
    import datasets

    name = f"{repository}@{revision}" if revision else repository
    elsewhere = _elsewhere(repository, revision)
    try:
        return dict(datasets.load_dataset(repository, *([config] if config else []), revision=revision))
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
        if "Config name is missing" in str(error) or "BuilderConfig" in str(error):
            there = _configurations(str(error))
            named = f": {', '.join(there[:30])}" if there else ""
            wrong = f", but none named '{config}'" if config is not None else ""
            raise UserError(
                f"{name} holds several data sets (configurations){named}{wrong}; name one with --config "
                f"{there[0] if there else 'NAME'}"
            ) from None
        if _is_connection(error):
            raise UserError(f"the Hub cannot be reached for '{name}' ({text}); {elsewhere}") from None
        raise UserError(f"datasets cannot load '{name}' ({type(error).__name__}: {text}); {elsewhere}") from None


def _configurations(message: str) -> list[str]:
    """The names that datasets lists in its error."""
    listed = re.search(r"\[[^\]]*\]", message)
    return [shown(name) for name in re.findall(r"'([^']{1,200})'", listed[0])] if listed else []


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
