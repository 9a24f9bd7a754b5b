"""A server on loopback that behaves as Kibana 8.19 does where our client meets it: headers, spaces, import, export, errors.

It rewrites what it takes in, as Kibana does (times, order of keys, a default of its own), and it can be made to fail.
"""

from __future__ import annotations

import base64
import json
import re
import threading
import uuid
from collections.abc import Callable
from email import message_from_bytes
from email.message import Message
from email.policy import HTTP
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

Json = dict[str, Any]
KEY = base64.b64encode(b"id:secret-of-the-key").decode()
VERSIONS = {"index-pattern": "8.0.0", "tag": "8.0.0", "search": "10.5.0", "dashboard": "10.2.0", "lens": "8.9.0", "visualization": "8.5.0"}  # fmt: skip
CHECKED = ("index-pattern", "search")  # only these are looked for among the references
Answer = tuple[int, Json | str, dict[str, str]]


class FakeKibana:
    """Spaces with their objects; `fault` may answer in Kibana's place (None: Kibana answers)."""

    def __init__(self) -> None:
        self.number, self.level = "8.19.8", "available"
        self.spaces: dict[str, Json] = {"default": {"id": "default", "name": "Default"}}
        self.objects: dict[tuple[str, str, str], Json] = {}  # space, type, id
        self.default_views: dict[str, str] = {}
        self.asked: list[tuple[str, str, dict[str, str]]] = []
        self.fault: Callable[[str, str], Answer | bytes | None] = lambda method, path: None
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def writes(self) -> list[str]:
        """What was asked to be changed."""
        reading = ("/_export",)
        return [path for method, path, _ in self.asked if method != "GET" and not path.endswith(reading)]

    def held(self, space: str) -> dict[str, Json]:
        return {f"{kind}:{found_id}": found for (s, kind, found_id), found in self.objects.items() if s == space}

    def answer(self, method: str, path: str, headers: Message, content: bytes) -> Answer | bytes:
        self.asked.append((method, path, dict(headers.items())))
        if (fault := self.fault(method, path)) is not None:
            return fault
        if headers["Authorization"] != f"ApiKey {KEY}":
            return _error(401, "Unauthorized", "missing authentication credentials")
        if method != "GET" and not headers["kbn-xsrf"]:
            return _error(400, "Bad Request", "Request must contain a kbn-xsrf header.")
        if headers["kbn-version"]:
            return _error(400, "Bad Request", "Browser client is out of date")
        parts = urlsplit(path)
        found = re.fullmatch(r"(?:/s/([^/]+))?(/api/.*)", parts.path)
        space, api = (unquote(found[1] or "default"), found[2]) if found else ("", "")
        match method, api:
            case "GET", "/api/status":
                return 200, {"version": {"number": self.number}, "status": {"overall": {"level": self.level}}}, {}
            case "POST", "/api/spaces/space":
                return self._make_space(json.loads(content))
            case "POST", "/api/saved_objects/_import":
                return self._import(space, parse_qs(parts.query), headers, content)
            case "POST", "/api/saved_objects/_export":
                return self._export(space, json.loads(content))
            case "POST", "/api/data_views/default":
                self.default_views[space] = json.loads(content)["data_view_id"]
                return 200, {"acknowledged": True}, {}
        if method in ("GET", "PUT") and api.startswith("/api/spaces/space/"):
            wanted = unquote(api.removeprefix("/api/spaces/space/"))
            if method == "PUT" and wanted in self.spaces:
                self.spaces[wanted] = json.loads(content)  # the whole is replaced
            return (200, self.spaces[wanted], {}) if wanted in self.spaces else _error(404, "Not Found", "Not Found")
        return _error(404, "Not Found", "Not Found")

    def _make_space(self, space: Json) -> Answer:
        if not re.fullmatch(r"[a-z0-9_-]+", space["id"]) or not space.get("name"):
            return _error(
                400, "Bad Request", "[request body.id]: must be lower case, a-z, 0-9, '_', and '-' are allowed"
            )
        if space["id"] in self.spaces:
            return _error(409, "Conflict", f"A space with the identifier {space['id']} already exists.")
        self.spaces[space["id"]] = space
        return 200, space, {}

    def _import(self, space: str, query: dict[str, list[str]], headers: Message, content: bytes) -> Answer:
        if space not in self.spaces:
            return _error(404, "Not Found", "Not Found")
        part = message_from_bytes(
            b"Content-Type: " + headers["Content-Type"].encode() + b"\r\n\r\n" + content, policy=HTTP
        )
        (file,) = part.iter_parts()
        if not str(file.get_filename()).endswith(".ndjson"):
            return _error(400, "Bad Request", "Invalid file extension .")
        lines = [json.loads(line) for line in file.get_content().decode().splitlines() if line.strip()]
        objects = [line for line in lines if "exportedCount" not in line]
        names = [(o["type"], o["id"]) for o in objects]
        if len({*names}) != len(names):
            return _error(400, "Bad Request", "Non-unique import objects detected")
        for found in objects:
            if _newer(found.get("typeMigrationVersion", "0"), VERSIONS.get(found["type"], "99")):
                return _error(
                    422, "Unprocessable Entity", f'Document "{found["id"]}" belongs to a more recent version of Kibana'
                )
        overwrite = query.get("overwrite") == ["true"]
        errors = [e for found in objects if (e := self._why_not(space, found, names, overwrite))]
        stops = any(e["error"]["type"] in ("conflict", "missing_references") for e in errors)
        bad = {(e["type"], e["id"]) for e in errors}
        written = [found for found in objects if (found["type"], found["id"]) not in bad]
        results = [] if stops else [self._keep(space, found) for found in written]
        answer: Json = {"success": not errors, "successCount": len(written), "warnings": [], "successResults": results}
        return 200, {**answer, **({"errors": errors} if errors else {})}, {}

    def _why_not(self, space: str, found: Json, names: list[tuple[str, str]], overwrite: bool) -> Json | None:
        error: Json | None = None
        missing = [
            {"type": r["type"], "id": r["id"]}
            for r in found["references"]
            if r["type"] in CHECKED
            and (r["type"], r["id"]) not in names
            and (space, r["type"], r["id"]) not in self.objects
        ]
        if found["type"] not in VERSIONS:
            error = {"type": "unsupported_type"}
        elif missing:
            error = {"type": "missing_references", "references": missing}
        elif not overwrite and (space, found["type"], found["id"]) in self.objects:
            error = {"type": "conflict"}
        return (
            {"type": found["type"], "id": found["id"], "meta": {"title": _title(found)}, "error": error}
            if error
            else None
        )

    def _keep(self, space: str, found: Json) -> Json:
        kind, own = found["type"], found["id"]
        elsewhere = any(k == kind and i == own and s != space for s, k, i in self.objects)
        kept = json.loads(json.dumps(found, sort_keys=True))
        kept["id"] = str(uuid.uuid4()) if elsewhere else own
        if kind == "dashboard":  # rewritten on the way in
            kept["attributes"]["panelsJSON"] = json.dumps(
                json.loads(kept["attributes"]["panelsJSON"]), sort_keys=True, ensure_ascii=False
            )
            kept["attributes"]["hits"] = 0
        kept |= {
            "updated_at": "2026-11-25T08:00:00.000Z",
            "created_at": "2026-11-25T08:00:00.000Z",
            "version": "WzEsMV0=",
        }
        self.objects[space, kind, kept["id"]] = kept
        result = {"type": kind, "id": own, "meta": {"title": _title(found)}, "overwrite": True}
        return {**result, **({"destinationId": kept["id"]} if elsewhere else {})}

    def _export(self, space: str, wanted: Json) -> Answer:
        if space not in self.spaces:
            return _error(404, "Not Found", "Not Found")
        if ("type" in wanted) == ("objects" in wanted):
            return _error(400, "Bad Request", 'Can\'t specify both "types" and "objects" properties when exporting')
        found = [o for (s, kind, _), o in self.objects.items() if s == space and kind in wanted["type"]]
        lines = [json.dumps(o, ensure_ascii=False, sort_keys=True) for o in found]
        details = {"excludedObjects": [], "excludedObjectsCount": 0, "exportedCount": len(found), "missingRefCount": 0, "missingReferences": []}  # fmt: skip
        text = "\n".join([*lines, json.dumps(details)])
        return 200, text, {"Content-Type": "application/ndjson"}


def _title(found: Json) -> str:
    return str(found["attributes"].get("title") or found["attributes"].get("name"))


def _newer(version: str, own: str) -> bool:
    return [int(p) for p in version.split(".")] > [int(p) for p in own.split(".")]


def _error(status: int, error: str, message: str) -> Answer:
    return status, {"statusCode": status, "error": error, "message": message}, {}


def _handler(kibana: FakeKibana) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            content = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            answer = kibana.answer(self.command, self.path, self.headers, content)
            if isinstance(answer, bytes):  # raw, then the connection ends
                self.wfile.write(answer)
                self.close_connection = True
                return
            status, body, headers = answer
            text = (body if isinstance(body, str) else json.dumps(body)).encode()
            self.send_response(status)
            for name, value in {"Content-Type": "application/json", "kbn-name": "fake", **headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        do_POST = do_PUT = do_DELETE = do_GET

        def log_message(self, *_: object) -> None:
            """Quiet."""

    return Handler
