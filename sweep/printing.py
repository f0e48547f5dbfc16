"""What reaches the terminal: foreign names as text that can neither steer it nor fail to be printed."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

# Controls of terminals (C0, C1), of the direction of writing, line separators, and the halves of pairs that stand for
# bytes of file names that are no UTF-8. Tab and line feed are layout.
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_LONGEST_WORD, _LONGEST = 500, 10_000


def printable(text: str) -> str:
    r"""The text with what is no text written out: ``\x1b`` for the escape character, ``\xf6`` for a byte of a name.

    >>> printable("R\udcf6ntgen\x1b[31m")
    'R\\xf6ntgen\\x1b[31m'
    """
    return _UNPRINTABLE.sub(lambda found: _written_out(found[0]), text)


def _written_out(character: str) -> str:
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:  # a byte that the system's encoding could not read
        code -= 0xDC00
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


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
