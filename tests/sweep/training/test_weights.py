"""Starting weights and kept networks: read whole or refused, and never run."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torchvision.models import resnet18, resnet34

from balancing.errors import UserError
from sweep.training.network import load_weights, new_model, restore, save_best

State = dict[str, torch.Tensor]


def same(a: Any, b: Any) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def body(model: nn.Module) -> State:
    return {name: value for name, value in model.state_dict().items() if not name.startswith("fc.")}


@pytest.fixture(scope="module")
def trained() -> State:
    """A state_dict of ResNet18 with a head of 1000 units and no two tensors alike."""
    state = new_model(1000, seed=123).state_dict()
    for number, value in enumerate(state.values()):
        value.add_(number + 1)
    return state


@pytest.fixture
def file(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "weights.pt"
    yield path
    path.unlink(missing_ok=True)  # 45 MB


def test_none_starts_from_nothing() -> None:
    assert load_weights("none") == (None, "none")


def test_starting_weights_fill_all_but_the_head(trained: State, file: Path) -> None:
    torch.save(trained, file)
    start, _ = load_weights(str(file))
    model, again, other = new_model(3, 0, start), new_model(3, 0, start), new_model(3, 1, start)
    assert same(body(model), {n: v for n, v in trained.items() if not n.startswith("fc.")})
    assert same(model.state_dict(), again.state_dict())
    assert same(body(model), body(other))
    assert model.fc.weight.shape == (3, 512)  # type: ignore[union-attr]
    assert not torch.equal(model.fc.weight, other.fc.weight)  # type: ignore[arg-type, union-attr]


def test_training_does_not_change_the_starting_weights(trained: State, file: Path) -> None:
    torch.save(trained, file)
    start, _ = load_weights(str(file))
    assert start is not None
    model = new_model(2, 0, start)
    with torch.no_grad():
        for tensor in model.state_dict().values():
            tensor.zero_()
    assert torch.equal(start["conv1.weight"], trained["conv1.weight"])


@pytest.mark.parametrize(
    "form", ["alone", "state_dict", "model", "module.", "state_dict and module.", "no head", "old"]
)
def test_a_local_checkpoint_comes_in_many_forms(trained: State, file: Path, form: str) -> None:
    state: Any = dict(trained)
    if form == "no head":
        state = {n: v for n, v in state.items() if not n.startswith("fc.")}
    if form == "old":  # before batch normalisation counted its batches
        state = {n: v for n, v in state.items() if "num_batches_tracked" not in n}
    if "module." in form:
        state = {f"module.{n}": v for n, v in state.items()}
    if "state_dict" in form:
        state = {"state_dict": state, "epoch": 5}
    if form == "model":
        state = {"model": state, "optimizer": {"lr": 0.1}}
    torch.save(state, file)
    start, name = load_weights(str(file))
    assert start is not None
    assert name.startswith("sha256:")
    wanted = {n: v for n, v in trained.items() if not n.startswith("fc.")}
    assert set(start) == set(wanted)
    for key in wanted:
        if form == "old" and "num_batches_tracked" in key:
            assert start[key] == 0
        else:
            assert torch.equal(start[key], wanted[key])
    new_model(2, 0, start)


def test_a_checkpoints_name_follows_its_content(file: Path, trained: State, tmp_path: Path) -> None:
    torch.save(trained, file)
    _, name = load_weights(str(file))
    copy = tmp_path / "copy.pt"
    copy.write_bytes(file.read_bytes())
    assert load_weights(str(copy))[1] == name
    torch.save({**trained, "conv1.weight": trained["conv1.weight"] + 1}, copy)
    assert load_weights(str(copy))[1] != name
    copy.unlink()


def refused(path: Path) -> str:
    with pytest.raises(UserError) as caught:
        load_weights(str(path))
    message = str(caught.value)
    assert str(path) in message
    assert "\n" not in message
    return message


def test_wrong_shapes_are_named(trained: State, file: Path) -> None:
    torch.save({**trained, "conv1.weight": torch.zeros(64, 1, 7, 7)}, file)
    message = refused(file)
    assert "conv1.weight is (64, 1, 7, 7), not (64, 3, 7, 7)" in message
    assert "resnet18" in message


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda tensor: tensor * float("nan"), "holds NaN or infinity"),
        (lambda tensor: tensor / 0, "holds NaN or infinity"),
        (lambda tensor: tensor.int(), "holds int32, not fractions"),
        (lambda tensor: tensor.cfloat(), "holds complex64, not fractions"),
        (lambda tensor: tensor.to("meta"), "is no dense tensor with content"),
    ],
)
def test_tensors_that_no_network_can_start_from_are_refused(
    trained: State, file: Path, change: Callable[[torch.Tensor], torch.Tensor], said: str
) -> None:
    torch.save({**trained, "bn1.bias": change(trained["bn1.bias"])}, file)
    assert f"bn1.bias {said}" in refused(file)


def test_sparse_tensors_are_refused(trained: State, file: Path) -> None:
    torch.save({**trained, "conv1.weight": trained["conv1.weight"].to_sparse()}, file)
    assert "conv1.weight is no dense tensor" in (message := refused(file)) or "can't be read safely" in message


def test_half_precision_is_taken(trained: State, file: Path) -> None:
    torch.save({name: value.half() if value.ndim else value for name, value in trained.items()}, file)
    start, _ = load_weights(str(file))
    new_model(2, 0, start)


def test_missing_and_foreign_tensors_are_named(trained: State, file: Path) -> None:
    torch.save({n: v for n, v in trained.items() if n != "layer1.0.conv1.weight"}, file)
    assert "layer1.0.conv1.weight is missing" in refused(file)
    torch.save({**trained, "classifier.bias": torch.zeros(2)}, file)
    assert "classifier.bias is not of ResNet18" in refused(file)


def test_another_models_checkpoint_is_refused(file: Path) -> None:
    torch.save(resnet34(weights=None).state_dict(), file)
    message = refused(file)
    assert "another model" in message
    assert "layer1.2.conv1.weight is not of ResNet18" in message
    assert "more" in message  # three are named, the rest counted


@pytest.mark.parametrize("value", [5, {}, {"state_dict": {"epoch": 3}}, {1: torch.zeros(2)}, [torch.zeros(2)]])
def test_a_checkpoint_without_a_state_dict_is_refused(value: Any, file: Path) -> None:
    torch.save(value, file)
    assert "torchvision's resnet18" in (message := refused(file)) or "torch.save(model.state_dict(), FILE)" in message


def damaged_files() -> dict[str, bytes]:
    import io

    buffer = io.BytesIO()
    torch.save({"conv1.weight": torch.zeros(4)}, buffer)
    whole = buffer.getvalue()
    rng = np.random.default_rng(0)
    files = {
        "empty": b"",
        "text": b"hello, weights",
        "zip": b"PK\x03\x04",
        "png": b"\x89PNG\r\n\x1a\n",
        "half": whole[:300],
    }
    return files | {f"random {i}": rng.bytes(int(rng.integers(1, 200))) for i in range(40)}


def test_damaged_files_are_refused_whatever_they_raise(file: Path) -> None:
    for content in damaged_files().values():
        file.write_bytes(content)
        assert "torch.save(model.state_dict(), FILE)" in refused(file)


class _Trap:
    """Makes a folder when unpickled."""

    def __init__(self, path: str):
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (self.path,)


@pytest.mark.parametrize("zipped", [True, False])
def test_a_checkpoint_with_code_is_refused_and_the_code_does_not_run(
    tmp_path: Path, file: Path, trained: State, zipped: bool
) -> None:
    sprung = tmp_path / "sprung"
    torch.save({**trained, "trap": _Trap(str(sprung))}, file, _use_new_zipfile_serialization=zipped)
    message = refused(file)
    assert "could run code" in message
    assert "weights_only" not in message  # no hint how to run it all the same
    assert not sprung.exists()
    torch.load(file, weights_only=False)  # our own file: the trap is a real one
    assert sprung.exists()


def packed(source: Path, target: Path) -> Path:
    """A copy of a zip file whose members are deflated."""
    with zipfile.ZipFile(source) as archive, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as copy:
        for name in archive.namelist():
            copy.writestr(name, archive.read(name))
    return target


def test_a_packed_checkpoint_is_refused_before_it_is_unpacked(
    trained: State, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.save(dict(trained), file)
    load_weights(str(file))  # as torch.save writes it
    monkeypatch.setattr(torch, "load", lambda *_, **__: pytest.fail("it was unpacked"))
    assert "a packed one could fill the memory" in refused(packed(file, tmp_path / "packed.pt"))


def test_a_packed_network_of_a_run_is_damage(file: Path, tmp_path: Path) -> None:
    save_best(file, new_model(2, 0), class_names=["a", "b"])
    assert restore(file)[1] == {"class_names": ["a", "b"]}
    with pytest.raises(UserError, match="is damaged"):
        restore(packed(file, tmp_path / "packed.pt"))


def test_a_whole_pickled_network_is_refused(file: Path) -> None:
    torch.save(resnet18(weights=None), file)
    assert "torch.save(model.state_dict(), FILE)" in refused(file)


def test_neither_a_name_nor_a_file(tmp_path: Path) -> None:
    for weights in ("imagenett", str(tmp_path / "gone.pt"), str(tmp_path)):
        with pytest.raises(UserError, match="neither 'imagenet', 'none', nor a file") as caught:
            load_weights(weights)
        assert weights in str(caught.value)


def test_a_saved_network_is_restored_whole(file: Path) -> None:
    model = new_model(3, 4).train()
    with torch.no_grad():
        model(torch.rand(4, 3, 32, 32))  # moves the running statistics
    facts = {"epoch": 2, "class_names": ["a", "b", "c"], "positive": None, "spec": {"lr": 0.1, "parameters": {"k": 5}}}
    save_best(file, model, **facts)
    back, found = restore(file)
    assert found == facts
    assert not back.training
    assert same(back.state_dict(), model.state_dict())
    images = torch.rand(2, 3, 32, 32)
    with torch.inference_mode():
        assert torch.equal(back(images), model.eval()(images))


def test_a_checkpoint_that_was_not_kept(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no checkpoint .*best\.pt; only chosen trials keep theirs"):
        restore(tmp_path / "best.pt")


def test_a_start_that_does_not_fit_is_an_error_of_ours() -> None:
    with pytest.raises(ValueError, match="don't fit"):
        new_model(2, 0, {"conv1.weight": torch.zeros(64, 3, 7, 7)})


@pytest.mark.parametrize("kind", ["meta", "complex", "nan"])
def test_weights_that_start_no_network_are_refused(tmp_path: Path, kind: str) -> None:
    state = new_model(2, 0).state_dict()
    first = state["bn1.weight"]
    state["bn1.weight"] = {
        "meta": first.to("meta"),
        "complex": first.to(torch.complex64),
        "nan": first * float("nan"),
    }[kind]
    torch.save(state, tmp_path / "w.pt")
    with pytest.raises(UserError, match=r"no network can start from checkpoint .*bn1\.weight (is|holds) "):
        load_weights(str(tmp_path / "w.pt"))
