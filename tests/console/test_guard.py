"""Who gets in, from where, and what every answer carries."""

from __future__ import annotations

import re
import threading
from datetime import timedelta

import httpx
import pytest
from conftest import House, csrf_of
from desk_data import CITY, NOW
from sqlalchemy import func, select, text

from console.forms import cookie_name
from console.pages.sign_in import local_path
from console.shield import allowed_hosts, hostname
from pipeline.desk import accounts
from pipeline.desk.tables import AuditLine, Session, SignInLink, User
from pipeline.errors import Refused

OPEN = ["/sign-in", "/healthz", "/static/desk.css", "/static/desk.js", "/static/mark.svg"]


def test_nothing_without_signing_in(house: House) -> None:
    with house.client() as client:
        for path in (
            "/",
            "/issues",
            "/search?q=x",
            "/search.csv",
            "/incidents",
            "/sources",
            "/inbox/1.eml/page",
            "/audit",
            "/help",
        ):
            answer = client.get(path)
            assert answer.status_code == 303 and answer.headers["location"].startswith("/sign-in"), path
        for path in OPEN:
            assert client.get(path).status_code == 200, path
        client.cookies.set("tingjian", "made-up", domain="127.0.0.1")
        assert client.get("/").status_code == 303


def test_a_link_works_once_and_not_by_looking(house: House) -> None:
    path = house.link("chen")
    with house.client() as client:
        for _ in range(3):  # a mail scanner looks
            page = client.get(path)
            assert page.status_code == 200 and "陈分析" in page.text and "set-cookie" in page.headers
            assert "tingjian=" not in page.headers["set-cookie"]
            assert client.head(path).status_code == 200
        answer = client.post(path, data={"csrf": csrf_of(page.text)})
        assert answer.status_code == 303 and answer.headers["location"] == "/"
        cookie = answer.headers["set-cookie"]
        assert "HttpOnly" in cookie and "samesite=lax" in cookie.lower() and "Path=/" in cookie
        assert client.get("/").status_code == 200
        assert client.post(path, data={"csrf": csrf_of(page.text)}).status_code == 410
    with house.client() as other:
        gone = other.get(path)
        assert gone.status_code == 410 and "失效" in gone.text


