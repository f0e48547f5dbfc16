"""Every link of the documentation leads somewhere: relative files, and headings by the names that GitHub gives them."""

from __future__ import annotations

import re
import sys
import unicodedata
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
PAGES = [*sorted(ROOT.glob("*.md")), *sorted(DOCS.glob("*.md")), ROOT / "benchmarks" / "README.md"]
# Made when the site is built (docs/sitemaking/hook.py); the site's first page alone may link to them.
MADE = {"commands.md", "configuration.md", "presets.md", "techniques.md", "python.md", "tutorial.md"}
_FENCED = re.compile(r"^(```+|~~~+).*?^\1", flags=re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"(?<!\\)\]\(\s*<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\s*\)")


def prose(path: Path) -> str:
    """A page without its code."""
    return re.sub(r"`[^`\n]*`", "", _FENCED.sub("", path.read_text(encoding="utf-8")))


def anchors(path: Path) -> set[str]:
    """Of its headings, as GitHub and the site name them, and of its own tags."""
    text = _FENCED.sub("", path.read_text(encoding="utf-8"))
    found: dict[str, int] = {}
    for heading in re.findall(r"^#{1,6} +(.+?) *#*$", text, flags=re.MULTILINE):
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
        kept = "".join(c for c in plain.lower() if c in " -_" or unicodedata.category(c)[0] in "LNM")
        slug = kept.strip().replace(" ", "-")
        found[slug] = found.get(slug, -1) + 1
    numbered = {f"{slug}-{n}" for slug, times in found.items() for n in range(1, times + 1)}
    return {*found, *numbered, *re.findall(r"<\w+ id=\"([^\"]+)\"", text)}


def broken(path: Path, root: Path = ROOT) -> list[str]:
    """Its links that lead nowhere, or out of what they may lead to: the site's folder, or ``root``."""
    found = []
    for link in _LINK.findall(prose(path)):
        if re.match(r"[a-z][a-z+.-]*:", link):
            continue
        name, _, anchor = link.partition("#")
        if path.parent == DOCS and name in MADE:
            if path.name != "index.md":
                found.append(f"{link}: a page that is made; only index.md may link to it")
            continue
        target = path if not name else (path.parent / name).resolve()
        inside = target.is_relative_to(DOCS if path.parent == DOCS else root)
        if not target.exists() or not inside:
            found.append(f"{link}: there is no such file" if inside else f"{link}: is outside of the site")
        elif anchor and target.suffix == ".md" and anchor not in anchors(target):
            found.append(f"{link}: has no such heading")
    return found


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_leads_somewhere(path: Path) -> None:
    assert broken(path) == []


def test_a_broken_link_is_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "# One `two`, three\n[a](#one-two-three) [b](#one) [c](none.md) `[d](code.md)`\n```\n[e](e.md)\n```\n"
    )
    assert [link.partition(":")[0] for link in broken(page, tmp_path)] == ["#one", "none.md"]
    assert anchors(page) == {"one-two-three"}


def test_pages_that_are_made_are_those() -> None:
    sys.path.insert(0, str(DOCS))
    try:
        from sitemaking.hook import pages

        assert set(pages()) == MADE
    finally:
        sys.path.remove(str(DOCS))


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_python_of_the_pages_compiles(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    for number, block in enumerate(re.findall(r"^```python\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL)):
        compile(block, f"{path.name}, block {number}", "exec")
