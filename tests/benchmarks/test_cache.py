"""The cache's benchmark runs at a small size, and our pixels are within bounds of the exact resize."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from balancing.data.cache import VARIABLE
from benchmarks import cache


@pytest.fixture(autouse=True)
def _small_phantom(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CHEST_XRAY_DIR", raising=False)
    monkeypatch.setenv(VARIABLE, str(tmp_path / "cache"))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))


@pytest.fixture
def radiographs(tmp_path: Path) -> Path:
    weight = cache.write_radiographs(tmp_path / "large", 6)
    assert 100_000 < weight < 400_000
    return tmp_path / "large"


@pytest.mark.parametrize("size", [32, 224])
def test_large_jpegs_are_within_bounds(radiographs: Path, tmp_path: Path, size: int) -> None:
    found = cache.difference(str(radiographs), str(tmp_path), size)
    assert 0 < found["mean"] <= found["worst"] < 2
    assert found["most"] < 50


def test_images_in_their_own_size_are_exact(tmp_path: Path) -> None:
    cache.write_phantom(tmp_path / "own", 48, 32)
    assert cache.difference(str(tmp_path / "own"), str(tmp_path), 32) == {"mean": 0, "worst": 0, "most": 0}


def test_every_way_sees_every_image(radiographs: Path, tmp_path: Path) -> None:
    arguments = (str(radiographs), str(tmp_path), 32)
    found = [cache.ours(*arguments), cache.plain_loop(*arguments)]
    assert [each["images"] for each in found] == [6, 6]


def test_a_table(capsys: pytest.CaptureFixture[str], radiographs: Path, tmp_path: Path) -> None:
    pytest.importorskip("datasets")
    cache.decoding_table("6 JPEGs", radiographs, tmp_path, 32, 1)
    table = capsys.readouterr().out
    assert "6 JPEGs: to 6 grey images of 32 x 32" in table
    assert "datasets, map, num_proc=2" in table


@pytest.mark.parametrize("technique", cache.TECHNIQUES)
def test_first_batch(technique: str) -> None:
    found = cache.first_batch(technique, 32, 60)
    assert found["images"] == 60
    assert tuple(found["parts"]) == cache.PARTS
    np.testing.assert_allclose(sum(found["parts"].values()), found["seconds"])


def test_the_exact_resize_is_pillows() -> None:
    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 30), dtype=np.uint8))
    np.testing.assert_array_equal(cache.exact(image, 8), np.asarray(image.resize((8, 8), Image.Resampling.BILINEAR)))
