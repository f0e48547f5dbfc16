"""The report in headless Chromium: alone, silent, accessible, sortable, and narrow enough for a phone."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sweep.analysis.figures.style import WIDTH
from sweep.report.render import write_report
from tests.sweep.fake_run import fake_images, fake_run

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
# In CI a missing browser is a fault, for nothing else looks at the page.
pytestmark = pytest.mark.skipif(
    CHROMIUM is None and not os.environ.get("CI"), reason="needs chromium (Debian: apt install chromium)"
)

HOSTILE = ("<script>alert(1)</script>", '"><img src=x onerror=alert(2)>')
# What axe-core calls these is a fault that keeps people out.
SEVERE = ("serious", "critical")


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("browser")
    images = fake_images(folder / "images", HOSTILE, size=96)
    names = images.names.copy().astype("<U120")
    names[:2] = (
        "<script>alert(3)</script>.png",
        "a" * 80 + ".png",
    )
    digests = images.sha256.copy()
    digests[1] = digests[0]  # a finding with its files
    images = replace(images, names=names, sha256=digests)
    return write_report(fake_run(folder / "run", images, checkpoints=1), images)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield found
        found.close()


class Opened:
    """A page with what it said and asked for."""

    def __init__(self, browser: Any, path: Path, width: int = 1400, **settings: Any):
        self.context = browser.new_context(viewport={"width": width, "height": 900}, **settings)
        self.page = self.context.new_page()
        self.said: list[str] = []
        self.asked: list[str] = []
        self.page.on("console", lambda message: self.said.append(message.text))
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.on("dialog", lambda dialog: (self.said.append(f"dialog {dialog.message}"), dialog.dismiss()))
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.goto(path.as_uri())


@pytest.fixture
def opened(browser: Any, report: Path) -> Iterator[Any]:
    pages = []

    def make(**settings: Any) -> Opened:
        pages.append(Opened(browser, report, **settings))
        return pages[-1]

    yield make
    for page in pages:
        page.context.close()


def test_it_is_silent_and_asks_for_nothing(opened: Any, report: Path) -> None:
    found = opened()
    assert found.said == []
    assert [url for url in found.asked if not url.startswith("data:")] == [report.as_uri()]
    pictures = found.page.evaluate("[...document.images].map(image => image.complete && image.naturalWidth > 0)")
    assert pictures
    assert all(pictures)


def test_hostile_class_names_are_text(opened: Any) -> None:
    found = opened()
    assert found.page.evaluate("document.scripts.length") == 1
    assert found.page.evaluate("[...document.images].every(image => image.getAttribute('src').startsWith('data:'))")
    text = found.page.inner_text("body")
    assert HOSTILE[0] in text
    assert HOSTILE[1] in text


def test_a_press_sorts_and_another_turns_it_round(opened: Any) -> None:
    page = opened().page
    head = page.locator("#results thead th").nth(1)
    column = "[...document.querySelectorAll('#results tbody tr')].map(row => Number(row.cells[1].dataset.sort))"
    before = page.evaluate(column)
    head.locator("button").click()
    down = page.evaluate(column)
    assert head.get_attribute("aria-sort") == "descending"
    head.locator("button").click()
    up = page.evaluate(column)
    assert down == sorted(before, reverse=True)
    assert up == sorted(before)
    assert down != up


def test_every_column_of_numbers_sorts_both_ways(opened: Any) -> None:
    """Also where a number is missing or negative."""
    found = opened().page.evaluate("""() => {
      const wrong = [], missing = [];
      for (const table of document.querySelectorAll("main table")) for (const head of table.tHead.rows[0].cells) {
        const values = () => [...table.tBodies[0].rows].map(row => row.cells[head.cellIndex].dataset.sort);
        if (values().includes(undefined)) continue;
        if (values().includes("-Infinity")) missing.push(table.id);
        for (const press of [1, 2]) {
          head.querySelector("button").click();
          const numbers = values().map(Number), down = head.getAttribute("aria-sort") === "descending";
          if (down) numbers.reverse();
          if (!numbers.every((value, i) => i === 0 || numbers[i - 1] <= value)) wrong.push([table.id, head.innerText]);
        }
      }
      return {wrong, missing};
    }""")
    assert found["wrong"] == []
    assert "thresholds" in found["missing"]


def test_the_first_column_stays_under_its_heading(opened: Any) -> None:
    page = opened(width=390).page
    page.evaluate("document.getElementById('results').parentNode.scrollLeft = 150")
    left = "selector => document.querySelector(selector).getBoundingClientRect().left"
    heading = page.evaluate(left, "#results thead th")
    assert heading == page.evaluate(left, "#results tbody th") == page.evaluate(left, "#results-section")


def test_letters_are_as_large_in_every_figure(opened: Any) -> None:
    """A wide figure is not blown up to the page's width."""
    widths = opened().page.evaluate(
        "[...document.querySelectorAll('.figure svg')].map(svg => svg.clientWidth / (svg.viewBox.baseVal.width / 72))"
    )
    assert len(widths) > 5
    assert max(widths) <= 34 * 16 / WIDTH + 1
    photos = opened().page.evaluate(
        "[...document.querySelectorAll('.figure img')].map(image => image.clientWidth <= 1.1 * image.naturalWidth)"
    )
    assert all(photos)


