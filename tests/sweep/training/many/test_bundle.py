"""A bundle: each trial its own record, failure and retries, whatever becomes of the others and of the worker."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from sweep.planning.bundles import bundles_of, cost_of, groups_of
from sweep.runs.owner import NotOwner
from sweep.runs.spec import TrialSpec
from sweep.runs.trial_folder import TrialFolder
from sweep.training.inputs import SplitImages
from sweep.training.many import together as many
from sweep.training.many.bundle import Ended, Group, Workplace, train_bundle
from sweep.training.many.together import COLUMNS
from tests.sweep.training.many.heads import make_vectors, specs_of, together
from tests.sweep.training.many.test_many import assert_bits, numbers, one_by_one
from tests.sweep.training.small import CPU


class Folders:
    """Of a run what a bundle asks for."""

    def __init__(self, path: Path):
        self.path = path

    def trial(self, trial_id: str) -> TrialFolder:
        return TrialFolder(self.path / trial_id)

    def events_folder(self, spec: TrialSpec) -> Path:
        return self.path / "tensorboard" / spec.trial_id


@pytest.fixture(scope="module")
def images() -> SplitImages:
    return make_vectors()


class Bundle:
    """Trains groups, in as many lives as it takes.

    Attributes:
        told: how trials ended, as they were told.
    """

    def __init__(self, images: SplitImages, path: Path, **more: Any):
        self.told: list[Ended] = []
        run: Any = Folders(path)
        known = {"retries": 2, "resume_seconds": 1e9, "limit": None, "events": False, **more}
        self.place = Workplace(
            run=run,
            images=images,
            clean=lambda: CPU,
            started=lambda trial_id: None,
            ended=self.told.append,
            start="one",
            **known,
        )

    def train(self, *configurations: Sequence[TrialSpec]) -> dict[str, str]:
        """Trial id -> how it ended."""
        specs = [spec for configuration in configurations for spec in configuration]
        train_bundle(groups_of(specs, {spec.trial_id for spec in specs}), self.place)
        return {ended.trial_id: ended.state for ended in self.told}

    def folder(self, spec: TrialSpec) -> TrialFolder:
        return self.place.run.trial(spec.trial_id)


def wherever(monkeypatch: pytest.MonkeyPatch, spec: TrialSpec, happens: Callable[[], None]) -> None:
    """Something happens where a trial is to be trained."""
    real = many.method_of

    def method_of(given: TrialSpec, images: SplitImages) -> Any:
        if given == spec:
            happens()
        return real(given, images)

    monkeypatch.setattr(many, "method_of", method_of)


def test_a_bundle_is_its_configurations(images: SplitImages, tmp_path: Path) -> None:
    kinds = [specs_of("undersampling"), specs_of("imbsam", seeds=2), specs_of("baseline", seeds=2, batch_size=16)]
    bundle = Bundle(images, tmp_path / "bundle")
    assert set(bundle.train(*kinds).values()) == {"done"}
    assert len(bundle.told) == 7
    together(kinds[0], images, tmp_path / "known")
    for spec in (*kinds[1], *kinds[2]):
        one_by_one(spec, images, tmp_path / "known")
    for spec in (spec for kind in kinds for spec in kind):
        assert_bits(bundle.folder(spec), TrialFolder(tmp_path / "known" / spec.trial_id))
        assert bundle.folder(spec).status()["attempts"] == (2 if spec in kinds[2] else 1)


def test_a_trial_that_raises_is_tried_again_alone_and_recorded_as_failed(
    images: SplitImages, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    specs, bundle = specs_of("baseline"), Bundle(images, tmp_path)

    def fails() -> None:
        raise RuntimeError("no luck\nat all")

    wherever(monkeypatch, specs[1], fails)
    found = bundle.train(specs)
    assert [found[spec.trial_id] for spec in specs] == ["done", "failed", "done"]
    status = bundle.folder(specs[1]).status()
    assert (status["status"], status["error"], status["attempts"]) == ("failed", "at all", 3)
    assert "RuntimeError: no luck" in (bundle.folder(specs[1]).path / "error.txt").read_text()
    (told,) = [ended for ended in bundle.told if ended.trial_id == specs[1].trial_id]
    assert told.error == "at all"


def test_a_trial_that_raises_once_ends_as_if_it_had_not(
    images: SplitImages, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    specs, bundle, unlucky = specs_of("undersampling"), Bundle(images, tmp_path / "bundle"), iter([True])

    def fails() -> None:
        if next(unlucky, False):
            raise OSError("a disk")

    wherever(monkeypatch, specs[1], fails)
    assert set(bundle.train(specs).values()) == {"done"}
    together(specs, images, tmp_path / "known")
    for spec in specs:
        assert_bits(bundle.folder(spec), TrialFolder(tmp_path / "known" / spec.trial_id))


def test_a_step_that_raises_costs_nobody_else(
    images: SplitImages, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    specs, bundle, real = specs_of("baseline"), Bundle(images, tmp_path, retries=1), many._Together._step

    def step(self: Any, epoch: int, parts: Any) -> list[float]:
        if epoch == 2 and any(seed.spec == specs[1] for seed in self.seeds):
            raise ValueError("a loss that does not like it")
        return real(self, epoch, parts)

    monkeypatch.setattr(many._Together, "_step", step)
    found = bundle.train(specs)
    assert [found[spec.trial_id] for spec in specs] == ["done", "failed", "done"]
    assert [bundle.folder(spec).status()["attempts"] for spec in specs] == [2, 2, 2]


class Lost(BaseException):
    """The worker is gone."""


def test_a_trial_that_takes_its_worker_with_it_fails_and_the_others_go_on(
    images: SplitImages, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = specs_of("undersampling"), specs_of("baseline", lr=0.02)
    bundle, lives = Bundle(images, tmp_path / "bundle"), 0

    def dies() -> None:
        raise Lost

    with monkeypatch.context() as patch:
        wherever(patch, second[1], dies)
        while lives < 20:
            lives += 1
            try:
                bundle.train(first, second)
                break
            except Lost:
                pass
    assert lives == 4  # among others, then twice alone, then given up
    status = bundle.folder(second[1]).status()
    assert (status["status"], status["attempts"]) == ("failed", 3)
    assert status["error"] == "the worker was lost 3 times while it trained"
    assert [bundle.folder(spec).status()["attempts"] for spec in first] == [1, 1, 1]  # ended before, not again
    for kind in (first, second):
        together(kind, images, tmp_path / "known")  # with the one that is lost here
        for spec in kind:
            if spec != second[1]:
                assert_bits(bundle.folder(spec), TrialFolder(tmp_path / "known" / spec.trial_id))


def test_tries_of_an_earlier_start_do_not_count(images: SplitImages, tmp_path: Path) -> None:
    specs = specs_of("baseline", seeds=1)
    bundle = Bundle(images, tmp_path, retries=0)
    bundle.folder(specs[0]).write_status("failed", error="then", attempts=9, tries=9, start="another")
    assert list(bundle.train(specs).values()) == ["done"]
    assert bundle.folder(specs[0]).status()["attempts"] == 10


def test_who_takes_too_long_fails_once(images: SplitImages, tmp_path: Path) -> None:
    specs, heads = specs_of("baseline"), specs_of("ldam", seeds=1)
    bundle = Bundle(images, tmp_path, limit=1e-9)
    assert set(bundle.train(specs, heads).values()) == {"failed"}
    for spec in (*specs, *heads):
        status = bundle.folder(spec).status()
        assert "--trial-timeout" in status["error"]
        assert status["attempts"] == 1


def test_another_owner_ends_the_bundle_and_no_trial_fails_by_it(
    images: SplitImages, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    specs, bundle = specs_of("baseline"), Bundle(images, tmp_path)

    def robbed() -> None:
        raise NotOwner("taken")

    wherever(monkeypatch, specs[1], robbed)
    with pytest.raises(NotOwner):
        bundle.train(specs)
    assert not bundle.told
    assert "failed" not in {bundle.folder(spec).status()["status"] for spec in specs}


@pytest.mark.parametrize("events", [True, False])
def test_event_files_are_there_where_they_are_wanted(images: SplitImages, tmp_path: Path, *, events: bool) -> None:
    specs = [*specs_of("baseline", seeds=1), *specs_of("ldam", seeds=1)]
    bundle = Bundle(images, tmp_path, events=events)
    bundle.train(specs[:1], specs[1:])
    assert len(list(tmp_path.glob("tensorboard/*/events.*"))) >= (2 if events else 0)
    assert (tmp_path / "tensorboard").exists() == events


def test_what_an_observer_hears_is_best_epoch_last_epoch_and_end(images: SplitImages, tmp_path: Path) -> None:
    (spec,) = specs_of("baseline", seeds=1)
    bundle = Bundle(images, tmp_path)
    bundle.train([spec])
    best, last = bundle.told[0].epochs
    assert best["epoch"] == bundle.folder(spec).status()["best_epoch"]
    assert last == bundle.folder(spec).epochs()[-1]
    assert Ended.from_dict(bundle.told[0].to_dict()) == bundle.told[0]
    assert len(numbers(bundle.folder(spec))) == spec.epochs


CONFIGURATIONS = [specs_of(name, seeds=60) for name in ("baseline", "undersampling", "focal", "ldam", "oversampling")]


@pytest.mark.parametrize("n_classes", [2, 5, 200])
def test_groups_hold_each_waiting_trial_once_beside_those_planned(n_classes: int) -> None:
    specs = [spec for seeds in CONFIGURATIONS for spec in seeds]
    waiting = {spec.trial_id for number, spec in enumerate(specs) if number % 7 and spec.technique != "focal"}
    groups = groups_of(specs, waiting, n_classes)
    trained = [spec.trial_id for group in groups for spec in group.to_train]
    assert sorted(trained) == sorted(waiting)
    for group in groups:
        assert len(group.planned) * n_classes <= max(COLUMNS, n_classes)
        assert len({spec.configuration_id for spec in group.planned}) == 1
        assert Group.from_dict(group.to_dict()) == group
    # The places of a seed do not hang on what has ended.
    places = {s.trial_id: place for g in groups_of(specs, {s.trial_id for s in specs}, n_classes)
              for place, s in enumerate(g.planned)}  # fmt: skip
    assert all(places[spec.trial_id] == place for group in groups for place, spec in enumerate(group.planned))


@pytest.mark.parametrize("slots", [0, 1, 2, 8, 1000])
def test_bundles_hold_each_group_once_and_get_smaller(slots: int) -> None:
    specs = [spec for number in range(40) for spec in specs_of("baseline", seeds=20, lr=0.001 * (number + 1))]
    groups = groups_of(specs, {spec.trial_id for spec in specs})
    bundles = bundles_of(groups, slots)
    assert sorted(g.planned[0].lr for b in bundles for g in b) == sorted(g.planned[0].lr for g in groups)
    costs = [sum(cost_of(group) for group in bundle) for bundle in bundles]
    assert costs == sorted(costs, reverse=True)
    if slots in (1, 2):
        assert costs[-1] <= max(cost_of(group) for group in groups)  # all slots end alike, but for a group
        assert len(bundles) < len(groups) / 2
    assert len(bundles) >= min(slots, len(groups))
