"""A foreign component's digest: of all that runs as it was loaded, the same in every process."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from balancing.components.registry import COMPONENTS
from tests.balancing.components.registered import keep_registry

MAIN = """
from balancing.components.registry import loss
{above}

@loss(label="Lab loss", reference="here")
def lab_loss(context):
    '''A loss.'''
    return {used}
"""
WRAPS = """
import functools
def timed(f):
    @functools.wraps(f)
    def around(x):
        return {around} * f(x)
    return around
@timed
def f(x):
    return {inner} * x
"""
# What stands above the component, what it uses, the module of its helpers: § is 1 or 2.
CASES = {
    "a constant": ("RATE = §", "RATE", ""),
    "a function": ("from lab.helpers import f", "f(1)", "def f(x):\n    return § * x"),
    "what a function calls": (
        "from lab.helpers import f",
        "f(1)",
        "def f(x):\n    return g(x)\ndef g(x):\n    return §",
    ),
    "a module's function": ("from lab import helpers", "helpers.f(1)", "def f(x):\n    return § * x"),
    "a module's constant": ("import lab.helpers", "lab.helpers.RATE", "RATE = §"),
    "what is imported inside": (
        "def inside():\n    from .helpers import f\n    return f(1)",
        "inside()",
        "RATE = §\ndef f(x):\n    return RATE",
    ),
    "a cached function": (
        "from lab.helpers import f",
        "f(1)",
        "import functools\n@functools.cache\ndef f(x):\n    return § * x",
    ),
    "what a cached function names": (
        "from lab.helpers import f",
        "f(1)",
        "import functools\nRATE = §\n@functools.cache\ndef f(x):\n    return RATE * x",
    ),
    "a wrapped function": ("from lab.helpers import f", "f(1)", WRAPS.format(around=1, inner="§")),
    "a wrapper": ("from lab.helpers import f", "f(1)", WRAPS.format(around="§", inner=1)),
    "a helper of the component's name": (
        "from lab.helpers import lab_loss as other",
        "other(1)",
        "def lab_loss(x):\n    return § * x",
    ),
    "a base class": (
        "from lab.helpers import Base\nclass Own(Base):\n    pass",
        "Own().f(1)",
        "class Base:\n    def f(self, x):\n        return § * x",
    ),
    "a class attribute": ("RATE = §\nclass Own:\n    rate = RATE", "Own.rate", ""),
    "what a property uses": (
        "from lab.helpers import f\nclass Own:\n    @property\n    def rate(self):\n        return f(1)",
        "Own().rate",
        "def f(x):\n    return § * x",
    ),
    "what a static method uses": (
        "from lab.helpers import f\nclass Own:\n    @staticmethod\n    def rate():\n        return f(1)",
        "Own.rate()",
        "def f(x):\n    return § * x",
    ),
    "what a class method uses": (
        "from lab.helpers import f\nclass Own:\n    @classmethod\n    def rate(cls):\n        return f(1)",
        "Own.rate()",
        "def f(x):\n    return § * x",
    ),
    "a dict": ("RATES = {'a': [§, (1, 2)]}", "RATES['a']", ""),
    "a list": ("RATES = [1, §]", "RATES", ""),
    "a set": ("RATES = {3, §}", "RATES", ""),
    "a frozenset": ("RATES = frozenset({3, §})", "RATES", ""),
    "a function in a dict": (
        "from lab.helpers import f\nBY_NAME = {'f': f}",
        "BY_NAME['f'](1)",
        "def f(x):\n    return § * x",
    ),
    "an array": ("import numpy as np\nRATES = np.array([1, §])", "RATES", ""),
    "a dataclass instance": (
        "from dataclasses import dataclass\n@dataclass\nclass Rates:\n    a: float\nRATES = Rates(§)",
        "RATES.a",
        "",
    ),
    "an object": (
        "class Rates:\n    def __init__(self, a):\n        self.a = a\nRATES = Rates(§)",
        "RATES.a",
        "",
    ),
    "an enum": ("import enum\nclass Kind(enum.Enum):\n    A = §\nKIND = Kind.A", "KIND.value", ""),
    "which of an enum": ("import enum\nclass Kind(enum.Enum):\n    A1 = 1\n    A2 = 2\nKIND = Kind.A§", "KIND", ""),
    "a closure": (
        "def make(power):\n    def f(x):\n        return x * power\n    return f\nf = make(§)",
        "f(1)",
        "",
    ),
    "a function in a closure": (
        "from lab.helpers import f\ndef make(g):\n    return lambda x: g(x)\nh = make(f)",
        "h(1)",
        "def f(x):\n    return § * x",
    ),
    "a default": ("RATE = §\ndef f(x, rate=RATE):\n    return x * rate", "f(1)", ""),
    "a default by name": ("RATE = §\ndef f(x, *, rate=RATE):\n    return x * rate", "f(1)", ""),
    "a partial": ("import functools\ndef f(x, y):\n    return x * y\ng = functools.partial(f, §)", "g(1)", ""),
    "a bound method": (
        "class Rates:\n    def __init__(self, a):\n        self.a = a\n    def f(self, x):\n        return self.a * x\n"
        "f = Rates(§).f",
        "f(1)",
        "",
    ),
    "which library's function": ("import numpy\nf = {1: numpy.log1p, 2: numpy.log2}[§]", "f(1)", ""),
}


def forget(package: str) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == package]:
        del sys.modules[name]


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str, str, str], str]]:
    """Writes a package and imports it anew; returns the identity of its loss."""
    keep_registry(monkeypatch)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "lab").mkdir()
    (tmp_path / "lab/__init__.py").write_text("")

    def made(above: str, used: str, helpers: str) -> str:
        forget("lab")
        COMPONENTS._known.pop("lab_loss", None)
        (tmp_path / "lab/helpers.py").write_text(helpers + "\n")
        (tmp_path / "lab/losses.py").write_text(MAIN.format(above=above, used=used))
        importlib.invalidate_caches()
        importlib.import_module("lab.losses")
        return identity()

    yield made
    forget("lab")


def identity() -> str:
    component = COMPONENTS.get("lab_loss")
    assert component is not None
    return component.identity


@pytest.mark.parametrize("case", CASES)
def test_it_tells_what_runs(case: str, lab: Callable[[str, str, str], str]) -> None:
    one, two, again = (lab(*(text.replace("§", number) for text in CASES[case])) for number in "121")
    assert one == again
    assert one != two


def test_what_nothing_uses_is_no_part_of_it(lab: Callable[[str, str, str], str]) -> None:
    above, used, helpers = (text.replace("§", "1") for text in CASES["a module's function"])
    one = lab(above, used, helpers)
    assert lab(above + "\nOTHER = 3", used, helpers + "\ndef other():\n    return 3") == one


@pytest.mark.parametrize(
    ("above", "used"),
    [
        ("CACHE = {}\ndef f(x):\n    CACHE[x] = 2 * x\n    return x", "f"),
        ("CACHE = []\ndef f(x):\n    CACHE.append(x)\n    return x", "f"),
        ("CALLS = 0\ndef f(x):\n    global CALLS\n    CALLS += 1\n    return x", "f"),
        (
            "def make():\n    calls = 0\n    def f(x):\n        nonlocal calls\n        calls += 1\n        return x\n"
            "    return f\nf = make()",
            "f",
        ),
        (
            "class Counts:\n    def __init__(self):\n        self.n = 0\n    def f(self, x):\n        self.n += 1\n"
            "        return x\nCOUNTS = Counts()",
            "COUNTS.f",
        ),
        ("import functools\n@functools.cache\ndef f(x):\n    return x", "f"),
    ],
)
def test_state_that_its_own_code_changes_is_no_part_of_it(
    above: str, used: str, lab: Callable[[str, str, str], str]
) -> None:
    """A cache that training fills must not make another component of it."""
    before = lab(above, used, "")
    component = COMPONENTS.get("lab_loss")
    assert component is not None
    component.build(None)(3)
    assert identity() == before


def test_it_is_of_what_was_loaded_whatever_stands_in_the_files_now(
    lab: Callable[[str, str, str], str], tmp_path: Path
) -> None:
    """A file that is edited while a sweep runs changes nothing of what this process trains."""
    above, used = "from lab import helpers", "helpers.f(1)"
    one = lab(above, used, "def f(x):\n    return 1 * x")
    for file in ("helpers", "losses"):
        path = tmp_path / f"lab/{file}.py"
        path.write_text(path.read_text().replace("return", "return  1 +"))
    assert identity() == one
    for module in ("lab.helpers", "lab.losses"):
        importlib.reload(sys.modules[module])
    assert identity() not in (one, "lab_loss")


def test_a_helper_may_be_defined_below_and_in_a_file_that_was_edited_before_anybody_asked(
    lab: Callable[[str, str, str], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = lab("", "f(1)", "")
    path = tmp_path / "lab/losses.py"
    text = path.read_text()
    path.write_text(text + "\ndef f(x):\n    return 1 * x\n")
    forget("lab")
    importlib.import_module("lab.losses")
    path.write_text(text + "\ndef f(x):\n    return 2 * x\n")
    two = identity()
    assert two != one
    path.write_text(text + "\ndef f(x):\n    return 1 * x\n")
    forget("lab")
    importlib.import_module("lab.losses")
    assert identity() == two


TYPED = """
    from balancing.components.registry import COMPONENTS, loss

    CODE = '''
    def helper(x):
        return x in {{"a", "b", "c"}} or (lambda y: y + {constant})(x)

    @loss(label="Typed", reference="here")
    def typed(context):
        "Typed."
        return {name}(helper)
    '''
    import textwrap
    exec(compile(textwrap.dedent(CODE), "<typed>", "exec"))
    print(COMPONENTS.get("typed").identity)
