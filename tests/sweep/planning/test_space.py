"""From configuration to trials: draws are paired across techniques, lists are crossed."""

from __future__ import annotations

import itertools
from collections import defaultdict
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import chisquare, kstest

from balancing.components.ranges import IntRange
from balancing.components.registry import COMPONENTS
from balancing.components.techniques import get_technique
from balancing.errors import UserError
from sweep.config.config import build_config
from sweep.config.files import preset_names, read_file
from sweep.config.size import n_trials, trained
from sweep.planning.space import trial_specs
from sweep.runs.spec import TrialSpec
from tests.balancing.components.test_techniques import make_alphas
from tests.sweep.planning.spaces import ALL, RANGES, SHARED, specs_of


def shared_of(spec: TrialSpec) -> tuple[float, ...]:
    return tuple(getattr(spec, name) for name in SHARED)


def by_place(specs: list[TrialSpec]) -> dict[tuple[int, int], dict[str, TrialSpec]]:
    """(draw, seed index) -> technique -> its one trial."""
    found: dict[tuple[int, int], dict[str, TrialSpec]] = defaultdict(dict)
    for spec in specs:
        assert spec.technique not in found[spec.draw, spec.seed_index]
        found[spec.draw, spec.seed_index][spec.technique] = spec
    return found


def test_every_technique_gets_the_same_draws_and_seeds() -> None:
    places = by_place(specs_of(*RANGES, "space.trials=6", "space.seeds=3", "space.seed=11"))
    assert set(places) == {(draw, seed) for draw in range(6) for seed in range(3)}
    for of_technique in places.values():
        assert set(of_technique) == set(ALL)
        assert len({spec.seed for spec in of_technique.values()}) == 1
        assert len({(s.lr, s.epochs, s.batch_size) for s in of_technique.values()}) == 1
        dials = {s.strength for name, s in of_technique.items() if get_technique(name).augmented != "never"}
        assert len(dials) == 1
    assert len({spec.lr for spec in places[0, 0].values()} | {spec.lr for spec in places[1, 0].values()}) == 2
    assert {places[draw, seed]["smote"].seed for draw in range(6) for seed in range(3)} == {11, 12, 13}


@pytest.mark.parametrize("left_out", ALL)
def test_adding_a_technique_moves_no_other_draw(left_out: str) -> None:
    options = (*RANGES, "space.trials=3", "space.seeds=2", "space.search_parameters=true")
    fewer = ",".join(name for name in ALL if name != left_out)
    whole = [spec for spec in specs_of(*options) if spec.technique != left_out]
    assert specs_of(*options, f"space.techniques={fewer}") == whole


def test_adding_a_parameter_moves_no_other_draw(monkeypatch: pytest.MonkeyPatch) -> None:
    options = (*RANGES, "space.trials=4", "space.search_parameters=true")
    before = specs_of(*options)
    (smote,) = get_technique("smote").parts
    more = {"a_new_one": IntRange(1, 100, default=1), **smote.parameters}
    monkeypatch.setitem(COMPONENTS._known, "smote", replace(smote, parameters=more))
    after = specs_of(*options)
    assert len({spec.parameters["a_new_one"] for spec in after if spec.technique == "smote"}) > 1
    for old, new in zip(before, after, strict=True):
        assert {**new.parameters, "a_new_one": 0} == {**old.parameters, "a_new_one": 0}
        assert shared_of(old) == shared_of(new)
        assert (old.technique, old.seed) == (new.technique, new.seed)


@pytest.mark.parametrize("name", SHARED)
def test_a_range_for_one_hyperparameter_moves_no_draw_of_the_others(name: str) -> None:
    drawn = specs_of(*RANGES, "space.trials=5", "space.seeds=1")
    fixed = [option for option in RANGES if not option.startswith(f"space.{name}=")]
    rest = [other for other in SHARED if other != name]
    again = specs_of(*fixed, "space.trials=5", "space.seeds=1")
    pairs = zip(*(sorted(specs, key=lambda s: (s.draw, s.technique)) for specs in (drawn, again)), strict=True)
    for old, new in pairs:
        assert [getattr(old, other) for other in rest] == [getattr(new, other) for other in rest]


