"""What the machine offers a trial: memory, room on the GPU, a thread beside. None of it knows what is trained."""

from __future__ import annotations

import ctypes
import warnings
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

import numpy as np
import torch

T = TypeVar("T")

# The share of a trial's GPU memory that the pixels may take; beyond it they stay in main memory.
_RESIDENT_SHARE = 0.5
_CHANNELS_LAST_FROM = 96  # pixels a side, for float32 on a CPU
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8  # of glibc's malloc.h


def keep_freed_memory() -> bool:
    """Lets this process keep the memory that a training step frees for the next one, instead of returning it.

    By default glibc maps each large tensor anew, and the kernel clears its pages: 70,000 page faults in a step at
    224 px. What a trial before this one left is given back first. Threads share one heap: Tune starts one a trial, and
    each would keep memory of its own.

    Returns:
        False where the C library is not glibc; nothing is changed then.
    """
    try:
        libc = ctypes.CDLL("libc.so.6")
        libc.malloc_trim(0)
        settings = {_M_ARENA_MAX: 1, _M_MMAP_THRESHOLD: 1 << 30, _M_TRIM_THRESHOLD: (1 << 31) - 1}
        return all(libc.mallopt(name, value) for name, value in settings.items())
    except (OSError, AttributeError):
        return False


def evaluation_batch(image_size: int, device: torch.device) -> int:
    """Images in a batch without gradients: many, but on the CPU no more than a training step's memory holds."""
    if device.type == "cuda":
        return 256
    return int(np.clip(2**21 // image_size**2, 16, 256))


def memory_format(image_size: int, precision: str, device: torch.device) -> torch.memory_format:
    """How images and weights lie in memory: channels last, except for small images in float32 on a CPU.

    There batch normalisation is slow with channels last: at 32 and 64 px the default layout trains 15 % more images a
    second, at 96 px as many, at 224 px 15 % fewer.
    """
    small = image_size < _CHANNELS_LAST_FROM and precision == "float32" and device.type == "cpu"
    return torch.contiguous_format if small else torch.channels_last


def resident_limit(free: int, total: int, share: float) -> float:
    """The most bytes of pixels that a trial keeps on its GPU.

    Trials that share a GPU look at its free memory at the same moment, so each counts on its own share alone.

    Args:
        free, total: bytes of the GPU.
        share: of the GPU, that the trial was given; at most 1.
    """
    return _RESIDENT_SHARE * min(free, share * total)


def on_device(pixels: np.ndarray, device: torch.device, share: float = 1.0) -> torch.Tensor:
    """The pixels as a tensor: whole on a GPU where they fit in half of the trial's part of it, else where they are.

    Args:
        share: of the GPU, that the trial was given; above 1 counts as 1.
    Returns:
        Same shape, uint8, not copied on the CPU.
    """
    with warnings.catch_warnings():
        # Read-only on purpose; nothing here writes to it.
        warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
        tensor = torch.from_numpy(np.asarray(pixels))
    if device.type != "cuda" or pixels.nbytes >= resident_limit(*torch.cuda.mem_get_info(device), min(share, 1.0)):
        return tensor
    try:
        return tensor.to(device)
    except torch.OutOfMemoryError:  # another took it meanwhile
        return tensor


def ahead(jobs: Iterable[Callable[[], T]], depth: int = 2) -> Generator[T, None, None]:
    """Results of jobs in their order, ``depth`` of them worked on or ready in one thread beside the caller's.

    A job's exception is raised where its result would have come. Leaving early drops what has not begun.
    """
    pending: deque[Future[T]] = deque()
    with ThreadPoolExecutor(1, thread_name_prefix="ahead") as thread:
        try:
            for job in jobs:
                pending.append(thread.submit(job))
                if len(pending) > depth:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        finally:
            for future in pending:
                future.cancel()
