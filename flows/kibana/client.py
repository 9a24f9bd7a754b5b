"""Kibana's API, on the package `kibana-api`: with time-outs, checked answers, a key, and no way out for credentials.

The package gives spaces and import. What it asks for goes through `requester` and `url`, which are replaced here.
"""

from __future__ import annotations

import json
import ssl
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import httpx
import kibana_api
from kibana_api.objects import Object as PackageObject

from flows.kibana import answers
from pipeline.errors import ConfigurationError, RetryLater

SERIES = (8, 19)  # what the objects are written for
TYPES = ("index-pattern", "tag", "search", "lens", "visualization", "dashboard")
IMPORT_BYTES, IMPORT_OBJECTS = 26_214_400, 10_000  # Kibana's own limits
_LOOPBACK = ("127.0.0.1", "::1", "localhost")
Json = dict[str, Any]


class Kibana(kibana_api.Kibana):  # type: ignore[misc]  # the package has no types
    """One Kibana with one API key. Every call raises ConfigurationError, RetryLater or `answers.KibanaRefused`."""

    def __init__(self, base_url: str, api_key: str, ca_file: Path | None = None, timeout: float = 30.0) -> None:
        super().__init__(_checked_address(base_url))
        headers = {"kbn-xsrf": "tingjian", "Authorization": f"ApiKey {_checked_key(api_key)}"}
        # No proxies and no .netrc from the environment: the key goes to this host or nowhere.
        self._http = httpx.Client(
            headers=headers, timeout=timeout, follow_redirects=False, trust_env=False, verify=_trust(ca_file)
        )

    def close(self) -> None:
        self._http.close()

    # --- what the package calls

    def url(self, *args: str) -> str:
        """Base, space (`s/id` or empty), path of the API, then ids; each id is one quoted step, whatever it holds."""
        _, space, path, *ids = args
        steps = [*(space.split("/", 1) if space else ()), *ids]
        if any(step in ("", ".", "..") for step in steps):
            raise ValueError("an empty or relative id")
        prefix, suffix = steps[: len(steps) - len(ids)], ids
        quoted = ["/".join(quote(step, safe="") for step in part) for part in (prefix, suffix)]
        return "/".join(part for part in (self.base_url, quoted[0], path, quoted[1]) if part)

    def requester(self, **kwargs: Any) -> httpx.Response:
        """Send one request; what comes back was accepted."""
        if "data" in kwargs:
            kwargs["content"] = kwargs.pop("data")
            kwargs["headers"] = {"Content-Type": "application/json"}
        try:
            response = self._http.request(**kwargs)
        except httpx.TimeoutException as error:
            raise RetryLater("Kibana 没有在规定时间内回答") from error
        except httpx.ConnectError as error:
            if isinstance(error.__context__, ssl.SSLError) or "CERTIFICATE" in str(error):
                raise ConfigurationError("Kibana 的证书不被信任：检查 --ca-file") from error
            raise RetryLater("连不上 Kibana") from error
        except httpx.TransportError as error:
            raise RetryLater(f"与 Kibana 的连接中断（{type(error).__name__}）") from error
        answers.accept(response)
        return response

    # --- what the package has not

    def version(self) -> str:
        """The server's version, which must be of the series that the objects are written for."""
        status = answers.body(self.requester(method="get", url=self.url(self.base_url, "", "api/status")))
        number = str(status.get("version", {}).get("number", ""))
        if not number:
            raise ConfigurationError("Kibana 没有说出版本：这个密钥可能没有登录权限")
        if [int(part) for part in number.split(".")[:2] if part.isdecimal()] != [*SERIES]:
            raise ConfigurationError(f"Kibana 是 {number}；这些看板按 8.19 写成，只发给 8.19")
        level = status.get("status", {}).get("overall", {}).get("level", "available")
        if level not in ("available", "degraded"):
            raise RetryLater(f"Kibana 还没有准备好（{level}）")
        return number

    def find_space(self, space: str) -> Json | None:
        """A space as Kibana has it, or None."""
        try:
            return answers.body(self.requester(method="get", url=self._space_url(space)))
        except answers.KibanaRefused as error:
            if error.status == 404:
                return None
            raise

    def make_space(self, space: str, name: str, description: str) -> None:
        """Two at once are no trouble: 409 says that it is there."""
        try:
            self.space(id=space, name=name, description=description).create()
        except answers.KibanaRefused as error:
            if error.status != 409:
                raise

    def rename_space(self, held: Json, name: str, description: str) -> None:
        """The rest of it (colour, hidden features) goes back as it came: Kibana replaces the whole."""
        changed = {**held, "name": name, "description": description}
        self.requester(method="put", url=self._space_url(held["id"]), data=json.dumps(changed))

    def _space_url(self, space: str) -> str:
        return self.url(self.base_url, "", "api/spaces/space", space)

    def send(self, space: str, objects: Sequence[Json]) -> None:
        """Import, overwriting. Raises KibanaRefused naming each object that Kibana did not take."""
        lines = "\n".join(json.dumps(found, ensure_ascii=False) for found in objects).encode()
        if len(lines) > IMPORT_BYTES or len(objects) > IMPORT_OBJECTS:
            raise answers.KibanaRefused(413, f"一次最多导入 {IMPORT_OBJECTS} 个对象、{IMPORT_BYTES} 字节")
        answers.imported(answers.body(Objects(space_id=space, kibana=self).loads(lines)), len(objects))

    def export(self, space: str) -> list[Json]:
        """Every object of our types in a space."""
        wanted = {"type": list(TYPES), "includeReferencesDeep": False, "excludeExportDetails": False}
        return answers.exported(Objects(space_id=space, kibana=self).post("api/saved_objects/_export", wanted))

    def set_default_view(self, space: str, view_id: str) -> None:
        Objects(space_id=space, kibana=self).post("api/data_views/default", {"data_view_id": view_id, "force": True})


