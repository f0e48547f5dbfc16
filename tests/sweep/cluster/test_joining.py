"""Ray as a sweep starts or joins it: its nodes, its dashboard, what a trial may ask for."""

from __future__ import annotations

import json
import urllib.error
from collections.abc import Iterator
from pathlib import Path

import pytest

from balancing.errors import UserError
from sweep.config.sections import ResourceConfig
from tests.sweep.cluster.sweeping import RAYS_WARNINGS, answers, call, fetch, numbers, wait_for

pytestmark = RAYS_WARNINGS


def test_a_sweep_on_a_two_node_cluster_through_its_address(
    undisturbed: tuple[Path, str], tiny: Path, tmp_path: Path
) -> None:
    cluster_utils = pytest.importorskip("ray.cluster_utils")
    cluster = cluster_utils.Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    try:
        cluster.add_node(num_cpus=1)
        cluster.wait_for_nodes()
        folder = tmp_path / "cluster"
        output = call("run", tiny, "--out", folder, "--address", cluster.address)
        assert "2 at once" in output
        assert numbers(folder) == numbers(undisturbed[0])
    finally:
        cluster.shutdown()


@pytest.mark.parametrize(
    ("address", "sentence"),
    [
        ("127.0.0.1:1", "no Ray cluster answers at --address 127.0.0.1:1"),
        ("nonsense", "--address must be 'auto' or HOST:PORT"),
        ("ray://127.0.0.1:10001", "ray job submit"),
    ],
)
def test_no_ray_at_the_address(address: str, sentence: str) -> None:
    from sweep.cluster.session import ray_session

    with pytest.raises(UserError, match=sentence), ray_session(ResourceConfig(address=address)):
        pass


@pytest.fixture(scope="module")
def session() -> Iterator[str]:
    """The dashboard's address; from here on this process has a Ray of its own, and joins no other."""
    from sweep.cluster.session import ray_session

    with ray_session(ResourceConfig(gpus_per_trial=None)) as dashboard:
        yield dashboard


def test_the_dashboard_listens_on_this_machine_and_wants_the_token(session: str) -> None:
    assert session.startswith("http://127.0.0.1:")
    wait_for(lambda: answers(session))
    with pytest.raises(urllib.error.HTTPError) as refused:
        fetch(f"{session}/api/cluster_status")
    assert refused.value.code in (401, 403)
    token = (Path.home() / ".ray" / "auth_token").read_text().strip()
    assert json.loads(fetch(f"{session}/api/cluster_status", token))["result"] is True


@pytest.mark.parametrize(("asked", "name"), [({"gpus_per_trial": 64.0}, "GPUs"), ({"cpus_per_trial": 4096.0}, "CPUs")])
def test_asking_for_more_than_any_node_has(session: str, asked: dict, name: str) -> None:
    from sweep.cluster.session import fit_slots

    with pytest.raises(UserError, match=f"asks for more {name} than any node has"):
        fit_slots(ResourceConfig(**asked))
    assert fit_slots(ResourceConfig(**asked, autoscaling=True)).concurrent == 0
