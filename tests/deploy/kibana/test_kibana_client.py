"""The client against a server that behaves as Kibana does, and against one that misbehaves."""

from __future__ import annotations

import json
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kibana_export import OFFICE
from kibana_objects.collection import build
from kibana_server import KEY, Answer, FakeKibana

from flows.kibana.answers import KibanaRefused
from flows.kibana.client import Kibana, Objects
from pipeline.errors import ConfigurationError, RetryLater

SPACE = OFFICE.space


@pytest.fixture
def server() -> Iterator[FakeKibana]:
    made = FakeKibana()
    yield made
    made.stop()


@pytest.fixture
def client(server: FakeKibana) -> Iterator[Kibana]:
    made = Kibana(server.url, KEY, timeout=5)
    yield made
    made.close()


@pytest.fixture
def space(server: FakeKibana, client: Kibana) -> str:
    client.make_space(SPACE, "清江市检察院", "")
    return SPACE


def answering(server: FakeKibana, status: int, body: Any = "", on: str = "", **headers: str) -> None:
    """The server answers so wherever the path ends with `on`."""

    def fault(method: str, path: str) -> Answer | None:
        return (status, body, headers) if path.split("?")[0].endswith(on) else None

    server.fault = fault


# --- what works


def test_a_space_is_made_once(server: FakeKibana, client: Kibana) -> None:
    assert not client.find_space(SPACE)
    client.make_space(SPACE, "清江市检察院", "听见")
    client.make_space(SPACE, "清江市检察院", "听见")  # somebody else was faster: 409 is as good
    assert client.find_space(SPACE)
    assert server.spaces[SPACE] == {"id": SPACE, "name": "清江市检察院", "description": "听见"}


def test_all_objects_go_in_and_come_out_again(server: FakeKibana, client: Kibana, space: str) -> None:
    objects = build(OFFICE)
    client.send(space, objects)
    client.send(space, objects)  # overwrites
    assert {f"{o['type']}:{o['id']}" for o in objects} == set(server.held(space))
    assert {o["id"] for o in client.export(space)} == {o["id"] for o in objects}
    client.set_default_view(space, objects[0]["id"])
    assert server.default_views == {space: objects[0]["id"]}


def test_every_request_says_who_it_is_and_nothing_that_kibana_refuses(
    server: FakeKibana, client: Kibana, space: str
) -> None:
    client.version()
    client.send(space, build(OFFICE)[:1])
    client.export(space)
    for _, _, headers in server.asked:
        names = {name.lower() for name in headers}
        assert headers["Authorization"] == f"ApiKey {KEY}" and "kbn-xsrf" in names and "kbn-version" not in names


@pytest.mark.parametrize("odd", ["../../default", "a/b", "a?b#c", "%2e%2e", "清江", "a b", "http://elsewhere.example/"])
def test_an_id_is_one_step_of_the_path_whatever_it_holds(odd: str, server: FakeKibana, client: Kibana) -> None:
    assert not client.find_space(odd)
    with pytest.raises(KibanaRefused):
        Objects(space_id=odd, kibana=client).get(odd, "dashboard")
    (_, first, _), (_, second, _) = server.asked
    assert first.count("/") == 4 and first.startswith("/api/spaces/space/")
    assert second.count("/") == 6 and second.startswith("/s/") and "/api/saved_objects/dashboard/" in second


@pytest.mark.parametrize("odd", ["", ".", ".."])
def test_an_empty_or_relative_id_is_no_request(odd: str, server: FakeKibana, client: Kibana) -> None:
    with pytest.raises(ValueError, match="id"):
        client.find_space(odd)
    assert server.asked == []


def test_a_base_path_is_kept(server: FakeKibana) -> None:
    client = Kibana(f"{server.url}/kibana/", KEY)
    with pytest.raises(KibanaRefused):
        client.version()
    assert server.asked[0][1] == "/kibana/api/status"
    client.close()


# --- what Kibana says no to


def test_import_says_200_and_fails(server: FakeKibana, client: Kibana, space: str) -> None:
    searches = [o for o in build(OFFICE) if o["type"] == "search"]
    with pytest.raises(KibanaRefused, match=r"它要用的对象不在（index-pattern:tingjian-city-"):
        client.send(space, searches)
    assert server.held(space) == {}


