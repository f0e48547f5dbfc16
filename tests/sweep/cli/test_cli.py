"""The commands that need no Ray, on a run folder made through the records."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

import sweep.cli.main
from sweep.config.config import build_config
from sweep.config.files import preset_names, read_file

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


def printed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    monkeypatch.setattr("sys.argv", ["sweep", *map(str, arguments)])
    monkeypatch.setenv("COLUMNS", "200")
    with pytest.raises(SystemExit) as ended:
        sweep.cli.main.main()
    assert not ended.value.code
    return capsys.readouterr().out


def test_help_and_lists_import_nothing_heavy() -> None:
    heavy = ("torch", "ray", "datasets", "pandas", "matplotlib", "sklearn")
    for arguments in (["--help"], ["run", "--help"]):
        program = (
            f"import sys; sys.argv = ['sweep', *{arguments!r}]\n"
            "import sweep.cli.main\n"
            "try: sweep.cli.main.main()\n"
            "except SystemExit: pass\n"
            f"sys.exit(','.join(m for m in {heavy!r} if m in sys.modules) or 0)"
        )
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", preset_names())
def test_a_printed_preset_is_a_file_that_runs(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "mine.yaml").write_text(printed(monkeypatch, capsys, "presets", name))
    assert build_config(read_file(str(tmp_path / "mine.yaml"))) == build_config(read_file(name))


def test_plan_counts_trials_and_images_and_runs_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("BALANCING_ACT_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    output = printed(
        monkeypatch, capsys, "plan", "demo", "--image-size", 32, "--set", "data.phantom_images=300",
        "--techniques", "baseline,oversampling", "--epochs", 2, "--seeds", 3,
        "--set", "space.budget=epochs",
    )  # fmt: skip
    found = re.search(r"Training holds (\d+) images \((\d+) clear, (\d+) lesion\)", output)
    assert found is not None
    total, clear, lesion = map(int, found.groups())
    assert total == clear + lesion
    oversampled = 2 * max(clear, lesion)
    assert "6 trials" in output
    assert f"{total * 2 * 3:,}" in output
    assert f"{oversampled * 2 * 3:,}" in output
    assert f"{(total + oversampled) * 2 * 3:,} training images in 12 epochs" in output
    assert not (tmp_path / "runs").exists()


def test_a_signal_after_all_was_said_changes_no_exit_code() -> None:
    """Slurm's time limit can come while Python tears down what torch and Ray have loaded."""
    program = (
        "import atexit, os, signal, sys, sweep.cli.main\n"
        "for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP): atexit.register(os.kill, os.getpid(), number)\n"
        "sys.argv = ['sweep', 'presets']\n"
        "sweep.cli.main.program()"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert "quick" in ended.stdout


def test_plan_knows_rounds(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    monkeypatch.setenv("BALANCING_ACT_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    arguments = ["plan", "demo", "--image-size", 32, "--set", "data.phantom_images=300", "--techniques", "baseline"]
    output = printed(monkeypatch, capsys, *arguments, "--epochs", 1, "--confirm", 4, "--until-decided")
    assert "At most: they train in rounds" in " ".join(output.split())