@pytest.mark.parametrize("width", [390, 1400])
def test_no_sideways_scrolling(opened: Any, width: int) -> None:
    page = opened(width=width).page
    page.evaluate("for (const fold of document.querySelectorAll('details')) fold.open = true")
    assert page.evaluate("document.scrollingElement.scrollWidth") <= width


def test_paper_shows_what_is_folded(opened: Any) -> None:
    page = opened().page
    state = "[...document.querySelectorAll('details')].map(fold => fold.open)"
    before = page.evaluate(state)
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert all(page.evaluate(state))
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert page.evaluate(state) == before
    assert False in before


@pytest.mark.parametrize(("scheme", "width"), [("light", 1400), ("dark", 1400), ("light", 390)])
def test_axe_finds_no_serious_fault(opened: Any, scheme: str, width: int) -> None:
    found = importlib.util.find_spec("axe_core_python")
    assert found is not None
    assert found.origin is not None
    script = Path(found.origin).parent / "axe.min.js"
    page = opened(color_scheme=scheme, width=width, bypass_csp=True).page
    page.evaluate("for (const fold of document.querySelectorAll('details')) fold.open = true")
    page.add_script_tag(content=script.read_text(encoding="utf-8"))
    result = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    severe = [
        (fault["id"], fault["nodes"][0]["html"][:200]) for fault in result["violations"] if fault["impact"] in SEVERE
    ]
    assert severe == []


@pytest.mark.parametrize("width", [390, 1400])
def test_the_first_screen_has_the_answer(opened: Any, report: Path, width: int) -> None:
    page = opened(width=width).page
    summary = json.loads((report.parent / "summary.json").read_text(encoding="utf-8"))
    assert page.inner_text(".headline").split() == summary["headline"].split()
    bottom = "selector => document.querySelector(selector).getBoundingClientRect().bottom"
    assert page.evaluate(bottom, ".facts") < 900
    rows = page.locator(".glance tbody tr")
    assert rows.count() == len(summary["sections"]["differences"]["differences"])
    if width > 1000:  # beside the answer, not beneath it
        assert page.evaluate(bottom, ".glance tbody tr:last-child") < 900
        left = "selector => document.querySelector(selector).getBoundingClientRect().left"
        assert page.evaluate(left, ".glance") > page.evaluate(left, ".facts") + 300


def _corner(page: Any, figure: str, technique: str, what: str) -> dict[str, float]:
    """Where a marker (``use``) of a technique is on the screen."""
    page.locator(f"#figure-{figure}").scroll_into_view_if_needed()
    return page.evaluate(
        """([figure, technique, what]) => {
          const svg = document.querySelector(`#figure-${figure} svg`);
          const group = svg.querySelector(`[data-technique="${technique}"]:has(${what})`);
          const use = group.querySelector(what);
          const at = new DOMPoint(Number(use.getAttribute("x")), Number(use.getAttribute("y")));
          const shown = at.matrixTransform(svg.getScreenCTM());
          return {x: shown.x, y: shown.y};
        }""",
        [figure, technique, what],
    )


def test_a_figure_says_the_value_under_the_pointer(opened: Any, report: Path) -> None:
    found = opened()
    summary = json.loads((report.parent / "summary.json").read_text(encoding="utf-8"))
    for row in summary["sections"]["differences"]["differences"]:
        at = _corner(found.page, "forest", row["technique"], "use[x]")
        found.page.mouse.move(at["x"], at["y"])
        told = found.page.inner_text(".told")
        said = float(told.rpartition(" ")[2].replace("\N{MINUS SIGN}", "-"))
        assert said == pytest.approx(row["difference"], rel=0.01, abs=0.002), told
    found.page.mouse.move(2, 2)
    assert found.page.locator(".told").is_hidden()
    assert found.said == []


def test_a_technique_is_picked_out_everywhere_and_let_go(opened: Any) -> None:
    page = opened().page
    dim = """() => [...document.querySelectorAll('.figure.has [data-technique]')]
      .map(one => [one.dataset.technique, getComputedStyle(one).opacity])"""
    assert page.evaluate(dim) == []
    page.locator(".glance tr[data-technique=smote] button.pick").click()
    shown = page.evaluate(dim)
    assert {opacity for name, opacity in shown if name == "smote"} == {"1"}
    assert {opacity for name, opacity in shown if name != "smote"} == {"0.12"}
    assert page.locator(".only").is_visible()
    assert page.locator("tr.picked").count() > 3
    page.keyboard.press("Escape")
    assert page.evaluate(dim) == []
    assert page.locator(".only").is_hidden()


def test_it_reads_without_scripts(opened: Any, report: Path) -> None:
    found = opened(java_script_enabled=False)
    summary = json.loads((report.parent / "summary.json").read_text(encoding="utf-8"))
    assert found.page.inner_text(".verdict").split() == summary["verdict"].split()
    assert found.page.locator("#results tbody tr").count() == 6
