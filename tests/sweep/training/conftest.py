"""One thread, and a folder that is gone afterwards: networks take 45 and 135 MB."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from sweep.runs.spec import TrialSpec
from sweep.runs.trial_folder import TrialFolder
from sweep.training.inputs import SplitImages
from tests.sweep.training.small import make_images, make_spec, run_trial


@pytest.fixture(autouse=True, scope="module")
def _one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[TrialFolder]:
    yield TrialFolder(tmp_path / "trial")
    shutil.rmtree(tmp_path)  # checkpoints of 45 and 135 MB


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[TrialSpec, SplitImages, TrialFolder]]:
    """A trial of three epochs with synthetic rows and augmentation, which other trials are compared with."""
    path = tmp_path_factory.mktemp("uninterrupted")
    spec, images = make_spec("smote", epochs=3, strength=0.5), make_images(signal=20)
    assert run_trial(spec, images, TrialFolder(path)) == "done"
    yield spec, images, TrialFolder(path)
    shutil.rmtree(path)
