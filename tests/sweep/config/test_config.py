"""The configuration: presets, files, ``--set``, and a sentence for each mistake."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from balancing.components.conflicts import conflicts
from balancing.components.ranges import Interval
from balancing.components.techniques import get_technique
from balancing.errors import UserError
from sweep.config.config import Config, build_config, known_keys, parse_assignment
from sweep.config.files import preset_names, read_file
from sweep.config.size import decided, trained

STUDY_TECHNIQUES = ["baseline", "undersampling", "oversampling", "augmentation", "smote", "borderline_smote"]


def built(*assignments: str, base: dict[str, Any] | None = None) -> Config:
    return build_config(base or {}, dict(parse_assignment(text) for text in assignments))


def is_one_sentence(message: str) -> bool:
    return bool(message) and "\n" not in message and "Traceback" not in message and "pydantic" not in message


@pytest.mark.parametrize("name", preset_names())
def test_every_preset_is_valid_and_reads_back_to_itself(name: str) -> None:
    config = build_config(read_file(name))
    assert build_config(yaml.safe_load(config.to_yaml())) == config


def test_the_presets_of_the_readme_are_there() -> None:
    assert {"demo", "paper", "compare", "quick"} <= set(preset_names())


def test_the_paper_preset_is_the_studys_protocol() -> None:
    config = build_config(read_file("paper"))
    space, train = config.space, config.train
    assert space.techniques == STUDY_TECHNIQUES
    assert (space.lr, space.batch_size, space.epochs, space.strength, space.seeds) == (0.005, 32, 5, 0, 3)
    assert (train.weights, train.mean, train.std, train.precision) == ("imagenet", 0.5, 0.5, "auto")
    assert (config.data.image_size, config.sweep.metric) == (224, "balanced_accuracy")
    assert (config.sweep.scheduler, config.sweep.search) == ("none", "grid")


def test_the_compare_preset_searches_as_recommended() -> None:
    space = build_config(read_file("compare")).space
    assert space.lr == Interval(1e-4, 1e-2, log=True)
    assert isinstance(space.epochs, Interval)
    assert space.strength == Interval(0.0, 1.0)


def test_the_compare_preset_has_a_dozen_techniques_of_every_kind_that_trains() -> None:
    config = build_config(read_file("compare"))
    found = [get_technique(name) for name in config.space.techniques]
    assert len(trained(config)) == 12
    assert found[0].name == "baseline"
    assert decided(config) == ["baseline+threshold"]
    assert {axis for technique in found for axis in technique.axes} == {
        *("sampler", "augmentation", "mixer", "loss", "schedule", "decision"),
    }
    assert not [conflict for technique in found for conflict in conflicts(technique)]


def test_the_study_is_compared_by_default() -> None:
    assert Config().space.techniques == STUDY_TECHNIQUES


@pytest.mark.parametrize(
    "assignments",
    [
        [],
        ["space.lr=1e-5..0.1", "space.epochs=2..9", "space.batch_size=8,16", "space.strength=0,0.25,1"],
        ["data.positive=NO", "data.patient_pattern=(person\\d+)_", "resources.max_concurrent=3"],
        ["space.parameters.smote.k_neighbors=1..7", "space.parameters.borderline_smote.kind=1,2"],
        ["space.parameters.smote.sampling_strategy=0.25", "space.techniques=smote,baseline"],
        ["sweep.search=optuna", "space.lr=1e-4..1e-2", "sweep.scheduler=asha", "train.precision=bfloat16"],
    ],
)
def test_the_printed_configuration_reads_back_to_an_equal_one(assignments: list[str]) -> None:
    config = built(*assignments)
    assert build_config(yaml.safe_load(config.to_yaml())) == config


def test_the_printed_configuration_names_every_key() -> None:
    printed = yaml.safe_load(Config().to_yaml())
    keys = {f"{section}.{key}" for section, values in printed.items() for key in values}
    assert keys == {key for key in known_keys() if not key.startswith("funnel.")}, (
        "a first stage where one is asked for"
    )


def test_a_file_is_read_and_single_values_lie_over_it(tmp_path: Path) -> None:
    path = tmp_path / "own.yaml"
    path.write_text("space:\n  lr: 1e-3..1e-2\n  seeds: 7\ndata:\n  # nothing but defaults\n")
    config = build_config(read_file(str(path)), dict([parse_assignment("space.seeds=2")]))
    assert config.space.seeds == 2
    assert config.space.lr == Interval(1e-3, 1e-2, log=True)
    assert config.data == Config().data


def test_building_changes_neither_the_base_nor_the_assignments() -> None:
    base = {"space": {"lr": 0.5, "parameters": {"smote": {"k_neighbors": 3}}}}
    built("space.lr=0.1", "space.parameters.smote.k_neighbors=4", base=base)
    assert base == {"space": {"lr": 0.5, "parameters": {"smote": {"k_neighbors": 3}}}}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("space.lr=0.001", 0.001),
        ("space.lr=1e-3", 0.001),
        ("space.lr=1e-4..1e-2", Interval(1e-4, 1e-2, log=True)),
        ("space.lr=1e-4,1e-3", [1e-4, 1e-3]),
        ("space.lr=[1e-4, 0.001]", [1e-4, 1e-3]),
        ("space.strength=0..1", Interval(0.0, 1.0)),
        ("space.strength=0, 0.5, 1", [0.0, 0.5, 1.0]),
        ("space.epochs=3..10", Interval(3, 10)),
        ("space.techniques=smote, baseline", ["smote", "baseline"]),
        ("space.techniques=[smote, baseline, smote]", ["smote", "baseline"]),
        ("space.search_parameters=true", True),
        ("space.seeds=4", 4),
        ("train.mean=1e-1", 0.1),
        ("data.source=a=b", "a=b"),
        ("data.positive=NO", "NO"),  # YAML would take it for false
        ("data.positive=1", "1"),
        ("data.positive=null", None),
        ("data.patient_pattern=[a-z]+: (\\d+)", "[a-z]+: (\\d+)"),
        ("resources.gpus_per_trial=0.5", 0.5),
        ("resources.gpus_per_trial=0", 0.0),
        ("resources.cpus_per_trial=0.1", 0.1),
        ("resources.trial_timeout=90", 90.0),
        ("resources.trial_timeout=1.5h", 5400.0),
        ("resources.trial_timeout=45m", 2700.0),
        ("resources.trial_timeout=", None),
    ],
)
def test_an_assignment_sets_its_key(text: str, value: Any) -> None:
    section, _, key = text.partition("=")[0].partition(".")
    assert getattr(getattr(built(text), section), key) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("smote.k_neighbors=1,3", [1, 3]),
        ("smote.k_neighbors=[1, 3]", [1, 3]),
        ("smote.k_neighbors=1..3", Interval(1, 3)),
        ("smote.k_neighbors=1", 1),
        ("smote.sampling_strategy=0.5..1", Interval(0.5, 1.0)),
        ("smote.sampling_strategy=0.5,1", [0.5, 1.0]),
        ("borderline_smote.kind=1,2", [1, 2]),
        ("ldam_drw.ldam.scale=20", 20.0),
    ],
)
def test_a_techniques_own_parameter_takes_a_number_a_list_or_a_range(text: str, value: Any) -> None:
    technique, _, parameter = text.partition("=")[0].partition(".")
    given = built(f"space.parameters.{text}").space.parameters[technique][parameter]
    assert given == value
    if isinstance(value, list):
        assert [type(v) for v in given] == [type(v) for v in value]


# (assignment, what the sentence must hold: the rule or the key, the value)
BAD_VALUES = [
    ("space.lr=abc", ["space.lr", "abc", "not a number", "1e-4..1e-2"]),
    ("space.lr=.nan", ["space.lr", "nan", "not a number"]),
    ("space.lr=.inf", ["space.lr", "inf", "not a number"]),
    ("space.lr=", ["space.lr", "None", "not a number"]),
    ("space.lr=true", ["space.lr", "True", "not a number"]),
    ("space.lr={a: 1}", ["space.lr", "not a number"]),
    ("space.lr=[[1]]", ["space.lr", "not a number"]),
    ("space.lr=[]", ["space.lr", "list is empty", "give at least one"]),
    ("space.lr=1e-4,x", ["space.lr", "1e-4,x", "not a number"]),
    ("space.lr=1e-2..1e-4", ["space.lr", "0.01..0.0001", "smaller number first"]),
    ("space.lr=1e-4..", ["space.lr", "1e-4..", "not a number"]),
    ("space.lr=0..1e-2", ["space.lr", "above 0", "starts at 0"]),
    ("space.lr=0", ["space.lr", "above 0", "is 0"]),
    ("space.lr=-0.1", ["space.lr", "above 0", "-0.1"]),
    ("space.lr=100", ["space.lr", "at most 10", "100"]),
    ("space.lr=0.1,100", ["space.lr", "at most 10", "100"]),
    ("space.epochs=0", ["space.epochs", "at least 1", "is 0"]),
    ("space.epochs=2.5", ["space.epochs", "whole number", "2.5"]),
    ("space.epochs=1.5..3", ["space.epochs", "whole number", "1.5"]),
    ("space.strength=1.5", ["space.strength", "at most 1", "1.5"]),
    ("space.strength=-1..1", ["space.strength", "at least 0", "-1"]),
    ("space.batch_size=1", ["space.batch_size", "at least 2", "is 1"]),
    ("space.seeds=0", ["space.seeds", "1", "0"]),
    ("space.seeds=many", ["space.seeds", "whole number", "many"]),
    ("space.trials=0", ["space.trials", "1", "0"]),
    ("space.techniques=", ["space.techniques"]),
    ("space.techniques=bordeline_smote", ["'bordeline_smote'", "did you mean 'borderline_smote'?"]),
    ("space.parameters.smot.k_neighbors=3", ["'smot'", "did you mean 'smote'?"]),
    ("space.parameters.smote.k_neighbor=3", ["'k_neighbor'", "did you mean 'k_neighbors'?"]),
    ("space.parameters.smote.k_neighbors=0", ["smote.k_neighbors", "1..1000", "is 0"]),
    ("space.parameters.smote.k_neighbors=2.5", ["smote.k_neighbors", "whole number", "2.5"]),
    ("space.parameters.smote.k_neighbors=2,0", ["smote.k_neighbors", "1..1000", "is 0"]),
    ("space.parameters.smote.k_neighbors=0..3", ["smote.k_neighbors", "1..1000", "is 0"]),
    ("space.parameters.smote.k_neighbors=[]", ["list is empty", "give at least one"]),
    ("space.parameters.smote.k_neighbors=few", ["few", "not a number"]),
    ("space.parameters.smote.k_neighbors=", ["smote.k_neighbors", "None"]),
    ("space.parameters.borderline_smote.kind=3", ["borderline_smote.kind", "one of 1, 2", "is 3"]),
    ("space.parameters.borderline_smote.kind=1..2", ["borderline_smote.kind", "1..2", "list"]),
    ("space.parameters.baseline.kind=1", ["'baseline'", "no parameters", "remove it"]),
    ("data.image_size=8", ["data.image_size", "16", "8"]),
    ("data.image_size=big", ["data.image_size", "whole number", "big"]),
    ("data.skip_bad=perhaps", ["data.skip_bad", "true or false", "perhaps"]),
    ("train.std=0", ["train.std", "above 0"]),
    ("train.mean=.nan", ["train.mean", "finite", "nan"]),
    ("train.mean=0.5,0.4", ["train.mean", "three with commas", "0.5,0.4"]),
    ("train.std=0.5,0.4,0", ["train.std", "above 0", "0.4"]),
    ("train.stem=tiny", ["train.stem", "imagenet", "tiny"]),
    ("space.budget=minutes", ["space.budget", "steps", "minutes"]),
    ("train.precision=float8", ["train.precision", "'float32' or 'bfloat16'", "float8"]),
    ("sweep.metric=recal", ["'recal'", "did you mean 'recall'?"]),
    ("sweep.metric=loss", ["'loss'"]),
    ("sweep.scheduler=ash", ["sweep.scheduler", "'none' or 'asha'", "ash"]),
    ("sweep.search=optuna", ["optuna", "needs a range", "--lr 1e-4..1e-2"]),
    ("resources.gpus_per_trial=-1", ["resources.gpus_per_trial", "0", "-1"]),
    ("resources.gpus_per_trial=0.01", ["resources.gpus_per_trial", "0, or from 0.1", "0.01", "0.5"]),
    ("resources.gpus_per_trial=1.5", ["resources.gpus_per_trial", "whole number above 1", "1.5", "give 2"]),
    ("resources.cpus_per_trial=0.001", ["resources.cpus_per_trial", "from 0.1", "0.001", "give 1 or more"]),
    ("resources.cpus_per_trial=0", ["resources.cpus_per_trial", "from 0.1", "is 0"]),
    ("resources.max_concurrent=0", ["resources.max_concurrent", "1", "0"]),
    ("resources.trial_timeout=soon", ["resources.trial_timeout", "2h", "'soon'"]),
    ("resources.trial_timeout=0", ["resources.trial_timeout", "from 1 second", "'0'"]),
    ("resources.trial_timeout=-5m", ["resources.trial_timeout", "'-5m'"]),
    ("resources.trial_timeout=.inf", ["resources.trial_timeout", "inf"]),
]


@pytest.mark.parametrize(("assignment", "parts"), BAD_VALUES, ids=[text for text, _ in BAD_VALUES])
def test_a_bad_value_gives_one_sentence(assignment: str, parts: list[str]) -> None:
    with pytest.raises(UserError) as caught:
        built(assignment)
    message = str(caught.value)
    assert is_one_sentence(message)
    for part in parts:
        assert part in message
    # A union's branches or a validator's wrapping must not say the same thing again.
    assert message.count(assignment.partition("=")[0]) <= 1


def test_each_of_several_mistakes_is_named_once() -> None:
    with pytest.raises(UserError) as caught:
        built(base={"data": {"image_size": 1}, "space": {"lr": "abc"}, "train": {"std": -1}})
    message = str(caught.value)
    for key in ("data.image_size", "space.lr", "train.std"):
        assert message.count(key) == 1


@pytest.mark.parametrize(
    ("base", "parts"),
    [
        ({"spac": {}}, ["section 'spac'", "did you mean 'space'?"]),
        ({"space": {"lrr": 1}}, ["'space.lrr'", "did you mean 'space.lr'?"]),
        ({"data": {"lr": 1}}, ["'data.lr'", "did you mean 'space.lr'?"]),
        ({"sweep": {"metrics": "f1"}}, ["'sweep.metrics'", "did you mean 'sweep.metric'?"]),
        ({"space": 5}, ["'space'", "5"]),
        ({"space": {"parameters": {"smote": 5}}}, ["space.parameters.smote", "5"]),
    ],
)
def test_unknown_and_misplaced_keys_of_a_file(base: dict[str, Any], parts: list[str]) -> None:
    for assignments in ({}, {"space.seeds": 2}):
        with pytest.raises(UserError) as caught:
            build_config(base, assignments)
        assert is_one_sentence(str(caught.value))
        assert all(part in str(caught.value) for part in parts)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("space.lr", ["key=value", "'space.lr'", "--set space.lr=0.001"]),
        ("space.lrr=1", ["'space.lrr'", "did you mean 'space.lr'?"]),
        ("seeds=2", ["'seeds'", "did you mean 'space.seeds'?"]),
        ("space.parameters.a.b.c=3", ["'space.parameters.a.b.c'"]),
        ("space.lr=[1", ["space.lr", "[1", "YAML"]),
    ],
)
def test_an_assignment_that_is_none(text: str, parts: list[str]) -> None:
    with pytest.raises(UserError) as caught:
        parse_assignment(text)
    assert is_one_sentence(str(caught.value))
    assert all(part in str(caught.value) for part in parts)


def test_an_unknown_preset_and_unreadable_files(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"unknown preset 'papr'; did you mean 'paper'\?"):
        read_file("papr")
    with pytest.raises(UserError, match=r"no configuration file .*gone\.yaml.*compare"):
        read_file(str(tmp_path / "gone.yaml"))
    (tmp_path / "list.yaml").write_text("- 1\n")
    with pytest.raises(UserError, match="must hold sections"):
        read_file(str(tmp_path / "list.yaml"))
    (tmp_path / "torn.yaml").write_text("space: [1\nlr: {")
    with pytest.raises(UserError, match="no valid YAML") as caught:
        read_file(str(tmp_path / "torn.yaml"))
    assert is_one_sentence(str(caught.value))
    (tmp_path / "latin.yaml").write_bytes(b"data:\n  source: r\xf6ntgen\n")
    with pytest.raises(UserError, match="no valid YAML"):
        read_file(str(tmp_path / "latin.yaml"))


def test_a_configuration_cannot_be_changed() -> None:
    config = Config()
    with pytest.raises(ValidationError, match="frozen"):
        config.space.lr = 1.0  # type: ignore[misc]
    with pytest.raises(ValidationError, match="frozen"):
        config.space = config.space  # type: ignore[misc]


def test_many_mistakes_are_told_by_the_first_few() -> None:
    with pytest.raises(UserError) as error:
        build_config({"data": {f"k{number}": 1 for number in range(20_000)}})
    assert str(error.value).startswith("unknown key 'data.k0'")
    assert str(error.value).endswith("; and 19,995 more")
    assert str(error.value).count("unknown key") == 5


@pytest.mark.parametrize("key", ["data.source", "space.techniques", "sweep.metric", "resources.address"])
def test_what_is_no_utf8_is_refused(key: str) -> None:
    with pytest.raises(UserError, match=r"'R\\udcf6ntgen' is no text in UTF-8"):
        build_config({}, {key: "R\udcf6ntgen"})


def test_what_is_no_utf8_within_a_list_is_refused() -> None:
    with pytest.raises(UserError, match=r"\\udcf6"):
        build_config({"space": {"techniques": ["smote", "R\udcf6ntgen"]}})
