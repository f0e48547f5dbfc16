"""A frozen body that workers look through, where trials have a GPU: the same vectors, in the same order."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from sweep.cluster import tuner, worker
from sweep.training.frozen import extract
from sweep.training.frozen.extract import Looks
from tests.sweep.cluster.sweeping import RAYS_WARNINGS
from tests.sweep.training.frozen.bodies import all_rows, body, eye, frozen_spec
from tests.sweep.training.small import make_images

pytestmark = RAYS_WARNINGS


class Store:
    """As Ray's, in this process."""

    def __init__(self) -> None:
        self.tasks = 0

    def put(self, value: Any) -> Any:
        return SimpleNamespace(value=value)

    def get(self, ref: Any, *waiting: Any) -> Any:
        return ref.value

    def remote(self, **resources: Any) -> Any:
        assert resources == {"num_cpus": 1, "num_gpus": 0.5, "max_retries": 2}

        def task(function: Any) -> Any:
            def asked(given: Any, *rest: Any) -> Any:
                self.tasks += 1
                return self.put(function(given.value, *rest))

            return SimpleNamespace(remote=asked)

        return task


@pytest.mark.parametrize("address", [None, "ray://elsewhere"])
def test_workers_see_what_this_process_would(
    address: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store()
    for module in (tuner, worker):
        monkeypatch.setattr(module, "ray", store)
    monkeypatch.setattr(tuner, "get", store.get)
    monkeypatch.setattr(worker, "_clean_worker", lambda seed, cpus, gpus: torch.device("cpu"))
    monkeypatch.setattr(extract, "BLOCK", 2)
    pixels = make_images(train=(30, 30)).pixels
    path = tmp_path / "pixels.npy"
    if address is None:  # else workers don't see the driver's file
        np.save(path, pixels)
    state = {name: value for name, value in body().state_dict().items() if not name.startswith("fc.")}
    inputs = SimpleNamespace(images=SimpleNamespace(pixels=pixels, pixels_path=path), start=state)
    sweep: Any = SimpleNamespace(
        slots=SimpleNamespace(cpus=1, gpus=0.5),
        config=SimpleNamespace(resources=SimpleNamespace(address=address)),
        _waiting=lambda: None,
    )
    looks = Looks.at_all(len(pixels))
    found = np.concatenate(list(tuner.Sweep._looked_at(sweep, inputs, frozen_spec(), looks)))  # type: ignore[arg-type]
    assert store.tasks == -(-len(looks.blocks) // 16) > 1
    assert np.array_equal(found, all_rows(eye(pixels), looks))


def test_vectors_come_from_the_file_or_else_from_the_object_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = np.ones((3, 2), dtype=np.float32)
    np.save(tmp_path / "vectors.npy", rows)
    monkeypatch.setattr(worker, "ray", Store())
    here = worker._array(str(tmp_path / "vectors.npy"), None, "the features")
    there = worker._array(str(tmp_path / "gone.npy"), SimpleNamespace(value=rows), "the features")
    assert np.array_equal(here, rows)
    assert np.array_equal(there, rows)
    with pytest.raises(RuntimeError, match=r"does not see the features .*gone.npy"):
        worker._array(str(tmp_path / "gone.npy"), None, "the features")
