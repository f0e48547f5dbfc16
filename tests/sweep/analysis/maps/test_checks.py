"""Deletion, insertion, black edges and random weights: by hand, and on networks that look at a known place."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.stats import spearmanr
from sklearn.metrics import roc_auc_score

import sweep.analysis.maps.networks
from balancing.data.images import ImageSet
from balancing.errors import UserError
from sweep.analysis.figures.faithfulness import faithfulness_plot
from sweep.analysis.figures.style import Plot
from sweep.analysis.maps.checks import MapSizes, SaliencyResults, looks
from sweep.analysis.maps.perturbation import area_under, blackout, deletion_insertion, without_edge
from sweep.analysis.maps.randomisation import randomised, rank_correlations
from sweep.analysis.reference_study.claim import judge_claim
from sweep.analysis.results import Results
from sweep.report.blocks import Figures, Paragraph
from sweep.report.context import ReportContext, ReportOptions
from sweep.report.sections.looks import looks_section, references
from sweep.report.table import Table
from sweep.runs.run import Run
from sweep.training.network import new_model
from tests.sweep.fake_run import SIX, fake_images, fake_run
from tests.sweep.looking import Looking, centre_window, corner_window, restored

PAIR = ("oversampling", "smote")
SMALL = MapSizes(images=12, blackout_images=20, curve_images=6, sanity_images=6)
CHEAP = {"techniques": PAIR, "lrs": (0.001,), "epochs": 1, "failing": False, "checkpoints": 2}


def marked(images: ImageSet) -> ImageSet:
    """Grey images with some noise; class 1 has a bright mark in a corner and a bright disc in the centre."""
    size = images.pixels.shape[1]
    pixels = np.random.default_rng(3).integers(90, 120, images.pixels.shape).astype(np.uint8)
    ill = images.labels == 1
    pixels[ill, : size // 8, : size // 8] = 250
    pixels[ill, size * 3 // 8 : size * 5 // 8, size * 3 // 8 : size * 5 // 8] = 250
    return replace(images, pixels=pixels)


@pytest.fixture(scope="module")
def looked(tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, ImageSet]:
    folder = tmp_path_factory.mktemp("checks")
    images = marked(fake_images(folder / "images", size=96, masks=True, source="phantom"))
    return fake_run(folder / "run", images, skills=(30, 30), **CHEAP), images  # type: ignore[arg-type]


def look_with(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    windows = {"smote": corner_window(12, 1), "oversampling": centre_window(12, 2)}
    monkeypatch.setattr(sweep.analysis.maps.networks, "whole_network", restored(run, windows))


def brightness(pixels: np.ndarray) -> np.ndarray:
    """Two classes' probabilities: the second is the mean grey level over 255."""
    bright = pixels.reshape(len(pixels), -1).mean(axis=1) / 255
    return np.stack([1 - bright, bright], axis=1)


def test_curves_by_hand() -> None:
    image = np.zeros((1, 4, 4), dtype=np.uint8)
    image[0, :2] = 200
    image[0, 2:] = 100  # mean 150
    heat = (image / 255.0).astype(np.float32)
    curves = deletion_insertion(brightness, image, heat, np.array([1]), np.random.default_rng(0), steps=4)
    assert curves.deletion[0] * 255 == pytest.approx([150, 137.5, 125, 137.5, 150])
    assert curves.insertion[0] * 255 == pytest.approx([150, 162.5, 175, 162.5, 150])
    assert area_under(curves.deletion)[0] * 255 == pytest.approx(137.5)
    assert curves.floor[0, [0, -1]] * 255 == pytest.approx([150, 150])
    other = deletion_insertion(brightness, image, heat, np.array([0]), np.random.default_rng(0), steps=4)
    assert other.deletion == pytest.approx(1 - curves.deletion)
    colours = np.repeat(image[..., None], 3, axis=3)
    same = deletion_insertion(brightness, colours, heat, np.array([1]), np.random.default_rng(0), steps=4)
    assert same.insertion == pytest.approx(curves.insertion)


def test_area_is_the_trapezoids() -> None:
    curves = np.random.default_rng(0).random((3, 11))
    expected = [np.trapezoid(curve, np.linspace(0, 1, 11)) for curve in curves]
    assert area_under(curves) == pytest.approx(expected)
    assert area_under(np.linspace(0, 1, 8)[None])[0] == pytest.approx(0.5)


