"""TLS, API keys and the least rights of each, on a real node with security on."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from elasticsearch import AuthorizationException, Elasticsearch
from making import HOUR, NOW, ident, item

from pipeline.errors import ConfigurationError, RetryLater
from pipeline.index.elastic import ElasticIndex
from pipeline.index.elastic_server import Server
from pipeline.index.elastic_setup import prepare
from pipeline.index.engine import Search, Written
from pipeline.index.mapping import FIELDS, ISSUES, office_alias
from pipeline.index.query import parse
from pipeline.index.roles import roles
from pipeline.records import Signal
from pipeline.settings.home import IndexSettings
from tests.elasticsearch_node.node import Node
from tests.elasticsearch_node.secure import Authority, admin, make_key

OFFICES = ("city", "district")
PREFIX = "tj-"
KEY = "TINGJIAN_TEST_ES_KEY"
BOTH = Search(OFFICES)


@pytest.fixture(scope="module")
def keys(secured: tuple[Node, Authority]) -> dict[str, str]:
    """A key of each role; the operator's has put the templates."""
    with admin(*secured) as client:
        made = {name: make_key(client, name, role) for name, role in roles(PREFIX, OFFICES).items()}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(KEY, made["operator"])
        server = Server(settings(secured))
        assert len(prepare(server, OFFICES)) == len(FIELDS) and prepare(server, OFFICES) == []
        server.close()
    return made


@pytest.fixture(autouse=True)
def empty(secured: tuple[Node, Authority], keys: dict[str, str]) -> Iterator[None]:
    yield
    with admin(*secured) as client:
        for name in client.indices.get(index=f"{PREFIX}*"):
            client.delete_by_query(index=name, query={"match_all": {}}, refresh=True, conflicts="proceed")


def settings(secured: tuple[Node, Authority], **change: object) -> IndexSettings:
    node, authority = secured
    values: dict[str, object] = {
        "engine": "elasticsearch", "hosts": [node.url], "prefix": PREFIX, "api_key_env": KEY, "ca_file": str(authority.file),
        "timeout_seconds": 30,
    }  # fmt: skip
    return IndexSettings.model_validate({**values, **change})


class Opener:
    """Opens the index with the key of a role."""

    def __init__(self, secured: tuple[Node, Authority], keys: dict[str, str], patch: pytest.MonkeyPatch) -> None:
        self.secured, self.keys, self.patch = secured, keys, patch

    def __call__(self, role: str) -> ElasticIndex:
        self.patch.setenv(KEY, self.keys[role])
        return ElasticIndex(settings(self.secured), OFFICES)

    def client(self, role: str) -> Elasticsearch:
        node, authority = self.secured
        return Elasticsearch(node.url, api_key=self.keys[role], ca_certs=str(authority.file))


