"""Components of installed distributions: found by entry points, imported when needed; a broken one says whose it is."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

GOOD = """
    from balancing.components.registry import loss

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
    assert "ValueError: it registers no component); mend" in empty
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


TELL = """
        for component in COMPONENTS.all():
            if not component.origin.own:
                print(component.name, component.origin.distribution)
        print(COMPONENTS.broken())
"""


def test_two_entry_points_may_name_one_module(tmp_path: Path) -> None:
    """As where a module defines two components and each has an entry point of its name."""
    install(tmp_path, "my-lab", {"a": "lab_module", "b": "lab_module", "c": "lab_module:lab_loss"}, lab_module=GOOD)
    code = "\n        from balancing.components.registry import COMPONENTS" + TELL
    assert answer(tmp_path, code).splitlines() == ["lab_loss my-lab 0.3", "[]"]


def test_what_was_imported_before_it_was_asked_for_is_still_its_distributions(tmp_path: Path) -> None:
    install(tmp_path, "my-lab", {"mine": "lab_module"}, lab_module=GOOD)
    again = "from lab_inner import other_loss, held\nimport lab_held"
    other = {name: GOOD.replace("lab_loss", name).replace("Lab loss", name) for name in ("other_loss", "held")}
    inner = other["other_loss"] + other["held"]
    modules = {"lab_plugin": again, "lab_inner": inner, "lab_held": GOOD.replace("lab_loss", "l3").replace("Lab", "3")}
    install(tmp_path, "other-lab", {"all": "lab_plugin", "none": "json"}, **modules)
    code = """
        import lab_module, lab_inner, lab_held
        from balancing.components.registry import COMPONENTS
        from balancing.components.techniques import get_technique
        print(get_technique("lab_loss").part("loss").origin.distribution)"""
    first, *rest, broken = answer(tmp_path, code + TELL).splitlines()
    assert first == "my-lab 0.3", "its module is named by an entry point, which need not be imported to know that"
    assert rest == ["held other-lab 0.3", "l3 other-lab 0.3", "lab_loss my-lab 0.3", "other_loss other-lab 0.3"]
    assert "entry point none = json: ValueError: it registers no component)" in broken
    assert "lab_plugin" not in broken


def test_the_distribution_that_names_a_module_has_it_whoever_imports_it_first(tmp_path: Path) -> None:
    install(tmp_path, "my-lab", {"mine": "lab_module"}, lab_module=GOOD)
    uses = "import lab_module\n" + textwrap.dedent(GOOD).replace("lab_loss", "user").replace("Lab loss", "User")
    install(tmp_path, "a-user", {"user": "user_module"}, user_module=uses)
    code = """
        from balancing.components.registry import COMPONENTS
        COMPONENTS.get("user")"""
    assert answer(tmp_path, code + TELL).splitlines() == ["lab_loss my-lab 0.3", "user a-user 0.3", "[]"]


def test_an_entry_point_that_is_interrupted_is_imported_at_the_next_question(tmp_path: Path) -> None:
    stopped = textwrap.dedent(GOOD) + "import builtins\nif builtins.stop:\n    raise KeyboardInterrupt\n"
    install(tmp_path, "my-lab", {"mine": "lab_module", "theirs": "later"}, lab_module=stopped)
    (tmp_path / "later.py").write_text(textwrap.dedent(GOOD).replace("lab_loss", "late").replace("Lab loss", "Late"))
    code = """
        import builtins
        from balancing.components.registry import COMPONENTS
        builtins.stop = True
        try:
            COMPONENTS.all()
        except KeyboardInterrupt:
            builtins.stop = False
            print("stopped")"""
    assert answer(tmp_path, code + TELL).splitlines() == ["stopped", "lab_loss my-lab 0.3", "late my-lab 0.3", "[]"]


def test_an_entry_point_that_asks_for_techniques_while_it_is_imported_is_not_imported_again(tmp_path: Path) -> None:
    asks = "from balancing.components.techniques import techniques\ntechniques()\n" + textwrap.dedent(GOOD)
    install(tmp_path, "my-lab", {"mine": "lab_module"}, lab_module=asks)
    code = "\n        from balancing.components.registry import COMPONENTS" + TELL
    assert answer(tmp_path, code).splitlines() == ["lab_loss my-lab 0.3", "[]"]


INTERRUPTED = """
        import importlib
        from balancing.components.registry import COMPONENTS
        from balancing.components.techniques import get_technique, techniques
        real = importlib.import_module

        def stopped(name, package=None):
            if name.endswith(".smote"):
                raise KeyboardInterrupt
            return real(name, package)

        importlib.import_module = stopped
        composed, unknown = (lambda: get_technique("class_weights+smote")), (lambda: get_technique("xyz"))
        for ask in (COMPONENTS.all, techniques, composed, unknown):
            try:
                ask()
            except KeyboardInterrupt:
                print("stopped")
        importlib.import_module = real
        print(get_technique("smote").name, len(techniques()) == len({t.name for t in techniques()}))
        try:
            get_technique("bordeline_smote")
        except ValueError as error:
            print(error)
"""


def test_a_first_question_that_is_interrupted_leaves_nothing_half_known(tmp_path: Path) -> None:
    *stopped, known, unknown = answer(tmp_path, INTERRUPTED).splitlines()
    assert stopped == ["stopped"] * 4
    assert known == "smote True"
    assert unknown == "unknown technique 'bordeline_smote'; did you mean 'borderline_smote'?"
