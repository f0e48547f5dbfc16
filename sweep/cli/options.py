"""The options of the commands, one line each, and how a command gets those that were given: as one object."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from balancing.errors import UserError
from sweep.cli.completing import config_words, preset_words, technique_words
from sweep.hyperparameters import HYPERPARAMETERS

if TYPE_CHECKING:
    from sweep.config.config import Config

_DATA, _SPACE, _HOW, _WHERE, _REPORT = "Data", "Search space", "Judging", "Resources", "Report"

# The names of ``balancing.components.groups.GROUPS``, which takes longer to import than `--help` to answer.
TECHNIQUE_GROUPS = (
    "all",
    "cheap",
    "samplers",
    "augmentations",
    "mixers",
    "losses",
    "schedules",
    "optimizers",
    "decisions",
)

Preset = Annotated[
    str,
    typer.Argument(
        metavar="[PRESET|FILE.yaml]",
        help="A preset (see `sweep presets`) or a YAML file.",
        autocompletion=preset_words,
    ),
]
RunFolder = Annotated[Path, typer.Argument(metavar="RUN", help="The run folder.")]


@dataclass(frozen=True)
class Given:
    """What was given to a command.

    Args:
        settings: configuration key -> value, of the options that were given.
        sets: ``key=value`` each, laid over them.
        out: the run folder that is asked for.
        resume: go on where ``out`` already holds this run.
        allow_mixed: go on although trials were trained by another torch.
        local: train in this process, without Ray.
        verbose: show Ray's own messages too.
        track: a tracker that is told of trials as they end.
    """

    settings: dict[str, Any] = field(default_factory=dict)
    sets: Sequence[str] = ()
    out: Path | None = None
    resume: bool = False
    allow_mixed: bool = False
    local: bool = False
    verbose: bool = False
    track: str | None = None

    @property
    def executor(self) -> str:
        """What trains the trials.

        Raises:
            UserError: this process and a cluster were both asked for.
        """
        address = self.settings.get("resources.address")
        if self.local and address is not None:
            raise UserError(
                f"--local trains in this process, but --address {address} names a cluster; give one of them"
            )
        return "local" if self.local else "ray"

    def config(self, preset: str) -> Config:
        """The validated configuration: a preset or file with what was given laid over it."""
        from sweep.config.config import build_config, parse_assignment
        from sweep.config.files import read_file

        assigned = dict(parse_assignment(text) for text in self.sets)
        return build_config(read_file(preset), {**self.settings, **assigned})


@dataclass(frozen=True)
class Option:
    """An option of the command line.

    Args:
        name: with underscores; ``--name`` where no flags are given, and a field of ``Given`` where it has no key.
        help: its line in ``--help``.
        panel: its heading there.
        key: what it sets in the configuration.
        kind: of its value; bool is a switch.
        flags: as it is written.
    """

    name: str
    help: str
    panel: str | None = None
    key: str = ""
    kind: Any = str
    flags: tuple[str, ...] = ()

    def parameter(self) -> inspect.Parameter:
        """As a parameter of a command: None, or False of a switch that sets nothing, where it is not given."""
        shown: dict[str, Any] = {"help": self.help, "rich_help_panel": self.panel}
        if self.key and self.kind is str:
            shown["autocompletion"] = technique_words if self.key == "space.techniques" else config_words(self.key)
        default: bool | None = None
        kind: Any = self.kind | None
        if self.kind is bool and self.key:
            shown["show_default"] = False
        elif self.kind is bool:
            default, kind = False, bool
        annotation: Any = Annotated[kind, typer.Option(*self.flags, **shown)]
        return inspect.Parameter(self.name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


# (name, help, type): each sets the key of its name in the section ``data``.
_OF_DATA: tuple[tuple[str, str, Any], ...] = (
    ("image_size", "Pixels a side.", int),
    ("layout", "A known public layout, a file of your own (.yaml), or 'none'.", str),
    ("labels", "Table of labels, or 'folders': the folders are the classes.", str),
    ("images", "Glob below the data: which files are the images.", str),
    ("image_column", "Column of the images.", str),
    ("label_column", "Column of the classes.", str),
    ("label_map", "Value to class: '1=sick,0=well,-1=drop'.", str),
    ("label_pattern", "Regular expression on file names; group 1 is the class.", str),
    ("positive", "Name of the positive class; of several findings, the one against the rest.", str),
    ("uncertain", "What -1 means: drop, positive, negative, class.", str),
    ("unlabelled", "What an empty label means: drop, negative.", str),
    ("merge", "Classes into one: 'a+b=c'.", str),
    ("min_class_images", "Leave out classes with fewer images.", int),
    ("folders", "What each level of folders means, such as 'site/split/class'.", str),
    ("split_column", "Column of the split.", str),
    ("split_map", "Words for splits: 'holdout=test,extra=drop'.", str),
    ("split_list", "Files that name a split's images: 'test=test_list.txt'.", str),
    ("fold_column", "Column of the folds.", str),
    ("test_fold", "The fold that is the test split.", str),
    ("folds", "Every patient is tested once, in one of so many folds.", int),
    ("repeats", "How often the folds are cut anew.", int),
    ("patient_column", "Column that tells patients apart, or 'none'.", str),
    ("patient_table", "Another table that tells each image's patient.", str),
    ("patient_pattern", "Regular expression on file names; group 1 is the patient; or 'none'.", str),
    ("config", "Configuration of a Hub data set that has several.", str),
    ("page", "Which page of files with several, from 1.", int),
    ("resize", "To a square: squash, pad, crop.", str),
    ("skip_bad", "Go on without unreadable images.", bool),
    ("allow_leak", "Go on although training and test share patients or images.", bool),
)
_DATA_OPTIONS = (
    Option("data", "Folder, table, zip, parquet, .npz, Hub id (with @revision), or 'phantom'.", _DATA, "data.source"),
    *(
        Option(name, text, _DATA, f"data.{name}", kind, (f"--{name.replace('_', '-')}",) if kind is bool else ())
        for name, text, kind in _OF_DATA
    ),
)
# All that say which images, and how they are read and split.
DATA_OPTIONS = tuple(option.name for option in _DATA_OPTIONS)


_ALL = (
    Option("out", "Run folder; a new one under runs/ by default.", kind=Path),
    Option("resume", "Go on where --out already holds this run.", kind=bool, flags=("--resume",)),
    Option(
        "allow_mixed",
        "Go on although the trials so far were trained by another torch.",
        kind=bool,
        flags=("--allow-mixed",),
    ),
    Option("sets", "Any key: section.name=value; may be repeated.", kind=list[str], flags=("--set",)),
    Option("verbose", "Show Ray's own messages too.", kind=bool, flags=("-v", "--verbose")),
    Option("track", "Also tell a tracker of trials as they end: mlflow or wandb; see `sweep log`."),
    *_DATA_OPTIONS,
    Option(
        "techniques",
        "With commas: names and compositions (see `sweep techniques`), such as smote+focal; around:COMPOSITION; @FILE; "
        f"or {', '.join(TECHNIQUE_GROUPS)}.",
        _SPACE,
        "space.techniques",
    ),
    *(Option(shared.name, shared.help, _SPACE, f"space.{shared.name}") for shared in HYPERPARAMETERS),
    Option("trials", "Draws for each technique where ranges are given.", _SPACE, "space.trials", int),
    Option("seeds", "How many seeds each configuration gets; without --confirm no others.", _SPACE, "space.seeds", int),
    Option(
        "confirm",
        "Fresh seeds of each technique's chosen configuration, which alone speak; 0 where --seeds is given alone.",
        _SPACE,
        "space.confirm",
        int,
    ),
    Option("seed", "The first seed, also of the draws.", _SPACE, "space.seed", int),
    Option("network", "resnet18, another network, or frozen[:NAME]: heads on its features.", _SPACE, "train.network"),
    Option("hidden", "Units of a hidden layer of a frozen network's head.", _SPACE, "train.hidden", int),
    Option("views", "Augmented views of each training image, of a frozen network.", _SPACE, "train.views", int),
    Option("weights", "imagenet, none, a checkpoint file, or run:RUN.", _SPACE, "train.weights"),
    Option("stem", "auto, imagenet, or small (3 x 3, no pooling): for small images.", _SPACE, "train.stem"),
    Option("optimizer", "adam, adamw or sgd.", _SPACE, "train.optimizer"),
    Option("lr_schedule", "constant or cosine.", _SPACE, "train.lr_schedule"),
    Option(
        "keep_from", "Share of the training before which no epoch may be the best.", _SPACE, "train.keep_from", float
    ),
    Option("warmup", "Share of the training in which the learning rate rises.", _SPACE, "train.warmup", float),
    Option("budget", "An epoch: equal steps for all techniques, or a pass (epochs).", _SPACE, "space.budget"),
    Option(
        "skip_infeasible",
        "Leave out techniques that need more images of a class than there are.",
        _SPACE,
        "space.skip_infeasible",
        bool,
        ("--skip-infeasible",),
    ),
    Option(
        "allow_double_correction",
        "Go on although a technique takes out more of the class prior than there is.",
        _SPACE,
        "space.allow_double_correction",
        bool,
        ("--allow-double-correction",),
    ),
    Option("metric", "Chooses epoch and configuration, on validation.", _HOW, "sweep.metric"),
    Option(
        "until_decided",
        "Confirming seeds in rounds, and no more once a technique's answer stands or can't come.",
        _HOW,
        "sweep.until_decided",
        bool,
        ("--until-decided",),
    ),
    Option("scheduler", "none or asha (early stopping).", _HOW, "sweep.scheduler"),
    Option("search", "grid (paired draws) or optuna.", _HOW, "sweep.search"),
    Option(
        "tensorboard",
        "Event files of each trial; by default not of a frozen network's heads.",
        _HOW,
        "sweep.tensorboard",
        bool,
        ("--tensorboard/--no-tensorboard",),
    ),
    Option(
        "local",
        "Train in this process, one trial after the other, without Ray.",
        _WHERE,
        kind=bool,
        flags=("--local",),
    ),
    Option("address", "A running Ray cluster: auto or HOST:PORT.", _WHERE, "resources.address"),
    Option("gpus_per_trial", "May be a fraction.", _WHERE, "resources.gpus_per_trial", float),
    Option("cpus_per_trial", "Also the threads of a trial.", _WHERE, "resources.cpus_per_trial", float),
    Option("max_concurrent", "Trials at once.", _WHERE, "resources.max_concurrent", int),
    Option("trial_timeout", "A trial that runs longer fails: seconds, 90m, 2h.", _WHERE, "resources.trial_timeout"),
    Option("cam", "Activation maps: smoothgradcampp, gradcam or layercam.", _REPORT, "report.cam"),
    Option("masks", "Folder of masks (lungs, lesions) named as the images.", _REPORT, "report.masks"),
    Option("shown_images", "How many test images the report shows one by one.", _REPORT, "report.shown_images", int),
    Option("margin", "A difference to the baseline that does not matter.", _REPORT, "report.margin", float),
    Option(
        "sensitivity", "Wanted of the baseline's tuned threshold, such as 0.95.", _REPORT, "report.sensitivity", float
    ),
    Option("cost_ratio", "What a miss costs in false alarms.", _REPORT, "report.cost_ratio", float),
    Option(
        "prevalence", "Of the positive class in use: correct the baseline to it.", _REPORT, "report.prevalence", float
    ),
)
OPTIONS = {option.name: option for option in _ALL}
SHARED = tuple(shared.name for shared in HYPERPARAMETERS)


def named(*names: str) -> list[Option]:
    """Options of the table."""
    return [OPTIONS[name] for name in names]


def takes(*options: Option) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Gives a command options, in the order in which ``--help`` shows them.

    The command gets what was given as one ``Given``, its first argument.
    """

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        own = list(inspect.signature(command, eval_str=True).parameters.values())[1:]

        @functools.wraps(command)
        def called(**values: Any) -> None:
            found = {o: v for o in options if (v := values.pop(o.name)) is not None}
            settings = {option.key: value for option, value in found.items() if option.key}
            command(Given(settings, **{o.name: v for o, v in found.items() if not o.key}), **values)

        parameters = [*(o.parameter() for o in options), *(p.replace(kind=p.KEYWORD_ONLY) for p in own)]
        called.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined] # what Typer reads
        called.__annotations__ = {p.name: p.annotation for p in parameters}
        return called

    return decorate
