"""Pushing an export over HTTP: signed, once, whole; and the README's curl, run as it stands there."""

from __future__ import annotations

import hashlib
import hmac
import http.client
import os
import re
import secrets
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from conftest import House
from desk_data import NOW, REPOSITORY

from console.app import create_app
from console.push import MOST_BYTES

KEY = "k" * 40
BODY = "受理编号,诉求内容\nQ1,热线打不通\n".encode("gb18030")


@pytest.fixture
def desk(house: House, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    monkeypatch.setenv("TINGJIAN_PUSH_HOTLINE", KEY)
    house.now = NOW + timedelta(minutes=10 * secrets.randbelow(1000))  # each test in a minute of its own
    yield house
    house.now = NOW
    for path in folder(house).glob("*"):
        path.unlink()


def folder(house: House) -> Path:
    return house.home.folder / "drop"


def waiting(house: House) -> list[Path]:
    return sorted(folder(house).glob("*"))


def signed(now: datetime, body: bytes = BODY, **other: str) -> dict[str, str]:
    given = {
        "time": str(int(now.timestamp())),
        "nonce": secrets.token_hex(16),
        "source": "hotline",
        "kind": "csv",
        "digest": hashlib.sha256(body).hexdigest(),
        "key": KEY,
        **other,
    }
    words = "\n".join(given[n] for n in ("time", "nonce", "source", "kind", "digest"))
    return {
        "X-Tingjian-Time": given["time"],
        "X-Tingjian-Nonce": given["nonce"],
        "X-Tingjian-Digest": given["digest"],
        "X-Tingjian-Signature": hmac.new(given["key"].encode(), words.encode(), hashlib.sha256).hexdigest(),
    }


def push(house: House, headers: dict[str, str], body: Any = BODY, where: str = "hotline?type=csv") -> httpx.Response:
    with house.client() as client:
        return client.post(f"/push/{where}", content=body, headers=headers)


def test_a_signed_file_lies_whole_in_the_drop_folder(desk: House) -> None:
    answer = push(desk, signed(desk.now))
    assert answer.status_code == 202 and answer.json() == {"accepted": True, "bytes": len(BODY)}
    (file,) = waiting(desk)
    assert file.read_bytes() == BODY and file.suffix == ".csv" and file.stat().st_mode & 0o777 == 0o600
    assert file.name.startswith("push-2026")


def test_a_replay_is_refused_also_after_a_restart(desk: House) -> None:
    headers = signed(desk.now)
    assert push(desk, headers).status_code == 202
    again = push(desk, headers)
    assert again.status_code == 409 and "nonce" in again.json()["error"]
    app = create_app(desk.home, desk.db, desk.index, lambda: desk.now)
    from starlette.testclient import TestClient

    with TestClient(app, base_url="http://127.0.0.1") as restarted:
        assert restarted.post("/push/hotline?type=csv", content=BODY, headers=headers).status_code == 409
    assert len(waiting(desk)) == 1


@pytest.mark.parametrize(
    ("other", "where", "status", "words"),
    [
        ({"key": "x" * 40}, "hotline?type=csv", 401, "签名不对"),
        ({}, "hotline?type=xlsx", 401, "签名不对"),  # the type is signed too
        ({"source": "other"}, "hotline?type=csv", 401, "签名不对"),
        ({}, "nowhere?type=csv", 404, "没有可以推送的这个来源"),
        ({}, "rb?type=csv", 404, "没有可以推送的这个来源"),
        ({"kind": "exe"}, "hotline?type=exe", 400, "type 只能是"),
        ({"nonce": "short"}, "hotline?type=csv", 400, "X-Tingjian-Nonce"),
        ({"time": "now"}, "hotline?type=csv", 400, "X-Tingjian-Time"),
    ],
)
def test_what_is_not_signed_is_refused(desk: House, other: dict[str, str], where: str, status: int, words: str) -> None:
    answer = push(desk, signed(desk.now, **other), where=where)
    assert answer.status_code == status and words in answer.json()["error"]
    assert waiting(desk) == []


def test_the_bytes_are_what_was_signed(desk: House) -> None:
    answer = push(desk, signed(desk.now), body=BODY.replace(b"Q1", b"Q2"))
    assert answer.status_code == 400 and "对不上" in answer.json()["error"]
    assert push(desk, signed(desk.now, body=b""), body=b"").status_code == 400
    assert waiting(desk) == []


@pytest.mark.parametrize(("minutes", "word"), [(6, "快 360 秒"), (-6, "慢 360 秒")])
def test_a_wrong_clock_is_said(desk: House, minutes: int, word: str) -> None:
    answer = push(desk, signed(desk.now + timedelta(minutes=minutes)))
    assert answer.status_code == 401 and word in answer.json()["error"]
    assert str(int(desk.now.timestamp())) in answer.json()["error"]
    assert push(desk, signed(desk.now + timedelta(minutes=minutes / 2))).status_code == 202


def test_size_and_rate_are_limited(desk: House) -> None:
    big = MOST_BYTES + 1
    declared = http.client.HTTPConnection("127.0.0.1", int(desk.url.rpartition(":")[2]), timeout=10)
    declared.request("POST", "/push/hotline?type=csv", headers={**signed(desk.now), "Content-Length": str(big)})
    assert declared.getresponse().status == 413
    declared.close()

    def endless() -> Iterator[bytes]:
        for _ in range(big // 1_000_000 + 1):
            yield b"0" * 1_000_000

    try:
        status = push(desk, signed(desk.now), body=endless()).status_code
    except httpx.WriteError:  # the desk hangs up while we still send
        status = 413
    assert status == 413 and waiting(desk) == []
    statuses = [push(desk, signed(desk.now)).status_code for _ in range(31)]
    assert statuses.count(202) >= 29, statuses
    assert statuses[-1] == 429
    limited = push(desk, signed(desk.now))
    assert limited.status_code == 429 and int(limited.headers["retry-after"]) <= 60
    desk.now += timedelta(minutes=1)
    assert push(desk, signed(desk.now)).status_code == 202


def test_without_a_key_in_the_environment_nothing_is_taken(desk: House, monkeypatch: pytest.MonkeyPatch) -> None:
    for value in ("", "short"):
        monkeypatch.setenv("TINGJIAN_PUSH_HOTLINE", value)
        answer = push(desk, signed(desk.now, key=value))
        assert answer.status_code == 503 and "TINGJIAN_PUSH_HOTLINE" in answer.json()["error"]


def test_the_curl_of_the_readme_works(desk: House, tmp_path: Path) -> None:
    readme = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    script = next(b for b in re.findall(r"```sh\n(.*?)```", readme, re.S) if "/push/" in b)
    (tmp_path / "export.csv").write_bytes(BODY)
    desk.now = datetime.now(UTC)
    done = subprocess.run(
        ["bash", "-eu", "-c", script.replace("https://tingjian.example.org", desk.url)],
        cwd=tmp_path,
        env={**os.environ, "no_proxy": "*"},
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert done.returncode == 0 and '"accepted":true' in done.stdout, done.stderr
    assert [p.read_bytes() for p in waiting(desk)] == [BODY]
