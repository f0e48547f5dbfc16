"""ImageNet's weights: checked whole each time, fetched anew where the cache holds something else, never unpickled."""

from __future__ import annotations

import ast
import hashlib
import io
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.error import URLError

import pytest
import torch
from torchvision.models import ResNet18_Weights

from balancing.errors import UserError
from sweep.training.network import load_weights, new_model
from sweep.training.networks import imagenet

ROOT = Path(__file__).parents[3]
State = dict[str, torch.Tensor]
# What read_checked throws away: (name, content made from the true one).
DAMAGED: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda true: b"",
    "torn": lambda true: true[: len(true) // 2],
    "one bit": lambda true: true[:-9] + bytes([true[-9] ^ 1]) + true[-8:],
    "longer": lambda true: true + b"\0",
    "a page": lambda true: b"<html>sign in</html>",
}


@pytest.fixture(scope="module")
def trained() -> State:
    state = new_model(1000, seed=123).state_dict()
    for number, value in enumerate(state.values()):
        value.add_(number + 1)
    return state


@pytest.fixture(scope="module")
def true(trained: State) -> bytes:
    """What stands for torchvision's file."""
    buffer = io.BytesIO()
    torch.save(trained, buffer)
    return buffer.getvalue()


@pytest.fixture
def downloads(true: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The site: serves the true file; what was asked of it."""
    asked: list[str] = []

    def download(url: str, destination: str, hash_prefix: str | None = None, progress: bool = True) -> None:
        asked.append(url)
        assert hash_prefix == imagenet.SHA256
        Path(destination).write_bytes(true)

    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setattr(imagenet, "SHA256", hashlib.sha256(true).hexdigest())
    monkeypatch.setattr("torch.hub.download_url_to_file", download)
    yield asked
    shutil.rmtree(tmp_path / "torch", ignore_errors=True)  # 45 MB


def cache(content: bytes) -> Path:
    path = imagenet.cached_file()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def is_the_true_one(start: Any, trained: State) -> bool:
    body = {name: value for name, value in trained.items() if not name.startswith("fc.")}
    return start.keys() == body.keys() and all(torch.equal(start[name], body[name]) for name in body)


def test_it_is_torchvisions_file_by_its_address_and_its_published_digits() -> None:
    assert ResNet18_Weights.IMAGENET1K_V1.url == imagenet.URL
    assert imagenet.URL.endswith(f"-{imagenet.SHA256[:8]}.pth")
    assert len(imagenet.SHA256) == 64


def test_the_cache_is_used_where_it_holds_the_true_file_and_lies_under_torch_home(
    downloads: list[str], true: bytes, trained: State, tmp_path: Path
) -> None:
    assert cache(true).is_relative_to(tmp_path / "torch")
    start, name = load_weights("imagenet")
    assert name == "imagenet"
    assert is_the_true_one(start, trained)
    assert downloads == []


def test_weights_come_without_their_head_and_are_downloaded_once(downloads: list[str], trained: State) -> None:
    for _ in range(2):
        assert is_the_true_one(load_weights("imagenet")[0], trained)
    assert downloads == [imagenet.URL]


@pytest.mark.parametrize("damage", DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_file_is_fetched_anew_and_that_is_said(
    damage: Callable[[bytes], bytes], downloads: list[str], true: bytes, trained: State
) -> None:
    path = cache(damage(true))
    notes: list[str] = []
    assert is_the_true_one(load_weights("imagenet", notes.append)[0], trained)
    assert (len(downloads), len(notes)) == (1, 1)
    assert str(path) in notes[0]
    assert path.read_bytes() == true


class _Runs:
    """A pickle that makes a file where it is loaded."""

    def __init__(self, path: Path):
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.path),)


def test_a_pickle_in_the_cache_runs_nothing(downloads: list[str], trained: State, tmp_path: Path) -> None:
    torch.save({"conv1.weight": _Runs(tmp_path / "ran")}, cache(b""))
    assert is_the_true_one(load_weights("imagenet")[0], trained)
    assert not (tmp_path / "ran").exists()


def test_a_pickle_with_the_right_hash_runs_nothing_either(
    downloads: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = cache(b"")
    torch.save({"conv1.weight": _Runs(tmp_path / "ran")}, path)
    monkeypatch.setattr(imagenet, "SHA256", hashlib.sha256(path.read_bytes()).hexdigest())
    with pytest.raises(UserError, match="can't be read safely"):
        load_weights("imagenet")
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("cached", [None, b"", b"torn"])
@pytest.mark.parametrize(
    "error", [URLError("no route to host"), TimeoutError("timed out"), RuntimeError("invalid hash value")]
)
def test_out_of_reach_says_where_from_and_what_to_do(
    error: Exception, cached: bytes | None, downloads: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_download(*args: Any, **kwargs: Any) -> None:
        raise error

    monkeypatch.setattr("torch.hub.download_url_to_file", no_download)
    if cached is not None:
        cache(cached)
    with pytest.raises(UserError) as caught:
        load_weights("imagenet")
    message = str(caught.value)
    for part in (imagenet.URL, str(error.args[0]), "--weights FILE", "--weights none"):
        assert part in message
    if cached is not None:
        assert "the cached" in message


def test_a_cache_that_can_not_be_written(downloads: list[str], tmp_path: Path) -> None:
    (tmp_path / "torch").write_text("a file in the way")
    with pytest.raises(UserError, match="could not be downloaded .* --weights none"):
        load_weights("imagenet")


def calls(tree: ast.AST) -> Iterator[tuple[str, ast.Call]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), node


def unpickles(code: str) -> list[str]:
    """What in some code could run a file's contents."""
    tree, found = ast.parse(code), []
    for name, call in calls(tree):
        given = {keyword.arg: ast.unparse(keyword.value) for keyword in call.keywords}
        if name == "torch.load" and given.get("weights_only") != "True":
            found.append(f"line {call.lineno}: torch.load without weights_only=True")
        elif name.rpartition(".")[2] in (
            "get_state_dict", "load_state_dict_from_url", "load_url", "read_pickle", "unsafe_load", "full_load"
        ) or name in ("torch.jit.load", "torch.hub.load", "torch.package.PackageImporter", "yaml.load"):  # fmt: skip
            found.append(f"line {call.lineno}: {name}")
        elif given.get("allow_pickle") == "True" or given.get("weights_only") == "False":
            found.append(f"line {call.lineno}: {name} with a pickle")
        elif name.rpartition(".")[2].startswith("resnet") and given.get("weights", "None") != "None":
            found.append(f"line {call.lineno}: {name} with weights of torchvision's own loading")
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            modules = [node.module or ""] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names]
            names = [alias.name for alias in node.names]
            if isinstance(node, ast.ImportFrom) and node.module == "pickle" and names == ["dumps"]:
                continue  # which writes one, as inputs that must be refused
            found += [
                f"line {node.lineno}: imports {module}"
                for module in modules
                if module.partition(".")[0] in ("pickle", "cloudpickle", "dill", "joblib", "shelve", "marshal")
            ]
            if isinstance(node, ast.ImportFrom) and node.module == "torch" and "load" in names:
                found.append(f"line {node.lineno}: torch.load under another name")
    return found


@pytest.mark.parametrize("folder", ["balancing", "sweep", "benchmarks"])
def test_nothing_is_unpickled_anywhere(folder: str) -> None:
    found = {str(p.relative_to(ROOT)): unpickles(p.read_text()) for p in sorted((ROOT / folder).rglob("*.py"))}
    assert found
    assert {name: lines for name, lines in found.items() if lines} == {}


@pytest.mark.parametrize(
    "code",
    [
        "torch.load(path)",
        "torch.load(path, weights_only=False)",
        "ResNet18_Weights.IMAGENET1K_V1.get_state_dict(progress=False)",
        "resnet18(weights='DEFAULT')",
        "np.load(path, allow_pickle=True)",
        "from torch import load",
        "import pickle",
    ],
)
def test_what_would_be_found(code: str) -> None:
    assert len(unpickles(code)) == 1
