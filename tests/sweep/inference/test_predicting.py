"""New images: the same network and pixels as in the sweep, and errors that name every bad file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image, ImageOps

from balancing.data.images import ImageSet
from balancing.errors import UserError
from sweep.analysis.maps.networks import best_trials
from sweep.analysis.results import Results
from sweep.inference.choice import chosen
from sweep.inference.pictures import pictures as places_of_pictures
from sweep.inference.predicting import broken_sentence
from sweep.predictions import Asked
from sweep.predictions import predict_images as predict
from sweep.runs.run import Run
from sweep.training.inputs import to_input
from sweep.training.network import restore
from tests.sweep.fake_run import SIX, fake_images, fake_run


@dataclass(frozen=True)
class Prediction:
    """A row of the table."""

    probabilities: dict[str, float]
    decision: str
    picture: Path | None
    scores: dict[str, float]
    technique: str
    trial_id: str


def predict_images(
    run: Run, paths: Sequence[Path | str], *, technique: str = "best", out: Path | None = None
) -> list[Prediction]:
    """The rows; what can't be read is an error that names all of it."""
    asked = Asked(technique, distance=False, maps=-1 if out else 0, maps_folder=out or Path())
    made = predict(run, paths, asked)
    if made.broken:
        raise UserError(broken_sentence(made))

    def under(row: Mapping[Any, Any], kind: str) -> dict[str, float]:
        return {name.removeprefix(kind): value for name, value in row.items() if name.startswith(kind)}

    return [
        Prediction(
            under(row, "p_"),
            row["decision"],
            Path(row["map"]) if out else None,
            under(row, "score_"),
            made.found.technique,
            made.found.trial_ids[0],
        )
        for row in made.table.to_dict("records")
    ]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, ImageSet]:
    folder = tmp_path_factory.mktemp("predict")
    images = fake_images(folder / "images", size=48)
    arguments = {"techniques": SIX[:2], "lrs": (0.001,), "epochs": 1, "failing": False, "checkpoints": 2}
    return fake_run(folder / "run", images, **arguments), images  # type: ignore[arg-type]


def test_the_best_trial_predicts_the_decoded_image(made: tuple[Run, ImageSet], tmp_path: Path) -> None:
    run, images = made
    for folder, row in (("a", 3), ("b", 100)):
        (tmp_path / folder).mkdir()
        Image.fromarray(images.pixels[row]).save(tmp_path / folder / "x.png")
    paths = [tmp_path / "a" / "x.png", tmp_path / "b" / "x.png"]
    found = predict_images(run, paths, out=tmp_path / "out")
    (trial_id,), technique = chosen(run).trial_ids, chosen(run).technique
    best = best_trials(Results(run)).set_index("trial_id")["balanced_accuracy"]
    assert best[trial_id] == best.max()
    model, facts = restore(run.trial(trial_id).best)
    for prediction, row in zip(found, (3, 100), strict=True):
        with torch.no_grad():
            batch = to_input(torch.from_numpy(images.pixels[row])[None], facts["spec"]["mean"], facts["spec"]["std"])
            expected = model(batch).softmax(dim=1)[0].numpy()
        assert list(prediction.probabilities) == ["NORMAL", "PNEUMONIA"]
        assert list(prediction.probabilities.values()) == pytest.approx(expected.tolist(), abs=1e-6)
        assert prediction.decision == images.class_names[int(expected.argmax())]
        assert prediction.technique == technique
    pictures = [prediction.picture for prediction in found]
    assert [p.name for p in pictures if p] == ["x_cam.png", "x_2_cam.png"]
    for picture in pictures:
        assert picture is not None
        assert np.asarray(Image.open(picture)).shape[0] > 300


def test_a_named_technique_and_no_pictures(made: tuple[Run, ImageSet], tmp_path: Path) -> None:
    run, images = made
    Image.fromarray(images.pixels[0]).save(tmp_path / "x.png")
    (only,) = predict_images(run, [str(tmp_path / "x.png")], technique="undersampling")
    assert (only.technique, only.picture) == ("undersampling", None)
    with pytest.raises(UserError, match="no chosen trial of technique 'oversampling'; did you mean 'undersampling'"):
        predict_images(run, [tmp_path / "x.png"], technique="oversampling")


def test_every_unreadable_file_is_named(made: tuple[Run, ImageSet], tmp_path: Path) -> None:
    run, images = made
    Image.fromarray(images.pixels[0]).save(tmp_path / "good.png")
    (tmp_path / "text.png").write_text("no image")
    (tmp_path / "empty.png").touch()
    (tmp_path / "gone.png").symlink_to(tmp_path / "nowhere.png")
    with pytest.raises(UserError, match="3 of 4 images") as error:
        predict_images(run, [tmp_path / name for name in ("good.png", "text.png", "empty.png", "gone.png")])
    for name in ("text.png", "empty.png", "gone.png"):
        assert name in str(error.value)
    assert "good.png" not in str(error.value)


