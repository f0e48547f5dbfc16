"""What the `compare` preset takes on larger data and more machines: a small model of pure functions.

A trial's length follows from the rows its technique trains on, its epochs, and a few rates. A sweep's length follows
from its trials' lengths by list scheduling: each slot takes the next trial of the list when it is free, as Ray Tune
does. Which rate is measured and which is assumed, and what comes out: docs/scale.md.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from balancing.components.named import STUDY
from balancing.components.samplers.targets import most_rows, rows_to_add
from sweep.config.config import build_config, read_file
from sweep.planning.space import trial_specs
from sweep.runs.spec import TrialSpec

# Ray's default: this share of a node's memory is its object store.
STORE_SHARE = 0.3
GROWING = ("oversampling", "smote", "borderline_smote")


@dataclass(frozen=True)
class DataSet:
    """The sizes of a two-class image set.

    Args:
        name: for people.
        images: N, all splits.
        class_counts: (negatives, positives) that train.
        validation, test: images.
        image_size: pixels a side; one channel.
    """

    name: str
    images: int
    class_counts: tuple[int, int]
    validation: int
    test: int
    image_size: int = 224

    @property
    def pixel_bytes(self) -> int:
        """Of the decoded cache, which is also what a node's copy takes."""
        return self.images * self.image_size**2

    @property
    def train(self) -> int:
        return sum(self.class_counts)

    @classmethod
    def of_prevalence(cls, name: str, images: int, train: int, validation: int, test: int, share: float) -> DataSet:
        """A set of which the ``share`` (0..1) of positives is known, taken to be equal in all splits."""
        positives = round(train * share)
        return cls(name, images, (train - positives, positives), validation, test)


# As `sweep plan compare` splits it: there is no usable validation split, so 15 % of the training images are held out.
CHEST_XRAYS = DataSet("chest X-rays", 5856, (1147, 3301), 784, 624)
# 1,431 images of 112,120 are labelled pneumonia. The official list holds out the test images alone, so validation is
# 15 % of the 86,524.
NIH = DataSet.of_prevalence("NIH ChestX-ray14", 112_120, 73_545, 12_979, 25_596, 1431 / 112_120)
# Official splits. 7 % of images labelled pneumonia is an assumption.
MIMIC = DataSet.of_prevalence("MIMIC-CXR-JPG", 377_110, 368_960, 2_991, 5_159, 0.07)


@dataclass(frozen=True)
class Constants:
    """Rates and prices of one kind of machine. docs/scale.md says which are measured.

    Args:
        images_per_second: training, one slot (a GPU, or a CPU core).
        validation_share: what predicting an image costs, as a share of training on it.
        epoch_seconds: an epoch's records, events and report.
        trial_seconds: between the end of a trial and the start of the next one on the same worker.
        startup_seconds: from the start of the tuner to the first trial's first step.
        ramp_seconds: how much later each further slot starts.
        neighbour_flops: operations (2 a product of two pixels) a second of the neighbour search, all cores of a slot.
        upload_bytes_per_second: cache or object store to the device; infinite where the device is the CPU.
        decode_per_second: images, on the head.
        put_bytes_per_second: mapped file to the head's object store.
        network_bytes_per_second: what the head can send, to all nodes together.
        spill_bytes_per_second: to Ray's folder on disk, where an object is too large for the object store.
        node_memory, head_memory: bytes; `STORE_SHARE` of it is the object store.
        checkpoint_bytes: of one network.
        resume_seconds: least time between two files to go on from, of a trial.
        slots_per_node: slots that share a node's copy of the pixels.
        slot_price, head_price: USD an hour.
    """

    images_per_second: float
    validation_share: float = 1 / 3
    epoch_seconds: float = 0.05
    trial_seconds: float = 0.2
    startup_seconds: float = 8.0
    ramp_seconds: float = 0.05
    neighbour_flops: float = 4 * 330e9
    upload_bytes_per_second: float = 2e9
    decode_per_second: float = 4 * 60.0
    put_bytes_per_second: float = 600e6
    network_bytes_per_second: float = 10e9 / 8
    spill_bytes_per_second: float = 125e6
    node_memory: float = 16 * 2**30
    head_memory: float = 16 * 2**30
    checkpoint_bytes: float = 45e6
    resume_seconds: float = 30.0
    slots_per_node: int = 1
    slot_price: float = 1.0
    head_price: float = 0.2


