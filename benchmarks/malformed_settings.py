"""Malformed configurations: values of the wrong type for every key, and YAML files of every wrong kind."""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from pathlib import Path

from benchmarks.malformed_call import Case, Place
from benchmarks.malformed_sound import SMALL, copied

VALUES = (
    "",
    "null",
    "~",
    "''",
    "[]",
    "{}",
    "[1, {a: [b]}]",
    "{low: 1}",
    "{low: 1, high: .inf}",
    "{low: [1], high: {}}",
    "{low: 1, high: 2, log: maybe}",
    "{1: 2}",
    "{null: null}",
    ".nan",
    ".inf",
    "-.inf",
    "1e400",
    "-1",
    "010",
    "0b11",
    "1:30",
    "yes",
    "2020-01-01",
    "2020-13-45",
    "!!binary aGVsbG8=",
    "!!set {a, b}",
    "!!float x",
    "!!int ''",
    "!!timestamp x",
    "!!python/object/apply:os.system [touch code-ran]",
    "!!python/name:os.system",
    "&a [*a]",
    "*nowhere",
    "[",
    "{a: b",
    "'open",
    "a: b: c",
    "\t- x",
    "%YAML 9.9",
    "--- 1\n--- 2",
    "[" * 3_000,
    "x" * 10_000,
    "9" * 5_000,
    "1e-320",
    "\udcff",
    "\x1b[31m",
    "\u2028",
    "<<: 1",
    "{<<: [1]}",
)


def _laughs(levels: int = 12) -> str:
    lines = ["a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol]"]
    for level in range(1, levels):
        lines.append(f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 9)}]")
    return "\n".join(lines)


FILES: dict[str, bytes] = {
    "empty": b"",
    "comments alone": b"# nothing\n",
    "a number": b"7\n",
    "a list": b"- data\n- space\n",
    "text": b"data\n",
    "a section of text": b"data: phantom\n",
    "a section of a list": b"data: [phantom]\n",
    "a section twice": b"space: {epochs: 3}\nspace: {lr: 0.1}\n",
    "a key twice": b"space:\n  epochs: 3\n  epochs: 5\n",
    "an octal number": b"space: {epochs: 010, lr: 0.001}\n",
    "a time as number": b"space: {epochs: 1:30}\n",
    "tabs": b"data:\n\tsource: phantom\n",
    "zeros": b"\0" * 500,
    "random bytes": random.Random(0).randbytes(3_000),
    "UTF-16": "data:\n  source: phantom\n".encode("utf-16"),
    "Latin-1": b"data:\n  source: R\xf6ntgen\n",
    "a mark of byte order": b"\xef\xbb\xbfdata:\n  source: images\n",
    "control characters": b"data:\n  source: \x07\x1b\n",
    "a bomb of anchors": _laughs().encode(),
    "a bomb of anchors in a section": ("data:\n  " + _laughs().replace("\n", "\n  ")).encode(),
    "a bomb of anchors in a value": (_laughs() + "\nspace: {parameters: *a11}\n").encode(),
    "an anchor in itself": b"data: &a\n  source: *a\n",
    "a list in itself": b"space: {lr: &a [*a]}\n",
    "a mapping in itself": b"space: {parameters: &a {smote: *a}}\n",
    "an alias of nothing": b"data: *nothing\n",
    "a merge of itself": b"data: &a\n  <<: *a\n",
    "a merge of a number": b"data:\n  <<: 7\n",
    "code": b"data: !!python/object/apply:os.system ['touch code-ran']\n",
    "code in a key": b"!!python/object/apply:os.system ['touch code-ran']: 1\n",
    "an unknown tag": b"data: !secret x\n",
    "two documents": b"data: {source: phantom}\n---\ndata: {source: other}\n",
    "brackets, 3,000 deep": b"data: " + b"[" * 3_000,
    "brackets, 3,000 deep and closed": b"data: " + b"[" * 3_000 + b"]" * 3_000,
    "dashes, 3,000 deep": b"data:\n  " + b"- " * 3_000 + b"x\n",
    "a line of 5 MB": b"data: {source: " + b"x" * 5_000_000 + b"}\n",
    "20,000 keys": b"data:\n" + b"".join(b"  k%d: 1\n" % number for number in range(20_000)),
    "a key that is a list": b"? [a, b]\n: 1\n",
    "a key that is a mapping": b"? {a: b}\n: 1\n",
    "a key that is null": b"null: 1\n",
    "a key that is a number": b"1: 2\n",
    "a key in a section that is a number": b"data: {1: 2}\n",
    "a key in a section that is null": b"data: {null: 2}\n",
    "a key that is a date": b"2020-01-01: 2\n",
    "a key of 10,000 letters": b"data:\n  ? " + b"x" * 10_000 + b"\n  : 1\n",
    "an unknown section": b"datta: {source: phantom}\n",
    "an unknown technique": b"space: {techniques: [smoote]}\n",
    "techniques that are numbers": b"space: {techniques: [1, 2.5, null]}\n",
    "techniques that are mappings": b"space: {techniques: {smote: 1}}\n",
    "parameters that are text": b"space: {parameters: smote}\n",
    "parameters of nobody": b"space: {parameters: {nobody: {k: 1}}}\n",
    "parameters, infinite": b"space:\n  parameters:\n    smote: {k_neighbors: .inf}\n",
    "parameters of text": b"space:\n  parameters:\n    smote: {k_neighbors: many}\n",
    "parameters of nothing": b"space:\n  parameters:\n    smote: {k_neighbors: null}\n",
    "parameters of a date": b"space:\n  parameters:\n    smote: {k_neighbors: 2020-01-01}\n",
    "parameters of 5,000 digits": b"space:\n  parameters:\n    smote: {k_neighbors: " + b"9" * 5_000 + b"}\n",
    "an epoch of 5,000 digits": b"space: {epochs: " + b"9" * 5_000 + b"}\n",
    "a million draws": b"space: {lr: 1e-4..1e-2, trials: 1000000}\n",
    "ten million trials": b"space: {lr: 1e-4..1e-2, trials: 10000, seeds: 1000}\n",
    "a list of 100,000 learning rates": b"space: {lr: [" + b"0.1," * 100_000 + b"]}\n",
}


