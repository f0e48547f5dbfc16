"""A report made to be shared: no folder of somebody's home in any of its files, and every file well-formed."""

from __future__ import annotations

import shlex
import warnings
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
import yaml

from sweep.config.config import build_config
from sweep.report.render import write_report
from sweep.report.shared_names import data_name, shown_command, shown_config, without_folders
from sweep.runs.events import TrialEvents
from sweep.runs.run import Run, write_json
from tests.sweep import fake_run as fakes
from tests.sweep.fake_run import fake_images, fake_run


def test_no_file_of_the_report_names_a_folder_above_the_run_or_the_data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "zvonimira's home"
    data, weights, masks = home / "study" / "images", home / "nets" / "w.pt", home / "lungs"
    config = build_config(
        {"data": {"source": str(data)}, "train": {"weights": str(weights)}, "report": {"masks": str(masks)}}
    )
    monkeypatch.setattr(fakes, "CONFIG", config.to_yaml())
    monkeypatch.setattr(
        "sys.argv",
        ["sweep", "run", str(home / "own.yaml"), "--data", str(data), f"--out={home / 'run'}",
         "--weights", str(weights), "--set", f"report.masks={masks}",
         f"--set=train.weights={weights}", "--patient-pattern", "/(p[0-9]+)"],
    )  # fmt: skip
    images = fake_images(tmp_path / "pixels", source=str(data))
    object.__setattr__(images, "kind", "local")
    run = fake_run(home / "run", images, techniques=["baseline", "smote"], lrs=(0.001,))
    run.update_info(notes=[*run.info["notes"], f"Read from {data}."])
    write_json(run.path / "bad_images.json", [{"name": "a.png", "reason": f"[Errno 5] I/O error: '{data}/a.png'"}])
    failed = next(t for t in run.trials().to_dict("records") if t["status"] == "failed")
    run.trial(failed["trial_id"]).write_status("failed", error=f"OSError: no space: {str(run.path)!r}/trials/x")
    run.trial(run.specs()[0].trial_id).write_status("waiting")  # so that the report says how to go on
    page = write_report(run, None)
    events = TrialEvents(run.events_folder(run.specs()[1]))
    events.finish_trial(run.specs()[1], run.trial(run.specs()[1].trial_id), run.class_names)
    events.close()
    shared = [path for path in [*page.parent.rglob("*"), *(run.path / "tensorboard").rglob("*")] if path.is_file()]
    assert len(shared) > 20
    for path in shared:
        content = path.read_bytes()
        for secret in (str(tmp_path), str(Path.home()) + "/", "zvonimira", "/study", "/nets"):
            assert secret.encode() not in content, (path.name, secret)
    text = (page.parent / "report.md").read_text(encoding="utf-8")
    command = "sweep run own.yaml --data images --out=run --weights w.pt --set report.masks=lungs"
    assert command in text
    assert "--patient-pattern '/(p[0-9]+)'" in text
    assert "source: images" in text
    assert "masks: lungs" in text
    assert "Read from images." in text
    assert "`sweep resume run`" in text


@pytest.mark.parametrize(
    ("data", "name"),
    [
        ({"source": "/home/ada/study/images", "kind": "local"}, "images"),
        ({"source": "/home/ada/set.npz", "kind": "local"}, "set.npz"),
        ({"source": "/home/ada/study/images/"}, "images"),
        ({"source": "../ada/images"}, "images"),
        ({"source": "hf-vision/chest-xray-pneumonia@main", "kind": "hub"}, "hf-vision/chest-xray-pneumonia@main"),
        ({"source": "hf-vision/chest-xray-pneumonia"}, "hf-vision/chest-xray-pneumonia"),
        ({"source": "phantom", "kind": "phantom"}, "phantom"),
    ],
)
def test_data_are_called_by_their_name(data: dict[str, str], name: str) -> None:
    assert data_name(data) == name


@pytest.mark.parametrize(
    ("sentence", "shown"),
    [
        ("no such file: '/home/ada/x.png'", "no such file: 'x.png'"),
        ("/a/b/c and ~/d/e; file:///home/ada/f", "c and e; f"),
        ("see https://host/a/b and 5/6, n/a, </b>", "see https://host/a/b and 5/6, n/a, </b>"),
        ("a / b", "a / b"),
    ],
)
def test_sentences_lose_folders_and_nothing_else(sentence: str, shown: str) -> None:
    assert without_folders(sentence) == shown