def test_more_draws_and_more_seeds_keep_the_first_ones() -> None:
    few = {s.trial_id for s in specs_of(*RANGES, "space.trials=3", "space.seeds=2")}
    many = {s.trial_id for s in specs_of(*RANGES, "space.trials=5", "space.seeds=4")}
    assert few < many


def test_draws_with_more_epochs_come_first_and_stay_together() -> None:
    found = specs_of(*RANGES, "space.epochs=3..10", "space.trials=6", "space.seeds=3")
    epochs = [spec.epochs for spec in found]
    assert epochs == sorted(epochs, reverse=True)
    assert len(set(epochs)) > 2
    blocks = [key for key, _ in itertools.groupby((spec.draw, spec.seed_index) for spec in found)]
    assert len(blocks) == len(set(blocks)) == 6 * 3, "an interrupted sweep is a fair smaller one"


def test_lists_of_epochs_leave_a_draw_together() -> None:
    found = specs_of(*RANGES, "space.epochs=[2,9,4]", "space.trials=3", "space.seeds=2")
    draws = [key for key, _ in itertools.groupby(spec.draw for spec in found)]
    assert draws == [0, 1, 2]


def test_another_base_seed_draws_anew() -> None:
    one, other = (specs_of(*RANGES, "space.trials=4", f"space.seed={seed}") for seed in (0, 1000))
    assert not {s.lr for s in one} & {s.lr for s in other}
    assert not {s.seed for s in one} & {s.seed for s in other}


def test_techniques_that_share_a_parameter_share_its_draws() -> None:
    specs = specs_of("space.lr=1e-4..1e-2", "space.trials=8", "space.seeds=1", "space.search_parameters=true")
    drawn = {
        name: [s.parameters["k_neighbors"] for s in specs if s.technique == name]
        for name in ("smote", "borderline_smote")
    }
    assert drawn["smote"] == drawn["borderline_smote"]
    assert len(set(drawn["smote"])) > 1


def test_components_with_a_parameter_of_the_same_name_are_drawn_independently(monkeypatch: pytest.MonkeyPatch) -> None:
    make_alphas(monkeypatch)
    alone, both = (
        [
            spec.parameters
            for spec in specs_of(
                f"space.techniques={name}", "space.trials=200", "space.seeds=1", "space.search_parameters=true"
            )
        ]
        for name in ("alpha_loss", "smote+alpha_mixer+alpha_loss")
    )
    mixed, lost = ([values[f"alpha_{axis}.alpha"] for values in both] for axis in ("mixer", "loss"))
    assert lost == [values["alpha"] for values in alone], "a component's draw is the same wherever it stands"
    assert abs(np.corrcoef(mixed, lost)[0, 1]) < 0.25
    smote = specs_of("space.techniques=smote", "space.trials=200", "space.seeds=1", "space.search_parameters=true")
    assert [values["smote.k_neighbors"] for values in both] == [spec.parameters["k_neighbors"] for spec in smote]