def cases(rng: random.Random) -> list[Case]:
    from sweep.config.config import known_keys

    found = []
    for key in [*known_keys(), "space.parameters.smote.k_neighbors", "space.parameters.smote.sampling_strategy"]:
        for value in rng.sample(VALUES, 4):
            label = ascii(value)[1:-1] if len(value) < 40 else f"{value[:5]}... ({len(value)})"
            asks = key in ("data.source", "resources.address")
            found.append(Case("values of --set", f"{key}={label}", _set(f"{key}={value}"), hub=asks))
    for text in (
        "", "=", "lr", "lr=1", "space", "space=1", "space.=1", ".lr=1", "space.lr.x=1", "space..lr=1", "=space.lr",
        "space.techniques.x.y=1", "space.parameters=1", "space.parameters.smote=1", "space.parameters..=1",
        "space.parameters.nobody.k=1", "space.parameters.smote.nothing=1", "data.__class__=1", "x" * 10_000 + "=1",
        "\udcff=1", "\x1b[31m=1", "space.lr", "a.b.c.d.e.f=1",
    ):  # fmt: skip
        name = ascii(text)[1:-1] if len(text) < 40 else f"{len(text)} letters"
        found.append(Case("values of --set", f"key {name}", _set(text), refuse=True))
    found += [Case("YAML files", name, _file(content)) for name, content in FILES.items()]
    found += [
        Case("YAML files", name, _special(put), refuse=True)
        for name, put in {
            "a folder": lambda path: path.mkdir(),
            "a pipe": os.mkfifo,
            "a link to /dev/zero": lambda path: os.symlink("/dev/zero", path),
            "not there": lambda path: None,
        }.items()
    ]
    found += [
        Case("YAML files", name, _named(file), refuse=True)
        for name, file in {
            "a name of 10,000 letters": "x" * 10_000 + ".yaml",
            "a name that is no text": "\udcff.yaml",
            "a name with control characters": "\x1b[31m\n.yaml",
            "an empty name": "",
        }.items()
    ]
    found.append(Case("YAML files", "a preset that leaves its folder", _leaving, refuse=True))
    return found


def _set(assignment: str) -> Callable[[Place], list[str]]:
    def make(place: Place) -> list[str]:
        return ["run", *SMALL, f"--data={place.sound / 'images'}", "--out", "out", f"--set={assignment}"]

    return make


def _file(content: bytes) -> Callable[[Place], list[str]]:
    def make(place: Place) -> list[str]:
        (place.folder / "c.yaml").write_bytes(content)
        images = copied(place.sound / "images", place.folder / "images")
        # So that what the file leaves open can be had here: no Hub, no weights to download.
        return ["run", "c.yaml", "--data", images.name, "--image-size", "32", "--weights", "none", "--out", "out"]

    return make


def _leaving(place: Place) -> list[str]:
    return ["presets", "../presets/demo"]


def _named(file: str) -> Callable[[Place], list[str]]:
    return lambda place: ["run", file, "--out", "out"]


def _special(put: Callable[[Path], object]) -> Callable[[Place], list[str]]:
    def make(place: Place) -> list[str]:
        put(place.folder / "c.yaml")
        return ["run", "c.yaml", "--data", str(place.sound / "images"), "--out", "out"]

    return make
