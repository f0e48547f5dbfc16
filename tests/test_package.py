"""What people expect of a package: metadata that agree, and a wheel that holds all it needs and nothing else."""

from __future__ import annotations

import datetime
import fnmatch
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import tomllib
import venv
import zipfile
from collections.abc import Callable
from email.parser import HeaderParser
from pathlib import Path

import pytest
import yaml

from balancing.version import VERSION

ROOT = Path(__file__).resolve().parents[1]
_PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PROJECT, SETUPTOOLS = _PYPROJECT["project"], _PYPROJECT["tool"]["setuptools"]
# Of the keys that Citation File Format 1.2.0 knows, those that stand here or may soon.
CITATION_KEYS = {
    *(
        "cff-version",
        "message",
        "title",
        "authors",
        "type",
        "abstract",
        "version",
        "date-released",
        "license",
        "keywords",
    ),
    *("doi", "identifiers", "references", "preferred-citation", "repository-code", "url", "commit", "contact"),
}


def test_citation_has_what_the_format_requires_and_agrees_with_the_package() -> None:
    found = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert {"cff-version", "message", "title", "authors"} <= set(found) <= CITATION_KEYS
    assert found["cff-version"] == "1.2.0"
    assert found["type"] in ("software", "dataset")
    assert all(set(author) <= {"name", "website", "orcid", "email"} and author["name"] for author in found["authors"])
    assert isinstance(found["date-released"], str), "quoted: the schema takes text"
    datetime.date.fromisoformat(found["date-released"])
    assert len(set(found["keywords"])) == len(found["keywords"])
    assert (found["version"], found["license"]) == (VERSION, PROJECT["license"])
    assert [author["name"] for author in found["authors"]] == [author["name"] for author in PROJECT["authors"]]


def test_newest_heading_of_the_changelog_is_this_version_and_dated() -> None:
    heading = re.search(r"^## (.+)$", (ROOT / "CHANGELOG.md").read_text(), flags=re.MULTILINE)
    assert heading is not None
    version, date = re.fullmatch(r"(\S+) \((\S+)\)", heading.group(1)).groups()  # type: ignore[union-attr]
    assert version == VERSION
    datetime.date.fromisoformat(date)


def test_every_dependency_says_what_it_is_for_and_is_pinned() -> None:
    text = (ROOT / "pyproject.toml").read_text()
    pinned = {
        re.sub(r"[-_.]+", "-", line.partition("==")[0]).lower()
        for line in (ROOT / "constraints.txt").read_text().splitlines()
        if "==" in line
    }
    for requirement in PROJECT["dependencies"]:
        assert re.search(rf'"{re.escape(requirement)}", +# \S', text), f"{requirement} does not say what it is for"
        assert re.match(r"[\w-]+", requirement).group().lower() in pinned  # type: ignore[union-attr]
    assert "import-linter" in pinned


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The sdist, and the wheel built from it."""
    folder = tmp_path_factory.mktemp("built")
    source = folder / "source"
    names = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, check=False, capture_output=True, text=True,
    ).stdout.split("\0")  # fmt: skip
    if not any(names):
        pytest.skip("not a git checkout: nothing tells the project's files from others")
    for name in filter(None, names):
        if (ROOT / name).is_file():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, source / name)
    sdist = folder / _build("sdist", source, folder)
    with tarfile.open(sdist) as file:
        file.extractall(folder / "unpacked", filter="data")
    unpacked = next((folder / "unpacked").iterdir())
    return sdist, folder / _build("wheel", unpacked, folder)


def _build(kind: str, source: Path, into: Path) -> str:
    """Builds without an environment of its own, so without a network; returns the file's name."""
    script = f"from setuptools import build_meta; print(build_meta.build_{kind}({str(into)!r}))"
    done = subprocess.run([sys.executable, "-c", script], cwd=source, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()[-1]


def _files(folder: Path) -> set[str]:
    """Of a package in this tree, as the wheel should hold them."""
    return {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / folder).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and path.suffix != ".pyc"
    }


