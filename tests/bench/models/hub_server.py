"""A hub on this machine: what huggingface_hub asks of one when it fetches or sends a small model, and no more."""

import base64
import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote

COMMIT = "0123456789abcdef0123456789abcdef01234567"


class Hub(ThreadingHTTPServer):
    """repositories: id -> path -> content. private: ids that were made private. asked: method and path of requests."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.repositories: dict[str, dict[str, bytes]] = {}
        self.private: dict[str, bool] = {}
        self.asked: list[str] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    server: Hub

    def do_GET(self) -> None:
        self.answer()

    def do_HEAD(self) -> None:
        self.answer()

    def do_POST(self) -> None:
        self.answer()

    def log_message(self, *_: object) -> None:
        """Nothing on the terminal."""

    def answer(self) -> None:
        path = unquote(self.path.partition("?")[0])
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.server.asked.append(f"{self.command} {path}")
        if path == "/api/repos/create":
            wanted = json.loads(body)
            name = f"{wanted.get('organization') or 'me'}/{wanted['name']}"
            self.server.repositories.setdefault(name, {})
            self.server.private[name] = bool(wanted.get("private") or wanted.get("visibility") == "private")
            return self.reply({"url": f"{self.server.url}/{name}"})
        if path.startswith("/api/validate-yaml"):
            return self.reply({"errors": [], "warnings": []})
        for pattern, give in (
            (r"/api/models/([^/]+/[^/]+)/preupload/main", self.preupload),
            (r"/api/models/([^/]+/[^/]+)/commit/main", self.commit),
            (r"/api/models/([^/]+/[^/]+)/tree/[^/]+.*", self.tree),
            (r"/api/models/([^/]+/[^/]+)(?:/revision/[^/]+)?", self.info),
            (r"/([^/]+/[^/]+)/resolve/[^/]+/(.+)", self.file),
        ):
            if found := re.fullmatch(pattern, path):
                if found[1] not in self.server.repositories:
                    return self.reply({"error": "Repository not found"}, 404, {"X-Error-Code": "RepoNotFound"})
                return give(body, *found.groups())
        return self.reply({"error": f"{path} is not played here"}, 501)

    def preupload(self, body: bytes, _: str) -> None:
        files = json.loads(body)["files"]
        modes = [{"path": one["path"], "uploadMode": "regular", "shouldIgnore": False} for one in files]
        self.reply({"files": modes})

    def commit(self, body: bytes, name: str) -> None:
        for line in body.splitlines():
            one = json.loads(line)
            if one["key"] == "file":
                self.server.repositories[name][one["value"]["path"]] = base64.b64decode(one["value"]["content"])
        self.reply({"commitUrl": f"{self.server.url}/{name}/commit/{COMMIT}", "commitOid": COMMIT, "success": True})

    def info(self, _: bytes, name: str) -> None:
        siblings = [{"rfilename": path} for path in self.server.repositories[name]]
        self.reply({"id": name, "modelId": name, "sha": COMMIT, "private": False, "siblings": siblings, "tags": []})

    def tree(self, _: bytes, name: str) -> None:
        files = self.server.repositories[name].items()
        self.reply([{"type": "file", "path": p, "size": len(c), "oid": hashlib.sha1(c).hexdigest()} for p, c in files])

    def file(self, _: bytes, name: str, path: str) -> None:
        content = self.server.repositories[name].get(path)
        if content is None:
            return self.reply({"error": "Entry not found"}, 404, {"X-Error-Code": "EntryNotFound"})
        etag = hashlib.sha1(content).hexdigest()
        headers = {"ETag": f'"{etag}"', "X-Repo-Commit": COMMIT, "Content-Type": "application/octet-stream"}
        return self.send(content, 200, headers)

    def reply(self, value: object, code: int = 200, headers: dict[str, str] | None = None) -> None:
        self.send(json.dumps(value).encode(), code, {"Content-Type": "application/json", **(headers or {})})

    def send(self, content: bytes, code: int, headers: dict[str, str]) -> None:
        self.send_response(code)
        for key, value in {**headers, "Content-Length": str(len(content))}.items():
            self.send_header(key, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)


@contextmanager
def running() -> Iterator[Hub]:
    """A hub that answers for as long as this lasts."""
    hub = Hub()
    thread = threading.Thread(target=hub.serve_forever, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        hub.shutdown()
        hub.server_close()
        thread.join()
