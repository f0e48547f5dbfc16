"""Many heads on a frozen network's features, and the same heads by scikit-learn and imbalanced-learn.

    python -m benchmarks.frozen RUN --vectors RUN/vectors.npy     # labels and split of a finished run
    python -m benchmarks.frozen --vectors V.npy --split S.npz     # S: labels, train, validation, test
    python -m benchmarks.frozen --synthetic 4448x1280             # rows and features of nobody, of the same shape

Prints seconds of techniques x seeds by what they went to (plans, training, records), the peak of memory and, with
``--same-seeds``, the same heads by scikit-learn in joblib processes, and how far results lie apart.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

from benchmarks.common import cores, peak_bytes
from benchmarks.frozen_data import Data
from benchmarks.frozen_reference import counterparts, fit

# Forty that mean something on features, of every kind.
TECHNIQUES = (
    "baseline",
    "undersampling",
    "oversampling",
    "power_sampling",
    "smote@features",
    "borderline_smote@features",
    "adasyn@features",
    "svm_smote@features",
    "kmeans_smote@features",
    "tomek_links@features",
    "enn@features",
    "ncr@features",
    "one_sided_selection@features",
    "nearmiss@features",
    "smote_tomek@features",
    "smote_enn@features",
    "class_weights",
    "effective_number",
    "focal",
    "cb_focal",
    "asymmetric",
    "balanced_softmax",
    "logit_adjusted",
    "cdt",
    "vs",
    "label_aware_smoothing",
    "drw",
    "drs",
    "crt",
    "progressive",
    "mixup@features",
    "remix@features",
    "unimix@features",
    "balanced_mixup@features",
    "undersampling+class_weights",
    "smote@features+focal",
    "smote@features+logit_adjusted",
    "oversampling+mixup@features",
    "ldam",
    "tversky",
)


@dataclass(frozen=True)
class Asked:
    """How the heads train."""

    seeds: int
    epochs: int
    lr: float
    weight_decay: float
    schedule: str


def specs_of(technique: str, asked: Asked) -> list[Any]:
    from balancing.components.techniques import get_technique
    from sweep.runs.spec import TrialSpec

    parameters = get_technique(technique).complete({})
    # A field that is made of the table of hyperparameters.
    more: dict[str, Any] = {"weight_decay": asked.weight_decay}
    return [
        TrialSpec(
            technique=technique,
            lr=asked.lr,
            epochs=asked.epochs,
            lr_schedule=asked.schedule,
            seed=seed,
            seed_index=seed,
            parameters=parameters,
            batch_size=1 << 20,
            network="frozen:efficientnet_lite0",
            **more,
        )
        for seed in range(asked.seeds)
    ]


def made_run(path: Path, data: Data, techniques: Sequence[str], asked: Asked) -> None:
    """A run folder as a sweep makes one; the images themselves, of which nothing is asked, are 8 pixels a side."""
    from balancing.data.images import ImageSet
    from balancing.data.splits import Split
    from sweep.config.config import build_config
    from sweep.runs.run import Run

    _, split = data.load()
    names = np.array(["train"] * len(split["labels"]), dtype=object)
    for part in ("validation", "test"):
        names[split[part]] = part
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (len(names), 8, 8), dtype=np.uint8)
    images = ImageSet.from_arrays(
        pixels, split["labels"], class_names=("normal", "pneumonia"), splits=names.astype(str).tolist()
    )
    parts = Split(split["train"], split["validation"], split["test"])
    config = build_config(
        {
            "data": {"source": images.source, "image_size": 32},
            "space": {"techniques": list(techniques), "lr": asked.lr, "epochs": asked.epochs, "seeds": asked.seeds},
            "train": {"network": "frozen", "weights": "imagenet"},
        }
    )
    run = Run.create(path, config_yaml=config.to_yaml(), images=images, split=parts, positive=1, notes=[])
    run.write_specs([spec for technique in techniques for spec in specs_of(technique, asked)])


@contextmanager
def clocked(seconds: dict[str, float]) -> Iterator[None]:
    """Adds up what plans and records take, each without what it calls of the other."""
    import sweep.runs.files as files
    import sweep.runs.trial_folder as folders
    from sweep.training import checkpoints, method

    running: list[str] = []
    began = [time.perf_counter()]

    def timed(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*given: Any, **more: Any) -> Any:
            now = time.perf_counter()
            seconds[running[-1] if running else "training"] += now - began[0]
            began[0] = now
            running.append(name)
            try:
                return function(*given, **more)
            finally:
                now = time.perf_counter()
                seconds[running.pop()] += now - began[0]
                began[0] = now

        return call

    changed = [
        (files, "write_atomically", "records"),
        (folders, "write_json", "records"),
        (folders, "read_json", "records"),
        (folders, "write_atomically", "records"),
        (folders, "encoded", "records"),
        (checkpoints, "save_best", "records"),
        (method, "build_plans", "plans"),
    ]
    real = [(module, name, getattr(module, name)) for module, name, _ in changed]
    try:
        for (module, name, kind), (_, _, function) in zip(changed, real, strict=True):
            setattr(module, name, timed(kind, function))
        yield
    finally:
        seconds["training"] += time.perf_counter() - began[0]
        for module, name, function in real:
            setattr(module, name, function)


def train_here(path: Path, data: Data, bundle: list[Any]) -> tuple[dict[str, float], dict[str, float], int]:
    """In a process: groups to their ends; seconds by kind and by technique, and the peak of memory."""
    from balancing.components.neighbours.store import NeighbourStore
    from sweep.runs.run import Run
    from sweep.training.attempt import clean_process
    from sweep.training.inputs import SplitImages
    from sweep.training.many.bundle import Group, Workplace, train_bundle
    from sweep.training.vectors import Vectors

    run = Run(path)
    rows, split = data.load()
    images = SplitImages(
        np.zeros((len(rows), 2, 2), dtype=np.uint8),
        split["labels"],
        tuple(run.class_names),
        split["train"],
        split["validation"],
        split["test"],
        NeighbourStore(run.neighbours),
        vectors=Vectors.of(rows, split["train"]),
    )
    device = clean_process(0, 1, 0)
    place = Workplace(
        run=run,
        images=images,
        clean=lambda: device,
        retries=0,
        resume_seconds=30.0,
        limit=None,
        events=False,
        started=lambda trial_id: None,
        ended=lambda ended: print(f"  {ended.trial_id}: {ended.error}") if ended.error else None,
    )
    seconds: dict[str, float] = defaultdict(float)
    by_technique: dict[str, float] = defaultdict(float)
    with clocked(seconds):
        for values in bundle:
            group, began = Group.from_dict(values), time.process_time()
            train_bundle([group], place)
            by_technique[group.planned[0].technique] += time.process_time() - began
    return dict(seconds), dict(by_technique), peak_bytes()


def train_all(path: Path, data: Data, jobs: int) -> float:
    """All trials of the run in bundles; prints what it took and returns the seconds."""
    from sweep.planning.bundles import bundles_of, groups_of
    from sweep.runs.run import Run

    began, specs = time.perf_counter(), Run(path).specs()
    groups = groups_of(specs, {spec.trial_id for spec in specs})
    bundles = [[group.to_dict() for group in bundle] for bundle in bundles_of(groups, jobs)]
    kinds: dict[str, float] = defaultdict(float)
    techniques: dict[str, float] = defaultdict(float)
    peaks: list[int] = []
    with ProcessPoolExecutor(jobs) as pool:
        for seconds, by_technique, peak in pool.map(train_here, *zip(*((path, data, b) for b in bundles), strict=True)):
            for into, found in ((kinds, seconds), (techniques, by_technique)):
                for name, value in found.items():
                    into[name] += value
            peaks.append(peak)
    took = time.perf_counter() - began
    print(f"\n{len(specs):,} heads in {len(bundles)} bundles on {jobs} of {cores()} cores: {took:.1f} s")
    print("  of the cores' seconds: " + ", ".join(f"{name} {value:.1f}" for name, value in sorted(kinds.items())))
    slowest = sorted(techniques.items(), key=lambda item: -item[1])[:8]
    print(f"  processors' own seconds: {sum(techniques.values()):.1f}; most of them for")
    print("  " + ", ".join(f"{name} {value:.1f}" for name, value in slowest))
    print(f"  peak of a process {max(peaks) / 1e9:.2f} GB, mapped pages included")
    print(f"  states: {Run(path).trials()['status'].value_counts().to_dict()}")
    return took


def compare(path: Path, data: Data, techniques: Sequence[str], asked: Asked, jobs: int) -> None:
    """The same heads by scikit-learn, and how far the last epoch's results lie apart."""
    from sklearn.utils.parallel import Parallel, delayed

    from sweep.runs.run import Run

    same = [technique for technique in techniques if technique in counterparts(0)]
    own = path.with_name("same")
    made_run(own, data, same, asked)
    ours = train_all(own, data, jobs)
    began = time.perf_counter()
    todo = [(technique, seed) for technique in same for seed in range(asked.seeds)]
    found = Parallel(n_jobs=jobs)(delayed(fit)(data, *each, asked.weight_decay) for each in todo)
    theirs = time.perf_counter() - began
    print(f"\n{len(todo)} heads of {len(same)} techniques: {ours:.1f} s here, {theirs:.1f} s by scikit-learn and")
    print(f"imbalanced-learn in {jobs} joblib processes: {theirs / ours:.1f} times as long")
    print(f"\n{'technique':28} {'AUROC: mean, most apart':>26} {'balanced accuracy':>22}")
    run, apart = Run(own), defaultdict[str, list[tuple[float, float]]](list)
    known = {(spec.technique, spec.seed): run.trial(spec.trial_id).epochs()[-1] for spec in run.specs()}
    for technique, seed, auroc, accuracy in found:
        last = known[technique, seed]
        apart[technique].append((last["auroc"] - auroc, last["balanced_accuracy"] - accuracy))
    for technique, pairs in apart.items():
        values = np.array(pairs)
        mean, most = values.mean(axis=0), np.abs(values).max(axis=0)
        print(f"{technique:28} {mean[0]:+13.4f} {most[0]:12.4f} {mean[1]:+13.4f} {most[1]:8.4f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", nargs="?", type=Path)
    parser.add_argument("--vectors", type=Path)
    parser.add_argument("--split", type=Path)
    parser.add_argument("--synthetic")
    parser.add_argument("--techniques", default=",".join(TECHNIQUES), help="with commas")
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--epochs", type=int, default=100)
    parser.add_argument("--lr", type=float, default=0.05)
    parser.add_argument("--weight-decay", type=float, default=0.1)
    parser.add_argument("--lr-schedule", default="cosine")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--same-seeds", type=int, default=0, help="also by scikit-learn, with so many seeds")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="frozen-") as name:
        folder = Path(name)
        if given.run is not None:
            data = Data.of_run(given.run, folder, given.vectors)
        elif given.vectors is not None and given.split is not None:
            data = Data(given.vectors, given.split)
        elif given.synthetic is not None:
            data = Data.synthetic(given.synthetic, folder)
        else:
            parser.error("give a run folder, --vectors with --split, or --synthetic 4448x1280")
        rows, split = data.load()
        counts = np.bincount(split["labels"][split["train"]])
        print(f"{len(split['train']):,} training rows ({' : '.join(map(str, counts))}) of {rows.shape[1]:,} features")
        asked = Asked(given.seeds, given.epochs, given.lr, given.weight_decay, given.lr_schedule)
        print(f"{asked}")
        techniques = given.techniques.split(",")
        path = folder / "run"
        made_run(path, data, techniques, asked)
        train_all(path, data, given.jobs)
        if given.same_seeds:
            few = Asked(given.same_seeds, given.epochs, given.lr, given.weight_decay, given.lr_schedule)
            compare(path, data, techniques, few, given.jobs)


if __name__ == "__main__":
    main()
