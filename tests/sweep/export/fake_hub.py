"""A Hub on 127.0.0.1, as far as an upload talks to it: repositories, branches, files as the library sends them."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

TOKEN = "hf_" + "secretsecretsecretsecret"


@dataclass
class FakeHub:
    """What it holds and was asked.

    Attributes:
        repos: id -> whether it is private.
        files: (id, branch) -> path -> content, as committed.
        may_write: namespaces that the token may write to.
        asked: method and path of each request.
    """

    repos: dict[str, bool] = field(default_factory=dict)
    files: dict[tuple[str, str], dict[str, bytes]] = field(default_factory=dict)
    may_write: set[str] = field(default_factory=lambda: {"ada"})
    asked: list[str] = field(default_factory=list)
    objects: dict[str, bytes] = field(default_factory=dict)
    url: str = ""

    def __enter__(self) -> FakeHub:
        hub = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *_: Any) -> None:
                pass

            def _answer(self) -> None:
                size = int(self.headers.get("Content-Length") or 0)
                if self.headers.get("Transfer-Encoding") == "chunked":
                    body = b""
                    while length := int(self.rfile.readline(), 16):
                        body += self.rfile.read(length)
                        self.rfile.readline()
                    self.rfile.readline()
                else:
                    body = self.rfile.read(size)
                path = self.path.partition("?")[0]
                hub.asked.append(f"{self.command} {path}")
                known = self.headers.get("Authorization") == f"Bearer {TOKEN}" or path.startswith("/store/")
                status, value = hub.answer(self.command, path, body) if known else (401, {"error": "who"})
                content = json.dumps(value).encode()
                self.send_response(status)
                self.send_header(
                    "Content-Type", "application/vnd.git-lfs+json" if "lfs" in path else "application/json"
                )
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST = do_PUT = _answer

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def answer(self, method: str, path: str, body: bytes) -> tuple[int, Any]:
        """Status and what stands in the answer."""
        parts = path.strip("/").split("/")
        if path == "/api/repos/create":
            return self._create(json.loads(body))
        if path == "/api/validate-yaml":
            return 200, {"errors": [], "warnings": []}
        if parts[0] == "store":
            self.objects[parts[1]] = body
            return 200, {}
        if path.endswith("/info/lfs/objects/batch"):
            return 200, {"objects": [self._object(one) for one in json.loads(body)["objects"]]}
        if path == "/api/whoami-v2":
            return 200, {"name": "ada"}
        if parts[:2] != ["api", "models"] or f"{parts[2]}/{parts[3]}" not in self.repos:
            return 404, {"error": "no such"}
        repo, rest = f"{parts[2]}/{parts[3]}", parts[4:]
        if not rest or rest[0] == "revision":
            return 200, {"id": repo, "modelId": repo, "private": self.repos[repo], "sha": "0" * 40, "siblings": []}
        if rest[0] == "branch":
            self.files.setdefault((repo, rest[1]), {})
            return 200, {}
        if rest[0] == "preupload":
            asked = json.loads(body)["files"]
            return 200, {"files": [{**one, "uploadMode": _mode(one["path"]), "shouldIgnore": False} for one in asked]}
        if rest[0] == "commit":
            return 200, self._commit(repo, rest[1], body)
        return 404, {"error": f"not known here: {path}"}

    def _create(self, asked: dict[str, Any]) -> tuple[int, Any]:
        namespace = asked.get("organization") or "ada"
        repo = f"{namespace}/{asked['name']}"
        if namespace not in self.may_write:
            return 403, {"error": "You don't have the rights"}
        if repo in self.repos:
            return 409, {"error": "You already created this model repo", "url": f"{self.url}/{repo}"}
        self.repos[repo] = bool(asked.get("private")) or asked.get("visibility") == "private"
        return 200, {"url": f"{self.url}/{repo}", "name": repo, "id": repo}

    def _object(self, one: dict[str, Any]) -> dict[str, Any]:
        href = f"{self.url}/store/{one['oid']}"
        return {"oid": one["oid"], "size": one["size"], "actions": {"upload": {"href": href, "header": {}}}}

    def _commit(self, repo: str, branch: str, body: bytes) -> dict[str, Any]:
        held = self.files.setdefault((repo, branch), {})
        for line in map(json.loads, body.splitlines()):
            value = line["value"]
            if line["key"] == "file":
                held[value["path"]] = base64.b64decode(value["content"])
            elif line["key"] == "lfsFile":
                content = self.objects[value["oid"]]
                assert hashlib.sha256(content).hexdigest() == value["oid"]
                held[value["path"]] = content
        return {
            "success": True,
            "commitOid": "1" * 40,
            "commitUrl": f"{self.url}/{repo}/commit/{'1' * 40}",
            "hookOutput": "",
        }


def _mode(path: str) -> str:
    return "lfs" if path.endswith((".onnx", ".safetensors")) else "regular"
