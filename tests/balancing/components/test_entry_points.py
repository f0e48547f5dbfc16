"""Components of installed distributions: found by entry points, imported when needed; a broken one says whose it is."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

GOOD = """
    from balancing.components.decorators import loss

    @loss(label="Lab loss", reference="here")
    def lab_loss(context):
        '''A loss of a lab.'''
"""


def install(place: Path, distribution: str, entries: dict[str, str], **modules: str) -> None:
    """As pip leaves a distribution: its modules, its name and version, its entry points."""
    for name, text in modules.items():
        (place / f"{name}.py").write_text(textwrap.dedent(text))
    facts = place / f"{distribution.replace('-', '_')}-0.3.dist-info"
    facts.mkdir(parents=True)
    (facts / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 0.3\n")
    lines = [f"{name} = {value}" for name, value in entries.items()]
    (facts / "entry_points.txt").write_text("[balancing_act.components]\n" + "\n".join(lines) + "\n")


def answer(place: Path, code: str) -> str:
    """What a fresh process prints."""
    path = os.pathsep.join([str(place), *sys.path])
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_an_installed_component_is_a_technique_and_is_imported_when_asked_for(tmp_path: Path) -> None:
    install(tmp_path, "my-lab", {"lab_loss": "lab_module", "other": "never_asked_for"}, lab_module=GOOD)
    printed = answer(
        tmp_path,
        """
        import sys
        from balancing.components.techniques import get_technique
        get_technique("smote")
        print("lab_module" in sys.modules)
        found = get_technique("smote+lab_loss")
        part = found.part("loss")
        print(found.label, part.origin.distribution, part.origin.where)
        """,
    )
    assert printed.splitlines() == ["False", "SMOTE + Lab loss my-lab 0.3 my-lab 0.3"]


def test_a_broken_one_is_one_sentence_with_its_distribution_and_harms_no_other(tmp_path: Path) -> None:
    install(tmp_path, "my-lab", {"mine": "lab_module"}, lab_module=GOOD)
    install(tmp_path, "bad-lab", {"theirs": "bad_module", "empty": "json"}, bad_module="raise RuntimeError('no GPU')")
    printed = answer(
        tmp_path,
        """
        from balancing.components.registry import COMPONENTS
        from balancing.components.techniques import get_technique, techniques
        from balancing.errors import UserError
        print("lab_loss" in {t.name for t in techniques()})
        print(*COMPONENTS.broken(), sep="\\n")
        get_technique("lab_loss")
        try:
            get_technique("theirs")
        except UserError as error:
            print(error)
        """,
    )
    known, broken, empty, asked = printed.splitlines()
    assert known == "True"
    assert broken == (
        "the components of distribution bad-lab 0.3 can't be loaded (entry point theirs = bad_module: RuntimeError: no "
        "GPU); mend or uninstall it"
    )
    assert "it registers no component that is not there already" in empty
    assert asked.startswith(f"unknown technique 'theirs'; {broken}")


def test_a_name_that_is_taken_breaks_the_distribution_that_came_later(tmp_path: Path) -> None:
    install(tmp_path, "my-lab", {"mine": "lab_module"}, lab_module=GOOD.replace("lab_loss", "smote"))
    printed = answer(
        tmp_path,
        """
        from balancing.components.registry import COMPONENTS
        print(COMPONENTS.broken()[0])
        print(COMPONENTS.get("smote").axis)
        """,
    )
    sentence, axis = printed.splitlines()
    assert axis == "sampler"
    assert sentence.startswith(
        "the components of distribution my-lab 0.3 can't be loaded (entry point mine = lab_module"
    )
    assert "two components are named 'smote': the sampler in" in sentence
    assert "lab_module.py:4" in sentence