def test_a_type_that_is_not_there(client: Kibana, space: str) -> None:
    with pytest.raises(KibanaRefused, match="没有这种对象"):
        client.send(space, [{"type": "canvas", "id": "c", "attributes": {"title": "画布"}, "references": []}])


def test_an_object_of_a_newer_version(client: Kibana, space: str) -> None:
    newer = {**build(OFFICE)[0], "typeMigrationVersion": "10.9.0"}
    with pytest.raises(KibanaRefused, match="more recent version"):
        client.send(space, [newer])


def test_the_same_object_twice(client: Kibana, space: str) -> None:
    with pytest.raises(KibanaRefused, match="Non-unique"):
        client.send(space, build(OFFICE)[:1] * 2)


def test_an_id_that_another_space_has(server: FakeKibana, client: Kibana, space: str) -> None:
    client.make_space("another", "另一个", "")
    client.send("another", build(OFFICE)[:1])
    with pytest.raises(KibanaRefused, match="改了名"):
        client.send(space, build(OFFICE)[:1])


def test_a_space_that_is_not_there(client: Kibana) -> None:
    with pytest.raises(KibanaRefused, match="404"):
        client.export("nowhere")


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ({"success": False, "successCount": 0}, "只写了 0 个"),
        ({"success": True, "successCount": 0}, "只写了 0 个"),
        ({"successCount": 1}, "只写了 1 个"),
        ({"success": True, "successCount": 1, "errors": [{"type": "tag", "id": "t", "error": {"type": "unknown", "message": "disk"}}]}, "disk"),
        ({"success": False, "successCount": 1, "errors": [{"type": "tag", "id": "t", "error": {"type": "ambiguous_conflict"}}]}, "几个可能"),
        ({"success": False, "successCount": 1, "errors": [{"type": "tag", "id": "t", "error": {"type": "conflict"}}]}, "已有同名"),
    ],
)  # fmt: skip
def test_only_success_is_success(
    answer: dict[str, Any], words: str, server: FakeKibana, client: Kibana, space: str
) -> None:
    answering(server, 200, answer, "_import")
    with pytest.raises(KibanaRefused, match=words):
        client.send(space, build(OFFICE)[:1])


def test_too_much_is_not_sent(server: FakeKibana, client: Kibana, space: str) -> None:
    before = len(server.asked)
    with pytest.raises(KibanaRefused, match="一次最多"):
        client.send(space, build(OFFICE)[:1] * 10_001)
    assert len(server.asked) == before


# --- what is wrong with the address, the key, the server


@pytest.mark.parametrize(("status", "kind"), [(401, ConfigurationError), (403, ConfigurationError), (400, KibanaRefused),
    (413, KibanaRefused), (422, KibanaRefused), (408, RetryLater), (429, RetryLater), (500, RetryLater), (502, RetryLater),
    (503, RetryLater), (504, RetryLater)])  # fmt: skip
def test_each_status_is_what_the_caller_must_do(
    status: int, kind: type[Exception], server: FakeKibana, client: Kibana
) -> None:
    answering(server, status, {"statusCode": status, "error": "x", "message": "said so"})
    with pytest.raises(kind, match=str(status)) as raised:
        client.version()
    assert KEY not in str(raised.value)


def test_a_busy_server_says_when(server: FakeKibana, client: Kibana) -> None:
    answering(server, 429, "", **{"Retry-After": "7"})
    with pytest.raises(RetryLater) as raised:
        client.version()
    assert raised.value.after is not None and raised.value.after.total_seconds() == 7


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_the_key_follows_no_redirect(status: int, server: FakeKibana, client: Kibana) -> None:
    other = FakeKibana()
    answering(server, status, "", **{"Location": f"{other.url}/login"})
    with pytest.raises(ConfigurationError, match="转到别的地址"):
        client.version()
    assert other.asked == []
    other.stop()


def test_a_login_page_is_not_kibana(server: FakeKibana, client: Kibana) -> None:
    answering(server, 200, "<html>请登录</html>", **{"Content-Type": "text/html"})
    with pytest.raises(ConfigurationError, match="不是 Kibana"):
        client.version()


@pytest.mark.parametrize(
    "cut", ['{"id": "a", "type": "tag", "attr', '{"id": "a", "type": "tag"}', '{"exportedCount": 2}', ""]
)
def test_a_cut_off_export_is_none(cut: str, server: FakeKibana, client: Kibana, space: str) -> None:
    answering(server, 200, cut, "_export")
    with pytest.raises(RetryLater, match="不完整"):
        client.export(space)