def test_a_right_map_deletes_early_and_inserts_early() -> None:
    rng = np.random.default_rng(0)
    pixels = rng.integers(60, 90, (4, 64, 64)).astype(np.uint8)
    pixels[:, 8:24, 40:56] = 250
    right = np.zeros((4, 64, 64), dtype=np.float32)
    right[:, 8:24, 40:56] = 1
    wrong = right[:, ::-1, ::-1]
    window = torch.zeros(8, 8)
    window[1:3, 5:7] = 1
    model = Looking(window).eval()

    def predict(shown: np.ndarray) -> np.ndarray:
        x = torch.from_numpy(shown[:, None].astype(np.float32)) / 255 - 0.5
        with torch.no_grad():
            return np.asarray(model(x).softmax(dim=1).numpy())

    targets = np.ones(4, dtype=np.int64)
    good = deletion_insertion(predict, pixels, right, targets, np.random.default_rng(1))
    bad = deletion_insertion(predict, pixels, wrong, targets, np.random.default_rng(1))
    assert (area_under(good.deletion) < area_under(good.floor)).all()
    assert (area_under(good.insertion) > area_under(good.floor)).all()
    assert (area_under(good.deletion) + 0.2 < area_under(good.insertion)).all()
    assert (area_under(bad.deletion) > area_under(good.deletion)).all()
    assert (area_under(bad.insertion) < area_under(good.insertion)).all()
    np.testing.assert_array_equal(good.floor, bad.floor)
    np.testing.assert_allclose(good.deletion[:, 0], predict(pixels)[:, 1])
    np.testing.assert_allclose(good.insertion[:, -1], predict(pixels)[:, 1])


def test_only_the_centre_is_left() -> None:
    pixels = np.full((2, 20, 20, 3), 7, dtype=np.uint8)
    cut = without_edge(pixels)
    assert cut.dtype == np.uint8
    assert (cut[:, 3:17, 3:17] == 7).all()
    assert cut.sum() == 2 * 14 * 14 * 3 * 7
    assert (pixels == 7).all()
    assert (without_edge(pixels[..., 0]) == cut[..., 0]).all()


@pytest.mark.parametrize(("classes", "positive"), [(2, 1), (2, 0), (3, None)])
def test_black_edges_against_scikit_learn(classes: int, positive: int | None) -> None:
    rng = np.random.default_rng(classes)
    labels = rng.integers(0, classes, 60)
    pixels = rng.integers(0, 255, (60, 10, 10)).astype(np.uint8)

    def predict(shown: np.ndarray) -> np.ndarray:
        logits = np.stack([shown[:, :, c :: classes + 1].mean(axis=(1, 2)) for c in range(classes)], axis=1) / 20
        logits[np.arange(60), labels] += 0.4
        exp = np.exp(logits - logits.max(axis=1, keepdims=True))
        return np.asarray(exp / exp.sum(axis=1, keepdims=True))

    found = blackout(predict, pixels, labels, positive, np.ones((1, 60)))
    for name, shown in (("before", pixels), ("after", without_edge(pixels))):
        p = predict(shown)
        one = [roc_auc_score(labels == c, p[:, c]) for c in range(classes)]
        assert found[name][0] == pytest.approx(np.mean(one) if positive is None else one[positive])
    assert found["drop"] == pytest.approx(found["before"] - found["after"])


def test_random_weights_forget_everything_and_repeat() -> None:
    model = new_model(2, 0)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.fill_(0.5)
        for name, value in model.named_buffers():
            if "running" in name:
                value.fill_(3.0)
    state = torch.random.get_rng_state()
    fresh, again, other = randomised(model, 1), randomised(model, 1), randomised(model, 2)
    assert torch.equal(torch.random.get_rng_state(), state)
    assert (model.fc.weight == 0.5).all()
    for name, value in fresh.state_dict().items():
        assert torch.equal(value, again.state_dict()[name])
        assert not (value == 0.5).any()
        assert "running_mean" not in name or (value == 0).all()
    assert not torch.equal(fresh.conv1.weight, other.conv1.weight)
    # As wide as a new network's.
    new = new_model(2, 5).state_dict()
    for name, value in fresh.state_dict().items():
        assert "conv" not in name or float(value.std()) == pytest.approx(float(new[name].std()), rel=0.1)


def test_rank_correlation_is_spearmans() -> None:
    rng = np.random.default_rng(0)
    first, second = rng.random((4, 9, 9)).round(1), rng.random((4, 9, 9)).round(1)
    second[1], second[2] = first[1] ** 3, -first[2]
    second[3] = 0.2
    found = rank_correlations(first, second)
    expected = [spearmanr(a.ravel(), b.ravel()).statistic for a, b in zip(first[:3], second[:3], strict=True)]
    assert found[:3] == pytest.approx(expected)
    assert found[1:] == pytest.approx([1, -1, np.nan], nan_ok=True)


def test_a_corner_reader_is_found_out(looked: tuple[Run, ImageSet], monkeypatch: pytest.MonkeyPatch) -> None:
    run, images = looked
    look_with(run, monkeypatch)
    found = looks(Results(run), images, method="gradcam", rng=np.random.default_rng(0), sizes=SMALL)
    assert isinstance(found, SaliencyResults)
    checks = found.checks.set_index("technique")
    assert checks.loc["smote", "auroc_before"] == pytest.approx(1)
    assert checks.loc["smote", "auroc_after"] == pytest.approx(0.5)
    assert checks.loc["smote", ["auroc_drop_low", "auroc_drop_high"]].tolist() == pytest.approx([0.5, 0.5])
    assert checks.loc["oversampling", "auroc_before"] == pytest.approx(1)
    assert checks.loc["oversampling", ["auroc_drop", "auroc_drop_low", "auroc_drop_high"]].tolist() == [0, 0, 0]
    assert judge_claim(found.table) == "holds"
    assert set(found.curves) == set(checks.index)
    assert isinstance(faithfulness_plot(found.curves, found.checks), Plot)
    assert (checks["deletion"] < checks["insertion"]).all()
    assert (checks["curve_images"] == 6).all()
    for name in ("deletion", "insertion"):
        gain = checks["floor"] - checks["deletion"] if name == "deletion" else checks["insertion"] - checks["floor"]
        assert checks[f"{name}_gain"].tolist() == pytest.approx(gain.tolist())
    again = looks(Results(run), images, method="gradcam", rng=np.random.default_rng(0), sizes=SMALL)
    assert isinstance(again, SaliencyResults)
    pd.testing.assert_frame_equal(found.checks, again.checks)


