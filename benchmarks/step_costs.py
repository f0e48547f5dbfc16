"""What a loss, a mixer, a schedule or an optimizer's step adds to an epoch's training with cross-entropy.

Part of ``python -m benchmarks.throughput --parts steps``. Plain epochs and the technique's stand in turn in one
process, on the same rows; on a CPU its own seconds are counted, so that what else runs there matters less.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import torch

from balancing.components.groups import cost, expand
from balancing.components.techniques import get_technique
from benchmarks.bare_step import BATCH, images_and_split, timed
from benchmarks.common import in_fresh_process, show, times
from sweep.runs.spec import TrialSpec
from sweep.training.epoch import train_epoch
from sweep.training.hardware import keep_freed_memory, on_device
from sweep.training.inputs import SplitImages
from sweep.training.method import method_of
from sweep.training.network import new_model, to_device
from sweep.training.optimizer import new_optimizer

GROUPS = ("losses", "mixers", "schedules", "optimizers")
# Compositions that the groups lack, since a part of them can't be alone.
BESIDES = ("deep_auc", "ldam_drw", "decoupled_smote")


def names() -> list[str]:
    """The techniques of the table."""
    return [name for name in dict.fromkeys((*expand(GROUPS), *BESIDES)) if name != "baseline"]


def _epoch(technique: str, size: int, images: SplitImages, device: torch.device, precision: str) -> Callable[[], float]:
    """Trains an epoch anew at each call, and returns its seconds."""
    spec = TrialSpec(
        technique, lr=1e-4, epochs=1, seed=0, image_size=size, batch_size=BATCH, precision=precision, budget="steps",
        parameters=get_technique(technique).complete({}),
    )  # fmt: skip
    method = method_of(spec, images)
    pixels = on_device(images.pixels, device)
    network = to_device(new_model(len(images.class_names), 0, head=method.head), spec, device)
    optimizer = new_optimizer(network, spec.lr, spec.weight_decay, method.module(), spec.optimizer)

    def trained() -> float:
        began = time.process_time()
        wall = timed(device, lambda: train_epoch(network, optimizer, pixels, method, spec, 1, device))
        return time.process_time() - began if device.type == "cpu" else wall

    trained()  # plans are made, kernels chosen
    return trained


def step_costs(size: int, rows: int, device_name: str, precision: str, repeats: int) -> dict[str, float]:
    """In a process of its own: each technique's epoch over the plain one's, medians over the repeats.

    Returns:
        technique -> ratio, and ``baseline``: plain epochs over plain ones, which is the measurement's own error.
    """
    device = torch.device(device_name)
    torch.set_num_threads(1)
    keep_freed_memory()
    images, _ = images_and_split(size, rows)
    plain = _epoch("baseline", size, images, device, precision)
    found, before = {}, plain()
    for name in ("baseline", *names()):
        own, ratios = _epoch(name, size, images, device, precision), []
        for _ in range(repeats):
            # Plain before and after, so that a machine that slows down meanwhile favours neither.
            mine, after = own(), plain()
            ratios.append(2 * mine / (before + after))
            before = after
        found[name] = statistics.median(ratios)
    return {**found, "seconds": 0.0}


def steps_table(size: int, rows: int, device: str, precision: str, repeats: int) -> None:
    done = in_fresh_process("benchmarks.step_costs", "step_costs", size, rows, device, precision, repeats)
    lines = []
    for name, ratio in done.value.items():
        if name != "seconds":
            technique = get_technique(name)
            lines.append([name, " + ".join(technique.axes) or "none", times(ratio), f"{cost(technique):g}"])
    show(
        f"An epoch's training over cross-entropy's: {size} px, {precision}, batch {BATCH}, one thread, {device}",
        ["technique", "axis", "measured", "declared"],
        lines,
        [f"{rows:,} training images, default parameters; medians of {repeats} in turn with plain epochs, all in "
         "one process. Seconds of the process on a CPU, of the clock elsewhere. The first line is the error."],
    )  # fmt: skip
