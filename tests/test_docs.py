"""The documentation's Python runs, and its list of public names is the packages' own."""

from __future__ import annotations

import functools
import importlib
import inspect
import re
from collections.abc import Collection
from pathlib import Path
from typing import Any

import pytest

import sweep

DOCS = Path(__file__).resolve().parents[1] / "docs"
README = DOCS.parent / "README.md"
# Classes whose methods are listed too.
OPEN = {"balancing.ImageSet", "sweep.ComparisonRun", "sweep.Results"}


def blocks(path: Path) -> list[str]:
    """Its Python, in order."""
    return re.findall(r"^```python\n(.*?)^```", path.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("path", [DOCS / "guide.md", README], ids=lambda path: path.name)
def test_the_python_runs(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    report = sweep.ComparisonRun.report
    quick = functools.partialmethod(report, cams=False)  # maps take longest, and have tests of their own
    monkeypatch.setattr(sweep.ComparisonRun, "report", quick if path == README else report)
    fewer = functools.partial(sweep.compare, phantom_images=300)  # of 900, which teach no more here
    monkeypatch.setattr(sweep, "compare", fewer if path == README else sweep.compare)
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {"__name__": "__main__"}
    for block in blocks(path):
        exec(compile(block, str(path), "exec"), names)
        capsys.readouterr()


def signature(found: Any) -> str:
    """As docs/api.md writes it: names and defaults, without types."""
    parameters = [
        parameter.replace(annotation=inspect.Parameter.empty)
        for name, parameter in inspect.signature(found).parameters.items()
        if name not in ("self", "cls")
    ]
    return re.sub(r"<function (\w+) at \w+>", r"\1", str(inspect.Signature(parameters)))


def public(listed: Collection[str]) -> dict[str, str]:
    """Name -> how it is called, "" where it is no function, class or method; inherited methods if listed."""
    found = {}
    for package in ("balancing", "sweep"):
        module = importlib.import_module(package)
        for name in module.__all__:
            thing, full = getattr(module, name), f"{package}.{name}"
            data_alone = inspect.isclass(thing) and (issubclass(thing, Exception) or full in OPEN)
            found[full] = signature(thing) if callable(thing) and not data_alone else ""
            if full in OPEN:
                for member, value in inspect.getmembers_static(thing):
                    there = member in vars(thing) or f"{full}.{member}" in listed
                    own = there and not member.startswith("_")
                    if own and (inspect.isfunction(value) or isinstance(value, classmethod)):
                        found[f"{full}.{member}"] = signature(getattr(thing, member))
    return found


def test_api_lists_every_public_name_with_its_arguments() -> None:
    text = (DOCS / "api.md").read_text(encoding="utf-8")
    listed = dict(re.findall(r"^\| `([\w.]+)(\([^`]*\))?` \|", text, flags=re.MULTILINE))
    assert listed == public(listed)


def test_glossary_explains_each_word_once() -> None:
    words = re.findall(r"^\| ([^|]+?) \|", (DOCS / "glossary.md").read_text(encoding="utf-8"), flags=re.MULTILINE)
    words = [word for word in words if word not in ("word", "---")]
    assert len(words) > 40
    assert len(set(words)) == len(words)
