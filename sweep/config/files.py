"""Configurations as files: the presets that come with the package, and a user's own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from balancing.errors import UserError, suggestion
from sweep.config.strict_yaml import read_yaml
from sweep.config.values import shown_text

PRESETS = Path(__file__).parent / "presets"


def preset_names() -> list[str]:
    """The presets that come with the package."""
    return sorted(path.stem for path in PRESETS.glob("*.yaml"))


def read_file(name: str) -> dict[str, Any]:
    """A preset by name, or a YAML file by path, as nested dicts, not yet validated.

    Raises:
        UserError: there is neither, or the file is no mapping.
    """
    path = Path(name)
    if path.suffix in (".yaml", ".yml"):
        try:
            text = path.read_text(encoding="utf-8") if path.is_file() else None
        except OSError as error:
            raise UserError(
                f"configuration file {shown_text(name)} cannot be read ({error.strerror}); give one that can"
            ) from None
        except UnicodeDecodeError as error:
            raise UserError(
                f"configuration file {path} is no valid YAML: it is no UTF-8 ({error}); save it as that"
            ) from None
        if text is None:
            raise UserError(
                f"there is no configuration file {shown_text(name)}; give the path of one, or a preset: "
                f"{', '.join(preset_names())}"
            )
    elif name in preset_names():
        path = PRESETS / f"{name}.yaml"
        text = path.read_text(encoding="utf-8")
    else:
        raise UserError(
            f"unknown preset '{shown_text(name)}'{suggestion(name, preset_names())} (a file's name ends in .yaml)"
        )
    loaded = read_yaml(text, f"configuration file {path}")
    if not isinstance(loaded, dict):
        raise UserError(
            f"configuration file {path} must hold sections such as 'data:' and 'space:'; "
            f"it holds {shown_text(repr(loaded))}"
        )
    return loaded
