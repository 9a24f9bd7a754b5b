"""PostgreSQL killed, stopped, started again, locked by another, given a wrong password: said in words, nothing half."""

from __future__ import annotations

import os
from pathlib import Path

import psycopg
import pytest
from desk_rows import NOW

from pipeline.desk import counters, database
from pipeline.desk.database import Database
from pipeline.errors import ConfigurationError, RetryLater
from pipeline.settings import Home, load_home
from tests.postgres_server.server import PASSWORD_NAME, USER, Server

WORDS = "数据库暂时用不了"


def totals(desk: Database) -> dict[str, int]:
    with desk.read() as s:
        return counters.totals(s)


def test_killed_in_the_middle_of_a_write_and_started_again(own_server: Server) -> None:
    desk = Database(own_server.dsn(own_server.create()))
    desk.migrate()
    with desk.write() as s:
        counters.add(s, "x", 1, NOW)
    with pytest.raises(RetryLater, match=WORDS), desk.write() as s:
        counters.add(s, "x", 10, NOW)
        s.flush()
        own_server.kill()
        counters.totals(s)
    with pytest.raises(RetryLater, match=WORDS), desk.write() as s:
        counters.add(s, "x", 100, NOW)
    with pytest.raises(RetryLater, match=WORDS):
        totals(desk)
    with pytest.raises(RetryLater, match=WORDS):
        desk.migrate()
    own_server.start()
    assert totals(desk) == {"x": 1}
    with desk.write() as s:
        counters.add(s, "x", 2, NOW)
    own_server.stop()
    own_server.start()  # connections of the pool are dead now: noticed before use
    assert totals(desk) == {"x": 3}
    desk.close()


def test_another_writer_is_waited_for_and_then_said(own_server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "_LOCK_SECONDS", 1)
    desk = Database(own_server.dsn(own_server.create()))
    desk.migrate()
    with desk.write() as s:
        counters.add(s, "x", 1, NOW)
        with pytest.raises(RetryLater, match="数据库暂时用不了：正被另一个进程占用"), desk.write() as second:
            counters.add(second, "x", 10, NOW)
    assert totals(desk) == {"x": 1}
    desk.close()


def test_a_wrong_password_is_said_without_it(own_server: Server) -> None:
    name = own_server.create()
    desk = Database(f"postgresql://{USER}:p%40sswrong@127.0.0.1:{own_server.port}/{name}")
    with pytest.raises(ConfigurationError, match="密码") as raised:
        desk.migrate()
    assert "p@ss" not in str(raised.value) and "p%40ss" not in str(raised.value)
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(own_server.dsn("nowhere"))
    with pytest.raises(ConfigurationError, match="库名"):
        Database(own_server.dsn("nowhere")).migrate()


def put(home: Home, url: str) -> Path:
    path = home.config / "tingjian.yaml"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace('database_url: ""', f"database_url: {url}"), encoding="utf-8")
    return path


def test_the_password_comes_from_the_environment(
    own_server: Server, office_home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(office_home, own_server.address(own_server.create()))
    monkeypatch.setitem(os.environ, PASSWORD_NAME, own_server.password)
    desk = Database(load_home(office_home.folder).database_url)
    desk.migrate()
    assert totals(desk) == {}
    desk.close()
    monkeypatch.delenv(PASSWORD_NAME)
    with pytest.raises(ConfigurationError, match=f"环境变量 {PASSWORD_NAME} 没有设置"):
        load_home(office_home.folder)


@pytest.mark.parametrize("url", ["postgresql://a:secret@db/desk", '"postgresql+psycopg://a:b:c@db/desk"'])
def test_a_password_in_the_file_is_refused_with_its_line(office_home: Home, url: str) -> None:
    path = put(office_home, url)
    line = next(n for n, t in enumerate(path.read_text(encoding="utf-8").splitlines(), 1) if t.startswith("database_url"))
    with pytest.raises(ConfigurationError, match=f"第 {line} 行：密码不能写在文件里") as raised:
        load_home(office_home.folder)
    assert "secret" not in str(raised.value)
