"""What the machine offers: arithmetic by the processor's flags, memory kept, jobs done ahead in order."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from sweep.training.dtype import fast_precision
from sweep.training.hardware import ahead, evaluation_batch, keep_freed_memory, memory_format, on_device
from sweep.training.network import new_model
from sweep.training.optimizer import new_optimizer
from tests.sweep.training.small import make_images

CPU = torch.device("cpu")


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("vendor_id\t: AuthenticAMD\nflags\t\t: fpu sse avx512f avx512_bf16 avx512_vnni", "bfloat16"),
        ("vendor_id\t: GenuineIntel\nflags\t\t: fpu sse avx512f avx512_bf16 avx512_vnni", "float32"),
        ("vendor_id\t: GenuineIntel\nflags\t\t: fpu sse avx512f avx512_bf16 amx_bf16", "bfloat16"),
        ("flags\t\t: fpu sse amx_bf16", "bfloat16"),
        ("Features\t: fp asimd bf16 i8mm", "bfloat16"),
        ("flags\t\t: fpu sse avx2 avx512f", "float32"),
        ("model name\t: avx512_bf16", "float32"),
    ],
)
def test_auto_follows_the_processor(tmp_path: Path, line: str, wanted: str) -> None:
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text(f"processor\t: 0\n{line}\n")
    assert fast_precision("cpu", cpuinfo) == wanted


def test_auto_is_float32_where_nothing_is_known(tmp_path: Path) -> None:
    assert fast_precision("cpu", tmp_path / "missing") == "float32"


@pytest.mark.parametrize(("capability", "wanted"), [((7, 5), "float32"), ((8, 0), "bfloat16"), ((9, 0), "bfloat16")])
def test_auto_follows_the_gpu(capability: tuple[int, int], wanted: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda: capability)
    assert fast_precision("cuda") == wanted


@pytest.mark.parametrize(
    ("size", "precision", "device", "wanted"),
    [
        (64, "float32", "cpu", torch.contiguous_format),
        (96, "float32", "cpu", torch.channels_last),
        (64, "bfloat16", "cpu", torch.channels_last),
        (64, "float32", "cuda", torch.channels_last),
    ],
)
def test_small_images_in_float32_on_a_cpu_keep_the_default_layout(
    size: int, precision: str, device: str, wanted: torch.memory_format
) -> None:
    assert memory_format(size, precision, torch.device(device)) is wanted


def test_evaluation_holds_no_more_than_a_training_step_on_the_cpu() -> None:
    assert [evaluation_batch(size, CPU) for size in (32, 64, 224, 1024)] == [256, 256, 41, 16]
    assert evaluation_batch(224, torch.device("cuda")) == 256


def test_memory_may_be_kept_twice() -> None:
    assert keep_freed_memory() == keep_freed_memory()
    assert torch.ones(1000, 1000).sum() == 1e6


def test_ahead_gives_every_result_in_order_from_another_thread() -> None:
    jobs = [lambda i=i: (i, threading.current_thread().name) for i in range(7)]
    found = list(ahead(jobs, depth=2))
    assert [number for number, _ in found] == list(range(7))
    assert all(name.startswith("ahead") for _, name in found)


def test_ahead_takes_no_more_than_its_depth() -> None:
    taken: list[int] = []

    def jobs() -> object:
        for i in range(50):
            taken.append(i)
            yield lambda i=i: i

    stream = ahead(jobs(), depth=2)  # type: ignore[arg-type]
    assert [next(stream), next(stream)] == [0, 1]
    assert len(taken) <= 4
    stream.close()  # type: ignore[attr-defined]


def test_ahead_raises_where_the_result_would_have_come() -> None:
    def fail() -> int:
        raise OSError("unreadable")

    jobs: list[Callable[[], int]] = [lambda: 1, fail, lambda: 3]
    stream = ahead(jobs)
    assert next(stream) == 1
    with pytest.raises(OSError, match="unreadable"):
        next(stream)


def test_fused_adam_steps_like_the_plain_one() -> None:
    fused, plain = (new_model(2, 0) for _ in range(2))
    optimizers = new_optimizer(fused, 1e-3), torch.optim.Adam(plain.parameters(), lr=1e-3, foreach=False)
    images = torch.randn(4, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    for model in (fused, plain):
        model(images).square().sum().backward()
    for one, other in zip(fused.parameters(), plain.parameters(), strict=True):
        other.grad = one.grad.clone() if one.grad is not None else None
    for _ in range(3):
        for optimizer in optimizers:
            optimizer.step()
    for one, other in zip(fused.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-7)


def test_on_device_copies_nothing_on_the_cpu() -> None:
    pixels = make_images().pixels
    pixels.flags.writeable = False
    tensor = on_device(pixels, CPU)
    assert tensor.data_ptr() == pixels.ctypes.data
    np.testing.assert_array_equal(tensor.numpy(), pixels)
