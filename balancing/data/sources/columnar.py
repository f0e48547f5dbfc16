"""Sources that hold their images in columns of Arrow: what parquet files, .arrow files and the Hub's have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from balancing.data.content import Content, Unreadable
from balancing.data.options import NONE, Options
from balancing.data.sources.base import Listing, Source
from balancing.data.sources.columns import Chosen, choose_columns, columns_of, image_content, refuse_twins
from balancing.data.sources.rows import Cells, listing_of
from balancing.data.text import shown
from balancing.errors import UserError

if TYPE_CHECKING:
    import pyarrow as pa

_BATCH = 64  # rows read at once: encoded images of full size are a few MB each
_CELLS = 4096  # rows without images read at once


class Shelf(ABC):
    """One file, or one split.

    Attributes:
        path: of the file below the source, or the name of the split.
        split: that it tells, None where it tells none.
        folder: that paths of its images are relative to; None where only whole paths can be meant.
        form: of what it is stored in, for messages.
    """

    form = "Arrow"
    path: str
    split: str | None
    folder: Path | None = None

    @abstractmethod
    def schema(self) -> pa.Schema:
        """Its columns, with what ``datasets`` noted of them."""

    @abstractmethod
    def batches(self, columns: Sequence[str], rows: int, images: Sequence[str] = ()) -> Iterator[Any]:
        """Record batches or tables of these columns, of so many rows at most; ``images`` are those that hold images.

        Raises:
            UserError: it is damaged.
        """

    def damaged(self, error: Exception, where: str) -> UserError:
        """What is said of what can't be read.

        Args:
            where: the source's name.
        """
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        return UserError(
            f"{shown(self.path)} of {where} cannot be read as {self.form} ({reason[:200]}); download it again or leave "
            "it out"
        )


class ColumnarSource(Source):
    """Images in a column, labels in another; ``options`` name the columns to read."""

    options: Options

    @abstractmethod
    def _shelves(self) -> list[Shelf]:
        """All files or splits, train first."""

    @abstractmethod
    def _roots(self) -> Sequence[Path]:
        """Folders that image files may lie in."""

    @cached_property
    def _chosen(self) -> Chosen:
        """The columns of all files: those of the first, where the others have what is read of them, too.

        Raises:
            UserError: columns can't be told, or a file lacks one.
        """
        schemas = {shelf.path: shelf.schema() for shelf in self._shelves()}
        first, *others = schemas
        shared = {name: column for name, column in columns_of(schemas[first]).items()
                  if all(name in schemas[other].names for other in others)}  # fmt: skip
        try:
            chosen = choose_columns(shared, self.options, self.name)
        except UserError:
            different = [other for other in others if set(schemas[other].names) != set(schemas[first].names)]
            if not different:
                raise
            raise UserError(
                f"the parquet files of {self.name} have different columns: {first} has "
                f"{', '.join(schemas[first].names)}; {different[0]} has {', '.join(schemas[different[0]].names)}; "
                "give a folder that holds one data set"
            ) from None
        for path, schema in schemas.items():
            refuse_twins(schema.names, chosen, self.name if len(schemas) == 1 else f"{path} of {self.name}")
        return chosen

    def listing(self) -> Listing:
        chosen, options = self._chosen, self.options
        if options.test_fold is not None and chosen.fold is None:
            raise UserError(
                f"no column of {self.name} tells folds, of which --test-fold {options.test_fold} speaks; name it with "
                "--fold-column"
            )
        if self.kind != "hub" and options.split_map and chosen.split is None and options.layout in (None, NONE):
            raise UserError(
                f"--split-map names {', '.join(options.split_map)}, but no column of {self.name} tells splits; name it "
                "with --split-column"
            )
        return listing_of(
            [self._cells(shelf) for shelf in self._shelves()], self._chosen, self.name, self.options, self._left_out()
        )

    def _left_out(self) -> Sequence[str]:
        """Sentences on files or splits that are not read."""
        return ()

    def _cells(self, shelf: Shelf) -> Cells:
        chosen = self._chosen
        schema = shelf.schema()
        kinds: Mapping[str, Any] = columns_of(schema)
        cells = Cells(shelf.path, shelf.split, kinds[chosen.label].class_names)
        wanted = chosen.columns()
        cells.of.update({column: [] for column in wanted})
        kind = schema.field(chosen.image).type
        has_path = hasattr(kind, "get_field_index") and kind.get_field_index("path") >= 0
        for batch in shelf.batches([*wanted, *([f"{chosen.image}.path"] if has_path else [])], _CELLS):
            for column in wanted:
                cells.of[column] += self._values(batch, column, shelf)
            cells.paths += self._paths(batch.column(chosen.image), shelf) if has_path else [None] * batch.num_rows
        return cells

    def _paths(self, column: Any, shelf: Shelf) -> list[str | None]:
        import pyarrow.compute as pc

        try:
            paths: list[str | None] = pc.struct_field(column, "path").to_pylist()
        except ValueError as error:
            raise shelf.damaged(error, self.name) from None
        return [path if path is None or not path.startswith("hf://") else path.rpartition("/")[2] for path in paths]

    def _values(self, batch: Any, column: str, shelf: Shelf) -> list[Any]:
        try:
            found: list[Any] = batch.column(column).to_pylist()
        except (ValueError, OverflowError, KeyError) as error:  # texts that are no UTF-8, dates of the year 300,000
            raise shelf.damaged(error, self.name) from None
        return found

    def contents(self) -> Iterator[Content]:
        image, roots = self._chosen.image, list(self._roots())
        for shelf in self._shelves():
            for batch in shelf.batches([image], _BATCH, [image]):
                for cell in batch.column(image):
                    try:
                        value = cell.as_py()
                    except ValueError:
                        yield Unreadable("its path is no UTF-8")
                        continue
                    yield image_content(value, shelf.folder, roots)