@pytest.mark.parametrize("number", ["7.17.28", "8.18.4", "8.20.0", "9.0.2"])
def test_another_series_gets_nothing(number: str, server: FakeKibana, client: Kibana) -> None:
    server.number = number
    with pytest.raises(ConfigurationError, match=number):
        client.version()


def test_a_key_that_may_not_see_the_version(server: FakeKibana, client: Kibana) -> None:
    answering(server, 200, {"status": {"overall": {"level": "available"}}})
    with pytest.raises(ConfigurationError, match="没有说出版本"):
        client.version()


@pytest.mark.parametrize(
    ("level", "ready"), [("available", True), ("degraded", True), ("unavailable", False), ("critical", False)]
)
def test_a_server_that_is_not_ready(level: str, ready: bool, server: FakeKibana, client: Kibana) -> None:
    server.level = level
    if ready:
        assert client.version() == "8.19.8"
    else:
        with pytest.raises(RetryLater, match=level):
            client.version()


def test_a_server_that_says_nothing(server: FakeKibana) -> None:
    asleep = threading.Event()

    def fault(method: str, path: str) -> None:
        asleep.wait(5)

    server.fault = fault
    client = Kibana(server.url, KEY, timeout=0.3)
    started = time.monotonic()
    with pytest.raises(RetryLater, match="规定时间"):
        client.version()
    assert time.monotonic() - started < 3
    asleep.set()
    client.close()


def test_a_connection_that_breaks(server: FakeKibana, client: Kibana) -> None:
    server.fault = lambda method, path: b"HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n{"
    with pytest.raises(RetryLater, match="中断"):
        client.version()


def test_nobody_listens() -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        client = Kibana(f"http://127.0.0.1:{held.getsockname()[1]}", KEY)
        with pytest.raises(RetryLater, match="连不上"):
            client.version()
        client.close()


@pytest.mark.parametrize("address", ["", "kibana:5601", "ftp://kibana", "http://kibana.example.org:5601", "https://", "https://[::1",
    "https://user:secret@kibana.example.org", "https://kibana.example.org/?a=b", "https://kibana.example.org/#top"])  # fmt: skip
def test_an_address_that_would_give_the_key_away(address: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        Kibana(address, KEY)
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize("key", ["", "two words", "line\nbreak", "密钥"])
def test_a_key_that_is_none(key: str) -> None:
    with pytest.raises(ConfigurationError, match="TINGJIAN_KIBANA_API_KEY") as raised:
        Kibana("https://kibana.example.org", key)
    assert not key or key not in str(raised.value)


def test_proxies_and_netrc_of_the_environment_get_nothing(
    server: FakeKibana, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password else\n", "utf-8")
    for name, value in (
        ("NETRC", str(netrc)),
        ("HTTP_PROXY", "http://127.0.0.1:9"),
        ("ALL_PROXY", "http://127.0.0.1:9"),
    ):
        monkeypatch.setenv(name, value)
    client = Kibana(server.url, KEY)
    assert client.version() == "8.19.8"
    client.close()


def test_an_unknown_certificate(tmp_path: Path) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "cert.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", str(key), "-out", str(certificate), "-days", "1",
         "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"],
        check=True, capture_output=True,
    )  # fmt: skip
    server = FakeKibana()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server._server.socket = context.wrap_socket(server._server.socket, server_side=True)
    address = server.url.replace("http:", "https:")
    with pytest.raises(ConfigurationError, match="证书"):
        Kibana(address, KEY).version()
    trusting = Kibana(address, KEY, certificate)
    assert trusting.version() == "8.19.8"
    trusting.close()
    with pytest.raises(ConfigurationError, match="CA"):
        Kibana(address, KEY, key)
    server.stop()


def test_what_is_sent_is_what_the_schema_of_import_asks_for(server: FakeKibana, client: Kibana, space: str) -> None:
    client.send(space, build(OFFICE)[:2])
    method, path, headers = server.asked[-1]
    assert (method, path) == ("POST", f"/s/{space}/api/saved_objects/_import?overwrite=true")
    assert headers["Content-Type"].startswith("multipart/form-data; boundary=")
    assert json.dumps(server.held(space))