@dataclass(frozen=True)
class Schedule:
    """When each trial ran.

    Args:
        starts, ends: (trials,) seconds from the start.
        slots: (trials,) int, which slot.
        n_slots: S.
    """

    starts: np.ndarray
    ends: np.ndarray
    slots: np.ndarray
    n_slots: int

    @property
    def makespan(self) -> float:
        return float(self.ends.max(initial=0.0))

    @property
    def efficiency(self) -> float:
        """Time in trials over the time that the slots are held, 0..1."""
        held = self.n_slots * self.makespan
        return float((self.ends - self.starts).sum()) / held if held else 1.0

    @property
    def tail(self) -> float:
        """Seconds from the first slot without work to the end."""
        last = [self.ends[self.slots == slot].max(initial=0.0) for slot in range(self.n_slots)]
        return self.makespan - min(last)


def list_schedule(lengths: Sequence[float], n_slots: int, *, ramp: float = 0.0, gap: float = 0.0) -> Schedule:
    """Gives each trial, in order, to the slot that is free first.

    Args:
        lengths: (trials,) seconds, >= 0.
        n_slots: >= 1.
        ramp: slot k opens after k * ramp seconds.
        gap: seconds between two trials of a slot.
    Raises:
        ValueError: no slot, or a negative time.
    """
    if n_slots < 1 or ramp < 0 or gap < 0 or any(length < 0 for length in lengths):
        raise ValueError(f"there must be a slot and no negative time, but {n_slots=}, {ramp=}, {gap=}, {lengths=}")
    free = [(slot * ramp, slot) for slot in range(n_slots)]
    heapq.heapify(free)
    starts, ends, slots = [], [], []
    for length in lengths:
        start, slot = heapq.heappop(free)
        starts.append(start)
        ends.append(start + length)
        slots.append(slot)
        heapq.heappush(free, (start + length + gap, slot))
    return Schedule(np.array(starts), np.array(ends), np.array(slots, dtype=int), n_slots)


def compare_specs() -> list[TrialSpec]:
    """144 trials: the `compare` preset's draws, three seeds, the six techniques of the study, as they are to run.

    An epoch is a pass of a technique's rows. By equal steps, the preset's own budget, they train fewer images where
    more techniques add rows than take some away.
    """
    space = {"space.budget": "epochs", "space.techniques": list(STUDY), "space.seeds": 3}
    return trial_specs(build_config(read_file("compare"), space))


def rows_per_epoch(spec: TrialSpec, class_counts: Sequence[int]) -> int:
    """How many rows an epoch trains on, from class counts alone; Borderline-SMOTE's is its most."""
    counts = np.array(class_counts)
    if spec.budget == "steps":
        return int(counts.sum())
    strategy = float(spec.parameters.get("sampling_strategy", 1.0))
    if spec.technique == "undersampling":
        return int(np.minimum(counts, np.maximum(most_rows(counts, strategy), counts.min())).sum())
    if spec.technique in GROWING:
        return int(counts.sum() + rows_to_add(counts, strategy).sum())
    return int(counts.sum())


def neighbour_flop(spec: TrialSpec, data: DataSet) -> float:
    """Operations of a trial's neighbour search, which is exact and over all pixels.

    SMOTE compares the growing class with itself, Borderline-SMOTE with all training images.
    """
    minority = min(data.class_counts)
    if not rows_to_add(np.array(data.class_counts), float(spec.parameters.get("sampling_strategy", 1.0))).any():
        return 0.0
    pairs = {"smote": minority**2, "borderline_smote": minority * data.train}.get(spec.technique, 0)
    return 2.0 * pairs * data.image_size**2


def trial_parts(spec: TrialSpec, data: DataSet, constants: Constants) -> dict[str, float]:
    """Seconds of a trial by what they are spent on, the gap to the next trial not counted."""
    c = constants
    return {
        "plan": neighbour_flop(spec, data) / c.neighbour_flops,
        "upload": data.pixel_bytes / c.upload_bytes_per_second,
        "train": spec.epochs * rows_per_epoch(spec, data.class_counts) / c.images_per_second,
        "validate": spec.epochs * data.validation * c.validation_share / c.images_per_second,
        "records": spec.epochs * c.epoch_seconds,
    }


