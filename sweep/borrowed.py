"""The process of a caller who goes on in it: what a sweep changes of it is put back."""

from __future__ import annotations

import contextlib
import os
import random
from collections.abc import Iterator

import numpy as np


@contextlib.contextmanager
def borrowed_process() -> Iterator[None]:
    """Global random states, torch's threads, the choices of cuDNN and environment variables are put back afterwards.

    Entered before torch is imported where it can be: that import sets variables too.
    """
    python, legacy, environment = random.getstate(), np.random.get_state(), dict(os.environ)  # noqa: NPY002
    try:
        import torch

        threads = torch.get_num_threads()
        cudnn = torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark
        with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
            try:
                yield
            finally:
                torch.set_num_threads(threads)
                torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark = cudnn
    finally:
        random.setstate(python)
        np.random.set_state(legacy)  # noqa: NPY002
        for name in set(os.environ) - set(environment):
            del os.environ[name]
        os.environ.update(environment)
