"""What a loss, a mixer, a schedule or an optimizer's step adds to an epoch's training with cross-entropy.

Part of ``python -m benchmarks.throughput --parts steps``. Plain epochs and the technique's stand in turn in one
process, on the same rows; on a CPU its own seconds are counted, so that what else runs there matters less.

Convolutions are most of a step, and vary by more than a loss or a mixer takes. So what one of those adds is measured
with a network whose body only averages, and set against a plain epoch of the whole network. What steps in its own way,
or trains the head alone for a while, is measured with the whole network.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch

from balancing.components.groups import cost, expand
from balancing.components.techniques import get_technique
from benchmarks.bare_step import BATCH, images_and_split, timed
from benchmarks.common import in_fresh_process, show
from sweep.runs.spec import TrialSpec
from sweep.training.epoch import train_epoch
from sweep.training.hardware import keep_freed_memory, on_device
from sweep.training.inputs import SplitImages
from sweep.training.method import Method, method_of
from sweep.training.network import ResNet18, new_model, to_device
from sweep.training.optimizer import new_optimizer

GROUPS = ("losses", "mixers", "schedules", "optimizers")
# Compositions that the groups lack, since a part of them can't be alone.
BESIDES = ("deep_auc", "ldam_drw", "decoupled_smote")
# Epochs without a body for each with one: they take a hundredth of its time.
_LIGHT = 10


def names() -> list[str]:
    """The techniques of the table."""
    return [name for name in dict.fromkeys((*expand(GROUPS), *BESIDES)) if name != "baseline"]


class Averages(ResNet18):
    """A network whose body costs next to nothing: means of parts of the image in place of convolutions."""

    def features(self, images: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.adaptive_avg_pool2d(images, (19, 9)).flatten(1)[:, : self.fc.in_features]


@dataclass(frozen=True)
class Setting:
    """What all epochs have in common."""

    size: int
    images: SplitImages
    device: torch.device
    precision: str

    def method(self, technique: str) -> Method:
        return method_of(self.spec(technique), self.images)

    def spec(self, technique: str) -> TrialSpec:
        return TrialSpec(
            technique, lr=1e-4, epochs=1, seed=0, image_size=self.size, batch_size=BATCH, precision=self.precision,
            budget="steps", parameters=get_technique(technique).complete({}),
        )  # fmt: skip

    def epoch(self, technique: str, *, whole: bool) -> Callable[[], float]:
        """Trains an epoch anew at each call, and returns its seconds; with the whole network or without its body."""
        spec, method, n_classes = self.spec(technique), self.method(technique), len(self.images.class_names)
        pixels = on_device(self.images.pixels, self.device)
        made = new_model(n_classes, 0, head=method.head) if whole else Averages(n_classes, head=method.head)
        network = to_device(made, spec, self.device)
        optimizer = new_optimizer(network, spec.lr, spec.weight_decay, method.module(), spec.optimizer)

        def trained() -> float:
            began = time.process_time()
            wall = timed(self.device, lambda: train_epoch(network, optimizer, pixels, method, spec, 1, self.device))
            return time.process_time() - began if self.device.type == "cpu" else wall

        trained()  # plans are made, kernels chosen
        return trained

    def adds_to_a_pass(self, technique: str) -> bool:
        """Whether its steps are plain ones of the whole network, but for what it adds."""
        parts = self.method(technique).parts(1)
        return all(part.step is None and part.phase.trained == "all" for part in parts)


def in_turn(plain: Callable[[], float], own: Callable[[], float], repeats: int) -> tuple[float, float]:
    """Medians of an epoch's seconds beyond a plain one's, and over them; plain before and after each."""
    before, beyond, over = plain(), [], []
    for _ in range(repeats):
        mine, after = own(), plain()
        beyond.append(mine - (before + after) / 2)
        over.append(2 * mine / (before + after))
        before = after
    return statistics.median(beyond), statistics.median(over)


def step_costs(size: int, rows: int, device_name: str, precision: str, repeats: int) -> dict[str, float]:
    """In a process of its own: each technique's epoch over the plain one's, medians over the repeats.

    Returns:
        technique -> ratio, and ``baseline``: plain epochs over plain ones, which is the measurement's own error.
    """
    device = torch.device(device_name)
    torch.set_num_threads(1)
    keep_freed_memory()
    images, _ = images_and_split(size, rows)
    setting = Setting(size, images, device, precision)
    plain, light = setting.epoch("baseline", whole=True), setting.epoch("baseline", whole=False)
    whole = statistics.median(plain() for _ in range(2 * repeats + 1))
    found = {}
    for name in ("baseline", *names()):
        if setting.adds_to_a_pass(name):
            found[name] = 1 + in_turn(light, setting.epoch(name, whole=False), _LIGHT * repeats)[0] / whole
        else:
            found[name] = in_turn(plain, setting.epoch(name, whole=True), repeats)[1]
    return {**found, "seconds": 0.0}


def steps_table(size: int, rows: int, device: str, precision: str, repeats: int) -> None:
    done = in_fresh_process("benchmarks.step_costs", "step_costs", size, rows, device, precision, repeats)
    lines = []
    for name, ratio in done.value.items():
        if name != "seconds":
            technique = get_technique(name)
            lines.append([name, " + ".join(technique.axes) or "none", f"{ratio:.3f} x", f"{cost(technique):g}"])
    show(
        f"An epoch's training over cross-entropy's: {size} px, {precision}, batch {BATCH}, one thread, {device}",
        ["technique", "axis", "measured", "declared"],
        lines,
        [f"{rows:,} training images, default parameters; medians in turn with plain epochs, all in one process. "
         "Seconds of the process on a CPU, of the clock elsewhere. What adds to a pass is measured without the "
         f"network's body, {_LIGHT * repeats} times, and set against a plain epoch; what takes passes of its own "
         f"(optimizers, crt) with it, {repeats} times. The first line is the error of the former."],
    )  # fmt: skip
