"""Writes a .npy of images whose number and channels are known only at the end."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np

_CHUNK = 256


class PixelWriter:
    """Appends images to a uint8 .npy; the first colour image makes all of them three-channel.

    Written with plain writes and not through a memory map: a full disk then raises OSError instead of killing the
    process.

    Args:
        path: the .npy file to make.
        size: the side of the square images.
        before_colour: called once before the file grows threefold; may raise.
    """

    def __init__(self, path: Path, size: int, before_colour: Callable[[], None] = lambda: None) -> None:
        self.path = path
        self.size = size
        self.count = 0
        self.colour_images = 0
        self.colour = False
        self._before_colour = before_colour
        self._start(path)

    def _start(self, path: Path) -> None:
        self._file = open(path, "w+b")  # noqa: SIM115 - closed in finish() or close()
        self._hash = hashlib.sha256()
        self._write_header()
        self._offset = self._file.tell()

    @property
    def shape(self) -> tuple[int, ...]:
        return (self.count, self.size, self.size) + ((3,) if self.colour else ())

    def _write_header(self) -> None:
        # numpy pads the header so that its length is the same for every count of images.
        header = {"descr": "|u1", "fortran_order": False, "shape": self.shape}
        np.lib.format.write_array_header_1_0(self._file, header)

    def _write(self, pixels: np.ndarray) -> None:
        data = np.ascontiguousarray(pixels)
        self._hash.update(data.data)
        self._file.write(data.data)

    def append(self, pixels: np.ndarray) -> None:
        """Adds one image, (S, S) or (S, S, 3) uint8."""
        if pixels.ndim == 3:
            self.colour_images += 1
            if not self.colour:
                self._to_colour()
        elif self.colour:
            pixels = np.repeat(pixels[..., None], 3, axis=-1)
        self._write(pixels)
        self.count += 1

    def _to_colour(self) -> None:
        self._before_colour()
        grey_file, grey_path = self._file, self.path.with_suffix(".grey")
        grey_file.close()
        os.replace(self.path, grey_path)
        self.colour = True
        self._start(self.path)
        with open(grey_path, "rb") as grey:
            grey.seek(self._offset)
            area = self.size * self.size
            for start in range(0, self.count, _CHUNK):
                rows = min(_CHUNK, self.count - start)
                block = np.frombuffer(grey.read(rows * area), dtype=np.uint8)
                self._write(np.repeat(block.reshape(rows, self.size, self.size, 1), 3, axis=-1))
        grey_path.unlink()

    def finish(self) -> str:
        """Completes the file and returns the hex sha256 of its pixels."""
        self._file.seek(0)
        self._write_header()
        if self._file.tell() != self._offset:
            raise RuntimeError("the .npy header changed its length")
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        return self._hash.hexdigest()

    def close(self) -> None:
        """Closes the file, complete or not; more than once does no harm."""
        self._file.close()
