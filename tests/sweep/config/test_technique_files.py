"""Techniques by group, by file and around a composition, as a configuration takes them."""

from __future__ import annotations

from pathlib import Path

import pytest

from balancing.components.groups import GROUPS, expand
from balancing.errors import UserError
from sweep.cli.options import TECHNIQUE_GROUPS
from sweep.config.config import Config, build_config
from sweep.config.strict_yaml import read_yaml
from sweep.config.technique_files import expand_names


def config_with(techniques: object) -> Config:
    return build_config({"space": {"techniques": techniques}})


def test_the_command_line_tells_of_every_group() -> None:
    assert set(TECHNIQUE_GROUPS) == set(GROUPS)
    assert list(TECHNIQUE_GROUPS) == list(GROUPS)


@pytest.mark.parametrize(
    ("written", "same"),
    [
        ("losses, smote", ["losses", "smote"]),
        (["smote", "losses"], ["smote", "losses"]),
        ("around:drw+ldam,smote", ["around:ldam+drw", "smote"]),
    ],
)
def test_groups_and_names_are_recorded_as_the_names_they_stand_for(written: object, same: list[str]) -> None:
    config = config_with(written)
    assert config.space.techniques == expand(same)
    assert not set(config.space.techniques) & {"losses", "around:ldam+drw"}
    recorded = read_yaml(config.to_yaml(), "config.yaml")
    assert recorded["space"]["techniques"] == config.space.techniques
    assert build_config(recorded) == config


def test_a_file_holds_names_apart_by_lines_spaces_and_commas_and_comments(tmp_path: Path) -> None:
    path = tmp_path / "my list.txt"
    path.write_text(
        "\ufeff# what we compare\nbaseline  smote # both\n\nclass_weights + undersampling, drw+ldam\ncheap\nsmote\n",
        encoding="utf-8",
    )
    wanted = ["baseline", "smote", "undersampling+class_weights", "ldam_drw"]
    assert expand_names([f"@{path}"])[:4] == wanted
    assert expand_names([f"@{path}"]) == list(dict.fromkeys([*wanted, *expand(["cheap"])]))
    assert config_with(f"focal, @{path}").space.techniques[:2] == ["focal", "baseline"]
    assert config_with([f"@{path}"]).space.techniques == expand_names([f"@{path}"])


def test_a_relative_file_is_looked_for_where_the_command_is_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mine.txt").write_text("smote")
    assert config_with("@mine.txt").space.techniques == ["smote"]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("baseline\nsmot # a typo\n", r"line 2 of the file of techniques .*: unknown technique 'smot'; did you mean"),
        ("# nothing\n\n", r"file of techniques .* names no technique; write one or more a line"),
        ("@other.txt", r"line 1 of the file of techniques .* names another file, @other.txt; write its names here"),
        (b"\xff\xfe\x00smote", r"file of techniques .* is no text in UTF-8"),
        (b"smote\n" * 200_000, r"file of techniques .* has more than 1,000,000 bytes"),
    ],
)
def test_a_file_that_is_no_list_of_names_is_refused_in_one_sentence(
    content: str | bytes, told: str, tmp_path: Path
) -> None:
    path = tmp_path / "list.txt"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(UserError, match=told) as refused:
        config_with(f"@{path}")
    assert "\n" not in str(refused.value)


def test_a_file_that_is_not_there_or_is_a_folder_is_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"file of techniques '.*none.txt' is not there; give a text file with names"):
        config_with(f"@{tmp_path / 'none.txt'}")
    with pytest.raises(UserError, match=r"is no file; give a text file with names"):
        config_with(f"@{tmp_path}")
    with pytest.raises(UserError, match="file of techniques"):
        config_with(["@a\0b"])
    with pytest.raises(UserError, match="file of techniques"):
        config_with(f"@{'x' * 5000}")
