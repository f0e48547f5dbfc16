"""Ray as a sweep starts it: which ports are open to whom, and the token's file."""

from __future__ import annotations

import ipaddress
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from balancing.errors import UserError

# Starts Ray, prints the listening addresses of this process and all beneath it, then the token's and a new file's mode.
_LISTENING = """
import os, stat, time
from pathlib import Path
import psutil
from sweep.config.sections import ResourceConfig
from sweep.cluster.session import ray_session
import ray

@ray.remote
def touch(path):
    Path(path).touch()
    return stat.S_IMODE(os.stat(path).st_mode)

def listening():
    me = psutil.Process()
    for process in [me, *me.children(recursive=True)]:
        try:
            for connection in process.net_connections(kind="inet"):
                if connection.status == psutil.CONN_LISTEN:
                    yield connection.laddr.ip, process.name()
        except psutil.Error:
            continue

notes = []
with ray_session(ResourceConfig(), say=notes.append) as dashboard:
    print("mode", oct(ray.get(touch.remote(os.environ["HOME"] + "/of-a-worker"))))
    for _ in range(120):  # the agent comes last
        found = sorted(set(listening()))
        if {"gcs_server", "raylet", "ray::DashboardAgent", "ray::RuntimeEnvAgent"} <= {name for _, name in found}:
            break
        time.sleep(0.5)
    session = Path(ray._private.worker._global_node.get_session_dir_path())
    print("folder", oct(stat.S_IMODE(session.parents[1].stat().st_mode)))
    print("notes", notes)
    print("nodes", [node["NodeManagerAddress"] for node in ray.nodes()])
    for ip, name in found:
        print("listens", ip, name)
"""


def test_all_of_a_local_ray_listens_on_this_machine_alone_and_its_token_is_private(tmp_path: Path) -> None:
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("RAY_AUTH", "RAY_TMPDIR"))} | {
        "HOME": str(tmp_path)
    }
    done = subprocess.run(
        [sys.executable, "-c", f"import os\nos.umask(0o022)\n{_LISTENING}"],
        env=environment, capture_output=True, text=True, timeout=240, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    lines = done.stdout.splitlines()
    sockets = [line.split()[1:] for line in lines if line.startswith("listens")]
    assert {"gcs_server", "raylet", "ray::DashboardAgent", "ray::RuntimeEnvAgent"} <= {name for _, name in sockets}
    for ip, name in sockets:
        address = ipaddress.ip_address(ip)
        address = getattr(address, "ipv4_mapped", None) or address
        assert address.is_loopback, f"{name} listens on {ip}"
    assert "nodes ['127.0.0.1']" in lines
    assert "notes []" in lines
    token = tmp_path / ".ray" / "auth_token"
    assert token.stat().st_mode & 0o777 == 0o600
    assert token.parent.stat().st_mode & 0o777 == 0o700
    assert "folder 0o700" in lines, "others cannot put sockets into Ray's folders"
    assert "mode 0o644" in lines, "the user's umask holds for what workers write"


def test_a_cluster_can_be_joined_after_a_local_ray_in_one_process() -> None:
    from ray._private import ray_constants

    from sweep.cluster.session import _on_loopback

    before = ray_constants.ENABLE_RAY_CLUSTER
    with _on_loopback():
        assert not ray_constants.ENABLE_RAY_CLUSTER
    assert before == ray_constants.ENABLE_RAY_CLUSTER


def test_a_ray_that_does_not_come_up_is_a_sentence(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    # What Ray raises where its raylet is killed while it starts; benchmarks/chaos.py found it.
    import ray

    from sweep.cluster.session import ray_session
    from sweep.config.sections import ResourceConfig

    def fails(**options: Any) -> None:
        raise Exception("The current node timed out during startup. This could happen because ...\nmore")

    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(ray, "init", fails)
    sentence = r"Ray did not start on this machine \(The current node timed out.*resume"
    with pytest.raises(UserError, match=sentence), ray_session(ResourceConfig()):
        raise AssertionError("it never began")