"""


def printed(code: str, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_without_a_file_it_is_of_the_code_with_its_constants_and_names_in_every_process() -> None:
    code = TYPED.format(constant=1, name="list")
    one, again = printed(code, PYTHONHASHSEED="1"), printed(code, PYTHONHASHSEED="2")
    assert one == again
    others = {printed(TYPED.format(constant=2, name="list")), printed(TYPED.format(constant=1, name="tuple"))}
    assert len({one, *others}) == 3


def test_sets_and_objects_are_alike_in_every_process(tmp_path: Path) -> None:
    above = "RATES = {'a', 'b', 'c', (1, 'd')}\nTHING = object()\nclass Own:\n    thing = {THING: len}"
    (tmp_path / "lab_losses.py").write_text(MAIN.format(above=above, used="(RATES, Own, THING)"))
    code = "import lab_losses\nfrom balancing.components.registry import COMPONENTS\n"
    code += "print(COMPONENTS.get('lab_loss').identity)"
    path = os.pathsep.join([str(tmp_path), *sys.path])
    assert len({printed(code, PYTHONHASHSEED=seed, PYTHONPATH=path) for seed in "123"}) == 1


def test_a_script_that_becomes_a_module_keeps_it(tmp_path: Path) -> None:
    text = MAIN.format(above="class Own:\n    rate = 2\ndef f(x):\n    return Own.rate * x", used="f(1)")
    told = "\nfrom balancing.components.registry import COMPONENTS\nprint(COMPONENTS.get('lab_loss').identity)\n"
    script, module = tmp_path / "own.py", tmp_path / "lab_module.py"
    script.write_text(text + told)
    module.write_text(text)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])}
    done = subprocess.run([sys.executable, script], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == printed("import lab_module\n" + told, PYTHONPATH=environment["PYTHONPATH"])


def test_what_is_strange_makes_no_trouble(lab: Callable[[str, str, str], str]) -> None:
    above = (
        "import functools, numpy as np, threading\nLOCK = threading.Lock()\nLOOP = []\nLOOP.append(LOOP)\n"
        "class Strange:\n    __slots__ = ('a',)\n    def __getattr__(self, name):\n        raise RuntimeError(name)\n"
        "    def __eq__(self, other):\n        raise RuntimeError\n    __hash__ = None\n"
        "STRANGE = Strange()\nOBJECTS = np.full(2, None)\nOBJECTS[0] = [STRANGE]\n"
        "def make():\n    if False:\n        late = 1\n    return lambda: late\nEMPTY = make()"
    )
    used = "(LOCK, LOOP, STRANGE, OBJECTS, EMPTY)"
    assert lab(above, used, "") == lab(above, used, "")
