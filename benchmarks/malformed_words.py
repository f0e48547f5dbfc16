"""Absurd values: of every option of every command, and of what names data, weights, masks and a cluster."""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from typing import Any

from benchmarks.malformed_call import Case, Place
from benchmarks.malformed_images import HEADERS
from benchmarks.malformed_sound import SIZE, SMALL, copied

ABSURD = (
    "",
    " ",
    "nan",
    "inf",
    "-inf",
    "1e400",
    "-1",
    "0",
    "1e-400",
    "-0.0",
    "0x10",
    "1_000",
    "٣",
    "²",
    "99999999999999999999999",
    "9" * 5_000,
    "x" * 10_000,
    "None",
    "true",
    "[]",
    "{}",
    "é☃ \U0001f468\u200d\u2695\ufe0f",
    "\udcff\udcfe",
    "\x1b[31mred\x07",
    "two\nlines",
    "..",
    "1..",
    "..1",
    "2..1",
    "1..1",
    "nan..inf",
    "1...2",
    "1e-308..1e308",
    ",",
    "1,,2",
    "1," * 5_000,
    "nan,1",
    "--help",
    "=1",
    "{{7*7}}",
    "%s%n",
    "[red]x[/]",
    "!!python/object/apply:os.system [touch code-ran]",
    "../../../etc/passwd",
    "/dev/zero",
)

SOURCES = (
    "",
    " ",
    "@",
    "a@",
    "a/b@",
    "a/b/c",
    "a/b@c@d",
    "phantom2",
    "PHANTOM",
    "~nobody/images",
    "~",
    "C:\\images",
    "\\\\host\\share",
    "http://example.org/a.zip",
    "s3://bucket/key",
    "file:///etc/passwd",
    "hf://datasets/a/b",
    "/etc/passwd",
    "/dev/null",
    "/dev/zero",
    "/dev/stdin",
    "/proc/self/mem",
    "images/",
    "nowhere/images",
    "nowhere.zip",
    "\udcff",
    "\x1b[31mred",
    "two\nlines",
    "x" * 300,
    "x" * 10_000,
    "a/" * 3_000,
    "-",
    "*",
    "$(touch code-ran)",
    "`touch code-ran`",
    "images; touch code-ran",
    "é☃",
    "пневмония/снимки",
    "nobody-here/no-such-data",
    "nobody-here/no-such-data@0000000000000000000000000000000000000000",
    "squad",
)
# These may be ids of the Hub, which then is asked.
_ASKS = ("nowhere/images", "nobody-here/no-such-data", SOURCES[-2], "squad")


def _label(value: str) -> str:
    """A case's name from a value that may be anything."""
    shown = ascii(value)[1:-1] if value else "empty"
    return shown if len(shown) <= 40 else f"{shown[:24]}... ({len(value)})"


def cases(rng: random.Random) -> list[Case]:
    found = []
    for command, each in (("run", 5), ("plan", 2), ("audit", 2)):
        for option, is_flag in _options(command).items():
            for value in rng.sample(ABSURD, each):
                found.append(
                    Case(
                        f"options of {command}",
                        f"{option} {_label(value)}",
                        _option(command, option, value, is_flag),
                        hub=option == "--address",  # a cluster may be asked for
                    )
                )
    for source in SOURCES:
        found.append(
            Case(
                "words for data",
                _label(source),
                _data(source),
                refuse=source not in ("~", "images/"),
                hub=source in _ASKS,
            )
        )
    for name, make in _WEIGHTS.items():
        refuse = not name.startswith("sound")
        found.append(Case("checkpoints", name, _weights(make), refuse=refuse))
    for name, make_masks in _MASKS.items():
        for command in ("run", "report"):
            found.append(Case("masks", f"{name}, {command}", _masks(command, make_masks)))
    return found


def _options(command: str) -> dict[str, bool]:
    """The options of a command, and which are flags, as the command line itself knows them."""
    import typer

    from sweep.cli.main import app

    group: Any = typer.main.get_command(app)
    return {
        parameter.opts[-1]: bool(parameter.is_flag)
        for parameter in group.commands[command].params
        if parameter.opts[-1].startswith("--") and parameter.opts[-1] not in ("--help", "--data", "--set")
    }


def _option(command: str, option: str, value: str, is_flag: bool) -> Callable[[Place], list[str]]:
    """The option with the value; a flag takes none, so the value stands where the preset does."""

    def make(place: Place) -> list[str]:
        out = ["--out", "out"] if command == "run" and option != "--out" else []
        words = [option, "--", value] if is_flag else [*SMALL, f"{option}={value}"]
        return [command, f"--data={place.sound / 'images'}", *out, *words]

    return make


def _data(source: str) -> Callable[[Place], list[str]]:
    def make(place: Place) -> list[str]:
        if source == "images/":
            copied(place.sound / "images", place.folder / "images")
        return ["audit", *SMALL, f"--data={source}"]

    return make


def _state(change: Callable[[dict[str, Any]], Any]) -> Callable[[Place], None]:
    """A checkpoint of the sound network's tensors, changed."""

    def make(place: Place) -> None:
        import torch

        state = torch.load(place.sound / "network.pt", weights_only=True)["model"]
        torch.save(change(dict(state)), place.folder / "w.pt")

    return make


