"""Compressed DICOM frames decoded in a process of its own, for a damaged one can crash its decoder.

Lossless JPEG, JPEG-LS and JPEG 2000 are decoded by libraries that were not made for files of strangers: some die of a
wrong byte, and with them the process that they are in. Here that is a helper, which gets one small DICOM file after the
other through a pipe and gives pixels back; it holds little memory, has a minute for each, and is started anew where it
died. This file is also the helper's program (`python apart.py`), so it imports nothing of this package at its top.
"""

from __future__ import annotations

import atexit
import io
import os
import subprocess
import sys
import threading
from typing import IO

import numpy as np

_SECONDS = 60  # for one frame
_MEMORY = 4 << 30  # bytes of addresses, of which numpy alone takes one
_MOST = 1 << 30  # bytes of a file, or of its pixels
_DONE, _REFUSED = b"+", b"-"


class DecoderDied(Exception):
    """The helper ended, or was ended, while it had the frame."""


def decoded_apart(file: bytes, decoder: str) -> np.ndarray:
    """The first frame of a DICOM file by one of pydicom's decoders, as ``pixel_array`` gives it.

    Raises:
        DecoderDied: it crashed or took longer than a minute.
        ValueError: what the decoder says.
    """
    try:
        helper = _HELPERS.pop()
    except IndexError:
        helper = _started()
    timer = threading.Timer(_SECONDS, helper.kill)
    timer.start()
    try:
        assert helper.stdin is not None
        assert helper.stdout is not None
        _send(helper.stdin, decoder.encode(), file)
        found = _receive(helper.stdout)
    except OSError:
        found = None
    except BaseException:  # such as the user's Ctrl+C: it is left with half a frame
        _end(helper)
        raise
    finally:
        timer.cancel()
    if found is None:
        _end(helper)
        raise DecoderDied
    _HELPERS.append(helper)
    said, content = found
    if said == _REFUSED:
        raise ValueError(content.decode())
    return np.load(io.BytesIO(content), allow_pickle=False)


_HELPERS: list[subprocess.Popen[bytes]] = []  # those that wait; each thread takes one while it needs it


def _started() -> subprocess.Popen[bytes]:
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    # -P: the folder of this file is no place to import from
    command = [sys.executable, "-P", os.path.abspath(__file__)]
    return subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment
    )


def _end(helper: subprocess.Popen[bytes]) -> None:
    helper.kill()
    helper.communicate()  # closes its pipes and waits


@atexit.register
def _end_all() -> None:
    while _HELPERS:
        _end(_HELPERS.pop())


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_HELPERS.clear)  # they are the parent's


def _send(stream: IO[bytes], word: bytes, content: bytes) -> None:
    for part in (word, content):
        stream.write(len(part).to_bytes(8, "big") + part)
    stream.flush()


def _receive(stream: IO[bytes]) -> tuple[bytes, bytes] | None:
    """A word and its content; None where the other side ended, or says what can't be."""
    parts = []
    for _ in range(2):
        head = stream.read(8)
        length = int.from_bytes(head, "big")
        if len(head) < 8 or length > _MOST:
            return None
        part = stream.read(length)
        if len(part) < length:
            return None
        parts.append(part)
    return parts[0], parts[1]


def _help() -> None:
    """Decodes what comes on standard input until it ends."""
    import warnings

    warnings.simplefilter("ignore")
    requests, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # a library may print, and would spoil an answer
    try:
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    except (ImportError, OSError, ValueError):  # no such limits here
        pass
    from pydicom import dcmread
    from pydicom.pixels import pixel_array

    while (request := _receive(requests)) is not None:
        decoder, file = request
        try:
            pixels = pixel_array(dcmread(io.BytesIO(file), force=True), index=0, decoding_plugin=decoder.decode())
            stream = io.BytesIO()
            np.save(stream, pixels, allow_pickle=False)
            _send(answers, _DONE, stream.getvalue())
        except Exception as error:  # a damaged frame can raise almost anything
            _send(answers, _REFUSED, " ".join(str(error).split()).encode()[:500] or b"it gives no reason")


if __name__ == "__main__":
    _help()