def test_before_selection_or_without_its_network_there_is_a_sentence(tmp_path: Path) -> None:
    images = fake_images(tmp_path / "images", size=16)
    Image.fromarray(images.pixels[0]).save(tmp_path / "x.png")
    run = fake_run(tmp_path / "run", images, techniques=SIX[:2], lrs=(0.001,), epochs=1, failing=False)
    with pytest.raises(UserError, match="there is no checkpoint"):
        predict_images(run, [tmp_path / "x.png"])
    run.write_selection([])
    with pytest.raises(UserError, match="has chosen no trial yet"):
        predict_images(run, [tmp_path / "x.png"])


def test_16_bit_greys_have_the_scale_of_the_run(made: tuple[Run, ImageSet], tmp_path: Path) -> None:
    """Not the image's own; where the run has none, nothing tells it."""
    run, images = made
    info = run.info
    size = images.pixels.shape[1]
    deep = np.random.default_rng(0).integers(0, 3000, (size, size)).astype(np.uint16)
    Image.fromarray(deep).save(tmp_path / "deep.png")
    Image.fromarray(np.floor(deep / 4095 * 255 + 0.5).astype(np.uint8)).save(tmp_path / "eight.png")
    Image.fromarray(deep * 20).save(tmp_path / "deeper.png")
    try:
        with pytest.raises(UserError, match=r"deep\.png: it has 16-bit greys, but the run's images had 8 bits"):
            predict_images(run, [tmp_path / "deep.png"])
        run.update_info(data={**info["data"], "grey_bits": 12})
        one, two = predict_images(run, [tmp_path / "deep.png", tmp_path / "eight.png"])
        assert one.probabilities == pytest.approx(two.probabilities, abs=1e-6)
        with pytest.raises(UserError, match=r"the 16-bit greys of the run's images use 12 bits, 0\.\.4,095"):
            predict_images(run, [tmp_path / "deeper.png"])
        old = {key: value for key, value in info["data"].items() if key != "grey_bits"}  # of an earlier version
        run.update_info(data=old)
        Image.fromarray(((deep.astype(int) + 128) // 257).astype(np.uint8)).save(tmp_path / "old.png")
        one, two = predict_images(run, [tmp_path / "deep.png", tmp_path / "old.png"])
        assert one.probabilities == pytest.approx(two.probabilities, abs=1e-6)
    finally:
        run.update_info(data=info["data"])


@pytest.mark.parametrize("resize", ["pad", "crop"])
def test_images_become_squares_as_those_of_the_run_did(made: tuple[Run, ImageSet], tmp_path: Path, resize: str) -> None:
    run, images = made
    info = run.info
    size = images.pixels.shape[1]
    image = Image.fromarray(np.random.default_rng(1).integers(0, 256, (3 * size, 2 * size)).astype(np.uint8))
    image.save(tmp_path / "high.png")
    if resize == "pad":
        by_hand = ImageOps.pad(image, (size, size), Image.Resampling.BILINEAR, color=0)
    else:
        by_hand = image.crop((0, size // 2, 2 * size, size // 2 + 2 * size)).resize(
            (size, size), Image.Resampling.BILINEAR
        )
    by_hand.save(tmp_path / "square.png")
    try:
        run.update_info(data={**info["data"], "resize": resize})
        one, two = predict_images(run, [tmp_path / "high.png", tmp_path / "square.png"])
        assert one.probabilities == pytest.approx(two.probabilities, abs=1e-6)
        run.update_info(data={key: value for key, value in info["data"].items() if key != "resize"})  # an earlier one's
        (squashed,) = predict_images(run, [tmp_path / "high.png"])
        assert squashed.probabilities != pytest.approx(one.probabilities, abs=1e-6)
    finally:
        run.update_info(data=info["data"])


def test_the_runs_page_and_range_of_floats_are_taken(made: tuple[Run, ImageSet], tmp_path: Path) -> None:
    run, images = made
    info = run.info
    size = images.pixels.shape[1]
    eight = np.random.default_rng(2).integers(0, 256, (size, size)).astype(np.uint8)
    plain = Image.fromarray(eight)
    plain.save(tmp_path / "plain.tif")
    Image.fromarray(255 - eight).save(tmp_path / "pages.tif", save_all=True, append_images=[plain])
    Image.fromarray(eight / np.float32(255)).save(tmp_path / "floats.tif")
    Image.fromarray(eight.astype(np.float32) * 16).save(tmp_path / "brighter.tif")
    try:
        with pytest.raises(UserError, match=r"floats\.tif: it has floating-point pixels, but the run's"):
            predict_images(run, [tmp_path / "floats.tif"])
        with pytest.raises(UserError, match=r"pages\.tif: it holds several images"):
            predict_images(run, [tmp_path / "pages.tif"])
        run.update_info(data={**info["data"], "float_range": [0, 1]})
        one, two = predict_images(run, [tmp_path / "floats.tif", tmp_path / "plain.tif"])
        assert one.probabilities == pytest.approx(two.probabilities, abs=1e-6)
        with pytest.raises(UserError, match=r"reach from 0 to 4\d+, but those of the run's images lie in 0\.\.1"):
            predict_images(run, [tmp_path / "brighter.tif"])
        run.update_info(data={**info["data"], "page": 2})
        (three,) = predict_images(run, [tmp_path / "pages.tif"])
        assert three.probabilities == pytest.approx(two.probabilities, abs=1e-6)
    finally:
        run.update_info(data=info["data"])


def test_a_run_keeps_how_its_images_were_decoded(made: tuple[Run, ImageSet]) -> None:
    run, images = made
    data = run.info["data"]
    assert data["grey_bits"] is None
    assert not {"resize", "page", "float_range"} & set(data)
    read = replace(images, reading={"resize": "crop", "page": 3}, float_range=(0, 255), grey_bits=12)
    assert read.decoding == {"grey_bits": 12, "resize": "crop", "page": 3, "float_range": (0, 255)}


def test_predict_bounds_what_it_decodes(made: tuple[Run, ImageSet], tmp_path: Path) -> None:
    Image.new("1", (10_000, 10_000)).save(tmp_path / "bomb.png")
    with pytest.raises(UserError, match="claims more than 89,478,485 pixels"):
        predict_images(made[0], [tmp_path / "bomb.png"])


def test_pictures_never_replace_an_image_that_is_predicted(made: tuple[Run, ImageSet], tmp_path: Path) -> None:
    run, images = made
    (tmp_path / "link").symlink_to(tmp_path, target_is_directory=True)
    files = [tmp_path / "x.png", tmp_path / "x_cam.png", tmp_path / "x_2_cam.png"]
    for row, file in enumerate(files):
        Image.fromarray(images.pixels[row]).save(file)
    before = [file.read_bytes() for file in files]
    found = predict_images(run, files, out=tmp_path / "link")
    assert [file.read_bytes() for file in files] == before
    pictures = [prediction.picture for prediction in found]
    assert [p.name for p in pictures if p] == ["x_3_cam.png", "x_cam_cam.png", "x_2_cam_cam.png"]
    assert all(p is not None and p.is_file() for p in pictures)


def test_names_that_no_file_has_lose_no_other_its_picture(tmp_path: Path) -> None:
    files = [Path("a.png"), Path("b\0.png"), Path("\ud800.png"), Path("c.png")]
    found = [path.name for path in places_of_pictures(files, tmp_path)]
    assert (found[0], found[3], len(set(found))) == ("a_cam.png", "c_cam.png", 4)


def test_a_name_that_fills_its_folder_entry_gets_a_shorter_picture(made: tuple[Run, ImageSet], tmp_path: Path) -> None:
    run, images = made
    files = [tmp_path / ("\u00e4" * 125 + f"{end}.png") for end in "ab"]  # 255 bytes each
    for file in files:
        Image.fromarray(images.pixels[0]).save(file)
    pictures = [prediction.picture for prediction in predict_images(run, files, out=tmp_path / "out")]
    assert len(set(pictures)) == 2
    assert all(p is not None and p.is_file() for p in pictures)


def test_scores_rank_without_a_decision_and_the_best_of_all_is_one_that_decides(tmp_path: Path) -> None:
    images = fake_images(tmp_path / "images", size=48)
    names = ["baseline", "deep_auc"]
    run = fake_run(tmp_path / "run", images, techniques=names, lrs=(0.001,), epochs=1, failing=False, checkpoints=2)
    Image.fromarray(images.pixels[0]).save(tmp_path / "x.png")
    assert chosen(run).technique == "baseline"
    (found,) = predict_images(run, [tmp_path / "x.png"], technique="deep_auc", out=tmp_path / "out")
    model, facts = restore(run.trial(found.trial_id).best)
    with torch.no_grad():
        batch = to_input(torch.from_numpy(images.pixels[0])[None], facts["spec"]["mean"], facts["spec"]["std"])
        logits = model(batch)[0].tolist()
    assert list(found.scores.values()) == pytest.approx(logits, abs=1e-5)
    assert (found.decision, found.probabilities) == ("", {})
    assert found.picture is not None
    assert found.picture.is_file()