def _bytes(change: Callable[[bytes, random.Random], bytes]) -> Callable[[Place], None]:
    def make(place: Place) -> None:
        content = (place.sound / "network.pt").read_bytes()
        (place.folder / "w.pt").write_bytes(change(content, place.rng))

    return make


def _pickled(place: Place) -> None:
    from pickle import dumps

    from benchmarks.malformed_containers import Dangerous

    (place.folder / "w.pt").write_bytes(dumps(Dangerous()))


def _pickled_by_torch(place: Place) -> None:
    import torch

    from benchmarks.malformed_containers import Dangerous

    torch.save({"fc.weight": Dangerous()}, place.folder / "w.pt")


def _flip_some(content: bytes, rng: random.Random) -> bytes:
    damaged = bytearray(content)
    for place in [*range(0, 60_000, 97), *(rng.randrange(len(damaged)) for _ in range(500))]:
        damaged[place] ^= 1 << rng.randrange(8)
    return bytes(damaged)


def _of_nan(state: dict[str, Any]) -> Any:
    return {name: value.float() * float("nan") for name, value in state.items()}


_WEIGHTS: dict[str, Callable[[Place], object]] = {
    "sound": _state(lambda state: state),
    "cut off": _bytes(lambda content, rng: content[: rng.randrange(len(content))]),
    "its first bytes": _bytes(lambda content, rng: content[:60]),
    "bits flipped": _bytes(_flip_some),
    "empty": _bytes(lambda content, rng: b""),
    "text": _bytes(lambda content, rng: b"weights"),
    "a pickle that makes a file": _pickled,
    "a pickle that makes a file, in a checkpoint": _pickled_by_torch,
    "numbers that are none": _state(_of_nan),
    "whole numbers": _state(lambda state: {name: value.int() for name, value in state.items()}),
    "complex numbers": _state(lambda state: {name: value.cfloat() for name, value in state.items()}),
    "sparse tensors": _state(lambda state: {name: value.to_sparse() for name, value in state.items()}),
    "tensors without content": _state(lambda state: {name: value.to("meta") for name, value in state.items()}),
    "no tensors": _state(lambda state: dict.fromkeys(state, 1.0)),
    "a list": _state(lambda state: list(state.values())),
    "one tensor": _state(lambda state: state["conv1.weight"]),
    "nothing in it": _state(lambda state: {}),
    "keys that are numbers": _state(lambda state: dict(enumerate(state.values()))),
    "tensors of other shapes": _state(lambda state: {name: value.flatten() for name, value in state.items()}),
    "a tensor of 10^15 numbers of no size": _state(
        lambda state: {**state, "conv1.weight": state["conv1.weight"].flatten()[:1].expand(10**15)}
    ),
    "itself within": _state(lambda state: {"state_dict": {"model": {"state_dict": state}}}),
    "a folder": lambda place: (place.folder / "w.pt").mkdir(),
    "a pipe": lambda place: os.mkfifo(place.folder / "w.pt"),
    "a link to /dev/zero": lambda place: os.symlink("/dev/zero", place.folder / "w.pt"),
    "not there": lambda place: None,
}


def _weights(make: Callable[[Place], object]) -> Callable[[Place], list[str]]:
    def arguments(place: Place) -> list[str]:
        make(place)
        return ["run", *SMALL, "--data", str(place.sound / "images"), "--weights", "w.pt", "--out", "out"]

    return arguments


def _mask(content: bytes, name: str = "p000.png") -> Callable[[Place], None]:
    """A folder of masks; the damaged one is of an image that the report shows."""

    def make(place: Place) -> None:
        from benchmarks.malformed_sound import encoded, named_images, picture

        (place.folder / "masks").mkdir()
        for _, _, image, _ in named_images():
            (place.folder / "masks" / image).write_bytes(content or encoded(picture(1, SIZE)))
        (place.folder / "masks" / name).write_bytes(content)

    return make


_MASKS: dict[str, Callable[[Place], object]] = {
    "no folder": lambda place: None,
    "a file": lambda place: (place.folder / "masks").write_bytes(b"x"),
    "an empty folder": lambda place: (place.folder / "masks").mkdir(),
    "text": _mask(b"no mask"),
    "nothing": _mask(b""),
    "of 10^9 pixels": _mask(HEADERS["PNG of 10^9 pixels"][1]()),
    "PostScript": _mask(HEADERS["PostScript named .png"][1]()),
    "of floats": _mask(HEADERS["TIFF of floats, some NaN"][1]()),
    "a link in a circle": lambda place: os.symlink("masks", place.folder / "masks"),
}


def _masks(command: str, make: Callable[[Place], object]) -> Callable[[Place], list[str]]:
    def arguments(place: Place) -> list[str]:
        make(place)
        if command == "run":
            return ["run", *SMALL, "--data", str(place.sound / "images"), "--masks", "masks", "--out", "out"]
        copied(place.sound / "run", place.folder / "run")
        return ["report", "run", "--masks", "masks"]

    return arguments
