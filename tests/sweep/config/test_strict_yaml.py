"""YAML: what would be lost or read as something else in silence is one sentence that names the line."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from balancing.errors import UserError
from sweep.config.config import build_config, parse_assignment
from sweep.config.files import preset_names, read_file
from sweep.config.strict_yaml import read_yaml
from tests.sweep.config.test_config import is_one_sentence

TRAPS = [
    ("space: {epochs: 3}\nspace: {lr: 0.1}\n", ["'space'", "twice", "line 1", "line 2", "write it once"]),
    ("space:\n  lr: 0.1\n  epochs: 3\n  lr: 0.2\n", ["'lr'", "twice", "line 2", "line 4"]),
    ("space:\n  parameters:\n    smote: {k_neighbors: 3}\n    'smote': {k_neighbors: 4}\n", ["'smote'", "twice"]),
    ("space:\n  epochs: 010\n", ["line 2", "010", "octal number 8", "write 10, or 8"]),
    ("space: {seed: -0_17}\n", ["line 1", "-0_17", "octal number -15", "write -17"]),
    ("space:\n\n  epochs: 1:30\n", ["line 3", "1:30", "90", "in sixties"]),
    ("space: {lr: 1:30.5}\n", ["line 1", "1:30.5", "90.5"]),
    ("data:\n  positive: NO\n", ["line 2", "NO", "false", "'NO' in quotes"]),
    ("data:\n  skip_bad: yes\n", ["line 2", "yes", "write true"]),
    ("data:\n  positive: On\n", ["line 2", "On", "true"]),
    ("no: 1\n", ["line 1", "no", "false"]),
    ("data:\n  positive: 2026-01-31\n", ["line 2", "2026-01-31", "date", "in quotes"]),
    ("data: " + "[" * 3000, ["no valid YAML"]),
    ("data: " + "[" * 3000 + "]" * 3000, ["no valid YAML", "nested too deeply"]),
    ("data: !!python/object/apply:os.system ['id']\n", ["no valid YAML"]),
    ("data: !!int x\n", ["no valid YAML"]),
    ("data: 2026-99-99\n", ["date"]),
]


@pytest.mark.parametrize(("text", "parts"), TRAPS, ids=range(len(TRAPS)))
def test_a_trap_gives_one_sentence_with_its_line(text: str, parts: list[str], tmp_path: Path) -> None:
    path = tmp_path / "own.yaml"
    path.write_text(text)
    with pytest.raises(UserError) as caught:
        read_file(str(path))
    message = str(caught.value)
    assert is_one_sentence(message)
    assert len(message) < 600
    assert all(part in message for part in [str(path), *parts])


@pytest.mark.parametrize(
    "text",
    [
        "a: 10\nb: 0\nc: -3\nd: 0x10\ne: 1_000\nf: 0.5\ng: 1e-3\nh: 1.0e-3\ni: .inf\nj: 08\n",
        "a: true\nb: False\nc: null\nd: ~\ne: 'no'\nf: \"010\"\ng: '1:30'\nh: NORMAL\n",
        "a: &x [1, 2]\nb: *x\nc: {<<: {k: 1}, k: 2}\n",
        "- 1\n- {a: 1}\n- {a: 2}\n",
        "",
    ],
)
def test_everything_else_is_read_as_before(text: str) -> None:
    assert read_yaml(text, "x") == yaml.safe_load(text)


@pytest.mark.parametrize("name", preset_names())
def test_presets_and_recorded_configurations_hold_no_trap(name: str) -> None:
    odd = {"data.positive": "no", "data.label_column": "010", "data.image_column": "1:30", "data.source": "2026-01-31"}
    config = build_config(read_file(name), odd)
    assert build_config(read_yaml(config.to_yaml(), "config.yaml")) == config


def test_a_single_assignment_has_the_same_traps() -> None:
    for text in ("space.epochs=010", "space.search_parameters=yes", "space.lr=1:30"):
        with pytest.raises(UserError, match=f"^--set {text}: line 1"):
            parse_assignment(text)
    assert parse_assignment("data.positive=NO") == ("data.positive", "NO")


def test_unreadable_files_and_endless_words_give_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "folder.yaml").mkdir()
    for name in (str(tmp_path / "folder.yaml"), "x" * 5000 + ".yaml", "x" * 5000):
        with pytest.raises(UserError) as caught:
            read_file(name)
        assert is_one_sentence(str(caught.value))
        assert len(str(caught.value)) < 700
    (tmp_path / "closed.yaml").write_text("{}")

    def closed(self: Path, *_: object, **__: object) -> str:
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "read_text", closed)
    with pytest.raises(UserError, match=r"closed\.yaml cannot be read \(Permission denied\)"):
        read_file(str(tmp_path / "closed.yaml"))


def _laughs(levels: int) -> str:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 10)}]" for level in range(1, levels)]
    return "\n".join(lines)


def test_anchors_that_stand_for_billions_of_values_are_refused() -> None:
    assert len(read_yaml(_laughs(4), "x")) == 4
    with pytest.raises(UserError, match="more than 200,000 values"):
        read_yaml(_laughs(12), "x")


@pytest.mark.parametrize("text", ["&a [*a]", "a: &a\n  b: *a", "&a {? [*a] : 1}"])
def test_an_anchor_within_itself_is_refused(text: str) -> None:
    with pytest.raises(UserError, match="used within itself"):
        read_yaml(text, "x")


def test_an_anchor_used_again_is_read() -> None:
    assert read_yaml("a: &a [1, 2]\nb: *a\nc: {<<: &d {e: 1}}", "x") == {"a": [1, 2], "b": [1, 2], "c": {"e": 1}}
    assert read_yaml("", "x") is None


@pytest.mark.parametrize(
    "text", ["!!int ''", "!!float x", "!!timestamp x", "!!binary é", "9" * 5_000, "{<<: 1}", "[" * 3_000]
)
def test_values_that_are_not_of_their_tag_are_refused(text: str) -> None:
    with pytest.raises(UserError, match="^x"):
        read_yaml(text, "x")
