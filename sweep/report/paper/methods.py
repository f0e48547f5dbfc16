"""The methods paragraph: what this run did, from its records; a clause stands only where it is true of the run.

What no record tells stands in brackets, for the authors. Citations are ``[@key]``, as Pandoc reads them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

import pandas as pd

from balancing.components.techniques import get_technique
from balancing.errors import UserError
from sweep.analysis.names import display_name, in_order, inline_name
from sweep.analysis.results import Results
from sweep.analysis.run_images import is_phantom
from sweep.analysis.statistics.paired import BASELINE
from sweep.hyperparameters import HYPERPARAMETERS, Hyperparameter
from sweep.report.paper.analysing import known_patients, statistics_lines
from sweep.report.paper.bibliography import Bibliography
from sweep.report.paper.choosing import selection_lines
from sweep.report.text.lists import listed
from sweep.report.words.folds import fold_places
from sweep.report.words.network import network_of
from sweep.runs.spec import TrialSpec
from sweep.training.networks.catalogue import reference_of

_T = TypeVar("_T")
_MOST_VALUES = 6  # of a hyperparameter, that are listed one by one


def methods(run: Results, cited: Bibliography) -> list[tuple[str, str]]:
    """(heading, paragraph) each, in the order of a paper.

    Args:
        run: whose records are read.
        cited: is told what the paragraphs cite.
    """
    parts: list[tuple[str, Callable[[Results, Bibliography], list[str]]]] = [
        ("Data", _data),
        ("Compared techniques", _techniques),
        ("Network and training", _training),
        ("Selection and testing", selection_lines),
        ("Statistical analysis", statistics_lines),
        ("Software", _software),
    ]
    found = [(heading, " ".join(one for one in write(run, cited) if one)) for heading, write in parts]
    return [(heading, text) for heading, text in found if text]


def _data(run: Results, cited: Bibliography) -> list[str]:
    split = run.split()
    names = [name.replace("[@", "[ @") for name in run.class_names]  # no citation
    counts = split["label"].value_counts()
    classes = listed([f"{int(counts.get(label, 0)):,} {name}" for label, name in enumerate(names)])
    if is_phantom(run):
        first = f"Images were {len(split):,} computer-drawn phantoms ({classes}), not images of patients."
    else:
        first = (
            f"The data comprised {len(split):,} images ({classes}){_of_patients(split)} [AUTHORS: source, dates, "
            "eligibility, reference standard, ethics approval]."
        )
    lines = [first, _left_out(run), _pixels(run)]
    if run.positive is not None:
        lines.append(f"The positive class was {names[run.positive]}.")
    return [*lines, *_split(run, split)]


def _of_patients(split: pd.DataFrame) -> str:
    return f" of {split['patient'].nunique():,} patients" if known_patients(split) else ""


def _left_out(run: Results) -> str:
    bad = len(run.bad_images())
    if not bad:
        return ""
    return (
        f"{bad:,} further image{'s' if bad > 1 else ''} could not be read and {'were' if bad > 1 else 'was'} left out."
    )


def _pixels(run: Results) -> str:
    shape = run.info["data"]["shape"]
    colour = "colour" if len(shape) > 3 else "greyscale"
    return f"They were brought to {shape[1]} x {shape[2]} pixels ({colour})."


def _split(run: Results, split: pd.DataFrame) -> list[str]:
    places = fold_places(run)
    known = known_patients(split)
    unit = "patients" if known else "images"
    if places:
        again = f", repeated {places[0].repeats} times with other folds" if places[0].repeats > 1 else ""
        held = "so that no patient was in two folds" if known else "by image, for no patient identifiers were available"
        return [
            f"Performance was estimated by {places[0].folds}-fold cross-validation{again}, {held}; within each fold a "
            f"validation part was cut from the training {unit}, and each test fold was used for testing alone.",
            _imbalance(run),
        ]
    parts = []
    for part in ("train", "validation", "test"):
        own = split[split["split"] == part]
        name = "training" if part == "train" else part
        parts.append(f"{name} ({len(own):,} images{_of_patients(own) if known else ''})")
    lines = [f"They were divided into {listed(parts)}."]
    if known:
        used = split[split["split"].isin(("train", "validation", "test"))]
        shared = int((used.groupby("patient")["split"].nunique() > 1).sum())
        lines.append(
            "No patient contributed to more than one part."
            if not shared
            else f"{shared:,} patient{'s' if shared > 1 else ''} contributed images to more than one part."
        )
    else:
        lines.append("No patient identifiers were available, so each image was treated as independent of the others.")
    return [*lines, _provided(split), _imbalance(run)]


def _provided(split: pd.DataFrame) -> str:
    """Which parts are as the data set's publishers cut them."""
    test, validation = (split.loc[split["split"] == part, "official"] for part in ("test", "validation"))
    own = []
    if len(test) and (test == "test").all():
        own.append("test")
    if len(validation) and validation.isin(("validation", "val", "valid")).all():
        own.append("validation")
    if not own:
        return ""
    rest = " The validation part was drawn from the remaining images, stratified by class." if own == ["test"] else ""
    return f"The {' and '.join(own)} part{'s were' if len(own) > 1 else ' was'} the data set's own.{rest}"


