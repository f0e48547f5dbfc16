"""Serves a run's page on this machine alone: 127.0.0.1, with a token, from the standard library."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import json
import secrets
import sys
import tempfile
from collections.abc import Callable, Iterator
from html import escape
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Lock
from typing import Any
from urllib.parse import parse_qs, urlsplit

from balancing.errors import UserError
from sweep.watch.state import Watched

HOST = "127.0.0.1"
_TEMPLATES = Path(__file__).parent / "templates"


class _Quiet(ThreadingHTTPServer):
    """A page that is closed while it is answered is no fault of anybody's."""

    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


class WatchServer:
    """A server of one run's page; ``url`` has the token.

    Args:
        watched: the run.
        port: of 127.0.0.1; 0 takes a free one.
        every: seconds between two looks of the page.
    Raises:
        UserError: another program has the port.
    """

    def __init__(self, watched: Watched, port: int = 0, every: float = 2.0):
        self._watched, self._lock = watched, Lock()
        self._token = secrets.token_urlsafe(24)
        try:
            self._server = _Quiet((HOST, port), self._handler(every))
        except OSError as error:
            raise UserError(
                f"port {port} of {HOST} can't be had ({error.strerror}); give another by --port, or none for a free one"
            ) from error

    @property
    def port(self) -> int:
        """The one it listens to."""
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        """The page's address for this user; whoever has it sees the page."""
        return f"http://{HOST}:{self.port}/?token={self._token}"

    @property
    def own_names(self) -> set[str]:
        """What a browser that was given ``url`` sends as Host; of port 80 it leaves the port away."""
        names = {HOST, "localhost"}
        return {f"{name}:{self.port}" for name in names} | (names if self.port == 80 else set())

    @contextlib.contextmanager
    def door(self) -> Iterator[Path]:
        """A file for this user alone that leads a browser to the page: what a command line holds, all users see."""
        with tempfile.TemporaryDirectory(prefix="sweep-watch-") as folder:  # of mode 0700
            path = Path(folder) / "watch.html"
            path.write_text(f'<meta http-equiv="refresh" content="0;url={escape(self.url)}">\n', encoding="utf-8")
            path.chmod(0o600)
            yield path

    def serve(self) -> None:
        """Until ``close`` is called in another thread, or KeyboardInterrupt."""
        self._server.serve_forever(poll_interval=0.2)

    def close(self) -> None:
        """Ends it."""
        self._server.shutdown()
        self._server.server_close()

    def _state(self) -> bytes:
        with self._lock:
            try:
                found = self._watched.state().plain()
            except UserError as error:  # a file that is just being written, or damaged
                found = {"error": str(error)}
        return json.dumps(found, allow_nan=False).encode()

    def _handler(self, every: float) -> type[BaseHTTPRequestHandler]:
        page, policy = page_and_policy(every)
        routes: dict[str, tuple[str, Callable[[], bytes]]] = {
            "/": ("text/html; charset=utf-8", lambda: page),
            "/state": ("application/json", self._state),
        }
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                address = urlsplit(self.path)
                if self.headers.get("Host") not in server.own_names:
                    self._refuse(HTTPStatus.FORBIDDEN)  # another name for this machine: somebody else's page asks
                elif not server.knows(parse_qs(address.query).get("token", [""])[0]):
                    self._refuse(HTTPStatus.FORBIDDEN)
                elif address.path not in routes:
                    self._refuse(HTTPStatus.NOT_FOUND)
                else:
                    kind, make = routes[address.path]
                    self._answer(HTTPStatus.OK, kind, make())

            def _refuse(self, status: HTTPStatus) -> None:
                self._answer(status, "text/plain; charset=utf-8", f"{status.phrase}\n".encode())

            def _answer(self, status: HTTPStatus, kind: str, body: bytes) -> None:
                self.send_response(status)
                for name, value in {
                    "Content-Type": kind,
                    "Content-Length": str(len(body)),
                    "Content-Security-Policy": policy,
                    "X-Content-Type-Options": "nosniff",
                    "Referrer-Policy": "no-referrer",
                    "Cache-Control": "no-store",
                }.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def version_string(self) -> str:
                return "balancing-act"

            def log_message(self, format: str, *arguments: Any) -> None:
                """Nothing: an address in a log has the token."""

        return Handler

    def knows(self, token: str) -> bool:
        """Whether it is this server's token."""
        return hmac.compare_digest(token.encode(), self._token.encode())


def page_and_policy(every: float) -> tuple[bytes, str]:
    """The page, and what it may do: its own script and style, and asking this server."""
    script, style = (_read(f"watch.{ending}") for ending in ("js", "css"))
    page = _read("watch.html").replace("{{ style }}", style).replace("{{ script }}", script)
    page = page.replace("{{ every }}", str(int(1000 * every)))
    policy = (
        f"default-src 'none'; connect-src 'self'; script-src 'sha256-{_digest(script)}'; "
        f"style-src 'sha256-{_digest(style)}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    return page.encode(), policy


def _read(name: str) -> str:
    return (_TEMPLATES / name).read_text(encoding="utf-8")


def _digest(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
