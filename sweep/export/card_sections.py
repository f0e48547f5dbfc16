"""What a model card says of how a network was made and how well it did, section by section, as lines of Markdown."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from balancing.data.patients import SPARSE
from balancing.data.splits import PARTS
from sweep.analysis.comparison import fewest_test_patients
from sweep.analysis.names import display_name, inline_name, metric_name
from sweep.analysis.run_images import is_phantom
from sweep.export.card_facts import CardFacts, code, known_technique, shown
from sweep.export.numbers import CALIBRATION
from sweep.hyperparameters import HYPERPARAMETERS
from sweep.inference.tested import Interval
from sweep.report.text.escape import markdown
from sweep.report.text.intervals import with_interval
from sweep.report.text.lists import listed
from sweep.report.text.numbers import decimals, parameters, percent, three
from sweep.report.words.confirming import confirmed_sentence
from sweep.report.words.network import limits_of_frozen, network_of
from sweep.report.words.verdict import fewest_in_words
from sweep.runs.spec import TrialSpec
from sweep.runs.stages import first_of

_CALIBRATION_NAMES = {"brier": "Brier score", "ece": "Expected calibration error", "log_loss": "Log loss"}


def data_lines(facts: CardFacts) -> list[str]:
    """Images, classes, patients, part by part; what was found to be the same patient's is told by the report."""
    split = facts.results.split()
    info = facts.results.info["data"]
    n_classes = len(facts.classes)
    lines = [
        f"Data: {shown(facts.data)} (fingerprint `{str(info['fingerprint'])[:16]}`), stored as "
        f"{' x '.join(str(int(side)) for side in info['shape'][1:])} pixels.",
        "",
        "| Part | Images | Patients | " + " | ".join(facts.classes) + " |",
        "| --- | ---: | ---: | " + " | ".join(["---:"] * n_classes) + " |",
    ]
    for part in PARTS:
        own = split[split["split"] == part]
        counts = np.bincount(own["label"].to_numpy(dtype=np.int64), minlength=n_classes)
        cells = [part, f"{len(own):,}", _patients(own), *(f"{count:,}" for count in counts)]
        lines.append("| " + " | ".join(cells) + " |")
    together = "No patient is in two parts." if _apart(split) else "Not every image has a known patient."
    fold = facts.deployed.fold
    of_fold = f" The split is that of {fold}: the network of one fold is exported, not of all." if fold else ""
    return [*lines, "", f"{together}{of_fold} Everything was chosen and fitted on validation, never on test."]


def _patients(part: pd.DataFrame) -> str:
    return f"{part['patient'].nunique():,}" if _all_known(part) else "not known"


def _all_known(part: pd.DataFrame) -> bool:
    return bool(len(part)) and bool((part["patient"] != "").all())


def _apart(split: pd.DataFrame) -> bool:
    used = split[split["split"].isin(PARTS)]
    known = used[used["patient"] != ""]
    return len(known) == len(used) and bool((known.groupby("patient")["split"].nunique() == 1).all())


def training_lines(facts: CardFacts) -> list[str]:
    """Network, technique with its sources, hyperparameters, and which trials these are."""
    deployed, results = facts.deployed, facts.results
    spec = TrialSpec.from_dict(dict(deployed.facts["spec"]))
    network = network_of(results)
    lines = [f"* Network: {markdown(network.phrase)}." if network is not None else "* Network: not on record."]
    for name in dict.fromkeys((deployed.trained, deployed.technique)):
        technique = known_technique(name)
        said = (
            f"* Technique: **{shown(display_name(name))}** ({code(name)})"
            if name == deployed.trained
            else (f"* Decision: **{shown(display_name(name))}** ({code(name)})")
        )
        if technique is not None:
            said += f": {markdown(technique.summary)} Source: {markdown(technique.reference.rstrip('.'))}."
        lines.append(said)
    if spec.parameters:
        lines.append(f"* Its parameters: {markdown(parameters(dict(spec.parameters)))}.")
    shared = [f"{h.label.lower()} {h.text.format(h.kind(getattr(spec, h.name)))}" for h in HYPERPARAMETERS]
    lines.append(
        f"* Hyperparameters: {markdown(', '.join(shared))}; {markdown(f'{spec.optimizer}, {spec.precision}')}."
    )
    epochs = f"The best epoch by {shown(inline_name(spec.metric))} on validation is kept"
    lines.append(f"* {epochs} (here epoch {int(deployed.facts.get('epoch', 0))}).")
    lines.append(f"* {_which(facts)}")
    if first_of(results.run) is not None:
        lines.append("* The run had two stages; this network is of the second, and so are its numbers.")
    if said := confirmed_sentence(results):
        lines.append(f"* {markdown(said)}")
    return lines


