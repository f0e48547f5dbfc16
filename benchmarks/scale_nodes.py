"""Many one-CPU nodes on this machine, with trials that sleep: what the model's prediction is checked against.

Each node is a Ray node with its own object store; only the training is missing. The trials go through Tune as the
sweep's do: the same order, ``tune.with_parameters``, ``reuse_actors=True``, a limit on trials at once, a report an
epoch.
"""

from __future__ import annotations

import logging
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

import sweep.cluster.session  # noqa: F401 - first: what Ray reads when it is imported
from benchmarks.common import anonymous_bytes

# Of a node; the head has three times as much.
STORE_BYTES = 100_000_000
LARGER_BYTES = 500_000_000


@dataclass(frozen=True)
class Ran:
    """One tuner's run, in seconds from the call of ``fit``.

    Args:
        starts, ends: (trials,) as the trials saw it.
        nodes: (trials,) str, where each ran.
        returned: when ``fit`` returned.
    """

    starts: np.ndarray
    ends: np.ndarray
    nodes: np.ndarray
    returned: float

    @property
    def makespan(self) -> float:
        """From the first trial's start to the last one's end."""
        return float(self.ends.max() - self.starts.min())

    @property
    def n_nodes(self) -> int:
        """How many nodes ran a trial at all."""
        return len(np.unique(self.nodes))

    @property
    def startup(self) -> float:
        return float(self.starts.min())

    @property
    def ramp(self) -> float:
        """Seconds between two nodes' first starts, on average."""
        first = [self.starts[self.nodes == node].min() for node in np.unique(self.nodes)]
        return float(max(first) - min(first)) / max(1, len(first) - 1)

    @property
    def gap(self) -> float:
        """Seconds between two trials of a node, on average."""
        gaps: list[float] = []
        for node in np.unique(self.nodes):
            mine = np.argsort(self.starts[self.nodes == node])
            starts, ends = self.starts[self.nodes == node][mine], self.ends[self.nodes == node][mine]
            gaps += (starts[1:] - ends[:-1]).tolist()
        return statistics.fmean(gaps) if gaps else 0.0


@contextmanager
def many_nodes(n_nodes: int) -> Iterator[list[str]]:
    """A head without CPUs and ``n_nodes`` nodes of one CPU each, joined; all of it ends with the block.

    Yields:
        The ids of the nodes, without the head's.
    """
    import ray
    from ray.cluster_utils import Cluster

    cluster = Cluster(
        initialize_head=True,
        head_node_args={"num_cpus": 0, "include_dashboard": False, "object_store_memory": 3 * STORE_BYTES},
    )
    try:
        for _ in range(n_nodes):
            cluster.add_node(num_cpus=1, object_store_memory=STORE_BYTES)
        cluster.wait_for_nodes()
        ray.init(address=cluster.address, log_to_driver=False, logging_level=logging.ERROR)
        logging.getLogger("ray.tune").setLevel(logging.ERROR)
        yield [node["NodeID"] for node in ray.nodes() if node["Alive"] and node["Resources"].get("CPU")]
    finally:
        ray.shutdown()
        cluster.shutdown()


def _receive(refs: list[Any]) -> float:
    """On a node: fetches the array and reads a byte of each page; the seconds it took."""
    import time

    import ray

    began = time.perf_counter()
    ray.get(refs[0])[::4096].sum()
    return time.perf_counter() - began


def time_object(nodes: Sequence[str], size: int) -> dict[str, float]:
    """Seconds in which a memory-mapped array gets into the head's store, to one node, and to all others at once.

    ``heap`` is by how many bytes the driver's own memory grew when it was put.

    Args:
        nodes: ids of one or more.
        size: bytes.
    """
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    remote = ray.remote(num_cpus=1)(_receive)
    on = [remote.options(scheduling_strategy=NodeAffinitySchedulingStrategy(node, soft=False)) for node in nodes]
    small = ray.put(np.zeros(1, dtype=np.uint8))
    ray.get([task.remote([small]) for task in on])  # the workers are there
    with tempfile.TemporaryDirectory() as folder:
        np.save(f"{folder}/pixels.npy", np.zeros(size, dtype=np.uint8))
        mapped = np.load(f"{folder}/pixels.npy", mmap_mode="r")
        before, began = anonymous_bytes(), time.perf_counter()
        ref = ray.put(np.ascontiguousarray(mapped))
        put, heap = time.perf_counter() - began, anonymous_bytes() - before
    began = time.perf_counter()
    ray.get(on[0].remote([ref]))
    one = time.perf_counter() - began
    began = time.perf_counter()
    ray.get([task.remote([ref]) for task in on[1:]])
    return {"put": put, "heap": heap, "one": one, "others": time.perf_counter() - began}


def _sleep_trial(config: dict[str, Any], *, shared: dict[str, Any]) -> None:
    """On a node: a trial that trains nothing; reports each epoch, as a trial does."""
    import time

    import ray
    from ray import tune

    started = time.time()
    ray.get(shared["pixels"])
    spec = config["spec"]
    for epoch in range(1, spec["epochs"] + 1):
        time.sleep(max(0.0, started + spec["seconds"] * epoch / spec["epochs"] - time.time()))
        tune.report({"epoch": epoch, "numbers": shared["numbers"]})
    node = ray.get_runtime_context().get_node_id()
    tune.report({"ended": "done", "started": started, "stopped": time.time(), "node": node})


def sleep_sweep(lengths: Sequence[float], epochs: Sequence[int], n_slots: int, pixels: Any) -> Ran:
    """Runs trials that sleep, as ``sweep.cluster.tuner`` runs its own.

    Args:
        lengths: (trials,) seconds.
        epochs: (trials,) reports before the last one.
        n_slots: trials at once.
        pixels: a reference in the object store, which every trial fetches.
    Raises:
        RuntimeError: a trial failed.
    """
    from ray import tune

    numbers = {f"metric_{i}": 0.5 for i in range(20)}
    trainable = tune.with_resources(
        tune.with_parameters(_sleep_trial, shared={"pixels": pixels, "numbers": numbers}), {"cpu": 1.0}
    )
    specs = [{"number": i, "seconds": s, "epochs": e} for i, (s, e) in enumerate(zip(lengths, epochs, strict=True))]
    with tempfile.TemporaryDirectory() as folder:
        tuner = tune.Tuner(
            trainable,
            param_space={"spec": tune.grid_search(specs)},
            tune_config=tune.TuneConfig(max_concurrent_trials=n_slots, reuse_actors=True),
            run_config=tune.RunConfig(name="tune", storage_path=folder, verbose=0),
        )
        called = time.time()
        results = tuner.fit()
        returned = time.time() - called
    if results.num_errors or len(results) != len(specs):
        raise RuntimeError(f"{results.num_errors} of {len(specs)} sleeping trials failed: {results.errors[:1]}")
    ended = sorted(
        (result.metrics or {} for result in (results[i] for i in range(len(results)))),
        key=lambda metrics: metrics["config"]["spec"]["number"],
    )
    return Ran(
        starts=np.array([metrics["started"] for metrics in ended]) - called,
        ends=np.array([metrics["stopped"] for metrics in ended]) - called,
        nodes=np.array([metrics["node"] for metrics in ended]),
        returned=returned,
    )
