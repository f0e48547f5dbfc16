"""One Ray for several sweeps, which join it by ``--address``: starting Ray costs more than a tiny sweep."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

# A process of its own: Ray warns on import and leaves sockets to the garbage collector.
_HOLDS = """
import sys
from sweep.cluster import ray_token, session
from ray.cluster_utils import Cluster

ray_token.make_private(create=True)
held = Cluster(initialize_head=True, head_node_args={"num_cpus": int(sys.argv[1]), "include_dashboard": False})
print("address", held.address, flush=True)
sys.stdin.read()
held.shutdown()
"""


@contextmanager
def held_ray(cpus: int, environment: Mapping[str, str] | None = None) -> Iterator[str]:
    """The address of a Ray that lives within the block, without a dashboard.

    Args:
        environment: variables of its workers, besides those of this process.
    """
    with subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", _HOLDS, str(cpus)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, **(environment or {})},
    ) as process:
        try:
            assert process.stdout is not None
            yield next(line.split()[1] for line in process.stdout if line.startswith("address "))
        finally:
            process.communicate()  # whose end of input ends it
