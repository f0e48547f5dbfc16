"""The cache: one entry a source and size, never half-made, whatever happens to the processes that make it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from balancing.data.cache import Cache
from balancing.data.images import BadImages, ImageSet, load_images
from balancing.data.pixels import decoding
from balancing.data.pixels.pixelfile import PixelWriter
from balancing.errors import UserError
from tests.balancing.samples import class_folders, encoded, noise, write_files


def load(source: Path | str, cache: Path, **options: Any) -> ImageSet:
    return load_images(str(source), image_size=12, cache_dir=cache, **options)


def left_in(cache: Path) -> list[str]:
    return sorted(path.name for path in cache.iterdir()) if cache.exists() else []


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_files(tmp_path / "xrays", class_folders(4))


def refuse(*_: Any) -> Any:
    raise AssertionError("an image was decoded again")


def test_a_second_run_decodes_nothing(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = load(folder, tmp_path / "cache")
    monkeypatch.setattr(decoding, "decode", refuse)
    second = load(folder, tmp_path / "cache")
    assert second.pixels_path == first.pixels_path
    np.testing.assert_array_equal(second.pixels, first.pixels)
    for name in ("labels", "splits", "names", "sha256", "widths", "heights", "channels"):
        np.testing.assert_array_equal(getattr(second, name), getattr(first, name))
    assert (second.class_names, second.fingerprint, second.notes) == (first.class_names, first.fingerprint, first.notes)
    assert isinstance(second.pixels, np.memmap)
    assert len(left_in(tmp_path / "cache")) == 1


def test_what_changes_the_pixels_changes_the_entry(folder: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    first = load(folder, cache)
    other_size = load_images(str(folder), image_size=13, cache_dir=cache)
    assert other_size.pixels_path != first.pixels_path
    shutil.copytree(folder, tmp_path / "moved" / "xrays")  # times of change are kept
    assert load(tmp_path / "moved" / "xrays", cache).pixels_path == first.pixels_path
    os.utime(folder / "train" / "NORMAL" / "n0.png", (1, 1))
    touched = load(folder, cache)
    assert touched.pixels_path != first.pixels_path
    assert touched.fingerprint == first.fingerprint
    (folder / "train" / "NORMAL" / "n0.png").write_bytes(encoded(noise(77)))
    assert load(folder, cache).fingerprint != first.fingerprint


@pytest.mark.parametrize("file", ["pixels.npy", "rows.parquet", "meta.json"])
@pytest.mark.parametrize("how", ["cut", "removed"])
def test_a_damaged_entry_is_made_again(folder: Path, tmp_path: Path, file: str, how: str) -> None:
    cache = tmp_path / "cache"
    first = load(folder, cache)
    pixels = np.array(first.pixels)
    damaged = first.pixels_path.parent / file
    if how == "cut":
        os.truncate(damaged, damaged.stat().st_size // 2)
    else:
        damaged.unlink()
    again = load(folder, cache)
    np.testing.assert_array_equal(again.pixels, pixels)
    assert again.pixels_path == first.pixels_path
    assert len(left_in(cache)) == 1


def test_bad_images_leave_nothing_behind(folder: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    (folder / "train" / "NORMAL" / "n1.png").write_bytes(b"")
    (folder / "test" / "PNEUMONIA" / "p3.png").write_bytes(b"nonsense")
    with pytest.raises(BadImages, match="2 of 24 images cannot be read") as caught:
        load(folder, cache)
    assert [(bad.name, bad.reason) for bad in caught.value.bad] == [
        ("n1.png", "it is empty: 0 bytes"),
        ("p3.png", "it is no image in a format that can be read"),
    ]
    assert left_in(cache) == []

    for _ in range(2):  # decoded, then from the cache
        images = load(folder, cache, skip_bad=True)
        assert len(images) == 22
        assert images.pixels.shape == (22, 12, 12)
        assert images.bad == caught.value.bad
        assert "n1.png" not in images.names[images.splits == "train"]
        assert "2 of 24 images cannot be read and are left out, as --skip-bad asks." in images.notes
    meta = json.loads((images.pixels_path.parent / "meta.json").read_text())
    assert len(meta["bad"]) == 2


def test_a_class_that_was_all_bad(tmp_path: Path) -> None:
    files = class_folders(2, ("train",))
    folder = write_files(tmp_path / "x", {path: data if "NORMAL" in path else b"" for path, data in files.items()})
    with pytest.raises(UserError, match="without the 2 bad images a class of NORMAL, PNEUMONIA has none left"):
        load(folder, tmp_path / "cache", skip_bad=True)
    folder = write_files(tmp_path / "y", dict.fromkeys(files, b""))
    with pytest.raises(BadImages):
        load(folder, tmp_path / "cache", skip_bad=True)
    assert left_in(tmp_path / "cache") == []


def test_the_first_colour_image_makes_all_three_channelled(tmp_path: Path) -> None:
    files = class_folders(4)
    grey = load(write_files(tmp_path / "grey", files), tmp_path / "cache")
    colour_pixels = noise(5, 12, 12, 3)
    files["val/NORMAL/n2.png"] = encoded(colour_pixels)
    images = load(write_files(tmp_path / "mixed", files), tmp_path / "cache")
    assert images.pixels.shape == (24, 12, 12, 3)
    row = int(np.flatnonzero((images.splits == "validation") & (images.names == "n2.png"))[0])
    np.testing.assert_array_equal(images.pixels[row], colour_pixels)
    others = np.arange(24) != row
    np.testing.assert_array_equal(images.pixels[others], np.repeat(grey.pixels[others][..., None], 3, axis=-1))
    assert "1 of 24 images differ between their colour channels, so all are stored with three." in images.notes
    assert not list(images.pixels_path.parent.glob("*.grey"))


@pytest.mark.parametrize("colour_at", [None, 0, 1, 299, 599])
def test_the_pixel_file_is_a_plain_npy(tmp_path: Path, colour_at: int | None) -> None:
    import hashlib

    images = [noise(i, 4, 4, 3 if i == colour_at else 1) for i in range(600)]
    writer = PixelWriter(tmp_path / "x.npy", 4)
    for image in images:
        writer.append(image)
    sha256 = writer.finish()
    expected = np.stack(
        images
        if colour_at is None
        else [np.broadcast_to(i if i.ndim == 3 else i[..., None], (4, 4, 3)) for i in images]
    )
    pixels = np.load(tmp_path / "x.npy", mmap_mode="r")
    np.testing.assert_array_equal(pixels, expected)
    assert sha256 == hashlib.sha256(expected.tobytes()).hexdigest()


CHILD = """
import sys, time
from pathlib import Path
from balancing.data.pixels import decoding
from balancing.data import images
slow = float(sys.argv[3])
decode = decoding.decode
decoding.decode = lambda content, size, bits: (time.sleep(slow), decode(content, size, bits))[1]
found = images.load_images(sys.argv[1], image_size=12, cache_dir=Path(sys.argv[2]), workers=1)
print(found.fingerprint)
"""


def child(folder: Path, cache: Path, slow: float) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", CHILD, str(folder), str(cache), str(slow)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_two_processes_at_the_same_time_share_one_entry(folder: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    both = [child(folder, cache, 0.05) for _ in range(2)]
    outputs = [process.communicate(timeout=60) for process in both]
    assert [process.returncode for process in both] == [0, 0], outputs
    assert outputs[0][0] == outputs[1][0] == load(folder, cache).fingerprint + "\n"
    assert len(left_in(cache)) == 1


def test_a_killed_process_leaves_nothing_half_made(folder: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    process = child(folder, cache, 0.2)
    deadline = time.monotonic() + 30
    while not list(cache.glob(".tmp-*/pixels.npy")) and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    [rest] = left_in(cache)
    assert rest.startswith(".tmp-")
    images = load(folder, cache)
    assert len(images) == 24
    assert len(left_in(cache)) == 2  # too young to be taken for dead

    for path in (cache / rest, *(cache / rest).iterdir()):
        os.utime(path, (time.time() - 90_000,) * 2)
    (folder / "train" / "NORMAL" / "n0.png").touch()
    load(folder, cache)
    assert not list(cache.glob(".tmp-*"))


def test_an_interrupt_leaves_nothing(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr(PixelWriter, "append", interrupt)
    with pytest.raises(KeyboardInterrupt):
        load(folder, tmp_path / "cache")
    assert left_in(tmp_path / "cache") == []
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("decode")]


def test_the_slower_of_two_builders_takes_the_others_entry(tmp_path: Path) -> None:
    cache = Cache(tmp_path)

    def fill_fast(folder: Path) -> dict[str, Any]:
        (folder / "x").write_text("fast")
        return {}

    def fill_slow(folder: Path) -> dict[str, Any]:
        (folder / "x").write_text("slow")
        cache.build("key", fill_fast)
        return {}

    entry = cache.build("key", fill_slow)
    assert (entry.folder / "x").read_text() == "fast"
    assert left_in(tmp_path) == ["key"]


def test_no_room_on_the_disk(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=1000))
    with pytest.raises(UserError, match=r"need 0\.00 GB in .*cache, where 0\.00 GB are free; .*BALANCING_ACT_CACHE"):
        load(folder, tmp_path / "cache")
    assert left_in(tmp_path / "cache") == []


def test_a_disk_that_fills_up_meanwhile(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> Any:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(PixelWriter, "append", full)
    with pytest.raises(UserError, match=r"cache folder .* cannot be written \(No space left on device\)"):
        load(folder, tmp_path / "cache")
    assert left_in(tmp_path / "cache") == []


def test_a_cache_folder_that_cannot_be_made(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(UserError, match=r"cannot be written .*; name another folder in BALANCING_ACT_CACHE"):
        load(folder, tmp_path / "file" / "cache")


def test_a_cache_folder_without_permission(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def locked(*_: Any, **__: Any) -> Any:
        raise PermissionError(13, "Permission denied", str(tmp_path / "cache"))

    monkeypatch.setattr(tempfile, "mkdtemp", locked)
    with pytest.raises(UserError, match=r"cannot be written \(Permission denied\); name another folder in BALANCING_"):
        load(folder, tmp_path / "cache")


def test_the_cache_folder_by_variable_and_by_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BALANCING_ACT_CACHE", str(tmp_path / "named"))
    assert Cache().folder == tmp_path / "named"
    monkeypatch.delenv("BALANCING_ACT_CACHE")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert Cache().folder == tmp_path / ".cache" / "balancing-act"