class Objects(PackageObject):  # type: ignore[misc]
    """The package's objects of one space: import overwrites, and its file has the name that Kibana asks for."""

    def loads(self, file: bytes) -> httpx.Response:
        files = {"file": ("objects.ndjson", file, "application/ndjson")}
        return self._ask(url=self.url(self.import_url), params={"overwrite": "true"}, files=files)

    def post(self, path: str, body: Mapping[str, Any]) -> httpx.Response:
        return self._ask(url=self.url(path), data=json.dumps(body))

    def _ask(self, **kwargs: Any) -> httpx.Response:
        response: httpx.Response = self.requester(method="post", **kwargs)
        return response


def _checked_address(base_url: str) -> str:
    try:
        parts = urlsplit(base_url)
        host = parts.hostname
    except ValueError:
        host = None
    if not host or parts.scheme not in ("http", "https") or parts.query or parts.fragment:
        raise ConfigurationError("Kibana 的地址写作 https://主机:5601 或 https://主机/前缀")
    if parts.username or parts.password:
        raise ConfigurationError("不要把用户名和密码写在 Kibana 的地址里：密钥从环境变量读")
    if parts.scheme == "http" and host not in _LOOPBACK:
        raise ConfigurationError("Kibana 不在本机时要用 https：密钥不能明文经过网络")
    return base_url.rstrip("/")


def _checked_key(api_key: str) -> str:
    if not api_key:
        raise ConfigurationError("环境变量 TINGJIAN_KIBANA_API_KEY 没有设置")
    if not api_key.isascii() or not api_key.isprintable() or " " in api_key:
        raise ConfigurationError("TINGJIAN_KIBANA_API_KEY 不像 API key：应是 Kibana 给出的一串 Base64 字符")
    return api_key


def _trust(ca_file: Path | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=str(ca_file) if ca_file else None)
    except (OSError, ssl.SSLError) as error:
        raise ConfigurationError(f"读不了 CA 文件 {ca_file}") from error
