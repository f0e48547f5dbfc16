"""cluster.yaml keeps what docs/cluster.md promises, by Ray's own schema and validator; no cloud is asked.

The commands and manifests of docs/cluster.md are parsed too, by the command lines they call.
"""

from __future__ import annotations

import copy
import json
import re
import shlex
import subprocess
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / "cluster.yaml").read_text(encoding="utf-8")
DOCS = (ROOT / "docs" / "cluster.md").read_text(encoding="utf-8")
IMAGE = re.compile(r"^(?P<name>[\w./-]+):(?P<ray>\d+\.\d+\.\d+)-(?P<python>py3\d+)-(?P<variant>cpu|gpu)$")
PLACEHOLDER = re.compile(r"\b\w+-FILL_IN\b")


@pytest.fixture
def cluster() -> dict[str, Any]:
    """As the file is written."""
    return yaml.safe_load(TEXT)


def prepared(config: dict[str, Any]) -> dict[str, Any]:
    """As `ray up` sees it: Ray's defaults filled in, then validated. Raises what Ray raises."""
    from ray.autoscaler._private.util import prepare_config, validate_config

    result = prepare_config(copy.deepcopy(config))
    validate_config(result)
    return result


def head_and_worker(cluster: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    types = dict(cluster["available_node_types"])
    head = types.pop(cluster["head_node_type"])
    (worker,) = types.values()
    return head, worker


def pin(package: str) -> str:
    """The tested version, from constraints.txt."""
    found = re.search(rf"^{package}==(\S+)$", (ROOT / "constraints.txt").read_text(), flags=re.MULTILINE)
    assert found, f"constraints.txt does not pin {package}"
    return found[1]


def blocks(language: str) -> list[str]:
    """The code blocks of docs/cluster.md in that language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", DOCS, flags=re.MULTILINE | re.DOTALL)


def commands(program: str) -> list[list[str]]:
    """Every call of ``program`` in the bash blocks and the manifest, as arguments; shell variables stand as 4."""
    texts = [*blocks("bash"), "\n".join(yaml.safe_load(text)["spec"]["entrypoint"] for text in blocks("yaml"))]
    found = []
    for line in "\n".join(texts).replace("\\\n", " ").splitlines():
        if line.startswith(("#", "FROM", "COPY", "RUN")) or f"{program} " not in line:
            continue
        for part in re.split(r" && ", line):
            words = shlex.split(re.sub(r"\$\w+", "4", part), comments=True)
            words = words[: words.index(">")] if ">" in words else words
            if program in words:
                found.append(words[words.index(program) + 1 :])
    return found


def test_rays_schema_accepts_the_file(cluster: dict[str, Any]) -> None:
    import ray.autoscaler

    schema = json.loads((Path(ray.autoscaler.__file__).parent / "ray-schema.json").read_text())
    jsonschema.validate(cluster, schema)


def test_rays_validator_accepts_the_file_and_its_defaults_change_nothing(cluster: dict[str, Any]) -> None:
    ready = prepared(cluster)
    for key, value in cluster.items():
        if key in ("head_setup_commands", "worker_setup_commands"):
            value = cluster["setup_commands"] + value  # Ray runs them after the common ones
        assert ready[key] == value, key


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"provider": {"type": "awss", "region": "us-west-2"}}, NotImplementedError),
        ({"head_node_type": "haed"}, ValueError),
        ({"idle_timeout_minute": 5}, jsonschema.ValidationError),
        ({"max_workers": "eight"}, jsonschema.ValidationError),
        ({"setup_commands": ["ok", 5]}, jsonschema.ValidationError),
    ],
)
def test_a_wrong_file_is_refused(cluster: dict[str, Any], change: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        prepared({**cluster, **change})


def test_the_head_runs_no_trials(cluster: dict[str, Any]) -> None:
    head, _ = head_and_worker(cluster)
    assert head["resources"]["CPU"] == 0
    assert head["resources"]["GPU"] == 0
    assert head["max_workers"] == 0
    assert "InstanceMarketOptions" not in head["node_config"], "a spot head would take the sweep with it"


def test_workers_are_spot_machines_with_a_gpu_that_come_and_go(cluster: dict[str, Any]) -> None:
    _, worker = head_and_worker(cluster)
    assert worker["node_config"]["InstanceMarketOptions"]["MarketType"] == "spot"
    assert re.match(r"g\d+", worker["node_config"]["InstanceType"])
    assert worker["resources"]["GPU"] >= 1
    assert worker["min_workers"] == 0
    assert 0 < worker["max_workers"] <= cluster["max_workers"]
    assert cluster["idle_timeout_minutes"] == 5
    assert cluster["provider"]["cache_stopped_nodes"] is False


def test_every_node_has_the_tested_ray_and_one_python(cluster: dict[str, Any]) -> None:
    images = {kind: IMAGE.match(cluster["docker"][f"{kind}_image"]) for kind in ("head", "worker")}
    for kind, image in images.items():
        assert image, f"{kind}_image must name Ray's version, Python's, and cpu or gpu"
        assert image["ray"] == pin("ray")
    head, worker = images["head"], images["worker"]
    assert head
    assert worker
    assert head["name"] == worker["name"]
    assert head["python"] == worker["python"] == "py311"
    assert (head["variant"], worker["variant"]) == ("cpu", "gpu")


def test_setup_installs_this_package_under_the_constraints_and_no_nightly_ray(cluster: dict[str, Any]) -> None:
    install = cluster["setup_commands"][0]
    (folder,) = (remote for remote, local in cluster["file_mounts"].items() if local == "dist/cluster")
    assert f"-c {folder}/constraints.txt" in install
    assert f"{folder}/*.whl" in install
    ready = prepared(cluster)
    everything = json.dumps([ready[key] for key in ready if key.endswith("commands")])
    assert "ray-wheels" not in everything
    del cluster["setup_commands"]
    assert "ray-wheels" in json.dumps(prepared(cluster)["setup_commands"]), "Ray's default is what the file avoids"


def test_the_dashboard_listens_on_the_head_alone_and_asks_for_the_token(cluster: dict[str, Any]) -> None:
    (start,) = (command for command in cluster["head_start_ray_commands"] if "ray start" in command)
    assert "--head" in start
    assert "--dashboard-host=127.0.0.1" in start
    assert "--autoscaling-config=~/ray_bootstrap_config.yaml" in start
    assert "0.0.0.0" not in json.dumps(prepared(cluster))
    assert "-e RAY_AUTH_MODE=token" in cluster["docker"]["run_options"]
    assert cluster["file_mounts"]["~/.ray/auth_token"] == "~/.ray/auth_token"
    assert any("ray start --address=$RAY_HEAD_IP:6379" in command for command in cluster["worker_start_ray_commands"])


def test_the_token_is_made_for_its_owner_alone_wherever_it_is_made() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    made = [line for line in (DOCS + readme).splitlines() if "ray get-auth-token --generate" in line]
    assert len(made) == 3
    assert all("(umask 077 && ray get-auth-token --generate > /dev/null)" in line for line in made)


def test_no_recipe_reports_its_use(cluster: dict[str, Any]) -> None:
    assert "-e RAY_USAGE_STATS_ENABLED=0" in " ".join(cluster["docker"]["run_options"])
    (start,) = (command for command in cluster["head_start_ray_commands"] if "ray start" in command)
    assert "--disable-usage-stats" in start
    (launcher,) = (block for block in blocks("bash") if "ray get-auth-token" in block)
    (slurm,) = (block for block in blocks("bash") if "#SBATCH" in block)
    for script in (launcher, slurm):
        assert re.search(r"^export (\S+ )*RAY_USAGE_STATS_ENABLED=0\b", script, flags=re.MULTILINE)
    (manifest,) = blocks("yaml")
    spec = yaml.safe_load(manifest)["spec"]["rayClusterSpec"]
    for group in (spec["headGroupSpec"], *spec["workerGroupSpecs"]):
        (container,) = group["template"]["spec"]["containers"]
        assert {"name": "RAY_USAGE_STATS_ENABLED", "value": "0"} in container["env"]


def test_the_shared_folder_is_mounted_on_every_node_in_its_region_and_reaches_the_container(
    cluster: dict[str, Any],
) -> None:
    (mount,) = (command for command in cluster["initialization_commands"] if "mount -t nfs4" in command)
    assert f".efs.{cluster['provider']['region']}.amazonaws.com:/ /shared" in mount
    assert "-v /shared:/shared" in cluster["docker"]["run_options"]
    assert not any("initialization_commands" in node for node in cluster["available_node_types"].values())
    for words in commands("sweep"):
        run = words[words.index("--out") + 1] if "--out" in words else words[1]
        assert run.startswith("/shared/"), words
    assert "BALANCING_ACT_CACHE" not in json.dumps(cluster)


def test_the_shell_understands_every_command(cluster: dict[str, Any]) -> None:
    lines = [line for key in cluster if key.endswith("commands") for line in cluster[key]]
    for line in [*lines, *blocks("bash")]:
        checked = subprocess.run(["bash", "-n"], input=line, text=True, capture_output=True, check=False)
        assert checked.returncode == 0, f"{line}: {checked.stderr}"


def test_it_holds_no_secret(cluster: dict[str, Any]) -> None:
    assert not re.search(r"\b(AKIA|ASIA)[A-Z0-9]{12,}", TEXT + DOCS)
    assert "PRIVATE KEY" not in TEXT + DOCS
    assert not re.search(r"(?i)(RAY_AUTH_TOKEN|aws_secret_access_key|aws_session_token|password)\s*[=:]", TEXT + DOCS)
    assert not re.search(r"\b[0-9a-f]{32,}\b", TEXT + DOCS), "looks like a token"
    assert set(cluster["auth"]) == {"ssh_user"}


def test_every_placeholder_is_in_the_docs_and_the_documented_line_fills_it() -> None:
    found = set(PLACEHOLDER.findall(TEXT))
    assert found == {"fs-FILL_IN", "ami-FILL_IN"}
    table = set(re.findall(r"^\| `(\S+?)` \|", DOCS, flags=re.MULTILINE))
    assert found == table
    (line,) = (line for line in "\n".join(blocks("bash")).splitlines() if line.startswith("sed "))
    filled = TEXT
    for old, new in re.findall(r"s/([^/]+)/([^/]+)/", line):
        filled = filled.replace(old, new)
    assert not PLACEHOLDER.search(filled)
    prepared(yaml.safe_load(filled))


def test_the_documented_ray_commands_exist_with_these_options() -> None:
    import click
    from ray.scripts.scripts import cli

    names = set()
    for words in commands("ray"):
        command: click.Command = cli
        arguments = list(words)
        context = click.Context(cli)
        path = []
        while isinstance(command, click.Group):
            path.append(arguments.pop(0))
            found = command.get_command(context, path[-1])
            assert found, f"there is no `ray {' '.join(path)}`"
            command = found
        parsed = command.make_context(path[-1], list(arguments))
        if path == ["symmetric-run"]:
            own, rest = {"--address", "--min-nodes"}, arguments[: arguments.index("--")]
            others = [word for i, word in enumerate(rest) if word not in own and (i == 0 or rest[i - 1] not in own)]
            start = cli.get_command(context, "start")
            assert start
            start.make_context("start", others)
            assert parsed.params["min_nodes"] == 4
        names.add(" ".join(path))
    assert {"up", "job submit", "job logs", "dashboard", "exec", "rsync-down", "down", "symmetric-run"} <= names


def test_the_documented_sweeps_are_valid_and_fit_on_a_worker(cluster: dict[str, Any]) -> None:
    import typer.main

    from sweep.cli.main import app
    from sweep.config.config import build_config, parse_assignment, read_file

    _, worker = head_and_worker(cluster)
    group = typer.main.get_command(app)
    seen = []
    for words in commands("sweep"):
        name, *arguments = words
        found = group.commands[name].make_context(name, arguments).params
        assert found["address"] == "auto"
        seen.append(name)
        if name != "run":
            continue
        options = {f"resources.{key}": found[key] for key in ("address", "gpus_per_trial", "cpus_per_trial")}
        config = build_config(read_file(found["preset"]), options | dict(map(parse_assignment, found["sets"] or [])))
        assert config.resources.gpus_per_trial
        assert config.resources.gpus_per_trial <= worker["resources"]["GPU"]
        if config.resources.autoscaling and not found["resume"]:  # the one on AWS
            assert config.resources.cpus_per_trial
            assert config.resources.cpus_per_trial <= worker["resources"]["CPU"]
    assert sorted(seen) == ["resume", "run", "run", "run"]


def test_the_kuberay_manifest_is_complete() -> None:
    (text,) = blocks("yaml")
    job = yaml.safe_load(text)
    assert (job["apiVersion"], job["kind"]) == ("ray.io/v1", "RayJob")
    spec = job["spec"]["rayClusterSpec"]
    assert spec["rayVersion"] == pin("ray")
    assert spec["authOptions"] == {"mode": "token"}
    assert spec["enableInTreeAutoscaling"] is True
    head, (worker,) = spec["headGroupSpec"], spec["workerGroupSpecs"]
    assert head["rayStartParams"]["num-cpus"] == "0"
    assert worker["minReplicas"] == 0 < worker["maxReplicas"]
    images = set()
    for group in (head, worker):
        pod = group["template"]["spec"]
        (container,) = pod["containers"]
        images.add(container["image"])
        volumes = {volume["name"]: volume for volume in pod["volumes"]}
        mounts = {mount["mountPath"]: volumes[mount["name"]] for mount in container["volumeMounts"]}
        assert "persistentVolumeClaim" in mounts["/shared"]
    assert len(images) == 1, "one image has one Ray and one Python"
    limits = worker["template"]["spec"]["containers"][0]["resources"]["limits"]
    assert limits["nvidia.com/gpu"] == 1
    assert f"--cpus-per-trial {limits['cpu']} " in job["spec"]["entrypoint"] + " "
    (image,) = images
    assert f"docker push {image}" in DOCS, "the manifest's image is the one that the page builds"