def test_wheel_holds_every_file_of_both_packages_and_nothing_else(built: tuple[Path, Path]) -> None:
    with zipfile.ZipFile(built[1]) as wheel:
        names = wheel.namelist()
        info = next(name.partition("/")[0] for name in names if name.endswith(".dist-info/METADATA"))
        metadata = HeaderParser().parsestr(wheel.read(f"{info}/METADATA").decode())
    packaged = {name for name in names if not name.startswith(f"{info}/")}
    assert packaged == _files(Path("balancing")) | _files(Path("sweep"))
    assert {"balancing/py.typed", "sweep/py.typed", "sweep/config/presets/demo.yaml"} <= packaged
    assert any(name.startswith("sweep/report/templates/") for name in packaged)
    assert any(name.startswith("sweep/watch/templates/") for name in packaged)
    assert {"balancing/data/layouts/ham10000.yaml", "sweep/report/guidelines/claim_2024.yaml"} <= packaged
    assert any(name.endswith(".schema.json") for name in packaged)
    data = [name for name in packaged if not name.endswith((".py", "py.typed"))]
    assert [name for name in data if not _is_declared(name)] == [], "package-data in pyproject.toml does not name it"
    assert f"{info}/licenses/LICENSE" in names
    assert (metadata["Version"], metadata["License-Expression"]) == (VERSION, "MIT")
    assert not metadata.get_all("Project-URL")


def _is_declared(name: str) -> bool:
    """Whether a file that is no module is named by package-data: setuptools takes others along in a checkout alone."""
    package, _, rest = name.partition("/")
    return any(fnmatch.fnmatch(rest, pattern) for pattern in SETUPTOOLS["package-data"][package])


def test_sdist_holds_what_is_read_beside_the_code(built: tuple[Path, Path]) -> None:
    with tarfile.open(built[0]) as file:
        names = {name.partition("/")[2] for name in file.getnames()}
    assert {"LICENSE", "CITATION.cff", "CHANGELOG.md", "README.md", "cluster.yaml", "pyproject.toml"} <= names
    assert not [name for name in names if name.startswith(("tests/", "benchmarks/"))]


def _by_pip(python: Path, wheel: Path) -> list[str]:
    return [
        sys.executable,
        "-m",
        "pip",
        "--python",
        str(python),
        "install",
        "--quiet",
        "--no-deps",
        "--no-index",
        str(wheel),
    ]


def _by_uv(python: Path, wheel: Path) -> list[str]:
    here = Path(sysconfig.get_path("scripts")) / "uv"
    uv = str(here) if here.exists() else shutil.which("uv")
    if uv is None:
        pytest.skip("uv is not installed")
    return [
        uv,
        "pip",
        "install",
        "--quiet",
        "--no-deps",
        "--offline",
        "--no-index",
        "--python",
        str(python),
        str(wheel),
    ]


@pytest.mark.parametrize("install", [_by_pip, _by_uv], ids=["pip", "uv"])
def test_wheel_installs_into_a_fresh_environment_and_works_there(
    built: tuple[Path, Path], tmp_path: Path, install: Callable[[Path, Path], list[str]]
) -> None:
    """Its dependencies are those of this environment, through a .pth file: they are large."""
    venv.create(tmp_path / "venv", with_pip=False)
    python = tmp_path / "venv" / "bin" / "python"
    environment = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "VIRTUAL_ENV")}
    environment["UV_CACHE_DIR"] = str(tmp_path / "uv")

    def run(*command: str | Path) -> str:
        done = subprocess.run(command, cwd=tmp_path, env=environment, check=False, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    run(*install(python, built[1]))
    place = Path(run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").strip())
    (place / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    where = run(python, "-c", "import balancing, sweep; print(balancing.__file__, sweep.__file__, sweep.__version__)")
    assert [Path(name).is_relative_to(place) for name in where.split()[:2]] == [True, True]
    assert where.split()[2] == VERSION
    command = tmp_path / "venv" / "bin" / "sweep"
    assert "resume" in run(command, "--help")
    assert "--local" in run(command, "demo", "--help")
    assert run(command, "presets", "demo") == (ROOT / "sweep/config/presets/demo.yaml").read_text()
    read = "from sweep.watch.server import page_and_policy; print(len(page_and_policy(2.0)[0]))"
    assert int(run(python, "-c", read)) > 1000


def test_a_run_tells_the_version_of_the_code_that_runs_not_of_what_is_installed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import sweep
    from sweep.runs.versions import versions

    monkeypatch.setattr("importlib.metadata.version", lambda package: "0.0.1")
    assert versions()["balancing-act"] == VERSION == sweep.__version__
    assert versions()["torch"] == "0.0.1"
