"""Ray itself: joining a cluster or starting one here, and what a trial gets of it."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

# Ours are the records and the progress; Ctrl-C is ours too. Read by Ray when it is imported or starts.
os.environ.setdefault("TUNE_DISABLE_AUTO_CALLBACK_LOGGERS", "1")
os.environ.setdefault("TUNE_DISABLE_SIGINT_HANDLER", "1")
os.environ.setdefault("TUNE_DISABLE_STRICT_METRIC_CHECKING", "1")
os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
os.environ.setdefault("RAY_AIR_NEW_OUTPUT", "0")
# Of local workers: a thread of each trial would else keep a heap of its own (see sweep.training.hardware).
os.environ.setdefault("MALLOC_ARENA_MAX", "1")

import ray
from ray._private import ray_constants

from balancing.cpus import usable_cpus
from balancing.errors import UserError
from sweep.cluster import ray_token
from sweep.cluster.address import check_address, no_ray
from sweep.cluster.ray_folder import private_folder
from sweep.runs.observer import Observer, tell

if TYPE_CHECKING:
    from sweep.config.sections import ResourceConfig
    from sweep.runs.interrupts import Interrupts

_LOOPBACK = "127.0.0.1"


@dataclass(frozen=True)
class Slots:
    """What one trial gets, and how many run at once."""

    cpus: float
    gpus: float
    concurrent: int


@contextmanager
def ray_session(
    resources: ResourceConfig, *, verbose: bool = False, say: Callable[[str], None] = lambda note: None
) -> Iterator[str]:
    """Joins the cluster at ``resources.address``, or starts Ray here, for this machine alone.

    Args:
        say: told what a person must know, such as that the token lay open.
    Yields:
        The dashboard's address, or "" where there is none.
    Raises:
        UserError: no Ray at the address, Ray does not start here, or no place for Ray's token or files.
    """
    for note in ray_token.make_private(create=not resources.address):
        say(note)
    common: dict[str, Any] = {
        "log_to_driver": verbose,
        "logging_level": logging.INFO if verbose else logging.ERROR,
        "configure_logging": True,
    }
    if resources.address:
        check_address(resources.address)
        try:
            context = ray.init(address=resources.address, **common)
        except (ConnectionError, RuntimeError, ValueError, TimeoutError) as error:
            raise no_ray(resources.address, str(error).strip().splitlines()[0]) from error
    else:
        folder = private_folder()
        try:
            with _on_loopback():
                context = ray.init(
                    address="local",
                    num_cpus=usable_cpus(),
                    include_dashboard=True,
                    dashboard_host=_LOOPBACK,
                    _temp_dir=folder,
                    **common,
                )
        except Exception as error:  # Ray raises a bare one where a process of its own does not come up
            ray.shutdown()
            reason = (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
            raise UserError(
                f"Ray did not start on this machine ({reason}); look for what holds it up (memory, a full /tmp, a "
                "limit on processes), then start once more: a run that was made goes on by `sweep resume RUN`"
            ) from error
        address = ray.util.get_node_ip_address()
        if address != _LOOPBACK:
            say(
                f"Ray {ray.__version__} listens on {address} too, not on {_LOOPBACK} alone: "
                "who else is in this network needs Ray's token and nothing more."
            )
    if not verbose:
        # What a trial failed by stands in its folder and in the progress; Tune would print it amidst these.
        logging.getLogger("ray.tune").setLevel(logging.CRITICAL)
    try:
        url = context.dashboard_url
        yield f"http://{url}" if url else ""
    finally:
        ray.shutdown()


@contextmanager
def kept_session(resources: ResourceConfig, observer: Observer, interrupts: Interrupts) -> Iterator[str]:
    """A Ray for one sweep, or for several one after the other; yields the dashboard's address, or "".

    Args:
        observer: told what a person must know.
        interrupts: entered; Ray puts in its own handlers of signals, which are put back.
    Raises:
        UserError: as ``ray_session``.
    """
    with ExitStack() as stack:
        with interrupts.kept():
            session = ray_session(resources, verbose=observer.verbose, say=partial(tell, observer.note))
            dashboard = stack.enter_context(session)
        interrupts.install()
        yield dashboard


@contextmanager
def _on_loopback() -> Iterator[None]:
    """Ray that starts herein opens its ports on 127.0.0.1 alone.

    No option asks for that (127.0.0.1 as ``_node_ip_address`` is replaced by the machine's own), but Ray does so where
    it takes clusters for impossible, as on macOS. This switch is what it looks at.
    """
    clusters = getattr(ray_constants, "ENABLE_RAY_CLUSTER", None)
    ray_constants.ENABLE_RAY_CLUSTER = False
    try:
        yield
    finally:
        if clusters is not None:
            ray_constants.ENABLE_RAY_CLUSTER = clusters


def alive_nodes() -> list[dict[str, float]]:
    """The resources of each node that is there."""
    return [node["Resources"] for node in ray.nodes() if node["Alive"]]


def fit_slots(resources: ResourceConfig) -> Slots:
    """What a trial gets on the Ray that is running, and how many fit at once.

    Raises:
        UserError: a trial asks for more than any node has.
    """
    nodes = alive_nodes()
    most_gpus = max((node.get("GPU", 0) for node in nodes), default=0)
    most_cpus = max((node.get("CPU", 0) for node in nodes), default=0)
    gpus = resources.gpus_per_trial if resources.gpus_per_trial is not None else float(most_gpus > 0)
    cpus = resources.cpus_per_trial if resources.cpus_per_trial is not None else 1.0
    if not resources.autoscaling:
        for name, option, asked, there in (("GPUs", "gpus", gpus, most_gpus), ("CPUs", "cpus", cpus, most_cpus)):
            if asked > there:
                raise UserError(
                    f"--{option}-per-trial {asked:g} asks for more {name} than any node has ({there:g}); ask for at "
                    f"most {there:g}, or, where nodes join on demand, add --set resources.autoscaling=true"
                )
    fitting = sum(
        int(min(node.get("CPU", 0) // cpus, node.get("GPU", 0) // gpus if gpus else np.inf)) for node in nodes
    )
    concurrent = max(1, fitting)
    if resources.max_concurrent is not None:
        concurrent = resources.max_concurrent if resources.autoscaling else min(concurrent, resources.max_concurrent)
    elif resources.autoscaling:
        concurrent = 0  # no limit: the autoscaler adds nodes for what waits
    return Slots(cpus, gpus, concurrent)