def _which(facts: CardFacts) -> str:
    deployed = facts.deployed
    ids = ", ".join(map(code, deployed.trial_ids))
    if deployed.is_ensemble:
        seeds = ", ".join(map(str, deployed.seeds))
        return (
            f"An ensemble of {len(deployed.seeds)} seeds ({seeds}) of one configuration: the mean of their "
            f"probabilities. Trials {ids}."
        )
    chosen = "the chosen trial with the highest selection metric on validation, of all techniques"
    if deployed.asked != "best":
        chosen = "the technique's chosen trial with the highest selection metric on validation"
    return f"Seed {deployed.seeds[0]}, {chosen}. Trial {ids}."


def prior_lines(facts: CardFacts) -> list[str]:
    """T, and which class frequencies the probabilities carry."""
    numbers, deployed = facts.numbers, facts.deployed
    if deployed.network_gives != "probabilities":
        return ["The network's answers are scores that rank images; they are no probabilities and carry no prior."]
    lines = []
    if numbers.prior is not None:
        named = listed([f"{name} {percent(p)}" for name, p in zip(facts.classes, numbers.prior, strict=True)])
        lines.append(f"By design `probabilities` are for a clinic where the classes are as frequent as: {named}.")
    else:
        lines.append("For which class frequencies `probabilities` hold is not known in closed form.")
    said = []
    if np.isfinite(numbers.designed):
        said.append(f"T = {decimals(numbers.designed, 2)} by design")
    if np.isfinite(numbers.measured.value):
        said.append(f"T = {_two(numbers.measured)} as measured on validation")
    scale = "T says how much of the training split's class frequencies is taken out of the answers (0: none, 1: all)"
    lines.append(f"{scale}; here {' and '.join(said)}." if said else f"{scale}; here it can't be told.")
    lines.append(
        "Where the classes are otherwise frequent, probabilities are to be shifted by what is known of that (Saerens "
        "et al., Neural Computation 2002); calibration by one temperature does not do so."
    )
    return lines


def metric_lines(facts: CardFacts) -> list[str]:
    """The table of the test split."""
    test = facts.numbers.test
    if test is None:
        return ["The test split was not opened for what is exported, so nothing is known of how well it does."]
    counts = ", ".join(f"{n:,} {name}" for n, name in zip(test.class_counts, facts.classes, strict=True))
    positive = facts.deployed.positive
    of = f"the positive class is {facts.classes[positive]}" if positive is not None else "means over the classes"
    what = f"the ensemble of {test.networks} networks" if test.networks > 1 else "this network"
    split = facts.results.split()
    if _all_known(split[split["split"] == "test"]):
        whose, tested = f" of {test.patients:,} patients", "patients were tested"
    else:
        whose = ", not all of which have a known patient"
        tested = "images were tested, too narrow where a patient has several"
    lines = [
        f"Of {what} on {test.images:,} test images ({counts}){whose}; {of}; intervals (95 %) are of which {tested}.",
        "",
        "| Metric | Test |",
        "| --- | --- |",
    ]
    for name, one in test.metrics.items():
        if np.isfinite(one.value):
            lines.append(f"| {metric_name(name)} | {_three(one)} |")
    return lines


