"""The documentation as a site: it builds without a warning, tells all there is, and asks nothing of any network."""

from __future__ import annotations

import html
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from balancing.components.registry import COMPONENTS
from sweep.cli.options import OPTIONS
from sweep.config.config import Config, known_keys
from sweep.config.files import preset_names

ROOT = Path(__file__).resolve().parents[1]
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
NOTEBOOK = ROOT / "docs" / "tutorial.ipynb"
needs_mkdocs = pytest.mark.skipif(
    importlib.util.find_spec("material") is None, reason="mkdocs-material is not installed; the extra docs has it"
)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built site."""
    into = tmp_path_factory.mktemp("site") / "site"
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(into)]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    return into


def text_of(page: Path) -> str:
    """Its words, without tags."""
    body = page.read_text(encoding="utf-8").partition("<article")[2].partition("</article>")[0]
    return html.unescape(re.sub(r"<[^>]+>", "", body))


def ids_of(page: Path) -> set[str]:
    return set(re.findall(r' id="([^"]+)"', page.read_text(encoding="utf-8")))


@needs_mkdocs
def test_no_page_loads_anything_from_elsewhere(site: Path) -> None:
    for page in site.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        loaded = re.findall(r'<(?:script|img|iframe|source)[^>]* src="([^"]*)"', text)
        loaded += re.findall(r'<link[^>]* rel="(?:stylesheet|preload|icon)"[^>]* href="([^"]*)"', text)
        assert loaded
        assert [address for address in loaded if "//" in address] == []
    for style in site.rglob("*.css"):
        assert not re.search(r"url\(['\"]?(?:https?:)?//|@import", style.read_text(encoding="utf-8")), style


@needs_mkdocs
def test_each_command_and_option_is_told(site: Path) -> None:
    text = text_of(site / "commands.html")
    for option in OPTIONS.values():
        for flag in option.flags or (f"--{option.name.replace('_', '-')}",):
            assert flag.partition("/")[0] in text
    assert {"sweep-run", "sweep-watch", "sweep-presets"} <= ids_of(site / "commands.html")


@needs_mkdocs
def test_each_key_of_the_configuration_is_told_with_what_it_does(site: Path) -> None:
    assert set(known_keys()) <= ids_of(site / "configuration.html")
    page = (site / "configuration.html").read_text(encoding="utf-8")
    rows = re.findall(
        r"<tr>\s*<td>(.*?)</td>\s*<td>(.*?)</td>\s*<td>(.*?)</td>\s*<td>(.*?)</td>", page, flags=re.DOTALL
    )
    assert len(rows) == len(list(known_keys()))
    for key, *cells in rows:
        assert all(cell.strip() for cell in cells), f"{key} lacks a type, a default, or what it does"
    batch = next(cells for key, *cells in rows if 'id="space.seeds"' in key)
    assert "at least 1, at most 1,000" in batch[0]
    assert html.unescape(re.sub("<[^>]+>", "", batch[1])) == str(Config().space.seeds)


@needs_mkdocs
def test_each_component_and_preset_is_told(site: Path) -> None:
    text, ids = text_of(site / "techniques.html"), ids_of(site / "techniques.html")
    for component in COMPONENTS.all():
        if component.origin.own:
            assert component.name in ids
            assert component.reference in text
            assert set(component.parameters) <= set(re.findall(r"[\w.]+", text))
    assert set(preset_names()) <= ids_of(site / "presets.html")
    assert "undersampling" in text_of(site / "presets.html")


@needs_mkdocs
def test_each_public_name_is_told(site: Path) -> None:
    listed = re.findall(r"^\| `([\w.]+)", (ROOT / "docs" / "api.md").read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert set(listed) - {"sweep.__version__", "sweep.UserError"} <= ids_of(site / "python.html")


@needs_mkdocs
def test_generated_lists_of_docstrings_hold_all_their_items() -> None:
    sys.path.insert(0, str(ROOT / "docs"))
    try:
        from sitemaking.writing import arguments, docstring

        def documented() -> None:
            """Summary of ``it`` with a_b | c.

            Args:
                one, two: what both are,
                    on two lines.
                three: (N,) int.
            Raises:
                UserError: why.
            Reference: Somebody, 2020.
            """

        assert arguments(documented) == {
            "one": "what both are, on two lines.", "two": "what both are, on two lines.", "three": "(N,) int.",
        }  # fmt: skip
        assert docstring(documented) == (
            "Summary of `it` with a\\_b \\| c.\n\n**Takes**\n\n- <code>one, two</code>: what both are, on two lines.\n"
            "- <code>three</code>: (N,) int.\n\n**Raises**\n\n- <code>UserError</code>: why.\n\n"
            "**From:** Somebody, 2020.\n"
        )
    finally:
        sys.path.remove(str(ROOT / "docs"))


def test_nothing_that_is_made_is_committed() -> None:
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    names = subprocess.check_output(["git", "ls-files", "docs", "site"], cwd=ROOT, text=True).splitlines()
    made = {"commands.md", "configuration.md", "presets.md", "techniques.md", "python.md", "tutorial.md"}
    assert [name for name in names if Path(name).name in made or name.startswith("site/")] == []


def test_the_notebook_is_committed_without_outputs() -> None:
    for cell in json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]:
        assert cell["cell_type"] in ("markdown", "code")
        if cell["cell_type"] == "code":
            assert cell["outputs"] == []
            assert cell["execution_count"] is None


@needs_mkdocs
def test_every_page_stands_in_the_navigation(site: Path) -> None:
    class Loader(yaml.SafeLoader):
        """Of a file with a tag that names a function."""

    Loader.add_multi_constructor("tag:yaml.org,2002:python/", lambda *_: None)
    found = yaml.load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"), Loader)
    named = re.findall(r"[\w]+\.md", json.dumps(found["nav"]))
    assert {path.name for path in (ROOT / "docs").glob("*.md")} <= set(named)
    assert len(named) == len(set(named))
    assert {path.stem for path in site.glob("*.html")} - {"404"} == {Path(name).stem for name in named}


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    if CHROMIUM is None:
        pytest.skip("needs chromium (Debian: apt install chromium)")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield found
        found.close()


@needs_mkdocs
@pytest.mark.parametrize(("scheme", "width"), [("light", 1300), ("dark", 1300), ("light", 390)])
def test_axe_finds_no_serious_fault_on_the_first_page(site: Path, browser: Any, scheme: str, width: int) -> None:
    found = importlib.util.find_spec("axe_core_python")
    assert found is not None
    assert found.origin is not None
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    page.goto((site / "index.html").as_uri())
    page.add_script_tag(path=str(Path(found.origin).parent / "axe.min.js"))
    result = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    faults = [fault for fault in result["violations"] if fault["impact"] in ("serious", "critical")]
    assert [(fault["id"], fault["nodes"][0]["html"][:200]) for fault in faults] == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.close()


@needs_mkdocs
def test_the_search_finds_from_the_disk_and_nothing_is_asked_elsewhere(site: Path, browser: Any) -> None:
    page = browser.new_page(viewport={"width": 1300, "height": 900})
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto((site / "index.html").as_uri())
    page.click("input.md-search__input")
    page.keyboard.type("borderline")
    page.wait_for_selector(".md-search-result__item", timeout=60_000)
    assert "Components and techniques" in page.inner_text(".md-search-result__list")
    assert asked
    assert [address for address in asked if not address.startswith(("file:", "data:", "blob:"))] == []
    page.close()
