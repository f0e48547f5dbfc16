"""The files of a run that trackers are given: none with an image, a name of one, or a path."""

from __future__ import annotations

import re
from pathlib import Path

from sweep.analysis.results import Results
from sweep.report.shared_names import shown_config

# Figures that hold a picture of numbers; every other one that holds a picture may show a patient's image.
_MATRICES = {"confusion"}
_FILE = re.compile(r"[^\s,;\"'()]+\.(?:jpe?g|png|tiff?|bmp|gif|webp|dcm|nii|gz|parquet|h5)\b", re.IGNORECASE)
_LARGEST = 20_000_000  # bytes of one file


def files_of(results: Results) -> dict[str, Path | str]:
    """Name within the tracker -> where a file lies, or its text.

    The configuration with names for paths, and of the report its numbers, tables, and figures without any image.
    """
    found: dict[str, Path | str] = {"config.yaml": shown_config(results.config_yaml, results.info["data"])}
    report = results.path / "report"
    summary = report / "summary.json"
    if _is_own(summary, report):
        found["summary.json"] = _FILE.sub("[file]", summary.read_text(encoding="utf-8"))
    for path in sorted((report / "tables").glob("*")):
        if path.suffix in (".csv", ".tex") and _is_own(path, report) and not _names_files(path):
            found[path.relative_to(report).as_posix()] = path
    for path in sorted((report / "figures").glob("*.svg")):
        if _is_own(path, report) and (path.stem in _MATRICES or "<image" not in path.read_text(encoding="utf-8")):
            drawn = [one for one in (path, path.with_suffix(".png")) if _is_own(one, report)]
            found |= {one.relative_to(report).as_posix(): one for one in drawn}
    return found


def _is_own(path: Path, report: Path) -> bool:
    """Whether a file is the report's own and no link to somewhere else, nor too large to be sent."""
    if path.is_symlink() or not path.is_file():
        return False
    return path.resolve().is_relative_to(report.resolve()) and path.stat().st_size <= _LARGEST


def _names_files(path: Path) -> bool:
    """Whether a table names image files: those can tell who a patient is."""
    return bool(_FILE.search(path.read_text(encoding="utf-8", errors="replace")))
