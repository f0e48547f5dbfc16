"""Sweeps behind a frozen body, from images to answers: looked at once, resumed, predicted from files."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from balancing.errors import UserError
from sweep.analysis.maps.methods import class_activation_map
from sweep.analysis.results import Results
from sweep.analysis.synthetic.vectors import vectors_of
from sweep.config.config import Config, build_config
from sweep.inference.choice import chosen
from sweep.planning.prepare import prepare
from sweep.planning.resumable import check_data
from sweep.predictions import Asked, predict_images
from sweep.runs.observer import Observer
from sweep.runs.predictions import class_values
from sweep.runs.run import Run
from sweep.training.frozen.extract import Eye
from sweep.training.frozen.joining import BODY, load_body, whole_network
from sweep.training.inputs import to_input
from sweep.training.network import new_model
from tests.sweep.test_local import sweep_here as begun_or_gone_on
from tests.sweep.training.frozen.bodies import body

SIZE = 32


class Hears(Observer):
    def __init__(self) -> None:
        self.notes: list[str] = []
        self.seen = 0

    def note(self, sentence: str) -> None:
        self.notes.append(sentence)

    def bar(self, total: int, doing: str = "decoding images") -> Any:
        observer = self

        class Bar:
            def __enter__(self) -> Any:
                return self.advance

            def __exit__(self, *error: object) -> None:
                return None

            def advance(self) -> None:
                observer.seen += doing == "looking at images"

        return Bar()

    @property
    def looked(self) -> list[str]:
        return [note for note in self.notes if note.startswith("Looking at ")]


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "r18.pt"
    torch.save(body().state_dict(), path)
    return path


def config_of(weights: Path, **changes: Any) -> Config:
    base = {
        "data": {"source": "phantom", "image_size": SIZE, "phantom_images": 300},
        "space": {"techniques": ["baseline", "smote@features"], "lr": 0.001, "epochs": 2, "seeds": 2},
        "train": {"network": "frozen", "weights": str(weights), "precision": "float32"},
    }
    return build_config(base, {key.replace("__", "."): value for key, value in changes.items()})


def sweep_here(path: Path, config: Config) -> tuple[Run, Hears]:
    heard = Hears()
    return begun_or_gone_on(path, config, heard), heard


def results(run: Run) -> dict[str, Any]:
    return {spec.trial_id: run.trial(spec.trial_id).predictions("validation").to_dict("list") for spec in run.specs()}


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(autouse=True)
def _one_cache(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BALANCING_ACT_CACHE", str(cache))


@pytest.fixture(scope="module")
def swept(weights: Path, cache: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, Hears, Config]:
    config = config_of(weights)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BALANCING_ACT_CACHE", str(cache))
        run, heard = sweep_here(tmp_path_factory.mktemp("first") / "run", config)
    return run, heard, config


Swept = tuple[Run, Hears, Config]


def test_a_second_sweep_looks_at_nothing(swept: Swept, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run, heard, config = swept
    assert heard.looked == ["Looking at 300 images through resnet18, once ..."]
    assert heard.seen == 300
    monkeypatch.setattr(Eye, "vectors", lambda *given: pytest.fail("looked again"))
    again, heard = sweep_here(tmp_path / "run", config)
    assert results(again) == results(run)
    assert "What resnet18 makes of 300 images is known from before." in heard.notes
    assert heard.looked == []


def test_a_damaged_entry_is_made_anew_and_that_is_said(swept: Swept, cache: Path, tmp_path: Path) -> None:
    run, _, config = swept
    (entry,) = [path for path in cache.glob("resnet18-features-*/vectors.npy") if len(np.load(path)) == 300]
    content = bytearray(entry.read_bytes())
    content[-100] ^= 64
    entry.write_bytes(content)
    again, heard = sweep_here(tmp_path / "run", config)
    assert results(again) == results(run)
    assert any("were damaged" in note and "made anew" in note for note in heard.notes)
    assert len(heard.looked) == 1


@pytest.mark.parametrize("damage", ["gone", "a bit"])
def test_a_body_that_is_gone_or_damaged_is_written_again(swept: Swept, damage: str) -> None:
    run, _, config = swept
    before, file = results(run), run.path / BODY
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    if damage == "gone":
        file.unlink()
    else:
        file.write_bytes(content)
    with pytest.raises(UserError, match=r"body.pt, the frozen body of this run, is missing or damaged; `sweep resume`"):
        load_body(run.path)
    sweep_here(run.path, config)
    assert_same_body(load_body(run.path).state_dict())
    assert results(run) == before


def assert_same_body(found: dict[str, torch.Tensor]) -> None:
    for name, value in body().state_dict().items():
        assert name.startswith("fc.") or torch.equal(found[name], value), name


def test_other_weights_are_refused_when_it_goes_on(swept: Swept, tmp_path: Path) -> None:
    run = swept[0]
    torch.save(new_model(1, 6).state_dict(), tmp_path / "other.pt")
    other = config_of(tmp_path / "other.pt")
    with pytest.raises(UserError, match="the starting weights of .* were sha256:.*, but are sha256:.* now"):
        check_data(run, prepare(other))


def test_image_files_get_the_recorded_answers(swept: Swept, tmp_path: Path) -> None:
    run, _, config = swept
    images = prepare(config).images
    (trial_id,) = chosen(run).trial_ids
    table = run.trial(trial_id).predictions("test").iloc[:6]
    rows = table["row"].to_numpy()
    for row in rows:
        Image.fromarray(np.array(images.pixels[row])).save(tmp_path / f"{row}.png")
    asked = Asked(distance=False, maps=-1, maps_folder=tmp_path / "maps")
    found = predict_images(run, [tmp_path / f"{row}.png" for row in rows], asked).table
    for (_, prediction), wanted in zip(found.iterrows(), class_values(table, "p"), strict=True):
        # Recorded from vectors of images that went through in batches; the file goes alone.
        probabilities = [prediction[f"p_{name}"] for name in images.class_names]
        assert probabilities == pytest.approx(wanted.tolist(), abs=1e-5)
        assert Path(prediction["map"]).is_file()
    network, facts = whole_network(run.trial(trial_id).best)
    image = to_input(torch.from_numpy(np.array(images.pixels[rows[:1]])), facts["spec"]["mean"], facts["spec"]["std"])
    assert class_activation_map(network, image, 0).shape == (SIZE, SIZE)


def test_views_and_mixtures_of_pixels_stand_side_by_side_with_features(weights: Path, tmp_path: Path) -> None:
    techniques = ["baseline", "augmentation", "smote", "smote@features"]
    run, heard = sweep_here(tmp_path / "run", config_of(weights, space__techniques=techniques, train__views=2))
    train = len(run.split_of_rows().train)
    assert f"Looking at 2 views of {train} training images (rotate_flip) through resnet18, once ..." in heard.looked
    assert {run.trial(spec.trial_id).status()["status"] for spec in run.specs()} == {"done"}
    chosen = {spec.technique: results(run)[spec.trial_id] for spec in run.specs() if spec.seed_index == 0}
    assert len({json.dumps(values) for values in chosen.values()}) == 4


def test_augmentation_without_views_is_refused_or_said(weights: Path) -> None:
    rule = "technique 'augmentation': augmentation changes images, which a frozen network sees once; give --views 4 or"
    with pytest.raises(UserError, match=rule):
        prepare(config_of(weights, space__techniques=["baseline", "augmentation"]))
    notes = prepare(config_of(weights, space__techniques=["baseline", "film+focal"], space__strength=0.5)).notes
    assert any(note.startswith("technique 'film+focal': its augmentation has no effect") for note in notes)
    assert any(note.startswith("The augmentation strength of 0.5 has no effect") for note in notes)
    notes = prepare(config_of(weights, train__views=2)).notes
    assert any(note.startswith("--views has no effect: nothing here augments") for note in notes)
    quiet = prepare(config_of(weights, space__techniques=["baseline", "augmentation"], train__views=2)).notes
    assert not any("no effect" in note for note in quiet)


def test_what_only_a_frozen_network_has_is_said_to_have_no_effect(weights: Path) -> None:
    whole = {"train__network": "resnet18", "train__hidden": 8, "train__views": 2}
    notes = prepare(config_of(weights, space__techniques=["baseline"], **whole)).notes
    assert [note.split(":")[0] for note in notes if "no effect" in note] == [
        "--views has no effect",
        "--hidden has no effect",
    ]


def test_a_body_that_makes_the_same_of_all_images_is_refused_before_heads_train(tmp_path: Path) -> None:
    blind = new_model(2, 0).state_dict()
    torch.save({name: torch.zeros_like(tensor) for name, tensor in blind.items()}, tmp_path / "blind.pt")
    with pytest.raises(UserError, match="the same for all of them, so no head could tell them apart; give other"):
        sweep_here(tmp_path / "run", config_of(tmp_path / "blind.pt"))
    assert not list((tmp_path / "run").glob("trials/*"))


def test_where_the_cache_can_only_be_read_the_run_keeps_them_and_its_report_finds_them(
    weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config, asked = config_of(weights, space__seeds=1), os.access
    monkeypatch.setenv("BALANCING_ACT_CACHE", str(tmp_path / "cache"))
    images = prepare(config).images
    cache = images.pixels_path.parent.parent
    before = {path.name for path in cache.iterdir()}
    monkeypatch.setattr(os, "access", lambda path, mode, **more: mode != os.W_OK and asked(path, mode, **more))
    run, heard = sweep_here(tmp_path / "run", config)
    assert any(note.startswith(f"The cache {cache} can't be written") for note in heard.notes)
    (kept,) = (run.path / "vectors").glob("*/vectors.npy")
    monkeypatch.setattr(Eye, "vectors", None)  # nobody looks again
    found = vectors_of(Results(run), images, run.specs()[0])
    assert np.array_equal(found.rows, np.load(kept))
    assert {path.name for path in cache.iterdir()} == before


def test_what_a_cache_has_that_can_only_be_read_is_used(
    weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config, asked = config_of(weights, space__seeds=1), os.access
    first, _ = sweep_here(tmp_path / "first", config)  # leaves them in the cache
    monkeypatch.setattr(os, "access", lambda path, mode, **more: mode != os.W_OK and asked(path, mode, **more))
    monkeypatch.setattr(Eye, "vectors", None)  # nobody looks again
    run, heard = sweep_here(tmp_path / "run", config)
    assert any("is known from before" in note for note in heard.notes)
    assert not any("can't be written" in note for note in heard.notes)
    assert not (run.path / "vectors").exists()
    assert run.info["vectors"] == first.info["vectors"]
    assert len(vectors_of(Results(run), prepare(config).images, run.specs()[0]).rows)