def written_bytes(spec: TrialSpec, data: DataSet, constants: Constants) -> float:
    """At most, by a trial: its network after each epoch (each the best so far), and the files to go on from.

    Those hold the network and Adam's two moments, and are written after an epoch, the last one's excepted.
    """
    c = constants
    epoch = sum(v for name, v in trial_parts(spec, data, c).items() if name not in ("plan", "upload")) / spec.epochs
    resumes = int((spec.epochs - 1) // max(1, math.ceil(c.resume_seconds / epoch)))
    return c.checkpoint_bytes * (spec.epochs + 3 * resumes)


@dataclass(frozen=True)
class Distribution:
    """How long it takes until every node has the pixels, where it must go through the object store.

    Args:
        put: the head's copy, once, before the first trial.
        from_head: every node pulls from the head at once: the head's link is shared.
        by_doubling: every node that has a copy serves another one.
    """

    put: float
    from_head: float
    by_doubling: float


def distribution(data: DataSet, n_nodes: int, constants: Constants) -> Distribution:
    """Of the pixels to ``n_nodes`` nodes, the head not counted.

    Where a store is too small, the copy is a file on that machine's disk, written as fast as the disk takes it.
    """
    c, size = constants, data.pixel_bytes
    once = size / c.network_bytes_per_second
    put = size / (c.put_bytes_per_second if fits(data, c.head_memory) else c.spill_bytes_per_second)
    spilled = 0.0 if fits(data, c.node_memory) else size / c.spill_bytes_per_second
    # What does not fit is written while it comes in: the slower of the two counts.
    from_head = max(n_nodes * once, spilled)
    by_doubling = math.ceil(math.log2(n_nodes + 1)) * max(once, spilled)
    return Distribution(put, from_head, min(by_doubling, from_head))


def fits(data: DataSet, memory: float) -> bool:
    """Whether the pixels fit in the object store of a node with so many bytes of memory."""
    return data.pixel_bytes <= STORE_SHARE * memory


@dataclass(frozen=True)
class Prediction:
    """A sweep on some slots.

    Args:
        schedule: of its trials.
        before: seconds before the first trial: Ray, and the pixels' way to the nodes. Decoding is not in it.
        after: seconds for the test split of the chosen trials.
        parts: seconds of all trials together by what they are spent on.
        dollars: all slots and the head, held from the beginning to the end.
    """

    schedule: Schedule
    before: float
    after: float
    parts: dict[str, float]
    dollars: float

    @property
    def wall(self) -> float:
        return self.before + self.schedule.makespan + self.after


def predict(
    specs: Sequence[TrialSpec],
    data: DataSet,
    n_slots: int,
    constants: Constants,
    *,
    through_store: bool = True,
    keeps_neighbours: bool = True,
    longest_first: bool = False,
) -> Prediction:
    """Wall time and cost of a sweep.

    Args:
        specs: in order.
        data: what they train on.
        n_slots: trials at once.
        constants: of the machines.
        through_store: pixels reach the nodes through the object store, all pulling from the head; else each node sees
            the cache file.
        keeps_neighbours: what a trial's neighbour search found is there for later trials of its technique; those that
            start together with it search for themselves.
        longest_first: trials in falling order of length instead of their own.
    """
    c = constants
    all_parts = [trial_parts(spec, data, c) for spec in specs]
    first = {spec.technique: i for i, spec in reversed(list(enumerate(specs)))}
    for i, (spec, parts) in enumerate(zip(specs, all_parts, strict=True)):
        if keeps_neighbours and i - first[spec.technique] >= n_slots:
            parts["plan"] = 0.0
    lengths = [sum(parts.values()) for parts in all_parts]
    order = sorted(lengths, reverse=True) if longest_first else lengths
    schedule = list_schedule(order, n_slots, ramp=c.ramp_seconds, gap=c.trial_seconds)
    before = c.startup_seconds
    if through_store:
        way = distribution(data, math.ceil(n_slots / c.slots_per_node), c)
        before += way.put + way.from_head
    chosen = len({spec.technique for spec in specs}) * len({spec.seed_index for spec in specs})
    testing = data.test * c.validation_share / c.images_per_second + data.pixel_bytes / c.upload_bytes_per_second
    after = math.ceil(chosen / n_slots) * testing
    hours = (before + schedule.makespan + after) / 3600
    totals = {name: sum(parts[name] for parts in all_parts) for name in all_parts[0]} if all_parts else {}
    return Prediction(schedule, before, after, totals, hours * (n_slots * c.slot_price + c.head_price))