def _imbalance(run: Results) -> str:
    counts = [count for count in run.class_counts("train") if count]
    if len(counts) < 2:
        return ""
    return f"In training the largest class had {max(counts) / min(counts):.2f} times the images of the smallest."


def _techniques(run: Results, cited: Bibliography) -> list[str]:
    names = in_order([*(spec.technique for spec in run.specs()), *run.decisions])
    others = [name for name in names if name != BASELINE]
    written = [f"{display_name(name)}{_source(name, cited)}" for name in others]
    if not others:
        return []
    if BASELINE not in names:
        return [f"These techniques for class imbalance were trained: {listed(written)}."]
    many = f"{len(others)} techniques" if len(others) > 1 else "one technique"
    lines = [
        f"A baseline without any treatment of class imbalance was compared with {many}: {listed(written)}.",
    ]
    decided = [display_name(name) for name in run.decisions if name in others]
    if decided:
        one = len(decided) == 1
        lines.append(
            f"{listed(decided)} {'trains' if one else 'train'} no network but {'fits' if one else 'fit'} a decision on "
            "the validation predictions of another technique's networks."
        )
    if run.added:
        lines.append(
            f"{listed([display_name(name) for name in run.added])} {'were' if len(run.added) > 1 else 'was'} added "
            "after the test set had been evaluated."
        )
    scores = [display_name(name) for name in run.without("balanced_accuracy")]
    if scores:
        lines.append(
            f"The outputs of {listed(scores)} rank images and are no probabilities, so they are compared by the area "
            "under the ROC curve (AUROC) alone."
        )
    return lines


def _source(name: str, cited: Bibliography) -> str:
    try:
        technique = get_technique(name)
    except UserError:  # of another version, or of a component that is not at hand
        return ""
    return cited.of_reference(technique.reference)


def _training(run: Results, cited: Bibliography) -> list[str]:
    network, specs = network_of(run), _exploring(run)
    if network is None or not specs:
        return []
    lines = [_network(run, cited)]
    schedule = {"constant": "a constant learning rate", "cosine": "a learning rate that fell to 0 along a cosine"}
    optimizer = {"adam": "Adam", "adamw": "AdamW", "sgd": "stochastic gradient descent"}
    own = listed([optimizer.get(one, one) for one in _distinct(spec.optimizer for spec in specs)])
    fall = listed([schedule.get(one, one) for one in _distinct(spec.lr_schedule for spec in specs)])
    warm = [
        f", after a linear warm-up over {100 * w:g} % of the steps" for w in _distinct(s.warmup for s in specs) if w
    ]
    lines.append(f"Unless a technique prescribes its own, the optimiser was {own} with {fall}{''.join(warm[:1])}.")
    lines.append(_space(specs, sum(run.class_counts("train"))))
    lines.append(_strength(specs))
    if {spec.budget for spec in specs} == {"steps"}:
        lines.append(
            "An epoch of every technique had as many optimisation steps as one of the baseline, so all were given the "
            "same number of updates."
        )
    kept = inline_name(run.metric)
    if len({spec.metric for spec in specs}) > 1:
        kept += " (AUROC, of techniques whose outputs rank alone)"
    late = [f" among the last {100 * (1 - k):g} % of epochs" for k in _distinct(s.keep_from for s in specs) if k]
    if max(spec.epochs for spec in specs) > 1:
        lines.append(f"Of each training the epoch with the highest validation {kept}{''.join(late[:1])} was kept.")
    arithmetic = _distinct(spec.precision for spec in specs)
    if arithmetic == ["bfloat16"]:
        lines.append("Networks were computed in bfloat16 mixed precision.")
    return lines


def _exploring(run: Results) -> list[TrialSpec]:
    fresh = {trial_id for trial_id, record in run.records.items() if record.fresh}
    return [spec for spec in run.specs() if spec.trial_id not in fresh] or run.specs()


