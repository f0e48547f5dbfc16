"""Damaged run folders: every file of one cut off, emptied, changed, removed or replaced, and read by every command."""

from __future__ import annotations

import itertools
import json
import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.malformed_call import Case, Place
from benchmarks.malformed_images import flipped
from benchmarks.malformed_sound import copied

# One trial's files stand for those of all.
FILES = (
    "run.json",
    "config.yaml",
    "split.parquet",
    "audit.json",
    "bad_images.json",
    "trials.json",
    "selection.json",
    "test_openings.jsonl",
    "trials/*/spec.json",
    "trials/*/status.json",
    "trials/*/epochs.json",
    "trials/*/validation.parquet",
    "trials/*/test.parquet",
    "trials/*/best.pt",
)
COMMANDS: dict[str, list[str]] = {
    "report": ["report", "run", "--no-cams"],
    "resume": ["resume", "run"],
    "compare": ["compare", "run", "other"],
    "predict": ["predict", "run", "run/image.png"],
}

Damage = Callable[[Path, random.Random], object]


def _replace(path: Path, content: bytes) -> None:
    path.unlink(missing_ok=True)  # a network has another name elsewhere, whose content must stay
    path.write_bytes(content)


def _halved(path: Path, rng: random.Random) -> None:
    content = path.read_bytes()
    _replace(path, content[: len(content) // 2])


def _as_folder(path: Path, rng: random.Random) -> None:
    path.unlink()
    path.mkdir()


def _linked(target: str) -> Damage:
    """A link to another name; the file's own where that is empty."""

    def damage(path: Path, rng: random.Random) -> None:
        path.unlink()
        os.symlink(target or path.name, path)

    return damage


def _written(content: bytes) -> Damage:
    return lambda path, rng: _replace(path, content)


DAMAGES: dict[str, Damage] = {
    "empty": _written(b""),
    "cut in half": _halved,
    "its last byte gone": lambda path, rng: _replace(path, path.read_bytes()[:-1]),
    "bits flipped": lambda path, rng: _replace(path, flipped(path.read_bytes(), rng, 30)),
    "zeros": lambda path, rng: _replace(path, b"\0" * path.stat().st_size),
    "removed": lambda path, rng: path.unlink(),
    "a folder": _as_folder,
    "a dangling link": _linked("nowhere"),
    "a link to itself": _linked(""),
    "text": _written(b"this is none"),
    "not UTF-8": _written(b"\xff\xfe\xfd"),
}
# Sound JSON of another shape than is wanted.
JSON: dict[str, Damage] = {
    "null": _written(b"null"),
    "a list": _written(b"[]"),
    "an object": _written(b"{}"),
    "a number": _written(b"7"),
    "a word": _written(b'"word"'),
    "a list of null": _written(b"[null]"),
    "NaN": _written(b"NaN"),
    "brackets, 100,000 deep": _written(b"[" * 100_000),
    "5,000 digits": _written(b"9" * 5_000),
}
_ABSURD = ("null", "{}", '"x"', "-1", "1e999", "[" * 2_000 + "]" * 2_000, "9" * 400)


def cases(rng: random.Random) -> list[Case]:
    found = []
    for file in FILES:
        damages = {**DAMAGES, **(JSON if file.endswith(("json", "jsonl")) else {})}
        commands = _of_interest(file)
        for number, (name, damage) in enumerate(damages.items()):
            # The first damage is read by all commands, the others by one in turn.
            chosen = commands if not number else [commands[number % len(commands)]]
            found += [
                Case(
                    "run folders, files damaged",
                    f"{file.replace('*', 'X')} {name}, {command}",
                    _case(file, damage, command),
                )
                for command in chosen
            ]
    for number, ((file, keys), value) in enumerate(itertools.product(_VALUES, _ABSURD)):
        command = _of_interest(file)[number % len(_of_interest(file))]
        label = f"{file.replace('*', 'X')} {'.'.join(map(str, keys))} {value if len(value) < 9 else 'deep'}, {command}"
        found.append(Case("run folders, values changed", label, _case(file, _changed(keys, value), command)))
    for name, arrange in _FOLDERS.items():
        for command in ("report", "resume", "compare", "predict"):
            found.append(Case("run folders, as a whole", f"{name}, {command}", _arranged(arrange, command)))
    for words in (["compare"], ["compare", "run"], ["compare", "run", "run"], ["compare", "run", "other", "none"]):
        found.append(
            Case("run folders, as a whole", " ".join(words), _arranged(lambda place: None, "", words), refuse=True)
        )
    found.append(
        Case("run folders, as a whole", "predict by nobody", _arranged(
            lambda place: None, "", ["predict", "run", "run/image.png", "--technique", "smote"]), refuse=True)
    )  # fmt: skip
    return found


def _of_interest(file: str) -> list[str]:
    """The commands that read a file."""
    if file.endswith("best.pt"):
        return ["predict", "resume"]
    if file in ("bad_images.json", "audit.json") or file.endswith(("validation.parquet", "spec.json")):
        return ["report", "resume"]
    return list(COMMANDS)


def _sound(place: Place) -> Path:
    run = copied(place.sound / "run", place.folder / "run")
    copied(place.sound / "other", place.folder / "other")
    shutil.copyfile(place.sound / "images" / "test" / "NORMAL" / "p052.png", run / "image.png")
    return run


def _case(file: str, damage: Damage, command: str) -> Callable[[Place], list[str]]:
    def make(place: Place) -> list[str]:
        run = _sound(place)
        path = sorted(run.glob(file))[0]
        if "trials/" in file:
            # Of a trial that was chosen, and so is read by all commands.
            chosen = json.loads((run / "selection.json").read_bytes())[0]["trial_ids"][0]
            path = run / "trials" / chosen / path.name
        damage(path, place.rng)
        return COMMANDS[command]

    return make


def _changed(keys: tuple[Any, ...], value: str) -> Damage:
    """One value of a JSON file written over; the text goes in as it is, for Python writes no such numbers."""

    def damage(path: Path, rng: random.Random) -> None:
        lines = path.suffix == ".jsonl"
        whole = json.loads(path.read_text().splitlines()[0] if lines else path.read_text())
        inner = whole
        for key in keys[:-1]:
            inner = inner[key]
        inner[keys[-1]] = "@@"
        text = json.dumps(whole).replace('"@@"', value)
        _replace(path, text.encode() + b"\n" * lines)

    return damage


_VALUES: tuple[tuple[str, tuple[Any, ...]], ...] = (
    ("run.json", ("format",)),
    ("run.json", ("id",)),
    ("run.json", ("data",)),
    ("run.json", ("data", "class_names")),
    ("run.json", ("data", "class_names", 0)),
    ("run.json", ("data", "positive")),
    ("run.json", ("data", "shape")),
    ("run.json", ("data", "fingerprint")),
    ("run.json", ("data", "class_counts")),
    ("run.json", ("versions",)),
    ("run.json", ("notes",)),
    ("trials.json", (0,)),
    ("trials.json", (0, "technique")),
    ("trials.json", (0, "lr")),
    ("trials.json", (0, "seed")),
    ("trials.json", (0, "parameters")),
    ("selection.json", (0,)),
    ("selection.json", (0, "technique")),
    ("selection.json", (0, "trial_ids")),
    ("selection.json", (0, "trial_ids", 0)),
    ("selection.json", (0, "mean")),
    ("test_openings.jsonl", ("trials",)),
    ("trials/*/status.json", ("status",)),
    ("trials/*/status.json", ("best_epoch",)),
    ("trials/*/epochs.json", (0,)),
    ("trials/*/epochs.json", (0, "epoch")),
    ("trials/*/epochs.json", (0, "balanced_accuracy")),
    ("trials/*/epochs.json", (0, "seconds")),
    ("audit.json", ("findings",)),
)


def _without_data(place: Place) -> None:
    path = place.folder / "run" / "config.yaml"
    path.write_text(path.read_text().replace(str(place.sound / "images"), str(place.folder / "gone")))


def _other_data(place: Place) -> None:
    images = copied(place.sound / "images", place.folder / "images")
    (images / "train" / "NORMAL" / "p000.png").unlink()
    path = place.folder / "run" / "config.yaml"
    path.write_text(path.read_text().replace(str(place.sound / "images"), str(images)))


def _trial_id_that_leaves(place: Place) -> None:
    path = place.folder / "run" / "selection.json"
    selection = json.loads(path.read_bytes())
    selection[0]["trial_ids"] = ["../../../../etc"]
    path.write_text(json.dumps(selection))


def _pickled_network(place: Place) -> None:
    from pickle import dumps

    from benchmarks.malformed_containers import Dangerous

    for path in (place.folder / "run").glob("trials/*/best.pt"):
        _replace(path, dumps(Dangerous()))


def _tables_of_other_types(place: Place) -> None:
    import pandas as pd

    for path in (place.folder / "run").glob("trials/*/test.parquet"):
        pd.DataFrame({"row": ["a", "b"], "label": [None, 1.5], "p_0": ["x", "y"]}).to_parquet(path)


def _tables_of_nothing(place: Place) -> None:
    import pandas as pd

    for path in (place.folder / "run").glob("trials/*/*.parquet"):
        pd.DataFrame().to_parquet(path)


def _tables_of_nan(place: Place) -> None:
    import pandas as pd

    for path in (place.folder / "run").glob("trials/*/test.parquet"):
        table = pd.read_parquet(path)
        table["p_0"] = float("nan")
        table.to_parquet(path, index=False)


_FOLDERS: dict[str, Callable[[Place], object]] = {
    "empty": lambda place: _instead(place, Path.mkdir),
    "a file": lambda place: _instead(place, lambda path: path.write_bytes(b"x")),
    "a pipe in place of run.json": lambda place: _linked_file(place, "run.json", os.mkfifo),
    "a device in place of run.json": lambda place: _linked_file(
        place, "run.json", lambda path: os.symlink("/dev/zero", path)
    ),
    "not there": lambda place: _instead(place, lambda path: None),
    "a link to itself": lambda place: _instead(place, lambda path: os.symlink("run", path)),
    "no trials": lambda place: shutil.rmtree(place.folder / "run" / "trials"),
    "data gone": _without_data,
    "data changed": _other_data,
    "a trial's id that leaves the folder": _trial_id_that_leaves,
    "networks that are pickles": _pickled_network,
    "predictions of other types": _tables_of_other_types,
    "predictions without columns": _tables_of_nothing,
    "predictions that are no numbers": _tables_of_nan,
}  # fmt: skip


def _instead(place: Place, put: Callable[[Path], object]) -> None:
    shutil.rmtree(place.folder / "run")
    put(place.folder / "run")


def _linked_file(place: Place, name: str, put: Callable[[Path], object]) -> None:
    path = place.folder / "run" / name
    path.unlink()
    put(path)


def _arranged(
    arrange: Callable[[Place], object], command: str, words: list[str] | None = None
) -> Callable[[Place], list[str]]:
    def make(place: Place) -> list[str]:
        run = _sound(place)
        shutil.copyfile(run / "image.png", place.folder / "image.png")
        arrange(place)
        given = words or COMMANDS[command]
        return [word.replace("run/image.png", "image.png") for word in given]

    return make
