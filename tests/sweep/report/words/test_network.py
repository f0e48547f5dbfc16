"""Which network a run trained, in words; a frozen one is never announced as one that trained."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import torch

from sweep.analysis.results import Results
from sweep.report.build import gather
from sweep.report.context import ReportContext
from sweep.report.schema import described
from sweep.report.sections.limits import limits_section
from sweep.report.sections.made import MadeSummary, made_section
from sweep.report.words.network import RunNetwork, limits_of_frozen, network_facts, network_of
from sweep.runs.run import Run
from sweep.training.network import save_best
from sweep.training.networks.head_network import HeadNetwork
from tests.sweep.fake_run import fake_images, fake_run

FROZEN = RunNetwork("resnet18", "imagenet", frozen=True, features=512)


def as_frozen(run: Run, **train: int | str) -> Results:
    """An invented run whose trials were heads, one of which kept its network."""
    specs = [replace(spec, network="frozen:resnet18", weights="imagenet", **train) for spec in run.specs()]  # type: ignore[arg-type]
    kept = [(old.trial_id, new.trial_id) for old, new in zip(run.specs(), specs, strict=True)]
    ids = dict(kept)
    for old, new in kept:
        (run.path / "trials" / old).rename(run.path / "trials" / new)
        run.trial(new).write_spec(next(spec for spec in specs if spec.trial_id == new))
    selection = run.selection()
    run.write_specs(specs)
    configurations = {spec.trial_id: spec.configuration_id for spec in specs}
    for choice in selection:
        choice["trial_ids"] = [ids[one] for one in choice["trial_ids"]]
        choice["configuration"] = configurations[choice["trial_ids"][0]]
    run.write_selection(selection)
    trial_id = run.selection()[0]["trial_ids"][0]
    hidden = int(train.get("hidden", 0))
    network = HeadNetwork(torch.zeros(7), torch.ones(7), 2, "linear", hidden)
    about = {"epoch": 1, "class_names": ["A", "B"], "positive": 1, "spec": specs[0].to_dict()}
    save_best(run.trial(trial_id).best, network, **about)
    return Results(run)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("run")
    return fake_run(folder / "run", fake_images(folder / "images", size=8), techniques=("baseline", "undersampling"))


@pytest.mark.parametrize(
    ("network", "phrase"),
    [
        (FROZEN, "a linear head on the 512 features of ResNet18 with ImageNet weights, which did not train"),
        (
            RunNetwork("efficientnet_lite0", "sha256:ab", frozen=True, hidden=128, features=1280),
            "a head with a hidden layer of 128 on the 1,280 features of EfficientNet-Lite0 with the weights of a "
            "checkpoint (sha256:ab), which did not train",
        ),
        (RunNetwork("densenet121", "none"), "DenseNet-121 from random weights, trained whole"),
        (RunNetwork("vit_b_16", "imagenet"), "ViT-B/16 from ImageNet weights, trained whole"),
        (RunNetwork("swin_v2_t", "imagenet"), "SwinV2-T from ImageNet weights, trained whole"),
        (RunNetwork("something_new", "none"), "something_new from random weights, trained whole"),
    ],
)
def test_a_network_in_words(network: RunNetwork, phrase: str) -> None:
    assert network.phrase == phrase


def test_a_frozen_run_says_so_first_and_in_its_provenance(run: Run, tmp_path: Path) -> None:
    import shutil

    results = as_frozen(Run(shutil.copytree(run.path, tmp_path / "run")), hidden=5, views=3)
    found = network_of(results)
    assert found == RunNetwork("resnet18", "imagenet", True, 5, 3, 7)
    assert gather(ReportContext(results)).kicker.endswith(f" · {found.phrase}")
    section = made_section(ReportContext(results))
    assert section is not None
    assert section.values["network"] == asdict(found)
    import jsonschema

    jsonschema.validate(section.values, described(MadeSummary) | {"$defs": {}})
    facts = dict(network_facts(found))
    assert facts["Trained"].startswith("a head alone (one hidden layer of 5 units), on 7 features")
    assert facts["Seen of a training image"] == "3 augmented views"


def test_a_run_that_trained_whole_says_so_and_its_summary_stays_as_it_was(run: Run) -> None:
    results = Results(run)
    assert gather(ReportContext(results)).kicker.endswith(" · ResNet18 from random weights, trained whole")
    section = made_section(ReportContext(results))
    assert section is not None
    assert "network" not in section.values
    limits = limits_section(ReportContext(results))
    assert limits is not None
    assert "Heads alone" not in str(limits.blocks)


def test_the_limits_of_a_frozen_network_are_its_features_and_augmentation() -> None:
    photographs, augmentation = limits_of_frozen(FROZEN)
    assert "were learnt from photographs (ImageNet)" in photographs
    assert "is not measured here" in photographs
    assert "augmentation has no part" in augmentation
    assert len(limits_of_frozen(replace(FROZEN, views=4))) == 1
    assert "photographs" not in limits_of_frozen(replace(FROZEN, weights="sha256:ab"))[0]
    assert limits_of_frozen(RunNetwork("resnet18", "imagenet")) == []


def test_plain_predictions_have_no_network() -> None:
    labels = np.array([0, 1] * 10)
    results = Results.from_predictions(labels, {"baseline": np.full((1, 20, 2), 0.5)}, positive=1)
    assert network_of(results) is None