def _network(run: Results, cited: Bibliography) -> str:
    network = network_of(run)
    assert network is not None
    source = cited.of_reference(reference_of(network.architecture))
    imagenet = cited.cite("deng2009") if network.weights == "imagenet" else ""
    start = {
        "none": "randomly initialised",
        "imagenet": f"initialised with ImageNet weights{imagenet}",
    }.get(network.weights, "initialised with the weights of a checkpoint [AUTHORS: which]")
    if not network.frozen:
        return f"The network was {network.label}{source}, {start} and trained end to end."
    head = f"a head with one hidden layer of {network.hidden} units" if network.hidden else "a linear head"
    many = f"its {network.features:,} features" if network.features else "its features"
    views = (
        f"of {network.views} augmented views of each training image"
        if network.views
        else "of each image, computed once and without augmentation"
    )
    return (
        f"The body of {network.label}{source}, {start}, was kept fixed; {head} was trained on {many} {views}, "
        "standardised by the training images. Differences between techniques are therefore differences between heads."
    )


def _space(specs: list[TrialSpec], images: int) -> str:
    """Each shared hyperparameter, as fixed or as searched; ``images`` train."""
    fixed, searched = [], []
    for one in HYPERPARAMETERS:
        if one.name == "strength":
            continue
        values = sorted({float(getattr(spec, one.name)) for spec in specs})
        if one.name == "batch_size" and 0 < images <= values[0]:
            fixed.append("full-batch steps (all training images at once)")
        elif len(values) > 1:
            searched.append(f"{_label(one)} {_range(one, values)}")
        elif not (one.later and values[0] == one.default):
            fixed.append(f"{_label(one)} {_written(one, values[0])}")
    lines = [f"Fixed were {listed(fixed)}."] if fixed else []
    if searched:
        alike = ", with the same candidates for every technique" if _alike(specs) else ""
        lines.append(f"Searched were {listed(searched)}{alike}.")
    own = _distinct(
        (spec.technique, key)
        for spec in specs
        for key, value in spec.parameters.items()
        if any(o.technique == spec.technique and o.parameters.get(key) != value for o in specs)
    )
    if own:
        whose = listed(list(dict.fromkeys(display_name(technique) for technique, _ in own)))
        lines.append(f"The techniques' own parameters were searched too ({whose}).")
    return " ".join(lines)


def _alike(specs: list[TrialSpec]) -> bool:
    """Whether all techniques were trained with the same shared hyperparameters; Optuna asks for each one's own."""
    found: dict[str, set[tuple[float, ...]]] = {}
    for spec in specs:
        own = tuple(float(getattr(spec, one.name)) for one in HYPERPARAMETERS if one.name != "strength")
        found.setdefault(spec.technique, set()).add(own)
    return len({frozenset(own) for own in found.values()}) == 1


def _label(one: Hyperparameter) -> str:
    return one.label[:1].lower() + one.label[1:]


def _written(one: Hyperparameter, value: float) -> str:
    return one.text.format(one.kind(value))


def _range(one: Hyperparameter, values: list[float]) -> str:
    if len(values) > _MOST_VALUES:
        return f"{len(values)} values from {_written(one, values[0])} to {_written(one, values[-1])}"
    return f"({', '.join(_written(one, value) for value in values)})"


def _strength(specs: list[TrialSpec]) -> str:
    """Whose training images were augmented."""
    augmented = in_order(spec.technique for spec in specs if spec.strength > 0)
    if not augmented:
        return ""
    without = [name for name in in_order(spec.technique for spec in specs) if name not in augmented]
    if not without:
        return "Training images were rotated and flipped at random for every technique."
    if len(augmented) > len(without):
        return (
            "Training images were rotated and flipped at random for every technique but "
            f"{listed([display_name(name) for name in without])}."
        )
    return f"Training images were augmented at random for {listed([display_name(name) for name in augmented])} alone."


def _software(run: Results, cited: Bibliography) -> list[str]:
    versions, info = run.info.get("versions", {}), run.info
    used = [f"Balancing Act {versions.get('balancing-act', '')}".strip()]
    if "torch" in versions:
        used.append(f"PyTorch {versions['torch']}{cited.cite('paszke2019')}")
    command = str(info.get("command", ""))
    if "ray" in versions and command.startswith("sweep ") and "--local" not in command.split():
        used.append(f"Ray {versions['ray']}{cited.cite('moritz2018', 'liaw2018')}")
    if "scikit-learn" in versions:
        used.append(f"scikit-learn {versions['scikit-learn']}{cited.cite('pedregosa2011')}")
    return [
        f"Analyses were done with {listed(used)} under Python {versions.get('python', '[AUTHORS: version]')}; trials "
        f"ran on {_devices(run)}. [AUTHORS: where code, configuration and data can be had.]"
    ]


def _devices(run: Results) -> str:
    found = _distinct(
        "GPU" if str(record.status.get("device", "")).startswith("cuda") else "CPU" for record in run.records.values()
    )
    return " and ".join(f"{one}s" for one in sorted(found)) or "CPUs"


def _distinct(values: Iterable[_T]) -> list[_T]:
    return list(dict.fromkeys(values))