def test_a_map_that_does_not_depend_on_weights_is_flagged(
    looked: tuple[Run, ImageSet], monkeypatch: pytest.MonkeyPatch
) -> None:
    run, images = looked
    look_with(run, monkeypatch)
    # No weight lies before the block, and the window of SMOTE's network is bright or dark, never both: whatever the
    # head is drawn as, the map is the window, or nothing.
    found = looks(Results(run), images, method="layercam", rng=np.random.default_rng(1), sizes=SMALL)
    assert isinstance(found, SaliencyResults)
    row = found.checks.set_index("technique").loc["smote"]
    assert row["sanity_images"] > 0
    assert row["correlation"] == pytest.approx(1)
    assert row[["above_half", "above_nine_tenths"]].tolist() == [1, 1]


def test_the_section(looked: tuple[Run, ImageSet], monkeypatch: pytest.MonkeyPatch) -> None:
    run, images = looked
    look_with(run, monkeypatch)
    section = looks_section(ReportContext(Results(run), images, ReportOptions(cam_method="gradcam", map_sizes=SMALL)))
    assert (section.name, section.title) == ("looks", "Saliency")
    assert isinstance(section.blocks[0], Figures)
    tables = [block for block in section.blocks if isinstance(block, Table)]
    assert [table.name for table in tables] == ["looks", "looks_checks"]
    for table in tables:
        assert all(len(row) == len(table.headers) for row in [*table.rows, *table.footer])
        assert len(table.rows) == 2
        assert "tabular" in table.latex()
    assert tables[0].headers == ["Technique", "Corners", "Border", "Centre", "In the mask", "Pointing game", "Images"]
    values = section.values
    assert isinstance(values, dict)
    assert values["energy"][0]["technique"] == "oversampling"
    assert section.found == values["sentences"]["claim"]
    assert [name for name, _ in references("layercam")][:2] == ["LayerCAM", "Deletion and insertion"]
    with pytest.raises(UserError, match="unknown activation map method"):
        looks_section(ReportContext(Results(run), images, ReportOptions(cam_method="cam")))
    with pytest.raises(UserError, match="there is no folder of masks"):
        looks_section(ReportContext(Results(run), images, ReportOptions(masks="nowhere")))


def only_text(section_blocks: object) -> str:
    (block,) = section_blocks  # type: ignore[misc]
    assert isinstance(block, Paragraph)
    return block.text


def test_what_is_missing_is_said(looked: tuple[Run, ImageSet], tmp_path: Path) -> None:
    run, images = looked
    rng = np.random.default_rng(0)
    assert "without --no-cams" in only_text(
        looks_section(ReportContext(Results(run), images, ReportOptions(cams=False))).blocks
    )
    assert "sweep report run --data phantom" in only_text(looks_section(ReportContext(Results(run))).blocks)
    bare = fake_run(tmp_path / "run", images, **(CHEAP | {"checkpoints": 0}))  # type: ignore[arg-type]
    assert "keeps no network" in only_text(looks_section(ReportContext(Results(bare), images)).blocks)
    assert looks(Results(bare), images, rng=rng) is None
    with pytest.raises(UserError, match="fingerprint"):
        looks_section(ReportContext(Results(run), replace(images, fingerprint="0000")))


def test_one_field_and_three_classes(tmp_path: Path) -> None:
    """The smallest images have no maps to speak of, but the black edge can still be tried; on real networks."""
    images = fake_images(tmp_path / "images", ("a", "b", "c"), size=32)
    arguments = {"techniques": SIX[2:5:2], "lrs": (0.001,), "epochs": 1, "failing": False, "checkpoints": 2}
    run = fake_run(tmp_path / "run", images, seeds=1, **arguments)  # type: ignore[arg-type]
    options = ReportOptions(map_sizes=replace(SMALL, images=6))
    section = looks_section(ReportContext(Results(run), images, options))
    (checks,) = [block for block in section.blocks if isinstance(block, Table)]
    assert checks.data["curve_images"].tolist() == [0, 0]
    assert checks.data["auroc_drop"].notna().all()
    assert isinstance(section.values, dict)
    assert [row["images"] for row in section.values["energy"]] == [0, 0]
    assert section.values["energy"][0]["corners"] is None
    assert "could not be tried" in section.values["sentences"]["faithfulness"]