def test_parameters_of_a_composition_may_be_given() -> None:
    name = "undersampling+class_weights"
    given = (
        f"space.parameters.{name}.class_weights.power=0.5",
        "space.parameters.class_weights+undersampling.sampling_strategy=0.75",
    )
    (spec,) = specs_of("space.techniques=class_weights+undersampling", "space.seeds=1", *given)
    assert spec.technique == name
    assert spec.parameters == {"undersampling.sampling_strategy": 0.75, "class_weights.power": 0.5}
    assert spec.components == {"sampler": "undersampling", "loss": "class_weights"}
    nested = {"class_weights": {"power": 0.5}, "undersampling.sampling_strategy": 0.75}
    space = {"techniques": [name], "seeds": 1, "parameters": {name: nested}}
    assert trial_specs(build_config({"space": space})) == [spec]
    drawn = specs_of(
        f"space.techniques={name}", "space.trials=9", "space.seeds=1", f"space.parameters.{name}.power=0.25..0.5"
    )
    assert len({spec.parameters["class_weights.power"] for spec in drawn}) == 9
    assert all(0.25 <= spec.parameters["class_weights.power"] <= 0.5 for spec in drawn)


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (
            "power=2",
            "class_weights.power must lie in 0.0..1.0, but is 2; the default is 1.0$",
        ),
        ("pouwer=1", r"technique 'smote\+class_weights' has no parameter 'pouwer'; did you mean"),
        ("class_weights.k_neighbors=1", "has no parameter 'class_weights.k_neighbors'; did you mean"),
    ],
)
def test_a_composition_takes_no_other_parameters(given: str, sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        specs_of(f"space.parameters.smote+class_weights.{given}")


def test_draws_stay_in_their_ranges_and_follow_their_laws() -> None:
    specs = specs_of(
        "space.lr=1e-4..1e-2",
        "space.epochs=3..6",
        "space.strength=0.25..0.75",
        "space.trials=2000",
        "space.seeds=1",
        "space.techniques=smote",
    )
    lr = np.array([s.lr for s in specs])
    strength = np.array([s.strength for s in specs])
    epochs = np.array([s.epochs for s in specs])
    assert len(specs) == 2000
    assert lr.min() >= 1e-4
    assert lr.max() <= 1e-2
    assert kstest(np.log10(lr), "uniform", args=(-4, 2)).pvalue > 0.001
    assert kstest(lr, "uniform", args=(1e-4, 1e-2 - 1e-4)).pvalue < 1e-6
    assert kstest(strength, "uniform", args=(0.25, 0.5)).pvalue > 0.001
    assert set(epochs.tolist()) == {3, 4, 5, 6}
    assert chisquare(np.bincount(epochs)[3:]).pvalue > 0.001
    assert np.abs(np.corrcoef([np.log(lr), strength, epochs]) - np.eye(3)).max() < 0.1


def test_own_parameters_are_drawn_from_what_the_user_gave() -> None:
    specs = specs_of(
        "space.techniques=smote",
        "space.parameters.smote.k_neighbors=2..4",
        "space.parameters.smote.sampling_strategy=0.5,0.75",
        "space.trials=40",
        "space.seeds=1",
    )
    assert {s.parameters["k_neighbors"] for s in specs} == {2, 3, 4}
    assert {s.parameters["sampling_strategy"] for s in specs} == {0.5, 0.75}
    assert all(type(s.parameters["k_neighbors"]) is int for s in specs)


def test_parameters_are_complete_whether_searched_or_not() -> None:
    for options in ([], ["space.search_parameters=true"], ["space.parameters.smote.k_neighbors=7"]):
        for spec in specs_of(*options, "space.trials=2"):
            technique = get_technique(spec.technique)
            assert technique.complete(spec.parameters) == spec.parameters
            assert set(spec.parameters) == set(technique.parameters)


def test_lists_cross() -> None:
    specs = specs_of(
        "space.lr=0.001,0.01", "space.epochs=1,2", "space.batch_size=8,16", "space.seeds=2", "space.techniques=smote"
    )
    found = [(s.lr, s.epochs, s.batch_size, s.seed) for s in specs]
    wanted = {(lr, e, b, s) for lr in (0.001, 0.01) for e in (1, 2) for b in (8, 16) for s in (0, 1)}
    assert set(found) == wanted
    assert len(found) == len(wanted)


def test_lists_cross_each_draw_of_a_range() -> None:
    specs = specs_of(
        "space.lr=1e-4..1e-2", "space.epochs=1,2", "space.trials=5", "space.seeds=1", "space.techniques=smote"
    )
    epochs_of = defaultdict(list)
    for spec in specs:
        epochs_of[spec.lr].append(spec.epochs)
    assert len(epochs_of) == 5
    assert all(epochs == [1, 2] for epochs in epochs_of.values())


def test_nothing_drawn_means_one_draw() -> None:
    assert len(specs_of("space.trials=50", "space.seeds=3")) == 3 * len(ALL)


def test_the_baseline_is_never_augmented_and_appears_once() -> None:
    specs = specs_of("space.strength=0,0.5,1", "space.seeds=2")
    baseline = [s for s in specs if s.technique == "baseline"]
    assert [s.strength for s in baseline] == [0.0, 0.0]
    assert {s.seed for s in baseline} == {0, 1}
    smote = [s for s in specs if s.technique == "smote"]
    assert sorted((s.strength, s.seed) for s in smote) == [(d, s) for d in (0.0, 0.5, 1.0) for s in (0, 1)]


def test_augmentation_is_never_without() -> None:
    specs = [s for s in specs_of("space.strength=0,0.5,1", "space.seeds=1") if s.technique == "augmentation"]
    assert sorted(s.strength for s in specs) == [0.5, 1.0]


def test_all_trial_ids_are_distinct() -> None:
    for options in ([], ["space.strength=0,1", "space.lr=0.1,0.2"], [*RANGES, "space.trials=5"]):
        ids = [s.trial_id for s in specs_of(*options)]
        assert len(ids) == len(set(ids)) > 0


def test_compare_gives_every_technique_as_many_configurations_and_trials() -> None:
    config = build_config(read_file("compare"))
    configurations, trials = defaultdict(set), defaultdict(int)
    for spec in trial_specs(config):
        configurations[spec.technique].add(spec.configuration_id)
        trials[spec.technique] += 1
    assert {len(ids) for ids in configurations.values()} == {config.space.trials}
    assert set(trials.values()) == {config.space.trials * config.space.seeds}
    assert set(trials) == set(trained(config))
    assert sum(trials.values()) == 96
    assert n_trials(config) == 216, "and ten fresh seeds of what is chosen for each"


def test_an_interrupted_sweep_is_a_fair_smaller_one() -> None:
    specs = specs_of(*RANGES, "space.trials=4", "space.seeds=3", "space.search_parameters=true")
    for ended in range(1, len(specs) + 1):
        counts = {name: sum(s.technique == name for s in specs[:ended]) for name in ALL}
        assert max(counts.values()) - min(counts.values()) <= 1


def test_what_data_and_weights_say_goes_into_every_spec() -> None:
    fixed = {"data": "d", "split": "s", "positive": 0, "weights": "sha256:1"}
    for spec in specs_of(**fixed):
        assert {name: getattr(spec, name) for name in fixed} == fixed


@pytest.mark.parametrize(
    ("size", "weights", "asked", "stem"),
    [
        (63, "none", "auto", "small"),
        (64, "none", "auto", "imagenet"),
        (28, "imagenet", "auto", "imagenet"),
        (28, "sha256:0123", "auto", "imagenet"),
        (28, "none", "imagenet", "imagenet"),
        (224, "none", "small", "small"),
    ],
)
def test_small_images_get_a_small_stem_where_nothing_is_pretrained(
    size: int, weights: str, asked: str, stem: str
) -> None:
    config = build_config({"data": {"image_size": size}, "train": {"stem": asked}})
    assert {spec.stem for spec in trial_specs(config, weights=weights)} == {stem}


def test_specs_have_the_recipe_and_the_budget_of_the_configuration() -> None:
    train = {"optimizer": "sgd", "lr_schedule": "cosine", "warmup": 0.1, "mean": "0.5,0.4,0.3"}
    config = build_config({"train": train, "space": {"budget": "epochs"}})
    for spec in trial_specs(config):
        assert (spec.optimizer, spec.lr_schedule, spec.warmup, spec.budget) == ("sgd", "cosine", 0.1, "epochs")
        assert (spec.mean, spec.std) == ((0.5, 0.4, 0.3), 0.5)
    budgets = {name: build_config(read_file(name)).space.budget for name in preset_names()}
    others = dict.fromkeys(("compare", "demo", "demo_frozen", "frozen", "funnel", "quick"), "steps")
    assert budgets == {**others, "paper": "epochs"}
