"""What a report made to be shared shows of local places: their names, not the folders of somebody's home."""

from __future__ import annotations

import contextlib
import re
import shlex
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePath
from typing import Any

import yaml

from balancing.data.sources import looks_like_path
from sweep.analysis.results import Results

# Options whose value is a pattern on file names or of words, not a path, whatever it begins with.
_PATTERNS = frozenset(
    f"{begin}{one}"
    for name in ("patient-pattern", "label-pattern", "label-map", "split-map", "merge")
    for begin, one in (("--", name), ("data.", name.replace("-", "_")))
)
_RUN = "run:"  # before the folder of a run whose network is a start
# An absolute path within a sentence; not the rest of an address such as https://host/path, nor a lone slash.
_PATH = re.compile(rf"(?:(?<![\w/.:~<-])|(?<=\b{_RUN}))(?:file://|~)?(?:/[^\s/'\"`:;,()<>|]+)+/?")
_OWN_KEYS = (
    *(("data", key) for key in ("source", "labels", "patient_table", "split_list", "layout")),
    ("train", "weights"),
    ("report", "masks"),
)


def place_name(path: str) -> str:
    """The last part of a path: ``/home/ada/study/images/`` -> ``images``."""
    return PurePath(path.replace("\\", "/")).name or path


def data_name(data: Mapping[str, Any]) -> str:
    """What a report calls a run's data: a folder's or file's name, a Hub id, or ``phantom``.

    Args:
        data: ``data`` of run.json.
    """
    source = str(data["source"])
    if data.get("kind") == "local" or (data.get("kind") is None and looks_like_path(source)):
        return place_name(source)
    return source


def run_name(run: Results) -> str:
    """The run folder's name, as a command takes it from the folder that holds it."""
    return shlex.quote(run.path.resolve().name)


def shown_command(command: str) -> str:
    """A command line as it was given, but for the folders above what its arguments name."""
    try:
        words = shlex.split(command)
    except ValueError:  # a quote that never ends: not one of ours
        return without_folders(command)
    before = ["", *words]
    return shlex.join(
        word if option in _PATTERNS else _shown_word(word) for option, word in zip(before, words, strict=False)
    )


def _shown_word(word: str) -> str:
    if word.startswith("{"):
        return without_folders(word)
    if "," in word:  # pairs of a split and its list
        return ",".join(map(_shown_word, word.split(",")))
    key, equals, value = word.partition("=")
    if equals and re.fullmatch(r"[\w.-]+", key):
        return word if key in _PATTERNS else f"{key}={_shown_word(value)}"
    start, place = (_RUN, word.removeprefix(_RUN)) if word.startswith(_RUN) else ("", word)
    return start + place_name(place) if place.startswith(("/", "~", "..")) else word


def shown_config(config_yaml: str, data: Mapping[str, Any]) -> str:
    """A run's configuration with names in the place of local paths.

    Args:
        data: ``data`` of run.json.
    """
    loaded = yaml.safe_load(config_yaml)
    first = _first_train(loaded)
    if isinstance(first.get("weights"), str):
        first["weights"] = _shown_word(first["weights"])
    for section, key in _OWN_KEYS:
        value = (loaded.get(section) or {}).get(key) if isinstance(loaded, dict) else None
        if isinstance(value, str):
            loaded[section][key] = data_name({**data, "source": value}) if key == "source" else _shown_word(value)
        elif isinstance(value, dict):
            loaded[section][key] = {split: _shown_word(str(word)) for split, word in value.items()}
    return yaml.safe_dump(loaded, sort_keys=False, allow_unicode=True)


def _first_train(loaded: Any) -> dict[str, Any]:
    """The section ``train`` of the first of two stages; {} where there is one stage."""
    for key in ("funnel", "first", "train"):
        loaded = loaded.get(key) if isinstance(loaded, dict) else None
    return loaded if isinstance(loaded, dict) else {}


def own_places(run: Results) -> list[str]:
    """The absolute paths that a run knows of: its own, its data's, weights' and masks', and the home of who reports."""
    loaded = yaml.safe_load(run.config_yaml)
    sections = loaded if isinstance(loaded, dict) else {}
    given = [(sections.get(section) or {}).get(key) for section, key in _OWN_KEYS]
    given.append(_first_train(sections).get("weights"))
    named = [word for one in given for word in (one.values() if isinstance(one, dict) else [one])]
    named = [word.removeprefix(_RUN) if isinstance(word, str) else word for word in named]
    own = [str(run.path.absolute()), str(run.path.resolve()), run.info["data"]["source"], *named]
    with contextlib.suppress(RuntimeError):  # nobody's home
        own.append(str(Path.home()))
    return [str(place) for place in own if isinstance(place, str) and len(place) > 1 and place.startswith("/")]


def without_folders(text: str, places: Iterable[str] = ()) -> str:
    """A sentence with each absolute path in it cut down to its last part.

    Args:
        places: paths that may stand in it, for those that hold spaces or quotes: where such a one ends can't be seen.
    """
    for place in sorted(places, key=len, reverse=True):
        text = text.replace(place, place_name(place))
    return _PATH.sub(lambda found: place_name(found[0]), text)