def test_of_two_at_once_one_gets_in(house: House) -> None:
    path, answers = house.link("chen"), []

    def press() -> None:
        with house.client() as client:
            csrf = re.search(r'name="csrf" value="([^"]+)"', client.get(path).text)
            if csrf:
                answers.append(client.post(path, data={"csrf": csrf[1]}).status_code)

    threads = [threading.Thread(target=press) for _ in range(6)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert answers.count(303) == 1


def test_links_expire_and_only_digests_are_stored(house: House) -> None:
    path = house.link("chen")
    token = path.rsplit("/", 1)[1]
    assert len(token) >= 43
    with house.db.read() as s:
        assert (
            s.scalar(
                select(func.count()).select_from(SignInLink).where(SignInLink.token_hash == accounts.digest(token))
            )
            == 1
        )
        for table in ("sign_in_links", "sessions", "audit"):
            assert token not in str(s.execute(text(f"SELECT * FROM {table}")).all())
    house.now = NOW + timedelta(hours=24, minutes=1)
    try:
        with house.client() as client:
            assert client.get(path).status_code == 410
    finally:
        house.now = NOW


def test_sessions_end(house: House) -> None:
    client = house.signed_in("chen")
    token = client.cookies["tingjian"]
    page = client.get("/").text
    house.now = NOW + timedelta(hours=12, minutes=1)
    try:
        assert client.get("/").status_code == 303
    finally:
        house.now = NOW
    assert client.post("/sign-out", data={"csrf": csrf_of(page)}).status_code == 303
    client.cookies.set("tingjian", token, domain="127.0.0.1")
    assert client.get("/").status_code == 303
    with house.db.read() as s:
        assert s.get(Session, accounts.digest(token)) is None


def test_password_sign_in_and_its_limit(house: House) -> None:
    with house.db.write() as s:
        accounts.create_user(s, "wang", "王审核", "analyst", [CITY], NOW)
    client = house.signed_in("wang")
    page = client.get("/account").text
    for new, again, words in (
        ("short", "short", "至少"),
        ("aaaaaaaaaaaa", "aaaaaaaaaaaa", "容易猜到"),
        ("one-good-phrase", "other", "不一样"),
    ):
        answer = client.post("/account", data={"csrf": csrf_of(page), "new_password": new, "again_password": again})
        assert answer.status_code == 422 and words in answer.text
    good = "清江 的一句长口令 42"
    assert (
        client.post("/account", data={"csrf": csrf_of(page), "new_password": good, "again_password": good}).status_code
        == 303
    )
    with house.db.read() as s:
        user = s.scalar(select(User).where(User.name == "wang"))
        assert user is not None and user.password_hash.startswith("$argon2id$")

    def attempt(name: str, password: str, target: str = "/issues") -> httpx.Response:
        with house.client() as fresh:
            csrf = csrf_of(fresh.get("/sign-in").text)
            return fresh.post("/sign-in", data={"csrf": csrf, "name": name, "password": password, "next": target})

    assert attempt("wang", good).headers["location"] == "/issues"
    assert attempt("WANG", good, "//evil.example").headers["location"] == "/"
    guess = {
        "csrf": csrf_of(page),
        "old_password": "wrong",
        "new_password": "x" * 5 + good,
        "again_password": "x" * 5 + good,
    }
    for words in ["原密码不对"] * accounts.FAILURES_ALLOWED + ["次数太多"]:
        refused = client.post("/account", data=guess)
        assert refused.status_code == 422 and words in refused.text, "whoever sits at an open desk can't try passwords"
    house.now = NOW + timedelta(minutes=16)
    try:
        assert attempt("wang", good).status_code == 303
    finally:
        house.now = NOW
    with house.db.write() as s:
        s.execute(text("DELETE FROM audit WHERE action = 'sign_in_failed'"))
    wrong, nobody = attempt("wang", "wrong"), attempt("nobody", "hunter2-typed-as-name")
    assert wrong.status_code == nobody.status_code == 401
    assert "登录名或密码不对" in wrong.text and "登录名或密码不对" in nobody.text
    for _ in range(accounts.FAILURES_ALLOWED):
        attempt("wang", "wrong")
    locked = attempt("wang", good)
    assert locked.status_code == 429 and "15 分钟" in locked.text
    house.now = NOW + timedelta(minutes=16)
    try:
        assert attempt("wang", good).status_code == 303
    finally:
        house.now = NOW
    with house.db.read() as s:
        assert "nobody" not in str(s.execute(text("SELECT subject, detail FROM audit")).all())


def test_csrf_is_checked_on_every_form(house: House, admin: httpx.Client) -> None:
    page = admin.get("/people").text
    before = _audit_count(house)
    for data, headers in (
        ({}, {}),
        ({"csrf": "wrong"}, {}),
        ({"csrf": csrf_of(page)}, {"origin": "http://evil.example"}),
        ({"csrf": csrf_of(page)}, {"sec-fetch-site": "cross-site"}),
        ({"csrf": csrf_of(page)}, {"sec-fetch-site": "same-site"}),
    ):
        answer = admin.post(
            "/people", data={"what": "create", "name": "evil", "role": "admin", **data}, headers=headers
        )
        assert answer.status_code == 403, (data, headers)
    assert _audit_count(house) == before
    assert admin.post("/people", content=b"{}", headers={"content-type": "application/json"}).status_code == 415
    big = admin.post("/people", data={"csrf": csrf_of(page), "note": "x" * 70_000})
    assert big.status_code == 413
    for origin in ("null", house.url):
        answer = admin.post(
            "/people", data={"csrf": csrf_of(page), "what": "create", "name": "?"}, headers={"origin": origin}
        )
        assert answer.status_code == 422
    assert admin.get("/incidents/x/acknowledge").status_code == 405


def test_sign_in_forms_carry_a_token_too(house: House) -> None:
    path = house.link("chen")
    with house.client() as client:
        page = client.get(path).text
        assert client.post(path, data={"other": "1"}).status_code == 403
        assert (
            client.post(path, data={"csrf": csrf_of(page)}, headers={"origin": "http://evil.example"}).status_code
            == 403
        )
    with house.client() as stranger:
        assert stranger.post(path, data={"csrf": csrf_of(page)}).status_code == 403


def test_foreign_hosts_are_refused(house: House) -> None:
    with house.client() as client:
        for host in ("evil.example", "127.0.0.1.evil.example", "localhost@evil.example", "", "desk.example.org.evil"):
            answer = client.get("/sign-in", headers={"host": host})
            assert answer.status_code == 400, host
        for host in (
            "localhost",
            "localhost:8600",
            "desk.example.org",
            "DESK.example.org:443",
            "127.0.0.1:1",
            "[::1]:80",
        ):
            assert client.get("/sign-in", headers={"host": host}).status_code == 200, host
    assert "0.0.0.0" not in allowed_hosts(house.home) and hostname("a:b:c") == ""


@pytest.mark.parametrize("path", ["/", "/sign-in", "/no-such-page", "/static/desk.css", "/search.csv", "/items/none"])
def test_headers_are_on_everything(admin: httpx.Client, path: str) -> None:
    headers = admin.get(path).headers
    policy = headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:;")
    assert "frame-ancestors 'none'" in policy and "unsafe" not in policy
    assert headers["x-content-type-options"] == "nosniff" and headers["referrer-policy"] == "no-referrer"
    assert headers["x-frame-options"] == "DENY" and "server" not in headers
    assert headers["cache-control"] == ("no-store" if "static" not in path else "public, max-age=604800, immutable")


def test_https_makes_cookies_secure() -> None:
    assert cookie_name(True) == "__Host-tingjian"
    for bad in ("//evil", "https://evil", "/\\evil", "\\evil", "/a\nb", ""):
        assert local_path(bad) == "/"
    assert local_path("/issues?level=1") == "/issues?level=1"


def test_accounts_say_what_they_refuse(house: House) -> None:
    with house.db.write() as s:
        for name, role, offices in (
            ("A b", "duty", [CITY]),
            ("chen", "duty", [CITY]),
            ("zhao", "boss", [CITY]),
            ("zhao", "duty", []),
            ("system", "admin", []),
        ):
            with pytest.raises(Refused):
                accounts.create_user(s, name, "某", role, offices, NOW)
        user = accounts.create_user(s, "zhao", "赵", "duty", [CITY], NOW)
        token = accounts.start_session(s, user, NOW, 12)
        assert accounts.signed_in(s, token, NOW) is not None
        accounts.disable_user(s, user, NOW)
        assert accounts.signed_in(s, token, NOW) is None and accounts.find_user(s, "zhao") is None
        admin = accounts.find_user(s, "admin")
        assert admin is not None
        with pytest.raises(Refused):
            accounts.disable_user(s, admin, NOW)


def test_ensure_admin_hands_out_links_until_there_is_a_password(tmp_path: object) -> None:
    from pipeline.desk.database import Database

    db = Database(f"sqlite:///{tmp_path}/desk.db")
    db.migrate()
    first = accounts.ensure_admin(db, NOW)
    second = accounts.ensure_admin(db, NOW)
    assert first and second and first != second
    with db.write() as s:
        assert accounts.link_user(s, first, NOW) is None, "a newer link ends the older one"
        user = accounts.redeem_link(s, second, NOW)
        assert user is not None and user.name == "admin" and accounts.redeem_link(s, second, NOW) is None
        accounts.set_password(s, user, "a fine long phrase", NOW)
    assert accounts.ensure_admin(db, NOW) is None
    db.close()


def _audit_count(house: House) -> int:
    with house.db.read() as s:
        return s.scalar(select(func.count()).select_from(AuditLine)) or 0
