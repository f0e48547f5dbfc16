"""A decoder that dies or hangs takes its own process with it, and the next frame finds another."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from pydicom.uid import JPEG2000Lossless

from balancing.data.pixels import apart
from balancing.data.pixels.apart import DecoderDied, decoded_apart
from tests.balancing.dicoms import dataset, deep, lossless_jpeg, read, reads, with_frame, written


def frame(seed: int) -> bytes:
    return written(with_frame(dataset(deep(seed), bits=12), lossless_jpeg(deep(seed), 12)))


def helper(program: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE)


def test_frames_come_back_whoever_asks() -> None:
    with ThreadPoolExecutor(3) as pool:
        found = list(pool.map(lambda seed: decoded_apart(frame(seed), "gdcm"), range(9)))
    for seed, pixels in enumerate(found):
        np.testing.assert_array_equal(pixels, deep(seed))


def test_what_the_decoder_says_is_raised_and_it_goes_on() -> None:
    with pytest.raises(ValueError, match="Unable to decode"):
        decoded_apart(written(with_frame(dataset(deep(), bits=12), b"\xff\xd8\xff\xd9")), "gdcm")
    np.testing.assert_array_equal(decoded_apart(frame(1), "gdcm"), deep(1))


@pytest.mark.parametrize(
    "program",
    ["", "import os; os.abort()", "import time; time.sleep(60)", "print('x' * 9)", "print('\\0' * 7 + '\\7')"],
)
def test_a_helper_that_dies_hangs_or_babbles_is_given_up(monkeypatch: pytest.MonkeyPatch, program: str) -> None:
    content = frame(2)
    apart._end_all()
    with monkeypatch.context() as changed:
        changed.setattr(apart, "_started", lambda: helper(program))
        changed.setattr(apart, "_SECONDS", 1)
        with pytest.raises(DecoderDied):
            decoded_apart(content, "gdcm")
        assert "its decoder crashed, or took too long" in str(reads(content))
        assert not apart._HELPERS
    np.testing.assert_array_equal(decoded_apart(content, "gdcm"), deep(2))


def test_no_name_leaves_the_file() -> None:
    """What is sent holds the frame, and nothing of the patient."""
    seen = []

    def look(file: bytes, decoder: str) -> np.ndarray:
        seen.append(file)
        return decoded_apart(file, decoder)

    with pytest.MonkeyPatch.context() as changed:
        changed.setattr("balancing.data.pixels.dicom_frame.decoded_apart", look)
        found = dataset(deep(3, side=64), bits=12, WindowCenter=2048, WindowWidth=4096)
        found.compress(JPEG2000Lossless)
        assert read(written(found)).patient == "P1"
    assert b"Doe" not in seen[0]
    assert b"P1" not in seen[0].split(b"\xe0\x7f\x10\x00")[0]
