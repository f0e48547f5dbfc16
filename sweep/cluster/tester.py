"""Networks are looked at, and the test split is predicted, on workers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import ray

from sweep.cluster.session import Slots
from sweep.cluster.waiting import Waiting, get
from sweep.cluster.worker import WorkerContext, check_networks, open_test


class RayTester:
    """Looks at networks and predicts the test split on workers; see ``sweep.planning.finish.Tester``."""

    def __init__(self, shared: WorkerContext, slots: Slots, waiting: Waiting):
        self._ref, self._slots, self._waiting = ray.put(shared), slots, waiting

    def _on_workers(self, task: Callable[..., Any]) -> Any:
        return ray.remote(num_cpus=self._slots.cpus, num_gpus=self._slots.gpus, max_retries=2)(task)

    def faults(self, trial_ids: Sequence[str]) -> dict[str, str]:
        asked = self._on_workers(check_networks).remote(list(trial_ids), self._ref)
        found: dict[str, str] = get(asked, self._waiting, "the chosen networks wait to be looked at")
        return found

    def open_test(self, trial_ids: Sequence[str]) -> None:
        slots, task = self._slots, self._on_workers(open_test)
        lanes = np.array_split(list(trial_ids), min(len(trial_ids), slots.concurrent or len(trial_ids)))
        asked = [task.remote(list(lane), self._ref, slots.cpus, slots.gpus) for lane in lanes]
        get(asked, self._waiting, "the test split waits")