def calibration_lines(facts: CardFacts) -> list[str]:
    """Before and after temperature scaling."""
    calibration, found = facts.deployed.calibration, facts.numbers.calibration
    if calibration is None:
        return ["None: the answers are no probabilities."]
    whose = "the decision's probabilities" if calibration.of_rule else "`probabilities`"
    lines = [
        f"`calibrated_probabilities` are softmax(log(p) / {three(calibration.temperature)}) of {whose}, the "
        "temperature fitted on validation (Guo et al., ICML 2017)."
    ]
    if not found:
        return lines
    lines += ["", "| Test | As trained | Calibrated |", "| --- | --- | --- |"]
    for name in CALIBRATION:
        lines.append(
            f"| {_CALIBRATION_NAMES[name]} | {_three(found['before'][name])} | {_three(found['after'][name])} |"
        )
    return lines


def decision_lines(facts: CardFacts) -> list[str]:
    """The rule, and where it operates."""
    rule, positive = facts.deployed.rule, facts.deployed.positive
    if rule is None:
        return ["None: scores rank images, and no class is decided for."]
    if rule.threshold is not None and positive is not None:
        tuned = "fitted on validation" if rule.decision else "the most probable class"
        of = "" if facts.deployed.network_gives == "probabilities" else ", softmax of its scores,"
        lines = [
            f"`decision` is {facts.classes[positive]} from a probability of {three(rule.threshold)} of it on{of} "
            f"({tuned})."
        ]
    elif rule.decision:
        name = markdown(rule.decision)
        lines = [f"`decision` is the class with the highest score after {name}, fitted on validation (config.json)."]
    else:
        lines = ["`decision` is the most probable class."]
    test = facts.numbers.test
    if test is not None and np.isfinite(test.metrics["recall"].value):
        recall, specificity = test.metrics["recall"], test.metrics["specificity"]
        lines.append(f"Operating point on test: recall {_three(recall)}, specificity {_three(specificity)}.")
    return lines


def limit_lines(facts: CardFacts) -> list[str]:
    """What can't be concluded."""
    results = facts.results
    lines = [
        "Not for diagnosis. No number here says how the network does on other patients, devices or hospitals.",
        "Whether an image is one of the kind it learned from is not asked: it answers for any picture "
        "(`sweep predict` of the run tells how far an image lies from the training images).",
    ]
    if is_phantom(results):
        lines.append("The images are drawings made by a program, not patients; no result carries over to medicine.")
    lines += [markdown(line) for line in limits_of_frozen(network_of(results))]
    fewest, label = fewest_test_patients(results)
    if 0 < fewest < SPARSE:
        lines.append(f"Of class {facts.classes[label]} the test split holds {fewest_in_words(results)}.")
    if facts.deployed.fold is not None:
        lines.append(f"The numbers are of the test images of {facts.deployed.fold} alone; the report has all folds'.")
    if facts.deployed.technique in results.added:
        lines.append(
            "Its decision was added when the test results could be known: its numbers on test are exploratory."
        )
    if (later := results.later_openings()) > 0:
        lines.append(
            f"After its first opening the run opened the test split {later} more time{'s' if later > 1 else ''}, when "
            "its results could be known."
        )
    if facts.deployed.asked in ("best", "ensemble"):
        lines.append("It was chosen among the run's techniques on validation; the test split had no part in that.")
    return [f"* {line}" for line in lines]


def _three(one: Interval) -> str:
    return with_interval(one.value, one.low, one.high)


def _two(one: Interval) -> str:
    return with_interval(one.value, one.low, one.high, lambda value: decimals(value, 2))


def reference_rows(facts: CardFacts) -> list[tuple[str, str]]:
    """(what, source) of what the network was made with."""
    from sweep.training.networks.catalogue import reference_of, shown_name

    architecture = TrialSpec.from_dict(dict(facts.deployed.facts["spec"])).architecture
    found: list[tuple[str, Any]] = [(shown_name(architecture), reference_of(architecture))]
    for name in dict.fromkeys((facts.deployed.trained, facts.deployed.technique)):
        technique = known_technique(name)
        if technique is not None:
            found.append((display_name(name), technique.reference.rstrip(".")))
    return [(what, str(source)) for what, source in found if source]
