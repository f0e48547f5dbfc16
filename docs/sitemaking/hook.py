"""What MkDocs calls (``hooks:`` in mkdocs.yml): pages made from the code stand beside those that are written."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files

DOCS = Path(__file__).resolve().parents[1]
# What lets the theme's search run from the disk, and whatever else a page would load from another place.
_FETCHED = '<script src="https://unpkg.com/iframe-worker/shim"></script>'
# What the theme leaves without a name for those who hear the page.
_UNNAMED = '<div class="md-search" data-md-component="search" role="dialog"'
_ELSEWHERE = re.compile(
    r'<(?:script|img|iframe)[^>]* src="(?:https?:)?//[^"]*"'
    r'|<link[^>]* rel="(?:stylesheet|preconnect|preload)"[^>]* href="(?:https?:)?//[^"]*"'
)


def pages() -> dict[str, Callable[[], str]]:
    """Name of each page that is made -> what makes it."""
    # This folder's package, and the code that stands beside it rather than one that is installed.
    sys.path[:0] = [str(place) for place in (DOCS, DOCS.parent) if str(place) not in sys.path]
    from sitemaking import commands, components, configuration, notebook, python_api

    return {
        "commands.md": commands.page,
        "configuration.md": configuration.page,
        "presets.md": configuration.presets_page,
        "techniques.md": components.page,
        "python.md": python_api.page,
        "tutorial.md": lambda: notebook.page(DOCS / "tutorial.ipynb"),
    }


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds the pages that are made."""
    from mkdocs.structure.files import File

    for name, make in pages().items():
        files.append(File.generated(config, name, content=make()))
    return files


def on_post_page(output: str, **_: object) -> str:
    """Takes out the one script that the theme would fetch from elsewhere; ours does the same.

    Raises:
        ValueError: the theme asks for another.
    """
    ours = (DOCS / "sitemaking" / "worker.js").read_text(encoding="utf-8")
    found = output.replace(_FETCHED, f"<script>{ours}</script>").replace(_UNNAMED, f'{_UNNAMED} aria-label="Search"')
    if _ELSEWHERE.search(found):
        raise ValueError(f"a page would fetch {_ELSEWHERE.findall(found)}, but the site is read without a network")
    return found


def on_post_template(output_content: str, **_: object) -> str:
    """The same of the page that stands for one that isn't there."""
    return on_post_page(output_content)
