"""What sections are made of. A kind of block is one class: its fields, and how HTML and Markdown show them.

All text in blocks is plain: it is escaped where it is written. In the templates ``block`` is the block itself,
``show(other)`` writes a block inside it, ``drawn`` has the markup of each figure by name, and the filters are ``prose``
(text with `code` between backticks), and for Markdown ``md`` (plain text) and ``code`` (a fenced block).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from sweep.analysis.figures.style import Plot


class Block:
    """One kind of block; add one by deriving a frozen dataclass that has both templates (Jinja)."""

    html: ClassVar[str]
    markdown: ClassVar[str]

    def inside(self) -> Sequence[Block]:
        """The blocks that this one holds."""
        return ()


@dataclass(frozen=True)
class Heading(Block):
    """A heading within a section.

    Args:
        question: what it answers, in plain words; "" for none.
    """

    html: ClassVar[str] = (
        "<h3>{{ block.text }}</h3>"
        '{% if block.question %}\n<p class="question">{{ block.question | prose }}</p>{% endif %}'
    )
    markdown: ClassVar[str] = (
        "### {{ block.text | md }}{% if block.question %}\n\n*{{ block.question | md }}*{% endif %}"
    )

    text: str
    question: str = ""


@dataclass(frozen=True)
class Paragraph(Block):
    """One paragraph."""

    html: ClassVar[str] = "<p>{{ block.text | prose }}</p>"
    markdown: ClassVar[str] = "{{ block.text | prose }}"

    text: str


@dataclass(frozen=True)
class Listing(Block):
    """A bulleted list."""

    html: ClassVar[str] = "<ul>{% for line in block.lines %}\n<li>{{ line | prose }}</li>{% endfor %}\n</ul>"
    markdown: ClassVar[str] = "{% for line in block.lines %}- {{ line | prose }}\n{% endfor %}"

    lines: Sequence[str]


@dataclass(frozen=True)
class Facts(Block):
    """Names with their values, as a definition list."""

    html: ClassVar[str] = (
        "<dl>{% for name, value in block.rows %}\n<dt>{{ name }}</dt><dd>{{ value }}</dd>{% endfor %}\n</dl>"
    )
    markdown: ClassVar[str] = "{% for name, value in block.rows %}- {{ name | md }}: {{ value | md }}\n{% endfor %}"

    rows: Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Code(Block):
    """Text shown as it is: a command, a configuration.

    Args:
        language: for Markdown's fence, e.g. ``sh``.
    """

    html: ClassVar[str] = (
        '<pre tabindex="0"{% if block.language == "sh" %} class="command"{% endif %}>{{ block.text }}</pre>'
    )
    markdown: ClassVar[str] = "{{ block.text | code(block.language) }}"

    text: str
    language: str = ""


@dataclass(frozen=True)
class Figures(Block):
    """Figures that may stand side by side on a wide page."""

    html: ClassVar[str] = '{% include "figures.html.j2" %}'
    markdown: ClassVar[str] = '{% include "figures.md.j2" %}'

    plots: Sequence[Plot]


@dataclass(frozen=True)
class Folded(Block):
    """Blocks that open on a click."""

    html: ClassVar[str] = (
        "<details><summary>{{ block.summary }}</summary>"
        "{% for part in block.blocks %}\n{{ show(part) }}{% endfor %}\n</details>"
    )
    markdown: ClassVar[str] = (
        "#### {{ block.summary | md }}\n{% for part in block.blocks %}\n{{ show(part) }}\n{% endfor %}"
    )

    summary: str
    blocks: Sequence[Block]

    def inside(self) -> Sequence[Block]:
        return self.blocks


@dataclass(frozen=True)
class Long(Block):
    """A long table: a few of its rows, and the whole of it on a click.

    Args:
        whole: the table; its files are written as always.
        few: the same with a few of its rows, and another name.
        summary: what opens the whole.
    """

    html: ClassVar[str] = (
        '<div class="few">{{ show(block.few) }}</div>\n'
        "<details><summary>{{ block.summary }}</summary>\n{{ show(block.whole) }}\n</details>"
    )
    markdown: ClassVar[str] = "{{ show(block.whole) }}"

    whole: Block
    few: Block
    summary: str

    def inside(self) -> Sequence[Block]:
        return (self.whole,)


@dataclass(frozen=True)
class Citations(Block):
    """What, with a remark, and where it comes from.

    Args:
        rows: (name, remark or "", source).
    """

    html: ClassVar[str] = (
        "<ul>{% for name, remark, source in block.rows %}\n"
        "<li><strong>{{ name }}</strong>:{% if remark %} {{ remark }}{% endif %} {{ source }}.</li>{% endfor %}\n</ul>"
    )
    markdown: ClassVar[str] = (
        "{% for name, remark, source in block.rows %}"
        "- **{{ name | md }}**:{% if remark %} {{ remark | md }}{% endif %} {{ source | md }}.\n{% endfor %}"
    )

    rows: Sequence[tuple[str, str, str]]


@dataclass(frozen=True)
class PageLink(Block):
    """A link to another page of the same run.

    Args:
        href: from this report's folder.
    """

    html: ClassVar[str] = '<p><a href="{{ block.href }}">{{ block.text }}</a></p>'
    markdown: ClassVar[str] = "[{{ block.text | md }}]({{ block.href }})"

    text: str
    href: str
