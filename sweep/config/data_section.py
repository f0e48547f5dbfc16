"""What every section of a configuration is, and the one on the data."""

from __future__ import annotations

from typing import Annotated, Any, cast

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    field_validator,
    model_validator,
)

from balancing.data.folds import MOST_FOLDS, MOST_REPEATS
from balancing.data.options import Options, Reading, parse_merge, parse_pairs


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, arbitrary_types_allowed=True)

    @field_validator("*", mode="before")
    @classmethod
    def _in_utf8(cls, value: Any) -> Any:
        """A byte that the system's encoding could not read can't be recorded: no JSON, parquet or page holds it."""
        if isinstance(value, str):
            try:
                value.encode()
            except UnicodeEncodeError:
                raise ValueError(f"{value!r} is no text in UTF-8; rename what it names, or write it anew") from None
        return value


def _pairs(given: Any, info: ValidationInfo) -> dict[str, str]:
    return parse_pairs(given, str(info.field_name))


Pairs = Annotated[dict[str, str], BeforeValidator(_pairs)]


# Of the section, what is done with the images once they are read.
_NOT_READING = {"source", "image_size", "allow_leak", "split_seed", "folds", "repeats"}


class DataConfig(Section):
    """Which images, how they are read, how they are split."""

    source: str = Field(
        default="phantom", description="Hub id[@revision], folder, zip, table of labels, parquet, .npz, or 'phantom'"
    )
    image_size: int = Field(default=224, ge=16, le=1024, description="pixels a side")
    layout: str | None = Field(default=None, description="a known public layout, a file of your own (.yaml), or 'none'")
    labels: str | None = Field(default=None, description="table of labels, or 'folders': the folders are the classes")
    images: str | None = Field(default=None, description="glob below the data: which files are the images")
    image_column: str | None = None
    label_column: str | None = None
    label_map: Pairs = Field(default_factory=dict, description="value -> class, or 'drop'")
    label_pattern: str | None = Field(
        default=None, description="regular expression on file names, group 1 is the class"
    )
    positive: str | None = Field(
        default=None, description="name of the positive class, or the finding against the rest"
    )
    uncertain: str | None = Field(
        default=None, description="what -1 means among findings: drop, positive, negative, class"
    )
    unlabelled: str | None = Field(default=None, description="what an empty label means: drop, negative")
    merge: Annotated[dict[str, str], BeforeValidator(parse_merge)] = Field(
        default_factory=dict, description="class -> the class it becomes part of"
    )
    min_class_images: int | None = Field(default=None, description="classes with fewer images are left out")
    folders: str | None = Field(
        default=None, description="what each level of folders means: split, fold, class, patient, site, part, *"
    )
    split_column: str | None = None
    split_map: Pairs = Field(default_factory=dict, description="word -> train, validation, test, drop")
    split_list: Pairs = Field(default_factory=dict, description="split -> text file that names its images")
    fold_column: str | None = None
    test_fold: str | None = Field(default=None, description="the fold that is the test split")
    patient_column: str | None = None
    patient_table: str | None = Field(default=None, description="another table that tells the patient of each image")
    patient_pattern: str | None = Field(
        default=None, description="regular expression on file names, group 1 is the patient; 'none' for none"
    )
    config: str | None = Field(default=None, description="configuration of a Hub data set that has several")
    page: int | None = Field(default=None, description="which page of files with several, from 1")
    resize: str = Field(default="squash", description="to a square: squash, pad, crop")
    skip_bad: bool = False
    allow_leak: bool = Field(default=False, description="go on although training and test share patients or images")
    split_seed: int = Field(default=0, ge=0, description="of the splits and folds that are cut here")
    folds: int = Field(
        default=0, ge=0, le=MOST_FOLDS, description="every patient is tested, in one of so many folds; 0: one split"
    )
    repeats: int = Field(default=1, ge=1, le=MOST_REPEATS, description="how often the folds are cut anew")
    phantom_images: int = Field(default=900, ge=300, le=1_000_000, description="how many drawings 'phantom' makes")
    phantom_seed: int = Field(default=0, ge=0, description="of the drawings that 'phantom' makes")

    @model_validator(mode="after")
    def _readable(self) -> DataConfig:
        Options.of(self.reading())
        return self

    @model_validator(mode="after")
    def _foldable(self) -> DataConfig:
        if self.folds == 1:
            raise ValueError("data.folds must be 2 or more, or 0 for one split, but is 1; give --folds 5")
        if self.repeats > 1 and not self.folds:
            raise ValueError(f"data.repeats={self.repeats} repeats folds, but there are none; give --folds 5 too")
        if self.folds and self.test_fold is not None:
            raise ValueError(
                f"data.test_fold={self.test_fold} makes one fold the test split, but with data.folds={self.folds} each "
                "is tested once; leave one of them out"
            )
        return self

    def reading(self) -> Reading:
        """What ``balancing.load_images`` takes of it."""
        return cast(Reading, self.model_dump(exclude=_NOT_READING))
