"""The page is this user's alone: by token, by name of the machine, and it can't be made to do anything else."""

from __future__ import annotations

import json
import socket
import stat
import struct
import threading
import time
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from typer.testing import CliRunner

from balancing.errors import UserError
from sweep.cli.main import app
from sweep.watch.server import HOST, WatchServer
from sweep.watch.state import Watched
from tests.sweep.fake_run import fake_images, fake_run

HOSTILE = ("<script>alert(1)</script>", '"><img src=x onerror=alert(2)>')


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WatchServer]:
    folder = tmp_path_factory.mktemp("watched")
    run = fake_run(folder / "run", fake_images(folder / "images", HOSTILE))
    found = WatchServer(Watched(run.path))
    thread = threading.Thread(target=found.serve, daemon=True)
    thread.start()
    yield found
    found.close()
    thread.join(10)


def ask(server: WatchServer, path: str, host: str | None = None) -> tuple[HTTPResponse, bytes]:
    connection = HTTPConnection(HOST, server.port, timeout=30)
    connection.request("GET", path, headers={"Host": host or f"{HOST}:{server.port}"})
    answer = connection.getresponse()
    return answer, answer.read()


def query(server: WatchServer) -> str:
    return urlsplit(server.url).query


def test_it_listens_on_this_machine_alone(server: WatchServer) -> None:
    assert urlsplit(server.url).hostname == HOST
    assert server._server.server_address[0] == "127.0.0.1"


@pytest.mark.parametrize("path", ["/", "/state", "/?token=", "/state?token=guess", "/?token=%C3%BC"])
def test_without_the_token_nothing_is_told(server: WatchServer, path: str) -> None:
    answer, body = ask(server, path)
    assert (answer.status, body) == (403, b"Forbidden\n")


def test_another_name_for_this_machine_is_refused(server: WatchServer) -> None:
    answer, body = ask(server, f"/state?{query(server)}", host=f"evil.example:{server.port}")
    assert (answer.status, body) == (403, b"Forbidden\n")


@pytest.mark.parametrize("path", ["/run.json", "/../run.json", "/trials", "/state/run.json"])
def test_no_file_of_the_run_is_served(server: WatchServer, path: str) -> None:
    assert ask(server, f"{path}?{query(server)}")[0].status == 404


def test_the_page_may_run_its_own_script_alone(server: WatchServer) -> None:
    answer, body = ask(server, f"/?{query(server)}")
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert answer.headers["Cache-Control"] == "no-store"
    assert "Python" not in answer.headers["Server"]
    assert HOSTILE[0].encode() not in body


def test_the_state_is_json(server: WatchServer) -> None:
    answer, body = ask(server, f"/state?{query(server)}")
    assert answer.headers["Content-Type"] == "application/json"
    found = json.loads(body)
    assert found["trials"] == sum(found["counts"].values())
    assert {one["technique"] for one in found["techniques"]} >= {"baseline", "smote"}


def test_a_browser_that_leaves_while_it_is_answered_is_passed_over(
    server: WatchServer, capfd: pytest.CaptureFixture[str]
) -> None:
    with socket.create_connection((HOST, server.port)) as left:
        left.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # leaves by a reset
        left.sendall(b"GET / HT")
    assert ask(server, f"/state?{query(server)}")[0].status == 200
    time.sleep(0.2)
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("every", ["inf", "nan", "1e300", "0.1"])
def test_seconds_that_can_not_be_are_refused(every: str, tmp_path: Path) -> None:
    found = CliRunner().invoke(app, ["watch", str(tmp_path), "--every", every])
    assert (found.exit_code, "--every" in found.output) == (2, True)


def test_a_port_that_is_taken_is_one_sentence(server: WatchServer, tmp_path: Path) -> None:
    run = fake_run(tmp_path / "run", fake_images(tmp_path / "images"))
    with socket.socket() as taken:
        taken.bind((HOST, 0))
        taken.listen()
        with pytest.raises(UserError, match=r"give another by --port"):
            WatchServer(Watched(run.path), taken.getsockname()[1])


def test_a_browser_is_led_to_the_page_by_a_file_of_this_user_alone(server: WatchServer) -> None:
    with server.door() as door:
        assert stat.S_IMODE(door.stat().st_mode) == 0o600
        assert stat.S_IMODE(door.parent.stat().st_mode) == 0o700
        assert f"url={server.url}" in door.read_text(encoding="utf-8")
    assert not door.parent.exists()


def test_of_port_80_browsers_say_no_port(server: WatchServer, monkeypatch: pytest.MonkeyPatch) -> None:
    assert HOST not in server.own_names
    monkeypatch.setattr(WatchServer, "port", 80)
    assert {HOST, "localhost", f"{HOST}:80"} <= server.own_names
