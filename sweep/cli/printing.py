"""What reaches the terminal: foreign names as text that can neither steer it nor fail to be printed."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

_LONGEST_WORD, _LONGEST = 500, 10_000


def printable(text: str) -> str:
    r"""The text with what is no text written out, but for tabs and line feeds, which are layout.

    >>> printable("R\udcf6ntgen\x1b[31m")
    'R\\xf6ntgen\\x1b[31m'
    """
    from balancing.data.text import shown  # here: numpy comes with it, and `--help` answers at once

    return "\n".join("\t".join(map(shown, line.split("\t"))) for line in text.split("\n"))


def error_text(message: str) -> str:
    """A user's error as it is printed: one paragraph, then perhaps indented lines; what is very long, shortened.

    A line feed that no indented line follows came with a value, such as a file's name, and is written out.
    """
    text = re.sub(r"\n(?!  )", r"\\n", message)
    text = re.sub(rf"\S{{{_LONGEST_WORD},}}", lambda found: _shortened(found[0], 200), text)
    return printable(_shortened(text, _LONGEST - 300) if len(text) > _LONGEST else text)


def _shortened(text: str, beginning: int) -> str:
    left_out = len(text) - beginning - 100
    return f"{text[:beginning]}... ({left_out:,} characters left out) ...{text[-100:]}"


def make_console() -> Console:
    """A console that writes out what is no text, wherever in a table or a sentence it stands."""
    from rich.console import Console
    from rich.segment import Segment

    class _Careful(Console):
        def render_str(self, text: str, **options: Any) -> Text:  # before a table measures its columns
            return super().render_str(printable(text), **options)

        def render(self, *given: Any, **options: Any) -> Iterable[Segment]:
            for segment in super().render(*given, **options):
                # Rich's own controls (colours, the moving of a bar) are no text of a segment.
                yield segment if segment.control else segment._replace(text=printable(segment.text))

    return _Careful(highlight=False)


def never_fail_to_print() -> None:
    """Has the standard streams write out what their encoding lacks, on old systems a dash, instead of an error."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # not where something else collects what is printed
            stream.reconfigure(errors="backslashreplace")