def test_a_command_without_local_places_is_shown_as_it_was() -> None:
    command = "sweep run compare --data hf-vision/chest@main --set space.lr=1e-4..1e-2 --patient-pattern '/(\\d+)_'"
    assert shown_command(command) == command
    assert shlex.split(shown_command("sweep run '/a b/c d.yaml'")) == ["sweep", "run", "c d.yaml"]
    assert shown_command("sweep run '/home/ada") == "sweep run 'ada"
    command = "sweep run --label-map 'a/b=c,/x=y' --label-pattern '/(a,b)/' --merge '/a+b=c'"
    assert shlex.split(shown_command(command)) == shlex.split(command)
    text = build_config({}).to_yaml()
    assert shown_config(text, {"source": "phantom", "kind": "phantom"}) == text


@pytest.mark.parametrize("place", ["/home/ada/study/x", "~/study/x", "../ada/study/x"])
def test_a_run_whose_network_is_a_start_loses_its_folders(place: str) -> None:
    for words in ("--weights run:{}", "--weights=run:{}", "--set train.weights=run:{}"):
        command = f"sweep run quick {words}"
        assert shlex.split(shown_command(command.format(place))) == shlex.split(command.format("x"))
    first = {"train": {"weights": f"run:{place}"}}
    whole = yaml.safe_dump({"train": {"weights": f"run:{place}"}, "funnel": {"keep": 2, "first": first}})
    shown = yaml.safe_load(shown_config(whole, {"source": "phantom"}))
    assert shown["train"] == shown["funnel"]["first"]["train"] == {"weights": "run:x"}
    if place.startswith("/"):
        assert without_folders(f"run:{place} has no trial") == "run:x has no trial"


def test_tables_lists_and_layouts_lose_their_folders() -> None:
    command = (
        "sweep run --labels /home/ada/a.csv --split-list test=/home/ada/t.txt,train=/home/ada/b.txt --layout ~/l.yaml "
        "--set data.patient_table=/home/ada/p.csv --set 'data.split_list={test: /home/ada/t.txt}'"
    )
    assert shlex.split(shown_command(command))[2:] == [
        "--labels", "a.csv", "--split-list", "test=t.txt,train=b.txt", "--layout", "l.yaml",
        "--set", "data.patient_table=p.csv", "--set", "data.split_list={test: t.txt}",
    ]  # fmt: skip
    places = {"labels": "/home/ada/a.csv", "split_list": {"test": "/home/ada/t.txt"}, "layout": "/home/ada/l.yaml"}
    text = build_config({"data": {"source": "x", "patient_table": "/home/ada/p.csv", **places}}).to_yaml()
    shown = shown_config(text, {"source": "/home/ada/x", "kind": "local"})
    assert "/ada" not in shown
    assert all(name in shown for name in ("a.csv", "p.csv", "test: t.txt", "l.yaml"))


ILLEGAL = "a\x00b\x1b\x0c\x85\ufffe<&>"


def test_names_with_characters_that_xml_forbids_leave_every_file_well_formed(tmp_path: Path) -> None:
    images = fake_images(tmp_path / "images", class_names=("NORMAL", ILLEGAL))
    run = fake_run(tmp_path / "run", images, techniques=["baseline", "smote"], lrs=(0.001,))
    run.update_info(notes=[ILLEGAL])
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph")  # no font draws them
        page = write_report(run, None)
    drawings = sorted(page.parent.glob("figures/*.svg"))
    assert drawings
    for path in drawings:
        ET.fromstring(path.read_bytes())
    assert any(r"\x00" in path.read_text(encoding="utf-8") for path in drawings)
    for path in [page, page.parent / "report.md", *page.parent.glob("tables/*.tex")]:
        text = path.read_text(encoding="utf-8")
        assert not set(text) & set("\x00\x1b\x0c\x85\ufffe"), path.name
    assert Run(run.path).class_names[1] == ILLEGAL