@pytest.fixture
def as_(secured: tuple[Node, Authority], keys: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Opener:
    return Opener(secured, keys, monkeypatch)


def denied() -> pytest.RaisesContext[ConfigurationError]:
    return pytest.raises(ConfigurationError, match="403")


def test_the_one_who_writes_can_not_read(as_: Opener) -> None:
    index = as_("ingest")
    assert index.write_items([item(1, text="一")]) == Written(1, 0)
    assert index.write_items([item(1, text="一"), item(1, text="二", revision=2)]) == Written(1, 1)
    for read in (
        lambda: index.search(BOTH),
        lambda: index.get(ident(1), OFFICES),
        lambda: list(index.indexed_since(NOW - HOUR, OFFICES)),
        lambda: index.purge("media", NOW, ()),
        lambda: index.write_signals([Signal("city", "论坛", "hour", NOW, "all", "", 5)]),
        lambda: index.server.put([(ISSUES, "i1", {"issue_id": "i1"})], 1),
    ):
        with denied():
            read()
    index.close()


def test_the_desk_reads_and_can_not_write_or_delete(as_: Opener) -> None:
    as_("ingest").write_items([item(1, text="起诉"), item(2)])
    desk = as_("desk")
    assert desk.count(Search(OFFICES, parse("起诉"))) == 1 and desk.histogram(BOTH) and desk.terms(BOTH, "channel")
    assert desk.signals(OFFICES, NOW, NOW + HOUR, "hour") == []
    old = NOW + timedelta(days=90)  # a purge that would take whole indices
    for change in (
        lambda: desk.write_items([item(3)]),
        lambda: desk.write_signals([Signal("city", "论坛", "hour", NOW, "all", "", 5)]),
        lambda: desk.set_issue([item(1).doc_id], "i1", 1),
        lambda: desk.purge("media", NOW + HOUR, ()),
        lambda: desk.purge("media", old, ()),
        lambda: desk.server.search(f"{PREFIX}audit-*,{PREFIX}issues", {"match_all": {}}, 1),
    ):
        with denied():
            change()
    assert desk.count(BOTH) == 2


def test_the_worker_does_all_that_steps_do_and_no_more(as_: Opener) -> None:
    worker = as_("worker")
    worker.write_items([item(1), item(2, occurred_at=NOW - 400 * 24 * HOUR, first_seen=NOW - 400 * 24 * HOUR)])
    worker.write_signals([Signal("city", "论坛", "hour", NOW, "all", "", 5)])
    worker.set_issue([item(1).doc_id], "i1", 2)
    assert worker.count(Search(OFFICES, filters={"issue_id": ("i1",)})) == 1
    assert worker.server.put([(ISSUES, "i1", {"issue_id": "i1", "office_id": ["city"]})], 1) == (1, [])
    worker.server.remove(ISSUES, ["i1"])
    assert worker.purge("media", NOW - HOUR, ()) == 1  # a whole month
    assert worker.purge("public", NOW + HOUR, ()) == 1
    client = as_.client("worker")
    for forbidden in (
        lambda: client.indices.delete_index_template(name=f"{PREFIX}items"),
        lambda: client.indices.delete(index=f"{PREFIX}issues"),
        lambda: client.security.get_user(),
        lambda: client.search(index=".security"),
        lambda: client.indices.create(index="elsewhere"),
    ):
        with pytest.raises(AuthorizationException):
            forbidden()


def test_an_office_sees_its_own_documents_and_nothing_else(as_: Opener) -> None:
    worker = as_("worker")
    worker.write_items([item(1, text="本院"), item(2, office_id="district"), item(3)])
    rows = [
        (ISSUES, n, {"issue_id": n, "office_id": offices}) for n, offices in (("i1", ["city"]), ("i2", ["district"]))
    ]
    worker.server.put([*rows, (ISSUES, "i3", {"issue_id": "i3", "office_id": ["city", "district"]})], 1)
    worker.server.refresh(f"{PREFIX}issues")
    client = as_.client("office-district")
    seen = client.search(index=office_alias(PREFIX, "district", "items"))["hits"]["hits"]
    assert [hit["_source"]["office_id"] for hit in seen] == ["district"]
    issues = client.search(index=office_alias(PREFIX, "district", ISSUES))["hits"]["hits"]
    assert {hit["_id"] for hit in issues} == {"i2", "i3"}
    every = client.search(index="*", query={"match_all": {}}, size=100)["hits"]["hits"]
    assert all("district" in hit["_source"]["office_id"] for hit in every) and len(every) == 3
    (concrete,) = [i for i in worker.server.indices(f"{PREFIX}items-*") if i.endswith("2026.11")]
    hidden = [concrete, f"{PREFIX}all-items", office_alias(PREFIX, "city", "items"), f"{PREFIX}issues"]
    for name in hidden:
        with pytest.raises(AuthorizationException):
            client.search(index=name)
        with pytest.raises(AuthorizationException):
            client.get(index=name, id=item(1).doc_id)
    with pytest.raises(AuthorizationException):
        client.index(index=office_alias(PREFIX, "district", "items"), document={})


def test_a_wrong_key_and_a_key_without_rights_are_said(
    secured: tuple[Node, Authority], as_: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(KEY, "d3Jvbmc6a2V5")
    with pytest.raises(ConfigurationError, match="不认这个密钥（401）"):
        _ = ElasticIndex(settings(secured), OFFICES).server
    monkeypatch.delenv(KEY)
    with pytest.raises(ConfigurationError, match=f"环境变量 {KEY} 没有设置"):
        _ = ElasticIndex(settings(secured), OFFICES).server
    with denied():
        _ = as_("office-city").server


def test_an_unknown_certificate_is_refused(
    secured: tuple[Node, Authority], tmp_path: Path, as_: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(KEY, as_.keys["desk"])
    stranger = Authority(tmp_path)
    for ca_file in (str(stranger.file), ""):
        with pytest.raises(ConfigurationError, match="证书不被信任"):
            _ = ElasticIndex(settings(secured, ca_file=ca_file), OFFICES).server
    with pytest.raises(ConfigurationError, match="没有这个文件"):
        _ = ElasticIndex(settings(secured, ca_file=str(tmp_path / "nothing.pem")), OFFICES).server


def test_an_expired_certificate_is_refused_until_it_is_renewed(
    secured: tuple[Node, Authority], as_: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    node, authority = secured
    monkeypatch.setenv(KEY, as_.keys["desk"])

    def outcome() -> str:
        try:
            ElasticIndex(settings(secured), OFFICES).server.close()
        except (ConfigurationError, RetryLater) as error:
            return str(error)
        return ""

    def becomes(words: str) -> bool:
        deadline = time.monotonic() + 30  # the node reads its certificate again by itself
        while words not in (said := outcome()) or bool(words) != bool(said):
            if time.monotonic() > deadline:
                return False
            time.sleep(0.3)
        return True

    authority.write(node.config, timedelta(days=-1))
    assert becomes("证书过期了")
    authority.write(node.config)
    assert becomes("")
