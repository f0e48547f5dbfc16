"""BibTeX of what a text cites: no more, no less."""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from sweep.report.text.escape import latex

_FILE = Path(__file__).with_name("sources.yaml")
_NOT_FIELDS = ("key", "is", "also", "type")
_NONE = "none"  # begins the reference of what is nobody's method
_OWN = "a policy of this package"
_YEAR = re.compile(r"\b(1[89]\d\d|20\d\d)\b")


@functools.cache
def sources() -> Mapping[str, Mapping[str, Any]]:
    """Key -> the work, of ``sources.yaml``."""
    return {one["key"]: one for one in yaml.safe_load(_FILE.read_text(encoding="utf-8"))}


@functools.cache
def _by_words() -> Mapping[str, str]:
    return {word: key for key, one in sources().items() for word in (one.get("is"), one.get("also")) if word}


class Bibliography:
    """Collects what is cited, in the order of first mention."""

    def __init__(self) -> None:
        self._cited: dict[str, Mapping[str, Any]] = {}

    def cite(self, *keys: str) -> str:
        """``[@smyth2004; @holm1979]``, of works of ``sources.yaml``; raises KeyError where one is not there."""
        for key in keys:
            self._cited.setdefault(key, sources()[key])
        return _mark(keys)

    def of_reference(self, reference: str) -> str:
        """The same of works as the registry writes them, several apart by semicolons; "" of what is nobody's."""
        keys = []
        for words in reference.split(";"):
            word = re.sub(r"\s*\([^)]*\)$", "", words.strip().rstrip(".")).removeprefix(f"{_OWN}; review: ")
            if not word or word.startswith((_NONE, _OWN)):
                continue
            key = _by_words().get(word)
            if key is None:
                key = _key_of(word)
                self._cited.setdefault(key, _asking(key, word))
            else:
                self._cited.setdefault(key, sources()[key])
            keys.append(key)
        return _mark(keys)

    @property
    def keys(self) -> list[str]:
        """What is cited."""
        return list(self._cited)

    def bibtex(self) -> str:
        """One entry for each."""
        entries = []
        for key, one in self._cited.items():
            fields = [f"  {name} = {{{value}}}" for name, value in one.items() if name not in _NOT_FIELDS]
            entries.append(f"@{one['type']}{{{key},\n" + ",\n".join(fields) + "\n}\n")
        return "\n".join(entries)


def _mark(keys: Any) -> str:
    found = list(dict.fromkeys(keys))
    return f" [{'; '.join(f'@{key}' for key in found)}]" if found else ""


def _plain(text: str) -> str:
    return unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()


def _key_of(word: str) -> str:
    """``Bénédict et al., TMLR 2022`` -> ``benedict2022tmlr``."""
    year = _YEAR.search(word)
    author = re.sub(r"[^a-z]", "", _plain(re.split(r"[,&\s]", word, maxsplit=1)[0]).lower()) or "work"
    venue = re.sub(r"[^a-z]", "", _plain(word.partition(",")[2]).lower())[:6]
    return f"{author}{year[0] if year else ''}{venue}"


def _asking(key: str, word: str) -> Mapping[str, Any]:
    """An entry of what the registry knows, which asks for the rest."""
    year, authors = _YEAR.search(word), word.partition(",")[0]
    return {
        "key": key,
        "type": "misc",
        "author": latex(authors.replace(" et al.", " and others").replace(" & ", " and ")),
        "title": f"{{{latex(word)}}}",
        **({"year": year[0]} if year else {}),
        "note": "Please complete this entry",
    }


_CITATION = re.compile(r" \[(@[\w-]+(?:; @[\w-]+)*)\]")


def in_latex(text: str) -> str:
    """A paragraph with citations as LaTeX has it, everything else escaped."""
    found, at = [], 0
    for citation in _CITATION.finditer(text):
        found.append(latex_words(text[at : citation.start()]))
        found.append(r"~\cite{" + ",".join(key[1:] for key in citation[1].split("; ")) + "}")
        at = citation.end()
    return "".join([*found, latex_words(text[at:])])


def latex_words(text: str) -> str:
    """As ``latex``, with the space at both ends kept."""
    if not text.strip():
        return " " if text else ""
    return (" " if text[0].isspace() else "") + latex(text) + (" " if text[-1].isspace() else "")


def cited_in(text: str) -> list[str]:
    """Keys that a paragraph cites, in order."""
    return list(dict.fromkeys(key[1:] for found in _CITATION.finditer(text) for key in found[1].split("; ")))
